/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The broker's side of the protocol: a listener, its peers, and the interfaces of data/dbus/. It turns messages into
 * typed requests and rows into messages; it decides nothing. Who may do what, and what happens, is the broker's
 * business.
 *
 * A request arrives at one of the handlers with a Call, and the call is answered once, now or later, with one of the
 * bus_reply functions; later it is found again by its token. A peer that goes takes its calls with it: then the token
 * finds nothing, and there is nobody to answer. All pointers in a request live until the handler returns.
 *
 * One thread, on one Loop. A peer that is over a limit, breaks the protocol or never authenticates is disconnected.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/list.h"
#include "base/loop.h"
#include "base/rows.h"
#include "dbus/connection.h"

typedef struct Bus Bus;
typedef struct Peer Peer;
typedef struct Call Call;

/* What the pointers of a spec that was read point to, beside the message. */
typedef struct BusRegistrationMemory {
        Buffer settings;               /* options */
        Buffer texts[TRIGGERS_MAX];    /* of triggers, where they were made of properties */
        Trigger more[TRIGGERS_MAX - 1];
} BusRegistrationMemory;

/* One registration of a call; names and options of the wire are already numbers. */
typedef struct BusRegistration {
        TaskSpec spec;
        BusRegistrationMemory memory;
        uint8_t if_exists;
} BusRegistration;

typedef struct BusRun {
        Uuid run;
        uint32_t attempt;
} BusRun;

/* How a run went, as its server says. */
typedef struct BusCompletion {
        uint8_t detail;         /* DETAIL_EXITED, DETAIL_KILLED: a command failed so; result is its status or signal */
        int32_t result;
        uint64_t retry_after_usec;
        uint64_t cpu_usec, memory_bytes; /* of a command; 0: unknown */
} BusCompletion;

/* Of an environment; value NULL: it is to be forgotten. */
typedef struct BusVariable {
        const char *name;
        const char *value;
} BusVariable;

/* What InstallPackage asks for. Options that are not set are NULL. */
typedef struct BusInstall {
        const char *folder;
        const char *target_name;
        const char *external_location;
        const char *wine_prefix;
} BusInstall;

/* What Plan asks for. */
typedef struct BusPlan {
        uint64_t horizon_usec;
        const char *package;    /* NULL: of all */
        Uuid task;              /* null: all */
        uint32_t limit;
        bool assumed[CONDITION_MAX];
        int8_t levels[CONDITION_MAX]; /* of those that are assumed */
} BusPlan;

/* What a test lets a trigger tell, in the form that it is wanted in. */
typedef struct BusFired {
        Buffer details;      /* marshalled */
        Buffer entries;      /* as a sensor tells it, of those triggers that collect */
        const void *message; /* of a push message; belongs to the call */
        size_t n_message;
} BusFired;

