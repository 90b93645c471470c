# SPDX-License-Identifier: MIT
"""A broker of a test's own, with packages whose servers do what the test says.

Everything lives in one temporary folder with a short path. The environment of all programs is exact, and names that
folder: whatever is started for a test can be found, and at the end of a test nothing of it may be left.
"""

import contextlib
import json
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import uuid

from bus_client import CLOCK, Client, Lost, MANAGER, Refused, SERVER as SERVER_INTERFACE, TIMEOUT

BROKER = os.environ['BGTASK_BROKER']
CLI = os.environ['BGTASK_CLI']
SERVER = os.environ['BGTASK_TEST_SERVER']
SCALE = float(os.environ.get('BGTASK_TEST_SCALE', '1'))
# The delays of jitter.c, if they are asked for.
JITTER = {'LD_PRELOAD': os.environ.get('BGTASK_TEST_JITTER_LIBRARY', ''),
          'BGTASK_TEST_JITTER': os.environ['BGTASK_TEST_JITTER']} if 'BGTASK_TEST_JITTER' in os.environ else {}
SANITIZERS = ('ASAN_OPTIONS', 'LSAN_OPTIONS', 'TSAN_OPTIONS', 'UBSAN_OPTIONS')
REPORT_LENGTH = 6000
PATIENCE = 30  # seconds, for the way of a process from its last word to its end, which a sanitizer makes long
REPORTS = ('ERROR: AddressSanitizer', 'ERROR: LeakSanitizer', 'WARNING: ThreadSanitizer', ': runtime error: ')
CLSID = '14c5882b-35d3-41be-86b2-5106269b97e6'
CLSID_2 = '2d4ce1b3-6b7e-4e0b-9d2e-3c1f0a5b7d11'
CLSID_3 = '7f5c3a52-9f0e-4b0a-8c65-0f1b2a3c4d5e'
SECOND, MINUTE, HOUR, DAY = 10**6, 60 * 10**6, 3600 * 10**6, 86400 * 10**6
NAME, PUBLISHER = 'Test.App', 'CN=Test'

MANIFEST = '''<?xml version="1.0" encoding="utf-8"?>
<Package xmlns="http://schemas.microsoft.com/appx/manifest/foundation/windows10"
         xmlns:com="http://schemas.microsoft.com/appx/manifest/com/windows10"
         xmlns:rescap="http://schemas.microsoft.com/appx/manifest/foundation/windows10/restrictedcapabilities"
         xmlns:uap3="http://schemas.microsoft.com/appx/manifest/uap/windows10/3">
  <Identity Name="{name}" Publisher="{publisher}" Version="{version}"/>
  <Applications>
    <Application Id="App">
      <Extensions>
        <com:Extension Category="windows.comServer">
          <com:ComServer>
{servers}
          </com:ComServer>
        </com:Extension>
      </Extensions>
    </Application>
  </Applications>
  <Capabilities>{capabilities}</Capabilities>
</Package>
'''
# Capabilities that are not of the manifest's first namespace.
PREFIXES = {'runFullTrust': 'rescap:', 'broadFileSystemAccess': 'rescap:', 'userNotificationListener': 'uap3:'}


def times(n):
    """How often a test that repeats does so."""
    return max(3, int(n * SCALE))


def usec(seconds):
    """Microseconds; a fraction that a number cannot hold must not make one too few."""
    return round(seconds * SECOND)


def eventually(question, what='it', timeout=TIMEOUT):
    """Asks until the answer is true, and returns it. For what nobody announces; each question is one round trip."""
    end = time.monotonic() + timeout
    while not (answer := question()):
        if time.monotonic() > end:
            raise TimeoutError(what)
    return answer


def processes(mark):
    """The living processes whose environment holds this text."""
    found = []
    for pid in filter(str.isdigit, os.listdir('/proc')):
        with contextlib.suppress(OSError):
            if os.fsencode(mark) in pathlib.Path('/proc', pid, 'environ').read_bytes():
                found.append(int(pid))
    return sorted(found)


