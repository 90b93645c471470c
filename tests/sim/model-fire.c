/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, sections 3 (timers) and 4 (firing). */

#include <string.h>

#include "model.h"

static bool can_fire(Model *m, const MTask *t)
{
        return !t->forgotten && (t->state == T_REGISTERED || t->state == T_UPDATING) && !is_spent(m, t);
}

bool timer_armed(Model *m, const MTask *t, size_t place)
{
        return is_timer(trigger_of(&t->spec, place)) && can_fire(m, t);
}

/* 3.2; m->derived is the last start or step of the wall clock. */
void model_derive(World *w, MTrigger *t)
{
        const EngineTime *derived = &w->model->derived;

        if (uuid_equal(t->anchor.boot_id, w->boot_id))
                t->base = (int64_t)t->anchor.boot_usec;
        else
                t->base = (int64_t)derived->boot_usec - (int64_t)usec_sub(derived->real_usec, t->anchor.real_usec);
}

static uint8_t overlap_of(const TaskSpec *s, size_t place)
{
        const Trigger *trigger = trigger_of(s, place);

        if (s->overlap != OVERLAP_DEFAULT)
                return s->overlap;
        if (trigger->kind == TRIGGER_PUSH_NOTIFICATION)
                return OVERLAP_BUFFER_ALL;
        return is_timer(trigger) || trigger_is_requested(trigger->kind) ? OVERLAP_SKIP : OVERLAP_BUFFER_ONE;
}

typedef enum Verdict { QUEUED, MERGED, REFUSED_RUNNING, REFUSED_QUOTA } Verdict;

typedef struct Fire {
        uint8_t fired_by;
        uint8_t place;
        uint64_t nominal; /* 0: the trigger has no schedule */
        uint64_t first;
        uint32_t count;
        bool forced;
        const void *details;
        size_t n_details;
} Fire;

/* 4.4: what such a trigger tells belongs to its own firings. */
static bool tells(const TaskSpec *s, size_t place)
{
        uint8_t kind = trigger_of(s, place)->kind;

        return trigger_is_requested(kind) || kind == TRIGGER_CUSTOM_SYSTEM_EVENT ||
                kind == TRIGGER_PUSH_NOTIFICATION || trigger_collects(kind);
}

static bool may_merge(const MFiring *f, const Fire *fire)
{
        const TaskSpec *s = &f->task->spec;

        if (is_live(f) || f->attempts > 0)
                return false;
        if (fire->fired_by == FIRED_BY_MANUAL || !of_trigger(f))
                return true;
        return trigger_of(s, f->trigger) == trigger_of(s, fire->place) ||
                (!tells(s, f->trigger) && !tells(s, fire->place));
}

/* What can be merged into: the newest pending firing of those that may. */
static MFiring *newest_fresh(Model *m, const MTask *t, const Fire *fire)
{
        for (size_t i = m->n_firings; i-- > 0;)
                if (m->firings[i]->task == t && may_merge(m->firings[i], fire))
                        return m->firings[i];
        return NULL;
}

/* 4.3 without its effects. */
static Verdict overlap(World *w, MTask *t, const Fire *fire)
{
        Model *m = w->model;
        bool fresh = newest_fresh(m, t, fire);
        bool live = count_live(m, t) > 0 || count_queue(m, t, true) > count_queue(m, t, false);
        uint8_t policy = overlap_of(&t->spec, fire->place);
        Verdict merge = fire->fired_by == FIRED_BY_REQUEST ? REFUSED_RUNNING : MERGED;

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

        if (f->n_details > 0 && f->details[f->n_details - 1] != 0) {
                put_details(f, fire);
                return;
        }
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
        f->trigger = fire->place;
        f->count = fire->count;
        f->scheduled_real = fire->nominal;
        f->first_real = fire->first;
        f->forced = fire->forced;
        put_details(f, fire);
        f->undo_fired_in_boot = t->triggers[f->trigger].fired_in_boot;
        f->undo_number = before;
        if (fire->fired_by != FIRED_BY_MANUAL)
                t->triggers[f->trigger].fired_in_boot = true;
        return f;
}

