/* SPDX-License-Identifier: MIT */

#include "base/uuid.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/hash.h"
#include "base/hex.h"

static bool hyphen_before(size_t byte)
{
        return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

int uuid_parse(const char *text, Uuid *ret_uuid)
{
        bool braces = *text == '{';
        Uuid uuid;

        text += braces;
        for (size_t i = 0; i < sizeof uuid.bytes; i++) {
                int high, low;

                if (hyphen_before(i) && *text++ != '-')
                        return -EINVAL;
                high = hex_digit(text[0]);
                low = high < 0 ? -1 : hex_digit(text[1]);
                if (low < 0)
                        return -EINVAL;
                uuid.bytes[i] = (uint8_t)(high << 4 | low);
                text += 2;
        }
        if (braces && *text++ != '}')
                return -EINVAL;
        if (*text)
                return -EINVAL;
        *ret_uuid = uuid;
        return 0;
}

char *uuid_format(Uuid uuid, char buf[static UUID_STRING_MAX])
{
        static const char digits[] = "0123456789abcdef";
        char *p = buf;

        for (size_t i = 0; i < sizeof uuid.bytes; i++) {
                if (hyphen_before(i))
                        *p++ = '-';
                *p++ = digits[uuid.bytes[i] >> 4];
                *p++ = digits[uuid.bytes[i] & 15];
        }
        *p = '\0';
        return buf;
}

static Uuid with_version(Uuid uuid, unsigned version)
{
        uuid.bytes[6] = (uint8_t)((uuid.bytes[6] & 0x0f) | version << 4);
        uuid.bytes[8] = (uint8_t)((uuid.bytes[8] & 0x3f) | 0x80);
        return uuid;
}

Uuid uuid_random(void)
{
        Uuid uuid;

        /* 16 bytes are never interrupted or shortened once the generator is seeded: random(7). */
        while (getrandom(uuid.bytes, sizeof uuid.bytes, 0) != sizeof uuid.bytes)
                if (errno != EINTR)
                        abort();
        return with_version(uuid, 4);
}

Uuid uuid_v5(Uuid name_space, const void *name, size_t n_name)
{
        uint8_t digest[SHA1_SIZE];
        Uuid uuid;

        sha1((const HashPart[]){ { name_space.bytes, sizeof name_space.bytes }, { name, n_name } }, 2, digest);
        memcpy(uuid.bytes, digest, sizeof uuid.bytes);
        return with_version(uuid, 5);
}

Uuid uuid_v7(uint64_t real_usec, unsigned sequence, Uuid chance)
{
        uint64_t msec = real_usec / 1000;
        Uuid uuid = chance;

        for (size_t i = 0; i < 6; i++)
                uuid.bytes[i] = (uint8_t)(msec >> (40 - 8 * i));
        uuid.bytes[6] = (uint8_t)(sequence >> 8);
        uuid.bytes[7] = (uint8_t)sequence;
        return with_version(uuid, 7);
}
