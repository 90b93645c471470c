# SPDX-License-Identifier: MIT
"""The conformance rows of tests/winrt, built with MinGW, hold for programs of Windows too: those of a process without
a package, of one whose package lacks runFullTrust, and of one with a package of its own."""

import os
import pathlib
import shutil
import subprocess
import unittest

from harness import Broker, Case, MANIFEST, PUBLISHER, TIMEOUT

BUILD = pathlib.Path(os.environ['BGTASK_BUILD_ROOT'])
PROGRAM = os.environ['BGTASK_TEST_WINE_CONFORMANCE']
FOLDERS = os.pathsep.join([os.environ.get('PATH', ''), '/usr/lib/wine'])
LOADER = shutil.which('wine64', path=FOLDERS)
WINESERVER = shutil.which('wineserver', path=FOLDERS)
WINE = {'WINEPREFIX': str(BUILD / 'wine-prefix-conformance'), 'WINEDEBUG': '-all',
        'WINEDLLOVERRIDES': 'winemenubuilder.exe,winedbg.exe,mscoree,mshtml='}
CLASSES = ('6E3F0C52-5D0B-4A61-9C55-0B1F2E7D8A90', '6E3F0C52-5D0B-4A61-9C55-0B1F2E7D8A91')
SERVER = '<com:ExeServer Executable="program.exe" Arguments="serve">' + ''.join(
    f'<com:Class Id="{clsid}"/>' for clsid in CLASSES) + '</com:ExeServer>'
ASKED = '# stage: '


def setUpModule():
    if not PROGRAM or not LOADER or not WINESERVER:
        raise unittest.SkipTest('bgtask was built without Wine or MinGW (./check --wine installs them)')


class Conformance(Case):
    """All tests have one broker: bringing Wine up takes longer than they do."""

    broker_options = None

    @classmethod
    def setUpClass(cls):
        cls.broker = Broker(start=False)
        cls.broker.environment |= WINE
        cls.addClassCleanup(cls.end)
        cls.broker.start()
        assert cls.broker.bgtask('wine', 'setup', timeout=TIMEOUT).status == 0
        cls.broker.bgtask('import-environment', *WINE)

    @classmethod
    def end(cls):
        # Before the broker: what Wine starts for a prefix outlives everything else by seconds.
        subprocess.run([WINESERVER, '-k'], env=os.environ | WINE, check=False, timeout=TIMEOUT)
        problems = cls.broker.finish()
        assert not problems, problems

    def answer(self, family, what, name):
        """What the program asks of its stage: tests/winrt/stage-windows.c."""
        if what == 'folder':
            return 'Z:' + f'{self.broker.environment["XDG_DATA_HOME"]}/bgtask/{family}'.replace('/', '\\')
        task, = [row['task'] for row in self.broker.tasks(family) if row['name'] == name]
        self.assertEqual(self.broker.bgtask(what, task).status, 0)
        return 'done'

    def run_rows(self, place, capabilities=None):
        folder = self.broker.folder / 'pkg' / place
        folder.mkdir(parents=True)
        program = shutil.copy(PROGRAM, folder / 'program.exe')
        family = None
        if capabilities is not None:
            (folder / 'AppxManifest.xml').write_text(
                MANIFEST.format(name=f'Wine.{place}', publisher=PUBLISHER, version='1.0.0.0', servers=SERVER,
                                capabilities=capabilities), encoding='utf-8')
            family = self.broker.call('InstallPackage', 'sa{sv}', str(folder), {})[0]
        bad = []
        with subprocess.Popen([LOADER, program, place], env=self.broker.environment, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, encoding='utf-8') as process:
            for line in map(str.rstrip, process.stdout):
                if line.startswith(ASKED):
                    process.stdin.write(self.answer(family, *line.removeprefix(ASKED).split(' ', 1)) + '\n')
                    process.stdin.flush()
                elif not line.startswith(('ok ', '1..')):
                    bad.append(line)
            process.stdin.close()
            self.assertEqual((process.wait(TIMEOUT), bad), (0, []))

    def test_rows_of_a_process_without_a_package_hold(self):
        self.run_rows('nowhere')

    def test_rows_of_a_package_without_full_trust_hold(self):
        self.run_rows('confined', '')

    def test_rows_of_a_package_hold(self):
        self.run_rows('package', '<rescap:Capability Name="runFullTrust"/>')


if __name__ == '__main__':
    unittest.main()
