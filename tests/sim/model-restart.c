/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, section 8: what the store and the ledger hold becomes what the broker knows. */

#include <string.h>

#include "model.h"

/* What the processes do survives the broker, and so does what is known of attempts that were given up. */
static void clear(Model *m)
{
        MOrphan orphans[M_ORPHANS];

        for (size_t i = 0; i < m->n_tasks; i++)
                free(m->tasks[i]);
        for (size_t i = 0; i < m->n_firings; i++)
                free(m->firings[i]);
        memcpy(orphans, m->orphans, sizeof orphans);
        *m = (Model){ .may_lose = m->may_lose, .n_orphans = m->n_orphans };
        memcpy(m->orphans, orphans, sizeof orphans);
        memset(m->level, -1, sizeof m->level);
        memset(m->stored_level, 2, sizeof m->stored_level);
}

static void restore_anchor(World *w, MTrigger *t, const Anchor *anchor)
{
        t->anchor = *anchor;
        t->fired_in_boot = uuid_equal(anchor->boot_id, w->boot_id);
        model_derive(w, t);
        /* No anchor is still to come, whatever the row says. */
        if (t->base <= (int64_t)w->now.boot_usec)
                return;
        t->base = (int64_t)w->now.boot_usec;
        t->anchor.boot_usec = w->now.boot_usec;
        t->skipped = true;
}

static void restore_tasks(World *w)
{
        Model *m = w->model;
        const Db *db = &w->store.durable;

        for (size_t i = 0; i < db->n_tasks; i++) {
                const TaskRow *row = &db->tasks[i];
                MTask *t = model_add_task(w, row->id, &row->spec);

                t->state = T_REGISTERED;
                t->forgotten = row->unregistered;
                t->last_number = row->last_number;
                t->registered_real = row->registered_real_usec;
                t->paused = row->paused;
                t->skip = row->skip_next;
                restore_anchor(w, &t->triggers[0], &row->anchor);
                for (size_t k = 0; k < row->spec.n_more; k++)
                        restore_anchor(w, &t->triggers[k + 1], &row->more_anchors[k]);
        }
        for (int i = 0; i < N_PACKAGES; i++)
                m->packages[i] = (MPackage){ .known = db->packages[i].there, .version = db->packages[i].version,
                                               .paused = db->packages[i].paused,
                                               .paused_real = db->packages[i].paused_real };
        for (int i = 0; i < CONDITION_MAX; i++) {
                bool pair = i >= CONDITION_USER_PRESENT && i <= CONDITION_SESSION_DISCONNECTED;
                int other = i % 2 ? i + 1 : i - 1;

                m->stored_level[i] = db->levels[i];
                if (pair && db->levels[i] == 2 && db->levels[other] != 2)
                        m->stored_level[i] = !db->levels[other];
        }
}

static MFiring *restore_firing(World *w, MTask *t, const PendingRow *row, const uint8_t *details)
{
        MFiring *f = model_add_firing(w, t, row->number);

        f->accepted_real = row->accepted_real_usec;
        f->accepted_boot = (int64_t)w->now.boot_usec -
                           (int64_t)usec_sub(w->now.real_usec, row->accepted_real_usec);
        f->scheduled_real = row->scheduled_real_usec;
        f->first_real = row->first_scheduled_real_usec;
        f->count = row->count;
        f->attempts = row->attempts;
        f->fired_by = row->fired_by;
        f->trigger = row->trigger;
        f->forced = row->forced;
        f->rerun = row->rerun;
        f->n_details = row->n_details;
        memcpy(f->details, details, sizeof f->details);
        f->retries = row->attempts;
        return f;
}

/* The store never heard of this firing, so its timer's anchor was not moved either. */
static void take_over_anchor(World *w, MTask *task, const PendingRow *row)
{
        const Trigger *trigger = trigger_of(&task->spec, row->trigger);
        MTrigger *t = &task->triggers[trigger == &task->spec.trigger ? 0 : row->trigger];
        uint64_t period = trigger->period_usec, k;

        if (row->fired_by != FIRED_BY_MANUAL || row->count > 1)
                t->fired_in_boot = true;
        if (!is_timer(trigger) || row->scheduled_real_usec <= t->anchor.real_usec)
                return;
        if (is_calendar(trigger)) {
                t->anchor.real_usec = row->scheduled_real_usec;
                return;
        }
        k = (row->scheduled_real_usec - t->anchor.real_usec) / period;
        t->base = MIN(t->base + (int64_t)(k * period), (int64_t)w->now.boot_usec);
        t->anchor = (Anchor){ w->boot_id, t->base, t->anchor.real_usec + k * period };
}

