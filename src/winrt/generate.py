# SPDX-License-Identifier: MIT
"""Makes the C and C++ declarations of the interfaces, and their IIDs: generate.py header|iids|getters TABLE OUTPUT"""

import contextlib
import pathlib
import re
import sys
import uuid

LICENCE = '/* SPDX-License-Identifier: MIT */\n'
MADE = '/* Made from src/winrt/interfaces.txt by src/winrt/generate.py. */\n'


class Interface:
    def __init__(self, name, iid, base):
        self.name, self.iid, self.base = name, uuid.UUID(iid), base
        self.methods = []

    def all_methods(self, known):
        """Those of the bases first, as the slots are."""
        return (known[self.base].all_methods(known) if self.base else []) + self.methods


class Method:
    def __init__(self, line):
        words, _, result = line.partition(' = ')
        self.name, _, parameters = words.partition(' ')
        self.result = result or 'HRESULT'
        self.parameters = [part.strip() for part in parameters.split(',')] if parameters else []

    @property
    def names(self):
        return [re.search(r'(\w+)$', part)[1] for part in self.parameters]

    def declaration(self, this=None):
        parts = ([this] if this else []) + self.parameters
        return ', '.join(parts) or 'void'


# Parameterised interfaces: the words behind the name in the table, then what they stand for.
TEMPLATES = {
    'view': (('key', 'value', 'view', 'iterable', 'iterator', 'pair'), '''\
interface IMapView_{name} {view} : IInspectable
  Lookup {key} key, {value} *ret_value
  get_Size UINT32 *ret_value
  HasKey {key} key, boolean *ret_value
  Split IMapView_{name} **ret_first, IMapView_{name} **ret_second
interface IIterable_{name} {iterable} : IInspectable
  First IIterator_{name} **ret_iterator
interface IIterator_{name} {iterator} : IInspectable
  get_Current IKeyValuePair_{name} **ret_pair
  get_HasCurrent boolean *ret_value
  MoveNext boolean *ret_value
  GetMany UINT32 size, IKeyValuePair_{name} **ret_pairs, UINT32 *ret_n
interface IKeyValuePair_{name} {pair} : IInspectable
  get_Key {key} *ret_value
  get_Value {value} *ret_value'''),
    'list': (('item', 'view', 'iterable', 'iterator'), '''\
interface IVectorView_{name} {view} : IInspectable
  GetAt UINT32 i, {item} *ret_item
  get_Size UINT32 *ret_value
  IndexOf {item} item, UINT32 *ret_index, boolean *ret_found
  GetMany UINT32 start, UINT32 size, {item} *ret_items, UINT32 *ret_n
interface IIterable_{name} {iterable} : IInspectable
  First IIterator_{name} **ret_iterator
interface IIterator_{name} {iterator} : IInspectable
  get_Current {item} *ret_item
  get_HasCurrent boolean *ret_value
  MoveNext boolean *ret_value
  GetMany UINT32 size, {item} *ret_items, UINT32 *ret_n'''),
    'operation': (('operation', 'handler', 'result'), '''\
interface IAsyncOperation_{name} {operation} : IInspectable
  put_Completed IAsyncOperationCompletedHandler_{name} *handler
  get_Completed IAsyncOperationCompletedHandler_{name} **ret_handler
  GetResults {result} *ret_results
interface IAsyncOperationCompletedHandler_{name} {handler} : IUnknown
  Invoke IAsyncOperation_{name} *operation, AsyncStatus status'''),
    'reference': (('reference',), '''\
interface IReference_{name} {reference} : IInspectable
  get_Value {name} *ret_value'''),
}


def expand(lines):
    """Every template in the place of the line that uses it."""
    for line in lines:
        line = line.split('#')[0].rstrip()
        kind, *words = line.split() or ['']
        if kind in TEMPLATES:
            names, text = TEMPLATES[kind]
            values = [word.replace('*', ' *') for word in words[1:]]
            yield from text.format(name=words[0], **dict(zip(names, values, strict=True))).splitlines()
        else:
            yield line


def read(lines):
    known = {}
    for line in expand(lines):
        found = re.fullmatch(r'interface (\w+) ([0-9a-f-]{36})(?: : (\w+))?', line)
        if found:
            current = known[found[1]] = Interface(*found.groups())
        elif line:
            current.methods.append(Method(line.strip()))
    return known


