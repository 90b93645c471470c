# SPDX-License-Identifier: MIT
"""The shared library against the broker: many threads, parked workers, a loop of the caller's own, the next broker."""

import os
import pathlib
import re
import select
import subprocess
import tempfile
import types
import unittest

from bus_client import TIMEOUT
from harness import CLSID, Case, Package, Running, eventually, processes, times, wait_gone

BUILD = pathlib.Path(os.environ['BGTASK_BUILD_ROOT'])
APP = os.environ['BGTASK_TEST_APP']
LIBRARY = BUILD / 'src/client/libbgtask.so'
LIBC = re.compile(r'libc\.so\.\d+|libc\.musl-.*|ld-.*\.so(\.\d+)?')


class App:
    """A program of the package that nobody launched, which does what it is told; see app.c."""

    def __init__(self, broker, package, *arguments):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen([APP, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, bufsize=0,
                                        env=broker.environment | {'BGTASK_PACKAGE': package.family})
        self.heard, self.rest = [], ''
        self.wait('open 0')

    @property
    def pid(self):
        return self.process.pid

    def say(self, line):
        self.process.stdin.write(line.encode() + b'\n')

    def hear(self):
        """Waits for what it says next; False if it says nothing more."""
        ready, _, _ = select.select([self.process.stdout], [], [], TIMEOUT)
        data = os.read(self.process.stdout.fileno(), 65536) if ready else b''
        *lines, self.rest = (self.rest + data.decode()).split('\n')
        self.heard += lines
        return bool(data)

    def wait(self, *patterns):
        """Waits until it has said something like each of these, in any order."""
        for pattern in patterns:
            while not (found := [line for line in self.heard if re.fullmatch(pattern, line)]):
                if not self.hear():
                    raise AssertionError(f'not said: {pattern}; said: {self.heard}')
            self.heard.remove(found[0])

    def ask(self, line, answer='0'):
        self.say(line)
        self.wait(f'{line.split()[0]} {answer}')

    def quit(self):
        """Its status and what it said on standard error."""
        self.say('quit')
        if not wait_gone(self.pid):
            self.process.kill()
        status = self.process.wait()
        self.errors.seek(0)
        with self.errors, self.process.stdin, self.process.stdout:
            return status, self.errors.read().decode()


def threads(pid):
    return set(os.listdir(f'/proc/{pid}/task'))


class Binary(unittest.TestCase):
    def test_the_library_needs_libc_and_nothing_else(self):
        dynamic = subprocess.run(['readelf', '-d', LIBRARY], capture_output=True, encoding='utf-8', check=True).stdout
        needed = re.findall(r'\(NEEDED\).*\[(.*)\]', dynamic)
        self.assertEqual([name for name in needed if not LIBC.fullmatch(name)
                          and not re.match(r'lib(asan|ubsan|tsan)', name)], [])
        self.assertRegex(dynamic, r'\(SONAME\).*\[libbgtask\.so\.0\]')


class Apps(Case):
    """Programs that nobody launched."""

    def setUp(self):
        super().setUp()
        self.package = Package(self.broker)

    def app(self, *arguments):
        app = App(self.broker, self.package, *arguments)
        self.addCleanup(self.end, app)
        return app

    def end(self, app):
        self.assertEqual(app.quit(), (0, ''))


class Threads(Apps):
    def test_many_threads_register_watch_request_and_serve_on_one_connection(self):
        app = self.app()
        app.ask(f'serve {CLSID}')
        app.ask(f'storm 6 {times(10)}')
        self.assertEqual(self.broker.tasks(), [])
        self.assertEqual({row['outcome'] for row in self.broker.history()}, {'completed'})
        self.assertEqual(len(self.broker.history()), 6 * times(10))

    def test_several_processes_do_so_at_once(self):
        apps = [self.app() for _ in range(3)]
        for app in apps:
            app.ask(f'serve {CLSID}')
        for app in apps:
            app.say(f'storm 3 {times(5)}')
        for app in apps:
            app.wait('storm 0')
        self.assertEqual(self.broker.tasks(), [])
        self.assertEqual(len(self.broker.history()), 9 * times(5))


class Parked(Running):
    def test_a_warm_run_makes_no_thread(self):
        task = self.task('ok')
        self.broker.outcome(task)
        pid, = (pid for pid in processes(self.broker.folder) if pid != self.broker.process.pid)
        before = threads(pid)
        for _ in range(times(100)):
            self.broker.outcome(task)
        # The same threads, not as many others.
        self.assertEqual(threads(pid), before)

    def test_threads_that_many_runs_needed_end_when_they_are_done(self):
        tasks = [self.task(f'control-{i}') for i in range(12)]
        talks = [self.begin(task) for task in tasks]
        pid = talks[0][1].pid
        self.assertEqual({talk.pid for _, talk in talks}, {pid})
        self.assertGreaterEqual(len(threads(pid)), 13)
        for run, talk in talks:
            talk.end()
            self.broker.ended(run)
        # A few stay for the next runs.
        eventually(lambda: len(threads(pid)) <= 7)


class OwnLoop(Apps):
    def test_everything_happens_in_the_loop_of_the_caller_and_no_thread_is_made(self):
        app = self.app('--loop')
        app.ask(f'serve {CLSID}')
        app.ask('register One')
        app.ask('watch One')
        app.ask('request One')
        app.wait('begin One')
        app.say('progress 40')
        app.wait('progress One 40')
        app.ask('threads', '1')
        app.say('end 3')
        app.wait('completed One 3')
        app.ask('request One')
        app.wait('begin One')
        self.broker.call('Cancel', 'su', self.broker.tasks()[0]['task'], 7)
        app.wait('canceled 7')
        app.say('end -125')
        app.wait('completed One -125')


class Requests(Apps):
    """ApplicationTrigger.RequestAsync, as it is answered on Windows."""

    def test_a_request_carries_its_arguments_and_says_what_becomes_of_it(self):
        app = self.app()
        app.ask(f'serve {CLSID}')
        app.ask('register One')
        app.ask('request One red')
        app.wait('begin One colour red')
        app.ask('request One green', '1')
        app.say('end 0')
        task = self.broker.next_end()['task']
        self.broker.call('Pause', 'sb', task, True)
        app.ask('request One blue', '2')
        self.broker.call('Pause', 'sb', task, False)
        app.ask('request One')
        app.wait('begin One')
        app.say('end 0')
        app.ask('request Nothing', 'failed org.bgtask.Error.NoSuchTask')


class InProcess(Apps):
    """Tasks without an entry point: OnBackgroundActivated, and the groups of libraries."""

    def test_a_firing_waits_for_a_process_that_asks_for_the_tasks(self):
        app = self.app()
        app.ask('in-process Own')
        app.ask('in-process Library com.example.library')
        app.ask('groups', '1 com.example.library')
        app.ask('watch Own')
        for name in 'Own', 'Library':
            app.ask(f'request {name} red')
        tasks = {row['name']: row['task'] for row in self.broker.tasks()}
        self.assertEqual({name: set(self.broker.why(task)) for name, task in tasks.items()},
                         {'Own': {'no-host'}, 'Library': {'no-host'}})
        app.ask('host')
        app.wait('begin Own colour red', 'begin Library group com.example.library colour red')
        app.say('end 0')

    def test_it_is_delivered_in_the_loop_of_the_caller_too(self):
        app = self.app('--loop')
        app.ask('in-process Own')
        app.ask('watch Own')
        app.ask('host')
        app.ask('request Own')
        app.wait('begin Own')
        app.ask('threads', '1')
        app.say('end 4')
        app.wait('completed Own 4')

    def test_the_next_broker_finds_the_process_and_its_run(self):
        app = self.app()
        app.ask('in-process Own')
        app.ask('events')
        app.ask('watch Own')
        app.ask('host')
        app.ask('request Own')
        app.wait('begin Own')
        self.broker.kill()
        self.broker.start()
        app.wait('event reconnected')
        app.say('end 5')
        app.wait('completed Own 5')
        app.ask('request Own')
        app.wait('begin Own')
        app.say('end 0')

    def test_a_process_without_a_package_is_refused(self):
        app = App(self.broker, types.SimpleNamespace(family=''))
        self.addCleanup(self.end, app)
        app.ask('host', 'failed org.bgtask.Error.NoIdentity')
        app.ask('access', 'failed org.bgtask.Error.NoIdentity')


class Cost(Apps):
    def test_access_and_the_cost_of_work_are_windows_numbers(self):
        app = self.app()
        app.ask('access', '5')
        for power, present, cost in (('unknown', 'unknown', 0), ('true', 'false', 0), ('false', 'true', 1),
                                     ('false', 'unknown', 1), ('false', 'false', 2)):
            self.broker.condition('OnACPower', power)
            self.broker.condition('UserPresent', present)
            app.ask('cost', str(cost))


class NextBroker:
    """What goes on over the end of a broker that nobody expected."""
    arguments = ()

    def test_live_runs_and_classes_are_announced_again_and_watchers_go_on(self):
        app = self.app(*self.arguments)
        app.ask(f'serve {CLSID}')
        app.ask('events')
        for name in 'One', 'Two':
            app.ask(f'register {name}')
        app.ask('watch One')
        app.ask('request One')
        app.wait('begin One')
        app.say('progress 10')
        app.wait('progress One 10')
        self.broker.kill()
        app.wait('event disconnected')
        # What is said meanwhile is for the next one.
        app.say('progress 20')
        self.broker.start()
        app.wait('event reconnected', 'progress One 20')
        row, = eventually(lambda: [row for row in self.broker.runs() if row['state'] == 'running'])
        self.assertEqual((row['name'], row['pid'], row['progress'], row['attempt']), ('One', app.pid, 20, 1))
        app.say('end 5')
        app.wait('completed One 5')
        # The class is there again: a run of the other task finds it.
        app.ask('request Two')
        app.wait('begin Two')
        app.say('end 0')
        two, = self.broker.tasks(name='Two')
        self.broker.next_end(lambda task, run: task == two['task'])
        self.assertEqual(sorted((row['name'], row['outcome']) for row in self.broker.history()),
                         [('One', 'completed'), ('Two', 'completed')])

    def test_an_outcome_between_two_brokers_is_told_to_the_second(self):
        app = self.app(*self.arguments)
        app.ask(f'serve {CLSID}')
        app.ask('events')
        app.ask('register One')
        app.ask('watch One')
        app.ask('request One')
        app.wait('begin One')
        self.broker.kill()
        app.wait('event disconnected')
        app.say('end 9')
        self.broker.start()
        app.wait('completed One 9')
        row, = self.broker.history()
        self.assert_outcome(row, 'completed', result=9, attempts=1)


class NextBrokerWithThreads(NextBroker, Apps):
    pass


class NextBrokerInALoop(NextBroker, Apps):
    arguments = ('--loop',)


class ExampleLoops(Case):
    """The examples with a loop of their own, over the end of a broker."""

    def check(self, name):
        folder = BUILD / 'examples' / name / 'package'
        if not (folder / name).exists():
            self.skipTest(f'{name} was not built')
        family, _ = self.broker.call('InstallPackage', 'sa{sv}', str(folder), {})
        done = self.broker.bgtask('register', '--time', '15', 'One')
        self.assertEqual(done.status, 0, done.err)
        task, = self.broker.tasks(family)
        run = self.broker.run(task['task'])
        self.broker.watcher.next_signal(lambda member, *args: member == 'Progress' and args[3] >= 20, TIMEOUT)
        row, = self.broker.runs()
        self.broker.kill()
        self.broker.start()
        again, = eventually(lambda: [row for row in self.broker.runs() if row['state'] == 'running'] or
                            self.broker.history())
        self.assertEqual(again['run'], run)
        if 'pid' in again:
            self.assertEqual(again['pid'], row['pid'])
            self.broker.ended(run)
        row, = self.broker.history()
        self.assert_outcome(row, 'completed', attempts=1, progress=100)

    def test_a_poll_loop_outlives_the_broker(self):
        self.check('poll-loop')

    def test_glib_s_main_loop_outlives_the_broker(self):
        self.check('glib-loop')


if __name__ == '__main__':
    unittest.main()