static void merge(MTask *t, MFiring *f, const Fire *fire)
{
        if (fire->fired_by == FIRED_BY_MANUAL) {
                f->forced = f->forced || fire->forced;
                return;
        }
        f->kept = f->kept || f->trigger != fire->place || f->number != t->last_number;
        next_number(t, fire);
        f->trigger = fire->place;
        f->count += fire->count;
        f->scheduled_real = fire->nominal;
        if (f->first_real == 0)
                f->first_real = fire->first;
        t->triggers[fire->place].fired_in_boot = true;
        /* Somebody waits for the run id of a manual firing. */
        if (f->fired_by == FIRED_BY_MANUAL)
                return;
        f->fired_by = fire->fired_by;
        f->number = t->last_number;
        f->run = engine_run_id(t->id, f->number);
        if (trigger_collects(trigger_of(&t->spec, fire->place)->kind))
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
        Verdict v = overlap(w, t, fire);
        MFiring *f = NULL;

        if (v == QUEUED)
                f = new_firing(w, t, fire);
        else if (v == MERGED)
                merge(t, f = newest_fresh(m, t, fire), fire);
        else if (fire->fired_by == FIRED_BY_TIMER || fire->fired_by == FIRED_BY_EVENT)
                model_end(w, new_firing(w, t, fire), OUTCOME_NOT_STARTED, 0,
                          v == REFUSED_QUOTA ? DETAIL_QUOTA : DETAIL_OVERLAP);
        if ((v == QUEUED || v == MERGED) && overlap_of(&t->spec, fire->place) == OVERLAP_CANCEL_OTHER)
                cancel_live(w, t);
        if (ret_firing)
                *ret_firing = f;
        return v;
}

/* What is due of one trigger. */
typedef struct Due {
        MTask *task;
        size_t place;
        const Trigger *trigger;
        MTrigger *state;
} Due;

/* 4.7: the time is told of and not run. */
static void skip_next(World *w, MTask *t, size_t place, uint8_t fired_by, uint64_t at)
{
        Fire fire = { .fired_by = fired_by, .place = place, .nominal = at, .first = at, .count = 1 };

        t->skip = t->triggers[place].skipped = false;
        model_end(w, new_firing(w, t, &fire), OUTCOME_NOT_STARTED, 0, DETAIL_SKIPPED);
}

static void fire_times(World *w, const Due *d, uint64_t at, uint64_t first, uint32_t count)
{
        if (timer_armed(w->model, d->task, d->place))
                fire(w, d->task, &(Fire){ .fired_by = FIRED_BY_TIMER, .place = d->place, .nominal = at, .first = first,
                                          .count = count }, NULL);
}

/* A one-shot that was missed ends. */
static void skip(World *w, const Due *d, uint64_t at, uint64_t first)
{
        d->state->skipped = true;
        if (d->trigger->one_shot)
                model_end(w, new_firing(w, d->task, &(Fire){ .fired_by = FIRED_BY_TIMER, .place = d->place,
                                                             .nominal = at, .first = first, .count = 1 }),
                          OUTCOME_EXPIRED, 0, DETAIL_NONE);
}

/* 3.3 with the times of 3.9. */
static void due_calendar(World *w, const Due *due)
{
        uint8_t catch_up = due->task->spec.catch_up;
        CalendarDue d;
        bool in_time;

        calendar_due(w, due->task, due->place, &d);
        if (d.count == 0)
                return;
        if (due->task->skip) {
                due->state->base = w->now.boot_usec;
                due->state->anchor = (Anchor){ w->boot_id, w->now.boot_usec, d.first };
                skip_next(w, due->task, due->place, FIRED_BY_TIMER, d.first);
                return;
        }
        due->state->skipped = false;
        in_time = w->now.real_usec <= d.last + USEC_PER_MINUTE;
        due->state->base = w->now.boot_usec;
        due->state->anchor = (Anchor){ w->boot_id, w->now.boot_usec, d.last };
        if (catch_up == CATCH_UP_ONE) {
                fire_times(w, due, d.last, d.first, d.count);
        } else if (in_time && (d.count == 1 || catch_up == CATCH_UP_NONE)) {
                fire_times(w, due, d.last, d.last, 1);
        } else if (catch_up == CATCH_UP_ALL && d.n_newest > 0) {
                /* The others are due still. */
                due->state->anchor.real_usec = d.newest[0];
                fire_times(w, due, d.newest[0], d.newest[0], 1);
        } else {
                skip(w, due, d.last, d.first);
        }
}

