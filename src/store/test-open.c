/* SPDX-License-Identifier: MIT */

#include <fcntl.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "store/database.h"
#include "store/test-help.h"

#define ORDINARY_USER 64830

static int try_open(Fixture *f, Error error, const char *words)
{
        Store *store = NULL;
        StoreReport report;
        int r;

        r = store_open(&f->config, &store, &report);
        store_free(store);
        if (r < 0) {
                assert_int_equal(report.error, error);
                assert_non_null(strstr(report.sentence, words));
                assert_non_null(strstr(report.sentence, f->config.folder));
        }
        return r;
}

static void execute(const char *path, const char *sql)
{
        sqlite3 *db;

        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        sqlite3_close(db);
}

static void a_folder_and_its_parents_are_made_for_the_user_alone(void **state)
{
        char deep[96];
        Fixture *f = *state;
        struct stat st;

        snprintf(deep, sizeof deep, "%s/a/b", f->folder);
        f->config.folder = deep;
        reopen(f);
        assert_int_equal(stat(deep, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        snprintf(deep, sizeof deep, "%s/c//d/", f->folder);
        reopen(f);
}

static void a_second_store_is_shut_out_and_told_so(void **state)
{
        Fixture *f = *state;

        reopen(f);
        assert_int_equal(try_open(f, ERROR_STORE_BUSY, "another broker"), -EBUSY);
        f->store = store_free(f->store);
        reopen(f);
}

static void a_store_of_another_process_shuts_out_until_it_dies(void **state)
{
        Fixture *f = *state;
        int ready[2];
        pid_t pid;
        char c;

        assert_int_equal(pipe(ready), 0);
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                if (store_open(&f->config, &f->store, &f->report) < 0 || write(ready[1], "x", 1) != 1)
                        _exit(1);
                for (;;)
                        pause();
        }
        close(ready[1]);
        assert_int_equal(read(ready[0], &c, 1), 1);
        close(ready[0]);
        assert_int_equal(try_open(f, ERROR_STORE_BUSY, "another broker"), -EBUSY);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        reopen(f);
}

static void a_program_that_has_the_database_open_is_told_of(void **state)
{
        Fixture *f = *state;
        sqlite3 *db;

        reopen(f);
        f->store = store_free(f->store);
        assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE; DELETE FROM task", NULL, NULL, NULL), SQLITE_OK);
        assert_int_equal(try_open(f, ERROR_STORE_BUSY, "has the database open"), -EBUSY);
        sqlite3_close(db);
        reopen(f);
}

/* Runs the check in a child that is not root, because root may write everywhere. */
static void as_ordinary_user(Fixture *f, void (*check)(Fixture *f))
{
        int status;
        pid_t pid;

        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                if (geteuid() == 0 && setresuid(ORDINARY_USER, ORDINARY_USER, ORDINARY_USER) < 0)
                        _exit(2);
                check(f);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
}

static void check_read_only(Fixture *f)
{
        Store *store;
        StoreReport report;

        if (store_open(&f->config, &store, &report) != -EROFS || report.error != ERROR_STORE_READ_ONLY ||
            !strstr(report.sentence, "cannot be written"))
                _exit(1);
}

static void a_folder_without_write_permission_is_reported_as_read_only(void **state)
{
        _cleanup_(freep) char *sub = NULL;
        Fixture *f = *state;

        assert_int_equal(chmod(f->folder, 0555), 0);
        as_ordinary_user(f, check_read_only);
        assert_true(asprintf(&sub, "%s/new", f->config.folder) > 0);
        f->config.folder = sub;
        as_ordinary_user(f, check_read_only);
        assert_int_equal(chmod(f->folder, 0700), 0);
}

static void a_database_without_write_permission_is_reported_as_read_only(void **state)
{
        Fixture *f = *state;
        char lock[96];

        reopen(f);
        f->store = store_free(f->store);
        snprintf(lock, sizeof lock, "%s/state.lock", f->folder);
        assert_int_equal(chmod(lock, 0666), 0);
        assert_int_equal(chmod(f->path, 0444), 0);
        assert_int_equal(chmod(f->folder, 0777), 0);
        as_ordinary_user(f, check_read_only);
}

/* In a namespace of its own, where a file system may be mounted. False: the kernel does not let us. */
static bool in_mount_namespace(Fixture *f, void (*check)(Fixture *f))
{
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                if (!enter_mount_namespace())
                        _exit(77);
                check(f);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
                return false;
        assert_int_equal(status, 0);
        return true;
}

static void check_read_only_mount(Fixture *f)
{
        if (mount(f->folder, f->folder, "none", MS_BIND, NULL) < 0 ||
            mount("none", f->folder, "none", MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
                _exit(77);
        check_read_only(f);
}

static void a_read_only_file_system_is_reported_as_such(void **state)
{
        Fixture *f = *state;

        reopen(f);
        f->store = store_free(f->store);
        if (!in_mount_namespace(f, check_read_only_mount))
                skip();
}

static void check_full_at_open(Fixture *f)
{
        StoreReport report;
        Store *store;

        if (mount("tmpfs", f->folder, "tmpfs", 0, "size=16k") < 0)
                _exit(77);
        if (store_open(&f->config, &store, &report) != -ENOSPC || report.error != ERROR_STORE_FULL ||
            !strstr(report.sentence, "disk is full"))
                _exit(1);
}

static void a_full_disk_at_open_is_reported_as_such(void **state)
{
        Fixture *f = *state;

        if (!in_mount_namespace(f, check_full_at_open))
                skip();
}

static void a_folder_that_is_a_file_is_an_error_of_its_own(void **state)
{
        Fixture *f = *state;
        char path[96];

        snprintf(path, sizeof path, "%s/file", f->folder);
        close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        f->config.folder = path;
        assert_int_equal(try_open(f, ERROR_STORE_FAILED, "Not a directory"), -ENOTDIR);
}

static void a_newer_schema_is_refused_and_left_alone(void **state)
{
        Fixture *f = *state;
        char sql[64];

        reopen_and_load(f, &(StoreLoader){ 0 });
        put_plain_task(f, 1, 1);
        f->store = store_free(f->store);
        snprintf(sql, sizeof sql, "PRAGMA user_version = %u", (unsigned)database_schema + 1);
        execute(f->path, sql);
        assert_int_equal(try_open(f, ERROR_NOT_SUPPORTED, "newer version"), -EOPNOTSUPP);
        snprintf(sql, sizeof sql, "PRAGMA user_version = %u", (unsigned)database_schema);
        execute(f->path, sql);
        reopen_and_load(f, &(StoreLoader){ 0 });
        assert_int_equal(f->report.n_tasks, 1);
}

static void what_a_killed_first_start_left_is_made_whole(void **state)
{
        Fixture *f = *state;

        close(open(f->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        reopen_and_load(f, &(StoreLoader){ 0 });
        assert_true(f->report.created);
        assert_string_equal(f->report.set_aside, "");
        put_plain_task(f, 1, 1);
        assert_int_equal(wait_commit(f, 1), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_folder_and_its_parents_are_made_for_the_user_alone),
                TEST(a_second_store_is_shut_out_and_told_so),
                TEST(a_store_of_another_process_shuts_out_until_it_dies),
                TEST(a_program_that_has_the_database_open_is_told_of),
                TEST(a_folder_without_write_permission_is_reported_as_read_only),
                TEST(a_database_without_write_permission_is_reported_as_read_only),
                TEST(a_read_only_file_system_is_reported_as_such),
                TEST(a_full_disk_at_open_is_reported_as_such),
                TEST(a_folder_that_is_a_file_is_an_error_of_its_own),
                TEST(a_newer_schema_is_refused_and_left_alone),
                TEST(what_a_killed_first_start_left_is_made_whole),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
