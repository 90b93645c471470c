/* SPDX-License-Identifier: MIT */

/* Marking the effects that had to happen. */

#include <errno.h>

#include "model.h"

Act *act_find(World *w, EffectType type, bool (*fits)(const Act *a, const void *key), const void *key)
{
        for (size_t i = 0; i < w->acts.n; i++)
                if (!w->acts.items[i].matched && w->acts.items[i].effect.type == type && fits(&w->acts.items[i], key))
                        return &w->acts.items[i];
        return NULL;
}

static bool reply_fits(const Act *a, const void *key)
{
        return a->effect.reply.token == *(const uint64_t *)key;
}

Act *find_reply(World *w, uint64_t token)
{
        return act_find(w, EFFECT_REPLY, reply_fits, &token);
}

Act *expect_reply(World *w, const char *section, uint64_t token, Error error)
{
        Act *a = find_reply(w, token);

        sim_check(w, a, section, "token %" PRIu64 " is not answered; expected: %s", token,
                  error ? error_info(error)->dbus_name : "success");
        sim_check(w, a->effect.reply.error == error, section, "token %" PRIu64 " is answered %s; expected: %s", token,
                  a->effect.reply.error ? error_info(a->effect.reply.error)->dbus_name : "success",
                  error ? error_info(error)->dbus_name : "success");
        a->matched = true;
        return a;
}

Error error_of_store(int error)
{
        switch (error) {
        case 0:
                return ERROR_NONE;
        case -ENOSPC:
                return ERROR_STORE_FULL;
        case -EROFS:
                return ERROR_STORE_READ_ONLY;
        default:
                return ERROR_STORE_FAILED;
        }
}

typedef struct Attempt {
        Uuid run;
        uint32_t attempt;
} Attempt;

static bool ledger_fits(const Act *a, const void *key)
{
        const Attempt *k = key;

        return uuid_equal(a->ledger.run, k->run) && a->ledger.attempt == k->attempt;
}

Act *find_ledger_start(World *w, Uuid run, uint32_t attempt)
{
        return act_find(w, EFFECT_LEDGER, ledger_fits, &(Attempt){ run, attempt });
}

static bool record_fits(const Act *a, const void *key)
{
        return uuid_equal(a->run.id, *(const Uuid *)key);
}

bool recorded_now(World *w, Uuid run)
{
        return act_find(w, EFFECT_STORE_RUN, record_fits, &run);
}

static bool cancel_fits(const Act *a, const void *key)
{
        const Attempt *k = key;

        return uuid_equal(a->effect.send.run, k->run) && a->effect.send.attempt == k->attempt;
}

void expect_cancel(World *w, MFiring *f)
{
        Act *a = act_find(w, EFFECT_SEND_CANCEL, cancel_fits, &(Attempt){ f->run, f->attempts });

        if (!a && f->unconfirmed)
                return;
        sim_check(w, a, "6.3", "run %s.%u is canceled, and its server is not told", short_id(f->run), f->attempts);
        sim_check(w, a->effect.send.server == f->server && a->effect.send.reason == f->reason, "6.3",
                  "Canceled of run %s.%u goes to server %" PRIu64 " with reason %u; expected: %" PRIu64 ", %u",
                  short_id(f->run), f->attempts, a->effect.send.server, a->effect.send.reason, f->server, f->reason);
        a->matched = true;
}

static const char *act_name(EffectType type)
{
        static const char *const names[_EFFECT_TYPE_MAX] = {
                [EFFECT_REPLY] = "reply",
                [EFFECT_STORE_TASK] = "store task",
                [EFFECT_STORE_RUN] = "store run",
                [EFFECT_LEDGER] = "ledger",
                [EFFECT_LAUNCH] = "launch",
                [EFFECT_SEND_RUN] = "send run",
                [EFFECT_SEND_CANCEL] = "send cancel",
                [EFFECT_SEND_LEAVE] = "send leave",
                [EFFECT_SIGNAL] = "signal",
                [EFFECT_CHECK_TRACED] = "check traced",
        };

        return names[type] ?: "?";
}

/* The row of a task goes, or is marked because of runs that outlive it: 2.5. */
bool is_task_gone(const Act *a, Uuid task)
{
        if (a->effect.type == EFFECT_STORE_TASK)
                return a->task.unregistered && uuid_equal(a->task.id, task);
        return a->effect.type == EFFECT_STORE_TASK_GONE && uuid_equal(a->effect.store.task_gone, task);
}

Act *find_task_gone(World *w, Uuid task)
{
        for (size_t i = 0; i < w->acts.n; i++)
                if (!w->acts.items[i].matched && is_task_gone(&w->acts.items[i], task))
                        return &w->acts.items[i];
        return NULL;
}

static bool is_in_flight(World *w, uint64_t commit)
{
        for (size_t i = 0; i < w->store.n_txs; i++)
                if (commit && w->store.txs[i].commit == commit)
                        return true;
        return false;
}

