/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, section 12: what an answer about a commit means for the firings in it. */

#include <string.h>

#include "model.h"

static void stored(World *w, MFiring *f)
{
        Act *a;

        f->commit = 0;
        f->stored = true;
        if (!f->token)
                return;
        a = expect_reply(w, "4.5", f->token, ERROR_NONE);
        sim_check(w, a->effect.reply.result == RESULT_ALLOWED, "4.5", "a stored request is answered with result %u",
                  a->effect.reply.result);
        f->token = 0;
}

/* The row of a firing that the store still has, after a merge into it was forgotten. */
static void return_to_row(World *w, MTask *t, const RunInfo *info)
{
        StoredPending *p = db_find_pending(&w->store.durable, t->id, info->number);
        MFiring *f;

        if (!p)
                return;
        f = model_add_firing(w, t, info->number);
        f->accepted_real = p->row.accepted_real_usec;
        f->scheduled_real = p->row.scheduled_real_usec;
        f->first_real = p->row.first_scheduled_real_usec;
        f->count = p->row.count;
        f->fired_by = p->row.fired_by;
        f->trigger = p->row.trigger;
        f->forced = p->row.forced;
        f->stored = true;
        f->n_details = p->row.n_details;
        memcpy(f->details, p->details, sizeof f->details);
}

/* What another trigger fires for the same time has the same number, if the first was forgotten. */
static bool engine_has(const RunInfo *infos, size_t n, const MFiring *f)
{
        for (size_t i = 0; i < n; i++)
                if (uuid_equal(infos[i].run, f->run) &&
                    trigger_of(&f->task->spec, infos[i].place) == trigger_of(&f->task->spec, f->trigger))
                        return true;
        return false;
}

/* The firing that moved it is forgotten. */
static void take_anchor_back(World *w, MTrigger *t, const Trigger *trigger, const Anchor *anchor, bool forgotten)
{
        uint64_t before = t->anchor.real_usec;

        if (forgotten && is_once_per_boot(trigger))
                t->fired_in_boot = uuid_equal(anchor->boot_id, w->boot_id);
        if (is_calendar(trigger)) {
                if (forgotten && anchor->real_usec != before)
                        t->hold_boot = usec_add(w->now.boot_usec, USEC_PER_MINUTE);
                if (forgotten)
                        t->anchor = *anchor;
                return;
        }
        if (is_timer(trigger) && anchor->real_usec < before) {
                t->hold_boot = usec_add(w->now.boot_usec, USEC_PER_MINUTE);
                t->anchor = *anchor;
                model_derive(w, t);
        }
}

/* What the engine fired anew in this atom is judged by itself. */
static bool has_fired_anew(Model *m, const RunInfo *infos, size_t n, const Anchor *anchor)
{
        for (size_t i = 0; i < n; i++)
                if (infos[i].scheduled_real_usec == anchor->real_usec && !model_firing(m, infos[i].run))
                        return true;
        return false;
}

/* A commit about this task failed: what was not started is forgotten, and the page leaves open how far back. */
static void take_over(World *w, MTask *t, uint64_t commit)
{
        Model *m = w->model;
        RunInfo infos[M_FIRINGS];
        size_t n = engine_get_runs(w->engine, t->id, 0, infos, ELEMENTSOF(infos));
        uint32_t forgotten_of = 0;
        TaskInfo info;

        t->loose = true;
        /* From the newest to the oldest: each gives back what it found. */
        for (size_t i = m->n_firings; i-- > 0;) {
                MFiring *f = m->firings[i];
                Act *a;

                /* What was stored is not forgotten; it may stand for more by now, under another number. */
                if (f->task != t || is_live(f) || f->stored || engine_has(infos, n, f))
                        continue;
                /* One of another commit is there still: what it goes by now is what was merged into it anew. */
                if (f->commit != commit && f->first_commit != commit)
                        continue;
                sim_check(w, f->attempts == 0, "12", "firing %s is forgotten, and it was attempted", short_id(f->run));
                if (f->token) {
                        a = find_reply(w, f->token);
                        sim_check(w, a && (a->effect.reply.error || a->effect.reply.result == RESULT_UNKNOWN_ERROR),
                                  "4.5", "a forgotten request is not answered UnknownError");
                        a->matched = true;
                }
                sim_check(w, !f->kept, "12", "firing %s is forgotten, and it was to be kept", short_id(f->run));
                t->triggers[f->trigger].fired_in_boot = f->undo_fired_in_boot;
                t->last_number = f->undo_number;
                forgotten_of |= 1u << f->trigger;
                t->taken_back = true;
                model_remove_firing(m, f);
        }
        for (size_t i = 0; i < n; i++)
                if (infos[i].state == RUN_PENDING && !model_firing(m, infos[i].run))
                        return_to_row(w, t, &infos[i]);
        if (!engine_get_task(w->engine, t->id, &info))
                return;
        for (size_t i = 0; i <= t->spec.n_more; i++) {
                if (has_fired_anew(m, infos, n, &info.triggers[i].anchor)) {
                        t->triggers[i].hold_boot = 0;
                        continue;
                }
                take_anchor_back(w, &t->triggers[i], trigger_of(&t->spec, i), &info.triggers[i].anchor,
                                 forgotten_of & 1u << i);
        }
}

void model_commit_firings(World *w, uint64_t commit, int error)
{
        Model *m = w->model;

        for (size_t i = 0; i < m->n_endings; i++) {
                MEnding *e = &m->endings[i];

                if (e->commit != commit)
                        continue;
                if (error) {
                        e->failed = true;
                        continue;
                }
                *e = m->endings[--m->n_endings];
                i--;
        }
        if (!error) {
                for (size_t i = 0; i < m->n_firings; i++) {
                        MFiring *f = m->firings[i];

                        f->stored = f->stored || (f->first_commit && f->first_commit == commit);
                        if (f->commit == commit)
                                stored(w, f);
                }
                return;
        }
        m->loose_until = m->free_until = usec_add(w->now.boot_usec, 61 * USEC_PER_SEC);
        for (size_t i = 0; i < m->n_tasks; i++)
                if (m->tasks[i]->one_shot_end && m->tasks[i]->commit == commit)
                        m->tasks[i]->loose = true;
        for (size_t i = 0; i < m->n_tasks; i++)
                if (!m->tasks[i]->forgotten && tx_has_firing(&w->store.answered, m->tasks[i]->id))
                        take_over(w, m->tasks[i], commit);
        for (size_t i = 0; i < m->n_firings; i++) {
                MFiring *f = m->firings[i];

                if (f->commit != commit)
                        continue;
                f->commit = 0;
                /* Only the newest can be forgotten: the numbers and the anchor of later ones count from it. */
                sim_check(w,
                          is_live(f) || f->attempts > 0 || f->stored || f->promised || f->kept ||
                                  f->number != f->task->last_number,
                          "12", "firing %s is not forgotten, and its commit failed", short_id(f->run));
                f->kept = true;
        }
}
