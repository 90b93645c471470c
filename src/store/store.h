/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What must survive: packages, tasks, pending firings, levels and the history of runs, in one SQLite database in the
 * state folder. docs/store.md has the schema, the guarantees and what happens on each failure.
 *
 * What belongs together is a unit: the puts and deletes of one commit number of the engine. Units are handed to a
 * writer thread; all that are queued while one transaction runs share the next one (group commit), and each is
 * answered once, through store_dispatch(), after it is on the disk or has failed. A unit happens entirely or not at
 * all, and one that fails by its own fault does not fail those beside it.
 *
 * Everything here is called by one thread. Rows and strings are copied; pointers in a callback are valid during it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/macro.h"
#include "base/rows.h"
#include "base/uuid.h"

#define STORE_KEY_SIZE 32
#define STORE_MANIFEST_MAX (1024 * 1024)
#define STORE_TEXT_MAX (1024 * 1024) /* of one string */
#define STORE_DETAILS_MAX (1024 * 1024)
#define STORE_HISTORY_PAGE_MAX 1000

typedef struct Store Store;

/* An installed package. Strings that are not set are NULL or "", and come back as "". */
typedef struct StorePackage {
        const char *name;              /* family name */
        const char *folder;
        const char *external_location;
        const char *target_name;
        const char *wine_prefix;       /* in a load NULL: StoreLoader has its own call for it */
        const char *version;
        Uuid content;
        uint64_t installed_real_usec;
        const void *manifest;          /* the text as it was installed, at most STORE_MANIFEST_MAX */
        size_t n_manifest;
} StorePackage;

/* The last reading of a condition, valid for the boot that it was made in. */
typedef struct StoreLevel {
        Uuid boot_id;
        uint8_t condition;
        int8_t level;
} StoreLevel;

/* One page of the history, newest first. error is a negative errno, and then there are no rows. */
typedef struct StoreHistoryPage {
        uint64_t token;
        int error;
        const RunRow *runs;
        size_t n_runs;
        uint64_t next;                 /* `before` of the next page; 0: there is none */
        uint64_t n_damaged;            /* records left out because they are damaged */
} StoreHistoryPage;

typedef void (*StoreCommitted)(uint64_t commit, int error, void *userdata);
typedef void (*StoreHistoryRead)(const StoreHistoryPage *page, void *userdata);

typedef struct StoreConfig {
        const char *folder;            /* created with mode 0700, and its parents, if it is not there */
        uint32_t history_per_task;     /* 0: 100 */
        uint32_t history_total;        /* 0: 100,000 */
        size_t queue_max;              /* bytes that wait to be written; 0: 64 MiB */
        uint32_t log_pages;            /* of the log, from which on it is copied into the database; 0: 1000 */
        StoreCommitted committed;      /* error: 0 or negative errno; see store_error() */
        StoreHistoryRead history_read;
        void *userdata;
} StoreConfig;

/* What store_open() and store_load() have to tell a person. */
typedef struct StoreReport {
        Error error;                   /* of a failure, else ERROR_NONE */
        char sentence[512];            /* of a failure, or of what was set aside; else "" */
        char set_aside[128];           /* name in the folder of a database that could not be used, else "" */
        bool created;                  /* there was no database */
        uint32_t upgraded_from;        /* schema number before the upgrade; 0: none was needed */
        uint64_t n_packages;
        uint64_t n_tasks;
        uint64_t n_pending;
        uint64_t n_damaged;            /* rows left out because they are damaged; kept in the table `damaged` */
} StoreReport;

/* Called for each row that is whole. A negative result ends the load and is its result. */
typedef struct StoreLoader {
        int (*package)(const StorePackage *row, void *userdata);
        int (*paused)(const char *package, uint64_t since_real_usec, void *userdata);
        int (*wine_prefix)(const char *package, const char *prefix, void *userdata);
        int (*task)(const TaskRow *row, void *userdata);
        int (*pending)(const PendingRow *row, void *userdata);
        int (*level)(const StoreLevel *row, void *userdata);
        void *userdata;
        void (*expect)(uint64_t n_tasks, void *userdata); /* about so many tasks, before the first of them */
} StoreLoader;

typedef struct StoreHistoryQuery {
        Uuid task;                     /* null: all */
        const char *package;           /* NULL: all */
        const char *name;              /* NULL: all */
        uint64_t before;               /* StoreHistoryPage.next of the page before; 0: the newest */
        uint32_t limit;                /* rows, 1 to STORE_HISTORY_PAGE_MAX */
} StoreHistoryQuery;

