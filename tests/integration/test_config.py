# SPDX-License-Identifier: MIT
"""The configuration file: what it says is in force, and what is wrong in it is told with file and line."""

import os
import pathlib
import re
import stat
import subprocess
import tempfile
import unittest

from harness import BROKER, Case, HOUR, Package, TIMEOUT, eventually

SOURCE = pathlib.Path(os.environ['BGTASK_SOURCE_ROOT'])


class Checking(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='bgt-')
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.file = self.folder / 'bgtaskd.conf'

    def check(self, text=None, *arguments):
        if text is not None:
            self.file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return subprocess.run([BROKER, '--check-config', *(arguments or ('--config', self.file))],
                              env={'HOME': str(self.folder)}, capture_output=True, check=False, timeout=TIMEOUT,
                              encoding='utf-8')

    def assert_problem(self, text, line, *pieces):
        """The file has exactly this problem, and all keys their defaults."""
        done = self.check(text)
        self.assertEqual(done.returncode, 1)
        problem, = done.stderr.splitlines()
        self.assertTrue(problem.startswith(f'{self.file}:{line}: ' if line else f'{self.file}: '), problem)
        self.assertTrue(problem.endswith(')'), 'it has no remedy')
        for piece in pieces:
            self.assertIn(piece, problem)

    def test_an_empty_file_is_fine_and_all_defaults_are_shown(self):
        done = self.check('')
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        self.assertIn('[limits]\n# default\nregistrations-per-package = 1000000\n', done.stdout)

    def test_what_is_printed_reads_back_as_the_same(self):
        text = ('[limits]\nrun-time = 90m\nlive-runs=3\n[servers]\nmemory = 1536K\nlow-priority = no\n'
                '[logs]\nsize-per-server = 128K\n')
        first = self.check(text)
        self.assertEqual((first.returncode, first.stderr), (0, ''))
        for line in ('run-time = 90m', 'live-runs = 3', 'memory = 1536K', 'low-priority = no', f'# {self.file}:2'):
            self.assertIn(f'{line}\n', first.stdout)

        def values(printed):
            return [line for line in printed.splitlines() if not line.startswith('#')]
        self.assertEqual(values(self.check(first.stdout).stdout), values(first.stdout))

    def test_comments_blanks_and_line_ends_of_other_systems_are_read_over(self):
        done = self.check('# comment\r\n\r\n  ; another\r\n[limits]\r\n\tlive-runs\t=\t7  \r\n')
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        self.assertIn('live-runs = 7\n', done.stdout)

    def test_each_wrong_line_is_told_with_its_place(self):
        for text, line, *pieces in (
                ('live-runs = 1\n', 1, 'in no section', '[limits]'),
                ('\n[limts]\nlive-runs = 1\n', 2, 'no section [limts]', '[limits], [servers]'),
                ('[limits\n', 1, "ends in ']'"),
                ('[limits]\nlive-rnus = 1\n', 2, "no key 'live-rnus'", 'live-runs-per-task'),
                ('[limits]\nlive-runs\n', 2, 'no setting', 'KEY = VALUE'),
                ('[limits]\nlive-runs =\n', 2, 'live-runs', 'number'),
                ('[limits]\nlive-runs = many\n', 2, "'many'", 'number'),
                ('[limits]\nlive-runs = -1\n', 2, "'-1'"),
                ('[limits]\nlive-runs = 0\n', 2, 'between 1 and 100000'),
                ('[limits]\nlive-runs = none\n', 2, "'none'"),
                ('[limits]\nlive-runs = 99999999999999999999999\n', 2, 'not understood'),
                ('[limits]\nlive-runs = 1\nlive-runs = 2\n', 3, 'at line 2 already'),
                ('[limits]\nstart-window = 10 parsecs\n', 2, 'span of time'),
                ('[limits]\nstart-window = 10us\n', 2, 'between 1s and 30d'),
                ('[servers]\nmemory = 1.5G\n', 2, 'a size'),
                ('[servers]\nmemory = 9999T\n', 2, 'between none and'),
                ('[servers]\nlow-priority = true\n', 2, 'yes or no'),
                ('[logs]\nsize-per-server = 1K\n', 2, 'between 128K')):
            with self.subTest(text):
                self.assert_problem(text, line, *pieces)

    def test_what_is_no_text_is_told_as_a_whole(self):
        self.assert_problem(b'[limits]\nlive-runs = 1\0\n', 0, 'not a text')
        self.assert_problem(b'\xff\xfe', 0, 'not a text')
        self.assert_problem(b'#' * 70000, 0, '64 KiB')
        self.file.unlink()
        self.assert_problem(None, 0, 'cannot be read')
        os.mkfifo(self.file)
        self.assertTrue(stat.S_ISFIFO(self.file.stat().st_mode))
        self.assert_problem(None, 0, 'no regular file')

    def test_the_users_file_is_read_without_being_named(self):
        folder = self.folder / '.config' / 'bgtask'
        folder.mkdir(parents=True)
        (folder / 'bgtaskd.conf').write_text('[history]\nruns = 500\n', encoding='utf-8')
        done = self.check(None, '--check-config')
        self.assertIn(f'# {folder}/bgtaskd.conf:2\nruns = 500\n', done.stdout)
        self.assertNotIn('runs = 500', self.check(None, '--system').stdout)

    def test_the_example_of_the_page_is_right(self):
        page = (SOURCE / 'docs' / 'configuration.md').read_text(encoding='utf-8')
        example, = re.findall(r'^```ini\n(.*?)^```$', page, re.MULTILINE | re.DOTALL)
        self.assertEqual(self.check(example).stderr, '')


