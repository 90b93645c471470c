# SPDX-License-Identifier: MIT
"""Writes the manual page of bgtask as scdoc: man-page.py BGTASK TEMPLATE. The verbs are what their --help says, so
that the page cannot say anything else."""

import pathlib
import re
import subprocess
import sys

# One or two options with their values, and what they mean.
OPTION = re.compile(r'^  (--[a-z-]+)(?: ([A-Z][A-Z-]*)(?:,\.\.\.)?)?'
                    r'(?:, *(?:(--[a-z-]+)(?: ([A-Z-]+))?)?)?(?: +(\S.*))?$')
VERB = re.compile(r'^  ([a-z-]+) {2,}\S')
HEADING = re.compile(r'^([A-Z][a-z]+):$')
EXAMPLES = re.compile(r'^Examples?:$')


def escape(text):
    return re.sub(r'([*_`<>\\#])', r'\\\1', text)


def literal(lines):
    return '```\n' + '\n'.join(lines) + '\n```\n'


def take(lines, pattern):
    """The lines at the front that match."""
    taken = []
    while lines and re.match(pattern, lines[0]):
        taken.append(lines.pop(0))
    return taken


def option(match, more):
    parts = []
    for name, value in ((match[1], match[2]), (match[3], match[4])):
        if name:
            parts.append(f'*{name}*' + (f' _{value}_' if value else ''))
    text = ' '.join(([match[5]] if match[5] else []) + [line.strip() for line in more])
    return ', '.join(parts) + (f'++\n{escape(text)}' if text else '') + '\n'


def verb_section(verb, text):
    lines = text.splitlines()
    usage = [re.sub(r'^(Usage: |       )', '', line) for line in take(lines, r'Usage: |       bgtask ')]
    parts, prose = [f'## {verb}\n', literal(usage)], []

    def end_prose():
        if prose:
            parts.append(escape(' '.join(prose)) + '\n')
            prose.clear()

    while lines:
        line = lines.pop(0)
        match = OPTION.match(line)
        if EXAMPLES.match(line):
            end_prose()
            parts.append(literal([example[2:] for example in take(lines, '  ')]))
        elif match:
            end_prose()
            parts.append(option(match, take(lines, r' {8,}\S')))
        elif line:
            prose.append(line.strip())
        else:
            end_prose()
    end_prose()
    return '\n'.join(parts)


def sections(run):
    """run gives what the program prints with these arguments."""
    parts, heading = [], None
    for line in run('--help').splitlines():
        if HEADING.match(line):
            heading = HEADING.match(line)[1]
        elif heading and VERB.match(line):
            if heading != 'Done':
                parts.append(f'# {heading.upper()}\n')
                heading = 'Done'
            verb = VERB.match(line)[1]
            parts.append(verb_section(verb, run(verb, '--help')))
    return '\n'.join(parts)


def page(program, template):
    def run(*args):
        return subprocess.run([program, *args], capture_output=True, text=True, check=True).stdout

    return pathlib.Path(template).read_text(encoding='utf-8').replace('@VERBS@\n', sections(run))


if __name__ == '__main__':
    print(page(sys.argv[1], sys.argv[2]), end='')
