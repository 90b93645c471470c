/* SPDX-License-Identifier: MIT */

#include "manifest/family.h"

#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "base/macro.h"
#include "base/utf8.h"

/* Decodes one character of valid UTF-8 and steps over it. */
static uint32_t next_character(const uint8_t **p)
{
        const uint8_t *s = *p;

        if (s[0] < 0x80) {
                *p += 1;
                return s[0];
        }
        if (s[0] < 0xe0) {
                *p += 2;
                return (uint32_t)(s[0] & 0x1f) << 6 | (s[1] & 0x3f);
        }
        if (s[0] < 0xf0) {
                *p += 3;
                return (uint32_t)(s[0] & 0x0f) << 12 | (uint32_t)(s[1] & 0x3f) << 6 | (s[2] & 0x3f);
        }
        *p += 4;
        return (uint32_t)(s[0] & 0x07) << 18 | (uint32_t)(s[1] & 0x3f) << 12 | (uint32_t)(s[2] & 0x3f) << 6 |
               (s[3] & 0x3f);
}

static uint8_t *put_utf16le(uint8_t *p, uint32_t unit)
{
        *p++ = (uint8_t)unit;
        *p++ = (uint8_t)(unit >> 8);
        return p;
}

int family_publisher_id(const char *publisher, char ret_id[static PUBLISHER_ID_SIZE])
{
        static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";
        _cleanup_(freep) uint8_t *utf16 = NULL;
        const uint8_t *in = (const uint8_t *)publisher;
        uint8_t digest[SHA256_SIZE], *out;
        uint64_t bits = 0;

        if (!utf8_is_valid(publisher, strlen(publisher)))
                return -EILSEQ;
        /* UTF-16 never needs more than two bytes for each byte of UTF-8. */
        utf16 = out = malloc(2 * strlen(publisher) + 1);
        if (!utf16)
                return -ENOMEM;
        while (*in) {
                uint32_t c = next_character(&in);

                if (c >= 0x10000) {
                        out = put_utf16le(out, 0xd800 + ((c - 0x10000) >> 10));
                        out = put_utf16le(out, 0xdc00 + ((c - 0x10000) & 0x3ff));
                } else {
                        out = put_utf16le(out, c);
                }
        }
        sha256(&(HashPart){ utf16, (size_t)(out - utf16) }, 1, digest);

        /* The first 64 bits and one zero bit make 13 groups of five. */
        for (size_t i = 0; i < 8; i++)
                bits = bits << 8 | digest[i];
        for (unsigned i = 0; i < 12; i++)
                ret_id[i] = alphabet[bits >> (59 - 5 * i) & 31];
        ret_id[12] = alphabet[bits << 1 & 31];
        ret_id[13] = '\0';
        return 0;
}

/* asprintf() leaves its result undefined when it fails; ours is set only on success. */
int family_name_new(const char *name, const char *publisher_id, char **ret_family_name)
{
        char *text;

        if (asprintf(&text, "%s_%s", name, publisher_id) < 0)
                return -ENOMEM;
        *ret_family_name = text;
        return 0;
}

int family_full_name_new(const char *name, const char *version, const char *architecture, const char *resource_id,
                         const char *publisher_id, char **ret_full_name)
{
        char *text;

        if (asprintf(&text, "%s_%s_%s_%s_%s", name, version, architecture, resource_id, publisher_id) < 0)
                return -ENOMEM;
        *ret_full_name = text;
        return 0;
}
