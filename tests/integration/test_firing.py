# SPDX-License-Identifier: MIT
"""Firings: timers, what happens while a task runs, why a task does not run, and what its runs have printed."""

from harness import ByHand, CLSID, HOUR, MINUTE, Running, eventually

ABORT, REPLACED = 0, 100
ALLOWED, CURRENTLY_RUNNING, DISABLED_BY_POLICY = 0, 1, 2


class Overlap(Running):
    def request(self, task):
        return self.broker.request(task)

    def test_skip_answers_CurrentlyRunning(self):
        task = self.task()
        run, talk = self.begin(task)
        self.assertEqual(self.request(task), (CURRENTLY_RUNNING, ''))
        talk.end()
        self.broker.ended(run)
        self.assertEqual([row['run'] for row in self.broker.history()], [run])

    def test_buffer_one_runs_once_more(self):
        task = self.task(overlap=('s', 'buffer-one'))
        _, talk = self.begin(task)
        result, second = self.request(task)
        self.assertEqual(result, ALLOWED)
        self.assertEqual(self.request(task)[0], CURRENTLY_RUNNING)
        talk.end()
        self.package.talk_of(second).end()
        self.assert_outcome(self.broker.ended(second), 'completed')
        self.assertEqual(len(self.broker.history()), 2)

    def test_buffer_all_runs_each_in_order(self):
        task = self.task(overlap=('s', 'buffer-all'))
        runs = [self.request(task)[1] for _ in range(5)]
        for run in runs:
            self.package.next_talk().end()
            self.assertEqual(self.broker.next_end()['run'], run)

    def test_a_full_queue_refuses_more_and_is_listed_in_pages(self):
        self.broker.condition('UserPresent', 'false')
        task = self.task('ok', overlap=('s', 'buffer-all'), conditions=['UserPresent'])
        answers = [self.request(task) for _ in range(101)]
        self.assertEqual([result for result, _ in answers], [ALLOWED] * 100 + [DISABLED_BY_POLICY])
        seen, cursor = [], ''
        while not seen or cursor:
            page, cursor = self.broker.call('ListRuns', 'ssu', task, cursor, 33)
            self.assertLessEqual(len(page), 33)
            seen += [row[0] for row in page]
        self.assertEqual(seen, [run for _, run in answers[:100]])
        self.assert_refused('InvalidArgument', 'no', by=lambda: self.broker.call('ListRuns', 'ssu', task, 'no', 33))
        self.assert_refused('QuotaExceeded', '100', by=lambda: self.broker.run(task, satisfied=True))

    def test_a_paused_task_answers_DisabledByPolicy(self):
        task = self.task()
        self.broker.call('Pause', 'sb', task, True)
        self.assertEqual(self.request(task), (DISABLED_BY_POLICY, ''))
        self.assertEqual(self.broker.runs(), [])

    def test_cancel_other_replaces_the_live_run(self):
        task = self.task(overlap=('s', 'cancel-other'))
        first, talk = self.begin(task)
        result, second = self.request(task)
        self.assertEqual((result, talk.canceled()), (ALLOWED, REPLACED))
        talk.end(-125)
        self.assert_outcome(self.broker.ended(first), 'canceled', reason='Replaced')
        self.package.talk_of(second).end()
        self.assert_outcome(self.broker.ended(second), 'completed')

    def test_parallel_runs_side_by_side_up_to_16(self):
        task = self.task(overlap=('s', 'parallel'))
        runs = [self.request(task)[1] for _ in range(17)]
        talks = [self.package.talk_of(run) for run in runs[:16]]
        self.assertEqual(sorted(row['state'] for row in self.broker.runs() if row['state'] == 'pending'), ['pending'])
        talks[0].end()
        talks.append(self.package.talk_of(runs[16]))
        for talk in talks[1:]:
            talk.end()
        for run in runs:
            self.assert_outcome(self.broker.ended(run), 'completed')

    def test_arguments_of_a_request_arrive_as_details(self):
        server = ByHand(self.broker, self.package)
        _, run = self.broker.request(self.task('ok'), file=('s', '/tmp/x'), n=('u', 7))
        call = server.client.next_call('Run')
        self.assertEqual(call.body[0], run)
        self.assertEqual(call.body[7]['file'], '/tmp/x')
        self.assertEqual(call.body[7]['n'], 7)
        server.client.answer(call)
        server.complete(*call.body[:2])
        self.broker.ended(run)


