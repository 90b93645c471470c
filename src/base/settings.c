/* SPDX-License-Identifier: MIT */

#include "base/settings.h"

#include <errno.h>
#include <string.h>

/* A line break in a value would end it: "\n" and "\\" stand for it and for the backslash. */
static char *escape(char *p, const char *value)
{
        for (; *value; value++) {
                if (*value == '\n' || *value == '\\')
                        *p++ = '\\';
                *p++ = *value == '\n' ? 'n' : *value;
        }
        return p;
}

static char *unescape(char *p, const char *value, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                bool escaped = value[i] == '\\' && i + 1 < n;

                i += escaped;
                *p++ = escaped && value[i] == 'n' ? '\n' : value[i];
        }
        *p++ = '\0';
        return p;
}

int settings_add(Buffer *b, const char *key, const char *value)
{
        size_t n_key = strlen(key);
        char *start, *p;
        int r;

        r = buffer_reserve(b, n_key + 2 * strlen(value) + 3);
        if (r < 0)
                return r;
        p = start = (char *)b->data + b->size;
        memcpy(p, key, n_key);
        p += n_key;
        *p++ = '=';
        p = escape(p, value);
        *p++ = '\n';
        *p = '\0';
        b->size += (size_t)(p - start);
        return 0;
}

/* The next value of the key from *text on; NULL: there is none. */
static const char *next(const char **text, const char *key, size_t *ret_n)
{
        size_t n_key = strlen(key);

        while (*text && **text) {
                const char *line = *text, *end = strchrnul(line, '\n');

                *text = *end ? end + 1 : end;
                if ((size_t)(end - line) <= n_key || line[n_key] != '=' || memcmp(line, key, n_key) != 0)
                        continue;
                *ret_n = (size_t)(end - line) - n_key - 1;
                return line + n_key + 1;
        }
        return NULL;
}

int settings_list(const char *text, const char *key, char ***ret_values)
{
        size_t n = 0, size = 0, length, i = 0;
        const char *p = text, *value;
        char **values, *copy;

        while (next(&p, key, &length)) {
                n++;
                size += length + 1;
        }
        values = malloc((n + 1) * sizeof *values + size);
        if (!values)
                return -ENOMEM;
        copy = (char *)(values + n + 1);
        p = text;
        while ((value = next(&p, key, &length))) {
                values[i++] = copy;
                copy = unescape(copy, value, length);
        }
        values[i] = NULL;
        *ret_values = values;
        return (int)n;
}

int settings_get(const char *text, const char *key, char **ret_value)
{
        const char *value;
        size_t length;

        value = next(&text, key, &length);
        if (!value)
                return 0;
        *ret_value = malloc(length + 1);
        if (!*ret_value)
                return -ENOMEM;
        unescape(*ret_value, value, length);
        return 1;
}

bool settings_has(const char *text, const char *key)
{
        size_t n;

        return next(&text, key, &n);
}

uint64_t settings_number(const char *text, const char *key, uint64_t otherwise)
{
        const char *value;
        uint64_t x = 0;
        size_t n;

        value = next(&text, key, &n);
        if (!value || n == 0)
                return otherwise;
        for (size_t i = 0; i < n; i++)
                if (value[i] < '0' || value[i] > '9' || __builtin_mul_overflow(x, 10, &x) ||
                    __builtin_add_overflow(x, (uint64_t)(value[i] - '0'), &x))
                        return otherwise;
        return x;
}

bool variable_name_is_valid(const char *name, size_t n)
{
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

        return n > 0 && n <= 255 && (name[0] < '0' || name[0] > '9') && strspn(name, letters) >= n;
}
