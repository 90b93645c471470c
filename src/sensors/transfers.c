/* SPDX-License-Identifier: MIT */

#include "sensors/transfers.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/delay.h"
#include "base/list.h"

#define WAIT_MIN_USEC (100 * USEC_PER_MSEC)
#define WAIT_MAX_USEC (60 * USEC_PER_SEC)
/* Between two programs, an entry a line: the descriptor, the keep-alive time, the task and the id. */
#define KEPT "BGTASK_KEPT_TRANSFERS"
/* Above what is handed over under a number of its own. */
#define KEPT_FD_MIN 64

typedef struct Transfer {
        ListNode node;
        Transfers *transfers;
        Uuid task;
        LoopSource source;
        int fd;
        int type;
        bool listens;
        bool armed;
        bool closed;         /* its end was told */
        Delay wait;          /* until it is looked at again */
        uint64_t wait_usec;
        Delay keep_alive;
        uint64_t keep_alive_usec;
        char id[];
} Transfer;

struct Transfers {
        Loop *loop;
        TransfersHappened happened;
        void *userdata;
        ListNode list;
};

static void disarm(Transfer *t)
{
        if (t->armed)
                loop_remove(t->transfers->loop, &t->source);
        t->armed = false;
        delay_stop(&t->keep_alive);
}

static void tell(Transfer *t, const char *reason)
{
        char entry[TRANSFER_ID_MAX + 32];
        int n = snprintf(entry, sizeof entry, "%s\t%s", t->id, reason);

        disarm(t);
        t->transfers->happened(t->task, entry, (size_t)n + 1, t->transfers->userdata);
}

