/* SPDX-License-Identifier: MIT */

/* Zones of this machine's zoneinfo against each other, and files that are none. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/macro.h"
#include "sensors/zone.h"

#define ZONEINFO "/usr/share/zoneinfo"
/* 2024-01-01 */
#define NOW INT64_C(1704067200)

static Zone load(const char *name)
{
        char path[256];
        Zone zone;

        snprintf(path, sizeof path, ZONEINFO "/%s", name);
        assert_int_equal(zone_read(path, &zone), 0);
        return zone;
}

static bool same(const char *a, const char *b, int64_t now)
{
        Zone x = load(a), y = load(b);
        bool is_same = zone_is_same_from(&x, &y, now);

        zone_done(&x);
        zone_done(&y);
        return is_same;
}

static void zones_differ_if_they_show_other_times_from_now_on(void **state)
{
        static const struct {
                const char *a, *b;
                bool same;
        } rows[] = {
                { "Europe/Berlin", "Europe/Paris", true },      /* names and the past differ */
                { "Europe/Berlin", "Africa/Tunis", false },     /* summer time */
                { "Europe/Berlin", "Europe/London", false },
                { "UTC", "Africa/Abidjan", true },
                { "UTC", "Europe/Lisbon", false },
                { "Asia/Kolkata", "Asia/Colombo", true },
                { "Asia/Kathmandu", "Asia/Kolkata", false },
                { "America/New_York", "America/Toronto", true },
                { "America/New_York", "America/Jamaica", false },
                { "Australia/Sydney", "Australia/Hobart", true },
                { "Australia/Sydney", "Australia/Brisbane", false },
                { "Asia/Tokyo", "Asia/Tokyo", true },
        };

        if (access(ZONEINFO "/Europe/Berlin", R_OK) < 0)
                skip();
        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                if (same(rows[i].a, rows[i].b, NOW) != rows[i].same)
                        fail_msg("%s and %s", rows[i].a, rows[i].b);
        /* In 1970 Colombo was not yet what it is. */
        assert_false(same("Asia/Kolkata", "Asia/Colombo", 0));
}

static void no_file_is_utc(void **state)
{
        Zone none, utc;

        if (access(ZONEINFO "/UTC", R_OK) < 0)
                skip();
        utc = load("UTC");
        assert_int_equal(zone_read("/nonexistent/localtime", &none), 0);
        assert_true(zone_is_same_from(&none, &utc, NOW));
        zone_done(&none);
        zone_done(&utc);
}

static int read_bytes(const void *data, size_t n)
{
        char path[] = "/tmp/bgtask-zone-XXXXXX";
        int fd = mkstemp(path), r;
        Zone zone;

        assert_true(fd >= 0);
        assert_int_equal(write(fd, data, n), n);
        close(fd);
        r = zone_read(path, &zone);
        if (r >= 0)
                zone_done(&zone);
        unlink(path);
        return r;
}

static void every_beginning_of_a_file_and_every_changed_byte_is_survived(void **state)
{
        uint8_t data[8192];
        FILE *f = fopen(ZONEINFO "/Europe/Berlin", "r");
        size_t n;

        if (!f)
                skip();
        n = fread(data, 1, sizeof data, f);
        fclose(f);
        for (size_t i = 0; i < n; i += 1 + n / 200)
                assert_int_equal(read_bytes(data, i), -EBADMSG);
        for (size_t i = 0; i < MIN(n, (size_t)400); i++) {
                uint8_t before = data[i];

                data[i] = 0xff;
                (void)read_bytes(data, n);
                data[i] = before;
        }
        assert_int_equal(read_bytes(data, n), 0);
        assert_int_equal(read_bytes("", 0), -EBADMSG);
        assert_int_equal(zone_read("/", &(Zone){ 0 }), -EISDIR);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(zones_differ_if_they_show_other_times_from_now_on),
                cmocka_unit_test(no_file_is_utc),
                cmocka_unit_test(every_beginning_of_a_file_and_every_changed_byte_is_survived),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
