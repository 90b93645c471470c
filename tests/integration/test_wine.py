# SPDX-License-Identifier: MIT
"""Programs of Windows, built with MinGW, register their tasks and serve them under Wine. A prefix is made once, and
kept in the build folder."""

import os
import pathlib
import shutil
import subprocess
import unittest

from harness import CLSID, Case, MANIFEST, PUBLISHER, TIMEOUT

BUILD = pathlib.Path(os.environ['BGTASK_BUILD_ROOT'])
PROGRAM = os.environ['BGTASK_TEST_WINE']
FOLDERS = os.pathsep.join([os.environ.get('PATH', ''), '/usr/lib/wine'])
LOADER = shutil.which('wine64', path=FOLDERS)
WINESERVER = ('<com:ExeServer Executable="bin\\Server.exe" Arguments="{arguments}"><com:Class Id="{clsid}"/>'
          '</com:ExeServer>')
NAME = 'Wine.App'


def setUpModule():
    if not PROGRAM or not LOADER or not WINESERVER:
        raise unittest.SkipTest('bgtask was built without Wine and MinGW (./check --wine installs them)')


class WineCase(Case):
    arguments = 'serve'

    def setUp(self):
        self.broker = self.new_broker(environment=WINE)
        # Before the broker is ended: what Wine starts for the prefix outlives everything else by seconds.
        self.addCleanup(self.wineserver, '-k')
        self.assertEqual(self.broker.bgtask('wine', 'setup', timeout=120).status, 0)
        self.broker.bgtask('import-environment', *WINE)
        self.folder = self.broker.folder / 'pkg'
        (self.folder / 'bin').mkdir(parents=True)
        self.program = self.folder / 'bin/server.exe'
        shutil.copy(PROGRAM, self.program)
        server = SERVER.format(arguments=self.arguments, clsid=CLSID)
        (self.folder / 'AppxManifest.xml').write_text(
            MANIFEST.format(name=NAME, publisher=PUBLISHER, version='1.0.0.0', servers=server,
                            capabilities='<rescap:Capability Name="runFullTrust"/>'), encoding='utf-8')
        self.family = self.broker.call('InstallPackage', 'sa{sv}', str(self.folder), {})[0]

    def wineserver(self, *args):
        subprocess.run([WINESERVER, *args], env=self.broker.environment, check=False, timeout=TIMEOUT)

    def wine(self, *args):
        done = subprocess.run([LOADER, self.program, *args], env=self.broker.environment, stdin=subprocess.DEVNULL,
                              capture_output=True, encoding='utf-8', timeout=TIMEOUT, check=False)
        return done.stdout + done.stderr

    def register(self, *names):
        """As the program itself does it; the ids of the tasks."""
        self.assertEqual(self.wine('register', *names), '00000000\n')
        ids = {row['name']: row['task'] for row in self.broker.tasks()}
        return [ids[name] for name in names]

    def pid(self):
        """Of the server of the only run."""
        return self.broker.runs()[0]['pid']


class Serving(WineCase):
    def test_a_program_of_windows_registers_itself_and_is_started_and_run(self):
        complete, fail = self.register('complete', 'fail')
        self.assertEqual(self.broker.tasks()[0]['package'], self.family)
        ended = self.broker.outcome(complete)
        self.assertEqual((ended['outcome'], ended['progress']), ('completed', 7))
        self.assertIn('complete', map(str.rstrip, self.broker.lines(complete)))
        ended = self.broker.outcome(fail)
        self.assertEqual(ended['outcome'], 'failed')
        self.assertEqual([row['outcome'] for row in self.broker.history()], ['failed', 'completed'])
        # The second run found the server of the first.
        self.assertEqual(self.broker.status()['servers'], 1)


if __name__ == '__main__':
    unittest.main()
