# SPDX-License-Identifier: MIT
"""Runs, from their start to their outcome: activation, progress, cancellation, deferrals, retries."""

import contextlib
import ctypes
import os
import signal

from bus_client import Client
from harness import ByHand, CLSID, CLSID_2, Case, MINUTE, Package, Running, SECOND, describe, eventually, kill, \
    processes, times, wait_gone

GRACE = 5  # seconds from Canceled to SIGTERM
ABORT, USER = 0, 101
REASONS = ('Abort', 'Terminating', 'LoggingOff', 'ServicingUpdate', 'IdleTask', 'Uninstall', 'ConditionLoss',
           'SystemPolicy', 'QuietHoursEntered', 'ExecutionTimeExceeded', 'ResourceRevocation', 'EnergySaver')


PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT = 17, 0x4206, 0x4207
WALL = 0x40000000


@contextlib.contextmanager
def traced(case, pid):
    """While it lasts, this process traces the other, as a debugger does."""
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if ptrace(PTRACE_SEIZE, pid, None, None) < 0:
        case.skipTest(f'ptrace is not allowed here: {os.strerror(ctypes.get_errno())}')
    yield
    ptrace(PTRACE_INTERRUPT, pid, None, None)
    os.waitpid(pid, WALL)
    ptrace(PTRACE_DETACH, pid, None, None)


