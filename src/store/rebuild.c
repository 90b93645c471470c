/* SPDX-License-Identifier: MIT */

/*
 * Writing a damaged database anew from all that can be read of it, and putting it in the place of the old one. A kill
 * and a power cut may end that at any moment: until the new one is whole it has a name that nobody opens; then it gets
 * a name that says so, and from there on every start goes on with what is left to be done.
 */

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "store/head.h"
#include "store/internal.h"
#include "store/row.h"
#include "store/salvage.h"

#define REPAIRED ".repaired-"

typedef struct Copy {
        Database *to;
        sqlite3_stmt *inserts[_TABLE_MAX];
        StoreTold told;
        Table table;
        uint64_t n_rows;
        Buffer scratch;
} Copy;

/* 0 or 1; -ENOMEM. */
static int row_is_whole(Copy *copy, sqlite3_stmt *s)
{
        RowReader r = { .statement = s, .column = 1 };
        TaskRow task;

        if (copy->table == TABLE_TASK)
                return task_read(&r, &copy->scratch, &task);
        r.column = table_infos[copy->table].n_columns - 1;
        row_check(&r, 1);
        return !r.bad;
}

static int prepare_insert(Copy *copy, Table table)
{
        const TableInfo *info = &table_infos[table];
        const char *columns = info->columns;
        int n = info->n_columns;
        char sql[768];
        size_t size;

        if (table == TABLE_LEVEL) {
                columns = strchr(columns, ' ') + strlen(" AS key, ");
                n--;
        }
        size = (size_t)snprintf(sql, sizeof sql, "INSERT INTO %s (%s) VALUES (", info->name, columns);
        for (int i = 1; i <= n; i++)
                size += (size_t)snprintf(sql + size, sizeof sql - size, i < n ? "?%d, " : "?%d)", i);
        return database_errno(copy->to, sqlite3_prepare_v2(copy->to->handle, sql, -1, &copy->inserts[table], NULL));
}

static int copy_row(sqlite3_stmt *s, void *userdata)
{
        Copy *copy = userdata;
        int n = table_infos[copy->table].n_columns, first = copy->table == TABLE_LEVEL ? 1 : 0, r;
        sqlite3_stmt *insert = copy->inserts[copy->table];

        r = row_is_whole(copy, s);
        if (r <= 0)
                return r;
        r = SQLITE_OK;
        for (int i = first; i < n && r == SQLITE_OK; i++)
                r = sqlite3_bind_value(insert, i - first + 1, sqlite3_column_value(s, i));
        if (r == SQLITE_OK)
                r = sqlite3_step(insert);
        sqlite3_reset(insert);
        /* A key that another row has is a damaged one: the row gets a new key. */
        if ((r == SQLITE_CONSTRAINT_PRIMARYKEY || r == SQLITE_CONSTRAINT_ROWID) && copy->table != TABLE_LEVEL) {
                sqlite3_bind_null(insert, 1);
                r = sqlite3_step(insert);
                sqlite3_reset(insert);
        }
        copy->n_rows += r == SQLITE_DONE;
        /* The same row twice, because pages are linked wrongly: the first one stands. */
        return (r & 0xff) == SQLITE_CONSTRAINT ? 0 : database_errno(copy->to, r);
}

/* What was not found where a start has been already cannot be told any more. */
static int copy_salvaged_row(Table table, sqlite3_stmt *s, void *userdata)
{
        Copy *copy = userdata;

        if (table < copy->told.table || (table == copy->told.table && sqlite3_column_int64(s, 0) <= copy->told.last))
                return 0;
        copy->table = table;
        return copy_row(s, copy);
}

