# SPDX-License-Identifier: MIT
"""The rows of tests/winrt about sockets that were handed over: a broker on the test clock holds none."""

import os
import pathlib
import subprocess
import unittest

from harness import Case, TIMEOUT

WINRT = pathlib.Path(os.environ['BGTASK_BUILD_ROOT']) / 'tests/winrt'


class HandedOver(Case):
    broker_options = {'test_clock': False}

    def check_rows(self, name):
        program = WINRT / name
        if not program.exists():
            self.skipTest(f'{name} is not built here')
        family = self.broker.bgtask('install', '--json', WINRT / 'package').json['package']
        done = subprocess.run([program, 'sockets'], env=self.broker.environment | {'BGTASK_PACKAGE': family},
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=2 * TIMEOUT, encoding='utf-8',
                              check=False)
        self.assertEqual((done.returncode, 'not ok' in done.stdout), (0, False), done.stdout + done.stderr)
        self.assertIn('ok 1 - ', done.stdout)
        self.assertEqual(self.broker.bgtask('remove', family).status, 0)

    def test_programs_of_this_machine_hand_their_sockets_over(self):
        self.check_rows('conformance')

    def test_so_do_those_that_call_as_on_windows(self):
        self.check_rows('conformance-ms-abi')


if __name__ == '__main__':
    unittest.main()
