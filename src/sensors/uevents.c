/* SPDX-License-Identifier: MIT */

#include "sensors/uevents.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The kernel puts 2 KiB into one event, udev what its rules have found out. */
#define EVENT_MAX 16384
/* Numbers of groups, and their bits. */
#define KERNEL 1
#define UDEV 2
#define GROUP_KERNEL (1u << (KERNEL - 1))
#define GROUP_UDEV (1u << (UDEV - 1))
#define UDEV_RUNS "/run/udev/control"
#define RECEIVE_MAX 64
/* So much of a storm waits while the broker is busy; the kernel takes the memory only then. Twice this is charged. */
#define RECEIVE_BUFFER (8 * 1024 * 1024)
/* The header of what udev sends has this name, and says where the properties begin. */
#define UDEV_PREFIX "libudev"
#define UDEV_PROPERTIES_AT 16

struct Uevents {
        Loop *loop;
        LoopSource source;
        int fd;
        const char *subsystem;
        bool of_udev;       /* what the kernel says is not heard */
        bool may_be_of_udev; /* who else says something is asked for */
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

const char *uevent_get(const Uevent *event, const char *key)
{
        return value_of(event->properties, event->n_properties, key);
}

/* text[n] is 0. */
static void take_event(Uevents *uevents, const char *text, size_t n)
{
        const char *subsystem;
        uint32_t skip = 0;
        Uevent event;

        if (n > UDEV_PROPERTIES_AT + sizeof skip && memcmp(text, UDEV_PREFIX, sizeof UDEV_PREFIX) == 0)
                memcpy(&skip, text + UDEV_PROPERTIES_AT, sizeof skip);
        if (skip >= n)
                return;
        event = (Uevent){ .properties = text + skip, .n_properties = n - skip };
        event.action = uevent_get(&event, "ACTION");
        event.path = uevent_get(&event, "DEVPATH");
        subsystem = uevent_get(&event, "SUBSYSTEM");
        if (event.action && event.path && subsystem &&
            (!uevents->subsystem || strcmp(subsystem, uevents->subsystem) == 0))
                uevents->happened(&event, uevents->userdata);
}

/* udev has been started after us: from now on it tells what the kernel does, which is not to be told twice. */
static void change_to_udev(Uevents *uevents)
{
        const int group = KERNEL;

        uevents->of_udev = true;
        (void)setsockopt(uevents->fd, SOL_NETLINK, NETLINK_DROP_MEMBERSHIP, &group, sizeof group);
}

/* Anybody may write to these groups in the hope that we believe it: the kernel has no port, and udev is root. */
static bool is_trusted(const Uevents *uevents, const struct sockaddr_nl *from, struct msghdr *message)
{
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(message);
        struct ucred sender;

        if (from->nl_pid == 0)
                return !uevents->of_udev;
        if (!uevents->may_be_of_udev || !(from->nl_groups & GROUP_UDEV))
                return false;
        if (!cmsg || cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_CREDENTIALS)
                return false;
        memcpy(&sender, CMSG_DATA(cmsg), sizeof sender);
        return sender.uid == 0;
}

static void on_readable(LoopSource *source, uint32_t events, void *userdata)
{
        Uevents *uevents = userdata;

        for (int i = 0; i < RECEIVE_MAX; i++) {
                char text[EVENT_MAX + 1];
                struct sockaddr_nl from = { 0 };
                _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct ucred))];
                struct iovec part = { text, sizeof text - 1 };
                struct msghdr message = { .msg_name = &from, .msg_namelen = sizeof from, .msg_iov = &part,
                                          .msg_iovlen = 1, .msg_control = uevents->may_be_of_udev ? control : NULL,
                                          .msg_controllen = uevents->may_be_of_udev ? sizeof control : 0 };
                ssize_t n = recvmsg(uevents->fd, &message, 0);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == ENOBUFS) {
                        uevents->happened(NULL, uevents->userdata);
                        continue;
                }
                if (n < 0)
                        return;
                text[n] = '\0';
                if (!is_trusted(uevents, &from, &message))
                        continue;
                if (from.nl_pid != 0 && !uevents->of_udev)
                        change_to_udev(uevents);
                if (message.msg_flags & MSG_TRUNC)
                        uevents->happened(NULL, uevents->userdata);
                else
                        take_event(uevents, text, (size_t)n);
        }
}

/* Beyond the machine's limit (net.core.rmem_max) only for who may administer the network. */
static void enlarge_buffer(int fd)
{
        const int size = RECEIVE_BUFFER;

        if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
                (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

int uevents_new(Loop *loop, const char *subsystem, UeventsHappened happened, void *userdata, Uevents **ret_uevents)
{
        _cleanup_(uevents_freep) Uevents *uevents = calloc(1, sizeof *uevents);
        struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = GROUP_KERNEL };
        const int on = 1;
        int r;

        if (!uevents)
                return -ENOMEM;
        *uevents = (Uevents){ .loop = loop, .source = LOOP_SOURCE_INIT, .fd = -1, .subsystem = subsystem,
                              .happened = happened, .userdata = userdata, .may_be_of_udev = !subsystem,
                              .of_udev = !subsystem && access(UDEV_RUNS, F_OK) == 0 };
        if (uevents->may_be_of_udev)
                address.nl_groups = uevents->of_udev ? GROUP_UDEV : GROUP_KERNEL | GROUP_UDEV;
        uevents->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);
        if (uevents->fd < 0 ||
            (uevents->may_be_of_udev && setsockopt(uevents->fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0) ||
            bind(uevents->fd, (const struct sockaddr *)&address, sizeof address) < 0)
                return -errno;
        enlarge_buffer(uevents->fd);
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
