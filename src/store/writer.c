/* SPDX-License-Identifier: MIT */

/*
 * The writer thread. It takes everything that is queued into one transaction, each unit below a savepoint of its own,
 * commits, and hands the answers back. While a transaction is being synced the next group gathers.
 */

#include <errno.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/internal.h"
#include "store/row.h"

#define GROUP_MAX 4096 /* units of one transaction */

Unit *unit_free(Unit *unit)
{
        if (!unit)
                return NULL;
        list_remove(&unit->link);
        buffer_done(&unit->statements);
        free(unit);
        return NULL;
}

void store_mark_suspect(Store *store)
{
        FILE *f = fopen(store->suspect_path, "we");

        if (f)
                fclose(f);
}

static int run_statement(Store *store, Statement statement, const uint8_t **position, unsigned n_values)
{
        Database *db = &store->db;
        sqlite3_stmt *s = database_statement(db, statement);
        int r;

        if (!s)
                return database_error(db);
        r = value_bind_all(s, position, n_values);
        if (r == SQLITE_OK)
                r = sqlite3_step(s);
        r = database_errno(db, r);
        sqlite3_reset(s);
        sqlite3_clear_bindings(s);
        if (r < 0)
                return r;
        /* The engine updates only what is there: an index that does not find it is damaged. */
        if (statement == STATEMENT_PUT_TASK_STATE && sqlite3_changes(db->handle) == 0)
                store_mark_suspect(store);
        else if (statement == STATEMENT_PUT_RUN)
                store->n_runs++;
        else if (statement == STATEMENT_DELETE_RUN || statement == STATEMENT_TRIM_RUNS_OF_TASK)
                store->n_runs -= (uint64_t)sqlite3_changes(db->handle);
        return 0;
}

static int write_statements(Store *store, const Unit *unit)
{
        const uint8_t *p = unit->statements.data, *end = p + unit->statements.size;
        int r = 0;

        while (r == 0 && p < end) {
                Statement statement = p[0];
                unsigned n_values = p[1];

                p += 2;
                r = run_statement(store, statement, &p, n_values);
        }
        return r;
}

/* 0 also if the unit failed alone; negative if the whole transaction is lost. */
static int write_unit(Store *store, Unit *unit)
{
        uint64_t n_runs = store->n_runs;
        int r;

        r = database_run(&store->db, STATEMENT_SAVEPOINT);
        if (r < 0)
                return r;
        r = write_statements(store, unit);
        if (r < 0) {
                /* A full disk, a failing one and too little memory end the transaction, or would fail the others. */
                if (r != -EINVAL && r != -E2BIG)
                        return r;
                unit->error = r;
                store->n_runs = n_runs;
                r = database_run(&store->db, STATEMENT_ROLLBACK_TO);
                if (r < 0)
                        return r;
        }
        return database_run(&store->db, STATEMENT_RELEASE);
}

static int trim_history(Store *store)
{
        sqlite3_stmt *s;
        int r;

        if (store->n_runs <= store->config.history_total)
                return 0;
        s = database_statement(&store->db, STATEMENT_TRIM_RUNS);
        if (!s)
                return database_error(&store->db);
        sqlite3_bind_int64(s, 1, (sqlite3_int64)(store->n_runs - store->config.history_total));
        r = database_errno(&store->db, sqlite3_step(s));
        sqlite3_reset(s);
        if (r == 0)
                store->n_runs -= (uint64_t)sqlite3_changes(store->db.handle);
        return r;
}

static int write_transaction(Store *store, ListNode *units)
{
        int r = 0;

        r = database_run(&store->db, STATEMENT_BEGIN);
        if (r < 0)
                return r;
        /* One unit alone needs no savepoint: what fails it fails the transaction. */
        if (units->next->next == units)
                r = write_statements(store, list_entry(units->next, Unit, link));
        else
                list_for_each(i, units)
                        if (r == 0)
                                r = write_unit(store, list_entry(i, Unit, link));
        if (r == 0)
                r = trim_history(store);
        if (r < 0)
                return r;
        r = database_run(&store->db, STATEMENT_COMMIT);
        /*
         * A commit for which there was no room left no mark in the log. One that failed otherwise may have: after a
         * crash it would be there although its failure was reported.
         */
        if (r < 0 && (r != -ENOSPC || sqlite3_extended_errcode(store->db.handle) == SQLITE_IOERR_FSYNC))
                store->db.unsettled = true;
        return r;
}

/* All or nothing, except for units that failed alone. */
static int write_group(Store *store, ListNode *units)
{
        uint64_t n_runs = store->n_runs;
        int r;

        r = database_settle(&store->db);
        if (r < 0)
                return r;
        r = write_transaction(store, units);
        if (r == 0)
                return 0;
        if (r == -EUCLEAN)
                store_mark_suspect(store);
        store->n_runs = n_runs;
        if (!sqlite3_get_autocommit(store->db.handle))
                database_run(&store->db, STATEMENT_ROLLBACK);
        database_settle(&store->db);
        return r;
}

