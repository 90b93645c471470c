/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * clone3() with a stack of its own, which no C library offers: the one way to be born inside a cgroup. A later move
 * into it waits for a grace period of the kernel, which costs milliseconds.
 */

#include "launcher/spawn.h"

/*
 * CLONE_VM | CLONE_VFORK | CLONE_PIDFD, the namespaces, and CLONE_INTO_CGROUP if cgroup_fd is not -1. The child calls
 * function, which must not return. The pid, or a negative errno; -ENOSYS also where this machine's registers are not
 * known to us.
 */
int clone3_vfork(Spawner *spawner, int cgroup_fd, int namespaces, int (*function)(void *userdata), void *userdata,
                 int *ret_pidfd);