typedef struct BusHandlers {
        /* Manager1. package "" is the caller's own. program: the caller's file; NULL: its executable. */
        void (*open)(Call *call, const char *package, const char *program, void *userdata);
        void (*install)(Call *call, const BusInstall *install, void *userdata);
        void (*remove)(Call *call, const char *package, void *userdata);
        void (*list_packages)(Call *call, const char *cursor, uint32_t limit, void *userdata);
        void (*register_task)(Call *call, const BusRegistration *registration, void *userdata);
        /* One answer for all: index is that of this registration, n their number. */
        void (*register_batch)(Call *call, const BusRegistration *registrations, size_t n, void *userdata);
        void (*unregister)(Call *call, Uuid task, bool cancel_running, void *userdata);
        /* group NULL: all, "": those in none */
        void (*list_tasks)(Call *call, const char *package, const char *name, const char *group, const char *cursor,
                           uint32_t limit, void *userdata);
        void (*get_task)(Call *call, Uuid task, void *userdata);
        void (*why)(Call *call, Uuid task, void *userdata);
        void (*history)(Call *call, const char *package, const char *task, const char *cursor, uint32_t limit,
                        void *userdata);
        void (*list_runs)(Call *call, Uuid task, const char *cursor, uint32_t limit, void *userdata);
        void (*run)(Call *call, Uuid task, bool satisfied, void *userdata);
        /* arguments: the marshalled a{sv}, as details of the firing */
        void (*request)(Call *call, Uuid task, const void *arguments, size_t n_arguments, void *userdata);
        /* details: marshalled, as arguments */
        void (*raise)(Call *call, const char *id, const void *details, size_t n_details, void *userdata);
        /* fd is the call's */
        void (*transfer_socket)(Call *call, Uuid task, const char *id, int fd, uint64_t keep_alive_usec,
                                void *userdata);
        void (*list_sockets)(Call *call, Uuid task, void *userdata);
        void (*cancel)(Call *call, Uuid task, uint32_t reason, void *userdata);
        void (*cancel_run)(Call *call, Uuid run, uint32_t reason, void *userdata);
        void (*pause)(Call *call, Uuid task, bool paused, void *userdata);
        void (*skip)(Call *call, Uuid task, bool skip, void *userdata);
        void (*pause_package)(Call *call, const char *package, bool paused, void *userdata);
        void (*watch)(Call *call, const char *package, const char *task, bool on, void *userdata);
        void (*read_log)(Call *call, Uuid task, const char *run, const char *cursor, uint32_t limit, void *userdata);
        void (*status)(Call *call, void *userdata);
        void (*list_sensors)(Call *call, void *userdata);
        void (*import_environment)(Call *call, const BusVariable *variables, size_t n, void *userdata);
        void (*plan)(Call *call, const BusPlan *plan, void *userdata);
        void (*shutdown)(Call *call, uint32_t reason, void *userdata);

        /* Server1 */
        void (*attach)(Call *call, const char *cookie, const char *package, void *userdata);
        void (*announce)(Call *call, const BusRun *runs, size_t n_runs, void *userdata);
        void (*register_class)(Call *call, Uuid clsid, uint32_t flags, void *userdata);
        void (*revoke_class)(Call *call, uint32_t cookie, void *userdata);
        void (*suspend_classes)(Call *call, bool suspended, void *userdata);
        void (*become_app)(Call *call, void *userdata);
        void (*ask_to_go)(Call *call, void *userdata);
        void (*take_socket)(Call *call, BusRun run, void *userdata);
        void (*take_transferred_socket)(Call *call, BusRun run, const char *id, void *userdata);
        void (*progress)(Peer *peer, BusRun run, uint32_t progress, void *userdata);
        void (*complete)(Peer *peer, BusRun run, const BusCompletion *completion, void *userdata);

        /* The answer to bus_send_run(): 0, or a negative errno if it was refused or the peer has gone. */
        void (*run_answered)(Peer *peer, BusRun run, int error, const char *sentence, void *userdata);

        /* TestClock1, served only if the broker runs on the test clock */
        void (*clock_advance)(Call *call, uint64_t usec, bool suspended, void *userdata);
        void (*clock_step)(Call *call, int64_t usec, void *userdata);
        void (*clock_set_patience)(Call *call, uint64_t usec, void *userdata);
        void (*clock_get)(Call *call, void *userdata);
        void (*set_condition)(Call *call, uint8_t condition, int level, void *userdata);
        void (*fire)(Call *call, Uuid task, uint32_t place, const BusFired *fired, void *userdata);

        /* Whether a run, or a task, is the package's; asked of what a confined peer names. */
        bool (*owns_run)(const char *package, Uuid run, void *userdata);
        bool (*owns_task)(const char *package, Uuid task, void *userdata);

        /* Everything that the peer wrote was delivered; it is freed afterwards. */
        void (*gone)(Peer *peer, void *userdata);
        /* -EMFILE, -ENFILE: from now on who connects is sent away, or waits; 0: is served again. May be NULL. */
        void (*newcomers)(int error, void *userdata);
        void *userdata;
} BusHandlers;

typedef struct BusConfig {
        const char *path;       /* of the socket */
        int listen_fd;          /* a socket that listens there already, to be owned; 0: bind one */
        bool owns_listen_fd;    /* path leads to it, and goes with it */
        bool test_clock;
        const char *version;
        unsigned max_peers;     /* 0: 1024 */
        unsigned max_calls;     /* unanswered ones of one peer; 0: 1024 */
        const BusHandlers *handlers; /* borrowed */
} BusConfig;

/* Nobody can connect before bus_listen(): until then it has only the servers that are added. */
int bus_new(Loop *loop, const BusConfig *config, Bus **ret_bus);
/* Binds BusConfig.path, unless a socket was given, and serves whoever connects. */
int bus_listen(Bus *bus);
/* Takes the socket of BusConfig.path away: it goes on listening, and its path stays. -1: there is none. */
int bus_release_socket(Bus *bus);
/* Closes every peer without telling anyone. The socket is removed if it was bound here and is still ours. */
Bus *bus_free(Bus *bus);
DEFINE_CLEANUP(Bus *, bus_free);

/*
 * Serves whoever connects to path, in a folder that exists, as confined to the package: it may name this package and
 * its tasks and nothing else, and change nothing that is not the package's. -EEXIST: the package has a socket.
 */