/* What failed together is tried one by one: a small unit may fit where a big one did not. */
static void write_one_by_one(Store *store, ListNode *units, int error)
{
        bool hopeless = false;

        list_for_each_safe(i, units) {
                Unit *unit = list_entry(i, Unit, link);
                ListNode alone = LIST_INIT(alone), *after = unit->link.next;

                unit->error = error;
                if (hopeless)
                        continue;
                list_remove(&unit->link);
                list_append(&alone, &unit->link);
                unit->error = write_group(store, &alone);
                list_remove(&unit->link);
                list_insert_before(after, &unit->link);
                /* A disk that fails every unit is not asked once for each. */
                hopeless = unit->error == -EIO || unit->error == -EUCLEAN || unit->error == -EROFS;
                if (hopeless)
                        error = unit->error;
        }
}

/*
 * Somebody has removed our folder. The files that we have open would take all that is written to them, and nobody
 * would ever find it.
 */
static bool is_removed(const Store *store)
{
        struct stat st;

        return fstat(store->lock_fd, &st) >= 0 && st.st_nlink == 0;
}

static void write_units(Store *store, ListNode *units)
{
        int r;

        if (is_removed(store)) {
                list_for_each(i, units)
                        list_entry(i, Unit, link)->error = -ENOENT;
                return;
        }
        r = write_group(store, units);
        if (r == 0)
                return;
        if (units->next->next == units)
                list_entry(units->next, Unit, link)->error = r;
        else
                write_one_by_one(store, units, r);
}

static void take_list(ListNode *from, ListNode *to, size_t max)
{
        while (max-- > 0 && !list_is_empty(from)) {
                ListNode *node = from->next;

                list_remove(node);
                list_append(to, node);
        }
}

static void wake_caller(Store *store)
{
        eventfd_write(store->event_fd, 1);
}

static void hand_back(Store *store, ListNode *units)
{
        size_t n_bytes = 0, n_units = 0, n_failed = 0;

        list_for_each(i, units) {
                Unit *unit = list_entry(i, Unit, link);

                buffer_done(&unit->statements);
                n_bytes += unit->charged;
                n_units++;
                n_failed += unit->error < 0;
        }
        pthread_mutex_lock(&store->mutex);
        take_list(units, &store->written, SIZE_MAX);
        store->n_queued -= n_bytes;
        store->busy = false;
        store->counts.n_waiting -= n_units;
        store->counts.n_units += n_units - n_failed;
        store->counts.n_failed += n_failed;
        store->counts.n_transactions += n_units > n_failed;
        if (list_is_empty(&store->queue))
                pthread_cond_broadcast(&store->idle);
        pthread_mutex_unlock(&store->mutex);
        wake_caller(store);
}

static void answer_queries(Store *store, ListNode *queries)
{
        list_for_each(i, queries)
                history_read(store, list_entry(i, Query, link));
        pthread_mutex_lock(&store->mutex);
        take_list(queries, &store->answered, SIZE_MAX);
        pthread_mutex_unlock(&store->mutex);
        wake_caller(store);
}

/* False: there is nothing left and the end was asked for. */
static bool wait_for_work(Store *store, ListNode *units, ListNode *queries)
{
        bool more = true;

        pthread_mutex_lock(&store->mutex);
        while (!store->stop && list_is_empty(&store->queue) && list_is_empty(&store->queries))
                pthread_cond_wait(&store->work, &store->mutex);
        take_list(&store->queue, units, GROUP_MAX);
        /* Whoever was told of an outcome finds it: a query comes after everything that was queued before it. */
        if (list_is_empty(&store->queue))
                take_list(&store->queries, queries, SIZE_MAX);
        store->busy = !list_is_empty(units);
        if (list_is_empty(units) && list_is_empty(queries))
                more = false;
        pthread_mutex_unlock(&store->mutex);
        return more;
}

static void *writer(void *userdata)
{
        Store *store = userdata;
        ListNode units = LIST_INIT(units), queries = LIST_INIT(queries);

        while (wait_for_work(store, &units, &queries)) {
                bool wrote = !list_is_empty(&units);

                if (wrote) {
                        write_units(store, &units);
                        hand_back(store, &units);
                }
                if (!list_is_empty(&queries))
                        answer_queries(store, &queries);
                /* After the answers, so that nobody waits for it. */
                if (wrote)
                        database_checkpoint(&store->db, store->config.log_pages);
        }
        return NULL;
}

int writer_start(Store *store)
{
        sigset_t all, old;
        int r;

        if (store->writing)
                return 0;
        /* Signals are for the caller's thread. */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        r = pthread_create(&store->thread, NULL, writer, store);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        if (r != 0)
                return -r;
        pthread_setname_np(store->thread, "store");
        store->writing = true;
        return 0;
}

void writer_stop(Store *store)
{
        if (!store->writing)
                return;
        pthread_mutex_lock(&store->mutex);
        store->stop = true;
        pthread_cond_signal(&store->work);
        pthread_mutex_unlock(&store->mutex);
        pthread_join(store->thread, NULL);
        store->writing = false;
}
