/* SPDX-License-Identifier: MIT */

#include "base/folder.h"

#include <errno.h>
#include <fcntl.h>

#include "base/macro.h"

int folder_take(int fd, DIR **ret_dir)
{
        DIR *dir = fdopendir(fd);

        if (!dir) {
                int error = errno;

                safe_close(fd);
                return -error;
        }
        *ret_dir = dir;
        return 0;
}

int folder_open(int parent_fd, const char *name, DIR **ret_dir)
{
        int fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);

        return fd < 0 ? -errno : folder_take(fd, ret_dir);
}