int bus_listen_for(Bus *bus, const char *path, const char *package);
/* Closes that socket and who came through it. */
void bus_unlisten_for(Bus *bus, const char *package);

/*
 * Takes the broker's end of a launched server's socket pair. The descriptor stays the caller's on failure.
 * confined_to: the package that it may name, NULL: any.
 */
int bus_add_server(Bus *bus, int fd, const char *confined_to, void *userdata, Peer **ret_peer);

/* A thing of the broker's own: the server that this peer is. NULL at first. */
void *peer_userdata(const Peer *peer);
void peer_set_userdata(Peer *peer, void *userdata);
/* The process at the other end when it connected; of a socket pair nobody. */
const struct ucred *peer_credentials(const Peer *peer);
int peer_pidfd(const Peer *peer, int *ret_fd);
/* The package that the peer opened; "" if it opened none. */
const char *peer_package(const Peer *peer);
int peer_set_package(Peer *peer, const char *package);
/* It has one package for good. What it may not name it was already refused. */
bool peer_is_confined(const Peer *peer);
/* Delivers all that it has written. The peer may be gone afterwards. */
void peer_read_dry(Peer *peer);
/* Closes it without calling gone. */
Peer *peer_free(Peer *peer);
uint64_t peer_id(const Peer *peer);

Peer *call_peer(const Call *call);
/* A number of the broker's own, 0 at first: what it has to answer later. */
unsigned call_kind(const Call *call);
void call_set_kind(Call *call, unsigned kind);
/* A string of the broker's own that goes with the call; copied, NULL if there was no memory. */
const char *call_note(const Call *call);
/* The same for a string that is static; NULL at first. */
const char *call_hint(const Call *call);
void call_set_hint(Call *call, const char *hint);
void call_set_note(Call *call, const char *note);
uint64_t call_token(const Call *call);
Call *bus_find_call(Bus *bus, uint64_t token);

/*
 * Answers, which free the call. bus_begin_reply() gives a writer for the values of the method's answer, and
 * bus_send_reply() sends it; what does not fit the method's signature becomes an error to the caller.
 */
Writer *bus_begin_reply(Call *call);
void bus_send_reply(Call *call);
void bus_reply_empty(Call *call);
/* format NULL: the sentence of the error's table. */
void bus_reply_error(Call *call, Error error, const char *format, ...) _printf_(3, 4);
/* With a remedy of its own. */
void bus_reply_error_with(Call *call, Error error, const char *sentence, const char *remedy);

/* Rows as messages show them; now converts what lies on the boot clock to the time of day. */
typedef struct BusTimes {
        uint64_t boot_usec;
        uint64_t real_usec;
} BusTimes;

/*
 * (task, package, name, properties) as (sssa{sv}); GetTask's answer is the same without task and struct. endpoint:
 * that of push messages; NULL: there is none.
 */
void bus_put_task(Writer *w, const TaskInfo *task, const BusTimes *now, const char *endpoint, bool in_list);
/* (run, task, outcome, properties) as (sssa{sv}) */
void bus_put_record(Writer *w, const RunRow *row, bool in_list);
/* (run, task, state, properties); pid 0: unknown */
void bus_put_run(Writer *w, const RunInfo *run, pid_t pid);
/* How an attempt failed to start, or how the server went; "" if the row does not say. */
const char *bus_detail_text(const RunRow *row, char *buf, size_t size);
/* The outcome as a sentence. */
const char *bus_outcome_text(const RunRow *row, char *buf, size_t size);

/* To servers. Errors as connection_send(); the peer's end is told by gone. */
int bus_send_run(Peer *peer, const RunInfo *run, Uuid clsid, uint32_t cookie);
int bus_send_cancel(Peer *peer, BusRun run, uint8_t reason);
int bus_send_recorded(Peer *peer, BusRun run);
int bus_send_leave(Peer *peer);

/* Subscriptions: bus_watch() with package "*" and task null: everything. -EDQUOT over 1000. */
int bus_watch(Peer *peer, const char *package, Uuid task);
void bus_unwatch(Peer *peer, const char *package, Uuid task);
void bus_signal_task_changed(Bus *bus, Uuid task, const char *package, const char *name, const char *change);
void bus_signal_run_changed(Bus *bus, const RunInfo *run);
void bus_signal_progress(Bus *bus, const RunInfo *run);
void bus_signal_completed(Bus *bus, const RunRow *row);

size_t bus_n_peers(const Bus *bus);
