# SPDX-License-Identifier: MIT
"""The rows of tests/winrt that need a broker of their own kind: on the real clock, or with a limit."""

import os
import pathlib
import subprocess
import tempfile
import unittest

from harness import Case, TIMEOUT

WINRT = pathlib.Path(os.environ['BGTASK_BUILD_ROOT']) / 'tests/winrt'


class Rows(Case):
    broker_options = None

    def check(self, rows, program, environment=None, **options):
        if not (WINRT / program).exists():
            self.skipTest(f'{program} is not built here')
        broker = self.new_broker(environment, **options)
        family = broker.bgtask('install', '--json', WINRT / 'package').json['package']
        done = subprocess.run([WINRT / program, rows], env=broker.environment | {'BGTASK_PACKAGE': family},
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=2 * TIMEOUT, encoding='utf-8',
                              check=False)
        self.assertEqual((done.returncode, 'not ok' in done.stdout), (0, False), done.stdout + done.stderr)
        self.assertIn('ok 1 - ', done.stdout)
        self.assertEqual(broker.bgtask('remove', family).status, 0)

    def test_programs_of_this_machine_hand_their_sockets_over(self):
        self.check('sockets', 'conformance', test_clock=False)

    def test_so_do_those_that_call_as_on_windows(self):
        self.check('sockets', 'conformance-ms-abi', test_clock=False)

    def test_a_package_over_its_quota_is_told_so(self):
        with tempfile.TemporaryDirectory(prefix='bgt-') as folder:
            file = pathlib.Path(folder, 'bgtask', 'bgtaskd.conf')
            file.parent.mkdir()
            file.write_text('[limits]\nregistrations-per-package = 1\n', encoding='utf-8')
            self.check('quota', 'conformance', {'XDG_CONFIG_HOME': folder})


if __name__ == '__main__':
    unittest.main()
