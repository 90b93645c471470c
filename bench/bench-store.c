/* SPDX-License-Identifier: MIT */

/*
 * bench-store [FOLDER]: the store beside what SQLite itself does on the same disk in the same run. The folder
 * (default: the current one) has to be on a real disk.
 */

#include <errno.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <string.h>

#include "base/macro.h"
#include "bench.h"
#include "store/ledger.h"
#include "store/store.h"

#define N_CLIENTS 60
#define N_LOAD 1000000

typedef struct Clients {
        Store *store;
        uint32_t n_started;
        uint32_t n_done;
        uint32_t n_wanted;
        uint32_t n_failed;
} Clients;

static double now(void)
{
        return bench_now_usec() / 1e6;
}

static noreturn void die(const char *what, int error)
{
        bench_die(what, strerror(-error));
}

static TaskRow task_row(uint32_t n)
{
        static char name[17];
        TaskRow row = {
                .spec = { .package = "SamplePackagedWinMainBackgroundApp_h91ms92gdsmmt", .name = name,
                          .trigger = { .kind = 100, .period_usec = 3600000000 }, .conditions = 8 },
                .anchor = { .boot_usec = 1, .real_usec = 1700000000000000 },
                .registered_real_usec = 1700000000000000,
        };
        uint64_t x = n * UINT64_C(0x9e3779b97f4a7c15);

        snprintf(name, sizeof name, "task-%011u", n);
        memcpy(row.id.bytes, &x, sizeof x);
        memcpy(row.id.bytes + 8, &n, sizeof n);
        return row;
}

static void put(Store *store, uint32_t n)
{
        TaskRow row = task_row(n);

        if (store_begin(store, n) < 0)
                exit(1);
        store_put_task(store, &row);
}

/* Each client asks for its next registration when the one before was answered. */
static void answered(uint64_t commit, int error, void *userdata)
{
        Clients *clients = userdata;

        clients->n_done++;
        clients->n_failed += error < 0;
        if (clients->n_started < clients->n_wanted)
                put(clients->store, clients->n_started++);
}

static void run_clients(Clients *clients, uint32_t n_clients, uint32_t n_wanted)
{
        struct pollfd p = { .fd = store_get_fd(clients->store), .events = POLLIN };
        uint32_t n_before = clients->n_done;

        clients->n_wanted = n_before + n_wanted;
        for (uint32_t i = 0; i < n_clients; i++)
                put(clients->store, clients->n_started++);
        store_end(clients->store);
        while (clients->n_done < clients->n_wanted) {
                if (poll(&p, 1, -1) < 0)
                        die("poll", -errno);
                store_dispatch(clients->store);
                store_end(clients->store);
        }
        if (clients->n_failed > 0)
                die("commit", -EIO);
}

static double rate_of_clients(Clients *clients, uint32_t n_clients, uint32_t n)
{
        double t = now();

        run_clients(clients, n_clients, n);
        return n / (now() - t);
}

static double rate_of_batch(Clients *clients, uint32_t n)
{
        struct pollfd p = { .fd = store_get_fd(clients->store), .events = POLLIN };
        double t = now();

        store_begin(clients->store, 0);
        for (uint32_t i = 0; i < n; i++) {
                TaskRow row = task_row(clients->n_started++);

                if (store_put_task(clients->store, &row) < 0)
                        exit(1);
        }
        store_end(clients->store);
        clients->n_done += n - 1;
        clients->n_wanted = clients->n_started;
        while (clients->n_done < clients->n_wanted) {
                if (poll(&p, 1, -1) < 0)
                        die("poll", -errno);
                store_dispatch(clients->store);
        }
        if (clients->n_failed > 0)
                die("batch", -EIO);
        return n / (now() - t);
}

static void sql(sqlite3 *db, const char *text)
{
        char *error;

        if (sqlite3_exec(db, text, NULL, NULL, &error) != SQLITE_OK)
                bench_die(text, error);
}

/* The floor: one row of the same size for each commit, by SQLite alone. */
static double rate_of_sqlite(const char *folder, uint32_t n)
{
        _cleanup_(freep) char *path = NULL;
        static const char row[220];
        sqlite3_stmt *s;
        sqlite3 *db;
        double t;

        if (asprintf(&path, "%s/floor.db", folder) < 0 || sqlite3_open(path, &db) != SQLITE_OK)
                exit(1);
        sql(db, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                "CREATE TABLE t (key INTEGER PRIMARY KEY, row BLOB)");
        sqlite3_prepare_v2(db, "INSERT INTO t (row) VALUES (?1)", -1, &s, NULL);
        t = now();
        for (uint32_t i = 0; i < n; i++) {
                sqlite3_bind_blob(s, 1, row, sizeof row, SQLITE_STATIC);
                if (sqlite3_step(s) != SQLITE_DONE)
                        exit(1);
                sqlite3_reset(s);
        }
        t = now() - t;
        sqlite3_finalize(s);
        sqlite3_close(db);
        unlink(path);
        return n / t;
}

