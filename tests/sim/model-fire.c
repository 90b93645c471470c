/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, sections 3 (timers) and 4 (firing). */

#include <string.h>

#include "model.h"

uint64_t timer_window(const TaskSpec *spec)
{
        return spec->trigger.kind == TRIGGER_INTERVAL ? spec->trigger.window_usec : 15 * USEC_PER_MINUTE;
}

static bool can_fire(const MTask *t)
{
        return !t->forgotten && (t->state == T_REGISTERED || t->state == T_UPDATING) &&
                !(t->spec.trigger.one_shot && t->fired);
}

bool timer_armed(const MTask *t)
{
        return can_fire(t) && is_timer(&t->spec);
}

/* 3.2; m->derived is the last start or step of the wall clock. */
void model_derive(World *w, MTask *t)
{
        const EngineTime *derived = &w->model->derived;

        if (uuid_equal(t->anchor.boot_id, w->boot_id))
                t->base = (int64_t)t->anchor.boot_usec;
        else
                t->base = (int64_t)derived->boot_usec - (int64_t)usec_sub(derived->real_usec, t->anchor.real_usec);
}

static uint8_t overlap_of(const TaskSpec *s)
{
        if (s->overlap != OVERLAP_DEFAULT)
                return s->overlap;
        return is_timer(s) || trigger_is_requested(s->trigger.kind) ? OVERLAP_SKIP : OVERLAP_BUFFER_ONE;
}

typedef enum Verdict { QUEUED, MERGED, REFUSED_RUNNING, REFUSED_QUOTA } Verdict;

/* What can be merged into: the newest pending firing, unless it was attempted. */
static MFiring *newest_fresh(Model *m, const MTask *t)
{
        for (size_t i = m->n_firings; i-- > 0;)
                if (m->firings[i]->task == t && !is_live(m->firings[i]))
                        return m->firings[i]->attempts == 0 ? m->firings[i] : NULL;
        return NULL;
}

/* 4.3 without its effects. */
static Verdict overlap(World *w, MTask *t, uint8_t fired_by)
{
        Model *m = w->model;
        bool fresh = newest_fresh(m, t);
        bool live = count_live(m, t) > 0 || count_queue(m, t, true) > count_queue(m, t, false);
        uint8_t policy = overlap_of(&t->spec);
        Verdict merge = fired_by == FIRED_BY_REQUEST ? REFUSED_RUNNING : MERGED;

        switch (policy) {
        case OVERLAP_SKIP:
                return live ? REFUSED_RUNNING : fresh ? merge : QUEUED;
        case OVERLAP_BUFFER_ALL:
        case OVERLAP_PARALLEL:
                return count_queue(m, t, true) >= w->limits.pending_per_task ? REFUSED_QUOTA : QUEUED;
        default:
                return fresh ? merge : QUEUED;
        }
}

typedef struct Fire {
        uint8_t fired_by;
        uint64_t nominal; /* 0: the trigger has no schedule */
        uint64_t first;
        uint32_t count;
        bool forced;
        const void *details;
        size_t n_details;
} Fire;

static void put_details(MFiring *f, const Fire *fire)
{
        f->n_details = fire->n_details;
        if (fire->n_details)
                memcpy(f->details, fire->details, fire->n_details);
}

/* 4.4: paths of one letter, each once in the order of their coming; an empty one is everything. */
static void unite(MFiring *f, const Fire *fire)
{
        const char *new = fire->details;

        if (f->n_details == 1 || f->n_details == 0)
                return;
        if (fire->n_details == 1) {
                put_details(f, fire);
                return;
        }
        for (size_t i = 0; i < fire->n_details; i += 2) {
                if (memchr(f->details, new[i], f->n_details))
                        continue;
                f->details[f->n_details++] = (uint8_t)new[i];
                f->details[f->n_details++] = 0;
        }
}

static uint64_t next_number(MTask *t, const Fire *fire)
{
        t->last_number = MAX(t->last_number + 1, fire->nominal);
        return t->last_number;
}

