/* SPDX-License-Identifier: MIT */

#include "store/database.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/head.h"
#include "store/mark.h"

#define APPLICATION_ID 0x62677461 /* "bgta" */
#define BUSY_TIMEOUT_MSEC 1000    /* a person's sqlite3 may just be looking */
#define LOG_MAX "16777216"        /* bytes that the log keeps after a big batch */

static const char *const schema_steps[] = {
#include "store/schema.inc"
};

const uint32_t database_schema = ELEMENTSOF(schema_steps);

#define RUN_COLUMNS                                                                                             \
        "id, task, package, name, number, server, accepted_real_usec, scheduled_real_usec, "                    \
        "first_scheduled_real_usec, started_real_usec, ended_real_usec, count, attempts, progress, fired_by, "  \
        "outcome, reason, detail, result, cpu_usec, memory_bytes, crc"

static const char *const statement_texts[] = {
        [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
        [STATEMENT_COMMIT] = "COMMIT",
        [STATEMENT_ROLLBACK] = "ROLLBACK",
        [STATEMENT_SAVEPOINT] = "SAVEPOINT unit",
        [STATEMENT_RELEASE] = "RELEASE unit",
        [STATEMENT_ROLLBACK_TO] = "ROLLBACK TO unit",
        [STATEMENT_PUT_PACKAGE] =
                "INSERT INTO package (name, folder, external_location, target_name, version, content, "
                "installed_real_usec, manifest, crc) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) "
                "ON CONFLICT (name) DO UPDATE SET folder = ?2, external_location = ?3, target_name = ?4, "
                "version = ?5, content = ?6, installed_real_usec = ?7, manifest = ?8, crc = ?9",
        [STATEMENT_DELETE_PACKAGE] = "DELETE FROM package WHERE name = ?1",
        [STATEMENT_PUT_PAUSE] =
                "INSERT INTO paused (package, since_real_usec, crc) VALUES (?1, ?2, ?3) "
                "ON CONFLICT (package) DO UPDATE SET since_real_usec = ?2, crc = ?3",
        [STATEMENT_DELETE_PAUSE] = "DELETE FROM paused WHERE package = ?1",
        [STATEMENT_PUT_WINE_PREFIX] =
                "INSERT INTO wine_prefix (package, prefix, crc) VALUES (?1, ?2, ?3) "
                "ON CONFLICT (package) DO UPDATE SET prefix = ?2, crc = ?3",
        [STATEMENT_DELETE_WINE_PREFIX] = "DELETE FROM wine_prefix WHERE package = ?1",
        [STATEMENT_PUT_TASK] =
                "INSERT INTO task (id, package, name, spec, state) VALUES (?1, ?2, ?3, ?4, ?5) "
                "ON CONFLICT (id) DO UPDATE SET package = ?2, name = ?3, spec = ?4, state = ?5",
        [STATEMENT_PUT_TASK_STATE] = "UPDATE task SET state = ?2 WHERE id = ?1",
        [STATEMENT_DELETE_TASK] = "DELETE FROM task WHERE id = ?1",
        [STATEMENT_DELETE_PENDING_OF_TASK] = "DELETE FROM pending WHERE task = ?1",
        [STATEMENT_PUT_PENDING] =
                "INSERT INTO pending (task, number, accepted_real_usec, scheduled_real_usec, "
                "first_scheduled_real_usec, count, attempts, fired_by, forced, rerun, details, crc) "
                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) "
                "ON CONFLICT (task, number) DO UPDATE SET accepted_real_usec = ?3, scheduled_real_usec = ?4, "
                "first_scheduled_real_usec = ?5, count = ?6, attempts = ?7, fired_by = ?8, forced = ?9, rerun = ?10, "
                "details = ?11, crc = ?12",
        [STATEMENT_DELETE_PENDING] = "DELETE FROM pending WHERE task = ?1 AND number = ?2",
        [STATEMENT_PUT_LEVEL] =
                "INSERT OR REPLACE INTO level (condition, level, boot_id, crc) VALUES (?1, ?2, ?3, ?4)",
        [STATEMENT_DELETE_RUN] = "DELETE FROM run WHERE task = ?1 AND number = ?2",
        [STATEMENT_PUT_RUN] =
                "INSERT INTO run (" RUN_COLUMNS ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, "
                "?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22)",
        /* Of the numbers of a task, which the index has in order, the newest ?2 stay. */
        [STATEMENT_TRIM_RUNS_OF_TASK] =
                "DELETE FROM run WHERE task = ?1 AND number <= "
                "(SELECT number FROM run WHERE task = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)",
        [STATEMENT_TRIM_RUNS] = "DELETE FROM run WHERE key IN (SELECT key FROM run ORDER BY key LIMIT ?1)",
        [STATEMENT_READ_RUNS] =
                "SELECT key, " RUN_COLUMNS " FROM run WHERE key < ?1 AND (?2 IS NULL OR package = ?2) "
                "AND (?3 IS NULL OR name = ?3) ORDER BY key DESC LIMIT ?4",
        [STATEMENT_READ_RUNS_OF_TASK] =
                "SELECT key, " RUN_COLUMNS " FROM run WHERE key < ?1 AND (?2 IS NULL OR package = ?2) "
                "AND (?3 IS NULL OR name = ?3) AND task = ?5 ORDER BY key DESC LIMIT ?4",
};
_Static_assert(ELEMENTSOF(statement_texts) == _STATEMENT_MAX, "every statement has its text");

