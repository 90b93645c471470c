/* SPDX-License-Identifier: MIT */

/*
 * Cold and warm activation through the broker. They take turns with their floors (floor.h), so that what else the
 * machine does hits both.
 *
 * bench-activation [ACTIVATIONS] [cgroup]: with "cgroup" it makes itself a delegated one; that takes root.
 */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "bench.h"
#include "broker.h"
#include "floor.h"

static int run(bgt_instance *instance, void *userdata)
{
        Shared *shared = userdata;

        shared_note(shared);
        return 0;
}

static int serve(void)
{
        Shared *shared = shared_map();

        bench_pin(0, shared->cpu);
        shared->server = getpid();
        return bgt_serve(BENCH_CLSID_WARM, BGT_REGCLS_MULTIPLEUSE, run, shared) < 0;
}

static int serve_one(void)
{
        static const bgt_class class = { .size = sizeof class, .run = run };
        Shared *shared = shared_map();
        bgt_server *server = NULL;
        int r;

        shared->server = getpid();
        if (bgt_server_register_class(NULL, BENCH_CLSID_COLD, BGT_REGCLS_SINGLEUSE, &class, shared, &server) < 0)
                return EXIT_FAILURE;
        r = bgt_server_wait(NULL, BGT_WAIT_ONE, -1);
        bgt_server_revoke(server);
        return r < 0;
}

typedef struct Times {
        Samples decided; /* from the broker's decision to the first line of run */
        Samples first;   /* from the client's request */
        Samples completed;
} Times;

static void times_free(Times *times)
{
        samples_free(&times->decided);
        samples_free(&times->first);
        samples_free(&times->completed);
}

static void measure_run(BenchTask *task, Times *times)
{
        const Shared *shared = shared_map();
        double start = bench_task_run(task);

        samples_add(&times->decided, shared->first_line_real_usec - task->accepted_real_usec);
        samples_add(&times->first, shared->first_line_usec - start);
        samples_add(&times->completed, task->ended_usec - start);
}

/* A server of the last measurement must not be there for the next one, nor be in its way. */
static void measure_cold(const Bench *bench, int n, const char *budget)
{
        Samples spawn = { 0 };
        Times times = { 0 };
        Shared *shared = shared_map();
        BenchTask task;

        bench_task_init(&task, bench, "cold", BENCH_CLSID_COLD);
        for (int i = 0; i < n; i++) {
                samples_add(&spawn, floor_spawn(shared));
                measure_run(&task, &times);
                bench_wait_gone(shared->server);
        }
        bench_floor_of("floor: spawn this program, one round trip", &spawn);
        bench_row_of("cold: decision to first line of run", &times.decided, &spawn, budget);
        bench_row_of("cold: request to first line of run", &times.first, &spawn, "");
        bench_row_of("cold: request to completed", &times.completed, &spawn, "");
        bench_task_done(&task);
        times_free(&times);
        samples_free(&spawn);
}

static void measure_warm(const Bench *bench, int n, int cpu, int cpu_broker, const char *where)
{
        Samples floor = { 0 };
        Times times = { 0 };
        char what[128];
        Hops hops;
        Shared *shared = shared_map();
        BenchTask task;

        bench_task_init(&task, bench, "warm", BENCH_CLSID_WARM);
        shared->cpu = cpu;
        bench_pin(0, cpu);
        bench_pin(bench->broker, cpu_broker);
        hops = hops_start(cpu_broker, cpu);
        /* The first run starts the server. */
        for (int i = 0; i < n / 10 + 1; i++)
                measure_run(&task, &times);
        times.decided.n = times.first.n = times.completed.n = 0;
        for (int i = 0; i < n; i++) {
                bench_rest();
                samples_add(&floor, hops_measure(&hops));
                bench_rest();
                measure_run(&task, &times);
        }
        snprintf(what, sizeof what, "floor: a message over three processes, %s", where);
        bench_floor_of(what, &floor);
        snprintf(what, sizeof what, "warm: request to first line of run, %s", where);
        bench_row_of(what, &times.first, &floor, "2 x");
        snprintf(what, sizeof what, "warm: request to completed, %s", where);
        bench_row_of(what, &times.completed, &floor, "3 x");
        hops_stop(&hops);
        (void)bgt_task_cancel(task.b, bgt_registration_id(task.registration), BGT_REASON_ABORT, NULL);
        kill(shared->server, SIGTERM);
        bench_wait_gone(shared->server);
        bench_task_done(&task);
        times_free(&times);
        samples_free(&floor);
        bench_pin(0, -1);
        bench_pin(bench->broker, -1);
}

