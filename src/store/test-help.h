/* SPDX-License-Identifier: MIT */
#pragma once

/* What the tests of this room share: a folder of their own, a store in it, and waiting for its answers. */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/store.h"

#define ANSWERS_MAX 8192

typedef struct Answer {
        uint64_t commit;
        int error;
} Answer;

typedef struct Fixture {
        char folder[64];
        char path[80]; /* of the database */
        StoreConfig config;
        Store *store;
        StoreReport report;
        Answer answers[ANSWERS_MAX];
        size_t n_answers;
        StoreHistoryPage page; /* the last one; its rows are copied */
        RunRow runs[STORE_HISTORY_PAGE_MAX];
        bool page_came;
} Fixture;

static inline void on_committed(uint64_t commit, int error, void *userdata)
{
        Fixture *f = userdata;

        assert_true(f->n_answers < ANSWERS_MAX);
        f->answers[f->n_answers++] = (Answer){ commit, error };
}

static inline void on_history(const StoreHistoryPage *page, void *userdata)
{
        Fixture *f = userdata;

        f->page = *page;
        for (size_t i = 0; i < page->n_runs; i++) {
                f->runs[i] = page->runs[i];
                f->runs[i].package = strdup(page->runs[i].package);
                f->runs[i].name = strdup(page->runs[i].name);
        }
        f->page_came = true;
}

static inline void forget_page(Fixture *f)
{
        for (size_t i = 0; i < f->page.n_runs; i++) {
                free((char *)f->runs[i].package);
                free((char *)f->runs[i].name);
        }
        f->page = (StoreHistoryPage){ 0 };
        f->page_came = false;
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        return remove(path);
}

