# SPDX-License-Identifier: MIT
"""Several triggers of one task: any of them fires it, and the run is told which."""

import json

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