/* NULL: we are in one. Else why not. */
static const char *enter_delegated_cgroup(char folder[static 128])
{
        static const char *const roots[] = { "/sys/fs/cgroup", "/sys/fs/cgroup/unified" };
        char procs[160];
        FILE *f;

        for (size_t i = 0; i < sizeof roots / sizeof *roots; i++) {
                snprintf(procs, sizeof procs, "%s/cgroup.controllers", roots[i]);
                if (access(procs, F_OK) < 0)
                        continue;
                snprintf(folder, 128, "%s/bgtask-bench-%d", roots[i], (int)getpid());
                if (mkdir(folder, 0755) < 0)
                        return strerror(errno);
                snprintf(procs, sizeof procs, "%s/cgroup.procs", folder);
                f = fopen(procs, "we");
                if (!f || fprintf(f, "0\n") < 0 || fclose(f) != 0)
                        return strerror(errno);
                return setxattr(folder, "user.delegate", "1", 1, 0) < 0 ? strerror(errno) : NULL;
        }
        return "there is no cgroup v2";
}

static void leave_cgroup(const char *folder)
{
        char path[192];
        FILE *f;

        snprintf(path, sizeof path, "%.*s/cgroup.procs", (int)(strrchr(folder, '/') - folder), folder);
        f = fopen(path, "we");
        if (f && fprintf(f, "0\n") > 0)
                fclose(f);
        snprintf(path, sizeof path, "find '%s' -depth -type d -exec rmdir {} +", folder);
        if (system(path) != 0)
                fprintf(stderr, "bench: %s is left\n", folder);
}

static void start(Bench *bench)
{
        char folder[128];

        bench_start(bench);
        snprintf(folder, sizeof folder, "%s/package", bench->folder);
        if (chdir(folder) < 0)
                bench_die(folder, NULL);
}

static void bench_cgroup(int n)
{
        char folder[128] = "";
        const char *problem = enter_delegated_cgroup(folder);
        Bench bench = { 0 };

        if (problem) {
                bench_skip("cold, with a cgroup for the server", problem);
        } else {
                start(&bench);
                measure_cold(&bench, n, "+ 120 us");
                bench_stop(&bench);
        }
        if (*folder)
                leave_cgroup(folder);
}

int main(int argc, char *argv[])
{
        int n = bench_count(argc, argv, 300);
        Bench bench = { 0 };

        if (argc > 1 && strcmp(argv[1], "--serve") == 0)
                return serve();
        if (argc > 1 && strcmp(argv[1], "--serve-one") == 0)
                return serve_one();
        if (argc > 1 && strcmp(argv[1], FLOOR_ARGUMENT) == 0)
                return floor_answer();
        if (argc > 2 && strcmp(argv[2], "cgroup") == 0) {
                bench_cgroup(n);
                return EXIT_SUCCESS;
        }
        start(&bench);
        bench_title("Activation");
        measure_cold(&bench, n, "+ 60 us");
        measure_warm(&bench, 10 * n, 0, 0, "same CPU");
        if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
                measure_warm(&bench, 10 * n, 0, 1, "across CPUs");
        else
                bench_skip("warm, across CPUs", "there is only one");
        bench_stop(&bench);
        return EXIT_SUCCESS;
}