/* 3.3 */
static void due_period(World *w, const Due *d)
{
        int64_t now = w->now.boot_usec, period = d->trigger->period_usec, base = d->state->base;
        int64_t horizon = now - (int64_t)d->task->spec.catch_up_window_usec;
        uint64_t k = now >= base + period ? (now - base) / period : 0, real = d->state->anchor.real_usec;
        uint8_t catch_up = d->task->spec.catch_up;
        bool in_time;

        if (k == 0)
                return;
        if (d->task->skip) {
                d->state->base = base + period;
                d->state->anchor = (Anchor){ w->boot_id, d->state->base, real + period };
                skip_next(w, d->task, d->place, FIRED_BY_TIMER, real + period);
                return;
        }
        if (d->trigger->one_shot)
                k = 1;
        d->state->skipped = false;
        in_time = now <= base + (int64_t)k * period + (int64_t)timer_window(d->trigger) + (int64_t)USEC_PER_MINUTE;
        d->state->base = base + k * period;
        d->state->anchor = (Anchor){ w->boot_id, d->state->base, real + k * period };
        if (k == 1 && in_time) {
                fire_times(w, d, real + period, real + period, 1);
        } else if (catch_up == CATCH_UP_NONE) {
                if (in_time)
                        fire_times(w, d, real + k * period, real + k * period, 1);
                else
                        skip(w, d, real + period, real + period);
        } else if (catch_up == CATCH_UP_ONE) {
                fire_times(w, d, real + k * period, real + period, k);
        } else {
                uint64_t j = k > 100 ? k - 99 : 1;

                while (j <= k && base + (int64_t)j * period < horizon)
                        j++;
                if (j > k) {
                        skip(w, d, real + period, real + period);
                        return;
                }
                /* The others are due still. */
                d->state->base = base + j * period;
                d->state->anchor = (Anchor){ w->boot_id, d->state->base, real + j * period };
                fire_times(w, d, real + j * period, real + j * period, 1);
        }
}

#define NOT_DUE INT64_MAX

/* The first of its scheduled times that is due, on its own clock, whatever it was put off to. */
static int64_t due_at(World *w, const MTask *t, size_t place)
{
        const Trigger *trigger = trigger_of(&t->spec, place);
        const MTrigger *state = &t->triggers[place];
        int64_t at;

        if (!timer_armed(w->model, t, place) || w->now.boot_usec < state->hold_boot)
                return NOT_DUE;
        if (is_calendar(trigger)) {
                uint64_t real = calendar_next_real(w, t, place);

                return real <= w->now.real_usec ? (int64_t)real : NOT_DUE;
        }
        at = state->base + (int64_t)trigger->period_usec;
        return at <= (int64_t)w->now.boot_usec ? at : NOT_DUE;
}

/* 3.10: one after the other as they are due; those of the calendar after the others. */
static bool fire_next(World *w, MTask *t, bool calendar)
{
        int64_t first = NOT_DUE;
        Due d = { .task = t };

        for (size_t i = 0; i <= t->spec.n_more; i++) {
                const Trigger *trigger = trigger_of(&t->spec, i);
                int64_t at = is_calendar(trigger) == calendar ? due_at(w, t, i) : NOT_DUE;

                if (at >= first)
                        continue;
                first = at;
                d.place = i;
                d.trigger = trigger;
                d.state = &t->triggers[i];
        }
        if (first == NOT_DUE)
                return false;
        if (calendar)
                due_calendar(w, &d);
        else
                due_period(w, &d);
        return true;
}

void model_timers(World *w)
{
        Model *m = w->model;

        for (size_t i = 0; i < m->n_tasks && !m->shutting_down; i++)
                while (fire_next(w, m->tasks[i], false))
                        ;
        for (size_t i = 0; i < m->n_tasks && !m->shutting_down; i++)
                while (fire_next(w, m->tasks[i], true))
                        ;
}

/* ---- events ---- */

static bool listens(const MTask *t, size_t place, uint8_t kind, uint8_t type, const char *text)
{
        const Trigger *trigger = trigger_of(&t->spec, place);

        if (trigger->kind != kind || (is_once_per_boot(trigger) && t->triggers[place].fired_in_boot))
                return false;
        if (kind == TRIGGER_SYSTEM)
                return trigger->system_type == type;
        if (kind >= TRIGGER_BOOT)
                return true;
        return trigger->text && text && strcmp(trigger->text, text) == 0;
}

/* What became of an event for one that listens, as whoever waits for its answer may hear it. */
enum { HEARD_ALLOWED = 1, HEARD_SKIPPED = 2, HEARD_RUNNING = 4, HEARD_QUOTA = 8 };

static unsigned hear(World *w, MTask *t, const Fire *how)
{
        switch (fire(w, t, how, NULL)) {
        case REFUSED_RUNNING:
                return HEARD_RUNNING;
        case REFUSED_QUOTA:
                return HEARD_QUOTA;
        default:
                return HEARD_ALLOWED;
        }
}

