/* SPDX-License-Identifier: MIT */

/*
 * Preloaded into a program: descriptors of which a test says when the whole machine has none left (ENFILE).
 * BGTASK_TEST_FILES names the file. Calls that make no descriptor are counted, too, where one function does both.
 */

/* Both names of each function are meant. */
#undef _FILE_OFFSET_BITS

#include <dirent.h>
#include <dlfcn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "scarce.h"

#define VISIBLE __attribute__((visibility("default")))

/* The functions that those below hide. Looked up before there are threads, and children of a fork. */
static struct {
        __typeof__(&fopen) fopen;
        __typeof__(&opendir) opendir;
        __typeof__(&syscall) syscall;
} real;

static __attribute__((constructor)) void begin(void)
{
        real.fopen = (__typeof__(&fopen))dlsym(RTLD_NEXT, "fopen");
        real.opendir = (__typeof__(&opendir))dlsym(RTLD_NEXT, "opendir");
        real.syscall = (__typeof__(&syscall))dlsym(RTLD_NEXT, "syscall");
        scarce_begin("BGTASK_TEST_FILES");
}

static mode_t mode_of(int flags, va_list args)
{
        return flags & (O_CREAT | __O_TMPFILE) ? va_arg(args, mode_t) : 0;
}

VISIBLE int open(const char *path, int flags, ...)
{
        va_list args;
        mode_t mode;

        va_start(args, flags);
        mode = mode_of(flags, args);
        va_end(args);
        return scarce_fails(ENFILE) ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

VISIBLE int openat(int folder, const char *path, int flags, ...)
{
        va_list args;
        mode_t mode;

        va_start(args, flags);
        mode = mode_of(flags, args);
        va_end(args);
        return scarce_fails(ENFILE) ? -1 : (int)syscall(SYS_openat, folder, path, flags, mode);
}

VISIBLE int open64(const char *path, int flags, ...) __attribute__((alias("open")));
VISIBLE int openat64(int folder, const char *path, int flags, ...) __attribute__((alias("openat")));

VISIBLE FILE *fopen(const char *path, const char *mode)
{
        return scarce_fails(ENFILE) ? NULL : real.fopen(path, mode);
}

VISIBLE FILE *fopen64(const char *path, const char *mode) __attribute__((alias("fopen")));

VISIBLE DIR *opendir(const char *path)
{
        return scarce_fails(ENFILE) ? NULL : real.opendir(path);
}

VISIBLE int socket(int domain, int type, int protocol)
{
        return scarce_fails(ENFILE) ? -1 : (int)syscall(SYS_socket, domain, type, protocol);
}

VISIBLE int socketpair(int domain, int type, int protocol, int ret_fds[2])
{
        return scarce_fails(ENFILE) ? -1 : (int)syscall(SYS_socketpair, domain, type, protocol, ret_fds);
}

VISIBLE int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
{
        return scarce_fails(ENFILE) ? -1 : (int)syscall(SYS_accept4, fd, address, size, flags);
}

VISIBLE int pipe2(int ret_fds[2], int flags)
{
        return scarce_fails(ENFILE) ? -1 : (int)syscall(SYS_pipe2, ret_fds, flags);
}

VISIBLE int eventfd(unsigned count, int flags)
{
        return scarce_fails(ENFILE) ? -1 : (int)syscall(SYS_eventfd2, count, flags);
}

VISIBLE int epoll_create1(int flags)
{
        return scarce_fails(ENFILE) ? -1 : (int)syscall(SYS_epoll_create1, flags);
}

VISIBLE int timerfd_create(int clock, int flags)
{
        return scarce_fails(ENFILE) ? -1 : (int)syscall(SYS_timerfd_create, clock, flags);
}

VISIBLE int memfd_create(const char *name, unsigned flags)
{
        return scarce_fails(ENFILE) ? -1 : (int)syscall(SYS_memfd_create, name, flags);
}

VISIBLE int inotify_init1(int flags)
{
        return scarce_fails(ENFILE) ? -1 : (int)syscall(SYS_inotify_init1, flags);
}

/* Without attributes a ruleset is not made: the kernel says which version it has. */
static bool makes_descriptor(long number, long first)
{
        return number == SYS_pidfd_open || number == SYS_openat2 || number == SYS_open_tree ||
               (number == SYS_landlock_create_ruleset && first != 0);
}

/* The broker calls the kernel itself for what Debian's C library has no function for. */
VISIBLE long syscall(long number, ...)
{
        long a[6];
        va_list args;

        va_start(args, number);
        for (int i = 0; i < 6; i++)
                a[i] = va_arg(args, long);
        va_end(args);
        if (makes_descriptor(number, a[0]) && scarce_fails(ENFILE))
                return -1;
        return real.syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
