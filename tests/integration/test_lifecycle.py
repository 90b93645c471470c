# SPDX-License-Identifier: MIT
"""How runs end: each reason of a cancellation from its real cause, deferrals in every order, limits and back-off."""

import os
import pathlib
import re
import signal

from harness import Case, HOUR, MINUTE, Package, Running, eventually, processes, wait_gone

ABORT, TERMINATING, LOGGING_OFF, UPDATE, UNINSTALL, CONDITION_LOSS, TIME, ENERGY_SAVER = 0, 1, 2, 3, 5, 6, 9, 11
REPLACED, USER = 100, 101


def handles(pid, number):
    """True if a process has a handler for this signal."""
    status = pathlib.Path(f'/proc/{pid}/status').read_text(encoding='ascii')
    return int(re.search(r'^SigCgt:\s*(\w+)', status, re.MULTILINE)[1], 16) & 1 << number - 1


class Causes(Running):
    """What happens to the machine, the package or the task, and the number that the run's handler gets."""

    def end(self, run, talk, reason, outcome, name, attempts=1):
        """The handler has got the reason; then the run ends as it should."""
        self.assertEqual(talk.canceled(), reason)
        self.assertEqual(talk.ask('reason'), reason)
        talk.end(-125)
        self.assert_outcome(self.broker.ended(run), outcome, reason=name, attempts=attempts)

    def again(self, run, talk, reason, condition):
        """A lost condition: the firing waits until it holds again."""
        self.assertEqual(talk.canceled(), reason)
        talk.end(-125)
        eventually(lambda: 'condition-false' in self.broker.why(self.broker.tasks()[0]['task']))
        self.broker.condition(condition, 'true')
        talk = self.package.talk_of(run)
        self.assertEqual(talk.attempt, 2)
        talk.end()
        self.assert_outcome(self.broker.ended(run), 'completed', attempts=2)

    def begin_when(self, condition, **options):
        self.broker.condition(condition, 'true')
        task = self.task(conditions=[condition], cancel_on_condition_loss=('b', True), **options)
        run, talk = self.begin(task, satisfied=True)
        return run, talk

    def test_unregistering_aborts(self):
        task = self.task()
        run, talk = self.begin(task)
        self.broker.call('Unregister', 'sb', task, True)
        self.end(run, talk, ABORT, 'canceled', 'Abort')

    def test_sigterm_to_the_server_terminates(self):
        run, talk = self.begin(self.task())
        eventually(lambda: handles(talk.pid, signal.SIGTERM), 'it waits for its end')
        os.kill(talk.pid, signal.SIGTERM)
        self.assertEqual(talk.canceled(), TERMINATING)
        talk.end(-125)
        self.assert_outcome(self.broker.ended(run), 'failed', result=-125)
        self.assertTrue(wait_gone(talk.pid))

    def test_a_shutdown_at_log_off_says_so(self):
        run, talk = self.begin(self.task())
        self.broker.client.send('Shutdown', 'u', LOGGING_OFF)
        self.assertEqual(talk.canceled(), LOGGING_OFF)
        talk.end(-125)
        self.broker.process.wait()
        self.broker.start()
        self.assert_outcome(self.broker.history()[0], 'canceled', reason='LoggingOff', run=run)

    def test_an_update_of_the_package_is_servicing(self):
        run, talk = self.begin(self.task())
        self.package.version = '2.0.0.0'
        self.package.write(self.package.manifest())
        self.package.install()
        self.end(run, talk, UPDATE, 'canceled', 'ServicingUpdate')

    def test_the_removal_of_the_package_uninstalls(self):
        run, talk = self.begin(self.task())
        self.broker.call('RemovePackage', 's', self.package.family)
        self.end(run, talk, UNINSTALL, 'canceled', 'Uninstall')
        self.assertTrue(wait_gone(talk.pid))

    def test_a_lost_condition_is_a_condition_loss(self):
        run, talk = self.begin_when('InternetAvailable')
        self.broker.condition('InternetAvailable', 'false')
        self.broker.begin_advance(2)
        self.again(run, talk, CONDITION_LOSS, 'InternetAvailable')

    def test_the_energy_saver_is_named(self):
        run, talk = self.begin_when('BackgroundWorkCostNotHigh')
        self.broker.condition('BackgroundWorkCostNotHigh', 'false')
        self.broker.begin_advance(2)
        self.again(run, talk, ENERGY_SAVER, 'BackgroundWorkCostNotHigh')

    def test_lost_power_aborts_what_a_maintenance_trigger_started(self):
        self.broker.condition('OnACPower', 'true')
        self.task(trigger=('MaintenanceTrigger', {'freshness-minutes': ('u', 15)}))
        self.broker.begin_advance(30 * 60)
        talk = self.package.next_talk()
        self.broker.state_of(talk.run, 'running')
        self.broker.condition('OnACPower', 'false')
        self.broker.begin_advance(2)
        self.end(talk.run, talk, ABORT, 'canceled', 'Abort')

    def test_the_time_limit_is_execution_time_exceeded(self):
        run, talk = self.begin(self.task(time_limit=('t', 10 * MINUTE)))
        self.broker.begin_advance(600)
        self.end(run, talk, TIME, 'timed-out', 'ExecutionTimeExceeded')

    def test_a_newer_firing_replaces(self):
        task = self.task(overlap=('s', 'cancel-other'))
        run, talk = self.begin(task)
        self.broker.request(task)
        self.end(run, talk, REPLACED, 'canceled', 'Replaced')
        self.package.next_talk().end()
        self.broker.next_end()

    def test_a_person_is_the_user_unless_he_says_what_he_stands_for(self):
        run, talk = self.begin(self.task())
        self.broker.bgtask('cancel', 'control')
        self.end(run, talk, USER, 'canceled', 'User')
        for number, name in ((4, 'IdleTask'), (7, 'SystemPolicy'), (8, 'QuietHoursEntered'),
                             (10, 'ResourceRevocation')):
            run, talk = self.begin(self.broker.tasks()[0]['task'])
            self.assertEqual(self.broker.bgtask('cancel', '--reason', name, 'control').status, 0)
            self.end(run, talk, number, 'canceled', name)


