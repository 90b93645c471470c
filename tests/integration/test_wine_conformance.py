# SPDX-License-Identifier: MIT
"""The conformance rows of tests/winrt, built with MinGW, hold for programs of Windows too: those of a process without
a package, of one whose package lacks runFullTrust, of one with a package of its own, and of its servers, which the
broker starts."""

import contextlib
import os
import pathlib
import socket
import subprocess
import threading
import unittest

from harness import PUBLISHER, TIMEOUT, eventually, processes
from wine import BUILD, LOADER, WineCase, require

PROGRAM = os.environ['BGTASK_TEST_WINE_CONFORMANCE']
CLASSES = ('6e3f0c52-5d0b-4a61-9c55-0b1f2e7d8a90', '6e3f0c52-5d0b-4a61-9c55-0b1f2e7d8a91')
# Which nobody ever registers: it is what its server is started for.
NEVER = '6e3f0c52-5d0b-4a61-9c55-0b1f2e7d8a92'
SERVER = '<com:ExeServer Executable="server.exe" Arguments="{}">' + ''.join(
    f'<com:Class Id="{clsid}"/>' for clsid in (*CLASSES, NEVER)) + '</com:ExeServer>'
FULL_TRUST = '<uap3:Capability Name="userNotificationListener"/><rescap:Capability Name="runFullTrust"/>'
ASKED = '# stage: '
KNOWN = '# TO' 'DO '


def as_windows(path):
    return 'Z:' + path.replace('/', '\\')


def make_home(home):
    for folder in ('.config', 'Images', 'Music'):
        (home / folder).mkdir(exist_ok=True)
    (home / '.config/user-dirs.dirs').write_text(
        '# of a desktop\nXDG_PICTURES_DIR="$HOME/Images"\nXDG_VIDEOS_DIR="nowhere"\n', encoding='utf-8')
    (home / 'Images/picture').write_text('seen', encoding='utf-8')


def setUpModule():
    require(PROGRAM)


class Conformance(WineCase):
    prefix = BUILD / 'wine-prefix-conformance'

    def answer(self, family, what, name):
        """What the program asks of its stage: tests/winrt/stage-windows.c."""
        home = self.broker.environment['HOME']
        if what == 'folder':
            return as_windows(f'{self.broker.environment["XDG_DATA_HOME"]}/bgtask/{family}')
        if what == 'family':
            return family
        if what == 'publisher':
            return PUBLISHER
        if what == 'place':
            return as_windows(self.broker.call('ListPackages', 'su', '', 100)[0][0][1]['folder'])
        if what == 'at-home':
            return as_windows(f'{home}/{name}')
        if what == 'home':
            make_home(pathlib.Path(home))
            return 'done'
        if what == 'power':
            self.broker.condition('OnACPower', 'true' if name == 'on' else 'false')
            return 'done'
        if what == 'event':
            self.raise_event(home, *name.split(' '))
            return 'done'
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
        name, _, reason = name.partition(' ')
        task, = [row['task'] for row in tasks if row['name'] == name]
        if what == 'ended':
            return self.broker.history(task, family)[0]['text']
        if what == 'cancel':
            self.broker.call('Cancel', 'su', task, int(reason))
        elif what == 'run':
            self.broker.run(task)
        elif what == 'unregister':
            self.broker.call('Unregister', 'sb', task, True)
        else:
            self.assertEqual(self.broker.bgtask(what, task).status, 0)
        return 'done'

    def raise_event(self, home, event, kind, key, what):
        what = bytes.fromhex(what)
        if key == 'message':
            told = ('ay', what)
        else:
            text = what.decode()
            told = ('as', ['/other', f'{home}/{text}' if key == 'paths' else text])
        details = {key: told}
        if key == 'changes':
            details['notifications'] = ('as', ['6', '4294967295'])
        self.broker.call('Raise', 'sa{sv}', event,
                         {'winrt.trigger': ('t', int(kind)), 'winrt.details': ('a{sv}', details)})

    def judge(self, family, lines, answers):
        """What a program says until it has said all; the rows that are not as they should be, with what it said."""
        bad, said, last = [], [], ''
        for line in map(str.rstrip, lines):
            last = line
            if line.startswith(ASKED):
                answers.write(self.answer(family, *line.removeprefix(ASKED).split(' ', 1)) + '\n')
                answers.flush()
            elif line.startswith('#'):
                said.append(line)
            elif line.startswith('1..'):
                return bad
            else:
                # A row that is known not to hold has to fail.
                if line.startswith('ok ') == (KNOWN in line):
                    bad += [*said, line]
                said.clear()
        return [*bad, *said, f'it has ended before its end, after {last}']

    def run_rows(self, place, capabilities=None):
        program, folder = self.copy(place, PROGRAM)
        family = None
        if capabilities is not None:
            family = self.install_folder(folder, SERVER.format('serve'), capabilities)
        with subprocess.Popen([LOADER, program, place], env=self.broker.environment, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, encoding='utf-8') as process:
            hanging = threading.Timer(TIMEOUT, process.kill)
            hanging.start()
            self.addCleanup(hanging.cancel)
            self.assertEqual(self.judge(family, process.stdout, process.stdin), [])
            process.stdin.close()
            self.assertEqual(process.wait(TIMEOUT), 0)

    def serve_rows(self, place):
        _, folder = self.copy(place, PROGRAM)
        with contextlib.closing(socket.create_server(('127.0.0.1', 0))) as listener:
            listener.settimeout(TIMEOUT)
            family = self.install_folder(folder, SERVER.format(f'{place} {listener.getsockname()[1]}'), FULL_TRUST)
            task = self.broker.call('Register', 'ss(sa{sv})asa{sv}s', family, 'Start', ('ApplicationTrigger', {}), [],
                                    {'clsid': ('s', NEVER)}, 'fail')[0]
            self.broker.run(task)
            connection, _ = listener.accept()
        connection.settimeout(TIMEOUT)
        with connection, connection.makefile('rw', encoding='utf-8') as lines:
            bad = self.judge(family, lines, lines)
        self.broker.call('RemovePackage', 's', family)
        eventually(lambda: not processes(f'BGTASK_PACKAGE={family}'))
        self.assertEqual(bad, [])

    def test_rows_of_a_process_without_a_package_hold(self):
        self.run_rows('nowhere')

    def test_rows_of_a_package_without_full_trust_hold(self):
        self.run_rows('confined', '')

    def test_rows_of_a_package_hold(self):
        self.run_rows('package', FULL_TRUST)

    def test_rows_of_a_server_hold(self):
        self.serve_rows('server')

    def test_rows_of_the_runs_of_a_server_hold(self):
        self.serve_rows('runs')


if __name__ == '__main__':
    unittest.main()
