/* SPDX-License-Identifier: MIT */

#include "sensors/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/delay.h"
#include "base/list.h"
#include "base/socket-address.h"
#include "sensors/sensors.h"
#include "sensors/watched.h"

/*
 * What is still ready when it is settled is looked at again later, and each time after twice as long: at most so long
 * if nobody took the socket, and if somebody did, who may have served others that came before.
 */
#define WAIT_MIN_USEC (100 * USEC_PER_MSEC)
#define WAIT_MAX_USEC (60 * USEC_PER_SEC)
#define WAIT_TAKEN_MAX_USEC (1 * USEC_PER_SEC)
/* How soon an address that is taken is tried again, at first. */
#define RETRY_USEC (1 * USEC_PER_SEC)
/* Between two programs, an entry a line: the descriptor and the text. */
#define KEPT "BGTASK_KEPT_SOCKETS"
/* Above what is handed over under a number of its own. */
#define KEPT_FD_MIN 64

typedef struct Socket {
        Watched watched;
        ListNode node;
        Sockets *sockets;
        LoopSource source;
        int fd;
        bool armed;
        bool taken;          /* since it was told of */
        Delay wait;          /* until it is looked at, or tried, again */
        uint64_t wait_usec;  /* 0: the next time at once */
        char problem[160];
        char text[];
} Socket;

struct Sockets {
        Loop *loop;
        SocketsReady ready;
        void *userdata;
        WatchedMap by_text;
        ListNode list;
        size_t n;
};

/* ---- listening ---- */

/* A socket in the file system that nobody listens at is a leftover, if it is ours. */
static bool remove_leftover(const SocketAddress *address)
{
        _cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        struct stat st;

        return fd >= 0 && lstat(address->path, &st) >= 0 && S_ISSOCK(st.st_mode) && st.st_uid == geteuid() &&
               connect(fd, (const struct sockaddr *)&address->address, address->length) < 0 &&
               errno == ECONNREFUSED && unlink(address->path) >= 0;
}

