/* SPDX-License-Identifier: MIT */

/*
 * What the launcher adds to the start of a process: from the call to the first byte that the child writes into its
 * socket, and to the moment when its end is known, beside a bare vfork() and exec of the same program. The two take
 * turns, so that what else the machine does hits both. Its folder is in memory, as a runtime folder is. With "cgroup"
 * it has to be started in a delegated cgroup.
 *
 * bench-spawn [rounds] [cgroup]
 */

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "bench.h"
#include "launcher/launcher.h"

typedef struct Times {
        Samples returned;
        Samples spoken;
        Samples ended;
} Times;

typedef struct Bench {
        Loop loop;
        Launcher *launcher;
        bool has_ended;
        char folder[64];
} Bench;

static void handle_ended(Process *process, const ProcessResult *result, void *userdata)
{
        Bench *bench = userdata;

        if (result->state != PROCESS_EXITED || result->value != 0)
                bench_die("the child", "it failed");
        bench->has_ended = true;
}

static void wait_byte(int fd)
{
        struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
        char byte;

        while (read(fd, &byte, 1) != 1)
                (void)poll(&poll_fd, 1, -1);
}

static void run_bare(Times *times)
{
        char *const argv[] = { (char *)bench_self(), (char *)"child", NULL };
        char *const environment[] = { NULL };
        double start = bench_now_usec();
        int pair[2];
        pid_t pid;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                bench_die("socketpair", NULL);
        pid = vfork();
        if (pid == 0) {
                dup2(pair[1], LAUNCHER_CHILD_FD);
                execve(argv[0], argv, environment);
                _exit(127);
        }
        close(pair[1]);
        samples_add(&times->returned, bench_now_usec() - start);
        wait_byte(pair[0]);
        samples_add(&times->spoken, bench_now_usec() - start);
        if (waitpid(pid, NULL, 0) != pid)
                bench_die("waitpid", NULL);
        samples_add(&times->ended, bench_now_usec() - start);
        close(pair[0]);
}

static void run_launcher(Bench *bench, Times *times)
{
        char *const argv[] = { (char *)bench_self(), (char *)"child", NULL };
        const LaunchSpec spec = {
                .id = "server", .executable = argv[0], .argv = argv, .cwd = "/", .socket = true,
        };
        double start = bench_now_usec();
        Process *process;
        int r, fd;

        r = launcher_spawn(bench->launcher, &spec, &process, NULL);
        if (r < 0)
                bench_die("launcher_spawn", strerror(-r));
        samples_add(&times->returned, bench_now_usec() - start);
        fd = process_take_fd(process);
        wait_byte(fd);
        samples_add(&times->spoken, bench_now_usec() - start);
        bench->has_ended = false;
        while (!bench->has_ended)
                (void)loop_dispatch(&bench->loop, -1);
        samples_add(&times->ended, bench_now_usec() - start);
        process_free(process);
        close(fd);
        /* What the launcher put off until there is time. */
        while (loop_dispatch(&bench->loop, 0) > 0)
                ;
}

static void times_free(Times *times)
{
        samples_free(&times->returned);
        samples_free(&times->spoken);
        samples_free(&times->ended);
}

static void set_up(Bench *bench, bool use_cgroups)
{
        LauncherConfig config = {
                .use_cgroups = use_cgroups, .subreaper = false, .ended = handle_ended, .userdata = bench,
        };
        LauncherStatus status;
        int r;

        if (loop_init(&bench->loop) < 0)
                bench_die("epoll", NULL);
        strcpy(bench->folder, "/dev/shm/bgtask-bench-XXXXXX");
        if (!mkdtemp(bench->folder))
                bench_die(bench->folder, NULL);
        config.runtime_directory = config.log_directory = bench->folder;
        r = launcher_new(&bench->loop, &config, &bench->launcher);
        if (r < 0)
                bench_die("launcher_new", strerror(-r));
        launcher_get_status(bench->launcher, &status);
        if (use_cgroups && !status.cgroups)
                bench_die("cgroups", status.cgroups_reason);
}

static void tear_down(Bench *bench)
{
        char command[128];

        launcher_free(bench->launcher);
        loop_done(&bench->loop);
        snprintf(command, sizeof command, "rm -rf '%s'", bench->folder);
        if (system(command) != 0)
                fprintf(stderr, "bench: %s is left\n", bench->folder);
}

int main(int argc, char *argv[])
{
        Bench bench = { .loop = LOOP_INIT };
        Times bare = { 0 }, ours = { 0 };
        int n;

        if (argc > 1 && strcmp(argv[1], "child") == 0)
                return write(LAUNCHER_CHILD_FD, "x", 1) == 1 ? 0 : 1;
        n = bench_count(argc, argv, 1000);
        set_up(&bench, argc > 2 && strcmp(argv[2], "cgroup") == 0);
        for (int i = 0; i < n; i++) {
                run_bare(&bare);
                run_launcher(&bench, &ours);
        }
        bench_title("The launcher");
        bench_floor_of("floor: vfork() and exec, until the call returns", &bare.returned);
        bench_row_of("launcher, until the call returns", &ours.returned, &bare.returned, "");
        bench_floor_of("floor: until the first byte of the child", &bare.spoken);
        bench_row_of("launcher, until the first byte of the child", &ours.spoken, &bare.spoken, "");
        bench_floor_of("floor: until its end is known", &bare.ended);
        bench_row_of("launcher, until its end is known", &ours.ended, &bare.ended, "");
        tear_down(&bench);
        times_free(&bare);
        times_free(&ours);
        return 0;
}