class InForce(Case):
    broker_options = None

    def start(self, text):
        config = tempfile.TemporaryDirectory(prefix='bgt-')
        self.addCleanup(config.cleanup)
        self.file = pathlib.Path(config.name, 'bgtask', 'bgtaskd.conf')
        self.file.parent.mkdir()
        self.file.write_text(text, encoding='utf-8')
        self.broker = self.new_broker(environment={'XDG_CONFIG_HOME': config.name})
        self.package = Package(self.broker).listen()

    def task(self, name, **options):
        return self.broker.register(self.package, name, ('interval', {'period': ('t', HOUR)}), **options)

    def test_a_limit_of_runs_holds_the_next_one(self):
        self.start('[limits]\nlive-runs = 1\n')
        first, second = self.task('control'), self.task('control two')
        run = self.broker.run(first)
        talk = self.package.talk_of(run)
        waiting = self.broker.run(second)
        self.assertIn('1 of 1', self.broker.why(second)['run-limit'][0])
        talk.end()
        self.package.talk_of(waiting).end()
        self.assert_outcome(self.broker.ended(waiting), 'completed')

    def test_a_run_takes_no_longer_than_is_configured(self):
        self.start('[limits]\nrun-time = 60s\n')
        run = self.broker.run(self.task('control'))
        talk = self.package.talk_of(run)
        self.broker.state_of(run, 'running')
        self.broker.begin_advance(61)
        self.assertEqual(talk.canceled(), 9)
        talk.end()
        self.assert_outcome(self.broker.ended(run), 'timed-out')

    def test_history_is_kept_as_long_as_is_configured(self):
        self.start('[history]\nruns-per-task = 3\n')
        task = self.task('ok')
        runs = []
        for _ in range(5):
            runs.append(self.broker.run(task))
            self.broker.ended(runs[-1])
        eventually(lambda: [row['run'] for row in self.broker.history(task)] == runs[:1:-1], 'three are kept')

    def test_a_wrong_line_is_left_out_and_status_says_so(self):
        self.start('[limits]\nlive-runs = one\nrun-time = 60s\n')
        problem, = self.broker.status()['problems']
        self.assertIn(f'{self.file}:2: ', problem)
        run = self.broker.run(self.task('control'))
        talk = self.package.talk_of(run)
        self.broker.state_of(run, 'running')
        self.broker.begin_advance(61)
        self.assertEqual(talk.canceled(), 9)
        talk.end()
        self.broker.ended(run)
