/* SPDX-License-Identifier: MIT */

/*
 * Durable registrations per second: one client, sixty at a time, and the batch call, beside SQLite's own rate of
 * commits of one row of that shape with the same settings on the same disk. bench-register [REGISTRATIONS]
 */

#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "broker.h"

#define CLIENTS 60
#define TURNS 5

typedef struct Floor {
        sqlite3 *db;
        sqlite3_stmt *insert;
} Floor;

static void floor_init(Floor *floor, const Bench *bench)
{
        char path[128];

        snprintf(path, sizeof path, "%s/floor.db", bench->folder);
        if (sqlite3_open(path, &floor->db) != SQLITE_OK ||
            sqlite3_exec(floor->db,
                         "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                         "CREATE TABLE t(key INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, row BLOB NOT NULL)",
                         NULL, NULL, NULL) != SQLITE_OK ||
            sqlite3_prepare_v2(floor->db, "INSERT INTO t(id, row) VALUES(randomblob(16), zeroblob(160))", -1,
                               &floor->insert, NULL) != SQLITE_OK)
                bench_die(path, sqlite3_errmsg(floor->db));
}

static double floor_measure(Floor *floor, int n)
{
        double start = bench_now_usec();

        for (int i = 0; i < n; i++) {
                if (sqlite3_step(floor->insert) != SQLITE_DONE)
                        bench_die("insert", sqlite3_errmsg(floor->db));
                sqlite3_reset(floor->insert);
        }
        return bench_now_usec() - start;
}

static void floor_done(Floor *floor)
{
        sqlite3_finalize(floor->insert);
        sqlite3_close(floor->db);
}

static double register_some(bgt *b, const char *prefix, int n)
{
        double start = bench_now_usec();

        for (int i = 0; i < n; i++) {
                bgt_registration *task = NULL;
                bgt_builder *builder;
                char name[64];

                snprintf(name, sizeof name, "%s-%d", prefix, i);
                builder = bench_interval_builder(b, name);
                if (bgt_builder_register(builder, BGT_IF_EXISTS_FAIL, &task) < 0)
                        bench_die_of("register");
                bgt_registration_unref(task);
                bgt_builder_unref(builder);
        }
        return bench_now_usec() - start;
}

/* In turns, because a disk does not stay the same for long. */
static void measure_one(const Bench *bench, int n)
{
        double floor_usec = 0, ours_usec = 0;
        bgt *b = bench_open(bench, 0);
        Floor floor;

        floor_init(&floor, bench);
        for (int i = 0; i < TURNS; i++) {
                char prefix[32];

                snprintf(prefix, sizeof prefix, "one%d", i);
                floor_usec += floor_measure(&floor, n / TURNS);
                ours_usec += register_some(b, prefix, n / TURNS);
        }
        n = n / TURNS * TURNS;
        bench_floor("floor: SQLite, one row for each commit", n / floor_usec * 1e6, "/s");
        bench_row("durable registrations, one client", n / ours_usec * 1e6, n / floor_usec * 1e6, "/s", "0.8 x");
        floor_done(&floor);
        bgt_close(b);
}

typedef struct Client {
        pthread_t thread;
        const Bench *bench;
        int number;
        int n;
} Client;

static void *client_main(void *userdata)
{
        const Client *client = userdata;
        bgt *b = bench_open(client->bench, 0);
        char prefix[32];

        snprintf(prefix, sizeof prefix, "client%d", client->number);
        (void)register_some(b, prefix, client->n);
        bgt_close(b);
        return NULL;
}

static double many_rate(const Bench *bench, int n_each)
{
        static Client clients[CLIENTS];
        double start = bench_now_usec();

        for (int i = 0; i < CLIENTS; i++) {
                clients[i] = (Client){ .bench = bench, .number = i, .n = n_each };
                if (pthread_create(&clients[i].thread, NULL, client_main, &clients[i]) != 0)
                        bench_die("pthread_create", NULL);
        }
        for (int i = 0; i < CLIENTS; i++)
                pthread_join(clients[i].thread, NULL);
        return CLIENTS * n_each / (bench_now_usec() - start) * 1e6;
}

int main(int argc, char *argv[])
{
        int n = bench_count(argc, argv, 5000);
        Bench bench = { 0 };

        if (n < CLIENTS)
                n = CLIENTS;
        bench_start(&bench);
        bench_title("Registering");
        measure_one(&bench, n);
        bench_row("durable registrations, 60 synchronous clients", many_rate(&bench, n / CLIENTS * 4), 0, "/s",
                  "15 000 /s");
        bench_row("durable registrations, batches of 1000", bench_register_batches(&bench, "task", n / 100), 0, "/s",
                  "50 000 /s");
        bench_stop(&bench);
        return EXIT_SUCCESS;
}
