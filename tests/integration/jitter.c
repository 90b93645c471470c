/* SPDX-License-Identifier: MIT */

/*
 * Preloaded into programs: calls with which processes and threads wait for one another, or tell one another something,
 * take as long as dice say. What holds only because somebody is fast, fails.
 *
 * BGTASK_TEST_JITTER is "WHO:SEED:USUAL:RARE": whom it delays (any of the letters b, the broker; s, what it starts; c,
 * the command line; a, other programs, like apps and the test), the seed of the dice, the most milliseconds of an
 * ordinary delay, and how many of 10,000 calls take 300 to 1500 ms instead. The seed also says how often each kind of
 * call is delayed, from never to every second time, so that another seed has another order of things. No process
 * spends more than half of its life, and half a second, on that.
 *
 * What the broker starts sees a fixed environment, to which execve() here adds these variables; they are taken out
 * of it before main() sees it.
 */

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SETTING "BGTASK_TEST_JITTER"
#define VARIABLES_MAX 4096
#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_SEC (1000 * NSEC_PER_MSEC)

static uint64_t seed, state, began, spent;
static unsigned usual_ms, rare;
static char me;
static int active;
static char setting[128], preload[1024];

static uint64_t mix(uint64_t x)
{
        x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
        x = (x ^ x >> 27) * 0x94d049bb133111eb;
        return x ^ x >> 31;
}

static uint64_t now(void)
{
        struct timespec time;

        (void)clock_gettime(CLOCK_MONOTONIC, &time);
        return (uint64_t)time.tv_sec * NSEC_PER_SEC + (uint64_t)time.tv_nsec;
}

/* One of how many calls of this kind is delayed; 0: none. */
static unsigned one_of(const char *call)
{
        static const unsigned answers[] = { 0, 0, 0, 32, 8, 8, 3, 2 };
        uint64_t x = seed ^ (uint64_t)me << 56;

        for (; *call; call++)
                x = mix(x + 0x9e3779b97f4a7c15 + (unsigned char)*call);
        return answers[x % 8];
}

static uint64_t nsec_of(uint64_t dice)
{
        uint64_t nsec;

        if (dice % 10000 < rare)
                return (300 + (dice >> 32) % 1200) * NSEC_PER_MSEC;
        nsec = (dice >> 32) % (usual_ms * NSEC_PER_MSEC + 1);
        return nsec >> (dice >> 24) % 8;
}

/* Not by a call that is delayed itself. */
static void pause_for(uint64_t nsec)
{
        struct timespec time = { (time_t)(nsec / NSEC_PER_SEC), (long)(nsec % NSEC_PER_SEC) };

        (void)ppoll(NULL, 0, &time, NULL);
}

static void delay(const char *call)
{
        uint64_t dice, nsec;
        int saved = errno;
        unsigned n;

        if (!active)
                return;
        n = one_of(call);
        dice = mix(__atomic_add_fetch(&state, 0x9e3779b97f4a7c15, __ATOMIC_RELAXED));
        if (n == 0 || (dice >> 16) % n != 0)
                return;
        nsec = nsec_of(dice);
        if (__atomic_add_fetch(&spent, nsec, __ATOMIC_RELAXED) < (now() - began) / 2 + NSEC_PER_SEC / 2)
                pause_for(nsec);
        else
                __atomic_sub_fetch(&spent, nsec, __ATOMIC_RELAXED);
        errno = saved;
}

static char who_am_i(void)
{
        const char *name = program_invocation_short_name;

        if (strcmp(name, "bgtaskd") == 0)
                return 'b';
        if (strcmp(name, "bgtask") == 0)
                return 'c';
        /* Set by the broker for a server and for a command, and for nobody else. */
        return getenv("BGTASK_FD") || getenv("BGTASK_RUN") || strcmp(name, "bgtask-command") == 0 ? 's' : 'a';
}

static __attribute__((constructor)) void begin(void)
{
        const char *text = getenv(SETTING), *path = getenv("LD_PRELOAD");
        unsigned long long number;
        char who[8];

        if (!text || !path || strlen(text) >= sizeof setting - sizeof SETTING || strlen(path) >= sizeof preload - 16 ||
            sscanf(text, "%7[bsca]:%llu:%u:%u", who, &number, &usual_ms, &rare) != 4)
                return;
        snprintf(setting, sizeof setting, SETTING "=%s", text);
        snprintf(preload, sizeof preload, "LD_PRELOAD=%s", path);
        seed = number;
        state = mix(seed) + (uint64_t)getpid();
        began = now();
        me = who_am_i();
        active = usual_ms <= 1000 && strchr(who, me) != NULL;
        /* Who started it has told it; what it starts is none of ours, unless it is the broker that starts it. */
        unsetenv(SETTING);
        unsetenv("LD_PRELOAD");
}

