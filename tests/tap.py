# SPDX-License-Identifier: MIT
"""Prints the results of a check in the Test Anything Protocol, which Meson reads."""

import sys


class Tap:
    def __init__(self):
        self.count = 0
        self.failed = False

    def check(self, name, problems=()):
        """One case: it holds if problems, a list of lines, is empty."""
        self.count += 1
        print(f'{"not " if problems else ""}ok {self.count} - {name}')
        for problem in problems:
            print(f'# {problem}')
        self.failed |= bool(problems)

    def skip(self, name, why):
        self.count += 1
        print(f'ok {self.count} - {name} # SKIP {why}')

    def finish(self):
        print(f'1..{self.count}')
        sys.exit(1 if self.failed else 0)
