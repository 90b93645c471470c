/* SPDX-License-Identifier: MIT */

/* The model's memory, and which section judges which event. */

#include <stdio.h>
#include <string.h>

#include "model.h"

enum { N_TABLES = 3, N_STATES = 6 };

static unsigned long coverage[N_TABLES][N_STATES][_EVENT_TYPE_MAX];

/* Counts a visit to a cell: table 0 firings, 1 servers, 2 registrations. */
void cover(unsigned table, unsigned state, EventType event)
{
        coverage[table][state][event]++;
}

void coverage_print(void)
{
        static const char *const tables[N_TABLES] = { "firing", "server", "registration" };
        static const char *const states[N_TABLES][N_STATES] = {
                { "pending", "starting", "running", "stopping", "ended", NULL },
                { "launching", "up", "leaving", "stopping", "none", NULL },
                { "registering", "registered", "updating", "unregistering", "none", NULL },
        };

        for (unsigned t = 0; t < N_TABLES; t++) {
                printf("# %-24s", tables[t]);
                for (unsigned s = 0; s < N_STATES && states[t][s]; s++)
                        printf("%15s", states[t][s]);
                putchar('\n');
                for (EventType e = EVENT_START; e < _EVENT_TYPE_MAX; e++) {
                        unsigned long sum = 0;

                        for (unsigned s = 0; s < N_STATES; s++)
                                sum += coverage[t][s][e];
                        if (sum == 0)
                                continue;
                        printf("# %-24s", event_name(e));
                        for (unsigned s = 0; s < N_STATES && states[t][s]; s++)
                                printf("%15lu", coverage[t][s][e]);
                        putchar('\n');
                }
        }
}

Model *model_new(void)
{
        return calloc(1, sizeof(Model));
}

Model *model_free(Model *m)
{
        if (!m)
                return NULL;
        for (size_t i = 0; i < m->n_tasks; i++)
                free(m->tasks[i]);
        for (size_t i = 0; i < m->n_firings; i++)
                free(m->firings[i]);
        free(m);
        return NULL;
}

bool is_live(const MFiring *f)
{
        return f->state != RUN_PENDING;
}

/* A manual firing that the trigger's own was merged into stands for both. */
bool of_trigger(const MFiring *f)
{
        return f->fired_by != FIRED_BY_MANUAL || f->count > 1;
}

bool is_once_per_boot(const Trigger *trigger)
{
        return trigger->kind == TRIGGER_CUSTOM_SYSTEM_EVENT && trigger->system_type == ONCE_PER_BOOT;
}

const Trigger *trigger_of(const TaskSpec *spec, size_t place)
{
        return place > 0 && place <= spec->n_more ? &spec->more[place - 1] : &spec->trigger;
}

bool has_trigger(const TaskSpec *spec, uint8_t kind)
{
        for (size_t i = 0; i <= spec->n_more; i++)
                if (trigger_of(spec, i)->kind == kind)
                        return true;
        return false;
}

bool is_timer(const Trigger *trigger)
{
        return trigger->kind == TRIGGER_TIME || trigger->kind == TRIGGER_MAINTENANCE ||
                trigger->kind == TRIGGER_INTERVAL || is_calendar(trigger);
}

uint64_t timer_window(const Trigger *trigger)
{
        return trigger->kind == TRIGGER_INTERVAL ? trigger->window_usec : 15 * USEC_PER_MINUTE;
}

bool is_calendar(const Trigger *trigger)
{
        return trigger->kind == TRIGGER_CALENDAR;
}

bool ends_task(const MFiring *f)
{
        return of_trigger(f) && trigger_of(&f->task->spec, f->trigger)->one_shot;
}

bool is_spent(Model *m, const MTask *t)
{
        for (size_t i = 0; i < m->n_firings; i++)
                if (m->firings[i]->task == t && ends_task(m->firings[i]))
                        return true;
        for (size_t i = 0; i < m->n_endings; i++) {
                const MEnding *e = &m->endings[i];

                if (uuid_equal(e->task, t->id) && e->deferred && e->one_shot)
                        return true;
        }
        return false;
}

bool is_listed(const MTask *t)
{
        return !t->forgotten && t->state != T_REGISTERING;
}

