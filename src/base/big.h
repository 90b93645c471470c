/* SPDX-License-Identifier: MIT */
#pragma once

/* Memory for large tables. */

#include <stddef.h>

/*
 * calloc(); the C library's free() takes it. Several MiB are asked for in huge pages: in a table whose places are
 * looked at in no order, each look would cost a walk through the page tables besides. NULL if there is no memory.
 */
void *big_calloc(size_t n, size_t size);