static int listen_at(const SocketAddress *address)
{
        const struct sockaddr *where = (const struct sockaddr *)&address->address;
        _cleanup_(closep) int fd = -1;
        const int on = 1;

        fd = socket(address->address.ss_family, address->type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return -errno;
        /* Of its user alone from the first moment; the kernel takes the mode from here. */
        if (address->path && fchmod(fd, 0600) < 0)
                return -errno;
        if (!address->path && address->type == SOCK_STREAM &&
            setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
                return -errno;
        if (address->address.ss_family == AF_INET6)
                (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        if (bind(fd, where, address->length) < 0 &&
            (errno != EADDRINUSE || !address->path || !remove_leftover(address) ||
             bind(fd, where, address->length) < 0))
                return -errno;
        if (address->type == SOCK_STREAM && listen(fd, SOMAXCONN) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* What the last program has kept for us; its entry is taken out. */
static int take_kept(const char *text)
{
        const char *kept = getenv(KEPT);
        _cleanup_(buffer_done) Buffer rest = { 0 };
        int found = -1;

        while (kept && *kept) {
                size_t n = strcspn(kept, "\n");
                char *end;
                long fd = strtol(kept, &end, 10);

                if (found < 0 && *end == ' ' && strlen(text) == n - (size_t)(end + 1 - kept) &&
                    strncmp(end + 1, text, strlen(text)) == 0)
                        found = (int)fd;
                else if (buffer_printf(&rest, "%.*s\n", (int)n, kept) < 0)
                        return -1;
                kept += n + (kept[n] == '\n');
        }
        if (found < 0 || setenv(KEPT, rest.size > 0 ? (const char *)rest.data : "", 1) < 0 ||
            fcntl(found, F_SETFD, FD_CLOEXEC) < 0)
                return -1;
        return found;
}

static void on_ready(LoopSource *source, uint32_t events, void *userdata)
{
        Socket *s = userdata;

        loop_remove(s->sockets->loop, &s->source);
        s->armed = false;
        s->taken = false;
        s->sockets->ready(s->text, s->sockets->userdata);
}

static void set_problem(Socket *s, const char *what, int error)
{
        snprintf(s->problem, sizeof s->problem, "%s: %s", what, strerror(-error));
}

static void arm(Socket *s)
{
        int r;

        if (s->armed || s->fd < 0)
                return;
        r = loop_add(s->sockets->loop, &s->source, s->fd, EPOLLIN, on_ready, s);
        s->armed = r >= 0;
        if (r < 0)
                set_problem(s, "it cannot be watched", r);
}

static void try_listen(Socket *s)
{
        SocketAddress address;

        if (socket_address_parse(s->text, &address))
                return;
        s->fd = take_kept(s->text);
        if (s->fd < 0)
                s->fd = listen_at(&address);
        if (s->fd >= 0) {
                s->problem[0] = '\0';
                s->wait_usec = 0;
                arm(s);
                return;
        }
        set_problem(s, "it cannot listen", s->fd);
        s->fd = -1;
        s->wait_usec = s->wait_usec ? MIN(2 * s->wait_usec, (uint64_t)WAIT_MAX_USEC) : RETRY_USEC;
        delay_start(&s->wait, s->wait_usec);
}

static void on_wait_over(Delay *delay, void *userdata)
{
        Socket *s = userdata;

        if (s->fd < 0)
                try_listen(s);
        else
                arm(s);
}

/* ---- who listens ---- */

static Socket *find(const Sockets *sockets, const char *text)
{
        Watched *watched = watched_find(&sockets->by_text, 0, text);

        return watched ? CONTAINER_OF(watched, Socket, watched) : NULL;
}

static void free_socket(Socket *s)
{
        if (s->armed)
                loop_remove(s->sockets->loop, &s->source);
        s->sockets->n--;
        list_remove(&s->node);
        watched_remove(&s->sockets->by_text, &s->watched);
        delay_done(&s->wait);
        safe_close(s->fd);
        free(s);
}

int sockets_watch(Sockets *sockets, const char *text)
{
        SocketAddress address;
        size_t n = strlen(text) + 1;
        Socket *s;
        int r;

        if (socket_address_parse(text, &address))
                return -EINVAL;
        if (find(sockets, text))
                return -EEXIST;
        s = calloc(1, sizeof *s + n);
        if (!s)
                return -ENOMEM;
        s->sockets = sockets;
        s->source = LOOP_SOURCE_INIT;
        s->fd = -1;
        memcpy(s->text, text, n);
        r = delay_init(&s->wait, sockets->loop, on_wait_over, s);
        if (r < 0) {
                free(s);
                return r;
        }
        list_append(&sockets->list, &s->node);
        watched_add(&sockets->by_text, &s->watched, 0, s->text);
        if (++sockets->n > SENSORS_SOCKETS_MAX)
                snprintf(s->problem, sizeof s->problem, "it cannot listen: there are %d sockets already",
                         SENSORS_SOCKETS_MAX);
        else
                try_listen(s);
        return 0;
}

void sockets_unwatch(Sockets *sockets, const char *text)
{
        Socket *s = find(sockets, text);
        SocketAddress address;

        if (!s)
                return;
        if (s->fd >= 0 && !socket_address_parse(text, &address) && address.path)
                (void)unlink(address.path);
        free_socket(s);
}

bool sockets_is_empty(const Sockets *sockets)
{
        return list_is_empty(&sockets->list);
}

static bool is_ready(int fd)
{
        struct pollfd p = { fd, POLLIN, 0 };

        return poll(&p, 1, 0) > 0;
}

void sockets_settle(Sockets *sockets, const char *text)
{
        Socket *s = find(sockets, text);

        if (!s || s->armed || s->fd < 0 || delay_is_running(&s->wait))
                return;
        if (!is_ready(s->fd)) {
                s->wait_usec = 0;
                arm(s);
                return;
        }
        s->wait_usec = s->wait_usec ? 2 * s->wait_usec : WAIT_MIN_USEC;
        s->wait_usec = MIN(s->wait_usec, (uint64_t)(s->taken ? WAIT_TAKEN_MAX_USEC : WAIT_MAX_USEC));
        delay_start(&s->wait, s->wait_usec);
}

int sockets_take(Sockets *sockets, const char *text)
{
        Socket *s = find(sockets, text);

        if (!s)
                return -1;
        s->taken = true;
        return s->fd;
}

void sockets_each(const Sockets *sockets, void (*each)(const char *text, void *userdata), void *userdata)
{
        list_for_each_safe(i, &sockets->list)
                each(list_entry(i, Socket, node)->text, userdata);
}

const char *sockets_problem(const Sockets *sockets, const char *text)
{
        const Socket *s = find(sockets, text);

        return s && s->problem[0] ? s->problem : NULL;
}

void sockets_keep(const Sockets *sockets)
{
        _cleanup_(buffer_done) Buffer kept = { 0 };

        list_for_each(i, &sockets->list) {
                const Socket *s = list_entry(i, Socket, node);

                int fd = s->fd >= 0 ? fcntl(s->fd, F_DUPFD, KEPT_FD_MIN) : -1;

                if (fd >= 0 && buffer_printf(&kept, "%d %s\n", fd, s->text) < 0)
                        return;
        }
        if (kept.size > 0)
                (void)setenv(KEPT, (const char *)kept.data, 1);
}

int sockets_new(Loop *loop, SocketsReady ready, void *userdata, Sockets **ret_sockets)
{
        _cleanup_(sockets_freep) Sockets *sockets = calloc(1, sizeof *sockets);
        int r;

        if (!sockets)
                return -ENOMEM;
        *sockets = (Sockets){ .loop = loop, .ready = ready, .userdata = userdata };
        list_init(&sockets->list);
        r = watched_init(&sockets->by_text);
        if (r < 0)
                return r;
        *ret_sockets = TAKE_PTR(sockets);
        return 0;
}

Sockets *sockets_free(Sockets *sockets)
{
        if (!sockets)
                return NULL;
        list_for_each_safe(i, &sockets->list)
                free_socket(list_entry(i, Socket, node));
        watched_done(&sockets->by_text);
        free(sockets);
        return NULL;
}
