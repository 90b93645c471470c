# SPDX-License-Identifier: MIT
"""Triggers that the app requests under other names than ApplicationTrigger, and the results that each has."""

from harness import ByHand, MINUTE, Running

ALLOWED, CURRENTLY_RUNNING, DISABLED_BY_POLICY = 0, 1, 2
DENIED_BY_USER, DENIED_BY_SYSTEM, LOW_BATTERY = 1, 2, 3


class Requests(Running):
    def setUp(self):
        super().setUp()
        self.server = ByHand(self.broker, self.package)

    def request(self, task, **arguments):
        return self.broker.request(task, **arguments)[0]

    def results(self, task, **arguments):
        """The results when nothing is in the way, while it runs, and while it is paused; the first run's details."""
        found = [self.request(task, **arguments)]
        call = self.server.client.next_call('Run')
        self.server.client.answer(call)
        self.broker.state_of(call.body[0], 'running')
        found.append(self.request(task))
        self.server.complete(*call.body[:2])
        self.broker.ended(call.body[0])
        self.broker.call('Pause', 'sb', task, True)
        found.append(self.request(task))
        return found, call.body[7]

    def test_MediaProcessingTrigger_is_an_ApplicationTrigger_under_its_own_name(self):
        task = self.task('x', ('MediaProcessingTrigger', {}))
        self.assertEqual(self.results(task, file=('s', '/tmp/a')),
                         ([ALLOWED, CURRENTLY_RUNNING, DISABLED_BY_POLICY], {'file': '/tmp/a'}))
        self.assertEqual(self.broker.tasks()[0]['trigger'], ('MediaProcessingTrigger', {}))

    def test_requests_of_a_device_have_the_results_and_the_limit_of_windows(self):
        for kind, minutes in (('DeviceUseTrigger', 10), ('DeviceServicingTrigger', 30)):
            task = self.task(kind, (kind, {}))
            self.assertEqual(self.results(task, device_id=('s', 'usb#1'), arguments=('s', 'x')),
                             ([ALLOWED, DENIED_BY_SYSTEM, DENIED_BY_USER], {'device_id': 'usb#1', 'arguments': 'x'}))
            row, = self.broker.tasks(name=kind)
            self.assertEqual(row['time-limit'], minutes * MINUTE)
            self.task(kind, (kind, {}), time_limit=('t', MINUTE), if_exists='update')
            row, = self.broker.tasks(name=kind)
            self.assertEqual(row['time-limit'], MINUTE)

    def test_a_device_is_not_used_while_the_battery_is_low(self):
        task = self.task('x', ('DeviceUseTrigger', {}))
        self.broker.condition('BatteryNotLow', 'false')
        self.assertEqual(self.request(task), LOW_BATTERY)
        done = self.broker.bgtask('request', 'x', 'device-id=usb#1')
        self.assertEqual(done.status, 5, done.err)
        self.assertIn('x: LowBattery', done.out)
        self.assertEqual(self.broker.history(), [])
        self.broker.condition('BatteryNotLow', 'unknown')
        self.assertEqual(self.request(task), ALLOWED)

    def test_what_is_requested_of_another_trigger_is_refused(self):
        task = self.task('x', ('boot', {}))
        self.assert_refused('InvalidArgument', 'nothing can be requested', by=lambda: self.request(task))

    def test_the_command_line_knows_both_lists_of_results(self):
        for kind, word in (('MediaProcessingTrigger', 'DisabledByPolicy'), ('DeviceUseTrigger', 'DeniedByUser')):
            done = self.broker.bgtask('register', '--on', kind, kind)
            self.assertEqual(done.status, 0, done.err)
            self.assertEqual(self.broker.bgtask('pause', kind).status, 0)
            done = self.broker.bgtask('request', kind, 'device-id=usb#1')
            self.assertEqual(done.status, 5, done.err)
            self.assertIn(f'{kind}: {word}', done.out)
