# SPDX-License-Identifier: MIT
"""The broker while the whole machine has no descriptors (ENFILE): each that it wants is refused, alone and with all
after it. It goes on, does not spin, says so, and serves as soon as there are descriptors again.
"""

import contextlib
import errno
import os
import pathlib
import shutil
import unittest

from bus_client import Client, Lost
from harness import Broker, Case, Package, Refused, SCALE, eventually
from scarce import Scarce

LIBRARY = pathlib.Path(os.environ['BGTASK_BUILD_ROOT']) / 'src/client/libbgtask.so.0'
PROGRAM = os.environ['BGTASK_TEST_CONFINED']
NO_FILES = os.environ.get('BGTASK_TEST_NO_FILES', '')
STEP = 1 if os.environ.get('BGTASK_TEST_LONG') else max(1, round(2 / SCALE))
ALL = 10**6
MOST = 200
WORDS = 'Too many open files in system'


class WithoutFiles(Case):
    broker_options = None

    def setUp(self):
        self.broker = Broker(start=False)
        self.addCleanup(self.finish, self.broker)
        path = self.broker.folder / 'files'
        self.files = Scarce(path)
        self.broker.environment |= {'LD_PRELOAD': NO_FILES, 'BGTASK_TEST_FILES': str(path)}
        self.broker.start()
        self.make_package()

    def make_package(self):
        self.package = Package(self.broker, arguments='--idle 1')
        self.task = self.broker.register(self.package, 'count-1')

    def sweep(self, ask, check):
        """ask() with each descriptor missing, alone and with all after it; check(answer), None: it was refused."""
        n_refused = 0
        for n in (1, ALL):
            for after in range(1, MOST, STEP):
                self.files.fail(after, n)
                answer = None
                try:
                    answer = ask()
                except (Refused, Lost, OSError):
                    n_refused += 1
                failed = self.files.relax()
                with self.subTest(descriptor=after, in_a_row=n):
                    check(answer)
                    self.assertIsNone(self.broker.process.poll())
                if not failed:
                    break
            self.assertLess(after, MOST - STEP)
        print(f'# {after} descriptors; {n_refused} refused', flush=True)


@unittest.skipUnless(NO_FILES, 'sanitizers have functions of their own')
class NoFiles(WithoutFiles):
    def run_ends(self, run):
        self.broker.advance(10 * 60)
        self.assert_outcome(self.broker.ended(run), 'completed')
        eventually(lambda: self.broker.status()['servers'] == 0, 'the end of the server')

    def test_a_run_starts_as_soon_as_there_are_descriptors_and_ends_once(self):
        def ask():
            run = self.broker.run(self.task)
            eventually(lambda: self.files.has_failed() or
                       run not in {row['run'] for row in self.broker.runs(self.task)})
            return run

        self.sweep(ask, self.run_ends)

    def test_a_run_that_has_no_descriptors_is_named(self):
        self.files.fail(1, ALL)
        run = self.broker.run(self.task)
        eventually(lambda: WORDS in str(self.broker.why(self.task)))
        self.files.relax()
        self.run_ends(run)

    def test_what_is_asked_is_answered_or_refused(self):
        other = Package(self.broker, 'Other.App', install=False)
        self.broker.outcome(self.task)

        def there():
            return [family for family, _ in self.broker.packages() if family.startswith('Other.App')]

        def check(answer):
            self.assertTrue(there() or not answer)
            for family in there():
                self.broker.call('RemovePackage', 's', family)

        self.sweep(lambda: self.broker.call('InstallPackage', 'sa{sv}', str(other.folder), {})[0], check)
        for member, args in {'ReadLog': ('sssu', self.task, '', '', 100), 'Status': ('',), 'ListSensors': ('',),
                             'Open': ('sa{sv}', self.package.family, {})}.items():
            self.sweep(lambda member=member, args=args: self.broker.call(member, *args),
                       lambda answer: self.broker.call('Status'))

    def test_who_connects_waits_and_the_broker_does_not_spin(self):
        self.files.fail(1, ALL)
        waiting = [Client(str(self.broker.bus), authenticate=False) for _ in range(20)]
        self.broker.sockets += waiting
        eventually(lambda: f'nobody can connect: {WORDS}' in self.broker.errors())
        before = self.files.word(0)
        for _ in range(200):
            self.broker.call('Status')
        self.assertLess(self.files.word(0) - before, 100, 'it spins')
        self.assertEqual([row['task'] for row in self.broker.tasks()], [self.task])
        self.files.relax()
        for client in waiting:
            client.authenticate()
            client.call('Status')
        eventually(lambda: 'whoever connects is served again' in self.broker.errors())


@unittest.skipUnless(NO_FILES, 'sanitizers have functions of their own')
class Confined(WithoutFiles):
    """What a server may not do does not depend on descriptors: it is confined as ever, or it is not started."""

    def make_package(self):
        self.package = Package(self.broker, 'Test.Confined', capabilities=('picturesLibrary',), arguments='--idle 1',
                               install=False)
        shutil.copy(PROGRAM, self.package.folder / 'server')
        shutil.copy(LIBRARY, self.package.folder)
        self.package.install()
        self.package.listen()
        self.task = self.broker.register(self.package, 'control')
        home = self.broker.folder / 'home'
        self.secrets = [home / 'secret', home / 'Pictures' / 'secret']
        (home / 'Pictures').mkdir()
        for path in self.secrets:
            path.write_text('secret', encoding='ascii')
        # Where pictures are is another folder.
        (home / '.config').mkdir()
        (home / '.config' / 'user-dirs.dirs').write_text('XDG_PICTURES_DIR="$HOME/other"\n', encoding='ascii')

    def looks(self, run):
        """What the server finds where it has nothing to look for."""
        while True:
            talk = self.package.talk_of(run)
            with contextlib.suppress(Lost):
                found = [talk.ask(f'read {path}') for path in
                         (*self.secrets, f'/proc/{self.broker.process.pid}/environ')]
                found.append(talk.ask(f'connect {self.broker.bus}'))
                talk.end()
                return found

    def run_ends(self, run):
        self.broker.advance(10 * 60)
        for found in self.looks(run):
            self.assertIn(found, (-errno.ENOENT, -errno.EACCES))
        self.assert_outcome(self.broker.ended(run), 'completed')
        eventually(lambda: self.broker.status()['servers'] == 0, 'the end of the server')

    def test_a_run_starts_as_soon_as_there_are_descriptors_as_confined_as_ever(self):
        try:
            self.run_ends(self.broker.run(self.task))
        except TimeoutError:
            if 'cannot confine it' in self.broker.errors():
                self.skipTest('the kernel gives this user no namespaces')
            raise

        def ask():
            run = self.broker.run(self.task)
            eventually(lambda: self.files.has_failed() or [row for row in self.broker.runs(self.task)
                                                           if row['run'] == run and row['state'] == 'running'])
            return run

        self.sweep(ask, self.run_ends)


if __name__ == '__main__':
    unittest.main()
