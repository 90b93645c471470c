# SPDX-License-Identifier: MIT
"""Holds the manual pages to the programs: man.py SOURCE BGTASK BGTASKD."""

import importlib.util
import pathlib
import re
import shutil
import subprocess
import sys

from tap import Tap

SHOWN = re.compile(r'\*(--[a-z-]+)\*')


def run(*command, text=''):
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def load_generator(root):
    spec = importlib.util.spec_from_file_location('man_page', root / 'tools/man-page.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def missing_of_verb(bgtask, verb, page):
    """What the verb's help explains and its section does not."""
    section = page.partition(f'\n## {verb}\n')[2].partition('\n## ')[0].partition('\n# ')[0]
    text = run(bgtask, verb, '--help').stdout
    explained = set(re.findall(r'^ {2,}(--[a-z-]+)', text, re.MULTILINE)) if section else {'the whole verb'}
    return [f'{verb}: {option}' for option in sorted(explained - set(SHOWN.findall(section)))]


def main():
    root, bgtask, bgtaskd = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    page = load_generator(root).page(bgtask, root / 'docs/man/bgtask.1.scd')
    broker_page = (root / 'docs/man/bgtaskd.8.scd').read_text(encoding='utf-8')
    verbs = re.findall(r'^  ([a-z-]+) {2,}\S', run(bgtask, '--help').stdout, re.MULTILINE)
    tap = Tap()
    tap.check('bgtask(1) has every verb with all of its options',
              [problem for verb in verbs for problem in missing_of_verb(bgtask, verb, page)] or
              ([] if len(verbs) > 20 else ['the overview has no verbs']))
    options = set(re.findall(r'^ {2,}(--[a-z-]+)', run(bgtaskd, '--help').stdout, re.MULTILINE))
    tap.check('bgtaskd(8) has exactly the options of bgtaskd', sorted(options ^ set(SHOWN.findall(broker_page))))
    case = 'scdoc takes the pages'
    if shutil.which('scdoc'):
        tap.check(case, [done.stderr.strip() for done in (run('scdoc', text=page), run('scdoc', text=broker_page))
                         if done.returncode != 0])
    else:
        tap.skip(case, 'scdoc is not installed')
    tap.finish()


if __name__ == '__main__':
    main()
