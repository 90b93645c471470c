/* SPDX-License-Identifier: MIT */
#pragma once

/* The connection to the broker: opening it, driving it from an event loop, and what went wrong. */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* A connection to the broker. */
typedef struct bgt bgt;

/* Room for the text of an id (TaskId, InstanceId), with its terminator. */
#define BGT_ID_SIZE 37

/* Errors. */

typedef struct bgt_error_info {
        size_t size;          /* of this structure, as the library knows it */
        int error;            /* positive errno; 0 if no call of this thread has failed */
        uint32_t hresult;     /* what Windows gives for the same mistake */
        const char *name;     /* "org.bgtask.Error.NameTaken"; "" if there was none */
        const char *message;  /* a sentence that says what is wrong */
        const char *remedy;   /* what to do about it */
} bgt_error_info;

/*
 * The last failure of a bgt_ call of this thread, with everything that is known about it. Never
 * NULL. The structure and its text belong to the thread and change with its next failing call; a
 * call that succeeds leaves them alone.
 */
const bgt_error_info *bgt_error(void);

/* Opening. */

enum bgt_open_flags {
        BGT_NO_THREADS = 1,   /* the library makes no thread; the caller drives the connection: see below */
        BGT_SYSTEM = 2,       /* the machine's broker, /run/bgtask/bus, instead of the user's */
        BGT_NO_AUTOSTART = 4  /* fail if no broker runs, instead of starting one; BGTASK_AUTOSTART=0 does the same */
};

/*
 * Opens a connection to the broker.
 *
 * package: the family name of the package in whose name the caller acts. NULL opens the process's
 * own connection, or gives one more reference to it if it is open: the connection that every
 * function uses whose bgt is NULL. Its package is that of the server that the broker launched, else
 * BGTASK_PACKAGE, else the package that the program's file belongs to. A program that belongs to
 * none can open too; only calls that need a package then fail with -ENOPKG.
 *
 * The broker is looked for at $BGTASK_BUS, else $XDG_RUNTIME_DIR/bgtask/bus, else
 * /run/user/UID/bgtask/bus, else /tmp/bgtask-UID/bgtask/bus. If none runs, one is started, and
 * waited for up to 5 s.
 *
 * A process that the broker launched inherits its connection as BGTASK_FD. The first call that
 * opens the process's own connection makes it close-on-exec and removes the variable: before that,
 * a launched process must not start others, and no other thread may be reading the environment at
 * that moment.
 *
 * Errors: -EINVAL (an unknown flag); -EBUSY (the process's own connection is open with other
 * flags); -ENAMETOOLONG (the path of the socket is longer than a socket's can be); -EACCES (a
 * runtime folder below /tmp belongs to someone else); -ENOENT (there is no such package);
 * -ECONNREFUSED.
 */
int bgt_open(const char *package, unsigned flags, bgt **ret);

/*
 * Gives the reference back and closes the connection with the last one; NULL closes the process's
 * own, which functions called with NULL have opened. Returns when no handler runs any more (at once
 * if called from one). Handlers that were waiting are not called. Runs that are alive go on, but
 * their outcome cannot be told to the broker: leave with bgt_server_wait() or bgt_server_leave()
 * first. Objects of the connection stay valid; what needs the broker fails with -ESHUTDOWN.
 */
void bgt_close(bgt *b);

/* The package of the connection, "" if it has none; the connection's. NULL on failure. */
const char *bgt_package(bgt *b);

/*
 * ApplicationData.Current.LocalFolder: the folder where the package keeps its data, made with mode
 * 0700 if it is not there ($BGTASK_LOCAL_FOLDER if that is set). The text is the connection's and
 * does not change. NULL on failure, for example with -ENOPKG if the caller belongs to no package.
 */
const char *bgt_local_folder(bgt *b);

/* Event loops. */

/*
 * Normally the library has threads of its own: one receives messages and calls the handlers
 * (canceled, progress, completed …), the others are parked or execute run functions; which one does
 * what changes. All signals are blocked in them. Handlers are called one after the other. They may
 * call any function of this library, those that wait for the broker included, but should return
 * soon, and must not wait for another thread that waits for the broker.
 *
 * With BGT_NO_THREADS nothing happens by itself: the program's loop polls bgt_get_fd() for input
 * and calls bgt_dispatch(). Handlers, and run functions too, then execute inside bgt_dispatch(), so
 * that a run function that has more to do takes a deferral, returns at once, and lets the loop do
 * the rest. Functions that wait for the broker drive the connection themselves while they wait;
 * handlers that become due meanwhile are called by the next bgt_dispatch(), for which the
 * descriptor is ready. Functions of an instance or a deferral may be called from any thread all the
 * same.
 */

/*
 * One descriptor that stands for everything the connection waits for: readable when bgt_dispatch()
 * has something to do. It stays the same for the life of the connection, over restarts of the
 * broker too, and is the connection's. -EINVAL without BGT_NO_THREADS.
 */
int bgt_get_fd(bgt *b);

/*
 * Receives what has arrived and calls every handler that is due, on this thread; does not wait.
 * Returns the number of handlers called. To be called by one thread at a time, not from a handler
 * (-EDEADLK). -EINVAL without BGT_NO_THREADS.
 */
int bgt_dispatch(bgt *b);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
