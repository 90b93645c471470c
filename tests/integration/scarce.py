# SPDX-License-Identifier: MIT
"""The test's side of nomem.c and nofiles.c: something that a program does not get while the test says so."""

import mmap
import struct


class Scarce:
    """How many tries there were, and which of them fail."""

    def __init__(self, path):
        path.write_bytes(bytes(24))
        with open(path, 'r+b') as file:
            self.map = mmap.mmap(file.fileno(), 24)

    def word(self, i):
        return struct.unpack_from('Q', self.map, 8 * i)[0]

    def fail(self, after, n):
        """So many fail, beginning with this one of those to come."""
        struct.pack_into('Q', self.map, 16, n)
        struct.pack_into('Q', self.map, 8, self.word(0) + after)

    def has_failed(self):
        return self.word(0) >= self.word(1)

    def relax(self):
        """No more fail; whether any did."""
        failed = self.has_failed()
        struct.pack_into('Q', self.map, 8, 0)
        return failed
