/* SPDX-License-Identifier: MIT */

/*
 * Many tasks of each kind, all due at once: how fast they are registered and run, what each takes in memory. Then all
 * of them in one broker. Then one task of every kind, and nothing happens: wake-ups.
 * bench-kinds [TASKS [PART]]: so many that watch files and so many with a calendar, ten times as many with an
 * interval; or one part alone: files, calendar, interval, all or rest.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "broker.h"
#include "floor.h"

#define BATCH 1000
#define AHEAD_SEC 15
#define REST_SEC 60
#define SETTLE_SEC 15

static const char config[] =
        "[limits]\n"
        "starts-per-window = 1000000\n";

static int run(bgt_instance *instance, void *userdata)
{
        Shared *shared = userdata;

        shared_note(shared);
        return 0;
}

/* When something comes due, and how the i-th task says so. */
typedef struct Kind {
        const char *name;
        bgt_trigger *(*trigger)(const Bench *bench, time_t due, int i);
        void (*fire)(const Bench *bench, bgt *b, int n); /* NULL: time does */
} Kind;

static void folder_of(const Bench *bench, int i, char path[static 128])
{
        snprintf(path, 128, "%s/watched/%d", bench->folder, i);
}

static bgt_trigger *file_trigger(const Bench *bench, time_t due, int i)
{
        char path[128];
        const char *const paths[] = { path, NULL };

        folder_of(bench, i, path);
        if (mkdir(path, 0700) < 0)
                bench_die(path, NULL);
        return bgt_trigger_files(paths, false, 1000, 1000000, true);
}

/* Who watches and does not read meanwhile would be disconnected, and never hear of what has ended then. */
static void touch_all(const Bench *bench, bgt *b, int n)
{
        char path[128];

        for (int i = 0; i < n; i++) {
                folder_of(bench, i, path);
                bench_touch(path, 0);
                if (bgt_dispatch(b) < 0)
                        bench_die_of("dispatch");
        }
}

static bgt_trigger *calendar_trigger(const Bench *bench, time_t due, int i)
{
        char expression[64];
        struct tm tm;

        gmtime_r(&due, &tm);
        strftime(expression, sizeof expression, "%Y-%m-%d %H:%M:%S UTC", &tm);
        return bgt_trigger_calendar(expression, true);
}

/* Each counts from its own registration, so that they become due as fast as they were registered. */
static bgt_trigger *interval_trigger(const Bench *bench, time_t due, int i)
{
        return bgt_trigger_interval(AHEAD_SEC * UINT64_C(1000000), 0, true);
}

static bgt_builder *make_builder(const Bench *bench, bgt *b, const Kind *kind, time_t due, int i)
{
        bgt_trigger *trigger = kind->trigger(bench, due, i);
        bgt_builder *builder;
        char name[64];

        snprintf(name, sizeof name, "%s-%010d", kind->name, i);
        builder = bgt_builder_new(b, name);
        bgt_builder_set_trigger(builder, trigger);
        bgt_builder_set_entry_point_clsid(builder, BENCH_CLSID_WARM);
        bgt_trigger_unref(trigger);
        return builder;
}

/* Microseconds that the calls took. What the watch has to tell is read between them. */
static double register_all(const Bench *bench, bgt *b, const Kind *kind, time_t due, int n)
{
        static bgt_register_result results[BATCH];
        static bgt_builder *builders[BATCH];
        double taken = 0;

        for (int done = 0; done < n; done += BATCH) {
                int in_batch = n - done < BATCH ? n - done : BATCH;
                double start;

                for (int i = 0; i < in_batch; i++)
                        builders[i] = make_builder(bench, b, kind, due, done + i);
                start = bench_now_usec();
                if (bgt_builder_register_many(builders, (size_t)in_batch, BGT_IF_EXISTS_FAIL, results) != 0)
                        bench_die_of("register");
                taken += bench_now_usec() - start;
                for (int i = 0; i < in_batch; i++)
                        bgt_builder_unref(builders[i]);
                if (bgt_dispatch(b) < 0)
                        bench_die_of("dispatch");
        }
        return taken;
}

static void on_event(int event, const bgt_record *record, void *userdata)
{
        int *n_ended = userdata;

        if (event == BGT_EVENT_DISCONNECTED)
                bench_die("the watching connection was lost", "so that some ends are not told");
        if (event != BGT_EVENT_COMPLETED)
                return;
        if (strcmp(bgt_record_string(record, "outcome"), "completed") != 0)
                bench_die("a run ended", bgt_record_string(record, "text"));
        ++*n_ended;
}

