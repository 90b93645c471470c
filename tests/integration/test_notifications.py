# SPDX-License-Identifier: MIT
"""Notifications of every program: a real session bus that is monitored, and python-dbusmock's daemon."""

import contextlib
import os
import pathlib
import signal

from bus_client import Refused
from harness import ByHand, Case, Package, eventually
from machine import NOTIFICATIONS, NOTIFICATIONS_PATH, Bus, Desktop, Machine, dbus, needs_mock

KIND = 'UserNotificationChangedTrigger'
CAPABILITIES = ('runFullTrust', 'userNotificationListener')
REFUSING = '<deny send_interface="org.freedesktop.DBus.Monitoring"/></policy>'


def declare(package, capabilities):
    """Updates it to a version that declares these."""
    package.capabilities = capabilities
    package.write(package.manifest())
    package.install()


@needs_mock
class Notifications(Machine):
    def prepare(self):
        self.session = Bus()
        self.addCleanup(self.session.close)
        self.environment = {'DBUS_SESSION_BUS_ADDRESS': self.session.address}
        self.desktop = self.program = None

    def setUp(self):
        super().setUp()
        self.listener = Package(self.broker, 'Test.Listener', capabilities=CAPABILITIES)
        self.server = ByHand(self.broker, self.listener)

    def start_desktop(self):
        self.desktop = Desktop(self.session)
        self.addCleanup(self.desktop.stop)
        self.program = self.session.connect()
        self.addCleanup(self.program.close)

    def listen(self, name='listener', **options):
        return self.broker.register(self.listener, name, (KIND, {}), **options)

    def heard(self, task):
        """Waits until the sensor hears the desktop."""
        eventually(lambda: self.sensors().get(KIND, {}).get('level') == 'true', 'that notifications are heard')
        self.assertEqual(self.sentence(task), '')

    def sentence(self, task):
        return self.broker.why(task)['waiting-for-trigger'][0].partition(';')[2]

    def listening(self, **options):
        self.start_desktop()
        task = self.listen(**options)
        self.heard(task)
        return task

    def call(self, application, replaces=0, hints=(), signature='susssasa{sv}i', answered=True):
        """What shows a notification."""
        message = dbus.lowlevel.MethodCallMessage(NOTIFICATIONS, NOTIFICATIONS_PATH, NOTIFICATIONS, 'Notify')
        if signature == 'susssasa{sv}i':
            message.append(application, dbus.UInt32(replaces), 'icon', 'a secret', 'of somebody', [], dict(hints),
                           dbus.Int32(-1), signature=signature)
        else:
            message.append(application, signature=signature)
        message.set_no_reply(not answered)
        return message

    def show(self, application, replaces=0, **hints):
        """Its id."""
        answer = self.program.send_message_with_reply_and_block(self.call(application, replaces, hints.items()))
        return str(int(answer.get_args_list()[0]))

    def close(self, notification):
        self.program.call_blocking(NOTIFICATIONS, NOTIFICATIONS_PATH, NOTIFICATIONS, 'CloseNotification', 'u',
                                   (dbus.UInt32(notification),))

    def next_details(self):
        call = self.server.client.next_call('Run')
        self.server.client.answer(call)
        self.server.complete(*call.body[:2])
        self.broker.ended(call.body[0])
        return call.body[7]

    def next_run(self):
        """(id, change, application) of each notification that the next run is told of."""
        details = self.next_details()
        self.assertEqual(set(details), {'notifications', 'changes', 'applications', 'everything'})
        self.assertFalse(details['everything'])
        return list(zip(details['notifications'], details['changes'], details['applications'], strict=True))

    def told(self, last):
        """What runs are told up to this entry."""
        entries = []
        while last not in entries:
            entries += self.next_run()
        return entries

    def everything(self):
        """Runs end until one is told that everything may have changed."""
        while not self.next_details()['everything']:
            pass

    def test_a_notification_that_is_shown_replaced_or_gone_is_told_with_its_program(self):
        task = self.listening()
        first = self.show('Mail')
        self.assertEqual(self.next_run(), [(first, 'added', 'Mail')])
        second = self.show('', **{'desktop-entry': 'org.example.Chat', 'urgency': dbus.Byte(1, variant_level=1)})
        self.assertEqual(self.next_run(), [(second, 'added', 'org.example.Chat')])
        self.assertEqual(self.show('Mail', replaces=int(first)), first)
        self.assertEqual(self.next_run(), [(first, 'added', 'Mail')])
        self.close(second)
        self.assertEqual(self.next_run(), [(second, 'removed', '')])
        reading = self.sensors()[KIND]
        self.assertEqual((reading['level'], reading['source'], reading['words']),
                         ('true', NOTIFICATIONS, 'the notifications of all programs are heard'))
        self.assertIn(KIND, self.broker.bgtask('sensors').out)
        for path in self.broker.state.rglob('*'):
            if path.is_file():
                self.assertNotIn(b'a secret', path.read_bytes(), path)
        self.assertIn(KIND, self.broker.bgtask('show', task).out)

    def test_a_signal_that_is_for_one_program_only_is_heard_too(self):
        self.listening()
        self.desktop.mock.EmitSignalDetailed(
            NOTIFICATIONS, 'NotificationClosed', 'uu', dbus.Array([dbus.UInt32(9), dbus.UInt32(2)], signature='v'),
            dbus.Dictionary({'destination': self.program.get_unique_name()}, signature='sv'))
        self.assertEqual(self.next_run(), [('9', 'removed', '')])

    def test_what_makes_no_sense_is_not_believed(self):
        self.listening()
        self.program.send_message(self.call('wrong', signature='s'))
        forged = dbus.lowlevel.SignalMessage(NOTIFICATIONS_PATH, NOTIFICATIONS, 'NotificationClosed')
        forged.append(dbus.UInt32(3), dbus.UInt32(1), signature='uu')
        self.program.send_message(forged)
        self.desktop.mock.EmitSignal(NOTIFICATIONS, 'NotificationClosed', 'ss', dbus.Array(['1', '2'], signature='v'))
        expected = [(self.show(name), 'added', seen) for name, seen in (
            ('tab\tnewline\n', ''), ('x' * 99 + 'é' + 'y' * 10000, 'x' * 99), ('', ''), ('last', 'last'))]
        self.assertEqual(self.told(expected[-1]), expected)

    def test_a_call_that_wants_no_answer_is_one_of_which_nothing_is_known(self):
        self.listening()
        self.program.send_message(self.call('quiet', answered=False))
        self.everything()

    def test_what_comes_while_a_run_is_alive_is_told_after_it(self):
        self.listening()
        self.show('first')
        run, attempt = self.server.next_run()
        self.broker.state_of(run, 'running')
        expected = [(self.show(f'Mail {i}'), 'added', f'Mail {i}') for i in range(20)]
        self.server.complete(run, attempt)
        self.broker.ended(run)
        self.assertEqual(self.told(expected[-1]), expected)

    def test_of_a_flood_either_each_is_told_once_or_that_everything_may_have_changed(self):
        self.listening()
        expected = [(self.show('x' * 100), 'added', 'x' * 100) for _ in range(300)]
        entries = []
        while expected[-1] not in entries:
            details = self.next_details()
            # More than is gathered while the broker has other things to do.
            if details['everything']:
                return
            entries += zip(details['notifications'], details['changes'], details['applications'], strict=True)
        self.assertEqual(entries, expected)

    def test_answers_that_come_late_to_many_calls_are_not_lost(self):
        self.listening()
        self.desktop.process.send_signal(signal.SIGSTOP)
        self.program.send_message(self.call('forgotten'))
        for i in range(64):
            self.program.send_message(self.call(f'kept {i}'))
        self.program.flush()
        self.program.get_name_owner('org.freedesktop.DBus')
        self.desktop.process.send_signal(signal.SIGCONT)
        self.everything()
        self.desktop.wait(65)
        last = self.show('last')
        while last not in self.next_details()['notifications']:
            pass

    def test_the_service_appears_hangs_vanishes_and_comes_back(self):
        task = self.listen()
        eventually(lambda: 'is not running' in self.sentence(task))
        self.assertEqual(self.sensors()[KIND]['level'], 'false')
        self.start_desktop()
        self.heard(task)
        self.desktop.process.send_signal(signal.SIGSTOP)
        self.broker.kill()
        self.broker.start()
        self.server = ByHand(self.broker, self.listener)
        eventually(lambda: 'does not answer' in self.sentence(task))
        self.desktop.process.send_signal(signal.SIGCONT)
        self.heard(task)
        self.assertEqual(self.next_run_of('two'), [('1', 'added', 'two')])
        self.desktop.stop()
        eventually(lambda: 'is not running' in self.sentence(task))
        self.start_desktop()
        self.everything()
        self.assertEqual(self.next_run_of('three'), [('1', 'added', 'three')])

    def next_run_of(self, application):
        self.show(application)
        return self.next_run()

    def test_a_bus_that_is_not_there_is_waited_for_and_what_was_missed_is_said(self):
        task = self.listening()
        self.session.stop()
        eventually(lambda: 'there is no session bus' in self.sentence(task))
        self.session.start()
        self.start_desktop()
        self.everything()
        self.assertEqual(self.next_run_of('one'), [('1', 'added', 'one')])

    def start_desktop_on(self, session):
        self.session = session
        self.addCleanup(session.close)
        self.start_desktop()

    def import_address(self, session):
        done = self.broker.bgtask('import-environment', 'DBUS_SESSION_BUS_ADDRESS',
                                  env={'DBUS_SESSION_BUS_ADDRESS': session.address})
        self.assertEqual(done.status, 0, done.err)

    def test_when_its_bus_is_gone_that_at_the_usual_place_is_used_until_another_is_imported(self):
        task = self.listening()
        self.session.stop()
        eventually(lambda: 'there is no session bus' in self.sentence(task))
        self.start_desktop_on(Bus(self.broker.folder / 'bus'))
        self.everything()
        self.assertEqual(self.next_run_of('usual'), [('1', 'added', 'usual')])
        other = Bus()
        self.import_address(other)
        self.start_desktop_on(other)
        self.everything()
        self.assertEqual(self.next_run_of('other'), [('1', 'added', 'other')])

    def test_a_bus_that_was_imported_is_that_of_the_next_broker(self):
        other = Bus()
        self.import_address(other)
        self.broker.terminate()
        self.broker.start()
        self.server = ByHand(self.broker, self.listener)
        self.start_desktop_on(other)
        self.heard(self.listen())
        self.assertEqual(self.next_run_of('other'), [('1', 'added', 'other')])

    def test_a_bus_that_lets_nobody_listen_is_told_of(self):
        config = self.session.config.read_text(encoding='utf-8')
        self.session.stop()
        self.session.config.write_text(config.replace('</policy>', REFUSING), encoding='utf-8')
        self.session.start()
        task = self.listen()
        eventually(lambda: 'lets nobody listen: org.freedesktop.DBus.Error.AccessDenied' in self.sentence(task))
        self.assertIn('lets nobody listen', self.sensors()[KIND]['words'])
        self.start_desktop()
        eventually(lambda: 'lets nobody listen' in self.sentence(task))
        self.session.stop()
        self.session.config.write_text(config, encoding='utf-8')
        self.session.start()
        self.start_desktop()
        self.heard(task)
        self.assertEqual(self.next_run_of('one'), [('1', 'added', 'one')])

    def test_what_comes_while_an_update_has_dropped_the_capability_is_never_told(self):
        task = self.listening()
        declare(self.listener, CAPABILITIES[:1])
        self.assertEqual(set(self.broker.why(task)) & {'capability-missing', 'waiting-for-trigger'},
                         {'capability-missing', 'waiting-for-trigger'})
        # Another one, that may, is told: the broker has heard it.
        package = Package(self.broker, 'Test.Other', capabilities=CAPABILITIES)
        self.server = ByHand(self.broker, package)
        other = self.broker.register(package, 'other', (KIND, {}))
        self.assertEqual(self.next_run_of('Mail'), [('1', 'added', 'Mail')])
        self.broker.call('Unregister', 'sb', other, True)
        declare(self.listener, CAPABILITIES)
        self.server = ByHand(self.broker, self.listener)
        self.assertEqual(self.next_run_of('Chat'), [('2', 'added', 'Chat')])

    def sockets(self):
        found = 0
        for link in pathlib.Path(f'/proc/{self.broker.process.pid}/fd').iterdir():
            with contextlib.suppress(OSError):
                found += os.readlink(link).startswith('socket:')
        return found

    def test_nothing_is_heard_while_no_task_needs_it_and_once_is_once(self):
        self.start_desktop()
        before = self.sockets()
        task = self.broker.register(self.listener, 'once', (KIND, {'one-shot': ('b', True)}))
        self.heard(task)
        self.assertEqual(self.sockets(), before + 2)
        self.assertEqual(self.next_run_of('one'), [('1', 'added', 'one')])
        eventually(lambda: not self.broker.tasks(name='once'))
        eventually(lambda: self.sockets() == before, f'{before} sockets')
        self.show('two')
        self.assertNotIn(KIND, self.sensors())

    def test_the_command_line_registers_it(self):
        self.start_desktop()
        done = self.broker.bgtask('add', '--on', KIND, 'two', '--', 'true')
        self.assertEqual(done.status, 0, done.err)
        self.assertIn(KIND, self.broker.bgtask('list').out)
        done = self.broker.bgtask('register', '--on', KIND, '--package', self.listener.family, 'one')
        self.assertEqual(done.status, 0, done.err)


