/* SPDX-License-Identifier: MIT */
#pragma once

/* What the files of this room share: peers, their calls, and how a request finds its interface. */

#include "bus/bus.h"
#include "bus/registration.h"
#include "dbus/dispatch.h"
#include "dbus/interfaces.h"
#include "dbus/reader.h"

#define CALL_BUCKETS 256
#define BUS_PATH "/org/bgtask"

struct Call {
        ListNode peer_node;
        ListNode bucket_node;
        Peer *peer;
        uint64_t token;
        uint32_t serial;
        unsigned kind;
        char *note;
        const char *hint;
        const char *reply_signature;
        bool wants_reply;
};

struct Bus {
        Loop *loop;
        BusConfig config;
        Uuid guid;
        ListNode listeners;
        int reserve_fd; /* given up for a moment to refuse a connection when descriptors have run out */
        int timer_fd;   /* ends connections that do not authenticate, and a pause of the listeners */
        bool short_of_fds;         /* whoever wants to connect is sent away, or waits */
        uint64_t resume_mono_usec; /* when the listeners are asked again; 0: they are */
        LoopSource timer_source;
        ListNode peers;
        size_t n_peers;
        uint64_t last_peer;
        uint64_t last_token;
        uint64_t last_fired; /* of what a test let happen */
        ListNode calls[CALL_BUCKETS];
        Call spare_call; /* for what a server tells when there is no memory: that would be lost */
        ListNode watches;
        Dispatch dispatch;
        Writer reply_writer;
        Writer signal_writer;
        Writer send_writer;
};

/* A socket to which clients connect. */
typedef struct Listener {
        ListNode node;
        Bus *bus;
        char *path;
        char *package; /* who connects here is confined to it; NULL: is not confined */
        int fd;
        LoopSource source;
        dev_t dev;     /* of the socket that we bound */
        ino_t ino;     /* 0: it was bound by somebody else and is not ours to remove */
} Listener;

struct Peer {
        ListNode node;
        Bus *bus;
        Connection *connection;
        uint64_t id;
        uint64_t connected_mono_usec;
        bool launched;
        bool is_stranger; /* has not authenticated, as far as we have seen */
        bool is_confined; /* to the package */
        void *userdata;
        char *package;
        ListNode calls;
        unsigned n_calls;
        unsigned n_watches;
};

/* Sends what the peer waits for: if there is no memory for it, the connection ends, so that nobody waits in vain. */
void peer_send(Peer *peer, Writer *w);

/* The call that a message is; NULL if there is no memory or the peer has too many: call_refuse(). */
Call *call_new(Peer *peer, Message *m);
/* Answers a message for which call_new() returned NULL: too many calls wait, or there is no memory. */
void call_refuse(Peer *peer, Message *m);
Call *call_free(Call *call);

/* manager.c */
/* Reads an a{sv} that a run is to find, and marshals it; "the arguments", "the details" in what is wrong with it. */
void read_details(Reader *r, const char *what, Buffer *details, Refusal *refusal);

/* plan.c */
void manager_import_environment(Call *call, Reader *r);
void manager_plan(Call *call, Reader *r);
/* Reads "true", "false" or "unknown" as 1, 0 or -1. False: it is none of these. */
bool read_level(const char *text, int *ret_level);
/* Reads a UUID; what is none is noted as the error that the thing's absence has. */
Uuid read_uuid(Reader *r, Error absent, Refusal *refusal);

/* Makes a Call and a Reader of a message and hands them on; answers itself if there can be no Call. */
void bus_handle(Peer *peer, Message *m, void (*handle)(Call *call, Reader *r));

/* Defines what dispatch calls for a function of the form above. */
#define DEFINE_HANDLER(function)                                                        \
        static void function##_call(void *context, Connection *c, Message *m)           \
        {                                                                               \
                bus_handle(context, m, function);                                       \
        }                                                                               \
        struct function##_needs_semicolon

extern const DispatchHandler manager_handlers[_MANAGER1_METHOD_MAX];
extern const DispatchHandler server_handlers[_SERVER1_METHOD_MAX];
extern const DispatchHandler test_clock_handlers[_TEST_CLOCK1_METHOD_MAX];
void manager_get_property(void *context, unsigned property, Writer *w);

void watches_drop_peer(Peer *peer);

Listener *listener_free(Listener *listener);

/* A peer on this descriptor, which is its own if that succeeds. confined_to NULL: it is not confined. */
int peer_new(Bus *bus, int fd, ConnectionRole role, const char *confined_to, Peer **ret_peer);
void bus_arm_timer(Bus *bus);
/* Ends a pause of the listeners that is over. */
void listeners_resume(Bus *bus, uint64_t now_mono_usec);

/* Whether a confined peer may send this; if not, a call was answered. */
bool scope_permits(Peer *peer, Message *m);
