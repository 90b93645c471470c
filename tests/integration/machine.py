# SPDX-License-Identifier: MIT
"""A machine for the sensors: a system bus of a test's own with services that can be stopped and made to lie, network
interfaces in a namespace, and power supplies.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

from harness import Running, eventually

try:
    import dbus
    import dbus.bus
except ImportError:
    dbus = None

NM, NM_PATH = 'org.freedesktop.NetworkManager', '/org/freedesktop/NetworkManager'
LOGIN, LOGIN_PATH = 'org.freedesktop.login1', '/org/freedesktop/login1'
UPOWER, UPOWER_PATH = 'org.freedesktop.UPower', '/org/freedesktop/UPower'
NOTIFICATIONS, NOTIFICATIONS_PATH = 'org.freedesktop.Notifications', '/org/freedesktop/Notifications'
ROUTE = 'route add default via 192.0.2.1 dev up0'
NO_ROUTE = 'route del default'
PYTHON = '/usr/bin/python3'
MOCK = 'org.freedesktop.DBus.Mock'
TESTBED = pathlib.Path(__file__).with_name('testbed.py')
PRELOAD = 'libumockdev-preload.so.0'
BUS_CONFIG = '''<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path={path}</listen>
  <servicedir>{services}</servicedir>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
'''


def has_mock():
    return dbus and shutil.which('dbus-daemon') and not subprocess.run(
        [PYTHON, '-c', 'import dbusmock'], capture_output=True, check=False).returncode


needs_root = unittest.skipUnless(os.getuid() == 0, 'only root makes network namespaces')
needs_mock = unittest.skipUnless(has_mock(), 'python-dbusmock is not installed')
needs_testbed = unittest.skipUnless(
    shutil.which('umockdev-wrapper') and not any(name in os.environ for name in ('ASAN_OPTIONS', 'TSAN_OPTIONS')),
    'umockdev is not installed, or a sanitizer must be loaded first')


def U(number):
    """A number of the type 'u', as a variant."""
    return dbus.UInt32(number, variant_level=1)


class Bus:
    """dbus-daemon, as the system bus of one test."""

    def __init__(self, path=None, start=True):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='bgb-'))
        self.path = path or self.folder / 'bus' / 'socket'
        self.address = f'unix:path={self.path}'
        self.config = self.folder / 'config'
        self.services = self.folder / 'services'
        self.config.write_text(BUS_CONFIG.format(path=self.path, services=self.services), encoding='utf-8')
        self.daemon = None
        self.mocks = []
        if start:
            self.start()

    def start(self):
        self.path.parent.mkdir(exist_ok=True)
        self.daemon = subprocess.Popen(['dbus-daemon', f'--config-file={self.config}', '--nofork', '--print-address'],
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert self.daemon.stdout.readline()
        return self

    def connect(self):
        return dbus.bus.BusConnection(self.address)

    def stop(self):
        if self.daemon:
            self.daemon.send_signal(signal.SIGCONT)
            self.daemon.terminate()
            self.daemon.communicate()
            self.daemon = None
        self.path.unlink(missing_ok=True)

    def mock(self, name, path, interface, properties):
        mock = Mock(self, name, path, interface, properties)
        self.mocks.append(mock)
        return mock

    def close(self):
        for mock in self.mocks:
            mock.stop()
        self.stop()
        shutil.rmtree(self.folder)


class Mock:
    """A service that has the name and the properties that it is given."""

    def __init__(self, bus, name, path, interface, properties):
        self.name, self.path, self.interface = name, path, interface
        self.process = subprocess.Popen([PYTHON, '-m', 'dbusmock', '--system', f'{name}.Waiting', path, interface],
                                        env={'DBUS_SYSTEM_BUS_ADDRESS': bus.address, 'PATH': os.environ['PATH']},
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.connection = bus.connect()
        eventually(lambda: self.connection.name_has_owner(f'{name}.Waiting'), f'{name} on the bus')
        self.add(interface, properties)
        # The name comes when the properties are there, as that of a real service does.
        self.at(path).AddMethod('org.bgtask.Test', 'TakeName', 's', '', 'self.connection.request_name(args[0])')
        dbus.Interface(self.connection.get_object(f'{name}.Waiting', path), 'org.bgtask.Test').TakeName(name)

    def at(self, path):
        return dbus.Interface(self.connection.get_object(f'{self.name}.Waiting', path), MOCK)

    def add(self, interface, properties, path=None):
        self.at(path or self.path).AddProperties(interface, dbus.Dictionary(properties, signature='sv'))

    def add_object(self, path, interface, properties):
        self.at(self.path).AddObject(path, interface, dbus.Dictionary(properties, signature='sv'),
                                     dbus.Array([], signature='(ssss)'))

    def set(self, path=None, interface=None, **properties):
        """Changes properties, and says so."""
        self.at(path or self.path).UpdateProperties(interface or self.interface,
                                                    dbus.Dictionary(properties, signature='sv'))

    def hang(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.connection.close()


class Desktop:
    """python-dbusmock's notification daemon on a session bus of its own."""

    def __init__(self, bus):
        self.process = subprocess.Popen([PYTHON, '-m', 'dbusmock', '--session', '--template', 'notification_daemon'],
                                        env={'DBUS_SESSION_BUS_ADDRESS': bus.address, 'PATH': os.environ['PATH']},
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.connection = bus.connect()
        eventually(lambda: self.connection.name_has_owner(NOTIFICATIONS), 'the notification daemon')
        self.mock = dbus.Interface(self.connection.get_object(NOTIFICATIONS, NOTIFICATIONS_PATH), MOCK)

    def shown(self):
        """(application, replaced id, icon, summary, body, actions, hints, timeout) of each notification so far."""
        return [arguments for _, name, arguments in self.mock.GetCalls() if name == 'Notify']

    def wait(self, n):
        eventually(lambda: len(self.shown()) >= n, f'{n} notifications')
        return self.shown()

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.connection.close()


class Testbed:
    """/sys with the devices that a test wants, made by umockdev in a process of its own."""

    def __init__(self):
        self.process = subprocess.Popen(['umockdev-wrapper', PYTHON, TESTBED], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, encoding='utf-8')
        self.root = self.answer()

    def answer(self):
        return json.loads(self.process.stdout.readline())

    def ask(self, *words):
        self.process.stdin.write(json.dumps(words) + '\n')
        self.process.stdin.flush()
        return self.answer()

    def add(self, subsystem, name, **attributes):
        return self.ask('add', subsystem, name, attributes)

    def add_device(self, subsystem, name, **properties):
        """One that has properties, as udev knows them."""
        return self.ask('add_device', subsystem, name, properties)

    def set(self, path, **attributes):
        """Changes attributes, and has the kernel say so."""
        self.ask('set', path, attributes)

    def remove(self, path):
        self.ask('remove', path)

    @property
    def environment(self):
        return {'LD_PRELOAD': PRELOAD, 'UMOCKDEV_DIR': self.root}

    def close(self):
        self.process.communicate()


class Machine(Running):
    """A broker on the real clock in a machine of the test's own. A subclass says in prepare() what the machine has."""

    broker_options = {'test_clock': False}
    network = False

    def setUp(self):
        self.bus = None
        self.environment = {}
        if self.network:
            self.broker_options = dict(self.broker_options, wrapper=('unshare', '--net', '--'))
        self.prepare()
        address = self.bus.address if self.bus else 'unix:path=/nonexistent/bus'
        self.environment['DBUS_SYSTEM_BUS_ADDRESS'] = address
        self.broker_options = dict(self.broker_options, environment=self.environment)
        super().setUp()
        if self.network:
            self.stay_in_namespace()

    def stay_in_namespace(self):
        """Brokers that are started again live in the same network."""
        fd = os.open(f'/proc/{self.broker.process.pid}/ns/net', os.O_RDONLY)
        self.addCleanup(os.close, fd)
        self.namespace = f'--net=/proc/{os.getpid()}/fd/{fd}'
        self.broker.wrapper = ('nsenter', self.namespace, '--')

    def prepare(self):
        pass

    def add_bus(self, **options):
        self.bus = Bus(**options)
        self.addCleanup(self.bus.close)

    def inside(self, *command):
        """Runs a program where the broker lives."""
        subprocess.run(['nsenter', self.namespace, *command], check=True, capture_output=True)

    def ip(self, *commands):
        """Runs ip(8) where the broker lives; one text for each command."""
        subprocess.run(['nsenter', self.namespace, 'ip', '-batch', '-'],
                       input='\n'.join(commands) + '\n', check=True, encoding='utf-8', capture_output=True)

    def connect(self, name='up0'):
        """A pair of interfaces with a default route over the first."""
        self.ip(f'link add {name} type veth peer name {name}-far', f'link set {name}-far up', f'link set {name} up',
                f'addr add 192.0.2.2/24 dev {name}', f'route add default via 192.0.2.1 dev {name}')

    def sensors(self):
        return dict(self.broker.call('ListSensors'))

    def sensor(self, condition, **wanted):
        """Waits until a sensor reads what is wanted; all of its reading."""
        def ask():
            reading = self.sensors()[condition]
            return reading if all(value in reading[key] for key, value in wanted.items()) else None
        return eventually(ask, f'{condition} {wanted}, last {self.sensors()[condition]}', timeout=20)

    def held_by(self, task):
        """What holds a task, in the words of why."""
        return ' '.join(reason[0] for code, reason in self.broker.why(task).items() if code.startswith('condition-'))
