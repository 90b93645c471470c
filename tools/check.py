# SPDX-License-Identifier: MIT
"""Builds the source tree in several ways outside of it, runs the tests of each build and sums them up.

Called by ./check as: check.py SOURCE BUILD [options]. Each stage is a line of STAGES. A stage is started with a
fixed environment in a process group of its own; whatever it leaves running is a failure and is killed.
"""

import argparse
import fcntl
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import processes
import results

# The account nobody: every system has it, no file belongs to it, and dbus-daemon asks for the name of its uid.
USER_ID = 65534
# Above this many bits of address randomisation the sanitizers of Debian 12 cannot place their shadow memory.
SANITIZER_MMAP_BITS = 28
LOG_LINES = 80
# Of two thousand cases with real processes on a machine that is shared, in six builds, one may meet a moment that
# nobody has thought of. It is run again, and told; more than so many test programs of a stage are no chance.
AGAIN_MAX = 2


# What repeats until a race would have shown itself (suite once) and the tests of the source tree itself (suite house)
# run in the first stage only.
ONCE = ('once', 'house')
# The engine has no thread and asks nobody who it is: without the simulator where that is what a stage looks for.
ONCE_OR_PURE = (*ONCE, 'sim')
# --long multiplies the counts of all tests that repeat, and a test may take so much longer.
LONG_FACTOR = 10
# Tests wait for disks, timers and each other's processes more than they compute.
TESTS_PER_CPU = 3
# A sanitizer changes what gcc can prove, and so what it warns of.
SANITIZED = ['-Doptimization=1', '-Dwerror=false', '-Db_lundef=false']
# The thread sanitizer keeps every program that has a second thread at its end, to see who still runs: for a second
# unless told otherwise, of a thousand programs.
EXIT_MSEC = 20
# What a thread still holds when a test's child leaves by _exit() is only possibly lost.
LEAKS = 'definite,indirect'
VALGRIND = ('valgrind -q --error-exitcode=99 --leak-check=full '
            f'--show-leak-kinds={LEAKS} --errors-for-leak-kinds={LEAKS}')


class Stage:
    """One build and the tests that run on it. `build` names the folder, so that stages can share one."""

    def __init__(self, name, what, build, setup=(), env=None, only=None, without=ONCE, patience=2, test=(),
                 reports=None, as_user=False):
        self.name, self.what, self.build, self.setup, self.env = name, what, build, list(setup), env or {}
        self.only, self.without, self.patience, self.test = only, without, patience, list(test)
        self.reports, self.as_user = reports, as_user

    def environment(self, long):
        scale = float(self.env.get('BGTASK_TEST_SCALE', os.environ.get('BGTASK_TEST_SCALE', '1')))
        if not long:
            return {**self.env, 'BGTASK_TEST_SCALE': f'{scale:g}'}
        return {**self.env, 'BGTASK_TEST_SCALE': f'{scale * LONG_FACTOR:g}', 'BGTASK_TEST_LONG': '1'}

    def choose(self, suites, names, long):
        """The arguments of meson test for the caller's choice; None if the stage has none of these suites."""
        wanted = [suite for suite in suites if self.only in (None, suite)]
        if suites and not wanted:
            return None
        if not suites and self.only:
            wanted = [self.only]
        args = ['-t', str(self.patience * (LONG_FACTOR if long else 1)), *self.test]
        for suite in wanted:
            args += ['--suite', suite]
        for suite in (*self.without, *(() if long else ('long',))):
            if suite not in suites:
                args += ['--no-suite', suite]
        return args + names


STAGES = [
    Stage('gcc', 'every test, gcc, warnings are errors', 'gcc', without=()),
    Stage('clang', 'unit tests, clang, warnings are errors', 'clang', setup=['-Doptimization=0', '-Ddebug=false'],
          env={'CC': 'clang'}, only='unit'),
    Stage('asan', 'address, undefined-behaviour and leak sanitizers', 'asan',
          setup=[*SANITIZED, '-Db_sanitize=address,undefined', '-Dc_args=-fno-sanitize-recover=all'],
          patience=4, reports='ASAN_OPTIONS',
          env={'ASAN_OPTIONS': 'allocator_may_return_null=1:strict_string_checks=1:detect_stack_use_after_return=1',
               'UBSAN_OPTIONS': 'print_stacktrace=1', 'BGTASK_TEST_SCALE': '0.1'}),
    Stage('tsan', 'thread sanitizer', 'tsan', setup=[*SANITIZED, '-Db_sanitize=thread'],
          without=ONCE_OR_PURE, patience=4,
          reports='TSAN_OPTIONS',
          env={'TSAN_OPTIONS': f'halt_on_error=1:second_deadlock_stack=1:atexit_sleep_ms={EXIT_MSEC}',
               'BGTASK_TEST_SCALE': '0.1'}),
    Stage('valgrind', 'unit tests in valgrind', 'gcc', env={'BGTASK_TEST_SCALE': '0.1'}, only='unit',
          without=(*ONCE, 'processes'), patience=10, test=['--wrapper', VALGRIND]),
    Stage('user', 'every short test as an ordinary user', 'user', setup=['-Doptimization=0', '-Dwerror=false'],
          without=ONCE_OR_PURE, as_user=True),
]


