# SPDX-License-Identifier: MIT
"""The examples, run as their users run them: the sample's primes, the servers with a loop of their own."""

import errno
import os
import pathlib
import re
import select
import signal
import subprocess
import tempfile
import unittest

from harness import JITTER

BUILD = pathlib.Path(os.environ['BGTASK_BUILD_ROOT'])
SOURCE = pathlib.Path(os.environ['BGTASK_SOURCE_ROOT'])
EXAMPLES = BUILD / 'examples'
FAMILY = 'SamplePackagedWinMainBackgroundApp_h91ms92gdsmmt'


def ended(pid):
    """Waits for the end of a process that is not our child."""
    try:
        with open(os.pidfd_open(pid), 'rb', buffering=0) as fd:
            return bool(select.select([fd], [], [], 60)[0])
    except ProcessLookupError:
        return True


def primes(n):
    found, number = [], 2
    while len(found) < n:
        if all(number % p for p in found if p * p <= number):
            found.append(number)
        number += 1
    return found


class ExampleTest(unittest.TestCase):
    package = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='bgtask-examples-')
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.env = dict(os.environ, BGTASK_BUS=str(self.folder / 'run/bus'), BGTASK_AUTOSTART='0', LC_ALL='C.UTF-8',
                        XDG_DATA_HOME=str(self.folder / 'share'), **JITTER)
        self.log = open(self.folder / 'broker.log', 'w+b')
        self.addCleanup(self.log.close)
        self.broker = subprocess.Popen(
            [BUILD / 'src/broker/bgtaskd', '--test-clock', '--state', self.folder / 'state', '--runtime',
             self.folder / 'run'], env=self.env, stderr=self.log, stdin=subprocess.DEVNULL)
        self.addCleanup(self.stop)
        while self.bgtask('status', status=None).returncode != 0:
            self.assertIsNone(self.broker.poll(), 'the broker has ended')
        self.family = self.bgtask('install', EXAMPLES / self.package).stdout.split()[1]
        self.servers = set()

    def stop(self):
        """Removing the package ends its servers, then the broker is told to end."""
        self.bgtask('remove', self.family, status=None)
        for pid in self.servers:
            self.assertTrue(ended(pid), f'the server {pid} stays')
        self.broker.terminate()
        self.log.seek(0)
        self.assertEqual(self.broker.wait(60), 0, self.log.read().decode())
        # A sanitizer that runs in a server can report nowhere else.
        for log in (self.folder / 'state/logs').iterdir():
            lines = log.read_text(encoding='utf-8', errors='replace').splitlines()
            self.assertEqual([line for line in lines if re.search('Sanitizer|runtime error', line)], [])

    def run_program(self, *args, status=0):
        done = subprocess.run(args, env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, encoding='utf-8', timeout=100)
        if status is not None:
            self.assertEqual(done.returncode, status, f'{args}: {done.stdout}{done.stderr}')
        return done

    def bgtask(self, *args, status=0):
        return self.run_program(BUILD / 'src/cli/bgtask', *args, status=status)

    def names(self):
        return sorted(re.findall(r'"name": *"([^"]*)"', self.bgtask('list', '--json').stdout))

    def live(self, task):
        """Progress and process of each live run, as bgtask show has them in its last columns."""
        lines = [line.split() for line in self.bgtask('show', task).stdout.splitlines()]
        runs = [(int(line[-2]), int(line[-1])) for line in lines if len(line) > 4 and line[1] == 'running']
        self.servers |= {pid for _, pid in runs}
        return runs

    def start(self, task):
        """Runs the task; returns the command that watches it."""
        watcher = subprocess.Popen([BUILD / 'src/cli/bgtask', 'run', task], env=self.env, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, encoding='utf-8')
        self.addCleanup(watcher.stdout.close)
        self.addCleanup(watcher.wait)
        return watcher

    def progress(self, watcher, at_least):
        """The values that are told until one is so high."""
        values = []
        while not values or values[-1] < at_least:
            line = watcher.stdout.readline()
            self.assertIn(': progress ', line, values)
            values.append(int(line.split()[-1]))
        return values

    def end(self, watcher):
        """The sentence that says how the run ended, and the exit status."""
        *_, last = watcher.stdout.read().splitlines()
        return last, watcher.wait()


