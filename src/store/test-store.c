/* SPDX-License-Identifier: MIT */

#include <sqlite3.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "store/test-help.h"

#define assert_text(a, b)                                               \
        do {                                                            \
                if (!(b))                                               \
                        assert_null(a);                                 \
                else                                                    \
                        assert_string_equal(a, b);                      \
        } while (0)

static void assert_task(const TaskRow *a, const TaskRow *b)
{
        assert_true(uuid_equal(a->id, b->id));
        assert_text(a->spec.package, b->spec.package);
        assert_text(a->spec.name, b->spec.name);
        assert_text(a->spec.group, b->spec.group);
        assert_text(a->spec.options, b->spec.options ? b->spec.options : "");
        assert_text(a->spec.trigger.text, b->spec.trigger.text);
        assert_int_equal(a->spec.trigger.kind, b->spec.trigger.kind);
        assert_int_equal(a->spec.trigger.one_shot, b->spec.trigger.one_shot);
        assert_int_equal(a->spec.trigger.system_type, b->spec.trigger.system_type);
        assert_int_equal(a->spec.trigger.period_usec, b->spec.trigger.period_usec);
        assert_int_equal(a->spec.trigger.window_usec, b->spec.trigger.window_usec);
        assert_true(uuid_equal(a->spec.clsid, b->spec.clsid));
        assert_int_equal(a->spec.has_entry_point, b->spec.has_entry_point);
        assert_int_equal(a->spec.command, b->spec.command);
        assert_int_equal(a->spec.conditions, b->spec.conditions);
        assert_int_equal(a->spec.cancel_on_condition_loss, b->spec.cancel_on_condition_loss);
        assert_int_equal(a->spec.network_requested, b->spec.network_requested);
        assert_int_equal(a->spec.overlap, b->spec.overlap);
        assert_int_equal(a->spec.catch_up, b->spec.catch_up);
        assert_int_equal(a->spec.rerun, b->spec.rerun);
        assert_int_equal(a->spec.retry_max, b->spec.retry_max);
        assert_int_equal(a->spec.catch_up_window_usec, b->spec.catch_up_window_usec);
        assert_int_equal(a->spec.retry_backoff_usec, b->spec.retry_backoff_usec);
        assert_int_equal(a->spec.time_limit_usec, b->spec.time_limit_usec);
        assert_int_equal(a->spec.expires_usec, b->spec.expires_usec);
        assert_int_equal(a->spec.deadline_usec, b->spec.deadline_usec);
        assert_true(uuid_equal(a->anchor.boot_id, b->anchor.boot_id));
        assert_int_equal(a->anchor.boot_usec, b->anchor.boot_usec);
        assert_int_equal(a->anchor.real_usec, b->anchor.real_usec);
        assert_int_equal(a->last_number, b->last_number);
        assert_int_equal(a->registered_real_usec, b->registered_real_usec);
        assert_int_equal(a->paused, b->paused);
        assert_int_equal(a->skip_next, b->skip_next);
        assert_int_equal(a->unregistered, b->unregistered);
        assert_int_equal(a->spec.n_more, b->spec.n_more);
        for (uint32_t i = 0; i < b->spec.n_more; i++) {
                assert_int_equal(a->spec.more[i].kind, b->spec.more[i].kind);
                assert_int_equal(a->spec.more[i].one_shot, b->spec.more[i].one_shot);
                assert_int_equal(a->spec.more[i].system_type, b->spec.more[i].system_type);
                assert_int_equal(a->spec.more[i].period_usec, b->spec.more[i].period_usec);
                assert_int_equal(a->spec.more[i].window_usec, b->spec.more[i].window_usec);
                assert_text(a->spec.more[i].text, b->spec.more[i].text);
                assert_true(uuid_equal(a->more_anchors[i].boot_id, b->more_anchors[i].boot_id));
                assert_int_equal(a->more_anchors[i].boot_usec, b->more_anchors[i].boot_usec);
                assert_int_equal(a->more_anchors[i].real_usec, b->more_anchors[i].real_usec);
        }
}

