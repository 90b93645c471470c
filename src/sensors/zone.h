/* SPDX-License-Identifier: MIT */
#pragma once

/* A time zone as a TZif file (RFC 8536) has it: enough to see whether another one would show other times. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZONE_RULE_MAX 128

/* Zero-initialised is UTC. */
typedef struct Zone {
        int64_t *times;     /* of the transitions, seconds since 1970, rising */
        int32_t *offsets;   /* from UTC in seconds, from each of them on */
        size_t n;
        int32_t first_offset;
        /* What holds after the last one, without names: "-1;,M3.5.0,M10.5.0/3"; "": the last offset. */
        char rule[ZONE_RULE_MAX];
} Zone;

/*
 * A file that is not there is UTC, as for the C library. -EBADMSG if it is no such file, -EFBIG, -ENOMEM, or what the
 * file system said.
 */
int zone_read(const char *path, Zone *ret_zone);
void zone_done(Zone *zone);

/* Whether both show the same time at every moment from now on. */
bool zone_is_same_from(const Zone *a, const Zone *b, int64_t now);
