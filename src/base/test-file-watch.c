/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/file-watch.h"

static void what_was_formatted_is_parsed_again(void **state)
{
        FileWatch watch = { .recursive = true, .delay_usec = 5, .max_delay_usec = 7 }, read;
        Buffer buffer = { 0 };

        assert_null(file_watch_add(&watch, "/"));
        assert_null(file_watch_add(&watch, "/home/a b/.config/x"));
        assert_int_equal(file_watch_format(&watch, &buffer), 0);
        assert_string_equal(buffer.data, "R 5 7\n/\n/home/a b/.config/x");
        assert_int_equal(file_watch_parse((char *)buffer.data, &read), 0);
        assert_true(read.recursive);
        assert_int_equal(read.delay_usec, 5);
        assert_int_equal(read.max_delay_usec, 7);
        assert_int_equal(read.n_paths, 2);
        assert_string_equal(read.paths[1], "/home/a b/.config/x");
        buffer_done(&buffer);
}

static void paths_that_name_a_file_in_two_ways_are_refused(void **state)
{
        static const char *const wrong[] = { "", "a", "./a", "/a/", "//", "/a//b", "/.", "/..", "/a/./b", "/a/../b",
                                             "/a/..", "/a\nb", "/a\xff" };
        static const char *const right[] = { "/", "/a", "/.a", "/..a", "/a./b..", "/a/...", "/\xc3\xa4" };
        FileWatch watch = { 0 };

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
                assert_non_null(file_watch_add(&watch, wrong[i]));
        for (size_t i = 0; i < ELEMENTSOF(right); i++)
                assert_null(file_watch_add(&watch, right[i]));
        while (watch.n_paths < FILE_WATCH_PATHS_MAX)
                assert_null(file_watch_add(&watch, "/x"));
        assert_non_null(file_watch_add(&watch, "/x"));
}

static void text_that_is_none_is_refused(void **state)
{
        static const char *const wrong[] = { "", "R", "R 1 2", "R 1 2\n", "R 1 2\nx", "X 1 2\n/a", "R 2 1\n/a",
                                             "R -\n/a", "R 1 2\n/a\n", "R 1 2\n/a\n/b/.." };

        for (size_t i = 0; i < ELEMENTSOF(wrong); i++) {
                char text[64];
                FileWatch watch;

                strcpy(text, wrong[i]);
                assert_int_equal(file_watch_parse(text, &watch), -EINVAL);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_was_formatted_is_parsed_again),
                cmocka_unit_test(paths_that_name_a_file_in_two_ways_are_refused),
                cmocka_unit_test(text_that_is_none_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
