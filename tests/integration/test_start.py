# SPDX-License-Identifier: MIT
"""How a broker comes to be: by a socket that somebody holds for it, by whoever needs it, and never twice."""

import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import select
import signal
import socket
import subprocess
import sys
import time

from bus_client import Client
from harness import BROKER, CLI, Broker, Case, Package, TIMEOUT, eventually

IN_OPEN, EVENT_SIZE = 0x20, 16
HALF = 1  # seconds that one who starts may have only one of the locks

# Becomes the broker as systemd starts it: the socket is descriptor 3, and LISTEN_PID is its own pid.
AS_SYSTEMD = '''import os, sys
os.dup2(int(sys.argv[1]), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=sys.argv[2])
os.execv(sys.argv[3], sys.argv[3:])
'''

# What a killed broker's child is until it executes its program: it has the locks and the socket of somebody who is
# gone. It ends when somebody connects.
REMNANT = '''import fcntl, os, socket, sys
state, runtime = sys.argv[1:]
locks = [open(folder + '/lock', 'w') for folder in (state, runtime)]
for lock in locks:
    fcntl.flock(lock, fcntl.LOCK_EX)
listener = socket.socket(socket.AF_UNIX)
listener.bind(runtime + '/bus')
listener.listen()
if os.fork() == 0:
    listener.accept()
'''


class Opened:
    """How often a file is opened."""

    def __init__(self, path):
        library = ctypes.CDLL(None, use_errno=True)
        self.fd = library.inotify_init1(os.O_CLOEXEC)
        assert library.inotify_add_watch(self.fd, os.fsencode(path), IN_OPEN) >= 0

    def wait(self, n):
        """For n more times."""
        while n > 0:
            assert select.select([self.fd], [], [], TIMEOUT)[0]
            n -= len(os.read(self.fd, EVENT_SIZE)) // EVENT_SIZE

    def close(self):
        os.close(self.fd)


def serving(path):
    """The pid of the broker that answers there."""
    with Client(str(path)) as client:
        return client.call('Status')['pid']


class Socket(Case):
    """A socket that listens before the broker does."""

    def hold(self, path, kind=socket.SOCK_STREAM, listens=True):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, kind)
        self.addCleanup(listener.close)
        listener.bind(str(path))
        if listens:
            listener.listen(64)
        return listener

    def spawn_with(self, listener, n='1', **options):
        command = [sys.executable, '-c', AS_SYSTEMD, str(listener.fileno()), n, BROKER, '--state',
                   str(self.broker.state), '--runtime', str(self.broker.runtime)]
        with open(self.broker.log, 'ab') as log:
            process = subprocess.Popen(command, env=self.broker.environment, stderr=log, stdin=subprocess.DEVNULL,
                                       pass_fds=[listener.fileno()], **options)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        if process.poll() is None:
            process.terminate()
            process.wait(TIMEOUT)


class Activated(Socket):
    broker_options = {'test_clock': False}

    def setUp(self):
        super().setUp()
        self.broker.terminate()
        self.bus = self.broker.runtime / 'bus'

    def test_who_connects_before_the_broker_starts_is_served(self):
        listener = self.hold(self.bus)
        early = subprocess.Popen([CLI, 'status', '--json'], env=self.broker.environment, stdout=subprocess.PIPE)
        self.assertTrue(select.select([listener], [], [], TIMEOUT)[0])
        process = self.spawn_with(listener)
        self.assertEqual(json.loads(early.communicate(timeout=TIMEOUT)[0])['pid'], process.pid)

    def test_the_socket_stays_when_the_broker_leaves(self):
        listener = self.hold(self.bus)
        first = self.spawn_with(listener)
        self.assertEqual(serving(self.bus), first.pid)
        self.end(first)
        self.assertEqual(first.returncode, 0)
        self.assertTrue(self.bus.is_socket())
        second = self.spawn_with(listener)
        self.assertEqual(serving(self.bus), second.pid)

    def test_the_socket_may_have_any_path(self):
        listener = self.hold(self.broker.folder / 'elsewhere' / 'socket')
        self.spawn_with(listener)
        with Client(str(self.broker.folder / 'elsewhere' / 'socket')) as client:
            self.assertEqual(client.call('Status')['bus'], str(self.broker.folder / 'elsewhere' / 'socket'))
        self.assertFalse(self.bus.exists())

    def test_what_is_no_listening_socket_is_refused(self):
        folder = self.broker.folder
        for n, listener in (('1', self.hold(folder / 'datagram', socket.SOCK_DGRAM, listens=False)),
                            ('1', self.hold(folder / 'silent', listens=False)),
                            ('2', self.hold(folder / 'good'))):
            with self.subTest(n=n):
                process = self.spawn_with(listener, n)
                self.assertEqual(process.wait(TIMEOUT), 1)
        self.assertIn('a single ListenStream', self.broker.errors())

    def test_descriptors_for_another_process_are_not_taken(self):
        self.broker.environment |= {'LISTEN_PID': '1', 'LISTEN_FDS': '1'}
        self.broker.start()
        self.assertTrue(self.bus.is_socket())


