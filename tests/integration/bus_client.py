# SPDX-License-Identifier: MIT
"""A D-Bus client of the broker: calls, signals, and calls that the broker makes to a server.

Values are Python's: a variant is read as the value in it and written as a pair (signature, value); a dictionary
a{sv} is read as a dict and written from a dict of such pairs. Every wait ends after TIMEOUT seconds with an error.
"""

import collections
import os
import select
import socket
import struct
import time

from dbus_wire import BEGIN, CALL, ERROR, HANDSHAKE, NEGOTIATE, NO_REPLY, RETURN, SIGNAL, pad

TIMEOUT = 60
PATH = '/org/bgtask'
MANAGER = 'org.bgtask.Manager1'
SERVER = 'org.bgtask.Server1'
CLOCK = 'org.bgtask.TestClock1'
FIXED = {'y': 'B', 'n': 'h', 'q': 'H', 'i': 'i', 'u': 'I', 'x': 'q', 't': 'Q', 'd': 'd', 'b': 'I', 'h': 'I'}
ALIGNMENT = {'y': 1, 'n': 2, 'q': 2, 'g': 1, 'v': 1, 'x': 8, 't': 8, 'd': 8, '(': 8, '{': 8}
CODES = {1: 'path', 2: 'interface', 3: 'member', 4: 'error', 5: 'answers', 6: 'destination', 7: 'sender',
         8: 'signature', 9: 'n_fds'}


def split(signature):
    """The complete types that a signature consists of."""
    types, at = [], 0
    while at < len(signature):
        end = at
        while signature[end] == 'a':
            end += 1
        if signature[end] in '({':
            depth = 0
            while True:
                depth += {'(': 1, '{': 1, ')': -1, '}': -1}.get(signature[end], 0)
                if depth == 0:
                    break
                end += 1
        types.append(signature[at:end + 1])
        at = end + 1
    return types


class Marshal:
    def __init__(self):
        self.data = bytearray()

    def align(self, n):
        self.data += b'\0' * (-len(self.data) % n)

    def put(self, kind, value):
        code = kind[0]
        if code == 'v':
            self.put('g', value[0])
            self.put(*value)
            return
        self.align(ALIGNMENT.get(code, 4))
        if code in FIXED:
            self.data += struct.pack('<' + FIXED[code], value)
        elif code in 'so':
            text = value.encode()
            self.data += struct.pack('<I', len(text)) + text + b'\0'
        elif code == 'g':
            self.data += bytes([len(value)]) + value.encode() + b'\0'
        elif code == 'a':
            self.put_array(kind[1:], value)
        else:
            for part, item in zip(split(kind[1:-1]), value, strict=True):
                self.put(part, item)

    def put_array(self, kind, values):
        at = len(self.data)
        self.data += b'\0\0\0\0'
        self.align(ALIGNMENT.get(kind[0], 4))
        begin = len(self.data)
        for value in values.items() if isinstance(values, dict) else values:
            self.put(kind, value)
        struct.pack_into('<I', self.data, at, len(self.data) - begin)


class Unmarshal:
    def __init__(self, data, at=0):
        self.data = data
        self.at = at

    def align(self, n):
        self.at += -self.at % n

    def fixed(self, code):
        size = struct.calcsize(code)
        self.align(size)
        value, = struct.unpack_from('<' + code, self.data, self.at)
        self.at += size
        return value

    def get(self, kind):
        code = kind[0]
        if code == 'b':
            return bool(self.fixed('I'))
        if code in FIXED:
            return self.fixed(FIXED[code])
        if code in 'sog':
            size = self.fixed('B' if code == 'g' else 'I')
            text = bytes(self.data[self.at:self.at + size]).decode()
            self.at += size + 1
            return text
        if code == 'v':
            return self.get(self.get('g'))
        if code == 'a':
            return self.get_array(kind[1:])
        self.align(8)
        return tuple(self.get(part) for part in split(kind[1:-1]))

    def get_array(self, kind):
        size = self.fixed('I')
        self.align(ALIGNMENT.get(kind[0], 4))
        end = self.at + size
        values = []
        while self.at < end:
            values.append(self.get(kind))
        return dict(values) if kind[0] == '{' else values


def build(kind, serial, body=b'', **fields):
    """A whole message. fields: path, interface, member, error, answers, signature."""
    marshal = Marshal()
    for code, value in (('y', ord('l')), ('y', kind), ('y', fields.pop('flags', 0)), ('y', 1), ('u', len(body)),
                        ('u', serial)):
        marshal.put(code, value)
    types = {'path': 'o', 'answers': 'u', 'signature': 'g', 'n_fds': 'u'}
    marshal.put('a(yv)', [(code, (types.get(name, 's'), fields[name])) for code, name in CODES.items()
                          if fields.get(name)])
    return pad(bytes(marshal.data), 8) + body


Message = collections.namedtuple('Message', 'kind serial member answers body error interface')


class Refused(Exception):
    """An answer that is an error: its name after org.bgtask.Error., its sentence, and what to do about it."""

    def __init__(self, name, sentence='', remedy=''):
        super().__init__(name, sentence, remedy)
        self.name = name.removeprefix('org.bgtask.Error.')
        self.sentence = sentence
        self.remedy = remedy


class Lost(Exception):
    """The connection has ended."""


