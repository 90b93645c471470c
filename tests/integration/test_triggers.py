# SPDX-License-Identifier: MIT
"""Several triggers of one task: any of them fires it, and the run is told which."""

import json

from bus_client import CLOCK
from harness import ByHand, Running, eventually

HOURLY = ('interval', {'period': ('t', 3600 * 1000000), 'window': ('t', 0)})
CUSTOM = ('CustomSystemEventTrigger', {'id': ('s', 'ready')})


class Several(Running):
    def setUp(self):
        super().setUp()
        self.server = ByHand(self.broker, self.package)

    def several(self, first, *more, **options):
        return self.task('several', first, triggers=('a(sa{sv})', list(more)), **options)

    def next_run(self):
        """The kind of the trigger and the properties of the next run, which ends."""
        call = self.server.client.next_call('Run')
        self.server.client.answer(call)
        self.server.complete(*call.body[:2])
        self.broker.ended(call.body[0])
        return call.body[6][0], call.body[8]

    def fired(self):
        return [(row['trigger-index'], row['trigger-kind']) for row in reversed(self.broker.history())]

    def test_each_of_them_fires_the_task_also_after_the_broker_was_killed(self):
        task = self.several(HOURLY, CUSTOM, ('ApplicationTrigger', {}))
        expected = []
        for _ in range(2):
            self.broker.begin_advance(3600)
            kind, properties = self.next_run()
            self.assertEqual((kind, properties['trigger-index']), ('interval', 0))
            self.assertEqual(self.broker.call('Raise', 'sa{sv}', 'ready', {}), 1)
            kind, properties = self.next_run()
            self.assertEqual((kind, properties['trigger-index']), ('CustomSystemEventTrigger', 1))
            self.broker.request(task)
            kind, properties = self.next_run()
            self.assertEqual((kind, properties['trigger-index']), ('ApplicationTrigger', 2))
            expected += [(0, 'interval'), (1, 'CustomSystemEventTrigger'), (2, 'ApplicationTrigger')]
            eventually(lambda: self.fired() == expected, expected)
            self.broker.kill()
            self.broker.start()
            self.server = ByHand(self.broker, self.package)

    def test_more_than_eight_and_two_alike_are_refused_with_a_sentence(self):
        def interval(hours):
            return 'interval', {'period': ('t', hours * 3600 * 1000000)}
        with self.assertRaisesRegex(Exception, 'at most 8 triggers'):
            self.several(HOURLY, *(interval(i) for i in range(2, 10)))
        with self.assertRaisesRegex(Exception, 'alike'):
            self.several(HOURLY, CUSTOM, CUSTOM)
        self.several(HOURLY, *(interval(i) for i in range(2, 9)))


class CommandLine(Running):
    def run_cli(self, *args, **more):
        done = self.broker.bgtask(*args, **more)
        self.assertEqual(done.status, 0, done.err)
        return done

    def shown(self, name='sync'):
        """The first trigger's kind, and those of the others, in order."""
        row = self.run_cli('show', '--json', name).json
        return [row['trigger']['kind']] + [more['kind'] for more in row.get('triggers', [])]

    def test_options_that_are_repeated_are_triggers_and_edit_and_import_keep_them(self):
        self.run_cli('add', 'sync', '--on', 'login', '--every', '1d', '--custom', 'x', '--every', '2h', '--', 'true')
        kinds = ['login', 'interval', 'CustomSystemEventTrigger', 'interval']
        self.assertEqual(self.shown(), kinds)
        self.assertIn('login or interval 1 d or CustomSystemEventTrigger x or', self.run_cli('list', '--package',
                                                                                            'commands').out)
        self.assertIn('CustomSystemEventTrigger', self.run_cli('why', 'sync').out)
        exported = self.run_cli('export', 'sync').out
        self.run_cli('edit', 'sync', '--limit', '5m')
        self.assertEqual(self.shown(), kinds)
        self.run_cli('edit', 'sync', '--at', 'daily')
        self.assertEqual(self.shown(), ['calendar'])
        self.run_cli('import', '--if-exists', 'update', '-', stdin=exported)
        self.assertEqual(self.shown(), kinds)
        self.assertEqual(len(json.loads(exported)['tasks'][0]['triggers']), 3)

    def test_register_takes_several_too(self):
        self.run_cli('register', 'Sync', '--package', self.package.family, '--application', '--time', '30')
        self.assertEqual(self.shown('Sync'), ['ApplicationTrigger', 'TimeTrigger'])


