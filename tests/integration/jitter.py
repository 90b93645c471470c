# SPDX-License-Identifier: MIT
"""Runs files of integration tests while the calls by which processes and threads order themselves take random time:
jitter.py RUN_UNITTEST FILE…

A test that fails then has taken for an order what was only usual, or the product has. Each line names what repeats it.
"""

import concurrent.futures
import os
import pathlib
import random
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from tap import Tap

# Who is delayed, the most usual milliseconds, and how many of 10,000 delays are of 300 to 1500 ms.
MODES = {'what the broker starts': 's:{}:300:50', 'the broker': 'b:{}:100:50', 'both of them': 'bs:{}:100:50',
         'the command line and the apps': 'ca:{}:200:50', 'everybody': 'bsca:{}:60:20'}
ROUNDS = max(1, round(float(os.environ.get('BGTASK_TEST_SCALE', '1')) / 5))
# They wait more than they compute.
FILES_PER_CPU = 4
TIMEOUT = 1200


def run(program, path, setting):
    """What went wrong, as lines."""
    env = {name: value for name, value in os.environ.items() if name != 'BGTASK_TEST_LONG'}
    env |= {'BGTASK_TEST_JITTER': setting, 'BGTASK_TEST_SCALE': '0.1'}
    try:
        done = subprocess.run([sys.executable, '-B', program, path], env=env, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding='utf-8', errors='replace',
                              timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        return [f'BGTASK_TEST_JITTER={setting}: not finished after {TIMEOUT} s']
    if done.returncode == 0:
        return []
    lines = [line for line in done.stdout.splitlines() if not line.startswith('ok ')]
    return [f'BGTASK_TEST_JITTER={setting} meson test integration-{path.stem.removeprefix("test_")}', *lines]


def main():
    program, *paths = map(pathlib.Path, sys.argv[1:])
    jobs = [(path, who, setting.format(random.SystemRandom().randrange(1 << 31)))
            for _ in range(ROUNDS) for who, setting in MODES.items() for path in paths]
    tap = Tap()
    with concurrent.futures.ThreadPoolExecutor(FILES_PER_CPU * len(os.sched_getaffinity(0))) as pool:
        for (path, who, setting), problems in zip(jobs, pool.map(lambda job: run(program, job[0], job[2]), jobs)):
            tap.check(f'{path.stem} with delays of {who} ({setting})', problems)
            sys.stdout.flush()
    tap.finish()


if __name__ == '__main__':
    main()
