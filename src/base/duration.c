/* SPDX-License-Identifier: MIT */

#include "base/duration.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/macro.h"

typedef struct Unit {
        const char *name;
        uint64_t usec;
} Unit;

static const Unit units[] = {
        { "us", 1 },
        { "ms", USEC_PER_MSEC },
        { "s", USEC_PER_SEC },
        { "sec", USEC_PER_SEC },
        { "m", USEC_PER_MINUTE },
        { "min", USEC_PER_MINUTE },
        { "h", USEC_PER_HOUR },
        { "d", USEC_PER_DAY },
        { "w", 7 * USEC_PER_DAY },
};

static int read_unit(const char **text, uint64_t *ret_usec)
{
        size_t n = strspn(*text, "abcdefghijklmnopqrstuvwxyz");

        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                if (strlen(units[i].name) != n || strncmp(units[i].name, *text, n) != 0)
                        continue;
                *text += n;
                *ret_usec = units[i].usec;
                return 0;
        }
        if (n > 0 || **text)
                return -EINVAL;
        *ret_usec = USEC_PER_SEC;
        return 0;
}

int parse_duration(const char *text, uint64_t *ret_usec)
{
        uint64_t total = 0;

        if (!*text)
                return -EINVAL;
        while (*text) {
                uint64_t number = 0, unit, part;
                int r;

                if (!isdigit((unsigned char)*text))
                        return -EINVAL;
                for (; isdigit((unsigned char)*text); text++)
                        if (__builtin_mul_overflow(number, 10, &number) ||
                            __builtin_add_overflow(number, (uint64_t)(*text - '0'), &number))
                                return -EINVAL;
                while (*text == ' ')
                        text++;
                r = read_unit(&text, &unit);
                if (r < 0)
                        return r;
                if (__builtin_mul_overflow(number, unit, &part) || __builtin_add_overflow(total, part, &total))
                        return -EINVAL;
                while (*text == ' ')
                        text++;
        }
        *ret_usec = total;
        return 0;
}

char *format_duration(uint64_t usec, char *buf, size_t size)
{
        static const struct {
                const char *name;
                uint64_t usec;
        } shown[] = {
                { "d", USEC_PER_DAY },   { "h", USEC_PER_HOUR },  { "min", USEC_PER_MINUTE },
                { "s", USEC_PER_SEC },   { "ms", USEC_PER_MSEC }, { "us", 1 },
        };
        size_t i = 0;
        uint64_t rest;
        int n;

        while (i + 1 < ELEMENTSOF(shown) && usec < shown[i].usec)
                i++;
        n = snprintf(buf, size, "%" PRIu64 " %s", usec / shown[i].usec, shown[i].name);
        rest = usec % shown[i].usec;
        if (i < 3 && n > 0 && (size_t)n < size && rest / shown[i + 1].usec > 0)
                snprintf(buf + n, size - (size_t)n, " %" PRIu64 " %s", rest / shown[i + 1].usec, shown[i + 1].name);
        return buf;
}
