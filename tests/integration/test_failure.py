# SPDX-License-Identifier: MIT
"""Who hears of a run that did not complete: the desktop, and a command (docs/semantics.md, section 14)."""

import contextlib
import os
import pathlib
import signal

from bus_client import CLOCK
from harness import Case, eventually, kill, processes
from machine import Bus, Desktop, needs_mock

AT_A_TIME = 8


class Failing(Case):
    """Commands that fail by their own wish."""

    def add(self, *args, text='exit 3', name='task'):
        done = self.broker.bgtask('add', '--json', '--custom', 'x', *args, name, '--', 'sh', '-c', text)
        self.assertEqual(done.status, 0, done.err)
        return done.json['task']


@needs_mock
class Notifications(Failing):
    def setUp(self):
        bus = Bus()
        self.addCleanup(bus.close)
        self.desktop = Desktop(bus)
        self.addCleanup(self.desktop.stop)
        self.broker_options = {'environment': {'DBUS_SESSION_BUS_ADDRESS': bus.address}}
        super().setUp()

    def test_a_failed_run_is_shown_with_its_task_and_how_it_failed(self):
        self.broker.outcome(self.add('--notify-failure', name='<backup> & more'))
        (application, replaces, _, summary, body, actions, hints, timeout), = self.desktop.wait(1)
        self.assertEqual((application, summary, body), ('bgtask', '<backup> & more did not complete',
                                                        'failed: exit status 3'))
        self.assertEqual((replaces, list(actions), hints['urgency'], timeout), (0, [], 1, -1))

    def test_a_newer_failure_of_a_task_takes_the_place_of_the_older_one(self):
        task, other = self.add('--notify-failure'), self.add('--notify-failure', name='other')
        for i, each in enumerate((task, other, task)):
            self.broker.outcome(each)
            self.desktop.wait(i + 1)
        self.assertEqual([call[1] for call in self.desktop.shown()], [0, 0, 1])

    def test_what_a_notification_has_fired_is_not_told_by_one(self):
        listener = self.add('--notify-failure', '--on', 'UserNotificationChangedTrigger', name='listener')
        self.broker.call('Fire', 'sua{sv}', listener, 1, {}, interface=CLOCK)
        self.assert_outcome(self.broker.next_end(), 'failed')
        self.broker.outcome(self.add('--notify-failure', name='last'))
        self.assertEqual([call[3] for call in self.desktop.wait(1)], ['last did not complete'])

    def test_only_what_is_a_failure_is_shown_and_only_after_the_last_attempt(self):
        self.broker.outcome(self.add(name='quiet'))
        self.broker.outcome(self.add('--notify-failure', text='exit 0', name='good'))
        canceled = self.add('--notify-failure', text='sleep 1000', name='canceled')
        run = self.broker.run(canceled)
        self.broker.state_of(run, 'running')
        self.broker.bgtask('cancel', 'canceled')
        self.assert_outcome(self.broker.ended(run), 'canceled')
        retried = self.add('--notify-failure', '--retry', '1', '--retry-backoff', '1m', name='retried')
        run = self.broker.run(retried)
        eventually(lambda: 'waiting-for-retry' in self.broker.why(retried))
        self.broker.begin_advance(60)
        self.assert_outcome(self.broker.ended(run), 'failed', attempts=2)
        self.broker.outcome(self.add('--notify-failure', name='last'))
        self.assertEqual([call[3] for call in self.desktop.wait(2)],
                         ['retried did not complete', 'last did not complete'])

    def test_a_desktop_that_hangs_holds_nothing_and_gets_no_more_than_it_can_bear(self):
        self.desktop.process.send_signal(signal.SIGSTOP)
        for i in range(2 * AT_A_TIME):
            self.broker.outcome(self.add('--notify-failure', name=f'task{i}'))
        self.desktop.process.send_signal(signal.SIGCONT)
        self.assertEqual(len(self.desktop.wait(AT_A_TIME)), AT_A_TIME)
        self.broker.outcome(self.add('--notify-failure', name='later'))
        self.assertEqual(self.desktop.wait(AT_A_TIME + 1)[-1][3], 'later did not complete')

    def test_a_desktop_that_goes_and_comes_back_is_found_again(self):
        self.broker.outcome(self.add('--notify-failure'))
        self.desktop.wait(1)
        self.desktop.mock.ClearCalls()
        self.broker.restart()
        self.broker.outcome(self.broker.tasks()[0]['task'])
        self.desktop.wait(1)