/* 8.1 */
static void restore_ledger(World *w, const LedgerRow *row, const uint8_t *details)
{
        Model *m = w->model;
        MTask *t = model_task(m, row->firing.task);
        MFiring *f = model_firing(m, row->run);

        if (!f && t && row->firing.number > db_find_task(&w->store.durable, t->id)->last_number) {
                f = restore_firing(w, t, &row->firing, details);
                t->last_number = MAX(t->last_number, row->firing.number);
                take_over_anchor(w, t, &row->firing);
        }
        if (!f) {
                model_add_orphan(m, row->run, row->attempt, row->server);
                return;
        }
        f->state = row->acknowledged ? RUN_RUNNING : RUN_STARTING;
        f->unconfirmed = true;
        f->unconfirmed_mono = usec_add(w->now.mono_usec, 60 * USEC_PER_SEC);
        f->server = f->last_server = row->server;
        f->sent = row->sent;
        f->acknowledged = row->acknowledged;
        if (row->stopping) {
                f->state = RUN_STOPPING;
                f->reason = row->reason;
                f->grace_mono = usec_add(w->now.mono_usec, 5 * USEC_PER_SEC);
        }
        f->sent_real = row->sent_real_usec;
        f->started_real = row->acknowledged ? row->sent_real_usec : 0;
        f->attempts = row->attempt;
        f->retries = row->attempt - 1;
        f->launched_for = false;
        model_watch(f);
        f->running_mono = w->now.mono_usec;
}

void model_restart(World *w, bool rebooted)
{
        Model *m = w->model;
        const Db *db = &w->store.durable;

        clear(m);
        m->derived = w->now;
        restore_tasks(w);
        for (size_t i = 0; i < db->n_pending; i++) {
                MTask *t = model_task(m, db->pending[i].row.task);

                if (!t)
                        continue;
                restore_firing(w, t, &db->pending[i].row, db->pending[i].details)->stored = true;
                t->loose = t->loose || db->pending[i].row.number > t->last_number;
                t->last_number = MAX(t->last_number, db->pending[i].row.number);
        }
        for (size_t i = w->n_ledger; i-- > 0;)
                restore_ledger(w, &w->ledger[i], w->ledger_details[i]);
        for (size_t i = 0; i < w->n_procs; i++) {
                const Proc *p = &w->procs[i];

                if (p->restored)
                        m->servers[m->n_servers++] =
                                (MServer){.id = p->id,
                                          .package = p->package,
                                          .exe = p->exe,
                                          .state = S_UP,
                                          .launched = p->launched && !p->app,
                                          .adopted = true,
                                          .class_mono = usec_add(w->now.mono_usec, 60 * USEC_PER_SEC),
                                          .spawned = true,
                                          .kill_mono = USEC_INFINITY};
        }
}

static bool reruns(const MFiring *f)
{
        const TaskSpec *s = &f->task->spec;
        const Trigger *trigger = trigger_of(s, f->trigger);

        if (f->rerun)
                return false;
        if (s->rerun == RERUN_DEFAULT)
                return !is_timer(trigger) || trigger->one_shot;
        return s->rerun == RERUN_ONCE;
}

/* 8.2 */
static void after_reboot(World *w)
{
        Model *m = w->model;

        for (size_t i = 0; i < m->n_firings; i++) {
                MFiring *f = m->firings[i];

                if (f->attempts == 0)
                        continue;
                if (reruns(f))
                        continue;
                model_end(w, f, OUTCOME_ABANDONED, 0, DETAIL_LOST);
                i = SIZE_MAX;
        }
        for (size_t i = 0; i < m->n_firings; i++)
                if (m->firings[i]->attempts > 0)
                        m->firings[i]->rerun = true;
}

void model_started(World *w, const Event *e)
{
        Model *m = w->model;

        for (size_t i = 0; i < m->n_firings; i++) {
                if (!m->firings[i]->task->forgotten || is_live(m->firings[i]))
                        continue;
                model_end(w, m->firings[i], OUTCOME_ABANDONED, 0, DETAIL_LOST);
                i = SIZE_MAX;
        }
        if (e->start.rebooted)
                after_reboot(w);
        for (size_t i = 0; i < m->n_firings; i++) {
                MFiring *f = m->firings[i];

                if (!f->unconfirmed || model_server(m, f->server))
                        continue;
                model_attempt_lost(w, f);
                i = SIZE_MAX;
        }
        /* What has expired while there was no broker ends before the boot fires. */
        model_expire(w);
        model_boot(w, true);
}

static bool announces(const Event *e, const MFiring *f)
{
        for (size_t i = 0; i < e->process.n_runs; i++)
                if (uuid_equal(e->process.runs[i].run, f->run) && e->process.runs[i].attempt == f->attempts)
                        return true;
        return false;
}

static void confirm(World *w, MFiring *f)
{
        uint64_t limit = f->task->spec.time_limit_usec ?: w->limits.time_limit_usec;

        if (!f->acknowledged) {
                model_class_worked(w->model, &f->task->spec);
                f->started_real = f->sent_real ?: w->now.real_usec;
        }
        f->unconfirmed = false;
        f->sent = f->acknowledged = true;
        if (f->state == RUN_STOPPING)
                return;
        f->state = RUN_RUNNING;
        f->running_mono = w->now.mono_usec;
        f->limit_mono = limit ? usec_add(w->now.mono_usec, limit) : USEC_INFINITY;
}

void model_announced(World *w, const Event *e)
{
        Model *m = w->model;
        MServer *s = model_server(m, e->process.server);

        if (s) {
                s->adopted = false;
                s->unresponsive = false;
        }
        for (size_t i = 0; i < m->n_firings; i++) {
                MFiring *f = m->firings[i];

                if (f->server != e->process.server || !f->unconfirmed)
                        continue;
                if (announces(e, f)) {
                        confirm(w, f);
                        continue;
                }
                model_attempt_lost(w, f);
                i = SIZE_MAX;
        }
}