MTask *model_task(Model *m, Uuid id)
{
        for (size_t i = 0; i < m->n_tasks; i++)
                if (uuid_equal(m->tasks[i]->id, id))
                        return m->tasks[i];
        return NULL;
}

MFiring *model_firing(Model *m, Uuid run)
{
        for (size_t i = 0; i < m->n_firings; i++)
                if (uuid_equal(m->firings[i]->run, run))
                        return m->firings[i];
        return NULL;
}

MServer *model_server(Model *m, uint64_t id)
{
        for (size_t i = 0; i < m->n_servers; i++)
                if (m->servers[i].id == id)
                        return &m->servers[i];
        return NULL;
}

size_t count_live(Model *m, const MTask *t)
{
        size_t n = 0;

        for (size_t i = 0; i < m->n_firings; i++)
                n += (!t || m->firings[i]->task == t) && is_live(m->firings[i]);
        return n;
}

size_t count_queue(Model *m, const MTask *t, bool attempted_too)
{
        size_t n = 0;

        for (size_t i = 0; i < m->n_firings; i++)
                n += m->firings[i]->task == t && !is_live(m->firings[i]) &&
                        (attempted_too || m->firings[i]->attempts == 0);
        return n;
}

MTask *model_add_task(World *w, Uuid id, const TaskSpec *spec)
{
        Model *m = w->model;
        MTask *t = calloc(1, sizeof *t);

        sim_check(w, t && m->n_tasks < M_TASKS, "simulator", "too many tasks");
        sim_check(w, !model_task(m, id), "2", "the id of a new task is that of another");
        t->id = id;
        t->spec = *spec;
        if (spec->command)
                t->spec.clsid = id;
        t->stamp = ++m->n_stamps;
        m->tasks[m->n_tasks++] = t;
        return t;
}

static bool has_firing(Model *m, const MTask *t)
{
        for (size_t i = 0; i < m->n_firings; i++)
                if (m->firings[i]->task == t)
                        return true;
        return false;
}

/* What was unregistered is gone when its last live run is. */
static void sweep(Model *m)
{
        for (size_t i = 0; i < m->n_tasks;) {
                MTask *t = m->tasks[i];

                if (!t->forgotten || has_firing(m, t)) {
                        i++;
                        continue;
                }
                memmove(&m->tasks[i], &m->tasks[i + 1], (--m->n_tasks - i) * sizeof t);
                free(t);
        }
}

MFiring *model_add_firing(World *w, MTask *t, uint64_t number)
{
        Model *m = w->model;
        MFiring *f = calloc(1, sizeof *f);

        sim_check(w, f && m->n_firings < M_FIRINGS, "simulator", "too many firings");
        f->task = t;
        f->number = number;
        f->run = engine_run_id(t->id, number);
        f->accepted_real = w->now.real_usec;
        f->accepted_boot = w->now.boot_usec;
        f->expires_usec = t->spec.expires_usec;
        f->deadline_usec = t->spec.deadline_usec;
        f->stamp = ++m->n_stamps;
        f->atom = m->n_atoms;
        f->limit_mono = f->grace_mono = f->ack_mono = USEC_INFINITY;
        m->firings[m->n_firings++] = f;
        return f;
}

void model_remove_firing(Model *m, MFiring *f)
{
        size_t i;

        for (i = 0; m->firings[i] != f; i++)
                ;
        memmove(&m->firings[i], &m->firings[i + 1], (--m->n_firings - i) * sizeof f);
        free(f);
}

Uuid model_random_task(Model *m, Rng *r)
{
        return m->n_tasks ? m->tasks[rng_below(r, m->n_tasks)]->id : UUID_NULL;
}

Uuid model_random_run(Model *m, Rng *r)
{
        return m->n_firings && rng_percent(r, 95) ? m->firings[rng_below(r, m->n_firings)]->run : UUID_NULL;
}

void model_before_crash(World *w)
{
        w->model->may_lose = w->model->loose_until != 0;
}

