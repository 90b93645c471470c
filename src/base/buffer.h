/* SPDX-License-Identifier: MIT */
#pragma once

/* A byte string that grows. Zero-initialised is empty; after buffer_done() it is empty again. */

#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

typedef struct Buffer {
        uint8_t *data;
        size_t size;
        size_t allocated;
} Buffer;

/* Makes room for n more bytes; -ENOMEM changes nothing. */
int buffer_reserve(Buffer *b, size_t n);
int buffer_append(Buffer *b, const void *data, size_t n);
/* Appends text and keeps a NUL behind it that size does not count, so that data is a C string. */
int buffer_printf(Buffer *b, const char *format, ...) _printf_(2, 3);
/* Drops the first n bytes. */
void buffer_consume(Buffer *b, size_t n);
void buffer_done(Buffer *b);
