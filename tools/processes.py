# SPDX-License-Identifier: MIT
"""Finds and ends what a stage of the tests leaves behind: every orphan below this process becomes its child."""

import ctypes
import os
import signal
import time

PR_SET_CHILD_SUBREAPER = 36
# How long an orphan may take to end by itself before it counts as left running.
PATIENCE_SECONDS = 3


def adopt_orphans():
    """Makes this process the parent of every descendant whose own parent ends."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), 'prctl')


def descendants():
    """Every living process below this one, as (pid, command line)."""
    children = {}
    for entry in os.scandir('/proc'):
        if not entry.name.isdigit():
            continue
        try:
            with open(f'/proc/{entry.name}/stat', encoding='utf-8', errors='replace') as f:
                state, parent = f.read().rpartition(')')[2].split()[:2]
        except OSError:
            continue
        children.setdefault(int(parent), []).append((int(entry.name), state))
    found, todo = [], [os.getpid()]
    while todo:
        for pid, state in children.get(todo.pop(), []):
            todo.append(pid)
            if state not in 'ZX':
                found.append((pid, command_line(pid)))
    return found


def command_line(pid):
    try:
        with open(f'/proc/{pid}/cmdline', encoding='utf-8', errors='replace') as f:
            return f.read().replace('\0', ' ').strip() or f'process {pid}'
    except OSError:
        return f'process {pid}'


def reap():
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        pass


def kill_descendants():
    """Waits shortly for the descendants to end and kills those that do not; gives their command lines."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        reap()
        while descendants() and time.monotonic() < deadline:
            signal.sigtimedwait([signal.SIGCHLD], max(0, deadline - time.monotonic()))
            reap()
        left = {}
        while rest := descendants():
            for pid, command in rest:
                left[pid] = command
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            signal.sigtimedwait([signal.SIGCHLD], 0.1)
            reap()
        return list(left.values())
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
