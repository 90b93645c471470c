/* SPDX-License-Identifier: MIT */

/* What can be seen of the engine, the store and the ledger is compared with the model after each event. */

#include <string.h>

#include "model.h"

/* ---- store ---- */

/* The row is written because the registration goes, not because something has changed. */
static bool is_for_outlived(World *w, const Act *row)
{
        for (size_t i = 0; i < w->acts.n; i++)
                if (w->acts.items[i].effect.type == EFFECT_STORE_TASK &&
                    w->acts.items[i].effect.store.commit == row->effect.store.commit &&
                    is_task_gone(&w->acts.items[i], row->pending.task))
                        return true;
        return false;
}

static void note_commits(World *w)
{
        Model *m = w->model;

        for (size_t i = 0; i < w->acts.n; i++) {
                const Act *a = &w->acts.items[i];
                MTask *t = a->effect.type == EFFECT_STORE_TASK_STATE ? model_task(m, a->task.id) : NULL;

                if (t && t->bit == EVENT_SKIP && a->effect.store.commit > t->commit)
                        t->state_behind = true;
                if (a->effect.type == EFFECT_STORE_PENDING && is_for_outlived(w, a))
                        continue;
                for (size_t j = 0; a->effect.type == EFFECT_STORE_PENDING && j < m->n_firings; j++) {
                        MFiring *f = m->firings[j];

                        if (!uuid_equal(a->pending.task, f->task->id))
                                continue;
                        if (a->pending.number == f->number)
                                f->commit = a->effect.store.commit;
                        else if (f->attempts == 0 && a->pending.number < f->number && f->count > a->pending.count &&
                                 a->pending.first_scheduled_real_usec == f->first_real)
                                /* What was due in many portions was written after the first of them. */
                                f->first_commit = a->effect.store.commit;
                }
        }
}

static const char *differs(World *w, const MFiring *f)
{
        const StoredPending *p = db_find_pending(&w->store.projected, f->task->id, f->number);

        if (!p)
                return "has no row";
        if (p->row.attempts != f->attempts)
                return "has a row with other attempts";
        if (p->row.count != f->count || p->row.scheduled_real_usec != f->scheduled_real ||
            p->row.first_scheduled_real_usec != f->first_real)
                return "has a row with another count or schedule";
        if (p->row.accepted_real_usec != f->accepted_real || p->row.fired_by != f->fired_by ||
            p->row.trigger != f->trigger)
                return "has a row with another origin";
        if (p->row.forced != f->forced || p->row.rerun != f->rerun)
                return "has a row with other flags";
        if (!details_equal(p->details, p->row.n_details, f->details, f->n_details))
                return "has a row with other details";
        return NULL;
}

static const char *task_differs(World *w, MTask *t)
{
        const TaskRow *row = db_find_task(&w->store.projected, t->id);

        if (t->state == T_UNREGISTERING)
                return row && !row->unregistered ? "is being unregistered, and the store keeps it" : NULL;
        if (!row || row->unregistered)
                return "has no row";
        if (row->paused != (t->bit == EVENT_PAUSE ? t->new_bit : t->paused))
                return "has a row with another pause";
        if (row->skip_next != (t->bit == EVENT_SKIP ? t->new_bit : t->skip))
                return "has a row with another skip";
        if (row->last_number != t->last_number)
                return "has a row with another last number";
        for (size_t i = 0; i <= t->spec.n_more && t->state == T_REGISTERED; i++) {
                const Anchor *anchor = i == 0 ? &row->anchor : &row->more_anchors[i - 1];
                const MTrigger *trigger = &t->triggers[i];

                if (!is_timer(trigger_of(&t->spec, i)) || trigger->skipped)
                        continue;
                if (!uuid_is_null(anchor->boot_id) && anchor->boot_usec != trigger->anchor.boot_usec)
                        return "has a row with another anchor on the boot clock";
                if (anchor->real_usec != trigger->anchor.real_usec)
                        return "has a row with another anchor on the wall clock";
        }
        return NULL;
}

