/* SPDX-License-Identifier: MIT */

#include "broker/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/listen-fds.h"

char *replace_find_program(void)
{
        char path[PATH_MAX];
        ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

        if (n < 0)
                return NULL;
        path[n] = '\0';
        return strdup(path);
}

static int hand_over(int listen_fd)
{
        char pid[24];

        if (listen_fd < 0)
                return 0;
        if (listen_fd == LISTEN_FDS_FIRST ? fcntl(listen_fd, F_SETFD, 0) < 0 : dup2(listen_fd, LISTEN_FDS_FIRST) < 0)
                return -errno;
        snprintf(pid, sizeof pid, "%d", (int)getpid());
        return setenv("LISTEN_FDS", "1", 1) < 0 || setenv("LISTEN_PID", pid, 1) < 0 ? -errno : 0;
}

int replace_program(const char *program, char *argv[], int listen_fd)
{
        int r = hand_over(listen_fd);

        if (r < 0)
                return r;
        if (program)
                execv(program, argv);
        execv("/proc/self/exe", argv);
        return -errno;
}
