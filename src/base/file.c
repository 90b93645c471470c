/* SPDX-License-Identifier: MIT */

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "base/macro.h"

int write_all(int fd, const void *data, size_t size)
{
        const uint8_t *p = data;

        while (size > 0) {
                ssize_t n = write(fd, p, size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n < 0 ? -errno : -ENOSPC;
                p += n;
                size -= (size_t)n;
        }
        return 0;
}

int replace_file(const char *path, const void *data, size_t size, bool sync)
{
        _cleanup_(freep) char *fresh = NULL;
        _cleanup_(closep) int fd = -1;
        int r;

        if (asprintf(&fresh, "%s.new", path) < 0)
                return -ENOMEM;
        unlink(fresh);
        fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        r = write_all(fd, data, size);
        if (r == 0 && sync && fsync(fd) < 0)
                r = -errno;
        if (r == 0 && rename(fresh, path) < 0)
                r = -errno;
        if (r < 0)
                unlink(fresh);
        return r;
}

int copy_file(const char *from, const char *to)
{
        _cleanup_(closep) int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY), out = -1;
        uint8_t part[65536];
        ssize_t n;
        int r = 0;

        if (in < 0)
                return -errno;
        unlink(to);
        out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (out < 0)
                return -errno;
        while (r == 0 && (n = read(in, part, sizeof part)) != 0)
                r = n < 0 ? -errno : write_all(out, part, (size_t)n);
        if (r < 0)
                unlink(to);
        return r;
}
