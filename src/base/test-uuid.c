/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/uuid.h"

static void text_of_any_case_and_with_braces_is_read(void **state)
{
        char text[UUID_STRING_MAX];
        Uuid a, b;

        assert_int_equal(uuid_parse("14C5882B-35D3-41BE-86B2-5106269B97E6", &a), 0);
        assert_int_equal(uuid_parse("{14c5882b-35d3-41be-86b2-5106269b97e6}", &b), 0);
        assert_true(uuid_equal(a, b));
        assert_string_equal(uuid_format(a, text), "14c5882b-35d3-41be-86b2-5106269b97e6");
}

static void anything_else_is_refused_and_changes_nothing(void **state)
{
        static const char *const bad[] = {
                "", "{", "{}", "14C5882B",
                "14C5882B-35D3-41BE-86B2-5106269B97E", "14C5882B-35D3-41BE-86B2-5106269B97E66",
                "{14C5882B-35D3-41BE-86B2-5106269B97E6", "14C5882B-35D3-41BE-86B2-5106269B97E6}",
                "14C5882B35D341BE86B25106269B97E6", "14C5882G-35D3-41BE-86B2-5106269B97E6",
                " 14C5882B-35D3-41BE-86B2-5106269B97E6",
        };
        Uuid uuid = UUID_NULL;

        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
                assert_int_equal(uuid_parse(bad[i], &uuid), -EINVAL);
        assert_true(uuid_is_null(uuid));
}

static void version_5_gives_the_example_of_rfc_9562(void **state)
{
        char text[UUID_STRING_MAX];
        Uuid dns;

        assert_int_equal(uuid_parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8", &dns), 0);
        assert_string_equal(uuid_format(uuid_v5(dns, "www.example.com", 15), text),
                            "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

static void random_uuids_are_version_4_and_differ(void **state)
{
        Uuid a = uuid_random(), b = uuid_random();

        assert_false(uuid_equal(a, b));
        assert_int_equal(a.bytes[6] >> 4, 4);
        assert_int_equal(a.bytes[8] >> 6, 2);
}

static void uuids_of_version_7_come_in_the_order_of_their_times(void **state)
{
        const Uuid ones = { { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                              0xff } };
        /* 2022-02-22 14:22:22 GMT-05:00, the example of RFC 9562. */
        const uint64_t usec = UINT64_C(0x017f22e279b0) * 1000;
        char text[UUID_STRING_MAX];

        assert_string_equal(uuid_format(uuid_v7(usec, 0xcc3, ones), text), "017f22e2-79b0-7cc3-bfff-ffffffffffff");
        assert_true(uuid_compare(uuid_v7(usec, 1, ones), uuid_v7(usec + 999, 2, UUID_NULL)) < 0);
        assert_true(uuid_compare(uuid_v7(usec, 0xfff, ones), uuid_v7(usec + 1000, 0x1000, UUID_NULL)) < 0);
}

static void the_boot_id_is_read_and_stays_the_same(void **state)
{
        Uuid a, b;

        assert_int_equal(boot_id_read(&a), 0);
        assert_int_equal(boot_id_read(&b), 0);
        assert_true(uuid_equal(a, b));
        assert_false(uuid_is_null(a));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(text_of_any_case_and_with_braces_is_read),
                cmocka_unit_test(anything_else_is_refused_and_changes_nothing),
                cmocka_unit_test(version_5_gives_the_example_of_rfc_9562),
                cmocka_unit_test(random_uuids_are_version_4_and_differ),
                cmocka_unit_test(uuids_of_version_7_come_in_the_order_of_their_times),
                cmocka_unit_test(the_boot_id_is_read_and_stays_the_same),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
