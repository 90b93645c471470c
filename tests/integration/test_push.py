# SPDX-License-Identifier: MIT
"""Push messages that fire tasks: a distributor of UnifiedPush on a session bus of the test's own."""

import os
import pathlib
import signal
import subprocess

from harness import ByHand, eventually
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
        self.connection = bus.connect()
        eventually(lambda: self.connection.name_has_owner(PREFIX + name), 'the distributor')
        self.test = dbus.Interface(self.connection.get_object(PREFIX + name, PATH, introspect=False), TEST)

    def registered(self, task):
        """The token of a task, when the distributor knows it."""
        def find():
            known = [line.split(' ', 2) for line in self.test.Log()]
            return next((token for what, token, *rest in reversed(known)
                         if what == 'register' and rest == [f'bgtask: {task}']), None)
        return str(eventually(find, f'the registration of {task}'))

    def push(self, token, message, number='1'):
        return str(self.test.Push(CONNECTOR, token, dbus.ByteArray(message), number))

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.connection.close()


@needs_mock
class Push(Machine):
    def prepare(self):
        self.session = Bus()
        self.addCleanup(self.session.close)
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
