# SPDX-License-Identifier: MIT
"""Programs of Windows, built with MinGW, register their tasks and serve them under Wine."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import unittest

from harness import CLI, CLSID, CLSID_2, CLSID_3, TIMEOUT, describe, eventually, kill, processes, times, wait_gone
from wine import LOADER, WineCase, require

PROGRAM = os.environ['BGTASK_TEST_WINE']
MODERN = os.environ['BGTASK_TEST_WINE_MODERN']
MODERN_CLSID = '8e1f6c34-2b7d-4f0a-a593-610d7bc248e9'
SAMPLE = os.environ['BGTASK_TEST_WINE_SAMPLE']
SAMPLE_ASK, SAMPLE_WAIT = (f'5c0a9d31-77e2-4b6f-9d10-3e8b52a4c60{i}' for i in (1, 2))
SERVER = ('<com:ExeServer Executable="bin\\Server.exe" Arguments="{arguments} {clsid}"><com:Class Id="{clsid}"/>'
          '</com:ExeServer>')

MODERN_SERVER = ('<com:ExeServer Executable="bin\\Server.exe" Arguments="serve">'
                 f'<com:Class Id="{MODERN_CLSID}"/></com:ExeServer>')
SAMPLE_SERVER = ('<com:ExeServer Executable="bin\\Server.exe" Arguments="serve">'
                 f'<com:Class Id="{SAMPLE_ASK}"/><com:Class Id="{SAMPLE_WAIT}"/></com:ExeServer>')


def setUpModule():
    require(PROGRAM)


def used(pid):
    """The descriptors, among them what Wine needs for its handles, and the memory of a process in KiB."""
    status = pathlib.Path(f'/proc/{pid}/status').read_text(encoding='utf-8')
    return len(os.listdir(f'/proc/{pid}/fd')), int(status.partition('RssAnon:')[2].split()[0])


class ServerCase(WineCase):
    def install(self, arguments='serve', clsid=CLSID):
        """A package with a copy of the program; removed at the end of the test."""
        self.clsid = clsid
        self.program, folder = self.copy(arguments, PROGRAM, 'bin/server.exe')
        self.family = self.install_folder(folder, SERVER.format(arguments=arguments, clsid=clsid))
        self.addCleanup(self.remove, folder)

    def remove(self, folder):
        self.broker.call('RemovePackage', 's', self.family)
        for pid in self.servers():
            kill(pid)
        eventually(lambda: not self.servers())
        shutil.rmtree(folder)

    def servers(self):
        return [pid for pid in processes(f'BGTASK_PACKAGE={self.family}') if wait_gone(pid, 0) is False]

    def used_by_all(self):
        """By the host, and by what keeps the handles of all."""
        return [used(pid) for pid in processes(f'WINEPREFIX={self.prefix}')
                if 'bgtask-wine-host' in describe(pid) or 'wineserver' in describe(pid)]

    def assert_same(self, before, after, kilobytes):
        self.assertEqual(len(before), len(after))
        for a, b in zip(before, after):
            self.assertLessEqual(b[0], a[0] + 8)
            self.assertLessEqual(b[1], a[1] + 1024 + kilobytes)

    def wine(self, *args):
        done = subprocess.run([LOADER, self.program, *args], env=self.broker.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, encoding='utf-8', timeout=TIMEOUT, check=False)
        return done.stdout + done.stderr

    @contextlib.contextmanager
    def stranger(self, clsid):
        """The program, started by somebody else, as a server of this class."""
        with subprocess.Popen([LOADER, self.program, 'serve', clsid], env=self.broker.environment,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, encoding='utf-8') as stranger:
            try:
                self.assertEqual(stranger.stdout.readline(), 'serves\n')
                yield stranger
            finally:
                stranger.kill()

    def register(self, *names):
        """As the program itself does it; the ids of the tasks."""
        self.assertEqual(self.wine('register', self.clsid, *names), '00000000\n')
        ids = {row['name']: row['task'] for row in self.broker.tasks(self.family)}
        return [ids[name] for name in names]

    def begin(self, task):
        """Starts a run, and waits until its program is at work; the run and the process."""
        run = self.broker.run(task)
        self.broker.progress(run, 1)
        return run, [row['pid'] for row in self.broker.runs() if row['run'] == run][0]

    def cancel(self, run, reason=0):
        self.broker.call('CancelRun', 'su', run, reason)

    def lines(self, task):
        return [line.rstrip() for line in self.broker.lines(task)]

    def assert_outcome(self, outcome, task):
        ended = self.broker.outcome(task)
        self.assertEqual(ended['outcome'], outcome, ended)
        return ended


class Serving(ServerCase):
    def test_a_program_registers_itself_and_is_started_and_run(self):
        self.install()
        complete, fail = self.register('complete', 'fail')
        self.assertEqual(self.assert_outcome('completed', complete)['progress'], 7)
        self.assertIn('complete', self.lines(complete))
        self.assert_outcome('failed', fail)
        self.assertEqual([row['outcome'] for row in self.broker.history(package=self.family)][:2],
                         ['failed', 'completed'])
        # The second run found the server of the first.
        self.assertEqual(len(self.servers()), 1)

    def test_a_program_runs_in_the_prefix_that_its_package_was_installed_with(self):
        self.install()
        self.assertEqual(self.broker.bgtask('install', self.program.parent.parent).status, 0)
        self.addCleanup(self.broker.bgtask, 'import-environment', *self.variables)
        other = {'WINEPREFIX': str(self.broker.folder / 'other')}
        self.broker.bgtask('import-environment', *other, env=other)
        complete, = self.register('complete')
        self.assert_outcome('completed', complete)
        self.assertFalse((self.broker.folder / 'other').exists())

    def test_a_run_is_canceled_on_a_thread_of_wine(self):
        self.install()
        task, = self.register('wait')
        run, _ = self.begin(task)
        self.cancel(run, 7)
        self.assertEqual(self.broker.ended(run)['outcome'], 'canceled')
        self.assertIn('canceled: 7', self.lines(task))

    def test_a_deferral_is_completed_by_another_thread(self):
        self.install()
        task, = self.register('defer')
        self.assert_outcome('completed', task)

    def test_a_program_that_exits_or_crashes_is_told_from_one_that_completes_and_the_next_run_works(self):
        self.install()
        abandon, crash, complete = self.register('abandon', 'crash', 'complete')
        self.assertEqual(self.assert_outcome('abandoned', abandon)['result'], 3)
        self.assert_outcome('completed', complete)
        self.assert_outcome('abandoned', crash)
        self.assert_outcome('completed', complete)

    def test_a_program_that_does_not_end_is_ended_and_leaves_nothing_that_disturbs_the_next(self):
        self.install()
        stubborn, complete = self.register('stubborn', 'complete')
        run, pid = self.begin(stubborn)
        self.cancel(run)
        eventually(lambda: 'canceled: 0' in self.lines(stubborn))
        self.broker.advance_past(4)
        self.assertEqual([row['run'] for row in self.broker.runs()], [run])
        self.broker.advance_past(1)
        self.assertEqual(self.broker.ended(run)['outcome'], 'canceled')
        # It ends as ExitProcess() lets it: time stands still, so that nobody kills it.
        self.assertTrue(wait_gone(pid))
        self.assert_outcome('completed', complete)

    def test_a_program_that_hangs_is_killed_and_does_not_disturb_the_next(self):
        self.install()
        wait, complete = self.register('wait', 'complete')
        run, pid = self.begin(wait)
        os.kill(pid, signal.SIGSTOP)
        self.cancel(run)
        # It is asked to end as ExitProcess() does, which it never hears; then it is killed.
        self.broker.advance_past(5)
        self.assertFalse(wait_gone(pid, 0))
        self.broker.advance_past(2)
        self.assertEqual(self.broker.ended(run)['outcome'], 'canceled')
        self.assertTrue(wait_gone(pid))
        self.assert_outcome('completed', complete)

    def test_a_program_that_is_killed_while_it_is_ended_does_not_disturb_the_next(self):
        self.install()
        stubborn, complete = self.register('stubborn', 'complete')
        for _ in range(times(5)):
            run, pid = self.begin(stubborn)
            self.cancel(run)
            # Nobody says how far the host is; some of the kills come while Wine is at it.
            self.broker.advance_past(5)
            kill(pid)
            self.assertEqual(self.broker.ended(run)['outcome'], 'canceled')
            self.assert_outcome('completed', complete)

    def test_a_program_of_the_same_class_that_hangs_is_named_in_the_log(self):
        self.install()
        complete, = self.register('complete')
        with self.stranger(self.clsid) as stranger:
            stranger.send_signal(signal.SIGSTOP)
            run = self.broker.run(complete)
            eventually(lambda: f'does not answer: {self.clsid}' in self.broker.errors())
        # With its end the broker's own server is found.
        self.assertEqual(self.broker.ended(run)['outcome'], 'completed')

    def test_whenever_a_server_is_killed_the_next_run_works(self):
        self.install()
        wait, complete = self.register('wait', 'complete')
        for _ in range(times(10)):
            run, pid = self.begin(wait)
            kill(pid)
            self.assertEqual(self.broker.ended(run)['outcome'], 'abandoned')
            self.assert_outcome('completed', complete)

    def test_a_server_that_is_killed_takes_nothing_of_other_programs_with_it(self):
        self.install()
        wait, complete = self.register('wait', 'complete')
        with contextlib.ExitStack() as strangers:
            strangers.enter_context(self.stranger(CLSID_2))
            run, pid = self.begin(wait)
            strangers.enter_context(self.stranger(CLSID_3))
            kill(pid)
            self.assertEqual(self.broker.ended(run)['outcome'], 'abandoned')
            # The next server is there only when nothing of the last one is.
            self.assert_outcome('completed', complete)
            for clsid in (CLSID_2, CLSID_3):
                self.assertEqual(self.wine('find', clsid), '00000000\n')
        for clsid in (CLSID_2, CLSID_3):
            self.assertNotEqual(self.wine('find', clsid), '00000000\n')

    def test_many_runs_of_one_server_leave_nothing_in_it_or_in_its_host(self):
        self.install()
        task, = self.register('complete')

        def many():
            for _ in range(times(50)):
                self.assert_outcome('completed', task)
            pid, = self.servers()
            return [used(pid), *self.used_by_all()]

        many()
        self.assert_same(many(), many(), times(50))

    def test_many_servers_leave_nothing_in_their_host(self):
        self.install()
        complete, crash = self.register('complete', 'crash')

        def many():
            for _ in range(times(3)):
                self.assert_outcome('completed', complete)
                pid, = self.servers()
                kill(pid)
                self.assertTrue(wait_gone(pid))
                self.assert_outcome('abandoned', crash)
            return self.used_by_all()

        many()
        self.assert_same(many(), many(), 20 * times(3))

    def test_a_run_goes_on_under_the_next_broker(self):
        self.install()
        task, = self.register('wait')
        run, pid = self.begin(task)
        self.broker.kill()
        self.broker.start()
        self.cancel(run)
        self.assertEqual(self.broker.ended(run)['outcome'], 'canceled')
        # It is the same server still.
        self.assertEqual(self.begin(task)[1], pid)

    def test_a_server_in_a_single_threaded_apartment_is_run(self):
        self.install('sta', CLSID_2)
        complete, wait = self.register('complete', 'wait')
        for _ in range(2):
            self.assert_outcome('completed', complete)
        run, _ = self.begin(wait)
        self.cancel(run)
        self.assertEqual(self.broker.ended(run)['outcome'], 'canceled')

    def test_a_server_that_leaves_after_its_run_is_started_again_for_the_next(self):
        self.install('once', CLSID_3)
        task, = self.register('complete')
        for _ in range(times(3)):
            self.assert_outcome('completed', task)
            eventually(lambda: not self.servers())


@unittest.skipUnless(MODERN, 'there is no C++ of MinGW (./check --wine installs it)')
class Modern(ServerCase):
    """A program in C++ that calls as those do which use a projection of Windows Runtime."""

    def setUp(self):
        super().setUp()
        self.program, folder = self.copy('modern', MODERN, 'bin/server.exe')
        self.family = self.install_folder(folder, MODERN_SERVER)
        self.addCleanup(self.remove, folder)

    def register(self, *names):
        self.assertEqual(self.wine('register', *names), ''.join(f'registered {name}\n' for name in names))
        ids = {row['name']: row['task'] for row in self.broker.tasks(self.family)}
        return [ids[name] for name in names]

    def test_it_registers_what_it_does_not_find_in_all_tasks(self):
        self.register('count')
        self.assertEqual(self.wine('register', 'count', 'wait'), 'has count\nregistered wait\n')
        count, wait = self.broker.tasks(self.family)
        self.assertEqual((count['conditions'], wait['conditions']), (['InternetAvailable'], ['InternetAvailable']))

    def test_its_deferral_completes_the_run_on_another_thread(self):
        count, = self.register('count')
        for _ in range(2):
            self.assertEqual(self.assert_outcome('completed', count)['progress'], 3)
        self.assertEqual(len(self.servers()), 1)

    def test_its_delegate_hears_of_the_cancellation(self):
        wait, = self.register('wait')
        run, _ = self.begin(wait)
        self.cancel(run, 7)
        self.assertEqual(self.broker.ended(run)['outcome'], 'canceled')
        self.assertIn('canceled 7 at 1', self.lines(wait))

    def test_what_it_throws_fails_the_run(self):
        throw, = self.register('throw')
        self.assert_outcome('failed', throw)
        self.assertIn('throws 80070005', self.lines(throw))


@unittest.skipUnless(SAMPLE, 'there is no C++ of MinGW (./check --wine installs it)')
class Sample(ServerCase):
    """A program in C++ that does what samples of Windows do."""

    def setUp(self):
        super().setUp()
        self.program, folder = self.copy('sample', SAMPLE, 'bin/server.exe')
        self.family = self.install_folder(folder, SAMPLE_SERVER)
        self.addCleanup(self.remove, folder)

    def wine(self, *args):
        # No pipe: if Wine is started by this, what stays of it keeps that open. Who comes while Wine is about to leave
        # is turned away before anything has begun, and comes again.
        while True:
            with open(self.broker.folder / 'output', 'w+', encoding='utf-8') as output:
                subprocess.run([LOADER, self.program, *args], env=self.broker.environment, stdin=subprocess.DEVNULL,
                               stdout=output, stderr=output, timeout=TIMEOUT, check=False)
                output.seek(0)
                said = output.read()
            if not said.startswith('wine client error:'):
                return said

    def task(self, name):
        task, = [row['task'] for row in self.broker.tasks(self.family) if row['name'] == name]
        return task

    def test_a_coroutine_awaits_operations(self):
        self.assertEqual(self.wine('access'), 'access 5\naccess 5\n')

    def test_values_are_boxed_and_kept_in_the_settings(self):
        first, second = self.wine('settings').splitlines(), self.wine('settings').splitlines()
        runs = int(first[0].removeprefix('runs '))
        self.assertEqual(second[:3], [f'runs {runs + 1}', 'name Anna -1', 'nobody 0'])
        self.assertLess({'name=Anna', f'runs={runs + 2}'}, set(second))
        self.assertEqual(second[-1], 'failed 8000000b there is nothing at this index or of this key')

    def test_tasks_are_registered_and_found_in_their_group(self):
        self.assertEqual(self.wine('group'), 'of id-1\nof id-1\ngroup id-1 One 2\nin group 11\nin group 3\n')
        for row in self.broker.tasks(self.family):
            self.assertEqual(row['conditions'], ['SessionConnected'])

    def test_what_is_refused_is_thrown_with_what_is_known_of_it(self):
        lines = self.wine('refuse').splitlines()
        self.assertEqual([line[:line.index(': ') + 11].strip() for line in lines],
                         ['unknown class: 80040154', 'no trigger: 80070057', 'unknown clsid: 80040154',
                          'other interface: 80004002', 'own: 80004005'])
        self.assertIn('the class is not registered', lines[0])
        self.assertIn('the task has no trigger', lines[1])
        self.assertIn('declares no class 00000001-0002-0003-0000-000000000000', lines[2])
        self.assertIn('no such interface', lines[3])
        self.assertEqual(lines[4], 'own: 80004005 of my own')

    def test_a_run_is_asked_for_and_heard_of(self):
        for verb in ('request', 'single'):
            self.assertEqual(self.wine(verb, verb), 'requested 0 here 1\ncompleted ask at 100\n'
                                                    f'kept {verb}\n')
            self.assertEqual(self.lines(self.task('ask'))[-3:], ['ask suspended 0 cost 0', 'number=3', f'text={verb}'])
            # What is sent to a process that is about to leave is sent again later, and the time does not pass.
            eventually(lambda: not self.servers())

    def test_a_process_that_asks_serves_the_run_itself(self):
        output = self.wine('both', 'mine')
        self.assertEqual(sorted(output.splitlines()), ['ask suspended 0 cost 0', 'completed ask at 100', 'kept mine',
                                                       'number=3', 'requested 0 here 1', 'text=mine'])
        self.assertEqual(self.lines(self.task('ask')), [])
        # It has ended; the server that the broker has started for nothing takes the next.
        self.assert_outcome('completed', self.task('ask'))
        self.assertEqual(self.lines(self.task('ask')), ['ask suspended 0 cost 0'])

    def test_a_process_serves_two_classes_until_no_run_needs_it(self):
        self.assertEqual(self.wine('register', 'wait', 'w'), 'w 11\n')
        self.assertEqual(self.wine('register', 'ask', 'a'), 'a 11\n')
        run, pid = self.begin(self.task('w'))
        self.assertEqual(self.assert_outcome('completed', self.task('a'))['progress'], 100)
        self.assertEqual(self.servers(), [pid])
        self.cancel(run, 3)
        self.assertEqual(self.broker.ended(run)['outcome'], 'canceled')
        self.assertEqual(self.lines(self.task('w')), ['a suspended 0 cost 0', 'w canceled 3'])
        self.assertTrue(wait_gone(pid))


class SettingUp(WineCase):
    def test_a_prefix_is_set_up_twice_and_put_back(self):
        before = self.registry()
        self.assertEqual(self.broker.bgtask('wine', 'setup').status, 0)
        self.assertEqual(self.registry(), before)
        self.assertIn('bgtask-wine.dll.so', before)
        self.assertEqual(self.broker.bgtask('wine', 'remove').status, 0)
        self.assertNotIn('bgtask', self.registry())

    def test_what_is_not_there_is_not_made_to_be_put_back(self):
        prefix = self.broker.folder / 'none'
        self.assertEqual(self.broker.bgtask('wine', 'remove', prefix).status, 0)
        self.assertFalse(prefix.exists())

    def test_those_who_set_up_a_prefix_at_the_same_time_do_not_disturb_each_other(self):
        started = [subprocess.Popen([CLI, 'wine', 'setup'], env=self.broker.environment, stdin=subprocess.DEVNULL)
                   for _ in range(3)]
        self.assertEqual([one.wait(TIMEOUT) for one in started], [0, 0, 0])

    def registry(self):
        """What Wine writes when nothing of it runs any more, without times."""
        self.wineserver('-k')
        self.wineserver('-w')
        lines = (self.prefix / 'system.reg').read_text(encoding='utf-8', errors='replace').splitlines()
        return '\n'.join(line for line in lines if not line.startswith(('#', '[')))


if __name__ == '__main__':
    unittest.main()
