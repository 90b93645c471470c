/* SPDX-License-Identifier: MIT */

/*
 * The model store. Transactions become durable in the order in which they were submitted, several at a time (group
 * commit); their answers come late and in any order. One may fail alone. A crash keeps a prefix of what was queued.
 */

#include <errno.h>
#include <string.h>

#include "world.h"

void store_init(Store *s)
{
        *s = (Store){ 0 };
        memset(s->durable.levels, 2, sizeof s->durable.levels);
        s->projected = s->durable;
}

void store_done(Store *s)
{
        for (size_t i = 0; i < s->n_txs; i++)
                free(s->txs[i].ops);
        free(s->answered.ops);
        free(s->txs);
        free(s->runs);
}

TaskRow *db_find_task(Db *db, Uuid id)
{
        for (size_t i = 0; i < db->n_tasks; i++)
                if (uuid_equal(db->tasks[i].id, id))
                        return &db->tasks[i];
        return NULL;
}

StoredPending *db_find_pending(Db *db, Uuid task, uint64_t number)
{
        for (size_t i = 0; i < db->n_pending; i++)
                if (uuid_equal(db->pending[i].row.task, task) && db->pending[i].row.number == number)
                        return &db->pending[i];
        return NULL;
}

bool tx_has_task(const Tx *tx, Uuid task)
{
        for (size_t i = 0; i < tx->n_ops; i++) {
                const Act *a = &tx->ops[i];
                const Effect *e = &a->effect;
                Uuid id = e->type == EFFECT_STORE_TASK || e->type == EFFECT_STORE_TASK_STATE ? a->task.id :
                          e->type == EFFECT_STORE_TASK_GONE ? e->store.task_gone :
                          e->type == EFFECT_STORE_PENDING ? a->pending.task :
                          e->type == EFFECT_STORE_PENDING_GONE ? e->store.pending_gone.task :
                          e->type == EFFECT_STORE_RUN ? a->run.task : UUID_NULL;

                if (uuid_equal(id, task))
                        return true;
        }
        return false;
}

bool store_was_to_remove(const Store *s, Uuid task)
{
        for (size_t i = 0; i < MIN(s->n_removed, ELEMENTSOF(s->removed)); i++)
                if (uuid_equal(s->removed[i], task))
                        return true;
        return false;
}

bool tx_has_firing(const Tx *tx, Uuid task)
{
        /* A row that is kept because its registration goes tells nothing of its firing. */
        for (size_t i = 0; i < tx->n_ops; i++)
                if (tx->ops[i].effect.type == EFFECT_STORE_TASK && tx->ops[i].task.unregistered &&
                    uuid_equal(tx->ops[i].task.id, task))
                        return false;
        for (size_t i = 0; i < tx->n_ops; i++) {
                const Act *a = &tx->ops[i];

                if ((a->effect.type == EFFECT_STORE_PENDING && uuid_equal(a->pending.task, task)) ||
                    (a->effect.type == EFFECT_STORE_TASK_STATE && uuid_equal(a->task.id, task)))
                        return true;
        }
        return false;
}

RunRecord *store_find_run(Store *s, Uuid run)
{
        for (size_t i = s->n_runs; i-- > 0;)
                if (uuid_equal(s->runs[i].row.id, run))
                        return &s->runs[i];
        return NULL;
}

static void put_task(World *w, Db *db, const TaskRow *row)
{
        TaskRow *old = db_find_task(db, row->id);

        sim_check(w, old || db->n_tasks < MAX_TASKS, "simulator", "too many tasks");
        *(old ?: &db->tasks[db->n_tasks++]) = *row;
}

/* Rows stay in the order in which they were first put. */
static void remove_pending(Db *db, StoredPending *p)
{
        memmove(p, p + 1, (size_t)(db->pending + --db->n_pending - p) * sizeof *p);
}

static void remove_task(Db *db, Uuid id)
{
        TaskRow *row = db_find_task(db, id);

        if (row)
                *row = db->tasks[--db->n_tasks];
        for (size_t i = 0; i < db->n_pending;) {
                if (uuid_equal(db->pending[i].row.task, id))
                        remove_pending(db, &db->pending[i]);
                else
                        i++;
        }
}

