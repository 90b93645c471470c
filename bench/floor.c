/* SPDX-License-Identifier: MIT */

#include "floor.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define PRIORITY_OF_SERVERS 10
#define CHILD_FD 3
#define MESSAGE_SIZE 256 /* about what Run has */

extern char **environ;

Shared *shared_map(void)
{
        void *p;
        int fd;

        fd = open("shared", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || ftruncate(fd, sizeof(Shared)) < 0)
                bench_die("shared", NULL);
        p = mmap(NULL, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (p == MAP_FAILED)
                bench_die("shared", NULL);
        close(fd);
        return p;
}

void shared_note(Shared *shared)
{
        shared->first_line_real_usec = bench_real_usec();
        shared->first_line_usec = bench_now_usec();
}

int floor_answer(void)
{
        Shared *shared;
        char c;

        setpriority(PRIO_PROCESS, 0, PRIORITY_OF_SERVERS);
        shared = shared_map();
        if (write(CHILD_FD, "x", 1) != 1 || read(CHILD_FD, &c, 1) != 1)
                return EXIT_FAILURE;
        shared_note(shared);
        return write(CHILD_FD, "x", 1) != 1;
}

double floor_spawn(const Shared *shared)
{
        char *argv[] = { (char *)"bench", (char *)FLOOR_ARGUMENT, NULL };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        double start;
        int pair[2];
        pid_t pid;
        char c;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                bench_die("socketpair", NULL);
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, pair[1], CHILD_FD);
        start = bench_now_usec();
        errno = posix_spawn(&pid, bench_self(), &actions, &attributes, argv, environ);
        if (errno != 0)
                bench_die("posix_spawn", NULL);
        close(pair[1]);
        if (read(pair[0], &c, 1) != 1 || write(pair[0], "x", 1) != 1 || read(pair[0], &c, 1) != 1)
                bench_die("the floor's child", "it went away");
        waitpid(pid, NULL, 0);
        close(pair[0]);
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
        return shared->first_line_usec - start;
}

static pid_t fork_pinned(int cpu)
{
        pid_t pid = fork();

        if (pid < 0)
                bench_die("fork", NULL);
        if (pid == 0)
                bench_pin(0, cpu);
        return pid;
}

Hops hops_start(int cpu_middle, int cpu_last)
{
        int a[2], b[2], c[2];
        char message[MESSAGE_SIZE];
        Hops hops;
        ssize_t n;

        if (socketpair(AF_UNIX, SOCK_STREAM, 0, a) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, b) < 0 ||
            socketpair(AF_UNIX, SOCK_STREAM, 0, c) < 0)
                bench_die("socketpair", NULL);
        hops.middle = fork_pinned(cpu_middle);
        if (hops.middle == 0) {
                close(a[0]);
                close(b[1]);
                while ((n = read(a[1], message, sizeof message)) > 0)
                        if (write(b[0], message, (size_t)n) != n)
                                break;
                _exit(0);
        }
        hops.last = fork_pinned(cpu_last);
        if (hops.last == 0) {
                close(a[0]);
                close(b[0]);
                while (read(b[1], message, sizeof message) > 0) {
                        double now = bench_now_usec();

                        if (write(c[1], &now, sizeof now) != sizeof now)
                                break;
                }
                _exit(0);
        }
        close(a[1]);
        close(b[0]);
        close(b[1]);
        close(c[1]);
        hops.client_fd = a[0];
        hops.answer_fd = c[0];
        return hops;
}

double hops_measure(const Hops *hops)
{
        char message[MESSAGE_SIZE] = { 0 };
        double start = bench_now_usec(), first;

        if (write(hops->client_fd, message, sizeof message) != sizeof message ||
            read(hops->answer_fd, &first, sizeof first) != sizeof first)
                bench_die("the floor", NULL);
        return first - start;
}

void hops_stop(const Hops *hops)
{
        close(hops->client_fd);
        waitpid(hops->middle, NULL, 0);
        close(hops->answer_fd);
        waitpid(hops->last, NULL, 0);
}
