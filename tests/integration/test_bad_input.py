# SPDX-License-Identifier: MIT
"""Bad input gets a clear error that says what to do, and nothing is lost or half-done."""

import contextlib
import os
import random
import shutil
import socket
import struct
import subprocess
import unittest

from bus_client import Client, MANAGER, Refused
from dbus_wire import BEGIN, HANDSHAKE, message
from harness import BrokerFailed, ByHand, CLSID, CLSID_2, CLSID_3, Case, MINUTE, Package, SECOND, eventually, \
    processes, times

TIME = ('TimeTrigger', {'freshness-minutes': ('u', 15)})
SEED = int.from_bytes(os.urandom(4), 'little')


class Registering(Case):
    """Through the command line, as a person meets it, and on the wire, where no client checks first."""

    def setUp(self):
        super().setUp()
        self.package = Package(self.broker)
        self.broker.register(self.package, 'ok', TIME)

    def refuse(self, *pieces, status=1, of=('register', '--time', '15', 'new')):
        before = self.broker.everything()
        self.assert_fails(self.broker.bgtask(*of), status, *pieces)
        self.assertEqual(self.broker.everything(), before)

    def refuse_call(self, error, *pieces, name='new', trigger=TIME, **options):
        return self.assert_refused(error, *pieces,
                                   by=lambda: self.broker.register(self.package, name, trigger, **options))

    def test_an_unknown_class_is_refused_with_what_packages_declare(self):
        other = Package(self.broker, name='Test.Other', classes=(CLSID_2,))
        pieces = [f'declares no class {CLSID_3}', f'{other.family} declares {CLSID_2}', CLSID, 'manifest']
        self.refuse(*pieces, of=('register', '--package', self.package.family, '--time', '15', '--clsid', CLSID_3,
                                 'new'))
        self.refuse_call('ClassNotRegistered', *pieces, clsid=CLSID_3)

    def test_a_class_that_is_no_GUID_is_refused(self):
        self.refuse('CLSID', CLSID.upper(), of=('register', '--time', '15', '--clsid', '1234', 'new'))
        self.refuse_call('InvalidArgument', 'CLSID', clsid='1234')

    def test_a_task_without_a_trigger_is_refused(self):
        self.refuse('no trigger', '--time', status=2, of=('register', 'new'))
        self.refuse_call('NoTrigger', 'set a trigger', trigger=('', {}))

    def test_a_TimeTrigger_of_14_minutes_is_refused(self):
        self.refuse('15 minutes', 'interval', of=('register', '--time', '14', 'new'))
        self.refuse_call('TriggerTooShort', '15 minutes', trigger=('TimeTrigger', {'freshness-minutes': ('u', 14)}))

    def test_an_interval_under_a_second_is_refused(self):
        self.refuse_call('InvalidArgument', trigger=('interval', {'period': ('t', SECOND - 1)}))

    def test_a_window_longer_than_its_period_is_refused(self):
        trigger = 'interval', {'period': ('t', MINUTE), 'window': ('t', 2 * MINUTE)}
        self.refuse_call('InvalidArgument', trigger=trigger)

    def test_a_trigger_that_has_no_meaning_here_is_refused(self):
        self.refuse_call('TriggerNotSupported', 'manual',
                         trigger=('SmartCardTrigger', {}))
        self.refuse_call('InvalidArgument', 'no trigger of the kind', trigger=('weekly', {}))

    def test_empty_overlong_and_control_character_names_are_refused(self):
        for name in ('', 'x' * 256, 'é' * 128, 'a\x01b', 'a\nb', 'a\x7fb', 'a\u0085b'):
            with self.subTest(repr(name)[:20]):
                self.refuse('1 to 255 bytes', 'control characters', of=('register', '--time', '15', '--', name))
                self.refuse_call('InvalidName', '1 to 255 bytes', name=name)

    def test_a_name_that_is_no_utf8_is_refused(self):
        before = self.broker.everything()
        done = subprocess.run([os.environ['BGTASK_CLI'], 'register', '--time', '15', b'a\xff'], capture_output=True,
                              env=self.broker.environment, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(b'UTF-8', done.stderr)
        self.assertEqual(self.broker.everything(), before)

    def test_a_name_that_is_taken_is_refused(self):
        self.refuse('has a task of this name', 'keep', 'update', 'replace', of=('register', '--time', '15', 'ok'))
        self.refuse_call('NameTaken', 'keep', name='ok')

    def test_contradictory_conditions_are_refused(self):
        for pair in ('UserPresent,UserNotPresent', 'InternetAvailable,InternetNotAvailable',
                     'SessionConnected,SessionDisconnected', 'FreeNetworkAvailable,InternetNotAvailable'):
            with self.subTest(pair):
                self.refuse('never hold together', of=('register', '--time', '15', '--when', pair, 'new'))
                self.refuse_call('ConditionsContradict', 'remove one', conditions=pair.split(','))

    def test_an_unknown_condition_is_refused_with_those_that_there_are(self):
        self.refuse('sunshine', 'InternetAvailable', 'OnACPower', status=2,
                    of=('register', '--time', '15', '--when', 'sunshine', 'new'))
        self.refuse_call('InvalidArgument', 'sunshine', conditions=['sunshine'])

    def test_two_entry_points_are_refused(self):
        self.refuse_call('EntryPointConflict', 'set one of them', entry_point=('s', 'Tasks.Sample'))

    def test_an_unknown_option_is_refused(self):
        self.refuse_call('InvalidArgument', 'volume', volume=('u', 11))
        self.refuse('--volume', status=2, of=('register', '--time', '15', '--volume', '11', 'new'))

    def test_an_unknown_policy_is_refused(self):
        self.refuse('maybe', 'keep', 'duplicate', status=2, of=('register', '--time', '15', '--if-exists', 'maybe',
                                                                'new'))
        self.refuse_call('InvalidArgument', 'maybe', if_exists='maybe')

    def test_an_unknown_task_is_not_found_by_any_verb(self):
        for verb in ('show', 'why', 'run', 'cancel', 'unregister', 'log', 'watch', 'history'):
            with self.subTest(verb):
                self.refuse("there is no task 'nobody'", 'bgtask list', status=3, of=(verb, 'nobody'))

    def test_an_unknown_run_is_not_found(self):
        run = '00000000-0000-4000-8000-000000000000'
        self.refuse('no such run', status=3, of=('cancel', '--run', run))
        for member, signature, *args in (('GetTask', 's', run), ('Why', 's', run), ('Run', 'sa{sv}', run, {}),
                                         ('Cancel', 'su', run, 0), ('Unregister', 'sb', run, True)):
            self.assert_refused('NoSuchTask', by=lambda: self.broker.call(member, signature, *args))
        self.assert_refused('NoSuchRun', by=lambda: self.broker.call('CancelRun', 'su', run, 0))

    def test_an_unknown_package_is_not_found(self):
        self.refuse('Test.Nobody', 'bgtask packages', status=3,
                    of=('register', '--package', 'Test.Nobody', '--time', '15', 'new'))
        self.package.family = 'Test.Nobody'
        self.refuse_call('NoSuchPackage', 'bgtask install')

    def test_a_program_of_no_package_is_told_how_to_get_one(self):
        self.package.family = ''
        self.refuse_call('NoIdentity', 'bgtask install', '--package', 'BGTASK_PACKAGE')
        with self.broker.open() as client, self.assertRaises(Refused) as caught:
            client.call('Open', 'sa{sv}', 'Test.Nobody', {})
        self.assertEqual(caught.exception.name, 'NoSuchPackage')

    def test_an_invalid_reason_is_refused_with_those_that_there_are(self):
        self.refuse('Whim', 'SystemPolicy (7)', status=2, of=('cancel', '--reason', 'Whim', 'ok'))


class Manifests(Case):
    """A package whose manifest is wrong is not installed, and one that is installed stays as it was."""

    def setUp(self):
        super().setUp()
        self.package = Package(self.broker)
        self.task = self.broker.register(self.package, 'ok', TIME)

    def refuse(self, status, *pieces, folder=None):
        before = self.broker.everything()
        done = self.broker.bgtask('install', str(folder or self.package.folder))
        self.assert_fails(done, status, *pieces)
        self.assertEqual(self.broker.everything(), before)
        self.broker.restart()
        self.assertEqual([task for task, *_ in self.broker.call('ListTasks', 'ssa{sv}su', '*', '', {}, '', 9)[0]],
                         [self.task])

    def replace(self, old, new):
        self.package.write(self.package.manifest().replace(old, new))

    def test_a_folder_that_is_not_there(self):
        self.refuse(3, 'No such file', folder=self.broker.folder / 'nowhere')

    def test_a_manifest_that_is_missing(self):
        (self.package.folder / 'AppxManifest.xml').unlink()
        self.refuse(3, 'AppxManifest.xml', 'give the folder', '[no-manifest]')

    def test_an_empty_manifest(self):
        self.package.write('')
        self.refuse(1, 'AppxManifest.xml', 'restore it', '[file-empty]')

    def test_a_manifest_that_is_no_xml(self):
        self.package.write('{"name": "Test.App"}\n')
        self.refuse(1, 'AppxManifest.xml:1', 'correct the XML', '[xml-syntax]')

    def test_a_manifest_that_is_cut_short(self):
        text = self.package.manifest()
        self.package.write(text[:len(text) // 2])
        self.refuse(1, 'AppxManifest.xml:', '[xml-syntax]')

    def test_a_manifest_over_1_MiB(self):
        self.package.write(self.package.manifest() + f'<!--{"x" * (1 << 20)}-->')
        self.refuse(1, '1 MiB', '[file-too-large]')

    def test_a_manifest_with_a_document_type_or_entities(self):
        laughs = ''.join(f'<!ENTITY l{i + 1} "{f"&l{i};" * 10}">' for i in range(9))
        for doctype in ('<!DOCTYPE Package>', f'<!DOCTYPE Package [<!ENTITY l0 "ha">{laughs}]>',
                        '<!DOCTYPE Package SYSTEM "file:///etc/passwd">'):
            with self.subTest(doctype[:30]):
                self.replace('<Package', f'{doctype}<Package')
                self.refuse(1, 'DOCTYPE', '[xml-doctype]')

    def test_an_executable_outside_of_the_package(self):
        shutil.copy(self.package.folder / 'server', self.package.folder.parent / 'server')
        self.replace('Executable="server"', 'Executable="..\\server"')
        self.refuse(1, '..\\server', 'inside the package', '[executable-path]')
        (self.package.folder / 'link').symlink_to('../server')
        self.replace('Executable="server"', 'Executable="link"')
        self.refuse(1, 'copy the program', '[executable-outside]')

    def test_an_executable_that_is_not_there(self):
        self.replace('Executable="server"', 'Executable="serber"')
        self.refuse(3, 'serber', 'build or copy', '[executable-missing]')

    def test_a_program_that_others_may_change(self):
        program = self.package.folder / 'server'
        program.chmod(0o757)
        self.refuse(1, f'{program}:', 'mode 0757', 'chmod go-w')
        program.chmod(0o755)
        self.package.folder.chmod(0o777)
        self.refuse(1, f'{self.package.folder}:', 'mode 0777')
        self.package.folder.chmod(0o1777)
        self.package.install()

    @unittest.skipUnless(os.getuid() == 0, 'only root can give a file away')
    def test_a_folder_that_belongs_to_somebody_else(self):
        os.chown(self.package.folder, 1234, -1)
        self.refuse(1, f'{self.package.folder}:', 'uid 1234')
        self.broker.restart()
        self.assertIn('uid 1234', str(self.broker.status()['problems']))
        os.chown(self.package.folder, 0, -1)

    def test_an_executable_that_is_not_executable(self):
        (self.package.folder / 'server').chmod(0o644)
        self.refuse(1, 'chmod +x', '[executable-mode]')

    def test_two_classes_alike(self):
        self.replace('</com:ExeServer>', f'<com:Class Id="{CLSID.lower()}"/></com:ExeServer>')
        self.refuse(1, CLSID, 'each class', '[class-duplicate]')

    def test_a_manifest_without_identity(self):
        self.replace('<Identity', '<Identitaet')
        self.refuse(1, 'add <Identity', '[identity-missing]')

    def test_a_manifest_that_has_gone_bad_is_a_problem_that_status_names(self):
        self.package.write('<Package')
        self.broker.restart()
        self.assertIn('cannot serve', ' '.join(self.broker.status()['problems']))
        self.assertIn('cannot serve', self.broker.bgtask('status').out)
        self.assertEqual(self.broker.tasks()[0]['task'], self.task)
        self.broker.run(self.task)
        self.assertIn('class-missing', self.broker.why(self.task))
        self.package.write(self.package.manifest())
        self.package.install()
        self.assert_outcome(self.broker.next_end(), 'completed')


class Starting(Case):
    """A server that does not serve: what its task's run ends as, and what is said meanwhile."""

    def failing(self, arguments, **options):
        """A task whose server cannot start, after its first try."""
        package = Package(self.broker, arguments=arguments, **options)
        task = self.broker.register(package, 'ok')
        run = self.broker.run(task)
        eventually(lambda: 'backing-off' in self.broker.why(task), 'the first try has failed')
        return task, run

    def exhaust(self, run, pauses=(2, 3, 5, 9)):
        """Time passes until the last try has failed."""
        for pause in pauses:
            eventually(lambda: not any(row['state'] == 'starting' for row in self.broker.runs()), 'it has failed')
            self.broker.advance(pause)
        return self.broker.ended(run)

    def test_that_exits_at_once_is_tried_five_times_and_named_with_its_status(self):
        task, run = self.failing('--print hello --exit 7')
        sentence, _, remedy, details = self.broker.why(task)['backing-off']
        self.assertIn('its server failed to start: the server exited with 7', sentence)
        self.assertIn('bgtask log', remedy)
        self.assertIn('until', details)
        ended = self.exhaust(run)
        self.assert_outcome(ended, 'not-started', detail='exited', result=7, attempts=5)
        self.assertIn('7', ended['text'])
        self.assertEqual(processes(self.broker.folder), [self.broker.process.pid])

    def test_that_exits_with_0_is_no_success(self):
        _, run = self.failing('--exit 0')
        self.assert_outcome(self.exhaust(run), 'not-started', detail='exited', result=0)

    def test_that_is_killed_is_named_with_its_signal(self):
        task, run = self.failing('--kill 9')
        self.assertIn('SIGKILL', self.broker.why(task)['backing-off'][0])
        self.assert_outcome(self.exhaust(run), 'not-started', detail='killed', result=9)

    def test_that_registers_a_class_of_another_package_is_refused(self):
        other = Package(self.broker, name='Test.Other', classes=(CLSID_2,))
        package = Package(self.broker, servers=[('server', (CLSID,), '')], install=False)
        package.write(package.manifest().replace(f'--class {CLSID}', f'--class {CLSID_2}'))
        package.install()
        task = self.broker.register(package, 'ok')
        run = self.broker.run(task)
        eventually(lambda: 'backing-off' in self.broker.why(task), 'the first try has failed')
        self.assert_outcome(self.exhaust(run), 'not-started', detail='exited')
        self.assertIn('ClassNotYours', ' '.join(self.broker.lines(task, run)))
        by_hand = ByHand(self.broker, other, clsid=None)
        with self.assertRaises(Refused) as caught:
            by_hand.call('RegisterClass', 'su', CLSID, 1)
        self.assertEqual(caught.exception.name, 'ClassNotYours')

    def test_whose_file_has_vanished_says_which(self):
        package = Package(self.broker)
        task = self.broker.register(package, 'ok')
        (package.folder / 'server').unlink()
        run = self.broker.run(task)
        eventually(lambda: 'backing-off' in self.broker.why(task), 'the first try has failed')
        self.assertIn('No such file', self.broker.why(task)['backing-off'][0])
        self.assert_outcome(self.exhaust(run), 'not-started', detail='spawn')
        shutil.copy(os.environ['BGTASK_TEST_SERVER'], package.folder / 'server')
        self.broker.advance(60)
        self.assert_outcome(self.broker.outcome(task), 'completed')

    def test_that_never_registers_is_stopped_after_60_seconds_and_named(self):
        package = Package(self.broker, arguments='--hang').listen()
        task = self.broker.register(package, 'ok')
        self.broker.run(task)
        talk = package.next_talk()
        self.assertIn('starting', self.broker.why(task))
        self.broker.advance_past(60.5)
        self.assertEqual(talk.hear(), '')
        self.assertIn('did not register', self.broker.why(task)['backing-off'][0])
        self.broker.call('Cancel', 'su', task, 0)

    def test_ten_times_in_a_row_is_quarantined_and_that_lifts_itself(self):
        task, run = self.failing('--exit 1')
        self.exhaust(run)
        self.exhaust(self.broker.run(task), (36, 72, 144, 288))
        self.assertEqual(self.broker.request(task)[0], 0)
        sentence, _, _, details = self.broker.why(task)['quarantined']
        self.assertIn('10 times', sentence)
        self.assertIn('until', details)
        self.broker.advance(3500)
        self.assertEqual([row['attempt'] for row in self.broker.runs()], [0])
        self.broker.advance(200)
        eventually(lambda: [row['attempt'] for row in self.broker.runs()] == [1], 'one start is tried')
        eventually(lambda: 'quarantined' in self.broker.why(task), 'it has failed too')


class Brokers(Case):
    """Where a broker cannot start or go on."""

    broker_options = None

    def fails(self, *pieces, **options):
        with self.assertRaises(BrokerFailed) as caught:
            self.new_broker(**options)
        self.assertEqual(caught.exception.status, 1)
        for piece in pieces:
            self.assertIn(piece, caught.exception.errors)

    def test_a_second_broker_on_one_state_folder_is_refused(self):
        first = self.new_broker()
        package = Package(first)
        first.register(package, 'ok')
        before = first.everything()
        self.fails('another broker', str(first.state), '--state', state=first.state)
        self.assertEqual(first.everything(), before)
        second = first.spawn()
        self.assertEqual(second.wait(60), 0, 'where the first one serves the same socket there is nothing to do')
        self.assertEqual(first.everything(), before)

    def test_a_socket_path_that_is_too_long_is_refused(self):
        self.fails('longer than the 107 bytes', '--runtime', runtime='/tmp/' + 'x' * 120)

    @unittest.skipIf(os.getuid() == 0, 'root may write everywhere')
    def test_a_read_only_state_folder_is_refused(self):
        with contextlib.ExitStack() as stack:
            first = self.new_broker()
            first.terminate()
            stack.callback(first.state.chmod, 0o700)
            for path in [*first.state.iterdir(), first.state]:
                path.chmod(path.stat().st_mode & 0o500)
            with self.assertRaises(BrokerFailed) as caught:
                first.start()
            self.assertIn(str(first.state), caught.exception.errors)

    @unittest.skipUnless(os.getuid() == 0, 'only root mounts')
    def test_a_read_only_file_system_is_refused(self):
        first = self.new_broker()
        package = Package(first)
        first.register(package, 'ok')
        before = first.tasks()
        first.terminate()
        wrapper = first.wrapper
        first.wrapper = in_namespace(f'mount --bind {first.state} {first.state} && '
                                     f'mount -o remount,bind,ro {first.state}')
        with self.assertRaises(BrokerFailed) as caught:
            first.start()
        self.assertIn(str(first.state), caught.exception.errors)
        self.assertIn('read-only', caught.exception.errors.lower())
        first.wrapper = wrapper
        first.start()
        self.assertEqual(first.tasks(), before)

    @unittest.skipUnless(os.getuid() == 0, 'only root mounts')
    def test_a_full_state_folder_refuses_what_it_cannot_keep_and_loses_nothing(self):
        folder = '/tmp/bgt-full-state'
        os.makedirs(folder, exist_ok=True)
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        broker = self.new_broker(state=folder, wrapper=in_namespace(f'mount -t tmpfs -o size=2m none {folder}'))
        package = Package(broker)
        kept = [broker.register(package, f'ok-{i}', TIME) for i in range(10)]
        filler = f'/proc/{broker.process.pid}/root{folder}/filler'
        with contextlib.suppress(OSError), open(filler, 'wb', buffering=0) as file:
            while True:
                file.write(b'x' * 4096)
        with self.assertRaises(Refused) as caught:
            for i in range(1000):
                kept.append(broker.register(package, f'more-{i}', TIME))
        self.assertEqual(caught.exception.name, 'StoreFull', caught.exception)
        self.assertIn('free some space', caught.exception.remedy)
        self.assertEqual({row['task'] for row in broker.tasks()}, set(kept))
        os.unlink(filler)
        kept.append(broker.register(package, 'after', TIME))
        self.assertEqual({row['task'] for row in broker.tasks()}, set(kept))

    def test_wrong_arguments_of_the_broker_are_explained(self):
        broker = self.new_broker()
        for args, piece in ((('--stat', 'x', '--nonsense'), '--help'), (('--boot-id', 'x'), 'no UUID'),
                            (('rubbish',), 'rubbish')):
            done = subprocess.run([os.environ['BGTASK_BROKER'], *args], capture_output=True, encoding='utf-8',
                                  env=broker.environment, check=False)
            self.assertEqual(done.returncode, 1)
            self.assertIn(piece, done.stderr)


def in_namespace(commands):
    """Starts the broker with mounts of its own. Sanitizers want to be below setarch where their caller is."""
    return ['unshare', '-m', '--propagation', 'private', 'sh', '-ec', f'{commands}; exec "$@"', 'sh']


class Bytes(Case):
    """What arrives on the socket and is not the protocol."""

    def setUp(self):
        super().setUp()
        self.package = Package(self.broker)
        self.task = self.broker.register(self.package, 'ok', TIME)
        self.before = self.broker.everything()

    def connect(self):
        peer = socket.socket(socket.AF_UNIX)
        peer.settimeout(60)
        peer.connect(str(self.broker.bus))
        self.addCleanup(peer.close)
        return peer

    def still_works(self):
        self.assertEqual(self.broker.everything(), self.before)
        with self.broker.open() as client:
            self.assertEqual(client.call('GetTask', 's', self.task)[1], 'ok')

    def test_garbage_ends_only_its_own_connection(self):
        generator = random.Random(SEED)
        for _ in range(times(200)):
            peer = self.connect()
            data = generator.randbytes(generator.randrange(1, 300))
            with contextlib.suppress(OSError):
                peer.sendall(generator.choice([b'', HANDSHAKE + BEGIN]) + data)
            peer.close()
        self.still_works()

    def test_half_a_message_harms_nobody(self):
        whole = HANDSHAKE + BEGIN + message('Status', interface=MANAGER, path='/org/bgtask')
        peers = []
        for n in range(len(whole)):
            peers.append(self.connect())
            peers[-1].sendall(whole[:n])
        self.still_works()
        for peer in peers:
            peer.close()
        self.still_works()

    def test_a_message_that_announces_gigabytes_is_not_waited_for(self):
        peer = self.connect()
        peer.sendall(HANDSHAKE + BEGIN + struct.pack('<cBBBIII', b'l', 1, 0, 1, 1 << 30, 1, 1 << 20))
        with contextlib.suppress(ConnectionResetError):
            while peer.recv(4096):
                pass
        self.still_works()

    def test_unknown_methods_and_wrong_signatures_are_refused_and_the_connection_stays(self):
        client = self.broker.open()
        for member, signature, args in (('Nothing', '', ()), ('Status', 's', ('x',)), ('GetTask', 'u', (1,))):
            with self.assertRaises(Refused) as caught:
                client.call(member, signature, *args)
            self.assertIn(caught.exception.name, ('org.freedesktop.DBus.Error.UnknownMethod',
                                                  'org.freedesktop.DBus.Error.InvalidArgs'))
        self.assertIn('version', client.call('Status'))
        self.still_works()

    def test_server_calls_of_a_client_are_refused(self):
        for member, signature, *args in (('RegisterClass', 'su', CLSID, 1), ('AskToGo', ''), ('BecomeApp', ''),
                                         ('RevokeClass', 'u', 1), ('Announce', 'a(su)', [])):
            with self.assertRaises(Refused) as caught:
                self.broker.call(member, signature, *args, interface='org.bgtask.Server1')
            self.assertEqual(caught.exception.name, 'NotAServer')
        self.still_works()

    def test_a_forged_cookie_makes_a_new_server_and_no_old_one(self):
        by_hand = ByHand(self.broker, self.package, clsid=None)
        forged = by_hand.info['cookie'][:-1] + ('0' if by_hand.info['cookie'][-1] != '0' else '1')
        other = ByHand(self.broker, self.package, clsid=None, cookie=forged)
        self.assertFalse(other.info['known'])
        self.assertNotEqual(other.info['server'], by_hand.info['server'])
        for each in (by_hand, other):
            each.close()

    def test_a_client_that_reads_nothing_is_disconnected_and_others_are_served(self):
        peer = self.connect()
        peer.sendall(HANDSHAKE + BEGIN)
        peer.setblocking(False)
        call = message('Status', interface=MANAGER, path='/org/bgtask')
        sent = 0
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            while sent < 200000:
                try:
                    peer.send(call)
                    sent += 1
                except BlockingIOError:
                    with self.broker.open() as client:
                        client.call('Status')
                    break
        self.still_works()

    def test_without_the_flag_there_is_no_test_clock(self):
        real = self.new_broker(test_clock=False)
        with self.assertRaises(Refused):
            real.advance(1)
        self.assert_fails(real.bgtask('simulate', '--advance', '1s'), 1, '--test-clock')
        self.assertIn('version', Client(str(real.bus)).call('Status'))