typedef struct Expected {
        const TaskRow *tasks;
        size_t n_tasks;
        size_t n_seen;
} Expected;

static int compare_task(const TaskRow *row, void *userdata)
{
        Expected *expected = userdata;

        assert_true(expected->n_seen < expected->n_tasks);
        assert_task(row, &expected->tasks[expected->n_seen++]);
        return 0;
}

static void assert_tasks(Fixture *f, const TaskRow *tasks, size_t n_tasks)
{
        Expected expected = { tasks, n_tasks, 0 };
        StoreLoader loader = { .task = compare_task, .userdata = &expected };

        reopen_and_load(f, &loader);
        assert_int_equal(expected.n_seen, n_tasks);
        assert_int_equal(f->report.n_tasks, n_tasks);
        assert_int_equal(f->report.n_damaged, 0);
}

static void every_field_of_a_task_comes_back_and_in_the_order_of_registration(void **state)
{
        Fixture *f = *state;
        TaskRow tasks[] = { full_task(9), plain_task(1), full_task(5) };

        tasks[1].spec.command = true;
        reopen_and_load(f, &(StoreLoader){ 0 });
        assert_true(f->report.created);
        for (size_t i = 0; i < ELEMENTSOF(tasks); i++)
                put_task(f, i, &tasks[i]);
        for (size_t i = 0; i < ELEMENTSOF(tasks); i++)
                assert_int_equal(wait_commit(f, i), 0);
        assert_tasks(f, tasks, ELEMENTSOF(tasks));
        assert_false(f->report.created);
        assert_string_equal(f->report.sentence, "");
}

static void a_task_that_is_put_again_keeps_its_place(void **state)
{
        Fixture *f = *state;
        TaskRow tasks[] = { plain_task(2), plain_task(1) };

        reopen_and_load(f, &(StoreLoader){ 0 });
        put_task(f, 1, &tasks[0]);
        put_task(f, 2, &tasks[1]);
        tasks[0] = full_task(2);
        put_task(f, 3, &tasks[0]);
        assert_int_equal(wait_commit(f, 3), 0);
        assert_tasks(f, tasks, 2);
}

static void the_state_of_a_task_changes_without_its_spec(void **state)
{
        Fixture *f = *state;
        TaskRow task = full_task(1);

        reopen_and_load(f, &(StoreLoader){ 0 });
        put_task(f, 1, &task);
        task.anchor = (Anchor){ .boot_id = test_uuid('x', 1), .boot_usec = 5, .real_usec = UINT64_MAX };
        task.last_number = 17;
        for (uint64_t commit = 2; commit < 4; commit++) {
                task.skip_next = commit == 2;
                store_begin(f->store, commit);
                assert_int_equal(store_put_task_state(f->store, &task), 0);
                store_end(f->store);
                assert_int_equal(wait_commit(f, commit), 0);
                assert_tasks(f, &task, 1);
        }
}

static void further_triggers_and_their_anchors_come_back(void **state)
{
        static const Trigger more[] = {
                { .kind = 1, .period_usec = 2, .window_usec = 3 },
                { .kind = 7, .system_type = 3, .one_shot = true },
                { .kind = 8, .text = "an id" },
        };
        Anchor anchors[] = { { { { 'a' } }, 1, 2 }, { { { 'b' } }, 3, 4 }, { { { 'c' } }, UINT64_MAX, 6 } };
        TaskRow task = full_task(1), other = full_task(1);
        Fixture *f = *state;

        task.spec.more = more;
        task.spec.n_more = ELEMENTSOF(more);
        task.more_anchors = anchors;
        reopen(f);
        store_begin(f->store, 1);
        assert_int_equal(store_put_task(f->store, &task), 0);
        store_end(f->store);
        assert_int_equal(wait_commit(f, 1), 0);
        assert_tasks(f, &task, 1);
        /* The state of a list of one trigger, behind the list of four. */
        store_begin(f->store, 2);
        assert_int_equal(store_put_task_state(f->store, &other), 0);
        store_end(f->store);
        assert_int_equal(wait_commit(f, 2), 0);
        for (size_t i = 0; i < ELEMENTSOF(anchors); i++)
                anchors[i] = other.anchor;
        task.anchor = other.anchor;
        task.last_number = other.last_number;
        task.skip_next = other.skip_next;
        assert_tasks(f, &task, 1);
}

