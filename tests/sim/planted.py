# SPDX-License-Identifier: MIT
"""Plants bugs in the engine, one at a time, and holds that the simulator finds each.

planted.py SOURCE BUILD [NAME…]: every tests/sim/planted/*.diff (or those named) is applied to a copy of the file that
it is about, which is compiled as the build did it and linked with the rest of the simulator. What was found is printed
with its seed and section; README.md has a row for each bug.
"""

import itertools
import json
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT.parent))
from tap import Tap  # noqa: E402 (the folder above is no package)

# A bug that needs more than these shows itself too rarely to be called found.
SEEDS = '0-3000'
FAILED = re.compile(r'^# seed (\d+) \((\w+)\), step (\d+): docs/semantics\.md or invariant (.+):$', re.MULTILINE)
ROW = re.compile(r'^\| `(\w[\w-]*)` \|', re.MULTILINE)


def apply(diff, root):
    """The file that a diff is about, and its text with the diff applied: by its lines, wherever they stand now."""
    name = re.search(r'^\+\+\+ b/(\S+)$', diff, re.MULTILINE)[1]
    text = (root / name).read_text(encoding='utf-8')
    for hunk in re.split(r'^@@.*\n', diff, flags=re.MULTILINE)[1:]:
        lines = hunk.splitlines(keepends=True)
        before = ''.join(line[1:] for line in lines if line[0] in ' -')
        after = ''.join(line[1:] for line in lines if line[0] in ' +')
        if text.count(before) != 1:
            raise ValueError(f'{name} has changed where the bug is to be planted:\n{before}')
        text = text.replace(before, after)
    return name, text


class Build:
    def __init__(self, source, build):
        self.source = source
        self.build = build
        self.commands = json.loads((build / 'compile_commands.json').read_text(encoding='utf-8'))

    def command_of(self, name):
        for entry in self.commands:
            if (self.build / entry['file']).resolve() == self.source / name:
                return shlex.split(entry['command'])
        raise ValueError(f'the build does not compile {name}')

    def objects(self):
        return [entry['output'] for entry in self.commands if entry['output'].startswith('tests/sim/sim.p/')]

    def compile(self, name, text, folder):
        path = folder / pathlib.Path(name).name
        path.write_text(text, encoding='utf-8')
        command = self.command_of(name)
        output = str(folder / 'planted.o')
        command[command.index('-o') + 1] = output
        command[-1] = str(path)
        command = [word for word in command if not word.startswith('-MD')] + ['-w']
        for flag in ('-MQ', '-MF'):
            at = command.index(flag)
            del command[at:at + 2]
        subprocess.run(command, cwd=self.build, check=True)
        return output

    def link(self, planted, folder):
        """The simulator with one object in the place of the engine's own."""
        program = str(folder / 'sim')
        words = self.command_of('tests/sim/sim.c')
        compiler = list(itertools.takewhile(lambda word: not word.startswith('-'), words))
        subprocess.run([*compiler, '-o', program, planted, *self.objects(), 'src/engine/libengine.a',
                        'src/calendar/libcalendar.a', 'src/base/libbase.a', '-pthread'], cwd=self.build, check=True)
        return program


def find(build, diff):
    """(seed, profile, step, section) of the first seed that finds the bug; None: none does."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        program = build.link(build.compile(*apply(diff, build.source), folder), folder)
        done = subprocess.run([program, '--seeds', SEEDS, '--first'], stdout=subprocess.PIPE, text=True, timeout=300,
                              check=False)
        match = FAILED.search(done.stdout)
        return match.groups() if match else None


def main(source, build, *names):
    build = Build(pathlib.Path(source).resolve(), pathlib.Path(build).resolve())
    rows = set(ROW.findall((ROOT / 'README.md').read_text(encoding='utf-8')))
    diffs = sorted(path for path in (ROOT / 'planted').glob('*.diff') if not names or path.stem in names)
    tap = Tap()
    for path in diffs:
        what = path.stem.replace('-', ' ')
        try:
            found = find(build, path.read_text(encoding='utf-8'))
        except ValueError as error:
            tap.check(f'the bug "{what}" can be planted', str(error).splitlines())
            continue
        problems = []
        if found is None:
            problems = [f'no seed of {SEEDS} finds it']
        elif path.stem not in rows:
            problems = [f'README.md has no row for it; it is found by section {found[3]}']
        else:
            print('# seed {} ({}), step {}, section {}'.format(*found))
        tap.check(f'the simulator finds the bug "{what}"', problems)
    tap.check('README.md tells of no other bug',
              sorted(rows - {path.stem for path in diffs}) if not names else [])
    return tap.finish()


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
