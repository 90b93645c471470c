# SPDX-License-Identifier: MIT
"""Servers in cgroups of their own: a cgroup of version 2 that the test makes, delegates to its broker and removes.

What needs no controller runs wherever root may make a cgroup; limits are for machines that have the controllers.
"""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from harness import BROKER, Broker, CLI, Case, Package, Running, eventually, kill, wait_gone

BUILD = pathlib.Path(os.environ['BGTASK_BUILD_ROOT'])
# Its library lies beside it, so that a user who cannot see the build folder can start it.
SERVER = os.environ['BGTASK_TEST_CONFINED']
LIBRARY = BUILD / 'src/client/libbgtask.so.0'
NOBODY = 65534
MIB = 1 << 20
SANITIZED = {'ASAN_OPTIONS', 'TSAN_OPTIONS'} & set(os.environ)
# In its leaf once there is one: with a controller on, nobody may be in the cgroup itself.
ENTER = '(echo $$ >"$1/broker/cgroup.procs" || echo $$ >"$1/cgroup.procs") 2>/dev/null && shift && exec "$@"'


def own_cgroup():
    """The folder of the cgroup of version 2 that this process is in; None."""
    try:
        path = re.search('^0::(/.*)$', pathlib.Path('/proc/self/cgroup').read_text(encoding='utf-8'), re.M).group(1)
        for line in pathlib.Path('/proc/self/mountinfo').read_text(encoding='utf-8').splitlines():
            fields, _, kind = line.partition(' - ')
            root, point = fields.split()[3:5]
            if kind.startswith('cgroup2 ') and (path + '/').startswith(root.rstrip('/') + '/'):
                return pathlib.Path(point) / os.path.relpath(path, root)
    except (AttributeError, OSError):
        pass
    return None


class Cgroup:
    """A cgroup of a test's own: below that of this process or, for an ordinary user, beside it."""

    def __init__(self, name, delegate=True):
        parent = own_cgroup()
        if parent is None:
            raise unittest.SkipTest('no cgroup of version 2 is mounted')
        if os.getuid() != 0:
            parent = parent.parent
        self.folder = parent / name
        try:
            # Controllers are passed on, where there are any and nobody is in the way.
            for controller in (parent / 'cgroup.controllers').read_text(encoding='ascii').split():
                with contextlib.suppress(OSError):
                    (parent / 'cgroup.subtree_control').write_text(f'+{controller}', encoding='ascii')
            self.folder.mkdir()
            if delegate:
                os.setxattr(self.folder, 'user.delegate', b'1')
        except OSError as error:
            raise unittest.SkipTest(f'this user can make no cgroup: {error.strerror}') from error

    def controllers(self):
        return set((self.folder / 'cgroup.controllers').read_text(encoding='ascii').split())

    def servers(self):
        """The cgroups of servers, by name."""
        return sorted(path.name for path in self.folder.glob('server-*'))

    def read(self, server, name):
        return (self.folder / server / name).read_text(encoding='ascii').strip()

    def members(self, name):
        return {int(pid) for pid in self.read(name, 'cgroup.procs').split()}

    def remove(self):
        """What is left in it; then it is not there any more."""
        left = [str(path.relative_to(self.folder)) for path in self.folder.rglob('*')
                if path.is_dir() and path.name != 'broker']
        for path in sorted((path for path in self.folder.rglob('*') if path.is_dir()), reverse=True):
            path.rmdir()
        self.folder.rmdir()
        return left