static void cover_event(World *w, const Event *e)
{
        Model *m = w->model;
        MFiring *f;
        MServer *s;
        MTask *t;

        switch (e->type) {
        case EVENT_RUN_ACKNOWLEDGED ... EVENT_RUN_COMPLETED:
        case EVENT_CANCEL_RUN:
                f = model_firing(m, e->run.run);
                cover(0, f ? f->state : RUN_ENDED, e->type);
                break;
        case EVENT_SPAWNED ... EVENT_SPAWN_FAILED:
        case EVENT_SERVER_ANNOUNCED ... EVENT_SERVER_GONE:
        case EVENT_CLASSES_SUSPENDED ... EVENT_ASK_TO_GO:
        case EVENT_TRACED:
                s = model_server(m, e->process.server);
                cover(1, s ? s->state : _S_MAX, e->type);
                for (size_t i = 0; s && i < m->n_firings; i++)
                        if (m->firings[i]->server == s->id)
                                cover(0, m->firings[i]->state, e->type);
                break;
        case EVENT_CLASS_REGISTERED:
        case EVENT_CLASS_REVOKED:
                s = model_server(m, e->class_object.server);
                cover(1, s ? s->state : _S_MAX, e->type);
                break;
        case EVENT_UNREGISTER:
        case EVENT_PAUSE:
        case EVENT_SKIP:
        case EVENT_REQUEST ... EVENT_CANCEL:
                t = model_task(m, e->task.task);
                cover(2, t && !t->forgotten ? t->state : _T_MAX, e->type);
                for (size_t i = 0; t && i < m->n_firings; i++)
                        if (m->firings[i]->task == t)
                                cover(0, m->firings[i]->state, e->type);
                break;
        default:
                for (size_t i = 0; i < m->n_tasks; i++)
                        cover(2, m->tasks[i]->state, e->type);
                for (size_t i = 0; i < m->n_firings; i++)
                        cover(0, m->firings[i]->state, e->type);
                for (size_t i = 0; i < m->n_servers; i++)
                        cover(1, m->servers[i].state, e->type);
                break;
        }
}

static void judge_shutdown(World *w, const Event *e)
{
        Model *m = w->model;

        m->shutting_down = true;
        for (size_t i = 0; i < m->n_firings; i++) {
                size_t before = m->n_firings;

                if (is_live(m->firings[i]))
                        model_cancel(w, m->firings[i], e->shutdown_reason);
                if (m->n_firings < before)
                        i = SIZE_MAX;
        }
}

typedef void (*Judge)(World *w, const Event *e);

static void judge_raise(World *w, const Event *e)
{
        unsigned heard = model_raise_for(w, e->raise.kind, e->raise.system_type, e->raise.text, -1, e->raise.task,
                                         e->raise.details, e->raise.n_details);

        model_raise_answered(w, e, heard);
}

static void judge_commit(World *w, const Event *e)
{
        model_commit_firings(w, e->committed.commit, e->committed.error);
        model_commit_tasks(w, e->committed.commit, e->committed.error);
}

static void judge_clock(World *w, const Event *e)
{
        w->model->derived = w->now;
        for (size_t i = 0; i < w->model->n_tasks; i++)
                for (size_t k = 0; k < TRIGGERS_MAX; k++) {
                        MTrigger *trigger = &w->model->tasks[i]->triggers[k];

                        trigger->hold_boot = MIN(trigger->hold_boot, HOLD_OVER);
                        model_derive(w, trigger);
                        model_derive(w, &w->model->tasks[i]->new_triggers[k]);
                }
}

static void judge_zone(World *w, const Event *e)
{
        for (size_t i = 0; i < w->model->n_tasks; i++) {
                MTask *t = w->model->tasks[i];

                for (size_t k = 0; k <= t->spec.n_more; k++)
                        if (is_calendar(trigger_of(&t->spec, k)))
                                t->triggers[k].hold_boot = MIN(t->triggers[k].hold_boot, HOLD_OVER);
        }
}