/* The file that the build names: a database as the first version wrote it. */
static const char *schema_1;

static char *read_text(const char *path)
{
        FILE *io = fopen(path, "re");
        char *text = calloc(1, 65536);

        assert_non_null(io);
        assert_in_range(fread(text, 1, 65535, io), 1, 65534);
        fclose(io);
        return text;
}

static void a_database_of_the_first_schema_is_brought_up_to_date_and_read(void **state)
{
        TaskRow tasks[] = { full_task(1), plain_task(2) };
        _cleanup_(freep) char *sql = NULL;
        Fixture *f = *state;
        sqlite3 *db;

        if (!schema_1)
                skip();
        sql = read_text(schema_1);
        assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
        for (int i = 0; i < 2; i++) {
                assert_tasks(f, tasks, 2);
                assert_false(f->report.created);
                assert_int_equal(f->report.n_packages, 1);
                assert_int_equal(f->report.n_pending, 1);
                assert_string_equal(f->report.sentence, "");
        }
        assert_int_equal(wait_page(f, &(StoreHistoryQuery){ .limit = 10 })->n_runs, 1);
        put_plain_task(f, 3, 3);
        assert_int_equal(wait_commit(f, 3), 0);
}

static const PendingRow full_pending = {
        .task = { { 't' } }, .number = UINT64_C(1) << 62, .accepted_real_usec = 2, .scheduled_real_usec = 3,
        .first_scheduled_real_usec = 4, .count = 5, .attempts = 6, .fired_by = 2, .trigger = 7, .forced = true,
        .rerun = true, .details = "de\0tails", .n_details = 8,
};

static int compare_pending(const PendingRow *row, void *userdata)
{
        size_t *n = userdata;

        assert_true(uuid_equal(row->task, full_pending.task));
        assert_int_equal(row->number, full_pending.number);
        assert_int_equal(row->accepted_real_usec, 2);
        assert_int_equal(row->scheduled_real_usec, 3);
        assert_int_equal(row->first_scheduled_real_usec, 4);
        assert_int_equal(row->count, 5);
        assert_int_equal(row->attempts, 6);
        assert_int_equal(row->fired_by, 2);
        assert_int_equal(row->trigger, 7);
        assert_true(row->forced);
        assert_true(row->rerun);
        assert_int_equal(row->n_details, 8);
        assert_memory_equal(row->details, "de\0tails", 8);
        ++*n;
        return 0;
}

static void a_pending_firing_comes_back_until_it_is_deleted(void **state)
{
        Fixture *f = *state;
        PendingRow old = { .task = full_pending.task, .number = full_pending.number };
        size_t n = 0;

        reopen_and_load(f, &(StoreLoader){ 0 });
        store_begin(f->store, 1);
        assert_int_equal(store_put_pending(f->store, &old), 0);
        assert_int_equal(store_put_pending(f->store, &full_pending), 0);
        store_end(f->store);
        assert_int_equal(wait_commit(f, 1), 0);
        reopen_and_load(f, &(StoreLoader){ .pending = compare_pending, .userdata = &n });
        assert_int_equal(n, 1);
        store_begin(f->store, 2);
        store_delete_pending(f->store, full_pending.task, full_pending.number);
        store_end(f->store);
        assert_int_equal(wait_commit(f, 2), 0);
        reopen_and_load(f, &(StoreLoader){ .pending = compare_pending, .userdata = &n });
        assert_int_equal(n, 1);
}

