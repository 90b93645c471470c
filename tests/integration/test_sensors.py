# SPDX-License-Identifier: MIT
"""Sensors against the kernel: interfaces in a network namespace, power supplies, zones, pressure, file systems."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

from harness import SECOND, eventually
from machine import (LOGIN, LOGIN_PATH, Machine, NO_ROUTE, ROUTE, Testbed, U, UPOWER, UPOWER_PATH, has_mock,
                     needs_mock, needs_root, needs_testbed)


@needs_root
class Kernel(Machine):
    """No service at all."""

    network = True

    def test_a_firing_is_held_until_there_is_a_default_route(self):
        task = self.task('ok', conditions=['InternetAvailable'])
        _, run = self.broker.request(task)
        eventually(lambda: 'there is no default route' in self.held_by(task))
        self.assertEqual(self.broker.runs()[0]['state'], 'pending')
        self.connect()
        self.assert_outcome(self.broker.ended(run), 'completed')
        self.assertIn('over up0', self.sensor('InternetAvailable', level='true', source='rtnetlink')['words'])

    def test_a_route_over_an_interface_without_a_carrier_is_none(self):
        self.connect()
        self.sensor('InternetAvailable', level='true')
        self.ip('link set up0-far down')
        self.sensor('InternetAvailable', level='false', words='up0, which is down')
        self.ip('link set up0-far up')
        self.sensor('InternetAvailable', level='true')
        self.ip('link set up0 down')
        self.sensor('InternetAvailable', level='false', words='there is no default route')

    def test_routes_that_lead_nowhere_do_not_count_and_those_of_ipv6_do(self):
        self.connect()
        self.ip(NO_ROUTE, 'route add unreachable default', 'route add unreachable ::/0 metric 1024')
        self.sensor('InternetAvailable', level='false')
        self.ip('addr add 2001:db8::2/64 dev up0 nodad', 'route add ::/0 via 2001:db8::1 dev up0 metric 5')
        self.sensor('InternetAvailable', level='true')

    def test_of_several_default_routes_one_that_works_is_enough(self):
        self.connect()
        self.ip('link add up1 type veth peer name up1-far', 'link set up1-far up', 'link set up1 up',
                'addr add 198.51.100.2/24 dev up1', 'route add default via 198.51.100.1 dev up1 metric 10')
        self.ip('link set up0-far down')
        self.sensor('InternetAvailable', level='true', words='over up1')
        self.ip('link set up1-far down')
        self.sensor('InternetAvailable', level='false')

    def test_a_wired_interface_is_taken_as_free(self):
        self.connect()
        self.sensor('FreeNetworkAvailable', level='true', words='up0 is wired')
        self.ip(NO_ROUTE)
        self.sensor('FreeNetworkAvailable', level='false')

    def test_what_a_running_task_loses_for_two_seconds_cancels_it_and_it_runs_again_when_it_is_back(self):
        self.connect()
        task = self.task(conditions=['InternetAvailable'], cancel_on_condition_loss=('b', True))
        run, talk = self.begin(task, satisfied=True)
        self.ip(NO_ROUTE, ROUTE)
        self.assertEqual(self.broker.runs()[0]['state'], 'running')
        self.ip(NO_ROUTE)
        self.assertEqual(talk.canceled(), 6)
        talk.end(-125)
        eventually(lambda: self.broker.runs()[0]['state'] == 'pending')
        self.assertIn('there is no default route', self.held_by(task))
        self.ip(ROUTE)
        self.package.talk_of(run).end()
        self.assert_outcome(self.broker.ended(run), 'completed', attempts=2)

    def test_a_held_firing_expires_or_runs_at_its_deadline(self):
        expiring = self.task('expiring', conditions=['InternetAvailable'], expires=('t', SECOND))
        urgent = self.task('ok', conditions=['InternetAvailable'], deadline=('t', SECOND))
        _, first = self.broker.request(expiring)
        _, second = self.broker.request(urgent)
        self.assert_outcome(self.broker.ended(first), 'expired')
        self.assert_outcome(self.broker.ended(second), 'completed')

    def test_a_system_trigger_fires_when_the_internet_comes_back_and_not_because_it_is_there(self):
        self.connect()
        task = self.task('ok', ('SystemTrigger', {'type': ('s', 'InternetAvailable')}))
        self.sensor('InternetAvailable', level='true')
        self.ip(NO_ROUTE)
        self.sensor('InternetAvailable', level='false')
        self.assertEqual(self.broker.history(), [])
        self.ip(ROUTE)
        self.assert_outcome(self.broker.next_end(), 'completed', task=task, fired_by='event')
        eventually(lambda: self.broker.history())
        # What the next broker finds is what the one before has stored.
        self.broker.restart()
        self.sensor('InternetAvailable', level='true')
        self.assertEqual([row['task'] for row in self.broker.history() + self.broker.runs()], [task])

    def test_an_edge_that_happens_while_there_is_no_broker_is_seen_by_the_next_one(self):
        task = self.task('ok', ('SystemTrigger', {'type': ('s', 'InternetAvailable')}))
        self.sensor('InternetAvailable', level='false')
        self.broker.terminate()
        self.broker.start()
        self.connect()
        self.assert_outcome(self.broker.next_end(), 'completed', task=task)

    def test_NetworkStateChange_fires_when_the_way_out_is_another_one(self):
        self.connect()
        task = self.task('ok', ('SystemTrigger', {'type': ('s', 'NetworkStateChange')}))
        self.sensor('InternetAvailable', level='true')
        self.ip('link add up1 type veth peer name up1-far', 'link set up1-far up', 'link set up1 up',
                'addr add 198.51.100.2/24 dev up1', 'route replace default via 198.51.100.1 dev up1')
        self.assert_outcome(self.broker.next_end(), 'completed', task=task)

    def test_a_storm_of_changes_ends_with_the_last_one_and_wakes_the_broker_only_now_and_then(self):
        self.connect()
        self.task('ok', conditions=['InternetAvailable'])
        self.sensor('InternetAvailable', level='true')
        before = self.switches()
        for _ in range(10):
            self.ip(*(NO_ROUTE, ROUTE) * 100)
        self.ip(NO_ROUTE)
        self.sensor('InternetAvailable', level='false')
        self.ip(*(ROUTE, NO_ROUTE) * 100, ROUTE)
        self.sensor('InternetAvailable', level='true')
        self.assertLess(self.switches() - before, 4000)

    def switches(self):
        status = open(f'/proc/{self.broker.process.pid}/status', encoding='ascii').read()
        return int(re.search(r'^voluntary_ctxt_switches:\t(\d+)', status, re.MULTILINE)[1])

    def test_nothing_is_watched_that_no_registration_needs(self):
        def sockets():
            folder = f'/proc/{self.broker.process.pid}/fd'
            return len(os.listdir(folder))
        before = sockets()
        task = self.task('ok', conditions=['InternetAvailable'])
        eventually(lambda: sockets() > before)
        self.broker.call('Unregister', 'sb', task, False)
        eventually(lambda: sockets() == before)
        self.sensors()
        eventually(lambda: sockets() == before)


@needs_testbed
class Power(Machine):
    def prepare(self):
        if has_mock():
            self.add_bus()
        self.testbed = Testbed()
        self.addCleanup(self.testbed.close)
        self.environment = dict(self.testbed.environment)

    def test_external_power_and_battery_are_read_from_the_kernel(self):
        task = self.task('ok', conditions=['OnACPower'])
        self.sensor('OnACPower', level='true', words='no battery')
        mains = self.testbed.add('power_supply', 'AC', type='Mains', online='0')
        battery = self.testbed.add('power_supply', 'BAT0', type='Battery', present='1', status='Discharging',
                                   energy_now='10000', energy_full='40000', capacity='99')
        self.testbed.set(battery, status='Discharging')
        self.sensor('OnACPower', level='false', source='power_supply', words='discharged')
        self.sensor('BatteryNotLow', level='true', words='25 %')
        _, run = self.broker.request(task)
        self.assertIn('the battery is being discharged', self.held_by(task))
        self.testbed.set(battery, energy_now='8000')
        self.sensor('BatteryNotLow', level='false', words='20 %')
        self.testbed.set(battery, status='Charging')
        self.testbed.set(mains, online='1')
        self.assert_outcome(self.broker.ended(run), 'completed')
        self.sensor('BatteryNotLow', level='true', words='20 %')

    def test_the_battery_of_a_mouse_is_not_that_of_the_machine(self):
        self.testbed.add('power_supply', 'mouse', type='Battery', scope='Device', status='Discharging', capacity='3')
        self.sensor('OnACPower', level='true', words='no battery')
        self.sensor('BatteryNotLow', level='true', words='no battery')

    def test_PowerStateChange_fires_when_the_plug_is_pulled(self):
        mains = self.testbed.add('power_supply', 'AC', type='Mains', online='1')
        task = self.task('ok', ('SystemTrigger', {'type': ('s', 'PowerStateChange')}))
        self.sensor('OnACPower', level='true')
        self.testbed.set(mains, online='0')
        self.assert_outcome(self.broker.next_end(), 'completed', task=task)

    @needs_mock
    def test_the_cost_of_work_follows_from_power_and_user(self):
        mains = self.testbed.add('power_supply', 'AC', type='Mains', online='1')
        task = self.task('ok', ('SystemTrigger', {'type': ('s', 'BackgroundWorkCostChange')}))
        self.sensor('BackgroundWorkCostNotHigh', level='true', words='low, on external power')
        self.testbed.set(mains, online='0')
        self.sensor('BackgroundWorkCostNotHigh', level='unknown', words='logind is not running')
        self.bus.mock(LOGIN, LOGIN_PATH, f'{LOGIN}.Manager', {'IdleHint': True})
        self.sensor('BackgroundWorkCostNotHigh', level='false', words='high, on battery while the user is away')
        self.assert_outcome(self.broker.next_end(), 'completed', task=task)

    @needs_mock
    def test_UPower_is_preferred_while_it_is_there(self):
        self.testbed.add('power_supply', 'AC', type='Mains', online='1')
        upower = self.bus.mock(UPOWER, UPOWER_PATH, UPOWER, {'OnBattery': True})
        upower.add_object(f'{UPOWER_PATH}/devices/DisplayDevice', f'{UPOWER}.Device', {'WarningLevel': U(3)})
        upower.set(OnBattery=True)
        self.task('ok', conditions=['OnACPower'])
        self.sensor('OnACPower', level='false', source='UPower')
        self.sensor('BatteryNotLow', level='false', source='UPower')
        upower.set(OnBattery=False)
        self.sensor('OnACPower', level='true', source='UPower')
        upower.stop()
        self.sensor('OnACPower', level='true', source='power_supply')


@needs_root
class TimeZone(Machine):
    """/etc is a copy that only the broker sees."""

    def prepare(self):
        self.etc = pathlib.Path(tempfile.mkdtemp(prefix='bge-'))
        self.addCleanup(shutil.rmtree, self.etc)
        for name in ('passwd', 'group', 'nsswitch.conf', 'ld.so.cache', 'machine-id'):
            if pathlib.Path('/etc', name).exists():
                shutil.copy(pathlib.Path('/etc', name), self.etc)
        self.move_to('Europe/Berlin')
        script = f'mount --bind {self.etc} /etc && exec "$@"'
        self.broker_options = dict(self.broker_options, wrapper=('unshare', '--mount', 'sh', '-c', script, 'sh'))

    def move_to(self, zone):
        """As timedatectl does: a new link, renamed over the old one."""
        link = self.etc / 'new'
        link.symlink_to(f'/usr/share/zoneinfo/{zone}')
        link.rename(self.etc / 'localtime')

    @unittest.skipUnless(os.path.exists('/usr/share/zoneinfo/Europe/Paris'), 'tzdata is not installed')
    def test_a_zone_with_other_times_fires_and_another_name_for_the_same_does_not(self):
        task = self.task('ok', ('SystemTrigger', {'type': ('s', 'TimeZoneChange')}))
        eventually(lambda: any('inotify' in os.readlink(entry) for entry in self.descriptors()))
        self.move_to('Europe/Paris')
        self.move_to('Europe/Berlin')
        (self.etc / 'other').write_text('nothing', encoding='ascii')
        self.move_to('America/New_York')
        self.assert_outcome(self.broker.next_end(), 'completed', task=task)
        (self.etc / 'localtime').unlink()
        self.assert_outcome(self.broker.next_end(), 'completed', task=task)
        self.move_to('UTC')
        self.move_to('Asia/Tokyo')
        self.assert_outcome(self.broker.next_end(), 'completed', task=task)
        self.assertEqual(len(self.broker.history()), 3)

    def descriptors(self):
        folder = pathlib.Path(f'/proc/{self.broker.process.pid}/fd')
        return [entry for entry in folder.iterdir() if entry.is_symlink()]


class Pressure(Machine):
    """The kernel's own measure: nobody knows what else the machine is busy with, so only what must come is awaited."""

    @unittest.skipUnless(os.access('/proc/pressure/cpu', os.W_OK), 'the kernel does not let us watch pressure')
    def test_work_that_waits_for_the_processor_is_pressure(self):
        self.task('ok', conditions=['NoCpuPressure'])
        burners = [subprocess.Popen([sys.executable, '-c', 'while True: pass'])
                   for _ in range(3 * len(os.sched_getaffinity(0)))]
        try:
            self.sensor('NoCpuPressure', level='false', source='PSI', words='waited for cpu')
        finally:
            for burner in burners:
                burner.kill()
                burner.wait()

    def test_every_kind_of_pressure_is_known_or_says_why_not(self):
        for reading in (self.sensors()[f'No{kind}Pressure'] for kind in ('Cpu', 'Memory', 'Io')):
            self.assertTrue(reading['source'] == 'PSI' or 'kernel' in reading['words'], reading)


@needs_root
class Storage(Machine):
    def prepare(self):
        self.state = tempfile.mkdtemp(prefix='bgs-')
        subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=40m', 'none', self.state], check=True)
        self.addCleanup(os.rmdir, self.state)
        self.addCleanup(subprocess.run, ['umount', self.state], check=True)
        self.broker_options = dict(self.broker_options, state=f'{self.state}/state')

    def test_a_firing_is_held_while_the_file_system_is_nearly_full(self):
        task = self.task('ok', conditions=['StorageNotLow'])
        self.sensor('StorageNotLow', level='true', words='free')
        ballast = pathlib.Path(self.state, 'ballast')
        status = os.statvfs(self.state)
        ballast.write_bytes(bytes(status.f_bavail * status.f_frsize - (1 << 20)))
        self.sensor('StorageNotLow', level='false', words='less than')
        _, run = self.broker.request(task)
        self.assertIn('less than', self.held_by(task))
        ballast.unlink()
        # The broker looks when it is awake; asking wakes it.
        self.sensor('StorageNotLow', level='true')
        self.assert_outcome(self.broker.ended(run), 'completed')


if __name__ == '__main__':
    unittest.main()