/* A commit about this task has not been answered: what changed since then follows it. */
bool model_in_flight(World *w, Uuid task)
{
        for (size_t i = 0; i < w->store.n_txs; i++)
                if (tx_has_task(&w->store.txs[i], task))
                        return true;
        return false;
}

static bool is_unregistering(Model *m, Uuid task)
{
        const MTask *t = model_task(m, task);

        return t && !t->forgotten && t->state == T_UNREGISTERING;
}

static bool has_ending(Model *m, Uuid task)
{
        for (size_t i = 0; i < m->n_endings; i++)
                if (uuid_equal(m->endings[i].task, task))
                        return true;
        return false;
}

/* 2.5: what outlives its registration has its rows until its outcome is stored. */
static void check_outlived(World *w)
{
        Model *m = w->model;
        Db *db = &w->store.projected;

        for (size_t i = 0; i < m->n_firings; i++) {
                const MFiring *f = m->firings[i];
                const TaskRow *row = db_find_task(db, f->task->id);

                if (!f->task->forgotten || model_in_flight(w, f->task->id))
                        continue;
                sim_check(w, row && row->unregistered && db_find_pending(db, f->task->id, f->number), "2.5, I3",
                          "run %s outlives its registration, and a crash would forget it", short_id(f->run));
        }
        for (size_t i = 0; i < db->n_tasks; i++) {
                const TaskRow *row = &db->tasks[i];

                sim_check(w,
                          !row->unregistered || model_task(m, row->id) || has_ending(m, row->id) ||
                                  store_was_to_remove(&w->store, row->id),
                          "2.5", "task %s is kept, and no run of it is left", short_id(row->id));
        }
}

/* What was taken back in this atom is on its way to the store at its end. */
static void check_taken_back(World *w, bool unknown)
{
        Model *m = w->model;

        for (size_t i = 0; i < m->n_tasks; i++) {
                MTask *t = m->tasks[i];
                const char *difference = !unknown && t->taken_back && !t->forgotten && !model_in_flight(w, t->id)
                                                 ? task_differs(w, t) : NULL;

                t->taken_back = false;
                sim_check(w, !difference || !strstr(difference, "anchor"), "12",
                          "task %s (%s/%s) %s, and a firing of it was forgotten", short_id(t->id), t->spec.package,
                          t->spec.name, difference);
        }
}

static void check_store(World *w)
{
        Model *m = w->model;
        const char *what = "an outcome";
        bool loose = false, unknown = false;

        /* What failed and has not been answered: the engine cannot know what the store holds. */
        for (size_t i = 0; i < w->store.n_txs; i++)
                unknown = unknown || w->store.txs[i].state == TX_FAILED;
        check_taken_back(w, unknown);
        if (unknown)
                return;
        check_outlived(w);
        for (size_t i = 0; i < m->n_tasks; i++) {
                MTask *t = m->tasks[i];
                const char *difference = t->forgotten || model_in_flight(w, t->id) ? NULL : task_differs(w, t);

                if (t->forgotten || model_in_flight(w, t->id)) {
                        loose = loose || (t->loose && !t->forgotten);
                        continue;
                }
                for (size_t j = 0; !difference && j < m->n_firings && t->state != T_UNREGISTERING; j++)
                        if (m->firings[j]->task == t)
                                difference = differs(w, m->firings[j]);
                if (t->loose) {
                        t->loose = difference;
                        if (difference) {
                                loose = true;
                                what = difference;
                        }
                        continue;
                }
                sim_check(w, !difference, "12, 4.1", "task %s (%s/%s) or one of its firings %s", short_id(t->id),
                          t->spec.package, t->spec.name, difference);
        }
        for (size_t i = 0; i < w->store.projected.n_pending && !m->loose_until; i++) {
                const PendingRow *row = &w->store.projected.pending[i].row;
                MTask *t = model_task(m, row->task);
                MFiring *f = model_firing(m, engine_run_id(row->task, row->number));

                sim_check(w,
                          f || !t || t->forgotten || t->loose || t->state == T_UNREGISTERING ||
                                  model_in_flight(w, t->id),
                          "10", "the row of firing #%" PRIu64 " of %s outlives it", row->number, short_id(row->task));
        }
        for (size_t i = 0; i < m->n_endings; i++) {
                if (m->endings[i].failed) {
                        loose = true;
                        what = short_id(m->endings[i].run);
                }
                if (!m->endings[i].deferred)
                        continue;
                if (is_unregistering(m, m->endings[i].task))
                        continue;
                sim_check(w, m->loose_until || model_in_flight(w, m->endings[i].task), "10, I3",
                          "run %s is over and not recorded", short_id(m->endings[i].run));
                loose = true;
                what = short_id(m->endings[i].run);
        }
        if (!loose)
                m->loose_until = 0;
        sim_check(w, !loose || w->now.boot_usec <= m->loose_until || w->store.n_txs > 0 || m->shutting_down, "12",
                  "what a failed commit held is not written again within 60 s: %s", what);
}

