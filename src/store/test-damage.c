/* SPDX-License-Identifier: MIT */

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "base/rows.h"
#include "base/test-scale.h"
#include "store/database.h"
#include "store/test-help.h"

#define PAGE 4096

static void execute(const char *path, const char *sql)
{
        sqlite3 *db;
        char *error = NULL;

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        sqlite3_exec(db, sql, NULL, NULL, &error);
        assert_null(error);
        sqlite3_close(db);
}

static uint64_t number(const char *path, const char *sql)
{
        sqlite3_stmt *s;
        uint64_t x;
        sqlite3 *db;

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(s), SQLITE_ROW);
        x = (uint64_t)sqlite3_column_int64(s, 0);
        sqlite3_finalize(s);
        sqlite3_close(db);
        return x;
}

/* A closed store with n tasks, each with a pending firing and a record, a package and a level. */
static void fill(Fixture *f, uint32_t n)
{
        reopen_and_load(f, &(StoreLoader){ 0 });
        store_begin(f->store, 1);
        for (uint32_t i = 0; i < n; i++) {
                TaskRow task = plain_task(i);

                store_put_task(f->store, &task);
                store_put_pending(f->store, &(PendingRow){ .task = task.id, .number = i + 1 });
                store_append_run(f->store, &(RunRow){ .task = task.id, .number = i + 1 });
        }
        store_put_package(f->store, &(StorePackage){ .name = "a package" });
        store_put_level(f->store, &(StoreLevel){ .condition = 3, .level = 1 });
        store_end(f->store);
        assert_int_equal(wait_commit(f, 1), 0);
        f->store = store_free(f->store);
}

static void assert_can_write(Fixture *f)
{
        put_plain_task(f, 99, 4711);
        assert_int_equal(wait_commit(f, 99), 0);
}

static void a_damaged_row_costs_that_row_and_is_kept(void **state)
{
        static const char *const damages[] = {
                "UPDATE task SET spec = CAST(substr(spec, 1, 20) || x'07' || substr(spec, 22) AS BLOB) WHERE key = 3",
                "UPDATE task SET state = CAST(x'00' || substr(state, 2) AS BLOB) WHERE key = 3",
                "UPDATE task SET name = 'renamed' WHERE key = 3",
                "UPDATE task SET package = 17 WHERE key = 3",
                "UPDATE task SET id = x'7401' WHERE key = 3",
                "UPDATE task SET spec = x'' WHERE key = 3",
                "UPDATE task SET spec = CAST(spec AS TEXT) WHERE key = 3",
                "UPDATE task SET state = zeroblob(2000) WHERE key = 3",
        };

        for (size_t i = 0; i < ELEMENTSOF(damages); i++) {
                void *fixture;
                Fixture *f;
                Seen seen;

                fixture_setup(&fixture);
                f = fixture;
                fill(f, 10);
                execute(f->path, damages[i]);
                seen = reopen_and_see(f);
                assert_int_equal(seen.n_tasks, 9);
                assert_false(was_seen(&seen, 2));
                assert_int_equal(seen.n_pending, 9);
                assert_int_equal(f->report.n_damaged, 1);
                assert_non_null(strstr(f->report.sentence, "1 damaged row"));
                assert_string_equal(f->report.set_aside, "");
                assert_can_write(f);
                /* Told of once; kept, with its firing. */
                seen = reopen_and_see(f);
                assert_int_equal(seen.n_tasks, 10);
                assert_int_equal(f->report.n_damaged, 0);
                f->store = store_free(f->store);
                assert_int_equal(number(f->path, "SELECT count(*) FROM damaged WHERE source = 'task'"), 1);
                assert_int_equal(number(f->path, "SELECT count(*) FROM damaged WHERE source = 'pending'"), 1);
                fixture_teardown(&fixture);
        }
}

