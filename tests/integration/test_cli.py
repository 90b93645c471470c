# SPDX-License-Identifier: MIT
"""The command line as people and scripts meet it: each verb's output, its JSON, and its exit status."""

import fcntl
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from harness import CLI, CLSID, CLSID_2, Case, Package, TIMEOUT

SOURCE = pathlib.Path(os.environ['BGTASK_SOURCE_ROOT'])
TIME = ('TimeTrigger', {'freshness-minutes': ('u', 15)})
OPTION = re.compile(r'(?<![\w-])--([a-z-]+)')
ANY_ID = '[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
UNKNOWN_RUN = '00000000-0000-4000-8000-000000000000'


def verbs(overview):
    """Each verb of the overview with its summary."""
    return dict(re.findall(r'^  ([a-z-]+) {2,}(\S.*)$', overview, re.MULTILINE))


def verb_source(verb):
    """The file of a verb, with what holds the options that it shares with others."""
    source = (SOURCE / f'src/cli/{"tell-progress" if verb == "progress" else verb}.c').read_text(encoding='utf-8')
    for other in re.findall(r'verb_(\w+)\.run\(', source):
        source += verb_source(other)
    if 'TASK_OPTIONS(&' in source:
        shared = (SOURCE / 'src/cli/task-row.h').read_text(encoding='utf-8')
        source += shared if 'TASK_OPTIONS_NO' in source else re.sub(r'#define TASK_OPTIONS_NO.*?\n\n', '', shared,
                                                                    flags=re.DOTALL)
    return source