class Delegated(Running):
    """A broker in a cgroup that was delegated to it."""

    delegate = True
    inside = ()  # what else wraps the broker

    def setUp(self):
        Case.setUp(self)
        self.package = Package(self.broker, install=False)
        shutil.copy(SERVER, self.package.folder / 'server')
        shutil.copy(LIBRARY, self.package.folder)
        self.package.install()
        self.package.listen()

    def new_broker(self, environment=None, **options):
        broker = Broker(start=False, **options)
        # Its servers' cgroups are checked after everything else is gone.
        self.addCleanup(self.leave)
        self.addCleanup(self.finish, broker)
        self.cgroup = None
        self.cgroup = Cgroup(f'bgtask-test-{broker.folder.name}', self.delegate)
        self.prepare(broker)
        broker.wrapper = ('sh', '-c', ENTER, 'sh', str(self.cgroup.folder), *self.inside)
        broker.start()
        return broker

    def prepare(self, broker):
        pass

    def leave(self):
        if self.cgroup:
            self.assertEqual(self.cgroup.remove(), [])

    def assert_members(self, name, pids):
        """Those through whom another hides from its family are gone soon after it is there."""
        eventually(lambda: self.cgroup.members(name) == pids, f'{pids} are in {name}')

    def restart(self):
        self.broker.kill()
        self.broker.start()

    def start_server(self):
        """A run with its conversation, and the cgroup of its server."""
        before = self.cgroup.servers()
        task = self.task(f'control-{len(before)}-{len(self.broker.tasks())}')
        run, talk = self.begin(task)
        new, = set(self.cgroup.servers()) - set(before) or {None}
        return run, talk, new

    def cancel_to_the_end(self, run):
        """Nobody listens: after its times SIGTERM, and then SIGKILL."""
        self.broker.call('CancelRun', 'su', run, 0)
        self.broker.advance_past(60)
        return self.broker.ended(run)


class Trees(Delegated):
    def test_the_broker_says_so_and_each_server_has_its_own(self):
        controllers = {'memory': 'memory', 'cpu': 'cpu', 'pids': 'tasks'}
        missing = [word for name, word in controllers.items() if name not in self.cgroup.controllers()]
        self.assertEqual(self.broker.status()['process-control'], "cgroups: a server's whole tree is " + (
            f'stopped; for limits of {" ".join(missing)} there is no controller' if missing else
            'limited and stopped'))
        self.assert_members('broker', {self.broker.process.pid})
        run, talk, server = self.start_server()
        self.assert_members(server, {talk.pid})
        talk.end()
        self.assertEqual(self.broker.ended(run)['outcome'], 'completed')
        self.broker.call('RemovePackage', 's', self.package.family)
        eventually(lambda: self.cgroup.servers() == [], 'the cgroup goes with its server')

    def test_who_hides_from_its_family_dies_with_it(self):
        run, talk, server = self.start_server()
        hidden = [talk.ask('child') for _ in range(3)]
        self.assert_members(server, {talk.pid, *hidden})
        self.assertEqual(self.cancel_to_the_end(run)['outcome'], 'canceled')
        for pid in (talk.pid, *hidden):
            self.assertTrue(wait_gone(pid), pid)
        eventually(lambda: self.cgroup.servers() == [], 'its cgroup goes')

    def test_who_makes_cgroups_of_its_own_dies_in_them(self):
        run, talk, server = self.start_server()
        child = talk.ask('child')
        deep = self.cgroup.folder / server / 'a' / 'b'
        deep.mkdir(parents=True)
        (deep / 'cgroup.procs').write_text(str(child), encoding='ascii')
        (deep.parent / 'cgroup.procs').write_text(str(talk.pid), encoding='ascii')
        self.assert_members(server, set())
        self.cancel_to_the_end(run)
        self.assertTrue(wait_gone(child) and wait_gone(talk.pid))
        eventually(lambda: self.cgroup.servers() == [], 'all of them go')

    def test_who_leaves_its_cgroup_is_still_found(self):
        run, talk, _ = self.start_server()
        child = talk.ask('child')
        for pid in (child, talk.pid):
            (self.cgroup.folder / 'broker' / 'cgroup.procs').write_text(str(pid), encoding='ascii')
        self.cancel_to_the_end(run)
        self.assertTrue(wait_gone(talk.pid) and wait_gone(child))
        self.assertIsNone(self.broker.process.poll())

    def test_a_frozen_server_is_killed(self):
        run, talk, server = self.start_server()
        (self.cgroup.folder / server / 'cgroup.freeze').write_text('1', encoding='ascii')
        eventually(lambda: 'frozen 1' in self.cgroup.read(server, 'cgroup.events'), 'it is frozen')
        self.assertEqual(self.cancel_to_the_end(run)['outcome'], 'canceled')
        self.assertTrue(wait_gone(talk.pid))

    def test_a_server_that_the_next_broker_takes_over_dies_with_its_tree(self):
        run, talk, server = self.start_server()
        hidden = talk.ask('child')
        self.restart()
        self.assert_members(server, {talk.pid, hidden})
        self.assert_members('broker', {self.broker.process.pid})
        self.assertEqual(self.cancel_to_the_end(run)['outcome'], 'canceled')
        self.assertTrue(wait_gone(talk.pid) and wait_gone(hidden))
        eventually(lambda: self.cgroup.servers() == [], 'its cgroup goes')

    def test_what_a_server_used_that_was_taken_over_is_in_the_history(self):
        run, talk, server = self.start_server()
        talk.ask('flood 100000')
        self.restart()
        folder = self.cgroup.folder / server
        used = int(re.search('usage_usec (\\d+)', (folder / 'cpu.stat').read_text(encoding='ascii')).group(1))
        has_peak = (folder / 'memory.peak').exists()
        talk.say('exit 3')
        record = self.broker.ended(run)
        # It is no child of this broker, which cannot know how it ended.
        self.assert_outcome(record, 'abandoned', detail='lost')
        self.assertGreaterEqual(record['cpu'], used)
        self.assertEqual('memory' in record, has_peak)

    def test_what_a_killed_broker_left_empty_is_removed_by_the_next(self):
        _, talk, server = self.start_server()
        self.broker.kill()
        kill(talk.pid)
        self.assertTrue(wait_gone(talk.pid))
        self.assertEqual(self.cgroup.servers(), [server])
        other = self.cgroup.folder / 'server-00000000-of-another'
        other.mkdir()
        self.broker.start()
        self.assertEqual(self.cgroup.servers(), [other.name], 'that of another broker stays')
        other.rmdir()


