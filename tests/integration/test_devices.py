# SPDX-License-Identifier: MIT
"""Devices that come and go: those of umockdev, and network interfaces in a namespace of the test's own."""

import os
import signal
import unittest

from harness import ByHand, eventually
from machine import Machine, Testbed, needs_root, needs_testbed


class Devices(Machine):
    def setUp(self):
        super().setUp()
        self.server = ByHand(self.broker, self.package)

    def watch(self, *matches, name='devices', changes=False, **options):
        return self.task(name, ('DeviceWatcherTrigger', {'match': ('as', list(matches)), 'changes': ('b', changes)}),
                         **options)

    def answer(self, call):
        self.server.client.answer(call)
        self.server.complete(*call.body[:2])
        self.broker.ended(call.body[0])
        details = call.body[7]
        self.assertFalse(details['everything'])
        return list(zip(details['actions'], details['devices'], details['nodes']))

    def happened(self, n=1):
        """What the next runs are told, until it is so much."""
        found = []
        while len(found) < n:
            found += self.answer(self.server.client.next_call('Run'))
        return found


@needs_testbed
class Mocked(Devices):
    def prepare(self):
        self.testbed = Testbed()
        self.addCleanup(self.testbed.close)
        self.environment = dict(self.testbed.environment)

    def test_what_fits_is_told_with_its_node_and_what_does_not_is_not(self):
        self.watch('SUBSYSTEM=tty', 'ID_MODEL=Mouse*')
        self.testbed.add_device('tty', 'ttyUSB1', ID_MODEL='Keyboard', DEVNAME='/dev/ttyUSB1')
        self.testbed.add_device('usb', 'usb9', ID_MODEL='Mouse 9')
        path = self.testbed.add_device('tty', 'ttyUSB0', ID_MODEL='Mouse 3', DEVNAME='/dev/ttyUSB0')
        self.assertEqual(self.happened(), [('add', path, '/dev/ttyUSB0')])
        self.testbed.remove(path)
        self.assertEqual(self.happened(), [('remove', path, '/dev/ttyUSB0')])

    def test_changes_are_told_to_those_who_want_them(self):
        path = self.testbed.add_device('tty', 'ttyUSB0')
        self.watch('SUBSYSTEM=tty', changes=True)
        self.testbed.set(path)
        self.assertEqual(self.happened(), [('change', path, '')])

    def test_one_device_is_known_by_its_node_its_link_and_its_folder(self):
        for device in ('/dev/sdz', '/dev/disk/by-id/backup', '/sys/devices/sdz'):
            self.task(device, ('DeviceConnectionChangeTrigger', {'device': ('s', device)}))
        self.testbed.add_device('tty', 'sdy', DEVNAME='/dev/sdy', DEVLINKS='/dev/disk/by-id/backup-2')
        path = self.testbed.add_device('tty', 'sdz', DEVNAME='/dev/sdz',
                                       DEVLINKS='/dev/disk/by-path/x /dev/disk/by-id/backup')
        self.assertEqual(self.happened(3), 3 * [('add', path, '/dev/sdz')])
        self.testbed.remove(path)
        self.assertEqual(self.happened(3), 3 * [('remove', path, '/dev/sdz')])

    def test_a_held_firing_keeps_what_came_and_went_in_order(self):
        task = self.watch('SUBSYSTEM=tty', deadline=('t', 2 * 10**6), conditions=['UserPresent'])
        wanted = []
        for _ in range(2):
            path = self.testbed.add_device('tty', 'ttyUSB0')
            self.testbed.remove(path)
            wanted += ['add', 'remove']
            eventually(self.broker.runs)
        self.assertEqual([action for action, *_ in self.happened(4)], wanted)
        self.assertEqual(self.broker.runs(), [], task)

    def test_nothing_is_open_without_a_task_and_it_is_watched_again_after_a_crash(self):
        task = self.watch('SUBSYSTEM=tty')
        self.broker.call('Unregister', 'sb', task, True)
        self.watch('SUBSYSTEM=tty')
        self.broker.kill()
        self.broker.start()
        self.server = ByHand(self.broker, self.package)
        path = self.testbed.add_device('tty', 'ttyUSB0')
        self.assertEqual(self.happened(), [('add', path, '')])


