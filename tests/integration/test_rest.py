# SPDX-License-Identifier: MIT
"""A broker that has nothing to do does nothing: no timer of it ends within the next minute."""

import contextlib
import pathlib
import re

from harness import Case, Package, eventually
from test_support import PROPERTIES, rows

MINUTE = 60
# Seconds until sensors have found out what there is; shorter than what a forgotten timer takes.
SETTLES = 20
EXPIRES = re.compile(r'^it_value: \((\d+), (\d+)\)$', re.MULTILINE)


class Rest(Case):
    broker_options = {'test_clock': False}

    def timers(self):
        """The seconds after which each timer ends that is running."""
        found = []
        for info in pathlib.Path(f'/proc/{self.broker.process.pid}/fdinfo').iterdir():
            # A descriptor may be closed meanwhile.
            with contextlib.suppress(OSError):
                value = EXPIRES.search(info.read_text(encoding='ascii'))
                if value and value.groups() != ('0', '0'):
                    found.append(int(value[1]))
        return found

    def test_with_a_task_of_every_kind_and_every_condition_nothing_wakes_it_up(self):
        package = Package(self.broker, capabilities=('runFullTrust', 'userNotificationListener'))
        # Nothing tells how full a file system is, which is looked at while that matters; the machine may be busy.
        restless = {'StorageNotLow', 'NoCpuPressure', 'NoMemoryPressure', 'NoIoPressure'}
        conditions = rows('Conditions').keys() - restless
        kinds = [kind for kind, (works, _, _) in rows('Triggers').items() if works]
        properties = PROPERTIES | {'SocketActivityTrigger': {'listen': ('s', f'unix:{self.broker.folder}/socket')}}
        for kind in kinds:
            self.broker.register(package, kind, (kind, properties.get(kind, {})))
        for condition in conditions:
            self.broker.register(package, f'when {condition}', ('interval', PROPERTIES['interval']), [condition])
        eventually(lambda: all(seconds > MINUTE for seconds in self.timers()),
                   'no timer that ends within a minute', timeout=SETTLES)
        self.assertTrue(self.timers())
