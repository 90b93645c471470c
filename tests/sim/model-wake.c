/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, 3.6 and I8: when the engine may sleep until. */

#include <string.h>

#include "model.h"

/* A wake-up must not come before any low, and must come at the latest at every high. */
typedef struct Wake {
        uint64_t low, high;
        const char *why_low, *why_high;
        bool free;              /* something that the page does not date */
} Wake;

static void may_wake(Wake *wake, const char *why, uint64_t low)
{
        if (low < wake->low) {
                wake->low = low;
                wake->why_low = why;
        }
}

static void must_wake(Wake *wake, const char *why, uint64_t low, uint64_t high)
{
        may_wake(wake, why, low);
        if (high < wake->high) {
                wake->high = high;
                wake->why_high = why;
        }
}

static void wake_for_head(World *w, MTask *t, MFiring *f, Wake *boot)
{
        Model *m = w->model;
        const TaskSpec *s = &t->spec;
        const MClass *c = model_class(m, s);
        uint32_t codes;

        model_gate(w, f, &codes);
        if (w->now.boot_usec < c->high)
                must_wake(boot, "back-off", c->low,
                          codes & ~(1u << WHY_BACKING_OFF | 1u << WHY_QUARANTINED) ? USEC_INFINITY : c->high);
        if (w->now.boot_usec < f->retry_boot)
                must_wake(boot, "retry", f->retry_boot,
                          codes & ~(1u << WHY_WAITING_FOR_RETRY) ? USEC_INFINITY : f->retry_boot);
}

static void wake_for_timer(const MTrigger *t, const Trigger *trigger, Wake *boot)
{
        int64_t earliest = t->base + (int64_t)trigger->period_usec;
        int64_t latest = earliest + (int64_t)timer_window(trigger);

        must_wake(boot, "timer", MAX(earliest, (int64_t)t->hold_boot), MAX(latest, (int64_t)t->hold_boot));
}

/* One that is put off may be kept so, and looked at, while the firing that spent its task is under way. */
static bool may_be_put_off(Model *m, const MTask *t, size_t place)
{
        return !t->forgotten && is_timer(trigger_of(&t->spec, place)) && t->triggers[place].hold_boot > 0 &&
                is_spent(m, t);
}

static void wake_for_timers(Model *m, const MTask *t, Wake *boot)
{
        for (size_t i = 0; i <= t->spec.n_more; i++) {
                const Trigger *trigger = trigger_of(&t->spec, i);
                const MTrigger *state = &t->triggers[i];

                if (is_calendar(trigger))
                        continue;
                if (timer_armed(m, t, i))
                        wake_for_timer(state, trigger, boot);
                else if (may_be_put_off(m, t, i))
                        may_wake(boot, "timer that is put off",
                                 MAX(state->base + (int64_t)trigger->period_usec, (int64_t)state->hold_boot));
        }
}

static void wake_boot(World *w, Wake *boot)
{
        Model *m = w->model;

        boot->free = m->loose_until || w->now.boot_usec <= m->free_until;
        for (size_t i = 0; i < m->n_tasks; i++)
                wake_for_timers(m, m->tasks[i], boot);
        /* The end of a back-off, and of a start window, is watched whether somebody waits for it still or not. */
        for (size_t i = 0; i < N_PACKAGES; i++)
                for (size_t j = 0; j < m->n_starts[i]; j++)
                        may_wake(boot, "start window",
                                 MAX(w->now.boot_usec, m->starts[i][j] + w->limits.start_window_usec));
        for (size_t i = 0; i < N_PACKAGES; i++)
                for (size_t j = 0; j <= N_CLASSES; j++)
                        if (m->classes[i][j].high > w->now.boot_usec)
                                may_wake(boot, "back-off", m->classes[i][j].low);
        for (size_t i = 0; i < m->n_tasks; i++)
                if (m->tasks[i]->command_class.high > w->now.boot_usec)
                        may_wake(boot, "back-off", m->tasks[i]->command_class.low);
        for (size_t i = 0; i < m->n_firings; i++) {
                MFiring *f = m->firings[i];
                uint64_t expiry = f->accepted_boot + (int64_t)f->expires_usec;

                if (!is_live(f) && (f->task->spec.overlap == OVERLAP_PARALLEL || model_head(m, f->task) == f))
                        wake_for_head(w, f->task, f, boot);
                if (!is_live(f) && f->deadline_usec &&
                    f->accepted_boot + (int64_t)f->deadline_usec > (int64_t)w->now.boot_usec)
                        may_wake(boot, "deadline", f->accepted_boot + (int64_t)f->deadline_usec);
                if (!is_live(f) && w->now.boot_usec < f->retry_boot)
                        may_wake(boot, "retry", f->retry_boot);
                if (!is_live(f) && f->expires_usec && !f->promised)
                        must_wake(boot, "expiry", expiry, expiry);
        }
}

