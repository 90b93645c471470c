# SPDX-License-Identifier: MIT
"""Sockets that an app hands over: what happens on them fires the task, and the run takes them back."""

import contextlib
import os
import signal
import socket
import unittest

from bus_client import SERVER
from harness import ByHand, Case, Package, Running, SECOND, eventually

TRIGGER = 'SocketActivityTrigger', {}


def tcp_pair():
    with socket.create_server(('127.0.0.1', 0)) as server:
        ours = socket.create_connection(server.getsockname())
        return server.accept()[0], ours


def udp_pair():
    one, other = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    one.bind(('127.0.0.1', 0))
    other.bind(('127.0.0.1', 0))
    one.connect(other.getsockname())
    other.connect(one.getsockname())
    return one, other


FAMILIES = {
    'unix': socket.socketpair,
    'unix-datagrams': lambda: socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM),
    'tcp': tcp_pair,
    'udp': udp_pair,
}


class Transfers(Running):
    broker_options = {'test_clock': False}

    def setUp(self):
        super().setUp()
        self.task_id = self.task('x', TRIGGER)
        self.server = ByHand(self.broker, self.package)

    def kept(self, pair):
        """Both ends, which are closed after the test."""
        for end in pair:
            end.settimeout(30)
            self.addCleanup(end.close)
        return pair

    def transfer(self, theirs, name='s', task=None, close=True, **options):
        self.broker.client.call('TransferSocket', 'ssha{sv}', task or self.task_id, name, 0, options,
                                fds=[theirs.fileno()])
        if close:
            theirs.close()

    def pair(self, make=socket.socketpair, name='s', **options):
        """Hands one end over and returns the other."""
        theirs, ours = self.kept(make())
        self.transfer(theirs, name, **options)
        return ours

    def held(self, task=None):
        return self.broker.call('ListSockets', 's', task or self.task_id)

    def next_run(self):
        """The next run: what its server was sent."""
        call = self.server.client.next_call('Run')
        self.server.client.answer(call)
        return call.body

    def take(self, body, name='s'):
        index = self.server.call('TakeTransferredSocket', 'sus', *body[:2], name)
        self.assertEqual(index, 0)
        return self.kept([socket.socket(fileno=self.server.client.fds.pop())])[0]

    def end(self, body):
        self.server.complete(*body[:2])
        self.broker.ended(body[0])

    def told(self, body):
        return dict(zip(body[7]['sockets'], body[7]['reasons']))


class Families(Transfers):
    def test_what_comes_fires_the_task_and_the_run_takes_the_socket_and_hands_it_back(self):
        for name, make in FAMILIES.items():
            with self.subTest(name):
                ours = self.pair(make, name)
                self.assertEqual(self.held(), [name])
                for text in (b'one', b'two'):
                    ours.send(text)
                    body = self.next_run()
                    self.assertEqual(self.told(body), {name: 'SocketActivity'})
                    theirs = self.take(body, name)
                    self.assertEqual(self.held(), [])
                    self.assertEqual(theirs.recv(100), text)
                    theirs.send(b'answer')
                    self.assertEqual(ours.recv(100), b'answer')
                    self.transfer(theirs, name)
                    self.end(body)
                self.broker.call('Unregister', 'sb', self.task_id, True)
                self.task_id = self.task('x', TRIGGER)

    def test_a_listening_socket_tells_of_connections(self):
        path = str(self.broker.folder / 'ours')
        for address, family in ((path, socket.AF_UNIX), (('127.0.0.1', 0), socket.AF_INET)):
            theirs = socket.create_server(address, family=family)
            address = theirs.getsockname()
            self.transfer(theirs)
            client, = self.kept([socket.socket(family)])
            client.connect(address)
            body = self.next_run()
            self.assertEqual(self.told(body), {'s': 'ConnectionAccepted'})
            listening = self.take(body)
            listening.accept()[0].close()
            self.assertEqual(client.recv(100), b'')
            self.end(body)