static void put_pending(World *w, Db *db, const Act *a)
{
        StoredPending *p = db_find_pending(db, a->pending.task, a->pending.number);

        sim_check(w, p || db->n_pending < MAX_PENDING, "simulator", "too many pending firings");
        if (!p)
                p = &db->pending[db->n_pending++];
        p->row = a->pending;
        memcpy(p->details, a->details, sizeof p->details);
}

/*
 * The state of the old options may be written behind an update that is not answered, and have fewer anchors: then the
 * first stands for those that it does not tell.
 */
static void put_anchors(World *w, TaskRow *row, const TaskRow *state)
{
        Anchor anchors[TRIGGERS_MAX];

        for (size_t i = 0; i < row->spec.n_more; i++)
                anchors[i] = i < state->spec.n_more ? state->more_anchors[i] : state->anchor;
        row->more_anchors = row->spec.n_more > 0 ? own(w, anchors, row->spec.n_more * sizeof *anchors) : NULL;
}

static void apply(World *w, Db *db, const Act *a)
{
        const Effect *e = &a->effect;
        StoredPending *p;
        TaskRow *t;
        Want *want;
        int i;

        switch (e->type) {
        case EFFECT_STORE_TASK:
                put_task(w, db, &a->task);
                break;
        case EFFECT_STORE_TASK_STATE:
                t = db_find_task(db, a->task.id);
                if (t) {
                        t->anchor = a->task.anchor;
                        put_anchors(w, t, &a->task);
                        t->last_number = a->task.last_number;
                        t->skip_next = a->task.skip_next;
                }
                break;
        case EFFECT_STORE_TASK_GONE:
                remove_task(db, e->store.task_gone);
                break;
        case EFFECT_STORE_PENDING:
                put_pending(w, db, a);
                break;
        case EFFECT_STORE_PENDING_GONE:
                p = db_find_pending(db, e->store.pending_gone.task, e->store.pending_gone.number);
                if (p)
                        remove_pending(db, p);
                break;
        case EFFECT_STORE_LEVEL:
                sim_check(w, e->store.level.condition < CONDITION_MAX, "5.3", "a level of no condition is stored");
                db->levels[e->store.level.condition] = e->store.level.level;
                break;
        case EFFECT_STORE_PACKAGE:
                i = package_index(e->store.package.name);
                want = world_want(w, e->store.package.token);
                if (want)
                        w->staged_version[i] = want->version;
                db->packages[i].there = true;
                db->packages[i].version = w->staged_version[i];
                break;
        case EFFECT_STORE_PACKAGE_GONE:
                db->packages[package_index(e->store.package.name)] = (StoredPackage){ 0 };
                break;
        case EFFECT_STORE_PACKAGE_PAUSE:
                i = package_index(e->store.package.name);
                db->packages[i].paused = e->store.package.paused;
                db->packages[i].paused_real = e->store.package.paused ? e->store.package.since_real_usec : 0;
                break;
        default:
                break;
        }
}

static void submit_run(World *w, const Act *a)
{
        Store *s = &w->store;
        RunRecord *r = store_find_run(s, a->run.id);

        sim_check(w, !r || r->failed, "I3", "run %s gets a second outcome", short_id(a->run.id));
        if (!r) {
                if (s->n_runs == s->runs_allocated) {
                        s->runs_allocated = s->runs_allocated ? 2 * s->runs_allocated : 128;
                        s->runs = realloc(s->runs, s->runs_allocated * sizeof *s->runs);
                        sim_check(w, s->runs, "simulator", "out of memory");
                }
                r = &s->runs[s->n_runs++];
        }
        *r = (RunRecord){ .row = a->run, .commit = a->effect.store.commit };
}