/* The errno behind an I/O error, of the log, the database or the opening of one. 0: none is known. */
static int system_errno(Database *db)
{
        sqlite3_file *log = NULL;
        int error = 0;

        if (!db->handle)
                return 0;
        sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
        if (log && log->pMethods)
                log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &error);
        if (error == 0)
                sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_LAST_ERRNO, &error);
        return error ? error : sqlite3_system_errno(db->handle);
}

int database_errno(Database *db, int result)
{
        int error;

        if (result == SQLITE_IOERR_NOMEM)
                return -ENOMEM;
        switch (result & 0xff) {
        case SQLITE_OK:
        case SQLITE_ROW:
        case SQLITE_DONE:
                return 0;
        case SQLITE_NOMEM:
                return -ENOMEM;
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
                return -EBUSY;
        case SQLITE_READONLY:
        case SQLITE_PERM:
                return -EROFS;
        case SQLITE_FULL:
                return -ENOSPC;
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
        case SQLITE_FORMAT:
        case SQLITE_SCHEMA:
        case SQLITE_ERROR: /* our statements are right: it is the schema that they do not fit */
                return -EUCLEAN;
        case SQLITE_TOOBIG:
                return -E2BIG;
        case SQLITE_CONSTRAINT:
                return -EINVAL;
        default:
                break;
        }
        error = system_errno(db);
        /* A quota and a limit of the file's size are a full disk to whoever has to deal with it. */
        if (error == ENOSPC || error == EDQUOT || error == EFBIG)
                return -ENOSPC;
        if ((result & 0xff) == SQLITE_CANTOPEN && (error == EACCES || error == EPERM))
                return -EROFS;
        return error == EROFS ? -EROFS : -EIO;
}

int database_error(Database *db)
{
        int r = database_errno(db, db->handle ? sqlite3_extended_errcode(db->handle) : SQLITE_IOERR);

        return r < 0 ? r : -EIO;
}

sqlite3_stmt *database_statement(Database *db, Statement statement)
{
        sqlite3_stmt **s = &db->statements[statement];

        if (!*s && (!db->handle || sqlite3_prepare_v3(db->handle, statement_texts[statement], -1,
                                                      SQLITE_PREPARE_PERSISTENT, s, NULL) != SQLITE_OK))
                return NULL;
        return *s;
}

int database_run(Database *db, Statement statement)
{
        sqlite3_stmt *s = database_statement(db, statement);
        int r;

        if (!s)
                return database_error(db);
        r = database_errno(db, sqlite3_step(s));
        sqlite3_reset(s);
        return r;
}

int database_execute(Database *db, const char *sql)
{
        return database_errno(db, sqlite3_exec(db->handle, sql, NULL, NULL, NULL));
}

