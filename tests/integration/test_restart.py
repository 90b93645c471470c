# SPDX-License-Identifier: MIT
"""The broker is killed at one point, and the next one goes on from there."""

import contextlib
import os
import shutil
import signal
import threading

from bus_client import Client, Lost
from harness import BROKER, Broker, Running, eventually, processes

INTERVAL = ('interval', {'period': ('t', 1000000), 'window': ('t', 0)})


class Restart(Running):
    broker_options = {'test_clock': False}

    def kill_and_start(self):
        self.broker.kill()
        self.broker.start()

    def record(self, run):
        """The record of a run: its end may have come before anybody could watch."""
        return eventually(lambda: [row for row in self.broker.history() if row['run'] == run], run)[0]

    def run_again(self, task):
        """Runs a task to its end, by request, and returns the record."""
        result, run = self.broker.request(task)
        self.assertEqual(result, 0)
        return self.record(run)

    def test_a_task_whose_registration_was_answered_is_there_and_fires(self):
        task = self.task('ok')
        timer = self.task('timer', INTERVAL)
        self.kill_and_start()
        self.assertEqual({row['task'] for row in self.broker.tasks()}, {task, timer})
        self.assert_outcome(self.run_again(task), 'completed')
        eventually(lambda: self.broker.history(timer))

    def test_a_task_whose_removal_was_answered_is_gone_for_good(self):
        task = self.task('timer', INTERVAL)
        self.broker.call('Unregister', 'sb', task, True)
        self.kill_and_start()
        self.assertEqual(self.broker.tasks(), [])
        self.kill_and_start()
        self.assertEqual((self.broker.tasks(), self.broker.runs()), ([], []))

    def test_a_run_goes_on_and_its_progress_lines_and_outcome_arrive(self):
        task = self.task()
        run, talk = self.begin(task)
        talk.ask('print before')
        talk.ask('progress 10')
        self.broker.kill()
        talk.ask('print without a broker')
        talk.ask('progress 20')
        self.broker.start()
        eventually(lambda: [row['progress'] for row in self.broker.runs(task)] == [20], 'progress')
        self.assertEqual(self.broker.lines(task), ['before', 'without a broker'])
        talk.ask('print after')
        talk.ask('progress 30')
        self.broker.progress(run, 30)
        talk.end()
        self.assert_outcome(self.broker.ended(run), 'completed', attempts=1, progress=30)
        self.assertEqual(self.broker.lines(task, run), ['before', 'without a broker', 'after'])
        self.assertEqual([pid for pid in processes(self.broker.folder) if pid != self.broker.process.pid], [talk.pid])
        self.assert_outcome(self.run_again(self.task('ok')), 'completed')
        self.assertEqual(self.broker.status()['servers'], 1)

    def test_a_run_has_begun_when_it_was_sent_whichever_broker_saw_it(self):
        task = self.task()
        run, talk = self.begin(task)
        since = self.broker.runs(task)[0]['since']
        self.kill_and_start()
        eventually(lambda: 'unconfirmed' not in self.broker.why(task))
        talk.end()
        record = self.record(run)
        self.assertLessEqual(record['accepted'], record['started'])
        self.assertLessEqual(record['started'], since)

    def test_an_outcome_is_delivered_to_the_next_broker(self):
        task = self.task()
        run, talk = self.begin(task)
        self.broker.kill()
        talk.ask('print last words')
        talk.end(-5)
        self.assertEqual(talk.hear(), '')
        self.broker.start()
        self.assert_outcome(self.record(run), 'failed', result=-5, attempts=1)
        self.assertEqual(self.broker.lines(task, run), ['last words'])
        self.kill_and_start()
        self.assertEqual([row['run'] for row in self.broker.history()], [run])

    def test_a_server_that_died_without_a_broker_has_abandoned_its_run(self):
        task = self.task()
        run, talk = self.begin(task)
        self.broker.kill()
        talk.say('exit 3')
        self.assertEqual(talk.hear(), '')
        eventually(lambda: not processes(self.broker.folder))
        self.broker.start()
        self.assert_outcome(self.record(run), 'abandoned', attempts=1)
        self.assertEqual(self.broker.status()['servers'], 0)

    def test_a_planned_end_is_no_different(self):
        task = self.task()
        run, talk = self.begin(task)
        self.assertEqual(self.broker.terminate(), 0)
        talk.ask('print without a broker')
        self.broker.start()
        talk.end()
        self.assert_outcome(self.record(run), 'completed', attempts=1)
        self.assertEqual(self.broker.lines(task, run), ['without a broker'])

    def test_a_run_whose_task_was_unregistered_goes_on_to_its_outcome(self):
        task = self.task()
        run, talk = self.begin(task)
        self.broker.call('Unregister', 'sb', task, False)
        self.kill_and_start()
        self.assertEqual(self.broker.tasks(), [])
        talk.ask('progress 7')
        talk.end()
        self.assert_outcome(self.record(run), 'completed', attempts=1, progress=7)
        self.kill_and_start()
        self.assertEqual(len(self.broker.history()), 1)

    def test_runs_side_by_side_come_back_to_one_server(self):
        task = self.task(overlap=('s', 'parallel'))
        talks = [self.begin(task) for _ in range(2)]
        self.kill_and_start()
        for run, talk in talks:
            talk.end()
            self.assert_outcome(self.record(run), 'completed', attempts=1)
        self.assertEqual(self.broker.status()['servers'], 1)


