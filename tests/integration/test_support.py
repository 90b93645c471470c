# SPDX-License-Identifier: MIT
"""docs/triggers.md, row by row: whatever Windows has works under its own name, or is refused with the page's words."""

import os
import pathlib
import re

from bus_client import Refused
from harness import Case, Package

PAGE = pathlib.Path(os.environ['BGTASK_SOURCE_ROOT'], 'docs/triggers.md').read_text(encoding='utf-8')
ROW = re.compile(r'^\| (\w+) \| (works|refused) \| (.*) \| (.*) \|$', re.MULTILINE)

# The classes of Windows.ApplicationModel.Background, SystemTriggerType and SystemConditionType, as Windows lists them;
# the last class is of Windows.Networking.Sockets.
CLASSES = '''
    ActivitySensorTrigger AppBroadcastTrigger ApplicationTrigger AppointmentStoreNotificationTrigger
    BluetoothLEAdvertisementPublisherTrigger BluetoothLEAdvertisementWatcherTrigger CachedFileUpdaterTrigger
    ChatMessageNotificationTrigger ChatMessageReceivedNotificationTrigger CommunicationBlockingAppSetAsActiveTrigger
    ContactStoreNotificationTrigger ContentPrefetchTrigger ConversationalAgentTrigger CustomSystemEventTrigger
    DeviceConnectionChangeTrigger DeviceManufacturerNotificationTrigger DeviceServicingTrigger DeviceUseTrigger
    DeviceWatcherTrigger EmailStoreNotificationTrigger GattCharacteristicNotificationTrigger
    GattServiceProviderTrigger GeovisitTrigger LocationTrigger MaintenanceTrigger MediaProcessingTrigger
    MobileBroadbandDeviceServiceNotificationTrigger MobileBroadbandPcoDataChangeTrigger
    MobileBroadbandPinLockStateChangeTrigger MobileBroadbandRadioStateChangeTrigger
    MobileBroadbandRegistrationStateChangeTrigger NetworkOperatorDataUsageTrigger
    NetworkOperatorHotspotAuthenticationTrigger NetworkOperatorNotificationTrigger PaymentAppCanMakePaymentTrigger
    PhoneTrigger PushNotificationTrigger RcsEndUserMessageAvailableTrigger RfcommConnectionTrigger
    SecondaryAuthenticationFactorAuthenticationTrigger SensorDataThresholdTrigger SmartCardTrigger
    SmsMessageReceivedTrigger SocketActivityTrigger StorageLibraryChangeTrackerTrigger
    StorageLibraryContentChangedTrigger SystemTrigger TetheringEntitlementCheckTrigger TimeTrigger
    ToastNotificationActionTrigger ToastNotificationHistoryChangedTrigger UserNotificationChangedTrigger
    WiFiOnDemandHotspotConnectTrigger WiFiOnDemandHotspotUpdateMetadataTrigger ControlChannelTrigger'''.split()
TYPES = '''
    SmsReceived UserPresent UserAway NetworkStateChange ControlChannelReset InternetAvailable SessionConnected
    ServicingComplete LockScreenApplicationAdded LockScreenApplicationRemoved TimeZoneChange
    OnlineIdConnectedStateChange BackgroundWorkCostChange PowerStateChange DefaultSignInAccountChange'''.split()
CONDITIONS = '''
    UserPresent UserNotPresent InternetAvailable InternetNotAvailable SessionConnected SessionDisconnected
    FreeNetworkAvailable BackgroundWorkCostNotHigh'''.split()
OURS = {'Triggers': ['interval', 'calendar', 'boot', 'login', 'resume'],
        'Conditions': ['OnACPower', 'BatteryNotLow', 'DeviceIdle', 'StorageNotLow', 'NoCpuPressure',
                       'NoMemoryPressure', 'NoIoPressure']}
# What a trigger that works needs to be registered.
PROPERTIES = {
    'TimeTrigger': {'freshness-minutes': ('u', 15)},
    'MaintenanceTrigger': {'freshness-minutes': ('u', 15)},
    'interval': {'period': ('t', 3600 * 10**6)},
    'calendar': {'expression': ('s', 'daily')},
    'SystemTrigger': {'type': ('s', 'InternetAvailable')},
    'CustomSystemEventTrigger': {'id': ('s', 'ready')},
    'DeviceConnectionChangeTrigger': {'device': ('s', '/dev/nothing')},
    'DeviceWatcherTrigger': {'match': ('as', ['SUBSYSTEM=usb'])},
    'SocketActivityTrigger': {'listen': ('s', 'unix:/nowhere/socket')},
    'StorageLibraryChangeTrackerTrigger': {'paths': ('as', ['/nowhere'])},
    'StorageLibraryContentChangedTrigger': {'paths': ('as', ['/nowhere'])},
}


