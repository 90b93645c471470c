/* SPDX-License-Identifier: MIT */
#pragma once

/* The files of time zones, as they come with the machine. */

#include <stdbool.h>
#include <stddef.h>

/* "America/Argentina/ComodRivadavia" is the longest of them. */
#define ZONE_NAME_MAX 63
#define ZONE_FILE_MAX ((size_t)256 * 1024)

/* A name that can stand in an expression and for a file: letters, digits and "_+-/", no part empty. */
bool zone_name_is_valid(const char *name);

/*
 * The TZif file of a zone, for free(); "": the local one, which is what TZ names, else the machine's, else UTC.
 * Negative errno: -ENOENT if there is none of that name, -EINVAL if it cannot be one.
 */
int zoneinfo_read(const char *name, void **ret_data, size_t *ret_size);
/* The same of a path. -EINVAL: no regular file, or larger than any zone's. */
int zoneinfo_read_file(const char *path, void **ret_data, size_t *ret_size);
