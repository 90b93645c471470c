# SPDX-License-Identifier: MIT
"""Holds the rules of style that a program can see, over every text of the tree: style.py SOURCE."""

import os
import pathlib
import re
import sys

from tap import Tap

CODE = {'.c', '.h', '.def', '.py', '.sh', '.build', '.sql'}
TEXT = CODE | {'.md', '.scd', '.service', '.socket', '.conf'}
MAX_COLUMNS = 119
MAX_LINES = 700
LEFT_OPEN = re.compile(r'\b(TO' r'DO|FIX' r'ME|X' r'XX|HA' r'CK)\b')
# A call in C or Python, a command in a shell script.
SLEEP = re.compile(r'\b(u|nano|clock_nano)?sleep\s*\(')
READS_VARIABLE = re.compile(r'(?:getenv\(|environ(?:\.get\(|\[))\s*["\'](\w+)["\']')
SHELL_SLEEP = re.compile(r'^\s*sleep\s')


class File:
    def __init__(self, root, path):
        self.name = str(path.relative_to(root))
        self.text = path.read_bytes().decode('utf-8', errors='replace')
        self.lines = self.text.split('\n')
        self.kind = path.suffix
        if not path.suffix and self.text.startswith('#!'):
            self.kind = '.py' if 'python' in self.lines[0] else '.sh'
        if path.name == 'meson_options.txt':
            self.kind = '.build'
        self.is_test = self.name.startswith('tests/') or path.name.startswith('test-')

    def find(self, pattern):
        return [f'{self.name}:{n}: {line.strip()}' for n, line in enumerate(self.lines, 1) if pattern.search(line)]


def walk(root):
    for folder, folders, names in os.walk(root):
        # Git ignores build folders at the root, and only there.
        folders[:] = sorted(d for d in folders if d not in ('.git', '__pycache__') and
                            not (folder == str(root) and d.startswith('build')))
        for name in sorted(names):
            path = pathlib.Path(folder, name)
            if not path.is_symlink() and (path.suffix in TEXT or not path.suffix or name == 'meson_options.txt'):
                file = File(root, path)
                if file.kind in TEXT:
                    yield file


def too_wide(file):
    return [f'{file.name}:{n}: {len(line)} columns'
            for n, line in enumerate(file.lines, 1) if file.kind in CODE and len(line) > MAX_COLUMNS]


def bad_end(file):
    good = not file.text or file.text.endswith('\n') and not file.text.endswith('\n\n')
    return [] if good else [f'{file.name}: ends without a newline or with an empty line']


def no_licence(file):
    return [] if file.kind not in CODE or any('SPDX-License-Identifier: MIT' in line for line in file.lines[:3]) \
        else [f'{file.name}: no SPDX line at the top']


def no_guard(file):
    return [f'{file.name}: no #pragma once'] if file.kind == '.h' and '#pragma once' not in file.lines else []


def sleeps(file):
    if not file.is_test:
        return []
    return file.find(SHELL_SLEEP if file.kind == '.sh' else SLEEP)


def too_long(file):
    n = len(file.lines) - 1
    return [f'{file.name}: {n} lines'] if file.kind in CODE and n > MAX_LINES else []


RULES = [
    ('lines hold no tab and no carriage return', lambda file: file.find(re.compile('[\t\r]'))),
    ('lines end without blanks', lambda file: file.find(re.compile(r'[ \t]$'))),
    (f'lines are at most {MAX_COLUMNS} columns wide', too_wide),
    ('files end with one newline', bad_end),
    ('files name their licence', no_licence),
    ('headers are read once', no_guard),
    ('nothing is left open in a comment', lambda file: file.find(LEFT_OPEN)),
    ('tests wait for events and never sleep', sleeps),
    (f'files are at most {MAX_LINES} lines long', too_long),
]


def main():
    root = pathlib.Path(sys.argv[1])
    files = list(walk(root))
    tap = Tap()
    for name, rule in RULES:
        tap.check(name, [problem for file in files for problem in rule(file)])
    hacking = (root / 'HACKING.md').read_text(encoding='utf-8')
    packages = [line.split()[0] for line in (root / 'tools/packages').read_text(encoding='utf-8').splitlines()
                if line and not line.startswith('#')]
    tap.check('HACKING.md names every package that the checks install',
              [name for name in packages if f'`{name}`' not in hacking])
    readme = (root / 'tests/README.md').read_text(encoding='utf-8')
    variables = {name for file in files if file.is_test for name in READS_VARIABLE.findall(file.text)}
    tap.check('tests/README.md lists every environment variable that a test reads',
              sorted(name for name in variables if f'`{name}`' not in readme))
    tap.finish()


if __name__ == '__main__':
    main()