class Terminal:
    """The command line on a terminal of some width."""

    def __init__(self, broker, *args, columns=80, rows=24, **env):
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
        self.master, self.seen = master, ''
        self.process = subprocess.Popen([CLI, *args], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
                                        env=broker.environment | {'TERM': 'xterm'} | env,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(slave)

    def read(self):
        """Some more of what it shows; False at the end."""
        if not select.select([self.master], [], [], TIMEOUT)[0]:
            raise TimeoutError(self.seen)
        try:
            data = os.read(self.master, 65536)
        except OSError:
            data = b''
        self.seen += data.decode()
        return bool(data)

    def until(self, text):
        while text not in self.seen:
            if not self.read():
                raise AssertionError(f'{text!r} is not in {self.seen!r}')
        return self.seen

    def press(self, key):
        os.write(self.master, key)

    def end(self):
        """Its exit status, and all that it showed."""
        while self.read():
            pass
        os.close(self.master)
        return self.process.wait(TIMEOUT), self.seen.replace('\r\n', '\n')


class CliCase(Case):
    def setUp(self):
        super().setUp()
        self.package = Package(self.broker).listen()

    def ok(self, *args, **more):
        done = self.broker.bgtask(*args, **more)
        self.assertEqual((done.status, done.err), (0, ''), done.out)
        return done

    def control(self, name='control'):
        """A task whose runs do what the test says."""
        return self.broker.register(self.package, name)

    def terminal(self, *args, **more):
        return Terminal(self.broker, *args, **more)


class Verbs(CliCase):
    def test_install_and_packages_and_remove(self):
        folder = str(self.package.folder)
        self.assertEqual(self.ok('install', folder).out, f'installed {self.package.family}\n')
        answer = self.ok('install', '--json', folder).json
        self.assertEqual(answer['package'], self.package.family)
        row = self.ok('packages', '--json').json[0]
        self.assertEqual((row['package'], row['folder'], row['version'], row['tasks']),
                         (self.package.family, folder, '1.0.0.0', 0))
        self.assertEqual([each['clsid'].lower() for each in row['classes']], [CLSID])
        self.assertRegex(self.ok('packages').out,
                         f'^PACKAGE +VERSION +CLASSES +TASKS +FOLDER\n{self.package.family} +1.0.0.0')
        self.assertEqual(self.ok('remove', '--json', self.package.family).json, {'removed': self.package.family})
        done = self.broker.bgtask('packages')
        self.assertEqual((done.status, done.out), (0, ''))
        self.assertIn('bgtask install', done.err)
        self.assertEqual(self.ok('packages', '--json').json, [])

    def test_register_and_list_and_show_and_unregister(self):
        out = self.ok('register', '--every', '1h', '--window', '5m', '--when', 'InternetAvailable,OnACPower',
                      '--limit', '10m', '--retry', '3', 'Sync').out
        self.assertRegex(out, f'^registered Sync, id {ANY_ID}\n$')
        kept = self.ok('register', '--every', '2h', '--if-exists', 'keep', '--json', 'Sync').json
        self.assertEqual((kept['name'], kept['trigger']['period'], kept['conditions'], kept['time-limit']),
                         ('Sync', 3600 * 10**6, ['InternetAvailable', 'OnACPower'], 600 * 10**6))
        rows = self.ok('list', '--json').json
        self.assertEqual([row['task'] for row in rows], [kept['task']])
        self.assertEqual({'task', 'package', 'name', 'trigger', 'conditions', 'state', 'pending', 'live', 'registered',
                          'paused', 'next-earliest', 'next-latest'} - rows[0].keys(), set())
        self.assertRegex(self.ok('list').out, r'NAME +STATE +TRIGGER +NEXT +LAST +PACKAGE\n'
                         r'Sync +waiting +interval 1 h +in 1 h +- +' + self.package.family)
        shown = self.ok('show', 'Sync').out
        for line in (r'trigger +interval 1 h', r'conditions +InternetAvailable, OnACPower', r'time-limit +10 min',
                     r'next-earliest +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(in 1 h\)', r'retry-max +3'):
            self.assertRegex(shown, line)
        self.assertEqual(self.ok('show', '--json', kept['task']).json['name'], 'Sync')
        self.assertEqual(self.ok('unregister', 'Sync').out, 'unregistered Sync\n')
        self.assertEqual(self.ok('list', '--json').json, [])

    def test_list_shows_a_group_and_a_package_only(self):
        other = Package(self.broker, name='Test.Other', classes=(CLSID_2,))
        self.broker.register(self.package, 'a', TIME)
        self.broker.register(self.package, 'b', TIME, group=('s', 'g1'))
        self.broker.register(other, 'c', TIME, clsid=CLSID_2)
        for names, *args in (('abc',), ('b', '--group', 'g1'), ('ac', '--group', ''),
                             ('c', '--package', other.family)):
            self.assertEqual(''.join(sorted(row['name'] for row in self.ok('list', '--json', *args).json)), names)

    def test_run_says_how_it_ended_and_its_status_says_so_too(self):
        self.broker.register(self.package, 'ok')
        self.broker.register(self.package, 'fail-5')
        done = self.ok('run', 'ok')
        self.assertEqual(done.out.splitlines()[-1], 'ok completed')
        failed = self.broker.bgtask('run', 'fail-5')
        self.assertEqual(failed.status, 5)
        self.assertRegex(failed.out, 'fail-5 failed: ')
        record = self.broker.bgtask('run', '--json', 'fail-5')
        self.assertEqual((record.status, record.json['outcome'], record.json['fired-by']), (5, 'failed', 'manual'))

    def test_run_without_waiting_prints_the_run_and_cancel_ends_it(self):
        self.control()
        run = self.ok('run', '--no-wait', 'control').out.strip()
        talk = self.package.talk_of(run)
        live = self.ok('show', '--json', 'control').json
        self.assertEqual((live['state'], live['live']), ('live', 1))
        self.assertIn(run, self.ok('show', 'control').out)
        self.assertEqual(self.ok('cancel', '--reason', 'SystemPolicy', 'control').out,
                         'canceled control (SystemPolicy)\n')
        self.assertEqual(talk.canceled(), 7)
        talk.end()
        self.assertEqual(self.broker.ended(run)['reason'], 'SystemPolicy')
        self.assertEqual(self.ok('cancel', 'control').out, 'control is not running and nothing of it waits\n')
        self.assertEqual(self.ok('cancel', '--json', 'control').json, {'canceled': 0})

    def test_cancel_takes_a_run_and_a_number(self):
        self.control()
        run = self.ok('run', '--no-wait', '--json', 'control').json['run']
        talk = self.package.talk_of(run)
        self.assertEqual(self.ok('cancel', '--reason', '5', '--json', '--run', run).json, {'canceled': 1})
        self.assertEqual(talk.canceled(), 5)
        talk.end()
        self.assertEqual(self.broker.ended(run)['reason'], 'Uninstall')

    def test_history_is_newest_first_and_ends_where_it_is_told(self):
        self.broker.register(self.package, 'ok')
        self.broker.register(self.package, 'fail-5')
        runs = [self.broker.outcome(self.broker.tasks(name=name)[0]['task'])['run']
                for name in ('ok', 'fail-5', 'ok')]
        rows = self.ok('history', '--json').json
        self.assertEqual([row['run'] for row in rows], runs[::-1])
        self.assertEqual({'run', 'task', 'name', 'package', 'outcome', 'text', 'attempts', 'ended', 'fired-by'} -
                         rows[0].keys(), set())
        self.assertEqual([row['run'] for row in self.ok('history', '--json', '--last', '1').json], runs[2:])
        self.assertEqual([row['run'] for row in self.ok('history', '--json', '--last', '0', 'fail-5').json],
                         [runs[1]])
        table = self.ok('history').out.splitlines()
        self.assertRegex(table[0], 'TIME +TASK +TOOK +FIRED BY +ATTEMPTS +OUTCOME')
        self.assertRegex(table[2], 'fail-5 .* manual +1 +failed')

    def test_why_says_a_sentence_since_when_and_what_to_do(self):
        self.broker.register(self.package, 'Sync', TIME, ['InternetAvailable'])
        self.assertRegex(self.ok('why', 'Sync').out, r'Sync: it waits for its time: between .*\n'
                         r'    since: .*\n    what to do: .*bgtask run')
        self.broker.advance(30 * 60)
        row = self.ok('why', '--json', 'Sync').json[0]
        self.assertEqual(row['code'], 'condition-unknown')
        self.assertEqual(set(row), {'code', 'text', 'since', 'remedy', 'details'})

    def test_log_shows_what_a_run_printed(self):
        task = self.control()
        run = self.broker.run(task)
        talk = self.package.talk_of(run)
        talk.ask('print hello world')
        talk.end()
        self.broker.ended(run)
        self.assertRegex(self.ok('log', 'control').out, r'^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}  hello world\n')
        self.assertEqual([row['text'] for row in self.ok('log', '--json', '--run', run, 'control').json],
                         ['hello world'])

    def test_status_says_where_things_are(self):
        status = self.ok('status', '--json').json
        self.assertEqual((status['pid'], status['state-folder'], status['test-clock'], status['problems']),
                         (self.broker.process.pid, str(self.broker.state), True, []))
        self.assertRegex(self.ok('status').out, r'problems +none\n')

    def test_simulate_moves_the_clock_and_sets_conditions(self):
        before = self.broker.now()[2]
        after = self.ok('simulate', '--advance', '90s', '--json').json['now']
        self.assertEqual(after, before + 90 * 10**6)
        self.assertRegex(self.ok('simulate', 'OnACPower=true', '--set-back', '1h').out, '^it is now ')
        self.assertEqual(self.broker.now()[2], after - 3600 * 10**6)

    def test_watch_tells_in_the_time_of_the_broker(self):
        self.broker.register(self.package, 'ok', TIME)
        self.broker.step(3600 * 24 * 400)
        watch = subprocess.Popen([CLI, 'watch', 'ok'], stdout=subprocess.PIPE, encoding='utf-8',
                                 env=self.broker.environment)
        self.addCleanup(watch.stdout.close)
        lines = []
        while not lines:
            self.broker.bgtask('run', 'ok')
            if select.select([watch.stdout], [], [], 0.2)[0]:
                lines.append(watch.stdout.readline())
        watch.terminate()
        self.assertEqual(watch.wait(TIMEOUT), 143)
        year = time.gmtime(self.broker.now()[2] / 10**6).tm_year
        self.assertRegex(lines[0], fr'^{year}-\d\d-\d\d \d\d:\d\d:\d\d ok ')

    def test_request_hands_arguments_over_and_says_what_became_of_it(self):
        task = self.control()
        answer = self.ok('request', '--json', 'control', 'path=a=b', 'n:=-3', 'yes:=true', 'o:={"k":["x","y"]}').json
        self.assertEqual(answer['result'], 'Allowed')
        talk = self.package.talk_of(answer['run'])
        busy = self.broker.bgtask('request', 'control')
        self.assertEqual((busy.status, busy.out), (5, "control: CurrentlyRunning; see 'bgtask why control'\n"))
        talk.end()
        self.broker.ended(answer['run'])
        self.ok('pause', 'control')
        refused = self.broker.bgtask('request', '--json', 'control')
        self.assertEqual((refused.status, refused.json), (5, {'result': 'DisabledByPolicy', 'run': ''}))
        self.broker.register(self.package, 'timer', TIME)
        for status, sentence, *args in ((2, 'KEY=TEXT', 'x'), (2, 'no value that can be handed over', 'x:=[1]'),
                                        (2, 'no value that can be handed over', 'x:=nonsense'), (2, 'KEY=TEXT', '=1')):
            self.assert_fails(self.broker.bgtask('request', 'control', *args), status, sentence)
        self.assert_fails(self.broker.bgtask('request', 'timer'), 1, 'has no ApplicationTrigger')
        self.assertEqual(self.broker.runs(task), [])

    def test_shutdown_cancels_with_its_reason_and_ends_the_broker(self):
        self.control()
        run = self.ok('run', '--no-wait', 'control').out.strip()
        talk = self.package.talk_of(run)
        self.assert_fails(self.broker.bgtask('shutdown', '--reason', 'Boredom'), 2, 'LoggingOff (2)')
        process = subprocess.Popen([CLI, 'shutdown', '--reason', 'LoggingOff'], env=self.broker.environment,
                                   stdout=subprocess.PIPE, encoding='utf-8')
        self.assertEqual(talk.canceled(), 2)
        talk.end()
        self.assertEqual(process.communicate(timeout=TIMEOUT)[0], 'the broker has ended (LoggingOff)\n')
        self.assertEqual((process.returncode, self.broker.process.wait(TIMEOUT)), (0, 3))
        self.assertEqual(self.broker.bgtask('shutdown').status, 4)
        self.broker.start()
        self.assertEqual(self.broker.history()[0]['reason'], 'LoggingOff')


class Here(CliCase):
    """run --here: the server in this terminal."""

    def start(self, *args, **env):
        process = subprocess.Popen([CLI, 'run', *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=self.broker.environment | env, encoding='utf-8')
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def test_it_becomes_the_server_and_runs_the_task_once(self):
        task = self.control()
        process = self.start('control', '--here')
        talk = self.package.next_talk()
        self.assertEqual(talk.pid, process.pid)
        self.broker.state_of(talk.run, 'running')
        live = self.broker.runs(task)[0]
        self.assertEqual((live['run'], live['fired-by']), (talk.run, 'manual'))
        talk.ask('print in this terminal')
        self.assertEqual(process.stdout.readline(), 'in this terminal\n')
        talk.end()
        self.assertEqual(self.broker.ended(live['run'])['outcome'], 'completed')
        self.assertEqual(self.broker.runs(task), [])

    def test_a_server_that_was_launched_leaves_the_run_to_it(self):
        warm = self.broker.ended(self.broker.run(self.broker.register(self.package, 'ok')))
        self.assertEqual(warm['outcome'], 'completed')
        self.control()
        process = self.start('control', '--here')
        talk = self.package.next_talk()
        self.assertEqual(talk.pid, process.pid)
        talk.end()
        self.broker.ended(talk.run)

    def test_it_is_not_stopped_by_force(self):
        self.control()
        process = self.start('control', '--here')
        talk = self.package.next_talk()
        self.broker.bgtask('cancel', 'control')
        talk.canceled()
        self.broker.advance_past(60)
        self.assertEqual(self.broker.ended(talk.run)['outcome'], 'canceled')
        self.assertIsNone(process.poll())
        talk.end()

    def test_a_debugger_is_put_in_front(self):
        self.control()
        self.start('control', '--here', 'env', 'SEEN=by-the-server')
        talk = self.package.next_talk()
        self.assertIn(b'SEEN=by-the-server', pathlib.Path(f'/proc/{talk.pid}/environ').read_bytes().split(b'\0'))
        talk.end()
        self.broker.ended(talk.run)

    def test_a_command_runs_here_without_the_broker(self):
        self.ok('add', '--every', '1h', '--env', 'X=a b', '--dir', '/', 'Cmd', '--', 'sh', '-c',
                'echo "$X $PWD"; exit 7')
        done = self.broker.bgtask('run', 'Cmd', '--here')
        self.assertEqual((done.status, done.out), (7, 'a b /\n'), done.err)
        self.assertEqual(self.broker.history(), [])

    def test_what_cannot_be_is_refused(self):
        self.control()
        self.broker.register(self.package, 'inside', clsid=None)
        for status, sentence, *args in ((3, 'No such file', 'control', '--here', '/nonexistent/gdb'),
                                        (1, 'runs in its app', 'inside', '--here'),
                                        (2, 'no other option', 'control', '--here', '--no-wait'),
                                        (2, 'no other option', 'control', '--here', '--json'),
                                        (3, 'no task', 'nobody', '--here'), (2, 'name one task', '--here')):
            self.assert_fails(self.broker.bgtask('run', *args), status, sentence)
        self.assertEqual(self.broker.history(), [])


class BetweenMachines(CliCase):
    """export and import."""

    def register_all_kinds(self):
        for name, *args in (
                ('a', '--application', '--overlap', 'buffer-all', '--group', 'g'),
                ('b', '--time', '20', '--when', 'OnACPower', '--cancel-on-condition-loss'),
                ('c', '--every', '1h', '--window', '3m', '--catch-up', 'all', '--catch-up-window', '2d', '--once'),
                ('d', '--maintenance', '60', '--rerun', 'once', '--expires', '1d', '--deadline', '2d'),
                ('e', '--on', 'UserPresent', '--retry', '3', '--retry-backoff', '1m', '--limit', '1h'),
                ('f', '--custom', 'my event', '--in-process'),
                ('\u80cc "x"', '--time', '15')):
            self.ok('register', *args, name)
        self.ok('add', '--at', 'Mon..Fri 09:30', '--env', 'A=b c', '--dir', '/', '--when', 'ac', 'g', '--',
                'echo', '"x"')
        self.ok('pause', 'b')
        self.ok('skip', 'c')

    @staticmethod
    def tasks(export):
        return sorted(json.loads(export)['tasks'], key=lambda task: task['name'])

    def test_what_is_exported_is_the_same_after_its_import_elsewhere(self):
        self.register_all_kinds()
        export = self.ok('export').out
        other = self.new_broker()
        there = Package(other)
        done = other.bgtask('import', '-', stdin=export)
        self.assertEqual((done.status, done.err), (0, ''))
        self.assertEqual(len(done.out.splitlines()), 8)
        self.assertRegex(self.ok('list').out, 'g +waiting +calendar Mon..Fri 09:30 ')
        again = other.bgtask('export').out
        self.assertEqual(self.tasks(again), self.tasks(export))
        self.assertEqual(json.loads(export)['packages'][0]['package'], there.family)
        self.assertEqual({task['name'] for task in other.tasks() if task['paused']}, {'b'})
        self.assertEqual({task['name'] for task in other.tasks() if task['skip-next']}, {'c'})

    def test_import_keeps_what_is_there_unless_it_is_told_otherwise(self):
        self.ok('register', '--time', '20', 'a')
        path = self.broker.folder / 'export.json'
        path.write_text(self.ok('export', 'a').out.replace('20', '30'), encoding='utf-8')
        self.assertEqual(self.ok('import', str(path)).out, 'kept a\n')
        self.assertEqual(self.ok('import', '--dry-run', str(path)).out, 'would register a\n')
        self.assertEqual(self.ok('show', '--json', 'a').json['trigger']['freshness-minutes'], 20)
        self.assertEqual(self.ok('import', '--json', '--if-exists', 'update', str(path)).json,
                         [{'name': 'a', 'result': 'registered'}])
        self.assertEqual(self.ok('show', '--json', 'a').json['trigger']['freshness-minutes'], 30)

    def test_nothing_is_imported_as_long_as_a_package_is_missing(self):
        self.ok('register', '--time', '20', 'a')
        document = json.loads(self.ok('export').out)
        document['tasks'].append(dict(document['tasks'][0], package='Test.Missing_1', name='b'))
        document['packages'].append({'package': 'Test.Missing_1', 'folder': '/opt/missing'})
        self.ok('unregister', 'a')
        done = self.broker.bgtask('import', '-', stdin=json.dumps(document))
        self.assert_fails(done, 3, 'Test.Missing_1 is not installed here; it was in /opt/missing', 'bgtask install')
        self.assertEqual(self.broker.tasks(), [])

    def test_a_task_that_is_refused_is_named_and_the_others_are_registered(self):
        self.ok('register', '--time', '20', 'a')
        document = json.loads(self.ok('export').out)
        good = document['tasks'][0]
        document['tasks'] = [dict(good, trigger={'kind': 'weekly'}), 7, dict(good, volume=3), dict(good, name='ok'),
                             dict(good, conditions='none'), dict(good, **{'retry-max': 2**40}), dict(good, name=None)]
        done = self.broker.bgtask('import', '--if-exists', 'duplicate', '-', stdin=json.dumps(document))
        self.assert_fails(done, 1, 'task 1 (a): there is no trigger of the kind "weekly"', 'task 2 (?): is no',
                          'task 3 (a): there is no option "volume"', 'task 6 (a): the option retry-max is larger',
                          'task 7 (?)')
        self.assertIn('registered ok\n', done.out)

    def test_what_is_no_export_is_refused_with_the_place(self):
        for text, *pieces in (('', '-:', "'bgtask export' wrote"), ('{"a":', '-:1:'), ('[]', 'is not what'),
                              ('{"tasks":[]}', 'is not what'), ('{"bgtask-export":1}', 'is not what'),
                              ('{"bgtask-export":2,"tasks":[]}', 'newer bgtask'), ('{"a":1,"a":2}', 'duplicate'),
                              ('[' * 10000, '-:1:'), ('{"a":"\0"}', '-:1:')):
            with self.subTest(text[:20]):
                self.assert_fails(self.broker.bgtask('import', '-', stdin=text or ' '), 1, *pieces)
        self.assert_fails(self.broker.bgtask('import', '/nonexistent'), 1, 'No such file')
        self.assert_fails(self.broker.bgtask('import'), 2, 'standard input')
        self.assert_fails(self.broker.bgtask('export', 'nobody'), 3, "no task 'nobody'")


class Manners(CliCase):
    def test_every_verb_has_help_with_an_example_and_no_broker_is_needed(self):
        overview = self.ok('--help').out
        self.assertEqual(overview, self.ok('help').out)
        nobody = {'BGTASK_BUS': '/nonexistent/bus'}
        for verb, summary in verbs(overview).items():
            with self.subTest(verb):
                text = self.ok(verb, '--help', env=nobody).out
                self.assertEqual(text, self.ok(verb, '-h', env=nobody).out)
                self.assertTrue(text.startswith(f'Usage: bgtask {verb}'), text)
                self.assertRegex(text, rf'\nExamples?:\n  (.* )?bgtask {verb}\b')
                self.assertLess(max(map(len, text.splitlines())), 81, text)
                self.assertLess(len(summary), 60)

    def test_an_option_is_in_the_help_exactly_if_the_verb_knows_it(self):
        for verb in verbs(self.ok('--help').out):
            with self.subTest(verb):
                source = verb_source(verb)
                known = set(re.findall(r'\{ "([a-z-]+)", \.(?:flag|value|duration_usec|list) =', source))
                text = self.broker.bgtask(verb, '--help').out
                listed = set(re.findall(r'^ {2,}--([a-z-]+)', text, re.MULTILINE)) | \
                    set(re.findall(r'[;,] --([a-z-]+)', text)) | set(re.findall(r'\[--([a-z-]+)', text))
                self.assertEqual(known, listed - {'json', 'package', 'system', 'help'})

    def test_wrong_usage_is_told_from_other_errors(self):
        self.broker.register(self.package, 'ok', TIME)
        for status, sentence, *args in (
                (2, 'bgtask VERB'),
                (2, "there is no verb 'lsit'; did you mean 'list'?", 'lsit'),
                (2, "there is no verb 'zzzzzzz'", 'zzzzzzz'),
                (2, "there is no option '--jsn'; did you mean '--json'?", 'list', '--jsn'),
                (2, "the option '--json' takes no value", 'list', '--json=yes'),
                (2, "the option '--reason' needs a value", 'cancel', '--reason'),
                (2, "unexpected argument 'x'", 'list', 'x'),
                (2, "unexpected argument 'x'", 'packages', 'x'),
                (2, "unexpected argument 'x'", 'status', 'x'),
                (2, 'name one task', 'show'),
                (2, 'name one task', 'run', 'ok', 'ok'),
                (2, 'name one task', 'why'),
                (2, 'name one task', 'log'),
                (2, 'name one task', 'unregister'),
                (2, 'name one task, or one run', 'cancel'),
                (2, 'name one task, or none', 'watch', 'a', 'b'),
                (2, 'name one task, or none', 'history', 'a', 'b'),
                (2, 'name one folder', 'install'),
                (2, 'name one package', 'remove'),
                (2, "'x' is no number of runs", 'history', '--last', 'x'),
                (2, "'-1' is no number of runs", 'history', '--last', '-1'),
                (2, "'15m' is no number of minutes, as 15", 'register', '--time', '15m', 'new'),
                (2, "'soon' is no duration; write for example", 'register', '--every', 'soon', 'new'),
                (2, 'a task has at most 8 triggers, and 9 are given', 'register', *['--time', '15'] * 9, 'new'),
                (2, "Did you mean 'InternetAvailable'?", 'register', '--time', '15', '--when', 'Internet', 'new'),
                (2, 'is not of the form', 'simulate', 'OnACPower'),
                (2, 'BatteryNotLow', 'simulate', 'Sunshine=true'),
                (2, 'nothing to simulate', 'simulate'),
                (1, 'true, false or unknown', 'simulate', 'OnACPower=maybe'),
                (3, "did you mean 'ok'?", 'show', 'okk'),
                (3, 'did you mean', 'remove', 'Test.App'),
                (3, 'no package Nobody is installed', 'remove', 'Nobody'),
                (3, f"did you mean '{self.package.family}'", 'list', '--package', self.package.family[:-1]),
                (3, 'AppxManifest.xml', 'install', '/nonexistent'),
                (3, 'bgtask history', 'cancel', '--run', UNKNOWN_RUN),
                (1, '1 s or more', 'register', '--every', '0', 'new'),
                (1, 'not longer than its period', 'register', '--every', '1h', '--window', '2h', 'new')):
            with self.subTest(' '.join(args)):
                done = self.broker.bgtask(*args)
                self.assertEqual((done.status, done.out), (status, ''), done.err)
                self.assertIn(sentence, done.err)
                self.assertEqual(done.err.encode().isascii(), True)
                self.assertRegex(done.err, '^(bgtask|Usage:)')

    def test_a_name_that_several_packages_use_is_told_with_their_ids(self):
        other = Package(self.broker, name='Test.Other', classes=(CLSID_2,))
        tasks = [self.broker.register(self.package, 'same', TIME),
                 self.broker.register(other, 'same', TIME, clsid=CLSID_2)]
        done = self.broker.bgtask('show', 'same')
        self.assertEqual(done.status, 1)
        for text in tasks + [self.package.family, other.family]:
            self.assertIn(text, done.err)
        self.assertEqual(self.ok('show', '--json', '--package', other.family, 'same').json['task'], tasks[1])

    def test_without_a_broker_it_says_so_and_exits_with_4(self):
        for verb in ('list', 'run', 'watch', 'status'):
            done = self.broker.bgtask(verb, *(['ok'] if verb == 'run' else []), env={'BGTASK_BUS': '/nonexistent/bus'})
            self.assertEqual((done.status, done.out), (4, ''))
            self.assertIn('no broker answers', done.err)
            self.assertIn('BGTASK_AUTOSTART', done.err)

    def test_a_socket_path_that_is_too_long_is_told_with_its_cure(self):
        for name in ('BGTASK_BUS', 'XDG_RUNTIME_DIR'):
            env = {'BGTASK_BUS': '', name: '/tmp/' + 'x' * 120}
            self.assert_fails(self.broker.bgtask('list', env=env), 1, '107', 'a shorter BGTASK_BUS or XDG_RUNTIME_DIR')

    def test_output_that_cannot_be_written_is_an_error(self):
        with open('/dev/full', 'w', encoding='utf-8') as full:
            done = subprocess.run([CLI, 'status'], stdout=full, stderr=subprocess.PIPE, env=self.broker.environment,
                                  check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b'cannot write the output', done.stderr)

    def test_a_pipe_that_nobody_reads_ends_it_quietly(self):
        read, write = os.pipe()
        os.close(read)
        for verb in ('status', 'packages', 'watch'):
            done = subprocess.run([CLI, verb], stdout=write, stderr=subprocess.PIPE, env=self.broker.environment,
                                  check=False, timeout=TIMEOUT, restore_signals=True)
            self.assertIn(done.returncode, (0, -signal.SIGPIPE), verb)
            self.assertEqual(done.stderr, b'')
        os.close(write)

    def test_in_a_pipe_there_is_neither_color_nor_a_bar_nor_a_cut(self):
        name = 'control with a rather long name ' * 5
        task = self.control(name)
        run = self.broker.run(task)
        talk = self.package.next_talk()
        watch = subprocess.Popen([CLI, 'watch', name], stdout=subprocess.PIPE, env=self.broker.environment)
        self.addCleanup(watch.stdout.close)
        lines = b''
        value = 10
        while b'progress' not in lines:
            value += 1
            talk.ask(f'progress {value}')
            if select.select([watch.stdout], [], [], 0.2)[0]:
                lines += os.read(watch.stdout.fileno(), 65536)
        for args in (['list'], ['show', name], ['packages'], ['history']):
            self.assertNotIn('\033', self.broker.bgtask(*args).out)
        self.assertIn(name, self.ok('list').out)
        talk.end()
        self.broker.ended(run)
        watch.terminate()
        lines += watch.communicate(timeout=TIMEOUT)[0]
        self.assertNotIn(b'\033', lines)
        self.assertNotIn(b'\r', lines)
        self.assertNotIn(b'[#', lines)


class OnATerminal(CliCase):
    def test_tables_fit_and_ids_are_never_cut(self):
        self.broker.register(self.package, 'a rather long name of a task ' * 5, TIME)
        for columns in (30, 60, 80, 200):
            status, text = self.terminal('list', columns=columns, NO_COLOR='1').end()
            self.assertEqual(status, 0)
            self.assertLessEqual(max(map(len, text.splitlines())), columns, text)
        run = self.broker.run(self.control())
        talk = self.package.talk_of(run)
        self.assertIn(run, self.terminal('show', 'control', columns=40).end()[1])
        talk.end()
        self.broker.ended(run)

    def test_a_wide_character_takes_two_columns(self):
        self.broker.register(self.package, '背景任务' * 20, TIME)
        line = self.terminal('list', columns=60, NO_COLOR='1').end()[1].splitlines()[1]
        self.assertLessEqual(sum(2 if ord(c) > 0x2fff else 1 for c in line), 60)
        self.assertIn('…', line)

    def test_colors_are_shown_unless_NO_COLOR_says_otherwise(self):
        self.broker.register(self.package, 'fail-5')
        self.broker.bgtask('run', 'fail-5')
        self.assertIn('\033[31m', self.terminal('history').end()[1])
        for env in ({'NO_COLOR': '1'}, {'TERM': 'dumb'}):
            self.assertNotIn('\033', self.terminal('history', **env).end()[1])
        self.assertIn('\033[31m', self.terminal('history', NO_COLOR='').end()[1])

    def test_run_shows_a_bar_that_is_gone_at_the_end(self):
        self.control()
        terminal = self.terminal('run', 'control', columns=40)
        talk = self.package.next_talk()
        talk.ask('progress 50')
        terminal.until('] 50%')
        bar = terminal.seen.rpartition('\r\033[K')[2]
        self.assertRegex(bar, r'^control \[#+ +\] 50%$')
        self.assertLessEqual(len(bar), 40)
        talk.ask('progress 1000')
        terminal.until('control: 1000')
        talk.end()
        status, text = terminal.end()
        self.assertEqual(status, 0)
        self.assertRegex(text, '\r\033\\[K(\033\\[K)*control (\033\\[32m)?completed(\033\\[0m)?\n$')

    def test_a_bar_of_a_long_name_stays_in_one_line(self):
        name = 'control with a rather long name ' * 5
        self.control(name)
        terminal = self.terminal('run', name, columns=40)
        talk = self.package.next_talk()
        talk.ask('progress 50')
        terminal.until('50%')
        self.assertLessEqual(len(terminal.seen.rpartition('\r\033[K')[2]), 40)
        talk.end()
        terminal.end()

    def test_ctrl_c_stops_watching_a_run_that_goes_on(self):
        task = self.control()
        terminal = self.terminal('run', 'control')
        talk = self.package.next_talk()
        talk.ask('progress 30')
        terminal.until('] 30%')
        terminal.press(b'\x03')
        status, text = terminal.end()
        self.assertEqual(status, 130)
        self.assertIn("the run goes on; 'bgtask watch control' shows it, 'bgtask cancel control' ends it", text)
        self.assertEqual(text.rpartition('\r\033[K')[2].partition(' ')[0], 'the')
        self.assertEqual([run['state'] for run in self.broker.runs(task)], ['running'])
        talk.end()
        self.assertEqual(self.broker.ended(talk.run)['outcome'], 'completed')

    def test_ctrl_c_ends_watch(self):
        task = self.control()
        run = self.broker.run(task)
        talk = self.package.talk_of(run)
        terminal = self.terminal('watch')
        value = 0
        while '] ' not in terminal.seen:
            value += 1
            talk.ask(f'progress {value}')
            if select.select([terminal.master], [], [], 0.2)[0]:
                terminal.read()
        terminal.press(b'\x03')
        self.assertEqual(terminal.end()[0], 130)
        talk.end()
        self.broker.ended(run)

    def test_what_a_terminal_obeys_is_not_obeyed_when_a_server_prints_it(self):
        task = self.control()
        run = self.broker.run(task)
        talk = self.package.talk_of(run)
        talk.ask('print \033]0;owned\007')
        talk.end()
        self.broker.ended(run)
        self.assertNotIn('\033]0', self.terminal('log', 'control').end()[1])
        self.assertIn('\033]0;owned', self.ok('log', 'control').out)


class WhileTheBrokerIsAway(CliCase):
    def test_run_goes_on_after_a_restart_of_the_broker_and_tells_the_end(self):
        self.control()
        process = subprocess.Popen([CLI, 'run', '--json', 'control'], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=self.broker.environment, encoding='utf-8')
        talk = self.package.next_talk()
        self.broker.kill()
        talk.say('return 0')
        talk.hear()
        self.broker.start()
        out, err = process.communicate(timeout=TIMEOUT)
        self.assertEqual((process.returncode, json.loads(out)['outcome']), (0, 'completed'), err)