class Activation(Running):
    def test_a_cold_start_launches_the_server_and_is_told_step_by_step(self):
        run = self.broker.run(self.task())
        self.broker.state_of(run, 'starting')
        talk = self.package.talk_of(run)
        self.broker.state_of(run, 'running')
        self.assertEqual((talk.attempt, talk.count, talk.fired_by, talk.name), (1, 1, 'manual', 'control'))
        self.assertEqual(os.readlink(f'/proc/{talk.pid}/exe'), str(self.package.folder / 'server'))
        self.assertEqual(os.readlink(f'/proc/{talk.pid}/cwd'), str(self.package.folder))
        self.assertEqual([row['pid'] for row in self.broker.runs()], [talk.pid])
        talk.end(5)
        ended = self.broker.ended(run)
        self.assert_outcome(ended, 'completed', result=5, attempts=1, count=1)
        self.assertEqual(self.broker.history(), [ended])

    def test_a_warm_start_finds_the_same_process(self):
        task = self.task()
        pids, servers = set(), set()
        for _ in range(3):
            run, talk = self.begin(task)
            talk.end()
            pids.add(talk.pid)
            servers.add(self.broker.ended(run)['server'])
        self.assertEqual((len(pids), len(servers)), (1, 1))

    def test_two_tasks_on_one_class_are_told_apart_by_their_names(self):
        first, second = self.begin(self.task('control-a')), self.begin(self.task('control-b'))
        self.assertEqual((first[1].name, second[1].name), ('control-a', 'control-b'))
        self.assertEqual(first[1].pid, second[1].pid)
        for run, talk in (first, second):
            talk.end()
            self.assert_outcome(self.broker.ended(run), 'completed')

    def test_a_server_gets_a_fixed_environment_and_not_the_caller_s(self):
        _, talk = self.begin(self.task())
        with open(f'/proc/{talk.pid}/environ', 'rb') as file:
            names = {line.partition(b'=')[0].decode() for line in file.read().split(b'\0') if line}
        self.assertTrue({'HOME', 'USER', 'LANG', 'PATH', 'BGTASK_BUS', 'BGTASK_FD', 'BGTASK_PACKAGE',
                         'BGTASK_LOCAL_FOLDER'} <= names, names)
        self.assertFalse({'NOTIFY_SOCKET', 'BGTASK_AUTOSTART', 'TZ'} & names, names)
        talk.end()

    def test_a_singleuse_server_serves_one_run_each(self):
        self.package.servers = [('server', (CLSID,), '--regcls 0 --wait 1')]
        self.package.write(self.package.manifest())
        self.package.install()
        task = self.task()
        pids = set()
        for _ in range(2):
            run, talk = self.begin(task)
            talk.end()
            self.assert_outcome(self.broker.ended(run), 'completed')
            pids.add(talk.pid)
        self.assertEqual(len(pids), 2)
        for pid in pids:
            self.assertTrue(wait_gone(pid))

    def test_two_servers_with_one_class_the_newest_serves_and_then_the_other(self):
        first, second = (ByHand(self.broker, self.package) for _ in range(2))
        task = self.task('ok')
        for server in (second, first):
            run = self.broker.run(task)
            of = server.next_run()
            self.assertEqual(of[0], run)
            server.complete(*of)
            self.assert_outcome(self.broker.ended(run), 'completed', server=server.info['server'])
            server.close()
            eventually(lambda: self.broker.status()['servers'] < 2)
        run, talk = self.begin(self.task())
        self.assertNotEqual(talk.pid, os.getpid())
        talk.end()

    def test_a_revoked_class_object_gives_way_to_the_one_before(self):
        first, second = (ByHand(self.broker, self.package) for _ in range(2))
        second.call('RevokeClass', 'u', second.cookie)
        run = self.broker.run(self.task('ok'))
        of = first.next_run()
        first.complete(*of)
        self.assert_outcome(self.broker.ended(run), 'completed', server=first.info['server'])

    def test_a_suspended_class_is_not_used_until_it_is_resumed(self):
        server = ByHand(self.broker, self.package, flags=1 | 4)
        _, talk = self.begin(self.task())
        kill(talk.pid)
        self.assertNotEqual(self.broker.next_end()['server'], server.info['server'])
        server.call('ResumeClasses')
        run = self.broker.run(self.task('ok'))
        of = server.next_run()
        self.assertEqual(of[0], run)
        server.complete(*of)
        self.assert_outcome(self.broker.ended(run), 'completed')
        server.call('SuspendClasses')
        run = self.broker.run(self.task('ok-2'))
        self.assertNotEqual(self.broker.ended(run)['server'], server.info['server'])

    def test_a_server_that_refuses_is_tried_again_and_then_named(self):
        server = ByHand(self.broker, self.package)
        task = self.task('ok')
        run = self.broker.run(task)
        for pause in (2, 3, 5, 9, 0):
            server.client.answer(server.client.next_call('Run'), 'org.test.Error.NotToday')
            if pause:
                eventually(lambda: 'backing-off' in self.broker.why(task))
                self.broker.begin_advance(pause)
        self.assert_outcome(self.broker.ended(run), 'not-started', detail='refused', attempts=5)

    def test_a_warm_server_that_is_stopped_gives_way_to_a_cold_one(self):
        task = self.task('ok')
        first = self.broker.outcome(task)
        pid, = (pid for pid in processes(self.broker.folder) if pid != self.broker.process.pid)
        os.kill(pid, signal.SIGSTOP)
        eventually(lambda: describe(pid).split()[1] == 'T')
        self.addCleanup(kill, pid)
        run = self.broker.run(task)
        self.broker.advance_past(12)
        ended = self.broker.ended(run)
        self.assert_outcome(ended, 'completed', attempts=2)
        self.assertNotEqual(ended['server'], first['server'])

    def test_a_server_leaves_only_when_the_broker_agrees(self):
        server = ByHand(self.broker, self.package)
        run = self.broker.run(self.task('ok'))
        of = server.next_run()
        self.assertFalse(server.call('AskToGo'))
        server.complete(*of)
        self.assert_outcome(self.broker.ended(run), 'completed')
        server.client.next_call('Recorded')
        self.assertTrue(server.call('AskToGo'))
        run = self.broker.run(self.task('ok-2'))
        self.assertNotEqual(self.broker.ended(run)['server'], server.info['server'])


