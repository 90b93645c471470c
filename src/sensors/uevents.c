/* SPDX-License-Identifier: MIT */

#include "sensors/uevents.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

/* What the kernel puts into one event at most (UEVENT_BUFFER_SIZE), and its header. */
#define EVENT_MAX 4096
#define GROUP_KERNEL 1
#define RECEIVE_MAX 64
/* The header of what udev sends has this name, and says where the properties begin. */
#define UDEV_PREFIX "libudev"
#define UDEV_PROPERTIES_AT 16

struct Uevents {
        Loop *loop;
        LoopSource source;
        int fd;
        const char *subsystem;
        UeventsHappened happened;
        void *userdata;
};

static const char *value_of(const char *text, size_t n, const char *key)
{
        size_t n_key = strlen(key);

        for (size_t at = 0; at < n; at += strlen(text + at) + 1)
                if (strncmp(text + at, key, n_key) == 0 && text[at + n_key] == '=')
                        return text + at + n_key + 1;
        return NULL;
}

/* text[n] is 0. */
static void take_event(Uevents *uevents, const char *text, size_t n)
{
        const char *action, *path, *subsystem;
        uint32_t skip = 0;

        if (n > UDEV_PROPERTIES_AT + sizeof skip && memcmp(text, UDEV_PREFIX, sizeof UDEV_PREFIX) == 0)
                memcpy(&skip, text + UDEV_PROPERTIES_AT, sizeof skip);
        if (skip >= n)
                return;
        subsystem = value_of(text + skip, n - skip, "SUBSYSTEM");
        action = value_of(text + skip, n - skip, "ACTION");
        path = value_of(text + skip, n - skip, "DEVPATH");
        if (subsystem && action && path && strcmp(subsystem, uevents->subsystem) == 0)
                uevents->happened(action, path, uevents->userdata);
}

static void on_readable(LoopSource *source, uint32_t events, void *userdata)
{
        Uevents *uevents = userdata;

        for (int i = 0; i < RECEIVE_MAX; i++) {
                char text[EVENT_MAX + 1];
                struct sockaddr_nl from = { 0 };
                struct iovec part = { text, sizeof text - 1 };
                struct msghdr message = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part,
                                          .msg_iovlen = 1 };
                ssize_t n = recvmsg(uevents->fd, &message, 0);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == ENOBUFS) {
                        uevents->happened(NULL, NULL, uevents->userdata);
                        continue;
                }
                if (n < 0)
                        return;
                text[n] = '\0';
                /* Anybody may write to this group in the hope that we believe it; the kernel has no port. */
                if (from.nl_pid == 0)
                        take_event(uevents, text, (size_t)n);
        }
}

int uevents_new(Loop *loop, const char *subsystem, UeventsHappened happened, void *userdata, Uevents **ret_uevents)
{
        const struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = GROUP_KERNEL };
        _cleanup_(uevents_freep) Uevents *uevents = calloc(1, sizeof *uevents);
        int r;

        if (!uevents)
                return -ENOMEM;
        *uevents = (Uevents){ .loop = loop, .source = LOOP_SOURCE_INIT, .fd = -1, .subsystem = subsystem,
                              .happened = happened, .userdata = userdata };
        uevents->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
        if (uevents->fd < 0 || bind(uevents->fd, (const struct sockaddr *)&address, sizeof address) < 0)
                return -errno;
        r = loop_add(loop, &uevents->source, uevents->fd, EPOLLIN, on_readable, uevents);
        if (r < 0)
                return r;
        *ret_uevents = TAKE_PTR(uevents);
        return 0;
}

Uevents *uevents_free(Uevents *uevents)
{
        if (!uevents)
                return NULL;
        loop_remove(uevents->loop, &uevents->source);
        safe_close(uevents->fd);
        free(uevents);
        return NULL;
}
