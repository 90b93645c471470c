/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

typedef struct Item {
        ListNode node;
        int value;
} Item;

static void members_keep_their_order_and_may_leave_during_a_walk(void **state)
{
        Item items[3] = { { .value = 2 }, { .value = 3 }, { .value = 1 } };
        ListNode list;
        int seen = 0;

        list_init(&list);
        assert_true(list_is_empty(&list));
        list_append(&list, &items[0].node);
        list_append(&list, &items[1].node);
        list_prepend(&list, &items[2].node);
        list_for_each_safe(i, &list) {
                Item *item = list_entry(i, Item, node);

                assert_int_equal(item->value, ++seen);
                list_remove(i);
                assert_false(list_is_linked(i));
        }
        assert_int_equal(seen, 3);
        assert_true(list_is_empty(&list));
}

static void removing_what_is_in_no_list_is_harmless(void **state)
{
        Item item = { 0 };

        list_remove(&item.node);
        list_init(&item.node);
        list_remove(&item.node);
        assert_false(list_is_linked(&item.node));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(members_keep_their_order_and_may_leave_during_a_walk),
                cmocka_unit_test(removing_what_is_in_no_list_is_harmless),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