class WithoutDesktop(Failing):
    def test_without_a_session_bus_the_outcome_is_the_same_and_status_says_once_that_nobody_heard(self):
        task = self.add('--notify-failure')
        for _ in range(3):
            self.assert_outcome(self.broker.outcome(task), 'failed')
        problem, = self.broker.status()['problems']
        self.assertEqual(problem, 'failures of tasks cannot be shown on the desktop: there is no session bus')

    @needs_mock
    def test_the_bus_in_the_runtime_folder_is_the_session_bus_where_no_address_is_given(self):
        bus = Bus()
        self.addCleanup(bus.close)
        desktop = Desktop(bus)
        self.addCleanup(desktop.stop)
        os.symlink(bus.path, self.broker.folder / 'bus')
        self.broker.outcome(self.add('--notify-failure'))
        desktop.wait(1)


class Commands(Failing):
    def told(self, n=1):
        """What the command on failure has written, when it has written n lines."""
        def read():
            lines = self.file.read_text(encoding='utf-8').splitlines() if self.file.exists() else []
            return lines if len(lines) >= n else None
        return eventually(read, 'the command on failure')

    def setUp(self):
        super().setUp()
        self.file = pathlib.Path(self.broker.folder, 'told')

    def test_a_command_is_run_on_failure_and_told_which_run_and_how_it_failed(self):
        words = '$BGTASK_NAME|$BGTASK_TASK|$BGTASK_RUN|$BGTASK_OUTCOME|$BGTASK_TEXT'
        task = self.add('--on-failure', f'echo "{words}" >>{self.file}')
        run = self.broker.outcome(task)['run']
        self.assertEqual(self.told(), [f'task|{task}|{run}|failed|failed: exit status 3'])

    def test_it_is_not_run_when_the_run_completes_or_is_canceled(self):
        write = f'echo "$BGTASK_NAME" >>{self.file}'
        self.broker.outcome(self.add('--on-failure', write, text='exit 0', name='good'))
        run = self.broker.run(self.add('--on-failure', write, text='sleep 1000', name='canceled'))
        self.broker.state_of(run, 'running')
        self.broker.bgtask('cancel', 'canceled')
        self.broker.ended(run)
        self.broker.outcome(self.add('--on-failure', write, name='bad'))
        self.assertEqual(self.told(), ['bad'])

    def test_it_runs_for_timers_that_expire_too(self):
        self.broker.bgtask('add', 'task', '--every', '1h', '--when', 'ac', '--expires', '5m', '--on-failure',
                           f'echo "$BGTASK_OUTCOME" >>{self.file}', '--', 'true')
        self.broker.advance(2 * 3600)
        self.assertEqual(self.told()[0], 'expired')

    def test_one_that_cannot_be_run_or_fails_itself_is_told_of_in_the_broker_s_log(self):
        self.broker.outcome(self.add('--on-failure', 'exit 9'))
        eventually(lambda: 'task: what it runs on failure failed itself' in self.broker.errors())
        self.broker.call('Register', 'ss(sa{sv})asa{sv}s', 'commands', 'other', ('ApplicationTrigger', {}), [],
                         {'command': ('as', ['false']), 'on-failure': ('as', ['/nowhere/x'])}, 'fail')
        self.broker.outcome(self.broker.tasks(name='other')[0]['task'])
        eventually(lambda: 'other: cannot run /nowhere/x on failure: No such file or directory' in
                   self.broker.errors())

    def test_no_more_than_eight_run_at_a_time(self):
        task = self.add('--on-failure', f'echo x >>{self.file}; exec sleep 1000')
        for _ in range(AT_A_TIME + 1):
            self.assert_outcome(self.broker.outcome(task), 'failed')
        self.assertEqual(len(self.told(AT_A_TIME)), AT_A_TIME)
        eventually(lambda: 'this one is left out' in self.broker.errors())
        for pid in processes(self.broker.folder):
            with contextlib.suppress(OSError):
                if pathlib.Path(f'/proc/{pid}/comm').read_text(encoding='utf-8') == 'sleep\n':
                    kill(pid)
