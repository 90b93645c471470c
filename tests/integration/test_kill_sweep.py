# SPDX-License-Identifier: MIT
"""The broker is killed at each system call, one after the other, that it makes from a request to the run's outcome.

What was answered Allowed ends exactly once, completed, with each of its lines once; what was not answered ends at most
once.
"""

import contextlib
import ctypes
import os
import pathlib
import platform
import threading
import unittest

from bus_client import Lost
from harness import Broker, Case, Package, Running, SCALE, eventually, processes

ALLOWED = 0
LINES = 2
# Far more than a run needs: a sweep ends with the first run that is over before the broker has made so many.
MOST = 2000
STEP = max(1, round(1 / SCALE))
SEIZE, INTERRUPT, SYSCALL, WHICH = 0x4206, 0x4207, 24, 0x420e
TRACESYSGOOD, SYSCALL_STOP = 1, 0x85
WALL = 0x40000000
# Of struct ptrace_syscall_info: whether it is an exit, the number of the call, what it returned.
INFO_SIZE, AT_EXIT, NUMBER_OFFSET = 88, 2, 24
# clone, fork, vfork and clone3 of x86-64.
SPAWNS = (56, 57, 58, 435)


def threads(pid):
    """{id: name}"""
    folder = pathlib.Path(f'/proc/{pid}/task')
    return {int(task.name): (task / 'comm').read_text(encoding='utf-8').strip() for task in folder.iterdir()}


class KillAt:
    """Kills a process when a thread of it, by default the main one, enters its n-th system call from now on, or one
    that wanted() wants; stop() ends it in any case."""

    def __init__(self, pid, n, thread=None):
        self.pid = pid
        self.tid = thread or pid
        self.left = n
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.ready = threading.Event()
        self.error = 0
        self.thread = threading.Thread(target=self.trace)
        self.thread.start()
        self.ready.wait()

    def ptrace(self, request, data=0):
        """The error, or 0."""
        return 0 if self.libc.ptrace(request, self.tid, None, ctypes.c_void_p(data)) >= 0 else ctypes.get_errno()

    def trace(self):
        entered = True
        # What fails later fails because the process is killed, perhaps before anybody has looked at this.
        self.error = self.ptrace(SEIZE, TRACESYSGOOD) or self.ptrace(INTERRUPT)
        if self.error:
            self.ready.set()
            return
        while True:
            _, status = os.waitpid(self.tid, WALL)
            if not os.WIFSTOPPED(status):
                return
            self.ready.set()
            if os.WSTOPSIG(status) == SYSCALL_STOP:
                # The first stop is where it comes out of the call in which it waited.
                entered = not entered
                self.left -= entered
                if self.left == 0 or self.is_wanted():
                    os.kill(self.pid, 9)
            self.ptrace(SYSCALL)

    def is_wanted(self):
        return False

    def stop(self):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, 9)
        self.thread.join()
        # Its other threads may be there still; a server is not our child.
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


class KillAtSpawn(KillAt):
    """Kills it when it has started a process and does not know yet which."""

    number = None

    def is_wanted(self):
        info = ctypes.create_string_buffer(INFO_SIZE)
        self.libc.ptrace(WHICH, self.tid, ctypes.c_void_p(INFO_SIZE), info)
        value = int.from_bytes(info.raw[NUMBER_OFFSET:NUMBER_OFFSET + 8], 'little', signed=True)
        if info.raw[0] == AT_EXIT:
            return self.number in SPAWNS and value > 0
        self.number = value
        return False


