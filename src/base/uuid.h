/* SPDX-License-Identifier: MIT */
#pragma once

/* UUIDs (RFC 9562) in network byte order, which is also the order of their text. */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define UUID_STRING_MAX 37 /* 36 characters and the terminator */

typedef struct Uuid {
        uint8_t bytes[16];
} Uuid;

#define UUID_NULL ((Uuid){ { 0 } })

/* Reads 8-4-4-4-12 hexadecimal digits of any case, with or without braces. -EINVAL for anything else. */
int uuid_parse(const char *text, Uuid *ret_uuid);

/* Writes lower-case text without braces to buf and returns buf. */
char *uuid_format(Uuid uuid, char buf[static UUID_STRING_MAX]);

/* Version 4, from the kernel's generator. Cannot fail once the kernel has been seeded. */
Uuid uuid_random(void);

/* Version 5: SHA-1 of the name space and the name. Equal inputs give equal UUIDs for ever. */
Uuid uuid_v5(Uuid name_space, const void *name, size_t n_name);

/*
 * Version 7: those of a later millisecond of the wall clock come after those of an earlier one, and within a
 * millisecond those of a higher sequence, of which the lower 12 bits count. The rest are bits of chance.
 */
Uuid uuid_v7(uint64_t real_usec, unsigned sequence, Uuid chance);

static inline bool uuid_equal(Uuid a, Uuid b)
{
        return memcmp(a.bytes, b.bytes, sizeof a.bytes) == 0;
}

static inline int uuid_compare(Uuid a, Uuid b)
{
        return memcmp(a.bytes, b.bytes, sizeof a.bytes);
}

static inline bool uuid_is_null(Uuid a)
{
        return uuid_equal(a, UUID_NULL);
}