def rows(title):
    """The rows of a table of the page: (works, fed by or why not, how or instead) by name."""
    section = PAGE.partition(f'\n## {title}\n')[2].partition('\n## ')[0]
    return {name: (word == 'works', what, how) for name, word, what, how in ROW.findall(section)}


def sentence(name, why, instead):
    return f'{name} cannot fire here: {why}; the nearest that works is {instead}'


class Supporting(Case):
    def setUp(self):
        super().setUp()
        self.package = Package(self.broker, capabilities=('runFullTrust', 'userNotificationListener'))

    def register(self, name, trigger, **options):
        return self.broker.register(self.package, name, trigger, **options)

    def row(self, task):
        row, = [row for row in self.broker.tasks() if row['task'] == task]
        return row

    def check_trigger(self, trigger, name, row, option):
        """Over the bus and with --on: it is registered, or both refuse with the same sentence and register nothing."""
        works, what, instead = row
        if works:
            task = self.register(name, trigger)
            self.assertEqual(self.row(task)['trigger'][0], trigger[0])
            self.broker.call('Unregister', 'sb', task, True)
            return
        said = sentence(f'SystemTrigger({name})' if trigger[0] == 'SystemTrigger' else name, what, instead)
        with self.assertRaises(Refused) as raised:
            self.register(name, trigger)
        self.assertEqual((raised.exception.name, raised.exception.sentence), ('TriggerNotSupported', said))
        done = self.broker.bgtask('register', '--on', option, name)
        self.assertEqual((done.status, done.err.splitlines()[0]), (2, f'bgtask register: {said}'))
        self.assertEqual(self.broker.tasks(), [])

    def test_the_page_has_every_class_of_windows_and_every_one_does_what_it_says(self):
        page = rows('Triggers')
        self.assertEqual(list(page), CLASSES + OURS['Triggers'])
        for name, row in page.items():
            with self.subTest(name):
                self.check_trigger((name, PROPERTIES.get(name, {})), name, row, name)

    def test_the_page_has_every_type_of_SystemTrigger_and_every_one_does_what_it_says(self):
        page = rows('Types of SystemTrigger')
        self.assertEqual(list(page), TYPES)
        for name, row in page.items():
            with self.subTest(name):
                self.check_trigger(('SystemTrigger', {'type': ('s', name)}), name, row, name)

    def test_the_page_has_every_condition_and_every_one_is_taken(self):
        page = rows('Conditions')
        self.assertEqual(list(page), CONDITIONS + OURS['Conditions'])
        for name, (works, _, how) in page.items():
            with self.subTest(name):
                self.assertEqual((works, how), (True, f'`--when {name}`'))
                task = self.register(name, ('interval', PROPERTIES['interval']), conditions=[name])
                self.assertEqual(self.row(task)['conditions'], [name])

    def test_on_says_which_option_gives_what_it_cannot(self):
        done = self.broker.bgtask('register', '--on', 'timetrigger', 'x')
        self.assertEqual((done.status, done.err.splitlines()[0]),
                         (2, 'bgtask register: --on: TimeTrigger is given by --time MINUTES'))
        done = self.broker.bgtask('add', '--on', 'GeovisitTrigger', 'x', '--', 'true')
        self.assertEqual(done.status, 2)
        self.assertIn('bgtask add: GeovisitTrigger cannot fire here: ', done.err)

    def test_on_says_what_it_may_be_and_what_may_have_been_meant(self):
        done = self.broker.bgtask('add', '--on', 'bot', 'x', '--', 'true')
        self.assert_fails(done, 2, "it is one of boot, login, resume, UserPresent,", "Did you mean 'boot'?")
        self.assertNotIn('SmsReceived', done.err)

    def test_lint_warns_of_tasks_whose_trigger_is_refused(self):
        extension = ('<Extension Category="windows.backgroundTasks" EntryPoint="A.B"><BackgroundTasks>'
                     '<Task Type="timer"/><Task Type="location"/></BackgroundTasks></Extension>')
        self.package.write(self.package.manifest().replace('</Extensions>', f'{extension}</Extensions>'))
        done = self.broker.bgtask('lint', str(self.package.folder))
        _, why, instead = rows('Triggers')['LocationTrigger']
        self.assertEqual(done.status, 0, done.err)
        self.assertIn(sentence('LocationTrigger', why, instead), done.out)
        self.assertIn('[task-type]', done.out)
        self.assertEqual(len(done.out.splitlines()), 1, done.out)