class Progress(Running):
    def test_progress_reaches_a_watcher_and_the_record(self):
        run, talk = self.begin(self.task())
        talk.ask('progress 10')
        self.broker.progress(run, 10)
        self.assertEqual(self.broker.runs()[0]['progress'], 10)
        talk.ask('progress 4000000000')
        self.broker.progress(run, 4000000000)
        talk.end()
        self.assert_outcome(self.broker.ended(run), 'completed', progress=4000000000)

    def test_a_flood_of_values_is_thinned_out_and_the_last_one_always_comes(self):
        run, talk = self.begin(self.task())
        before = memory(self.broker.process.pid)
        n = min(times(1_000_000), 1_000_000)
        talk.ask(f'flood {n}')
        talk.end()
        self.assert_outcome(self.broker.ended(run), 'completed', progress=n)
        values = [signal.body[3] for signal in self.broker.watcher.signals if signal.member == 'Progress']
        self.assertEqual(values[-1], n)
        self.assertLess(len(values), 1000)
        self.assertEqual(values, sorted(values))
        self.assertLess(memory(self.broker.process.pid), before + (64 << 20))

    def test_a_flood_of_a_server_by_hand_does_not_stop_others(self):
        server = ByHand(self.broker, self.package)
        run = self.broker.run(self.task('ok'))
        of = server.next_run()
        for value in range(1, 20001):
            server.progress(*of, value)
        self.assertIn('version', self.broker.status())
        server.complete(*of)
        self.assert_outcome(self.broker.ended(run), 'completed', progress=20000)

    def test_progress_after_the_end_and_a_second_complete_change_nothing(self):
        server = ByHand(self.broker, self.package)
        run = self.broker.run(self.task('ok'))
        of = server.next_run()
        server.progress(*of, 3)
        server.complete(*of, 1)
        server.progress(*of, 4)
        server.complete(*of, -5)
        server.call('SuspendClasses')
        self.assert_outcome(self.broker.ended(run), 'completed', result=1, progress=3)
        self.assertEqual([row['run'] for row in self.broker.history()], [run])

    def test_a_run_of_another_server_cannot_be_completed(self):
        mine, other = (ByHand(self.broker, self.package) for _ in range(2))
        run = self.broker.run(self.task('ok'))
        of = other.next_run()
        mine.progress(*of, 99)
        mine.complete(*of, -1)
        mine.call('SuspendClasses')
        self.assertEqual([(row['state'], row['progress']) for row in self.broker.runs()], [('running', 0)])
        other.complete(*of)
        self.assert_outcome(self.broker.ended(run), 'completed', result=0, progress=0)


def memory(pid):
    with open(f'/proc/{pid}/status', encoding='ascii') as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith('RssAnon'))


