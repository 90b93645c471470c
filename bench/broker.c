/* SPDX-License-Identifier: MIT */

#include "broker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define BATCH 1000

extern char **environ;

/* The executables stay where they were built, so that the loader finds their library as it does for the floor. */
static const char manifest[] =
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
        "<Package xmlns=\"http://schemas.microsoft.com/appx/manifest/foundation/windows10\"\n"
        "  xmlns:rescap="
        "\"http://schemas.microsoft.com/appx/manifest/foundation/windows10/restrictedcapabilities\"\n"
        "  xmlns:uap3=\"http://schemas.microsoft.com/appx/manifest/uap/windows10/3\"\n"
        "  xmlns:uap10=\"http://schemas.microsoft.com/appx/manifest/uap/windows10/10\"\n"
        "  xmlns:com=\"http://schemas.microsoft.com/appx/manifest/com/windows10\">\n"
        "  <Identity Name=\"Bench\" Publisher=\"CN=Bench\" Version=\"1.0.0.0\"/>\n"
        "  <Properties><uap10:AllowExternalContent>true</uap10:AllowExternalContent></Properties>\n"
        "  <Applications><Application Id=\"App\" Executable=\"%1$s\"><Extensions>\n"
        "    <com:Extension Category=\"windows.comServer\"><com:ComServer>\n"
        "      <com:ExeServer Executable=\"%1$s\" Arguments=\"--serve\">\n"
        "        <com:Class Id=\"" BENCH_CLSID_WARM "\"/>\n"
        "      </com:ExeServer>\n"
        "      <com:ExeServer Executable=\"%1$s\" Arguments=\"--serve-one\">\n"
        "        <com:Class Id=\"" BENCH_CLSID_COLD "\"/>\n"
        "      </com:ExeServer></com:ComServer></com:Extension>\n"
        "  </Extensions></Application></Applications>\n"
        "  <Capabilities><rescap:Capability Name=\"runFullTrust\"/>"
        "<uap3:Capability Name=\"userNotificationListener\"/></Capabilities>\n"
        "</Package>\n";

noreturn void bench_die_of(const char *what)
{
        bench_die(what, bgt_error()->message);
}

bgt *bench_open(const Bench *bench, int flags)
{
        bgt *b = NULL;

        if (bgt_open(bench->package, flags, &b) < 0)
                bench_die_of("open");
        return b;
}

/* Returns the folder of this program, in buf. */
static const char *make_package(const Bench *bench, char buf[static 4096])
{
        char path[256], *name;
        FILE *f;

        snprintf(buf, 4096, "%s", bench_self());
        name = strrchr(buf, '/');
        *name++ = '\0';
        snprintf(path, sizeof path, "%s/package", bench->folder);
        if (mkdir(path, 0755) < 0)
                bench_die(path, NULL);
        snprintf(path, sizeof path, "%s/package/AppxManifest.xml", bench->folder);
        f = fopen(path, "we");
        if (!f || fprintf(f, manifest, name) < 0 || fclose(f) != 0)
                bench_die(path, NULL);
        return buf;
}

/* Beside the data of the broker. */
static void write_config(const Bench *bench)
{
        char path[128];
        FILE *f;

        if (!bench->config)
                return;
        snprintf(path, sizeof path, "%s/bgtask", bench->folder);
        if (mkdir(path, 0700) < 0)
                bench_die(path, NULL);
        snprintf(path, sizeof path, "%s/bgtask/bgtaskd.conf", bench->folder);
        f = fopen(path, "we");
        if (!f || fputs(bench->config, f) < 0 || fclose(f) != 0)
                bench_die(path, NULL);
}

static void wait_until_it_listens(const Bench *bench)
{
        const struct timespec one_ms = { .tv_nsec = 1000000 };
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd;

        snprintf(address.sun_path, sizeof address.sun_path, "%s/run/bus", bench->folder);
        for (int i = 0; i < 60000; i++) {
                fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
                if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) {
                        close(fd);
                        return;
                }
                close(fd);
                nanosleep(&one_ms, NULL);
        }
        bench_die("the broker does not come up", NULL);
}