class Names(Several):
    """Where a task has several triggers, what is said names the one that it is about."""

    def why(self, task):
        return {code: (text, details) for code, (text, _, _, details) in self.broker.why(task).items()}

    def test_why_says_which_trigger_waits_and_which_one_has_fired(self):
        task = self.several(HOURLY, CUSTOM, ('SystemTrigger', {'type': ('s', 'TimeZoneChange')}),
                            conditions=['OnACPower'])
        out = self.broker.bgtask('why', task).out
        self.assertRegex(out, r': it waits for the time of its trigger 0, interval 1 h: \d{4}-')
        self.assertIn(': its trigger 1 has not fired: CustomSystemEventTrigger ready\n', out)
        self.assertIn(': its trigger 2 has not fired: SystemTrigger (TimeZoneChange)\n', out)
        details = self.why(task)['waiting-for-time'][1]
        self.assertEqual((details['trigger-index'], details['trigger-kind']), (0, 'interval'))
        self.broker.call('Raise', 'sa{sv}', 'ready', {})
        text, details = self.why(task)['condition-unknown']
        self.assertRegex(text, '^its trigger 1, CustomSystemEventTrigger ready, has fired and is held: ')
        self.assertEqual((details['trigger-index'], details['trigger-kind']), (1, 'CustomSystemEventTrigger'))
        self.broker.condition('OnACPower', 'true')
        call = self.server.client.next_call('Run')
        self.server.client.answer(call)
        self.broker.state_of(call.body[0], 'running')
        self.assertEqual(self.why(task)['running'][0],
                         'it is running, fired by its trigger 1, CustomSystemEventTrigger ready')
        self.server.complete(*call.body[:2])
        self.broker.ended(call.body[0])

    def test_of_a_task_with_one_trigger_no_number_is_said(self):
        task = self.task('one', HOURLY)
        text, details = self.why(task)['waiting-for-time']
        self.assertRegex(text, r'^it waits for its time: \d{4}-[^,]*$')
        self.assertEqual(details['trigger-index'], 0)

    def test_plan_says_which_trigger_fires_also_of_what_is_pending(self):
        task = self.several(HOURLY, CUSTOM, ('calendar', {'expression': ('s', '*:10 UTC')}),
                            conditions=['OnACPower'])
        self.broker.call('Raise', 'sa{sv}', 'ready', {})
        steps = self.broker.bgtask('plan', '--json', '--task', task, '2h', 'OnACPower=true').json['steps']
        self.assertEqual({(step['trigger-index'], step['trigger-kind']) for step in steps},
                         {(0, 'interval'), (1, 'CustomSystemEventTrigger'), (2, 'calendar')})
        self.assertEqual(steps[0]['trigger-index'], 1)
        out = self.broker.bgtask('plan', '--task', task, '2h', 'OnACPower=true').out
        self.assertRegex(out, 'several +runs; fired by trigger 2, calendar \\*:10 UTC\n')
        self.assertIn('its trigger 1, CustomSystemEventTrigger ready, has fired and is held',
                      self.broker.bgtask('plan', '--task', task, '2h').out)
        self.task('one', HOURLY)
        self.assertNotIn('fired by', self.broker.bgtask('plan', '--task', 'one').out)

    def test_show_numbers_them_and_says_which_comes_next(self):
        task = self.several(CUSTOM, ('interval', {'period': ('t', 7200 * 1000000), 'window': ('t', 0)}), HOURLY)
        out = self.broker.bgtask('show', task).out
        self.assertRegex(out, r'  trigger +0: CustomSystemEventTrigger ready\n +1: interval 2 h\n +2: interval 1 h\n')
        self.assertRegex(out, r'next-trigger +2\n')
        self.task('one', HOURLY)
        self.assertRegex(self.broker.bgtask('show', 'one').out, r'  trigger +interval 1 h\n')
        self.assertNotIn('next-trigger', self.broker.bgtask('show', 'one').out)

    def test_skip_does_not_promise_the_time_of_one_of_them(self):
        self.several(HOURLY, CUSTOM)
        self.assertEqual(self.broker.bgtask('skip', 'several').out,
                         'several is skipped the next time that one of its triggers fires\n')
        why = self.why(self.broker.tasks(name='several')[0]['task'])
        self.assertEqual(why['skip-next'][0], 'the next time that one of its triggers fires is skipped')

    def test_a_request_is_answered_in_the_words_of_the_trigger_that_it_fires(self):
        task = self.several(HOURLY, ('DeviceUseTrigger', {}))
        self.broker.call('Pause', 'sb', task, True)
        done = self.broker.bgtask('request', 'several', 'device-id=usb#1')
        self.assertEqual(done.status, 5, done.err)
        self.assertIn('several: DeniedByUser', done.out)


