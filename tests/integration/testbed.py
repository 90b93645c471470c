# SPDX-License-Identifier: MIT
"""Devices of a test, in a process of its own: umockdev wants to be loaded first. Lines of JSON in and out."""

import json
import sys

import gi

gi.require_version('UMockdev', '1.0')
from gi.repository import UMockdev  # noqa: E402 (after the version)


def flat(attributes):
    return [item for pair in attributes.items() for item in pair]


def main():
    testbed = UMockdev.Testbed.new()
    print(json.dumps(testbed.get_root_dir()), flush=True)
    for line in sys.stdin:
        command, *args = json.loads(line)
        answer = None
        if command == 'add':
            answer = testbed.add_device(args[0], args[1], None, flat(args[2]), [])
        elif command == 'add_device':
            answer = testbed.add_device(args[0], args[1], None, [], flat(args[2]))
        elif command == 'set':
            for name, value in args[1].items():
                testbed.set_attribute(args[0], name, value)
            testbed.uevent(args[0], 'change')
        elif command == 'remove':
            testbed.uevent(args[0], 'remove')
            testbed.remove_device(args[0])
        print(json.dumps(answer), flush=True)


if __name__ == '__main__':
    main()