static Clients open_store(const char *folder, Clients *clients, int (*task)(const TaskRow *, void *))
{
        StoreConfig config = { .folder = folder, .committed = answered, .userdata = clients };
        StoreLoader loader = { .task = task };
        StoreReport report;
        int r;

        *clients = (Clients){ 0 };
        r = store_open(&config, &clients->store, &report);
        if (r == 0)
                r = store_load(clients->store, &loader, &report);
        if (r < 0)
                die(report.sentence, r);
        return *clients;
}

static void bench_commits(const char *folder)
{
        double floor = 0, one = 0, many, batch;
        Clients clients;

        open_store(folder, &clients, NULL);
        run_clients(&clients, 1, 500);
        /* In turns, because a disk does not stay the same for long. */
        for (unsigned i = 0; i < 5; i++) {
                floor += rate_of_sqlite(folder, 2000) / 5;
                one += rate_of_clients(&clients, 1, 2000) / 5;
        }
        many = rate_of_clients(&clients, N_CLIENTS, 50000);
        batch = rate_of_batch(&clients, 100000);
        store_free(clients.store);
        bench_title("The store");
        bench_floor("floor: SQLite, one row for each commit", floor, "/s");
        bench_row("one client", one, floor, "/s", "0.8 x");
        bench_row("60 clients", many, 0, "/s", "15 000 /s");
        bench_row("batch", batch, 0, "/s", "50 000 /s");
}

static int count_task(const TaskRow *row, void *userdata)
{
        return 0;
}

static double time_of_scan(const char *path)
{
        sqlite3_stmt *s;
        sqlite3 *db;
        double t;

        if (sqlite3_open(path, &db) != SQLITE_OK)
                exit(1);
        t = now();
        sqlite3_prepare_v2(db, "SELECT id, package, name, spec, state FROM task", -1, &s, NULL);
        while (sqlite3_step(s) == SQLITE_ROW)
                for (int i = 0; i < 5; i++)
                        sqlite3_column_blob(s, i);
        t = now() - t;
        sqlite3_finalize(s);
        sqlite3_close(db);
        return t;
}

static void bench_load(const char *folder)
{
        _cleanup_(freep) char *path = NULL;
        Clients clients;
        double t, floor;

        if (asprintf(&path, "%s/state.db", folder) < 0)
                exit(1);
        open_store(folder, &clients, NULL);
        for (uint32_t i = 0; i < N_LOAD / 100000; i++)
                rate_of_batch(&clients, 100000);
        store_free(clients.store);
        floor = time_of_scan(path);
        t = now();
        open_store(folder, &clients, count_task);
        t = now() - t;
        store_free(clients.store);
        bench_floor("floor: SQLite's scan of 1 000 000 tasks", floor, "s");
        bench_row("start with them", t, floor, "s", "with the engine: 0.8 s");
}

static void bench_ledger(const char *folder)
{
        _cleanup_(freep) char *path = NULL;
        _cleanup_(ledger_freep) Ledger *ledger = NULL;
        const uint32_t n = 1000000;
        double t;

        if (asprintf(&path, "%s/ledger", folder) < 0 || ledger_open(path, UUID_NULL, 0, &ledger, NULL) < 0)
                exit(1);
        t = now();
        for (uint32_t i = 0; i < n; i++) {
                LedgerRow row = { .attempt = i };

                row.run.bytes[0] = (uint8_t)(i % 64);
                if (ledger_put(ledger, &row) < 0)
                        exit(1);
        }
        bench_row("ledger put", (now() - t) * 1e6 / n, 0, "us", "2 us");
        unlink(path);
}

static void remove_state(const char *folder)
{
        static const char *const names[] = { "state.db", "state.lock", "key" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                _cleanup_(freep) char *path = NULL;

                if (asprintf(&path, "%s/%s", folder, names[i]) >= 0)
                        unlink(path);
        }
}

int main(int argc, char *argv[])
{
        _cleanup_(freep) char *folder = NULL;

        if (asprintf(&folder, "%s/bench-store-XXXXXX", argc > 1 ? argv[1] : ".") < 0 || !mkdtemp(folder))
                die("folder", -errno);
        bench_commits(folder);
        remove_state(folder);
        bench_load(folder);
        remove_state(folder);
        bench_ledger(folder);
        return rmdir(folder) < 0;
}