static int note_commit(void *userdata, sqlite3 *handle, const char *name, int n_pages)
{
        Database *db = userdata;

        db->wal_pages = n_pages;
        mark_commit(db, n_pages);
        return SQLITE_OK;
}

static int read_number(Database *db, const char *sql, uint32_t *ret_number)
{
        sqlite3_stmt *s;
        int r;

        r = sqlite3_prepare_v2(db->handle, sql, -1, &s, NULL);
        if (r == SQLITE_OK)
                r = sqlite3_step(s);
        if (r == SQLITE_ROW)
                *ret_number = (uint32_t)sqlite3_column_int64(s, 0);
        r = r == SQLITE_DONE ? -EIO : database_errno(db, r);
        sqlite3_finalize(s);
        return r;
}

/* One step of the schema and its number, in one transaction. */
static int run_step(Database *db, uint32_t number)
{
        char pragma[128];
        int r;

        snprintf(pragma, sizeof pragma, "PRAGMA user_version = %u; PRAGMA application_id = %d", (unsigned)number,
                 APPLICATION_ID);
        r = database_execute(db, "BEGIN IMMEDIATE");
        if (r == 0)
                r = database_execute(db, schema_steps[number - 1]);
        if (r == 0)
                r = database_execute(db, pragma);
        if (r == 0)
                r = database_execute(db, "COMMIT");
        if (r < 0)
                database_execute(db, "ROLLBACK");
        return r;
}

static int bring_up_to_date(Database *db, uint32_t *ret_schema)
{
        uint32_t application = 0, schema = 0, n_tables = 0;
        int r;

        r = read_number(db, "PRAGMA application_id", &application);
        if (r == 0)
                r = read_number(db, "PRAGMA user_version", &schema);
        if (r == 0)
                r = read_number(db, "SELECT count(*) FROM sqlite_schema", &n_tables);
        if (r < 0)
                return r;
        /* A file without anything in it was made by a start that was killed before its first transaction. */
        if (application != APPLICATION_ID && (application != 0 || schema != 0 || n_tables != 0))
                return -EUCLEAN;
        if (schema > database_schema)
                return -EOPNOTSUPP;
        for (uint32_t step = schema + 1; r == 0 && step <= database_schema; step++)
                r = run_step(db, step);
        if (r == 0)
                *ret_schema = schema;
        return r;
}

typedef struct Schema {
        Database *db;
        sqlite3 *model; /* a database that was just made, in memory */
        sqlite3_stmt *right, *is_there, *mend;
} Schema;

static int prepare_schema(Schema *s)
{
        static const char right_text[] = "SELECT name, sql, type, tbl_name FROM sqlite_schema WHERE sql IS NOT NULL";
        static const char is_there_text[] =
                "SELECT 1 FROM sqlite_schema WHERE name = ?1 AND type = ?2 AND tbl_name = ?3";
        static const char mend_text[] = "UPDATE sqlite_schema SET sql = ?2 WHERE name = ?1 AND sql IS NOT ?2";
        int result;

        result = sqlite3_open(":memory:", &s->model);
        for (uint32_t step = 0; result == SQLITE_OK && step < database_schema; step++)
                result = sqlite3_exec(s->model, schema_steps[step], NULL, NULL, NULL);
        if (result == SQLITE_OK)
                result = sqlite3_prepare_v2(s->model, right_text, -1, &s->right, NULL);
        if (result == SQLITE_OK)
                result = sqlite3_prepare_v2(s->db->handle, is_there_text, -1, &s->is_there, NULL);
        return result == SQLITE_OK ? sqlite3_prepare_v2(s->db->handle, mend_text, -1, &s->mend, NULL) : result;
}

