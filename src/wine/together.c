/* SPDX-License-Identifier: MIT */

/*
 * A program asks wineserver a thousand questions until it is there, and waits for each answer: never do both have
 * something to do. The kernel gives each a processor of its own, so that each question and each answer wakes up one
 * that sleeps. That takes longer than the answer itself, several times as long in a virtual machine. As long as they
 * talk like this they are quicker on one.
 *
 * The program does not see it. Wine has noted its processors before that, tells it those, and gives them to each
 * thread that it makes; a thread that the program itself has put somewhere is left there.
 */

#include "wine/together.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define FDS_MAX 256
#define LINE_SIZE 4096
/* A start that takes longer is more than a start. */
#define END_USEC 200000
/* It is of use while wineserver needs an eighth of this time: else they do not talk, or others are in the way. */
#define WINDOW_USEC 10000
#define TALK_USEC (WINDOW_USEC / 8)
/* /proc/PID/stat: the processor that it is on, counted from behind the name. */
#define PROCESSOR_FIELD 37

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pid_t wineserver;    /* 0: not known, and nothing is done */
static pid_t program;       /* 0: none is together */
/* The processors of this process, of wineserver and of the program when they are apart; the one that they share. */
static cpu_set_t ours, of_wineserver, of_program, shared;

static uint64_t usec_of(clockid_t clock)
{
        struct timespec t = { 0 };

        (void)clock_gettime(clock, &t);
        return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* What it has used of processors, ever. */
static uint64_t cpu_usec(pid_t pid)
{
        clockid_t clock;

        return clock_getcpuclockid(pid, &clock) == 0 ? usec_of(clock) : 0;
}

/* Every process of Wine has a connection to it, and the kernel knows who listens at the other end. */
static pid_t find_wineserver(void)
{
        for (int fd = STDERR_FILENO + 1; fd < FDS_MAX; fd++) {
                struct sockaddr_un address = { 0 };
                struct ucred peer = { 0 };
                socklen_t n_address = sizeof address - 1, n_peer = sizeof peer;

                if (getpeername(fd, (struct sockaddr *)&address, &n_address) == 0 && address.sun_family == AF_UNIX &&
                    strcmp(address.sun_path, "socket") == 0 &&
                    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n_peer) == 0)
                        return peer.pid;
        }
        return 0;
}

/* Each thread that has these processors gets those. */
static void move(pid_t pid, const cpu_set_t *from, const cpu_set_t *to)
{
        struct dirent *entry;
        cpu_set_t set;
        char path[64];
        DIR *threads;

        snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
        threads = opendir(path);
        while (threads && (entry = readdir(threads))) {
                pid_t thread = (pid_t)atoi(entry->d_name);

                if (thread > 0 && sched_getaffinity(thread, sizeof set, &set) == 0 && CPU_EQUAL(&set, from))
                        (void)sched_setaffinity(thread, sizeof *to, to);
        }
        if (threads)
                closedir(threads);
}

/*
 * Programs of this machine that the program has started have its processor, for nobody else gives them others. Their
 * parent is ours, who takes the children of the dead.
 */
static void release_started(void)
{
        char path[64];
        FILE *children;
        int child;

        snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)getppid(), (int)getppid());
        children = fopen(path, "re");
        while (children && fscanf(children, "%d", &child) == 1)
                if (child != program && getsid((pid_t)child) == program)
                        move((pid_t)child, &shared, &of_program);
        if (children)
                fclose(children);
}

/* With the lock held. */
static void release(void)
{
        if (program == 0)
                return;
        move(program, &shared, &of_program);
        move(wineserver, &shared, &of_wineserver);
        move(getpid(), &shared, &ours);
        release_started();
        program = 0;
}

/* When Wine loads this, what it tells a program of processors is settled, and code of Windows has not run yet. */
static bool has_begun(pid_t pid)
{
        char path[64], line[LINE_SIZE];
        bool found = false;
        FILE *maps;

        snprintf(path, sizeof path, "/proc/%d/maps", (int)pid);
        maps = fopen(path, "re");
        while (maps && !found && fgets(line, sizeof line, maps))
                found = strstr(line, "/kernel32.dll") != NULL;
        if (maps)
                fclose(maps);
        return found;
}

/* -1: it is gone. */
static int processor_of(pid_t pid)
{
        char path[64], line[LINE_SIZE];
        const char *p = NULL;
        FILE *status;

        snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
        status = fopen(path, "re");
        if (status && fgets(line, sizeof line, status))
                p = strrchr(line, ')');
        if (status)
                fclose(status);
        for (int i = 0; p && i < PROCESSOR_FIELD; i++)
                p = strchr(p + 1, ' ');
        return p ? atoi(p + 1) : -1;
}

/* The one that the program is on, which was free when it was started; wineserver's, if that has no other. */
static bool choose(pid_t pid)
{
        int processor = processor_of(pid);

        if (processor < 0 || processor >= CPU_SETSIZE || sched_getaffinity(0, sizeof ours, &ours) < 0 ||
            sched_getaffinity(wineserver, sizeof of_wineserver, &of_wineserver) < 0 ||
            sched_getaffinity(pid, sizeof of_program, &of_program) < 0)
                return false;
        CPU_ZERO(&shared);
        CPU_SET((size_t)processor, &shared);
        if (CPU_COUNT(&of_wineserver) == 1)
                shared = of_wineserver;
        CPU_AND(&shared, &shared, &of_program);
        return CPU_COUNT(&shared) == 1 && CPU_COUNT(&of_program) > 1;
}

static void begin(Together *together, pid_t pid)
{
        together->state = TOGETHER_OVER;
        if (program != 0 || !choose(pid))
                return;
        program = pid;
        together->state = TOGETHER_NOW;
        together->window_usec = usec_of(CLOCK_MONOTONIC);
        together->window_cpu_usec = cpu_usec(wineserver);
        together->end_usec = together->window_usec + END_USEC;
}

static bool is_of_use(Together *together)
{
        uint64_t cpu, now = usec_of(CLOCK_MONOTONIC);
        bool talk;

        if (now >= together->end_usec)
                return false;
        if (now < together->window_usec + WINDOW_USEC)
                return true;
        cpu = cpu_usec(wineserver);
        talk = cpu - together->window_cpu_usec >= TALK_USEC;
        together->window_usec = now;
        together->window_cpu_usec = cpu;
        return talk;
}

void together_init(void)
{
        pthread_mutex_lock(&lock);
        wineserver = find_wineserver();
        pthread_mutex_unlock(&lock);
}

void together_go_on(Together *together, pid_t pid)
{
        pthread_mutex_lock(&lock);
        if (wineserver == 0)
                together->state = TOGETHER_OVER;
        if (together->state == TOGETHER_NOT_YET && has_begun(pid))
                begin(together, pid);
        if (together->state == TOGETHER_NOW && is_of_use(together)) {
                /* Every time: threads come, and Wine lets them go where they want. */
                move(pid, &of_program, &shared);
                move(wineserver, &of_wineserver, &shared);
                move(getpid(), &ours, &shared);
        } else if (together->state == TOGETHER_NOW) {
                release();
                together->state = TOGETHER_OVER;
        }
        pthread_mutex_unlock(&lock);
}

void together_end(Together *together)
{
        pthread_mutex_lock(&lock);
        if (together->state == TOGETHER_NOW)
                release();
        together->state = TOGETHER_OVER;
        pthread_mutex_unlock(&lock);
}

void together_leave(void)
{
        pthread_mutex_lock(&lock);
        release();
        wineserver = 0;
        pthread_mutex_unlock(&lock);
}