class Interrupted(BaseException):
    pass


def arguments():
    parser = argparse.ArgumentParser(prog='./check', description='Builds bgtask out of tree and runs its tests.')
    parser.add_argument('--quick', action='store_true', help='only the first stage')
    parser.add_argument('--long', action='store_true',
                        help=f'also the suite long, and {LONG_FACTOR} times the seeds, kills and rounds: takes hours')
    parser.add_argument('--wine', action='store_true',
                        help='install Wine and MinGW if they are missing, so that the tests with them run')
    parser.add_argument('--stage', action='append', choices=[stage.name for stage in STAGES], metavar='STAGE',
                        help='only this stage; may be repeated: ' + ', '.join(stage.name for stage in STAGES))
    parser.add_argument('--suite', action='append', default=[],
                        help='only the tests of this suite; may be repeated: '
                             'unit, integration, sim, once, house, long')
    parser.add_argument('test', nargs='*', help='only the tests of this name')
    # The two folders come from ./check and are none of the caller's business.
    options = parser.parse_args(sys.argv[3:])
    options.source, options.build = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    return options


def environment(home):
    """What the stages see: nothing of the caller's session, so that its broker, bus and settings stay out of it."""
    keep = {name: value for name, value in os.environ.items()
            if name in ('TERM', 'TMPDIR', 'USER', 'LOGNAME') or name.startswith('BGTASK_TEST_')}
    return {**keep, 'PATH': '/usr/bin:/bin:/usr/sbin:/sbin', 'HOME': str(home), 'LANG': 'C.UTF-8',
            'PYTHONDONTWRITEBYTECODE': '1'}


class Runner:
    """Carries out the stages and keeps what they have in common."""

    def __init__(self, options):
        self.options = options
        self.total = results.Count()

    def say(self, stage, text, last=False):
        line = f'{stage.name:9}{stage.what:50}{text}'
        if sys.stdout.isatty():
            print('\r\033[K' + line, end='\n' if last else '', flush=True)
        elif last:
            print(line, flush=True)

    def run(self, stage):
        """Carries out a stage. False if its build failed; what its tests say is in the total."""
        args = stage.choose(self.options.suite, self.options.test, self.options.long)
        if args is None:
            return True
        if stage.as_user and os.getuid() != 0:
            self.say(stage, 'left out: these tests already run as an ordinary user', last=True)
            return True
        if stage.as_user:
            with tempfile.TemporaryDirectory(prefix='bgtask-check-', dir='/var/tmp') as folder:
                return self.run_in(stage, args, *self.hand_over(pathlib.Path(folder)))
        home = self.options.build / 'home'
        home.mkdir(exist_ok=True)
        return self.run_in(stage, args, self.options.source, self.options.build / stage.build, home, [])

    def hand_over(self, folder):
        """Copies the source tree to where the ordinary user can read it, with a home of its own beside it."""
        shutil.copytree(self.options.source, folder / 'source', symlinks=True,
                        ignore=shutil.ignore_patterns('.git', '__pycache__'))
        (folder / 'home').mkdir()
        for path in (folder, folder / 'home'):
            os.chown(path, USER_ID, USER_ID)
        return (folder / 'source', folder / 'build', folder / 'home',
                ['setpriv', f'--reuid={USER_ID}', f'--regid={USER_ID}', '--clear-groups', '--inh-caps=-all'])

    def run_in(self, stage, args, source, build, home, prefix):
        env = {**environment(home), **stage.environment(self.options.long)}
        if prefix:
            env.update(USER='nobody', LOGNAME='nobody')
        reports = self.options.build / 'reports' / stage.name
        shutil.rmtree(reports, ignore_errors=True)
        if stage.reports:
            # Also a process whose output and status nobody reads is heard: one report, one failure.
            reports.mkdir(parents=True)
            env[stage.reports] += f':log_path={reports}/report'
            prefix = [*prefix, *fixed_addresses()]

        start = time.monotonic()
        self.say(stage, 'building …')
        if not self.build(stage, source, build, env, prefix):
            return False
        built = time.monotonic()
        self.say(stage, f'built in {built - start:.0f} s, testing …')

        for log in results.logs(build):
            log.unlink()
        status, output = self.call([*prefix, 'meson', 'test', '-C', str(build), '--no-rebuild', '--num-processes',
                                    str(TESTS_PER_CPU * len(os.sched_getaffinity(0))), *args], env)
        count = results.read(build)
        if status and not count.failures and not count.forgiven:
            count.fail('meson test', output)
        left = processes.kill_descendants()
        if left:
            count.fail('processes that the tests left running', '\n'.join(left))
        for report in sorted(reports.glob('report*')):
            count.fail('sanitizer report', report.read_text(errors='replace'))
        again = self.run_again(count, [*prefix, 'meson', 'test', '-C', str(build), '--no-rebuild',
                                       '--num-processes', '1', *args[:2]], build, reports, env)
        self.say(stage, f'build {built - start:3.0f} s  tests {time.monotonic() - built:3.0f} s  {count}', last=True)
        self.explain(stage, count)
        for name, log in again:
            print(f'\n--- {stage.name}: {name} passed when it was run again, alone. A race, in it or what it tests. '
                  f'At first:\n{last_lines(log)}\n', flush=True)
        self.total.add(count)
        return True

    def run_again(self, count, command, build, reports, env):
        """Once more, alone: a few test programs of real processes that failed, if nothing else did. What passes then
        is told, and no failure. Gives the names, and what they said first."""
        names = [name for name, _ in count.failures]
        may = all(name in count.cases and name.startswith('integration-') for name in names)
        if not may or not 0 < len(names) <= AGAIN_MAX:
            return []
        told = []
        for name in names:
            for log in results.logs(build):
                log.unlink()
            status, _ = self.call([*command, name], env)
            if status == 0 and not processes.kill_descendants() and not list(reports.glob('report*')):
                told.append((name, count.take_back(name)))
        for report in sorted(reports.glob('report*')):
            count.fail('sanitizer report', report.read_text(errors='replace'))
        return told

    def build(self, stage, source, build, env, prefix):
        """Configures the build if it is not yet, and builds it. False, and counted as a failure, if that fails."""
        setup = [*prefix, 'meson', 'setup', str(build), str(source), *stage.setup]
        commands = [[*prefix, 'ninja', '-C', str(build)]]
        stamp = build / 'check-setup'
        if not stamp.exists() or stamp.read_text() != repr(setup):
            shutil.rmtree(build, ignore_errors=True)
            commands.insert(0, setup)
        for command in commands:
            status, output = self.call(command, env)
            if status:
                count = results.Count()
                count.fail('build', output[max(0, output.find('FAILED: ')):])
                self.say(stage, 'build failed', last=True)
                self.explain(stage, count)
                self.total.add(count)
                return False
        stamp.write_text(repr(setup))
        return True

    def call(self, command, env):
        """Runs a command to its end in its own process group and gives its status and output."""
        with tempfile.TemporaryFile() as output:
            child = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=output,
                                     stderr=subprocess.STDOUT, cwd='/', start_new_session=True)
            try:
                status = child.wait()
            except Interrupted:
                # Meson ends its tests on SIGTERM; what is deaf to that is killed, before its folder is removed.
                child.terminate()
                processes.kill_descendants()
                raise
            output.seek(0)
            return status, output.read().decode(errors='replace')

    def explain(self, stage, count):
        for name, log in count.failures:
            print(f'\n--- {stage.name}: {name}\n{last_lines(log)}')
            print(f'--- run it again: ./check --stage {stage.name}' + (f' {name}' if name in count.tests else ''))
            print(flush=True)


