# SPDX-License-Identifier: MIT
"""The broker is killed at random moments, while tasks are registered, fired, run and removed.

After each start: what was acknowledged is there, no accepted firing is lost or ends twice, none runs twice, no server
is lost or doubled, and what runs have printed is there, each line once.
"""

import contextlib
import os
import random
import select
import threading

from bus_client import Lost, Refused
from harness import CLSID, CLSID_2, Case, Package, eventually, processes, times

ALLOWED = 0
LINES = 4
TASKS = 16
LONGEST = 0.03
PAGE = 64


class Client:
    """What a client of the broker was told, and what it therefore may count on."""

    def __init__(self, broker, rng):
        self.broker = broker
        self.rng = rng
        # Servers of the first stay, those of the second leave when nothing runs.
        self.packages = [(Package(broker, 'Warm.App'), CLSID),
                         (Package(broker, 'Cold.App', '--idle 1', classes=(CLSID_2,)), CLSID_2)]
        # It fires by itself.
        self.timer = broker.register(self.packages[0][0], f'count-{LINES}',
                                     ('interval', {'period': ('t', 10**6), 'window': ('t', 0)}))
        self.n = 0
        self.tasks = set()
        self.gone = set()
        self.unsure_names = set()
        self.unsure_tasks = set()
        self.accepted = set()
        self.records = {}

    # What it does.

    def register(self):
        package, clsid = self.rng.choice(self.packages)
        self.n += 1
        name = f'count-{LINES}-{self.n}'
        overlap = self.rng.choice(['skip', 'buffer-one', 'buffer-all', 'parallel'])
        options = {'clsid': ('s', clsid), 'overlap': ('s', overlap)}
        self.unsure_names.add(name)

        def done(answer):
            self.unsure_names.discard(name)
            self.tasks.add(answer[0])
        return self.broker.client.send('Register', 'ss(sa{sv})asa{sv}s', package.family, name,
                                       ('ApplicationTrigger', {}), [], options, 'fail'), done

    def unregister(self):
        task = self.rng.choice(sorted(self.tasks))
        self.tasks.discard(task)
        self.unsure_tasks.add(task)

        def done(_):
            self.unsure_tasks.discard(task)
            self.gone.add(task)
        return self.broker.client.send('Unregister', 'sb', task, self.rng.random() < 0.5), done

    def fire(self):
        def done(answer):
            if answer[0] == ALLOWED:
                self.accepted.add(answer[1])
        return self.broker.client.send('Request', 'sa{sv}', self.rng.choice(sorted(self.tasks)), {}), done

    def begin(self):
        """Sends a call: its serial, and what its answer means."""
        if len(self.tasks) < TASKS // 2 or len(self.tasks) < TASKS and self.rng.random() < 0.2:
            return self.register()
        return self.unregister() if self.rng.random() < 0.1 else self.fire()

    def work(self):
        """Until the broker is gone."""
        batch = []
        with contextlib.suppress(Lost, OSError):
            while True:
                while len(batch) < self.rng.randint(1, 4) and self.tasks or not batch:
                    batch.append(self.begin())
                while batch:
                    serial, done = batch.pop(0)
                    try:
                        done(self.broker.client.wait(serial))
                    except Refused as refused:
                        if refused.name not in ('NoSuchTask', 'QuotaExceeded'):
                            raise
                # Sometimes it waits for what its runs do.
                select.select([self.broker.watcher.socket], [], [], self.rng.choice([0, 0.002]))
                self.broker.watcher.pump()

    # What must be so afterwards.

    def check_tasks(self, test):
        listed = {row['task']: row['name'] for row in self.broker.tasks()}
        test.assertTrue(listed.pop(self.timer, None))
        test.assertLessEqual(self.tasks, set(listed), 'a registration that was acknowledged is lost')
        test.assertFalse(self.gone & set(listed), 'a removal that was acknowledged is undone')
        for task in set(listed) - self.tasks - self.unsure_tasks:
            test.assertIn(listed[task], self.unsure_names, 'nobody has registered this')
        self.gone |= self.unsure_tasks - set(listed)
        self.tasks = set(listed)
        self.unsure_names.clear()
        self.unsure_tasks.clear()

    def new_records(self, test):
        """The records that were not seen before; the newest are listed first."""
        found, cursor = [], ''
        while True:
            page, cursor = self.broker.call('History', 'sssu', '*', '', cursor, PAGE)
            rows = [properties | {'run': run, 'task': task, 'outcome': outcome}
                    for run, task, outcome, properties in page]
            for row in rows:
                test.assertEqual(self.records.get(row['run'], row), row, 'the record of a run has changed')
            new = [row for row in rows if row['run'] not in self.records]
            self.records |= {row['run']: row for row in new}
            found += new
            if not cursor or len(new) < len(rows):
                return found

    def check_record(self, test, row):
        lines = [line for line in self.broker.lines(row['task'], row['run']) if line.startswith(row['run'])]
        expected = [f'{row["run"]} {i}' for i in range(1, LINES + 1)]
        # What had not begun is not tried again without its registration.
        outcomes = ('completed', 'canceled') if row['task'] in self.tasks else ('completed', 'canceled', 'not-started')
        test.assertIn(row['outcome'], outcomes, row)
        if row['outcome'] == 'completed':
            test.assertEqual(lines, expected, row)
            test.assertEqual(row['progress'], LINES, row)
            test.assertLessEqual(row['accepted'], row['started'], row)
        elif row['outcome'] == 'canceled':
            test.assertEqual(lines, expected[:len(lines)], row)
        else:
            test.assertEqual(lines, [], row)

    def check_runs(self, test):
        live = [row['run'] for row in self.broker.runs()]
        test.assertEqual(len(live), len(set(live)))
        for row in self.new_records(test):
            self.check_record(test, row)
        test.assertEqual(self.accepted - set(live) - set(self.records), set(), 'a firing that was accepted is lost')
        return live

    def check_servers(self, test):
        package = self.packages[0][0]
        mine = [pid for pid in processes(self.broker.folder) if pid != self.broker.process.pid]
        warm = [pid for pid in mine if executable(pid).startswith(str(package.folder))]
        test.assertLessEqual(len(warm), 1, 'a server is there twice')
        return mine

    def check(self, test):
        self.check_tasks(test)
        self.check_runs(test)
        self.check_servers(test)


