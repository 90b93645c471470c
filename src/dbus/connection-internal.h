/* SPDX-License-Identifier: MIT */
#pragma once

/* What connection.c, connection-input.c and connection-output.c share. */

#include "dbus/auth.h"
#include "dbus/calls.h"
#include "dbus/connection.h"

/* Descriptors of an unfinished message, and those that came in one go with its end. */
#define CONNECTION_IN_FDS_MAX (2 * MESSAGE_FDS_MAX)

/* Descriptors that wait to be sent with the byte at position (counted from the first one ever queued). */
typedef struct QueuedFds {
        uint64_t position;
        unsigned n_fds;
        int fds[MESSAGE_FDS_MAX];
} QueuedFds;

struct Connection {
        Loop *loop;
        LoopSource source;
        int fd;
        ConnectionOptions options;
        struct ucred peer;
        Auth auth;
        Calls calls;
        uint32_t last_serial;

        bool failed; /* sending has: read dry, then end */
        bool ended;  /* on_disconnected has been called, or is not wanted any more */
        bool freed;  /* by a callback: the memory goes when the last user leaves */
        int reason;
        unsigned n_users;

        Buffer in;
        size_t in_start; /* what lies before it in the buffer has been delivered */
        size_t in_chunk; /* how much to ask for at once */
        bool in_was_full; /* as much came: there is more */
        int in_fds[CONNECTION_IN_FDS_MAX];
        unsigned n_in_fds;
        Message *spare;

        Buffer out;
        size_t out_start;      /* what lies before it in the buffer has been sent */
        uint64_t out_position; /* of the byte at out_start */
        QueuedFds *out_fds;
        size_t n_out_fds; /* messages with descriptors */
        unsigned n_queued_fds;
        bool out_watched;
        bool delay;
        LoopJob gather_job;
};

/* Keeps the memory over callbacks; connection_leave() may free it. */
void connection_enter(Connection *c);
void connection_leave(Connection *c);
/* The end: answers the waiting calls and tells the owner. Once; only from the loop. */
void connection_end(Connection *c, int reason);

/* Receives once and delivers what is complete. Returns the number of bytes, 0 if there were none or it has ended. */
size_t input_receive(Connection *c);
void input_done(Connection *c);

/* Sends or queues bytes with descriptors, which are duplicated if they have to wait. Errors as connection_send(). */
int output_write(Connection *c, const struct iovec *parts, size_t n_parts, const int *fds, unsigned n_fds);
/* Sends what is queued until the socket is full. */
void output_flush(Connection *c);
/* Sends what was gathered, if the connection is about to end. */
void output_finish(Connection *c);
void output_done(Connection *c);