class Commands(Delegated):
    def add(self, shell, *options):
        done = self.broker.bgtask('add', '--json', '--custom', 'x', *options, 'task', '--', 'sh', '-c', shell)
        self.assertEqual(done.status, 0, done.err)
        return done.json['task']

    def end_what_stays(self):
        server, = self.cgroup.servers()
        stay = eventually(lambda: self.cgroup.members(server))
        for pid in stay:
            kill(pid)
        eventually(lambda: self.cgroup.servers() == [], 'the cgroup goes')


class Leftovers(Commands):
    """What a command leaves behind is left alone, where it is; its cgroup goes with the last of it."""

    def test_a_cgroup_goes_with_the_last_who_is_in_it(self):
        self.assert_outcome(self.broker.outcome(self.add('sleep 1000 & sleep 1000 &')), 'completed')
        self.end_what_stays()

    def test_that_may_be_nobodys_child(self):
        self.assert_outcome(self.broker.outcome(self.add('sleep 1000 & sleep 1000 &')), 'completed')
        eventually(lambda: self.broker.status()['servers'] == 0, 'the supervisor ends')
        self.restart()
        self.end_what_stays()


class Upgrade(Delegated):
    """The broker is started from a copy, in whose place another one is put."""

    def prepare(self, broker):
        self.program = broker.folder / 'bgtaskd'
        shutil.copy(BROKER, self.program)
        self.inside = ('sh', '-c', f'shift; exec {self.program} "$@"', 'sh')

    def test_a_server_stays_where_it_is_while_the_broker_becomes_another(self):
        run, talk, server = self.start_server()
        hidden = talk.ask('child')
        new = self.program.with_suffix('.new')
        shutil.copy(BROKER, new)
        new.rename(self.program)
        os.kill(self.broker.process.pid, signal.SIGUSR2)
        self.assertTrue(self.broker.client.peer_is_gone())
        self.broker.connect()
        self.assert_members('broker', {self.broker.process.pid})
        self.assert_members(server, {talk.pid, hidden})
        self.assertEqual(self.cancel_to_the_end(run)['outcome'], 'canceled')
        self.assertTrue(wait_gone(talk.pid) and wait_gone(hidden))
        eventually(lambda: self.cgroup.servers() == [], 'its cgroup goes')