unsigned model_raise_for(World *w, uint8_t kind, uint8_t type, const char *text, int package, Uuid task,
                         const void *details, size_t n)
{
        unsigned heard = 0;
        Model *m = w->model;

        for (size_t i = 0; i < m->n_tasks && !m->shutting_down; i++) {
                MTask *t = m->tasks[i];

                for (size_t k = 0; k <= t->spec.n_more && can_fire(m, t); k++) {
                        if (!listens(t, k, kind, type, text) || (!uuid_is_null(task) && !uuid_equal(t->id, task)) ||
                            (package >= 0 && package_index(t->spec.package) != package) ||
                            model_lacks_capability(m, &t->spec, kind))
                                continue;
                        if (t->skip) {
                                skip_next(w, t, k, FIRED_BY_EVENT, 0);
                                heard |= HEARD_SKIPPED;
                        } else {
                                heard |= hear(w, t, &(Fire){ .fired_by = FIRED_BY_EVENT, .place = k, .count = 1,
                                                             .details = details, .n_details = n });
                        }
                }
        }
        return heard;
}

/* 4.5: the answer is that of one of those that listen; that it is stored by then is checked where it is heard. */
void model_raise_answered(World *w, const Event *e, unsigned heard)
{
        Act *a = find_reply(w, e->token);

        if (!e->token)
                return;
        if (!a) {
                sim_check(w, heard & HEARD_ALLOWED, "4.5", "an event that nobody takes is not answered");
                model_wait_for_answer(w, e->token);
                return;
        }
        a->matched = true;
        switch (a->effect.reply.error) {
        case ERROR_NONE:
                sim_check(w, heard & (HEARD_ALLOWED | HEARD_SKIPPED), "4.5", "an event that nobody took was allowed");
                break;
        case ERROR_CURRENTLY_RUNNING:
                sim_check(w, heard & HEARD_RUNNING, "4.5", "an event is refused, and nobody runs");
                break;
        case ERROR_QUOTA_EXCEEDED:
                sim_check(w, heard & HEARD_QUOTA, "4.5", "an event is refused, and no queue is full");
                break;
        default:
                sim_check(w, a->effect.reply.error == ERROR_NO_SUCH_TASK && !heard, "4.5",
                          "an event that somebody hears is answered %d", a->effect.reply.error);
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
                       has_trigger(&m->tasks[i]->spec, TRIGGER_BOOT);
        if (!any || m->stored_level[LEVEL_BOOT] == 1)
                return;
        m->stored_level[LEVEL_BOOT] = 1;
        m->booting = started;
}

void model_fire_boot(World *w)
{
        if (w->model->booting)
                model_raise(w, TRIGGER_BOOT, 0, NULL, -1, NULL, 0);
        w->model->booting = false;
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
        bool manual = e->type == EVENT_RUN_NOW, paused, low;
        const Trigger *application = NULL;
        Fire how = { .fired_by = manual ? FIRED_BY_MANUAL : FIRED_BY_REQUEST, .count = 1,
                     .forced = manual && e->task.forced, .details = manual ? NULL : e->task.details,
                     .n_details = manual ? 0 : e->task.n_details };
        MFiring *f;
        Act *a;

        if (!t || !is_listed(t)) {
                expect_reply(w, "2.4", e->token, ERROR_NO_SUCH_TASK);
                return;
        }
        for (size_t i = 0; i <= t->spec.n_more && !manual && !application; i++)
                if (trigger_is_requested(trigger_of(&t->spec, i)->kind)) {
                        application = trigger_of(&t->spec, i);
                        how.place = i;
                }
        if (t->state == T_UNREGISTERING || (!manual && (!application || !can_fire(m, t)))) {
                expect_refusal(w, e->token);
                return;
        }
        paused = t->paused || model_package_paused(m, &t->spec);
        low = application && trigger_is_of_device((int)application->kind) && m->level[CONDITION_BATTERY_NOT_LOW] == 0;
        if (!manual && (paused || low)) {
                expect_result(w, e, paused ? RESULT_DISABLED_BY_POLICY : RESULT_LOW_BATTERY);
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

bool model_has_expired(World *w, const MFiring *f)
{
        return !is_live(f) && f->expires_usec > 0 &&
               f->accepted_boot + (int64_t)f->expires_usec <= (int64_t)w->now.boot_usec;
}

static bool expire_next(World *w, bool ends)
{
        Model *m = w->model;

        for (size_t i = 0; i < m->n_firings; i++)
                if (!m->firings[i]->promised && ends_task(m->firings[i]) >= ends &&
                    model_has_expired(w, m->firings[i])) {
                        model_end(w, m->firings[i], OUTCOME_EXPIRED, 0, DETAIL_NONE);
                        return true;
                }
        return false;
}

/* 4.6; one that ends its task may take others along that have expired at the same moment. */
void model_expire(World *w)
{
        while (expire_next(w, true) || expire_next(w, false))
                ;
}
