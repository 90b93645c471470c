# SPDX-License-Identifier: MIT
"""Holds the rooms of src/ and the arrows between them: layers.py SOURCE. The tables say what is allowed."""

import pathlib
import re
import sys

from tap import Tap

# What each room may include besides itself. "public" is include/.
ARROWS = {
    'public': (),
    'base': (),
    'dbus': ('base',),
    'calendar': ('base',),
    'engine': ('base', 'calendar'),
    'manifest': ('base',),
    'store': ('base',),
    'launcher': ('base',),
    'sensors': ('base', 'calendar', 'dbus'),
    'bus': ('base', 'dbus'),
    'broker': ('base', 'dbus', 'calendar', 'engine', 'manifest', 'store', 'launcher', 'sensors', 'bus'),
    'client': ('base', 'dbus', 'public'),
    'cli': ('base', 'dbus', 'calendar', 'client', 'manifest', 'public'),
    'testkit': ('base', 'public'),
    'winrt': ('base', 'public'),
    'wine': ('base', 'client', 'winrt', 'public'),
    'command': ('base', 'dbus', 'client', 'public'),
}
# The libraries, and the only room that knows each.
LIBRARIES = {'sqlite3.h': 'store', 'seccomp.h': 'launcher', 'expat.h': 'manifest', 'jansson.h': 'cli',
             'systemd/': None, 'dbus/dbus.h': None, 'glib': None, 'gio/': None}
# The rules compute: what reads, writes, waits or asks for the time stays out of this room, its tests excepted.
PURE_ROOM = 'engine'
IMPURE = re.compile(r'(sys/.*|linux/.*|arpa/.*|unistd|fcntl|time|stdio|poll|signal|pthread|threads|dirent|spawn)\.h'
                    r'|base/loop\.h')
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def includes(path):
    """Every include of a file as (quote, name, where)."""
    text = path.read_text(encoding='utf-8')
    for match in INCLUDE.finditer(text):
        line = text.count('\n', 0, match.start(2)) + 1
        yield match[1], match[2], f'{path}:{line}'


def sources(folder):
    return sorted(path for path in folder.rglob('*') if path.suffix in ('.c', '.h', '.def'))


def room_of(quote, name):
    """The room that an include points to, None for a header of the system."""
    if name == 'bgtask.h' or name.startswith('bgtask/'):
        return 'public'
    return name.partition('/')[0] if quote == '"' else None


def forbidden_arrows(room, folder):
    for path in sources(folder):
        for quote, name, where in includes(path):
            target = room_of(quote, name)
            if target is None or target == room or target in ARROWS[room]:
                continue
            if target not in ARROWS:
                yield f'{where}: "{name}" does not start with the name of a room'
            else:
                yield f'{where}: {room} must not include {name}'


def foreign_libraries(room, folder):
    for path in sources(folder):
        for quote, name, where in includes(path):
            for header, owner in LIBRARIES.items():
                if quote == '<' and name.startswith(header) and room != owner:
                    yield f'{where}: {name} belongs to {"src/" + owner if owner else "no room"}'


def impurities(folder):
    for path in sources(folder):
        if path.name.startswith('test-'):
            continue
        for _, name, where in includes(path):
            if IMPURE.fullmatch(name):
                yield f'{where}: {PURE_ROOM} is pure and must not include {name}'


def main():
    source = pathlib.Path(sys.argv[1])
    folders = {room: source / 'src' / room for room in ARROWS}
    folders['public'] = source / 'include'
    tap = Tap()
    unknown = {path.name for path in (source / 'src').iterdir() if path.is_dir()} - set(ARROWS)
    tap.check('every folder of src is a room of the table', [f'src/{name}' for name in sorted(unknown)])
    for room, folder in folders.items():
        tap.check(f'{room} includes only rooms that it stands on', list(forbidden_arrows(room, folder)))
    for room, folder in folders.items():
        tap.check(f'{room} knows no library of another room', list(foreign_libraries(room, folder)))
    tap.check(f'{PURE_ROOM} includes nothing that reads, writes or waits', list(impurities(folders[PURE_ROOM])))
    examples = [f'{where}: an example shows the public interface only'
                for path in sources(source / 'examples') for quote, name, where in includes(path)
                if room_of(quote, name) not in (None, 'public') and not (path.parent / name).exists()]
    tap.check('examples include the public headers and their own only', examples)
    tap.finish()


if __name__ == '__main__':
    main()