/* One entry, to which s->right points. */
static int mend_entry(Schema *s)
{
        sqlite3 *handle = s->db->handle;
        int result;

        for (int i = 0; i < 3; i++)
                sqlite3_bind_value(s->is_there, i + 1, sqlite3_column_value(s->right, i == 0 ? 0 : i + 1));
        result = sqlite3_step(s->is_there);
        sqlite3_reset(s->is_there);
        if (result != SQLITE_ROW)
                return result == SQLITE_DONE ? SQLITE_CORRUPT : result;
        sqlite3_bind_value(s->mend, 1, sqlite3_column_value(s->right, 0));
        sqlite3_bind_value(s->mend, 2, sqlite3_column_value(s->right, 1));
        result = sqlite3_step(s->mend) == SQLITE_DONE ? SQLITE_OK : sqlite3_errcode(handle);
        sqlite3_reset(s->mend);
        s->db->mended = s->db->mended || sqlite3_changes(handle) > 0;
        return result;
}

/*
 * A text of the schema that has lost a few letters may still be one to SQLite, which then calls the file whole and
 * finds no rows. What the texts are is known: they are those of a database that was just made. -EUCLEAN: one is
 * missing.
 */
static int mend_schema(Database *db)
{
        Schema s = { .db = db };
        int result;

        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);
        result = prepare_schema(&s);
        while (result == SQLITE_OK && (result = sqlite3_step(s.right)) == SQLITE_ROW)
                result = mend_entry(&s);
        sqlite3_finalize(s.right);
        sqlite3_finalize(s.is_there);
        sqlite3_finalize(s.mend);
        sqlite3_close(s.model);
        /* The texts are read again. */
        if (db->mended)
                sqlite3_exec(db->handle, "PRAGMA writable_schema = RESET", NULL, NULL, NULL);
        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0, NULL);
        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        return database_errno(db, result);
}

static int configure(Database *db)
{
        /*
         * The mode of locking comes first: with it the log needs no shared memory. Nobody else's schema is trusted,
         * and a page is looked at before it is believed.
         */
        static const char pragmas[] =
                "PRAGMA locking_mode = EXCLUSIVE;"
                "PRAGMA trusted_schema = OFF;"
                "PRAGMA cell_size_check = ON;"
                "PRAGMA temp_store = MEMORY;"
                "PRAGMA cache_size = -2000;"
                "PRAGMA journal_mode = WAL;"
                "PRAGMA synchronous = FULL;"
                "PRAGMA journal_size_limit = " LOG_MAX ";"
                "PRAGMA wal_autocheckpoint = 0;";
        int r;

        sqlite3_extended_result_codes(db->handle, 1);
        sqlite3_limit(db->handle, SQLITE_LIMIT_LENGTH, DATABASE_ROW_MAX);
        sqlite3_busy_timeout(db->handle, BUSY_TIMEOUT_MSEC);
        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        r = database_execute(db, pragmas);
        if (r < 0)
                return r;
        sqlite3_wal_hook(db->handle, note_commit, db);
        /* Takes the lock for good and shows that the folder can be written. */
        r = database_execute(db, "BEGIN IMMEDIATE");
        return r < 0 ? r : database_execute(db, "COMMIT");
}

