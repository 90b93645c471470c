/* SPDX-License-Identifier: MIT */

/* Writing a damaged database anew from all that can be read of it. */

#include <errno.h>
#include <string.h>

#include "store/internal.h"
#include "store/row.h"
#include "store/scan.h"

typedef struct Copy {
        Database *to;
        sqlite3_stmt *insert;
        Table table;
        uint64_t n_damaged;
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

static int copy_row(sqlite3_stmt *s, void *userdata)
{
        Copy *copy = userdata;
        int n = table_infos[copy->table].n_columns, first = copy->table == TABLE_LEVEL ? 1 : 0, r;

        r = row_is_whole(copy, s);
        if (r <= 0) {
                copy->n_damaged += r == 0;
                return r;
        }
        r = SQLITE_OK;
        for (int i = first; i < n && r == SQLITE_OK; i++)
                r = sqlite3_bind_value(copy->insert, i - first + 1, sqlite3_column_value(s, i));
        if (r == SQLITE_OK)
                r = sqlite3_step(copy->insert);
        sqlite3_reset(copy->insert);
        /* A key that another row has is a damaged one: the row gets a new key. */
        if ((r == SQLITE_CONSTRAINT_PRIMARYKEY || r == SQLITE_CONSTRAINT_ROWID) && copy->table != TABLE_LEVEL) {
                sqlite3_bind_null(copy->insert, 1);
                r = sqlite3_step(copy->insert);
                sqlite3_reset(copy->insert);
        }
        /* The same row twice, because pages are linked wrongly: the first one stands. */
        return (r & 0xff) == SQLITE_CONSTRAINT ? 0 : database_errno(copy->to, r);
}

static int copy_table(Database *from, Copy *copy)
{
        const TableInfo *info = &table_infos[copy->table];
        int r, n = info->n_columns;
        const char *columns = info->columns;
        char sql[768];
        size_t size;

        if (copy->table == TABLE_LEVEL) {
                columns = strchr(columns, ' ') + strlen(" AS key, ");
                n--;
        }
        size = (size_t)snprintf(sql, sizeof sql, "INSERT INTO %s (%s) VALUES (", info->name, columns);
        for (int i = 1; i <= n; i++)
                size += (size_t)snprintf(sql + size, sizeof sql - size, i < n ? "?%d, " : "?%d)", i);
        r = database_errno(copy->to, sqlite3_prepare_v2(copy->to->handle, sql, -1, &copy->insert, NULL));
        if (r < 0)
                return r;
        r = table_scan_around(from, copy->table, copy_row, copy);
        sqlite3_finalize(copy->insert);
        copy->insert = NULL;
        return r;
}

static int copy_database(Database *from, const char *path, uint64_t *ret_damaged)
{
        Database to = { 0 };
        Copy copy = { .to = &to };
        uint32_t schema;
        int r;

        r = database_open(&to, path, &schema);
        if (r < 0)
                return r;
        r = database_run(&to, STATEMENT_BEGIN);
        for (copy.table = 0; r == 0 && copy.table < _TABLE_MAX; copy.table++)
                r = copy_table(from, &copy);
        /* The firings of a task that is lost have nowhere to go; the old file keeps them. */
        if (r == 0)
                r = database_execute(&to, "DELETE FROM pending WHERE task NOT IN (SELECT id FROM task)");
        if (r == 0)
                r = database_run(&to, STATEMENT_COMMIT);
        if (r == 0)
                *ret_damaged = copy.n_damaged;
        database_close(&to);
        buffer_done(&copy.scratch);
        return r;
}

static void remove_database(const char *path)
{
        _cleanup_(freep) char *log = NULL;

        unlink(path);
        if (asprintf(&log, "%s-wal", path) >= 0)
                unlink(log);
}

int store_rebuild(Store *store, StoreReport *report)
{
        _cleanup_(freep) char *path = NULL;
        uint64_t n_damaged = 0;
        uint32_t schema;
        int r;

        if (asprintf(&path, "%s.new", store->path) < 0)
                return -ENOMEM;
        remove_database(path);
        r = copy_database(&store->db, path, &n_damaged);
        if (r < 0) {
                remove_database(path);
                return r;
        }
        /* Closed without copying the log into it: it stays as it was found. */
        sqlite3_db_config(store->db.handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        database_close(&store->db);
        r = database_set_aside(store->path, report->set_aside, sizeof report->set_aside);
        if (r < 0)
                return r;
        if (rename(path, store->path) < 0)
                return -errno;
        r = database_open(&store->db, store->path, &schema);
        if (r < 0)
                return r;
        snprintf(report->sentence, sizeof report->sentence,
                 "the database was damaged: it was set aside as %s, and what could be read of it was taken over",
                 report->set_aside);
        return 0;
}