static void start(Bench *bench)
{
        char path[128];

        *bench = (Bench){ .config = config };
        bench_start(bench);
        snprintf(path, sizeof path, "%s/watched", bench->folder);
        if (mkdir(path, 0700) < 0)
                bench_die(path, NULL);
        snprintf(path, sizeof path, "%s/package", bench->folder);
        if (chdir(path) < 0)
                bench_die(path, NULL);
        shared_map()->cpu = -1;
}

/* A broker, who watches it, and what it had and used before. */
typedef struct Measuring {
        Bench bench;
        bgt *b;
        bgt_watch *watch;
        int n_ended;
        double empty_bytes, cpu_usec, begin_usec;
} Measuring;

static void measuring_init(Measuring *m)
{
        *m = (Measuring){ 0 };
        start(&m->bench);
        m->b = bench_open(&m->bench, BGT_NO_THREADS);
        if (bgt_watch_new(m->b, m->bench.package, NULL, on_event, &m->n_ended, &m->watch) < 0)
                bench_die_of("watch");
        m->empty_bytes = bench_anonymous_bytes(&m->bench);
        m->cpu_usec = bench_broker_cpu_usec(&m->bench);
        m->begin_usec = bench_now_usec();
}

static void measuring_done(Measuring *m)
{
        bgt_watch_free(m->watch);
        bgt_close(m->b);
        bench_stop(&m->bench);
}

static double bytes_of_each(const Measuring *m, int n)
{
        return (bench_anonymous_bytes(&m->bench) - m->empty_bytes) / n;
}

static double cpu_of_each(const Measuring *m, int n)
{
        return (bench_broker_cpu_usec(&m->bench) - m->cpu_usec) / n;
}

static void row(const char *format, const Kind *kind, double value, const char *unit)
{
        char what[128];

        snprintf(what, sizeof what, format, kind->name);
        bench_row(what, value, 0, unit, "");
}

static void measure_kind(const Kind *kind, int n)
{
        time_t due = (time_t)(bench_real_usec() / 1e6) + AHEAD_SEC;
        double taken, begin;
        Measuring m;

        measuring_init(&m);
        taken = register_all(&m.bench, m.b, kind, due, n);
        row("%s: tasks", kind, n, "");
        row("%s: registered, in batches", kind, n / taken * 1e6, "/s");
        row("%s: processor time of the broker for each", kind, cpu_of_each(&m, n), "us");
        row("%s: anonymous memory of each", kind, bytes_of_each(&m, n), "B");
        if (kind->fire) {
                begin = bench_now_usec();
                kind->fire(&m.bench, m.b, n);
        } else if (kind->trigger == calendar_trigger) {
                if (bench_real_usec() > (double)due * 1e6)
                        bench_die("calendar", "registering took too long: some were due before others were there");
                bench_sleep_until(due);
                begin = bench_now_usec();
        } else {
                begin = m.begin_usec + AHEAD_SEC * 1e6;
        }
        bench_dispatch_until(m.b, &m.n_ended, n);
        row("%s: run, from the first due to the last completed", kind, n / (bench_now_usec() - begin) * 1e6, "/s");
        row("%s: processor time of the broker for each, both", kind, cpu_of_each(&m, n), "us");
        measuring_done(&m);
}

/* The calendar is registered last, so that nothing of it is due before it is there. */
static void measure_all(const Kind *const kinds[static 3], int n)
{
        int counts[] = { 10 * n, n, n };
        double taken = 0;
        Measuring m;

        measuring_init(&m);
        for (int i = 0; i < 3; i++)
                taken += register_all(&m.bench, m.b, kinds[i], (time_t)(bench_real_usec() / 1e6) + AHEAD_SEC,
                                      counts[i]);
        bench_row("all: tasks", 12 * n, 0, "", "");
        bench_row("all: registered, in batches", 12 * n / taken * 1e6, 0, "/s", "");
        bench_row("all: anonymous memory of each", bytes_of_each(&m, 12 * n), 0, "B", "");
        touch_all(&m.bench, m.b, n);
        bench_dispatch_until(m.b, &m.n_ended, 12 * n);
        bench_row("all: registered and run", 12 * n / (bench_now_usec() - m.begin_usec) * 1e6, 0, "/s", "");
        bench_row("all: processor time of the broker for each", cpu_of_each(&m, 12 * n), 0, "us", "");
        measuring_done(&m);
}

static void add(bgt *b, bgt_trigger *trigger, int condition)
{
        static int n;
        bgt_builder *builder;
        char name[32];

        snprintf(name, sizeof name, "kind-%d", n++);
        builder = bgt_builder_new(b, name);
        bgt_builder_set_trigger(builder, trigger);
        bgt_builder_set_entry_point_clsid(builder, BENCH_CLSID_WARM);
        if (condition >= 0)
                bgt_builder_add_condition(builder, condition);
        if (bgt_builder_register(builder, BGT_IF_EXISTS_FAIL, NULL) < 0)
                bench_die_of("register");
        bgt_trigger_unref(trigger);
        bgt_builder_unref(builder);
}

