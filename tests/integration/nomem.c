/* SPDX-License-Identifier: MIT */

/* Preloaded into a program: memory of which a test says when there is none. BGTASK_TEST_MEMORY names the file. */

#include "scarce.h"

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *p, size_t size);

static __attribute__((constructor)) void begin(void)
{
        scarce_begin("BGTASK_TEST_MEMORY");
}

__attribute__((visibility("default"))) void *malloc(size_t size)
{
        return scarce_fails(ENOMEM) ? NULL : __libc_malloc(size);
}

__attribute__((visibility("default"))) void *calloc(size_t n, size_t size)
{
        return scarce_fails(ENOMEM) ? NULL : __libc_calloc(n, size);
}

__attribute__((visibility("default"))) void *realloc(void *p, size_t size)
{
        return scarce_fails(ENOMEM) ? NULL : __libc_realloc(p, size);
}