def wrapped(text, indent):
    """Breaks what is longer than a line at a comma."""
    lines, line = [], ''
    for part in re.split(r'(?<=,) ', text):
        if line and len(line) + 1 + len(part) > 118:
            lines.append(line)
            line = ' ' * indent + part
        else:
            line = f'{line} {part}' if line else part
    return '\n'.join(lines + [line])


def c_part(interface, known):
    name = interface.name
    lines = [f'typedef struct {name}Vtbl {{']
    for method in interface.all_methods(known):
        start = f'        {method.result} (STDMETHODCALLTYPE *{method.name})('
        lines.append(wrapped(f'{start}{method.declaration(name + " *self")});', len(start)))
    lines += [f'}} {name}Vtbl;', f'struct {name} {{', f'        const {name}Vtbl *lpVtbl;', '};', '#ifdef COBJMACROS']
    for method in interface.all_methods(known):
        arguments = ', '.join(['self', *method.names])
        macro = f'#define {name}_{method.name}({arguments})'
        lines.append(f'{macro} \\\n        ((self)->lpVtbl->{method.name}({arguments}))')
    return lines + ['#endif']


def cxx_part(interface):
    base = f' : public {interface.base}' if interface.base else ''
    lines = [f'struct {interface.name}{base} {{']
    for method in interface.methods:
        declaration = method.declaration() if method.parameters else ''
        start = f'        virtual {method.result} STDMETHODCALLTYPE {method.name}('
        lines.append(wrapped(f'{start}{declaration}) = 0;', len(start)))
    return lines + ['};']


def header(known):
    print(LICENCE + '#pragma once\n\n' + MADE)
    print('/* The interfaces: vtables and COBJMACROS for C, classes for C++. To be included by <bgtask/winrt.h>. */\n')
    for name in known:
        print(f'typedef struct {name} {name};')
    print()
    # An object is given back by Release() and never deleted.
    print('#ifdef __cplusplus\n#pragma GCC diagnostic push')
    print('#pragma GCC diagnostic ignored "-Wnon-virtual-dtor"\n#endif')
    print('#pragma GCC visibility push(default)\n#ifdef __cplusplus\nextern "C" {\n#endif')
    for name in known:
        print(f'extern const IID IID_{name};')
    print('#ifdef __cplusplus\n}\n#endif\n#pragma GCC visibility pop')
    for interface in known.values():
        print(f'\n/* {interface.name} {interface.iid} */')
        print('#ifdef __cplusplus', *cxx_part(interface), '#else', *c_part(interface, known), '#endif', sep='\n')
    print('\n#ifdef __cplusplus\n#pragma GCC diagnostic pop\n#endif')


def iids(known):
    print(LICENCE + '\n' + MADE + '\n#include <bgtask/winrt.h>\n')
    for interface in known.values():
        fields = interface.iid.fields
        last = ', '.join(f'0x{byte:02x}' for byte in interface.iid.bytes[8:])
        print(f'const IID IID_{interface.name} = {{\n'
              f'        0x{fields[0]:08x}, 0x{fields[1]:04x}, 0x{fields[2]:04x}, {{ {last} }}\n}};')


def getters(known):
    """Every method that does nothing but hand something out, by its slot: what the tests call with a bad pointer. And
    every IID."""
    print(LICENCE + '#pragma once\n\n' + MADE)
    print('static const struct {\n        const IID *iid;\n        const char *method;\n        int slot;')
    print('} getters[] = {')
    for interface in known.values():
        for slot, method in enumerate(interface.all_methods(known)):
            hands_out = len(method.parameters) == 1 and '*' in method.parameters[0]
            if method in interface.methods and method.name.lower().startswith('get') and hands_out and slot > 5:
                print(f'        {{ &IID_{interface.name}, "{interface.name}.{method.name}", {slot} }},')
    print('};')
    print('static const IID *const known_iids[] = {')
    for name in known:
        print(f'        &IID_{name},')
    print('};')


def main():
    kind, table, output = sys.argv[1:]
    known = read(pathlib.Path(table).read_text(encoding='utf-8').splitlines())
    with open(output, 'w', encoding='utf-8') as file, contextlib.redirect_stdout(file):
        {'header': header, 'iids': iids, 'getters': getters}[kind](known)


if __name__ == '__main__':
    main()
