/* SPDX-License-Identifier: MIT */
#pragma once

/* Numbers on the wire, in either byte order and at any address. */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define WIRE_NATIVE 'l'
#define WIRE_FOREIGN 'B'
#else
#define WIRE_NATIVE 'B'
#define WIRE_FOREIGN 'l'
#endif

#define WIRE_HEADER_SIZE 16 /* the fixed part, the length of the field array included */
#define WIRE_ARRAY_MAX (UINT32_C(64) << 20)
#define WIRE_MESSAGE_MAX (UINT32_C(128) << 20)
#define WIRE_VERSION 1

enum {
        FIELD_PATH = 1,
        FIELD_INTERFACE,
        FIELD_MEMBER,
        FIELD_ERROR_NAME,
        FIELD_REPLY_SERIAL,
        FIELD_DESTINATION,
        FIELD_SENDER,
        FIELD_SIGNATURE,
        FIELD_UNIX_FDS,
        _FIELD_MAX,
};

static inline size_t wire_align(size_t position, size_t alignment)
{
        return (position + alignment - 1) & ~(alignment - 1);
}

#define DEFINE_WIRE(bits, swap)                                                         \
        static inline uint##bits##_t wire_get##bits(const void *p, bool swapped)        \
        {                                                                               \
                uint##bits##_t v;                                                       \
                                                                                        \
                memcpy(&v, p, sizeof v);                                                \
                return swapped ? swap(v) : v;                                           \
        }                                                                               \
        static inline void wire_put##bits(void *p, uint##bits##_t v, bool swapped)      \
        {                                                                               \
                v = swapped ? swap(v) : v;                                              \
                memcpy(p, &v, sizeof v);                                                \
        }

DEFINE_WIRE(16, __builtin_bswap16)
DEFINE_WIRE(32, __builtin_bswap32)
DEFINE_WIRE(64, __builtin_bswap64)