static void damaged_rows_of_every_table_are_left_out(void **state)
{
        Fixture *f = *state;
        Seen seen;

        fill(f, 10);
        execute(f->path, "UPDATE pending SET attempts = 1 WHERE key IN (2, 5); UPDATE level SET level = 0;"
                         "UPDATE package SET folder = '/tmp'");
        seen = reopen_and_see(f);
        assert_int_equal(seen.n_tasks, 10);
        assert_int_equal(seen.n_pending, 8);
        assert_int_equal(seen.n_levels, 0);
        assert_int_equal(seen.n_packages, 0);
        assert_int_equal(f->report.n_damaged, 4);
        f->store = store_free(f->store);
        assert_int_equal(number(f->path, "SELECT count(*) FROM damaged"), 4);
}

/* A byte of a row on the disk, as a failing disk would flip it: SQLite itself does not notice. */
static void a_flipped_byte_in_the_file_costs_one_row(void **state)
{
        Fixture *f = *state;
        char *file, *at;
        Seen seen;
        FILE *io;
        long size;

        fill(f, 10);
        io = fopen(f->path, "r+e");
        fseek(io, 0, SEEK_END);
        size = ftell(io);
        file = malloc((size_t)size);
        rewind(io);
        assert_int_equal(fread(file, 1, (size_t)size, io), size);
        at = memmem(file, (size_t)size, "Sample_h91ms92gdsmmtplain", 25);
        assert_non_null(at);
        fseek(io, at - file + 3, SEEK_SET);
        fputc('X', io);
        fclose(io);
        free(file);
        seen = reopen_and_see(f);
        assert_int_equal(seen.n_tasks, 9);
        assert_int_equal(f->report.n_damaged, 1);
        assert_string_equal(f->report.set_aside, "");
}

static size_t count_files(const Fixture *f, const char *prefix)
{
        DIR *dir = opendir(f->folder);
        struct dirent *entry;
        size_t n = 0;

        while ((entry = readdir(dir)))
                n += strncmp(entry->d_name, prefix, strlen(prefix)) == 0 && !strstr(entry->d_name, "-wal");
        closedir(dir);
        return n;
}

static void write_file(const char *path, const void *data, size_t size)
{
        int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_int_equal(write(fd, data, size), size);
        close(fd);
}

static void a_file_that_is_no_database_is_set_aside_and_kept(void **state)
{
        char garbage[10000], kept[256], path[256];
        Fixture *f = *state;
        FILE *io;

        memset(garbage, 'g', sizeof garbage);
        for (size_t i = 1; i <= 3; i++) {
                f->store = store_free(f->store);
                write_file(f->path, garbage, sizeof garbage);
                reopen_and_load(f, &(StoreLoader){ 0 });
                assert_true(f->report.created);
                assert_non_null(strstr(f->report.sentence, f->report.set_aside));
                assert_int_equal(strncmp(f->report.set_aside, "state.db.damaged-", 17), 0);
                assert_int_equal(count_files(f, "state.db.damaged-"), i);
                assert_can_write(f);
        }
        snprintf(path, sizeof path, "%s/%s", f->folder, f->report.set_aside);
        io = fopen(path, "re");
        assert_int_equal(fread(kept, 1, sizeof kept, io), sizeof kept);
        fclose(io);
        assert_memory_equal(kept, garbage, sizeof kept);
}

static void a_database_of_another_program_is_set_aside(void **state)
{
        Fixture *f = *state;

        execute(f->path, "CREATE TABLE theirs (x)");
        reopen_and_load(f, &(StoreLoader){ 0 });
        assert_true(f->report.created);
        assert_string_not_equal(f->report.set_aside, "");
        assert_can_write(f);
}

static void a_database_without_one_of_its_tables_is_set_aside_and_the_others_taken_over(void **state)
{
        Fixture *f = *state;

        fill(f, 7);
        execute(f->path, "DROP TABLE pending");
        reopen_and_load(f, &(StoreLoader){ 0 });
        assert_string_not_equal(f->report.set_aside, "");
        assert_int_equal(f->report.n_tasks, 7);
        assert_can_write(f);
}

static void a_truncated_database_is_set_aside(void **state)
{
        Fixture *f = *state;
        struct stat st;

        fill(f, 1000);
        assert_int_equal(stat(f->path, &st), 0);
        assert_int_equal(truncate(f->path, st.st_size / 2), 0);
        reopen_and_load(f, &(StoreLoader){ 0 });
        assert_string_not_equal(f->report.set_aside, "");
        assert_can_write(f);
}

