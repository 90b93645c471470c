/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macro.h"
#include "base/queue.h"

#define N 400

static uint32_t random_state = 7;

static uint32_t next_random(void)
{
        random_state = random_state * 1664525 + 1013904223;
        return random_state >> 8;
}

static void nodes_leave_in_the_order_of_their_keys_even_if_others_leave_from_the_middle(void **state)
{
        static QueueNode nodes[N];
        Queue queue = { 0 };
        size_t n = 0;

        for (size_t round = 0; round < 20; round++) {
                for (size_t i = 0; i < N; i++)
                        if (!queue_node_is_linked(&nodes[i])) {
                                queue_insert(&queue, &nodes[i], next_random() % 1000);
                                n++;
                        }
                for (size_t i = 0; i < N / 4; i++) {
                        QueueNode *node = &nodes[next_random() % N];

                        n -= queue_node_is_linked(node);
                        queue_remove(&queue, node);
                        assert_false(queue_node_is_linked(node));
                }
                for (uint64_t last = 0; n > N / 3; n--) {
                        QueueNode *node = queue.first;

                        assert_true(node->key >= last);
                        last = node->key;
                        queue_remove(&queue, node);
                }
                for (size_t i = 0; i < N; i++)
                        if (queue_node_is_linked(&nodes[i]))
                                assert_true(nodes[i].key >= queue.first->key);
        }
        while (!queue_is_empty(&queue)) {
                queue_remove(&queue, queue.first);
                n--;
        }
        assert_int_equal(n, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(nodes_leave_in_the_order_of_their_keys_even_if_others_leave_from_the_middle),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