static void a_deleted_task_takes_its_pending_firings_with_it(void **state)
{
        Fixture *f = *state;
        TaskRow tasks[] = { plain_task(1), plain_task(2) };
        Seen seen;

        reopen_and_load(f, &(StoreLoader){ 0 });
        store_begin(f->store, 1);
        for (size_t i = 0; i < 2; i++) {
                store_put_task(f->store, &tasks[i]);
                store_put_pending(f->store, &(PendingRow){ .task = tasks[i].id, .number = 1 });
                store_put_pending(f->store, &(PendingRow){ .task = tasks[i].id, .number = 2 });
        }
        store_delete_task(f->store, tasks[0].id);
        store_end(f->store);
        assert_int_equal(wait_commit(f, 1), 0);
        seen = reopen_and_see(f);
        assert_int_equal(seen.n_tasks, 1);
        assert_int_equal(seen.tasks[0], 2);
        assert_int_equal(seen.n_pending, 2);
}

static int compare_package(const StorePackage *row, void *userdata)
{
        const StorePackage *expected = userdata;

        assert_string_equal(row->name, expected->name);
        assert_string_equal(row->folder, expected->folder);
        assert_string_equal(row->external_location, expected->external_location);
        assert_string_equal(row->target_name, "");
        assert_string_equal(row->version, expected->version);
        assert_true(uuid_equal(row->content, expected->content));
        assert_int_equal(row->installed_real_usec, expected->installed_real_usec);
        assert_int_equal(row->n_manifest, expected->n_manifest);
        assert_memory_equal(row->manifest, expected->manifest, expected->n_manifest);
        return 0;
}

static void a_package_comes_back_with_a_manifest_of_the_largest_size(void **state)
{
        _cleanup_(freep) char *manifest = malloc(STORE_MANIFEST_MAX + 1);
        StorePackage row = { .name = "Sample_h91ms92gdsmmt", .folder = "/usr/share/sample",
                             .external_location = "/usr/bin", .version = "1.2.3.4", .content = test_uuid('v', 1),
                             .installed_real_usec = 99, .manifest = manifest, .n_manifest = STORE_MANIFEST_MAX };
        Fixture *f = *state;

        memset(manifest, '<', STORE_MANIFEST_MAX + 1);
        reopen_and_load(f, &(StoreLoader){ 0 });
        store_begin(f->store, 1);
        store_put_package(f->store, &(StorePackage){ .name = row.name, .folder = "old" });
        store_put_package(f->store, &row);
        store_end(f->store);
        assert_int_equal(wait_commit(f, 1), 0);
        reopen_and_load(f, &(StoreLoader){ .package = compare_package, .userdata = &row });
        assert_int_equal(f->report.n_packages, 1);
        row.n_manifest++;
        store_begin(f->store, 2);
        assert_int_equal(store_put_package(f->store, &row), -E2BIG);
        store_end(f->store);
        assert_int_equal(wait_commit(f, 2), -E2BIG);
        store_begin(f->store, 3);
        store_delete_package(f->store, row.name);
        store_end(f->store);
        assert_int_equal(wait_commit(f, 3), 0);
        reopen_and_load(f, &(StoreLoader){ 0 });
        assert_int_equal(f->report.n_packages, 0);
}

static int compare_wine_prefix(const char *package, const char *prefix, void *userdata)
{
        size_t *n = userdata;

        assert_string_equal(package, "Sample_h91ms92gdsmmt");
        assert_string_equal(prefix, "/home/a/prefix");
        ++*n;
        return 0;
}

static void the_prefix_of_a_package_comes_back_until_it_is_installed_without_or_removed(void **state)
{
        static const char *const prefixes[] = { "/old", "/home/a/prefix", NULL, "/home/a/prefix" };
        StorePackage row = { .name = "Sample_h91ms92gdsmmt", .folder = "/usr/share/sample" };
        Fixture *f = *state;

        reopen_and_load(f, &(StoreLoader){ 0 });
        for (uint64_t commit = 1; commit <= 5; commit++) {
                size_t n = 0;

                store_begin(f->store, commit);
                if (commit < 5) {
                        row.wine_prefix = prefixes[commit - 1];
                        store_put_package(f->store, &row);
                } else {
                        store_delete_package(f->store, row.name);
                }
                store_end(f->store);
                assert_int_equal(wait_commit(f, commit), 0);
                if (commit == 1)
                        continue;
                reopen_and_load(f, &(StoreLoader){ .wine_prefix = compare_wine_prefix, .userdata = &n });
                assert_int_equal(n, commit % 2 == 0);
                assert_int_equal(f->report.n_packages, commit < 5);
        }
}

