/* SPDX-License-Identifier: MIT */

#include "client/path.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "client/error.h"

#define SOCKET_NAME "bgtask/bus"

static bool is_own_folder(const char *path)
{
        struct stat st;

        return lstat(path, &st) >= 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid();
}

/* /tmp is everybody's: a folder there counts only if nobody else can have made it or can write to it. */
static int check_folder_in_tmp(const char *path)
{
        struct stat st;

        if (lstat(path, &st) < 0)
                return errno == ENOENT ? 0 : fail_errno(-errno, "cannot look at %s", path);
        if (!S_ISDIR(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
                return fail(ERROR_ACCESS_DENIED, "%s is not a folder that only the user can use", path);
        return 0;
}

static int find_runtime_folder(char *buf, size_t size)
{
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        int n;

        if (runtime && runtime[0] == '/') {
                n = snprintf(buf, size, "%s", runtime);
                return n < (int)size ? 0 : fail_errno(-ENAMETOOLONG, "XDG_RUNTIME_DIR");
        }
        (void)snprintf(buf, size, "/run/user/%u", (unsigned)geteuid());
        if (is_own_folder(buf))
                return 0;
        (void)snprintf(buf, size, "/tmp/bgtask-%u", (unsigned)geteuid());
        return check_folder_in_tmp(buf);
}

int path_of_socket(bool system, char **ret_path)
{
        const char *bus = getenv("BGTASK_BUS");
        char folder[4096], path[4096 + sizeof SOCKET_NAME + 1];
        struct sockaddr_un address;
        int r;

        if (system) {
                (void)snprintf(path, sizeof path, "/run/" SOCKET_NAME);
        } else if (bus && bus[0]) {
                if (strlen(bus) >= sizeof path)
                        return fail(ERROR_SOCKET_TOO_LONG, NULL);
                (void)snprintf(path, sizeof path, "%s", bus);
        } else {
                r = find_runtime_folder(folder, sizeof folder);
                if (r < 0)
                        return r;
                (void)snprintf(path, sizeof path, "%s/" SOCKET_NAME, folder);
        }
        if (strlen(path) >= sizeof address.sun_path)
                return fail(ERROR_SOCKET_TOO_LONG,
                            "the path of the broker's socket, %s, has %zu bytes and may have %zu", path, strlen(path),
                            sizeof address.sun_path - 1);
        *ret_path = strdup(path);
        return *ret_path ? 0 : fail(ERROR_NO_MEMORY, NULL);
}

int path_connect(const char *path, int *ret_fd)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_(closep) int fd = -1;

        memcpy(address.sun_path, path, MIN(strlen(path), sizeof address.sun_path - 1));
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}