def last_lines(log):
    lines = log.rstrip().split('\n')
    left_out = [f'    ({len(lines) - LOG_LINES} lines above are left out)'] if len(lines) > LOG_LINES else []
    return '\n'.join([*left_out, *lines[-LOG_LINES:]])


def fixed_addresses():
    try:
        bits = int(pathlib.Path('/proc/sys/vm/mmap_rnd_bits').read_text())
    except (OSError, ValueError):
        return []
    return ['setarch', '-R'] if bits > SANITIZER_MMAP_BITS else []


def interrupt(number, frame):
    """Unwinds once; a second Ctrl-C must not stop the cleaning up."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Interrupted(number)


def main():
    options = arguments()
    options.build.mkdir(parents=True, exist_ok=True)
    lock = open(options.build / 'lock', 'w')
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f'Another ./check uses {options.build}: waiting for it.', flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    signal.signal(signal.SIGINT, interrupt)
    signal.signal(signal.SIGTERM, interrupt)
    processes.adopt_orphans()

    runner = Runner(options)
    start = time.monotonic()
    chosen = options.stage or ([STAGES[0].name] if options.quick else [stage.name for stage in STAGES])
    try:
        for stage in STAGES:
            if stage.name not in chosen:
                continue
            if not runner.run(stage) and stage is STAGES[0]:
                print('The other stages are left out: what one compiler refuses they would only repeat.')
                break
    except Interrupted as e:
        processes.kill_descendants()
        print('\nInterrupted; nothing is left running.')
        return 128 + e.args[0]
    print(f'{"":9}{"everything":50}{time.monotonic() - start:.0f} s, built in {options.build}')
    if not runner.total.seen():
        print('There is no such test.', file=sys.stderr)
    print(f'{runner.total.passed} passed, {runner.total.failed} failed, {runner.total.skipped} skipped', flush=True)
    return 1 if runner.total.failed or not runner.total.seen() else 0


if __name__ == '__main__':
    sys.exit(main())