class Fired(Several):
    """A test fires one trigger of several."""

    capabilities = ('runFullTrust', 'userNotificationListener')

    def fire(self, task, place, **details):
        self.broker.call('Fire', 'sua{sv}', task, place, details, interface=CLOCK)

    def next_details(self):
        call = self.server.client.next_call('Run')
        self.server.client.answer(call)
        self.server.complete(*call.body[:2])
        self.broker.ended(call.body[0])
        return call.body[8]['trigger-index'], call.body[7]

    def test_each_kind_that_waits_for_something_can_be_fired_with_what_its_run_is_to_find(self):
        task = self.several(CUSTOM, ('SystemTrigger', {'type': ('s', 'TimeZoneChange')}),
                            ('StorageLibraryContentChangedTrigger', {'paths': ('as', ['/tmp/a'])}),
                            ('DeviceWatcherTrigger', {'match': ('as', ['SUBSYSTEM=usb'])}),
                            ('ToastNotificationActionTrigger', {'action': ('s', '*')}),
                            ('ToastNotificationHistoryChangedTrigger', {}), ('resume', {}),
                            ('UserNotificationChangedTrigger', {}))
        for place, sent, found in (
                (0, {'colour': ('s', 'red')}, {'colour': 'red'}),
                (1, {}, {}),
                (2, {'paths': ('as', ['/tmp/a/1', '/tmp/a/2'])},
                 {'paths': ['/tmp/a/1', '/tmp/a/2'], 'everything': False}),
                (2, {}, {'paths': [], 'everything': True}),
                (3, {'actions': ('as', ['add']), 'devices': ('as', ['/sys/devices/x']), 'nodes': ('as', ['/dev/x'])},
                 {'actions': ['add'], 'devices': ['/sys/devices/x'], 'nodes': ['/dev/x'], 'everything': False}),
                (4, {'notifications': ('as', ['7']), 'actions': ('as', ['open'])},
                 {'notifications': ['7'], 'actions': ['open'], 'everything': False}),
                (5, {'notifications': ('as', ['7']), 'reasons': ('as', ['expired'])},
                 {'notifications': ['7'], 'reasons': ['expired'], 'everything': False}),
                (6, {}, {}),
                (7, {'notifications': ('as', ['7']), 'changes': ('as', ['added']), 'applications': ('as', ['Mail'])},
                 {'notifications': ['7'], 'changes': ['added'], 'applications': ['Mail'], 'everything': False})):
            self.fire(task, place, **sent)
            self.assertEqual(self.next_details(), (place, found))

    def test_a_push_message_is_brought_as_it_was_given(self):
        task = self.several(CUSTOM, ('PushNotificationTrigger', {}))
        sentence, remedy = (self.broker.why(task)['waiting-for-trigger'][i] for i in (0, 2))
        self.assertIn('on the test clock nobody looks', sentence)
        self.assertIn('bgt_test_fire()', remedy)
        for sent, found in (({'message': ('ay', b'\x00hello\xff')}, b'\x00hello\xff'), ({}, b'')):
            self.fire(task, 1, **sent)
            place, details = self.next_details()
            self.assertEqual((place, bytes(details['message'])), (1, found))
        self.assert_refused('InvalidArgument', 'at most 4096 bytes',
                            by=lambda: self.fire(task, 1, message=('ay', b'x' * 4097)))

    def test_what_cannot_be_made_to_happen_is_refused_with_what_can(self):
        task = self.several(HOURLY, ('ApplicationTrigger', {}), ('boot', {}), ('login', {}), CUSTOM)
        for place, sentence in ((0, 'the clock is to be moved'), (1, 'is to be requested'), (2, 'in another boot'),
                                (3, 'SessionConnected'), (5, 'no trigger 5; its last one is 4')):
            self.assert_refused('InvalidArgument', sentence, by=lambda place=place: self.fire(task, place))
        self.assert_refused('NoSuchTask', by=lambda: self.fire('x', 0))
        self.assert_refused('InvalidArgument', by=lambda: self.fire(task, 4, text=('s', 'x' * 70000)))