def describe(pid):
    with contextlib.suppress(OSError):
        line = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes().replace(b'\0', b' ').decode(errors='replace')
        state = pathlib.Path(f'/proc/{pid}/stat').read_text(encoding='utf-8').rpartition(')')[2].split()[0]
        return f'{pid} {state} {line}'
    return f'{pid} gone'


def kill(pid):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def wait_gone(pid, timeout=TIMEOUT):
    """Waits for the end of a process, which need not be a child; False if it did not come."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        poll = select.poll()
        poll.register(fd, select.POLLIN)
        return bool(poll.poll(timeout * 1000))
    finally:
        os.close(fd)


class BrokerFailed(Exception):
    """The broker ended instead of serving: its exit status and what it said."""

    def __init__(self, status, errors):
        super().__init__(status, errors)
        self.status = status
        self.errors = errors


class Done:
    """What a command did."""

    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        return [json.loads(line) for line in self.out.splitlines()]


class Talk:
    """One end of a conversation with a server: with a run, or with a process that has not registered yet."""

    def __init__(self, peer):
        self.socket = peer
        self.socket.settimeout(TIMEOUT)
        words = self.hear().split(' ', 6)
        self.kind, self.pid = words[0], int(words[1])
        if self.kind == 'begin':
            self.run, self.attempt, self.count, self.fired_by, self.name = words[2], int(words[3]), int(words[4]), \
                words[5], words[6]

    def hear(self):
        """The next packet; "" at the end."""
        try:
            return self.socket.recv(4096).decode()
        except ConnectionResetError:
            return ''

    def say(self, command):
        """Says it and does not wait: for what has no answer."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.socket.send(command.encode())

    def ask(self, command):
        """Says it and returns the number that is answered."""
        self.socket.send(command.encode())
        while not (answer := self.hear()).startswith('ok '):
            if not answer:
                raise Lost(command)
            self.heard = answer
        return int(answer[3:])

    def canceled(self):
        """Waits for the reason of a cancellation."""
        packet = self.hear()
        assert packet.startswith('canceled '), packet
        return int(packet.split()[1])

    def end(self, result=0):
        self.say(f'return {result}')


class Package:
    """A package whose ExeServers are copies of the test's server. servers: one (executable, classes, arguments) for
    each; arguments None: those that register the classes. Without the capability runFullTrust they are confined."""

    def __init__(self, broker, name=NAME, arguments='', classes=(CLSID,), servers=None, install=True,
                 version='1.0.0.0', publisher=PUBLISHER, capabilities=('runFullTrust',)):
        self.broker = broker
        self.name = name
        self.version = version
        self.publisher = publisher
        self.capabilities = capabilities
        self.folder = broker.folder / 'pkg' / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.servers = servers or [('server', classes, arguments)]
        self.family = ''
        self.listener = None
        self.talks = []
        for executable, _, _ in self.servers:
            shutil.copy(SERVER, self.folder / executable)
        self.write(self.manifest())
        if install:
            self.install()

    def manifest(self):
        parts = []
        for executable, classes, arguments in self.servers:
            line = f'{arguments} ' + ' '.join(f'--class {clsid}' for clsid in classes)
            lines = ''.join(f'<com:Class Id="{clsid}"/>' for clsid in classes)
            parts.append(f'<com:ExeServer Executable="{executable}" Arguments="{line.strip()}">{lines}'
                         '</com:ExeServer>')
        capabilities = ''.join(f'<{PREFIXES.get(name, "")}Capability Name="{name}"/>'
                               for name in self.capabilities)
        return MANIFEST.format(name=self.name, publisher=self.publisher, version=self.version,
                               servers='\n'.join(parts), capabilities=capabilities)

    def write(self, text):
        data = text if isinstance(text, bytes) else text.encode()
        (self.folder / 'AppxManifest.xml').write_bytes(data)

    def install(self):
        self.family = self.broker.call('InstallPackage', 'sa{sv}', str(self.folder), {})[0]
        return self.family

    @property
    def local(self):
        return self.broker.data / 'bgtask' / self.family

    def listen(self):
        """From now on the package's servers find somebody who tells them what to do."""
        self.local.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(self.local / 'control'))
        self.listener.listen(64)
        self.broker.sockets.append(self.listener)
        return self

    def next_talk(self, wanted=lambda talk: True, timeout=TIMEOUT):
        """The next server that asks what to do, and for which wanted(talk) is true."""
        end = time.monotonic() + timeout
        while True:
            for talk in self.talks:
                if wanted(talk):
                    self.talks.remove(talk)
                    return talk
            self.listener.settimeout(max(end - time.monotonic(), 0.001))
            peer, _ = self.listener.accept()
            self.broker.sockets.append(peer)
            self.talks.append(Talk(peer))

    def talk_of(self, run, timeout=TIMEOUT):
        """The conversation with the next attempt of this run."""
        return self.next_talk(lambda talk: talk.kind == 'begin' and talk.run == run, timeout)


