/* SPDX-License-Identifier: MIT */

#include "broker/listen-fds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/macro.h"

/* How many were passed to this process, whatever its parents left in the environment. */
static long count_fds(void)
{
        const char *pid = getenv("LISTEN_PID"), *fds = getenv("LISTEN_FDS");
        long n = 0;

        if (pid && fds && strtol(pid, NULL, 10) == (long)getpid())
                n = strtol(fds, NULL, 10);
        (void)unsetenv("LISTEN_PID");
        (void)unsetenv("LISTEN_FDS");
        (void)unsetenv("LISTEN_FDNAMES");
        return n;
}

static bool has_option(int fd, int option, int value)
{
        socklen_t size = sizeof(int);
        int is;

        return getsockopt(fd, SOL_SOCKET, option, &is, &size) == 0 && is == value;
}

static bool is_own_socket(const char *bus, const char *bound)
{
        char own[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
        int n = snprintf(own, sizeof own, "%s.%d", bus, (int)getpid());

        return n > 0 && (size_t)n < sizeof own && strcmp(own, bound) == 0;
}

int listen_fds_take(char **bus, int *ret_fd)
{
        struct sockaddr_un address = { 0 };
        socklen_t size = sizeof address - 1;
        long n = count_fds();
        char *path;

        if (n == 0)
                return 0;
        if (n != 1 || !has_option(LISTEN_FDS_FIRST, SO_TYPE, SOCK_STREAM) ||
            !has_option(LISTEN_FDS_FIRST, SO_ACCEPTCONN, 1) ||
            getsockname(LISTEN_FDS_FIRST, (struct sockaddr *)&address, &size) < 0 || address.sun_family != AF_UNIX ||
            address.sun_path[0] != '/') {
                fputs("bgtaskd: LISTEN_FDS does not name one listening stream socket with a path: give the socket "
                      "unit a single ListenStream\n", stderr);
                return -EINVAL;
        }
        if (fcntl(LISTEN_FDS_FIRST, F_SETFD, FD_CLOEXEC) < 0 || fcntl(LISTEN_FDS_FIRST, F_SETFL, O_NONBLOCK) < 0)
                return -errno;
        /* Ours from before: it was bound under a name with the pid and renamed. */
        if (is_own_socket(*bus, address.sun_path)) {
                *ret_fd = LISTEN_FDS_FIRST;
                return LISTEN_FDS_E_OWN;
        }
        path = strdup(address.sun_path);
        if (!path)
                return -ENOMEM;
        free(*bus);
        *bus = path;
        *ret_fd = LISTEN_FDS_FIRST;
        return 1;
}
