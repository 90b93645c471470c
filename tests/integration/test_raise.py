# SPDX-License-Identifier: MIT
"""CustomSystemEventTrigger: whoever raises its id fires it, always or once in a boot."""

from harness import ByHand, CLSID_2, Package, Running, eventually


def custom(event, **properties):
    return 'CustomSystemEventTrigger', {'id': ('s', event)} | properties


class Raising(Running):
    def setUp(self):
        super().setUp()
        self.server = ByHand(self.broker, self.package)

    def raise_event(self, event, details=None):
        """How many tasks wait for it."""
        return self.broker.call('Raise', 'sa{sv}', event, details or {})

    def next_run(self, server=None):
        """The task's name and the details of the next run, which ends."""
        server = server or self.server
        call = server.client.next_call('Run')
        server.client.answer(call)
        server.complete(*call.body[:2])
        self.broker.ended(call.body[0])
        return call.body[5], call.body[7]

    def crash(self):
        self.broker.kill()
        self.broker.start()

    def recorded(self, **counts):
        """Waits until so many runs of each task have ended, and that is stored; no other has."""
        def count():
            return {name: len([row for row in self.broker.history() if row['name'] == name]) for name in counts}
        eventually(lambda: count() == counts, counts)

    def test_every_task_of_the_id_is_fired_and_told_the_details(self):
        other = Package(self.broker, 'Test.Other', classes=(CLSID_2,))
        second = ByHand(self.broker, other, CLSID_2)
        self.task('one', custom('ready'))
        self.broker.register(other, 'two', custom('ready'), clsid=CLSID_2)
        self.task('three', custom('else'))
        self.assertEqual(self.raise_event('ready', {'number': ('u', 7), 'text': ('s', 'x')}), 2)
        self.assertEqual(self.next_run(), ('one', {'number': 7, 'text': 'x'}))
        self.assertEqual(self.next_run(second), ('two', {'number': 7, 'text': 'x'}))
        self.recorded(three=0)
        self.assertEqual(self.raise_event('ready'), 2)
        self.assertEqual(self.next_run(), ('one', {}))

    def test_what_nobody_waits_for_is_no_mistake_and_an_id_is_needed(self):
        self.assertEqual(self.raise_event('nobody'), 0)
        self.assert_refused('InvalidArgument', 'id', by=lambda: self.raise_event(''))
        large = {'text': ('s', 'x' * 70000)}
        self.assert_refused('InvalidArgument', 'details', '65536', by=lambda: self.raise_event('x', large))

    def test_once_per_boot_fires_once_in_each_boot_whatever_becomes_of_the_broker(self):
        self.task('once', custom('ready', **{'once-per-boot': ('b', True)}))
        self.task('always', custom('ready'))
        for n, restart in enumerate((lambda: None, self.broker.restart, self.crash)):
            restart()
            self.server = ByHand(self.broker, self.package)
            self.raise_event('ready')
            names = sorted(self.next_run()[0] for _ in range(1 if n else 2))
            self.assertEqual(names, ['always'] if n else ['always', 'once'])
            self.recorded(once=1, always=n + 1)
        self.broker.reboot()
        self.server = ByHand(self.broker, self.package)
        self.raise_event('ready')
        self.assertEqual(sorted(self.next_run()[0] for _ in range(2)), ['always', 'once'])
        self.raise_event('ready')
        self.assertEqual(self.next_run()[0], 'always')
        self.recorded(once=2, always=5)

    def test_a_manual_run_does_not_count_and_an_update_begins_anew(self):
        task = self.task('once', custom('ready', **{'once-per-boot': ('b', True)}))
        self.broker.run(task)
        self.next_run()
        self.raise_event('ready')
        self.next_run()
        self.task('once', custom('ready'), if_exists='update')
        self.raise_event('ready')
        self.next_run()
        self.task('once', custom('ready', **{'once-per-boot': ('b', True)}), if_exists='update')
        self.raise_event('ready')
        self.next_run()
        self.raise_event('ready')
        self.recorded(once=4)
        self.broker.restart()
        self.assertEqual(self.broker.runs(), [])

    def test_the_command_line_registers_raises_and_shows(self):
        done = self.broker.bgtask('register', '--custom', 'ready', '--once-per-boot', 'once')
        self.assertEqual(done.status, 0, done.err)
        row, = self.broker.tasks()
        self.assertEqual(row['trigger'], ('CustomSystemEventTrigger', {'id': 'ready', 'once-per-boot': True,
                                                                       'one-shot': False}))
        self.assertIn('once per boot', self.broker.bgtask('show', 'once').out)
        done = self.broker.bgtask('raise', 'ready', 'count:=3', 'path=/tmp/a')
        self.assertEqual((done.status, done.out), (0, 'ready: 1 task\n'))
        self.assertEqual(self.next_run(), ('once', {'count': 3, 'path': '/tmp/a'}))
        self.assertEqual(self.broker.bgtask('raise', '--json', 'nobody').json, {'listeners': 0})
        self.assertEqual(self.broker.bgtask('raise', 'nobody').out, 'no task waits for nobody\n')
        self.assert_fails(self.broker.bgtask('raise'), 2, 'name the event')
        self.assert_fails(self.broker.bgtask('raise', 'x', 'count'), 2, 'KEY=TEXT')
        self.assert_fails(self.broker.bgtask('register', '--on', 'boot', '--once-per-boot', 'x'), 2, '--custom')
        add = self.broker.bgtask('add', 'x', '--custom', 'ready', '--once-per-boot', '--', 'true')
        self.assertEqual(add.status, 0, add.err)
        exported = self.broker.bgtask('export').out
        self.assertEqual(exported.count('"once-per-boot": true'), 2, exported)