static int try_handle(Database *db)
{
        int r;

        r = sqlite3_open_v2(db->path, &db->handle,
                            SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
        if (r != SQLITE_OK)
                return database_errno(db, r);
        /* SQLite opens for reading what it may not write. */
        if (sqlite3_db_readonly(db->handle, "main") == 1)
                return -EROFS;
        r = configure(db);
        /* What says so now is the header, which has been read meanwhile, and it is none of ours. */
        return (r == 0 || r == -EROFS) && sqlite3_db_readonly(db->handle, "main") == 1 ? -EUCLEAN : r;
}

static void close_handle(Database *db)
{
        for (size_t i = 0; i < _STATEMENT_MAX; i++) {
                sqlite3_finalize(db->statements[i]);
                db->statements[i] = NULL;
        }
        sqlite3_close(db->handle);
        db->handle = NULL;
}

bool database_has_memory(void)
{
        _cleanup_(freep) void *probe = malloc(DATABASE_ROW_MAX);

        return probe;
}

/* A want of memory passes; a schema that makes no sense stays. */
static int open_handle(Database *db)
{
        int r;

        r = try_handle(db);
        if (r != -ENOMEM)
                return r;
        close_handle(db);
        r = try_handle(db);
        return r == -ENOMEM && database_has_memory() ? -EUCLEAN : r;
}

/* The file is born with its mode; SQLite gives the same one to its log. */
static int create_file(const char *path)
{
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

        if (fd < 0)
                return errno == EEXIST ? 0 : -errno;
        close(fd);
        return 0;
}

int database_open(Database *db, const char *path, const char *mark, const char *head, uint32_t *ret_schema)
{
        int r;

        r = create_file(path);
        if (r < 0)
                return r == -EACCES || r == -EPERM ? -EROFS : r;
        db->path = strdup(path);
        db->head = head ? strdup(head) : NULL;
        if (!db->path || (head && !db->head)) {
                database_close(db);
                return -ENOMEM;
        }
        r = mark ? mark_open(db, mark) : 0;
        if (r == 0)
                r = open_handle(db);
        if (r == 0)
                r = bring_up_to_date(db, ret_schema);
        if (r == 0)
                r = mend_schema(db);
        if (r < 0) {
                database_keep_log(db);
                database_close(db);
        }
        return r;
}

int database_open_as_it_is(Database *db, const char *path)
{
        int r;

        db->path = strdup(path);
        if (!db->path)
                return -ENOMEM;
        r = open_handle(db);
        database_keep_log(db);
        if (r < 0)
                database_close(db);
        return r;
}

void database_keep_log(Database *db)
{
        db->keeps_log = true;
        if (db->handle)
                sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

void database_close(Database *db)
{
        /* A log that may not be gone stays. */
        if (db->handle && !db->keeps_log && mark_end(db) < 0)
                database_keep_log(db);
        if (db->handle && !db->keeps_log)
                database_checkpoint(db, 0);
        close_handle(db);
        if (db->marked)
                safe_close(db->mark_fd);
        db->marked = db->keeps_log = false;
        free(db->path);
        free(db->head);
        db->path = db->head = NULL;
}

/* What the log has lost stays lost. */
static int sync_log(Database *db)
{
        sqlite3_file *log = NULL;

        sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
        if (!log || !log->pMethods)
                return 0;
        return database_errno(db, log->pMethods->xSync(log, SQLITE_SYNC_NORMAL));
}

/* Without the sync a power loss could bring back what is cut off here. */
static int cut_log(Database *db)
{
        int r;

        if (!db->handle)
                return -EIO;
        r = mark_end(db);
        if (r < 0)
                return r;
        r = sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
        return r == SQLITE_OK ? sync_log(db) : database_errno(db, r);
}

int database_settle(Database *db)
{
        int r;

        /* There was no memory to end it with. */
        if (db->handle && !sqlite3_get_autocommit(db->handle)) {
                r = database_run(db, STATEMENT_ROLLBACK);
                if (r < 0)
                        return r;
        }
        if (!db->unsettled && db->handle)
                return 0;
        if (!db->handle) {
                r = open_handle(db);
                if (r < 0)
                        close_handle(db);
        }
        r = cut_log(db);
        if (r == 0) {
                db->unsettled = false;
                db->wal_pages = 0;
        }
        return r;
}

void database_checkpoint(Database *db, uint32_t log_pages)
{
        if (!db->handle || db->wal_pages < (int)log_pages)
                return;
        if (sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL) != SQLITE_OK)
                return;
        db->wal_pages = 0;
        head_keep(db);
}

/* A schema that has lost an entry is whole to SQLite; our statements find out. */
static bool schema_is_whole(Database *db)
{
        for (Statement statement = 0; statement < _STATEMENT_MAX; statement++)
                if (!database_statement(db, statement))
                        return false;
        return true;
}

bool database_is_whole(Database *db)
{
        sqlite3_stmt *s = NULL;
        bool whole;

        whole = schema_is_whole(db) && sqlite3_exec(db->handle, "REINDEX", NULL, NULL, NULL) == SQLITE_OK &&
                sqlite3_prepare_v2(db->handle, "PRAGMA integrity_check(1)", -1, &s, NULL) == SQLITE_OK &&
                sqlite3_step(s) == SQLITE_ROW &&
                sqlite3_stricmp((const char *)sqlite3_column_text(s, 0), "ok") == 0;
        sqlite3_finalize(s);
        return whole;
}
