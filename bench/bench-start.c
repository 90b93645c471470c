/* SPDX-License-Identifier: MIT */

/*
 * What a broker costs at rest and at its start, with no registrations and with many: anonymous memory, wake-ups, the
 * time until it listens. bench-start [REGISTRATIONS]
 */

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "broker.h"

#define TURNS 3
#define REST_SEC 5

/* Every column of every row, by SQLite alone. */
static double scan_seconds(const Bench *bench, int *ret_n)
{
        double start = bench_now_usec();
        sqlite3_stmt *s = NULL;
        sqlite3 *db = NULL;
        char path[128];
        int n = 0;

        snprintf(path, sizeof path, "%s/state/state.db", bench->folder);
        if (sqlite3_open(path, &db) != SQLITE_OK ||
            sqlite3_prepare_v2(db, "SELECT * FROM task", -1, &s, NULL) != SQLITE_OK)
                bench_die(path, sqlite3_errmsg(db));
        for (; sqlite3_step(s) == SQLITE_ROW; n++)
                for (int i = 0; i < sqlite3_column_count(s); i++)
                        (void)sqlite3_column_blob(s, i);
        sqlite3_finalize(s);
        sqlite3_close(db);
        *ret_n = n;
        return (bench_now_usec() - start) / 1e6;
}

static void measure_start(Bench *bench, int n)
{
        Samples floor = { 0 }, ours = { 0 };
        int n_found = 0;

        bench_stop_broker(bench);
        for (int i = 0; i < TURNS; i++) {
                samples_add(&floor, scan_seconds(bench, &n_found));
                samples_add(&ours, bench_start_broker(bench));
                if (i < TURNS - 1)
                        bench_stop_broker(bench);
        }
        if (n_found != n)
                bench_die("start", "the registrations are not all there");
        bench_floor("floor: SQLite's scan of the table", samples_percentile(&floor, 50), "s");
        bench_row("start with them until it listens", samples_percentile(&ours, 50), samples_percentile(&floor, 50),
                  "s", "0.8 s for 1 000 000");
        samples_free(&floor);
        samples_free(&ours);
}

int main(int argc, char *argv[])
{
        int n = (bench_count(argc, argv, 1000000) + 999) / 1000 * 1000;
        Bench bench = { 0 };
        double empty;

        bench_start(&bench);
        bench_title("A broker at rest, and its start");
        bench_row("wake-ups, no registrations", bench_wakeups(&bench, REST_SEC), 0, "/s", "0");
        /* As it is after a start: what an install leaves behind is not the broker's rest. */
        bench_stop_broker(&bench);
        bench_row("start, no registrations", bench_start_broker(&bench), 0, "s", "");
        empty = bench_anonymous_bytes(&bench);
        bench_row("anonymous memory, no registrations", empty / 1e6, 0, "MB", "1.5 MB");
        bench_row("registrations in batches of 1000", bench_register_batches(&bench, "task", n / 1000), 0, "/s",
                  "50 000 /s");
        bench_row("registrations that there are", n, 0, "", "");
        measure_start(&bench, n);
        bench_row("anonymous memory of each", (bench_anonymous_bytes(&bench) - empty) / n, 0, "B", "150 B");
        bench_row("wake-ups with them", bench_wakeups(&bench, REST_SEC), 0, "/s", "0");
        bench_stop(&bench);
        return EXIT_SUCCESS;
}