static void wake_for_calendar(World *w, const MTask *t, size_t place, Wake *real)
{
        uint64_t next = calendar_next_real(w, t, place), hold = t->triggers[place].hold_boot;

        if (next != USEC_INFINITY)
                must_wake(real, "calendar", next,
                          MAX(next, w->now.real_usec + usec_sub(hold, w->now.boot_usec)));
}

static void wake_real(World *w, Wake *real)
{
        Model *m = w->model;

        for (size_t i = 0; i < m->n_tasks; i++) {
                const MTask *t = m->tasks[i];

                for (size_t k = 0; k <= t->spec.n_more; k++) {
                        if (!is_calendar(trigger_of(&t->spec, k)))
                                continue;
                        if (timer_armed(m, t, k))
                                wake_for_calendar(w, t, k, real);
                        else if (may_be_put_off(m, t, k))
                                may_wake(real, "calendar that is put off", calendar_next_real(w, t, k));
                }
        }
}

static void wake_mono(World *w, Wake *mono)
{
        Model *m = w->model;
        uint64_t loss;
        uint8_t reason;

        for (size_t i = 0; i < m->n_firings; i++) {
                const MFiring *f = m->firings[i];

                if (f->unconfirmed && f->state != RUN_STOPPING)
                        must_wake(mono, "unconfirmed", f->unconfirmed_mono, f->unconfirmed_mono);
                if (f->state == RUN_STARTING && f->sent)
                        must_wake(mono, "acknowledgement", f->ack_mono, f->ack_mono);
                if (f->state == RUN_RUNNING)
                        must_wake(mono, "time limit", f->limit_mono, f->limit_mono);
                if (f->state == RUN_STOPPING && f->given_grace)
                        mono->free = true;
                else if (f->state == RUN_STOPPING)
                        must_wake(mono, "grace", f->grace_mono, f->grace_mono);
                loss = model_loss(w, f, &reason);
                must_wake(mono, "condition loss", loss, loss);
                /* A deadline that passed meanwhile takes no alarm back. */
                for (int c = 0; c < CONDITION_MAX && f->state == RUN_RUNNING; c++)
                        if (((f->watched | f->watched_power) & CONDITION_BIT(c)) && m->level[c] != 1)
                                may_wake(mono, "condition loss",
                                         MAX(m->level_mono[c], f->running_mono) + 2 * USEC_PER_SEC);
        }
        for (size_t i = 0; i < m->n_servers; i++) {
                const MServer *s = &m->servers[i];

                must_wake(mono, "kill", s->kill_mono, s->kill_mono);
                if (s->state == S_LAUNCHING && s->launched && s->class_mono)
                        must_wake(mono, "class registration", s->class_mono, s->class_mono);
                else if (s->state == S_UP && s->class_mono)
                        may_wake(mono, "class registration", s->class_mono);
                /* If it has runs then, their end is waited for. */
                if (s->state == S_UP && s->unresponsive && server_signalable(s) && s->silent_mono > w->now.mono_usec)
                        must_wake(mono, "silent server", s->silent_mono, s->silent_mono);
        }
}

static void check_wake(World *w, const char *clock, uint64_t at, const Wake *wake)
{
        sim_check(w, at <= wake->high, "3.6, I8", "the engine sleeps until %" PRIu64 " %s; due at %" PRIu64 ": %s", at,
                  clock, wake->high, wake->why_high);
        sim_check(w, wake->free || at >= wake->low, "3.6, I8",
                  "the engine wants to be woken at %" PRIu64 " %s for nothing; "
                  "the first that may be due is at %" PRIu64 ": %s",
                  at, clock, wake->low, wake->why_low);
}

void model_check_wake(World *w)
{
        EngineTime wake = engine_next_wake(w->engine);
        Wake boot = { .low = USEC_INFINITY, .high = USEC_INFINITY, .why_low = "nothing" }, mono = boot, real = boot;

        wake_boot(w, &boot);
        wake_mono(w, &mono);
        wake_real(w, &real);
        if (w->model->shutting_down)
                return;
        check_wake(w, "boot", wake.boot_usec, &boot);
        check_wake(w, "wall clock", wake.real_usec, &real);
        check_wake(w, "mono", wake.mono_usec, &mono);
}