class Deferrals(Running):
    def test_a_run_ends_with_the_last_of_several_deferrals_and_the_first_failure_stands(self):
        run, talk = self.begin(self.task())
        self.assertEqual([talk.ask('take') for _ in range(3)], [0, 1, 2])
        talk.ask('defer')
        for deferral, result in ((1, -5), (0, 0), (2, -7)):
            self.assertEqual(self.broker.runs()[0]['state'], 'running')
            talk.ask(f'finish {deferral} {result}')
        self.assertEqual(self.broker.runs()[0]['state'], 'running')
        talk.end(3)
        self.assert_outcome(self.broker.ended(run), 'failed', result=-5)

    def test_one_that_is_completed_twice_counts_once(self):
        run, talk = self.begin(self.task())
        talk.ask('take')
        talk.ask('take')
        talk.ask('defer')
        talk.ask('finish 0 0')
        talk.ask('finish 0 -5')
        self.assertEqual(self.broker.runs()[0]['state'], 'running')
        talk.ask('finish 1 0')
        talk.end(0)
        self.assert_outcome(self.broker.ended(run), 'completed', result=0)

    def test_one_that_is_completed_after_a_cancellation_ends_the_run_as_canceled(self):
        task = self.task()
        run, talk = self.begin(task)
        talk.ask('take')
        talk.ask('defer')
        self.broker.call('Cancel', 'su', task, ABORT)
        self.assertEqual(talk.canceled(), ABORT)
        talk.say('finish 0 0')
        talk.say('return 0')
        self.assert_outcome(self.broker.ended(run), 'canceled', reason='Abort', result=0)

    def test_one_that_is_never_completed_is_stopped_by_the_time_limit_and_the_server_with_it(self):
        run, talk = self.begin(self.task(time_limit=('t', MINUTE)))
        talk.ask('take')
        talk.say('return 0')
        self.broker.begin_advance(60)
        self.assertEqual(talk.canceled(), TIME)
        os.kill(talk.pid, signal.SIGKILL)
        self.assert_outcome(self.broker.ended(run), 'timed-out', reason='ExecutionTimeExceeded')

    def test_a_server_that_exits_with_one_open_has_abandoned_the_run(self):
        run, talk = self.begin(self.task())
        talk.ask('take')
        talk.ask('defer')
        talk.say('exit 0')
        self.assert_outcome(self.broker.ended(run), 'abandoned', detail='exited', result=0)


