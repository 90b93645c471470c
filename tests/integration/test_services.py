# SPDX-License-Identifier: MIT
"""Sensors against services on a system bus: there, gone, hanging, lying."""

import os
import pathlib
import re
import signal
import unittest

from harness import SECOND, eventually, wait_gone
from machine import (LOGIN, LOGIN_PATH, Machine, NM, NM_PATH, NO_ROUTE, ROUTE, U, UPOWER, UPOWER_PATH, dbus,
                     needs_mock, needs_root)

NONE, PORTAL, LIMITED, FULL = 1, 2, 3, 4


def session(name, path):
    return dbus.Struct((name, dbus.ObjectPath(path)), signature='so', variant_level=1)


@needs_root
@needs_mock
class NetworkManager(Machine):
    network = True

    def prepare(self):
        self.add_bus()

    def manager(self, **properties):
        return self.bus.mock(NM, NM_PATH, NM, {'Connectivity': U(FULL), 'State': U(70), 'Metered': U(4)} | properties)

    def test_its_word_about_what_the_route_leads_to_counts(self):
        self.connect()
        manager = self.manager()
        task = self.task('ok', conditions=['InternetAvailable'])
        self.sensor('InternetAvailable', level='true', source='NetworkManager', words='full connectivity')
        manager.set(Connectivity=U(LIMITED))
        self.sensor('InternetAvailable', level='false', words='limited connectivity')
        _, run = self.broker.request(task)
        self.assertIn('NetworkManager says limited connectivity', self.held_by(task))
        manager.set(Connectivity=U(PORTAL))
        self.sensor('InternetAvailable', level='false', words='portal')
        manager.set(Connectivity=U(FULL))
        self.assert_outcome(self.broker.ended(run), 'completed')

    def test_what_it_says_of_metering_counts(self):
        self.connect()
        manager = self.manager()
        for value, level in ((1, 'false'), (2, 'true'), (3, 'false'), (4, 'true')):
            manager.set(Metered=U(value))
            self.sensor('FreeNetworkAvailable', level=level, source='NetworkManager')
        manager.set(Metered=U(0))
        self.sensor('FreeNetworkAvailable', level='true', source='rtnetlink')

    def test_the_kernel_takes_over_when_it_vanishes_and_hands_back_when_it_returns(self):
        self.connect()
        manager = self.manager(Connectivity=U(LIMITED))
        self.task('ok', conditions=['InternetAvailable'])
        self.sensor('InternetAvailable', level='false', source='NetworkManager')
        manager.stop()
        self.sensor('InternetAvailable', level='true', source='rtnetlink', words='NetworkManager is not running')
        self.manager(Connectivity=U(PORTAL))
        self.sensor('InternetAvailable', level='false', source='NetworkManager', words='portal')

    def test_the_kernel_takes_over_when_it_hangs_and_hands_back_when_it_answers(self):
        self.connect()
        manager = self.manager()
        task = self.task('ok', conditions=['InternetAvailable'])
        self.sensor('InternetAvailable', level='true', source='NetworkManager')
        manager.hang()
        # What the kernel sees is asked about, and meanwhile the broker answers others.
        self.ip(NO_ROUTE)
        self.sensor('InternetAvailable', level='false', source='rtnetlink')
        self.ip(ROUTE)
        self.sensor('InternetAvailable', level='true', words='NetworkManager does not answer')
        self.broker.outcome(task)
        manager.go_on()
        self.sensor('InternetAvailable', level='true', source='NetworkManager')

    def test_one_that_hangs_from_the_start_delays_the_first_reading_by_its_time_limit_only(self):
        self.connect()
        manager = self.manager(Connectivity=U(LIMITED))
        manager.hang()
        self.sensor('InternetAvailable', level='true', words='NetworkManager does not answer')
        manager.go_on()

    def test_where_the_kernel_has_no_route_its_word_does_not_count(self):
        self.connect()
        self.manager()
        self.task('ok', conditions=['InternetAvailable'])
        self.sensor('InternetAvailable', level='true', source='NetworkManager')
        self.ip(NO_ROUTE)
        self.sensor('InternetAvailable', level='false', source='rtnetlink', words='there is no default route')

    def test_where_it_manages_nothing_the_route_decides(self):
        self.connect()
        self.manager(Connectivity=U(NONE), State=U(20))
        self.sensor('InternetAvailable', level='true', source='rtnetlink', words='NetworkManager does not manage it')

    def test_one_that_talks_nonsense_is_as_if_it_said_nothing(self):
        self.connect()
        manager = self.manager(Connectivity='full', Metered=-1.5, State=True)
        self.sensor('InternetAvailable', level='true', source='rtnetlink', words='does not tell')
        manager.set(Connectivity=U(4711))
        self.sensor('InternetAvailable', level='true', source='rtnetlink')

    def test_nobody_else_is_believed(self):
        self.connect()
        self.manager(Connectivity=U(LIMITED))
        self.task('ok', conditions=['InternetAvailable'])
        self.sensor('InternetAvailable', level='false', source='NetworkManager')
        other = self.bus.mock('org.example.Liar', NM_PATH, NM, {'Connectivity': U(FULL)})
        other.set(Connectivity=U(FULL))
        other.at(NM_PATH).EmitSignal('org.freedesktop.DBus', 'NameOwnerChanged', 'sss', [NM, ':1.2', ''])
        self.sensor('InternetAvailable', level='false', source='NetworkManager')