class Upgrade(Running):
    """The broker is started from a copy, in whose place another one is put."""

    broker_options = {'test_clock': False}

    def new_broker(self, **options):
        broker = Broker(start=False, **options)
        self.addCleanup(self.finish, broker)
        self.program = broker.folder / 'bgtaskd'
        shutil.copy(BROKER, self.program)
        # What is wrapped is the program's usual path, whose place the copy takes.
        broker.wrapper = ['sh', '-c', f'shift; exec {self.program} "$@"', 'sh']
        return broker.start()

    def upgrade(self):
        """Puts another copy there, and waits until the broker is that one."""
        new = self.program.with_suffix('.new')
        shutil.copy(BROKER, new)
        inode = new.stat().st_ino
        new.rename(self.program)
        os.kill(self.broker.process.pid, signal.SIGUSR2)
        self.assertTrue(self.broker.client.peer_is_gone())
        self.broker.connect()
        self.assertEqual(os.stat(f'/proc/{self.broker.process.pid}/exe').st_ino, inode)
        self.assertEqual(self.broker.status()['pid'], self.broker.process.pid)
        self.assertEqual(self.broker.status()['bus'], str(self.broker.bus))

    def test_runs_and_servers_are_those_that_they_were(self):
        task = self.task()
        run, talk = self.begin(task)
        talk.ask('print before')
        for value in (10, 20):
            self.upgrade()
            talk.ask(f'progress {value}')
            eventually(lambda: [row['progress'] for row in self.broker.runs(task)] == [value])
        talk.ask('print after')
        talk.end()
        self.assert_outcome(self.broker.ended(run), 'completed', attempts=1, progress=20)
        self.assertEqual(self.broker.lines(task, run), ['before', 'after'])
        self.assertEqual([row['run'] for row in self.broker.history()], [run])
        self.assertEqual(self.broker.status()['servers'], 1)

    def test_the_exit_status_of_a_server_is_still_known(self):
        task = self.task()
        run, talk = self.begin(task)
        self.upgrade()
        eventually(lambda: 'unconfirmed' not in self.broker.why(task))
        talk.say('exit 3')
        self.assert_outcome(self.broker.ended(run), 'abandoned', detail='exited', result=3)

    def test_nobody_who_connects_meanwhile_is_refused(self):
        errors, stop = [], threading.Event()

        def connect():
            while not stop.is_set():
                try:
                    with contextlib.suppress(Lost), Client(str(self.broker.bus)):
                        pass
                except (BrokenPipeError, ConnectionResetError):
                    pass  # let in by the program that ends: it asks again
                except OSError as error:
                    errors.append(error)
        thread = threading.Thread(target=connect)
        thread.start()
        try:
            for _ in range(5):
                self.upgrade()
        finally:
            stop.set()
            thread.join()
        self.assertEqual(errors, [])

    def test_what_cannot_be_executed_leaves_the_program_that_runs(self):
        task = self.task('ok')
        self.program.unlink()
        os.kill(self.broker.process.pid, signal.SIGUSR2)
        self.assertTrue(self.broker.client.peer_is_gone())
        self.broker.connect()
        self.assert_outcome(self.broker.outcome(task), 'completed')
        self.assertEqual(self.broker.terminate(), 0)
        self.assertFalse(self.broker.bus.exists(), 'the socket goes with its broker')
        shutil.copy(BROKER, self.program)
        self.broker.start()
