# SPDX-License-Identifier: MIT
"""SocketActivityTrigger: the broker holds the socket, the server takes it with the run and answers who is there."""

import os
import resource
import signal
import socket
import stat
import time
import unittest

from harness import ByHand, CLSID, CLSID_2, Package, Running, eventually, times

HELLO = b'hello'


def free_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Listening(Running):
    broker_options = {'test_clock': False}

    def setUp(self):
        super().setUp()
        self.path = self.broker.folder / 'listen'

    def listen(self, address=None, name='control', **options):
        task = self.task(name, ('SocketActivityTrigger', {'listen': ('s', address or f'unix:{self.path}')}),
                         **options)
        for sentence, *_ in self.broker.why(task).values():
            self.assertNotIn('it cannot', sentence)
        return task

    def connect(self, address=None):
        client = socket.socket(socket.AF_INET if address else socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(client.close)
        client.settimeout(30)
        client.connect(address or str(self.path))
        return client

    def serve(self, n=1):
        """The run that the socket brings; it answers so many, and ends."""
        talk = self.package.next_talk()
        self.assertEqual(talk.ask('serve'), n)
        talk.end()
        self.assertEqual(self.broker.ended(talk.run)['outcome'], 'completed')


class Sockets(Listening):
    def test_a_connection_brings_a_run_that_accepts_it_and_so_does_the_next_one(self):
        self.listen()
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)
        for _ in range(2):
            client = self.connect()
            self.serve()
            self.assertEqual(client.recv(100), HELLO)

    def test_who_serves_is_told_of_the_next_one_at_once_however_soon_it_comes(self):
        self.listen()
        for _ in range(12):
            client = self.connect()
            self.serve()
            self.assertEqual(client.recv(100), HELLO)

    def test_tcp_and_udp_are_held_too(self):
        port = free_port()
        self.listen(f'tcp:127.0.0.1:{port}')
        client = self.connect(('127.0.0.1', port))
        self.serve()
        self.assertEqual(client.recv(100), HELLO)
        port = free_port(socket.SOCK_DGRAM)
        self.listen(f'udp:127.0.0.1:{port}', 'control-udp')
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(30)
            client.connect(('127.0.0.1', port))
            client.send(b'one')
            client.send(b'two')
            eventually(lambda: self.serve_some(2))
            self.assertEqual({client.recv(100), client.recv(100)}, {b'one', b'two'})

    def serve_some(self, n):
        """Datagrams come one by one; how many runs they make is open."""
        self.served = getattr(self, 'served', 0)
        talk = self.package.next_talk()
        self.served += talk.ask('serve')
        talk.end()
        return self.served == n

    def test_while_a_run_has_it_the_broker_does_not_look_and_what_is_left_is_told_again(self):
        self.listen()
        first = self.connect()
        talk = self.package.next_talk()
        second = self.connect()
        self.broker.call('Status')
        self.assertEqual([row['run'] for row in self.broker.runs()], [talk.run])
        self.assertEqual(talk.ask('serve'), 2)
        self.assertEqual((first.recv(100), second.recv(100)), (HELLO, HELLO))
        third = self.connect()
        talk.end()
        self.broker.ended(talk.run)
        self.serve()
        self.assertEqual(third.recv(100), HELLO)

    def test_who_does_not_serve_is_asked_later_and_later(self):
        task = self.listen()
        self.connect()
        begin = time.monotonic()
        for _ in range(4):
            talk = self.package.next_talk()
            talk.end()
            self.broker.ended(talk.run)
        self.assertGreater(time.monotonic() - begin, 0.1 + 0.2)
        self.broker.call('Unregister', 'sb', task, True)

    def test_another_broker_listens_again_whatever_became_of_the_first(self):
        self.listen()
        for restart in (self.broker.restart, self.crash):
            restart()
            client = self.connect()
            self.serve()
            self.assertEqual(client.recv(100), HELLO)

    def crash(self):
        self.broker.kill()
        self.broker.start()

    def test_an_upgrade_drops_nobody_who_waits(self):
        port = free_port()
        task = self.listen(f'tcp:127.0.0.1:{port}', conditions=['UserPresent'])
        client = self.connect(('127.0.0.1', port))
        eventually(self.broker.runs)
        os.kill(self.broker.process.pid, signal.SIGUSR2)
        self.assertTrue(self.broker.client.peer_is_gone())
        self.broker.connect()
        row, = self.broker.runs()
        self.broker.call('CancelRun', 'su', row['run'], 0)
        self.listen(f'tcp:127.0.0.1:{port}', if_exists='update')
        self.serve()
        self.assertEqual(client.recv(100), HELLO)
        self.assertEqual(self.broker.tasks()[0]['task'], task)

    def test_an_address_that_is_taken_is_explained_and_tried_again(self):
        port = free_port()
        with socket.create_server(('127.0.0.1', port)):
            task = self.task('control', ('SocketActivityTrigger', {'listen': ('s', f'tcp:127.0.0.1:{port}')}))
            self.assertIn('it cannot listen: Address already in use',
                          self.broker.why(task)['waiting-for-trigger'][0])
        eventually(lambda: 'listen:' not in self.broker.why(task)['waiting-for-trigger'][0])
        self.connect(('127.0.0.1', port))
        self.serve()

    def test_nothing_is_left_of_it_without_the_task(self):
        task = self.listen()
        self.assertTrue(self.path.exists())
        self.broker.call('Unregister', 'sb', task, True)
        self.assertFalse(self.path.exists())

    def test_a_leftover_is_replaced_and_what_is_somebody_s_is_not(self):
        with socket.socket(socket.AF_UNIX) as leftover:
            leftover.bind(str(self.path))
        self.listen()
        self.connect()
        self.serve()
        other = self.broker.folder / 'other'
        other.write_text('a file', encoding='ascii')
        task = self.task('x', ('SocketActivityTrigger', {'listen': ('s', f'unix:{other}')}))
        self.assertIn('Address already in use', self.broker.why(task)['waiting-for-trigger'][0])
        self.assertEqual(other.read_text(encoding='ascii'), 'a file')

    def test_a_package_has_so_many_and_no_more_also_in_one_call(self):
        def trigger(i):
            return 'SocketActivityTrigger', {'listen': ('s', f'unix:{self.broker.folder}/s{i}')}

        def row(name, *triggers):
            return (name, triggers[0], [], {'clsid': ('s', CLSID), 'triggers': ('a(sa{sv})', list(triggers[1:]))},
                    'fail')
        rows = [row(f't{i}', *(trigger(8 * i + j) for j in range(8))) for i in range(8)]

        def register(rows):
            return self.broker.call('RegisterBatch', 'sa(s(sa{sv})asa{sv}s)', self.package.family, rows)
        self.assert_refused('QuotaExceeded', f'the package {self.package.family} has 64 of 64 sockets',
                            by=lambda: register([*rows, row('more', trigger(64))]))
        self.assertEqual(self.broker.tasks(), [])
        register(rows)
        self.assert_refused('QuotaExceeded', 'has 64 of 64 sockets', by=lambda: self.task('more', trigger(64)))
        self.assert_refused('QuotaExceeded', 'has 64 of 64 sockets',
                            by=lambda: self.task('more', ('ApplicationTrigger', {}),
                                                 triggers=('a(sa{sv})', [trigger(64)])))
        self.task('same', trigger(3))
        other = Package(self.broker, name='Test.Other', classes=(CLSID_2,))
        self.broker.register(other, 'first', trigger(64), clsid=CLSID_2)

    def test_what_comes_to_an_address_is_no_other_package_s(self):
        task = self.listen()
        other = Package(self.broker, name='Test.Other', classes=(CLSID_2,))
        trigger = 'SocketActivityTrigger', {'listen': ('s', f'unix:{self.path}')}
        self.assert_refused('InvalidArgument', 'held for another package',
                            by=lambda: self.broker.register(other, 'thief', trigger, clsid=CLSID_2))
        self.broker.call('Unregister', 'sb', task, True)
        self.broker.register(other, 'heir', trigger, clsid=CLSID_2)

    # A server inherits the limit, and the thread sanitizer cannot start without files of its own.
    @unittest.skipIf('TSAN_OPTIONS' in os.environ, 'the thread sanitizer needs a disk with room')
    def test_it_is_looked_at_again_if_what_it_fired_could_not_be_stored(self):
        pid = self.broker.process.pid
        hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
        task = self.listen(conditions=['UserPresent'])
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
        client = self.connect()
        eventually(lambda: 'waiting-for-trigger' in self.broker.why(task))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
        row, = eventually(self.broker.runs)
        self.assertEqual(row['fired-by'], 'event')
        self.broker.call('CancelRun', 'su', row['run'], 0)
        self.listen(if_exists='update')
        self.serve()
        self.assertEqual(client.recv(100), HELLO)

    def test_who_waits_is_seen_by_the_task_that_takes_the_place_of_another(self):
        self.listen(conditions=['UserPresent'])
        client = self.connect()
        eventually(self.broker.runs)
        self.listen(if_exists='replace')
        self.serve()
        self.assertEqual(client.recv(100), HELLO)

    def test_a_run_of_another_trigger_has_no_socket(self):
        self.listen(name='control-socket')
        _, talk = self.begin(self.task('control'))
        self.assertLess(talk.ask('serve'), 0)
        talk.end()

    def test_only_the_server_of_the_run_may_take_it(self):
        self.listen()
        self.connect()
        talk = self.package.next_talk()
        self.broker.state_of(talk.run, 'running')
        other = ByHand(self.broker, self.package, clsid=None)
        for run, attempt in ((talk.run, talk.attempt), (talk.run, 7), (CLSID, 1)):
            self.assert_refused('NotAServer', 'server of the run',
                                by=lambda call=(run, attempt): other.call('TakeSocket', 'su', *call))
        self.assertEqual(talk.ask('serve'), 1)
        talk.end()

    def test_the_command_line_registers_and_shows_it_and_refuses_what_is_no_address(self):
        done = self.broker.bgtask('register', '--socket', f'unix:{self.path}', 'control')
        self.assertEqual(done.status, 0, done.err)
        self.assertIn(f'SocketActivityTrigger unix:{self.path}', self.broker.bgtask('show', 'control').out)
        done = self.broker.bgtask('register', '--socket', 'localhost:80', 'x')
        self.assertEqual(done.status, 2)
        self.assertIn('tcp:127.0.0.1:8080', done.err)


