/* SPDX-License-Identifier: MIT */

/*
 * Reading the history. SQLite lets no second connection in, so pages are read by the writer between two transactions.
 */

#include <errno.h>
#include <string.h>

#include "store/internal.h"
#include "store/row.h"

#define QUERIES_MAX 1024 /* that wait */

Query *query_free(Query *query)
{
        if (!query)
                return NULL;
        list_remove(&query->link);
        buffer_done(&query->texts);
        free(query->package);
        free(query->name);
        free(query->runs);
        free(query);
        return NULL;
}

/* Strings of rows are kept one behind the other; until all are there a row holds where its own begins. */
static int keep_text(Query *query, const char *text, const char **ret_text)
{
        size_t position = query->texts.size;
        int r;

        r = buffer_append(&query->texts, text, strlen(text) + 1);
        if (r == 0)
                *ret_text = (const char *)(uintptr_t)position;
        return r;
}

static void resolve_text(Query *query, const char **text)
{
        *text = (const char *)query->texts.data + (uintptr_t)*text;
}

static int read_run(Query *query, sqlite3_stmt *s)
{
        RowReader r = { .statement = s, .column = 1 };
        RunRow row = { 0 };
        int error;

        row.id = row_uuid(&r);
        row.task = row_uuid(&r);
        row.package = row_text(&r);
        row.name = row_text(&r);
        row.number = row_u64(&r);
        row.server = row_u64(&r);
        row.accepted_real_usec = row_u64(&r);
        row.scheduled_real_usec = row_u64(&r);
        row.first_scheduled_real_usec = row_u64(&r);
        row.started_real_usec = row_u64(&r);
        row.ended_real_usec = row_u64(&r);
        row.count = row_u32(&r, UINT32_MAX);
        row.attempts = row_u32(&r, UINT32_MAX);
        row.progress = row_u32(&r, UINT32_MAX);
        fired_by_unpack(row_u32(&r, UINT16_MAX), &row.fired_by, &row.trigger, &row.trigger_kind);
        row.outcome = (uint8_t)row_u32(&r, UINT8_MAX);
        row.reason = (uint8_t)row_u32(&r, UINT8_MAX);
        row.detail = (uint8_t)row_u32(&r, UINT8_MAX);
        row.result = row_i32(&r);
        row.cpu_usec = row_u64(&r);
        row.memory_bytes = row_u64(&r);
        row_check(&r, 1);
        /* Text that could not be converted for want of memory looks like a damaged row. */
        if (r.bad && sqlite3_errcode(sqlite3_db_handle(s)) == SQLITE_NOMEM)
                return -ENOMEM;
        if (r.bad) {
                query->page.n_damaged++;
                return 0;
        }
        error = keep_text(query, row.package, &row.package);
        if (error == 0)
                error = keep_text(query, row.name, &row.name);
        if (error == 0)
                query->runs[query->page.n_runs++] = row;
        return error;
}

static int read_runs(Store *store, Query *query)
{
        const StoreHistoryQuery *q = &query->query;
        bool of_task = !uuid_is_null(q->task);
        sqlite3_stmt *s;
        uint32_t n = 0;
        int result;

        s = database_statement(&store->db, of_task ? STATEMENT_READ_RUNS_OF_TASK : STATEMENT_READ_RUNS);
        if (!s)
                return database_error(&store->db);
        sqlite3_bind_int64(s, 1, q->before ? (sqlite3_int64)q->before : INT64_MAX);
        sqlite3_bind_text(s, 2, q->package, -1, SQLITE_STATIC);
        sqlite3_bind_text(s, 3, q->name, -1, SQLITE_STATIC);
        sqlite3_bind_int64(s, 4, q->limit);
        if (of_task)
                sqlite3_bind_blob(s, 5, q->task.bytes, sizeof q->task.bytes, SQLITE_STATIC);
        while ((result = sqlite3_step(s)) == SQLITE_ROW) {
                int r = read_run(query, s);

                query->page.next = (uint64_t)sqlite3_column_int64(s, 0);
                n++;
                if (r < 0) {
                        sqlite3_reset(s);
                        return r;
                }
        }
        sqlite3_reset(s);
        sqlite3_clear_bindings(s);
        if (n < q->limit)
                query->page.next = 0;
        return database_errno(&store->db, result);
}

void history_read(Store *store, Query *query)
{
        StoreHistoryPage *page = &query->page;

        page->error = read_runs(store, query);
        if (page->error < 0) {
                page->n_runs = 0;
                page->next = 0;
        }
        for (size_t i = 0; i < page->n_runs; i++) {
                resolve_text(query, &query->runs[i].package);
                resolve_text(query, &query->runs[i].name);
        }
        page->runs = query->runs;
}

/* The names of a query, kept for the writer's thread. */
static int copy_text(const char *text, char **ret_copy)
{
        if (!text)
                return 0;
        *ret_copy = strdup(text);
        return *ret_copy ? 0 : -ENOMEM;
}

int store_history(Store *store, const StoreHistoryQuery *q, uint64_t token)
{
        _cleanup_(query_freep) Query *query = NULL;
        size_t n_queries;
        int r;

        if (q->limit == 0 || q->limit > STORE_HISTORY_PAGE_MAX)
                return -EINVAL;
        query = calloc(1, sizeof *query);
        if (!query)
                return -ENOMEM;
        query->query = *q;
        query->query.package = query->query.name = NULL;
        query->page.token = token;
        r = copy_text(q->package, &query->package);
        if (r == 0)
                r = copy_text(q->name, &query->name);
        if (r < 0)
                return r;
        query->query.package = query->package;
        query->query.name = query->name;
        query->runs = calloc(q->limit, sizeof *query->runs);
        if (!query->runs)
                return -ENOMEM;
        r = writer_start(store);
        if (r < 0)
                return r;
        pthread_mutex_lock(&store->mutex);
        n_queries = store->n_queries;
        if (n_queries < QUERIES_MAX) {
                store->n_queries++;
                list_append(&store->queries, &TAKE_PTR(query)->link);
                pthread_cond_signal(&store->work);
        }
        pthread_mutex_unlock(&store->mutex);
        return n_queries < QUERIES_MAX ? 0 : -ENOBUFS;
}