double bench_start_broker(Bench *bench)
{
        const char *broker = getenv("BGTASK_BROKER");
        char runtime[96], state[96], bus[96];
        char *argv[] = { (char *)"bgtaskd", (char *)"--runtime", runtime, (char *)"--state", state, NULL };
        double start;

        snprintf(runtime, sizeof runtime, "%s/run", bench->folder);
        snprintf(state, sizeof state, "%s/state", bench->folder);
        snprintf(bus, sizeof bus, "%s/run/bus", bench->folder);
        setenv("BGTASK_BUS", bus, 1);
        setenv("BGTASK_AUTOSTART", "0", 1);
        setenv("XDG_DATA_HOME", bench->folder, 1);
        setenv("XDG_CONFIG_HOME", bench->folder, 1);
        if (!broker)
                broker = BENCH_BROKER;
        start = bench_now_usec();
        errno = posix_spawn(&bench->broker, broker, NULL, NULL, argv, environ);
        if (errno != 0)
                bench_die(broker, NULL);
        wait_until_it_listens(bench);
        return (bench_now_usec() - start) / 1e6;
}

void bench_stop_broker(Bench *bench)
{
        if (bench->broker <= 0)
                return;
        kill(bench->broker, SIGTERM);
        waitpid(bench->broker, NULL, 0);
        bench->broker = 0;
}

static Bench *started;

static void stop_started(void)
{
        if (started)
                bench_stop(started);
}

void bench_start(Bench *bench)
{
        bgt_record *package = NULL, *options = bgt_record_new();
        char path[96], external[4096];
        bgt *b;

        strcpy(bench->folder, "/tmp/bgtask-bench-XXXXXX");
        if (!mkdtemp(bench->folder))
                bench_die(bench->folder, NULL);
        if (!started)
                atexit(stop_started);
        /* Whoever reads what we print may leave; the broker may not stay then. */
        signal(SIGPIPE, SIG_IGN);
        started = bench;
        make_package(bench, external);
        write_config(bench);
        bench_start_broker(bench);
        b = bench_open(bench, BGT_NO_AUTOSTART);
        snprintf(path, sizeof path, "%s/package", bench->folder);
        if (bgt_record_set_string(options, "external-location", external) < 0 ||
            bgt_package_install(b, path, options, &package) < 0)
                bench_die_of("install");
        bgt_record_unref(options);
        snprintf(bench->package, sizeof bench->package, "%s", bgt_record_string(package, "package"));
        bgt_record_unref(package);
        bgt_close(b);
}

void bench_stop(Bench *bench)
{
        char command[128];

        started = NULL;
        bench_stop_broker(bench);
        snprintf(command, sizeof command, "rm -rf '%s'", bench->folder);
        if (chdir("/") < 0 || system(command) != 0)
                fprintf(stderr, "bench: %s is left\n", bench->folder);
}

void bench_touch(const char *folder, unsigned i)
{
        char path[160];
        int fd;

        snprintf(path, sizeof path, "%s/%u", folder, i);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
                bench_die(path, NULL);
        close(fd);
}

bgt_builder *bench_interval_builder(bgt *b, const char *name)
{
        bgt_trigger *trigger = bgt_trigger_interval(UINT64_C(86400000000), 60000000, false);
        bgt_builder *builder = bgt_builder_new(b, name);

        bgt_builder_set_trigger(builder, trigger);
        bgt_builder_set_entry_point_clsid(builder, BENCH_CLSID_WARM);
        bgt_builder_add_condition(builder, BGT_CONDITION_ON_AC_POWER);
        bgt_trigger_unref(trigger);
        return builder;
}