static const Judge judges[_EVENT_TYPE_MAX] = {
        [EVENT_START] = model_started,
        [EVENT_CLOCK_STEPPED] = judge_clock,
        [EVENT_ZONE] = judge_zone,
        [EVENT_COMMITTED] = judge_commit,
        [EVENT_INSTALL] = model_install,
        [EVENT_REMOVE] = model_remove,
        [EVENT_PAUSE_PACKAGE] = model_pause_package,
        [EVENT_REGISTER] = model_register,
        [EVENT_UNREGISTER] = model_unregister,
        [EVENT_PAUSE] = model_bit,
        [EVENT_SKIP] = model_bit,
        [EVENT_LEVEL] = model_level,
        [EVENT_RAISE] = judge_raise,
        [EVENT_REQUEST] = model_request,
        [EVENT_RUN_NOW] = model_request,
        [EVENT_CANCEL] = model_cancel_task,
        [EVENT_CANCEL_RUN] = model_cancel_run,
        [EVENT_SPAWNED] = model_server_event,
        [EVENT_SPAWN_FAILED] = model_server_event,
        [EVENT_SERVER_ATTACHED] = model_server_event,
        [EVENT_SERVER_ANNOUNCED] = model_announced,
        [EVENT_SERVER_BECAME_APP] = model_server_event,
        [EVENT_SERVER_GONE] = model_server_event,
        [EVENT_CLASS_REGISTERED] = model_class_event,
        [EVENT_CLASS_REVOKED] = model_class_event,
        [EVENT_CLASSES_SUSPENDED] = model_class_event,
        [EVENT_ASK_TO_GO] = model_server_event,
        [EVENT_RUN_ACKNOWLEDGED] = model_run_event,
        [EVENT_RUN_REFUSED] = model_run_event,
        [EVENT_RUN_PROGRESS] = model_run_event,
        [EVENT_RUN_COMPLETED] = model_run_event,
        [EVENT_TRACED] = model_server_event,
        [EVENT_SHUTDOWN] = judge_shutdown,
};

/* What follows from the passing of time and from what the event changed. */
static void settle(World *w)
{
        model_run_deadlines(w);
        model_server_deadlines(w);
        model_expire(w);
        model_timers(w);
        model_fire_boot(w);
        model_sends(w);
        model_start_heads(w);
        model_waiters(w);
        model_start_heads(w);
        model_answer_asks(w);
        model_late_promises(w);
        sweep(w->model);
        model_sweep_classes(w->model);
}

void model_event(World *w, const Event *e)
{
        w->model->event = e;
        w->model->n_atoms++;
        cover_event(w, e);
        if (judges[e->type])
                judges[e->type](w, e);
        settle(w);
        match_rest(w);
        model_check(w);
        model_check_wake(w);
}

void model_print(World *w)
{
        static const char *const task_states[] = { "registering", "registered", "updating", "unregistering" };
        static const char *const server_states[] = { "launching", "up", "leaving", "stopping" };
        Model *m = w->model;

        for (size_t i = 0; i < m->n_tasks; i++)
                printf("# model: task %s %s/%s %s%s\n", short_id(m->tasks[i]->id), m->tasks[i]->spec.package,
                       m->tasks[i]->spec.name, task_states[m->tasks[i]->state],
                       m->tasks[i]->forgotten ? " forgotten" : "");
        for (size_t i = 0; i < m->n_tasks; i++) {
                Why reasons[ENGINE_WHY_MAX];
                size_t n = engine_get_why(w->engine, m->tasks[i]->id, reasons);

                for (size_t j = 0; j < n; j++)
                        printf("# engine: why of %s: %s\n", short_id(m->tasks[i]->id),
                               term_name(TERM_WHY, reasons[j].code));
        }
        for (size_t i = 0; i < m->n_firings; i++) {
                MFiring *f = m->firings[i];
                uint32_t codes = 0;

                if (!is_live(f))
                        model_gate(w, f, &codes);
                for (int c = 0; c < 32; c++)
                        if (codes & (UINT32_C(1) << c))
                                printf("# model: gate %s\n", term_name(TERM_WHY, c));
                printf("# model: run %s.%u #%" PRIu64 " of %s/%s %s%s server %" PRIu64
                       " count %u accepted at %.6f boot\n",
                       short_id(f->run), f->attempts, f->number, f->task->spec.package, f->task->spec.name,
                       term_name(TERM_RUN_STATE, f->state), f->unconfirmed ? " unconfirmed" : "", f->server, f->count,
                       (double)f->accepted_boot / USEC_PER_SEC);
        }
        for (size_t i = 0; i < m->n_servers; i++)
                printf("# model: server %" PRIu64 " %s exe %u %s%s%s%s\n", m->servers[i].id,
                       package_names[m->servers[i].package], m->servers[i].exe, server_states[m->servers[i].state],
                       m->servers[i].launched ? " launched" : "", m->servers[i].app ? " app" : "",
                       m->servers[i].retired ? " retired" : "");
}
