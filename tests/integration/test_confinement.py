# SPDX-License-Identifier: MIT
"""Packages without runFullTrust: what their servers see, and what their socket lets them ask for."""

import errno
import os
import pathlib
import shutil
import socket
import uuid

from bus_client import CLOCK, Client, Refused
from harness import CLSID, Case, Package, eventually, wait_gone

BUILD = pathlib.Path(os.environ['BGTASK_BUILD_ROOT'])
PROGRAM = os.environ['BGTASK_TEST_CONFINED']
LIBRARY = BUILD / 'src/client/libbgtask.so.0'
USER = 101


class Confined(Case):
    broker_options = {'test_clock': True}

    def package(self, name='Test.Confined', capabilities=()):
        package = Package(self.broker, name, capabilities=capabilities, install=False)
        shutil.copy(PROGRAM, package.folder / 'server')
        shutil.copy(LIBRARY, package.folder)
        package.install()
        return package.listen()

    def begin(self, package, name='control'):
        task = self.broker.register(package, name)
        run = self.broker.run(task)
        try:
            return task, run, package.talk_of(run, 5)
        except TimeoutError:
            if 'cannot confine it' in self.broker.errors():
                self.skipTest('the kernel gives this user no namespaces')
            raise

    def socket_of(self, package):
        """The package's own socket, as it looks from outside."""
        return self.broker.runtime / 'packages' / str(uuid.uuid5(uuid.UUID(int=0), package.family)) / 'bus'

    def inside(self, package):
        client = Client(str(self.socket_of(package)))
        self.broker.sockets.append(client)
        return client

    def finish_run(self, run, talk):
        talk.end()
        self.assertEqual(self.broker.ended(run)['outcome'], 'completed')


class View(Confined):
    def test_it_reads_its_folder_writes_its_data_and_finds_nothing_else(self):
        other = Package(self.broker, 'Test.Other').listen()
        package = self.package()
        home = self.broker.folder / 'home'
        (home / 'secret').write_text('secret')
        (package.folder / 'own').write_text('own')
        (package.local / 'data').write_text('data')
        _, run, talk = self.begin(package)
        self.assertEqual(talk.ask(f'read {package.folder}/own'), 0)
        self.assertIn(talk.ask(f'write {package.folder}/own'), (-errno.EROFS, -errno.EACCES))
        self.assertEqual(talk.ask(f'write {package.local}/data'), 0)
        for path in (home / 'secret', other.folder / 'server', other.local, self.broker.state, self.broker.runtime,
                     self.broker.log, '/root', '/etc/shadow', f'/proc/{os.getpid()}'):
            self.assertIn(talk.ask(f'read {path}'), (-errno.ENOENT, -errno.EACCES), path)
        for path in (self.broker.bus, other.local / 'control'):
            self.assertIn(talk.ask(f'connect {path}'), (-errno.ENOENT, -errno.EACCES), path)
        self.assertEqual(talk.ask('connect /run/bgtask/bus'), 0)
        self.finish_run(run, talk)

    def test_it_cannot_take_its_socket_away_or_open_its_folder_to_other_users(self):
        package = self.package()
        _, run, talk = self.begin(package)
        self.assertIn(talk.ask('remove /run/bgtask/bus'), (-errno.EROFS, -errno.EACCES))
        self.assertEqual((package.local / '..').stat().st_mode & 0o777, 0o700)
        self.finish_run(run, talk)

    def test_a_capability_opens_the_folder_that_it_names(self):
        home = self.broker.folder / 'home'
        (home / '.config').mkdir()
        (home / '.config/user-dirs.dirs').write_text('# written by xdg-user-dirs\nXDG_DOCUMENTS_DIR="$HOME/Papiere"\n')
        for name in ('Papiere', 'Documents', 'Music'):
            (home / name).mkdir()
            (home / name / 'file').write_text(name)
        package = self.package(capabilities=('documentsLibrary', 'picturesLibrary', 'noSuchCapability'))
        _, run, talk = self.begin(package)
        self.assertEqual(talk.ask(f'write {home}/Papiere/file'), 0)
        for name in ('Documents', 'Music', 'Pictures'):
            self.assertEqual(talk.ask(f'read {home}/{name}/file'), -errno.ENOENT)
        self.finish_run(run, talk)
        package = self.package('Test.Broad', capabilities=('broadFileSystemAccess',))
        _, run, talk = self.begin(package)
        self.assertEqual(talk.ask(f'write {home}/Music/file'), 0)
        self.assertNotEqual(talk.ask(f'read {self.broker.state}'), 0)
        self.finish_run(run, talk)

    def test_an_update_to_full_trust_ends_the_confinement(self):
        package = self.package()
        _, run, talk = self.begin(package)
        self.assertNotEqual(talk.ask(f'read {self.broker.state}'), 0)
        self.finish_run(run, talk)
        package.capabilities = ('runFullTrust',)
        package.write(package.manifest())
        package.install()
        task = self.broker.tasks(package.family)[0]['task']
        run = self.broker.run(task)
        talk = package.talk_of(run)
        self.assertEqual(talk.ask(f'read {self.broker.state}'), 0)
        self.finish_run(run, talk)
        self.assertFalse(self.socket_of(package).exists())

    def test_a_folder_that_cannot_be_shown_fails_the_start_and_why_says_so(self):
        package = self.package()
        task = self.broker.register(package, 'control')
        (package.local / 'control').unlink()
        shutil.rmtree(package.local)
        package.local.write_text('in the way')
        self.broker.run(task)
        eventually(lambda: 'Not a directory' in str(self.broker.why(task)))
        package.local.unlink()