class Primes(ExampleTest):
    package = 'primes/package'

    @property
    def program(self):
        return EXAMPLES / self.package / 'SampleBackgroundApp/SampleBackgroundApp'

    def sample(self, *args, status=0):
        return self.run_program(self.program, *args, status=status)

    def numbers(self, name='numbersQueue.log'):
        text = (self.folder / 'share/bgtask' / FAMILY / 'SampleBackgroundApp' / name).read_text(encoding='ascii')
        self.assertTrue(text.endswith(', '), text[-20:])
        return [int(number) for number in text[:-2].split(', ')]

    def test_the_package_is_the_documentations_and_has_its_family_name(self):
        manifest = (EXAMPLES / self.package / 'AppxManifest.xml').read_bytes()
        self.assertEqual(manifest, (SOURCE / 'tests/data/seed-appxmanifest.xml').read_bytes())
        self.assertTrue(manifest.startswith(b'\xef\xbb\xbf'))
        self.assertEqual(self.program.read_bytes()[:4], b'\x7fELF')
        self.assertEqual(self.family, FAMILY)

    def test_it_registers_in_any_spelling_and_only_once(self):
        self.assertIn('not registered', self.sample().stdout)
        said = 'SampleTask is registered.\n'
        for argument in '-RegisterSampleTask', 'registersampletask', '-REGISTERSAMPLETASK', '--RegisterSampleTask':
            self.assertEqual(self.sample(argument, '-Embedding').stdout, said)
            self.assertEqual(self.names(), ['SampleTask'], argument)
            said = 'SampleTask is registered already.\n'
        self.assertIn('is registered', self.sample().stdout)
        shown = self.bgtask('show', 'SampleTask', '--json').stdout
        for part in '"TimeTrigger"', '"freshness-minutes": 15', '14c5882b-35d3-41be-86b2-5106269b97e6':
            self.assertIn(part.lower(), shown.lower())

    def test_a_mistake_is_said_with_its_remedy(self):
        self.bgtask('remove', self.family)
        done = self.sample('-RegisterSampleTask', status=1)
        self.assertIn('bgtask install', done.stderr)

    def test_progress_rises_and_cancel_writes_the_rest(self):
        self.sample('-RegisterSampleTask')
        watcher = self.start('SampleTask')
        values = self.progress(watcher, 13)
        self.assertEqual(values, sorted(values))
        self.assertGreaterEqual(values[0], 10)
        self.live('SampleTask')
        self.bgtask('cancel', '--reason', 'SystemPolicy', 'SampleTask')
        last, status = self.end(watcher)
        self.assertIn('SystemPolicy', last)
        self.assertEqual(status, 5)
        log = self.bgtask('log', 'SampleTask').stdout
        n = int(re.search(r'ends with (\d+) primes: all written', log)[1])
        self.assertIn('looking for primes', log)
        self.assertEqual(self.numbers(), primes(n))
        self.assertIn('SystemPolicy', self.bgtask('history', 'SampleTask').stdout)

    def test_the_timer_starts_it_and_the_second_time_finds_the_server(self):
        self.sample('-RegisterSampleTask')
        self.assertIn('waiting-for-time', self.bgtask('why', '--json', 'SampleTask').stdout)
        self.bgtask('simulate', '--advance', '14m')
        self.assertEqual(self.live('SampleTask'), [])
        self.bgtask('simulate', '--advance', '16m')
        [(_, first)] = self.live('SampleTask')
        self.bgtask('cancel', 'SampleTask')
        while self.live('SampleTask'):
            pass
        self.bgtask('simulate', '--advance', '15m')
        [(_, second)] = self.live('SampleTask')
        self.assertEqual(first, second)
        self.assertEqual(pathlib.Path(f'/proc/{first}/cmdline').read_bytes().split(b'\0')[1:2],
                         [b'-StartSampleTaskServer'])

    def test_two_tasks_on_one_class_are_told_apart(self):
        self.sample('-RegisterSampleTask', '-RegisterSampleTask=Second')
        self.assertEqual(self.names(), ['SampleTask', 'Second'])
        watchers = [self.start('SampleTask'), self.start('Second')]
        for watcher in watchers:
            self.progress(watcher, 12)
        self.assertEqual([pid for _, pid in self.live('SampleTask')], [pid for _, pid in self.live('Second')])
        for task, watcher in zip(('SampleTask', 'Second'), watchers):
            self.bgtask('cancel', task)
            self.assertEqual(self.end(watcher)[1], 5)
        for name in 'numbersQueue.log', 'numbersQueue-Second.log':
            numbers = self.numbers(name)
            self.assertEqual(numbers, primes(len(numbers)))

    def test_both_arguments_register_and_serve(self):
        server = subprocess.Popen([self.program, 'STARTSAMPLETASKSERVER', '-registersampletask'], env=self.env,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, encoding='utf-8')
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.assertEqual(server.stdout.readline(), 'SampleTask is registered.\n')
        watcher = self.start('SampleTask')
        self.progress(watcher, 11)
        pids = [pid for _, pid in self.live('SampleTask')]
        server.terminate()
        self.assertEqual(server.wait(60), 0)
        self.assertEqual(pids, [server.pid])
        self.assertIn(self.end(watcher)[1], (0, 5))