@unittest.skipUnless(os.getuid() == 0, 'only root makes a namespace of cgroups')
class OwnNamespace(Delegated):
    """As in a container: the cgroup is the root of a namespace, and nothing marks it."""

    delegate = False

    def prepare(self, broker):
        point = broker.folder / 'cgroup'
        point.mkdir()
        self.inside = ('unshare', '--cgroup', '--mount', 'sh', '-c',
                     'mount -t cgroup2 cgroup2 "$1" && shift && exec "$@"', 'sh', str(point))

    def test_who_hides_dies(self):
        run, talk, server = self.start_server()
        hidden = talk.ask('child')
        self.assert_members(server, {talk.pid, hidden})
        self.cancel_to_the_end(run)
        self.assertTrue(wait_gone(talk.pid) and wait_gone(hidden))
        eventually(lambda: self.cgroup.servers() == [], 'its cgroup goes')


class NotDelegated(Delegated):
    delegate = False

    def leave(self):
        if self.cgroup:
            self.cgroup.remove()

    def test_it_is_left_alone_and_status_says_why(self):
        self.assertIn('no cgroup is delegated to the broker', self.broker.status()['process-control'])
        self.assertEqual([path for path in self.cgroup.folder.iterdir() if path.is_dir()], [])


class Limits(Commands):
    """Of commands, whose limits their tasks say."""

    def setUp(self):
        super().setUp()
        missing = {'cpu', 'memory', 'pids'} - self.cgroup.controllers()
        if missing:
            self.skipTest(f'no controller of version 2 is there for {", ".join(sorted(missing))}')
        if SANITIZED:
            self.skipTest('a sanitizer alone takes more memory')

    def begin_command(self, shell, *options):
        """A command that is ready, and waits for its standard output to be read: its run and its cgroup."""
        task = self.add(f'{shell}; echo ready; sleep 1000', *options)
        run = self.broker.run(task)
        eventually(lambda: 'ready' in self.broker.lines(task, run))
        return run, self.cgroup.servers()[0]

    def hog(self, mib):
        return f'python3 -c "import signal; held = b\'x\' * ({mib} << 20); signal.pause()"'

    def test_they_are_those_of_the_kernel(self):
        run, server = self.begin_command('true', '--memory', '200M', '--cpu', '30', '--tasks', '17')
        self.assertEqual(self.cgroup.read(server, 'memory.max'), str(200 * MIB))
        self.assertEqual(self.cgroup.read(server, 'cpu.max'), '30000 100000')
        self.assertEqual(self.cgroup.read(server, 'pids.max'), '17')
        self.cancel_to_the_end(run)

    def test_a_tree_over_its_memory_is_canceled_for_that(self):
        record = self.broker.outcome(self.add(f'{self.hog(50)} & {self.hog(50)} & wait', '--memory', '70M'))
        self.assert_outcome(record, 'canceled', reason='ResourceRevocation')
        eventually(lambda: self.cgroup.servers() == [], 'nobody is left')

    def test_one_process_over_its_memory_is_canceled_for_that(self):
        record = self.broker.outcome(self.add(self.hog(90), '--memory', '70M'))
        self.assert_outcome(record, 'canceled', reason='ResourceRevocation')

    def test_so_is_one_that_the_next_broker_has_taken_over(self):
        pipe = self.broker.folder / 'pipe'
        os.mkfifo(pipe)
        task = self.add(f'echo ready; read line <{pipe}; {self.hog(90)}', '--memory', '70M')
        run = self.broker.run(task)
        eventually(lambda: 'ready' in self.broker.lines(task, run))
        self.restart()
        pipe.write_text('go\n', encoding='ascii')
        eventually(lambda: run in {row['run'] for row in self.broker.history()})
        record, = [row for row in self.broker.history() if row['run'] == run]
        self.assert_outcome(record, 'canceled', reason='ResourceRevocation')

    def test_memory_below_the_limit_and_time_are_in_the_history(self):
        record = self.broker.outcome(self.add('python3 -c "held = b\'x\' * (30 << 20); print(sum(held[:100000]))"',
                                              '--memory', '200M'))
        self.assert_outcome(record, 'completed')
        self.assertGreater(record['memory'], 25 * MIB)
        self.assertLess(record['memory'], 200 * MIB)
        self.assertGreater(record['cpu'], 1000)

    def test_more_tasks_than_it_may_have_it_does_not_get(self):
        task = self.add('for i in 1 2 3 4 5 6 7 8 9; do sleep 1000 & done; echo all', '--tasks', '5')
        self.assert_outcome(self.broker.outcome(task), 'failed')
        self.assertNotIn('all', self.broker.lines(task))
        self.end_what_stays()

    def test_more_time_than_it_may_have_it_does_not_get(self):
        task = self.add('while :; do :; done', '--cpu', '10')
        run = self.broker.run(task)
        self.broker.state_of(run, 'running')
        server, = self.cgroup.servers()
        eventually(lambda: int(re.search('nr_throttled (\\d+)', self.cgroup.read(server, 'cpu.stat')).group(1)) > 3)
        self.cancel_to_the_end(run)


