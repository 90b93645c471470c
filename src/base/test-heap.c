/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/heap.h"
#include "base/macro.h"

#define N 500

typedef struct Owner {
        Heap heap;
        uint32_t positions[N];
        uint64_t keys[N];
        uint64_t windows[N];
} Owner;

static uint32_t random_state;

static uint32_t next_random(void)
{
        random_state = random_state * 1664525 + 1013904223;
        return random_state >> 8;
}

static void moved(void *userdata, uint32_t value, uint32_t position)
{
        Owner *o = userdata;

        o->positions[value] = position;
}

static uint64_t key_of(void *userdata, uint32_t value)
{
        Owner *o = userdata;

        return o->keys[value];
}

static uint64_t latest_of(void *userdata, uint32_t value)
{
        Owner *o = userdata;

        return o->keys[value] + o->windows[value];
}

static void fill(Owner *o)
{
        o->heap = HEAP_INIT(moved, o);
        random_state = 1;
        for (uint32_t i = 0; i < N; i++) {
                o->keys[i] = next_random() % 1000;
                o->windows[i] = next_random() % 300;
                assert_int_equal(heap_reserve(&o->heap, 1), 0);
                heap_push(&o->heap, o->keys[i], i);
        }
}

static void check(const Owner *o)
{
        for (uint32_t i = 0; i < o->heap.n; i++) {
                assert_int_equal(o->positions[o->heap.values[i]], i);
                assert_true(o->heap.keys[i] == o->keys[o->heap.values[i]]);
                if (i > 0)
                        assert_true(o->heap.keys[(i - 1) / 4] <= o->heap.keys[i]);
        }
}

static void the_smallest_key_comes_first_whatever_is_moved_and_removed(void **state)
{
        Owner o = { 0 };
        uint64_t last = 0;

        fill(&o);
        check(&o);
        for (uint32_t i = 0; i < N; i += 3) {
                o.keys[i] = next_random() % 1000;
                heap_rekey(&o.heap, o.positions[i], o.keys[i]);
        }
        check(&o);
        for (uint32_t i = 1; i < N; i += 5) {
                heap_remove(&o.heap, o.positions[i]);
                assert_int_equal(o.positions[i], HEAP_NONE);
        }
        check(&o);
        while (o.heap.n > 0) {
                assert_true(o.heap.keys[0] >= last);
                last = o.heap.keys[0];
                heap_remove(&o.heap, 0);
        }
        heap_done(&o.heap);
}

static void all_keys_can_change_at_once(void **state)
{
        Owner o = { 0 };

        fill(&o);
        for (uint32_t i = 0; i < N; i++)
                o.keys[i] = next_random() % 1000;
        heap_rekey_all(&o.heap, key_of);
        check(&o);
        heap_done(&o.heap);
}

static void the_pruned_walk_finds_the_smallest_latest_moment(void **state)
{
        Owner o = { 0 };

        fill(&o);
        while (o.heap.n > 0) {
                uint64_t best = UINT64_MAX, found = 0;
                uint32_t position = heap_find_latest(&o.heap, latest_of, &found);

                for (uint32_t i = 0; i < o.heap.n; i++)
                        best = MIN(best, latest_of(&o, o.heap.values[i]));
                assert_true(found == best);
                assert_true(latest_of(&o, o.heap.values[position]) == best);
                heap_remove(&o.heap, position);
        }
        assert_int_equal(heap_find_latest(&o.heap, latest_of, &(uint64_t){ 0 }), HEAP_NONE);
        heap_done(&o.heap);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_smallest_key_comes_first_whatever_is_moved_and_removed),
                cmocka_unit_test(all_keys_can_change_at_once),
                cmocka_unit_test(the_pruned_walk_finds_the_smallest_latest_moment),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
