/* SPDX-License-Identifier: MIT */

/*
 * Orphans that the kernel hands to us. Nothing but SIGCHLD tells of their end, and only a handler sees it whichever
 * thread it hits. A sweep looks at one dead child after the other without taking it: ours are collected the same way
 * as by their pidfd, which stays readable, so that they are told of in their turn; the rest is reaped here.
 */

#include <errno.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "launcher/internal.h"

/* After so many the others of the loop have their turn. */
#define SWEEP_MAX 64

static atomic_int sigchld_fd = -1;

static void handle_sigchld(int signal)
{
        int fd = atomic_load(&sigchld_fd), saved_errno = errno;
        uint64_t one = 1;

        /* It fails only when the counter is full, and then it says enough. */
        if (fd >= 0 && write(fd, &one, sizeof one) < 0)
                errno = saved_errno;
        errno = saved_errno;
}

static bool reap_one(Launcher *launcher)
{
        siginfo_t info = { 0 };
        Process *process;

        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 || info.si_pid == 0)
                return false;
        process = launcher_find_pid(launcher, info.si_pid);
        if (!process)
                return waitid(P_PID, (id_t)info.si_pid, &info, WEXITED | WNOHANG) >= 0;
        if (!process_collect(process))
                return false;
        (void)loop_modify(launcher->loop, &process->source, EPOLLIN);
        return true;
}

static void handle_event(LoopSource *source, uint32_t events, void *userdata)
{
        Launcher *launcher = userdata;
        uint64_t n;

        if (read(launcher->reaper.event_fd, &n, sizeof n) < 0)
                return;
        for (int i = 0; i < SWEEP_MAX; i++)
                if (!reap_one(launcher))
                        return;
        n = 1;
        if (write(launcher->reaper.event_fd, &n, sizeof n) < 0)
                return;
}

int reaper_init(Launcher *launcher)
{
        struct sigaction action = { .sa_handler = handle_sigchld, .sa_flags = SA_RESTART | SA_NOCLDSTOP };
        Reaper *reaper = &launcher->reaper;
        int r, none = -1;

        reaper->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (reaper->event_fd < 0)
                return -errno;
        if (!atomic_compare_exchange_strong(&sigchld_fd, &none, reaper->event_fd))
                return -EBUSY;
        reaper->active = true;
        (void)prctl(PR_GET_CHILD_SUBREAPER, &reaper->previous_subreaper);
        sigemptyset(&action.sa_mask);
        if (sigaction(SIGCHLD, &action, &reaper->previous_action) < 0 ||
            prctl(PR_SET_CHILD_SUBREAPER, 1UL) < 0)
                return -errno;
        r = loop_add(launcher->loop, &reaper->source, reaper->event_fd, EPOLLIN, handle_event, launcher);
        if (r < 0)
                return r;
        /* Orphans may have died before there was a handler. */
        handle_sigchld(SIGCHLD);
        return 0;
}

void reaper_done(Launcher *launcher)
{
        Reaper *reaper = &launcher->reaper;

        if (reaper->active) {
                (void)prctl(PR_SET_CHILD_SUBREAPER, (unsigned long)reaper->previous_subreaper);
                (void)sigaction(SIGCHLD, &reaper->previous_action, NULL);
                atomic_store(&sigchld_fd, -1);
                loop_remove(launcher->loop, &reaper->source);
                reaper->active = false;
        }
        reaper->event_fd = safe_close(reaper->event_fd);
}
