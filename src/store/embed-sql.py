# SPDX-License-Identifier: MIT
"""Writes the schema's steps as the initialisers of an array of C strings: embed-sql.py OUTPUT STEP…"""

import pathlib
import sys


def main():
    output, steps = pathlib.Path(sys.argv[1]), [pathlib.Path(name) for name in sys.argv[2:]]
    parts = []
    for number, step in enumerate(steps, 1):
        if int(step.name.partition('-')[0]) != number:
            sys.exit(f'{step}: the steps are not numbered 1 to {len(steps)}')
        lines = [line for line in step.read_text(encoding='utf-8').split('\n') if line and not line.startswith('--')]
        quoted = ['"' + line.rstrip().replace('\\', '\\\\').replace('"', '\\"') + '\\n"' for line in lines]
        parts.append('/* ' + step.name + ' */\n' + '\n'.join(quoted) + ',\n')
    output.write_text(''.join(parts), encoding='utf-8')


if __name__ == '__main__':
    main()
