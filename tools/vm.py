# SPDX-License-Identifier: MIT
"""Runs a command on this machine's files under another kernel, in a virtual machine of software, as root.

    vm.py [--kernel FOLDER] [--env PREFIX] [--tap] [--memory MIB] [--cpus N] [--timeout SECONDS]
          [--] COMMAND [ARGUMENT ...]

For what a kernel that runs already cannot give any more, such as controllers of cgroups that are mounted in their
first version. The virtual machine sees all files of this one read-only, over 9p; what it writes stays in its memory.
It has no network. The exit status is the command's; 125: there was none.

FOLDER is one that holds boot/vmlinuz-VERSION and lib/modules/VERSION: / if the package linux-image-amd64 is installed,
or where `dpkg -x` has put it; $BGTASK_TEST_KERNEL if that is set. Also needed: qemu-system-x86_64, busybox-static.
"""

import argparse
import io
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading

BUSYBOX = ('bin/busybox', 'usr/bin/busybox')
QEMU = 'qemu-system-x86_64'
MODULES = ('virtio_pci', '9pnet_virtio', '9p', 'overlay')
MARK = 'vm: exit status '
NOBODY = 125
# Everything is written to memory, and lost with it.
INIT = r'''#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in {modules}; do insmod /modules/$module; done
mkdir /lower /new
mount -t tmpfs -o size=80% tmpfs /new
mkdir /new/upper /new/work /new/root
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=loose,ro root /lower &&
mount -t overlay -o lowerdir=/lower,upperdir=/new/upper,workdir=/new/work overlay /new/root || poweroff -f
cd /new/root
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t devtmpfs dev dev
mkdir -p dev/pts dev/shm
mount -t devpts devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount -t tmpfs -o mode=755 tmpfs run
ip link set lo up
chroot . /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        /bin/sh -c {command}
echo "{mark}$?"
sync
poweroff -f
'''


def find_kernel(folder):
    """The newest kernel of a folder, and its modules."""
    found = [(kernel, folder / 'lib/modules' / kernel.name.removeprefix('vmlinuz-'))
             for kernel in sorted((folder / 'boot').glob('vmlinuz-*'), key=lambda path: path.stat().st_mtime)]
    found = [(kernel, modules) for kernel, modules in found if (modules / 'kernel/fs/9p').is_dir()]
    return found[-1] if found else None


def find_busybox(*folders):
    for folder in folders:
        for name in BUSYBOX:
            path = folder / name
            # One that needs libraries would not start.
            if path.is_file() and b'ld-linux' not in path.read_bytes()[:4096]:
                return path
    return None


def with_needed(modules, names):
    """The files of modules, each behind those that it needs."""
    files = {path.stem.replace('-', '_'): path for path in modules.rglob('*.ko')}
    order = []

    def add(name):
        path = files.get(name.replace('-', '_'))
        if path is None or path in order:
            return
        needed = re.search(rb'\0depends=([^\0]*)\0', path.read_bytes())
        for each in (needed.group(1).decode().split(',') if needed else ()):
            add(each)
        order.append(path)

    for name in names:
        add(name)
    return order


class Archive:
    """What the kernel unpacks at its start (cpio, 'newc')."""

    def __init__(self):
        self.bytes = io.BytesIO()
        self.n = 0

    def add(self, name, mode, data=b''):
        self.n += 1
        head = (self.n, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name) + 1, 0)
        # Padded together with the name.
        self.write(b'070701' + b''.join(b'%08X' % value for value in head) + name.encode() + b'\0')
        self.write(data)

    def write(self, data):
        self.bytes.write(data + bytes(-len(data) % 4))

    def folder(self, name):
        self.add(name, 0o040755)

    def done(self):
        self.add('TRAILER!!!', 0)
        return self.bytes.getvalue()


def make_initramfs(busybox, modules, command):
    archive = Archive()
    for name in ('bin', 'dev', 'modules', 'proc', 'sys'):
        archive.folder(name)
    files = with_needed(modules, MODULES)
    for path in files:
        archive.add(f'modules/{path.name}', 0o100644, path.read_bytes())
    archive.add('bin/busybox', 0o100755, busybox.read_bytes())
    init = INIT.format(modules=' '.join(path.name for path in files), command=shlex.quote(shlex.join(command)),
                       mark=MARK)
    archive.add('init', 0o100755, init.encode())
    return archive.done()


def parse(args):
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--kernel', type=pathlib.Path, metavar='FOLDER',
                        default=pathlib.Path(os.environ.get('BGTASK_TEST_KERNEL') or '/'))
    parser.add_argument('--env', metavar='PREFIX', help='the command has the variables whose names begin so')
    parser.add_argument('--tap', action='store_true', help='what is not installed is no failure, but a skipped test')
    parser.add_argument('--memory', type=int, default=2048, metavar='MIB')
    parser.add_argument('--cpus', type=int, default=2, metavar='N')
    parser.add_argument('--timeout', type=float, default=3600, metavar='SECONDS')
    parser.add_argument('command', nargs='+')
    return parser.parse_args(args)


def run(options, kernel, initramfs):
    process = subprocess.Popen(
        [QEMU, '-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', str(options.cpus), '-m', str(options.memory),
         '-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none', '-serial', 'stdio', '-net', 'none',
         '-kernel', str(kernel), '-initrd', initramfs,
         '-append', 'console=ttyS0 quiet loglevel=0 panic=-1',
         '-virtfs', 'local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap'],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, encoding='utf-8', errors='replace')
    status = NOBODY
    timer = threading.Timer(options.timeout, process.kill)
    timer.start()
    try:
        for line in process.stdout:
            if line.startswith(MARK):
                status = int(line[len(MARK):])
            else:
                print(line.rstrip('\r\n'), flush=True)
    finally:
        timer.cancel()
        process.kill()
        process.wait()
    return status


def main():
    options = parse(sys.argv[1:])
    kernel = find_kernel(options.kernel)
    busybox = find_busybox(options.kernel, pathlib.Path('/'))
    if not kernel or not busybox or not shutil.which(QEMU):
        missing = 'a kernel with 9p' if not kernel else 'busybox-static' if not busybox else QEMU
        if options.tap:
            print(f'1..0 # SKIP {missing} is not installed')
            return 0
        sys.exit(f'{missing} is not installed')
    command = options.command
    if options.env:
        command = ['env', *(f'{name}={value}' for name, value in os.environ.items()
                            if name.startswith(options.env)), *command]
    with tempfile.NamedTemporaryFile(prefix='vm-') as initramfs:
        initramfs.write(make_initramfs(busybox, kernel[1], command))
        initramfs.flush()
        return run(options, kernel[0], initramfs.name)


if __name__ == '__main__':
    sys.exit(main())
