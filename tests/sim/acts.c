/* SPDX-License-Identifier: MIT */

/* Effects, copied so that they outlive the feed that made them, and what the world does about them. */

#include <errno.h>
#include <string.h>

#include "model.h"
#include "world.h"

bool details_equal(const void *a, size_t n_a, const void *b, size_t n_b)
{
        return n_a == n_b && (n_a == 0 || memcmp(a, b, n_a) == 0);
}

static void copy_details(World *w, Act *a, const void **details, size_t n)
{
        sim_check(w, n <= MAX_DETAILS, "effects", "details of %zu bytes that nobody gave", n);
        if (n > 0)
                memcpy(a->details, *details, n);
        *details = NULL;
}

static void copy_task(World *w, Act *a, const TaskRow *row)
{
        a->task = *row;
        a->task.spec.package = intern(w, row->spec.package);
        a->task.spec.name = intern(w, row->spec.name);
        a->task.spec.group = intern(w, row->spec.group);
        a->task.spec.options = intern(w, row->spec.options);
        a->task.spec.trigger.text = intern(w, row->spec.trigger.text);
        a->task.spec.more = own_triggers(w, row->spec.more, row->spec.n_more);
        if (row->spec.n_more > 0) {
                sim_check(w, row->more_anchors, "12", "the store is told of some of the anchors only");
                a->task.more_anchors = own(w, row->more_anchors, row->spec.n_more * sizeof *row->more_anchors);
        }
}

static void copy_pending(World *w, Act *a, const PendingRow *row)
{
        a->pending = *row;
        copy_details(w, a, &a->pending.details, row->n_details);
}

static void copy_run(World *w, Act *a, const RunRow *row)
{
        a->run = *row;
        a->run.package = intern(w, row->package);
        a->run.name = intern(w, row->name);
}

static void copy_info(World *w, Act *a, const RunInfo *info)
{
        a->info = *info;
        a->info.package = intern(w, info->package);
        a->info.name = intern(w, info->name);
        a->info.group = intern(w, info->group);
        a->info.trigger.text = intern(w, info->trigger.text);
        copy_details(w, a, &a->info.details, info->n_details);
}

static void copy_notify(World *w, Act *a, const Effect *e)
{
        if (e->notify.kind == NOTIFY_ENDED)
                copy_run(w, a, e->notify.run_row);
        else if (e->notify.kind == NOTIFY_RUN_STATE || e->notify.kind == NOTIFY_PROGRESS)
                copy_info(w, a, e->notify.info);
}

void acts_add(World *w, const Effect *e)
{
        Act *a;

        if (w->acts.n == w->acts.allocated) {
                w->acts.allocated = w->acts.allocated ? 2 * w->acts.allocated : 64;
                w->acts.items = realloc(w->acts.items, w->acts.allocated * sizeof *w->acts.items);
                sim_check(w, w->acts.items, "simulator", "out of memory");
        }
        a = &w->acts.items[w->acts.n++];
        memset(a, 0, sizeof *a);
        a->effect = *e;
        switch (e->type) {
        case EFFECT_STORE_TASK:
        case EFFECT_STORE_TASK_STATE:
                copy_task(w, a, e->store.task);
                break;
        case EFFECT_STORE_PENDING:
                copy_pending(w, a, e->store.pending);
                break;
        case EFFECT_STORE_RUN:
                copy_run(w, a, e->store.run);
                break;
        case EFFECT_STORE_PACKAGE:
        case EFFECT_STORE_PACKAGE_PAUSE:
        case EFFECT_STORE_PACKAGE_GONE:
                a->effect.store.package.name = intern(w, e->store.package.name);
                break;
        case EFFECT_LEDGER:
                a->ledger = *e->ledger;
                copy_pending(w, a, &e->ledger->firing);
                a->ledger.firing = a->pending;
                break;
        case EFFECT_WATCH:
                a->effect.watch.text = intern(w, e->watch.text);
                break;
        case EFFECT_LAUNCH:
                a->effect.launch.package = intern(w, e->launch.package);
                break;
        case EFFECT_SEND_RUN:
                copy_info(w, a, e->send_run.info);
                break;
        case EFFECT_NOTIFY:
                copy_notify(w, a, e);
                break;
        default:
                break;
        }
}

static size_t ledger_find(World *w, Uuid run)
{
        size_t i;

        for (i = 0; i < w->n_ledger; i++)
                if (uuid_equal(w->ledger[i].run, run))
                        break;
        return i;
}

static void ledger_put(World *w, const Act *a)
{
        size_t i = ledger_find(w, a->ledger.run);

        sim_check(w, i < ELEMENTSOF(w->ledger), "simulator", "the ledger is full");
        if (i == w->n_ledger)
                w->n_ledger++;
        w->ledger[i] = a->ledger;
        memcpy(w->ledger_details[i], a->details, sizeof a->details);
}

static void ledger_remove(World *w, Uuid run)
{
        size_t i = ledger_find(w, run);

        sim_check(w, i < w->n_ledger, "8.1", "the ledger has no entry of run %s to remove", short_id(run));
        w->n_ledger--;
        w->ledger[i] = w->ledger[w->n_ledger];
        memcpy(w->ledger_details[i], w->ledger_details[w->n_ledger], MAX_DETAILS);
}

