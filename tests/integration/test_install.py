# SPDX-License-Identifier: MIT
"""Packages: installing, updating and removing them, and what that does to their tasks."""

import os
import pathlib
import shutil
from xml.etree import ElementTree

from harness import CLSID, CLSID_2, Case, HOUR, Package, SERVER, eventually, wait_gone

SEED = 'SamplePackagedWinMainBackgroundApp_h91ms92gdsmmt'


class Installing(Case):
    def test_an_installed_package_is_listed_with_its_classes(self):
        package = Package(self.broker, classes=(CLSID, CLSID_2))
        (family, info), = self.broker.packages()
        self.assertEqual(family, package.family)
        self.assertEqual((info['version'], info['folder']), ('1.0.0.0', str(package.folder)))
        self.assertEqual([clsid for clsid, _ in info['classes']], [CLSID, CLSID_2])

    def test_the_sample_of_windows_installs_unmodified(self):
        package = Package(self.broker, name='sample', install=False)
        package.write(pathlib.Path(os.environ['BGTASK_SOURCE_ROOT'], 'tests/data/seed-appxmanifest.xml').read_bytes())
        (package.folder / 'SampleBackgroundApp').mkdir()
        shutil.copy(package.folder / 'server', package.folder / 'SampleBackgroundApp' / 'SampleBackgroundApp')
        done = self.broker.bgtask('install', str(package.folder))
        self.assertEqual((done.status, done.out), (0, f'installed {SEED}\n'), done.err)
        (family, info), = self.broker.packages()
        self.assertEqual((family, [clsid for clsid, _ in info['classes']]), (SEED, [CLSID]))

    def test_the_packages_of_real_apps_install_unmodified(self):
        for path in sorted(pathlib.Path(os.environ['BGTASK_SOURCE_ROOT'], 'tests/data/manifests').iterdir()):
            with self.subTest(path.name):
                package = Package(self.broker, name=path.name, install=False)
                package.write(path.read_bytes())
                for element in ElementTree.parse(path).iter():
                    if element.tag.endswith('}ExeServer'):
                        program = package.folder / element.get('Executable').replace('\\', '/')
                        program.parent.mkdir(exist_ok=True)
                        program.touch(mode=0o755)
                done = self.broker.bgtask('install', str(package.folder))
                self.assertEqual(done.status, 0, done.err)
        self.assertEqual(len(self.broker.packages()), 5)

    def test_installing_the_same_again_changes_nothing(self):
        package = Package(self.broker)
        task = self.broker.register(package, 'control')
        package.listen()
        run = self.broker.run(task)
        talk = package.talk_of(run)
        self.broker.state_of(run, 'running')
        before = self.broker.tasks(), self.broker.runs()
        package.install()
        self.assertEqual((self.broker.tasks(), self.broker.runs()), before)
        talk.end()
        self.assert_outcome(self.broker.ended(run), 'completed')

    def test_a_package_survives_a_restart_of_the_broker(self):
        Package(self.broker)
        before = self.broker.packages()
        self.broker.restart()
        self.assertEqual(self.broker.packages(), before)


class Updating(Case):
    def test_an_update_keeps_tasks_and_cancels_runs_with_ServicingUpdate(self):
        package = Package(self.broker).listen()
        task = self.broker.register(package, 'control', ('interval', {'period': ('t', HOUR)}))
        run = self.broker.run(task)
        talk = package.talk_of(run)
        package.version = '1.0.0.1'
        package.write(package.manifest())
        package.install()
        self.assertEqual(talk.canceled(), 3)
        talk.end(-125)
        self.assert_outcome(self.broker.ended(run), 'canceled', reason='ServicingUpdate')
        self.assertEqual([row['task'] for row in self.broker.tasks()], [task])
        self.assertTrue(wait_gone(talk.pid), 'the server of the old version stays')
        self.assertEqual(self.broker.packages()[0][1]['version'], '1.0.0.1')

    def test_a_task_of_ServicingComplete_runs_after_the_update(self):
        package = Package(self.broker)
        task = self.broker.register(package, 'ok', ('SystemTrigger', {'type': ('s', 'ServicingComplete')}))
        package.version = '2.0.0.0'
        package.write(package.manifest())
        package.install()
        ended = self.broker.next_end(lambda of, _: of == task)
        self.assert_outcome(ended, 'completed', fired_by='event')

    def test_a_class_that_an_update_dropped_holds_its_tasks_until_it_is_back(self):
        package = Package(self.broker, classes=(CLSID, CLSID_2))
        task = self.broker.register(package, 'ok', clsid=CLSID_2)
        package.servers = [('server', (CLSID,), '')]
        package.write(package.manifest())
        package.install()
        self.broker.request(task)
        sentence, _, remedy, _ = self.broker.why(task)['class-missing']
        self.assertIn(CLSID_2, sentence)
        self.assertIn('install', remedy)
        package.servers = [('server', (CLSID, CLSID_2), '')]
        package.write(package.manifest())
        package.install()
        self.assert_outcome(self.broker.next_end(lambda of, _: of == task), 'completed')


