/* SPDX-License-Identifier: MIT */

#include "sensors/routes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_arp.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/delay.h"

/* A burst of changes is read no more often than this. */
#define PAUSE_USEC (200 * USEC_PER_MSEC)
/* Interfaces of default routes that are looked at: the first usable one is enough. */
#define LINKS_MAX 16
/* Messages of one turn, so that a storm does not keep the loop. */
#define RECEIVE_MAX 64
#define BUFFER_SIZE 32768

/* One reading goes through these in turn. */
typedef enum Phase {
        PHASE_IDLE,
        PHASE_IPV4,
        PHASE_IPV6,
        PHASE_LINKS,
} Phase;

struct Routes {
        Loop *loop;
        LoopSource source;
        int fd;
        Delay pause;
        void (*changed)(void *userdata);
        void *userdata;
        char *sysfs;
        Phase phase;
        bool again;              /* something changed while it was being read */
        uint32_t port;           /* our address, which answers carry */
        uint32_t sequence;       /* of the question that is open */
        uint64_t read_mono_usec; /* when the last reading ended */
        unsigned links[LINKS_MAX]; /* interfaces of default routes */
        size_t n_links;
        size_t at;               /* the one that is being asked about */
        unsigned watched[LINKS_MAX]; /* those of the last reading */
        size_t n_watched;
        RouteState next;
        RouteState state;
        uint8_t *buffer;
};

static bool contains(const unsigned *links, size_t n, unsigned index)
{
        for (size_t i = 0; i < n; i++)
                if (links[i] == index)
                        return true;
        return false;
}

static void add_link(Routes *routes, unsigned index)
{
        if (index > 0 && routes->n_links < LINKS_MAX && !contains(routes->links, routes->n_links, index))
                routes->links[routes->n_links++] = index;
}

static int ask(Routes *routes, struct nlmsghdr *request)
{
        const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

        request->nlmsg_seq = ++routes->sequence;
        if (sendto(routes->fd, request, request->nlmsg_len, 0, (const struct sockaddr *)&kernel, sizeof kernel) < 0)
                return -errno;
        return 0;
}

