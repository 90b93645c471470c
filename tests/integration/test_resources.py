# SPDX-License-Identifier: MIT
"""A broker that gets no descriptors, no processes and no inotify watches: it goes on, says so, and recovers."""

import os
import pathlib
import resource
import shutil
import subprocess
import tempfile
import unittest

from bus_client import Lost
from harness import Case, MINUTE, Package, SECOND, eventually

FILES = 'StorageLibraryContentChangedTrigger'
# Root of a user namespace may lower the number of watches of all who are in it. The broker serves root there.
FEW_WATCHES = ['unshare', '--user', '--map-root-user', 'sh', '-ec',
               'echo 4 >/proc/sys/user/max_inotify_watches; exec "$@"', 'sh']


def may_lower_watches():
    done = subprocess.run([*FEW_WATCHES, 'true'], capture_output=True, check=False)
    return done.returncode == 0


class Descriptors(Case):
    def setUp(self):
        super().setUp()
        self.package = Package(self.broker)
        self.task = self.broker.register(self.package, 'count-1')

    def open_fds(self):
        return {int(name) for name in os.listdir(f'/proc/{self.broker.process.pid}/fd')}

    def limit(self, n):
        """No descriptor of this number or above; None: as many as there may be."""
        pid = self.broker.process.pid
        hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)[1]
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard if n is None else n, hard))

    def exhaust(self):
        """All numbers up to the limit are taken: clients take those that are free."""
        limit = max(self.open_fds()) + 1
        clients = [self.broker.open() for _ in range(limit - len(self.open_fds()))]
        self.limit(max(self.open_fds()) + 1)
        return clients

    def cpu(self):
        fields = pathlib.Path(f'/proc/{self.broker.process.pid}/stat').read_text(encoding='utf-8')
        return sum(map(int, fields.rpartition(')')[2].split()[11:13]))

    def test_without_descriptors_newcomers_are_sent_away_and_those_who_are_there_are_served(self):
        self.exhaust()
        before = self.cpu()
        for _ in range(50):
            with self.assertRaises((Lost, OSError)):
                self.broker.open()
        self.assertLess(self.cpu() - before, 100, 'it spins')
        other = self.broker.register(self.package, 'count-2')
        self.assertEqual({row['task'] for row in self.broker.tasks()}, {self.task, other})
        self.limit(None)
        self.broker.open().call('Status')

    def test_a_server_that_cannot_be_started_for_want_of_descriptors_is_named_and_tried_again(self):
        self.exhaust()
        run = self.broker.run(self.task)
        reason = eventually(lambda: {code: rest for code, rest in self.broker.why(self.task).items()
                                     if 'open files' in str(rest)})
        self.assertTrue(reason)
        self.limit(None)
        self.broker.advance(10 * 60)
        self.assert_outcome(self.broker.ended(run), 'completed')


@unittest.skipIf(os.geteuid() == 0, 'root has as many processes as it wants')
class Processes(Case):
    def test_a_server_that_cannot_be_started_for_want_of_processes_is_named_and_tried_again(self):
        package = Package(self.broker)
        task = self.broker.register(package, 'count-1')
        pid = self.broker.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NPROC)
        resource.prlimit(pid, resource.RLIMIT_NPROC, (1, before[1]))
        run = self.broker.run(task)
        eventually(lambda: 'temporarily unavailable' in str(self.broker.why(task)))
        resource.prlimit(pid, resource.RLIMIT_NPROC, before)
        self.broker.advance(10 * 60)
        self.assert_outcome(self.broker.ended(run), 'completed')


@unittest.skipIf(os.geteuid() != 0, 'only root is the same inside and outside of a user namespace')
class Watches(Case):
    broker_options = {'test_clock': False, 'wrapper': FEW_WATCHES}

    def setUp(self):
        if not may_lower_watches():
            self.skipTest('no user namespaces here')
        super().setUp()

    def test_folders_beyond_the_limit_of_watches_are_named_and_the_others_are_watched(self):
        root = pathlib.Path(tempfile.mkdtemp(prefix='bgf-')).resolve()
        self.addCleanup(shutil.rmtree, root, ignore_errors=True)
        for i in range(8):
            (root / str(i)).mkdir()
        package = Package(self.broker)
        trigger = FILES, {'paths': ('as', [str(root)]), 'delay': ('t', SECOND // 20), 'maximum-delay': ('t', MINUTE),
                          'recursive': ('b', True)}
        task = self.broker.register(package, 'count-1', trigger)
        eventually(lambda: 'no inotify watches left' in str(self.broker.why(task)))
        (root / 'new').touch()
        self.assert_outcome(self.broker.next_end(lambda of, _: of == task), 'completed')


if __name__ == '__main__':
    unittest.main()
