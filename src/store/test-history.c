/* SPDX-License-Identifier: MIT */

#include <sqlite3.h>

#include "store/test-help.h"

static void append(Fixture *f, uint64_t commit, const RunRow *row)
{
        assert_int_equal(store_begin(f->store, commit), 0);
        assert_int_equal(store_append_run(f->store, row), 0);
        store_end(f->store);
}

static size_t count(Fixture *f, Uuid task)
{
        StoreHistoryQuery query = { .task = task, .limit = STORE_HISTORY_PAGE_MAX };
        size_t n = 0;

        do {
                const StoreHistoryPage *page = wait_page(f, &query);

                assert_int_equal(page->error, 0);
                n += page->n_runs;
                query.before = page->next;
        } while (query.before != 0);
        return n;
}

static void every_field_of_a_run_comes_back(void **state)
{
        const StoreHistoryPage *page;
        const RunRow *run;
        Fixture *f = *state;
        RunRow row = {
                .id = test_uuid('r', 1), .task = test_uuid('t', 1), .package = "Sample_h91ms92gdsmmt",
                .name = "a task", .number = UINT64_C(1) << 62, .server = 2, .accepted_real_usec = 3,
                .scheduled_real_usec = 4, .first_scheduled_real_usec = 5, .started_real_usec = 6,
                .ended_real_usec = UINT64_MAX, .count = UINT32_MAX, .attempts = 8, .progress = 100,
                .fired_by = 3, .trigger = 5, .trigger_kind = 9,
                .outcome = 5, .reason = 101, .detail = 9, .result = -2147483647,
        };

        reopen_and_load(f, &(StoreLoader){ 0 });
        append(f, 1, &row);
        assert_int_equal(wait_commit(f, 1), 0);
        reopen_and_load(f, &(StoreLoader){ 0 });
        page = wait_page(f, &(StoreHistoryQuery){ .limit = 10 });
        assert_int_equal(page->n_runs, 1);
        assert_int_equal(page->next, 0);
        run = &f->runs[0];
        assert_true(uuid_equal(run->id, row.id));
        assert_true(uuid_equal(run->task, row.task));
        assert_string_equal(run->package, row.package);
        assert_string_equal(run->name, row.name);
        assert_int_equal(run->number, row.number);
        assert_int_equal(run->server, row.server);
        assert_int_equal(run->accepted_real_usec, row.accepted_real_usec);
        assert_int_equal(run->scheduled_real_usec, row.scheduled_real_usec);
        assert_int_equal(run->first_scheduled_real_usec, row.first_scheduled_real_usec);
        assert_int_equal(run->started_real_usec, row.started_real_usec);
        assert_int_equal(run->ended_real_usec, row.ended_real_usec);
        assert_int_equal(run->count, row.count);
        assert_int_equal(run->attempts, row.attempts);
        assert_int_equal(run->progress, row.progress);
        assert_int_equal(run->fired_by, row.fired_by);
        assert_int_equal(run->trigger, row.trigger);
        assert_int_equal(run->trigger_kind, row.trigger_kind);
        assert_int_equal(run->outcome, row.outcome);
        assert_int_equal(run->reason, row.reason);
        assert_int_equal(run->detail, row.detail);
        assert_int_equal(run->result, row.result);
}

static void pages_go_from_the_newest_to_the_oldest(void **state)
{
        StoreHistoryQuery query = { .limit = 3 };
        Fixture *f = *state;
        uint64_t expected = 10;

        reopen_and_load(f, &(StoreLoader){ 0 });
        for (uint32_t i = 1; i <= 10; i++)
                append(f, i, &(RunRow){ .task = test_uuid('t', i % 2), .number = i });
        assert_int_equal(wait_commit(f, 10), 0);
        do {
                const StoreHistoryPage *page = wait_page(f, &query);

                for (size_t i = 0; i < page->n_runs; i++)
                        assert_int_equal(f->runs[i].number, expected--);
                query.before = page->next;
        } while (query.before != 0);
        assert_int_equal(expected, 0);
}

static void queries_choose_by_task_package_and_name(void **state)
{
        static const char *const packages[] = { "a", "b" }, *const names[] = { "x", "y", "z" };
        Fixture *f = *state;

        reopen_and_load(f, &(StoreLoader){ 0 });
        for (uint32_t i = 0; i < 60; i++)
                append(f, i, &(RunRow){ .task = test_uuid('t', i % 6), .number = i + 1, .package = packages[i % 2],
                                        .name = names[i % 3] });
        assert_int_equal(wait_commit(f, 59), 0);
        assert_int_equal(count(f, UUID_NULL), 60);
        assert_int_equal(count(f, test_uuid('t', 2)), 10);
        assert_int_equal(count(f, test_uuid('t', 7)), 0);
        assert_int_equal(wait_page(f, &(StoreHistoryQuery){ .package = "b", .limit = 100 })->n_runs, 30);
        assert_int_equal(wait_page(f, &(StoreHistoryQuery){ .package = "b", .name = "z", .limit = 100 })->n_runs, 10);
        assert_int_equal(wait_page(f, &(StoreHistoryQuery){ .name = "y", .limit = 100 })->n_runs, 20);
        assert_int_equal(wait_page(f, &(StoreHistoryQuery){ .package = "c", .limit = 100 })->n_runs, 0);
        assert_int_equal(store_history(f->store, &(StoreHistoryQuery){ .limit = 0 }, 1), -EINVAL);
        assert_int_equal(store_history(f->store, &(StoreHistoryQuery){ .limit = 1001 }, 1), -EINVAL);
}