class Cancelling(Running):
    def test_every_reason_reaches_the_handler_and_the_record(self):
        task = self.task()
        for number, name in (*enumerate(REASONS), (USER, 'User')):
            run, talk = self.begin(task)
            self.assertEqual(self.broker.call('Cancel', 'su', task, number), 1)
            self.assertEqual(talk.canceled(), number)
            self.assertEqual(talk.ask('reason'), number)
            self.assertIn('stopping', self.codes(task))
            talk.end(-125)
            outcome = {'ConditionLoss': 'pending', 'EnergySaver': 'pending',
                       'ExecutionTimeExceeded': 'timed-out'}.get(name, 'canceled')
            if outcome != 'pending':
                self.assert_outcome(self.broker.ended(run), outcome, reason=name, result=-125)
                continue
            again = self.package.talk_of(run)
            self.assertEqual(again.attempt, 2)
            again.end()
            self.assert_outcome(self.broker.ended(run), 'completed', attempts=2)

    def test_a_canceled_run_that_completes_all_the_same_stays_canceled(self):
        task = self.task()
        run, talk = self.begin(task)
        self.broker.call('Cancel', 'su', task, 7)
        talk.canceled()
        talk.end(0)
        self.assert_outcome(self.broker.ended(run), 'canceled', reason='SystemPolicy', result=0)

    def test_the_first_reason_stays(self):
        task = self.task()
        run, talk = self.begin(task)
        self.broker.call('Cancel', 'su', task, 7)
        self.broker.call('Cancel', 'su', task, 4)
        self.assertEqual(talk.canceled(), 7)
        talk.end(-1)
        self.assert_outcome(self.broker.ended(run), 'canceled', reason='SystemPolicy')

    def test_the_command_line_cancels_by_name_and_by_run(self):
        task = self.task()
        run, talk = self.begin(task)
        done = self.broker.bgtask('cancel', '--reason', 'SystemPolicy', 'control')
        self.assertEqual((done.status, done.out), (0, 'canceled control (SystemPolicy)\n'))
        talk.end()
        self.assert_outcome(self.broker.ended(run), 'canceled', reason='SystemPolicy')
        run, talk = self.begin(task)
        self.assertEqual(self.broker.bgtask('cancel', '--run', run).status, 0)
        self.assertEqual(talk.canceled(), USER)
        talk.end()
        self.assert_outcome(self.broker.ended(run), 'canceled', reason='User')

    def test_a_firing_that_waits_is_dropped_by_a_cancellation(self):
        self.broker.condition('UserPresent', 'false')
        task = self.task('ok', conditions=['UserPresent'])
        self.broker.request(task)
        self.assertEqual(self.codes(task), {'condition-false'})
        self.broker.call('Cancel', 'su', task, USER)
        self.assert_outcome(self.broker.next_end(), 'canceled', reason='User')
        self.broker.condition('UserPresent', 'true')
        self.assertEqual(self.codes(task), {'waiting-for-trigger'})

    def test_a_run_over_its_time_limit_is_timed_out(self):
        task = self.task(time_limit=('t', 30 * SECOND))
        run, talk = self.begin(task)
        self.broker.advance(29)
        self.assertEqual(self.broker.runs()[0]['state'], 'running')
        self.broker.begin_advance(2)
        self.assertEqual(talk.canceled(), 9)
        talk.end()
        self.assert_outcome(self.broker.ended(run), 'timed-out', reason='ExecutionTimeExceeded')

    def test_a_debugger_stops_the_time_limit(self):
        run, talk = self.begin(self.task(time_limit=('t', 30 * SECOND)))
        pid = self.broker.runs()[0]['pid']
        with traced(self, pid):
            self.broker.advance(3600)
            self.assertEqual(self.broker.runs()[0]['state'], 'running')
        self.broker.begin_advance(31)
        self.assertEqual(talk.canceled(), 9)
        talk.end()
        self.assert_outcome(self.broker.ended(run), 'timed-out', reason='ExecutionTimeExceeded')

    def test_time_that_the_machine_sleeps_is_not_a_run_s(self):
        run, talk = self.begin(self.task(time_limit=('t', 30 * SECOND)))
        self.broker.suspend(3600)
        self.assertEqual(self.broker.runs()[0]['state'], 'running')
        talk.end()
        self.assert_outcome(self.broker.ended(run), 'completed')

    def test_a_lost_condition_cancels_after_2_seconds_and_the_firing_waits_for_it(self):
        self.broker.condition('OnACPower', 'true')
        task = self.task(conditions=['OnACPower'], cancel_on_condition_loss=('b', True))
        run, talk = self.begin(task, satisfied=True)
        self.broker.condition('OnACPower', 'false')
        self.broker.advance(1)
        self.broker.condition('OnACPower', 'true')
        self.broker.advance(10)
        self.assertEqual(self.broker.runs()[0]['state'], 'running')
        self.broker.condition('OnACPower', 'false')
        serial = self.broker.begin_advance(3)
        self.assertEqual(talk.canceled(), 6)
        talk.end(-125)
        self.broker.client.wait(serial)
        self.assertEqual(self.codes(task), {'condition-false'})
        self.broker.condition('OnACPower', 'true')
        again = self.package.talk_of(run)
        self.assertEqual(again.attempt, 2)
        again.end()
        self.assert_outcome(self.broker.ended(run), 'completed', attempts=2)

    def test_who_became_an_app_is_given_up_and_left_alone(self):
        task = self.task()
        run, talk = self.begin(task)
        self.addCleanup(kill, talk.pid)
        self.assertEqual(talk.ask('app'), 0)
        self.broker.call('Cancel', 'su', task, ABORT)
        self.assertEqual(talk.canceled(), ABORT)
        self.broker.advance_past(GRACE)
        self.assert_outcome(self.broker.ended(run), 'canceled', reason='Abort')
        run, other = self.begin(task)
        self.assertNotEqual(other.pid, talk.pid, 'its class object is withdrawn')
        other.end()
        self.assert_outcome(self.broker.ended(run), 'completed')
        self.assertEqual(talk.ask('progress 1'), 0, 'it lives')
        kill(talk.pid)

    def test_who_became_an_app_is_left_alone_by_the_next_broker_too(self):
        task = self.task()
        run, talk = self.begin(task)
        self.addCleanup(kill, talk.pid)
        self.assertEqual(talk.ask('app'), 0)
        self.broker.kill()
        self.broker.start()
        eventually(lambda: 'unconfirmed' not in self.broker.why(task))
        self.broker.call('Cancel', 'su', task, ABORT)
        self.assertEqual(talk.canceled(), ABORT)
        self.broker.advance_past(GRACE)
        self.assert_outcome(self.broker.ended(run), 'canceled', reason='Abort')
        self.assertEqual(talk.ask('progress 1'), 0, 'it lives')
        kill(talk.pid)

    def test_what_nobody_launched_is_given_up_and_left_alone(self):
        server = ByHand(self.broker, self.package)
        task = self.task('ok')
        run = self.broker.run(task)
        server.next_run()
        self.broker.call('Cancel', 'su', task, ABORT)
        self.assertEqual(server.client.next_call('Cancel').body[2], ABORT)
        self.broker.advance_past(GRACE)
        self.assert_outcome(self.broker.ended(run), 'canceled', reason='Abort')
        run = self.broker.run(task)
        self.assertNotEqual(self.broker.ended(run)['server'], server.info['server'])