static MFiring *new_firing(World *w, MTask *t, const Fire *fire)
{
        uint64_t before = t->last_number;
        MFiring *f = model_add_firing(w, t, next_number(t, fire));

        f->fired_by = fire->fired_by;
        f->count = fire->count;
        f->scheduled_real = fire->nominal;
        f->first_real = fire->first;
        f->forced = fire->forced;
        put_details(f, fire);
        f->undo_fired = t->fired;
        f->undo_fired_in_boot = t->fired_in_boot;
        f->undo_number = before;
        if (fire->fired_by != FIRED_BY_MANUAL)
                t->fired = t->fired_in_boot = true;
        return f;
}

static void merge(MTask *t, MFiring *f, const Fire *fire)
{
        if (fire->fired_by == FIRED_BY_MANUAL) {
                f->forced = f->forced || fire->forced;
                return;
        }
        next_number(t, fire);
        f->count += fire->count;
        f->scheduled_real = fire->nominal;
        if (f->first_real == 0)
                f->first_real = fire->first;
        t->fired = t->fired_in_boot = true;
        /* Somebody waits for the run id of a manual firing. */
        if (f->fired_by == FIRED_BY_MANUAL)
                return;
        f->number = t->last_number;
        f->run = engine_run_id(t->id, f->number);
        if (trigger_collects(t->spec.trigger.kind))
                unite(f, fire);
        else
                put_details(f, fire);
}

/* What counts as live: also a firing that waits for its next attempt. */
static void cancel_live(World *w, MTask *t)
{
        Model *m = w->model;

        for (size_t i = 0; i < m->n_firings; i++) {
                size_t before = m->n_firings;

                if (m->firings[i]->task == t && (is_live(m->firings[i]) || m->firings[i]->attempts > 0))
                        model_cancel(w, m->firings[i], REASON_REPLACED);
                if (m->n_firings < before)
                        i = SIZE_MAX;
        }
}

static Verdict fire(World *w, MTask *t, const Fire *fire, MFiring **ret_firing)
{
        Model *m = w->model;
        Verdict v = overlap(w, t, fire->fired_by);
        MFiring *f = NULL;

        if (v == QUEUED)
                f = new_firing(w, t, fire);
        else if (v == MERGED)
                merge(t, f = newest_fresh(m, t), fire);
        else if (fire->fired_by == FIRED_BY_TIMER || fire->fired_by == FIRED_BY_EVENT)
                model_end(w, new_firing(w, t, fire), OUTCOME_NOT_STARTED, 0,
                          v == REFUSED_QUOTA ? DETAIL_QUOTA : DETAIL_OVERLAP);
        if ((v == QUEUED || v == MERGED) && overlap_of(&t->spec) == OVERLAP_CANCEL_OTHER)
                cancel_live(w, t);
        if (ret_firing)
                *ret_firing = f;
        return v;
}

/* 4.7: the time is told of and not run. */
static void skip_next(World *w, MTask *t, uint8_t fired_by, uint64_t at)
{
        Fire fire = { .fired_by = fired_by, .nominal = at, .first = at, .count = 1 };

        t->skip = t->skipped = false;
        model_end(w, new_firing(w, t, &fire), OUTCOME_NOT_STARTED, 0, DETAIL_SKIPPED);
}

static void fire_scheduled(World *w, MTask *t, uint64_t anchor_real, uint64_t k, uint64_t first, uint32_t count)
{
        uint64_t period = t->spec.trigger.period_usec;

        if (timer_armed(t))
                fire(w, t, &(Fire){ .fired_by = FIRED_BY_TIMER, .nominal = anchor_real + k * period,
                                    .first = anchor_real + first * period, .count = count }, NULL);
}

static void fire_calendar(World *w, MTask *t, uint64_t at, uint64_t first, uint32_t count)
{
        if (timer_armed(t))
                fire(w, t, &(Fire){ .fired_by = FIRED_BY_TIMER, .nominal = at, .first = first, .count = count }, NULL);
}