/* One task of every kind that needs no capability, and one for each condition. */
static void add_every_kind(const Bench *bench, bgt *b)
{
        static const int systems[] = {
                BGT_SYSTEM_USER_PRESENT, BGT_SYSTEM_USER_AWAY, BGT_SYSTEM_NETWORK_STATE_CHANGE,
                BGT_SYSTEM_INTERNET_AVAILABLE, BGT_SYSTEM_SESSION_CONNECTED, BGT_SYSTEM_SERVICING_COMPLETE,
                BGT_SYSTEM_LOCK_SCREEN_APPLICATION_ADDED, BGT_SYSTEM_LOCK_SCREEN_APPLICATION_REMOVED,
                BGT_SYSTEM_TIME_ZONE_CHANGE, BGT_SYSTEM_BACKGROUND_WORK_COST_CHANGE, BGT_SYSTEM_POWER_STATE_CHANGE,
        };
        const char *const matches[] = { "subsystem=net", NULL };
        time_t tomorrow = (time_t)(bench_real_usec() / 1e6) + 86400;
        char address[128];

        snprintf(address, sizeof address, "unix:%.100s/listen", bench->folder);
        add(b, bgt_trigger_time(15, false), -1);
        add(b, bgt_trigger_maintenance(15, false), -1);
        add(b, calendar_trigger(bench, tomorrow, 0), -1);
        add(b, file_trigger(bench, 0, 0), -1);
        add(b, bgt_trigger_devices(matches, false, false), -1);
        add(b, bgt_trigger_custom_system_event("bench", false), -1);
        add(b, bgt_trigger_socket(address, false), -1);
        add(b, bgt_trigger_application(), -1);
        add(b, bgt_trigger_media_processing(), -1);
        add(b, bgt_trigger_device_use(), -1);
        add(b, bgt_trigger_device_servicing(), -1);
        add(b, bgt_trigger_toast_action(NULL, false), -1);
        add(b, bgt_trigger_toast_history_changed(false), -1);
        add(b, bgt_trigger_push_notification(false), -1);
        for (int kind = BGT_TRIGGER_BOOT; kind <= BGT_TRIGGER_RESUME; kind++)
                add(b, bgt_trigger_event(kind, false), -1);
        for (size_t i = 0; i < sizeof systems / sizeof *systems; i++)
                add(b, bgt_trigger_system(systems[i], false), -1);
        for (int condition = BGT_CONDITION_USER_PRESENT; condition <= BGT_CONDITION_NO_IO_PRESSURE; condition++)
                if (condition <= BGT_CONDITION_BACKGROUND_WORK_COST_NOT_HIGH || condition >= BGT_CONDITION_ON_AC_POWER)
                        add(b, bgt_trigger_interval(UINT64_C(3600000000), 60000000, false), condition);
}

static void measure_rest(void)
{
        Bench bench;
        bgt *b;

        start(&bench);
        b = bench_open(&bench, BGT_NO_THREADS);
        add_every_kind(&bench, b);
        bgt_close(b);
        /* Registering itself was pressure, which wakes whoever watches for it. */
        sleep(SETTLE_SEC);
        bench_row("wake-ups in 60 s, one task of every kind", bench_wakeups(&bench, REST_SEC) * REST_SEC, 0, "", "0");
        bench_stop(&bench);
}

int main(int argc, char *argv[])
{
        static const Kind files = { "files", file_trigger, touch_all };
        static const Kind calendar = { "calendar", calendar_trigger, NULL };
        static const Kind interval = { "interval", interval_trigger, NULL };
        int n = bench_count(argc, argv, 10000);
        const char *part = argc > 2 ? argv[2] : "";

        if (argc > 1 && strcmp(argv[1], "--serve") == 0)
                return bgt_serve(BENCH_CLSID_WARM, BGT_REGCLS_MULTIPLEUSE, run, shared_map()) < 0;
        bench_title("Many of a kind, and every kind");
        if (!part[0] || strcmp(part, "files") == 0)
                measure_kind(&files, n);
        if (!part[0] || strcmp(part, "calendar") == 0)
                measure_kind(&calendar, n);
        if (!part[0] || strcmp(part, "interval") == 0)
                measure_kind(&interval, 10 * n);
        if (!part[0] || strcmp(part, "all") == 0)
                measure_all((const Kind *[]){ &interval, &files, &calendar }, n);
        if (!part[0] || strcmp(part, "rest") == 0)
                measure_rest();
        return EXIT_SUCCESS;
}
