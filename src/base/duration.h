/* SPDX-License-Identifier: MIT */
#pragma once

/* Spans of time as people write them, on the command line and in the configuration file. */

#include <stddef.h>
#include <stdint.h>

/* "90", "15m", "1h30m", "2d", "500ms"; a bare number is seconds. -EINVAL. */
int parse_duration(const char *text, uint64_t *ret_usec);
/* "1 h 30 min", "2 d": the two greatest units, rounded down. Returns buf. */
char *format_duration(uint64_t usec, char *buf, size_t size);
