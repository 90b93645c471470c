# SPDX-License-Identifier: MIT
"""The broker while there is no memory: each allocation of each call fails, alone and with many after it.

The call succeeds, is refused with NoMemory, or its connection ends. The broker goes on, or ends by its own decision
and says why; nothing that was answered is lost, and nothing that was refused is there.
"""

import os
import signal
import unittest

from bus_client import Lost
from harness import Broker, Case, Package, Refused, SCALE, eventually
from scarce import Scarce

NO_MEMORY = os.environ.get('BGTASK_TEST_NO_MEMORY', '')
STEP = 1 if os.environ.get('BGTASK_TEST_LONG') else max(1, round(5 / SCALE))
IN_A_ROW = (1, 300)  # more than the broker tries again
MOST = 3000
PATIENCE = 20
ALLOWED = 0
CUSTOM = ('CustomSystemEventTrigger', {'id': ('s', 'an event')})
ENDING = 'no memory left for what has happened'


@unittest.skipUnless(NO_MEMORY, 'sanitizers bring memory of their own')
class NoMemory(Case):
    broker_options = None

    def setUp(self):
        self.broker = Broker(start=False)
        self.addCleanup(self.finish, self.broker)
        path = self.broker.folder / 'memory'
        self.memory = Scarce(path)
        self.broker.environment |= {'LD_PRELOAD': NO_MEMORY, 'BGTASK_TEST_MEMORY': str(path)}
        self.broker.start()
        self.package = Package(self.broker)
        self.task = self.broker.register(self.package, 'count-1')
        self.broker.outcome(self.task)
        self.n_ends = self.n_refused = self.n_lost = 0

    def call(self, member, signature='', *args):
        return self.broker.call(member, signature, *args, timeout=PATIENCE)

    def without_memory(self, ask, after, n):
        """What was answered while memory failed, None if it was refused or nobody answered; and whether any failed."""
        answer = None
        self.memory.fail(after, n)
        try:
            answer = ask()
        except Refused as refused:
            self.assertEqual(refused.name.rpartition('.')[2], 'NoMemory')
            self.n_refused += 1
        except TimeoutError:
            self.fail(f'allocation {after} and {n - 1} after it: nobody answers')
        except (Lost, OSError):
            self.n_lost += 1
        failed = self.memory.relax()
        self.assert_serves()
        return answer, failed

    def assert_serves(self):
        """The broker goes on, or it has ended by its own decision and the next one goes on."""
        for client in (self.broker.client, self.broker.watcher):
            client.close()
            self.broker.sockets.remove(client)
        try:
            self.broker.connect()
        except (Lost, OSError):
            self.assertEqual(self.broker.process.wait(PATIENCE), -signal.SIGABRT)
            self.assertIn(ENDING, self.broker.errors())
            self.n_ends += 1
            self.broker.start()

    def sweep(self, ask, check):
        """Asks with each allocation failing; check(answer) is called after each. The number of allocations."""
        for n in IN_A_ROW:
            for after in range(1, MOST, STEP):
                answer, failed = self.without_memory(ask, after, n)
                with self.subTest(allocation=after, in_a_row=n):
                    check(answer)
                if not failed:
                    break
            self.assertLess(after, MOST - STEP)
        print(f'# {after} allocations; {self.n_refused} refused, {self.n_lost} without an answer, '
              f'{self.n_ends} times the broker ended', flush=True)

    def names(self):
        return {row['name']: row['task'] for row in self.broker.tasks()}

    def test_what_only_asks(self):
        asks = {
            'ListPackages': ('su', '', 100), 'ListTasks': ('ssa{sv}su', '*', '', {}, '', 100),
            'GetTask': ('s', self.task), 'Why': ('s', self.task), 'History': ('sssu', '*', '', '', 100),
            'ListRuns': ('ssu', '', '', 100), 'Status': ('',),
            'ListSensors': ('',), 'ReadLog': ('sssu', self.task, '', '', 100), 'Watch': ('ss', '*', ''),
            'Plan': ('ta{sv}', 3600 * 10**6, {}), 'Open': ('sa{sv}', self.package.family, {}),
        }
        for member, args in asks.items():
            with self.subTest(member):
                self.sweep(lambda: self.call(member, *args), lambda answer: None)

    def test_a_registration_is_there_if_it_was_answered_and_not_if_it_was_refused(self):
        def register():
            return self.broker.call('Register', 'ss(sa{sv})asa{sv}s', self.package.family, 'new', CUSTOM, [],
                                    {'clsid': ('s', self.package.servers[0][1][0])}, 'fail', timeout=PATIENCE)[0]

        def check(task):
            n_refused, self.n_refused_before = self.n_refused - self.n_refused_before, self.n_refused
            there = self.names().get('new')
            if task:
                self.assertEqual(there, task)
            elif n_refused:
                self.assertIsNone(there)
            if there:
                self.call('Unregister', 'sb', there, True)

        self.n_refused_before = 0
        self.sweep(register, check)

    def test_what_is_unregistered_paused_and_skipped_is_so_if_it_was_answered(self):
        def row():
            return next((row for row in self.broker.tasks(name='victim')), None)

        def again():
            self.broker.register(self.package, 'victim', CUSTOM, if_exists='replace')

        def ask(member, *args):
            again()
            task = row()['task']
            return lambda: self.call(member, args[0], task, *args[1:]) or True

        for member, args, done in (('Unregister', ('sb', True), lambda: row() is None),
                                   ('Pause', ('sb', True), lambda: row()['paused']),
                                   ('Skip', ('sb', True), lambda: row()['skip-next'])):
            for after in range(1, MOST, STEP):
                asked = ask(member, *args)
                answer, failed = self.without_memory(asked, after, IN_A_ROW[after // STEP % 2])
                with self.subTest(member, allocation=after):
                    self.assertTrue(done() or not answer)
                if not failed:
                    break

    def test_a_package_is_installed_entirely_or_not_at_all(self):
        other = Package(self.broker, 'Other.App', install=False)

        def check(answer):
            there = [family for family, _ in self.broker.packages() if family.startswith('Other.App')]
            self.assertTrue(there or not answer)
            if there:
                self.assertEqual(len(there), 1)
                self.call('RemovePackage', 's', there[0])

        self.sweep(lambda: self.call('InstallPackage', 'sa{sv}', str(other.folder), {})[0], check)

    def test_a_request_that_was_allowed_ends_once(self):
        seen = {row['run'] for row in self.broker.history(self.task)}

        def request():
            result, run = self.call('Request', 'sa{sv}', self.task, {})
            return run if result == ALLOWED else None

        def is_over():
            self.broker.advance(60)
            return not self.broker.runs(self.task) and self.broker.status()['unstored'] == 0

        def check(run):
            try:
                eventually(is_over, 'the end of what was accepted')
            except TimeoutError as late:
                raise TimeoutError(self.broker.runs(self.task), self.broker.why(self.task),
                                   self.broker.errors()[-2000:]) from late
            rows = self.broker.history(self.task)
            rows = [row for row in rows if row['run'] == run]
            if run:
                self.assertEqual(len(rows), 1)
                self.assertNotIn(run, seen)
            seen.update(row['run'] for row in self.broker.history(self.task))

        self.sweep(request, check)
