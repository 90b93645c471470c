/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, 3.9: calendar triggers. */

#include "engine/test-driver.h"

static TaskSpec calendar_spec(const char *name, const char *expression)
{
        TaskSpec spec = driver_spec(name);

        spec.trigger = (Trigger){ .kind = TRIGGER_CALENDAR, .text = expression };
        return spec;
}

static uint64_t next_of(Driver *d, Uuid id)
{
        return driver_info(d, id).triggers[0].next_real_usec;
}

static void feed_zone(Driver *d, const char *name, const char *rule)
{
        uint8_t data[256] = { 0 };
        size_t n = (size_t)2 * (44 + 6 + 1);

        for (size_t i = 0; i < n; i += 44 + 6 + 1) {
                memcpy(data + i, "TZif2", 5);
                data[i + 39] = data[i + 43] = 1;
        }
        data[n++] = '\n';
        memcpy(data + n, rule, strlen(rule));
        n += strlen(rule);
        data[n++] = '\n';
        driver_feed(d, (Event){ .type = EVENT_ZONE, .zone = { .name = name, .data = data, .n = n } });
}

static void step_clock(Driver *d, int64_t usec)
{
        d->now.real_usec += (uint64_t)usec;
        driver_feed(d, (Event){ .type = EVENT_CLOCK_STEPPED });
}

static void it_fires_at_each_of_its_times(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, calendar_spec("a", "*:*:00 UTC"));
        uint64_t first = next_of(d, id);

        assert_true(first > d->now.real_usec && first <= d->now.real_usec + USEC_PER_MINUTE);
        assert_int_equal(first % USEC_PER_MINUTE, 0);
        for (unsigned i = 1; i <= 3; i++) {
                driver_advance(d, USEC_PER_MINUTE);
                assert_int_equal(d->n_runs, i);
                driver_complete(d, 0);
                assert_int_equal(driver_last_ended(d)->outcome, OUTCOME_COMPLETED);
        }
        assert_int_equal(next_of(d, id), first + 3 * USEC_PER_MINUTE);
        driver_free(d);
}

static void other_rules_of_its_zone_move_it(void **state)
{
        Driver *d = driver_new_with_package();
        uint64_t before;
        Uuid id;

        assert_int_equal(driver_register(d, calendar_spec("a", "12:00"), IF_EXISTS_FAIL)->error,
                         ERROR_INVALID_ARGUMENT);
        feed_zone(d, "", "AAA0");
        id = driver_must_register(d, calendar_spec("a", "12:00"));
        before = next_of(d, id);
        feed_zone(d, "", "BBB-1");
        assert_int_equal((before + USEC_PER_DAY - next_of(d, id)) % USEC_PER_DAY, USEC_PER_HOUR);
        driver_feed(d, (Event){ .type = EVENT_ZONE, .zone = { .name = "" } });
        assert_true(next_of(d, id) == USEC_INFINITY);
        driver_free(d);
}

static void a_clock_that_is_set_back_a_little_fires_nothing_twice(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, calendar_spec("a", "*:0/15 UTC"));
        uint64_t next;

        driver_advance(d, 16 * USEC_PER_MINUTE);
        next = next_of(d, id);
        step_clock(d, -(int64_t)USEC_PER_HOUR);
        assert_int_equal(next_of(d, id), next);
        driver_free(d);
}

static void a_clock_that_is_set_back_far_counts_from_there_and_later_from_the_anchor_again(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, calendar_spec("a", "*:0/15 UTC"));
        uint64_t next;

        driver_advance(d, 16 * USEC_PER_MINUTE);
        next = next_of(d, id);
        step_clock(d, -(int64_t)(30 * USEC_PER_DAY));
        assert_true(next_of(d, id) <= d->now.real_usec + 15 * USEC_PER_MINUTE);
        step_clock(d, 30 * USEC_PER_DAY);
        assert_int_equal(next_of(d, id), next);
        driver_free(d);
}

static void what_was_missed_is_counted_up_to_1000(void **state)
{
        Driver *d = driver_new_with_package();

        driver_must_register(d, calendar_spec("a", "*:*:00 UTC"));
        step_clock(d, 5 * USEC_PER_DAY);
        driver_settle(d);
        assert_int_equal(d->n_runs, 1);
        assert_int_equal(d->runs[0].count, 1000);
        driver_free(d);
}

static void while_there_is_one_the_time_zone_is_watched(void **state)
{
        Driver *d = driver_new_with_package();
        Uuid id = driver_must_register(d, calendar_spec("a", "daily UTC"));

        assert_int_equal(engine_get_needs(d->engine).system_types, 1u << SYSTEM_TIME_ZONE_CHANGE);
        driver_unregister(d, id, false);
        assert_int_equal(engine_get_needs(d->engine).system_types, 0);
        driver_free(d);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(it_fires_at_each_of_its_times),
                cmocka_unit_test(other_rules_of_its_zone_move_it),
                cmocka_unit_test(a_clock_that_is_set_back_a_little_fires_nothing_twice),
                cmocka_unit_test(a_clock_that_is_set_back_far_counts_from_there_and_later_from_the_anchor_again),
                cmocka_unit_test(what_was_missed_is_counted_up_to_1000),
                cmocka_unit_test(while_there_is_one_the_time_zone_is_watched),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