class SystemBus(Machine):
    @needs_mock
    def test_a_bus_that_comes_later_goes_and_comes_again_is_found_each_time(self):
        self.task('ok', conditions=['UserPresent'])
        self.sensor('UserPresent', level='unknown', words='there is no system bus')
        for _ in range(2):
            self.bus.start()
            self.sensor('UserPresent', level='unknown', words='logind is not running')
            self.bus.stop()
            self.sensor('UserPresent', level='unknown', words='there is no system bus')

    def prepare(self):
        self.add_bus(start=False)

    @needs_mock
    def test_a_bus_that_hangs_stops_nobody(self):
        self.bus.start()
        self.bus.daemon.send_signal(signal.SIGSTOP)
        task = self.task('ok', conditions=['UserPresent'])
        self.assert_outcome(self.broker.outcome(task), 'completed')
        self.sensor('UserPresent', level='unknown', words='logind does not answer')
        self.bus.daemon.send_signal(signal.SIGCONT)
        self.sensor('UserPresent', level='unknown', words='logind is not running')


@needs_mock
class Logind(Machine):
    USER = f'{LOGIN_PATH}/user/_{os.getuid()}'
    SESSION = f'{LOGIN_PATH}/session/_31'
    USER_INTERFACE, SESSION_INTERFACE = f'{LOGIN}.User', f'{LOGIN}.Session'

    def prepare(self):
        self.add_bus()

    def logind(self, **user):
        properties = {'State': 'active', 'IdleHint': False,
                      'Display': session('1', self.SESSION)} | user
        mock = self.bus.mock(LOGIN, LOGIN_PATH, f'{LOGIN}.Manager', {'IdleHint': False})
        mock.add_object(self.USER, self.USER_INTERFACE, properties)
        mock.add_object(self.SESSION, self.SESSION_INTERFACE, {'LockedHint': False})
        # The name was there before its objects: a session is announced.
        mock.at(LOGIN_PATH).EmitSignal(f'{LOGIN}.Manager', 'UserNew', 'uo',
                                       [U(os.getuid()), dbus.ObjectPath(self.USER)])
        return mock

    def test_without_it_nobody_knows_and_why_says_so(self):
        task = self.task('ok', conditions=['UserPresent'])
        self.broker.request(task)
        eventually(lambda: 'logind is not running' in self.held_by(task))

    def test_the_user_is_present_while_his_session_is_used(self):
        logind = self.logind()
        self.task('ok', conditions=['UserPresent'])
        self.sensor('UserPresent', level='true', source='logind')
        self.sensor('SessionConnected', level='true')
        logind.set(self.SESSION, self.SESSION_INTERFACE, LockedHint=True)
        self.sensor('UserPresent', level='false', words='locked')
        logind.set(self.SESSION, self.SESSION_INTERFACE, LockedHint=False)
        self.sensor('UserPresent', level='true')
        logind.set(self.USER, self.USER_INTERFACE, IdleHint=True)
        self.sensor('UserPresent', level='false', words='idle')
        self.sensor('SessionConnected', level='true')
        logind.set(self.USER, self.USER_INTERFACE, IdleHint=False, State='online')
        self.sensor('UserPresent', level='false', words='foreground')
        logind.set(self.USER, self.USER_INTERFACE, State='closing')
        self.sensor('SessionConnected', level='false')

    def test_a_user_whom_it_does_not_know_is_not_logged_in(self):
        self.bus.mock(LOGIN, LOGIN_PATH, f'{LOGIN}.Manager', {'IdleHint': False})
        self.sensor('SessionConnected', level='false', words='nobody is logged in')
        self.sensor('UserPresent', level='false')

    def test_edges_fire_when_the_user_goes_and_comes(self):
        logind = self.logind()
        away = self.task('ok', ('SystemTrigger', {'type': ('s', 'UserAway')}))
        self.sensor('UserPresent', level='true')
        logind.set(self.USER, self.USER_INTERFACE, IdleHint=True)
        self.assert_outcome(self.broker.next_end(), 'completed', task=away)
        back = self.broker.register(self.package, 'ok', ('SystemTrigger', {'type': ('s', 'UserPresent')}),
                                    if_exists='duplicate')
        logind.set(self.USER, self.USER_INTERFACE, IdleHint=False)
        self.assert_outcome(self.broker.next_end(), 'completed', task=back)

    def test_the_device_is_idle_when_the_whole_machine_is(self):
        logind = self.logind()
        self.sensor('DeviceIdle', level='false', words='in use')
        logind.set(IdleHint=True)
        self.sensor('DeviceIdle', level='true', words='every session is idle')

    def test_a_login_fires(self):
        logind = self.logind(State='lingering')
        task = self.task('ok', ('login', {}))
        self.sensor('SessionConnected', level='false')
        logind.set(self.USER, self.USER_INTERFACE, State='active')
        self.assert_outcome(self.broker.next_end(), 'completed', task=task)

    def test_locking_and_unlocking_the_screen_are_events(self):
        logind = self.logind()
        tasks = [self.broker.register(self.package, 'ok', ('SystemTrigger', {'type': ('s', kind)}),
                                      if_exists='duplicate')
                 for kind in ('LockScreenApplicationAdded', 'LockScreenApplicationRemoved')]
        self.sensor('UserPresent', level='true')
        for task, locked in zip(tasks, (True, False)):
            logind.set(self.SESSION, self.SESSION_INTERFACE, LockedHint=locked)
            self.assert_outcome(self.broker.next_end(), 'completed', task=task)

    def test_when_it_hangs_the_level_is_unknown_until_it_goes_on(self):
        logind = self.logind()
        self.task('ok', conditions=['UserPresent'])
        self.sensor('UserPresent', level='true')
        logind.hang()
        self.broker.restart()
        self.sensor('UserPresent', level='unknown', words='logind does not answer')
        logind.go_on()
        self.sensor('UserPresent', level='true')
        logind.stop()
        self.sensor('UserPresent', level='unknown', words='logind is not running')


