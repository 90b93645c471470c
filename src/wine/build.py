# SPDX-License-Identifier: MIT
"""Builds what runs inside of Wine: build.py WINEGCC WIDL OBJCOPY SOURCE OUTPUT ARCHIVE... -- CC...

SOURCE is src/, OUTPUT the folder for everything that is made; of the archives the first has our objects with the calls
of Windows (bridge.c), the others libbgtask.
"""

import pathlib
import re
import subprocess
import sys

HEADERS = '-I/usr/include/wine/wine/windows'
FLAGS = ['-m64', '-O2', '-g', '-fPIC', '-D_GNU_SOURCE', '-fvisibility=hidden']
OUR_FLAGS = [*FLAGS, '-Wall', '-Wextra', '-Werror', '-Wno-unused-parameter', '-Wno-cast-function-type']
LIBRARY, HOST = 'bgtask-wine.dll.so', 'bgtask-wine-host.exe.so'


def main():
    end = sys.argv.index('--')
    winegcc, widl, objcopy, source, output, *archives = sys.argv[1:end]
    cc = sys.argv[end + 1:]
    here, output = pathlib.Path(source).resolve() / 'wine', pathlib.Path(output).resolve()
    output.mkdir(parents=True, exist_ok=True)
    archives = [str(pathlib.Path(archive).resolve()) for archive in archives]

    def run(*args):
        done = subprocess.run(args, cwd=output, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding='utf-8',
                              check=False)
        if done.returncode != 0:
            sys.exit(f'{" ".join(map(str, args))}\n{done.stdout}')

    def compile_ours(name):
        run(winegcc, *OUR_FLAGS, f'-I{here.parent}', f'-I{output.parent}', '-c', '-o', f'{name}.o', here / f'{name}.c')

    def compile_made(name, *flags):
        run(winegcc, *FLAGS, '-w', *flags, '-I.', '-c', '-o', f'{name}.o', f'{name}.c')

    def describe(name, *flags):
        run(widl, '-m64', HEADERS, '-h', '-o', f'{name}.h', here / f'{name}.idl')
        run(widl, '-m64', HEADERS, *flags, here / f'{name}.idl')

    describe('background', '-Oicf', '-p', '-o', 'background_p.c')
    run(widl, '-m64', HEADERS, '-u', '-o', 'background_i.c', here / 'background.idl')
    run(widl, HEADERS, '--dlldata-only', '-o', 'dlldata.c', 'background')
    describe('rpcss', '-Os', '-c', '-o', 'rpcss_c.c')
    for name in ('background_p', 'background_i', 'rpcss_c'):
        compile_made(name)
    compile_made('dlldata', '-DENTRY_PREFIX=Proxy_', '-D_WIN32_WINNT=0x0601')
    for name in ('agile', 'dll', 'provide', 'serve', 'registry', 'scm', 'watch', 'host'):
        compile_ours(name)

    # Two worlds with the same names: of ours only what bridge.h declares is seen.
    seen = re.findall(r'^\w+ \*?(bridge_\w+)\(', (here / 'bridge.h').read_text(encoding='utf-8'), re.MULTILINE)
    run(*cc, '-r', '-nostdlib', '-o', 'bridge-all.o', '-Wl,--whole-archive', archives[0], '-Wl,--no-whole-archive')
    run(objcopy, *(f'--keep-global-symbol={name}' for name in seen), 'bridge-all.o', 'bridge.o')
    run(winegcc, '-m64', '-shared', '-o', LIBRARY, here / 'bgtask.spec', 'agile.o', 'dll.o', 'provide.o', 'serve.o',
        'registry.o', 'dlldata.o', 'background_p.o', 'background_i.o', 'bridge.o', '-Wl,--start-group', *archives[1:],
        '-Wl,--end-group', '-lole32', '-lcombase', '-loleaut32', '-lrpcrt4', '-ladvapi32', '-luuid', '-lpthread')
    run(winegcc, '-m64', '-o', HOST, 'host.o', 'watch.o', 'scm.o', 'rpcss_c.o', 'background_i.o', '-lole32',
        '-lrpcrt4', '-luuid', '-luser32')


if __name__ == '__main__':
    main()