class Timers(Running):
    def test_a_TimeTrigger_fires_in_its_window_and_again_from_its_scheduled_time(self):
        task = self.task('ok', ('TimeTrigger', {'freshness-minutes': ('u', 15)}))
        registered = self.broker.now()[2]
        self.broker.advance(15 * 60 - 1)
        self.assertEqual(self.broker.history(), [])
        for k in range(1, 4):
            self.broker.advance(15 * 60)
            row = self.broker.next_end()
            self.assert_outcome(row, 'completed', task=task, scheduled=registered + k * 15 * MINUTE, count=1)
            self.assertLessEqual(row['scheduled'], row['started'])
            self.assertLess(row['started'], row['scheduled'] + 15 * MINUTE)

    def test_a_one_shot_timer_fires_once_and_its_registration_is_gone(self):
        task = self.task('ok', ('TimeTrigger', {'freshness-minutes': ('u', 15), 'one-shot': ('b', True)}))
        self.broker.advance(30 * 60)
        self.assert_outcome(self.broker.next_end(), 'completed', fired_by='timer')
        self.broker.watcher.next_signal(lambda member, of, *_: member == 'TaskChanged' and of == task and
                                        _[2] == 'unregistered')
        self.assertEqual(self.broker.tasks(), [])

    def test_time_asleep_counts_and_a_wall_clock_step_does_not(self):
        task = self.task('ok', ('interval', {'period': ('t', HOUR), 'window': ('t', 0)}))
        self.broker.step(7 * 3600)
        self.assertEqual(self.codes(task), {'waiting-for-time'})
        self.assertEqual(self.broker.history(), [])
        self.broker.step(-9 * 3600)
        self.broker.suspend(3600)
        self.assert_outcome(self.broker.next_end(), 'completed', count=1)

    def test_a_system_trigger_fires_on_the_edge_of_its_condition(self):
        task = self.task('ok', ('SystemTrigger', {'type': ('s', 'InternetAvailable')}))
        self.broker.condition('InternetAvailable', 'true')
        self.assert_outcome(self.broker.next_end(), 'completed', fired_by='event')
        self.broker.condition('InternetAvailable', 'true')
        self.broker.condition('InternetAvailable', 'false')
        self.broker.condition('InternetAvailable', 'true')
        self.assert_outcome(self.broker.next_end(), 'completed')
        self.assertEqual(len(self.broker.history(task)), 2)


class Logs(Running):
    def test_what_was_printed_is_found_by_task_and_by_run(self):
        task = self.task()
        runs = []
        for text in ('first', 'second'):
            run, talk = self.begin(task)
            talk.ask(f'print {text} words')
            talk.ask(f'print of {text}')
            talk.end()
            self.broker.ended(run)
            self.broker.advance(60)
            runs.append(run)
        self.assertEqual(self.broker.lines(task), ['first words', 'of first', 'second words', 'of second'])
        for run, text in zip(runs, ('first', 'second')):
            self.assertEqual(self.broker.lines(task, run), [f'{text} words', f'of {text}'])
            done = self.broker.bgtask('log', '--run', run, 'control')
            self.assertEqual([line.split('  ', 1)[1] for line in done.out.splitlines()],
                             [f'{text} words', f'of {text}'])
        self.assertEqual(len(self.broker.bgtask('log', 'control').out.splitlines()), 4)

    def test_what_runs_side_by_side_printed_is_shown_once(self):
        task = self.task(overlap=('s', 'parallel'))
        talks = [self.begin(task) for _ in range(2)]
        for i, (_, talk) in enumerate(talks):
            talk.ask(f'print of {i}')
        for run, talk in talks:
            talk.end()
            self.broker.ended(run)
        self.assertEqual(self.broker.lines(task), ['of 0', 'of 1'])

    def test_a_live_run_can_be_read(self):
        run, talk = self.begin(self.task())
        talk.ask('print so far')
        self.assertEqual(self.broker.lines(self.broker.runs()[0]['task'], run), ['so far'])
        talk.end()

    def test_many_lines_come_page_by_page_once_each(self):
        task = self.task('lines-300')
        run = self.broker.run(task)
        self.assert_outcome(self.broker.ended(run), 'completed', progress=300)
        self.assertEqual(self.broker.lines(task, run), [f'line {i}' for i in range(1, 301)])
        lines, cursor = [], ''
        while True:
            page, cursor = self.broker.call('ReadLog', 'sssu', task, run, cursor, 33)
            lines += [text for _, text in page]
            if not cursor:
                break
        self.assertEqual(lines, [f'line {i}' for i in range(1, 301)])

    def test_control_characters_do_not_reach_a_terminal_as_such(self):
        run, talk = self.begin(self.task())
        talk.ask('print \x1b[31mred\x07')
        talk.end()
        self.broker.ended(run)
        self.assertIn('red', self.broker.bgtask('log', 'control').out)


