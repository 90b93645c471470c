/* SPDX-License-Identifier: MIT */

#include "launcher/clone3.h"

#include <errno.h>

int clone3_vfork(Spawner *spawner, int cgroup_fd, int namespaces, int (*function)(void *userdata), void *userdata,
                 int *ret_pidfd)
{
        return -ENOSYS;
}
