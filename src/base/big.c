/* SPDX-License-Identifier: MIT */

#include "base/big.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 * 1024 * 1024)
#define BIG (2 * HUGE_PAGE)

void *big_calloc(size_t n, size_t size)
{
        size_t total;
        void *p;

        if (__builtin_mul_overflow(n, size, &total) || total > SIZE_MAX - HUGE_PAGE)
                return NULL;
        if (total < BIG)
                return calloc(n, size);
        total = (total + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
        p = aligned_alloc(HUGE_PAGE, total);
        if (!p)
                return NULL;
        /* A wish: kernels and systems without them say no. */
        (void)madvise(p, total, MADV_HUGEPAGE);
        return memset(p, 0, total);
}
