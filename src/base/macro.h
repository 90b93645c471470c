/* SPDX-License-Identifier: MIT */
#pragma once

/* Ownership and small arithmetic: what every room may use without thinking about it. */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _pure_ __attribute__((pure))
#define _unused_ __attribute__((unused))

/* Declares func##p() for _cleanup_() from a destructor that takes a pointer. */
#define DEFINE_CLEANUP(type, func)                      \
        static inline void func##p(type *p)             \
        {                                               \
                if (*p)                                 \
                        func(*p);                       \
        }                                               \
        struct func##_cleanup_needs_semicolon

/* Hands an owned pointer or descriptor over and leaves nothing behind. */
#define TAKE_PTR(p)                                     \
        ({                                              \
                __typeof__(p) *_take = &(p);            \
                __typeof__(p) _taken = *_take;          \
                *_take = NULL;                          \
                _taken;                                 \
        })
#define TAKE_FD(fd)                                     \
        ({                                              \
                int *_take = &(fd);                     \
                int _taken = *_take;                    \
                *_take = -1;                            \
                _taken;                                 \
        })

#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))
#define MIN(a, b)                                       \
        ({                                              \
                __typeof__(a) _a = (a);                 \
                __typeof__(b) _b = (b);                 \
                _a < _b ? _a : _b;                      \
        })
#define MAX(a, b)                                       \
        ({                                              \
                __typeof__(a) _a = (a);                 \
                __typeof__(b) _b = (b);                 \
                _a > _b ? _a : _b;                      \
        })

static inline void freep(void *p)
{
        free(*(void **)p);
}

/* Closes fd if it is one and returns -1, so that fd = safe_close(fd) leaves no stale number. */
static inline int safe_close(int fd)
{
        if (fd >= 0)
                close(fd);
        return -1;
}

static inline void closep(int *fd)
{
        safe_close(*fd);
}

static inline void fclosep(FILE **f)
{
        if (*f)
                fclose(*f);
}

/* Saturating addition of unsigned times: a deadline never wraps into the past. */
static inline uint64_t usec_add(uint64_t a, uint64_t b)
{
        uint64_t c;

        return __builtin_add_overflow(a, b, &c) ? UINT64_MAX : c;
}

static inline uint64_t usec_sub(uint64_t a, uint64_t b)
{
        return a > b ? a - b : 0;
}
