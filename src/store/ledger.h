/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The ledger: which attempts have a server being started or have been sent Run, and which servers there are. A file in
 * the runtime folder, mapped into memory and never synced: it survives the broker, killed at any instruction, and dies
 * with the machine, as the processes do. docs/store.md has its layout. It has no policy.
 *
 * A put is done when the call returns. Used by one thread, and by one broker: the lock of the state folder sees to it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "base/rows.h"
#include "base/uuid.h"

#define LEDGER_DETAILS_MAX (64 * 1024)
#define LEDGER_PACKAGE_MAX 255

typedef struct Ledger Ledger;

typedef struct LedgerServer {
        uint64_t server;      /* not 0 */
        uint64_t start_time;  /* of the process, field 22 of /proc/PID/stat; 0: not known yet */
        int32_t pid;          /* 0: not started yet */
        uint32_t exe_server;  /* index of the ExeServer in the manifest */
        bool launched;        /* by a broker: may be signalled */
        uint64_t log;         /* id of its log and FIFO */
        uint64_t memory_max;  /* bytes that its tree may have; 0: no limit */
        const char *package;  /* at most LEDGER_PACKAGE_MAX bytes */
} LedgerServer;

/* Called for each record. A negative result ends the load and is its result. Pointers are valid during the call. */
typedef struct LedgerLoader {
        int (*server)(const LedgerServer *row, void *userdata);
        int (*run)(const LedgerRow *row, void *userdata);
        void *userdata;
} LedgerLoader;

/*
 * Opens the file, or makes it. One of another boot, or that is not a ledger of this version, is removed and made anew:
 * *ret_discarded (may be NULL) is then true. size_max bounds the file in bytes, 0: 16 MiB. -ENOSPC, -ENOMEM, other
 * negative errno.
 */
int ledger_open(const char *path, Uuid boot_id, size_t size_max, Ledger **ret_ledger, bool *ret_discarded);

/* The file stays. NULL is allowed. */
Ledger *ledger_free(Ledger *ledger);
DEFINE_CLEANUP(Ledger *, ledger_free);

/* All servers, then all runs, each in the order in which they were put last. The callbacks may put and remove. */
int ledger_load(Ledger *ledger, const LedgerLoader *loader);

/* Puts the attempt of a run, in the place of an earlier record of that run. -ENOSPC: full; -E2BIG: the details. */
int ledger_put(Ledger *ledger, const LedgerRow *row);
/* Removing what is not there is no error. */
void ledger_remove(Ledger *ledger, Uuid run);

/* Puts a server, in the place of an earlier record of that id. -EINVAL: id 0; -E2BIG: the package's name; -ENOSPC. */
int ledger_put_server(Ledger *ledger, const LedgerServer *row);
/* The process of a server that was put. -ENOENT: it was not; -ENOSPC. */
int ledger_set_process(Ledger *ledger, uint64_t server, int32_t pid, uint64_t start_time);
void ledger_remove_server(Ledger *ledger, uint64_t server);
