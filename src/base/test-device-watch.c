/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/device-watch.h"

static void check_round(const DeviceWatch *watch, const char *text)
{
        Buffer buffer = { 0 };
        DeviceWatch again;

        assert_int_equal(device_watch_format(watch, &buffer), 0);
        assert_string_equal((char *)buffer.data, text);
        assert_int_equal(device_watch_parse((char *)buffer.data, &again), 0);
        assert_int_equal(again.changes, watch->changes);
        assert_int_equal(again.n_matches, watch->n_matches);
        for (size_t i = 0; i < watch->n_matches; i++)
                assert_string_equal(again.matches[i], watch->matches[i]);
        assert_int_equal(!again.device, !watch->device);
        if (watch->device)
                assert_string_equal(again.device, watch->device);
        buffer_done(&buffer);
}

static void a_text_comes_back_as_what_it_was_made_of(void **state)
{
        DeviceWatch matches = { .changes = true }, device = { 0 };

        assert_null(device_watch_add_match(&matches, "SUBSYSTEM=usb"));
        assert_null(device_watch_add_match(&matches, "ID_VENDOR=*a b*"));
        check_round(&matches, "ARC\nSUBSYSTEM=usb\nID_VENDOR=*a b*");
        assert_null(device_watch_set_device(&device, "/dev/ttyUSB0"));
        check_round(&device, "AR\n/dev/ttyUSB0");
}

static void what_is_no_match_and_no_device_is_refused(void **state)
{
        static const char *const matches[] = { "", "usb", "=usb", "A B=c", "KEY=a\nb", "KEY=\xff" };
        static const char *const devices[] = { "", "/dev/", "/sys/", "ttyUSB0", "/devices/x", "/dev/a\nb" };
        DeviceWatch watch = { 0 };

        for (size_t i = 0; i < sizeof matches / sizeof *matches; i++)
                assert_non_null(device_watch_add_match(&watch, matches[i]));
        for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
                assert_non_null(device_watch_set_device(&watch, devices[i]));
        for (size_t i = 0; i < DEVICE_WATCH_MATCHES_MAX; i++)
                assert_null(device_watch_add_match(&watch, "A=b"));
        assert_non_null(device_watch_add_match(&watch, "A=b"));
}

static void a_text_of_something_else_is_refused(void **state)
{
        static const char *const texts[] = { "", "AR", "ARC", "AR\n", "X\nA=b", "AR\n/dev/a\n/dev/b",
                                             "AR\n/dev/a\nA=b", "AR\nA=b\n/dev/a", "AR\nA=b\n" };
        DeviceWatch watch;

        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
                char text[64];

                strcpy(text, texts[i]);
                assert_int_equal(device_watch_parse(text, &watch), -EINVAL);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_text_comes_back_as_what_it_was_made_of),
                cmocka_unit_test(what_is_no_match_and_no_device_is_refused),
                cmocka_unit_test(a_text_of_something_else_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
