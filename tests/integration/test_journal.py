# SPDX-License-Identifier: MIT
"""The journal: what the broker was told, fed to its rules again, gives the same effects."""

import json
import os
import random
import subprocess

from harness import BROKER, ByHand, CLI, Case, MINUTE, Package, TIMEOUT, eventually, times

SEED = int.from_bytes(os.urandom(4), 'little')
HEADER_AT_LEAST = 100


class Journal(Case):
    def setUp(self):
        super().setUp()
        self.package = Package(self.broker).listen()

    def journal(self, *args):
        """The journal as bytes."""
        done = subprocess.run([CLI, 'journal', *args], capture_output=True, env=self.broker.environment, check=True,
                              timeout=TIMEOUT)
        return done.stdout

    def replay(self, journal, *args):
        done = subprocess.run([CLI, 'replay', '-', *args], input=journal, capture_output=True, timeout=TIMEOUT,
                              env=self.broker.environment | {'BGTASK_BROKER': BROKER}, check=False)
        return done.returncode, done.stdout.decode(errors='replace'), done.stderr.decode(errors='replace')

    def assert_replays(self, journal):
        status, out, err = self.replay(journal)
        self.assertEqual((status, err), (0, ''), out[-2000:])
        self.assertIn('every effect is as it was recorded', out.splitlines()[-1])
        return out

    def live_a_little(self):
        """Timers, conditions, requests, runs that complete, fail and are canceled, servers that go."""
        register = self.broker.register
        register(self.package, 'ok', ('interval', {'period': ('t', 7 * MINUTE)}))
        register(self.package, 'fail-5', ('TimeTrigger', {'freshness-minutes': ('u', 15)}), retry_max=('u', 2))
        register(self.package, 'held', ('interval', {'period': ('t', 5 * MINUTE)}), ['OnACPower'])
        register(self.package, 'event', ('CustomSystemEventTrigger', {'id': ('s', 'x')}), group=('s', 'g'))
        control = register(self.package, 'control', overlap=('s', 'buffer-all'))
        for _ in range(3):
            self.broker.request(control, path=('s', '/tmp/a b'), n=('u', 3))
        talk = self.package.next_talk()
        self.broker.advance(20 * 60)
        self.broker.condition('OnACPower', 'true')
        talk.ask('progress 50')
        self.broker.call('Cancel', 'su', control, 7)
        talk.canceled()
        talk.end()
        by_hand = ByHand(self.broker, self.package)
        run = self.broker.run(control)
        by_hand.next_run()
        by_hand.close()
        self.broker.ended(run)
        self.broker.call('Unregister', 'sb', control, True)
        self.broker.advance(10 * 60)
        self.broker.suspend(3600)
        self.broker.step(-60)
        eventually(lambda: self.broker.status()['live'] == 0)

    def test_everything_that_was_done_is_done_again(self):
        self.live_a_little()
        out = self.assert_replays(self.journal())
        for event in ('install', 'register', 'committed', 'tick', 'level OnACPower true', 'request', 'cancel',
                      'run-completed', 'server-attached', 'server-gone', 'clock-stepped', 'unregister'):
            self.assertRegex(out, rf'#\d+ \S+ \S+ {event}\b')
        self.assertIn(f'register {self.package.family}/control', out)

    def test_the_journal_of_a_killed_broker_is_kept_and_so_is_the_restart(self):
        self.live_a_little()
        run = self.broker.run(self.broker.register(self.package, 'control'))
        talk = self.package.talk_of(run)
        self.broker.kill()
        self.broker.start()
        talk.end()
        self.broker.ended(run)
        self.assertIn('run-now', self.assert_replays(self.journal('--before')))
        out = self.assert_replays(self.journal())
        for event in ('restore-package', 'restore-task', 'restore-server', 'restore-ledger', 'start',
                      'server-announced'):
            self.assertRegex(out, rf'#\d+ \S+ \S+ {event}\b')

    def test_a_reboot_replays(self):
        self.broker.request(self.broker.register(self.package, 'control'))
        self.package.next_talk()
        # A request is on disk when a later registration is: a server that starts does not wait for that.
        self.broker.register(self.package, 'ok', ('interval', {'period': ('t', 7 * MINUTE)}))
        self.broker.reboot(3600)
        self.package.next_talk().end()
        self.assertRegex(self.assert_replays(self.journal()), r'#\d+ \S+ \S+ restore-pending\b')

    def test_json_is_a_line_for_each_event(self):
        self.broker.register(self.package, 'a "quoted" \\ name')
        status, out, err = self.replay(self.journal(), '--json')
        lines = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(status, 0)
        self.assertIn('every effect', err)
        register = next(line for line in lines if line['event'] == 'register')
        self.assertEqual(set(register), {'number', 'time', 'event', 'about', 'effects', 'as_recorded'})
        self.assertEqual(register['about'], f'{self.package.family}/a "quoted" \\ name')
        self.assertEqual((register['effects'], register['as_recorded']), (['store-task'], True))

    def test_an_effect_that_is_another_is_found(self):
        self.broker.register(self.package, 'ok')
        journal = bytearray(self.journal())
        out = self.assert_replays(bytes(journal))
        entries = len(out.splitlines()) - 1
        # The digest of the first entry with effects: size, checksum, kind, digest.
        at = next(i for i in range(HEADER_AT_LEAST, len(journal), 4)
                  if journal[i + 8:i + 12] == b'\1\0\0\0' and 0 < journal[i] < 250 and any(journal[i + 12:i + 16]))
        journal[at + 12] ^= 1
        status, out, _ = self.replay(bytes(journal))
        self.assertEqual(status, 1)
        self.assertIn('(other effects than recorded)', out)
        self.assertIn(f'{entries} entries replayed: 1 have other effects', out.splitlines()[-1])

    def test_what_is_no_journal_or_damaged_is_refused(self):
        self.broker.register(self.package, 'ok')
        journal = self.journal()
        for text in (b'', b'x', b'x' * 5000, journal[:50], b'\0' * 4096):
            status, out, err = self.replay(text)
            self.assertEqual((status, out), (1, ''))
            self.assertIn("bgtask journal' wrote", err)
        generator = random.Random(SEED)
        used = journal.rstrip(b'\0')
        for _ in range(times(100)):
            damaged = bytearray(journal)
            damaged[generator.randrange(len(used))] ^= 1 << generator.randrange(8)
            status, _, err = self.replay(bytes(damaged))
            self.assertIn(status, (0, 1), f'seed {SEED}: {err}')
        status, _, err = self.replay(used[:-20])
        self.assertEqual(status, 1)
        self.assertIn('cut off', err)

    def test_the_verbs_say_what_they_need(self):
        self.assert_fails(self.broker.bgtask('replay'), 2, 'name one file')
        env = {'BGTASK_BROKER': BROKER}
        self.assert_fails(self.broker.bgtask('replay', '/nonexistent', env=env), 1, 'No such file')
        self.assert_fails(self.broker.bgtask('replay', 'x', env={'BGTASK_BROKER': '/nonexistent'}), 1, 'BGTASK_BROKER')
        self.assert_fails(self.broker.bgtask('journal', '--before'), 3, 'no broker before')
        self.assertEqual(self.broker.bgtask('journal', '--json').json, {'journal': self.broker.status()['journal']})
