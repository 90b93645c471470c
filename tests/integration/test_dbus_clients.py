# SPDX-License-Identifier: MIT
"""Foreign D-Bus clients, and bytes that no client sends, against a server built on src/dbus.

T1 to T12 are the traps of another library that this codec was written to avoid; each case says which property of ours
stands against it.
"""

import os
import pathlib
import random
import shutil
import struct
import subprocess
import tempfile
import time
import unittest

from dbus_wire import BEGIN, HANDSHAKE, NEGOTIATE, NO_REPLY, Peer, SIGNAL, echo, message, pad, text

try:
    import dbus
    import dbus.bus
    import dbus.connection
except ImportError:
    dbus = None

SERVER = pathlib.Path(os.environ['BGTASK_BUILD_ROOT'], 'src/dbus/test-echo-server')
SCALE = float(os.environ.get('BGTASK_TEST_SCALE', '1'))
MIB = 1 << 20


def times(n):
    return max(3, int(n * SCALE))


def needs(tool):
    return unittest.skipUnless(shutil.which(tool), f'{tool} is not installed')


class Server:
    def __init__(self, *args):
        self.folder = tempfile.TemporaryDirectory(prefix='bgtask-dbus-')
        self.path = os.path.join(self.folder.name, 'bus')
        self.address = f'unix:path={self.path}'
        self.process = subprocess.Popen([SERVER, self.path, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self.process.stdout.readline() == b'ready\n'

    def stop(self):
        """Ends the server; its exit status is not 0 if it was killed, or leaked under a sanitizer."""
        self.process.terminate()
        _, errors = self.process.communicate(timeout=60)
        self.folder.cleanup()
        return self.process.returncode, errors.decode()

    def peer(self):
        return Peer(self.path).authenticate()

    def rss(self):
        for line in pathlib.Path(f'/proc/{self.process.pid}/status').read_text(encoding='ascii').splitlines():
            if line.startswith('RssAnon:'):
                return int(line.split()[1]) << 10
        raise LookupError('RssAnon')

    def fds(self):
        return len(os.listdir(f'/proc/{self.process.pid}/fd'))

    def sanitized(self):
        maps = pathlib.Path(f'/proc/{self.process.pid}/maps').read_text(encoding='utf-8')
        return any(name in maps for name in ('libasan', 'libtsan', 'libubsan')) or self.rss() > 20 * MIB

    def counts(self, peer):
        """Notes, connections lost, connections there."""
        return struct.unpack('<III', peer.call('Count'))

    def wait(self, peer, condition):
        """Asks until the counts satisfy the condition: each question is another round of the server's loop."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            counts = self.counts(peer)
            if condition(*counts):
                return counts
        raise TimeoutError(counts)


class Case(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.addCleanup(self.check_exit, self.server)

    def check_exit(self, server):
        status, errors = server.stop()
        self.assertEqual((status, errors), (0, ''))

    def run_tool(self, *command):
        done = subprocess.run(command, capture_output=True, timeout=30, check=False, encoding='utf-8')
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout


class ForeignClients(Case):
    """T1: the first message comes in one read with the end of the handshake, whenever the client likes it so."""

    @needs('dbus-send')
    def test_t1_dbus_send_is_answered_every_time(self):
        for i in range(times(100)):
            out = self.run_tool('dbus-send', f'--peer={self.server.address}', '--print-reply=literal', '/org/test',
                                'org.test.Echo1.Echo', f'string:n{i}')
            self.assertEqual(out.strip(), f'n{i}')

    @needs('dbus-send')
    def test_t6_dbus_send_finds_a_bus_at_the_address(self):
        for i in range(times(100)):
            out = self.run_tool('dbus-send', f'--bus={self.server.address}', '--print-reply=literal',
                                '--dest=org.test.Broker', '/org/test', 'org.test.Echo1.Echo', f'string:n{i}')
            self.assertEqual(out.strip(), f'n{i}')

    @needs('gdbus')
    def test_t1_t6_gdbus_is_answered_every_time(self):
        for i in range(times(100)):
            out = self.run_tool('gdbus', 'call', '--address', self.server.address, '--dest', 'org.test.Broker',
                                '--object-path', '/org/test', '--method', 'org.test.Echo1.Echo', f'n{i}')
            self.assertEqual(out.strip(), f"('n{i}',)")

    @needs('gdbus')
    def test_t6_gdbus_introspects(self):
        out = self.run_tool('gdbus', 'introspect', '--address', self.server.address, '--dest', 'org.test.Broker',
                            '--object-path', '/', '--recurse')
        self.assertIn('interface org.test.Echo1', out)
        self.assertIn('readonly u Version = 1', out)

    @needs('busctl')
    def test_t1_t6_busctl_is_answered_every_time(self):
        for i in range(times(100)):
            out = self.run_tool('busctl', f'--address={self.server.address}', 'call', 'org.test.Broker', '/org/test',
                                'org.test.Echo1', 'Echo', 's', f'n{i}')
            self.assertEqual(out.strip(), f's "n{i}"')

    @needs('busctl')
    def test_t6_busctl_introspects_walks_the_tree_and_reads_properties(self):
        def busctl(*args):
            return self.run_tool('busctl', f'--address={self.server.address}', *args)
        self.assertRegex(busctl('introspect', 'org.test.Broker', '/org/test'), r'\.Version +property +u +1')
        self.assertIn('/org/test', busctl('tree', 'org.test.Broker'))
        self.assertEqual(busctl('get-property', 'org.test.Broker', '/org/test', 'org.test.Echo1', 'Version'), 'u 1\n')
        self.assertIn('org.test.Broker', busctl('list'))
        self.assertIn(f'PID={self.server.process.pid}', busctl('status', 'org.test.Broker'))

    @unittest.skipUnless(dbus, 'python-dbus is not installed')
    def test_t1_python_dbus_is_answered_every_time_peer_to_peer(self):
        for i in range(times(100)):
            connection = dbus.connection.Connection(self.server.address)
            echoed = connection.call_blocking(None, '/org/test', 'org.test.Echo1', 'Echo', 's', (f'n{i}',))
            self.assertEqual(echoed, f'n{i}')
            connection.close()

    @unittest.skipUnless(dbus, 'python-dbus is not installed')
    def test_t6_python_dbus_uses_the_address_as_a_bus(self):
        for i in range(times(100)):
            connection = dbus.bus.BusConnection(self.server.address)
            proxy = connection.get_object('org.test.Broker', '/org/test')
            self.assertEqual(proxy.Echo(f'n{i}', dbus_interface='org.test.Echo1'), f'n{i}')
            self.assertEqual(proxy.Get('org.test.Echo1', 'Version', dbus_interface=dbus.PROPERTIES_IFACE), 1)
            connection.close()

    @unittest.skipUnless(dbus, 'python-dbus is not installed')
    def test_t2_python_dbus_sends_a_descriptor_as_soon_as_it_may(self):
        with tempfile.TemporaryFile() as file:
            file.write(b'content')
            file.flush()
            for _ in range(times(20)):
                connection = dbus.bus.BusConnection(self.server.address)
                data = connection.call_blocking('org.test.Broker', '/org/test', 'org.test.Echo1', 'ReadFd', 'h',
                                                (dbus.types.UnixFd(file.fileno()),), byte_arrays=True)
                self.assertEqual(bytes(data), b'content')
                connection.close()

    @unittest.skipUnless(dbus, 'python-dbus is not installed')
    def test_an_error_is_a_name_and_a_sentence_to_a_foreign_client(self):
        connection = dbus.connection.Connection(self.server.address)
        with self.assertRaises(dbus.DBusException) as raised:
            connection.call_blocking(None, '/org/test', 'org.test.Echo1', 'Echo', 'u', (1,))
        self.assertEqual(raised.exception.get_dbus_name(), 'org.freedesktop.DBus.Error.InvalidArgs')
        self.assertEqual(raised.exception.get_dbus_message(), "the method 'Echo' takes (s), not (u)")
        connection.close()


class RawBytes(Case):
    def answered(self, peer, value):
        self.assertEqual(peer.receive()[3], text(value))

    def test_t1_the_first_message_may_come_with_begin_or_after_it_or_with_everything(self):
        for _ in range(times(20)):
            with Peer(self.server.path) as peer:
                peer.send(HANDSHAKE + NEGOTIATE + BEGIN + echo('one-shot'))
                self.assertTrue(peer.line().startswith(b'OK '))
                self.assertEqual(peer.line(), b'AGREE_UNIX_FD')
                self.answered(peer, 'one-shot')
            for split in (False, True):
                with Peer(self.server.path) as peer:
                    peer.send(HANDSHAKE)
                    self.assertTrue(peer.line().startswith(b'OK '))
                    peer.send(NEGOTIATE)
                    self.assertEqual(peer.line(), b'AGREE_UNIX_FD')
                    peer.send(BEGIN if split else BEGIN + echo('begin+msg'))
                    if split:
                        with self.server.peer() as other:
                            other.call('Count')
                        peer.send(echo('begin+msg'))
                    self.answered(peer, 'begin+msg')

    def test_t1_every_byte_may_come_alone(self):
        with Peer(self.server.path) as peer, self.server.peer() as other:
            for byte in HANDSHAKE + NEGOTIATE + BEGIN + echo('bytes'):
                peer.send(bytes([byte]))
                other.call('Count')
            peer.line()
            peer.line()
            self.answered(peer, 'bytes')

    def test_t2_a_descriptor_may_come_in_the_first_message_even_with_the_handshake(self):
        with tempfile.TemporaryFile() as file:
            file.write(b'content')
            file.flush()
            first = message('ReadFd', 'h', struct.pack('<I', 0), n_fds=1)
            for together in (True, False):
                with Peer(self.server.path) as peer:
                    if together:
                        peer.send(HANDSHAKE + NEGOTIATE + BEGIN + first, [file.fileno()])
                    else:
                        peer.send(HANDSHAKE + NEGOTIATE + BEGIN)
                        peer.send(first, [file.fileno()])
                    peer.line()
                    peer.line()
                    self.assertEqual(peer.receive()[3], struct.pack('<I', 7) + b'content')

    def test_descriptors_travel_both_ways_and_none_stays(self):
        with self.server.peer() as peer:
            peer.call('Count')
            before = self.server.fds()
            for _ in range(times(50)):
                read, write = os.pipe()
                peer.call('PassFds', 'hh', struct.pack('<II', 0, 1), [read, write])
                self.assertEqual(len(peer.fds), 2)
                os.write(peer.fds[1], b'x')
                self.assertEqual(os.read(read, 1), b'x')
                for fd in (read, write, *peer.fds):
                    os.close(fd)
                peer.fds = []
            peer.call('Count')
            self.assertEqual(self.server.fds(), before)

    def test_t3_the_server_knows_uid_pid_and_process_of_its_peer(self):
        with self.server.peer() as peer:
            pid, uid, has_pidfd = struct.unpack('<III', peer.call('WhoAmI'))
        self.assertEqual((pid, uid), (os.getpid(), os.getuid()))
        release = tuple(int(part) for part in os.uname().release.split('.')[:2])
        if release >= (6, 5):
            self.assertEqual(has_pidfd, 1)

    def test_t4_each_peer_that_is_lost_is_told_once(self):
        with self.server.peer() as peer:
            peers = [self.server.peer() for _ in range(50)]
            for i, other in enumerate(peers):
                other.send(echo('unread') * (i % 5))
                other.close()
            self.server.wait(peer, lambda notes, lost, there: there == 1)
            self.assertEqual(self.server.counts(peer)[1], 50)

    def test_t5_signals_go_to_those_who_subscribed_and_to_nobody_else(self):
        with self.server.peer() as first, self.server.peer() as second, self.server.peer() as third:
            first.call('Subscribe')
            third.call('Subscribe')
            self.assertEqual(second.call('Emit', 't', struct.pack('<Q', 77)), struct.pack('<I', 2))
            for peer in (first, third):
                kind, _, name, body = peer.receive()
                self.assertEqual((kind, name, body), (SIGNAL, 'Tick', struct.pack('<Q', 77)))
            second.send(echo('nothing before this', 99))
            self.answered(second, 'nothing before this')

    def test_t7_half_a_message_costs_no_more_than_has_come_of_it(self):
        server = Server(str(128 * MIB))
        self.addCleanup(self.check_exit, server)
        if server.sanitized():
            self.skipTest('a sanitizer keeps memory of its own')
        with server.peer() as peer, server.peer() as other:
            other.call('Count')
            before = server.rss()
            peer.send(message('Put', 'ay', struct.pack('<I', 60 * MIB), size=60 * MIB + 4))
            other.call('Count')
            self.assertLess(server.rss() - before, MIB)
            peer.send(bytes(2 * MIB))
            other.call('Count')
            self.assertLess(server.rss() - before, 4 * MIB)

    def test_t7_a_message_over_the_limit_is_refused_at_its_header(self):
        with self.server.peer() as peer, self.server.peer() as other:
            other.call('Count')
            before = self.server.rss()
            peer.send(message('Put', 'ay', b'', size=100 * MIB))
            self.assertFalse(peer.more())
            try:
                for _ in range(64):
                    peer.send(bytes(MIB))
            except (BrokenPipeError, ConnectionResetError):
                pass
            self.assertEqual(self.server.counts(other)[2], 1)
            self.assertLess(self.server.rss() - before, 2 * MIB)

    def test_t8_no_child_of_the_server_inherits_a_connection(self):
        with self.server.peer() as peer:
            peer.call('Count')
            folder = pathlib.Path(f'/proc/{self.server.process.pid}/fd')
            for name in os.listdir(folder):
                if int(name) <= 2:
                    continue
                info = pathlib.Path(f'/proc/{self.server.process.pid}/fdinfo/{name}').read_text(encoding='ascii')
                flags = next(line.split()[1] for line in info.splitlines() if line.startswith('flags:'))
                self.assertTrue(int(flags, 8) & os.O_CLOEXEC, f'{name}: {os.readlink(folder / name)}')

    def test_t9_a_server_that_leaves_with_peers_in_every_state_leaks_nothing(self):
        server = Server()
        peers = [Peer(server.path) for _ in range(4)]
        peers[1].send(HANDSHAKE)
        peers[2].send(HANDSHAKE + NEGOTIATE + BEGIN + echo('x')[:20])
        peers[3].authenticate()
        peers[3].call('Subscribe')
        self.check_exit(server)
        for peer in peers:
            peer.close()

    @unittest.skipUnless(os.getuid() == 0, 'only root can be someone else')
    def test_t10_another_uid_is_refused_by_policy_and_not_by_the_codec(self):
        os.chmod(self.server.folder.name, 0o755)
        os.chmod(self.server.path, 0o777)
        os.seteuid(65534)
        try:
            with Peer(self.server.path) as peer:
                peer.send(b'\0AUTH EXTERNAL ' + b'65534'.hex().encode() + b'\r\n' + NEGOTIATE + BEGIN)
                self.assertTrue(peer.line().startswith(b'OK '))
                peer.line()
                self.assertEqual(struct.unpack('<III', peer.call('WhoAmI'))[1], 65534)
            with Peer(self.server.path) as peer:
                peer.send(HANDSHAKE)
                self.assertEqual(peer.line(), b'REJECTED EXTERNAL')
                peer.send(b'AUTH EXTERNAL\r\nDATA\r\n' + BEGIN + echo('whoever I am'))
                self.assertEqual(peer.line(), b'DATA')
                self.assertTrue(peer.line().startswith(b'OK '))
                self.answered(peer, 'whoever I am')
        finally:
            os.seteuid(0)

    @needs('ldd')
    def test_t11_t12_the_codec_needs_no_library_but_libc(self):
        out = self.run_tool('ldd', str(SERVER))
        for library in ('libsystemd', 'libdbus', 'libgio'):
            self.assertNotIn(library, out)


@needs('dbus-daemon')
class OnABus(unittest.TestCase):
    """Our client's side of a connection, judged by the reference implementation's daemon."""

    def setUp(self):
        self.bus = subprocess.Popen(['dbus-daemon', '--session', '--nofork', '--nopidfile', '--print-address'],
                                    stdout=subprocess.PIPE, encoding='ascii')
        self.addCleanup(self.stop, self.bus)
        self.address = self.bus.stdout.readline().strip()
        self.server = subprocess.Popen([SERVER, self.address], stdout=subprocess.PIPE)
        self.addCleanup(self.stop, self.server)
        self.assertEqual(self.server.stdout.readline(), b'ready\n')

    def stop(self, process):
        process.terminate()
        process.wait(timeout=60)
        process.stdout.close()

    def run_tool(self, *command):
        done = subprocess.run(command, capture_output=True, timeout=30, check=False, encoding='utf-8')
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    @needs('dbus-send')
    def test_dbus_send_reaches_us_through_the_bus(self):
        for i in range(times(20)):
            out = self.run_tool('dbus-send', f'--bus={self.address}', '--print-reply=literal',
                                '--dest=org.test.Broker', '/org/test', 'org.test.Echo1.Echo', f'string:n{i}')
            self.assertEqual(out.strip(), f'n{i}')

    @needs('busctl')
    def test_busctl_introspects_us_through_the_bus(self):
        out = self.run_tool('busctl', f'--address={self.address}', 'introspect', 'org.test.Broker', '/org/test')
        self.assertRegex(out, r'\.Version +property +u +1')
        self.assertRegex(out, r'\.PassFds +method +hh +hh')

    @unittest.skipUnless(dbus, 'python-dbus is not installed')
    def test_descriptors_pass_the_bus_both_ways(self):
        connection = dbus.bus.BusConnection(self.address)
        read, write = os.pipe()
        fds = connection.call_blocking('org.test.Broker', '/org/test', 'org.test.Echo1', 'PassFds', 'hh',
                                       (dbus.types.UnixFd(read), dbus.types.UnixFd(write)))
        back = fds[1].take()
        os.write(back, b'x')
        self.assertEqual(os.read(read, 1), b'x')
        for fd in (read, write, back):
            os.close(fd)
        connection.close()

    def test_the_end_of_the_bus_is_told(self):
        self.bus.terminate()
        self.assertEqual(self.server.wait(timeout=60), 0)


class Promises(Case):
    def test_what_a_client_wrote_before_it_left_is_heard_though_it_read_no_answer(self):
        n = times(300)
        note = message('Note', 's', text('complete'), flags=NO_REPLY)
        with self.server.peer() as peer:
            for _ in range(n):
                other = Peer(self.server.path)
                other.send(HANDSHAKE + NEGOTIATE + BEGIN + echo('x') + echo('y') + note)
                other.close()
            notes, _, _ = self.server.wait(peer, lambda notes, lost, there: lost == n)
            self.assertEqual(notes, n)

    def test_churn_of_broken_handshakes_and_half_messages_leaves_nothing_behind(self):
        numbers = random.Random(7)
        handshake, body = HANDSHAKE + NEGOTIATE + BEGIN, pad(echo('hi'), 8)
        with self.server.peer() as peer:
            peer.call('Count')
            fds, rss = self.server.fds(), self.server.rss()
            for i in range(times(3000)):
                mode = i % 6
                if mode < 3:
                    data = handshake + echo('hi') * numbers.choice((0, 1, 3))
                elif mode < 5:
                    data = handshake[:numbers.randrange(1, len(handshake))]
                else:
                    data = handshake + body[:numbers.randrange(1, 60)]
                other = Peer(self.server.path)
                other.send(data)
                if mode == 0:
                    other.more()
                other.close()
            self.server.wait(peer, lambda notes, lost, there: there == 1)
            self.assertEqual(self.server.fds(), fds)
            if not self.server.sanitized():
                self.assertLess(self.server.rss() - rss, MIB)

    def test_a_client_that_never_reads_is_disconnected_and_the_others_are_served(self):
        with self.server.peer() as deaf, self.server.peer() as peer:
            call = echo('x' * 60000)
            try:
                while self.server.counts(peer)[2] == 2:
                    deaf.send(call)
            except (BrokenPipeError, ConnectionResetError):
                pass
            self.server.wait(peer, lambda notes, lost, there: there == 1)

    def test_garbage_ends_only_its_own_connection(self):
        numbers = random.Random(11)
        with self.server.peer() as peer:
            for _ in range(times(300)):
                with self.server.peer() as other:
                    try:
                        other.send(numbers.randbytes(numbers.randrange(1, 400)))
                    except (BrokenPipeError, ConnectionResetError):
                        pass
            self.server.wait(peer, lambda notes, lost, there: there == 1)


if __name__ == '__main__':
    unittest.main()
