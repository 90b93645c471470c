# SPDX-License-Identifier: MIT
"""Holds the documents to what they speak of: docs.py SOURCE."""

import pathlib
import re
import sys

from tap import Tap

# What the tutorial's blocks are cut from.
CUT_FROM = {'c': 'examples/primes/primes.c', 'xml': 'tests/data/seed-appxmanifest.xml'}
DOCUMENTS = ['README.md', 'docs/guide.md', 'docs/commands.md', 'docs/confinement.md', 'docs/c-interface.md',
             'docs/winrt.md']
INTERFACE = 'docs/c-interface.md'
BLOCK = re.compile(r'^```(\w*)\n(.*?)^```$', re.MULTILINE | re.DOTALL)
LINK = re.compile(r'\]\(([^)#]+)[^)]*\)')
COMMAND = re.compile(r'(?:^|[`$&|] *|^\$ )bgtask +([a-z]+)\b([^`\n]*)', re.MULTILINE)
CONFIG_KEY = re.compile(r'^X\(\w+, "([a-z]+)", "([a-z-]+)", \w+, .*, "(\w+)"\)$', re.MULTILINE)
CODE_OF_WHY = re.compile(r'^X_WHY\(\w+, \d+, "([a-z-]+)"\)', re.MULTILINE)
FUNCTION = re.compile(r'\b(bgt_\w+)\s*\(')
OPTION = re.compile(r'(?<![\w-])--([a-z-]+)')


def stripped(text):
    """The lines without their indentation, which a document leaves out."""
    return '\n'.join(line.strip() for line in text.strip('\n').split('\n'))


def not_cut(root, readme):
    problems = []
    for kind, block in BLOCK.findall(readme):
        if kind in CUT_FROM and stripped(block) not in stripped((root / CUT_FROM[kind]).read_text(encoding='utf-8')):
            problems.append(f'README.md: not in {CUT_FROM[kind]}: {stripped(block).splitlines()[0]} …')
    return problems


def dead_links(root, name, text):
    return [f'{name}: {target}' for target in LINK.findall(text)
            if '://' not in target and not (root / name).parent.joinpath(target).exists()]


def unknown_commands(root, name, text):
    problems = []
    common = (root / 'src/cli/options.c').read_text(encoding='utf-8')
    for verb, rest in COMMAND.findall(text):
        source = root / f'src/cli/{verb}.c'
        if not source.exists():
            problems.append(f'{name}: bgtask {verb}')
            continue
        known = source.read_text(encoding='utf-8') + common
        if 'cli/task-row.h' in known:
            known += (root / 'src/cli/task-row.h').read_text(encoding='utf-8')
        own = rest.partition('#')[0].partition(' -- ')[0]
        problems += [f'{name}: bgtask {verb} --{option}' for option in OPTION.findall(own)
                     if f'"{option}"' not in known]
    return problems


def wrong_functions(root, text):
    """What the page of the C interface names and no header declares, and what it leaves out."""
    headers = '\n'.join(path.read_text(encoding='utf-8') for path in sorted((root / 'include').rglob('*.h')))
    functions = set(FUNCTION.findall(re.sub(r'/\*.*?\*/', '', headers, flags=re.DOTALL)))
    named = set(re.findall(r'\bbgt_\w+', text))
    missing = {name for name in functions - named if not name.endswith(('_ref', '_unref'))}
    known = set(re.findall(r'\bbgt_\w+', headers))
    return ([f'{INTERFACE}: {name} is in no header' for name in sorted(named - known)] +
            [f'{INTERFACE}: {name} is not named' for name in sorted(missing)])


def main():
    root = pathlib.Path(sys.argv[1])
    texts = {name: (root / name).read_text(encoding='utf-8') for name in DOCUMENTS}
    tap = Tap()
    tap.check("the tutorial's code is the example's", not_cut(root, texts['README.md']))
    tap.check('links lead somewhere', [p for name, text in texts.items() for p in dead_links(root, name, text)])
    tap.check('commands and options in documents exist',
              [p for name, text in texts.items() for p in unknown_commands(root, name, text)])
    tap.check('the page of the C interface names every function, and no other',
              wrong_functions(root, texts[INTERFACE]))
    codes = CODE_OF_WHY.findall((root / 'src/base/terms.def').read_text(encoding='utf-8'))
    tap.check('the guide explains every reason not to run',
              [code for code in codes or ['?'] if f'`{code}`' not in texts['docs/guide.md']])
    capabilities = re.findall(r'^X\("(\w+)"', (root / 'src/broker/capabilities.def').read_text(encoding='utf-8'),
                              re.MULTILINE)
    tap.check('the page of confinement names every capability that gives something',
              [name for name in capabilities or ['?'] if f'`{name}`' not in texts['docs/confinement.md']])
    keys = CONFIG_KEY.findall((root / 'src/broker/config.def').read_text(encoding='utf-8'))
    configuration = (root / 'docs/configuration.md').read_text(encoding='utf-8')
    tap.check('the page of the configuration has every key with its default',
              [f'[{section}] {key} = {default}' for section, key, default in keys or [('?', '?', '?')]
               if not re.search(rf'^### \[{section}\]$(?:(?!^###).)*?^\| `{key}` \| {default} \|', configuration,
                                re.MULTILINE | re.DOTALL)])
    tap.finish()


if __name__ == '__main__':
    main()