static void check_ledger(World *w)
{
        Model *m = w->model;

        for (size_t i = 0; i < m->n_firings; i++) {
                const MFiring *f = m->firings[i];
                const LedgerRow *row = NULL;

                for (size_t j = 0; j < w->n_ledger; j++)
                        if (uuid_equal(w->ledger[j].run, f->run))
                                row = &w->ledger[j];
                if (!is_live(f))
                        continue;
                sim_check(w, row, "8.1", "live run %s has no entry in the ledger", short_id(f->run));
                sim_check(w,
                          row->attempt == f->attempts && row->server == f->server && row->sent == f->sent &&
                                  row->acknowledged == f->acknowledged && row->sent_real_usec == f->sent_real &&
                                  row->stopping == (f->state == RUN_STOPPING) &&
                                  (!row->stopping || row->reason == f->reason),
                          "8.1",
                          "the ledger has run %s as attempt %u server %" PRIu64
                          " sent %d (%" PRIu64 ") acknowledged %d stopping %d; expected: %u %" PRIu64 " %d (%" PRIu64
                          ") %d %d",
                          short_id(f->run), row->attempt, row->server, row->sent, row->sent_real_usec,
                          row->acknowledged, row->stopping, f->attempts, f->server, f->sent, f->sent_real,
                          f->acknowledged, f->state == RUN_STOPPING);
        }
        for (size_t i = 0; i < m->n_endings; i++) {
                bool there = false;

                for (size_t j = 0; j < w->n_ledger; j++)
                        there = there || uuid_equal(w->ledger[j].run, m->endings[i].run);
                sim_check(w, there || !m->endings[i].was_live, "12",
                          "the ledger forgets run %s before its outcome is durable", short_id(m->endings[i].run));
        }
        for (size_t j = 0; j < w->n_ledger; j++) {
                bool known = model_firing(m, w->ledger[j].run);

                for (size_t i = 0; i < m->n_endings; i++)
                        known = known || uuid_equal(w->ledger[j].run, m->endings[i].run);
                sim_check(w, known, "8.1", "the ledger keeps run %s, which is over", short_id(w->ledger[j].run));
        }
}

/* ---- queries ---- */

