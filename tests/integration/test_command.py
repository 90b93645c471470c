# SPDX-License-Identifier: MIT
"""Command tasks: a command line, when it is due, and what becomes of it (docs/semantics.md, section 13)."""

import os
import pathlib
import signal
import unittest

from harness import CLSID, Case, HOUR, MINUTE, Package, SECOND, eventually, kill, processes, times, wait_gone

# Says that it has begun, then does what it is told.
SCRIPT = '''#!/bin/sh
exec 5<"$0.say"
echo "$$ $BGTASK_RUN $BGTASK_ATTEMPT" >"$0.told"
while read -r line <&5; do eval "$line"; done
'''
FIXED = {'BGTASK_ATTEMPT', 'BGTASK_BUS', 'BGTASK_NAME', 'BGTASK_PROGRESS_FD', 'BGTASK_RUN', 'BGTASK_TASK', 'HOME',
         'LANG', 'LOGNAME', 'PATH', 'SHELL', 'USER'}
# What a sanitizer or a shell puts there by itself.
UNTOLD = {'PWD', 'OLDPWD', 'SHLVL', '_'}
UNTIL_TERM, UNTIL_KILL = 5, 2
HOG = 'python3 -c "import signal; held = b\'x\' * (50 << 20); signal.pause()"'  # 50 MiB


class Script:
    """An executable that a test talks to over two FIFOs."""

    def __init__(self, broker, name='script'):
        self.path = broker.folder / name
        self.path.write_text(SCRIPT, encoding='utf-8')
        self.path.chmod(0o755)
        for end in ('say', 'told'):
            os.mkfifo(f'{self.path}.{end}')
        # Open for both, so that nobody ever meets the end.
        self.told = os.fdopen(os.open(f'{self.path}.told', os.O_RDWR), 'rb', buffering=0)
        self.words = os.fdopen(os.open(f'{self.path}.say', os.O_RDWR), 'wb', buffering=0)
        broker.sockets += [self.told, self.words]

    def line(self):
        line = b''
        while not line.endswith(b'\n'):
            line += self.told.read(1)
        return line.decode().strip()

    def begin(self):
        """Waits until it has begun; its pid, run and attempt."""
        pid, run, attempt = self.line().split()
        return int(pid), run, int(attempt)

    def say(self, command):
        self.words.write(f'{command}\n'.encode())


class Commands(Case):
    def setUp(self):
        super().setUp()
        self.script = Script(self.broker)

    def add(self, *args, name='task', command=None):
        """Adds a task by the command line; its id."""
        command = command or [str(self.script.path)]
        done = self.broker.bgtask('add', '--json', *args, name, '--', *command)
        self.assertEqual(done.status, 0, done.err)
        return done.json['task']

    def shell(self, text, *args, **more):
        return self.add('--custom', 'x', *args, command=['sh', '-c', text], **more)

    def ran(self, text, *args, **more):
        """What became of a shell command that was run once."""
        return self.broker.outcome(self.shell(text, *args, **more))