class Life(Confined):
    def test_it_runs_reports_and_completes_as_any_other(self):
        package = self.package()
        task, run, talk = self.begin(package)
        self.assertEqual(talk.pid, 1)
        self.assertEqual(talk.ask('print inside'), 0)
        self.assertEqual(talk.ask('progress 30'), 0)
        self.broker.progress(run, 30)
        talk.end(7)
        self.assertEqual(self.broker.ended(run)['result'], 7)
        self.assertEqual(self.broker.lines(task), ['inside'])

    def test_it_outlives_the_broker_and_comes_back_to_the_next_one(self):
        package = self.package()
        _, run, talk = self.begin(package)
        self.broker.kill()
        self.broker.start()
        self.assertEqual(talk.ask('progress 40'), 0)
        # Said once, perhaps before anybody watches: the new broker is asked until it knows.
        eventually(lambda: self.broker.runs()[0].get('progress') == 40)
        self.finish_run(run, talk)

    def test_it_is_canceled_and_what_it_left_behind_ends_with_it(self):
        package = self.package()
        task, run, talk = self.begin(package)
        self.assertGreater(talk.ask('child'), 0)
        pid = self.broker.runs()[0]['pid']
        # The kernel leaves out some of them while others end.
        children = eventually(pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text).split()
        self.assertEqual(len(children), 1)
        self.broker.call('Cancel', 'su', task, USER)
        self.assertEqual(talk.canceled(), USER)
        talk.say('exit 0')
        self.assertEqual(self.broker.ended(run)['outcome'], 'canceled')
        for each in (pid, *map(int, children)):
            self.assertTrue(wait_gone(each, 10), f'{each} lives')