class Capability(Case):
    """Who may have notifications heard at all."""

    def refused(self, package):
        with self.assertRaises(Refused) as raised:
            self.broker.register(package, 'listener', (KIND, {}))
        self.assertEqual(raised.exception.name, 'AccessDenied')
        self.assertIn(f'{package.family} may not have a {KIND}', raised.exception.sentence)
        self.assertEqual(self.broker.tasks(), [])

    def test_a_package_that_does_not_declare_it_is_refused_whatever_else_it_may(self):
        self.refused(Package(self.broker, 'Test.Trusted'))
        self.refused(Package(self.broker, 'Test.Confined', capabilities=('internetClient',)))
        package = Package(self.broker, 'Test.Other')
        done = self.broker.bgtask('register', '--package', package.family, '--on', KIND, 'x')
        self.assert_fails(done, 1, 'userNotificationListener', '<uap3:Capability')
        done = self.broker.bgtask('import', '-', stdin=self.exported(package))
        self.assert_fails(done, 1, 'userNotificationListener')
        self.assertEqual(self.broker.tasks(), [])

    def exported(self, package):
        """A task of the kind, which goes in one call with others."""
        listener = Package(self.broker, 'Test.Exporter', capabilities=CAPABILITIES)
        task = self.broker.register(listener, 'listener', (KIND, {}))
        text = self.broker.bgtask('export', task).out
        self.broker.call('Unregister', 'sb', task, True)
        return text.replace(listener.family, package.family)

    def test_a_confined_package_that_declares_it_may(self):
        package = Package(self.broker, 'Test.Confined', capabilities=('userNotificationListener',))
        self.assertTrue(self.broker.register(package, 'listener', (KIND, {})))

    def test_an_update_that_drops_it_holds_the_task_until_it_is_back_also_when_it_is_run_by_hand(self):
        package = Package(self.broker, 'Test.Listener', capabilities=CAPABILITIES)
        task = self.broker.register(package, 'count-1', (KIND, {}))
        other = self.broker.register(package, 'other')
        declare(package, CAPABILITIES[:1])
        self.assertNotIn('capability-missing', self.broker.why(other))
        run = self.broker.run(task)
        self.broker.restart()
        sentence, _, remedy, _ = self.broker.why(task)['capability-missing']
        self.assertIn(f'{package.family} may not have a {KIND}', sentence)
        self.assertIn('<uap3:Capability Name="userNotificationListener"/>', remedy)
        self.assertIn('userNotificationListener', self.broker.bgtask('why', 'count-1').out)
        declare(package, CAPABILITIES)
        self.assert_outcome(self.broker.ended(run), 'completed')
        self.assertNotIn('capability-missing', self.broker.why(task))

    def test_a_command_needs_none(self):
        done = self.broker.bgtask('add', '--on', KIND, 'x', '--', 'true')
        self.assertEqual(done.status, 0, done.err)