class Reasons(Transfers):
    def test_the_end_of_a_connection_is_told_after_what_came_before_it(self):
        ours = self.pair(tcp_pair)
        ours.send(b'last words')
        ours.close()
        body = self.next_run()
        self.assertEqual(self.told(body), {'s': 'SocketActivity'})
        theirs = self.take(body)
        self.assertEqual(theirs.recv(100), b'last words')
        self.transfer(theirs)
        self.end(body)
        body = self.next_run()
        self.assertEqual(self.told(body), {'s': 'SocketClosed'})
        self.end(body)
        eventually(lambda: self.held() == [])

    def test_a_peer_that_is_gone_already_is_told_as_closed(self):
        for make in (socket.socketpair, tcp_pair):
            theirs, ours = self.kept(make())
            if make is tcp_pair:
                ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
            ours.close()
            self.transfer(theirs)
            body = self.next_run()
            self.assertEqual(self.told(body), {'s': 'SocketClosed'})
            self.end(body)
            eventually(lambda: self.held() == [])

    def test_when_nothing_comes_for_the_keep_alive_time_that_is_told_and_the_socket_stays(self):
        ours = self.pair(**{'keep-alive': ('t', SECOND)})
        body = self.next_run()
        self.assertEqual(self.told(body), {'s': 'KeepAliveTimerExpired'})
        self.assertEqual(self.held(), ['s'])
        self.end(body)
        ours.send(b'x')
        body = self.next_run()
        while self.told(body) == {'s': 'KeepAliveTimerExpired'}:
            self.end(body)
            body = self.next_run()
        self.assertEqual(self.told(body), {'s': 'SocketActivity'})
        self.end(body)

    def test_what_happens_on_several_while_it_waits_is_told_to_one_run(self):
        self.task('x', TRIGGER, if_exists='update', conditions=['UserPresent'])
        first, second = self.pair(name='first'), self.pair(tcp_pair, 'second')
        first.send(b'x')
        eventually(lambda: len(self.broker.runs()) == 1)
        second.close()
        eventually(lambda: self.broker.runs()[0]['count'] == 2)
        self.task('x', TRIGGER, if_exists='update')
        body = self.next_run()
        self.assertEqual(self.told(body), {'first': 'SocketActivity', 'second': 'SocketClosed'})
        self.end(body)


class Keeping(Transfers):
    def test_what_no_run_takes_is_told_again(self):
        ours = self.pair()
        ours.send(b'x')
        for _ in range(3):
            body = self.next_run()
            self.assertEqual(self.told(body), {'s': 'SocketActivity'})
            self.end(body)
        self.take_in_next_run(b'x')

    def take_in_next_run(self, expected):
        body = self.next_run()
        self.assertEqual(self.take(body).recv(100), expected)
        self.end(body)

    def test_one_of_the_same_id_takes_the_place_of_the_other(self):
        first, second = self.pair(), self.pair()
        self.assertEqual(first.recv(100), b'')
        self.assertEqual(self.held(), ['s'])
        second.send(b'x')
        self.take_in_next_run(b'x')

    def test_it_goes_with_its_task_or_its_trigger(self):
        ours = self.pair()
        self.task('x', ('ApplicationTrigger', {}), if_exists='update')
        self.assertEqual(ours.recv(100), b'')
        self.task('x', TRIGGER, if_exists='update')
        ours = self.pair()
        self.broker.call('Unregister', 'sb', self.task_id, True)
        self.assertEqual(ours.recv(100), b'')

    def test_an_upgrade_keeps_it_and_what_has_come(self):
        ours = self.pair(tcp_pair, 'a name with spaces')
        # Else the next broker launches a server, which may register its class behind ours and then has all runs.
        self.broker.call('Pause', 'sb', self.task_id, True)
        os.kill(self.broker.process.pid, signal.SIGUSR2)
        self.assertTrue(self.broker.client.peer_is_gone())
        ours.send(b'x')
        self.broker.connect()
        self.server = ByHand(self.broker, self.package)
        self.assertEqual(self.held(), ['a name with spaces'])
        self.broker.call('Pause', 'sb', self.task_id, False)
        body = self.next_run()
        self.assertEqual(self.take(body, 'a name with spaces').recv(100), b'x')
        self.end(body)

    def test_a_crash_of_the_broker_closes_it(self):
        ours = self.pair()
        self.broker.kill()
        self.assertEqual(ours.recv(100), b'')
        self.broker.start()
        self.assertEqual(self.held(), [])


