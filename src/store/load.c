/* SPDX-License-Identifier: MIT */

/*
 * Reading at a start. A row whose checksum is wrong is left out and moved into the table `damaged`; a file whose
 * structure is damaged is written anew from what can be read of it.
 */

#include <errno.h>

#include "base/clock.h"
#include "store/internal.h"
#include "store/row.h"
#include "store/scan.h"

#define DAMAGED_MAX 10000 /* rows of a table that are moved; the others stay where they are and are left out again */

typedef struct Load {
        Store *store;
        const StoreLoader *loader;
        StoreReport *report;
        Table table;     /* that is being read */
        uint64_t n_rows; /* of it, so far */
        Buffer damaged;  /* keys of it */
        Buffer scratch;
        bool checked;    /* damage was met, and the whole file looked at */
} Load;

/* What a row held, as SQL literals. */
static const char *const contents[_TABLE_MAX] = {
        [TABLE_PACKAGE] = "quote(name) || ', ' || quote(folder) || ', ' || quote(external_location) || ', ' || "
                          "quote(target_name) || ', ' || quote(version) || ', ' || quote(content) || ', ' || "
                          "quote(installed_real_usec) || ', ' || quote(manifest)",
        [TABLE_PAUSED] = "quote(package) || ', ' || quote(since_real_usec)",
        [TABLE_WINE_PREFIX] = "quote(package) || ', ' || quote(prefix)",
        [TABLE_TASK] = "quote(id) || ', ' || quote(package) || ', ' || quote(name) || ', ' || quote(spec) || ', ' || "
                       "quote(state)",
        [TABLE_PENDING] = "quote(task) || ', ' || quote(number) || ', ' || quote(accepted_real_usec) || ', ' || "
                          "quote(scheduled_real_usec) || ', ' || quote(first_scheduled_real_usec) || ', ' || "
                          "quote(count) || ', ' || quote(attempts) || ', ' || quote(fired_by) || ', ' || "
                          "quote(forced) || ', ' || quote(rerun) || ', ' || quote(details)",
        [TABLE_LEVEL] = "quote(condition) || ', ' || quote(level) || ', ' || quote(boot_id)",
};

static int damaged_row(Load *load, sqlite3_stmt *s)
{
        sqlite3_int64 key = sqlite3_column_int64(s, 0);

        /* Text that could not be converted for want of memory looks like a damaged row. */
        if (sqlite3_errcode(sqlite3_db_handle(s)) == SQLITE_NOMEM)
                return -ENOMEM;
        load->report->n_damaged++;
        if (load->damaged.size >= DAMAGED_MAX * sizeof key)
                return 0;
        return buffer_append(&load->damaged, &key, sizeof key);
}

static int load_package(sqlite3_stmt *s, void *userdata)
{
        Load *load = userdata;
        RowReader r = { .statement = s, .column = 1 };
        StorePackage row = { 0 };

        row.name = row_text(&r);
        row.folder = row_text(&r);
        row.external_location = row_text(&r);
        row.target_name = row_text(&r);
        row.version = row_text(&r);
        row.content = row_uuid(&r);
        row.installed_real_usec = row_u64(&r);
        row.manifest = row_blob(&r, &row.n_manifest);
        row_check(&r, 1);
        if (r.bad)
                return damaged_row(load, s);
        load->report->n_packages++;
        return load->loader->package ? load->loader->package(&row, load->loader->userdata) : 0;
}

static int load_paused(sqlite3_stmt *s, void *userdata)
{
        Load *load = userdata;
        RowReader r = { .statement = s, .column = 1 };
        const char *package = row_text(&r);
        uint64_t since_real_usec = row_u64(&r);

        row_check(&r, 1);
        if (r.bad)
                return damaged_row(load, s);
        return load->loader->paused ? load->loader->paused(package, since_real_usec, load->loader->userdata) : 0;
}

static int load_wine_prefix(sqlite3_stmt *s, void *userdata)
{
        Load *load = userdata;
        RowReader r = { .statement = s, .column = 1 };
        const char *package = row_text(&r), *prefix = row_text(&r);

        row_check(&r, 1);
        if (r.bad)
                return damaged_row(load, s);
        return load->loader->wine_prefix ? load->loader->wine_prefix(package, prefix, load->loader->userdata) : 0;
}

