/* SPDX-License-Identifier: MIT */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/support.h"

static void every_term_that_works_stands_in_the_list_once(void **state)
{
        SupportRow row, other;

        for (size_t i = 0; support_at(i, &row); i++) {
                assert_non_null(row.name);
                for (size_t j = 0; j < i && support_at(j, &other); j++)
                        assert_false(other.list == row.list && strcmp(other.name, row.name) == 0);
                if (row.source) {
                        assert_true(support_works(row.list, row.number));
                        assert_int_equal(term_number(row.list, row.name), row.number);
                }
        }
}

static void every_term_is_in_the_list(void **state)
{
        static const TermList lists[] = { TERM_TRIGGER, TERM_SYSTEM, TERM_CONDITION };
        SupportRow row;

        for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
                for (size_t j = 0; term_at(lists[i], j) >= 0; j++) {
                        int number = term_at(lists[i], j);

                        assert_true(support_find(lists[i], term_name(lists[i], number), &row));
                        assert_int_equal(support_works(lists[i], number), row.source != NULL);
                }
}

static void a_refusal_names_a_trigger_that_works_and_fits(void **state)
{
        SupportRow row, nearest;
        char sentence[SUPPORT_SENTENCE_MAX];

        for (size_t i = 0; support_at(i, &row); i++) {
                if (row.source)
                        continue;
                assert_true(support_find(TERM_TRIGGER, row.nearest, &nearest));
                assert_non_null(nearest.source);
                support_format_refusal(&row, sentence);
                assert_true(strlen(sentence) + 1 < sizeof sentence);
                assert_non_null(strstr(sentence, row.how));
        }
        assert_true(support_find(TERM_SYSTEM, "smsreceived", &row));
        support_format_refusal(&row, sentence);
        assert_string_equal(sentence, "SystemTrigger(SmsReceived) cannot fire here: there is no store of messages "
                            "that all apps share; the nearest that works is CustomSystemEventTrigger, raised by the "
                            "program that asks ModemManager");
}

static void what_nobody_has_is_not_found(void **state)
{
        SupportRow row;

        assert_false(support_find(TERM_TRIGGER, "InternetAvailable", &row));
        assert_false(support_find(TERM_SYSTEM, "", &row));
        assert_false(support_works(TERM_TRIGGER, -1));
        assert_false(support_works(TERM_SYSTEM, 0));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_term_that_works_stands_in_the_list_once),
                cmocka_unit_test(every_term_is_in_the_list),
                cmocka_unit_test(a_refusal_names_a_trigger_that_works_and_fits),
                cmocka_unit_test(what_nobody_has_is_not_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
