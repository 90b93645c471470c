# SPDX-License-Identifier: MIT
"""D-Bus by hand: bytes as no library would send them, for tests of what a server does with them."""

import array
import os
import socket
import struct

HANDSHAKE = b'\0AUTH EXTERNAL ' + str(os.getuid()).encode().hex().encode() + b'\r\n'
NEGOTIATE = b'NEGOTIATE_UNIX_FD\r\n'
BEGIN = b'BEGIN\r\n'
CALL, RETURN, ERROR, SIGNAL = 1, 2, 3, 4
NO_REPLY = 1
PATH, INTERFACE, MEMBER, ERROR_NAME, REPLY_SERIAL, DESTINATION, SENDER, SIGNATURE, UNIX_FDS = range(1, 10)


def pad(data, alignment):
    return data + b'\0' * (-len(data) % alignment)


def text(value):
    data = value.encode()
    return struct.pack('<I', len(data)) + data + b'\0'


def field(code, kind, value):
    head = bytes([code, 1]) + kind.encode() + b'\0'
    if kind == 'g':
        return head + bytes([len(value)]) + value.encode() + b'\0'
    return head + (struct.pack('<I', value) if kind == 'u' else text(value))


def message(member, signature='', body=b'', serial=1, flags=0, n_fds=0, size=None, interface='org.test.Echo1',
            path='/org/test'):
    """A call. size: what the header says the body has, if that is not what it has."""
    parts = [(PATH, 'o', path), (INTERFACE, 's', interface), (MEMBER, 's', member)]
    parts += [(SIGNATURE, 'g', signature)] if signature else []
    parts += [(UNIX_FDS, 'u', n_fds)] if n_fds else []
    fields = b''
    for part in parts:
        fields = pad(fields, 8) + field(*part)
    head = struct.pack('<cBBBIII', b'l', CALL, flags, 1, len(body) if size is None else size, serial, len(fields))
    return pad(head + fields, 8) + body


def echo(value, serial=1):
    return message('Echo', 's', text(value), serial)


class Peer:
    """A client whose every byte the test decides. Reading waits at most timeout seconds."""

    def __init__(self, path, timeout=20):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.data = b''
        self.fds = []
        self.serial = 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        self.socket.close()
        for fd in self.fds:
            os.close(fd)
        self.fds = []

    def send(self, data, fds=()):
        socket.send_fds(self.socket, [data], list(fds)) if fds else self.socket.sendall(data)

    def more(self):
        """Receives; False at the end of the stream."""
        try:
            data, control, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(64))
        except (ConnectionResetError, BrokenPipeError):
            return False
        for level, kind, value in control:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fds = array.array('i')
                fds.frombytes(value[:len(value) - len(value) % fds.itemsize])
                self.fds += fds
        self.data += data
        return bool(data)

    def line(self):
        while b'\r\n' not in self.data:
            if not self.more():
                raise EOFError
        line, _, self.data = self.data.partition(b'\r\n')
        return line

    def authenticate(self):
        self.send(HANDSHAKE + NEGOTIATE + BEGIN)
        assert self.line().startswith(b'OK ')
        assert self.line() == b'AGREE_UNIX_FD'
        return self

    def receive(self):
        """The next message as (type, serial that it answers, member or error name, body)."""
        while len(self.data) < 16 or len(self.data) < self.size():
            if not self.more():
                raise EOFError
        size, raw = self.size(), self.data
        self.data = raw[size:]
        n_body, _, n_fields = struct.unpack_from('<III', raw, 4)
        answers, name, at = 0, '', 16
        while at < 16 + n_fields:
            at += -at % 8
            code, kind = raw[at], raw[at + 2:at + 3]
            at += 4
            if kind == b'g':
                at += raw[at] + 2
                continue
            value, = struct.unpack_from('<I', raw, at)
            if kind == b'u':
                answers = value if code == REPLY_SERIAL else answers
                at += 4
                continue
            if code in (MEMBER, ERROR_NAME):
                name = raw[at + 4:at + 4 + value].decode()
            at += 4 + value + 1
        return raw[1], answers, name, raw[size - n_body:size]

    def size(self):
        n_body, _, n_fields = struct.unpack_from('<III', self.data, 4)
        return 16 + n_fields + -n_fields % 8 + n_body

    def call(self, member, signature='', body=b'', fds=()):
        """Calls and returns the answer's body; signals on the way are dropped."""
        self.serial += 1
        self.send(message(member, signature, body, self.serial, n_fds=len(fds)), fds)
        while True:
            kind, answers, name, body = self.receive()
            if answers == self.serial:
                if kind == ERROR:
                    raise RuntimeError(name)
                return body