static int load_task(sqlite3_stmt *s, void *userdata)
{
        Load *load = userdata;
        RowReader r = { .statement = s, .column = 1 };
        TaskRow row;
        int error;

        error = task_read(&r, &load->scratch, &row);
        if (error < 0)
                return error;
        if (error == 0)
                return damaged_row(load, s);
        load->report->n_tasks++;
        return load->loader->task ? load->loader->task(&row, load->loader->userdata) : 0;
}

static int load_pending(sqlite3_stmt *s, void *userdata)
{
        Load *load = userdata;
        RowReader r = { .statement = s, .column = 1 };
        PendingRow row = { 0 };

        row.task = row_uuid(&r);
        row.number = row_u64(&r);
        row.accepted_real_usec = row_u64(&r);
        row.scheduled_real_usec = row_u64(&r);
        row.first_scheduled_real_usec = row_u64(&r);
        row.count = row_u32(&r, UINT32_MAX);
        row.attempts = row_u32(&r, UINT32_MAX);
        fired_by_unpack(row_u32(&r, UINT16_MAX), &row.fired_by, &row.trigger, NULL);
        row.forced = row_u32(&r, 1);
        row.rerun = row_u32(&r, 1);
        row.details = row_blob(&r, &row.n_details);
        row_check(&r, 1);
        if (r.bad)
                return damaged_row(load, s);
        load->report->n_pending++;
        return load->loader->pending ? load->loader->pending(&row, load->loader->userdata) : 0;
}

static int load_level(sqlite3_stmt *s, void *userdata)
{
        Load *load = userdata;
        RowReader r = { .statement = s, .column = 1 };
        StoreLevel row = { 0 };
        int32_t level;

        row.condition = (uint8_t)row_u32(&r, UINT8_MAX);
        level = row_i32(&r);
        row.boot_id = row_uuid(&r);
        row_check(&r, 1);
        if (r.bad || level < -1 || level > 1)
                return damaged_row(load, s);
        row.level = (int8_t)level;
        return load->loader->level ? load->loader->level(&row, load->loader->userdata) : 0;
}

static const TableRow load_rows[_TABLE_MAX] = {
        [TABLE_PACKAGE] = load_package,
        [TABLE_PAUSED] = load_paused,
        [TABLE_WINE_PREFIX] = load_wine_prefix,
        [TABLE_TASK] = load_task,
        [TABLE_PENDING] = load_pending,
        [TABLE_LEVEL] = load_level,
};

/* Copies the rows that the condition tells to `damaged` and takes them away. */
static int move_rows(Database *db, Table table, const char *condition, const uint8_t *keys, size_t n_keys)
{
        _cleanup_(freep) char *copy = NULL, *delete = NULL;
        const char *texts[2], *name = table_infos[table].name;
        int r = 0;

        if (asprintf(&copy, "INSERT INTO damaged (found_real_usec, source, content) SELECT ?2, '%s', %s FROM %s "
                     "WHERE %s", name, contents[table], name, condition) < 0 ||
            asprintf(&delete, "DELETE FROM %s WHERE %s", name, condition) < 0)
                return -ENOMEM;
        texts[0] = copy;
        texts[1] = delete;
        for (size_t i = 0; r == 0 && i < ELEMENTSOF(texts); i++) {
                sqlite3_stmt *s;

                r = database_errno(db, sqlite3_prepare_v2(db->handle, texts[i], -1, &s, NULL));
                for (size_t k = 0; r == 0 && k < n_keys; k++) {
                        sqlite3_int64 key;

                        memcpy(&key, keys + k * sizeof key, sizeof key);
                        sqlite3_bind_int64(s, 1, key);
                        if (i == 0)
                                sqlite3_bind_int64(s, 2, (sqlite3_int64)clock_now_usec(CLOCK_REALTIME));
                        r = database_errno(db, sqlite3_step(s));
                        sqlite3_reset(s);
                }
                sqlite3_finalize(s);
        }
        return r;
}

static int move_in_transaction(Database *db, Table table, const uint8_t *keys, size_t n_keys)
{
        int r;

        r = database_run(db, STATEMENT_BEGIN);
        if (r < 0)
                return r;
        r = move_rows(db, table, table == TABLE_LEVEL ? "condition = ?1" : "key = ?1", keys, n_keys);
        /* The firings of a task that is not known any more have nowhere to go. */
        if (r == 0 && table == TABLE_TASK)
                r = move_rows(db, TABLE_PENDING, "?1 AND task NOT IN (SELECT id FROM task)",
                              (const uint8_t *)&(sqlite3_int64){ 1 }, 1);
        if (r == 0)
                r = database_run(db, STATEMENT_COMMIT);
        if (r < 0)
                database_run(db, STATEMENT_ROLLBACK);
        return r;
}

