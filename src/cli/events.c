/* SPDX-License-Identifier: MIT */

/* Waiting for the broker without a thread, and for Ctrl-C without losing what was on its way. */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "cli/cli.h"

static int signal_fd = -1;
static int caught;

int events_catch_signals(void)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGTERM);
        signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        if (signal_fd < 0 || sigprocmask(SIG_BLOCK, &set, NULL) < 0) {
                perror("bgtask: cannot wait for signals");
                return EXIT_ERROR;
        }
        return EXIT_OK;
}

int events_status(void)
{
        return 128 + caught;
}

int events_wait(Cli *cli)
{
        /* Of the output only its end is waited for: nobody reads what `watch` would write. */
        struct pollfd fds[] = { { .fd = bgt_get_fd(cli->bgt), .events = POLLIN },
                                { .fd = signal_fd, .events = POLLIN },
                                { .fd = STDOUT_FILENO } };
        struct signalfd_siginfo info;
        int r;

        if (fds[0].fd < 0)
                return fds[0].fd;
        r = poll(fds, ELEMENTSOF(fds), -1);
        if (r < 0)
                return errno == EINTR ? 0 : -errno;
        if (fds[1].revents && read(signal_fd, &info, sizeof info) == sizeof info) {
                caught = (int)info.ssi_signo;
                return -EINTR;
        }
        if (fds[2].revents & POLLERR)
                return -EPIPE;
        r = bgt_dispatch(cli->bgt);
        return MIN(r, 0);
}
