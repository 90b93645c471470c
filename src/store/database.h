/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The SQLite database: one connection that shuts every other one out, the steps of its schema, its statements, and
 * what to do with a file that cannot be used. Used by one thread at a time. Of this room only.
 */

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "store/store.h"

#define DATABASE_NAME "state.db"
#define DATABASE_LOCK_NAME "state.lock"
/* There if the last broker saw SQLite report damage: the next start looks at the whole file. */
#define DATABASE_SUSPECT_NAME "state.suspect"
/* How far the log was committed: store/mark.h. */
#define DATABASE_MARK_NAME "state.mark"
/* A copy of the pages without which nothing is found: store/head.h. */
#define DATABASE_HEAD_NAME "state.head"

/* No row is longer: a damaged length does not ask for gigabytes. */
#define DATABASE_ROW_MAX (16 * 1024 * 1024)

/* The number of the last step in data/schema. */
extern const uint32_t database_schema;

typedef enum Statement {
        STATEMENT_BEGIN,
        STATEMENT_COMMIT,
        STATEMENT_ROLLBACK,
        STATEMENT_SAVEPOINT,
        STATEMENT_RELEASE,
        STATEMENT_ROLLBACK_TO,
        STATEMENT_PUT_PACKAGE,
        STATEMENT_DELETE_PACKAGE,
        STATEMENT_PUT_PAUSE,
        STATEMENT_DELETE_PAUSE,
        STATEMENT_PUT_WINE_PREFIX,
        STATEMENT_DELETE_WINE_PREFIX,
        STATEMENT_PUT_TASK,
        STATEMENT_PUT_TASK_STATE,
        STATEMENT_DELETE_TASK,
        STATEMENT_DELETE_PENDING_OF_TASK,
        STATEMENT_PUT_PENDING,
        STATEMENT_DELETE_PENDING,
        STATEMENT_PUT_LEVEL,
        STATEMENT_DELETE_RUN,
        STATEMENT_PUT_RUN,
        STATEMENT_TRIM_RUNS_OF_TASK,
        STATEMENT_TRIM_RUNS,
        STATEMENT_READ_RUNS,
        STATEMENT_READ_RUNS_OF_TASK,
        _STATEMENT_MAX,
} Statement;

typedef struct Database {
        sqlite3 *handle; /* NULL while it could not be opened again */
        char *path;
        char *head;      /* where its head is kept, NULL: nowhere */
        sqlite3_stmt *statements[_STATEMENT_MAX];
        int wal_pages;   /* in the log, as of the last commit */
        bool mended;     /* the schema had a text that is not ours when the file was opened */
        bool unsettled;  /* a commit failed in a way that leaves open what is on the disk */
        bool marked;     /* it has a mark */
        bool mark_ended; /* the mark says that the log may be gone */
        bool keeps_log;  /* closing leaves the log as it is */
        int mark_fd;
} Database;

/*
 * Opens or creates the file, takes the lock of SQLite, brings the schema up to date. *ret_schema is the number that
 * was found, 0 for a fresh file. `mark` and `head` are the paths of its mark and its kept head, NULL: it has none.
 * What cannot be opened is left with its log as it is. -EBUSY, -EROFS, -ENOSPC, -ENOMEM, -EIO; -EOPNOTSUPP: newer than
 * database_schema; -EUCLEAN: not a database of ours, or damaged.
 */
int database_open(Database *db, const char *path, const char *mark, const char *head, uint32_t *ret_schema);
/* To read what can be read of it: without a look at its schema, and leaving its log as it is. Errors as above. */
int database_open_as_it_is(Database *db, const char *path);
void database_close(Database *db);
/* To be asked when SQLite says that there is none: it says so of lengths and of a schema that make no sense, too. */
bool database_has_memory(void);
/* From now on closing does not copy the log into the database, nor delete it. */
void database_keep_log(Database *db);

/* The statement, prepared once and reset. NULL: database_errno() tells. */
sqlite3_stmt *database_statement(Database *db, Statement statement);

/* Executes a statement without parameters and results. Negative errno. */
int database_run(Database *db, Statement statement);
int database_execute(Database *db, const char *sql);

/* A result of SQLite's as negative errno. */
int database_errno(Database *db, int result);
/* Why a statement could not be prepared. Negative errno. */
int database_error(Database *db);

/*
 * Settles what a failed commit left open: the log is copied into the database, synced and cut off, so that no part of
 * that commit can come back after a crash. With a new connection if the old one cannot. 0: nothing is left open.
 */
int database_settle(Database *db);

/* Copies the log into the database when it has grown enough; failing is harmless, the log grows on. */
void database_checkpoint(Database *db, uint32_t log_pages);

/* True if the file's structure is whole; takes as long as reading all of it. Indices are made anew. */
bool database_is_whole(Database *db);
