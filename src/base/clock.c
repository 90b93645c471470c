/* SPDX-License-Identifier: MIT */

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>

#include "base/macro.h"

uint64_t clock_now_usec(clockid_t clock)
{
        struct timespec t;

        clock_gettime(clock, &t);
        return t.tv_sec < 0 ? 0 : (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_nsec / 1000;
}

struct timespec timespec_from_usec(uint64_t usec)
{
        return (struct timespec){
                .tv_sec = (time_t)(usec / USEC_PER_SEC),
                .tv_nsec = (long)(usec % USEC_PER_SEC * 1000),
        };
}

int boot_id_read(Uuid *ret_boot_id)
{
        _cleanup_(closep) int fd = -1;
        char text[UUID_STRING_MAX];
        ssize_t n;

        fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        n = read(fd, text, sizeof text);
        if (n < 0)
                return -errno;
        if (n != sizeof text)
                return -EINVAL;
        text[sizeof text - 1] = '\0';
        return uuid_parse(text, ret_boot_id);
}