/* Overwrites pages of the file, from the given one on. */
static void wipe_pages(const Fixture *f, long page, size_t n)
{
        FILE *io = fopen(f->path, "r+e");
        char zeros[PAGE];

        memset(zeros, 0x5a, sizeof zeros);
        fseek(io, page * PAGE, SEEK_SET);
        while (n-- > 0)
                assert_int_equal(fwrite(zeros, PAGE, 1, io), 1);
        fclose(io);
}

static void a_torn_file_is_read_around_the_damage_and_written_anew(void **state)
{
        Fixture *f = *state;
        size_t n_seen;
        Seen seen;
        long n_pages;

        fill(f, 2000);
        n_pages = (long)number(f->path, "PRAGMA page_count");
        wipe_pages(f, n_pages / 2, 3);
        seen = reopen_and_see(f);
        assert_string_not_equal(f->report.set_aside, "");
        assert_non_null(strstr(f->report.sentence, "taken over"));
        n_seen = seen.n_tasks;
        assert_in_range(n_seen, 1000, 2000);
        assert_can_write(f);
        /* What was told of is what is there from then on. */
        seen = reopen_and_see(f);
        assert_int_equal(seen.n_tasks, n_seen + 1);
        assert_string_equal(f->report.set_aside, "");
        assert_int_equal(count_files(f, "state.db.damaged-"), 1);
}

static void any_page_may_be_lost(void **state)
{
        for (long page = 0; page < 40; page += test_stride()) {
                void *fixture;
                size_t n_seen;
                Fixture *f;
                Seen seen;

                fixture_setup(&fixture);
                f = fixture;
                fill(f, 200);
                if (page >= (long)number(f->path, "PRAGMA page_count")) {
                        fixture_teardown(&fixture);
                        break;
                }
                wipe_pages(f, page, 1);
                seen = reopen_and_see(f);
                n_seen = seen.n_tasks;
                assert_can_write(f);
                seen = reopen_and_see(f);
                assert_int_equal(seen.n_tasks, n_seen + 1);
                fixture_teardown(&fixture);
        }
}

static void damage_that_a_commit_meets_is_repaired_by_the_next_start(void **state)
{
        Fixture *f = *state;
        long page;
        Seen seen;

        fill(f, 500);
        page = (long)number(f->path, "SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_run_1'") - 1;
        reopen_and_load(f, &(StoreLoader){ 0 });
        wipe_pages(f, page, 1);
        store_begin(f->store, 5);
        store_append_run(f->store, &(RunRow){ .task = test_uuid('t', 1), .number = 9999 });
        store_end(f->store);
        assert_int_equal(wait_commit(f, 5), -EUCLEAN);
        seen = reopen_and_see(f);
        assert_int_equal(seen.n_tasks, 500);
        store_begin(f->store, 5);
        store_append_run(f->store, &(RunRow){ .task = test_uuid('t', 1), .number = 9999 });
        store_end(f->store);
        assert_int_equal(wait_commit(f, 5), 0);
        reopen_and_load(f, &(StoreLoader){ 0 });
        assert_string_equal(f->report.sentence, "");
}

static void a_damaged_text_of_the_schema_is_mended_and_costs_no_row(void **state)
{
        Fixture *f = *state;
        Seen seen;

        fill(f, 50);
        f->store = store_free(f->store);
        execute(f->path, "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET "
                "sql = replace(sql, 'INTEGER PRIMARY KEY', 'INTEGER xxxMARY KEY') WHERE name IN ('task', 'pending')");
        seen = reopen_and_see(f);
        assert_non_null(strstr(f->report.sentence, "schema"));
        assert_int_equal(seen.n_tasks, 50);
        assert_can_write(f);
        seen = reopen_and_see(f);
        assert_string_equal(f->report.sentence, "");
        assert_int_equal(seen.n_tasks, 51);
}

