/* SPDX-License-Identifier: MIT */

/*
 * Cold and warm activation of a server that is a program of Windows, beside what Wine itself takes for an object of
 * the same server, and for a program that only exits. The prefix is up in all of them.
 *
 * bench-wine [ACTIVATIONS]
 */

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "broker.h"

#define PRIORITY_OF_SERVERS 10
#define CLSID_WARM "5d0a3b7e-9c0f-4a58-8f6e-0b1f5c7d2e51"
#define CLSID_COLD "5d0a3b7e-9c0f-4a58-8f6e-0b1f5c7d2e52"
/* Those that Wine starts itself: where it does, nobody else may. */
#define CLSID_OF_WINE "{5d0a3b7e-9c0f-4a58-8f6e-0b1f5c7d2e53}"
#define CLSID_OF_WINE_WARM "{5d0a3b7e-9c0f-4a58-8f6e-0b1f5c7d2e54}"

extern char **environ;

static const char manifest[] =
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
        "<Package xmlns=\"http://schemas.microsoft.com/appx/manifest/foundation/windows10\"\n"
        "  xmlns:rescap="
        "\"http://schemas.microsoft.com/appx/manifest/foundation/windows10/restrictedcapabilities\"\n"
        "  xmlns:com=\"http://schemas.microsoft.com/appx/manifest/com/windows10\">\n"
        "  <Identity Name=\"Bench.Wine\" Publisher=\"CN=Bench\" Version=\"1.0.0.0\"/>\n"
        "  <Applications><Application Id=\"App\" Executable=\"program.exe\"><Extensions>\n"
        "    <com:Extension Category=\"windows.comServer\"><com:ComServer>\n"
        "      <com:ExeServer Executable=\"program.exe\" Arguments=\"serve {" CLSID_WARM "}\">\n"
        "        <com:Class Id=\"" CLSID_WARM "\"/>\n"
        "      </com:ExeServer>\n"
        "      <com:ExeServer Executable=\"program.exe\" Arguments=\"once {" CLSID_COLD "}\">\n"
        "        <com:Class Id=\"" CLSID_COLD "\"/>\n"
        "      </com:ExeServer></com:ComServer></com:Extension>\n"
        "  </Extensions></Application></Applications>\n"
        "  <Capabilities><rescap:Capability Name=\"runFullTrust\"/></Capabilities>\n"
        "</Package>\n";

/* What the broker does to a server, as soon as it is there. */
static void lower(pid_t pid)
{
        char path[64];
        FILE *f;

        (void)setpriority(PRIO_PROCESS, (id_t)pid, PRIORITY_OF_SERVERS);
        snprintf(path, sizeof path, "/proc/%d/autogroup", (int)pid);
        f = fopen(path, "we");
        if (f) {
                fprintf(f, "%d", PRIORITY_OF_SERVERS);
                fclose(f);
        }
}

/* A program to its end, in a session and of the priority of servers if wanted; its output, until the next call. */
static const char *run(char *const argv[], int as_server)
{
        posix_spawnattr_t attributes;
        static char output[65536];
        posix_spawn_file_actions_t actions;
        size_t n_output = 0;
        ssize_t n;
        int fds[2], status;
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0)
                bench_die("pipe", NULL);
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setflags(&attributes, as_server ? POSIX_SPAWN_SETSID : 0);
        errno = posix_spawn(&pid, argv[0], &actions, &attributes, argv, environ);
        if (errno != 0)
                bench_die(argv[0], NULL);
        if (as_server)
                lower(pid);
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
        close(fds[1]);
        while ((n = read(fds[0], output + n_output, sizeof output - 1 - n_output)) > 0)
                n_output += (size_t)n;
        output[n_output] = '\0';
        close(fds[0]);
        if (waitpid(pid, &status, 0) < 0 || status != 0)
                bench_die(argv[0], *output ? output : "it has failed");
        return output;
}

static const char *run_wine(const char *program, const char *what, const char *clsid, int n)
{
        char count[16];

        snprintf(count, sizeof count, "%d", n);
        return run((char *[]){ (char *)BENCH_WINE, (char *)program, (char *)what, (char *)clsid, count, NULL }, 0);
}

