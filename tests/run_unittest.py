# SPDX-License-Identifier: MIT
"""Runs a file of unittest cases and prints one TAP line for each: run_unittest.py FILE [Class.method …]

The folder of the file is the first to import from, so that tests find the modules beside them.
"""

import importlib.util
import pathlib
import sys
import traceback
import unittest


class TapResult(unittest.TestResult):
    """Prints each result when it is known, so that the log of a test that hangs says where."""

    def __init__(self):
        super().__init__()
        self.count = 0
        self.problems = []

    def startTest(self, test):
        super().startTest(test)
        self.problems = []

    def line(self, name, good=True, note=''):
        self.count += 1
        print(f'{"" if good else "not "}ok {self.count} - {name}{note}', flush=True)

    def problem(self, error):
        self.problems += ''.join(traceback.format_exception(*error)).rstrip().split('\n')

    def addSuccess(self, test):
        self.line(title(test))

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.problem(error)
        self.report(title(test))

    def addError(self, test, error):
        super().addError(test, error)
        self.problem(error)
        self.report(title(test))

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error:
            self.problem(error)
            self.report(f'{title(test)} {subtest._subDescription()}')

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line(title(test), note=f' # SKIP {reason}')

    def addExpectedFailure(self, test, error):
        self.addFailure(test, error)

    def addUnexpectedSuccess(self, test):
        self.line(title(test), good=False)

    def report(self, name):
        self.line(name, good=False)
        for line in self.problems:
            print(f'# {line}', flush=True)
        self.problems = []


def title(test):
    """The name of the method reads as a sentence; a class or module that could not be set up has only its id."""
    return getattr(test, '_testMethodName', test.id()).removeprefix('test_')


def main():
    path = pathlib.Path(sys.argv[1]).resolve()
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem.replace('-', '_'), path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    loader = unittest.defaultTestLoader
    suite = loader.loadTestsFromNames(sys.argv[2:], module) if sys.argv[2:] else loader.loadTestsFromModule(module)
    result = TapResult()
    suite.run(result)
    print(f'1..{result.count}')
    sys.exit(0 if result.wasSuccessful() else 1)


if __name__ == '__main__':
    main()