void store_submit(World *w, const Act *a)
{
        Store *s = &w->store;
        uint64_t commit = a->effect.store.commit;
        Tx *tx = NULL;

        for (size_t i = 0; i < s->n_txs; i++)
                if (s->txs[i].commit == commit)
                        tx = &s->txs[i];
        sim_check(w, !tx || tx->feed == w->n_feeds, "effects", "commit %" PRIu64 " goes on after its feed", commit);
        if (!tx) {
                sim_check(w, commit > w->last_commit, "effects", "commit %" PRIu64 " is used again", commit);
                w->last_commit = commit;
                if (s->n_txs == s->allocated) {
                        s->allocated = s->allocated ? 2 * s->allocated : 32;
                        s->txs = realloc(s->txs, s->allocated * sizeof *s->txs);
                        sim_check(w, s->txs, "simulator", "out of memory");
                }
                tx = &s->txs[s->n_txs++];
                *tx = (Tx){ .commit = commit, .feed = w->n_feeds };
        }
        if ((tx->n_ops & (tx->n_ops - 1)) == 0) {
                tx->ops = realloc(tx->ops, (tx->n_ops ? 2 * tx->n_ops : 1) * sizeof *tx->ops);
                sim_check(w, tx->ops, "simulator", "out of memory");
        }
        tx->ops[tx->n_ops++] = *a;
        if (a->effect.type == EFFECT_STORE_TASK_GONE)
                s->removed[s->n_removed++ % ELEMENTSOF(s->removed)] = a->effect.store.task_gone;
        if (a->effect.type == EFFECT_STORE_RUN)
                submit_run(w, a);
        apply(w, &s->projected, a);
}

static void project(World *w)
{
        Store *s = &w->store;

        s->projected = s->durable;
        for (size_t i = 0; i < s->n_txs; i++)
                for (size_t j = 0; s->txs[i].state == TX_QUEUED && j < s->txs[i].n_ops; j++)
                        apply(w, &s->projected, &s->txs[i].ops[j]);
}

static void settle(World *w, Tx *tx, int error)
{
        Store *s = &w->store;

        tx->state = error ? TX_FAILED : TX_DURABLE;
        tx->error = error;
        for (size_t i = 0; !error && i < tx->n_ops; i++)
                apply(w, &s->durable, &tx->ops[i]);
        for (size_t i = 0; i < s->n_runs; i++)
                if (s->runs[i].commit == tx->commit) {
                        s->runs[i].durable = !error;
                        s->runs[i].failed = error;
                }
}

/* The prefix that one fsync makes durable. */
static void work_group(World *w, bool flush)
{
        static const int errors[] = { -EIO, -ENOSPC, -EROFS };
        Store *s = &w->store;
        size_t n = flush ? s->n_txs : rng_between(&w->rng, 1, s->n_txs);

        for (size_t i = 0; i < n; i++) {
                int error = 0;

                if (s->txs[i].state != TX_QUEUED)
                        continue;
                if (!flush && world_fault(w, FAULT_COMMIT, 15))
                        error = errors[rng_below(&w->rng, ELEMENTSOF(errors))];
                settle(w, &s->txs[i], error);
        }
}

void store_work(World *w, bool flush)
{
        Store *s = &w->store;
        size_t answered[8], n = 0;
        Event event = { .type = EVENT_COMMITTED };

        if (s->n_txs == 0)
                return;
        work_group(w, flush);
        for (size_t i = 0; i < s->n_txs && n < ELEMENTSOF(answered); i++)
                if (s->txs[i].state != TX_QUEUED)
                        answered[n++] = i;
        if (n == 0)
                return;
        n = answered[flush ? 0 : rng_below(&w->rng, n)];
        event.committed.commit = s->txs[n].commit;
        event.committed.error = s->txs[n].error;
        s->answered = s->txs[n];
        memmove(&s->txs[n], &s->txs[n + 1], (--s->n_txs - n) * sizeof *s->txs);
        if (event.committed.error)
                project(w);
        world_feed(w, &event);
        free(s->answered.ops);
        s->answered = (Tx){ 0 };
}

void store_crash(World *w, bool reboot)
{
        Store *s = &w->store;
        size_t keep = rng_percent(&w->rng, 40) ? 0 : rng_below(&w->rng, s->n_txs + 1);

        for (size_t i = 0; i < keep; i++)
                if (s->txs[i].state == TX_QUEUED)
                        settle(w, &s->txs[i], 0);
        for (size_t i = 0; i < s->n_txs; i++)
                free(s->txs[i].ops);
        s->n_txs = 0;
        for (size_t i = 0; i < s->n_runs;) {
                if (s->runs[i].durable)
                        i++;
                else
                        s->runs[i] = s->runs[--s->n_runs];
        }
        s->n_removed = 0;
        if (reboot)
                memset(s->durable.levels, 2, sizeof s->durable.levels);
        s->projected = s->durable;
}