static void check_trigger(World *w, const MTask *t, size_t place, const TriggerInfo *info)
{
        uint64_t earliest = USEC_INFINITY, latest = USEC_INFINITY, real = USEC_INFINITY;
        const Trigger *trigger = trigger_of(&t->spec, place);

        if (timer_armed(w->model, t, place) && is_calendar(trigger)) {
                real = calendar_next_real(w, t, place);
        } else if (timer_armed(w->model, t, place)) {
                int64_t next = t->triggers[place].base + (int64_t)trigger->period_usec;

                earliest = MAX(next, 0);
                latest = MAX(next + (int64_t)timer_window(trigger), 0);
        }
        sim_check(w, info->next_real_usec == real, "3.9",
                  "trigger %zu of task %s/%s comes at %" PRIu64 "; expected: %" PRIu64, place, t->spec.package,
                  t->spec.name, info->next_real_usec, real);
        sim_check(w, info->next_earliest_boot_usec == earliest && info->next_latest_boot_usec == latest, "3.1",
                  "trigger %zu of task %s/%s is due %" PRIu64 " to %" PRIu64 "; expected: %" PRIu64 " to %" PRIu64,
                  place, t->spec.package, t->spec.name, info->next_earliest_boot_usec, info->next_latest_boot_usec,
                  earliest, latest);
}

static void check_task(World *w, MTask *t, const TaskInfo *info)
{
        sim_check(w, info->n_pending == count_queue(w->model, t, true) && info->n_live == count_live(w->model, t),
                  "4.3", "task %s/%s has %u pending and %u live; expected: %zu and %zu", t->spec.package, t->spec.name,
                  info->n_pending, info->n_live, count_queue(w->model, t, true), count_live(w->model, t));
        sim_check(w, info->unregistering == (t->state == T_UNREGISTERING), "2.4", "task %s is %sunregistering",
                  short_id(t->id), info->unregistering ? "" : "not ");
        sim_check(w, info->package_paused == model_package_paused(w->model, &t->spec), "9.1",
                  "the package of task %s is %spaused", short_id(t->id), info->package_paused ? "" : "not ");
        sim_check(w, info->row.skip_next == t->skip, "4.7", "the next time of task %s is %sskipped", short_id(t->id),
                  info->row.skip_next ? "" : "not ");
        sim_check(w, info->row.paused == t->paused &&
                  (info->row.last_number == t->last_number || t->state == T_UNREGISTERING), "3.5",
                  "task %s has last number %" PRIu64 "; expected: %" PRIu64, short_id(t->id), info->row.last_number,
                  t->last_number);
        sim_check(w, info->row.spec.n_more == t->spec.n_more, "3.10", "task %s has %u further triggers; expected: %u",
                  short_id(t->id), info->row.spec.n_more, t->spec.n_more);
        for (size_t i = 0; i <= t->spec.n_more && t->state != T_UNREGISTERING; i++)
                check_trigger(w, t, i, &info->triggers[i]);
}

static void check_tasks(World *w)
{
        Model *m = w->model;
        TaskInfo infos[M_TASKS];
        size_t n = engine_list_tasks(w->engine, NULL, NULL, NULL, UUID_NULL, infos, ELEMENTSOF(infos)), listed = 0;

        for (size_t i = 0; i < n; i++) {
                MTask *t = model_task(m, infos[i].row.id);

                sim_check(w, t && is_listed(t), "2.4", "task %s is listed, and it is not registered",
                          short_id(infos[i].row.id));
                check_task(w, t, &infos[i]);
        }
        for (size_t i = 0; i < m->n_tasks; i++)
                listed += is_listed(m->tasks[i]);
        sim_check(w, n == listed, "2.4", "%zu tasks are listed; expected: %zu", n, listed);
}