class TakeOver(Socket):
    """A broker that somebody started by hand, and then one for a socket."""

    broker_options = {'test_clock': False}

    def test_who_is_started_for_a_socket_takes_over_and_servers_stay(self):
        package = Package(self.broker).listen()
        run = self.broker.run(self.broker.register(package, 'control'))
        talk = package.talk_of(run)
        self.broker.state_of(run, 'running')
        listener = self.hold(self.broker.runtime / 'bus')
        process = self.spawn_with(listener)
        self.assertEqual(serving(self.broker.bus), process.pid)
        self.assertEqual(self.broker.process.wait(TIMEOUT), 0)
        self.broker.connect()
        eventually(lambda: [row['state'] for row in self.broker.runs()] == ['running'])
        talk.end()
        self.assert_outcome(self.broker.ended(run), 'completed')
        self.end(process)
        self.broker.start()


class Remnant(Case):
    broker_options = {'test_clock': False}

    def test_what_a_killed_broker_left_behind_is_no_broker(self):
        self.broker.terminate()
        self.broker.bus.unlink(missing_ok=True)
        subprocess.run([sys.executable, '-c', REMNANT, str(self.broker.state), str(self.broker.runtime)],
                       env=self.broker.environment, timeout=TIMEOUT, check=True)
        self.broker.start()


class Twice(Case):
    broker_options = {'test_clock': False}

    def another(self, **folders):
        arguments = [f'--{name}={path}' for name, path in folders.items()]
        return subprocess.run([BROKER, *arguments], env=self.broker.environment, capture_output=True, timeout=TIMEOUT,
                              encoding='utf-8', check=False)

    def test_a_second_broker_for_the_same_socket_leaves_without_a_word(self):
        done = self.another(state=self.broker.state, runtime=self.broker.runtime)
        self.assertEqual((done.returncode, done.stderr), (0, ''))
        self.assertEqual(serving(self.broker.bus), self.broker.process.pid)

    def test_a_second_broker_on_one_of_the_folders_is_refused(self):
        for folders in ({'state': self.broker.state, 'runtime': self.broker.folder / 'other'},
                        {'state': self.broker.folder / 'other', 'runtime': self.broker.runtime}):
            done = self.another(**folders)
            self.assertEqual(done.returncode, 1)
            self.assertIn('another broker', done.stderr)

    def test_who_has_waited_for_long_is_not_put_off_by_one_who_gives_back_one_lock_after_the_other(self):
        self.broker.terminate()
        folders = self.broker.state, self.broker.runtime
        tries = Opened(self.broker.runtime / 'lock')
        self.addCleanup(tries.close)
        took = HALF
        while took >= HALF:
            with contextlib.ExitStack() as stack:
                state, runtime = (stack.enter_context(open(folder / 'lock', 'w', encoding='ascii'))
                                  for folder in folders)
                for lock in (state, runtime):
                    fcntl.flock(lock, fcntl.LOCK_EX)
                log = stack.enter_context(open(self.broker.log, 'ab'))
                next_one = subprocess.Popen([BROKER, '--state', folders[0], '--runtime', folders[1]],
                                            env=self.broker.environment, stderr=log)
                # There is a hundredth of a second between two.
                tries.wait(100 * HALF + 20)
                begin = time.monotonic()
                state.close()
                tries.wait(2)
            # On a machine as slow as that it may take it for one who holds only one of them.
            took = time.monotonic() - begin
            eventually(lambda: self.broker.bus.is_socket() or next_one.poll() is not None)
            if took < HALF:
                self.assertEqual(serving(self.broker.bus), next_one.pid)
            next_one.terminate()
            next_one.wait(TIMEOUT)

    def test_who_finds_one_that_is_leaving_waits_and_serves(self):
        self.broker.process.send_signal(signal.SIGSTOP)
        self.broker.bus.unlink()
        with open(self.broker.log, 'ab') as log:
            next_one = subprocess.Popen([BROKER, '--state', self.broker.state, '--runtime', self.broker.runtime],
                                        env=self.broker.environment, stderr=log)
        self.broker.process.send_signal(signal.SIGTERM)
        self.broker.process.send_signal(signal.SIGCONT)
        self.assertEqual(self.broker.process.wait(TIMEOUT), 0)
        eventually(self.broker.bus.is_socket)
        self.assertEqual(serving(self.broker.bus), next_one.pid)
        next_one.terminate()
        next_one.wait(TIMEOUT)