class Server(Confined):
    """A package with a capability for servers has the broker listen for it."""

    broker_options = {'test_clock': False}

    def register(self, package, address):
        return self.inside(package).call('Register', 'ss(sa{sv})asa{sv}s', '', 'control',
                                         ('SocketActivityTrigger', {'listen': ('s', address)}), [],
                                         {'clsid': ('s', CLSID)}, 'fail')

    def known(self, name, capability):
        """A package whose socket is there, since it has run."""
        package = self.package(name, capabilities=(capability,))
        _, run, talk = self.begin(package, 'control-first')
        self.finish_run(run, talk)
        return package

    def test_a_capability_for_servers_lets_it_listen_in_the_network_and_not_in_files(self):
        for i, capability in enumerate(('internetClientServer', 'privateNetworkClientServer')):
            package = self.known(f'Test.Server{i}', capability)
            with socket.create_server(('127.0.0.1', 0)) as probe:
                port = probe.getsockname()[1]
            with self.assertRaisesRegex(Refused, 'AccessDenied'):
                self.register(package, f'unix:{self.broker.folder}/listen')
            self.register(package, f'tcp:127.0.0.1:{port}')
            with socket.create_connection(('127.0.0.1', port)) as client:
                client.settimeout(30)
                talk = package.next_talk()
                self.assertEqual(talk.ask('serve'), 1)
                self.assertEqual(client.recv(100), b'hello')
                talk.end()
                self.broker.ended(talk.run)

    def test_only_a_package_that_may_listen_hears_of_the_notifications_of_others(self):
        for name, capability in (('Test.Deaf', 'internetClient'), ('Test.Listener', 'userNotificationListener')):
            inside = self.inside(self.known(name, capability))

            def register(client=inside):
                return client.call('Register', 'ss(sa{sv})asa{sv}s', '', 'listener',
                                   ('UserNotificationChangedTrigger', {}), [], {'clsid': ('s', CLSID)}, 'fail')
            if capability == 'userNotificationListener':
                self.assertTrue(register())
            else:
                self.assertRaisesRegex(Refused, 'AccessDenied.*userNotificationListener', register)

    def test_without_one_it_does_not(self):
        package = self.known('Test.Client', 'internetClient')
        with self.assertRaisesRegex(Refused, 'privateNetworkClientServer'):
            self.register(package, 'tcp:127.0.0.1:1')


