/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * For what is preloaded into a program: something of which a test says when there is none. The file that a variable
 * names is shared with the test: the number of tries so far, the first one that fails (0: none), and how many do.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef struct Shared {
        uint64_t n;
        uint64_t first;
        uint64_t n_failing;
} Shared;

static Shared *shared;

static inline void scarce_begin(const char *variable)
{
        const char *path = getenv(variable);
        int fd = path ? (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC) : -1;
        void *map = MAP_FAILED;

        if (fd >= 0)
                map = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED)
                abort();
        close(fd);
        shared = map;
}

static inline int scarce_fails(int error)
{
        uint64_t n, first;

        if (!shared)
                return 0;
        n = __atomic_add_fetch(&shared->n, 1, __ATOMIC_SEQ_CST);
        first = __atomic_load_n(&shared->first, __ATOMIC_SEQ_CST);
        if (first == 0 || n < first || n - first >= shared->n_failing)
                return 0;
        errno = error;
        return 1;
}
