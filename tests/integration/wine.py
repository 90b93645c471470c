# SPDX-License-Identifier: MIT
"""Programs of Windows in the tests: what they run in, and a broker for all tests of a class."""

import os
import pathlib
import shutil
import subprocess
import unittest

from harness import Broker, Case, MANIFEST, PUBLISHER, TIMEOUT

BUILD = pathlib.Path(os.environ['BGTASK_BUILD_ROOT'])
FOLDERS = os.pathsep.join([os.environ.get('PATH', ''), '/usr/lib/wine'])
LOADER = shutil.which('wine64', path=FOLDERS)
WINESERVER = shutil.which('wineserver', path=FOLDERS)
# A prefix that is not there is made, which takes seconds.
SETUP_TIMEOUT = 120


def require(program):
    """For setUpModule(): the program is empty where bgtask was built without Wine or MinGW."""
    if not program or not LOADER or not WINESERVER:
        raise unittest.SkipTest('bgtask was built without Wine or MinGW (./check --wine installs them)')


class WineCase(Case):
    """All tests have one broker, and a prefix that is kept in the build folder: bringing Wine up takes longer than
    most of them."""

    broker_options = None
    prefix = BUILD / 'wine-prefix'

    @classmethod
    def setUpClass(cls):
        cls.variables = {'WINEPREFIX': str(cls.prefix), 'WINEDEBUG': '-all',
                         'WINEDLLOVERRIDES': 'winemenubuilder.exe,winedbg.exe,mscoree,mshtml='}
        cls.broker = Broker(start=False)
        cls.broker.environment |= cls.variables
        cls.addClassCleanup(cls.end)
        cls.broker.start()
        done = cls.broker.bgtask('wine', 'setup', timeout=SETUP_TIMEOUT)
        assert done.status == 0, done.err
        cls.broker.bgtask('import-environment', *cls.variables)

    @classmethod
    def end(cls):
        # Before the broker: what Wine starts for a prefix outlives everything else by seconds.
        cls.wineserver('-k')
        problems = cls.broker.finish()
        assert not problems, problems

    @classmethod
    def wineserver(cls, *args):
        subprocess.run([WINESERVER, *args], env=os.environ | cls.variables, check=False, timeout=TIMEOUT)

    def copy(self, name, program, path='server.exe'):
        """Puts a copy of a program where the package of this name will be; it, and the folder."""
        folder = self.broker.folder / 'pkg' / name
        copy = folder / path
        copy.parent.mkdir(parents=True)
        shutil.copy(program, copy)
        return copy, folder

    def install_folder(self, folder, servers, capabilities='<rescap:Capability Name="runFullTrust"/>'):
        """Installs what is there as a package with these servers; its family."""
        (folder / 'AppxManifest.xml').write_text(
            MANIFEST.format(name=f'Wine.{folder.name}', publisher=PUBLISHER, version='1.0.0.0', servers=servers,
                            capabilities=capabilities), encoding='utf-8')
        return self.broker.call('InstallPackage', 'sa{sv}', str(folder), {})[0]