/* The pages that say where the tables are: the first, and those that it points to. */
static size_t head_pages(const Fixture *f, long pages[static 8])
{
        sqlite3_stmt *s;
        sqlite3 *db;
        size_t n = 0;

        assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
        if (sqlite3_prepare_v2(db, "SELECT pageno - 1 FROM dbstat WHERE name IN ('sqlite_master', 'sqlite_schema')",
                               -1, &s, NULL) == SQLITE_OK) {
                while (sqlite3_step(s) == SQLITE_ROW)
                        pages[n++] = (long)sqlite3_column_int64(s, 0);
                sqlite3_finalize(s);
        }
        sqlite3_close(db);
        if (n == 0)
                pages[n++] = 0;
        return n;
}

static void a_lost_page_of_the_head_costs_no_row(void **state)
{
        long pages[8] = { 0 };
        size_t n = 1;

        for (size_t i = 0; i < n; i++) {
                void *fixture;
                Fixture *f;
                Seen seen;

                fixture_setup(&fixture);
                f = fixture;
                fill(f, 200);
                n = head_pages(f, pages);
                wipe_pages(f, pages[i], 1);
                seen = reopen_and_see(f);
                assert_int_equal(seen.n_tasks, 200);
                assert_int_equal(seen.n_pending, 200);
                assert_int_equal(seen.n_packages, 1);
                assert_false(f->report.created);
                assert_non_null(strstr(f->report.sentence, "taken over"));
                assert_int_equal(count_files(f, "state.db.damaged-"), 1);
                assert_int_equal(count_files(f, "state.db.copy"), 0);
                assert_can_write(f);
                seen = reopen_and_see(f);
                assert_int_equal(seen.n_tasks, 201);
                assert_string_equal(f->report.sentence, "");
                fixture_teardown(&fixture);
        }
}

