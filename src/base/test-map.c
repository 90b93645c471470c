/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macro.h"
#include "base/map.h"

#define N 1000

typedef struct Item {
        MapNode node;
        uint64_t key;
} Item;

static void what_was_inserted_is_found_until_it_is_removed(void **state)
{
        static Item items[N];
        Map map;

        assert_int_equal(map_init(&map), 0);
        for (size_t i = 0; i < N; i++) {
                items[i].key = i * UINT64_C(0x9e3779b97f4a7c15);
                map_insert(&map, &items[i].node, items[i].key);
        }
        assert_int_equal(map.n, N);
        for (size_t i = 0; i < N; i += 2)
                map_remove(&map, &items[i].node);
        for (size_t i = 0; i < N; i++)
                assert_ptr_equal(map_find(&map, items[i].key), i % 2 ? &items[i].node : NULL);
        assert_non_null(map_any(&map));
        map_done(&map);
}

static void nodes_with_one_hash_are_all_found(void **state)
{
        Item items[3] = { 0 };
        Map map;
        size_t n = 0;

        assert_int_equal(map_init(&map), 0);
        for (size_t i = 0; i < ELEMENTSOF(items); i++)
                map_insert(&map, &items[i].node, 42);
        for (MapNode *i = map_find(&map, 42); i; i = map_next(i))
                n++;
        assert_int_equal(n, 3);
        assert_null(map_find(&map, 58));
        while (map_any(&map))
                map_remove(&map, map_any(&map));
        assert_int_equal(map.n, 0);
        map_done(&map);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_was_inserted_is_found_until_it_is_removed),
                cmocka_unit_test(nodes_with_one_hash_are_all_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
