/* SPDX-License-Identifier: MIT */

/* Listener, peers and calls. */

#include "bus/bus.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include "base/clock.h"
#include "bus/bus-internal.h"

#define PEERS_DEFAULT 1024
#define CALLS_DEFAULT 1024
#define AUTHENTICATION_USEC (30 * USEC_PER_SEC)

/* Peers stand in the order in which they connected: the first one that has not authenticated is the next to fall. */
void bus_arm_timer(Bus *bus)
{
        struct itimerspec spec = { 0 };
        uint64_t next = 0;

        list_for_each(i, &bus->peers) {
                Peer *peer = list_entry(i, Peer, node);

                if (peer->is_stranger) {
                        next = peer->connected_mono_usec + AUTHENTICATION_USEC;
                        break;
                }
        }
        if (bus->resume_mono_usec > 0 && (next == 0 || bus->resume_mono_usec < next))
                next = bus->resume_mono_usec;
        if (next > 0)
                spec.it_value = timespec_from_usec(next);
        (void)timerfd_settime(bus->timer_fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

static void on_timer(LoopSource *source, uint32_t events, void *userdata)
{
        Bus *bus = userdata;
        uint64_t now = clock_now_usec(CLOCK_MONOTONIC), expirations;

        if (read(bus->timer_fd, &expirations, sizeof expirations) < 0)
                return;
        list_for_each_safe(i, &bus->peers) {
                Peer *peer = list_entry(i, Peer, node);

                peer->is_stranger = peer->is_stranger && !connection_is_authenticated(peer->connection);
                if (peer->is_stranger && now >= peer->connected_mono_usec + AUTHENTICATION_USEC)
                        peer_free(peer);
        }
        listeners_resume(bus, now);
        bus_arm_timer(bus);
}

static void on_message(Connection *connection, Message *m, void *userdata)
{
        Peer *peer = userdata;

        if (peer->is_stranger) {
                peer->is_stranger = false;
                bus_arm_timer(peer->bus);
        }
        if (peer->is_confined && !scope_permits(peer, m))
                return;
        dispatch_call(&peer->bus->dispatch, connection, m, peer);
}

static void on_disconnected(Connection *connection, int reason, void *userdata)
{
        Peer *peer = userdata;
        Bus *bus = peer->bus;
        bool was_stranger;

        list_for_each_safe(i, &peer->calls)
                call_free(list_entry(i, Call, peer_node));
        peer->bus->config.handlers->gone(peer, peer->bus->config.handlers->userdata);
        was_stranger = peer->is_stranger;
        peer_free(peer);
        if (was_stranger)
                bus_arm_timer(bus);
}

void bus_handle(Peer *peer, Message *m, void (*handle)(Call *call, Reader *r))
{
        Call *call = call_new(peer, m);
        Reader r;

        if (!call) {
                call_refuse(peer, m);
                return;
        }
        reader_init(&r, m);
        handle(call, &r);
}

int peer_new(Bus *bus, int fd, ConnectionRole role, const char *confined_to, Peer **ret_peer)
{
        const ConnectionOptions options = {
                .role = role,
                .guid = bus->guid,
                .id = bus->last_peer + 1,
                .gather = true,
                .patient = true,
                .on_message = on_message,
                .on_disconnected = on_disconnected,
        };
        ConnectionOptions with_peer = options;
        Peer *peer = calloc(1, sizeof *peer);
        int r;

        if (!peer)
                return -ENOMEM;
        peer->bus = bus;
        list_init(&peer->calls);
        peer->is_confined = confined_to != NULL;
        peer->package = strdup(confined_to ?: "");
        with_peer.userdata = peer;
        r = peer->package ? connection_new(bus->loop, fd, &with_peer, &peer->connection) : -ENOMEM;
        if (r < 0) {
                free(peer->package);
                free(peer);
                return r;
        }
        peer->id = ++bus->last_peer;
        peer->is_stranger = !connection_is_authenticated(peer->connection);
        peer->connected_mono_usec = clock_now_usec(CLOCK_MONOTONIC);
        list_append(&bus->peers, &peer->node);
        bus->n_peers++;
        if (ret_peer)
                *ret_peer = peer;
        return 0;
}

Peer *peer_free(Peer *peer)
{
        if (!peer)
                return NULL;
        list_for_each_safe(i, &peer->calls)
                call_free(list_entry(i, Call, peer_node));
        watches_drop_peer(peer);
        list_remove(&peer->node);
        peer->bus->n_peers--;
        connection_free(peer->connection);
        free(peer->package);
        free(peer);
        return NULL;
}

static const DispatchObject objects[] = {
        { BUS_PATH, false, &manager1_interface, manager_handlers, manager_get_property },
        { BUS_PATH, false, &server1_interface, server_handlers, NULL },
        { BUS_PATH, false, &test_clock1_interface, test_clock_handlers, NULL },
};

/* The test clock is the last one, so that without it the table is just shorter. */
static size_t n_objects(const BusConfig *config)
{
        return ELEMENTSOF(objects) - (config->test_clock ? 0 : 1);
}

int bus_new(Loop *loop, const BusConfig *config, Bus **ret_bus)
{
        _cleanup_(bus_freep) Bus *bus = calloc(1, sizeof *bus);
        int r;

        if (!bus)
                return -ENOMEM;
        *bus = (Bus){ .loop = loop, .config = *config,
                      .reserve_fd = -1, .timer_fd = -1,
                      .timer_source = LOOP_SOURCE_INIT, .guid = uuid_random() };
        bus->config.max_peers = config->max_peers ?: PEERS_DEFAULT;
        bus->config.max_calls = config->max_calls ?: CALLS_DEFAULT;
        list_init(&bus->listeners);
        list_init(&bus->peers);
        list_init(&bus->watches);
        for (size_t i = 0; i < CALL_BUCKETS; i++)
                list_init(&bus->calls[i]);
        dispatch_init(&bus->dispatch, objects, n_objects(config), "org.bgtask.Broker");
        writer_init(&bus->reply_writer);
        writer_init(&bus->signal_writer);
        writer_init(&bus->send_writer);
        bus->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        bus->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (bus->reserve_fd < 0 || bus->timer_fd < 0)
                return -errno;
        r = loop_add(loop, &bus->timer_source, bus->timer_fd, EPOLLIN, on_timer, bus);
        if (r < 0)
                return r;
        *ret_bus = TAKE_PTR(bus);
        return 0;
}

Bus *bus_free(Bus *bus)
{
        if (!bus)
                return NULL;
        list_for_each_safe(i, &bus->peers)
                peer_free(list_entry(i, Peer, node));
        list_for_each_safe(i, &bus->listeners)
                listener_free(list_entry(i, Listener, node));
        loop_remove(bus->loop, &bus->timer_source);
        if (bus->config.listen_fd > 0)
                safe_close(bus->config.listen_fd);
        safe_close(bus->reserve_fd);
        safe_close(bus->timer_fd);
        dispatch_done(&bus->dispatch);
        writer_done(&bus->reply_writer);
        writer_done(&bus->signal_writer);
        writer_done(&bus->send_writer);
        free(bus);
        return NULL;
}

int bus_add_server(Bus *bus, int fd, const char *confined_to, void *userdata, Peer **ret_peer)
{
        Peer *peer;
        int r;

        r = peer_new(bus, fd, CONNECTION_BARE, confined_to, &peer);
        if (r < 0)
                return r;
        peer->launched = true;
        peer->userdata = userdata;
        *ret_peer = peer;
        return 0;
}

size_t bus_n_peers(const Bus *bus)
{
        return bus->n_peers;
}

void *peer_userdata(const Peer *peer)
{
        return peer->userdata;
}

void peer_set_userdata(Peer *peer, void *userdata)
{
        peer->userdata = userdata;
}

const struct ucred *peer_credentials(const Peer *peer)
{
        static const struct ucred nobody = { .pid = 0, .uid = (uid_t)-1, .gid = (gid_t)-1 };

        return peer->launched ? &nobody : connection_peer(peer->connection);
}

int peer_pidfd(const Peer *peer, int *ret_fd)
{
        return connection_peer_pidfd(peer->connection, ret_fd);
}

const char *peer_package(const Peer *peer)
{
        return peer->package;
}

bool peer_is_confined(const Peer *peer)
{
        return peer->is_confined;
}

int peer_set_package(Peer *peer, const char *package)
{
        char *copy = strdup(package);

        if (!copy)
                return -ENOMEM;
        free(peer->package);
        peer->package = copy;
        return 0;
}

void peer_read_dry(Peer *peer)
{
        connection_read_dry(peer->connection);
}

uint64_t peer_id(const Peer *peer)
{
        return peer->id;
}

Call *call_new(Peer *peer, Message *m)
{
        Call *call;

        if (peer->n_calls >= peer->bus->config.max_calls)
                return NULL;
        call = calloc(1, sizeof *call);
        if (!call && !message_wants_reply(m) && !peer->bus->spare_call.peer)
                call = &peer->bus->spare_call;
        if (!call)
                return NULL;
        *call = (Call){ .peer = peer, .token = ++peer->bus->last_token, .serial = m->serial,
                        .reply_signature = m->reply_signature, .wants_reply = message_wants_reply(m) };
        list_append(&peer->calls, &call->peer_node);
        list_append(&peer->bus->calls[call->token % CALL_BUCKETS], &call->bucket_node);
        peer->n_calls++;
        return call;
}

void peer_send(Peer *peer, Writer *w)
{
        if (connection_send(peer->connection, w) == -ENOMEM)
                connection_fail(peer->connection, -ENOMEM);
}

void call_refuse(Peer *peer, Message *m)
{
        bool is_quota = peer->n_calls >= peer->bus->config.max_calls;
        const ErrorInfo *info = error_info(is_quota ? ERROR_QUOTA_EXCEEDED : ERROR_NO_MEMORY);
        Writer *w = &peer->bus->reply_writer;

        if (!message_wants_reply(m)) {
                connection_fail(peer->connection, is_quota ? -ENOBUFS : -ENOMEM);
                return;
        }
        writer_start_error(w, m, info->dbus_name,
                           is_quota ? "too many calls of this connection wait for their answers" : info->sentence);
        writer_put_string(w, info->remedy);
        peer_send(peer, w);
}

Call *call_free(Call *call)
{
        call->peer->n_calls--;
        list_remove(&call->peer_node);
        list_remove(&call->bucket_node);
        free(call->note);
        if (call == &call->peer->bus->spare_call)
                call->peer = NULL;
        else
                free(call);
        return NULL;
}

Peer *call_peer(const Call *call)
{
        return call->peer;
}

unsigned call_kind(const Call *call)
{
        return call->kind;
}

void call_set_kind(Call *call, unsigned kind)
{
        call->kind = kind;
}

const char *call_hint(const Call *call)
{
        return call->hint;
}

void call_set_hint(Call *call, const char *hint)
{
        call->hint = hint;
}

const char *call_note(const Call *call)
{
        return call->note;
}

void call_set_note(Call *call, const char *note)
{
        free(call->note);
        call->note = strdup(note);
}

uint64_t call_token(const Call *call)
{
        return call->token;
}

Call *bus_find_call(Bus *bus, uint64_t token)
{
        list_for_each(i, &bus->calls[token % CALL_BUCKETS]) {
                Call *call = list_entry(i, Call, bucket_node);

                if (call->token == token)
                        return call;
        }
        return NULL;
}

Uuid read_uuid(Reader *r, Error absent, Refusal *refusal)
{
        const char *text = reader_get_string(r);
        Uuid uuid = UUID_NULL;

        if (uuid_parse(text, &uuid) < 0)
                refuse(refusal, absent, "\"%.64s\" is not the id of a %s", text,
                       absent == ERROR_NO_SUCH_RUN ? "run" : "task");
        return uuid;
}

Writer *bus_begin_reply(Call *call)
{
        Writer *w = &call->peer->bus->reply_writer;

        writer_start_return_to(w, call->serial, NULL, call->reply_signature);
        return w;
}

void bus_send_reply(Call *call)
{
        Writer *w = &call->peer->bus->reply_writer;
        int r = 0;

        if (call->wants_reply)
                r = connection_send(call->peer->connection, w);
        if (r < 0 && r != -ENOTCONN && r != -EPIPE && r != -ENOBUFS) {
                bus_reply_error(call, error_from_errno(r), "the answer could not be written: %s", strerror(-r));
                return;
        }
        call_free(call);
}

void bus_reply_empty(Call *call)
{
        bus_begin_reply(call);
        bus_send_reply(call);
}

void bus_reply_error_with(Call *call, Error error, const char *sentence, const char *remedy)
{
        Writer *w = &call->peer->bus->reply_writer;

        writer_start_error_to(w, call->serial, NULL, error_info(error)->dbus_name, sentence);
        writer_put_string(w, remedy);
        if (call->wants_reply)
                peer_send(call->peer, w);
        call_free(call);
}

void bus_reply_error(Call *call, Error error, const char *format, ...)
{
        char sentence[1024];
        va_list args;

        if (format) {
                va_start(args, format);
                vsnprintf(sentence, sizeof sentence, format, args);
                va_end(args);
        }
        bus_reply_error_with(call, error, format ? sentence : error_info(error)->sentence, error_info(error)->remedy);
}
