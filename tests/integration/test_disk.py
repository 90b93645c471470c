# SPDX-License-Identifier: MIT
"""A disk without room: what cannot be kept is refused, what runs goes on, and all is well when there is room again.

A limit of the size of files is that disk for an ordinary user, too: no write to any file succeeds.
"""

import os
import resource
import unittest

from harness import Package, Running, eventually

MINUTE = 60
ALLOWED = 0


# A server inherits the limit, and the thread sanitizer cannot start without files of its own.
@unittest.skipIf('TSAN_OPTIONS' in os.environ, 'the thread sanitizer needs a disk with room')
class FullDisk(Running):
    def limit(self, size):
        pid = self.broker.process.pid
        hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard if size is None else size, hard))

    def fill(self):
        self.limit(0)

    def free(self):
        self.limit(None)

    def refuse(self, by):
        self.assert_refused('StoreFull', 'free some space', by=by)

    def test_what_cannot_be_kept_is_refused_and_nothing_is_half_done(self):
        task = self.task()
        other = Package(self.broker, 'Other.App', install=False)
        self.fill()
        self.refuse(lambda: self.task('second'))
        self.refuse(lambda: self.broker.call('Unregister', 'sb', task, True))
        self.refuse(lambda: self.broker.call('Pause', 'sb', task, True))
        self.refuse(other.install)
        self.refuse(lambda: self.broker.call('RemovePackage', 's', self.package.family))
        self.free()
        second = self.task('second')
        other.install()
        before = self.broker.tasks(), self.broker.packages()
        self.assertEqual({row['task'] for row in before[0]}, {task, second})
        self.broker.kill()
        self.broker.start()
        self.assertEqual((self.broker.tasks(), self.broker.packages()), before)

    def test_runs_go_on_and_their_outcomes_are_written_when_there_is_room(self):
        task = self.task()
        self.fill()
        result, run = self.broker.request(task)
        self.assertEqual(result, ALLOWED)
        talk = self.package.talk_of(run)
        talk.end()
        self.assert_outcome(self.broker.ended(run), 'completed')
        self.assertEqual(self.broker.history(), [])
        status = self.broker.status()
        self.assertEqual(status['unstored'], 1)
        self.assertTrue([problem for problem in status['problems'] if 'look at the disk' in problem], status)
        self.free()
        self.broker.advance(MINUTE)
        self.assertEqual([row['run'] for row in self.broker.history(task)], [run])
        self.assertEqual(self.broker.status()['unstored'], 0)
        self.broker.kill()
        self.broker.start()
        self.assertEqual([row['run'] for row in self.broker.history(task)], [run])

    def test_an_outcome_that_was_not_written_is_told_to_the_next_broker(self):
        task = self.task()
        self.fill()
        _, run = self.broker.request(task)
        self.package.talk_of(run).end(-5)
        self.assert_outcome(self.broker.ended(run), 'failed')
        self.broker.kill()
        self.broker.start()
        # It may be told before anybody watches.
        record, = eventually(lambda: self.broker.history(task))
        self.assertEqual(record['run'], run)
        self.assert_outcome(record, 'failed', result=-5, attempts=1)

    def test_lines_that_found_no_room_are_counted(self):
        task = self.task()
        run, talk = self.begin(task)
        talk.ask('print before')
        self.assertEqual(self.broker.lines(task), ['before'])
        self.fill()
        talk.ask('print nowhere')
        self.assertEqual(self.broker.lines(task), ['before'])
        self.free()
        talk.ask('print after')
        self.assertEqual(self.broker.lines(task), ['before', '1 lines of output were lost: File too large', 'after'])
        talk.end()
        self.broker.ended(run)
