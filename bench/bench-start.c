/* SPDX-License-Identifier: MIT */

/*
 * What a broker costs at rest and at its start, with no registrations and with many: anonymous memory, wake-ups, the
 * time until it listens. bench-start [REGISTRATIONS]
 */

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench.h"
#include "broker.h"

#define TURNS 3
#define REST_SEC 5

/* The number behind a key of a status file of /proc; 0 if it is not there. */
static double read_status(const char *path, const char *key)
{
        char line[256];
        double value = 0;
        FILE *f = fopen(path, "re");

        while (f && fgets(line, sizeof line, f))
                if (strncmp(line, key, strlen(key)) == 0)
                        value = strtod(line + strlen(key), NULL);
        if (f)
                fclose(f);
        return value;
}

static double anonymous_bytes(pid_t pid)
{
        char path[64];

        snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
        return read_status(path, "RssAnon:") * 1024;
}

/* Each time that a thread has slept and runs again. */
static double count_wakeups(pid_t pid)
{
        struct dirent *entry;
        char path[320];
        double n = 0;
        DIR *dir;

        snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
        dir = opendir(path);
        if (!dir)
                bench_die(path, NULL);
        while ((entry = readdir(dir))) {
                snprintf(path, sizeof path, "/proc/%d/task/%s/status", (int)pid, entry->d_name);
                n += read_status(path, "voluntary_ctxt_switches:");
        }
        closedir(dir);
        return n;
}

static double wakeups_at_rest(pid_t pid)
{
        const struct timespec settle = { .tv_sec = 1 }, rest = { .tv_sec = REST_SEC };
        double n;

        nanosleep(&settle, NULL);
        n = count_wakeups(pid);
        nanosleep(&rest, NULL);
        return (count_wakeups(pid) - n) / REST_SEC;
}

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
        bench_row("wake-ups, no registrations", wakeups_at_rest(bench.broker), 0, "/s", "0");
        /* As it is after a start: what an install leaves behind is not the broker's rest. */
        bench_stop_broker(&bench);
        bench_row("start, no registrations", bench_start_broker(&bench), 0, "s", "");
        empty = anonymous_bytes(bench.broker);
        bench_row("anonymous memory, no registrations", empty / 1e6, 0, "MB", "1.5 MB");
        bench_row("registrations in batches of 1000", bench_register_batches(&bench, "task", n / 1000), 0, "/s",
                  "50 000 /s");
        bench_row("registrations that there are", n, 0, "", "");
        measure_start(&bench, n);
        bench_row("anonymous memory of each", (anonymous_bytes(bench.broker) - empty) / n, 0, "B", "150 B");
        bench_row("wake-ups with them", wakeups_at_rest(bench.broker), 0, "/s", "0");
        bench_stop(&bench);
        return EXIT_SUCCESS;
}