class ByHand:
    """A server that nobody launched: the test itself."""

    def __init__(self, broker, package, clsid=CLSID, flags=1, cookie=''):
        self.client = broker.open()
        self.info = self.call('Attach', 'ss', cookie, package.family)
        self.cookie = self.call('RegisterClass', 'su', clsid, flags) if clsid else 0

    def call(self, member, signature='', *args):
        return self.client.call(member, signature, *args, interface=SERVER_INTERFACE)

    def next_run(self):
        """Acknowledges the next Run; its run and attempt."""
        call = self.client.next_call('Run')
        self.client.answer(call)
        return call.body[:2]

    def progress(self, run, attempt, value):
        self.client.tell('Progress', 'suu', run, attempt, value)

    def complete(self, run, attempt, result=0):
        self.client.tell('Complete', 'suia{sv}', run, attempt, result, {})

    def close(self):
        self.client.close()


class Broker:
    """bgtaskd in a folder of its own. test_clock: its time moves only when advance() says so."""

    def __init__(self, test_clock=True, boot_id=None, state=None, runtime=None, start=True, wrapper=()):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='bgt-'))
        self.state = pathlib.Path(state or self.folder / 'state')
        self.runtime = pathlib.Path(runtime or self.folder / 'run')
        self.data = self.folder / 'data'
        self.bus = self.runtime / 'bus'
        self.test_clock = test_clock
        self.boot_id = boot_id or (str(uuid.uuid4()) if test_clock else None)
        self.wrapper = wrapper
        self.sockets = []
        self.process = None
        self.client = None
        self.watcher = None
        self.ended_before = {}
        self.last_words = ''
        self.log = self.folder / 'broker.log'
        (self.folder / 'home').mkdir()
        self.environment = {
            'BGTASK_AUTOSTART': '0',
            'BGTASK_BUS': str(self.bus),
            'HOME': str(self.folder / 'home'),
            'LANG': 'C.UTF-8',
            'PATH': os.environ.get('PATH', '/usr/bin:/bin'),
            'TZ': 'UTC',
            'XDG_DATA_DIRS': str(self.folder / 'share'),
            'XDG_DATA_HOME': str(self.data),
            'XDG_RUNTIME_DIR': str(self.folder),
            'XDG_STATE_HOME': str(self.folder / 'xdg-state'),
        } | {name: os.environ[name] for name in SANITIZERS if name in os.environ} | JITTER
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(self.folder / 'notify'))
        self.sockets.append(self.notify)
        if start:
            self.start()

    # The process.

    def arguments(self):
        clock = ['--test-clock'] if self.test_clock else []
        boot = ['--boot-id', self.boot_id] if self.test_clock else []
        return [*self.wrapper, BROKER, '--state', str(self.state), '--runtime', str(self.runtime), *clock, *boot]

    def spawn(self, *more):
        """Starts a broker and returns at once."""
        with open(self.log, 'ab') as log:
            return subprocess.Popen([*self.arguments(), *more], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                    env=self.environment | {'NOTIFY_SOCKET': str(self.folder / 'notify')},
                                    start_new_session=True, cwd='/')

    def start(self):
        """Starts it and waits until it serves."""
        begin = self.log.stat().st_size if self.log.exists() else 0
        self.process = self.spawn()
        self.wait_ready(begin)
        self.connect()
        return self

    def wait_ready(self, begin=0):
        fd = os.pidfd_open(self.process.pid)
        try:
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            poll.register(self.notify, select.POLLIN)
            end = time.monotonic() + TIMEOUT
            while time.monotonic() < end:
                ready = [ready for ready, _ in poll.poll(TIMEOUT * 1000)]
                if self.notify.fileno() in ready and b'READY=1' in self.notify.recv(4096).split(b'\n'):
                    return
                if fd in ready:
                    raise BrokerFailed(self.process.wait(), self.errors()[begin:])
            raise TimeoutError('the broker does not say that it is ready')
        finally:
            os.close(fd)

    def connect(self):
        self.client = self.open()
        self.watcher = self.open()
        self.watcher.call('Watch', 'ss', '*', '')
        # What ended before anybody watched, as it may right after a start.
        rows, _ = self.call('History', 'sssu', '*', '', '', 100)
        self.ended_before = {run: properties | {'run': run, 'task': task, 'outcome': outcome}
                             for run, task, outcome, properties in rows}

    def open(self):
        """One more connection."""
        client = Client(str(self.bus))
        self.sockets.append(client)
        return client

    def errors(self):
        """What all brokers of this folder have said so far."""
        return self.log.read_text(encoding='utf-8', errors='replace') if self.log.exists() else ''

    def kill(self):
        """The end that nobody expects."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(TIMEOUT)

    def restart(self):
        """SIGTERM, and the next one."""
        status = self.terminate()
        self.start()
        return status

    def terminate(self):
        self.process.terminate()
        return self.process.wait(TIMEOUT)

    def reboot(self, seconds=0):
        """All processes die, what is in memory is lost, and the machine is off for some seconds. What the test has
        seen is stored by then."""
        self.advance(0)
        self.step(seconds)
        self.kill()
        for pid in processes(self.folder):
            kill(pid)
            wait_gone(pid)
        shutil.rmtree(self.runtime)
        self.boot_id = str(uuid.uuid4())
        self.start()

    # What it is asked.

    def call(self, member, signature='', *args, interface=MANAGER, timeout=TIMEOUT):
        return self.client.call(member, signature, *args, interface=interface, timeout=timeout)

    def bgtask(self, *args, stdin=None, env=None, timeout=TIMEOUT):
        """The command line."""
        return Done(subprocess.run([CLI, *args], input=stdin, stdin=None if stdin else subprocess.DEVNULL,
                                   capture_output=True, timeout=timeout, encoding='utf-8', check=False,
                                   env=self.environment | (env or {})))

    def register(self, package, name, trigger=('ApplicationTrigger', {}), conditions=(), if_exists='fail',
                 clsid=CLSID, **options):
        """Registers a task and returns its id. options: as Register has them, with _ for -, as variants."""
        values = {key.replace('_', '-'): value for key, value in options.items()}
        if clsid:
            values['clsid'] = ('s', clsid)
        return self.call('Register', 'ss(sa{sv})asa{sv}s', package.family, name, trigger, list(conditions), values,
                         if_exists)[0]

    def run(self, task, satisfied=False):
        """Runs a task by hand and returns the run's id."""
        return self.call('Run', 'sa{sv}', task, {'satisfied': ('b', True)} if satisfied else {})

    def request(self, task, **arguments):
        return self.call('Request', 'sa{sv}', task, arguments)

    def ended(self, run, timeout=TIMEOUT):
        """Waits for the outcome of a run; its record, with the outcome in it."""
        if run in self.ended_before:
            return self.ended_before[run]
        return self.next_end(lambda _, ended: ended == run, timeout)

    def next_end(self, wanted=lambda task, run: True, timeout=TIMEOUT):
        body = self.watcher.next_signal(lambda member, *args: member == 'Completed' and wanted(args[0], args[2]),
                                        timeout)
        return body[4] | {'task': body[0], 'run': body[2], 'outcome': body[3]}

    def state_of(self, run, state, timeout=TIMEOUT):
        """Waits until a run says that it is in this state."""
        return self.watcher.next_signal(lambda member, *args: member == 'RunChanged' and args[2:4] == (run, state),
                                        timeout)[4]

    def progress(self, run, value, timeout=TIMEOUT):
        self.watcher.next_signal(lambda member, *args: member == 'Progress' and args[2:4] == (run, value), timeout)

    def outcome(self, task, satisfied=False):
        """Runs a task and waits for its end."""
        return self.ended(self.run(task, satisfied))

    def why(self, task):
        """{code: (sentence, since, remedy, details)}"""
        return {code: rest for code, *rest in self.call('Why', 's', task)}

    def runs(self, task=''):
        return [properties | {'run': run, 'task': of, 'state': state}
                for run, of, state, properties in self.pages('ListRuns', 's', task)]

    def pages(self, member, signature, *args):
        cursor, rows = '', []
        while True:
            page, cursor = self.call(member, signature + 'su', *args, cursor, 1000)
            rows += page
            if not cursor:
                return rows

    def history(self, task='', package='*'):
        return [properties | {'run': run, 'task': of, 'outcome': outcome}
                for run, of, outcome, properties in self.pages('History', 'ss', package, task)]

    def tasks(self, package='*', name=''):
        return [properties | {'task': task, 'package': of, 'name': title}
                for task, of, title, properties in self.pages('ListTasks', 'ssa{sv}', package, name, {})]

    def packages(self):
        return self.pages('ListPackages', '')

    def lines(self, task, run=''):
        return [text for _, text in self.pages('ReadLog', 'ss', task, run)]

    def status(self):
        return self.call('Status')

    def everything(self):
        """What must be the same before and after something that is refused."""
        count = self.status()
        return self.packages(), self.tasks(), self.history(), self.runs(), count['live'], count['servers']

    # The test clock.

    def advance(self, seconds):
        self.call('Advance', 't', usec(seconds), interface=CLOCK)

    def begin_advance(self, seconds):
        """The same without waiting for the answer; the serial of the call."""
        return self.client.send('Advance', 't', usec(seconds), interface=CLOCK)

    def advance_past(self, seconds):
        """The same past a process that does not do what it has to; nobody is waited for."""
        self.call('SetPatience', 't', 0, interface=CLOCK)
        self.advance(seconds)
        self.call('SetPatience', 't', 30 * SECOND, interface=CLOCK)

    def suspend(self, seconds):
        self.call('Suspend', 't', usec(seconds), interface=CLOCK)

    def step(self, seconds):
        self.call('Step', 'x', usec(seconds), interface=CLOCK)

    def now(self):
        """boot, mono, real"""
        return self.call('Get', interface=CLOCK)

    def condition(self, name, level):
        self.call('SetCondition', 'ss', name, level, interface=CLOCK)

    # The end.

    def finish(self):
        """Removes every package, waits until all of its processes are gone, ends the broker. The problems seen."""
        problems = []
        try:
            if self.process and self.process.poll() is None:
                problems += self.leave()
            if self.process and self.process.poll() is None:
                status = self.terminate()
                problems += [f'the broker exited with {status}'] if status else []
        except (Lost, Refused, OSError, subprocess.TimeoutExpired) as error:
            problems.append(f'the broker could not be ended: {error!r}')
        if self.process and self.process.poll() is None:
            self.kill()
        elif problems and self.process:
            problems.append(f'it exited with {self.process.returncode}')
        problems += self.left()
        problems += self.reports()
        self.last_words = self.errors()
        for each in self.sockets:
            each.close()
        shutil.rmtree(self.folder, ignore_errors=True)
        return problems

    def leave(self):
        """Removal cancels what runs and sends every server away."""
        client = Client(str(self.bus))
        with client:
            if self.test_clock:
                client.call('SetPatience', 't', 0, interface=CLOCK)
            for family, _ in client.call('ListPackages', 'su', '', 1000)[0]:
                client.call('RemovePackage', 's', family)
            for task, *_ in client.call('ListTasks', 'ssa{sv}su', '*', '', {}, '', 1000)[0]:
                client.call('Unregister', 'sb', task, True)
            mine = [pid for pid in processes(self.folder) if pid != self.process.pid]
            end = time.monotonic() + TIMEOUT
            for pid in mine:
                while not wait_gone(pid, 0.05 if self.test_clock else 1):
                    if self.test_clock:
                        client.call('Advance', 't', 10 * SECOND, interface=CLOCK)
                    if time.monotonic() > end:
                        return [f'removing its package did not end {describe(pid)}']
        return []

    def left(self):
        """Kills and describes what is still there, and does not end although it was told to."""
        found = []
        for pid in processes(self.folder):
            if not wait_gone(pid, PATIENCE):
                found.append(f'left: {describe(pid)}')
                kill(pid)
                wait_gone(pid)
        return found

    def reports(self):
        """What sanitizers said of brokers and servers."""
        texts = [self.log, *(self.state / 'logs').glob('*')]
        found = []
        for path in texts:
            with contextlib.suppress(OSError):
                text = path.read_text(encoding='utf-8', errors='replace')
                starts = [at for at in map(text.find, REPORTS) if at >= 0]
                if starts:
                    found.append(f'{path.name}: {text[min(starts):][:REPORT_LENGTH]}')
        return found