class Client:
    """One connection; of a program if path is given, of a server over an inherited socket if fd is."""

    def __init__(self, path=None, authenticate=True):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.socket.settimeout(TIMEOUT)
        self.data = bytearray()
        self.fds = []  # that came with answers, for whoever asked to close
        self.serial = 0
        self.answers = {}
        self.signals = collections.deque()
        self.calls = collections.deque()
        try:
            self.socket.connect(path)
            if authenticate:
                self.authenticate()
        except BaseException:
            self.socket.close()
            raise

    def authenticate(self):
        self.socket.sendall(HANDSHAKE + NEGOTIATE + BEGIN)
        while self.data.count(b'\r\n') < 2:
            self.read_some()
        line, agreed, rest = bytes(self.data).split(b'\r\n', 2)
        if not line.startswith(b'OK ') or agreed != b'AGREE_UNIX_FD':
            raise Lost(line, agreed)
        self.data = bytearray(rest)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def read_some(self, end=None):
        """Waits for bytes until the moment end of the monotonic clock."""
        self.socket.settimeout(TIMEOUT if end is None else max(end - time.monotonic(), 0.001))
        try:
            data, fds, _, _ = socket.recv_fds(self.socket, 1 << 20, 16)
            self.fds += fds
        except (ConnectionResetError, BrokenPipeError) as error:
            raise Lost from error
        if not data:
            raise Lost
        self.data += data

    def parse(self):
        """The next message that is complete, or None."""
        if len(self.data) < 16:
            return None
        n_body, serial, n_fields = struct.unpack_from('<III', self.data, 4)
        size = 16 + n_fields + -n_fields % 8 + n_body
        if len(self.data) < size:
            return None
        raw = bytes(self.data[:size])
        del self.data[:size]
        fields = {CODES[code]: value for code, value in Unmarshal(raw, 12).get('a(yv)') if code in CODES}
        reader = Unmarshal(raw[size - n_body:])
        body = tuple(reader.get(kind) for kind in split(fields.get('signature', '')))
        return Message(raw[1], serial, fields.get('member', ''), fields.get('answers', 0), body,
                       fields.get('error', ''), fields.get('interface', ''))

    def sort(self, message):
        if message.kind in (RETURN, ERROR):
            self.answers[message.answers] = message
        elif message.kind == SIGNAL:
            self.signals.append(message)
        else:
            self.calls.append(message)

    def receive(self, end=None):
        """Waits until something was received, and sorts it."""
        while (message := self.parse()) is None:
            self.read_some(end)
        self.sort(message)

    def pump(self):
        """Sorts what has arrived; does not wait. False at the end of the stream."""
        try:
            while select.select([self.socket], [], [], 0)[0]:
                self.read_some()
            return True
        except Lost:
            return False
        finally:
            while (message := self.parse()) is not None:
                self.sort(message)

    def send(self, member, signature='', *args, interface=MANAGER, flags=0, fds=()):
        """Sends a call and returns its serial. A descriptor among the arguments is its index in fds."""
        body = Marshal()
        for kind, value in zip(split(signature), args, strict=True):
            body.put(kind, value)
        self.serial += 1
        data = build(CALL, self.serial, bytes(body.data), path=PATH, interface=interface, member=member,
                     signature=signature, flags=flags, n_fds=len(fds))
        self.socket.settimeout(TIMEOUT)
        try:
            if fds:
                data = data[socket.send_fds(self.socket, [data], fds):]
            self.socket.sendall(data)
        except (ConnectionResetError, BrokenPipeError) as error:
            raise Lost from error
        return self.serial

    def tell(self, member, signature='', *args, interface=SERVER):
        """Sends a call that wants no answer."""
        return self.send(member, signature, *args, interface=interface, flags=NO_REPLY)

    def wait(self, serial, timeout=TIMEOUT):
        """The answer to a call: nothing, one value, or a tuple."""
        end = time.monotonic() + timeout
        while serial not in self.answers:
            self.receive(end)
        message = self.answers.pop(serial)
        if message.kind == ERROR:
            raise Refused(message.error, *message.body[:2])
        return message.body[0] if len(message.body) == 1 else message.body or None

    def call(self, member, signature='', *args, interface=MANAGER, timeout=TIMEOUT, fds=()):
        return self.wait(self.send(member, signature, *args, interface=interface, fds=fds), timeout)

    def next_signal(self, wanted, timeout=TIMEOUT):
        """The first signal for which wanted(member, *arguments) is true, of those not taken yet; it is taken."""
        end = time.monotonic() + timeout
        seen = 0
        while True:
            while seen < len(self.signals):
                signal = self.signals[seen]
                if wanted(signal.member, *signal.body):
                    del self.signals[seen]
                    return signal.body
                seen += 1
            self.receive(end)

    def forget_signals(self, but):
        """Drops those that nobody will take, all but these members: each search begins with the oldest."""
        self.signals = collections.deque(signal for signal in self.signals if signal.member in but)

    def next_call(self, member=None, timeout=TIMEOUT):
        """The next call that the broker makes, of this member."""
        end = time.monotonic() + timeout
        while True:
            for call in self.calls:
                if member in (None, call.member):
                    self.calls.remove(call)
                    return call
            self.receive(end)

    def poll_call(self, member, timeout):
        """The same, or None if there is none for so long."""
        try:
            return self.next_call(member, timeout)
        except TimeoutError:
            return None

    def answer(self, call, error=None):
        """Answers a call of the broker: with nothing, or with an error of this name."""
        self.serial += 1
        kind = ERROR if error else RETURN
        self.socket.sendall(build(kind, self.serial, answers=call.serial, error=error))

    def peer_is_gone(self, timeout=TIMEOUT):
        """Waits until the other side has closed the connection."""
        end = time.monotonic() + timeout
        try:
            while True:
                self.receive(end)
        except Lost:
            return True


def listening(path):
    """Whether somebody accepts connections there."""
    if len(os.fsencode(path)) > 107:
        return False
    try:
        Client(path, authenticate=False).close()
        return True
    except OSError:
        return False
