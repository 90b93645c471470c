# SPDX-License-Identifier: MIT
"""Twenty clients that need a broker at once: one broker comes to be, and it answers all of them."""

import contextlib
import ctypes
import os
import shutil
import subprocess

from harness import Case, BROKER, TIMEOUT, describe, kill, processes, times, wait_gone

CLIENTS = os.environ['BGTASK_TEST_CLIENTS']
N = 20
SET_CHILD_SUBREAPER = 36


class Race(Case):
    broker_options = {'test_clock': False}

    def setUp(self):
        super().setUp()
        self.broker.terminate()
        self.environment = self.broker.environment | {
            'BGTASK_BROKER': BROKER, 'BGTASK_BUS': str(self.broker.folder / 'bgtask' / 'bus')}
        del self.environment['BGTASK_AUTOSTART']

    def start(self):
        done = subprocess.run([CLIENTS, str(N)], env=self.environment, check=False, timeout=TIMEOUT, cwd='/',
                              capture_output=True, encoding='utf-8')
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        pids = done.stdout.split()
        self.assertEqual(len(pids), N)
        return {int(pid) for pid in pids}

    def brokers(self):
        return [pid for pid in processes(self.broker.folder) if 'bgtaskd' in describe(pid)]

    def end(self, pid):
        """Ends it by force, so that nothing is tidied up: the socket stays, and nobody listens."""
        kill(pid)
        self.assertTrue(wait_gone(pid))

    @staticmethod
    def reap():
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass

    def losers_gone(self, winner):
        for pid in self.brokers():
            if pid != winner:
                self.assertTrue(wait_gone(pid), describe(pid))

    def test_one_broker_answers_all_each_time(self):
        # The brokers are nobody's children: they become ours, so that we can clear them away.
        self.assertEqual(ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0)
        for n in range(times(200)):
            pids = self.start()
            self.assertEqual(len(pids), 1, f'round {n}: brokers {sorted(pids)}')
            winner, = pids
            self.losers_gone(winner)
            self.assertEqual(self.brokers(), [winner])
            self.end(winner)
            self.reap()
            if n % 2:
                shutil.rmtree(self.broker.folder / 'bgtask')