static int copy_tables(Database *from, const char *file, StoreTold told, Database *to, uint64_t *ret_n_rows)
{
        Copy copy = { .to = to, .told = told };
        int r;

        r = database_run(to, STATEMENT_BEGIN);
        for (copy.table = 0; r == 0 && copy.table < _TABLE_MAX; copy.table++) {
                r = prepare_insert(&copy, copy.table);
                if (r == 0)
                        r = table_scan_around(from, copy.table, copy_row, &copy);
        }
        if (r == 0 && file)
                r = salvage(file, copy_salvaged_row, &copy);
        /* The firings of a task that is lost have nowhere to go; the old file keeps them. */
        if (r == 0)
                r = database_execute(to, "DELETE FROM pending WHERE task NOT IN (SELECT id FROM task)");
        for (Table table = 0; table < _TABLE_MAX; table++)
                sqlite3_finalize(copy.inserts[table]);
        if (r == 0)
                r = database_run(to, STATEMENT_COMMIT);
        *ret_n_rows = copy.n_rows;
        buffer_done(&copy.scratch);
        return r;
}

/*
 * A database whose rows are all in its own file, and synced. An empty one if there is none to read from. `file` is a
 * copy of the one that is read from, in which is looked for rows that cannot be reached; NULL: not at all.
 */
static int write_database(Database *from, const char *file, StoreTold told, const char *path, uint64_t *ret_n_rows)
{
        _cleanup_(freep) char *log = NULL;
        Database to = { 0 };
        uint32_t schema;
        int r;

        if (asprintf(&log, "%s-wal", path) < 0)
                return -ENOMEM;
        *ret_n_rows = 0;
        r = database_open(&to, path, NULL, NULL, &schema);
        if (r < 0)
                return r;
        if (from->handle)
                r = copy_tables(from, file, told, &to, ret_n_rows);
        database_close(&to);
        return r == 0 && access(log, F_OK) == 0 ? -EIO : r;
}

static void remove_database(const char *path)
{
        _cleanup_(freep) char *log = NULL;

        unlink(path);
        if (asprintf(&log, "%s-wal", path) >= 0)
                unlink(log);
}

int store_pick_suffix(const char *path, char ret_suffix[static STORE_SUFFIX_MAX])
{
        time_t now = (time_t)(clock_now_usec(CLOCK_REALTIME) / USEC_PER_SEC);
        char stamp[32];
        struct tm tm;

        gmtime_r(&now, &tm);
        strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &tm);
        for (unsigned i = 1; i < 1000; i++) {
                _cleanup_(freep) char *name = NULL, *log = NULL;
                char number[16] = "";

                if (i > 1)
                        snprintf(number, sizeof number, ".%u", i);
                if (asprintf(&name, "%s" STORE_DAMAGED "%s%s", path, stamp, number) < 0 ||
                    asprintf(&log, "%s-wal", name) < 0)
                        return -ENOMEM;
                if (access(name, F_OK) == 0 || access(log, F_OK) == 0)
                        continue;
                snprintf(ret_suffix, STORE_SUFFIX_MAX, "%s%s", stamp, number);
                return 0;
        }
        return -EEXIST;
}

/* Each step may have been done before. */
static int put_in_place(Store *store, const char *suffix, StoreReport *report)
{
        _cleanup_(freep) char *log = NULL, *aside = NULL, *log_aside = NULL, *repaired = NULL;

        if (asprintf(&log, "%s-wal", store->path) < 0 ||
            asprintf(&aside, "%s" STORE_DAMAGED "%s", store->path, suffix) < 0 ||
            asprintf(&log_aside, "%s-wal", aside) < 0 ||
            asprintf(&repaired, "%s" REPAIRED "%s", store->path, suffix) < 0)
                return -ENOMEM;
        if (rename(log, log_aside) < 0 && errno != ENOENT)
                return -errno;
        if (rename(store->path, aside) < 0 && errno != ENOENT)
                return -errno;
        /* What they tell is told of the log and the pages that are gone. */
        if (unlink(store->mark_path) < 0 && errno != ENOENT)
                return -errno;
        if (unlink(store->head_path) < 0 && errno != ENOENT)
                return -errno;
        if (rename(repaired, store->path) < 0)
                return -errno;
        snprintf(report->set_aside, sizeof report->set_aside, DATABASE_NAME STORE_DAMAGED "%s", suffix);
        return 0;
}