static void a_query_sees_what_was_acknowledged_before_it(void **state)
{
        Fixture *f = *state;

        reopen_and_load(f, &(StoreLoader){ 0 });
        for (uint32_t i = 1; i <= 20; i++) {
                append(f, i, &(RunRow){ .task = test_uuid('t', 1), .number = i });
                assert_int_equal(wait_commit(f, i), 0);
                assert_int_equal(wait_page(f, &(StoreHistoryQuery){ .limit = 1 })->n_runs, 1);
                assert_int_equal(f->runs[0].number, i);
        }
}

static void a_task_keeps_its_newest_records(void **state)
{
        Fixture *f = *state;

        f->config.history_per_task = 5;
        reopen_and_load(f, &(StoreLoader){ 0 });
        append(f, 1, &(RunRow){ .task = test_uuid('t', 2), .number = 1 });
        for (uint32_t i = 1; i <= 20; i++) {
                append(f, 1 + i, &(RunRow){ .task = test_uuid('t', 1), .number = i });
                assert_int_equal(wait_commit(f, 1 + i), 0);
                assert_int_equal(count(f, test_uuid('t', 1)), i < 5 ? i : 5);
        }
        for (size_t i = 0; i < 5; i++)
                assert_int_equal(f->runs[i].number, 20 - i);
        assert_int_equal(count(f, test_uuid('t', 2)), 1);
}

static void the_history_as_a_whole_keeps_its_newest_records(void **state)
{
        Fixture *f = *state;

        f->config.history_total = 30;
        reopen_and_load(f, &(StoreLoader){ 0 });
        for (uint32_t i = 1; i <= 50; i++) {
                append(f, i, &(RunRow){ .task = test_uuid('t', i), .number = i });
                /* Also when several records share a transaction, and after a start. */
                if (i % 7 == 0) {
                        assert_int_equal(wait_commit(f, i), 0);
                        assert_int_equal(count(f, UUID_NULL), i < 30 ? i : 30);
                }
                if (i == 40)
                        reopen_and_load(f, &(StoreLoader){ 0 });
        }
        assert_int_equal(wait_commit(f, 50), 0);
        assert_int_equal(count(f, UUID_NULL), 30);
        assert_int_equal(f->runs[29].number, 21);
        /* A smaller limit than before is reached with the next record. */
        f->config.history_total = 10;
        reopen_and_load(f, &(StoreLoader){ 0 });
        append(f, 51, &(RunRow){ .task = test_uuid('t', 51), .number = 51 });
        assert_int_equal(wait_commit(f, 51), 0);
        assert_int_equal(count(f, UUID_NULL), 10);
        assert_int_equal(f->runs[9].number, 42);
}

static void a_firing_has_one_record_the_last_one(void **state)
{
        Fixture *f = *state;

        f->config.history_total = 3;
        reopen_and_load(f, &(StoreLoader){ 0 });
        for (uint32_t i = 1; i <= 3; i++)
                append(f, i, &(RunRow){ .task = test_uuid('t', 1), .number = i, .outcome = 4 });
        for (uint32_t i = 4; i <= 8; i++)
                append(f, i, &(RunRow){ .task = test_uuid('t', 1), .number = 2, .outcome = 1 });
        assert_int_equal(wait_commit(f, 8), 0);
        assert_int_equal(count(f, UUID_NULL), 3);
        assert_int_equal(f->runs[0].number, 2);
        assert_int_equal(f->runs[0].outcome, 1);
}

static void the_history_stays_when_its_task_goes(void **state)
{
        Fixture *f = *state;

        reopen_and_load(f, &(StoreLoader){ 0 });
        put_plain_task(f, 1, 1);
        append(f, 2, &(RunRow){ .task = test_uuid('t', 1), .number = 1 });
        store_begin(f->store, 3);
        store_delete_task(f->store, test_uuid('t', 1));
        store_end(f->store);
        assert_int_equal(wait_commit(f, 3), 0);
        assert_int_equal(count(f, test_uuid('t', 1)), 1);
}

static void a_damaged_record_is_left_out_and_counted(void **state)
{
        Fixture *f = *state;
        sqlite3 *db;

        reopen_and_load(f, &(StoreLoader){ 0 });
        for (uint32_t i = 1; i <= 5; i++)
                append(f, i, &(RunRow){ .task = test_uuid('t', i), .number = i });
        f->store = store_free(f->store);
        assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, "UPDATE run SET outcome = 3 WHERE number = 2;"
                                          "UPDATE run SET id = x'00' WHERE number = 4", NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
        reopen_and_load(f, &(StoreLoader){ 0 });
        assert_int_equal(wait_page(f, &(StoreHistoryQuery){ .limit = 10 })->n_runs, 3);
        assert_int_equal(f->page.n_damaged, 2);
        assert_int_equal(f->page.next, 0);
}

static void queries_that_wait_are_bounded(void **state)
{
        Fixture *f = *state;
        size_t n = 0;
        int r;

        reopen_and_load(f, &(StoreLoader){ 0 });
        do
                r = store_history(f->store, &(StoreHistoryQuery){ .limit = 1 }, n);
        while (r == 0 && ++n < 100000);
        assert_int_equal(r, -ENOBUFS);
        while (!f->page_came)
                wait_for_store(f);
        assert_int_equal(store_history(f->store, &(StoreHistoryQuery){ .limit = 1 }, n), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(every_field_of_a_run_comes_back),
                TEST(pages_go_from_the_newest_to_the_oldest),
                TEST(queries_choose_by_task_package_and_name),
                TEST(a_query_sees_what_was_acknowledged_before_it),
                TEST(a_task_keeps_its_newest_records),
                TEST(the_history_as_a_whole_keeps_its_newest_records),
                TEST(a_firing_has_one_record_the_last_one),
                TEST(the_history_stays_when_its_task_goes),
                TEST(a_damaged_record_is_left_out_and_counted),
                TEST(queries_that_wait_are_bounded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