class Removing(Case):
    def test_removal_unregisters_tasks_cancels_runs_with_Uninstall_and_ends_servers(self):
        package = Package(self.broker).listen()
        task = self.broker.register(package, 'control')
        self.broker.register(package, 'ok')
        run = self.broker.run(task)
        talk = package.talk_of(run)
        self.assertEqual(self.broker.bgtask('remove', package.family).status, 0)
        self.assertEqual(talk.canceled(), 5)
        talk.end()
        self.assert_outcome(self.broker.ended(run), 'canceled', reason='Uninstall')
        self.assertEqual((self.broker.packages(), self.broker.tasks()), ([], []))
        self.assertTrue(wait_gone(talk.pid))
        eventually(lambda: self.broker.status()['servers'] == 0, 'no server is left')

    def test_removing_what_is_not_installed_says_so(self):
        self.assert_fails(self.broker.bgtask('remove', 'Test.Nobody_abcdefghjkmnp'), 3,
                          'no package Test.Nobody_abcdefghjkmnp is installed', 'bgtask packages')

    def test_a_removed_package_can_be_installed_again_and_starts_without_tasks(self):
        package = Package(self.broker)
        self.broker.register(package, 'ok')
        self.broker.call('RemovePackage', 's', package.family)
        package.install()
        self.assertEqual(self.broker.tasks(), [])
        self.assert_outcome(self.broker.outcome(self.broker.register(package, 'ok')), 'completed')


class ProgramsOfWindows(Case):
    def setUp(self):
        super().setUp()
        self.prefix = self.broker.folder / 'prefix'
        self.prefix.mkdir()
        self.package = Package(self.broker, install=False)
        (self.package.folder / 'server').write_bytes(b'MZ')

    def prefix_of(self):
        row, = self.broker.bgtask('packages', '--json').json
        return row.get('wine-prefix')

    def install(self, **variables):
        done = self.broker.bgtask('install', '--json', str(self.package.folder), env=variables)
        self.assertEqual(done.status, 0, done.err)
        self.package.family = done.json['package']
        return self.prefix_of()

    def test_the_prefix_of_wine_is_kept_with_the_package(self):
        self.assertEqual(self.install(WINEPREFIX=str(self.prefix)), str(self.prefix))
        self.broker.restart()
        self.assertEqual(self.prefix_of(), str(self.prefix))
        # Another one takes its place, and so does none.
        self.assertEqual(self.install(WINEPREFIX=str(self.broker.folder)), str(self.broker.folder))
        self.assertIsNone(self.install())
        self.broker.restart()
        self.assertIsNone(self.prefix_of())

    def test_a_package_without_programs_of_windows_has_no_prefix_of_wine(self):
        shutil.copy(SERVER, self.package.folder / 'server')
        self.assertIsNone(self.install(WINEPREFIX=str(self.prefix)))

    def test_a_prefix_of_wine_is_an_absolute_path(self):
        self.assert_refused('InvalidArgument', '"prefix" is not an absolute path', by=lambda:
                            self.broker.call('InstallPackage', 'sa{sv}', str(self.package.folder),
                                             {'wine-prefix': ('s', 'prefix')}))

    def test_a_prefix_of_wine_that_is_gone_is_why_a_server_does_not_start(self):
        self.install(WINEPREFIX=str(self.prefix))
        self.prefix.rmdir()
        task = self.broker.register(self.package, 'ok')
        self.broker.run(task)
        eventually(lambda: 'backing-off' in self.broker.why(task))
        sentence, _, remedy, _ = self.broker.why(task)['backing-off']
        self.assertEqual(sentence, f'its server cannot start: the prefix of Wine {self.prefix}, with which its '
                                   'package was installed, is gone')
        self.assertIn(f"'bgtask wine setup {self.prefix}'", remedy)
        self.assertFalse(self.prefix.exists())