/* Counts by the index if there is one, which is how SQLite counts, or by the rows themselves. */
static int count_rows(Database *db, const char *what, uint64_t *ret_n)
{
        sqlite3_stmt *s = NULL;
        char sql[64];
        int r;

        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", what);
        r = sqlite3_prepare_v2(db->handle, sql, -1, &s, NULL);
        if (r == SQLITE_OK)
                r = sqlite3_step(s);
        if (r == SQLITE_ROW)
                *ret_n = (uint64_t)sqlite3_column_int64(s, 0);
        r = database_errno(db, r);
        sqlite3_finalize(s);
        return r;
}

static int load_row(sqlite3_stmt *s, void *userdata)
{
        Load *load = userdata;

        load->n_rows++;
        return load_rows[load->table](s, load);
}

/*
 * Rows and their keys are to be relied on only if the file's structure is whole. What cannot be moved then stays, and
 * is left out again by the next start.
 */
static int mend_table(Load *load)
{
        Database *db = &load->store->db;

        load->checked = true;
        if (!database_is_whole(db))
                return store_rebuild(load->store, (StoreTold){ .table = load->table + 1, .last = INT64_MIN },
                                     load->report);
        if (load->damaged.size > 0)
                move_in_transaction(db, load->table, load->damaged.data, load->damaged.size / sizeof(sqlite3_int64));
        return 0;
}

static int load_table(Load *load)
{
        Database *db = &load->store->db;
        sqlite3_int64 last = INT64_MIN;
        uint64_t n_indexed = 0;
        bool counted;
        int r;

        load->n_rows = 0;
        load->damaged.size = 0;
        counted = count_rows(db, table_infos[load->table].name, &n_indexed) == 0;
        if (counted && load->table == TABLE_TASK && load->loader->expect)
                load->loader->expect(n_indexed, load->loader->userdata);
        r = table_scan(db, load->table, &last, load_row, load);
        if (r < 0)
                return r;
        if (r == 0 && load->damaged.size == 0 && counted && n_indexed == load->n_rows)
                return 0;
        if (r == 0)
                return mend_table(load);
        /* The rest is read from what was saved, so that what was told of and what is there are the same. */
        load->checked = true;
        r = store_rebuild(load->store, (StoreTold){ .table = load->table, .last = last }, load->report);
        if (r == 0)
                r = table_scan(db, load->table, &last, load_row, load);
        return r == SCAN_E_TORN ? -EIO : r;
}

static int load_tables(Load *load)
{
        Store *store = load->store;
        uint64_t n_runs = 0, n_indexed = 0;
        int r;

        for (load->table = 0; load->table <= TABLE_LEVEL; load->table++) {
                r = load_table(load);
                if (r < 0)
                        return r;
        }
        if (load->checked)
                return 0;
        if (access(store->suspect_path, F_OK) < 0 && count_rows(&store->db, "run NOT INDEXED", &n_runs) == 0 &&
            count_rows(&store->db, "run", &n_indexed) == 0 && n_indexed == n_runs)
                return 0;
        if (database_is_whole(&store->db))
                return 0;
        return store_rebuild(store, (StoreTold){ .table = TABLE_RUN, .last = INT64_MIN }, load->report);
}

int store_load(Store *store, const StoreLoader *loader, StoreReport *report)
{
        Load load = { .store = store, .loader = loader, .report = report };
        int r;

        if (store->writing)
                return -EBUSY;
        r = load_tables(&load);
        buffer_done(&load.damaged);
        buffer_done(&load.scratch);
        if (r == 0)
                r = count_rows(&store->db, "run", &store->n_runs);
        if (r < 0) {
                store_explain(store->config.folder, r, report);
                return r;
        }
        unlink(store->suspect_path);
        if (report->n_damaged > 0)
                store_tell(report, "%llu damaged rows were left out; the table 'damaged' of the database keeps them, "
                                   "or the database that was set aside", (unsigned long long)report->n_damaged);
        sqlite3_db_release_memory(store->db.handle);
        return 0;
}