/* 3.3 with the times of 3.9. */
static void due_calendar(World *w, MTask *t)
{
        CalendarDue d;
        bool in_time;

        calendar_due(w, t, &d);
        if (d.count == 0)
                return;
        if (t->skip) {
                t->base = w->now.boot_usec;
                t->anchor = (Anchor){ w->boot_id, w->now.boot_usec, d.first };
                skip_next(w, t, FIRED_BY_TIMER, d.first);
                if (timer_armed(t))
                        due_calendar(w, t);
                return;
        }
        t->skipped = false;
        in_time = w->now.real_usec <= d.last + USEC_PER_MINUTE;
        t->base = w->now.boot_usec;
        t->anchor = (Anchor){ w->boot_id, w->now.boot_usec, d.last };
        if (t->spec.catch_up == CATCH_UP_ONE) {
                fire_calendar(w, t, d.last, d.first, d.count);
        } else if (in_time && (d.count == 1 || t->spec.catch_up == CATCH_UP_NONE)) {
                fire_calendar(w, t, d.last, d.last, 1);
        } else if (t->spec.catch_up == CATCH_UP_ALL && d.n_newest > 0) {
                for (size_t i = 0; i < d.n_newest; i++)
                        fire_calendar(w, t, d.newest[i], d.newest[i], 1);
        } else {
                t->skipped = true;
                if (t->spec.trigger.one_shot)
                        model_end(w, new_firing(w, t, &(Fire){ .fired_by = FIRED_BY_TIMER, .nominal = d.last,
                                                               .first = d.first, .count = 1 }),
                                  OUTCOME_EXPIRED, 0, DETAIL_NONE);
        }
}

/* A one-shot that was missed ends. */
static void skip(World *w, MTask *t, uint64_t anchor_real)
{
        uint64_t at = anchor_real + t->spec.trigger.period_usec;

        t->skipped = true;
        if (t->spec.trigger.one_shot)
                model_end(
                        w,
                        new_firing(w, t, &(Fire){ .fired_by = FIRED_BY_TIMER, .nominal = at, .first = at, .count = 1}),
                        OUTCOME_EXPIRED, 0, DETAIL_NONE);
}

/* 3.3 */
static void due(World *w, MTask *t)
{
        int64_t now = w->now.boot_usec, period = t->spec.trigger.period_usec, base = t->base;
        int64_t horizon = now - (int64_t)t->spec.catch_up_window_usec;
        uint64_t k = now >= base + period ? (now - base) / period : 0, real = t->anchor.real_usec;
        bool in_time;

        if (k == 0)
                return;
        if (t->skip) {
                t->base = base + period;
                t->anchor = (Anchor){ w->boot_id, t->base, real + period };
                skip_next(w, t, FIRED_BY_TIMER, real + period);
                if (timer_armed(t))
                        due(w, t);
                return;
        }
        if (t->spec.trigger.one_shot)
                k = 1;
        t->skipped = false;
        in_time = now <= base + (int64_t)k * period + (int64_t)timer_window(&t->spec) + (int64_t)USEC_PER_MINUTE;
        t->base = base + k * period;
        t->anchor = (Anchor){ w->boot_id, t->base, real + k * period };
        if (k == 1 && in_time) {
                fire_scheduled(w, t, real, 1, 1, 1);
        } else if (t->spec.catch_up == CATCH_UP_NONE) {
                if (in_time)
                        fire_scheduled(w, t, real, k, k, 1);
                else
                        skip(w, t, real);
        } else if (t->spec.catch_up == CATCH_UP_ONE) {
                fire_scheduled(w, t, real, k, 1, k);
        } else {
                bool any = false;

                for (uint64_t j = k > 100 ? k - 99 : 1; j <= k; j++)
                        if (base + (int64_t)j * period >= horizon) {
                                fire_scheduled(w, t, real, j, j, 1);
                                any = true;
                        }
                if (!any)
                        skip(w, t, real);
        }
}

void model_timers(World *w)
{
        Model *m = w->model;

        for (size_t i = 0; i < m->n_tasks && !m->shutting_down; i++)
                if (timer_armed(m->tasks[i]) && w->now.boot_usec >= m->tasks[i]->hold_boot) {
                        if (is_calendar(&m->tasks[i]->spec))
                                due_calendar(w, m->tasks[i]);
                        else
                                due(w, m->tasks[i]);
                }
}