class PrimesWinrt(Primes):
    """The same program, written to Windows' own interface."""
    package = 'primes-winrt/package'


class OwnLoop:
    """What a server with a loop of its own has to do."""
    clsid = None

    def setUp(self):
        if not (EXAMPLES / self.package).exists():
            self.skipTest('it was not built')
        super().setUp()
        for task in 'One', 'Two':
            self.bgtask('register', '--time', '15', task)

    def test_it_runs_to_the_end(self):
        watcher = self.start('One')
        values = self.progress(watcher, 50)
        self.assertEqual(values, sorted(values))
        self.live('One')
        last, status = self.end(watcher)
        self.assertIn('completed', last)
        self.assertEqual(status, 0)
        self.assertIn('done after 20 ticks', self.bgtask('log', 'One').stdout)

    def test_it_is_canceled_in_the_middle_while_another_run_goes_on(self):
        watchers = [self.start('One'), self.start('Two')]
        for watcher in watchers:
            self.progress(watcher, 5)
        self.assertEqual([pid for _, pid in self.live('One')], [pid for _, pid in self.live('Two')])
        self.bgtask('cancel', 'One')
        last, status = self.end(watchers[0])
        self.assertIn('canceled', last)
        self.assertEqual(status, 5)
        self.assertEqual(self.end(watchers[1])[1], 0)
        log = self.bgtask('log', 'Two').stdout
        for part in 'canceled after', 'done after 20 ticks':
            self.assertIn(part, log)

    def test_it_leaves_when_it_is_told_to(self):
        watcher = self.start('One')
        self.progress(watcher, 5)
        [(_, pid)] = self.live('One')
        os.kill(pid, signal.SIGTERM)
        last, _ = self.end(watcher)
        self.assertIn(os.strerror(errno.ECANCELED), last)
        self.assertTrue(ended(pid))


class PollLoop(OwnLoop, ExampleTest):
    package = 'poll-loop/package'


class GlibLoop(OwnLoop, ExampleTest):
    package = 'glib-loop/package'


if __name__ == '__main__':
    unittest.main()