/* Whoever was killed left rows in the log only. */
static void the_log_of_a_database_without_its_first_page_is_not_lost(void **state)
{
        Fixture *f = *state, killed;
        StoreLoader loader;
        char command[256];
        Seen seen;

        fill(f, 20);
        reopen_and_load(f, &(StoreLoader){ 0 });
        put_plain_task(f, 99, 4711);
        assert_int_equal(wait_commit(f, 99), 0);
        killed = *f;
        strcat(killed.folder, "-killed");
        snprintf(killed.path, sizeof killed.path, "%s/state.db", killed.folder);
        killed.config.folder = killed.folder;
        killed.store = NULL;
        snprintf(command, sizeof command, "cp -r %s %s", f->folder, killed.folder);
        assert_int_equal(system(command), 0);
        wipe_pages(&killed, 0, 1);
        loader = see_all(&seen);
        reopen_and_load(&killed, &loader);
        assert_int_equal(seen.n_tasks, 21);
        killed.store = store_free(killed.store);
        nftw(killed.folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void a_wrong_byte_in_the_header_costs_no_row(void **state)
{
        for (long at = 0; at < 100; at += test_stride()) {
                void *fixture;
                Fixture *f;
                FILE *io;
                Seen seen;

                /* A number of a later schema is believed. */
                if (at >= 60 && at < 64)
                        continue;
                fixture_setup(&fixture);
                f = fixture;
                fill(f, 3);
                io = fopen(f->path, "r+e");
                fseek(io, at, SEEK_SET);
                fputc(0xff, io);
                fclose(io);
                seen = reopen_and_see(f);
                if (seen.n_tasks != 3 || seen.n_pending != 3 || seen.n_packages != 1) {
                        print_error("byte %ld: %zu tasks, '%s'\n", at, seen.n_tasks, f->report.sentence);
                        fail();
                }
                assert_can_write(f);
                fixture_teardown(&fixture);
        }
}

static void a_copy_of_the_head_that_is_damaged_is_none(void **state)
{
        Fixture *f = *state;
        char path[128];

        fill(f, 20);
        snprintf(path, sizeof path, "%s/" DATABASE_HEAD_NAME, f->folder);
        write_file(path, "bgthead1 and something else", 27);
        wipe_pages(f, 0, 1);
        reopen_and_load(f, &(StoreLoader){ 0 });
        assert_true(f->report.created);
        assert_non_null(strstr(f->report.sentence, "an empty one"));
        assert_can_write(f);
        /* From the first end on it is there again. */
        fill(f, 20);
        wipe_pages(f, 0, 1);
        reopen_and_load(f, &(StoreLoader){ 0 });
        assert_int_equal(f->report.n_tasks, 21);
}

/* Where a table begins: nothing behind it can be reached from there any more. */
static void a_lost_root_of_a_table_costs_nothing_and_brings_back_nothing(void **state)
{
        static const char *const tables[] = { "task", "pending", "run" };

        for (size_t i = 0; i < ELEMENTSOF(tables); i++) {
                char sql[128];
                void *fixture;
                Fixture *f;
                Seen seen;
                long root;

                fixture_setup(&fixture);
                f = fixture;
                fill(f, 2000);
                /* Pages that became half empty are joined, and one of two is free with all that it held. */
                execute(f->path, "PRAGMA secure_delete = OFF;"
                        "DELETE FROM task WHERE key BETWEEN 501 AND 1500 AND key % 4 = 0;"
                        "DELETE FROM task WHERE key BETWEEN 501 AND 1500 AND key % 4 = 1;"
                        "DELETE FROM task WHERE key BETWEEN 501 AND 1500 AND key % 4 = 2;"
                        "DELETE FROM task WHERE key BETWEEN 501 AND 1500;"
                        "DELETE FROM pending WHERE task NOT IN (SELECT id FROM task);");
                assert_in_range(number(f->path, "PRAGMA freelist_count"), 10, 1000);
                snprintf(sql, sizeof sql, "SELECT rootpage FROM sqlite_schema WHERE name = '%s'", tables[i]);
                root = (long)number(f->path, sql) - 1;
                wipe_pages(f, root, 1);
                seen = reopen_and_see(f);
                assert_int_equal(seen.n_tasks, 1000);
                assert_int_equal(seen.n_pending, 1000);
                assert_false(was_seen(&seen, 1000));
                assert_true(was_seen(&seen, 1999));
                assert_non_null(strstr(f->report.sentence, "taken over"));
                f->store = store_free(f->store);
                assert_int_equal(number(f->path, "SELECT count(*) FROM run"), 2000);
                fixture_teardown(&fixture);
        }
}

static void several_lost_pages_cost_what_was_on_them(void **state)
{
        Fixture *f = *state;
        size_t n_seen;
        long n_pages;
        Seen seen;

        fill(f, 3000);
        n_pages = (long)number(f->path, "PRAGMA page_count");
        for (long part = 1; part <= 4; part++)
                wipe_pages(f, n_pages * part / 5, 1);
        seen = reopen_and_see(f);
        n_seen = seen.n_tasks;
        assert_in_range(n_seen, 3000 - 4 * 60, 3000);
        assert_can_write(f);
        seen = reopen_and_see(f);
        assert_int_equal(seen.n_tasks, n_seen + 1);
        assert_string_equal(f->report.sentence, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_damaged_row_costs_that_row_and_is_kept),
                TEST(damaged_rows_of_every_table_are_left_out),
                TEST(a_flipped_byte_in_the_file_costs_one_row),
                TEST(a_file_that_is_no_database_is_set_aside_and_kept),
                TEST(a_database_of_another_program_is_set_aside),
                TEST(a_database_without_one_of_its_tables_is_set_aside_and_the_others_taken_over),
                TEST(a_truncated_database_is_set_aside),
                TEST(a_torn_file_is_read_around_the_damage_and_written_anew),
                cmocka_unit_test(any_page_may_be_lost),
                TEST(damage_that_a_commit_meets_is_repaired_by_the_next_start),
                TEST(a_damaged_text_of_the_schema_is_mended_and_costs_no_row),
                cmocka_unit_test(a_lost_page_of_the_head_costs_no_row),
                cmocka_unit_test(a_lost_root_of_a_table_costs_nothing_and_brings_back_nothing),
                TEST(several_lost_pages_cost_what_was_on_them),
                TEST(the_log_of_a_database_without_its_first_page_is_not_lost),
                cmocka_unit_test(a_wrong_byte_in_the_header_costs_no_row),
                TEST(a_copy_of_the_head_that_is_damaged_is_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
