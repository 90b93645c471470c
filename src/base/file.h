/* SPDX-License-Identifier: MIT */
#pragma once

/* Files that are written as a whole. */

#include <stdbool.h>
#include <stddef.h>

/* Writes all of it, whatever interrupts. -ENOSPC: nothing more goes in; other negative errno of write(). */
int write_all(int fd, const void *data, size_t size);

/* A new file of mode 0600 with what another one holds; what had the path is removed. Negative errno: there is none. */
int copy_file(const char *from, const char *to);

/*
 * Puts a file that holds the bytes, mode 0600, in the place of whatever has that path, in one step; it is written
 * beside it, as PATH.new. `sync`: not before the bytes are on the disk. Negative errno: what was there is still there.
 */
int replace_file(const char *path, const void *data, size_t size, bool sync);