double bench_register_batches(const Bench *bench, const char *prefix, int n_batches)
{
        static bgt_register_result results[BATCH];
        static bgt_builder *builders[BATCH];
        bgt *b = bench_open(bench, 0);
        double taken = 0, start;

        for (int i = 0; i < n_batches; i++) {
                for (int j = 0; j < BATCH; j++) {
                        char name[64];

                        snprintf(name, sizeof name, "%s-%011d", prefix, i * BATCH + j);
                        builders[j] = bench_interval_builder(b, name);
                }
                start = bench_now_usec();
                if (bgt_builder_register_many(builders, BATCH, BGT_IF_EXISTS_FAIL, results) != 0)
                        bench_die_of("register");
                taken += bench_now_usec() - start;
                for (int j = 0; j < BATCH; j++)
                        bgt_builder_unref(builders[j]);
        }
        bgt_close(b);
        return n_batches * BATCH / taken * 1e6;
}

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

double bench_anonymous_bytes(const Bench *bench)
{
        char path[64];

        snprintf(path, sizeof path, "/proc/%d/status", (int)bench->broker);
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

void bench_dispatch_until(bgt *b, const int *n_ended, int n)
{
        while (*n_ended < n) {
                int fd = bgt_get_fd(b);
                fd_set set;

                FD_ZERO(&set);
                FD_SET(fd, &set);
                select(fd + 1, &set, NULL, NULL, NULL);
                if (bgt_dispatch(b) < 0)
                        bench_die_of("dispatch");
        }
}

static void on_task_event(int event, const bgt_record *record, void *userdata)
{
        BenchTask *task = userdata;

        if (event == BGT_EVENT_DISCONNECTED)
                bench_die("the watching connection was lost", NULL);
        if (event != BGT_EVENT_COMPLETED)
                return;
        if (strcmp(bgt_record_string(record, "outcome"), "completed") != 0)
                bench_die("a run ended", bgt_record_string(record, "text"));
        task->accepted_real_usec = (double)bgt_record_uint(record, "accepted", 0);
        task->ended_usec = bench_now_usec();
        task->progress = bgt_record_uint(record, "progress", 0);
        task->n_ended++;
}

void bench_task_init(BenchTask *task, const Bench *bench, const char *name, const char *clsid)
{
        bgt_trigger *trigger = bgt_trigger_application();
        bgt_builder *builder;

        *task = (BenchTask){ .b = bench_open(bench, BGT_NO_THREADS) };
        builder = bgt_builder_new(task->b, name);
        bgt_builder_set_trigger(builder, trigger);
        bgt_builder_set_entry_point_clsid(builder, clsid);
        if (bgt_builder_register(builder, BGT_IF_EXISTS_KEEP, &task->registration) < 0 ||
            bgt_watch_new(task->b, NULL, bgt_registration_id(task->registration), on_task_event, task,
                          &task->watch) < 0)
                bench_die_of("register");
        bgt_trigger_unref(trigger);
        bgt_builder_unref(builder);
}

void bench_task_done(BenchTask *task)
{
        bgt_watch_free(task->watch);
        bgt_registration_unref(task->registration);
        bgt_close(task->b);
}

double bench_task_run(BenchTask *task)
{
        double start = bench_now_usec();
        int n = task->n_ended;

        if (bgt_task_run(task->b, bgt_registration_id(task->registration), false, NULL) < 0)
                bench_die_of("run");
        bench_dispatch_until(task->b, &task->n_ended, n + 1);
        return start;
}

double bench_broker_cpu_usec(const Bench *bench)
{
        struct timespec now = { 0 };
        clockid_t clock;

        if (clock_getcpuclockid(bench->broker, &clock) != 0 || clock_gettime(clock, &now) < 0)
                bench_die("the broker's processor time", NULL);
        return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

double bench_wakeups(const Bench *bench, int seconds)
{
        const struct timespec settle = { .tv_sec = 1 }, rest = { .tv_sec = seconds };
        double n;

        nanosleep(&settle, NULL);
        n = count_wakeups(bench->broker);
        nanosleep(&rest, NULL);
        return (count_wakeups(bench->broker) - n) / seconds;
}