def executable(pid):
    try:
        return os.readlink(f'/proc/{pid}/exe')
    except OSError:
        return ''


class Kill(Case):
    broker_options = {'test_clock': False}

    def end_somehow(self, rng, process):
        """Ends the broker after a random time; mostly as nobody expects it."""
        end = process.terminate if rng.random() < 0.1 else process.kill
        timer = threading.Timer(rng.uniform(0, LONGEST), end)
        timer.start()
        return timer

    def restart(self):
        self.broker.process.wait()
        for client in (self.broker.client, self.broker.watcher):
            self.broker.sockets.remove(client)
            client.close()
        self.broker.start()

    def kill_often(self, n):
        seed = int(os.environ.get('BGTASK_TEST_SEED', '0')) or int.from_bytes(os.urandom(4), 'big')
        print(f'# seed {seed}', flush=True)
        rng = random.Random(seed)
        client = Client(self.broker, rng)
        for _ in range(n):
            thread = self.end_somehow(rng, self.broker.process)
            client.work()
            thread.join()
            self.restart()
            client.check(self)
        self.check_end(client)

    def why(self, task):
        try:
            return self.broker.why(task)
        except Refused as refused:
            return refused.name

    def check_end(self, client):
        self.broker.call('Pause', 'sb', client.timer, True)
        try:
            eventually(lambda: not client.check_runs(self))
        except TimeoutError:
            self.fail([(run, self.why(run['task'])) for run in self.broker.runs()])
        client.check(self)
        self.assertEqual(client.accepted - set(client.records), set())
        runs = [row['run'] for row in self.broker.history()]
        self.assertEqual(len(runs), len(set(runs)), 'a run has two records')
        scheduled = [row['scheduled'] for row in client.records.values() if row['task'] == client.timer]
        self.assertEqual(len(scheduled), len(set(scheduled)))
        self.assertEqual([(b - a) % 10**6 for a, b in zip(sorted(scheduled), sorted(scheduled)[1:])],
                         [0] * (len(scheduled) - 1))
        eventually(lambda: len(client.check_servers(self)) == self.broker.status()['servers'] <= 1,
                   'the servers that the broker knows are those that live')
        print(f'# {len(client.records)} runs of {client.n} tasks', flush=True)

    def test_nothing_is_lost_or_doubled_by_500_kills(self):
        self.kill_often(times(500))
