/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sensors/watched.h"

#define N 1000

typedef struct Item {
        Watched watched;
        char text[16];
} Item;

static void what_is_watched_is_found_by_its_kind_and_text(void **state)
{
        static Item items[N];
        WatchedMap map;

        assert_int_equal(watched_init(&map), 0);
        for (size_t i = 0; i < N; i++) {
                snprintf(items[i].text, sizeof items[i].text, "%zu", i / 2);
                watched_add(&map, &items[i].watched, (uint8_t)(i % 2), items[i].text);
        }
        for (size_t i = 0; i < N; i++) {
                char text[16];

                memcpy(text, items[i].text, sizeof text);
                assert_ptr_equal(watched_find(&map, (uint8_t)(i % 2), text), &items[i].watched);
                assert_null(watched_find(&map, 2, text));
        }
        watched_done(&map);
}

static void what_was_removed_is_found_no_longer(void **state)
{
        Item one = { .text = "one" }, other = { .text = "other" };
        WatchedMap map;

        assert_int_equal(watched_init(&map), 0);
        watched_add(&map, &one.watched, 0, one.text);
        watched_add(&map, &other.watched, 0, other.text);
        watched_remove(&map, &one.watched);
        watched_remove(&map, &one.watched);
        assert_null(watched_find(&map, 0, "one"));
        assert_ptr_equal(watched_find(&map, 0, "other"), &other.watched);
        watched_done(&map);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_watched_is_found_by_its_kind_and_text),
                cmocka_unit_test(what_was_removed_is_found_no_longer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
