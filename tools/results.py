# SPDX-License-Identifier: MIT
"""Counts the single cases in Meson's log of a test run, one JSON object for each test program."""

import json
import re

TAP_LINE = re.compile(r'^(not )?ok\b(.*)$', re.MULTILINE)
TAP_SKIP = re.compile(r'#\s*skip', re.IGNORECASE)
TAP_EXPECTED = re.compile(r'#\s*todo', re.IGNORECASE)


class Count:
    """How many cases passed, failed and were skipped, and the log of each test program that failed."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.failures = []
        self.forgiven = 0  # programs that Meson calls failed and that are not
        self.cases = {}    # how many cases failed of a test program
        self.tests = set()

    def __str__(self):
        return f'{self.passed} passed, {self.failed} failed, {self.skipped} skipped'

    def seen(self):
        return self.passed + self.failed + self.skipped

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def take_back(self, name):
        """The failures of a test program that passed when it was run again count as passed; what it said first."""
        self.failed -= self.cases[name]
        self.passed += self.cases.pop(name)
        log = next(log for failed, log in self.failures if failed == name)
        self.failures.remove((name, log))
        return log

    def fail(self, name, log):
        """One failure that is not a test case: a build, a report, a process that stayed."""
        self.failed += 1
        self.failures.append((name, log))


def logs(build):
    """Where Meson logs a test run of a build folder; the name depends on the wrapper."""
    return list(build.glob('meson-logs/testlog*.json'))


def read(build):
    """Sums the only test run that a build folder has the log of; nothing if no test ran."""
    count = Count()
    for path in logs(build):
        for line in path.read_text(errors='replace').splitlines():
            count_test(count, json.loads(line))
    return count


def count_test(count, test):
    """A test program that speaks TAP counts by its cases, another one as a single case. What is known not to hold, and
    does not, has neither passed nor failed."""
    passed = failed = skipped = 0
    for negation, rest in TAP_LINE.findall(test.get('stdout', '')):
        if TAP_SKIP.search(rest) or (negation and TAP_EXPECTED.search(rest)):
            skipped += 1
        elif negation:
            failed += 1
        else:
            passed += 1
    # cmocka says "not ok # SKIP" of a case that left by skip(), which Meson takes for a failure of the program.
    forgiven = test['result'] == 'FAIL' and test['returncode'] == 0 and skipped and not failed
    good = forgiven or test['result'] in ('OK', 'EXPECTEDFAIL', 'SKIP')
    count.forgiven += bool(forgiven)
    if good and not passed + failed + skipped:
        skipped += test['result'] == 'SKIP'
        passed += test['result'] != 'SKIP'
    elif not good and not failed:
        # A crash, a time-out, a sanitizer: the case that it hit printed nothing.
        failed = 1
    count.passed += passed
    count.failed += failed
    count.skipped += skipped
    if not good:
        name = test['name'].rpartition(' / ')[2]
        log = test.get('stdout', '') + test.get('stderr', '')
        count.tests.add(name)
        count.cases[name] = failed
        count.failures.append((name, f'{log}\n{test["result"]}, exit status {test["returncode"]}'))
