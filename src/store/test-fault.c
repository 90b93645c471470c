/* SPDX-License-Identifier: MIT */

/* The store against failing disks, full disks and sudden death. */

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/test-scale.h"
#include "store/test-help.h"

#define UNIT_ROWS 3

/* What a child tells its parent, in memory that both have. */
typedef struct Shared {
        int opened;
        uint32_t n_answers;
        Answer answers[1024];
        uint32_t n_calls;
        int done; /* pipe: the child is ready to be killed */
} Shared;

static Shared *new_shared(void)
{
        Shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

        assert_ptr_not_equal(shared, MAP_FAILED);
        return shared;
}

/* A layer below SQLite whose calls to write, sync and truncate fail from one on. */
static struct {
        sqlite3_vfs vfs;
        sqlite3_vfs *real;
        const sqlite3_io_methods *real_methods[4]; /* of files with and without locks; they read and write alike */
        sqlite3_io_methods methods[4];
        uint32_t n_calls;
        uint32_t first;     /* call that fails, from 1 on; 0: none */
        uint32_t n_failing; /* this many in turn */
} fault;

static bool fails(void)
{
        fault.n_calls++;
        return fault.first > 0 && fault.n_calls >= fault.first && fault.n_calls - fault.first < fault.n_failing;
}

static int fault_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 offset)
{
        /* The data may have got there nevertheless. */
        int r = fault.real_methods[0]->xWrite(file, data, n, offset);

        return fails() ? SQLITE_IOERR_WRITE : r;
}

static int fault_sync(sqlite3_file *file, int flags)
{
        return fails() ? SQLITE_IOERR_FSYNC : fault.real_methods[0]->xSync(file, flags);
}

static int fault_truncate(sqlite3_file *file, sqlite3_int64 size)
{
        return fails() ? SQLITE_IOERR_TRUNCATE : fault.real_methods[0]->xTruncate(file, size);
}

static int fault_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *ret_flags)
{
        int r = fault.real->xOpen(fault.real, name, file, flags, ret_flags);
        size_t i = 0;

        if (!file->pMethods)
                return r;
        while (fault.real_methods[i] && fault.real_methods[i] != file->pMethods)
                i++;
        assert_true(i < ELEMENTSOF(fault.methods));
        fault.real_methods[i] = file->pMethods;
        fault.methods[i] = *file->pMethods;
        fault.methods[i].xWrite = fault_write;
        fault.methods[i].xSync = fault_sync;
        fault.methods[i].xTruncate = fault_truncate;
        file->pMethods = &fault.methods[i];
        return r;
}

static void arm_faults(uint32_t first, uint32_t n_failing)
{
        if (!fault.real) {
                fault.real = sqlite3_vfs_find(NULL);
                fault.vfs = *fault.real;
                fault.vfs.zName = "fault";
                fault.vfs.xOpen = fault_open;
                sqlite3_vfs_register(&fault.vfs, 1);
        }
        fault.n_calls = 0;
        fault.first = first;
        fault.n_failing = n_failing;
}

/* Rows of a unit are numbered from UNIT_ROWS times its commit number on. */
static void end_unit(Store *store, uint64_t commit)
{
        store_begin(store, commit);
        for (uint32_t i = 0; i < UNIT_ROWS; i++) {
                TaskRow task = plain_task((uint32_t)commit * UNIT_ROWS + i);

                store_put_task(store, &task);
        }
        store_end(store);
}

static void tell(uint64_t commit, int error, void *userdata)
{
        Shared *shared = userdata;

        shared->answers[shared->n_answers] = (Answer){ commit, error };
        __atomic_store_n(&shared->n_answers, shared->n_answers + 1, __ATOMIC_RELEASE);
}

static void wait_for_answers(Store *store, const Shared *shared, uint32_t n)
{
        struct pollfd p = { .fd = store_get_fd(store), .events = POLLIN };

        while (shared->n_answers < n) {
                poll(&p, 1, -1);
                store_dispatch(store);
        }
}

/*
 * What the answers promise, against what a load sees: an acknowledged unit is there, none is there in part, and one
 * that failed is not there if `exact`.
 */
