# SPDX-License-Identifier: MIT
"""Push messages that fire tasks: a distributor of UnifiedPush on a session bus of the test's own."""

import os
import pathlib
import signal
import subprocess

from harness import ByHand, eventually, kill, processes, wait_gone
from machine import PYTHON, Bus, Machine, dbus, needs_mock

PROGRAM = pathlib.Path(__file__).with_name('distributor.py')
CONNECTOR, PREFIX = 'org.bgtask.Push', 'org.unifiedpush.Distributor.'
PATH, TEST = '/org/unifiedpush/Distributor', 'org.bgtask.Test'
PUSH = 'PushNotificationTrigger', {}


class Distributor:
    """distributor.py, which is told what to do."""

    def __init__(self, bus, name='test', version=2):
        self.process = subprocess.Popen([PYTHON, PROGRAM, name, str(version)],
                                        env={'DBUS_SESSION_BUS_ADDRESS': bus.address, 'PATH': os.environ['PATH']})
        eventually(lambda: bus.connection.name_has_owner(PREFIX + name), 'the distributor')
        self.test = dbus.Interface(bus.connection.get_object(PREFIX + name, PATH, introspect=False), TEST)

    def registered(self, task):
        """The token of a task, when the distributor knows it."""
        def find():
            known = [line.split(' ', 2) for line in self.test.Log()]
            return next((token for what, token, *rest in reversed(known)
                         if what == 'register' and rest == [f'bgtask: {task}']), None)
        return str(eventually(find, f'the registration of {task}'))

    def push(self, token, message, number='1'):
        return str(self.test.Push(CONNECTOR, token, dbus.ByteArray(message), number))

    def unregistered(self, token):
        return f'unregister {token}' in self.test.Log()

    def hang(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        self.process.kill()
        self.process.wait()


@needs_mock
class Push(Machine):
    def prepare(self):
        self.session = Bus()
        self.addCleanup(self.session.close)
        self.session.connection = self.session.connect()
        self.addCleanup(lambda: self.session.connection.close())
        self.environment = {'DBUS_SESSION_BUS_ADDRESS': self.session.address}

    def setUp(self):
        super().setUp()
        self.server = ByHand(self.broker, self.package)

    def distributor(self, *args, **kwargs):
        distributor = Distributor(self.session, *args, **kwargs)
        self.addCleanup(distributor.stop)
        return distributor

    def endpoint(self, task, other_than=None):
        def ask():
            endpoint = self.properties(task).get('endpoint')
            return endpoint if endpoint != other_than else None
        return eventually(ask, 'the endpoint')

    def properties(self, task):
        return next(row for row in self.broker.tasks() if row['task'] == task)

    def sentence(self, task):
        return self.broker.why(task)['waiting-for-trigger'][0].partition('; ')[2]

    def next_run(self):
        call = self.server.client.next_call('Run')
        self.server.client.answer(call)
        self.server.complete(*call.body[:2])
        self.broker.ended(call.body[0])
        return call.body[5], bytes(call.body[7]['message'])

    def test_a_message_runs_the_task_with_its_bytes_and_is_answered_when_it_is_stored(self):
        distributor = self.distributor()
        task = self.task('push', PUSH)
        token = distributor.registered('push')
        self.assertEqual(self.endpoint(task), 'https://push.example/1')
        self.assertEqual(self.sentence(task), '')
        for number, message in enumerate((b'hello', bytes(range(256)), b'', 4096 * b'x'), 1):
            self.assertEqual(distributor.push(token, message, str(number)), str(number))
            self.assertEqual(self.next_run(), ('push', message))

    def test_each_message_is_a_run_and_waits_for_its_conditions(self):
        distributor = self.distributor()
        task = self.task('push', PUSH, conditions=['UserPresent'], deadline=('t', 10**6))
        token = distributor.registered('push')
        messages = [b'one', b'two', b'two']
        for message in messages:
            distributor.push(token, message)
        self.assertEqual([self.next_run() for _ in messages], [('push', message) for message in messages])
        self.assertEqual(self.broker.history(task)[0]['count'], 1)

    def test_a_distributor_that_knows_the_first_version_only(self):
        task = self.task('push', PUSH)
        self.task('other', PUSH)
        distributor = self.distributor(version=1)
        distributor.registered('other')
        token = distributor.registered('push')
        self.assertRegex(self.endpoint(task), 'https://push.example/[12]')
        self.assertEqual(distributor.push(token, b'old'), '')
        self.assertEqual(self.next_run(), ('push', b'old'))
        self.broker.call('Unregister', 'sb', task, True)
        eventually(lambda: distributor.unregistered(token))

    def test_it_appears_refuses_hangs_vanishes_and_comes_back(self):
        task = self.task('push', PUSH)
        eventually(lambda: 'no UnifiedPush distributor is there: install' in self.sentence(task))
        self.assertIn('install one', self.sensor('PushNotificationTrigger', level='false')['words'])
        distributor = self.distributor()
        token = distributor.registered('push')
        self.endpoint(task)
        self.assertEqual(self.sentence(task), '')
        self.sensor('PushNotificationTrigger', level='true', source=f'{PREFIX}test')
        distributor.hang()
        other = self.task('other', PUSH)
        eventually(lambda: 'has not answered yet' in self.sentence(other))
        self.assertEqual(self.sentence(task), '')
        distributor.go_on()
        self.endpoint(other)
        distributor.stop()
        eventually(lambda: 'test is not running' in self.sentence(task))
        distributor = self.distributor()
        self.assertEqual(distributor.registered('push'), token)
        distributor.push(token, b'back')
        self.assertEqual(self.next_run(), ('push', b'back'))
        distributor.test.Answer('REGISTRATION_FAILED', 'ACTION_REQUIRED')
        refused = self.task('refused', PUSH)
        eventually(lambda: 'refuses it: ACTION_REQUIRED' in self.sentence(refused))

    def test_a_registration_keeps_its_token_and_a_distributor_is_told_that_it_is_over(self):
        distributor = self.distributor()
        task = self.task('push', PUSH)
        token = distributor.registered('push')
        self.endpoint(task)
        for policy in ('update', 'replace'):
            task = self.task('push', PUSH, if_exists=policy)
            distributor.push(token, policy.encode())
            self.assertEqual(self.next_run(), ('push', policy.encode()))
        # What the history tells is stored: the next broker waits for no server.
        self.assertEqual(len(self.broker.history(task)), 1)
        self.broker.kill()
        self.broker.start()
        self.server = ByHand(self.broker, self.package)
        self.endpoint(task)
        distributor.push(token, b'restarted')
        self.assertEqual(self.next_run(), ('push', b'restarted'))
        endpoint = self.endpoint(task)
        distributor.test.Drop(token)
        self.endpoint(task, other_than=endpoint)
        self.broker.call('Unregister', 'sb', task, True)
        eventually(lambda: distributor.unregistered(token))
        again = self.task('push', PUSH)
        self.endpoint(again)
        self.assertNotEqual(distributor.registered('push'), token)

    def test_who_was_not_there_is_told_at_its_next_message(self):
        distributor = self.distributor()
        task = self.task('push', PUSH)
        token = distributor.registered('push')
        self.task('stays', PUSH)
        distributor.registered('stays')
        self.broker.kill()
        self.environment['DBUS_SESSION_BUS_ADDRESS'] = 'unix:path=/nonexistent/bus'
        self.broker.environment.update(self.environment)
        self.broker.start()
        self.broker.call('Unregister', 'sb', task, True)
        self.broker.kill()
        self.broker.environment['DBUS_SESSION_BUS_ADDRESS'] = self.session.address
        self.broker.start()
        eventually(lambda: self.session.connection.name_has_owner(CONNECTOR))
        self.refuse(distributor, 'InvalidArgs', token, b'late')
        eventually(lambda: distributor.unregistered(token))

    def refuse(self, distributor, error, *args):
        with self.assertRaises(dbus.DBusException) as raised:
            distributor.push(*args)
        self.assertIn(error, raised.exception.get_dbus_name())

    def test_lies_are_refused_and_change_nothing(self):
        distributor = self.distributor('b')
        liar = self.distributor('c')
        task = self.task('push', PUSH)
        token = distributor.registered('push')
        endpoint = self.endpoint(task)
        self.refuse(liar, 'AccessDenied', token, b'forged')
        for wrong in ('', 'garbage', 36 * '-', 'x' * 5000, str(task)):
            self.refuse(distributor, 'InvalidArgs', wrong, b'x')
        self.refuse(distributor, 'LimitsExceeded', token, 4097 * b'x')
        self.refuse(distributor, 'LimitsExceeded', token, b'x', 'i' * 201)
        for wrong in ('', 'push.example', 'ftp://push.example', 'https://push.example/\n', 'https://' + 'x' * 3000):
            distributor.test.Endpoint(CONNECTOR, token, wrong)
        liar.test.Endpoint(CONNECTOR, token, 'https://liar.example')
        self.refuse(liar, 'AccessDenied', token, b'again')
        distributor.push(token, b'right')
        self.assertEqual(self.next_run(), ('push', b'right'))
        self.assertEqual(self.endpoint(task), endpoint)
        self.assertEqual(len(self.broker.history(task)), 1)

    def test_a_full_queue_is_told_to_the_distributor(self):
        distributor = self.distributor()
        self.task('push', PUSH, overlap=('s', 'skip'))
        token = distributor.registered('push')
        distributor.push(token, b'first')
        call = self.server.client.next_call('Run')
        self.refuse(distributor, 'LimitsExceeded', token, b'second')
        self.server.client.answer(call)
        self.server.complete(*call.body[:2])

    def test_the_one_that_is_wanted_is_used_and_else_the_first_by_name(self):
        first, second = self.distributor('b'), self.distributor('a')
        task = self.task('push', PUSH)
        second.registered('push')
        self.assertFalse(first.test.Log())
        second.stop()
        eventually(lambda: 'Distributor.a is not running' in self.sentence(task))
        self.distributor('c')
        first.registered('push')
        self.broker.kill()
        self.broker.environment['UNIFIEDPUSH_DISTRIBUTOR'] = 'd'
        self.broker.start()
        eventually(lambda: 'Distributor.d is not running' in self.sentence(task))
        self.distributor('d').registered('push')

    def test_another_program_with_our_name_is_waited_for(self):
        other = self.session.connect()
        self.addCleanup(other.close)
        other.request_name(CONNECTOR)
        distributor = self.distributor()
        task = self.task('push', PUSH)
        eventually(lambda: 'another program has the name' in self.sentence(task))
        other.release_name(CONNECTOR)
        distributor.registered('push')
        self.endpoint(task)

    def test_a_command_reads_the_message_and_the_command_line_shows_the_endpoint(self):
        distributor = self.distributor()
        watching = self.broker.bgtask('add', '--on', 'push', 'letter', '--', 'sh', '-c', 'cat; cat; echo; echo end')
        self.assertEqual(watching.status, 0, watching.err)
        token = distributor.registered('letter')
        task, = [row['task'] for row in self.broker.tasks(name='letter')]
        self.endpoint(task)
        distributor.push(token, b'Dear reader')
        eventually(lambda: self.broker.lines(task) == ['Dear reader', 'end'])
        shown = self.broker.bgtask('show', 'letter').out
        self.assertRegex(shown, r'trigger +PushNotificationTrigger')
        self.assertRegex(shown, r'endpoint +https://push.example/1')
        exported = self.broker.bgtask('export', 'letter').out
        self.assertNotIn('push.example', exported)
        self.assertNotIn(token, exported + shown + self.broker.bgtask('why', 'letter').out)

    def test_a_message_starts_the_broker(self):
        distributor = self.distributor()
        self.assertEqual(self.broker.bgtask('add', '--on', 'push', 'letter', '--', 'cat').status, 0)
        token = distributor.registered('letter')
        task, = [row['task'] for row in self.broker.tasks(name='letter')]
        self.broker.kill()
        self.session.services.mkdir()
        program = self.session.folder / 'start'
        variables = ' '.join(f"'{name}={value}'" for name, value in self.broker.environment.items())
        program.write_text(f"#!/bin/sh\nexec env -i {variables} {' '.join(map(str, self.broker.arguments()))}\n",
                           encoding='utf-8')
        program.chmod(0o755)
        service = self.session.services / f'{CONNECTOR}.service'
        service.write_text(f'[D-BUS Service]\nName={CONNECTOR}\nExec={program}\n', encoding='utf-8')
        daemon = self.session.connection.get_object('org.freedesktop.DBus', '/org/freedesktop/DBus')
        daemon.ReloadConfig(dbus_interface='org.freedesktop.DBus')
        self.assertEqual(distributor.push(token, b'wake up'), '1')
        pid = int(daemon.GetConnectionUnixProcessID(CONNECTOR, dbus_interface='org.freedesktop.DBus'))
        self.addCleanup(wait_gone, pid)
        self.addCleanup(kill, pid)
        self.broker.connect()
        eventually(lambda: self.broker.lines(task) == ['wake up'])
        # The supervisor goes when its run is recorded.
        eventually(lambda: list(processes(self.broker.folder)) == [pid])