static int compare_paused(const char *package, uint64_t since_real_usec, void *userdata)
{
        size_t *n = userdata;

        assert_string_equal(package, "Sample_h91ms92gdsmmt");
        assert_int_equal(since_real_usec, 7);
        ++*n;
        return 0;
}

static void the_pause_of_a_package_comes_back_until_it_ends_or_the_package_goes(void **state)
{
        const StoreLoader loader = { .paused = compare_paused };
        Fixture *f = *state;

        reopen_and_load(f, &(StoreLoader){ 0 });
        for (uint64_t commit = 1; commit < 7; commit++) {
                StoreLoader counting = loader;
                size_t n = 0;

                counting.userdata = &n;
                store_begin(f->store, commit);
                if (commit < 3 || commit == 5)
                        store_put_pause(f->store, "Sample_h91ms92gdsmmt", commit == 1 ? 6 : 7);
                else if (commit == 3 || commit == 4)
                        store_delete_pause(f->store, "Sample_h91ms92gdsmmt");
                else
                        store_delete_package(f->store, "Sample_h91ms92gdsmmt");
                store_end(f->store);
                assert_int_equal(wait_commit(f, commit), 0);
                if (commit == 1)
                        continue;
                reopen_and_load(f, &counting);
                assert_int_equal(n, commit == 2 || commit == 5);
        }
}

static int compare_level(const StoreLevel *row, void *userdata)
{
        size_t *n = userdata;

        assert_int_equal(row->condition, 17);
        assert_int_equal(row->level, -1);
        assert_true(uuid_equal(row->boot_id, test_uuid('b', 2)));
        ++*n;
        return 0;
}

static void the_last_level_of_a_condition_comes_back_with_its_boot(void **state)
{
        Fixture *f = *state;
        size_t n = 0;

        reopen_and_load(f, &(StoreLoader){ 0 });
        store_begin(f->store, 1);
        store_put_level(f->store, &(StoreLevel){ test_uuid('b', 1), 17, 1 });
        store_put_level(f->store, &(StoreLevel){ test_uuid('b', 2), 17, -1 });
        store_end(f->store);
        assert_int_equal(wait_commit(f, 1), 0);
        reopen_and_load(f, &(StoreLoader){ .level = compare_level, .userdata = &n });
        assert_int_equal(n, 1);
}

static void puts_of_several_commits_may_alternate(void **state)
{
        TaskRow a = plain_task(1), b = plain_task(2), c = plain_task(3);
        Fixture *f = *state;
        Seen seen;

        reopen_and_load(f, &(StoreLoader){ 0 });
        store_begin(f->store, 1);
        store_put_task(f->store, &a);
        store_begin(f->store, 2);
        store_put_task(f->store, &b);
        b.spec.name = "";
        assert_int_equal(store_put_task(f->store, &b), -EINVAL);
        store_begin(f->store, 1);
        store_put_task(f->store, &c);
        store_end(f->store);
        assert_int_equal(wait_commit(f, 1), 0);
        assert_int_equal(wait_commit(f, 2), -EINVAL);
        assert_int_equal(f->n_answers, 2);
        seen = reopen_and_see(f);
        assert_int_equal(seen.n_tasks, 2);
        assert_false(was_seen(&seen, 2));
}

static void a_unit_that_was_not_ended_is_not_written(void **state)
{
        TaskRow task = plain_task(1);
        Fixture *f = *state;

        reopen_and_load(f, &(StoreLoader){ 0 });
        store_begin(f->store, 1);
        store_put_task(f->store, &task);
        reopen_and_load(f, &(StoreLoader){ 0 });
        assert_int_equal(f->report.n_tasks, 0);
}

