# SPDX-License-Identifier: MIT
"""Every reason why a task does not run: its sentence, since when, and what to do (docs/semantics.md, section 11)."""

import os
import re
import signal
import time

from harness import ByHand, CLSID, Case, HOUR, MINUTE, Package, Running, SECOND, eventually

INTERVAL = ('interval', {'period': ('t', HOUR), 'window': ('t', 10 * MINUTE)})
TIME = r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d'
RUN_LIMIT, PARALLEL_LIMIT, START_LIMIT, START_WINDOW = 64, 16, 1000, 600


class WhyCase(Running):
    def said(self, task, code, sentence, remedy, *others):
        """The reasons are this one and the others; the reason's details. until, in the sentence, is {until}."""
        why = self.broker.why(task)
        self.assertEqual(set(why), {code, *others})
        said, since, to_do, details = why[code]
        if '{until}' in sentence:
            moment = time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(details['until'] // SECOND))
            sentence = sentence.replace('{until}', moment)
        self.assertRegex(said, f'^{sentence}$')
        self.assertIn(remedy, to_do)
        self.assertTrue(0 < since <= self.broker.now()[2], since)
        shown = self.broker.bgtask('why', task)
        self.assertEqual(shown.status, 0, shown.err)
        self.assertIn(said, shown.out)
        self.assertIn(to_do, shown.out)
        return details


class Waiting(WhyCase):
    def test_of_a_timer_names_the_earliest_and_the_latest_moment(self):
        begin = self.broker.now()[2]
        details = self.said(self.task(trigger=INTERVAL), 'waiting-for-time',
                            f'it waits for its time: between {{until}} and {TIME}', "start it with 'bgtask run'")
        self.assertEqual((details['until'] - begin) // SECOND, 3600)
        self.assertEqual(details['latest'] - details['until'], 10 * MINUTE)

    def test_of_an_event_names_the_event(self):
        self.said(self.task(trigger=('SystemTrigger', {'type': ('s', 'TimeZoneChange')})), 'waiting-for-trigger',
                  r'its trigger has not fired: SystemTrigger \(TimeZoneChange\)', 'wait for the event')

    def test_of_a_request_says_who_requests_it(self):
        self.said(self.task(), 'waiting-for-trigger', 'its trigger has not fired: ApplicationTrigger',
                  'the app requests it')

    def test_of_a_false_condition_names_it_and_until_when_it_counts(self):
        self.broker.condition('OnACPower', 'false')
        task = self.task(conditions=['OnACPower'], deadline=('t', HOUR))
        self.broker.run(task, satisfied=True)
        details = self.said(task, 'condition-false',
                            'it has fired and is held: the condition OnACPower is false: it was set by hand; '
                            'it runs all the same at {until}',
                            'it runs as soon as OnACPower is true')
        self.assertEqual(details['condition'], 'OnACPower')

    def test_of_an_unknown_condition_says_that_nobody_knows(self):
        task = self.task(conditions=['DeviceIdle'])
        self.broker.run(task, satisfied=True)
        self.said(task, 'condition-unknown',
                  'it has fired and is held: whether DeviceIdle is true is not known: '
                  'it was not set', 'register it without DeviceIdle')

    def test_names_every_condition_that_holds_it(self):
        self.broker.condition('InternetAvailable', 'false')
        self.broker.condition('UserPresent', 'true')
        task = self.task(conditions=['InternetAvailable', 'OnACPower', 'UserPresent'])
        self.broker.run(task, satisfied=True)
        self.said(task, 'condition-unknown', '.*OnACPower.*', 'OnACPower', 'condition-false')

    def test_of_a_pause_says_how_to_end_it(self):
        task = self.task(trigger=INTERVAL)
        self.broker.call('Pause', 'sb', task, True)
        self.said(task, 'paused', 'it is paused', "'bgtask resume'", 'waiting-for-time')

    def test_of_a_retry_names_the_moment_of_the_next_attempt(self):
        task = self.task(retry_max=('u', 1), retry_backoff=('t', 5 * MINUTE))
        _, talk = self.begin(task)
        talk.end(-5)
        eventually(lambda: 'waiting-for-retry' in self.broker.why(task))
        details = self.said(task, 'waiting-for-retry', 'its last attempt failed; the next is at {until}', 'wait')
        self.assertEqual(details['count'], 1)

    def test_of_an_in_process_task_says_that_its_app_is_not_there(self):
        task = self.task(clsid=None)
        self.broker.request(task)
        self.said(task, 'no-host', 'it runs inside its app, and the app is not running', 'start the app')

    def test_of_a_class_that_the_package_lost_names_it(self):
        task = self.task()
        self.package.servers = [('server', ('2d4ce1b3-6b7e-4e0b-9d2e-3c1f0a5b7d11',), '')]
        self.package.version = '2.0.0.0'
        self.package.write(self.package.manifest())
        self.package.install()
        self.broker.request(task)
        self.said(task, 'class-missing', f'the package {re.escape(self.package.family)} declares no class {CLSID}.*',
                  'install a version of the package that declares the class')


class Alive(WhyCase):
    arguments = ''

    def test_of_a_start_a_run_and_a_cancellation_says_which(self):
        task = self.task()
        run, talk = self.begin(task)
        self.assertEqual(self.said(task, 'running', 'it is running', "'bgtask cancel' ends it")['run'], run)
        self.broker.call('Cancel', 'su', task, 0)
        talk.canceled()
        self.said(task, 'stopping', 'it was canceled and is being stopped', 'wait a moment')
        talk.end()
        self.broker.ended(run)

    def test_of_a_firing_behind_a_live_run_names_that_run(self):
        task = self.task(overlap=('s', 'buffer-one'))
        run, talk = self.begin(task)
        self.broker.request(task)
        self.assertEqual(self.said(task, 'running', 'it is running', 'bgtask watch')['run'], run)
        talk.end()
        self.package.next_talk().end()

    def test_of_a_server_that_is_not_heard_of_after_a_restart_says_so(self):
        task = self.task()
        _, talk = self.begin(task)
        os.kill(talk.pid, signal.SIGSTOP)
        self.broker.kill()
        self.broker.start()
        self.said(task, 'unconfirmed', 'it ran when the broker was started again, and its server is not heard of yet',
                  'wait a moment', 'running')
        os.kill(talk.pid, signal.SIGCONT)
        eventually(lambda: set(self.broker.why(task)) == {'running'})
        talk.end()

    def test_of_the_limit_of_live_runs_names_limit_and_use(self):
        tasks = [self.task(f'control-{i}', overlap=('s', 'parallel')) for i in range(RUN_LIMIT // PARALLEL_LIMIT)]
        talks = [self.begin(task)[1] for task in tasks for _ in range(PARALLEL_LIMIT)]
        task = self.task()
        run = self.broker.run(task)
        self.said(task, 'run-limit', f'{RUN_LIMIT} of {RUN_LIMIT} runs are alive, and it waits for one to end',
                  "cancel one with 'bgtask cancel'")
        talks[0].end()
        self.package.talk_of(run).end()
        for talk in talks[1:]:
            talk.end()
        self.assert_outcome(self.broker.ended(run), 'completed')


class Starts(Case):
    said = WhyCase.said

    def failing(self, arguments):
        package = Package(self.broker, arguments=arguments)
        task = self.broker.register(package, 'ok')
        self.broker.run(task)
        eventually(lambda: 'backing-off' in self.broker.why(task))
        return task

    def test_of_a_back_off_names_the_failure_and_the_next_try(self):
        self.said(self.failing('--exit 7'), 'backing-off',
                  'its server failed to start: the server exited with 7; the next try is at {until}', 'bgtask log')

    def test_of_a_server_that_was_killed_names_the_signal(self):
        self.said(self.failing('--kill 9'), 'backing-off',
                  'its server failed to start: the server was killed by SIGKILL; the next try is at {until}',
                  "'bgtask run' tries at once")

    def test_of_a_start_says_that_it_goes_on(self):
        package = Package(self.broker, arguments='--hang').listen()
        task = self.broker.register(package, 'ok')
        self.broker.run(task)
        talk = package.next_talk()
        self.said(task, 'starting', 'it is being started', 'it always ends within its limits')
        talk.say('go')
        self.assert_outcome(self.broker.next_end(), 'completed')

    def test_of_a_quarantine_names_how_often_it_failed_and_when_it_ends(self):
        task = self.failing('--exit 1')
        for pause in (2, 3, 5, 9, 0, 36, 72, 144, 288):
            eventually(lambda: not any(row['state'] == 'starting' for row in self.broker.runs()), 'it has failed')
            if pause:
                self.broker.advance(pause)
            else:
                self.broker.next_end()
                self.broker.run(task)
        self.broker.next_end()
        self.broker.request(task)
        details = self.said(task, 'quarantined', 'its server failed to start 10 times in a row, last: '
                            'the server exited with 1; it is left alone until {until}', 'bgtask log')
        self.assertEqual(details['count'], 10)

    def test_of_the_limit_of_starts_names_limit_use_and_the_moment_of_the_next(self):
        package = Package(self.broker)
        task = self.broker.register(package, 'ok', overlap=('s', 'buffer-all'))
        server = ByHand(self.broker, package)
        for _ in range(START_LIMIT // 100):
            for _ in range(100):
                self.broker.request(task)
            for _ in range(100):
                server.complete(*server.next_run())
        eventually(lambda: self.broker.status()['live'] == 0)
        self.broker.request(task)
        details = self.said(task, 'start-limit',
                            f'its package has used {START_LIMIT} of {START_LIMIT} starts; the next is at {{until}}',
                            "start it with 'bgtask run'")
        self.assertLessEqual(details['until'], self.broker.now()[2] + START_WINDOW * SECOND)
        self.broker.begin_advance(START_WINDOW)
        server.complete(*server.next_run())
        self.broker.next_end(lambda ended, run: run)