int store_resume_repair(Store *store, StoreReport *report)
{
        static const char repaired[] = DATABASE_NAME REPAIRED;
        char suffix[STORE_SUFFIX_MAX] = "";
        struct dirent *entry;
        DIR *dir;
        int r;

        dir = opendir(store->config.folder);
        if (!dir)
                return -errno;
        while (!*suffix && (entry = readdir(dir)))
                if (strncmp(entry->d_name, repaired, strlen(repaired)) == 0)
                        snprintf(suffix, sizeof suffix, "%s", entry->d_name + strlen(repaired));
        closedir(dir);
        if (!*suffix)
                return 0;
        r = put_in_place(store, suffix, report);
        if (r == 0)
                store_tell(report, "the database was damaged, and its repair was interrupted: it was set aside as %s, "
                                   "and what could be read of it was taken over", report->set_aside);
        return r;
}

/* With its log. Negative errno: nothing is there. */
static int copy_database(const char *from, const char *to)
{
        _cleanup_(freep) char *log = NULL, *log_to = NULL;
        int r;

        if (asprintf(&log, "%s-wal", from) < 0 || asprintf(&log_to, "%s-wal", to) < 0)
                return -ENOMEM;
        remove_database(to);
        r = copy_file(from, to);
        if (r == 0) {
                r = copy_file(log, log_to);
                r = r == -ENOENT ? 0 : r;
        }
        if (r < 0)
                remove_database(to);
        return r;
}

/* From a copy with the head that was kept, or what there is without it, or nothing. */
static int write_from_copy(Store *store, const char *file, const char *path, uint64_t *ret_n_rows)
{
        Database copy = { 0 };
        uint32_t schema;
        int r;

        r = copy_database(store->path, file);
        if (r == 0)
                r = head_restore(store->head_path, file);
        if (r == 0)
                r = database_open(&copy, file, NULL, NULL, &schema);
        if (r == -ENOENT || r == -EUCLEAN)
                r = database_open_as_it_is(&copy, store->path);
        if (r == 0 || r == -EUCLEAN)
                r = write_database(&copy, NULL, (StoreTold){ 0 }, path, ret_n_rows);
        database_close(&copy);
        return r;
}

static int write_anew(Store *store, StoreTold told, const char *path, uint64_t *ret_n_rows)
{
        _cleanup_(freep) char *file = NULL;
        int r;

        if (asprintf(&file, "%s.copy", store->path) < 0)
                return -ENOMEM;
        if (!store->db.handle)
                r = write_from_copy(store, file, path, ret_n_rows);
        else if (copy_database(store->path, file) == 0)
                r = write_database(&store->db, file, told, path, ret_n_rows);
        else
                r = write_database(&store->db, NULL, told, path, ret_n_rows);
        remove_database(file);
        return r;
}

int store_replace(Store *store, StoreTold told, uint64_t *ret_n_rows, StoreReport *report)
{
        _cleanup_(freep) char *path = NULL, *repaired = NULL;
        char suffix[STORE_SUFFIX_MAX];
        uint32_t schema;
        int r;

        r = store_pick_suffix(store->path, suffix);
        if (r < 0)
                return r;
        if (asprintf(&path, "%s.new", store->path) < 0 ||
            asprintf(&repaired, "%s" REPAIRED "%s", store->path, suffix) < 0)
                return -ENOMEM;
        remove_database(path);
        r = write_anew(store, told, path, ret_n_rows);
        if (r < 0) {
                remove_database(path);
                return r;
        }
        database_keep_log(&store->db);
        database_close(&store->db);
        if (rename(path, repaired) < 0)
                return -errno;
        r = put_in_place(store, suffix, report);
        if (r == 0)
                r = database_open(&store->db, store->path, store->mark_path, store->head_path, &schema);
        return r;
}

int store_rebuild(Store *store, StoreTold told, StoreReport *report)
{
        uint64_t n_rows;
        int r;

        r = store_replace(store, told, &n_rows, report);
        if (r == 0)
                store_tell(report, "the database was damaged: it was set aside as %s, and what could be read of it "
                                   "was taken over", report->set_aside);
        return r;
}