@unittest.skipUnless(os.getuid() == 0, 'this is an ordinary user')
@unittest.skipUnless(shutil.which('setpriv'), 'setpriv is not installed')
class OrdinaryUser(unittest.TestCase):
    def test_all_of_it_in_a_cgroup_that_was_delegated_to_an_ordinary_user(self):
        cgroup = Cgroup(f'bgtask-test-user-{os.getpid()}')
        self.addCleanup(lambda: self.assertEqual(cgroup.remove(), ['tests']))
        tests = cgroup.folder / 'tests'
        tests.mkdir()
        for path in (cgroup.folder, tests):
            for each in (path, *(path / f'cgroup.{end}' for end in ('procs', 'threads', 'subtree_control'))):
                shutil.chown(each, NOBODY, NOBODY)
        folder = pathlib.Path(tempfile.mkdtemp(prefix='bgt-user-'))
        self.addCleanup(shutil.rmtree, folder)
        # Copies: where things were built may be closed to this user.
        programs = {name: folder / pathlib.Path(os.environ[name]).relative_to(BUILD)
                    for name in ('BGTASK_BROKER', 'BGTASK_CLI', 'BGTASK_TEST_CONFINED')}
        supervisor = programs['BGTASK_BROKER'].with_name('bgtask-command')
        for path in (*programs.values(), supervisor, folder / LIBRARY.relative_to(BUILD)):
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(BUILD / path.relative_to(folder), path)
        here = pathlib.Path(__file__)
        shutil.copytree(here.parent, folder / 'tests' / 'integration', dirs_exist_ok=True)
        for path in here.parent.parent.glob('*.py'):
            shutil.copy(path, folder / 'tests')
        folder.chmod(0o755)
        environment = {name: value for name, value in os.environ.items() if name != 'LD_PRELOAD'}
        done = subprocess.run(
            ['sh', '-c', 'echo $$ >"$1/cgroup.procs" && shift && exec "$@"', 'sh', str(tests),
             'setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups', '--',
             sys.executable, '-B', str(folder / 'tests' / 'run_unittest.py'),
             str(folder / 'tests' / 'integration' / here.name)],
            env=environment | {name: str(path) for name, path in programs.items()} |
            {'BGTASK_TEST_SERVER': str(programs['BGTASK_TEST_CONFINED']), 'BGTASK_BUILD_ROOT': str(folder)},
            capture_output=True, encoding='utf-8', check=False)
        print('\n'.join(f'# as an ordinary user: {line}' for line in done.stdout.splitlines()), flush=True)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn('can make no cgroup', done.stdout)


if __name__ == '__main__':
    unittest.main()