static void check_answers(const Shared *shared, const Seen *seen, bool exact)
{
        for (uint32_t i = 0; i < shared->n_answers; i++) {
                uint32_t n = 0;

                for (uint32_t k = 0; k < UNIT_ROWS; k++)
                        n += was_seen(seen, (uint32_t)shared->answers[i].commit * UNIT_ROWS + k);
                if (shared->answers[i].error == 0)
                        assert_int_equal(n, UNIT_ROWS);
                else if (exact)
                        assert_int_equal(n, 0);
        }
        assert_int_equal(seen->n_tasks % UNIT_ROWS, 0);
}

static void check_folder(Fixture *f, const Shared *shared, bool exact)
{
        static Seen seen;
        StoreLoader loader = see_all(&seen);

        reopen_and_load(f, &loader);
        assert_string_equal(f->report.sentence, "");
        check_answers(shared, &seen, exact);
        f->store = store_free(f->store);
}

static void start_child_store(Fixture *f, Shared *shared)
{
        static const StoreLoader none = { 0 };

        f->config.committed = tell;
        f->config.userdata = shared;
        if (store_open(&f->config, &f->store, &f->report) < 0 || store_load(f->store, &none, &f->report) < 0)
                _exit(0);
        shared->opened = 1;
}

static void write_until_killed(Fixture *f, Shared *shared)
{
        start_child_store(f, shared);
        for (uint32_t i = 0; i < 300; i += 3) {
                /* Alone, and two that may share a transaction. */
                end_unit(f->store, i);
                wait_for_answers(f->store, shared, i + 1);
                end_unit(f->store, i + 1);
                end_unit(f->store, i + 2);
                wait_for_answers(f->store, shared, i + 3);
        }
        for (;;)
                pause();
}

static void every_acknowledged_unit_survives_a_kill_and_none_is_there_in_part(void **state)
{
        uint32_t n_rounds = MAX((uint32_t)(100 * test_scale()), 1u);
        Fixture *f = *state;

        for (uint32_t round = 0; round < n_rounds; round++) {
                uint32_t wanted = (uint32_t)(round * UINT64_C(2654435761) >> 7) % 60;
                Shared *shared = new_shared();
                pid_t pid = fork();

                assert_true(pid >= 0);
                if (pid == 0)
                        write_until_killed(f, shared);
                while (__atomic_load_n(&shared->n_answers, __ATOMIC_ACQUIRE) < wanted)
                        sched_yield();
                kill(pid, SIGKILL);
                assert_int_equal(waitpid(pid, NULL, 0), pid);
                check_folder(f, shared, false);
                munmap(shared, sizeof *shared);
                remove_folder(f->folder);
        }
}

static void wait_to_be_killed(Shared *shared)
{
        shared->n_calls = fault.n_calls;
        if (write(shared->done, "x", 1) != 1)
                _exit(1);
        for (;;)
                pause();
}

/* Units with a fault at one call, then death without closing, if `at_once` right after the first failure. */
static void write_with_fault(Fixture *f, Shared *shared, uint32_t first, uint32_t n_failing, bool at_once)
{
        arm_faults(0, 0);
        start_child_store(f, shared);
        arm_faults(first, n_failing);
        for (uint32_t i = 0; i < 8; i++) {
                end_unit(f->store, i);
                wait_for_answers(f->store, shared, i + 1);
                if (shared->answers[i].error < 0 && at_once)
                        wait_to_be_killed(shared);
        }
        for (uint32_t i = 8; i < 12; i++)
                end_unit(f->store, i);
        wait_for_answers(f->store, shared, 12);
        wait_to_be_killed(shared);
}

static uint32_t run_with_fault(Fixture *f, uint32_t first, uint32_t n_failing, bool exact, bool at_once)
{
        uint32_t n_calls, n_failed = 0;
        Shared *shared = new_shared();
        int fds[2];
        pid_t pid;
        char c;

        assert_int_equal(pipe(fds), 0);
        shared->done = fds[1];
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
                write_with_fault(f, shared, first, n_failing, at_once);
        close(fds[1]);
        assert_int_equal(read(fds[0], &c, 1), 1);
        close(fds[0]);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_true(at_once || shared->n_answers == 12);
        check_folder(f, shared, exact);
        for (uint32_t i = 0; i < shared->n_answers; i++) {
                n_failed += shared->answers[i].error < 0;
                assert_true(shared->answers[i].error == 0 || shared->answers[i].error == -EIO);
        }
        /* A disk that fails once fails at most what it was writing. */
        if (n_failing == 1)
                assert_in_range(n_failed, 0, 1);
        n_calls = shared->n_calls;
        munmap(shared, sizeof *shared);
        remove_folder(f->folder);
        return n_calls;
}