/* ---- events ---- */

static bool listens(const MTask *t, uint8_t kind, uint8_t type, const char *text)
{
        const Trigger *trigger = &t->spec.trigger;

        if (!can_fire(t) || trigger->kind != kind || (is_once_per_boot(&t->spec) && t->fired_in_boot))
                return false;
        if (kind == TRIGGER_SYSTEM)
                return trigger->system_type == type;
        if (kind >= TRIGGER_BOOT)
                return true;
        return trigger->text && text && strcmp(trigger->text, text) == 0;
}

void model_raise(World *w, uint8_t kind, uint8_t type, const char *text, int package, const void *details, size_t n)
{
        Model *m = w->model;

        for (size_t i = 0; i < m->n_tasks && !m->shutting_down; i++) {
                MTask *t = m->tasks[i];

                if (!listens(t, kind, type, text) || (package >= 0 && package_index(t->spec.package) != package))
                        continue;
                if (t->skip)
                        skip_next(w, t, FIRED_BY_EVENT, 0);
                else
                        fire(w, t, &(Fire){.fired_by = FIRED_BY_EVENT, .count = 1, .details = details, .n_details = n},
                             NULL);
        }
}

static int inverse(int condition)
{
        if (condition >= CONDITION_USER_PRESENT && condition <= CONDITION_SESSION_DISCONNECTED)
                return condition % 2 ? condition + 1 : condition - 1;
        return -1;
}

int model_level_of(Model *m, int condition)
{
        return m->level[condition];
}

/* 4.2: a boot fires once, and not what was registered after it. */
void model_boot(World *w, bool started)
{
        Model *m = w->model;
        bool any = false;

        for (size_t i = 0; i < m->n_tasks; i++)
                any |= !m->tasks[i]->forgotten && m->tasks[i]->state != T_REGISTERING &&
                       m->tasks[i]->spec.trigger.kind == TRIGGER_BOOT;
        if (!any || m->stored_level[LEVEL_BOOT] == 1)
                return;
        m->stored_level[LEVEL_BOOT] = 1;
        if (started)
                model_raise(w, TRIGGER_BOOT, 0, NULL, -1, NULL, 0);
}

static void read_level(World *w, int condition, int level, bool baseline)
{
        static const uint8_t edges[][2] = {
                { CONDITION_USER_PRESENT, SYSTEM_USER_PRESENT },
                { CONDITION_USER_NOT_PRESENT, SYSTEM_USER_AWAY },
                { CONDITION_INTERNET_AVAILABLE, SYSTEM_INTERNET_AVAILABLE },
                { CONDITION_SESSION_CONNECTED, SYSTEM_SESSION_CONNECTED },
        };
        Model *m = w->model;
        bool edge = level == 1 && m->stored_level[condition] != 1 && !baseline;

        if ((m->level[condition] == 1) != (level == 1))
                m->level_mono[condition] = w->now.mono_usec;
        m->level[condition] = level;
        if (level >= 0)
                m->stored_level[condition] = level;
        for (size_t i = 0; edge && i < ELEMENTSOF(edges); i++)
                if (edges[i][0] == condition)
                        model_raise(w, TRIGGER_SYSTEM, edges[i][1], NULL, -1, NULL, 0);
        if (edge && condition == CONDITION_SESSION_CONNECTED)
                model_raise(w, TRIGGER_LOGIN, 0, NULL, -1, NULL, 0);
}

void model_level(World *w, const Event *e)
{
        read_level(w, e->level.condition, e->level.level, e->level.baseline);
        if (inverse(e->level.condition) >= 0)
                read_level(w, inverse(e->level.condition), e->level.level < 0 ? -1 : !e->level.level,
                           e->level.baseline);
}

/* ---- requests ---- */

/* The page says that it is not accepted, not with which error. */
static void expect_refusal(World *w, uint64_t token)
{
        Act *a = find_reply(w, token);

        sim_check(w, a, "4.5", "a request that cannot be accepted is not answered");
        sim_check(w, a->effect.reply.error != ERROR_NONE || a->effect.reply.result != RESULT_ALLOWED, "4.5",
                  "a request that cannot be accepted is answered Allowed");
        a->matched = true;
}

