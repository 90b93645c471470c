# SPDX-License-Identifier: MIT
"""./demo, as a user runs it, with the programs of this build."""

import os
import pathlib
import signal
import subprocess
import tempfile
import unittest

BUILD = os.environ['BGTASK_BUILD_ROOT']
SOURCE = pathlib.Path(os.environ['BGTASK_SOURCE_ROOT'])


class Demo(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix='bgtask-')
        self.addCleanup(self.folder.cleanup)

    def start(self, *args):
        process = subprocess.Popen([SOURCE / 'demo', *args], env=dict(os.environ, TMPDIR=self.folder.name),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   encoding='utf-8', start_new_session=True)
        self.addCleanup(process.stdout.close)
        return process

    def assert_nothing_is_left(self, process):
        """Neither a file, nor a process of the demo's session, nor a server, which the folder's name betrays."""
        self.assertEqual(os.listdir(self.folder.name), [])
        with self.assertRaises(ProcessLookupError):
            os.killpg(process.pid, 0)
        for entry in pathlib.Path('/proc').glob('[0-9]*/environ'):
            try:
                self.assertNotIn(self.folder.name.encode(), entry.read_bytes(), entry)
            except (FileNotFoundError, PermissionError, ProcessLookupError):
                pass

    def test_it_tells_its_story_twice_and_leaves_nothing(self):
        for _ in range(2):
            process = self.start('--build', BUILD)
            story, _ = process.communicate(timeout=100)
            self.assertEqual(process.returncode, 0, story)
            for part in ('SamplePackagedWinMainBackgroundApp_h91ms92gdsmmt', '$ bgtask why SampleTask', 'progress',
                         'SystemPolicy', '$ bgtask history SampleTask', 'the condition InternetAvailable is false',
                         '$ bgtask simulate InternetAvailable=true'):
                self.assertIn(part, story)
            self.assert_nothing_is_left(process)

    def test_it_cleans_up_when_it_is_ended_early(self):
        process = self.start('--build', BUILD)
        for line in process.stdout:
            if 'progress' in line:
                break
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=100)
        self.assertEqual(process.returncode, 143, rest)
        self.assert_nothing_is_left(process)

    def test_it_says_what_it_takes(self):
        process = self.start('--help')
        self.assertIn('Usage: ./demo', process.communicate(timeout=100)[0])
        self.assertEqual(process.returncode, 0)
        process = self.start('--nonsense')
        self.assertIn('Usage: ./demo', process.communicate(timeout=100)[0])
        self.assertEqual(process.returncode, 2)


if __name__ == '__main__':
    unittest.main()