static void a_disk_that_fails_once_fails_one_unit_which_does_not_come_back(void **state)
{
        Fixture *f = *state;
        uint32_t n_calls = 1;

        for (uint32_t first = 1; first <= n_calls; first += test_stride()) {
                run_with_fault(f, first, 1, true, true);
                n_calls = run_with_fault(f, first, 1, true, false);
        }
        assert_true(n_calls > 20);
}

static void a_disk_that_fails_for_a_while_loses_nothing_acknowledged(void **state)
{
        Fixture *f = *state;

        for (uint32_t first = 1; first < 30; first += test_stride())
                for (uint32_t n_failing = 2; n_failing < 20; n_failing += 5)
                        run_with_fault(f, first, n_failing, false, false);
}

static void a_store_whose_disk_has_failed_works_again_when_the_disk_does(void **state)
{
        Fixture *f = *state;

        arm_faults(0, 0);
        reopen_and_load(f, &(StoreLoader){ 0 });
        put_plain_task(f, 1, 1);
        assert_int_equal(wait_commit(f, 1), 0);
        arm_faults(1, UINT32_MAX);
        for (uint32_t i = 2; i < 10; i++) {
                put_plain_task(f, i, i);
                assert_int_equal(wait_commit(f, i), -EIO);
        }
        arm_faults(0, 0);
        put_plain_task(f, 10, 10);
        assert_int_equal(wait_commit(f, 10), 0);
        reopen_and_load(f, &(StoreLoader){ 0 });
        assert_in_range(f->report.n_tasks, 2, 10);
        assert_string_equal(f->report.sentence, "");
}

static void put_big_task(Fixture *f, uint64_t commit, uint32_t n, size_t size)
{
        TaskRow task = plain_task(n);
        char *options = malloc(size + 1);

        memset(options, 'o', size);
        options[size] = '\0';
        task.spec.options = options;
        store_begin(f->store, commit);
        store_put_task(f->store, &task);
        free(options);
}

static void in_child(Fixture *f, void (*check)(Fixture *f))
{
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0) {
                check(f);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
                skip();
        assert_int_equal(status, 0);
}