/* An outcome that waited for the commit of its row, or whose own commit failed, is written. */
static bool is_written_again(World *w, Act *a)
{
        Model *m = w->model;

        for (size_t i = 0; i < m->n_endings; i++) {
                MEnding *e = &m->endings[i];
                MTask *t = model_task(m, e->task);

                if (!(e->failed || e->deferred) || !uuid_equal(e->run, a->run.id))
                        continue;
                sim_check(w, a->run.outcome == e->row.outcome && a->run.reason == e->row.reason, "12",
                          "run %s is written with another outcome than it had", short_id(e->run));
                /* Of several outcomes the first one takes the registration away. */
                if (t && e->one_shot && t->one_shot_end && !is_in_flight(w, t->commit)) {
                        t->commit = a->effect.store.commit;
                        model_promise_ends(w, t, t->commit);
                }
                e->commit = a->effect.store.commit;
                e->failed = e->deferred = false;
                return true;
        }
        return false;
}

/* Entries of the ledger are compared as a whole, rows of the store too (model-check.c); notices are free. */
static bool is_compared_elsewhere(EffectType type)
{
        switch (type) {
        case EFFECT_STORE_TASK_STATE:
        case EFFECT_STORE_TASK_GONE:
        case EFFECT_STORE_PENDING:
        case EFFECT_STORE_PENDING_GONE:
        case EFFECT_STORE_LEVEL:
        case EFFECT_STORE_TASK:
        case EFFECT_STORE_PACKAGE:
        case EFFECT_STORE_PACKAGE_PAUSE:
        case EFFECT_STORE_PACKAGE_GONE:
        case EFFECT_LEDGER:
        case EFFECT_LEDGER_GONE:
        case EFFECT_SERVER_RELEASED:
        case EFFECT_WATCH:
        case EFFECT_SEND_RECORDED:
        case EFFECT_NOTIFY:
                return true;
        default:
                return false;
        }
}

/* Cancel that the page allows and does not demand: of an orphan, or again to a server that announced itself. */
static bool is_orphan_cancel(World *w, const Act *a)
{
        Model *m = w->model;
        MFiring *f = model_firing(m, a->effect.send.run);

        if (a->effect.type != EFFECT_SEND_CANCEL)
                return false;
        if (f && f->attempts == a->effect.send.attempt && f->state == RUN_STOPPING)
                return m->event->type == EVENT_SERVER_ANNOUNCED;
        for (size_t i = 0; i < m->n_orphans; i++)
                if (uuid_equal(m->orphans[i].run, a->effect.send.run) &&
                    m->orphans[i].attempt == a->effect.send.attempt)
                        return true;
        return m->event->type == EVENT_SERVER_ANNOUNCED;
}

/* What watchers are told: progress of what is alive, and each end once. */
static void check_notice(World *w, const Act *a)
{
        const MFiring *f;

        if (a->effect.notify.kind == NOTIFY_PROGRESS) {
                f = model_firing(w->model, a->info.run);
                sim_check(w, f && is_live(f) && f->attempts == a->info.attempt, "6.3",
                          "watchers are told of progress of run %s.%u, which is not alive", short_id(a->info.run),
                          a->info.attempt);
                sim_check(w, f->progress == a->info.progress, "6.3",
                          "watchers are told of progress %u of run %s; expected: %u", a->info.progress,
                          short_id(a->info.run), f->progress);
        }
        if (a->effect.notify.kind == NOTIFY_ENDED)
                for (size_t i = 0; i < w->acts.n && &w->acts.items[i] != a; i++)
                        sim_check(w,
                                  w->acts.items[i].effect.type != EFFECT_NOTIFY ||
                                          w->acts.items[i].effect.notify.kind != NOTIFY_ENDED ||
                                          !uuid_equal(w->acts.items[i].run.id, a->run.id),
                                  "10, I3", "watchers are told twice of the end of run %s", short_id(a->run.id));
}

void match_rest(World *w)
{
        for (size_t i = 0; i < w->acts.n; i++) {
                Act *a = &w->acts.items[i];

                if (!a->matched && a->effect.type == EFFECT_STORE_RUN)
                        a->matched = is_written_again(w, a);
                if (a->effect.type == EFFECT_NOTIFY)
                        check_notice(w, a);
        }
        for (size_t i = 0; i < w->acts.n; i++) {
                Act *a = &w->acts.items[i];
                const Effect *e = &a->effect;
                Uuid run = e->type == EFFECT_SEND_CANCEL ? e->send.run : e->type == EFFECT_STORE_RUN ? a->run.id :
                        e->type == EFFECT_SEND_RUN ? a->info.run : UUID_NULL;

                if (a->matched || is_compared_elsewhere(e->type) || is_orphan_cancel(w, a))
                        continue;
                sim_fail(w, e->type == EFFECT_SEND_RUN || e->type == EFFECT_LAUNCH ? "5.1, I2" : "effects",
                         "the engine does what no rule asks for: %s (run %s, server %" PRIu64 ", token %" PRIu64 ")",
                         act_name(e->type), short_id(run),
                         e->type == EFFECT_SEND_CANCEL    ? e->send.server
                         : e->type == EFFECT_SIGNAL       ? e->signal.server
                         : e->type == EFFECT_LAUNCH       ? e->launch.server
                         : e->type == EFFECT_CHECK_TRACED ? e->send.server
                                                          : 0,
                         e->type == EFFECT_REPLY ? e->reply.token : 0);
        }
}