class Stubborn(Running):
    """The ladder, in real time."""

    broker_options = {'test_clock': False}

    def test_who_ignores_a_cancellation_is_killed_with_all_its_children(self):
        task = self.task()
        run, talk = self.begin(task)
        child = talk.ask('child')
        self.assertGreater(child, 0)
        begin = os.times().elapsed
        self.broker.call('Cancel', 'su', task, ABORT)
        self.assertEqual(talk.canceled(), ABORT)
        self.assert_outcome(self.broker.ended(run), 'canceled', reason='Abort')
        self.assertGreater(os.times().elapsed - begin, 4.9)
        for pid in (talk.pid, child):
            self.assertTrue(wait_gone(pid, 10), f'{pid} lives')
        self.assertEqual(processes(self.broker.folder), [self.broker.process.pid])


class Ending(Running):
    def test_a_deferral_keeps_the_run_alive_until_it_is_completed(self):
        run, talk = self.begin(self.task())
        talk.ask('defer')
        talk.ask('progress 7')
        self.broker.progress(run, 7)
        self.assertEqual(self.broker.runs()[0]['state'], 'running')
        talk.end(3)
        self.assert_outcome(self.broker.ended(run), 'completed', result=3, progress=7)

    def test_a_server_that_exits_with_a_run_or_a_deferral_open_leaves_it_abandoned(self):
        task = self.task()
        for command in ('exit 0', 'exit 3', 'kill 9', 'kill 6', 'defer'):
            with self.subTest(command):
                run, talk = self.begin(task)
                if command == 'defer':
                    talk.ask('defer')
                talk.say('exit 0' if command == 'defer' else command)
                self.assert_outcome(self.broker.ended(run), 'abandoned', attempts=1)

    def test_a_server_that_executes_itself_anew_has_lost_its_run_and_serves_the_next_one(self):
        task = self.task()
        run, talk = self.begin(task)
        talk.say('begin-anew')
        ended = self.broker.ended(run)
        self.assert_outcome(ended, 'failed', attempts=1)
        self.assertIn('lost', ended['text'])
        _, other = self.begin(task)
        self.assertEqual(other.pid, talk.pid)
        other.end()

    def test_a_child_that_holds_the_connection_open_does_not_hide_the_end(self):
        run, talk = self.begin(self.task())
        child = talk.ask('child')
        self.addCleanup(kill, child)
        talk.say('exit 0')
        self.assert_outcome(self.broker.ended(run), 'abandoned')
        kill(child)

    def test_a_negative_result_is_a_failure(self):
        ended = self.broker.outcome(self.task('fail-5'))
        self.assert_outcome(ended, 'failed', result=-5, attempts=1)
        self.assertIn('Input/output error', ended['text'])

    def test_a_task_that_asked_for_it_is_tried_again_after_doubled_pauses(self):
        task = self.task('fail-5', retry_max=('u', 2), retry_backoff=('t', 10 * SECOND))
        run = self.broker.run(task)
        for pause in (10, 20):
            eventually(lambda: 'waiting-for-retry' in self.broker.why(task))
            self.assertIn('failed', self.broker.why(task)['waiting-for-retry'][0])
            self.broker.advance(pause - 1)
            self.assertIn('waiting-for-retry', self.broker.why(task))
            self.broker.advance(1)
        self.assert_outcome(self.broker.ended(run), 'failed', result=-5, attempts=3)

    def test_an_abandoned_run_is_tried_again_if_the_task_asked_for_it(self):
        task = self.task(retry_max=('u', 1), retry_backoff=('t', SECOND))
        run, talk = self.begin(task)
        talk.say('kill 9')
        eventually(lambda: 'waiting-for-retry' in self.broker.why(task))
        self.broker.advance(2)
        again = self.package.talk_of(run)
        self.assertEqual(again.attempt, 2)
        again.end()
        self.assert_outcome(self.broker.ended(run), 'completed', attempts=2)

    def test_a_run_may_name_the_pause_before_its_next_attempt(self):
        task = self.task(retry_max=('u', 1), retry_backoff=('t', SECOND))
        run, talk = self.begin(task)
        talk.ask(f'retry-after {300 * SECOND}')
        talk.end(-11)
        eventually(lambda: 'waiting-for-retry' in self.broker.why(task))
        self.broker.advance(298)
        self.assertIn('waiting-for-retry', self.broker.why(task))
        self.broker.advance(4)
        self.package.talk_of(run).end()
        self.assert_outcome(self.broker.ended(run), 'completed', attempts=2)

    def test_a_firing_that_could_not_start_in_time_expires(self):
        self.broker.condition('UserPresent', 'false')
        task = self.task('ok', conditions=['UserPresent'], expires=('t', MINUTE))
        self.broker.request(task)
        self.broker.advance(61)
        self.assert_outcome(self.broker.next_end(), 'expired')

    def test_a_firing_whose_deadline_has_passed_runs_although_conditions_fail(self):
        self.broker.condition('UserPresent', 'false')
        task = self.task('ok', conditions=['UserPresent'], deadline=('t', MINUTE))
        self.broker.request(task)
        self.broker.advance(61)
        self.assert_outcome(self.broker.next_end(), 'completed')