static void check_runs(World *w)
{
        Model *m = w->model;
        RunInfo infos[M_FIRINGS];
        size_t n = engine_get_runs(w->engine, UUID_NULL, 0, infos, ELEMENTSOF(infos));

        for (size_t i = 0; i < n; i++) {
                const RunInfo *r = &infos[i];
                MFiring *f = model_firing(m, r->run);

                sim_check(w, f, "6", "run %s is %s, and it is over", short_id(r->run),
                          term_name(TERM_RUN_STATE, r->state));
                sim_check(w,
                          r->state == f->state && r->attempt == f->attempts && r->server == f->server &&
                                  r->unconfirmed == f->unconfirmed,
                          "6", "run %s of %s/%s is %s attempt %u server %" PRIu64 "%s; expected: %s %u %" PRIu64 "%s",
                          short_id(r->run), r->package, r->name, term_name(TERM_RUN_STATE, r->state), r->attempt,
                          r->server, r->unconfirmed ? " unconfirmed" : "", term_name(TERM_RUN_STATE, f->state),
                          f->attempts, f->server, f->unconfirmed ? " unconfirmed" : "");
                sim_check(w,
                          r->count == f->count && r->number == f->number && r->fired_by == f->fired_by &&
                                  r->trigger.kind == trigger_of(&f->task->spec, f->trigger)->kind,
                          "4.4", "run %s has count %u and is of a %s; expected: %u, %s", short_id(r->run), r->count,
                          term_name(TERM_TRIGGER, r->trigger.kind), f->count,
                          term_name(TERM_TRIGGER, trigger_of(&f->task->spec, f->trigger)->kind));
                sim_check(w, f->state != RUN_STOPPING || r->reason == f->reason, "6.3",
                          "run %s stops for %s; expected: %s", short_id(r->run), term_name(TERM_REASON, r->reason),
                          term_name(TERM_REASON, f->reason));
        }
        sim_check(w, n == m->n_firings, "6", "there are %zu runs; expected: %zu", n, m->n_firings);
}

/*
 * 4.2: of a socket that waits for being looked at again, something is pending or live. A broker that ends leaves it to
 * the next one.
 */
static void check_told(World *w, const MTask *t, const Trigger *trigger)
{
        bool hears = !t->forgotten && !w->model->shutting_down && !is_spent(w->model, t) &&
                (t->state == T_REGISTERED || t->state == T_UPDATING);

        sim_check(w, trigger->kind != TRIGGER_SOCKET_ACTIVITY || !hears ||
                             !(w->told & WATCH_BIT(trigger->kind, trigger->text)) ||
                             count_live(w->model, t) + count_queue(w->model, t, true) > 0,
                  "4.2", "nobody looks at the socket of %s again", t->spec.name);
}

static void check_watched(World *w, const MTask *t)
{
        for (size_t i = 0; i <= t->spec.n_more && !t->forgotten; i++) {
                const Trigger *trigger = trigger_of(&t->spec, i);

                sim_check(w, !trigger_is_watched(trigger->kind) ||
                                     w->watched & WATCH_BIT(trigger->kind, trigger->text),
                          "4.2", "nobody listens to what fires %s", t->spec.name);
                check_told(w, t, trigger);
        }
}

/* What the sensors are asked to watch: nothing that a registration needs may be missing. */
static void check_needs(World *w)
{
        static const uint8_t edges[][2] = {
                { SYSTEM_USER_PRESENT, CONDITION_USER_PRESENT },
                { SYSTEM_USER_AWAY, CONDITION_USER_NOT_PRESENT },
                { SYSTEM_INTERNET_AVAILABLE, CONDITION_INTERNET_AVAILABLE },
                { SYSTEM_SESSION_CONNECTED, CONDITION_SESSION_CONNECTED },
        };
        EngineNeeds needs = engine_get_needs(w->engine);

        for (size_t j = 0; j < w->model->n_tasks; j++) {
                const MTask *t = w->model->tasks[j];
                uint32_t wanted = t->spec.conditions;

                if (has_trigger(&t->spec, TRIGGER_MAINTENANCE))
                        wanted |= CONDITION_BIT(CONDITION_ON_AC_POWER);
                if (has_trigger(&t->spec, TRIGGER_DEVICE_USE) || has_trigger(&t->spec, TRIGGER_DEVICE_SERVICING))
                        wanted |= CONDITION_BIT(CONDITION_BATTERY_NOT_LOW);
                if (has_trigger(&t->spec, TRIGGER_LOGIN))
                        wanted |= CONDITION_BIT(CONDITION_SESSION_CONNECTED);
                for (size_t i = 0; i <= t->spec.n_more; i++)
                        for (size_t k = 0; k < ELEMENTSOF(edges); k++)
                                if (trigger_of(&t->spec, i)->kind == TRIGGER_SYSTEM &&
                                    edges[k][0] == trigger_of(&t->spec, i)->system_type)
                                        wanted |= CONDITION_BIT(edges[k][1]);
                sim_check(w, (needs.conditions & wanted) == wanted, "5.3", "watched: %x; expected: %x of %s",
                          needs.conditions, wanted, t->spec.name);
        }
        /* What is left of a registration goes with its last outcome. */
        for (size_t i = 0; i < w->model->n_tasks; i++)
                check_watched(w, w->model->tasks[i]);
        sim_check(w, w->model->n_tasks > 0 || w->watched == 0, "4.2", "something is watched without a registration");
        sim_check(w, w->model->n_tasks > 0 || !engine_is_quiet(w->engine) ||
                             engine_get_counts(w->engine).n_unstored > 0 || needs.conditions == 0, "5.3",
                  "watched without a registration: %x", needs.conditions);
}

