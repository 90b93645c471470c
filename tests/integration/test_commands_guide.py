# SPDX-License-Identifier: MIT
"""docs/commands.md: its commands do what the page says. What they run is stood in for."""

import os
import pathlib
import re
import subprocess

from harness import CLI, Case, TIMEOUT, eventually

PAGE = pathlib.Path(os.environ['BGTASK_SOURCE_ROOT'], 'docs/commands.md')
BLOCK = re.compile(r'^```sh\n(.*?)^```$', re.MULTILINE | re.DOTALL)
DAY = 24 * 3600
PROGRAMS = ('newsboat', 'restic', 'btrfs', 'apt-get', 'logger')
STAND_IN = '''#!/bin/sh
echo "$(basename "$0") $*" >>"$HOME/ran"
[ ! -e "$HOME/$(basename "$0").waits" ] || exec sleep 1000
[ ! -e "$HOME/$(basename "$0").fails" ]
'''


def blocks(verb):
    """The page's blocks that hold this verb."""
    return [block for block in BLOCK.findall(PAGE.read_text(encoding='utf-8')) if f'bgtask {verb} ' in block]


class Guide(Case):
    def setUp(self):
        super().setUp()
        self.home = pathlib.Path(self.broker.environment['HOME'])
        programs = self.broker.folder / 'bin'
        programs.mkdir()
        for name in PROGRAMS:
            (programs / name).write_text(STAND_IN, encoding='utf-8')
            (programs / name).chmod(0o755)
        self.path = f'{programs}:{pathlib.Path(CLI).parent}:/usr/bin:/bin'
        for block in blocks('add'):
            self.shell(block)
        for row in self.broker.tasks():
            done = self.broker.bgtask('edit', row['name'], '--env', f'PATH={self.path}')
            self.assertEqual(done.status, 0, done.err)

    def shell(self, text):
        """Runs a block of the page. The tests' broker is the user's, so what is for the machine's goes there."""
        done = subprocess.run(['sh', '-e', '-c', text.replace(' --system', '')], check=False, timeout=TIMEOUT,
                              env=self.broker.environment | {'PATH': self.path}, stdin=subprocess.DEVNULL,
                              capture_output=True, encoding='utf-8')
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def ran(self, program):
        file = self.home / 'ran'
        lines = file.read_text(encoding='utf-8').splitlines() if file.exists() else []
        return [line for line in lines if line.startswith(f'{program} ')]

    def set(self, **conditions):
        for name, level in conditions.items():
            self.broker.condition(name, level)

    def task(self, name):
        row, = self.broker.tasks(name=name)
        return row['task']

    def end_of(self, name):
        return self.broker.next_end(lambda task, _: task == self.task(name))

    def test_the_backup_waits_for_power_and_an_unmetered_network_and_stops_when_they_go(self):
        self.set(OnACPower='false', FreeNetworkAvailable='false')
        self.broker.advance(DAY + 60)
        self.assertEqual(set(self.broker.why(self.task('backup'))), {'condition-false'})
        self.assertIn('OnACPower is false', self.shell('bgtask why backup'))
        self.set(OnACPower='true')
        self.assertEqual(self.ran('restic'), [])
        (self.home / 'restic.waits').touch()
        self.set(FreeNetworkAvailable='true')
        eventually(lambda: self.ran('restic'))
        self.assertEqual(self.ran('restic'), ['restic backup --exclude-caches /home/me'])
        self.set(OnACPower='false')
        self.broker.begin_advance(2)
        eventually(lambda: set(self.broker.why(self.task('backup'))) == {'condition-false'})
        (self.home / 'restic.waits').unlink()
        self.set(OnACPower='true')
        self.assert_outcome(self.end_of('backup'), 'completed', attempts=2, **{'fired-by': 'timer'})
        self.assertEqual(len(self.ran('restic')), 2)

    def test_the_scrub_waits_for_idleness_but_not_for_ever_and_says_when_it_fails(self):
        self.set(OnACPower='true', DeviceIdle='false')
        self.broker.advance(30 * DAY + 60)
        self.assertEqual(set(self.broker.why(self.task('scrub'))), {'condition-false'})
        (self.home / 'btrfs.fails').touch()
        self.broker.begin_advance(14 * DAY)
        self.assert_outcome(self.end_of('scrub'), 'failed', result=1)
        self.assertEqual(self.ran('btrfs'), ['btrfs scrub start -B /srv'])
        eventually(lambda: self.ran('logger'))
        self.assertEqual(self.ran('logger'), ['logger -p user.err scrub: failed: exit status 1'])

    def test_the_package_list_is_caught_up_with_once(self):
        self.set(OnACPower='true', FreeNetworkAvailable='true')
        self.broker.suspend(3 * DAY)
        eventually(lambda: set(self.broker.why(self.task('package-list'))) == {'condition-unknown'})
        self.set(InternetAvailable='true')
        self.assert_outcome(self.end_of('package-list'), 'completed', count=6)
        self.assertEqual(self.ran('apt-get'), ['apt-get update -q'])

    def test_the_commands_for_looking_after_them_work(self):
        block, = blocks('history')
        out = self.shell(block)
        for words in ('package-list', 'backup completed', 'changed backup', 'unregistered feeds'):
            self.assertIn(words, out)
        self.assertEqual(self.broker.tasks(name='backup')[0]['trigger'][1]['period'], DAY * 10**6 // 2)
        self.assertEqual(self.broker.tasks(name='feeds'), [])