class Outcomes(Commands):
    def test_a_command_runs_when_it_is_due_and_its_exit_status_decides(self):
        task = self.add('--every', '1h', '--window', '0')
        self.broker.begin_advance(3600)
        _, run, attempt = self.script.begin()
        self.assertEqual(attempt, 1)
        self.assertEqual(set(self.broker.why(task)), {'running'})
        self.script.say('exit 0')
        self.assert_outcome(self.broker.ended(run), 'completed', text='completed', result=0, name='task',
                            package='commands')
        self.assertEqual(set(self.broker.why(task)), {'waiting-for-time'})

    def test_a_command_may_have_times_of_the_calendar(self):
        task = self.add('--at', 'Mon..Sun 04:30 UTC', command=['true'])
        next_time = self.broker.tasks()[0]['next-earliest']
        self.assertEqual(next_time // SECOND % 86400, 4 * 3600 + 30 * 60)
        self.assertIn('calendar Mon..Sun 04:30 UTC', self.broker.bgtask('list').out)
        self.assertEqual(self.broker.bgtask('edit', 'task', '--limit', '1h').status, 0)
        self.assertEqual(self.broker.tasks()[0]['next-earliest'], next_time)
        self.broker.begin_advance((next_time - self.broker.now()[2]) / SECOND)
        self.assert_outcome(self.broker.next_end(), 'completed', task=task, scheduled=next_time)
        self.assert_fails(self.broker.bgtask('add', 'b', '--at', 'whenever', '--', 'true'), 1, 'neither a date nor a')

    def test_an_exit_status_other_than_0_fails_the_run_and_is_in_the_history(self):
        self.assert_outcome(self.ran('exit 3'), 'failed', detail='exited', result=3, text='failed: exit status 3')
        self.assertIn('failed: exit status 3', self.broker.bgtask('history').out)

    def test_a_command_that_is_killed_fails_with_its_signal(self):
        self.assert_outcome(self.ran('kill -SEGV $$'), 'failed', detail='killed', result=signal.SIGSEGV,
                            text='failed: killed by SIGSEGV')

    def test_a_program_that_is_not_there_fails_the_run_and_the_log_names_it(self):
        task = self.add('--custom', 'x', command=['/nowhere/program'])
        self.assert_outcome(self.broker.outcome(task), 'failed', text='failed: No such file or directory')
        self.assertIn('bgtask: cannot execute /nowhere/program: No such file or directory', self.broker.lines(task))

    def test_a_folder_that_is_not_there_fails_the_run_and_the_log_names_it(self):
        task = self.add('--custom', 'x', '--dir', '/nowhere', command=['true'])
        self.assert_outcome(self.broker.outcome(task), 'failed', text='failed: No such file or directory')
        self.assertIn('bgtask: cannot change to the folder /nowhere: No such file or directory',
                      self.broker.lines(task))

    def test_what_it_prints_is_in_the_log_from_the_first_line_to_the_last(self):
        task = self.shell('echo out; echo err >&2; seq 2000; echo last')
        self.broker.outcome(task)
        lines = self.broker.lines(task)
        self.assertEqual((lines[:2], lines[-1], len(lines)), (['out', 'err'], 'last', 2003))

    def test_a_failed_command_is_tried_again_after_its_back_off_if_it_asked_for_that(self):
        task = self.add('--custom', 'x', '--retry', '1', '--retry-backoff', '1m')
        run = self.broker.run(task)
        self.script.begin()
        self.script.say('exit 1')
        eventually(lambda: 'waiting-for-retry' in self.broker.why(task))
        self.broker.begin_advance(60)
        self.assertEqual(self.script.begin()[1:], (run, 2))
        self.script.say('exit 0')
        self.assert_outcome(self.broker.ended(run), 'completed', attempts=2)

    def test_cpu_time_and_memory_are_in_the_history(self):
        idle = self.ran('exit 0', name='idle')
        busy = self.ran('i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; head -c 50000000 /dev/zero | tail -c 1',
                        name='busy')
        self.assertGreater(busy['cpu'], idle.get('cpu', 0) + 10000)
        self.assertGreater(busy['memory'], idle['memory'] // 2)
        self.assertGreater(idle['memory'], 100 << 10)
        shown = self.broker.bgtask('history', '--usage', 'busy').out
        self.assertRegex(shown, r'TIME +TASK +TOOK +CPU +MEMORY +OUTCOME')
        self.assertRegex(shown, r'busy .*\d+ m?s .*\d [kM]B  completed')

    def test_commands_that_are_due_together_run_side_by_side(self):
        scripts = [Script(self.broker, f'side{i}') for i in range(8)]
        for i, script in enumerate(scripts):
            self.add('--every', '1h', '--window', '0', name=f'side{i}', command=[str(script.path)])
        self.broker.begin_advance(3600)
        for script in scripts:
            script.begin()
        self.assertEqual(self.broker.status()['live'], 8)
        for script in scripts:
            script.say('exit 0')
        for _ in scripts:
            self.assert_outcome(self.broker.next_end(), 'completed')

    def test_one_task_may_run_in_parallel_with_itself(self):
        task = self.add('--custom', 'x', '--overlap', 'parallel')
        runs = [self.broker.run(task) for _ in range(3)]
        self.assertEqual({self.script.begin()[1] for _ in runs}, set(runs))
        self.assertEqual(self.broker.status()['live'], 3)
        self.broker.bgtask('cancel', 'task')
        for run in runs:
            self.assert_outcome(self.broker.ended(run), 'canceled')


class Environment(Commands):
    def seen(self, text, *args):
        task = self.shell(text, *args)
        self.assert_outcome(self.broker.outcome(task), 'completed')
        return self.broker.lines(task)

    def test_a_command_sees_the_fixed_environment_and_nothing_else(self):
        seen = dict(line.split('=', 1) for line in self.seen('env'))
        self.assertEqual(set(seen) - UNTOLD,
                         FIXED | {name for name in self.broker.environment if name.startswith('XDG_')})
        self.assertEqual(seen['HOME'], self.broker.environment['HOME'])
        self.assertEqual(seen['BGTASK_NAME'], 'task')

    def test_it_runs_at_home_without_input_with_an_ordinary_umask_and_no_open_descriptors(self):
        lines = self.seen('pwd; umask; cat | wc -c; ls -l /proc/self/fd | sed -n "s/.* \\([0-9]*\\) -> .*/\\1/p" | '
                          'sort -n | tr "\\n" " "')
        self.assertEqual(lines[:3], [self.broker.environment['HOME'], '0022', '0'])
        # Its own three, the one for progress, and that of ls.
        self.assertLessEqual(set(lines[3].split()), set('01234'))

    def test_signals_have_their_default_action_and_none_is_blocked(self):
        lines = self.seen('grep -E "^Sig(Blk|Ign)" /proc/self/status')
        self.assertEqual([int(line.split()[1], 16) for line in lines], [0, 0])

    def test_variables_and_a_folder_can_be_given(self):
        lines = self.seen('echo "$GREETING|$EMPTY|$PATH"; pwd', '--env', 'GREETING=two  words', '--env', 'EMPTY=',
                          '--env', 'PATH=/usr/bin:/bin:/mine', '--dir', '/usr')
        self.assertEqual(lines, ['two  words||/usr/bin:/bin:/mine', '/usr'])

    @unittest.skipIf({'ASAN_OPTIONS', 'TSAN_OPTIONS'} & set(os.environ), 'a sanitizer alone takes more memory')
    def test_it_runs_with_low_priority_and_the_limit_of_memory_that_was_asked_for(self):
        nice, data = self.seen('nice; ulimit -d', '--memory', '100M')
        self.assertEqual(int(nice), max(10, os.nice(0)))
        # With a cgroup the limit is that of all its processes together.
        alone = 'no cgroups' in self.broker.status()['process-control']
        self.assertEqual(data, str(100 << 10) if alone else 'unlimited')

    @unittest.skipIf({'ASAN_OPTIONS', 'TSAN_OPTIONS'} & set(os.environ), 'a sanitizer alone takes more memory')
    def test_a_tree_that_goes_over_its_memory_is_canceled_for_that(self):
        task = self.add('--custom', 'x', '--memory', '70M', command=['sh', '-c', f'{HOG} & {HOG} & wait'])
        self.assert_outcome(self.broker.outcome(task), 'canceled', reason='ResourceRevocation')

    @unittest.skipIf({'ASAN_OPTIONS', 'TSAN_OPTIONS'} & set(os.environ), 'a sanitizer alone takes more memory')
    def test_a_tree_that_keeps_below_its_memory_is_left_alone(self):
        hog = 'python3 -c "held = b\'x\' * (20 << 20); input()" <&3'
        task = self.add('--custom', 'x', '--memory', '150M', name='small',
                        command=['sh', '-c', f'exec 3</dev/null; {hog} & {hog} & wait'])
        self.assert_outcome(self.broker.outcome(task), 'completed')

    def test_arguments_arrive_as_they_were_given(self):
        words = ['', ' ', 'a b', '$HOME', '\\n', "it's", '"', 'two\nlines', '--json', 'ä']
        task = self.add('--custom', 'x', command=['printf', '<%s>\\n', *words])
        self.broker.outcome(task)
        self.assertEqual('\n'.join(self.broker.lines(task)), '\n'.join(f'<{word}>' for word in words))
        self.assertEqual(self.broker.bgtask('show', '--json', 'task').json['command'][2:], words)


class Ends(Commands):
    def begin(self, *args):
        task = self.add('--custom', 'x', *args)
        run = self.broker.run(task)
        return task, run, self.script.begin()[0]

    def test_sigterm_tells_a_command_that_it_is_canceled(self):
        task, run, _ = self.begin()
        self.script.say('trap "exit 7" TERM; echo ready >"$0.told"; while :; do sleep 0.01; done')
        self.script.line()
        self.assertEqual(self.broker.bgtask('cancel', 'task').status, 0)
        self.assert_outcome(self.broker.ended(run), 'canceled', reason='User', detail='exited', result=7)

    def test_sigterm_reaches_all_that_the_command_has_started(self):
        _, run, pid = self.begin()
        self.script.say('(setsid sh -c "echo \\$\\$ >$0.told; exec sleep 1000") & wait; wait')
        other = int(self.script.line())
        self.broker.bgtask('cancel', 'task')
        self.assert_outcome(self.broker.ended(run), 'canceled')
        self.assertTrue(wait_gone(other))
        self.assertTrue(wait_gone(pid))

    def test_it_reaches_a_command_that_is_being_started_and_what_that_starts(self):
        # /bin/sh of Debian forks for a single command too.
        task = self.shell('sleep 1000', name='young')
        for _ in range(times(20)):
            run = self.broker.run(task)
            self.broker.state_of(run, 'running')
            self.broker.call('CancelRun', 'su', run, 1)
            self.assert_outcome(self.broker.ended(run), 'canceled')
            eventually(lambda: processes(self.broker.folder) == [self.broker.process.pid])

    @unittest.skipIf({'ASAN_OPTIONS', 'TSAN_OPTIONS'} & set(os.environ), 'a sanitizer alone takes more memory')
    def test_one_that_the_next_broker_has_taken_over_is_canceled_when_it_goes_over_its_memory(self):
        _, run, _ = self.begin('--memory', '70M')
        self.broker.kill()
        self.broker.start()
        self.script.say(f'{HOG} & {HOG} & wait; wait')
        self.assert_outcome(self.broker.ended(run), 'canceled', reason='ResourceRevocation')

    def test_a_command_that_does_not_listen_is_killed(self):
        _, run, pid = self.begin()
        self.script.say('trap "" TERM; echo ready >"$0.told"')
        self.script.line()
        self.broker.bgtask('cancel', 'task')
        self.broker.advance_past(UNTIL_TERM + UNTIL_KILL)
        self.assert_outcome(self.broker.ended(run), 'canceled', reason='User')
        self.assertTrue(wait_gone(pid))

    def test_a_command_that_takes_longer_than_its_limit_is_stopped(self):
        _, run, pid = self.begin('--limit', '10m')
        self.broker.begin_advance(600)
        self.assert_outcome(self.broker.ended(run), 'timed-out', detail='killed', result=signal.SIGTERM)
        self.assertTrue(wait_gone(pid))

    def test_a_lost_condition_stops_a_command_that_asked_for_that_and_it_runs_again(self):
        self.broker.condition('OnACPower', 'true')
        task, run, _ = self.begin('--when', 'ac', '--cancel-on-condition-loss')
        # A run by hand is not canceled so.
        self.script.say('exit 0')
        self.broker.ended(run)
        run = self.broker.run(task, satisfied=True)
        self.script.begin()
        self.broker.condition('OnACPower', 'false')
        self.broker.begin_advance(2)
        eventually(lambda: set(self.broker.why(task)) == {'condition-false'})
        self.broker.condition('OnACPower', 'true')
        self.assertEqual(self.script.begin()[1:], (run, 2))
        self.script.say('exit 0')
        self.assert_outcome(self.broker.ended(run), 'completed', attempts=2)

    def test_a_command_is_canceled_with_its_removal_if_that_is_wished(self):
        _, run, pid = self.begin()
        self.assertEqual(self.broker.bgtask('rm', '--cancel', 'task').status, 0)
        self.assert_outcome(self.broker.ended(run), 'canceled', reason='Abort')
        self.assertTrue(wait_gone(pid))
        self.assertEqual(self.broker.tasks(), [])

    def test_without_that_it_may_end(self):
        _, run, _ = self.begin()
        self.assertEqual(self.broker.bgtask('rm', 'task').status, 0)
        self.script.say('exit 4')
        self.assert_outcome(self.broker.ended(run), 'failed', result=4)

    def test_what_a_command_starts_and_leaves_behind_lives_on(self):
        _, run, _ = self.begin()
        self.script.say('setsid sleep 1000 & echo $! >"$0.told"; exit 0')
        other = int(self.script.line())
        self.assert_outcome(self.broker.ended(run), 'completed')
        eventually(lambda: self.broker.status()['servers'] == 0)
        self.assertFalse(wait_gone(other, 0.01))
        kill(other)


class Progress(Commands):
    def test_a_number_that_a_command_writes_is_its_progress(self):
        run = self.broker.run(self.shell('echo 42 >&$BGTASK_PROGRESS_FD; echo ready >$0.told; read -r x <$0.say',
                                         name='a'))
        self.broker.progress(run, 42)
        self.broker.bgtask('cancel', 'a')

    def test_the_verb_progress_does_it_too_and_the_last_value_is_recorded(self):
        cli = os.environ['BGTASK_CLI']
        self.assert_outcome(self.ran(f'{cli} progress 10 && {cli} progress 99'), 'completed', progress=99)

    def test_what_is_no_number_is_ignored(self):
        junk = 'x\\n-1\\n\\n12345678901234567890\\n7 \\n33\\n0x1\\n5'
        self.assert_outcome(self.ran(f'printf "{junk}" >&$BGTASK_PROGRESS_FD'), 'completed', progress=33)

    def test_the_verb_progress_outside_of_a_command_says_so(self):
        done = self.broker.bgtask('progress', '50')
        self.assert_fails(done, 1, 'BGTASK_PROGRESS_FD is not set', 'bgtask add')
        for text in ('', '-1', 'x', '5%'):
            self.assert_fails(self.broker.bgtask('progress', '--', text), 2)
        self.assert_fails(self.broker.bgtask('progress', '50', env={'BGTASK_PROGRESS_FD': '99'}), 1, 'closed')


class Restart(Commands):
    def setUp(self):
        super().setUp()
        self.task = self.add('--custom', 'x')
        self.run_id = self.broker.run(self.task)
        self.script.begin()
        self.broker.state_of(self.run_id, 'running')

    def test_a_command_lives_on_when_the_broker_is_killed_and_its_exit_status_is_known(self):
        self.broker.kill()
        self.broker.start()
        eventually(lambda: set(self.broker.why(self.task)) == {'running'})
        self.script.say('exit 5')
        self.assert_outcome(self.broker.ended(self.run_id), 'failed', detail='exited', result=5, attempts=1)

    def test_the_exit_status_of_a_command_that_ended_meanwhile_is_known_too(self):
        self.broker.kill()
        supervisor = next(pid for pid in processes(self.broker.folder)
                          if pathlib.Path(f'/proc/{pid}/comm').read_text(encoding='utf-8') == 'bgtask-command\n')
        self.script.say('exit 6')
        eventually(lambda: not pathlib.Path(f'/proc/{supervisor}/task/{supervisor}/children').read_text(
            encoding='utf-8'))
        self.broker.start()
        self.assert_outcome(self.broker.ended(self.run_id), 'failed', detail='exited', result=6, attempts=1)

    def test_an_upgrade_of_the_broker_does_not_touch_it(self):
        self.assertEqual(self.broker.restart(), 0)
        eventually(lambda: set(self.broker.why(self.task)) == {'running'})
        self.broker.bgtask('cancel', 'task')
        self.assert_outcome(self.broker.ended(self.run_id), 'canceled', reason='User')

    def test_without_its_supervisor_a_command_does_not_live_on(self):
        command, = (pid for pid in processes(self.broker.folder)
                    if str(self.script.path).encode() in pathlib.Path(f'/proc/{pid}/cmdline').read_bytes().split(b'\0')
                    and b'bgtask-command' not in pathlib.Path(f'/proc/{pid}/cmdline').read_bytes())
        kill(self.broker.runs(self.task)[0]['pid'])
        self.assert_outcome(self.broker.ended(self.run_id), 'abandoned', detail='killed')
        self.assertTrue(wait_gone(command))

    def test_after_a_power_loss_it_is_run_again_once(self):
        self.broker.reboot()
        self.assertEqual(self.script.begin()[1:], (self.run_id, 2))
        self.script.say('exit 0')
        self.assert_outcome(self.broker.ended(self.run_id), 'completed', attempts=2)


class Registrations(Commands):
    def test_a_command_is_kept_with_all_its_options_over_a_restart(self):
        options = {'command': ['prog', 'a b', 'two\nlines'], 'environment': ['A=1', 'B=x y'], 'directory': '/usr',
                   'memory-limit': 500 << 20, 'cpu-limit': 50, 'tasks-limit': 20, 'notify-failure': True,
                   'on-failure': ['/bin/sh', '-c', 'true'], 'time-limit': 10 * MINUTE, 'retry-max': 3,
                   'overlap': 'buffer-one', 'catch-up': 'all', 'catch-up-window': 2 * HOUR}
        self.add('--every', '1d', '--when', 'internet,ac,unmetered', '--env', 'A=1', '--env', 'B=x y', '--dir', '/usr',
                 '--memory', '500M', '--cpu', '50', '--tasks', '20', '--notify-failure', '--on-failure', 'true',
                 '--limit', '10m', '--retry', '3', '--overlap', 'buffer-one', '--catch-up', 'all',
                 '--catch-up-window', '2h', command=options['command'])
        self.broker.restart()
        shown = self.broker.bgtask('show', '--json', 'task').json
        self.assertEqual({key: shown.get(key) for key in options}, options)
        self.assertEqual(shown['conditions'], ['InternetAvailable', 'FreeNetworkAvailable', 'OnACPower'])

    def test_a_command_that_watches_files_is_kept_with_what_it_watches_and_edit_changes_that(self):
        self.add('--files', '/usr:/etc', '--flat', '--delay', '2s', '--maximum-delay', '1m')
        trigger = self.broker.bgtask('show', '--json', 'task').json['trigger']
        self.assertEqual(trigger | {'kind': 'StorageLibraryContentChangedTrigger', 'paths': ['/usr', '/etc'],
                                    'recursive': False, 'delay': 2 * SECOND, 'maximum-delay': MINUTE}, trigger)
        done = self.broker.bgtask('edit', '--json', 'task', '--files', 'here', '--tracker')
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual(done.json['trigger']['kind'], 'StorageLibraryChangeTrackerTrigger')
        self.assertRegex(done.json['trigger']['paths'][0], '^/.*/here$')
        self.assertTrue(done.json['trigger']['recursive'])

    def test_edit_changes_what_is_given_and_keeps_the_rest_with_id_and_rhythm(self):
        task = self.add('--every', '1h', '--window', '0', '--env', 'A=1', '--retry', '2', '--when', 'ac')
        self.broker.advance(600)
        before = self.broker.bgtask('show', '--json', 'task').json
        done = self.broker.bgtask('edit', '--json', 'task', '--limit', '5m', '--when', '')
        self.assertEqual(done.status, 0, done.err)
        self.assertEqual(done.json, before | {'time-limit': 5 * MINUTE, 'conditions': []})
        self.assertEqual(self.broker.bgtask('edit', 'task', '--every', '2h', '--', 'true').status, 0)
        after = self.broker.bgtask('show', '--json', 'task').json
        self.assertEqual((after['task'], after['command'], after['trigger']['period']), (task, ['true'], 2 * HOUR))
        self.assertEqual(after['next-earliest'], before['next-earliest'] + HOUR)

    def test_edit_takes_back_what_is_not_wanted_any_more(self):
        self.add('--custom', 'x', '--notify-failure', '--on-failure', 'true', '--dir', '/usr', '--env', 'A=1',
                 '--cancel-on-condition-loss', '--when', 'ac', '--limit', '1m')
        done = self.broker.bgtask('edit', '--json', 'task', '--no-notify-failure', '--on-failure', '', '--dir', '',
                                  '--env', 'B=2', '--no-cancel-on-condition-loss', '--limit', '0')
        self.assertEqual(done.status, 0, done.err)
        for key in ('notify-failure', 'on-failure', 'directory', 'cancel-on-condition-loss', 'time-limit'):
            self.assertNotIn(key, done.json)
        self.assertEqual(done.json['environment'], ['B=2'])

    def test_edit_changes_tasks_of_packages_too_but_makes_no_command_of_them(self):
        package = Package(self.broker)
        self.broker.register(package, 'other')
        self.assertEqual(self.broker.bgtask('edit', 'other', '--every', '1h').status, 0)
        self.assert_fails(self.broker.bgtask('edit', 'other', '--', 'true'), 2, 'cannot become one')
        self.assert_refused('EntryPointConflict', by=lambda: self.broker.call(
            'Register', 'ss(sa{sv})asa{sv}s', package.family, 'other', ('ApplicationTrigger', {}), [],
            {'command': ('as', ['true'])}, 'update'))

    def test_a_command_is_listed_under_its_label_or_its_package(self):
        package = Package(self.broker)
        self.add('--custom', 'x')
        self.add('--custom', 'x', '--package', 'mine')
        self.add('--custom', 'x', '--package', package.family)
        for label in ('commands', 'mine', package.family):
            row, = self.broker.bgtask('list', '--json', '--package', label).json
            self.assertEqual((row['name'], row['package']), ('task', label))
        self.broker.call('RemovePackage', 's', package.family)
        self.assertEqual({row['package'] for row in self.broker.tasks()}, {'commands', 'mine'})

    def test_what_exists_is_kept_replaced_or_refused_as_the_caller_says(self):
        first = self.add('--custom', 'x')
        self.assert_fails(self.broker.bgtask('add', 'task', '--custom', 'x', '--', 'true'), 1,
                          'has a task of this name')
        self.assertEqual(self.add('--custom', 'x', '--if-exists', 'keep', command=['true']), first)
        self.assertEqual(self.broker.tasks()[0]['command'], [str(self.script.path)])
        self.assertEqual(self.add('--custom', 'x', '--if-exists', 'update', command=['true']), first)
        self.assertEqual(self.broker.tasks()[0]['command'], ['true'])
        self.assertNotEqual(self.add('--custom', 'x', '--if-exists', 'replace', command=['true']), first)

    def test_export_and_import_carry_commands(self):
        self.add('--every', '1d', '--when', 'ac', '--env', 'A=1', command=['prog', 'a\nb'])
        exported = self.broker.bgtask('export').out
        self.broker.bgtask('rm', 'task')
        done = self.broker.bgtask('import', '-', stdin=exported)
        self.assertEqual(done.status, 0, done.err)
        row, = self.broker.tasks()
        self.assertEqual((row['command'], row['environment'], row['package']), (['prog', 'a\nb'], ['A=1'], 'commands'))


class BadInput(Commands):
    def test_a_command_line_that_means_nothing_is_refused_with_a_reason_and_nothing_is_added(self):
        every = ('--every', '1h')
        cases = [
            (2, 'name the task', ('add',)),
            (2, 'behind --', ('add', 'a', *every)),
            (2, 'when is it due', ('add', 'a', '--', 'true')),
            (2, 'at most 8 triggers, and 9', ('add', 'a', *every * 9, '--', 'true')),
            (2, 'no duration', ('add', 'a', '--every', 'often', '--', 'true')),
            (2, '--when cannot be', ('add', 'a', *every, '--when', 'moon', '--', 'true')),
            (2, '--overlap cannot be', ('add', 'a', *every, '--overlap', 'x', '--', 'true')),
            (2, 'no number', ('add', 'a', *every, '--retry', '-1', '--', 'true')),
            (2, 'no size', ('add', 'a', *every, '--memory', '1X', '--', 'true')),
            (2, 'no number', ('add', 'a', *every, '--cpu', '50%', '--', 'true')),
            (2, '--if-exists cannot be', ('add', 'a', *every, '--if-exists', 'x', '--', 'true')),
            (1, 'is not NAME=value', ('add', 'a', *every, '--env', 'A', '--', 'true')),
            (1, 'is not NAME=value', ('add', 'a', *every, '--env', '1A=x', '--', 'true')),
            (1, 'set by the broker', ('add', 'a', *every, '--env', 'BGTASK_BUS=x', '--', 'true')),
            (1, 'not an absolute path', ('add', 'a', *every, '--dir', 'here', '--', 'true')),
            (1, 'first word of command is empty', ('add', 'a', *every, '--', '')),
            (1, 'not a name that a package could have', ('add', 'a', *every, '--package', '../x', '--', 'true')),
            (1, 'name is not valid', ('add', '', *every, '--', 'true')),
            (1, '1 s or more', ('add', 'a', '--every', '1ms', '--', 'true')),
            (1, 'path', ('add', 'a', '--files', '/a/../b', '--', 'true')),
            (1, 'in percent', ('add', 'a', *every, '--cpu', '1000000', '--', 'true')),
            (1, 'at most 1000 words', ('add', 'a', *every, '--', *['x'] * 1001)),
            (3, "no task 'nobody'", ('edit', 'nobody', '--retry', '1')),
            (3, "no task 'nobody'", ('rm', 'nobody')),
        ]
        for status, sentence, arguments in cases:
            with self.subTest(' '.join(arguments[:8])):
                self.assert_fails(self.broker.bgtask(*arguments), status, sentence)
        self.assertEqual(self.broker.tasks(), [])

    def test_the_bus_refuses_what_a_command_cannot_be(self):
        cases = [
            ('InvalidArgument', 'the command is empty', {'command': ('as', [])}),
            ('InvalidArgument', "must have the type 'as'", {'command': ('s', 'true')}),
            ('InvalidArgument', 'of a command task', {'environment': ('as', ['A=1'])}),
            ('InvalidArgument', 'of a command task', {'directory': ('s', '/usr')}),
            ('InvalidArgument', 'of a command task', {'memory-limit': ('t', 1)}),
            ('EntryPointConflict', '', {'command': ('as', ['true']), 'clsid': ('s', CLSID)}),
            ('EntryPointConflict', '', {'command': ('as', ['true']), 'entry-point': ('s', 'A.B')}),
        ]
        package = Package(self.broker)
        socket = 'SocketActivityTrigger', {'listen': ('s', 'unix:/nowhere/socket')}
        for trigger, more in ((socket, []), (('ApplicationTrigger', {}), [socket])):
            self.assert_refused('TriggerNotSupported', 'a command is given no socket', by=lambda: self.broker.call(
                'Register', 'ss(sa{sv})asa{sv}s', package.family, 'a', trigger, [],
                {'command': ('as', ['true']), 'triggers': ('a(sa{sv})', more)}, 'fail'))
        for error, sentence, options in cases:
            with self.subTest(options):
                self.assert_refused(error, sentence, by=lambda options=options: self.broker.call(
                    'Register', 'ss(sa{sv})asa{sv}s', package.family, 'a', ('ApplicationTrigger', {}), [], options,
                    'fail'))

    def test_the_supervisor_started_by_hand_says_what_it_is(self):
        program = pathlib.Path(os.environ['BGTASK_BROKER']).with_name('bgtask-command')
        self.assertTrue(program.exists())