static inline void remove_folder(const char *path)
{
        nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static inline int fixture_setup(void **state)
{
        Fixture *f = calloc(1, sizeof *f);

        assert_non_null(f);
        /* In memory if there is such a place: what is tested here survives processes, not machines. */
        strcpy(f->folder, "/dev/shm/bgtask-store-XXXXXX");
        if (!mkdtemp(f->folder)) {
                strcpy(f->folder, "/tmp/bgtask-store-XXXXXX");
                assert_non_null(mkdtemp(f->folder));
        }
        snprintf(f->path, sizeof f->path, "%s/state.db", f->folder);
        f->config = (StoreConfig){ .folder = f->folder, .committed = on_committed, .history_read = on_history,
                                   .userdata = f };
        *state = f;
        return 0;
}

static inline int fixture_teardown(void **state)
{
        Fixture *f = *state;

        store_free(f->store);
        forget_page(f);
        remove_folder(f->folder);
        free(f);
        return 0;
}

static inline int load_nothing(Fixture *f)
{
        static const StoreLoader none = { 0 };

        return store_load(f->store, &none, &f->report);
}

/* Opens the store of the fixture anew. */
static inline void reopen(Fixture *f)
{
        f->store = store_free(f->store);
        f->n_answers = 0;
        assert_int_equal(store_open(&f->config, &f->store, &f->report), 0);
}

static inline void reopen_and_load(Fixture *f, const StoreLoader *loader)
{
        reopen(f);
        assert_int_equal(store_load(f->store, loader, &f->report), 0);
}

static inline void wait_for_store(Fixture *f)
{
        struct pollfd p = { .fd = store_get_fd(f->store), .events = POLLIN };

        while (poll(&p, 1, -1) < 0)
                assert_int_equal(errno, EINTR);
        store_dispatch(f->store);
}

static inline const Answer *find_answer(const Fixture *f, uint64_t commit)
{
        for (size_t i = f->n_answers; i-- > 0;)
                if (f->answers[i].commit == commit)
                        return &f->answers[i];
        return NULL;
}

static inline int wait_commit(Fixture *f, uint64_t commit)
{
        while (!find_answer(f, commit))
                wait_for_store(f);
        return find_answer(f, commit)->error;
}

static inline const StoreHistoryPage *wait_page(Fixture *f, const StoreHistoryQuery *query)
{
        forget_page(f);
        assert_int_equal(store_history(f->store, query, 77), 0);
        while (!f->page_came)
                wait_for_store(f);
        assert_int_equal(f->page.token, 77);
        return &f->page;
}

static inline bool write_text(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

        close(fd);
        return good;
}

/*
 * For a child of the test: a namespace of its own, where file systems may be mounted and nobody else sees them, also
 * for an ordinary user, who is root in there. False: the kernel does not let us.
 */
static inline bool enter_mount_namespace(void)
{
        unsigned uid = geteuid(), gid = getegid();
        char users[32], groups[32];

        snprintf(users, sizeof users, "0 %u 1", uid);
        snprintf(groups, sizeof groups, "0 %u 1", gid);
        if (uid != 0 && (unshare(CLONE_NEWUSER) < 0 || !write_text("/proc/self/setgroups", "deny") ||
                         !write_text("/proc/self/uid_map", users) || !write_text("/proc/self/gid_map", groups)))
                return false;
        return unshare(CLONE_NEWNS) == 0 && mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0;
}

static inline Uuid test_uuid(uint8_t tag, uint32_t n)
{
        Uuid uuid = { { tag } };

        memcpy(uuid.bytes + 8, &n, sizeof n);
        return uuid;
}

/* A task whose every field differs from every other's. */
static inline TaskRow full_task(uint32_t n)
{
        return (TaskRow){
                .id = test_uuid('t', n),
                .spec = {
                        .package = "Sample_h91ms92gdsmmt", .name = "a task", .group = "a group",
                        .options = "an option",
                        .trigger = { .kind = 100, .one_shot = true, .system_type = 3,
                                     .period_usec = UINT64_C(3600000000) + n, .window_usec = 5000001,
                                     .text = "Mon *-*-* 00:00" },
                        .clsid = test_uuid('c', n), .has_entry_point = true, .conditions = UINT32_C(0x80030102),
                        .cancel_on_condition_loss = true, .network_requested = true, .overlap = 4, .catch_up = 2,
                        .rerun = 1, .retry_max = 70000, .catch_up_window_usec = 11, .retry_backoff_usec = 22,
                        .time_limit_usec = 33, .expires_usec = 44, .deadline_usec = UINT64_MAX,
                },
                .anchor = { .boot_id = test_uuid('b', n), .boot_usec = 123456789012, .real_usec = 1700000000000001 },
                .last_number = UINT64_C(1) << 62, .registered_real_usec = 1700000000000002, .paused = true,
        };
}

static inline TaskRow plain_task(uint32_t n)
{
        return (TaskRow){
                .id = test_uuid('t', n),
                .spec = { .package = "Sample_h91ms92gdsmmt", .name = "plain",
                          .trigger = { .kind = 1, .period_usec = 900000000 }, .clsid = test_uuid('c', 0) },
                .anchor = { .boot_id = test_uuid('b', 0), .boot_usec = 1, .real_usec = 2 },
        };
}

static inline RunRow plain_run(uint32_t task, uint64_t number)
{
        return (RunRow){ .id = test_uuid('r', (uint32_t)number), .task = test_uuid('t', task), .package = "Sample",
                         .name = "plain", .number = number, .ended_real_usec = number * 10, .outcome = 1 };
}

/* Units of one row, ended and not waited for. */
static inline void put_task(Fixture *f, uint64_t commit, const TaskRow *row)
{
        assert_int_equal(store_begin(f->store, commit), 0);
        store_put_task(f->store, row);
        store_end(f->store);
}

static inline void put_plain_task(Fixture *f, uint64_t commit, uint32_t n)
{
        TaskRow row = plain_task(n);

        put_task(f, commit, &row);
}

/* What a load saw. */
typedef struct Seen {
        size_t n_packages;
        size_t n_tasks;
        size_t n_pending;
        size_t n_levels;
        uint32_t tasks[ANSWERS_MAX]; /* numbers of test_uuid() */
} Seen;

static inline int see_package(const StorePackage *row, void *userdata)
{
        Seen *seen = userdata;

        seen->n_packages++;
        return 0;
}

static inline int see_task(const TaskRow *row, void *userdata)
{
        Seen *seen = userdata;
        uint32_t n;

        assert_int_equal(row->id.bytes[0], 't');
        memcpy(&n, row->id.bytes + 8, sizeof n);
        if (seen->n_tasks < ANSWERS_MAX)
                seen->tasks[seen->n_tasks] = n;
        seen->n_tasks++;
        return 0;
}

static inline int see_pending(const PendingRow *row, void *userdata)
{
        Seen *seen = userdata;

        seen->n_pending++;
        return 0;
}

static inline int see_level(const StoreLevel *row, void *userdata)
{
        Seen *seen = userdata;

        seen->n_levels++;
        return 0;
}

static inline StoreLoader see_all(Seen *seen)
{
        *seen = (Seen){ 0 };
        return (StoreLoader){ .package = see_package, .task = see_task, .pending = see_pending, .level = see_level,
                              .userdata = seen };
}

static inline Seen reopen_and_see(Fixture *f)
{
        Seen seen;
        const StoreLoader loader = see_all(&seen);

        reopen_and_load(f, &loader);
        return seen;
}

static inline bool was_seen(const Seen *seen, uint32_t n)
{
        for (size_t i = 0; i < seen->n_tasks; i++)
                if (seen->tasks[i] == n)
                        return true;
        return false;
}
