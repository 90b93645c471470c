/* SPDX-License-Identifier: MIT */

/* In the place of wrap.c where the objects are a library that is linked as it is. */

#include "wrap.h"

int wrap_begin(size_t n)
{
        return 0;
}

int wrap_end(size_t *ret_left)
{
        *ret_left = 0;
        return 0;
}
