/* SPDX-License-Identifier: MIT */

/*
 * Preloaded into a program: memory of which a test says when there is none. The file that BGTASK_TEST_MEMORY names is
 * shared with the test: the number of allocations so far, the first one that fails (0: none), and how many do.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

typedef struct Shared {
        uint64_t n;
        uint64_t first;
        uint64_t n_failing;
} Shared;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

static Shared *shared;

static __attribute__((constructor)) void begin(void)
{
        const char *path = getenv("BGTASK_TEST_MEMORY");
        int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
        void *map = MAP_FAILED;

        if (fd >= 0)
                map = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED)
                abort();
        close(fd);
        shared = map;
}

static int fails(void)
{
        uint64_t n, first;

        if (!shared)
                return 0;
        n = __atomic_add_fetch(&shared->n, 1, __ATOMIC_SEQ_CST);
        first = __atomic_load_n(&shared->first, __ATOMIC_SEQ_CST);
        if (first == 0 || n < first || n - first >= shared->n_failing)
                return 0;
        errno = ENOMEM;
        return 1;
}

__attribute__((visibility("default"))) void *malloc(size_t size)
{
        return fails() ? NULL : __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t size)
{
        return fails() ? NULL : __libc_calloc(n, size);
}

__attribute__((visibility("default"))) void *realloc(void *p, size_t size)
{
        return fails() ? NULL : __libc_realloc(p, size);
}