class Attempts(Running):
    def test_the_task_names_the_pause_before_its_next_attempt_and_the_server_may_leave_meanwhile(self):
        task = self.task(retry_max=('u', 2), retry_backoff=('t', MINUTE))
        run, talk = self.begin(task)
        talk.ask(f'retry-after {2 * HOUR}')
        talk.end(-11)
        eventually(lambda: 'waiting-for-retry' in self.broker.why(task))
        until = self.broker.why(task)['waiting-for-retry'][3]['until']
        self.assertEqual(until - self.broker.now()[2], 2 * HOUR)
        eventually(lambda: handles(talk.pid, signal.SIGTERM), 'it waits for its end')
        os.kill(talk.pid, signal.SIGTERM)
        self.assertTrue(wait_gone(talk.pid), 'nothing holds it')
        self.broker.begin_advance(2 * 3600)
        talk = self.package.talk_of(run)
        self.assertEqual(talk.attempt, 2)
        talk.end()
        self.assert_outcome(self.broker.ended(run), 'completed', attempts=2)


class Usage(Running):
    def test_a_run_has_the_cpu_time_that_its_server_used_for_it_and_not_that_of_others(self):
        task = self.task()
        busy, talk = self.begin(task)
        talk.ask('flood 300000')
        talk.end()
        busy = self.broker.ended(busy)['cpu']
        idle, talk = self.begin(task)
        talk.end()
        self.assertLess(self.broker.ended(idle).get('cpu', 0), busy)
        self.assertGreater(busy, 1000)

    def test_a_server_that_ends_with_its_run_leaves_its_peak_of_memory(self):
        run, talk = self.begin(self.task())
        talk.say('exit 3')
        record = self.broker.ended(run)
        self.assert_outcome(record, 'abandoned', detail='exited', result=3)
        self.assertGreater(record['memory'], 500 << 10)


class Quarantine(Case):
    def test_it_lifts_itself_and_one_good_start_ends_it(self):
        package = Package(self.broker, arguments='--exit 1')
        task = self.broker.register(package, 'ok')
        for pauses in ((2, 3, 5, 9), (36, 72, 144, 288)):
            run = self.broker.run(task)
            for pause in pauses:
                eventually(lambda: 'backing-off' in self.broker.why(task))
                eventually(lambda: not any(row['state'] == 'starting' for row in self.broker.runs()))
                self.broker.advance(pause)
            self.assert_outcome(self.broker.ended(run), 'not-started', detail='exited', attempts=5)
        self.broker.request(task)
        self.assertEqual(set(self.broker.why(task)), {'quarantined'})
        # The program is mended in place, as a user does who has seen the log.
        package.servers = [('server', package.servers[0][1], '')]
        (package.folder / 'server').rename(package.folder / 'real')
        (package.folder / 'server').write_text(
            f'#!/bin/sh\nexec "{package.folder}/real" --class {package.servers[0][1][0]}\n', encoding='utf-8')
        (package.folder / 'server').chmod(0o755)
        self.broker.begin_advance(HOUR // 10**6)
        self.assert_outcome(self.broker.next_end(), 'completed')
        self.assert_outcome(self.broker.outcome(task), 'completed')
        self.assertEqual(set(self.broker.why(task)), {'waiting-for-trigger'})
        self.assertEqual(len(processes(self.broker.folder)), 2, 'the broker and the server')
