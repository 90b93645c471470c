/* SPDX-License-Identifier: MIT */

#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

/* Length of the well-formed sequence at p, 0 if there is none within n bytes. */
static size_t sequence_length(const uint8_t *p, size_t n)
{
        uint8_t low = 0x80, high = 0xbf;
        size_t length;

        if (p[0] < 0x80)
                return p[0] != 0;
        if (p[0] >= 0xc2 && p[0] <= 0xdf) {
                length = 2;
        } else if (p[0] >= 0xe0 && p[0] <= 0xef) {
                length = 3;
                low = p[0] == 0xe0 ? 0xa0 : low;
                high = p[0] == 0xed ? 0x9f : high;
        } else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
                length = 4;
                low = p[0] == 0xf0 ? 0x90 : low;
                high = p[0] == 0xf4 ? 0x8f : high;
        } else {
                return 0;
        }
        if (length > n || p[1] < low || p[1] > high)
                return 0;
        for (size_t i = 2; i < length; i++)
                if (p[i] < 0x80 || p[i] > 0xbf)
                        return 0;
        return length;
}

/* Length of the run of ASCII without NUL at p, in whole words: nearly all text is nothing else. */
static size_t ascii_length(const char *p, size_t n)
{
        const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
        size_t i = 0;

        for (uint64_t word; n - i >= sizeof word; i += sizeof word) {
                memcpy(&word, p + i, sizeof word);
                /* The subtraction carries into the top bit of a byte that is zero. */
                if ((word | (word - ones)) & high)
                        break;
        }
        return i;
}

bool utf8_is_valid(const char *s, size_t n)
{
        for (size_t i = ascii_length(s, n), length; i < n; i += length) {
                length = sequence_length((const uint8_t *)s + i, n - i);
                if (length == 0)
                        return false;
        }
        return true;
}

bool utf8_has_control(const char *s, size_t n)
{
        const uint8_t *p = (const uint8_t *)s;

        for (size_t i = 0; i < n; i++)
                if (p[i] < 0x20 || p[i] == 0x7f || (p[i] == 0xc2 && i + 1 < n && p[i + 1] < 0xa0))
                        return true;
        return false;
}