@needs_root
@unittest.skipIf(os.path.exists('/run/udev/control'), 'udev of another namespace tells nothing of this one')
class Kernel(Devices):
    network = True

    def test_an_interface_that_comes_and_goes_is_told_by_the_kernel(self):
        self.watch('SUBSYSTEM=net', 'INTERFACE=up*')
        self.ip('link add up0 type veth peer name other0')
        self.assertEqual(self.happened(), [('add', '/sys/devices/virtual/net/up0', '')])
        self.ip('link del up0')
        self.assertEqual(self.happened(), [('remove', '/sys/devices/virtual/net/up0', '')])

    def test_many_at_once_are_few_runs_and_each_of_them_is_told(self):
        task = self.watch('SUBSYSTEM=net', 'INTERFACE=up*')
        names = [f'up{n}' for n in range(40)]
        # Whatever keeps the broker busy meanwhile, nothing is lost.
        os.kill(self.broker.process.pid, signal.SIGSTOP)
        self.ip(*[f'link add {name} type veth peer name far-{name}' for name in names])
        os.kill(self.broker.process.pid, signal.SIGCONT)
        told = [path.rpartition('/')[2] for _, path, _ in self.happened(len(names))]
        self.assertEqual(told, names)
        self.assertLess(len(self.broker.history(task)), 10)

    def udev_says(self, path, number):
        """As udev writes it: a header of 40 bytes, and then the properties."""
        script = ('import socket, struct; s = socket.socket(16, 3, 15); s.bind((0, 0));'
                  f"p = b'ACTION=add\\0DEVPATH={path}\\0SUBSYSTEM=net\\0SEQNUM={number}\\0';"
                  "h = b'libudev\\0' + struct.pack('=8I', 0, 40, 40, len(p), 0, 0, 0, 0);"
                  's.sendto(h + p, (0, 2))')
        self.inside('/usr/bin/python3', '-c', script)

    def test_when_udev_is_started_later_it_is_what_is_heard_and_nothing_is_told_twice(self):
        self.watch('SUBSYSTEM=net', 'INTERFACE=up0', name='kernel')
        self.ip('link add up0 type veth peer name other0')
        self.assertEqual(self.happened(), [('add', '/sys/devices/virtual/net/up0', '')])
        self.watch('SUBSYSTEM=net', name='udev')
        self.udev_says('/devices/first', 10**9)
        self.assertEqual(self.happened(), [('add', '/sys/devices/first', '')])
        self.ip('link add up1 type veth peer name other1')
        self.udev_says('/devices/second', 10**9 + 1)
        self.assertEqual(self.happened(), [('add', '/sys/devices/second', '')])

    def test_what_another_user_writes_to_the_group_is_not_believed(self):
        self.watch('SUBSYSTEM=net')
        script = ('import socket; s = socket.socket(16, 3, 15); s.bind((0, 0));'
                  "s.sendto(b'add@/x\\0ACTION=add\\0DEVPATH=/x\\0SUBSYSTEM=net\\0SEQNUM=1\\0', (0, 1))")
        self.inside('/usr/bin/python3', '-c', script)
        self.ip('link add up0 type veth peer name other0')
        self.assertEqual(sorted(self.happened(2)), [('add', f'/sys/devices/virtual/net/{name}', '')
                                                    for name in ('other0', 'up0')])


class Registering(Devices):
    def test_the_command_line_registers_and_shows_them(self):
        done = self.broker.bgtask('register', '--devices', 'usb,ID_VENDOR_ID=1d6b', '--changes', 'many')
        self.assertEqual(done.status, 0, done.err)
        done = self.broker.bgtask('add', 'one', '--device', '/dev/ttyUSB0', '--', 'true')
        self.assertEqual(done.status, 0, done.err)
        triggers = {row['name']: row['trigger'] for row in self.broker.tasks()}
        self.assertEqual(triggers['many'], ('DeviceWatcherTrigger', {
            'match': ['SUBSYSTEM=usb', 'ID_VENDOR_ID=1d6b'], 'changes': True, 'one-shot': False}))
        self.assertEqual(triggers['one'], ('DeviceConnectionChangeTrigger', {
            'device': '/dev/ttyUSB0', 'one-shot': False}))
        shown = self.broker.bgtask('list').out
        self.assertIn('DeviceWatcherTrigger SUBSYSTEM=usb', shown)
        self.assertIn('/dev/ttyUSB0', shown)

    def test_what_names_no_device_is_refused_with_a_sentence(self):
        self.assert_refused('InvalidArgument', 'match', 'SUBSYSTEM=usb', by=lambda: self.watch())
        self.assert_refused('InvalidArgument', 'KEY=PATTERN', by=lambda: self.watch('usb'))
        self.assert_refused('InvalidArgument', '/dev or /sys', by=lambda: self.task(
            'x', ('DeviceConnectionChangeTrigger', {'device': ('s', 'ttyUSB0')})))
        self.assert_fails(self.broker.bgtask('register', '--device', 'x', 'y'), 2, '/dev or /sys')
