/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Where the broker lives: the runtime folder (socket, ledger, FIFOs: gone at reboot), the state folder (database,
 * logs, key) and the folder of the packages' data. Folders are made 0700 and must belong to us.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "base/macro.h"

typedef struct PathOptions {
        bool system;
        const char *runtime; /* --runtime; NULL: by the rules of the guide */
        const char *state;   /* --state */
} PathOptions;

typedef struct Paths {
        char *runtime;
        char *bus;    /* the socket */
        char *ledger;
        char *state;
        char *logs;
        char *data;   /* a package's LocalFolder is a folder of its family name in here */
} Paths;

/*
 * Finds and makes them. On failure writes a sentence to stderr and returns a negative errno: -ENAMETOOLONG for a
 * socket path that does not fit into an address, -EPERM for a folder that is somebody else's, else what the system
 * said.
 */
int paths_init(Paths *paths, const PathOptions *options);
void paths_done(Paths *paths);

/*
 * Makes a folder and its missing parents, 0700; if it is there it must be ours, and others are kept out. -EPERM if it
 * is somebody else's, -ENOTDIR, else what the system said; with a sentence on stderr.
 */
int paths_make_folder(const char *path);

/* Who holds which lock, as bits. */
enum {
        PATHS_STATE_HELD = 1,
        PATHS_RUNTIME_HELD = 2,
};

/*
 * Takes the locks of the two folders for as long as the process lives. Returns 0, or which of them another broker
 * holds; then none is taken. Negative errno with a sentence on stderr for anything else.
 */
int paths_lock(const Paths *paths, int ret_fds[static 2]);

/* The process that holds the lock of the runtime folder, as it noted it; 0 if there is none. */
pid_t paths_lock_holder(const Paths *paths);
