# SPDX-License-Identifier: MIT
"""Completion of the command line: what bgtask offers, and that bash, zsh and fish make words of it."""

import os
import pathlib
import pty
import select
import shutil
import subprocess

from harness import CLI, CLSID, Case, Package, TIMEOUT

SCRIPTS = pathlib.Path(os.environ['BGTASK_SOURCE_ROOT'], 'data/completions')
TIME = ('TimeTrigger', {'freshness-minutes': ('u', 15)})


class CompletionCase(Case):
    def setUp(self):
        super().setUp()
        self.package = Package(self.broker)
        for name in ('Sample Task', "it's $HOME", 'other'):
            self.broker.register(self.package, name, TIME, group=('s', 'g1'))

    def offered(self, *words, **env):
        done = self.broker.bgtask('complete', '--', *words, env=env)
        self.assertEqual((done.status, done.err), (0, ''))
        return [line.partition('\t')[0] for line in done.out.splitlines()]


class Offers(CompletionCase):
    def test_verbs_come_with_what_they_do(self):
        lines = dict(line.split('\t') for line in self.broker.bgtask('complete', '--', '').out.splitlines())
        self.assertEqual(lines['why'], 'say why a task does not run')
        self.assertNotIn('complete', lines)

    def test_options_are_those_of_the_verb_s_help(self):
        self.assertEqual(self.offered('cancel', '-'),
                         ['--reason', '--run', '--help', '--json', '--package', '--system'])
        self.assertEqual(self.offered('nonsense', '-'), [])

    def test_tasks_packages_classes_groups_and_runs_come_from_the_broker(self):
        names = sorted(['Sample Task', "it's $HOME", 'other'])
        for words in (['why', ''], ['export', 'other', ''], ['show', '--json', ''], ['cancel', '--reason', 'User', ''],
                      ['log', '--package', self.package.family, ''], ['log', f'--package={self.package.family}', '']):
            self.assertEqual(sorted(self.offered(*words)), names, words)
        for words in (['why', 'other', ''], ['list', ''], ['status', ''], ['why', '--package', 'Nobody', '']):
            self.assertEqual(self.offered(*words), [], words)
        self.assertEqual(self.offered('remove', ''), [self.package.family])
        self.assertEqual(self.offered('list', '--package', ''), [self.package.family])
        self.assertEqual([each.lower() for each in self.offered('register', '--clsid', '')], [CLSID])
        self.assertEqual(set(self.offered('list', '--group', '')), {'g1'})
        self.package.listen()
        run = self.broker.run(self.broker.register(self.package, 'control'))
        talk = self.package.talk_of(run)
        self.assertEqual(self.offered('cancel', '--run', ''), [run])
        talk.end()
        self.broker.ended(run)

    def test_terms_are_those_of_the_option(self):
        self.assertIn('SystemPolicy', self.offered('cancel', '--reason', ''))
        self.assertLessEqual({'UserPresent', 'boot', 'resume'}, set(self.offered('register', '--on', '')))
        self.assertEqual(self.offered('register', '--if-exists', ''),
                         ['fail', 'keep', 'update', 'replace', 'duplicate'])
        self.assertIn('OnACPower,UserPresent', self.offered('register', '--when', 'OnACPower,'))
        self.assertIn('--when=OnACPower,UserPresent', self.offered('register', '--when=OnACPower,'))
        self.assertIn('OnACPower=', self.offered('simulate', ''))
        self.assertEqual(self.offered('simulate', 'OnACPower=tr')[0], 'OnACPower=true')
        self.assertEqual(self.offered('simulate', 'OnACPower', '=', 'tr')[0], 'true')

    def test_files_are_left_to_the_shell(self):
        self.assertEqual(self.offered('install', ''), [':folders'])
        self.assertEqual(self.offered('import', ''), [':files'])

    def test_without_a_broker_the_rest_is_offered_and_none_is_started(self):
        nobody = {'BGTASK_BUS': str(self.broker.folder / 'nobody'), 'BGTASK_AUTOSTART': '1'}
        self.assertEqual(self.offered('why', '', **nobody), [])
        self.assertIn('--json', self.offered('why', '-', **nobody))
        self.assertFalse(pathlib.Path(nobody['BGTASK_BUS']).exists())


class Shells(CompletionCase):
    """Keys are pressed in a real shell; what becomes of the line is what the command then gets."""

    def find(self, shell):
        path = shutil.which(shell, path=os.environ.get('PATH', '/usr/bin:/bin'))
        if not path:
            self.skipTest(f'{shell} is not installed')
        return path

    def environment(self, **more):
        path = f'{pathlib.Path(CLI).parent}:{self.broker.environment["PATH"]}'
        return self.broker.environment | {'PATH': path, 'TERM': 'dumb', 'PS1': 'ready> '} | more

    def press(self, argv, setup, *lines):
        """Types the lines, each of which ends with a command that prints done."""
        pid, master = pty.fork()
        if pid == 0:
            os.execve(argv[0], argv, self.environment())
        seen = ''
        try:
            for count, line in enumerate([*setup, *lines], 1):
                os.write(master, line.encode() + b'; echo do""ne\r')
                while seen.count('done') < count:
                    if not select.select([master], [], [], TIMEOUT)[0]:
                        raise TimeoutError(seen)
                    seen += os.read(master, 65536).decode(errors='replace')
            os.write(master, b'exit\r')
            while select.select([master], [], [], TIMEOUT)[0]:
                try:
                    if not os.read(master, 65536):
                        break
                except OSError:
                    break
        finally:
            os.close(master)
            os.waitpid(pid, 0)
        return seen

    def assert_completes(self, argv, setup):
        seen = self.press(argv, setup, 'bgtask unreg\tSam\t', "bgtask unregister it\t",
                          'bgtask pause --package Te\toth\t',
                          'bgtask register --if-ex\tke\t--when OnACPower,UserP\t --time 15 new',
                          'bgtask simulate OnAC\ttr\t')
        self.assertEqual(sorted(task['name'] for task in self.broker.tasks()), ['new', 'other'], seen)
        tasks = {task['name']: task for task in self.broker.tasks()}
        self.assertTrue(tasks['other']['paused'], seen)
        self.assertEqual(set(tasks['new']['conditions']), {'OnACPower', 'UserPresent'}, seen)
        self.assertIn('it is now', seen)

    def test_bash_completes(self):
        bash = self.find('bash')
        self.assert_completes([bash, '--norc', '--noprofile', '-i'], [f'source {SCRIPTS}/bgtask.bash'])

    def test_zsh_completes(self):
        zsh = self.find('zsh')
        self.assert_completes([zsh, '-f', '-i'], [f'fpath=({SCRIPTS} $fpath); autoload -U compinit; compinit -D -u'])

    def test_fish_completes(self):
        fish = self.find('fish')
        source = f'source {SCRIPTS}/bgtask.fish; '

        def complete(line):
            done = subprocess.run([fish, '--no-config', '-c', source + 'complete -C "$argv[1]"', line],
                                  env=self.environment(), capture_output=True, encoding='utf-8', timeout=TIMEOUT,
                                  check=True, cwd=self.package.folder)
            self.assertEqual(done.stderr, '')
            return [each.partition('\t')[0] for each in done.stdout.splitlines()]

        self.assertEqual(complete('bgtask unreg'), ['unregister'])
        self.assertEqual(complete('bgtask why Sam'), ['Sample Task'])
        self.assertEqual(complete('bgtask remove Te'), [self.package.family])
        self.assertEqual(complete('bgtask cancel --reason SystemP'), ['SystemPolicy'])
        self.assertIn('AppxManifest.xml', complete('bgtask import App'))
