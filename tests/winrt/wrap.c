/* SPDX-License-Identifier: MIT */

/* Linked with --wrap for each of these functions, so that calls of the objects come here. */

#include "wrap.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define FOLLOWED_MAX 4096

/* The linker takes them for what a sanitizer's library asks for. */
#pragma GCC visibility push(default)
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *memory);
char *__wrap_strdup(const char *text);
#pragma GCC visibility pop

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static void *followed[FOLLOWED_MAX];
static size_t n_followed;
static _Thread_local int is_armed, has_failed;
static _Thread_local size_t n_left;

static int fails(void)
{
        if (!is_armed || has_failed)
                return 0;
        if (n_left-- > 0)
                return 0;
        has_failed = 1;
        return 1;
}

static void *follow(void *memory)
{
        if (!is_armed || !memory)
                return memory;
        pthread_mutex_lock(&lock);
        if (n_followed == FOLLOWED_MAX)
                abort();
        followed[n_followed++] = memory;
        pthread_mutex_unlock(&lock);
        return memory;
}

/* Any thread may free what this one has allocated. */
static void unfollow(void *memory)
{
        pthread_mutex_lock(&lock);
        for (size_t i = 0; i < n_followed && memory; i++)
                if (followed[i] == memory) {
                        followed[i] = followed[--n_followed];
                        break;
                }
        pthread_mutex_unlock(&lock);
}

void *__wrap_malloc(size_t size)
{
        return fails() ? NULL : follow(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
        return fails() ? NULL : follow(__real_calloc(n, size));
}

void *__wrap_realloc(void *old, size_t size)
{
        if (fails())
                return NULL;
        unfollow(old);
        return follow(__real_realloc(old, size));
}

void __wrap_free(void *memory)
{
        unfollow(memory);
        __real_free(memory);
}

char *__wrap_strdup(const char *text)
{
        size_t size = strlen(text) + 1;
        char *copy = __wrap_malloc(size);

        return copy ? memcpy(copy, text, size) : NULL;
}

int wrap_begin(size_t n)
{
        n_followed = 0;
        n_left = n;
        has_failed = 0;
        is_armed = 1;
        return 1;
}

int wrap_end(size_t *ret_left)
{
        is_armed = 0;
        *ret_left = n_followed;
        return has_failed;
}
