/* SPDX-License-Identifier: MIT */
#pragma once

/* What a Store is made of. Of this room only. */

#include <pthread.h>

#include "base/buffer.h"
#include "base/list.h"
#include "store/scan.h"
#include "store/store.h"

/* A unit: statements with their values, one behind the other. */
typedef struct Unit {
        ListNode link;
        uint64_t commit;
        int error;
        Buffer statements;
        size_t charged;    /* bytes counted in Store.n_queued */
} Unit;

typedef struct Query {
        ListNode link;
        StoreHistoryQuery query;
        char *package;     /* of the query */
        char *name;
        Buffer texts;      /* strings of the rows */
        RunRow *runs;
        StoreHistoryPage page;
} Query;

struct Store {
        StoreConfig config;
        char *path;        /* of the database */
        char *suspect_path;
        char *mark_path;
        char *head_path;
        int lock_fd;
        int event_fd;
        uint8_t key[STORE_KEY_SIZE];

        /* Of the caller's thread. */
        ListNode begun;    /* units */
        uint64_t newest_begun; /* the highest commit number of any that was */
        Unit *current;     /* the one that puts go to */
        size_t n_begun_bytes;

        /* Of the caller's thread until the writer is started, then of the writer. */
        Database db;
        uint64_t n_runs;   /* rows of the history */

        bool writing;      /* the writer is there */
        pthread_t thread;
        pthread_mutex_t mutex;
        pthread_cond_t work;  /* for the writer */
        pthread_cond_t idle;  /* for store_flush() */

        /* Below the mutex. */
        ListNode queue;    /* units to be written */
        ListNode queries;
        ListNode written;  /* units and queries that were answered, for store_dispatch() */
        ListNode answered;
        size_t n_queued;   /* bytes in the queue or being written */
        size_t n_queries;
        bool busy;         /* the writer has units in hand */
        bool stop;
        StoreCounts counts;
};

Unit *unit_free(Unit *unit);
DEFINE_CLEANUP(Unit *, unit_free);
Query *query_free(Query *query);
DEFINE_CLEANUP(Query *, query_free);

/* Writes the Error and the sentence of a failure into the report. */
void store_explain(const char *folder, int error, StoreReport *report);

/* Adds a sentence to those of the report. */
void store_tell(StoreReport *report, const char *format, ...) _printf_(2, 3);

/* Lets the next start look at the whole file. */
void store_mark_suspect(Store *store);

/* Starts the writer if it is not there. Negative errno. */
int writer_start(Store *store);
/* Lets it finish what is queued and waits for its end. */
void writer_stop(Store *store);

/* Answers a query from the database; on the writer's thread. */
void history_read(Store *store, Query *query);

/* How far a start has told of what there is: the tables before that one, and of that one the rows up to a key. */
typedef struct StoreTold {
        Table table;
        int64_t last;
} StoreTold;

/*
 * Writes all rows that can be found to a new database, and puts it in the place of the old one, which is set aside. Of
 * a database that is not open they are read with the head that was kept of it, if there is one. *ret_n_rows is how
 * many there were, of all tables. Negative errno: nothing has changed, or (the handle is NULL) nothing is open.
 */
int store_replace(Store *store, StoreTold told, uint64_t *ret_n_rows, StoreReport *report);
/* The same, and a sentence. */
int store_rebuild(Store *store, StoreTold told, StoreReport *report);
/*
 * Behind STORE_DAMAGED in the name of what is set aside now: a time, and a number after it if there is such a file.
 * -ENOMEM, -EEXIST.
 */
#define STORE_DAMAGED ".damaged-"
#define STORE_SUFFIX_MAX 64
int store_pick_suffix(const char *path, char ret_suffix[static STORE_SUFFIX_MAX]);
/* Before the database is opened: brings to its end what a kill has ended in the middle. Negative errno. */
int store_resume_repair(Store *store, StoreReport *report);

/*
 * Before the database is opened: compares its log with the mark. What of it was damaged is put right if it can be, and
 * else reported and left to be looked at; what is missing is reported. Negative errno: nothing has changed.
 */
int log_check(Store *store, StoreReport *report);

/* Reads the folder's key, or makes it. Negative errno. */
int key_load(const char *folder, uint8_t ret_key[static STORE_KEY_SIZE]);