/* What has happened, in the words of SocketActivityTriggerReason; NULL: nothing, after all. */
static const char *look(const Transfer *t)
{
        char byte;
        ssize_t n;

        if (t->listens) {
                int error = 0;
                socklen_t size = sizeof error;

                (void)getsockopt(t->fd, SOL_SOCKET, SO_ERROR, &error, &size);
                return error ? "SocketClosed" : "ConnectionAccepted";
        }
        n = recv(t->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (n > 0 || (n == 0 && t->type == SOCK_DGRAM))
                return "SocketActivity";
        if (n == 0)
                return "SocketClosed";
        /* That nobody listens there is told of one datagram, and is gone with being told. */
        return errno == EAGAIN || t->type == SOCK_DGRAM ? NULL : "SocketClosed";
}

static void on_ready(LoopSource *source, uint32_t events, void *userdata)
{
        Transfer *t = userdata;
        const char *reason = look(t);

        if (!reason && (events & EPOLLHUP))
                reason = "SocketClosed";
        if (!reason)
                return;
        t->closed = strcmp(reason, "SocketClosed") == 0;
        tell(t, reason);
}

static void arm(Transfer *t)
{
        if (t->armed)
                return;
        t->armed = loop_add(t->transfers->loop, &t->source, t->fd, EPOLLIN, on_ready, t) >= 0;
        if (t->keep_alive_usec > 0)
                delay_start(&t->keep_alive, t->keep_alive_usec);
}

static void on_wait_over(Delay *delay, void *userdata)
{
        arm(userdata);
}

static void on_keep_alive(Delay *delay, void *userdata)
{
        Transfer *t = userdata;

        t->wait_usec = 0;
        tell(t, "KeepAliveTimerExpired");
}

static Transfer *find(const Transfers *transfers, Uuid task, const char *id)
{
        list_for_each(i, &transfers->list) {
                Transfer *t = list_entry(i, Transfer, node);

                if (uuid_equal(t->task, task) && strcmp(t->id, id) == 0)
                        return t;
        }
        return NULL;
}

/* Without closing the descriptor. */
static int release(Transfer *t)
{
        int fd = t->fd;

        disarm(t);
        delay_done(&t->wait);
        delay_done(&t->keep_alive);
        list_remove(&t->node);
        free(t);
        return fd;
}

static void close_transfer(Transfer *t)
{
        (void)close(release(t));
}

static int check(int fd, int *ret_type, bool *ret_listens)
{
        struct sockaddr_storage peer;
        socklen_t size = sizeof(int);
        int domain, listens = 0;

        if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 ||
            getsockopt(fd, SOL_SOCKET, SO_TYPE, ret_type, &size) < 0)
                return -errno;
        if ((domain != AF_UNIX && domain != AF_INET && domain != AF_INET6) ||
            (*ret_type != SOCK_STREAM && *ret_type != SOCK_DGRAM))
                return -EPROTONOSUPPORT;
        (void)getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
        *ret_listens = listens;
        size = sizeof peer;
        /* Of one whose peer has gone meanwhile the end is told. */
        if (*ret_type == SOCK_STREAM && !listens && getpeername(fd, (struct sockaddr *)&peer, &size) < 0 &&
            recv(fd, &domain, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == ENOTCONN)
                return -ENOTCONN;
        return 0;
}

int transfers_add(Transfers *transfers, Uuid task, const char *id, int fd, uint64_t keep_alive_usec)
{
        Transfer *t, *old = find(transfers, task, id);
        size_t n = strlen(id) + 1;
        bool listens = false;
        int type = 0, r;

        r = check(fd, &type, &listens);
        if (r < 0)
                return r;
        t = calloc(1, sizeof *t + n);
        if (!t)
                return -ENOMEM;
        *t = (Transfer){ .transfers = transfers, .task = task, .source = LOOP_SOURCE_INIT, .fd = fd, .type = type,
                         .listens = listens, .wait = DELAY_INIT, .keep_alive = DELAY_INIT,
                         .keep_alive_usec = keep_alive_usec };
        memcpy(t->id, id, n);
        list_append(&transfers->list, &t->node);
        r = delay_init(&t->wait, transfers->loop, on_wait_over, t);
        if (r >= 0 && keep_alive_usec > 0)
                r = delay_init(&t->keep_alive, transfers->loop, on_keep_alive, t);
        if (r < 0) {
                (void)release(t);
                return r;
        }
        if (old)
                close_transfer(old);
        (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
        arm(t);
        return 0;
}

int transfers_take(Transfers *transfers, Uuid task, const char *id)
{
        Transfer *t = find(transfers, task, id);

        return t ? release(t) : -ENOENT;
}

static void settle(Transfer *t)
{
        if (t->armed || delay_is_running(&t->wait))
                return;
        if (t->closed) {
                close_transfer(t);
                return;
        }
        if (!look(t)) {
                t->wait_usec = 0;
                arm(t);
                return;
        }
        t->wait_usec = t->wait_usec ? MIN(2 * t->wait_usec, (uint64_t)WAIT_MAX_USEC) : WAIT_MIN_USEC;
        delay_start(&t->wait, t->wait_usec);
}

void transfers_settle(Transfers *transfers, Uuid task)
{
        list_for_each_safe(i, &transfers->list) {
                Transfer *t = list_entry(i, Transfer, node);

                if (uuid_equal(t->task, task))
                        settle(t);
        }
}

void transfers_drop(Transfers *transfers, Uuid task)
{
        list_for_each_safe(i, &transfers->list) {
                Transfer *t = list_entry(i, Transfer, node);

                if (uuid_equal(t->task, task))
                        close_transfer(t);
        }
}

void transfers_each(Transfers *transfers, void (*each)(Uuid task, const char *id, void *userdata), void *userdata)
{
        list_for_each_safe(i, &transfers->list) {
                Transfer *t = list_entry(i, Transfer, node);

                each(t->task, t->id, userdata);
        }
}

void transfers_keep(const Transfers *transfers)
{
        _cleanup_(buffer_done) Buffer kept = { 0 };

        list_for_each(i, &transfers->list) {
                const Transfer *t = list_entry(i, Transfer, node);
                int fd = fcntl(t->fd, F_DUPFD, KEPT_FD_MIN);
                char task[UUID_STRING_MAX];

                if (fd >= 0 && buffer_printf(&kept, "%d %" PRIu64 " %s %s\n", fd, t->keep_alive_usec,
                                             uuid_format(t->task, task), t->id) < 0)
                        return;
        }
        if (kept.size > 0)
                (void)setenv(KEPT, (const char *)kept.data, 1);
}

static void take_kept(Transfers *transfers)
{
        const char *variable = getenv(KEPT);
        _cleanup_(freep) char *lines = variable ? strdup(variable) : NULL;
        char *state = NULL;

        (void)unsetenv(KEPT);
        for (char *line = lines ? strtok_r(lines, "\n", &state) : NULL; line; line = strtok_r(NULL, "\n", &state)) {
                char text[UUID_STRING_MAX];
                uint64_t keep_alive;
                int fd, n = 0;
                Uuid task;

                if (sscanf(line, "%d %" SCNu64 " %36s %n", &fd, &keep_alive, text, &n) < 3 || n == 0 ||
                    uuid_parse(text, &task) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
                        continue;
                if (transfers_add(transfers, task, line + n, fd, keep_alive) < 0)
                        (void)close(fd);
        }
}

int transfers_new(Loop *loop, TransfersHappened happened, void *userdata, Transfers **ret_transfers)
{
        Transfers *transfers = calloc(1, sizeof *transfers);

        if (!transfers)
                return -ENOMEM;
        *transfers = (Transfers){ .loop = loop, .happened = happened, .userdata = userdata };
        list_init(&transfers->list);
        take_kept(transfers);
        *ret_transfers = transfers;
        return 0;
}

Transfers *transfers_free(Transfers *transfers)
{
        if (!transfers)
                return NULL;
        list_for_each_safe(i, &transfers->list)
                close_transfer(list_entry(i, Transfer, node));
        free(transfers);
        return NULL;
}