static void what_is_queued_together_shares_a_transaction(void **state)
{
        Fixture *f = *state;
        StoreCounts counts;

        reopen_and_load(f, &(StoreLoader){ 0 });
        for (uint32_t i = 0; i < 500; i++) {
                TaskRow task = plain_task(i);

                store_begin(f->store, i);
                store_put_task(f->store, &task);
        }
        store_end(f->store);
        for (uint32_t i = 0; i < 500; i++)
                assert_int_equal(wait_commit(f, i), 0);
        counts = store_get_counts(f->store);
        assert_int_equal(counts.n_units, 500);
        assert_int_equal(counts.n_transactions, 1);
        assert_int_equal(counts.n_waiting, 0);
        for (size_t i = 0; i < f->n_answers; i++)
                assert_int_equal(f->answers[i].commit, i);
}

/* SQLite refuses this task's rows, as it would refuse what breaks a constraint. */
static void refuse_task(Fixture *f, const char *name)
{
        char sql[256];
        sqlite3 *db;

        f->store = store_free(f->store);
        assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
        snprintf(sql, sizeof sql, "CREATE TRIGGER refuse BEFORE INSERT ON task WHEN new.name = '%s' "
                 "BEGIN SELECT RAISE(ABORT, 'refused'); END", name);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
}

static void a_unit_that_fails_by_its_own_fault_fails_alone_and_entirely(void **state)
{
        TaskRow good = plain_task(1), half = plain_task(2), bad = plain_task(3), last = plain_task(4);
        Fixture *f = *state;
        Seen seen;

        reopen(f);
        refuse_task(f, "bad");
        reopen_and_load(f, &(StoreLoader){ 0 });
        bad.spec.name = "bad";
        store_begin(f->store, 1);
        store_put_task(f->store, &good);
        store_begin(f->store, 2);
        store_put_task(f->store, &half);
        store_put_task(f->store, &bad);
        store_begin(f->store, 3);
        store_put_task(f->store, &last);
        store_end(f->store);
        assert_int_equal(wait_commit(f, 1), 0);
        assert_int_equal(wait_commit(f, 2), -EINVAL);
        assert_int_equal(wait_commit(f, 3), 0);
        put_task(f, 4, &bad);
        assert_int_equal(wait_commit(f, 4), -EINVAL);
        seen = reopen_and_see(f);
        assert_int_equal(seen.n_tasks, 2);
        assert_true(was_seen(&seen, 1) && was_seen(&seen, 4));
}

static void what_waits_to_be_written_is_bounded(void **state)
{
        Fixture *f = *state;
        int r = 0;

        f->config.queue_max = 4096;
        reopen_and_load(f, &(StoreLoader){ 0 });
        store_begin(f->store, 1);
        for (uint32_t i = 0; i < 100 && r == 0; i++) {
                TaskRow task = plain_task(i);

                r = store_put_task(f->store, &task);
        }
        assert_int_equal(r, -ENOBUFS);
        store_end(f->store);
        assert_int_equal(wait_commit(f, 1), -ENOBUFS);
        put_plain_task(f, 2, 1);
        assert_int_equal(wait_commit(f, 2), 0);
}

static void flush_waits_for_what_was_ended_and_its_answers_follow(void **state)
{
        Fixture *f = *state;

        reopen_and_load(f, &(StoreLoader){ 0 });
        assert_int_equal(store_flush(f->store, 0), 0);
        for (uint32_t i = 0; i < 100; i++)
                put_plain_task(f, i, i);
        assert_int_equal(store_flush(f->store, USEC_PER_MINUTE), 0);
        assert_int_equal(store_get_counts(f->store).n_units, 100);
        assert_int_equal(f->n_answers, 0);
        store_dispatch(f->store);
        assert_int_equal(f->n_answers, 100);
}

