# SPDX-License-Identifier: MIT
"""Tests how ./check counts what Meson logs of a test program: run by run_unittest.py."""

import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / 'tools'))
import results  # noqa: E402


class Results(unittest.TestCase):
    def count(self, result, stdout='', status=0):
        count = results.Count()
        results.count_test(count, {'name': 'bgtask:unit / x', 'result': result, 'stdout': stdout,
                                   'stderr': 'why', 'returncode': status})
        return count, (count.passed, count.failed, count.skipped)

    def test_each_case_counts(self):
        _, numbers = self.count('OK', '1..3\nok 1 - a\nok 2 - b # SKIP no bus\nok 3 - c\n# ok 4 - text\n')
        self.assertEqual(numbers, (2, 0, 1))

    def test_a_program_without_cases_counts_once(self):
        self.assertEqual(self.count('OK')[1], (1, 0, 0))
        self.assertEqual(self.count('SKIP', '1..0 # SKIP not here\n')[1], (0, 0, 1))
        self.assertEqual(self.count('FAIL', status=1)[1], (0, 1, 0))

    def test_a_case_that_is_known_to_fail_is_no_failure_as_long_as_it_does(self):
        self.assertEqual(self.count('OK', 'not ok 1 - a # Todo not here\nok 2 - b\n')[1], (1, 0, 1))
        count, numbers = self.count('UNEXPECTEDPASS', 'ok 1 - a # Todo not here\n', 1)
        self.assertEqual((numbers, len(count.failures)), ((1, 1, 0), 1))

    def test_a_failed_case_is_a_failure_with_its_log(self):
        count, numbers = self.count('FAIL', 'ok 1 - a\nnot ok 2 - b\n1..2\n', status=1)
        self.assertEqual(numbers, (1, 1, 0))
        self.assertEqual(count.failures[0][0], 'x')
        self.assertIn('why', count.failures[0][1])

    def test_what_passed_when_it_was_run_again_has_passed_and_is_told(self):
        count, _ = self.count('FAIL', 'ok 1 - a\nnot ok 2 - b\nnot ok 3 - c\n', 1)
        self.assertIn('not ok 2', count.take_back('x'))
        self.assertEqual((count.passed, count.failed, count.failures), (3, 0, []))

    def test_a_program_that_dies_after_good_cases_has_failed(self):
        for result, status in (('ERROR', -6), ('TIMEOUT', -15), ('ERROR', 99)):
            count, numbers = self.count(result, 'ok 1 - a\nok 2 - b\n', status)
            self.assertEqual(numbers, (2, 1, 0))
            self.assertEqual(len(count.failures), 1)

    def test_a_case_that_cmocka_skips_is_skipped(self):
        count, numbers = self.count('FAIL', 'ok 1 - a\nnot ok 2 # SKIP b\n# ok - tests\n')
        self.assertEqual(numbers, (1, 0, 1))
        self.assertEqual((count.failures, count.forgiven), ([], 1))
        self.assertEqual(self.count('FAIL', 'not ok 1 # SKIP a\nnot ok 2 - b\n', 1)[1], (0, 1, 1))
        self.assertEqual(self.count('ERROR', 'not ok 1 # SKIP a\n', -11)[1], (0, 1, 1))


if __name__ == '__main__':
    unittest.main()