static int ask_routes(Routes *routes, uint8_t family)
{
        struct {
                struct nlmsghdr header;
                struct rtmsg route;
        } request = {
                .header = { .nlmsg_len = sizeof request, .nlmsg_type = RTM_GETROUTE,
                            .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
                .route = { .rtm_family = family },
        };

        return ask(routes, &request.header);
}

static int ask_link(Routes *routes, unsigned index)
{
        struct {
                struct nlmsghdr header;
                struct ifinfomsg link;
        } request = {
                .header = { .nlmsg_len = sizeof request, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST },
                .link = { .ifi_index = (int)index },
        };

        return ask(routes, &request.header);
}

static bool is_same(const RouteState *a, const RouteState *b)
{
        return a->known == b->known && a->usable == b->usable && a->index == b->index && a->link == b->link &&
               strcmp(a->name, b->name) == 0;
}

static void note_change(Routes *routes);

static void publish(Routes *routes)
{
        bool differs = !is_same(&routes->state, &routes->next);

        routes->phase = PHASE_IDLE;
        routes->read_mono_usec = clock_now_usec(CLOCK_MONOTONIC);
        routes->state = routes->next;
        routes->n_watched = routes->n_links;
        memcpy(routes->watched, routes->links, sizeof routes->watched);
        if (routes->again)
                note_change(routes);
        if (differs)
                routes->changed(routes->userdata);
}

/* Begins anew after a pause: the kernel had no memory, or is not done with the question before. */
static void begin_again(Routes *routes)
{
        routes->phase = PHASE_IDLE;
        delay_start(&routes->pause, PAUSE_USEC);
}

/* Asks the next question of a reading, or ends it. */
static void proceed(Routes *routes)
{
        int r;

        switch (routes->phase) {
        case PHASE_IDLE:
                routes->next = (RouteState){ .known = true };
                routes->n_links = 0;
                routes->at = 0;
                routes->again = false;
                routes->phase = PHASE_IPV4;
                r = ask_routes(routes, AF_INET);
                break;
        case PHASE_IPV4:
                routes->phase = PHASE_IPV6;
                r = ask_routes(routes, AF_INET6);
                break;
        default:
                routes->phase = PHASE_LINKS;
                if (routes->next.usable || routes->at == routes->n_links) {
                        publish(routes);
                        return;
                }
                r = ask_link(routes, routes->links[routes->at++]);
        }
        if (r < 0)
                begin_again(routes);
}

static void on_pause_over(Delay *delay, void *userdata)
{
        Routes *routes = userdata;

        if (routes->phase == PHASE_IDLE)
                proceed(routes);
}

/* Reads what has changed: at once, or when a pause after the last reading is over. */
static void note_change(Routes *routes)
{
        uint64_t passed = usec_sub(clock_now_usec(CLOCK_MONOTONIC), routes->read_mono_usec);

        if (routes->phase != PHASE_IDLE)
                routes->again = true;
        else if (delay_is_running(&routes->pause))
                return;
        else if (passed >= PAUSE_USEC)
                proceed(routes);
        else
                delay_start(&routes->pause, PAUSE_USEC - passed);
}

static void read_nexthops(Routes *routes, struct rtattr *attribute)
{
        struct rtnexthop *hop = RTA_DATA(attribute);
        size_t left = RTA_PAYLOAD(attribute);

        while (left >= sizeof *hop && hop->rtnh_len >= sizeof *hop && hop->rtnh_len <= left) {
                size_t step = MIN((size_t)RTNH_ALIGN(hop->rtnh_len), left);

                add_link(routes, (unsigned)hop->rtnh_ifindex);
                left -= step;
                hop = (struct rtnexthop *)(void *)((char *)hop + step);
        }
}

/* One over an interface that is down counts as such: the interface says so when it is asked. */
static bool is_default_route(const struct rtmsg *route)
{
        return route->rtm_dst_len == 0 && route->rtm_type == RTN_UNICAST && route->rtm_table != RT_TABLE_LOCAL &&
               !(route->rtm_flags & RTM_F_CLONED);
}

static void read_route(Routes *routes, struct nlmsghdr *message)
{
        struct rtmsg *route = NLMSG_DATA(message);
        int left = (int)RTM_PAYLOAD(message);

        if (message->nlmsg_len < NLMSG_LENGTH(sizeof *route) || !is_default_route(route))
                return;
        for (struct rtattr *i = RTM_RTA(route); RTA_OK(i, left); i = RTA_NEXT(i, left)) {
                int index;

                if (i->rta_type == RTA_OIF && RTA_PAYLOAD(i) >= sizeof index) {
                        memcpy(&index, RTA_DATA(i), sizeof index);
                        add_link(routes, (unsigned)index);
                } else if (i->rta_type == RTA_MULTIPATH) {
                        read_nexthops(routes, i);
                }
        }
}

/* What DEVTYPE= says in the interface's uevent file; Ethernet itself says nothing. */
static RouteLink find_link(const Routes *routes, const char *name, unsigned type)
{
        _cleanup_(freep) char *path = NULL;
        _cleanup_(closep) int fd = -1;
        char text[512];
        ssize_t n;

        if (type != ARPHRD_ETHER)
                return type == ARPHRD_RAWIP ? ROUTE_LINK_MOBILE : ROUTE_LINK_OTHER;
        if (asprintf(&path, "%s/class/net/%s/uevent", routes->sysfs, name) < 0)
                return ROUTE_LINK_OTHER;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        n = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
        text[MAX(n, 0)] = '\0';
        if (strstr(text, "DEVTYPE=wlan"))
                return ROUTE_LINK_WIRELESS;
        if (strstr(text, "DEVTYPE=wwan") || strstr(text, "DEVTYPE=bluetooth"))
                return ROUTE_LINK_MOBILE;
        return ROUTE_LINK_WIRED;
}

static void read_link(Routes *routes, struct nlmsghdr *message)
{
        const unsigned wanted = IFF_UP | IFF_RUNNING;
        struct ifinfomsg *link = NLMSG_DATA(message);
        char name[IF_NAMESIZE] = "";
        int left;

        if (message->nlmsg_len < NLMSG_LENGTH(sizeof *link) || (link->ifi_flags & IFF_LOOPBACK))
                return;
        left = (int)IFLA_PAYLOAD(message);
        for (struct rtattr *i = IFLA_RTA(link); RTA_OK(i, left); i = RTA_NEXT(i, left))
                if (i->rta_type == IFLA_IFNAME)
                        memcpy(name, RTA_DATA(i), MIN(RTA_PAYLOAD(i), sizeof name - 1));
        routes->next.usable = (link->ifi_flags & wanted) == wanted;
        routes->next.index = (unsigned)link->ifi_index;
        memcpy(routes->next.name, name, sizeof name);
        if (routes->next.usable)
                routes->next.link = find_link(routes, name, link->ifi_type);
}

static bool is_busy(struct nlmsghdr *message)
{
        const struct nlmsgerr *error = NLMSG_DATA(message);

        return message->nlmsg_type == NLMSG_ERROR && message->nlmsg_len >= NLMSG_LENGTH(sizeof *error) &&
               error->error == -EBUSY;
}

static void take_answer(Routes *routes, struct nlmsghdr *message)
{
        if (is_busy(message)) {
                begin_again(routes);
                return;
        }
        if (message->nlmsg_flags & NLM_F_DUMP_INTR)
                routes->again = true;
        switch (message->nlmsg_type) {
        case RTM_NEWROUTE:
                read_route(routes, message);
                break;
        case RTM_NEWLINK:
                read_link(routes, message);
                proceed(routes);
                break;
        case NLMSG_ERROR: /* of an interface that has gone, of IPv6 where there is none */
        case NLMSG_DONE:
                proceed(routes);
                break;
        default:
                break;
        }
}

/* Whether a notification is about something that a reading depends on. */
static bool concerns(const Routes *routes, struct nlmsghdr *message)
{
        const void *data = NLMSG_DATA(message);
        const struct rtmsg *route = data;
        const struct ifinfomsg *link = data;

        switch (message->nlmsg_type) {
        case RTM_NEWROUTE:
        case RTM_DELROUTE:
                return message->nlmsg_len >= NLMSG_LENGTH(sizeof *route) && route->rtm_dst_len == 0;
        case RTM_NEWLINK:
        case RTM_DELLINK:
                return message->nlmsg_len >= NLMSG_LENGTH(sizeof *link) &&
                       contains(routes->watched, routes->n_watched, (unsigned)link->ifi_index);
        case RTM_DELADDR: /* its routes go without a word */
                return true;
        default:
                return false;
        }
}

static void take_messages(Routes *routes, size_t n)
{
        struct nlmsghdr *message = (struct nlmsghdr *)(void *)routes->buffer;
        unsigned left = (unsigned)n;

        for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
                bool answer = routes->phase != PHASE_IDLE && message->nlmsg_seq == routes->sequence &&
                              message->nlmsg_pid == routes->port;

                if (answer)
                        take_answer(routes, message);
                else if (concerns(routes, message))
                        note_change(routes);
        }
}