/* The package, in a prefix of its own; its program. */
static void install(Bench *bench, char program[static 128])
{
        bgt_record *options = bgt_record_new(), *package = NULL;
        char folder[96], path[128], prefix[96];
        bgt *b = bench_open(bench, BGT_NO_AUTOSTART);
        FILE *f;

        snprintf(prefix, sizeof prefix, "%s/prefix", bench->folder);
        setenv("WINEPREFIX", prefix, 1);
        setenv("WINEDEBUG", "-all", 1);
        setenv("WINEDLLOVERRIDES", "winemenubuilder.exe,winedbg.exe,mscoree,mshtml=", 1);
        (void)run((char *[]){ (char *)BENCH_BGTASK, (char *)"wine", (char *)"setup", NULL }, 0);
        snprintf(folder, sizeof folder, "%s/wine", bench->folder);
        snprintf(program, 128, "%s/program.exe", folder);
        snprintf(path, sizeof path, "%s/AppxManifest.xml", folder);
        if (mkdir(folder, 0755) < 0)
                bench_die(folder, NULL);
        (void)run((char *[]){ (char *)"/bin/cp", (char *)BENCH_WINE_PROGRAM, program, NULL }, 0);
        f = fopen(path, "we");
        if (!f || fputs(manifest, f) < 0 || fclose(f) != 0)
                bench_die(path, NULL);
        if (bgt_record_set_string(options, "wine-prefix", prefix) < 0 ||
            bgt_package_install(b, folder, options, &package) < 0)
                bench_die_of("install");
        snprintf(bench->package, sizeof bench->package, "%s", bgt_record_string(package, "package"));
        bgt_record_unref(package);
        bgt_record_unref(options);
        bgt_close(b);
}

/* From the request until it is known that it has completed. */
static void measure_run(BenchTask *task, Samples *taken)
{
        double start = bench_task_run(task);

        if (task->progress != 1)
                bench_die("a run ended", "without having begun");
        samples_add(taken, task->ended_usec - start);
}

/* Until the server has left, so that the next activation is a cold one. */
static void wait_until_gone(const Bench *bench)
{
        char command[192];

        snprintf(command, sizeof command, "while pgrep -f '%s.*[o]nce ' >/dev/null; do sleep 0.01; done",
                 strrchr(bench->folder, '/') + 1);
        if (system(command) < 0)
                bench_die("pgrep", NULL);
}

static void measure_cold(const Bench *bench, const char *program, int n)
{
        Samples floor = { 0 }, taken = { 0 }, of_wine = { 0 };
        BenchTask task;

        bench_task_init(&task, bench, "complete", CLSID_COLD);
        /* The first brings the prefix up. */
        measure_run(&task, &taken);
        taken.n = 0;
        for (int i = 0; i < n; i++) {
                double start = bench_now_usec();

                (void)run((char *[]){ (char *)BENCH_WINE, (char *)program, (char *)"exit", NULL }, 1);
                samples_add(&floor, bench_now_usec() - start);
                wait_until_gone(bench);
                measure_run(&task, &taken);
                wait_until_gone(bench);
                if (i % 5 == 0)
                        samples_add(&of_wine, strtod(run_wine(program, "create", CLSID_OF_WINE, 1), NULL));
        }
        bench_floor_of("floor: a program that exits, the prefix up", &floor);
        bench_row_of("cold: request to completed", &taken, &floor, "50 ms");
        bench_row_of("Wine's own CoCreateInstance, cold", &of_wine, &floor, "");
        bench_task_done(&task);
        samples_free(&floor);
        samples_free(&taken);
        samples_free(&of_wine);
}

static void measure_warm(const Bench *bench, const char *program, int n)
{
        Samples taken = { 0 }, of_wine = { 0 };
        const char *line;
        char *next;
        BenchTask task;

        bench_task_init(&task, bench, "warm", CLSID_WARM);
        for (int i = 0; i < n + n / 10 + 1; i++) {
                measure_run(&task, &taken);
                /* The first run starts the server. */
                if (i == n / 10)
                        taken.n = 0;
        }
        line = run_wine(program, "create", CLSID_OF_WINE_WARM, n < 1000 ? n + 1 : 1000);
        for (double value = strtod(line, &next); next != line; value = strtod(line, &next)) {
                if (of_wine.n > 0 || value < 1e5)
                        samples_add(&of_wine, value);
                line = next;
        }
        bench_floor_of("floor: Wine's own CoCreateInstance, warm", &of_wine);
        bench_row_of("warm: request to completed", &taken, &of_wine, "");
        bench_task_done(&task);
        samples_free(&taken);
        samples_free(&of_wine);
}

int main(int argc, char *argv[])
{
        int n = bench_count(argc, argv, 60);
        Bench bench = { 0 };
        char program[128];

        bench_title("Programs of Windows, under Wine");
        if (!*BENCH_WINE) {
                bench_skip("activation of a program of Windows", "bgtask was built without Wine or MinGW");
                return EXIT_SUCCESS;
        }
        bench_start(&bench);
        install(&bench, program);
        measure_cold(&bench, program, n);
        measure_warm(&bench, program, 10 * n);
        bench_stop_broker(&bench);
        (void)run((char *[]){ (char *)BENCH_WINESERVER, (char *)"-k", NULL }, 0);
        bench_stop(&bench);
        return EXIT_SUCCESS;
}