static void expect_result(World *w, const Event *e, uint8_t result)
{
        Act *a = find_reply(w, e->token);

        sim_check(w, a, "4.5", "token %" PRIu64 " is not answered; expected: result %u", e->token, result);
        if (e->type == EVENT_REQUEST)
                sim_check(w, a->effect.reply.result == result, "4.5",
                          "a request is answered with result %u; expected: %u", a->effect.reply.result, result);
        else
                sim_check(w, a->effect.reply.error != ERROR_NONE, "4.3", "a manual run is answered with success; "
                          "expected: refused, result %u", result);
        a->matched = true;
}

void model_request(World *w, const Event *e)
{
        Model *m = w->model;
        MTask *t = model_task(m, e->task.task);
        bool manual = e->type == EVENT_RUN_NOW;
        Fire how = { .fired_by = manual ? FIRED_BY_MANUAL : FIRED_BY_REQUEST, .count = 1,
                     .forced = manual && e->task.forced, .details = manual ? NULL : e->task.details,
                     .n_details = manual ? 0 : e->task.n_details };
        MFiring *f;
        Act *a;

        if (!t || !is_listed(t)) {
                expect_reply(w, "2.4", e->token, ERROR_NO_SUCH_TASK);
                return;
        }
        if (t->state == T_UNREGISTERING ||
            (!manual && (!trigger_is_requested(t->spec.trigger.kind) || !can_fire(t)))) {
                expect_refusal(w, e->token);
                return;
        }
        if (!manual && (t->paused || model_package_paused(m, &t->spec))) {
                expect_result(w, e, RESULT_DISABLED_BY_POLICY);
                return;
        }
        switch (fire(w, t, &how, &f)) {
        case QUEUED:
                f->token = e->token;
                break;
        case MERGED:
                a = find_reply(w, e->token);
                if (a && a->effect.reply.error == ERROR_NONE && a->effect.reply.result == RESULT_ALLOWED)
                        a->matched = true;
                else
                        model_wait_for_answer(w, e->token);
                break;
        case REFUSED_RUNNING:
                expect_result(w, e, RESULT_CURRENTLY_RUNNING);
                break;
        case REFUSED_QUOTA:
                expect_result(w, e, RESULT_DISABLED_BY_POLICY);
                break;
        }
}

/* 6.7 */
void model_cancel_task(World *w, const Event *e)
{
        Model *m = w->model;
        MTask *t = model_task(m, e->task.task);
        size_t n = 0, stopping = 0;
        Act *a;

        if (!t || !is_listed(t)) {
                expect_reply(w, "6.7", e->token, ERROR_NO_SUCH_TASK);
                return;
        }
        for (size_t i = 0; i < m->n_firings; i++) {
                size_t before = m->n_firings;
                MFiring *f = m->firings[i];

                if (f->task != t || f->promised)
                        continue;
                if (f->state == RUN_STOPPING) {
                        if (f->reason != e->task.reason || f->grace_mono != w->now.mono_usec + 5 * USEC_PER_SEC)
                                stopping++;
                        continue;
                }
                n++;
                model_cancel(w, f, e->task.reason);
                if (m->n_firings < before) {
                        i = SIZE_MAX;
                        stopping = 0;
                        continue;
                }
        }
        a = find_reply(w, e->token);
        sim_check(w, a, "6.7", "a cancel is not answered");
        if (n > 0)
                sim_check(w, a->effect.reply.number >= n && a->effect.reply.number <= n + stopping, "6.7",
                          "a cancel is answered with %u; expected: %zu and perhaps %zu that were stopping",
                          a->effect.reply.number, n, stopping);
        a->matched = true;
}

void model_cancel_run(World *w, const Event *e)
{
        MFiring *f = model_firing(w->model, e->run.run);

        if (!f) {
                expect_reply(w, "6.7", e->token, ERROR_NO_SUCH_RUN);
                return;
        }
        model_cancel(w, f, e->run.reason);
        expect_reply(w, "6.7", e->token, ERROR_NONE);
}

