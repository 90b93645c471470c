# SPDX-License-Identifier: MIT
"""bgtask lint: without a broker, every broken rule with file, line, rule and value."""

import os
import pathlib
import shutil

from harness import CLSID, Case, MANIFEST, NAME, PUBLISHER, SERVER

DATA = pathlib.Path(os.environ['BGTASK_SOURCE_ROOT'], 'tests/data')
GOOD = MANIFEST.format(name=NAME, publisher=PUBLISHER, version='1.0.0.0', capabilities='', servers=f'''
<com:ExeServer Executable="server"><com:Class Id="{CLSID}"/></com:ExeServer>''')
LINE = GOOD[:GOOD.index('<Identity')].count('\n') + 1
BAD = GOOD.replace('Version="1.0.0.0"', 'Version="1.0"').replace(CLSID, '1234')


class Linting(Case):
    def setUp(self):
        super().setUp()
        self.broker.terminate()
        self.folder = self.broker.folder / 'pkg'
        self.folder.mkdir()
        self.file = self.folder / 'AppxManifest.xml'

    def lint(self, *args):
        return self.broker.bgtask('lint', *map(str, args))

    def write(self, text):
        self.file.write_text(text, encoding='utf-8')

    def test_a_good_package_passes_in_silence(self):
        self.write(GOOD)
        shutil.copy(SERVER, self.folder / 'server')
        done = self.lint(self.folder)
        self.assertEqual((done.status, done.out, done.err), (0, '', ''))

    def test_each_broken_rule_is_a_line_with_its_place_and_value(self):
        self.write(BAD)
        done = self.lint(self.file)
        lines = done.out.splitlines()
        self.assertEqual((done.status, len(lines)), (1, 2), done.out)
        self.assertTrue(lines[0].startswith(f'{self.file}:{LINE}: error: '), lines[0])
        self.assertIn('Identity/@Version "1.0"', lines[0])
        self.assertTrue(lines[0].endswith('[identity-version]'), lines[0])
        self.assertIn('"1234"', lines[1])

    def test_json_has_an_object_for_each_problem(self):
        self.write(BAD)
        done = self.lint('--json', self.file)
        first = done.json[0]
        self.assertEqual((done.status, first['file'], first['line'], first['rule'], first['severity'], first['value']),
                         (1, str(self.file), LINE, 'identity-version', 'error', '1.0'))
        self.assertTrue(first['remedy'])

    def test_a_folder_is_checked_with_its_executables_and_a_file_without(self):
        self.write(GOOD)
        self.assertEqual(self.lint(self.file).status, 0)
        done = self.lint(self.folder)
        self.assertEqual(done.status, 1)
        self.assertIn('[executable-missing]', done.out)

    def test_what_only_windows_refuses_is_shown_and_counts_when_asked_for(self):
        self.write(GOOD)
        done = self.lint('--windows', self.file)
        self.assertEqual(done.status, 1)
        for rule in ('windows-full-trust', 'windows-properties', 'windows-application', 'executable-suffix'):
            self.assertIn(f'[{rule}]', done.out)

    def test_manifests_of_real_apps_pass_also_for_windows(self):
        paths = sorted((DATA / 'manifests').iterdir())
        done = self.lint('--windows', *paths, DATA / 'seed-appxmanifest.xml')
        self.assertEqual((done.status, done.out), (0, ''))

    def test_what_cannot_be_read_is_a_problem_like_any_other(self):
        done = self.lint(self.folder, '/nonexistent')
        self.assertEqual(done.status, 1)
        self.assertIn('neither AppxManifest.xml nor', done.out)
        self.assertIn('there is no such folder', done.out)

    def test_without_a_path_it_says_what_is_missing(self):
        self.assert_fails(self.lint(), 2, 'name a manifest or a package folder')
