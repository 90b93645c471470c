# SPDX-License-Identifier: MIT
"""Registering: what is stored, what a name that exists does, and what survives."""

from harness import CLSID, CLSID_2, Case, HOUR, MINUTE, Package

TIME = ('TimeTrigger', {'freshness-minutes': ('u', 15)})


def every(usec, **properties):
    return 'interval', {'period': ('t', usec)} | properties


class Registering(Case):
    def setUp(self):
        super().setUp()
        self.package = Package(self.broker)

    def register(self, name='ok', trigger=TIME, **options):
        return self.broker.register(self.package, name, trigger, **options)

    def task(self, name='ok'):
        row, = [row for row in self.broker.tasks() if row['name'] == name]
        return row

    def test_every_option_is_listed_as_it_was_given(self):
        options = {'group': ('s', 'nightly'), 'group-name': ('s', 'Every\nnight'),
                   'cancel-on-condition-loss': ('b', True), 'overlap': ('s', 'buffer-all'),
                   'catch-up': ('s', 'all'), 'catch-up-window': ('t', HOUR), 'rerun': ('s', 'once'),
                   'retry-max': ('u', 3), 'retry-backoff': ('t', MINUTE), 'time-limit': ('t', 2 * MINUTE),
                   'expires': ('t', 3 * MINUTE), 'deadline': ('t', 4 * MINUTE), 'network-requested': ('b', True)}
        self.register(trigger=every(HOUR, window=('t', MINUTE)), conditions=['InternetAvailable', 'OnACPower'],
                      **{key.replace('-', '_'): value for key, value in options.items()})
        task = self.task()
        for key, (_, value) in options.items():
            self.assertEqual(task[key], value, key)
        self.assertEqual(task['trigger'], ('interval', {'period': HOUR, 'window': MINUTE, 'one-shot': False}))
        self.assertEqual(task['conditions'], ['InternetAvailable', 'OnACPower'])
        self.assertEqual(task['clsid'], CLSID)

    def test_all_of_it_survives_kill_9_of_the_broker(self):
        self.register(conditions=['UserPresent'], group=('s', 'g'), group_name=('s', 'Group'))
        self.register('ok-2', every(HOUR))
        before = self.broker.tasks()
        self.broker.kill()
        self.broker.start()
        self.assertEqual(self.broker.tasks(), before)

    def test_fail_refuses_a_name_that_is_taken_and_says_what_else_there_is(self):
        self.register()
        self.assert_refused('NameTaken', 'keep', 'update', 'replace', by=self.register)

    def test_keep_returns_the_existing_task_unchanged(self):
        first = self.register()
        self.assertEqual(self.register(trigger=every(HOUR), if_exists='keep'), first)
        self.assertEqual(self.task()['trigger'][0], 'TimeTrigger')

    def test_replace_makes_a_new_task_and_the_old_one_is_gone(self):
        first = self.register()
        second = self.register(trigger=every(HOUR), if_exists='replace')
        self.assertNotEqual(first, second)
        self.assertEqual((self.task()['task'], self.task()['trigger'][0]), (second, 'interval'))

    def test_update_keeps_the_id_the_phase_and_the_history(self):
        first = self.register(trigger=every(HOUR, window=('t', 0)))
        self.assert_outcome(self.broker.outcome(first), 'completed')
        due = self.task()['next-earliest']
        self.broker.advance(600)
        self.assertEqual(self.register(trigger=every(HOUR, window=('t', 0)), conditions=['UserPresent'],
                                       if_exists='update'), first)
        self.assertEqual((self.task()['next-earliest'], self.task()['conditions']), (due, ['UserPresent']))
        self.assertEqual(len(self.broker.history(first)), 1)

    def test_update_of_a_new_name_registers_it(self):
        self.assertEqual(self.register(if_exists='update'), self.task()['task'])

    def test_duplicate_makes_a_second_task_of_the_name_and_update_is_then_ambiguous(self):
        ids = {self.register(), self.register(if_exists='duplicate')}
        self.assertEqual({row['task'] for row in self.broker.tasks(name='ok')}, ids)
        self.assert_refused('Ambiguous', 'id', by=lambda: self.register(if_exists='update'))
        self.assert_fails(self.broker.bgtask('show', 'ok'), 1, 'several tasks', 'id')
        for task in ids:
            self.assertEqual(self.broker.bgtask('show', task).status, 0)

    def test_a_name_of_255_bytes_and_any_script_is_good(self):
        for name in ('é' * 127 + 'x', '中' * 85, 'a b/c\\d:"e"', '-'):
            self.register(name)
            self.assertEqual(self.broker.tasks(name=name)[0]['name'], name)

    def test_a_batch_registers_the_good_ones_and_says_what_is_wrong_with_the_others(self):
        rows = [(f'ok-{i}', TIME, [], {'clsid': ('s', CLSID)}, 'fail') for i in range(100)]
        rows[50] = ('', TIME, [], {'clsid': ('s', CLSID)}, 'fail')
        rows[51] = ('short', ('TimeTrigger', {'freshness-minutes': ('u', 14)}), [], {'clsid': ('s', CLSID)}, 'fail')
        rows[52] = ('else', TIME, [], {'clsid': ('s', CLSID_2)}, 'fail')
        results = self.broker.call('RegisterBatch', 'sa(s(sa{sv})asa{sv}s)', self.package.family, rows)
        self.assertEqual(len(results), 100)
        errors = {i: error for i, (_, _, error, _) in enumerate(results) if error}
        self.assertEqual(errors, {50: 'org.bgtask.Error.InvalidName', 51: 'org.bgtask.Error.TriggerTooShort',
                                  52: 'org.bgtask.Error.ClassNotRegistered'})
        self.assertEqual({row['task'] for row in self.broker.tasks()}, {task for task, *_ in results if task})

    def test_a_thousand_tasks_are_listed_page_by_page_once_each(self):
        rows = [(f'ok-{i}', TIME, [], {'clsid': ('s', CLSID)}, 'fail') for i in range(1000)]
        self.broker.call('RegisterBatch', 'sa(s(sa{sv})asa{sv}s)', self.package.family, rows)
        cursor, names = '', []
        while True:
            page, cursor = self.broker.call('ListTasks', 'ssa{sv}su', '*', '', {}, cursor, 7)
            names += [name for _, _, name, _ in page]
            if not cursor:
                break
        self.assertEqual(sorted(names), sorted(f'ok-{i}' for i in range(1000)))

    def test_groups_are_listed_apart(self):
        self.register('ok-in', group=('s', 'g'))
        self.register('ok-out')

        def names(group):
            filters = {'group': ('s', group)}
            return [row[2] for row in self.broker.call('ListTasks', 'ssa{sv}su', '*', '', filters, '', 100)[0]]
        self.assertEqual((names('g'), names(''), names('other')), (['ok-in'], ['ok-out'], []))

    def test_the_name_of_a_group_has_a_limit(self):
        self.register(group=('s', 'g'), group_name=('s', 'x' * 1000))
        self.assert_refused('InvalidArgument', '1000 bytes',
                            by=lambda: self.register('long', group=('s', 'g'), group_name=('s', 'x' * 1001)))

    def test_unregistering_drops_what_waits_and_leaves_the_history(self):
        task = self.register(conditions=['UserPresent'], trigger=every(HOUR))
        self.broker.outcome(task)
        self.broker.condition('UserPresent', 'false')
        self.broker.advance(3600 + 600)
        self.assertIn('condition-false', self.broker.why(task))
        self.assertEqual(self.broker.bgtask('unregister', 'ok').status, 0)
        self.assertEqual((self.broker.tasks(), self.broker.runs()), ([], []))
        self.assertEqual(sorted(row['outcome'] for row in self.broker.history(task)), ['canceled', 'completed'])

    def test_unregistering_with_cancel_ends_the_run_and_without_it_lets_it_end(self):
        self.package.listen()
        for cancel, reason in ((True, 0), (False, None)):
            task = self.register('control', ('ApplicationTrigger', {}))
            run = self.broker.run(task)
            talk = self.package.talk_of(run)
            self.broker.call('Unregister', 'sb', task, cancel)
            self.assertEqual(self.broker.tasks(), [])
            if cancel:
                self.assertEqual(talk.canceled(), reason)
            talk.end()
            self.assert_outcome(self.broker.ended(run), 'canceled' if cancel else 'completed')

    def test_two_clients_that_register_one_name_at_once_get_one_task(self):
        clients = [self.broker.open() for _ in range(20)]
        serials = [(client, client.send('Register', 'ss(sa{sv})asa{sv}s', self.package.family, 'ok', TIME, [],
                                        {'clsid': ('s', CLSID)}, 'keep')) for client in clients]
        answers = [client.wait(serial) for client, serial in serials]
        self.assertEqual(len({task for task, _ in answers}), 1)
        self.assertEqual([existed for _, existed in answers].count(False), 1)

    def test_a_watcher_is_told_of_tasks_that_come_and_go(self):
        task = self.register()
        self.broker.call('Unregister', 'sb', task, False)
        changes = [self.broker.watcher.next_signal(lambda member, of, *_: member == 'TaskChanged' and of == task)
                   for _ in range(2)]
        self.assertEqual(changes, [(task, self.package.family, 'ok', 'registered'),
                                   (task, self.package.family, 'ok', 'unregistered')])
