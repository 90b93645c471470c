# SPDX-License-Identifier: MIT
"""Packages that are found below XDG_DATA_DIRS: nobody installs them, and their folders come and go."""

import os
import shutil
import signal
import unittest

from harness import CLSID, CLSID_2, Case, Package, eventually


class FoundPackage(Package):
    """A package in a folder where it is found. It appears as a whole."""

    def __init__(self, broker, root='share', folder='app', **options):
        super().__init__(broker, install=False, **options)
        self.source = self.folder
        self.folder = broker.folder / root / 'bgtask' / 'packages' / folder

    def put(self):
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        self.source.rename(self.folder)
        return self

    def found(self):
        """Waits until it is in force."""
        def mine():
            return [family for family, info in self.broker.packages() if info['folder'] == str(self.folder)]
        self.family, = eventually(mine, f'{self.folder} is found')
        return self

    def take_away(self):
        self.folder.rename(self.source)


class Found(Case):
    def tearDown(self):
        # What is there cannot be removed, which is how a test ends.
        shutil.rmtree(self.broker.folder / 'share', ignore_errors=True)

    def problems(self, text):
        return [problem for problem in self.broker.status()['problems'] if text in problem]

    def test_a_package_that_is_there_is_in_force_when_the_broker_serves(self):
        package = FoundPackage(self.broker).put()
        self.broker.terminate()
        self.broker.start()
        (family, info), = self.broker.packages()
        self.assertEqual((info['folder'], [clsid for clsid, _ in info['classes']]), (str(package.folder), [CLSID]))
        package.family = family
        self.assert_outcome(self.broker.outcome(self.broker.register(package, 'ok')), 'completed')

    def test_a_package_that_appears_is_found_whatever_was_there_before(self):
        first = FoundPackage(self.broker).put().found()
        FoundPackage(self.broker, folder='other', name='Test.Other', classes=(CLSID_2,)).put().found()
        self.broker.register(first, 'ok')
        self.assertEqual(len(self.broker.packages()), 2)

    def test_an_upgrade_in_place_is_an_update(self):
        package = FoundPackage(self.broker).put().found()
        task = self.broker.register(package, 'ok', ('SystemTrigger', {'type': ('s', 'ServicingComplete')}))
        package.version = '2.0.0.0'
        package.write(package.manifest())
        self.assert_outcome(self.broker.next_end(lambda of, _: of == task), 'completed')
        self.assertEqual(self.broker.packages()[0][1]['version'], '2.0.0.0')

    def test_tasks_of_a_package_that_goes_wait_until_it_is_back(self):
        package = FoundPackage(self.broker).put().found()
        task = self.broker.register(package, 'ok')
        package.take_away()
        # It is seen at once and in force when it is stored; a request in between finds the class, and no program.
        eventually(lambda: self.problems('is gone from') and not self.broker.packages()[0][1].get('classes'))
        self.broker.request(task)
        self.assertIn('class-missing', self.broker.why(task))
        package.put()
        self.assert_outcome(self.broker.next_end(lambda of, _: of == task), 'completed')
        self.assertEqual(self.problems('is gone from'), [])

    def test_tasks_outlive_a_restart_without_the_package(self):
        package = FoundPackage(self.broker).put().found()
        task = self.broker.register(package, 'ok')
        package.take_away()
        self.broker.restart()
        self.assertEqual([row['task'] for row in self.broker.tasks()], [task])
        self.assertTrue(self.problems('is gone from'))
        package.put().found()
        self.assert_outcome(self.broker.outcome(task), 'completed')

    def test_a_package_that_is_there_is_not_removed_and_one_that_is_gone_is(self):
        package = FoundPackage(self.broker).put().found()
        self.broker.register(package, 'ok')
        self.assert_refused('PackageFound', str(package.folder), 'unregister',
                            by=lambda: self.broker.call('RemovePackage', 's', package.family))
        package.take_away()
        eventually(lambda: self.problems('is gone from'))
        self.broker.call('RemovePackage', 's', package.family)
        self.assertEqual((self.broker.packages(), self.broker.tasks()), ([], []))

    def test_the_first_of_a_family_counts_and_what_was_installed_by_hand_comes_before_all(self):
        by_hand = Package(self.broker)
        left_out = FoundPackage(self.broker, folder='b').put()
        eventually(lambda: self.problems('installed by hand'))
        self.assertEqual(self.broker.packages()[0][1]['folder'], str(by_hand.folder))
        self.broker.call('RemovePackage', 's', by_hand.family)
        first = FoundPackage(self.broker, folder='a').put().found()
        eventually(lambda: self.problems('was found before it'))
        self.assertIn(str(left_out.folder), self.problems('was found before it')[0])
        self.assertEqual(self.broker.packages()[0][1]['folder'], str(first.folder))

    def test_what_cannot_be_installed_is_said_and_tried_again(self):
        package = FoundPackage(self.broker)
        (package.source / 'server').rename(package.source / 'later')
        package.put()
        problem, = eventually(lambda: self.problems('is not installed'))
        self.assertIn('executable-missing', problem)
        (package.folder / 'later').rename(package.folder / 'server')
        package.found()
        self.assertEqual(self.problems('is not installed'), [])

    def test_SIGHUP_looks_again(self):
        FoundPackage(self.broker).put().found()
        self.broker.process.send_signal(signal.SIGHUP)
        self.assertEqual(len(self.broker.packages()), 1)

    @unittest.skipUnless(os.geteuid() == 0, 'only root makes a file of root')
    def test_the_program_of_a_found_package_may_be_elsewhere(self):
        package = FoundPackage(self.broker)
        programs = self.broker.folder / 'bin'
        programs.mkdir()
        (package.source / 'server').rename(programs / 'server')
        (package.source / 'external-location').write_text(f'{programs}\n', encoding='utf-8')
        (package.source / 'AppxManifest.xml').write_text(package.manifest().replace('<Applications>', '''
  <Properties><uap10:AllowExternalContent xmlns:uap10="http://schemas.microsoft.com/appx/manifest/uap/windows10/10">
  true</uap10:AllowExternalContent></Properties><Applications>'''), encoding='utf-8')
        package.put().found()
        self.assert_outcome(self.broker.outcome(self.broker.register(package, 'ok')), 'completed')

    def test_what_is_no_package_harms_nobody(self):
        root = self.broker.folder / 'share' / 'bgtask' / 'packages'
        root.mkdir(parents=True)
        (root / 'file').write_text('x', encoding='utf-8')
        (root / 'loop').symlink_to('loop')
        (root / 'empty').mkdir()
        FoundPackage(self.broker).put().found()
        problem, = self.problems('is not installed')
        self.assertIn(str(root / 'empty'), problem)