static void check_levels(World *w)
{
        for (int i = 0; i < CONDITION_MAX; i++) {
                uint64_t since;

                if (term_name(TERM_CONDITION, i))
                        sim_check(w, engine_get_level(w->engine, i, &since) == w->model->level[i], "5.3",
                                  "%s reads %d; expected: %d", term_name(TERM_CONDITION, i),
                                  engine_get_level(w->engine, i, &since), w->model->level[i]);
        }
}

/* ---- why ---- */

static uint32_t expected_reasons(World *w, MTask *t, uint32_t *ret_allowed)
{
        Model *m = w->model;
        MFiring *head = model_head(m, t);
        uint32_t codes = 0;

        *ret_allowed = t->paused ? 1u << WHY_PAUSED : 0;
        if (model_package_paused(m, &t->spec))
                *ret_allowed |= 1u << WHY_PACKAGE_PAUSED;
        for (size_t i = 0; i < m->n_firings; i++) {
                const MFiring *f = m->firings[i];

                if (f->task == t && is_live(f))
                        codes |= 1u << (f->state == RUN_STARTING  ? WHY_STARTING
                                        : f->state == RUN_RUNNING ? WHY_RUNNING
                                                                  : WHY_STOPPING);
                if (f->task == t && f->unconfirmed)
                        *ret_allowed |= 1u << WHY_UNCONFIRMED;
        }
        if (t->state == T_REGISTERING)
                return *ret_allowed |= 1u << WHY_REGISTERING;
        if (t->state == T_UNREGISTERING)
                codes |= 1u << WHY_UNREGISTERING;
        if (codes) {
                *ret_allowed = UINT32_MAX;
                if (*ret_allowed && count_live(m, t) &&
                    codes & (1u << WHY_STARTING | 1u << WHY_RUNNING | 1u << WHY_STOPPING))
                        return codes;
        }
        if (head) {
                uint32_t gates, maybe;

                if (model_gate(w, head, &gates) != GATE_SHUT)
                        *ret_allowed = UINT32_MAX;
                maybe = gates & (1u << WHY_BACKING_OFF | 1u << WHY_QUARANTINED | 1u << WHY_WAITING_FOR_RETRY |
                                 1u << WHY_START_LIMIT);
                *ret_allowed |= maybe;
                if (maybe & (1u << WHY_BACKING_OFF | 1u << WHY_QUARANTINED))
                        *ret_allowed |= 1u << WHY_BACKING_OFF | 1u << WHY_QUARANTINED;
                codes |= gates & ~maybe;
        } else if (t->state != T_UNREGISTERING) {
                for (size_t i = 0; i <= t->spec.n_more; i++)
                        codes |= 1u << (is_timer(trigger_of(&t->spec, i)) ? WHY_WAITING_FOR_TIME
                                                                          : WHY_WAITING_FOR_TRIGGER);
                codes |= t->skip ? 1u << WHY_SKIP_NEXT : 0;
                if (has_trigger(&t->spec, TRIGGER_USER_NOTIFICATION_CHANGED) &&
                    model_lacks_capability(m, &t->spec, TRIGGER_USER_NOTIFICATION_CHANGED))
                        codes |= 1u << WHY_CAPABILITY_MISSING;
        }
        *ret_allowed |= codes;
        return codes;
}