#define check(x)                                        \
        do {                                            \
                if (!(x)) {                             \
                        print_error("%s\n", #x);        \
                        _exit(1);                       \
                }                                       \
        } while (0)

static void mount_small(Fixture *f)
{
        if (!enter_mount_namespace() || mount("tmpfs", f->folder, "tmpfs", 0, "size=8m") < 0)
                _exit(77);
}

static void fill_disk(Fixture *f)
{
        static const char block[4096];
        char path[96];
        int fd;

        snprintf(path, sizeof path, "%s/filler", f->folder);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        while (write(fd, block, sizeof block) > 0)
                ;
        close(fd);
}

static void empty_disk(Fixture *f)
{
        char path[96];

        snprintf(path, sizeof path, "%s/filler", f->folder);
        unlink(path);
}

static void check_full_disk(Fixture *f)
{
        static Seen seen;
        StoreLoader loader = see_all(&seen);

        mount_small(f);
        check(store_open(&f->config, &f->store, &f->report) == 0 && load_nothing(f) == 0);
        put_plain_task(f, 1, 1);
        check(wait_commit(f, 1) == 0);
        fill_disk(f);
        for (uint32_t i = 2; i < 6; i++) {
                put_big_task(f, i, i, 100000);
                store_end(f->store);
                check(wait_commit(f, i) == -ENOSPC);
                check(store_error(wait_commit(f, i)) == ERROR_STORE_FULL);
        }
        empty_disk(f);
        put_big_task(f, 6, 6, 100000);
        store_end(f->store);
        check(wait_commit(f, 6) == 0);
        f->store = store_free(f->store);
        check(store_open(&f->config, &f->store, &f->report) == 0);
        check(store_load(f->store, &loader, &f->report) == 0);
        check(seen.n_tasks == 2 && was_seen(&seen, 1) && was_seen(&seen, 6));
        f->store = store_free(f->store);
}

static void a_full_disk_fails_units_until_there_is_room_again(void **state)
{
        in_child(*state, check_full_disk);
}

static void check_big_unit(Fixture *f)
{
        mount_small(f);
        check(store_open(&f->config, &f->store, &f->report) == 0 && load_nothing(f) == 0);
        put_big_task(f, 1, 1, 100);
        for (uint32_t i = 0; i < 12; i++)
                put_big_task(f, 2, 100 + i, STORE_TEXT_MAX);
        put_big_task(f, 3, 3, 100);
        store_end(f->store);
        check(wait_commit(f, 1) == 0);
        check(wait_commit(f, 2) == -ENOSPC);
        check(wait_commit(f, 3) == 0);
        f->store = store_free(f->store);
        check(store_open(&f->config, &f->store, &f->report) == 0 && load_nothing(f) == 0);
        check(f->report.n_tasks == 2);
        f->store = store_free(f->store);
}

static void a_unit_too_big_for_the_disk_does_not_fail_the_small_ones_beside_it(void **state)
{
        in_child(*state, check_big_unit);
}

/* For those who may not mount: the size of a file is limited instead. */
static void check_file_limit(Fixture *f)
{
        const struct rlimit limit = { 1024 * 1024, RLIM_INFINITY }, none = { RLIM_INFINITY, RLIM_INFINITY };

        signal(SIGXFSZ, SIG_IGN);
        check(store_open(&f->config, &f->store, &f->report) == 0 && load_nothing(f) == 0);
        put_plain_task(f, 1, 1);
        check(wait_commit(f, 1) == 0);
        check(setrlimit(RLIMIT_FSIZE, &limit) == 0);
        for (uint32_t i = 2; i < 5; i++) {
                put_big_task(f, i, i, STORE_TEXT_MAX);
                store_end(f->store);
                check(wait_commit(f, i) == -ENOSPC);
        }
        put_plain_task(f, 5, 5);
        check(wait_commit(f, 5) == 0);
        check(setrlimit(RLIMIT_FSIZE, &none) == 0);
        put_big_task(f, 6, 6, STORE_TEXT_MAX);
        store_end(f->store);
        check(wait_commit(f, 6) == 0);
        f->store = store_free(f->store);
        check(store_open(&f->config, &f->store, &f->report) == 0 && load_nothing(f) == 0);
        check(f->report.n_tasks == 3);
        f->store = store_free(f->store);
}

static void a_file_that_may_not_grow_is_a_full_disk(void **state)
{
        in_child(*state, check_file_limit);
}

static void what_is_written_after_the_folder_was_removed_is_not_acknowledged(void **state)
{
        Fixture *f = *state;

        assert_true(store_open(&f->config, &f->store, &f->report) == 0 && load_nothing(f) == 0);
        put_plain_task(f, 1, 1);
        assert_true(wait_commit(f, 1) == 0);
        remove_folder(f->config.folder);
        put_plain_task(f, 2, 2);
        assert_true(wait_commit(f, 2) == -ENOENT);
        f->store = store_free(f->store);
        assert_true(store_open(&f->config, &f->store, &f->report) == 0 && load_nothing(f) == 0);
        assert_true(f->report.n_tasks == 0);
        put_plain_task(f, 3, 3);
        assert_true(wait_commit(f, 3) == 0);
        f->store = store_free(f->store);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(every_acknowledged_unit_survives_a_kill_and_none_is_there_in_part),
                TEST(a_full_disk_fails_units_until_there_is_room_again),
                TEST(a_unit_too_big_for_the_disk_does_not_fail_the_small_ones_beside_it),
                TEST(a_file_that_may_not_grow_is_a_full_disk),
                TEST(what_is_written_after_the_folder_was_removed_is_not_acknowledged),
                TEST(a_disk_that_fails_once_fails_one_unit_which_does_not_come_back),
                TEST(a_disk_that_fails_for_a_while_loses_nothing_acknowledged),
                TEST(a_store_whose_disk_has_failed_works_again_when_the_disk_does),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