/* 4.6 */
void model_expire(World *w)
{
        Model *m = w->model;

        for (size_t i = 0; i < m->n_firings; i++) {
                MFiring *f = m->firings[i];

                if (is_live(f) || f->promised || f->expires_usec == 0 ||
                    f->accepted_boot + (int64_t)f->expires_usec > (int64_t)w->now.boot_usec)
                        continue;
                model_end(w, f, OUTCOME_EXPIRED, 0, DETAIL_NONE);
                i = SIZE_MAX;
        }
}

/* ---- commits ---- */

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
        f->forced = p->row.forced;
        f->stored = true;
        f->n_details = p->row.n_details;
        memcpy(f->details, p->details, sizeof f->details);
}

static bool engine_has(const RunInfo *infos, size_t n, Uuid run)
{
        for (size_t i = 0; i < n; i++)
                if (uuid_equal(infos[i].run, run))
                        return true;
        return false;
}

/* A commit about this task failed: what was not started is forgotten, and the page leaves open how far back. */
static void take_over(World *w, MTask *t)
{
        Model *m = w->model;
        RunInfo infos[M_FIRINGS];
        size_t n = engine_get_runs(w->engine, t->id, 0, infos, ELEMENTSOF(infos));
        Anchor before = t->anchor;
        bool forgotten = false;
        TaskInfo info;

        t->loose = true;
        /* From the newest to the oldest: each gives back what it found. */
        for (size_t i = m->n_firings; i-- > 0;) {
                MFiring *f = m->firings[i];
                Act *a;

                if (f->task != t || is_live(f) || engine_has(infos, n, f->run))
                        continue;
                sim_check(w, f->attempts == 0, "12", "firing %s is forgotten, and it was attempted", short_id(f->run));
                if (f->token) {
                        a = find_reply(w, f->token);
                        sim_check(w, a && (a->effect.reply.error || a->effect.reply.result == RESULT_UNKNOWN_ERROR),
                                  "4.5", "a forgotten request is not answered UnknownError");
                        a->matched = true;
                }
                t->fired = f->undo_fired;
                t->fired_in_boot = f->undo_fired_in_boot;
                t->last_number = f->undo_number;
                forgotten = true;
                model_remove_firing(m, f);
        }
        for (size_t i = 0; i < n; i++)
                if (infos[i].state == RUN_PENDING && !model_firing(m, infos[i].run))
                        return_to_row(w, t, &infos[i]);
        if (!engine_get_task(w->engine, t->id, &info))
                return;
        if (forgotten && is_once_per_boot(&t->spec))
                t->fired_in_boot = uuid_equal(info.row.anchor.boot_id, w->boot_id);
        if (forgotten && info.row.anchor.real_usec >= before.real_usec)
                t->hold_boot = 0;
        if (is_calendar(&t->spec)) {
                if (forgotten && info.row.anchor.real_usec != before.real_usec)
                        t->hold_boot = usec_add(w->now.boot_usec, USEC_PER_MINUTE);
                if (forgotten)
                        t->anchor = info.row.anchor;
                return;
        }
        /* What the engine fired anew in this atom is judged by itself. */
        if (is_timer(&t->spec) && info.row.anchor.real_usec < before.real_usec) {
                t->hold_boot = usec_add(w->now.boot_usec, USEC_PER_MINUTE);
                t->anchor = info.row.anchor;
                model_derive(w, t);
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
                        take_over(w, m->tasks[i]);
        for (size_t i = 0; i < m->n_firings; i++) {
                MFiring *f = m->firings[i];

                if (f->commit != commit)
                        continue;
                f->commit = 0;
                /* Only the newest can be forgotten: the numbers and the anchor of later ones count from it. */
                sim_check(w,
                          is_live(f) || f->attempts > 0 || f->stored || f->promised ||
                                  f->number != f->task->last_number,
                          "12", "firing %s is not forgotten, and its commit failed", short_id(f->run));
        }
}
