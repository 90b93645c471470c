# SPDX-License-Identifier: MIT
"""The conformance rows of tests/winrt, built with MinGW, hold for programs of Windows too: those of a process without
a package, of one whose package lacks runFullTrust, and of one with a package of its own."""

import os
import subprocess
import threading
import unittest

from harness import TIMEOUT
from wine import BUILD, LOADER, WineCase, require

PROGRAM = os.environ['BGTASK_TEST_WINE_CONFORMANCE']
CLASSES = ('6E3F0C52-5D0B-4A61-9C55-0B1F2E7D8A90', '6E3F0C52-5D0B-4A61-9C55-0B1F2E7D8A91')
SERVER = '<com:ExeServer Executable="server.exe" Arguments="serve">' + ''.join(
    f'<com:Class Id="{clsid}"/>' for clsid in CLASSES) + '</com:ExeServer>'
ASKED = '# stage: '
KNOWN = '# TO' 'DO '


def setUpModule():
    require(PROGRAM)


class Conformance(WineCase):
    prefix = BUILD / 'wine-prefix-conformance'

    def answer(self, family, what, name):
        """What the program asks of its stage: tests/winrt/stage-windows.c."""
        if what == 'folder':
            return 'Z:' + f'{self.broker.environment["XDG_DATA_HOME"]}/bgtask/{family}'.replace('/', '\\')
        tasks = self.broker.tasks(family)
        if what == 'group-name':
            # As bgt_group_name() does.
            told = [row for row in tasks if row.get('group') == name and 'group-name' in row]
            return max(told, key=lambda row: row['registered'], default={'group-name': ''})['group-name']
        if what == 'group':
            task, group, title = name.split(' ')
            self.broker.call('Register', 'ss(sa{sv})asa{sv}s', family, task, ('ApplicationTrigger', {}), [],
                             {'group': ('s', group), 'group-name': ('s', title)}, 'fail')
            return 'done'
        task, = [row['task'] for row in tasks if row['name'] == name]
        if what == 'unregister':
            self.broker.call('Unregister', 'sb', task, True)
        else:
            self.assertEqual(self.broker.bgtask(what, task).status, 0)
        return 'done'

    def run_rows(self, place, capabilities=None):
        program, folder = self.copy(place, PROGRAM)
        family = self.install_folder(folder, SERVER, capabilities) if capabilities is not None else None
        bad, said = [], []
        with subprocess.Popen([LOADER, program, place], env=self.broker.environment, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, encoding='utf-8') as process:
            hanging = threading.Timer(TIMEOUT, process.kill)
            hanging.start()
            self.addCleanup(hanging.cancel)
            for line in map(str.rstrip, process.stdout):
                if line.startswith(ASKED):
                    process.stdin.write(self.answer(family, *line.removeprefix(ASKED).split(' ', 1)) + '\n')
                    process.stdin.flush()
                elif line.startswith('#'):
                    said.append(line)
                else:
                    # A row that is known not to hold has to fail; the program's status says so.
                    if not line.startswith(('ok ', '1..')) and KNOWN not in line:
                        bad += [*said, line]
                    said.clear()
            process.stdin.close()
            self.assertEqual((process.wait(TIMEOUT), bad), (0, []))

    def test_rows_of_a_process_without_a_package_hold(self):
        self.run_rows('nowhere')

    def test_rows_of_a_package_without_full_trust_hold(self):
        self.run_rows('confined', '')

    def test_rows_of_a_package_hold(self):
        self.run_rows('package', '<uap3:Capability Name="userNotificationListener"/>'
                      '<rescap:Capability Name="runFullTrust"/>')


if __name__ == '__main__':
    unittest.main()
