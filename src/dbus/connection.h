/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One D-Bus connection over a Unix stream socket, either side of it.
 *
 * What it promises:
 *  - What the peer has written is delivered before its end is told, always. If sending fails (the peer is gone, or
 *    does not read and its queue is full), the connection sends no more, but what is still to be read is read and
 *    delivered, and then on_disconnected is called: once, from the loop, never from inside connection_send().
 *  - Whatever a client writes, only a few small messages of it are delivered before it is another's turn.
 *  - Memory for a message grows with what has arrived of it, not with what its header announces, up to a limit.
 *  - A message is delivered whole, validated, with its descriptors, or not at all; a peer that sends anything else is
 *    disconnected with -EBADMSG.
 *  - Each call that connection_call() accepted is answered exactly once: by its answer or by the connection's end.
 *  - connection_free() may be called from any callback of the connection.
 *
 * One thread runs the loop; the callbacks come from there, and connection_new(), _free() and _read_dry() belong there.
 * connection_send(), _call() and _cancel_call() may be called from any thread if the owner has a lock that guards the
 * connection: its enter and leave hooks are called around everything that the loop does here, the callbacks included.
 * A callback may let go of that lock while it runs, if it takes it again before it returns.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/loop.h"
#include "base/uuid.h"
#include "dbus/message.h"
#include "dbus/writer.h"

typedef struct Connection Connection;

typedef enum ConnectionRole {
        CONNECTION_SERVER, /* accepted: the peer authenticates */
        CONNECTION_CLIENT, /* connected: we do, and may send at once */
        CONNECTION_BARE,   /* either end of a socketpair: no handshake at all */
} ConnectionRole;

#define CONNECTION_MESSAGE_DEFAULT ((size_t)1 << 20)
#define CONNECTION_QUEUE_DEFAULT ((size_t)8 << 20)
#define CONNECTION_FDS_DEFAULT 64

typedef struct ConnectionOptions {
        ConnectionRole role;
        Uuid guid;               /* server: what it shows as its id */
        uint64_t id;             /* server: number of the peer's unique name, ":1.id" */
        size_t max_message;      /* bytes of one message that is received; 0: CONNECTION_MESSAGE_DEFAULT */
        size_t max_queued;       /* bytes that wait for the peer to read; 0: CONNECTION_QUEUE_DEFAULT */
        unsigned max_queued_fds; /* the same for descriptors; 0: CONNECTION_FDS_DEFAULT */
        /*
         * What is sent in one round of the loop goes out together at its end, or with connection_flush(): one system
         * call, and the peer wakes up once. For owners with one thread, which is the loop's.
         */
        bool gather;
        bool patient; /* a peer that has not authenticated, or sends without end, lets others come first */
        bool all_answers; /* on_message gets answers to calls of others, too: a monitor's */
        /* A call or a signal. Borrowed: message_ref() keeps it. */
        void (*on_message)(Connection *c, Message *m, void *userdata);
        /*
         * The last callback. reason is 0 if the peer closed the connection, -EPIPE if it was gone when something was
         * sent, -ENOBUFS if it did not read and its queue was full, -EBADMSG or -EPROTO if it does not speak D-Bus,
         * -EMSGSIZE over max_message, -EACCES if it refused to authenticate us, else what the socket said.
         */
        void (*on_disconnected)(Connection *c, int reason, void *userdata);
        void (*enter)(void *userdata); /* both NULL if the connection has one thread */
        void (*leave)(void *userdata);
        void *userdata;
} ConnectionOptions;

/*
 * Takes the socket, blocking or not, and watches it in the loop, which must outlive the connection. A client's
 * handshake is on its way when this returns. On failure the descriptor stays the caller's.
 */
int connection_new(Loop *loop, int fd, const ConnectionOptions *options, Connection **ret_connection);
/*
 * Closes the socket. Calls without an answer get -ECANCELED; on_disconnected is not called. NULL is allowed; returns
 * NULL.
 */
Connection *connection_free(Connection *c);
DEFINE_CLEANUP(Connection *, connection_free);

/*
 * Sending is over: for a peer that cannot be told something. What it has written is still read and delivered, and then
 * on_disconnected is called with this reason, a negative errno. Does nothing if the connection is ending.
 */
void connection_fail(Connection *c, int reason);

/*
 * Sends a message, or queues what the socket does not take. An answer to a call that wants none is not sent. 0, or:
 * the writer's error (the connection goes on); -ENOTCONN if the connection is ending, or the peer of a server has not
 * authenticated; -EOPNOTSUPP for descriptors that the peer does not take; -ENOMEM; else the reason with which
 * on_disconnected will be called. w->serial is the message's serial. A message may be sent to several peers, but not
 * if it has descriptors: the writer closes its duplicates, so that none stays open until the next message.
 */
int connection_send(Connection *c, Writer *w);

/*
 * While this is on, what is sent waits: for the next message that is sent when it is off, or for connection_flush().
 * Both then take one system call, and the peer wakes up once.
 */
void connection_delay(Connection *c, bool on);
/*
 * Sends what was gathered or delayed; what the socket does not take goes on waiting. 0, or the reason with which
 * on_disconnected will be called.
 */
int connection_flush(Connection *c);

/*
 * Sends an answer so that the caller never waits in vain: if the writer made a mistake (text that is not UTF-8, too
 * much of it), the caller gets that as an error, and so does whoever called this. serial and destination are those of
 * writer_start_return_to(); from a message, connection_reply().
 */
int connection_reply_to(Connection *c, Writer *w, uint32_t serial, const char *destination);
static inline int connection_reply(Connection *c, Writer *w, const Message *call)
{
        return connection_reply_to(c, w, call->serial, call->sender);
}

/* The answer, a MESSAGE_RETURN or MESSAGE_ERROR and borrowed; or NULL and why there will be none. */
typedef void (*ConnectionReply)(Connection *c, Message *reply, int error, void *userdata);

/*
 * Sends a call whose answer comes to the callback, from the loop. Errors as connection_send(), then the callback is
 * not called; -EINVAL if the message wants no reply. There is no time-out: whoever wants one cancels the call.
 */
int connection_call(Connection *c, Writer *w, ConnectionReply callback, void *userdata, uint32_t *ret_serial);
/* Forgets the call: its callback is not called and its answer dropped. False if it is not waiting (any more). */
bool connection_cancel_call(Connection *c, uint32_t serial);

/*
 * Delivers everything that lies in the socket at this moment: to be called before the peer's process is counted as
 * gone. Does not wait for the end, which a child of the peer may hold off. May end with on_disconnected if that end is
 * reached; if a callback frees the connection, it is gone when this returns.
 */
void connection_read_dry(Connection *c);

/* True as soon as messages can be exchanged. Who limits the time for this, frees the connection when it is over. */
bool connection_is_authenticated(const Connection *c);
/* Bytes that wait for the peer to read. */
size_t connection_queued(const Connection *c);
/* Who was at the other end when the socket was connected (SO_PEERCRED). Of a socketpair: whoever made it. */
const struct ucred *connection_peer(const Connection *c);
/* A pidfd of that process, the caller's. -EOPNOTSUPP if the kernel (before 6.5) has none, -ESRCH if it is gone. */
int connection_peer_pidfd(const Connection *c, int *ret_pidfd);
uint64_t connection_id(const Connection *c);
Uuid connection_guid(const Connection *c);
int connection_fd(const Connection *c);
void *connection_userdata(const Connection *c);