static void launch(World *w, const Act *a)
{
        const Effect *e = &a->effect;
        bool in_ledger = false;

        for (size_t i = 0; i < w->n_ledger; i++)
                in_ledger = in_ledger || w->ledger[i].server == e->launch.server;
        sim_check(w, in_ledger, "8.1", "server %" PRIu64 " is launched without an entry in the ledger",
                  e->launch.server);
        sim_check(w, !proc_find(w, e->launch.server), "7", "server %" PRIu64 " is launched twice", e->launch.server);
        sim_check(w, package_index(e->launch.package) >= 0, "6.1", "a server of no package is launched");
        proc_new(w, e->launch.server, package_index(e->launch.package), e->launch.exe_server, true)->command =
                e->launch.command;
}

static void send_run(World *w, const Act *a)
{
        size_t i = ledger_find(w, a->info.run);

        sim_check(w, i < w->n_ledger && w->ledger[i].attempt == a->info.attempt && w->ledger[i].sent &&
                  w->ledger[i].server == a->effect.send_run.server, "8.1",
                  "Run of %s is sent without an entry in the ledger", short_id(a->info.run));
        sim_check(w, proc_find(w, a->effect.send_run.server), "6.1",
                  "Run is sent to server %" PRIu64 ", which is gone", a->effect.send_run.server);
        proc_send_run(w, a);
}

static bool is_durable(World *w, Uuid run)
{
        const Db *db = &w->store.durable;

        for (size_t i = 0; i < db->n_pending; i++)
                if (uuid_equal(engine_run_id(db->pending[i].row.task, db->pending[i].row.number), run))
                        return true;
        for (size_t i = 0; i < w->store.n_runs; i++)
                if (w->store.runs[i].durable && uuid_equal(w->store.runs[i].row.id, run))
                        return true;
        return false;
}

/* I1: what is answered as done is durable at that moment. */
static void check_durable(World *w, const Want *want, const Effect *e)
{
        if (e->reply.error != ERROR_NONE)
                return;
        if (want->type == EVENT_REGISTER)
                sim_check(w, db_find_task(&w->store.durable, e->reply.id), "I1",
                          "a registration is acknowledged that is not durable");
        if (want->type == EVENT_RAISE && !uuid_is_null(e->reply.id))
                sim_check(w, is_durable(w, e->reply.id), "I1", "a message is acknowledged that is not durable");
        if (want->type == EVENT_INSTALL)
                sim_check(w, w->store.durable.packages[want->package].there, "I1",
                          "an installation is acknowledged that is not durable");
        if (want->type == EVENT_REMOVE)
                sim_check(w, !w->store.durable.packages[want->package].there &&
                                     !w->store.durable.packages[want->package].paused, "I1",
                          "a removal is acknowledged that is not durable");
}

static void answer(World *w, const Act *a)
{
        const Effect *e = &a->effect;
        Want *want = world_want(w, e->reply.token);
        Proc *p;

        sim_check(w, want, "effects", "token %" PRIu64 " is answered twice, or was never given", e->reply.token);
        check_durable(w, want, e);
        p = want->server ? proc_find(w, want->server) : NULL;
        if (p && want->type == EVENT_CLASS_REGISTERED)
                for (size_t i = 0; i < p->n_classes; i++)
                        if (p->classes[i].token == e->reply.token) {
                                p->classes[i].cookie = e->reply.error ? 0 : e->reply.number;
                                if (e->reply.error)
                                        p->classes[i] = p->classes[--p->n_classes];
                                break;
                        }
        if (p && want->type == EVENT_ASK_TO_GO) {
                p->asked = false;
                p->go = e->reply.number == 1;
        }
        *want = w->wants[--w->n_wants];
}

void acts_carry_out(World *w, const Act *a)
{
        const Effect *e = &a->effect;
        Proc *p;

        switch (e->type) {
        case EFFECT_REPLY:
                answer(w, a);
                break;
        case EFFECT_STORE_TASK ... EFFECT_STORE_PACKAGE_GONE:
                store_submit(w, a);
                break;
        case EFFECT_LEDGER:
                ledger_put(w, a);
                break;
        case EFFECT_LEDGER_GONE:
                ledger_remove(w, e->ledger_gone);
                break;
        case EFFECT_LAUNCH:
                launch(w, a);
                break;
        case EFFECT_SEND_RUN:
                send_run(w, a);
                break;
        case EFFECT_SEND_CANCEL:
                proc_send_cancel(w, a);
                break;
        case EFFECT_SEND_RECORDED:
                p = proc_find(w, e->send.server);
                for (size_t i = 0; p && i < p->n_runs; i++)
                        if (uuid_equal(p->runs[i].run, e->send.run) && p->runs[i].attempt == e->send.attempt &&
                            p->runs[i].done)
                                p->runs[i--] = p->runs[--p->n_runs];
                break;
        case EFFECT_WATCH:
                world_watch(w, e);
                break;
        case EFFECT_NOTIFY:
                if (e->notify.kind == NOTIFY_ENDED || e->notify.kind == NOTIFY_REGISTERED ||
                    e->notify.kind == NOTIFY_CHANGED)
                        world_settle(w, e->notify.task);
                break;
        case EFFECT_SEND_LEAVE:
                p = proc_find(w, e->send.server);
                if (p)
                        p->leave = true;
                break;
        case EFFECT_SIGNAL:
                proc_signal(w, e->signal.server, e->signal.number);
                break;
        case EFFECT_CHECK_TRACED:
                p = proc_find(w, e->send.server);
                sim_check(w, p, "6.6", "server %" PRIu64 " is asked about that is gone", e->send.server);
                p->trace_asked = true;
                break;
        default:
                break;
        }
}
