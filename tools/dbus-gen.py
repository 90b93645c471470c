#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes C tables from D-Bus interface descriptions: see src/dbus/interface.h for what comes out.

dbus-gen.py --source OUT.c --header OUT.h [--include NAME] [--prefix PREFIX] INTERFACE.xml …

Comments and annotations stay in the text that introspection returns. Whatever is not understood is refused.
"""

import argparse
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

NAME = re.compile(r'[A-Za-z_][A-Za-z0-9_]*')
INTERFACE = re.compile(r'[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)+')
INTERFACE_TEXT = re.compile(r'<interface\s+name="([^"]*)".*?</interface>', re.DOTALL)
WORD_START = re.compile(r'(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])')
NO_REPLY = 'org.freedesktop.DBus.Method.NoReply'
ANNOTATIONS = {NO_REPLY, 'org.freedesktop.DBus.Deprecated', 'org.gtk.GDBus.DocString',
               'org.freedesktop.DBus.Property.EmitsChangedSignal'}


class Refused(Exception):
    pass


def skip_type(signature, start):
    """The end of the complete type at start."""
    if start >= len(signature):
        raise Refused(f'signature {signature!r} ends too early')
    kind = signature[start]
    if kind in 'ybnqiuxtdsogvh':
        return start + 1
    if kind == 'a' and signature[start + 1:start + 2] == '{':
        if signature[start + 2:start + 3] not in set('ybnqiuxtdsogh'):
            raise Refused(f'signature {signature!r} has a key that is not basic')
        end = skip_type(signature, start + 3)
        return expect(signature, end, '}')
    if kind == 'a':
        return skip_type(signature, start + 1)
    if kind == '(':
        end = skip_type(signature, start + 1)
        while signature[end:end + 1] != ')':
            end = skip_type(signature, end)
        return end + 1
    raise Refused(f'signature {signature!r} has an unknown type {kind!r}')


def expect(signature, at, what):
    if signature[at:at + 1] != what:
        raise Refused(f'signature {signature!r} lacks a {what!r}')
    return at + 1


def annotations(element):
    found = {a.get('name'): a.get('value') for a in element.findall('annotation')}
    for name in found:
        if name not in ANNOTATIONS:
            raise Refused(f'unknown annotation {name!r}')
    return found


def single_type(element):
    signature = element.get('type', '')
    if skip_type(signature, 0) != len(signature):
        raise Refused(f'{signature!r} is not one complete type')
    return signature


def arguments(element, direction, default):
    return ''.join(single_type(arg) for arg in element.findall('arg') if arg.get('direction', default) == direction)


def members(interface, kind):
    """The members of one kind; each name once."""
    found = {}
    for element in interface.findall(kind):
        name = element.get('name', '')
        if not NAME.fullmatch(name) or name in found:
            raise Refused(f'{kind} {name!r} is invalid or there twice')
        annotations(element)
        found[name] = element
    return found


def snake(name):
    return WORD_START.sub('_', name).lower()


def c_string(text):
    return '"' + text.replace('\\', '\\\\').replace('"', '\\"') + '"'


def c_text(text):
    """A long text as one literal per line."""
    lines = text.split('\n')
    return '\n'.join(f'                {c_string(line)[:-1]}' + ('\\n"' if i + 1 < len(lines) else '"')
                     for i, line in enumerate(lines))


class Interface:
    def __init__(self, element, text, prefix):
        self.name = element.get('name', '')
        if not INTERFACE.fullmatch(self.name) or len(self.name) > 255:
            raise Refused(f'{self.name!r} is no interface name')
        for child in element:
            if child.tag not in ('method', 'signal', 'property', 'annotation'):
                raise Refused(f'{self.name}: unknown element {child.tag!r}')
        annotations(element)
        self.text = text
        self.id = prefix + snake(self.name.rpartition('.')[2])
        self.rows = {
            'method': [(name, f'{{ {c_string(name)}, {c_string(arguments(e, "in", "in"))}, '
                              f'{c_string(arguments(e, "out", "in"))}, '
                              f'{"true" if annotations(e).get(NO_REPLY) == "true" else "false"} }}')
                       for name, e in members(element, 'method').items()],
            'signal': [(name, f'{{ {c_string(name)}, {c_string(arguments(e, "out", "out"))} }}')
                       for name, e in members(element, 'signal').items()],
            'property': [(name, f'{{ {c_string(name)}, {c_string(single_type(e))} }}')
                         for name, e in members(element, 'property').items()],
        }

    def header(self):
        out = [f'/* {self.name} */', f'extern const Interface {self.id}_interface;']
        for kind, rows in self.rows.items():
            stem = f'{self.id}_{kind}'.upper()
            out.append(f'enum {{ {"".join(f"{stem}_{snake(name).upper()}, " for name, _ in rows)}_{stem}_MAX }};')
        return '\n'.join(out) + '\n'

    def source(self):
        out, fields = [], []
        for kind, rows in self.rows.items():
            table = f'{self.id}_{kind}_table'
            plural = {'property': 'properties'}.get(kind, kind + 's')
            if rows:
                out.append(f'static const Interface{kind.capitalize()} {table}[] = {{')
                out += [f'        {row},' for _, row in rows]
                out.append('};\n')
                fields.append(f'        .{plural} = {table},\n        .n_{plural} = {len(rows)},')
        return '\n'.join(out + [f'const Interface {self.id}_interface = {{', f'        .name = {c_string(self.name)},',
                                *fields, f'        .xml =\n{c_text(self.text)},', '};']) + '\n'


def read(path, prefix):
    text = path.read_text(encoding='utf-8')
    root = ElementTree.fromstring(text)
    # Comments may speak of interfaces; only the elements are the interfaces.
    blank = re.sub(r'<!--.*?-->', lambda match: re.sub(r'[^\n]', ' ', match[0]), text, flags=re.DOTALL)
    texts = {match[1]: text[match.start():match.end()] for match in INTERFACE_TEXT.finditer(blank)}
    elements = root.findall('interface')
    if not elements or len(texts) != len(elements):
        raise Refused('cannot tell its interfaces apart')
    return [Interface(element, texts[element.get('name')], prefix) for element in elements]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--source', type=pathlib.Path, required=True)
    parser.add_argument('--header', type=pathlib.Path, required=True)
    parser.add_argument('--include', help='name by which the source includes the header')
    parser.add_argument('--prefix', default='', help='put before every C name')
    parser.add_argument('files', type=pathlib.Path, nargs='+')
    args = parser.parse_args()
    interfaces = []
    for path in args.files:
        try:
            interfaces += read(path, args.prefix)
        except (Refused, ElementTree.ParseError, KeyError) as error:
            sys.exit(f'{path}: {error}')
    top = '/* Made by tools/dbus-gen.py from ' + ', '.join(path.name for path in args.files) + '. */\n'
    args.header.write_text(f'{top}#pragma once\n\n#include "dbus/interface.h"\n\n'
                           + '\n'.join(i.header() for i in interfaces), encoding='utf-8')
    args.source.write_text(f'{top}#include "{args.include or args.header.name}"\n\n'
                           + '\n'.join(i.source() for i in interfaces), encoding='utf-8')


if __name__ == '__main__':
    main()