static void on_readable(LoopSource *source, uint32_t events, void *userdata)
{
        Routes *routes = userdata;

        for (int i = 0; i < RECEIVE_MAX; i++) {
                struct sockaddr_nl from = { 0 };
                socklen_t size = sizeof from;
                ssize_t n = recvfrom(routes->fd, routes->buffer, BUFFER_SIZE, MSG_TRUNC, (struct sockaddr *)&from,
                                     &size);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == ENOBUFS) {
                        /* Something was lost; whatever it was, it is read anew, even an answer. */
                        routes->phase = PHASE_IDLE;
                        note_change(routes);
                        continue;
                }
                if (n < 0)
                        return;
                if (from.nl_pid == 0)
                        take_messages(routes, MIN((size_t)n, (size_t)BUFFER_SIZE));
        }
}

int routes_new(Loop *loop, const char *sysfs, void (*changed)(void *userdata), void *userdata, Routes **ret_routes)
{
        const struct sockaddr_nl address = {
                .nl_family = AF_NETLINK,
                .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_IPV4_IFADDR,
        };
        _cleanup_(routes_freep) Routes *routes = calloc(1, sizeof *routes);
        struct sockaddr_nl own;
        socklen_t size = sizeof own;
        int r;

        if (!routes)
                return -ENOMEM;
        *routes = (Routes){ .loop = loop, .source = LOOP_SOURCE_INIT, .fd = -1, .pause = DELAY_INIT,
                            .changed = changed, .userdata = userdata };
        routes->buffer = malloc(BUFFER_SIZE);
        routes->sysfs = strdup(sysfs);
        if (!routes->buffer || !routes->sysfs)
                return -ENOMEM;
        routes->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
        if (routes->fd < 0 || bind(routes->fd, (const struct sockaddr *)&address, sizeof address) < 0 ||
            getsockname(routes->fd, (struct sockaddr *)&own, &size) < 0)
                return -errno;
        routes->port = own.nl_pid;
        r = delay_init(&routes->pause, loop, on_pause_over, routes);
        if (r >= 0)
                r = loop_add(loop, &routes->source, routes->fd, EPOLLIN, on_readable, routes);
        if (r < 0)
                return r;
        proceed(routes);
        *ret_routes = TAKE_PTR(routes);
        return 0;
}

Routes *routes_free(Routes *routes)
{
        if (!routes)
                return NULL;
        loop_remove(routes->loop, &routes->source);
        safe_close(routes->fd);
        delay_done(&routes->pause);
        free(routes->sysfs);
        free(routes->buffer);
        free(routes);
        return NULL;
}

const RouteState *routes_get(const Routes *routes)
{
        return &routes->state;
}
