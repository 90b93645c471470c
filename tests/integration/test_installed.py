# SPDX-License-Identifier: MIT
"""What 'meson install' installs: files where they belong, a pkg-config file that works, and a broker that is there
after a reboot without anybody asking for it."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest
import uuid

from bus_client import Client
from harness import BROKER, Broker, CLSID, Case, MANIFEST, NAME, PUBLISHER, Package, SECOND, TIMEOUT, eventually

BUILD = os.environ['BGTASK_BUILD_ROOT']
PREFIX = 'usr/local'
# It does not outlive a SIGTERM.
SERVER = '''#include <bgtask.h>
#include <signal.h>
static int run(bgt_instance *instance, void *object)
{
        signal(SIGTERM, SIG_DFL);
        return 0;
}
int main(void)
{
        return bgt_serve("%s", BGT_REGCLS_MULTIPLEUSE, run, NULL) < 0;
}
''' % CLSID


class Tree:
    """A tree that holds what is installed, made once."""

    folder = None

    @classmethod
    def get(cls):
        if not cls.folder:
            cls.folder = pathlib.Path(tempfile.mkdtemp(prefix='bgt-tree-'))
            unittest.addModuleCleanup(shutil.rmtree, cls.folder)
            subprocess.run(['meson', 'install', '-C', BUILD, '--no-rebuild', '--quiet', '--destdir', cls.folder],
                           check=True, stdout=subprocess.DEVNULL)
        return cls.folder

    @classmethod
    def find(cls, pattern):
        found, = cls.get().glob(f'{PREFIX}/{pattern}')
        return found


def compile_server(target):
    """Compiles a server as somebody else does, who has only what is installed."""
    config = Tree.find('lib/**/pkgconfig/bgtask.pc')
    environment = os.environ | {'PKG_CONFIG_PATH': str(config.parent), 'PKG_CONFIG_SYSROOT_DIR': str(Tree.get())}
    flags = subprocess.run(['pkg-config', '--cflags', '--libs', 'bgtask'], env=environment, check=True,
                           capture_output=True, encoding='utf-8').stdout.split()
    source = target.with_suffix('.c')
    source.write_text(SERVER, encoding='utf-8')
    libraries = '/' + str(config.parent.parent.relative_to(Tree.get()))
    subprocess.run(['cc', '-Wall', '-Werror', '-o', target, source, *flags, f'-Wl,-rpath,{libraries}'], check=True)


class Installed(unittest.TestCase):
    def test_files_are_where_they_belong(self):
        for name in ('bin/bgtask', 'libexec/bgtask/bgtaskd', 'include/bgtask.h', 'include/bgtask/server.h',
                     'lib/**/libbgtask.so.0', 'lib/**/pkgconfig/bgtask.pc', 'lib/systemd/user/bgtaskd.service',
                     'lib/systemd/user/bgtaskd.socket', 'lib/systemd/system/bgtaskd.service',
                     'lib/systemd/system/bgtaskd.socket', 'etc/xdg/autostart/bgtaskd.desktop'):
            with self.subTest(name):
                self.assertTrue(Tree.find(name).is_file())
        for target, unit in (('default.target', 'service'), ('sockets.target', 'socket')):
            wanted = Tree.get() / PREFIX / 'lib/systemd/user' / f'{target}.wants' / f'bgtaskd.{unit}'
            self.assertTrue(wanted.is_symlink() and wanted.is_file())

    def test_nothing_of_the_tests_is_installed(self):
        programs = {path.name for path in Tree.get().rglob('*') if path.is_file() and os.access(path, os.X_OK)}
        self.assertEqual({name for name in programs if not name.startswith(('bgtask', 'libbgtask'))}, set())

    def test_a_program_is_built_with_the_pkg_config_file(self):
        with tempfile.TemporaryDirectory(prefix='bgt-') as folder:
            program = pathlib.Path(folder, 'server')
            compile_server(program)
            done = subprocess.run([program], env={'LD_LIBRARY_PATH': str(Tree.find('lib/**/libbgtask.so.0').parent),
                                                  'BGTASK_AUTOSTART': '0', 'BGTASK_BUS': f'{folder}/bus'},
                                  check=False, timeout=TIMEOUT)
        self.assertEqual(done.returncode, 1)

    @unittest.skipUnless(shutil.which('systemd-analyze'), 'systemd-analyze is not installed')
    def test_systemd_finds_nothing_wrong_with_the_units(self):
        with tempfile.TemporaryDirectory(prefix='bgt-') as folder:
            for kind in ('user', 'system'):
                with self.subTest(kind):
                    units = pathlib.Path(folder, kind)
                    shutil.copytree(Tree.find(f'lib/systemd/{kind}'), units, symlinks=True)
                    service = units / 'bgtaskd.service'
                    service.write_text(service.read_text(encoding='utf-8').replace(
                        f'/{PREFIX}/libexec/bgtask/bgtaskd', BROKER), encoding='utf-8')
                    done = subprocess.run(['systemd-analyze', 'verify', '--man=no', f'--{kind}', service,
                                           units / 'bgtaskd.socket'], env=os.environ | {'XDG_RUNTIME_DIR': folder},
                                          capture_output=True, encoding='utf-8', check=False, timeout=TIMEOUT)
                    self.assertEqual((done.returncode, done.stderr), (0, ''))


class Desktop(Case):
    """A machine without systemd: whoever starts the session runs the autostart entry."""

    def setUp(self):
        entry = Tree.find('etc/xdg/autostart/bgtaskd.desktop').read_text(encoding='utf-8').splitlines()
        values = dict(line.split('=', 1) for line in entry if '=' in line)
        self.assertEqual(values['TryExec'], values['Exec'])
        self.program = Tree.get() / values['Exec'].lstrip('/')
        super().setUp()

    def new_broker(self, **options):
        broker = Broker(start=False, **options)
        broker.runtime = broker.folder / 'bgtask'
        broker.bus = broker.runtime / 'bus'
        broker.environment['BGTASK_BUS'] = str(broker.bus)
        broker.arguments = lambda: [str(self.program), '--test-clock', '--boot-id', broker.boot_id]
        self.addCleanup(self.finish, broker)
        broker.start()
        broker.state = pathlib.Path(broker.status()['state-folder'])
        return broker

    def test_the_autostart_entry_brings_the_tasks_back_after_a_reboot(self):
        package = Package(self.broker)
        self.broker.register(package, 'ok', ('interval', {'period': ('t', 60 * SECOND), 'window': ('t', 0)}))
        self.broker.reboot(150)
        eventually(lambda: self.broker.history())
        self.assert_outcome(self.broker.history()[0], 'completed', count=2)


class Container:
    """A machine in namespaces whose PID 1 is systemd. Its disk survives boot() and power_off()."""

    UID = 65534

    def __init__(self, test):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='bgt-'))
        test.addCleanup(shutil.rmtree, self.folder)
        self.destination = Tree.get()
        self.disk = subprocess.Popen(
            ['unshare', '--mount', 'sh', '-c',
             'mount --make-rprivate / && mount -t tmpfs tmpfs "$1" && mkdir "$1/cgroup" && '
             'mount -t cgroup2 cgroup2 "$1/cgroup" && mkdir "$1/cgroup/$2" && echo ready && exec cat',
             'sh', self.folder, self.folder.name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding='utf-8')
        self.machine = None
        test.addCleanup(self.unplug)
        if self.disk.stdout.readline() != 'ready\n':
            test.skipTest(f'no mount namespace here: {self.disk.stderr.read().strip()}')
        self.init = 0

    def boot(self, test):
        script = pathlib.Path(os.environ['BGTASK_SOURCE_ROOT'], 'tests/integration/boot-systemd.sh')
        self.machine = subprocess.Popen(
            ['nsenter', '--mount', '-t', str(self.disk.pid), 'sh', '-c', 'echo $$ >"$1/cgroup.procs" && shift && '
             'exec setpriv --pdeathsig KILL unshare --mount --pid --cgroup --net --uts --ipc --fork '
             '--kill-child=KILL sh "$@"', 'sh',
             self.folder / 'cgroup' / self.folder.name, script, self.folder, self.destination, str(uuid.uuid4()),
             str(self.UID)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding='utf-8', cwd='/')
        said = self.machine.stdout.readline()
        if said != 'booting\n':
            test.skipTest(f'systemd cannot be booted in namespaces here: {said.strip()}')
        pid = self.machine.pid
        # The one outside does not stay in the machine's root, which could else have no controllers below it.
        self.outside('sh', '-c', 'echo "$1" >"$2/cgroup/cgroup.procs"', 'sh', str(pid), self.folder)
        children = pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text(encoding='ascii').split()
        self.init = int(children[0])

    def power_off(self):
        """As the power fails: everything is gone at once."""
        self.machine.kill()
        self.machine.stdout.read()
        self.machine.wait(TIMEOUT)
        self.machine.stdout.close()
        self.machine = None
        # What systemd made in its cgroup; the next one finds an empty one.
        eventually(lambda: self.outside('find', self.folder / 'cgroup' / self.folder.name, '-mindepth', '1', '-depth',
                                        '-type', 'd', '-exec', 'rmdir', '{}', '+') == 0, 'the cgroups are empty')

    def unplug(self):
        if self.machine:
            self.power_off()
        self.outside('rmdir', self.folder / 'cgroup' / self.folder.name)
        self.disk.communicate('')

    def outside(self, *command):
        """Runs a command where the disk can be seen; its exit status."""
        return subprocess.run(['nsenter', '--mount', '-t', str(self.disk.pid), *command], stderr=subprocess.DEVNULL,
                              check=False).returncode

    def path(self, name):
        return pathlib.Path(f'/proc/{self.init}/root/{name}')

    def broker_pid(self, runtime):
        """The pid, in there, that the broker noted; 0 before."""
        with contextlib.suppress(OSError, ValueError):
            return int(self.path(f'{runtime}/lock').read_text(encoding='ascii'))
        return 0

    def run(self, *command):
        """Runs a command in there as the user."""
        libraries = Tree.find('lib/**/libbgtask.so.0').parent.relative_to(Tree.get())
        return subprocess.run(
            ['nsenter', '--all', '-t', str(self.init), 'setpriv', f'--reuid={self.UID}', f'--regid={self.UID}',
             '--clear-groups', 'env', '-i', 'PATH=/usr/bin:/bin', f'XDG_RUNTIME_DIR=/run/user/{self.UID}',
             'HOME=/home/user', f'LD_LIBRARY_PATH=/{libraries}', *command],
            check=True, timeout=TIMEOUT, capture_output=True, encoding='utf-8').stdout


@unittest.skipUnless(os.geteuid() == 0, 'only root may boot systemd in namespaces')
@unittest.skipUnless(os.access('/lib/systemd/systemd', os.X_OK), 'systemd is not installed')
class Rebooted(unittest.TestCase):
    """The real systemd, and nothing but what is installed."""

    RUNTIME = {'user': f'run/user/{Container.UID}/bgtask', 'system': 'run/bgtask'}

    def setUp(self):
        self.machine = Container(self)
        self.machine.boot(self)

    def running(self, kind, but_not=0):
        """Waits until the broker runs, without asking it, and returns its pid in there."""
        eventually(lambda: self.machine.broker_pid(self.RUNTIME[kind]) not in (0, but_not), f'the {kind} broker')
        return self.machine.broker_pid(self.RUNTIME[kind])

    @contextlib.contextmanager
    def client(self, kind):
        with Client(str(self.machine.path(f'{self.RUNTIME[kind]}/bus'))) as client:
            yield client

    def history(self, client):
        return client.call('History', 'sssu', '*', '', '', 1000)[0]

    def register(self, client, folder):
        """A task that is due each second, in a package of its own."""
        package = self.machine.path(folder)
        package.mkdir(parents=True)
        compile_server(package / 'server')
        (package / 'AppxManifest.xml').write_text(MANIFEST.format(
            name=NAME, publisher=PUBLISHER, version='1.0.0.0',
            capabilities='<rescap:Capability Name="runFullTrust"/>', servers='<com:ExeServer Executable="server">'
            f'<com:Class Id="{CLSID}"/></com:ExeServer>'), encoding='utf-8')
        family = client.call('InstallPackage', 'sa{sv}', f'/{folder}', {})[0]
        trigger = ('interval', {'period': ('t', SECOND), 'window': ('t', 0)})
        client.call('Register', 'ss(sa{sv})asa{sv}s', family, 'each second', trigger, [], {'clsid': ('s', CLSID)},
                    'fail')

    def test_tasks_run_after_a_reboot_without_anybody_asking(self):
        for kind in ('user', 'system'):
            self.running(kind)
            with self.client(kind) as client:
                self.register(client, f'srv/{kind}')
                eventually(lambda: self.history(client), 'a run before the reboot')
        self.machine.power_off()
        self.machine.boot(self)
        for kind in ('user', 'system'):
            with self.subTest(kind):
                pid = self.running(kind)
                with self.client(kind) as client:
                    status = client.call('Status')
                    self.assertEqual(status['pid'], pid)
                    after = eventually(lambda: [row for row in self.history(client)
                                                if row[3]['ended'] > status['started']], 'a run after the reboot')
                    self.assertEqual(after[0][2], 'completed')

    def test_systemd_restarts_the_broker_and_its_servers_stay(self):
        first = self.running('user')
        with self.client('user') as client:
            self.register(client, 'srv/user')
            eventually(lambda: self.history(client))
            server = eventually(lambda: self.servers(client))
            self.assertTrue(client.call('Status')['process-control'].startswith('cgroups: '))
        self.machine.run('systemctl', '--user', 'restart', 'bgtaskd.service')
        second = self.running('user', but_not=first)
        with self.client('user') as client:
            self.assertEqual(client.call('Status')['pid'], second)
            eventually(lambda: self.servers(client) == server, 'the server stays')

    def test_a_controller_that_the_broker_enabled_does_not_keep_the_next_one_out(self):
        first = self.running('user')
        with self.client('user') as client:
            self.register(client, 'srv/user')
            server = eventually(lambda: self.servers(client))
        folder = self.machine.path('sys/fs/cgroup')
        controller = (folder / 'cgroup.controllers').read_text(encoding='ascii').split()
        if not controller:
            self.skipTest('no controller of version 2 is there for a container')
        for name in ('', 'system.slice', 'user-manager.service', 'app.slice', 'bgtaskd.service'):
            folder /= name
            (folder / 'cgroup.subtree_control').write_text(f'+{controller[0]}', encoding='ascii')
        self.machine.run('kill', '-KILL', str(first))
        self.running('user', but_not=first)
        with self.client('user') as client:
            eventually(lambda: self.servers(client) == server, 'the server stays')

    def servers(self, client):
        """The processes of the package."""
        return self.machine.run('pgrep', '-x', 'server').split() if client.call('Status')['servers'] else []

    def test_who_connects_to_the_socket_starts_a_broker_that_was_stopped(self):
        first = self.running('user')
        self.machine.run('systemctl', '--user', 'stop', 'bgtaskd.service')
        second = int(dict(line.split(None, 1) for line in self.machine.run(
            f'/{PREFIX}/bin/bgtask', 'status').splitlines() if ' ' in line)['pid'])
        self.assertNotEqual(first, second)

    def test_a_broker_that_is_killed_comes_back_and_one_that_is_shut_down_does_not(self):
        first = self.running('user')
        self.machine.run('kill', '-KILL', str(first))
        second = self.running('user', but_not=first)
        with self.client('user') as client:
            client.call('Shutdown', 'u', 2)
            self.assertTrue(client.peer_is_gone())
        show = ('systemctl', '--user', 'show', '--value', '-p', 'ActiveState', 'bgtaskd.service')
        eventually(lambda: self.machine.run(*show).strip() == 'inactive', 'the unit is inactive')
        self.assertEqual(self.machine.broker_pid(self.RUNTIME['user']), second)
