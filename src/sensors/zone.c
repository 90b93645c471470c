/* SPDX-License-Identifier: MIT */

#include "sensors/zone.h"

#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

/* The largest of zoneinfo has 4 KiB. */
#define FILE_MAX ((size_t)256 * 1024)
#define HEADER_SIZE 44

typedef struct Header {
        char version;
        uint64_t n_ut;
        uint64_t n_standard;
        uint64_t n_leaps;
        uint64_t n_times;
        uint64_t n_types;
        uint64_t n_chars;
} Header;

static uint32_t read_count(const uint8_t *p)
{
        uint32_t value;

        memcpy(&value, p, sizeof value);
        return be32toh(value);
}

static int64_t read_time(const uint8_t *p)
{
        uint64_t value;

        memcpy(&value, p, sizeof value);
        return (int64_t)be64toh(value);
}

static int read_header(const uint8_t *p, size_t n, Header *ret_header)
{
        if (n < HEADER_SIZE || memcmp(p, "TZif", 4) != 0)
                return -EBADMSG;
        *ret_header = (Header){
                .version = (char)p[4],
                .n_ut = read_count(p + 20),
                .n_standard = read_count(p + 24),
                .n_leaps = read_count(p + 28),
                .n_times = read_count(p + 32),
                .n_types = read_count(p + 36),
                .n_chars = read_count(p + 40),
        };
        return 0;
}

/* Size of what follows the header; no count is larger than 32 bits, so that the sum fits. */
static uint64_t block_size(const Header *h, uint64_t time_size)
{
        return h->n_times * (time_size + 1) + h->n_types * 6 + h->n_chars + h->n_leaps * (time_size + 4) +
               h->n_standard + h->n_ut;
}

static int read_block(const uint8_t *p, const Header *h, Zone *zone)
{
        const uint8_t *indices = p + h->n_times * 8, *types = indices + h->n_times;

        if (h->n_types == 0)
                return -EBADMSG;
        zone->times = calloc(h->n_times + 1, sizeof *zone->times);
        zone->offsets = calloc(h->n_times + 1, sizeof *zone->offsets);
        if (!zone->times || !zone->offsets)
                return -ENOMEM;
        zone->first_offset = (int32_t)read_count(types);
        for (size_t i = 0; i < h->n_times; i++) {
                if (indices[i] >= h->n_types)
                        return -EBADMSG;
                zone->times[i] = read_time(p + i * 8);
                zone->offsets[i] = (int32_t)read_count(types + (size_t)indices[i] * 6);
                if (i > 0 && zone->times[i] <= zone->times[i - 1])
                        return -EBADMSG;
        }
        zone->n = h->n_times;
        return 0;
}

/* Copies the footer without the names of its times, which say nothing about the clock. */
static int read_rule(const uint8_t *p, size_t n, char rule[static ZONE_RULE_MAX])
{
        const uint8_t *end = n > 0 ? memchr(p + 1, '\n', n - 1) : NULL;
        size_t length = 0;
        bool in_rules = false;

        if (!end || p[0] != '\n')
                return -EBADMSG;
        for (p++; p < end; p++) {
                bool is_name = !in_rules && (isalpha(*p) || *p == '<');

                in_rules |= *p == ',';
                if (is_name) {
                        const bool quoted = *p == '<';

                        while (p + 1 < end && (quoted ? *p != '>' : isalpha(p[1]) != 0))
                                p++;
                }
                if (length + 1 >= ZONE_RULE_MAX)
                        return -EBADMSG;
                /* A name becomes a mark, so that two numbers never run together. */
                if (!is_name || length > 0)
                        rule[length++] = is_name ? ';' : (char)*p;
        }
        rule[length] = '\0';
        return 0;
}

static int parse(const uint8_t *p, size_t n, Zone *zone)
{
        Header h;
        uint64_t size;
        int r = read_header(p, n, &h);

        if (r < 0)
                return r;
        /* Version 1 has no times after 2038, and nothing writes it any more. */
        if (h.version < '2')
                return -EBADMSG;
        size = HEADER_SIZE + block_size(&h, 4);
        if (size > n)
                return -EBADMSG;
        p += size;
        n -= size;
        r = read_header(p, n, &h);
        if (r < 0)
                return r;
        size = HEADER_SIZE + block_size(&h, 8);
        if (size > n)
                return -EBADMSG;
        r = read_block(p + HEADER_SIZE, &h, zone);
        return r < 0 ? r : read_rule(p + size, n - size, zone->rule);
}

int zone_read(const char *path, Zone *ret_zone)
{
        _cleanup_(buffer_done) Buffer buffer = { 0 };
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
        Zone zone = { 0 };
        ssize_t n = 1;
        int r = 0;

        if (fd < 0 && errno == ENOENT) {
                strcpy(zone.rule, "0");
                *ret_zone = zone;
                return 0;
        }
        if (fd < 0)
                return -errno;
        while (r >= 0 && n > 0) {
                r = buffer.size >= FILE_MAX ? -EFBIG : buffer_reserve(&buffer, 8192);
                n = r < 0 ? 0 : read(fd, buffer.data + buffer.size, 8192);
                if (n < 0)
                        return -errno;
                buffer.size += (size_t)n;
        }
        if (r >= 0)
                r = parse(buffer.data, buffer.size, &zone);
        if (r < 0)
                zone_done(&zone);
        else
                *ret_zone = zone;
        return r;
}

void zone_done(Zone *zone)
{
        free(zone->times);
        free(zone->offsets);
        *zone = (Zone){ 0 };
}

/* The first transition after now, and the offset until then. */
static size_t position(const Zone *zone, int64_t now, int32_t *ret_offset)
{
        size_t i = 0;

        *ret_offset = zone->first_offset;
        for (; i < zone->n && zone->times[i] <= now; i++)
                *ret_offset = zone->offsets[i];
        return i;
}

/* Transitions that change nothing but a name or what is called summer do not count. */
static bool next_change(const Zone *zone, size_t *i, int32_t *offset, int64_t *ret_time)
{
        while (*i < zone->n && zone->offsets[*i] == *offset)
                ++*i;
        if (*i == zone->n)
                return false;
        *ret_time = zone->times[*i];
        *offset = zone->offsets[(*i)++];
        return true;
}

bool zone_is_same_from(const Zone *a, const Zone *b, int64_t now)
{
        int32_t offset_a, offset_b;
        size_t i = position(a, now, &offset_a), j = position(b, now, &offset_b);

        while (offset_a == offset_b) {
                int64_t time_a = 0, time_b = 0;
                bool more_a = next_change(a, &i, &offset_a, &time_a), more_b = next_change(b, &j, &offset_b, &time_b);

                if (more_a != more_b)
                        return false;
                if (!more_a)
                        return strcmp(a->rule, b->rule) == 0;
                if (time_a != time_b)
                        return false;
        }
        return false;
}