static void print_codes(char *buf, size_t n, uint32_t codes)
{
        buf[0] = '\0';
        for (int i = 0; i < 32; i++)
                if ((codes & (UINT32_C(1) << i)) && term_name(TERM_WHY, i))
                        snprintf(buf + strlen(buf), n - strlen(buf), " %s", term_name(TERM_WHY, i));
}

static void check_why(World *w)
{
        Model *m = w->model;

        if (m->shutting_down)
                return;

        for (size_t i = 0; i < m->n_tasks; i++) {
                MTask *t = m->tasks[i];
                Why reasons[ENGINE_WHY_MAX];
                uint32_t codes = 0, allowed, expected;
                char got[300], wanted[300];
                size_t n;

                if (!is_listed(t))
                        continue;
                n = engine_get_why(w->engine, t->id, reasons);
                expected = expected_reasons(w, t, &allowed);
                for (size_t j = 0; j < n; j++)
                        codes |= UINT32_C(1) << reasons[j].code;
                print_codes(got, sizeof got, codes);
                print_codes(wanted, sizeof wanted, expected);
                sim_check(w, n > 0 && (codes & expected) == expected && (codes & ~allowed) == 0, "11, I10",
                          "why of %s/%s says%s; expected:%s", t->spec.package, t->spec.name, got, wanted);
        }
}

/* I5: no process executes an attempt of a run that another executes, unless the page gave the first one up. */
static void check_executions(World *w)
{
        Model *m = w->model;

        for (size_t i = 0; i < w->n_procs; i++) {
                const Proc *p = &w->procs[i];

                for (size_t j = 0; p->state == PROC_ALIVE && j < p->n_runs; j++) {
                        const MFiring *f = model_firing(m, p->runs[j].run);
                        bool given_up = p->runs[j].canceled;

                        if (!f || !f->sent || f->server == p->id || p->runs[j].done)
                                continue;
                        for (size_t k = 0; k < m->n_orphans; k++)
                                given_up = given_up || (uuid_equal(m->orphans[k].run, f->run) &&
                                                        m->orphans[k].attempt == p->runs[j].attempt);
                        sim_check(w, given_up, "I5",
                                  "run %s is executed by server %" PRIu64 " as attempt %u and by %" PRIu64
                                  " as attempt %u",
                                  short_id(f->run), p->id, p->runs[j].attempt, f->server, f->attempts);
                }
        }
}

static bool is_awaited(Model *m, const ProcRun *r)
{
        const MFiring *f = model_firing(m, r->run);

        if (f && f->attempts == r->attempt && is_live(f))
                return true;
        for (size_t i = 0; i < m->n_endings; i++)
                if (uuid_equal(m->endings[i].run, r->run))
                        return true;
        return false;
}

/* A server that has completed an attempt is told when that need not be told again: it could never leave else. */
static void check_confirmed(World *w)
{
        for (size_t i = 0; i < w->n_procs; i++) {
                const Proc *p = &w->procs[i];

                for (size_t j = 0;
                     p->connected && p->id != w->telling_again && p->state == PROC_ALIVE && j < p->n_runs; j++)
                        sim_check(w, !p->runs[j].done || is_awaited(w->model, &p->runs[j]), "6.3, 7",
                                  "server %" PRIu64 " has completed %s.%u and is not told that it may forget it",
                                  p->id, short_id(p->runs[j].run), p->runs[j].attempt);
        }
}

void model_check(World *w)
{
        check_executions(w);
        note_commits(w);
        check_tasks(w);
        check_runs(w);
        check_levels(w);
        check_needs(w);
        check_store(w);
        check_ledger(w);
        check_why(w);
        check_confirmed(w);
}
