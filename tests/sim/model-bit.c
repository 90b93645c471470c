/* SPDX-License-Identifier: MIT */

/* Updates of one bit of a registration: docs/semantics.md, 2.4 (pause) and 4.7 (skip). */

#include "model.h"

static bool bit_of(const MTask *t, EventType type)
{
        return type == EVENT_SKIP ? t->skip : t->paused;
}

static void store_bit(World *w, MTask *t)
{
        Act *a = model_expect_row(w, &t->spec, t->id);

        sim_check(w, (t->bit == EVENT_SKIP ? a->task.skip_next : a->task.paused) == t->new_bit, "2.4, 4.7",
                  "a bit of task %s is stored as it was", short_id(t->id));
        t->state = T_UPDATING;
        t->state_behind = false;
        t->commit = a->effect.store.commit;
}

static bool fires_by_itself(const TaskSpec *spec)
{
        for (size_t i = 0; i <= spec->n_more; i++)
                if (!trigger_is_requested(trigger_of(spec, i)->kind))
                        return true;
        return false;
}

bool model_try_bit(World *w, EventType type, Uuid id, bool on, uint64_t token)
{
        MTask *t = model_task(w->model, id);

        if (!t || t->forgotten) {
                expect_reply(w, "2.4", token, ERROR_NO_SUCH_TASK);
                return true;
        }
        if (t->state != T_REGISTERED)
                return false;
        if (type == EVENT_SKIP && on && !fires_by_itself(&t->spec)) {
                expect_reply(w, "4.7", token, ERROR_NOTHING_TO_SKIP);
                return true;
        }
        if (bit_of(t, type) == on && find_reply(w, token)) {
                expect_reply(w, "2.4", token, ERROR_NONE);
                return true;
        }
        t->new_spec = t->spec;
        t->bit = type;
        t->new_bit = on;
        t->token = token;
        store_bit(w, t);
        return true;
}

void model_bit(World *w, const Event *e)
{
        bool on = e->type == EVENT_SKIP ? e->task.skip : e->task.paused;
        MWaiter *waiter;

        if (model_try_bit(w, e->type, e->task.task, on, e->token))
                return;
        waiter = model_add_waiter(w, e->type, e->token);
        waiter->task = e->task.task;
        waiter->cancel = on;
}

static bool row_has_bit(const MTask *t, const TaskRow *row)
{
        return (t->bit == EVENT_SKIP ? row->skip_next : row->paused) == t->new_bit;
}

/* I1: what is durable, and what was given to the store before this atom and follows it. */
static bool bit_is_durable(World *w, const MTask *t)
{
        const TaskRow *row = db_find_task(&w->store.durable, t->id);
        uint64_t first = UINT64_MAX;

        for (size_t i = 0; i < w->acts.n; i++)
                if (w->acts.items[i].effect.type >= EFFECT_STORE_TASK &&
                    w->acts.items[i].effect.type <= EFFECT_STORE_PACKAGE_GONE)
                        first = MIN(first, w->acts.items[i].effect.store.commit);
        for (size_t i = 0; i < w->store.n_txs; i++) {
                const Tx *tx = &w->store.txs[i];

                for (size_t j = 0; tx->state == TX_QUEUED && tx->commit < first && j < tx->n_ops; j++)
                        if ((tx->ops[j].effect.type == EFFECT_STORE_TASK_STATE && t->bit == EVENT_SKIP) &&
                            uuid_equal(tx->ops[j].task.id, t->id) && !row_has_bit(t, &tx->ops[j].task))
                                return false;
        }
        return row && row_has_bit(t, row);
}

void model_bit_updated(World *w, MTask *t, int error)
{
        EventType bit = t->bit;

        /* The state of a firing was stored behind the bit. */
        if (!error && bit == EVENT_SKIP && t->state_behind && !find_reply(w, t->token)) {
                store_bit(w, t);
                return;
        }
        expect_reply(w, "2.4", t->token, error_of_store(error));
        sim_check(w, error || bit_is_durable(w, t), "4.7, I1",
                  "a bit of task %s is answered, and what is being stored says otherwise", short_id(t->id));
        t->state = T_REGISTERED;
        t->bit = 0;
        if (error)
                return;
        *(bit == EVENT_SKIP ? &t->skip : &t->paused) = t->new_bit;
}