class Why(Running):
    def why(self, task, code, *pieces):
        why = self.broker.why(task)
        self.assertEqual(set(why), {code})
        sentence, since, remedy, _ = why[code]
        for piece in pieces:
            self.assertIn(piece, sentence)
        self.assertTrue(remedy)
        self.assertGreater(since, 0)
        done = self.broker.bgtask('why', task)
        self.assertEqual(done.status, 0)
        self.assertIn(sentence, done.out)
        self.assertIn(remedy, done.out)

    def test_of_each_state(self):
        self.broker.condition('InternetAvailable', 'false')
        timer = self.task('control-timer', ('interval', {'period': ('t', HOUR), 'window': ('t', 0)}),
                          conditions=['InternetAvailable', 'OnACPower'])
        self.why(timer, 'waiting-for-time', 'waits for its time')
        self.why(self.task('ok'), 'waiting-for-trigger', 'ApplicationTrigger')
        system = ('SystemTrigger', {'type': ('s', 'TimeZoneChange')})
        self.why(self.task('ok-2', system), 'waiting-for-trigger', 'TimeZoneChange')
        self.broker.advance(3601)
        self.assertEqual(self.codes(timer), {'condition-false', 'condition-unknown'})
        self.assertIn('InternetAvailable is false', self.broker.why(timer)['condition-false'][0])
        self.broker.condition('InternetAvailable', 'true')
        self.why(timer, 'condition-unknown', 'OnACPower', 'not known')
        self.broker.condition('OnACPower', 'false')
        self.why(timer, 'condition-false', 'OnACPower is false')
        self.broker.condition('OnACPower', 'true')
        talk = self.package.next_talk()
        self.broker.state_of(talk.run, 'running')
        self.why(timer, 'running', 'is running')
        self.broker.call('Cancel', 'su', timer, ABORT)
        self.why(timer, 'stopping', 'canceled')
        talk.end()
        self.broker.ended(talk.run)
        self.why(timer, 'waiting-for-time')

    def test_of_a_paused_task(self):
        task = self.task('ok', ('interval', {'period': ('t', HOUR), 'window': ('t', 0)}))
        self.broker.call('Pause', 'sb', task, True)
        self.broker.advance(3601)
        self.why(task, 'paused', 'paused')
        self.broker.call('Pause', 'sb', task, False)
        self.assert_outcome(self.broker.next_end(), 'completed')

    def test_of_a_starting_task(self):
        self.package.servers = [('server', (CLSID,), '--hang')]
        self.package.write(self.package.manifest())
        self.package.install()
        task = self.task('ok')
        run = self.broker.run(task)
        talk = self.package.next_talk()
        self.why(task, 'starting', 'being started')
        talk.say('go')
        self.assert_outcome(self.broker.ended(run), 'completed')

    def test_of_an_in_process_task(self):
        task = self.broker.register(self.package, 'ok', clsid=None)
        self.broker.request(task)
        self.why(task, 'no-host', 'app is not running')

    def test_a_run_by_hand_does_not_wait_for_conditions_unless_told_to(self):
        self.broker.condition('UserPresent', 'false')
        task = self.task('ok', conditions=['UserPresent'])
        self.assert_outcome(self.broker.outcome(task), 'completed', fired_by='manual')
        run = self.broker.run(task, satisfied=True)
        self.why(task, 'condition-false', 'UserPresent')
        self.broker.condition('UserPresent', 'true')
        self.assert_outcome(self.broker.ended(run), 'completed')