class Case(unittest.TestCase):
    """A test with a broker of its own, unless broker_options is None."""

    broker_options = {}
    maxDiff = None

    def setUp(self):
        if self.broker_options is not None:
            self.broker = self.new_broker(**self.broker_options)

    def new_broker(self, environment=None, **options):
        broker = Broker(start=False, **options)
        broker.environment.update(environment or {})
        self.addCleanup(self.finish, broker)
        broker.start()
        return broker

    def finish(self, broker):
        failed = not self._outcome.success
        problems = broker.finish()
        if failed or problems:
            for line in broker.last_words.splitlines():
                print(f'# broker: {line}', flush=True)
        self.assertEqual(problems, [])

    def assert_refused(self, name, *pieces, by):
        """by() must be refused with this error, whose sentence and remedy hold the pieces; nothing has changed."""
        before = self.broker.everything()
        with self.assertRaises(Refused) as caught:
            by()
        refused = caught.exception
        self.assertEqual(refused.name, name, refused)
        for piece in pieces:
            self.assertIn(piece, f'{refused.sentence} {refused.remedy}')
        self.assertTrue(refused.remedy, refused)
        self.assertEqual(self.broker.everything(), before)
        return refused

    def assert_fails(self, done, status, *pieces):
        """A command must fail with this exit status and say the pieces on standard error."""
        self.assertEqual(done.status, status, done.err)
        for piece in pieces:
            self.assertIn(piece, done.err)

    def assert_outcome(self, record, outcome, **values):
        self.assertEqual(record['outcome'], outcome, record)
        for key, value in values.items():
            self.assertEqual(record.get(key.replace('_', '-')), value, record)


class Running(Case):
    """A package whose servers do what the test says."""

    arguments = ''
    capabilities = ('runFullTrust',)

    def setUp(self):
        super().setUp()
        self.package = Package(self.broker, arguments=self.arguments, capabilities=self.capabilities).listen()

    def task(self, name='control', trigger=('ApplicationTrigger', {}), **options):
        return self.broker.register(self.package, name, trigger, **options)

    def begin(self, task, satisfied=False):
        """Runs the task; its run and the conversation with it."""
        run = self.broker.run(task, satisfied)
        talk = self.package.talk_of(run)
        self.broker.state_of(run, 'running')
        return run, talk

    def codes(self, task):
        return set(self.broker.why(task))