static void the_history_holds_what_was_ended_before_it_was_asked_for(void **state)
{
        Fixture *f = *state;

        reopen_and_load(f, &(StoreLoader){ 0 });
        for (uint32_t i = 1; i <= 200; i++) {
                RunRow row = plain_run(i, i);

                assert_int_equal(store_begin(f->store, i), 0);
                assert_int_equal(store_append_run(f->store, &row), 0);
                store_end(f->store);
        }
        assert_int_equal(wait_page(f, &(StoreHistoryQuery){ .limit = 1000 })->n_runs, 200);
}

static void freeing_writes_what_was_ended(void **state)
{
        Fixture *f = *state;

        reopen_and_load(f, &(StoreLoader){ 0 });
        for (uint32_t i = 0; i < 100; i++)
                put_plain_task(f, i, i);
        reopen_and_load(f, &(StoreLoader){ 0 });
        assert_int_equal(f->report.n_tasks, 100);
}

static int refuse_third(const TaskRow *row, void *userdata)
{
        int *n = userdata;

        return ++*n == 3 ? -ENOMEM : 0;
}

static void an_error_of_the_loader_ends_the_load(void **state)
{
        StoreLoader loader = { .task = refuse_third };
        Fixture *f = *state;
        int n = 0;

        loader.userdata = &n;
        reopen_and_load(f, &(StoreLoader){ 0 });
        for (uint32_t i = 0; i < 5; i++)
                put_plain_task(f, i, i);
        reopen(f);
        assert_int_equal(store_load(f->store, &loader, &f->report), -ENOMEM);
        assert_int_equal(n, 3);
}

static void the_key_is_made_once_and_is_private(void **state)
{
        uint8_t first[STORE_KEY_SIZE], second[STORE_KEY_SIZE], none[STORE_KEY_SIZE] = { 0 };
        Fixture *f = *state;
        struct stat st;
        char path[96];

        snprintf(path, sizeof path, "%s/key", f->folder);
        reopen(f);
        store_key(f->store, first);
        assert_memory_not_equal(first, none, sizeof none);
        reopen(f);
        store_key(f->store, second);
        assert_memory_equal(first, second, sizeof first);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        assert_int_equal(stat(f->path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
        /* Whoever could read it may have it. */
        assert_int_equal(chmod(path, 0644), 0);
        reopen(f);
        store_key(f->store, second);
        assert_memory_not_equal(first, second, sizeof first);
        assert_int_equal(truncate(path, 5), 0);
        reopen(f);
        store_key(f->store, first);
        assert_memory_not_equal(first, second, sizeof first);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(int argc, char *argv[])
{
        const struct CMUnitTest tests[] = {
                TEST(further_triggers_and_their_anchors_come_back),
                TEST(every_field_of_a_task_comes_back_and_in_the_order_of_registration),
                TEST(a_task_that_is_put_again_keeps_its_place),
                TEST(the_state_of_a_task_changes_without_its_spec),
                TEST(a_database_of_the_first_schema_is_brought_up_to_date_and_read),
                TEST(a_pending_firing_comes_back_until_it_is_deleted),
                TEST(a_deleted_task_takes_its_pending_firings_with_it),
                TEST(a_package_comes_back_with_a_manifest_of_the_largest_size),
                TEST(the_prefix_of_a_package_comes_back_until_it_is_installed_without_or_removed),
                TEST(the_pause_of_a_package_comes_back_until_it_ends_or_the_package_goes),
                TEST(the_last_level_of_a_condition_comes_back_with_its_boot),
                TEST(puts_of_several_commits_may_alternate),
                TEST(a_unit_that_was_not_ended_is_not_written),
                TEST(what_is_queued_together_shares_a_transaction),
                TEST(a_unit_that_fails_by_its_own_fault_fails_alone_and_entirely),
                TEST(what_waits_to_be_written_is_bounded),
                TEST(flush_waits_for_what_was_ended_and_its_answers_follow),
                TEST(the_history_holds_what_was_ended_before_it_was_asked_for),
                TEST(freeing_writes_what_was_ended),
                TEST(an_error_of_the_loader_ends_the_load),
                TEST(the_key_is_made_once_and_is_private),
        };

        schema_1 = argc > 1 ? argv[1] : NULL;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