class Again(Case):
    """What would start the broker after a reboot, as the machine says it."""

    broker_options = None

    def setUp(self):
        self.broker = Broker(start=False, test_clock=False)
        self.addCleanup(self.finish, self.broker)
        folder = self.broker.folder
        self.config = folder / 'config'
        self.broker.runtime = folder / 'bgtask'
        self.broker.bus = self.broker.runtime / 'bus'
        self.broker.arguments = lambda: [BROKER]
        del self.broker.environment['BGTASK_BUS']
        self.broker.environment |= {'XDG_CONFIG_HOME': str(self.config), 'XDG_CONFIG_DIRS': str(folder / 'xdg'),
                                    'XDG_DATA_DIRS': str(folder / 'share')}
        self.broker.start()
        self.broker.state = pathlib.Path(self.broker.status()['state-folder'])
        self.package = Package(self.broker)

    def write(self, path, text=''):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding='utf-8')

    def has_user_manager(self):
        self.write(self.broker.folder / 'systemd' / 'private')

    def enable_unit(self):
        wants = self.config / 'systemd' / 'user' / 'default.target.wants'
        wants.mkdir(parents=True)
        (wants / 'bgtaskd.service').symlink_to('/usr/lib/systemd/user/bgtaskd.service')

    def warnings(self, code):
        """What registering says, after checking that why and status agree on it."""
        done = self.broker.bgtask('register', '--time', '15', '--if-exists', 'keep', 'task')
        self.assertEqual(done.status, 0, done.err)
        codes = set(self.broker.why(self.broker.tasks()[0]['task']))
        self.assertEqual(codes, {'waiting-for-time'} | ({code} if code else set()))
        self.assertEqual('start-remedy' in self.broker.status(), bool(code))
        return done.err

    def test_where_nothing_starts_it_that_is_said(self):
        self.assertIn('nothing starts the broker after a reboot', self.warnings('no-start'))

    def test_an_autostart_entry_is_enough_unless_it_is_hidden(self):
        self.write(self.broker.folder / 'xdg' / 'autostart' / 'bgtaskd.desktop', '[Desktop Entry]\n')
        self.assertEqual(self.warnings(None), '')
        self.write(self.config / 'autostart' / 'bgtaskd.desktop', '[Desktop Entry]\nHidden=true\n')
        self.assertIn('autostart entry', self.warnings('no-start'))

    def test_an_enabled_unit_lacks_lingering_and_a_masked_one_everything(self):
        self.has_user_manager()
        self.assertIn('systemctl --user enable', self.warnings('no-start'))
        self.enable_unit()
        self.assertIn('enable-linger', self.warnings('no-linger'))
        (self.config / 'systemd' / 'user' / 'bgtaskd.service').symlink_to('/dev/null')
        self.assertIn('systemctl --user enable', self.warnings('no-start'))

    def test_a_broker_with_folders_of_its_own_is_started_by_nobody_else(self):
        self.broker.terminate()
        self.broker.arguments = lambda: [BROKER, '--state', str(self.broker.folder / 'state')]
        self.broker.start()
        self.package.install()
        self.assertIn('the same way', self.warnings('no-start'))
