/* SPDX-License-Identifier: MIT */
#pragma once

/* Allocations that fail, where the objects are linked so that this can be. */

#include <stddef.h>

/* From now on allocation number n (from 0) of this thread fails; what it allocates is followed. False: cannot be. */
int wrap_begin(size_t n);
/* Ends this. *ret_left: how many of the allocations that were followed are not freed. True if one has failed. */
int wrap_end(size_t *ret_left);