/*
 * Opens the state of a folder and keeps every other broker out until store_free(). A database that cannot be used is
 * renamed, never overwritten, and a fresh one takes its place; the report says so. *ret_report is always filled.
 * -EBUSY: another broker has it; -EROFS: the folder cannot be written; -ENOSPC: the disk is full; -EOPNOTSUPP: it was
 * written by a newer version; -ENOMEM; others: -EIO and what the system said. The report has the Error and a sentence.
 */
int store_open(const StoreConfig *config, Store **ret_store, StoreReport *ret_report);

/*
 * Reads everything that a start needs: packages, paused ones, prefixes of Wine, tasks, pending firings, levels, in
 * this order. Once, before the first unit is ended. Adds to what store_open() reported. Negative errno of a callback
 * or of the disk.
 */
int store_load(Store *store, const StoreLoader *loader, StoreReport *report);

/*
 * Waits until everything that was ended has been written or has failed, at most timeout_usec (CLOCK_MONOTONIC). The
 * answers still come through store_dispatch(). -ETIMEDOUT.
 */
int store_flush(Store *store, uint64_t timeout_usec);

/* Writes what was ended, without answering, and closes. Units that were not ended are forgotten. NULL is allowed. */
Store *store_free(Store *store);
DEFINE_CLEANUP(Store *, store_free);

/* Readable while answers wait for store_dispatch(); belongs to the store. */
int store_get_fd(const Store *store);

/* Calls back for each unit and query that was answered. The callbacks may do anything but store_free(). */
void store_dispatch(Store *store);

/* The Error of a negative errno that a commit was answered with. */
Error store_error(int error);

/*
 * Begins the unit of a commit number, or goes on with it, if it was begun and not ended. Puts and deletes go to the
 * unit that was begun last. An error of one of them is the error of its unit: it is returned, nothing of the unit is
 * written, and the unit is answered with it after store_end(). -ENOMEM from store_begin() itself: there is no unit, no
 * answer will come.
 */
int store_begin(Store *store, uint64_t commit);

/* Hands all units that were begun to the writer, in the order in which they were begun. */
void store_end(Store *store);

/*
 * -ENOMEM; -ENOBUFS: too much waits to be written; -E2BIG: longer than the maxima above; -EINVAL: a name is missing.
 * A put writes the whole row anew if it is there. Deleting what is not there is no error.
 */
int store_put_package(Store *store, const StorePackage *row);
/* Its pause goes with it. */
int store_delete_package(Store *store, const char *name);
/* That all tasks of a package, which need not be installed, are held since then. */
int store_put_pause(Store *store, const char *package, uint64_t since_real_usec);
int store_delete_pause(Store *store, const char *package);
int store_put_task(Store *store, const TaskRow *row);
/* Anchor, last number and skip_next of a row. Nothing happens if the task is not there. */
int store_put_task_state(Store *store, const TaskRow *row);
/* Its pending rows go with it, its history stays. */
int store_delete_task(Store *store, Uuid task);
int store_put_pending(Store *store, const PendingRow *row);
int store_delete_pending(Store *store, Uuid task, uint64_t number);
int store_put_level(Store *store, const StoreLevel *row);
/* The record of a firing that has one is replaced. Old records beyond the limits are deleted with it. */
int store_append_run(Store *store, const RunRow *row);

/*
 * Reads a page of the history. It is read between two transactions, after everything that was ended before this call,
 * and answered with the token through store_dispatch(). -EINVAL: the limit; -ENOBUFS: too many queries wait; -ENOMEM.
 */
int store_history(Store *store, const StoreHistoryQuery *query, uint64_t token);

/* The secret of this folder, for cookies of servers. Made by the first store_open(). */
void store_key(const Store *store, uint8_t ret_key[static STORE_KEY_SIZE]);

/* For status and tests. */
typedef struct StoreCounts {
        uint64_t n_transactions;       /* that were committed */
        uint64_t n_units;              /* that were committed */
        uint64_t n_failed;             /* units that failed */
        uint64_t n_waiting;            /* units that wait to be written */
        size_t n_queued;               /* bytes of these */
} StoreCounts;
StoreCounts store_get_counts(Store *store);
