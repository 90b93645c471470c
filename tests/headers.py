# SPDX-License-Identifier: MIT
"""Compiles each public header alone in every language it promises: headers.py INCLUDE GENERATED CC…"""

import pathlib
import shutil
import subprocess
import sys

from tap import Tap

STANDARDS = [('c', 'c99'), ('c', 'c17'), ('c++', 'c++17')]


def compiler(command, language):
    """The C compiler's own sibling for C++; None if it is not installed."""
    if language == 'c':
        return command
    last = command[-1]
    names = {'clang': 'clang++', 'gcc': 'g++'}
    known = [last.replace(c, cxx) for c, cxx in names.items() if c in last]
    path = shutil.which(known[0] if known else 'c++')
    return command[:-1] + [path] if path else None


def main():
    include, generated, command = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3:]
    tap = Tap()
    for header in sorted(include.rglob('*.h')):
        name = header.relative_to(include)
        for language, standard in STANDARDS:
            case = f'{name} compiles alone as {standard}'
            cc = compiler(command, language)
            if not cc:
                tap.skip(case, 'no C++ compiler')
                continue
            result = subprocess.run(
                [*cc, '-x', language, f'-std={standard}', '-Wall', '-Wextra', '-Wpedantic', '-Werror',
                 '-fsyntax-only', f'-I{include}', f'-I{generated}', '-'],
                input=f'#include <{name}>\n#include <{name}>\n', text=True, capture_output=True, check=False)
            tap.check(case, result.stderr.splitlines() if result.returncode else ())
    if not tap.count:
        tap.skip('public headers compile alone', 'there is none')
    tap.finish()


if __name__ == '__main__':
    main()
