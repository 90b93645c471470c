/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The real engine on the real store: what a broker does from its first start on, without processes and sockets. What
 * the store should hold after each commit is known from a second store, in memory, as one number.
 */

#include "engine/test-driver-store.h"
#include "store/store.h"

#define WORK_COMMITS_MAX 400

typedef struct Work {
        StoreConfig config;
        Store *store;
        Driver *driver;
        bool begun;                       /* units that were not ended */
        uint64_t digests[WORK_COMMITS_MAX]; /* of what is stored when so many commits were answered */
        uint64_t unanswered[WORK_COMMITS_MAX]; /* if the commit with this number is there, and those beside it */
        bool failed[WORK_COMMITS_MAX];    /* the commit with this number, from 1 on */
        size_t n_answered;
        size_t n_failed;
        uint64_t answered_commit;         /* the last answer of the store */
        int answered_error;
        uint64_t answers[DRIVER_MAX];     /* commits that the store answered and nobody has asked for yet */
        int errors[DRIVER_MAX];
        size_t n_answers;
} Work;

/* What was found in a folder. */
typedef struct Found {
        uint64_t digest;
        int error;         /* of opening or loading */
        StoreReport report;
        size_t n_rows;
} Found;

/* In an empty folder, with a history and a log that are small enough to be trimmed and copied. */
Work *work_new(const char *folder);
Work *work_free(Work *work);
/*
 * Registers, updates, replaces and unregisters tasks, alone and many at a time, fires and completes them, installs a
 * new version and copies the log: all that a broker writes. A store that fails is no reason to stop.
 */
void work_play(Work *work);
/* A small write, to see whether the store works: the Error of the answer. */
int work_try(Work *work);
/* Ends the store as a broker does. */
void work_close(Work *work);

/* Opens the store of a folder and reads all. With `again` an engine starts from it and has to bring all to an end. */
Found work_look(const Work *work, const char *folder, bool again);
