# SPDX-License-Identifier: MIT
"""Notifications of the desktop that fire tasks: python-dbusmock's daemon on a session bus of the test's own."""

import signal

from harness import ByHand, eventually
from machine import NOTIFICATIONS, Bus, Desktop, Machine, dbus, needs_mock


@needs_mock
class Toasts(Machine):
    def prepare(self):
        self.session = Bus()
        self.addCleanup(self.session.close)
        self.environment = {'DBUS_SESSION_BUS_ADDRESS': self.session.address}
        self.desktop = None

    def setUp(self):
        super().setUp()
        self.server = ByHand(self.broker, self.package)

    def start_desktop(self):
        self.desktop = Desktop(self.session)
        self.addCleanup(self.desktop.stop)

    def action(self, pattern=None, name='action'):
        properties = {'action': ('s', pattern)} if pattern else {}
        return self.task(name, ('ToastNotificationActionTrigger', properties))

    def emit(self, member, signature, *args):
        self.desktop.mock.EmitSignal(NOTIFICATIONS, member, signature, dbus.Array(args, signature='v'))

    def invoke(self, notification, key):
        self.emit('ActionInvoked', 'us', dbus.UInt32(notification), key)

    def close(self, notification, reason):
        self.emit('NotificationClosed', 'uu', dbus.UInt32(notification), dbus.UInt32(reason))

    def heard(self, task):
        """Waits until the sensor hears the desktop."""
        eventually(lambda: 'notification' not in self.sentence(task) and 'session' not in self.sentence(task))

    def sentence(self, task):
        return self.broker.why(task)['waiting-for-trigger'][0].partition(';')[2]

    def next_run(self):
        call = self.server.client.next_call('Run')
        self.server.client.answer(call)
        self.server.complete(*call.body[:2])
        self.broker.ended(call.body[0])
        details = call.body[7]
        self.assertFalse(details['everything'])
        return call.body[5], list(zip(details['notifications'], details.get('actions') or details['reasons']))

    def test_an_action_that_fits_and_a_notification_that_is_closed_are_told(self):
        self.start_desktop()
        self.heard(self.action('open-*'))
        closed = self.task('closed', ('ToastNotificationHistoryChangedTrigger', {}))
        self.heard(closed)
        self.invoke(6, 'default')
        self.invoke(7, 'open-folder')
        self.assertEqual(self.next_run(), ('action', [('7', 'open-folder')]))
        for number, reason in enumerate(('expired', 'dismissed', 'closed', 'undefined', 'undefined'), 1):
            self.close(number, number)
            self.assertEqual(self.next_run(), ('closed', [(str(number), reason)]))

    def test_what_is_no_such_signal_is_not_believed(self):
        self.start_desktop()
        self.heard(self.action())
        self.emit('ActionInvoked', 'ss', '7', 'wrong')
        self.emit('ActionInvoked', 'us', dbus.UInt32(1), 'x' * 1000)
        self.emit('Else', 'us', dbus.UInt32(2), 'wrong')
        other = self.session.connect()
        self.addCleanup(other.close)
        message = dbus.lowlevel.SignalMessage('/org/freedesktop/Notifications', NOTIFICATIONS, 'ActionInvoked')
        message.append(dbus.UInt32(3), 'forged', signature='us')
        other.send_message(message)
        other.flush()
        other.get_name_owner('org.freedesktop.DBus')
        self.invoke(4, 'right')
        self.assertEqual(self.next_run(), ('action', [('4', 'right')]))

    def test_a_held_firing_collects_each_of_them_also_the_same_again(self):
        self.start_desktop()
        task = self.task('held', ('ToastNotificationActionTrigger', {}), conditions=['UserPresent'],
                         deadline=('t', 2 * 10**6))
        self.heard(task)
        for _ in range(2):
            self.invoke(1, 'again')
        self.assertEqual(self.next_run(), ('held', 2 * [('1', 'again')]))

    def test_the_service_appears_hangs_vanishes_and_comes_back(self):
        task = self.action()
        eventually(lambda: 'is not running' in self.sentence(task))
        self.start_desktop()
        self.heard(task)
        self.desktop.process.send_signal(signal.SIGSTOP)
        self.action('other', name='other')
        self.broker.kill()
        self.broker.start()
        self.server = ByHand(self.broker, self.package)
        eventually(lambda: 'does not answer' in self.sentence(task))
        self.desktop.process.send_signal(signal.SIGCONT)
        self.heard(task)
        self.invoke(1, 'back')
        self.assertEqual(self.next_run(), ('action', [('1', 'back')]))
        self.desktop.stop()
        eventually(lambda: 'is not running' in self.sentence(task))
        self.start_desktop()
        self.heard(task)
        self.invoke(2, 'again')
        self.assertEqual(self.next_run(), ('action', [('2', 'again')]))

    def test_a_bus_that_is_not_there_yet_is_waited_for(self):
        task = self.action()
        self.session.stop()
        eventually(lambda: 'there is no session bus' in self.sentence(task))
        self.session.start()
        self.start_desktop()
        self.heard(task)
        self.invoke(1, 'yes')
        self.assertEqual(self.next_run(), ('action', [('1', 'yes')]))

    def test_the_command_line_registers_them(self):
        done = self.broker.bgtask('register', '--on', 'ToastNotificationActionTrigger', '--action', 'open', 'one')
        self.assertEqual(done.status, 0, done.err)
        done = self.broker.bgtask('add', '--on', 'ToastNotificationHistoryChangedTrigger', 'two', '--', 'true')
        self.assertEqual(done.status, 0, done.err)
        done = self.broker.bgtask('add', '--on', 'ToastNotificationActionTrigger', 'any', '--', 'true')
        self.assertEqual(done.status, 0, done.err)
        self.assertIn('ToastNotificationActionTrigger open', self.broker.bgtask('list').out)
        self.assertNotIn('*', self.broker.bgtask('list').out)
        self.assertNotIn('*', self.broker.bgtask('why', 'any').out)
        self.assert_fails(self.broker.bgtask('register', '--custom', 'x', '--action', 'y', 'z'), 2, '--on Toast')