class Servers(Case):
    def test_two_servers_of_one_package_serve_a_class_each(self):
        package = Package(self.broker, servers=[('one', (CLSID,), ''), ('two', (CLSID_2,), '')]).listen()
        for clsid, name in ((CLSID, 'one'), (CLSID_2, 'two')):
            run = self.broker.run(self.broker.register(package, f'control-{name}', clsid=clsid))
            talk = package.talk_of(run)
            self.assertEqual(os.readlink(f'/proc/{talk.pid}/exe'), str(package.folder / name))
            talk.end()
            self.assert_outcome(self.broker.ended(run), 'completed')

    def test_shutdown_cancels_all_runs_with_its_reason_and_ends_the_broker(self):
        package = Package(self.broker).listen()
        run = self.broker.run(self.broker.register(package, 'control'))
        talk = package.talk_of(run)
        with Client(str(self.broker.bus)) as client:
            shutdown = client.send('Shutdown', 'u', 2)
            self.assertEqual(talk.canceled(), 2)
            client.call('Status')
            self.assertNotIn(shutdown, client.answers, 'answered while a run is alive')
            talk.end()
            client.wait(shutdown)
            self.assertTrue(client.peer_is_gone())
        self.assertEqual(self.broker.process.wait(60), 3)
        self.broker.start()
        self.assert_outcome(self.broker.history()[0], 'canceled', reason='LoggingOff')
        self.assertEqual(self.broker.history()[0]['run'], run)