static __attribute__((destructor)) void end(void)
{
        delay("exit");
}

/*
 * A function of this name and type whose body is what follows; real is the one that it stands before. It is looked up
 * at the start: the child of a fork must not wait for a lock that a thread had that is not there any more.
 */
#define STAND_BEFORE(type, name, parameters)                                                                          \
        static type(*real_##name) parameters;                                                                         \
                                                                                                                      \
        static __attribute__((constructor)) void find_##name(void)                                                    \
        {                                                                                                             \
                if (!real_##name)                                                                                     \
                        real_##name = (type(*) parameters)dlsym(RTLD_NEXT, #name);                                    \
        }                                                                                                             \
                                                                                                                      \
        __attribute__((visibility("default"))) type name parameters

#define BEFORE(type, name, parameters, arguments)                                                                     \
        STAND_BEFORE(type, name, parameters)                                                                          \
        {                                                                                                             \
                find_##name();                                                                                        \
                delay(#name);                                                                                         \
                return real_##name arguments;                                                                         \
        }

#define AFTER(type, name, parameters, arguments)                                                                      \
        STAND_BEFORE(type, name, parameters)                                                                          \
        {                                                                                                             \
                type r;                                                                                               \
                                                                                                                      \
                find_##name();                                                                                        \
                r = real_##name arguments;                                                                            \
                delay(#name);                                                                                         \
                return r;                                                                                             \
        }

BEFORE(ssize_t, sendmsg, (int fd, const struct msghdr *m, int flags), (fd, m, flags))
BEFORE(ssize_t, send, (int fd, const void *p, size_t n, int flags), (fd, p, n, flags))
BEFORE(ssize_t, sendto, (int fd, const void *p, size_t n, int flags, const struct sockaddr *a, socklen_t l),
       (fd, p, n, flags, a, l))
BEFORE(ssize_t, write, (int fd, const void *p, size_t n), (fd, p, n))
BEFORE(int, connect, (int fd, const struct sockaddr *a, socklen_t l), (fd, a, l))
BEFORE(int, eventfd_write, (int fd, eventfd_t value), (fd, value))
BEFORE(int, fsync, (int fd), (fd))
BEFORE(int, fdatasync, (int fd), (fd))
BEFORE(int, pthread_mutex_lock, (pthread_mutex_t * m), (m))
AFTER(int, pthread_mutex_unlock, (pthread_mutex_t * m), (m))
AFTER(ssize_t, recvmsg, (int fd, struct msghdr *m, int flags), (fd, m, flags))
AFTER(ssize_t, recv, (int fd, void *p, size_t n, int flags), (fd, p, n, flags))
AFTER(ssize_t, recvfrom, (int fd, void *p, size_t n, int flags, struct sockaddr *a, socklen_t *l),
      (fd, p, n, flags, a, l))
AFTER(ssize_t, read, (int fd, void *p, size_t n), (fd, p, n))
AFTER(int, accept4, (int fd, struct sockaddr *a, socklen_t *l, int flags), (fd, a, l, flags))
AFTER(int, epoll_wait, (int fd, struct epoll_event *e, int n, int msec), (fd, e, n, msec))
AFTER(int, poll, (struct pollfd * p, nfds_t n, int msec), (p, n, msec))
AFTER(int, waitid, (idtype_t type, id_t id, siginfo_t *info, int options), (type, id, info, options))
AFTER(pid_t, waitpid, (pid_t pid, int *status, int options), (pid, status, options))
AFTER(pid_t, fork, (void), ())
AFTER(int, pthread_create,
      (pthread_t * thread, const pthread_attr_t *attributes, void *(*main)(void *), void *userdata),
      (thread, attributes, main, userdata))

/* A child that shares the memory of its parent calls this: nothing here may wait for a lock. */
__attribute__((visibility("default"))) int execve(const char *path, char *const argv[], char *const environment[])
{
        static char *variables[VARIABLES_MAX + 3];
        size_t n = 0;

        delay("execve");
        while (environment[n] && n < VARIABLES_MAX && strncmp(environment[n], "LD_PRELOAD=", 11) != 0) {
                variables[n] = environment[n];
                n++;
        }
        /* Who is confined may not see the library. */
        if (preload[0] == '\0' || environment[n] || access(strchr(preload, '=') + 1, R_OK) < 0)
                return (int)syscall(SYS_execve, path, argv, environment);
        variables[n++] = preload;
        variables[n++] = setting;
        variables[n] = NULL;
        return (int)syscall(SYS_execve, path, argv, variables);
}

__attribute__((visibility("default"))) _Noreturn void _exit(int status)
{
        delay("exit");
        for (;;)
                (void)syscall(SYS_exit_group, status);
}
