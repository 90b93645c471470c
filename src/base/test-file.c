/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"

typedef struct Place {
        char folder[64];
        char path[80], fresh[80];
} Place;

static int setup(void **state)
{
        Place *p = calloc(1, sizeof *p);

        strcpy(p->folder, "/tmp/bgtask-test-XXXXXX");
        assert_non_null(mkdtemp(p->folder));
        snprintf(p->path, sizeof p->path, "%s/file", p->folder);
        snprintf(p->fresh, sizeof p->fresh, "%s/file.new", p->folder);
        *state = p;
        return 0;
}

static int teardown(void **state)
{
        Place *p = *state;

        unlink(p->path);
        unlink(p->fresh);
        rmdir(p->folder);
        free(p);
        return 0;
}

static void assert_holds(const char *path, const char *text)
{
        char found[64] = "";
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        assert_int_equal(read(fd, found, sizeof found - 1), strlen(text));
        assert_string_equal(found, text);
        close(fd);
}

static void a_file_takes_the_place_of_what_was_there(void **state)
{
        Place *p = *state;
        struct stat st;

        assert_int_equal(replace_file(p->path, "first", 5, true), 0);
        assert_holds(p->path, "first");
        assert_int_equal(replace_file(p->path, "2nd", 3, false), 0);
        assert_holds(p->path, "2nd");
        assert_int_equal(stat(p->path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(access(p->fresh, F_OK), -1);
}

static void what_an_earlier_one_left_in_half_does_not_matter_nor_where_it_points(void **state)
{
        char other[80];
        Place *p = *state;

        snprintf(other, sizeof other, "%s/other", p->folder);
        assert_int_equal(replace_file(other, "theirs", 6, false), 0);
        assert_int_equal(symlink(other, p->fresh), 0);
        assert_int_equal(replace_file(p->path, "ours", 4, false), 0);
        assert_holds(p->path, "ours");
        assert_holds(other, "theirs");
        unlink(other);
}

static void what_cannot_be_replaced_is_left_and_nothing_beside_it(void **state)
{
        Place *p = *state;

        assert_int_equal(mkdir(p->path, 0700), 0);
        assert_int_equal(replace_file(p->path, "x", 1, false), -EISDIR);
        assert_int_equal(access(p->fresh, F_OK), -1);
        assert_int_equal(rmdir(p->path), 0);
        assert_int_equal(replace_file("/nowhere/at/all", "x", 1, false), -ENOENT);
}

static void a_copy_holds_the_same_and_one_of_nothing_is_none(void **state)
{
        char other[80];
        Place *p = *state;

        snprintf(other, sizeof other, "%s/other", p->folder);
        assert_int_equal(copy_file(other, p->path), -ENOENT);
        assert_int_equal(access(p->path, F_OK), -1);
        assert_int_equal(replace_file(other, "theirs", 6, false), 0);
        assert_int_equal(replace_file(p->path, "longer than that", 16, false), 0);
        assert_int_equal(copy_file(other, p->path), 0);
        assert_holds(p->path, "theirs");
        unlink(other);
}

static void a_device_without_room_is_an_error(void **state)
{
        int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

        if (fd < 0)
                skip();
        assert_int_equal(write_all(fd, "x", 1), -ENOSPC);
        close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_file_takes_the_place_of_what_was_there),
                TEST(what_an_earlier_one_left_in_half_does_not_matter_nor_where_it_points),
                TEST(what_cannot_be_replaced_is_left_and_nothing_beside_it),
                TEST(a_copy_holds_the_same_and_one_of_nothing_is_none),
                cmocka_unit_test(a_device_without_room_is_an_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