class Refusals(Transfers):
    def refuse(self, name, sentence, by, *args, **more):
        self.assert_refused(name, sentence, by=lambda: by(*args, **more))

    def test_what_is_no_such_socket_is_refused_and_stays_its_owner_s(self):
        with open('/dev/null', 'rb') as file, socket.socket() as lonely, \
                socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as packets:
            self.refuse('InvalidArgument', 'no socket', self.transfer, file, close=False)
            self.refuse('InvalidArgument', 'neither connected nor listening', self.transfer, lonely, close=False)
            self.refuse('InvalidArgument', 'none of Unix', self.transfer, packets, close=False)
        self.assertEqual(self.held(), [])

    def test_wrong_names_times_and_tasks_are_refused(self):
        theirs, ours = self.kept(socket.socketpair())
        for name in ('', 'x' * 129, 'a\tb', 'a\nb'):
            self.refuse('InvalidArgument', '1 to 128 bytes', self.transfer, theirs, name, close=False)
        for usec in (SECOND - 1, 366 * 86400 * SECOND):
            self.refuse('InvalidArgument', '1 s to a year', self.transfer, theirs, close=False,
                        **{'keep-alive': ('t', usec)})
        self.refuse('InvalidArgument', 'no option', self.transfer, theirs, close=False, context=('s', 'x'))
        other = self.task('other', ('SocketActivityTrigger', {'listen': ('s', f'unix:{self.broker.folder}/l')}))
        self.refuse('InvalidArgument', 'without an address', self.transfer, theirs, task=other, close=False)
        self.refuse('NoSuchTask', '', self.transfer, theirs, task='x', close=False)
        self.refuse('NoSuchTask', '', self.held, 'x')
        theirs.send(b'still mine')
        self.assertEqual(ours.recv(100), b'still mine')

    def test_only_the_server_of_a_run_of_the_task_may_take_it(self):
        ours = self.pair()
        ours.send(b'x')
        body = self.next_run()
        other = ByHand(self.broker, self.package, clsid=None)
        self.assert_refused('NotAServer', by=lambda: other.call('TakeTransferredSocket', 'sus', *body[:2], 's'))
        self.assert_refused('NotAServer', by=lambda: self.server.call('TakeTransferredSocket', 'sus', body[0], 7, 's'))
        self.assert_refused('InvalidArgument', 'holds no socket "t"', by=lambda: self.take(body, 't'))
        self.take(body)
        self.assert_refused('InvalidArgument', 'holds no socket', by=lambda: self.take(body))
        self.end(body)

    def test_a_package_has_so_many_and_no_more_with_those_that_listen(self):
        self.task('listens', ('SocketActivityTrigger', {'listen': ('s', f'unix:{self.broker.folder}/l')}))
        theirs, _ = self.kept(socket.socketpair())
        for i in range(63):
            self.transfer(theirs, str(i), close=False)
        self.refuse('QuotaExceeded', 'has 64 of 64 sockets', self.transfer, theirs, '63', close=False)
        self.assertEqual(len(self.held()), 63)
        Package(self.broker, name='Test.Other')

    def test_a_flood_on_all_of_them_makes_one_run_at_a_time(self):
        pairs = [self.pair(name=str(i)) for i in range(20)]
        for ours in pairs:
            for _ in range(20):
                ours.send(b'x' * 100)
        taken = 0
        while taken < len(pairs):
            body = self.next_run()
            self.assertEqual(len([row for row in self.broker.runs() if row['state'] != 'pending']), 1)
            for name in self.told(body):
                self.assertGreater(len(self.take(body, name).recv(5000)), 0)
                taken += 1
            self.end(body)


class Library(Running):
    broker_options = {'test_clock': False}

    def test_the_library_hands_over_and_takes_back(self):
        with socket.create_server(str(self.broker.folder / 'ours'), family=socket.AF_UNIX) as server:
            task = self.task('control', TRIGGER)
            _, talk = self.begin(task)
            self.assertEqual(talk.ask(f'hand-over s {self.broker.folder}/ours'), 0)
            self.assertEqual(talk.ask('sockets'), 1)
            self.assertLess(talk.ask('answer nobody'), 0)
            ours = server.accept()[0]
            ours.settimeout(30)
            self.addCleanup(ours.close)
        talk.end()
        self.broker.ended(talk.run)
        for _ in range(2):
            ours.send(b'four')
            talk = self.package.next_talk()
            self.assertEqual(talk.ask('answer s'), 4)
            self.assertEqual(ours.recv(100), b'hello')
            talk.end()
            self.broker.ended(talk.run)
        self.broker.call('Unregister', 'sb', task, True)


class TestClock(Case):
    def test_a_broker_on_the_test_clock_holds_none(self):
        package = Package(self.broker)
        task = self.broker.register(package, 'x', TRIGGER)
        one, other = socket.socketpair()
        with one, other:
            self.assert_refused('InvalidArgument', 'test clock',
                                by=lambda: self.broker.client.call('TransferSocket', 'ssha{sv}', task, 's', 0, {},
                                                                   fds=[one.fileno()]))
