/* SPDX-License-Identifier: MIT */

#include "base/buffer.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

int buffer_reserve(Buffer *b, size_t n)
{
        size_t need, allocated;
        uint8_t *data;

        if (__builtin_add_overflow(b->size, n, &need))
                return -ENOMEM;
        if (need <= b->allocated)
                return 0;
        allocated = MAX(need, b->allocated + b->allocated / 2);
        allocated = MAX(allocated, (size_t)64);
        data = realloc(b->data, allocated);
        if (!data)
                return -ENOMEM;
        b->data = data;
        b->allocated = allocated;
        return 0;
}

int buffer_append(Buffer *b, const void *data, size_t n)
{
        int r;

        if (n == 0)
                return 0;
        r = buffer_reserve(b, n);
        if (r < 0)
                return r;
        memcpy(b->data + b->size, data, n);
        b->size += n;
        return 0;
}

int buffer_printf(Buffer *b, const char *format, ...)
{
        va_list args;
        int n, r;

        va_start(args, format);
        n = vsnprintf(NULL, 0, format, args);
        va_end(args);
        if (n < 0)
                return -EINVAL;
        r = buffer_reserve(b, (size_t)n + 1);
        if (r < 0)
                return r;
        va_start(args, format);
        vsnprintf((char *)b->data + b->size, (size_t)n + 1, format, args);
        va_end(args);
        b->size += (size_t)n;
        return 0;
}

void buffer_consume(Buffer *b, size_t n)
{
        assert(n <= b->size);
        b->size -= n;
        if (b->size > 0)
                memmove(b->data, b->data + n, b->size);
}

void buffer_done(Buffer *b)
{
        free(b->data);
        *b = (Buffer){ 0 };
}
