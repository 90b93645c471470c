# SPDX-License-Identifier: MIT
"""Looks into what was built: symbols.py SOURCE BUILD. The engine computes only, libbgtask shows and needs little."""

import json
import pathlib
import re
import subprocess
import sys

from tap import Tap

# What the engine may call outside of itself: memory, and functions whose result depends on their arguments alone.
PURE = re.compile(
    r'malloc|calloc|realloc|reallocarray|free|abort|__assert_fail|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_'
    r'|mem(cpy|move|set|cmp|chr|mem)|__mem\w+_chk|str(len|nlen|cmp|ncmp|chr|rchr|dup|ndup|spn|cspn|str)'
    r'|qsort|qsort_r|bsearch|vsnprintf|error_\w+|support_works|utf8_\w+|crc32c|sha1|sha256|hmac_sha256|siphash24'
    r'|zone_name_is_valid|uuid_(parse|format|v5|v7)|big_calloc|buffer_(reserve|append|consume|done)'
    r'|(heap|queue|map)_\w+'
    r'|__(asan|ubsan|tsan|sanitizer)_\w+')
LIBC = re.compile(r'libc\.so\.\d+|libc\.musl-.*|ld-.*\.so(\.\d+)?')
# Comments, preprocessor lines, types, and functions with a body in the header.
NOT_EXPORTED = re.compile(r'/\*.*?\*/|^\s*#(?:[^\n]*\\\n)*[^\n]*|\btypedef\b[^;{]*;|\bstatic\b[^;{]*\{.*?^\}',
                          re.DOTALL | re.MULTILINE)


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def engine_is_pure(tap, build):
    case = 'the engine calls nothing that reads, writes, waits or asks for the time'
    archive = build / 'src/engine/libengine.a'
    # Its calendar is as pure as it is, and is held to the same.
    archives = (archive, build / 'src/calendar/libcalendar.a')
    own = {line.split()[0] for each in archives
           for line in run('nm', '-P', '--defined-only', each).splitlines() if ' ' in line}
    used = {line.split()[0] for each in archives
            for line in run('nm', '-P', '-u', each).splitlines() if ' ' in line}
    tap.check(case, sorted(name for name in used - own if not PURE.fullmatch(name)))


def library(tap, build, path, names, headers):
    """One library: what its names look like, and the headers that are its own."""
    name = pathlib.Path(path).stem
    needed = re.findall(r'\(NEEDED\).*\[(.*)\]', run('readelf', '-d', build / path))
    beside = () if name == 'libbgtask' else ('libbgtask.so.0',)
    tap.check(' and '.join([f'{name} needs libc', *(['libbgtask'] if beside else [])]) + ' only',
              [each for each in needed if not LIBC.fullmatch(each) and each not in beside])
    # An absolute symbol is the name of a version.
    exported = {line.split()[0].partition('@')[0]
                for line in run('nm', '-DP', '--defined-only', build / path).splitlines() if line.split()[1] != 'A'}
    tap.check(f'{name} exports names of its own only', sorted(e for e in exported if not re.fullmatch(names, e)))
    declared = {function or constant for header in headers
                for function, constant in re.findall(rf'\b({names})\s*\(|\bextern const \w+ (\w+);',
                                       NOT_EXPORTED.sub('', header.read_text(encoding='utf-8')))}
    tap.check(f'{name} exports exactly what its headers declare',
              [f'declared, not exported: {each}' for each in sorted(declared - exported)] +
              [f'exported, not declared: {each}' for each in sorted(exported - declared)])


def headers_are_installed(tap, source, build):
    installed = json.loads((build / 'meson-info/intro-installed.json').read_text(encoding='utf-8'))
    tap.check('every public header is installed',
              [str(header) for header in sorted((source / 'include').rglob('*.h')) if str(header) not in installed])


def main():
    source, build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    tap = Tap()
    engine_is_pure(tap, build)
    headers = sorted((source / 'include').rglob('*.h'))
    kit, winrt = [source / 'include/bgtask/test.h'], [source / 'include/bgtask/winrt.h']
    library(tap, build, 'src/client/libbgtask.so', r'bgt_\w+', [h for h in headers if h not in kit + winrt])
    library(tap, build, 'src/testkit/libbgtask-test.so', r'bgt_test_broker_\w+', kit)
    library(tap, build, 'src/winrt/libbgtask-winrt.so',
            r'(?:(?:Co|Ro|Sys)[A-Z]|Windows|IID_|[GS]et(?:Restricted)?ErrorInfo|IsErrorP)\w*',
            [*winrt, build / 'include/bgtask/winrt-interfaces.h'])
    headers_are_installed(tap, source, build)
    tap.finish()


if __name__ == '__main__':
    main()