class Hostile(Listening):
    """Whoever can connect can also do this; another task starts meanwhile as ever."""

    def settled(self):
        """Ends runs until the socket has brought no further one that is not over."""
        self.other = getattr(self, 'other', None) or self.task('control-other')
        run = self.broker.run(self.other)
        while (talk := self.package.next_talk()).run != run:
            talk.ask('serve')
            talk.end()
        talk.end()
        self.assertEqual(self.broker.ended(run)['outcome'], 'completed')

    def test_who_closes_at_once_costs_a_run_at_most(self):
        self.listen()
        for _ in range(times(20)):
            self.connect().close()
        self.settled()
        client = self.connect()
        while True:
            talk = self.package.next_talk()
            served = talk.ask('serve')
            talk.end()
            if served > 0:
                break
        self.assertEqual(client.recv(100), HELLO)

    def test_a_flood_of_connections_and_datagrams_makes_no_more_runs_than_one_at_a_time(self):
        port, udp = free_port(), free_port(socket.SOCK_DGRAM)
        self.listen(f'tcp:127.0.0.1:{port}', 'control-tcp')
        self.listen(f'udp:127.0.0.1:{udp}', 'control-udp')
        clients = [self.connect(('127.0.0.1', port)) for _ in range(times(100))]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(times(1000)):
                sender.sendto(b'x', ('127.0.0.1', udp))
            for client in clients:
                while not client_is_served(client):
                    self.assertLessEqual(len(self.broker.runs()), 2)
                    talk = self.package.next_talk()
                    talk.ask('serve')
                    talk.end()

    def test_a_peer_that_resets_its_connection_does_not_harm_the_next(self):
        port = free_port()
        self.listen(f'tcp:127.0.0.1:{port}')
        rude = self.connect(('127.0.0.1', port))
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
        rude.close()
        client = self.connect(('127.0.0.1', port))
        while not client_is_served(client):
            talk = self.package.next_talk()
            talk.ask('serve')
            talk.end()


def client_is_served(client):
    client.setblocking(False)
    try:
        return client.recv(100) == HELLO
    except BlockingIOError:
        return False