class Sweep(Case):
    broker_options = {'test_clock': False}

    def kill_at(self, n, thread=''):
        """thread: the name of one of the broker's; "": the main one."""
        pid = self.broker.process.pid
        if thread:
            # The store has a thread from its first commit on.
            eventually(lambda: thread in threads(pid).values())
        tids = [tid for tid, name in threads(pid).items() if thread and name == thread]
        killer = KillAt(pid, n, *tids)
        if killer.error:
            self.skipTest(f'the broker may not be traced here: {os.strerror(killer.error)}')
        return killer

    def restart(self, killer):
        killer.stop()
        self.broker.process.returncode = -9
        self.broker.start()

    def request(self, task):
        """The run's id if it was allowed, None if nobody answered."""
        try:
            result, run = self.broker.request(task)
            self.assertEqual(result, ALLOWED)
            return run
        except (Lost, OSError):
            return None

    def recorded(self, task, run):
        """Whether the broker lives until the outcome is in the history."""
        try:
            return run and self.broker.ended(run) and self.broker.history(task)
        except (Lost, OSError):
            return False

    def check(self, task, run, seen):
        """All that was accepted has ended; the record is the run's."""
        eventually(lambda: not self.broker.runs(task), 'the end of what was accepted')
        rows = [row for row in self.broker.history(task) if row['run'] not in seen]
        self.assertLessEqual(len(rows), 1)
        if run:
            self.assertEqual([row['run'] for row in rows], [run])
        for row in rows:
            self.assert_outcome(row, 'completed', progress=LINES)
            lines = [line for line in self.broker.lines(task, row['run']) if line.startswith(row['run'])]
            self.assertEqual(lines, [f'{row["run"]} {i}' for i in range(1, LINES + 1)])
            seen.add(row['run'])

    def sweep(self, package, servers, thread=''):
        """Kills at each call of a run that finds so many servers; returns how many calls there were."""
        seen = set()
        for n in range(1, MOST, STEP):
            # A task has at most 100 records.
            if n // 50 != (n - STEP) // 50 or n == 1:
                task = self.broker.register(package, f'count-{LINES}-{n}')
            eventually(lambda: self.broker.status()['servers'] == servers, 'the server of the run before')
            if thread:
                self.broker.call('Unregister', 'sb', self.broker.register(package, 'other'), True)
            killer = self.kill_at(n, thread)
            run = self.request(task)
            over = self.recorded(task, run)
            self.restart(killer)
            with self.subTest(call=n):
                self.check(task, run, seen)
            if over:
                return n
        self.fail('the run does not end')

    def test_a_run_in_a_warm_server_ends_once_at_whichever_call_the_broker_is_killed(self):
        package = Package(self.broker)
        self.broker.outcome(self.broker.register(package, f'count-{LINES}'))
        print(f'# {self.sweep(package, 1)} calls', flush=True)

    def test_a_run_with_a_cold_start_ends_once_at_whichever_call_the_broker_is_killed(self):
        package = Package(self.broker, arguments='--idle 1')
        print(f'# {self.sweep(package, 0)} calls', flush=True)

    def test_a_run_ends_once_at_whichever_call_the_store_is_killed(self):
        package = Package(self.broker)
        self.broker.outcome(self.broker.register(package, f'count-{LINES}'))
        print(f'# {self.sweep(package, 1, "store")} calls', flush=True)

    def server_pid(self):
        found = [pid for pid in processes(self.broker.folder) if pid != self.broker.process.pid]
        return found[0] if len(found) == 1 else None

    def sweep_server(self, task, number):
        """Kills a warm server at each call of its thread of this number; returns how many calls there were."""
        for n in range(1, MOST, STEP):
            self.broker.outcome(task)
            pid = eventually(self.server_pid)
            killer = KillAt(pid, n, sorted(threads(pid))[number])
            if killer.error:
                self.skipTest(f'the server may not be traced here: {os.strerror(killer.error)}')
            run = self.broker.run(task)
            record = self.broker.ended(run)
            over = killer.left > 0
            killer.stop()
            eventually(lambda: self.broker.status()['servers'] == 0, 'the end of the server')
            with self.subTest(call=n, thread=number):
                self.assertIn(record['outcome'], ('completed', 'abandoned', 'failed'))
                rows = eventually(lambda: [row for row in self.broker.history(task) if row['run'] == run])
                self.assertEqual([row['outcome'] for row in rows], [record['outcome']])
                self.assertEqual(self.broker.runs(task), [])
            if over:
                return n
        self.fail('the run does not end')

    @unittest.skipUnless(os.environ.get('BGTASK_TEST_LONG'), 'a server that was killed is started again ever later')
    def test_a_run_has_one_outcome_at_whichever_call_its_server_is_killed(self):
        package = Package(self.broker)
        task = self.broker.register(package, f'count-{LINES}')
        self.broker.outcome(task)
        for number in range(len(threads(eventually(self.server_pid)))):
            print(f'# thread {number}: {self.sweep_server(task, number)} calls', flush=True)

    def test_a_registration_is_there_if_it_was_answered_and_whole_or_not_at_all_if_not(self):
        package = Package(self.broker)
        tasks = {}
        for n in range(1, MOST, STEP):
            killer = self.kill_at(n)
            name = f'count-{LINES}-{n}'
            try:
                tasks[self.broker.register(package, name)] = name
                over = self.broker.tasks()
            except (Lost, OSError):
                over = None
            self.restart(killer)
            listed = {row['task']: row['name'] for row in self.broker.tasks()}
            self.assertEqual(listed | tasks, listed)
            self.assertLessEqual(set(listed.values()) - set(tasks.values()), {name})
            tasks = listed
            if over:
                break
        self.assertLess(n, MOST - STEP)
        self.assert_outcome(self.broker.outcome(next(iter(tasks))), 'completed')


@unittest.skipUnless(platform.machine() == 'x86_64', 'calls have other numbers here')
@unittest.skipIf({'ASAN_OPTIONS', 'TSAN_OPTIONS'} & set(os.environ), 'a sanitizer alone takes more memory')
class Nameless(Running):
    """A server whose broker could not write down who it is."""

    broker_options = None

    def setUp(self):
        self.broker = Broker(start=False, test_clock=False)
        self.addCleanup(self.finish, self.broker)
        config = self.broker.folder / 'config' / 'bgtask'
        config.mkdir(parents=True)
        (config / 'bgtaskd.conf').write_text('[servers]\nmemory = 100M\n', encoding='ascii')
        self.broker.environment['XDG_CONFIG_HOME'] = str(config.parent)
        self.broker.start()
        self.package = Package(self.broker).listen()

    def test_its_memory_is_looked_at_all_the_same(self):
        task = self.task()
        killer = KillAtSpawn(self.broker.process.pid, MOST)
        if killer.error:
            self.skipTest(f'the broker may not be traced here: {os.strerror(killer.error)}')
        with contextlib.suppress(Lost, OSError):
            self.broker.request(task)
        killer.stop()
        self.broker.process.returncode = -9
        server, = (pid for pid in processes(self.broker.folder) if pid != self.broker.process.pid)
        self.broker.start()
        talk = self.package.next_talk()
        self.assertEqual(talk.pid, server)
        for _ in range(3):
            talk.ask('child 45')
        eventually(lambda: self.broker.history(task))
        record, = self.broker.history(task)
        self.assert_outcome(record, 'canceled', reason='ResourceRevocation')