class Socket(Confined):
    def setUp(self):
        super().setUp()
        self.own, self.other = self.package(), Package(self.broker, 'Test.Other').listen()
        self.mine, self.run_of_mine, self.talk = self.begin(self.own)
        self.theirs = self.broker.register(self.other, 'control-theirs')
        self.client = self.inside(self.own)

    def tearDown(self):
        self.finish_run(self.run_of_mine, self.talk)

    def refused(self, name, member, signature='', *args, **options):
        with self.assertRaises(Refused, msg=member) as caught:
            self.client.call(member, signature, *args, **options)
        self.assertEqual(caught.exception.name, name, member)

    def test_its_own_tasks_are_there_and_it_registers_more(self):
        self.assertEqual(self.client.call('Open', 'sa{sv}', '', {})['package'], self.own.family)
        names = [name for _, _, name, _ in self.client.call('ListTasks', 'ssa{sv}su', '', '', {}, '', 1000)[0]]
        self.assertEqual(names, ['control'])
        self.client.call('Register', 'ss(sa{sv})asa{sv}s', '', 'more', ('ApplicationTrigger', {}), [],
                         {'clsid': ('s', CLSID)}, 'fail')
        self.assertEqual(sorted(task['name'] for task in self.broker.tasks(self.own.family)), ['control', 'more'])
        self.assertTrue(self.client.call('Why', 's', self.mine))
        self.client.call('History', 'sssu', '', '', '', 10)
        self.client.call('Watch', 'ss', '', '')

    def test_what_belongs_to_another_package_does_not_exist(self):
        run = self.broker.run(self.theirs)
        talk = self.other.talk_of(run)
        family = self.other.family
        self.refused('NoSuchTask', 'GetTask', 's', self.theirs)
        self.refused('NoSuchTask', 'Why', 's', self.theirs)
        self.refused('NoSuchTask', 'Unregister', 'sb', self.theirs, True)
        self.refused('NoSuchTask', 'Run', 'sa{sv}', self.theirs, {})
        self.refused('NoSuchTask', 'Request', 'sa{sv}', self.theirs, {})
        self.refused('NoSuchTask', 'Cancel', 'su', self.theirs, USER)
        self.refused('NoSuchTask', 'Pause', 'sb', self.theirs, True)
        self.refused('NoSuchTask', 'ReadLog', 'sssu', self.theirs, '', '', 10)
        self.refused('NoSuchTask', 'Watch', 'ss', '', self.theirs)
        self.refused('NoSuchTask', 'History', 'sssu', '', self.theirs, '', 10)
        self.refused('NoSuchRun', 'CancelRun', 'su', run, USER)
        for package in (family, '*'):
            self.refused('NoSuchPackage', 'Open', 'sa{sv}', package, {})
            self.refused('NoSuchPackage', 'ListTasks', 'ssa{sv}su', package, '', {}, '', 10)
            self.refused('NoSuchPackage', 'History', 'sssu', package, '', '', 10)
            self.refused('NoSuchPackage', 'Watch', 'ss', package, '')
            self.refused('NoSuchPackage', 'Attach', 'ss', '', package, interface='org.bgtask.Server1')
        self.refused('NoSuchPackage', 'Register', 'ss(sa{sv})asa{sv}s', family, 'x', ('ApplicationTrigger', {}), [],
                     {'clsid': ('s', CLSID)}, 'fail')
        talk.end()
        self.broker.ended(run)

    def test_what_would_not_be_confined_cannot_be_registered(self):
        command = ('x', ('ApplicationTrigger', {}), [], {'command': ('as', ['/bin/true'])}, 'fail')
        self.refused('AccessDenied', 'Register', 'ss(sa{sv})asa{sv}s', '', *command)
        self.refused('AccessDenied', 'RegisterBatch', 'sa(s(sa{sv})asa{sv}s)', '', [command])
        self.refused('AccessDenied', 'Register', 'ss(sa{sv})asa{sv}s', '', 'x', ('ApplicationTrigger', {}), [],
                     {'clsid': ('s', CLSID), 'on-failure': ('as', ['/bin/true'])}, 'fail')
        self.refused('AccessDenied', 'Register', 'ss(sa{sv})asa{sv}s', '', 'x',
                     ('StorageLibraryContentChangedTrigger', {'paths': ('as', ['/etc'])}), [],
                     {'clsid': ('s', CLSID)}, 'fail')
        for address in ('tcp:127.0.0.1:1', 'unix:/tmp/x'):
            self.refused('AccessDenied', 'Register', 'ss(sa{sv})asa{sv}s', '', 'x',
                         ('SocketActivityTrigger', {'listen': ('s', address)}), [], {'clsid': ('s', CLSID)}, 'fail')
        self.refused('AccessDenied', 'Register', 'ss(sa{sv})asa{sv}s', '', 'x',
                     ('DeviceWatcherTrigger', {'match': ('as', ['SUBSYSTEM=usb'])}), [],
                     {'clsid': ('s', CLSID)}, 'fail')
        self.assertEqual(len(self.broker.tasks(self.own.family)), 1)

    def test_what_is_not_a_package_s_business_is_refused(self):
        self.refused('AccessDenied', 'InstallPackage', 'sa{sv}', str(self.other.folder), {})
        self.refused('AccessDenied', 'RemovePackage', 's', self.other.family)
        self.refused('AccessDenied', 'ListPackages', 'su', '', 10)
        self.refused('AccessDenied', 'Status')
        self.refused('AccessDenied', 'Raise', 'sa{sv}', 'ready', {})
        self.refused('AccessDenied', 'Shutdown', 'u', 2)
        self.refused('AccessDenied', 'Advance', 't', 1, interface=CLOCK)

    def test_the_cookie_of_another_package_s_server_opens_nothing(self):
        run = self.broker.run(self.theirs)
        talk = self.other.talk_of(run)
        server = self.broker.open()
        cookie = server.call('Attach', 'ss', '', self.other.family, interface='org.bgtask.Server1')['cookie']
        attached = self.client.call('Attach', 'ss', cookie, '', interface='org.bgtask.Server1')
        self.assertEqual((attached['package'], attached['known']), (self.own.family, False))
        talk.end()
        self.broker.ended(run)

    def test_it_is_gone_after_the_removal(self):
        path = self.socket_of(self.own)
        self.assertTrue(path.exists())
        self.finish_run(self.run_of_mine, self.talk)
        self.broker.call('RemovePackage', 's', self.own.family)
        self.assertFalse(path.exists())
        self.assertTrue(self.client.peer_is_gone())
        self.tearDown = lambda: None