@unittest.skipIf('TSAN_OPTIONS' in os.environ, 'a thread of the sanitizer itself wakes up all the time')
@needs_root
@needs_mock
class Silence(Machine):
    """A task of every kind, and a machine with every service."""

    network = True

    def prepare(self):
        self.add_bus()
        self.bus.mock(NM, NM_PATH, NM, {'Connectivity': U(FULL), 'State': U(70), 'Metered': U(4)})
        self.bus.mock(LOGIN, LOGIN_PATH, f'{LOGIN}.Manager', {'IdleHint': False})
        self.bus.mock(UPOWER, UPOWER_PATH, UPOWER, {'OnBattery': False})

    def switches(self):
        """How often threads of the broker have gone to sleep."""
        statuses = pathlib.Path(f'/proc/{self.broker.process.pid}/task').glob('*/status')
        return sum(int(re.search(r'^voluntary_ctxt_switches:\t(\d+)', status.read_text(encoding='ascii'),
                                 re.MULTILINE)[1]) for status in statuses)

    def test_the_broker_sleeps_while_nothing_happens(self):
        self.connect()
        # Without pressure, which is what other work on this machine is.
        conditions = [name for name in self.sensors() if 'Pressure' not in name]
        for name in conditions:
            self.broker.register(self.package, name, conditions=[name])
        for kind in ('UserPresent', 'UserAway', 'NetworkStateChange', 'InternetAvailable', 'SessionConnected',
                     'LockScreenApplicationAdded', 'LockScreenApplicationRemoved', 'TimeZoneChange',
                     'BackgroundWorkCostChange', 'PowerStateChange', 'ServicingComplete'):
            self.broker.register(self.package, f'on {kind}', ('SystemTrigger', {'type': ('s', kind)}))
        for kind, properties in (('boot', {}), ('login', {}), ('resume', {}), ('ApplicationTrigger', {}),
                                 ('TimeTrigger', {'freshness-minutes': ('u', 15)}),
                                 ('interval', {'period': ('t', 3600 * SECOND)}),
                                 ('CustomSystemEventTrigger', {'id': ('s', 'x')})):
            self.broker.register(self.package, f'by {kind}', (kind, properties))
        self.sensor('InternetAvailable', level='true', source='NetworkManager')
        # What has been asked is answered, what was written is on disk: then nothing wakes it.
        eventually(self.sleeps_for_two_seconds, timeout=30)

    def sleeps_for_two_seconds(self):
        before = self.switches()
        return not wait_gone(self.broker.process.pid, 2) and self.switches() == before


if __name__ == '__main__':
    unittest.main()
