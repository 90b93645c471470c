# SPDX-License-Identifier: MIT
"""Reboots: every process is killed, the boot id is another, the runtime folder is empty."""

from harness import Case, HOUR, Package, eventually


class Reboot(Case):
    def setUp(self):
        super().setUp()
        self.package = Package(self.broker).listen()

    def hourly(self, name='control', conditions=(), **options):
        return self.broker.register(self.package, name, ('interval', {'period': ('t', HOUR), 'window': ('t', 0)}),
                                    conditions, **options)

    def records(self, n):
        """The first n records, oldest first: what runs at the start may have ended before anybody could watch."""
        eventually(lambda: len(self.broker.history()) >= n)
        return self.broker.history()[::-1]

    def ends(self, task):
        return [record['outcome'] for record in self.broker.history(task)]

    def test_an_interval_fires_when_it_is_due_however_long_the_machine_was_off(self):
        task = self.hourly('plain')
        self.broker.advance(1200)
        self.broker.reboot(1200)
        self.broker.advance(1190)
        self.assertEqual(self.ends(task), [])
        self.assertIn('waiting-for-time', self.broker.why(task))
        self.broker.advance(20)
        ended = self.broker.next_end()
        self.assert_outcome(ended, 'completed', count=1, attempts=1)

    def test_a_boot_fires_its_tasks_once(self):
        self.assertEqual(self.broker.bgtask('register', '--on', 'boot', 'plain').status, 0)
        self.broker.restart()
        self.assertEqual(self.broker.history(), [])
        self.broker.reboot(60)
        self.assert_outcome(self.records(1)[0], 'completed', fired_by='event')
        self.broker.restart()
        self.assertEqual(len(self.records(1)), 1)

    def test_the_end_of_a_suspend_fires(self):
        self.assertEqual(self.broker.bgtask('register', '--on', 'resume', '--once', 'plain').status, 0)
        self.broker.advance(3600)
        self.assertEqual(self.broker.history(), [])
        self.broker.suspend(3600)
        self.assert_outcome(self.broker.next_end(), 'completed', fired_by='event')

    def test_downtime_is_caught_up_once_with_a_count(self):
        self.hourly('plain')
        self.broker.reboot(5 * 3600 + 1800)
        ended = self.records(1)[0]
        self.assert_outcome(ended, 'completed', count=5)
        self.assertEqual(ended['scheduled'] - ended['first-scheduled'], 4 * HOUR)
        self.broker.advance(1790)
        self.assertEqual(len(self.broker.history()), 1)
        self.broker.advance(20)
        self.assert_outcome(self.records(2)[1], 'completed', count=1)

    def test_downtime_is_not_caught_up_by_who_does_not_want_it(self):
        task = self.hourly('plain', catch_up=('s', 'none'))
        self.broker.reboot(5 * 3600 + 1800)
        self.broker.advance(1790)
        self.assertEqual(self.ends(task), [])
        self.broker.advance(20)
        self.assert_outcome(self.broker.next_end(), 'completed', count=1)

    def test_all_of_a_window_is_caught_up_one_by_one(self):
        task = self.hourly('plain', catch_up=('s', 'all'), catch_up_window=('t', 3 * HOUR),
                           overlap=('s', 'buffer-all'))
        self.broker.reboot(5 * 3600 + 1800)
        numbers = [record['scheduled'] for record in self.records(3)]
        self.assertEqual([b - a for a, b in zip(numbers, numbers[1:])], [HOUR, HOUR])
        self.assertEqual(len(self.broker.history(task)), 3)

    def test_an_accepted_request_runs_once_more_with_the_same_run_id(self):
        task = self.broker.register(self.package, 'control')
        result, run = self.broker.request(task)
        self.assertEqual(result, 0)
        self.package.talk_of(run)
        self.broker.state_of(run, 'running')
        self.broker.reboot(60)
        talk = self.package.talk_of(run)
        self.assertEqual(talk.attempt, 2)
        talk.end()
        self.assert_outcome(self.broker.ended(run), 'completed', attempts=2)
        self.assertEqual(len(self.broker.history(task)), 1)

    def test_who_waited_behind_a_run_has_its_turn_after_it(self):
        task = self.broker.register(self.package, 'control', overlap=('s', 'buffer-all'))
        runs = [self.broker.request(task)[1] for _ in range(3)]
        self.package.talk_of(runs[0])
        self.broker.state_of(runs[0], 'running')
        self.broker.reboot(60)
        for run, attempts in zip(runs, (2, 1, 1)):
            self.package.next_talk().end()
            self.assert_outcome(self.broker.next_end(), 'completed', run=run, attempts=attempts)
        self.assertEqual(len(self.broker.history(task)), 3)

    def test_a_run_that_two_reboots_have_ended_is_given_up(self):
        task = self.broker.register(self.package, 'control')
        _, run = self.broker.request(task)
        for attempt in (1, 2):
            self.assertEqual(self.package.talk_of(run).attempt, attempt)
            eventually(lambda: [row['state'] for row in self.broker.runs(task)] == ['running'])
            self.broker.reboot(60)
        self.assert_outcome(self.records(1)[0], 'abandoned', run=run, attempts=2)
        self.assertEqual(self.broker.runs(task), [])

    def test_who_does_not_want_to_be_run_again_is_not(self):
        task = self.broker.register(self.package, 'control', rerun=('s', 'never'))
        _, run = self.broker.request(task)
        self.package.talk_of(run)
        self.broker.state_of(run, 'running')
        self.broker.reboot(60)
        self.assert_outcome(self.records(1)[0], 'abandoned', run=run, attempts=1)

    def test_a_run_of_a_task_that_was_unregistered_has_its_outcome_too(self):
        task = self.broker.register(self.package, 'control')
        _, run = self.broker.request(task)
        self.package.talk_of(run)
        self.broker.state_of(run, 'running')
        self.broker.call('Unregister', 'sb', task, False)
        self.broker.reboot(60)
        self.assert_outcome(self.records(1)[0], 'abandoned', run=run, task=task, attempts=1)
        self.assertEqual(self.broker.tasks(), [])

    def test_a_run_of_a_periodic_timer_is_not_run_again(self):
        task = self.hourly()
        self.broker.advance(3600)
        talk = self.package.next_talk()
        self.broker.state_of(talk.run, 'running')
        self.broker.reboot(60)
        self.assert_outcome(self.broker.history(task)[0], 'abandoned', run=talk.run, attempts=1)
        self.assertEqual(self.broker.runs(task), [])

    def test_a_latched_firing_is_still_latched(self):
        task = self.hourly('plain', conditions=['InternetAvailable'])
        self.broker.condition('InternetAvailable', 'false')
        self.broker.advance(3600)
        self.assertIn('condition-false', self.broker.why(task))
        self.broker.reboot(60)
        self.assertIn('condition-unknown', self.broker.why(task))
        self.broker.condition('InternetAvailable', 'true')
        self.assert_outcome(self.broker.next_end(), 'completed', count=1)
