/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, section 2: registering, and who waits for a commit. */

#include <string.h>

#include "base/utf8.h"
#include "model.h"

static bool declares(Model *m, int package, Uuid clsid)
{
        PackageClass classes[N_CLASSES];
        size_t n = version_classes(package, m->packages[package].version, classes);

        for (size_t i = 0; i < n; i++)
                if (uuid_equal(classes[i].clsid, clsid))
                        return true;
        return false;
}

static bool contradicts(uint32_t c)
{
        static const uint8_t pairs[][2] = {
                { CONDITION_USER_PRESENT, CONDITION_USER_NOT_PRESENT },
                { CONDITION_INTERNET_AVAILABLE, CONDITION_INTERNET_NOT_AVAILABLE },
                { CONDITION_SESSION_CONNECTED, CONDITION_SESSION_DISCONNECTED },
                { CONDITION_FREE_NETWORK_AVAILABLE, CONDITION_INTERNET_NOT_AVAILABLE },
        };

        for (size_t i = 0; i < ELEMENTSOF(pairs); i++)
                if ((c & CONDITION_BIT(pairs[i][0])) && (c & CONDITION_BIT(pairs[i][1])))
                        return true;
        return false;
}

static bool triggers_equal(const Trigger *a, const Trigger *b)
{
        return a->kind == b->kind && a->one_shot == b->one_shot && a->system_type == b->system_type &&
                a->period_usec == b->period_usec &&
                (a->kind != TRIGGER_INTERVAL || a->window_usec == b->window_usec) &&
                strcmp(a->text ?: "", b->text ?: "") == 0;
}

/* Checks 4 to 7. */
static Error check_trigger(World *w, const TaskSpec *s, size_t place)
{
        const Trigger *t = trigger_of(s, place);

        if (t->kind == 0)
                return ERROR_NO_TRIGGER;
        if ((t->kind == TRIGGER_TIME || t->kind == TRIGGER_MAINTENANCE) && t->period_usec < 15 * USEC_PER_MINUTE)
                return ERROR_TRIGGER_TOO_SHORT;
        if (t->kind == TRIGGER_INTERVAL && (t->period_usec < USEC_PER_SEC || t->period_usec > 36525 * USEC_PER_DAY ||
                                            t->window_usec > t->period_usec))
                return ERROR_INVALID_ARGUMENT;
        if (is_calendar(t) && !calendar_comes(w, t->text))
                return ERROR_INVALID_ARGUMENT;
        for (size_t i = 0; i < place; i++)
                if (triggers_equal(trigger_of(s, i), t))
                        return ERROR_INVALID_ARGUMENT;
        if (s->command && t->kind == TRIGGER_SOCKET_ACTIVITY)
                return ERROR_TRIGGER_NOT_SUPPORTED;
        return ERROR_NONE;
}

/* Checks 1 to 9. */
static Error check_spec(World *w, const TaskSpec *s)
{
        Model *m = w->model;
        size_t n = strlen(s->name);
        int package = package_index(s->package);

        if (n == 0 || n > 255 || !utf8_is_valid(s->name, n) || utf8_has_control(s->name, n))
                return ERROR_INVALID_NAME;
        /* The package of a command is a label. */
        if (s->command && package < 0)
                return ERROR_INVALID_LABEL;
        if (!s->command && (package < 0 || !m->packages[package].known))
                return ERROR_NO_SUCH_PACKAGE;
        if (s->has_entry_point || (s->command && !uuid_is_null(s->clsid)))
                return ERROR_ENTRY_POINT_CONFLICT;
        if (s->n_more > 7)
                return ERROR_INVALID_ARGUMENT;
        for (size_t i = 0; i <= s->n_more; i++) {
                Error error = check_trigger(w, s, i);

                if (error)
                        return error;
        }
        for (int i = 0; i < CONDITION_MAX; i++)
                if ((s->conditions & CONDITION_BIT(i)) && !term_name(TERM_CONDITION, i))
                        return ERROR_INVALID_ARGUMENT;
        if (contradicts(s->conditions))
                return ERROR_CONDITIONS_CONTRADICT;
        if (!uuid_is_null(s->clsid) && !declares(m, package, s->clsid))
                return ERROR_CLASS_NOT_REGISTERED;
        return ERROR_NONE;
}

static bool same_name(const MTask *t, const TaskSpec *s)
{
        return !t->forgotten && strcmp(t->spec.package, s->package) == 0 && strcmp(t->spec.name, s->name) == 0;
}

static bool name_is_committing(Model *m, const TaskSpec *s)
{
        for (size_t i = 0; i < m->n_tasks; i++)
                if (same_name(m->tasks[i], s) && m->tasks[i]->state != T_REGISTERED)
                        return true;
        return false;
}

typedef struct SpecKey {
        const TaskSpec *spec;
        Uuid id;
} SpecKey;

static bool store_task_fits(const Act *a, const void *key)
{
        const SpecKey *k = key;

        return !a->task.unregistered && strcmp(a->task.spec.package, k->spec->package) == 0 &&
                strcmp(a->task.spec.name, k->spec->name) == 0 &&
                (uuid_is_null(k->id) || uuid_equal(k->id, a->task.id));
}

static bool all_triggers_equal(const TaskSpec *a, const TaskSpec *b)
{
        if (a->n_more != b->n_more)
                return false;
        for (size_t i = 0; i <= a->n_more; i++)
                if (!triggers_equal(trigger_of(a, i), trigger_of(b, i)))
                        return false;
        return true;
}

static bool specs_equal(const TaskSpec *a, const TaskSpec *b)
{
        return strcmp(a->package, b->package) == 0 && strcmp(a->name, b->name) == 0 && all_triggers_equal(a, b) &&
                a->command == b->command && (a->command || uuid_equal(a->clsid, b->clsid)) &&
                a->conditions == b->conditions && a->overlap == b->overlap &&
                a->catch_up == b->catch_up && a->rerun == b->rerun && a->retry_max == b->retry_max &&
                a->cancel_on_condition_loss == b->cancel_on_condition_loss &&
                a->retry_backoff_usec == b->retry_backoff_usec && a->time_limit_usec == b->time_limit_usec &&
                a->expires_usec == b->expires_usec && a->deadline_usec == b->deadline_usec &&
                a->catch_up_window_usec == b->catch_up_window_usec;
}

Act *model_expect_row(World *w, const TaskSpec *spec, Uuid id)
{
        Act *a = act_find(w, EFFECT_STORE_TASK, store_task_fits, &(SpecKey){ spec, id });

        sim_check(w, a, "2.4", "the registration of %s/%s is not given to the store", spec->package, spec->name);
        sim_check(w, specs_equal(&a->task.spec, spec), "2", "the registration of %s/%s is stored with other options",
                  spec->package, spec->name);
        a->matched = true;
        return a;
}

static uint64_t expect_task_gone(World *w, MTask *t, uint64_t commit)
{
        Act *a = find_task_gone(w, t->id);

        sim_check(w, a, "2.4", "the removal of task %s is not given to the store", short_id(t->id));
        sim_check(w, count_live(w->model, t) == 0 || a->effect.type == EFFECT_STORE_TASK, "2.5",
                  "the row of task %s is removed, and a run of it is alive", short_id(t->id));
        sim_check(w, commit == 0 || commit == a->effect.store.commit, "2.2",
                  "task %s is removed by a commit of its own", short_id(t->id));
        a->matched = true;
        return a->effect.store.commit;
}

/* The ends of the pending firings belong to the commit that removes their task. */
void model_begin_unregister(World *w, MTask *t, bool cancel, uint8_t reason, uint64_t token, uint64_t commit)
{
        Model *m = w->model;

        t->state = T_UNREGISTERING;
        t->cancel = cancel;
        t->reason = reason;
        t->token = token;
        t->commit = expect_task_gone(w, t, commit);
        for (size_t i = 0; i < m->n_firings; i++)
                if (m->firings[i]->task == t && !is_live(m->firings[i]))
                        model_promise_end(w, m->firings[i], t->commit, reason);
}

static MTrigger of_now(World *w)
{
        return (MTrigger){ .base = w->now.boot_usec,
                           .anchor = { w->boot_id, w->now.boot_usec, w->now.real_usec } };
}

static void register_new(World *w, const TaskSpec *spec, uint64_t token, MTask **old, size_t n_old)
{
        Act *a = model_expect_row(w, spec, UUID_NULL);
        MTask *t = model_add_task(w, a->task.id, spec);

        t->commit = a->effect.store.commit;
        t->token = token;
        for (size_t i = 0; i <= spec->n_more; i++)
                t->triggers[i] = of_now(w);
        t->registered_real = w->now.real_usec;
        t->last_number = a->task.last_number;
        sim_check(w, a->task.registered_real_usec == w->now.real_usec && !a->task.paused, "2",
                  "the row of a new task");
        for (size_t i = 0; i < n_old; i++)
                model_begin_unregister(w, old[i], false, REASON_ABORT, 0, t->commit);
}

/* 2.3: the phase is kept, and the next time is never before now. */
static MTrigger keep_phase(World *w, const MTrigger *before, const Trigger *old, const Trigger *new)
{
        int64_t late = (int64_t)w->now.boot_usec - before->base - (int64_t)new->period_usec;
        uint64_t shift = late > 0 && new->period_usec != old->period_usec ? late : 0;
        MTrigger t = *before;

        t.hold_boot = 0;
        /* One that becomes so has not fired. */
        t.fired_in_boot = before->fired_in_boot && is_once_per_boot(old);
        if (!is_timer(new))
                return t;
        if (is_calendar(new))
                return strcmp(new->text, old->text) == 0 ? t : of_now(w);
        if (shift > 0) {
                t.base += (int64_t)shift;
                t.anchor = (Anchor){ w->boot_id, t.base, before->anchor.real_usec + shift };
        }
        return t;
}

static int place_of(const TaskSpec *s, const Trigger *trigger)
{
        for (size_t i = 0; i <= s->n_more; i++)
                if (triggers_equal(trigger_of(s, i), trigger))
                        return (int)i;
        return -1;
}

/* 2.3: the place of the old trigger that this new one continues, -1: it is a new one. */
static int continues(const TaskSpec *old, const TaskSpec *new, size_t place)
{
        int equal = place_of(old, trigger_of(new, place));

        if (equal >= 0)
                return equal;
        if (place > old->n_more || trigger_of(old, place)->kind != trigger_of(new, place)->kind ||
            place_of(new, trigger_of(old, place)) >= 0)
                return -1;
        return (int)place;
}

static void keep_phases(World *w, MTask *t, const TaskSpec *spec)
{
        for (size_t i = 0; i <= spec->n_more; i++) {
                int place = continues(&t->spec, spec, i);

                if (place >= 0)
                        t->new_triggers[i] = keep_phase(w, &t->triggers[place], trigger_of(&t->spec, place),
                                                        trigger_of(spec, i));
        }
}

static void update(World *w, MTask *t, const TaskSpec *spec, uint64_t token)
{
        Act *a = model_expect_row(w, spec, t->id);

        t->state = T_UPDATING;
        t->new_spec = *spec;
        if (spec->command)
                t->new_spec.clsid = t->id;
        t->commit = a->effect.store.commit;
        t->token = token;
        t->number_then = t->last_number;
        for (size_t i = 0; i <= spec->n_more; i++)
                t->new_triggers[i] = of_now(w);
        keep_phases(w, t, spec);
}

static size_t count_package(Model *m, int package)
{
        size_t n = 0;

        for (size_t i = 0; i < m->n_tasks; i++)
                n += !m->tasks[i]->forgotten && package_index(m->tasks[i]->spec.package) == package;
        return n;
}

static void judge_register(World *w, const TaskSpec *spec, uint8_t if_exists, uint64_t token)
{
        Model *m = w->model;
        MTask *same[M_TASKS];
        size_t n = 0;
        Act *a;
        bool is_new;

        for (size_t i = 0; i < m->n_tasks; i++)
                if (same_name(m->tasks[i], spec))
                        same[n++] = m->tasks[i];
        is_new = n == 0 || if_exists == IF_EXISTS_DUPLICATE;
        if (is_new && count_package(m, package_index(spec->package)) >= w->limits.registrations_per_package) {
                a = expect_reply(w, "2 check 10", token, ERROR_QUOTA_EXCEEDED);
                sim_check(w, a->effect.reply.limit == 1, "2 check 10", "QuotaExceeded names limit %u",
                          a->effect.reply.limit);
                return;
        }
        if (is_new) {
                register_new(w, spec, token, NULL, 0);
        } else if (if_exists == IF_EXISTS_FAIL) {
                expect_reply(w, "2.2", token, ERROR_NAME_TAKEN);
        } else if (if_exists == IF_EXISTS_KEEP) {
                a = expect_reply(w, "2.2", token, ERROR_NONE);
                sim_check(w, a->effect.reply.existed && uuid_equal(a->effect.reply.id, same[0]->id), "2.2",
                          "keep answers %s; expected: %s, which existed", short_id(a->effect.reply.id),
                          short_id(same[0]->id));
        } else if (if_exists == IF_EXISTS_REPLACE) {
                register_new(w, spec, token, same, n);
        } else if (n > 1) {
                expect_reply(w, "2.2", token, ERROR_AMBIGUOUS);
        } else if (spec->command != same[0]->spec.command) {
                expect_reply(w, "2.3", token, ERROR_ENTRY_POINT_CONFLICT);
        } else {
                update(w, same[0], spec, token);
        }
}

static bool is_committing(Model *m, int package)
{
        for (size_t i = 0; i < m->n_tasks; i++)
                if (!m->tasks[i]->forgotten && package_index(m->tasks[i]->spec.package) == package &&
                    m->tasks[i]->state != T_REGISTERED)
                        return true;
        return false;
}

/* Its removal was given to the store, and has not been answered. */
static bool package_is_removed(Model *m, const char *package)
{
        const MPackage *p = &m->packages[package_index(package)];

        return p->commit && p->op == EVENT_REMOVE;
}

/* A removal of the package was asked for, and has not been answered. */
static bool package_is_going(Model *m, const char *package)
{
        int i = package_index(package);

        for (size_t j = 0; j < m->n_waiters; j++)
                if (m->waiters[j].type == EVENT_REMOVE && m->waiters[j].package == i && is_committing(m, i))
                        return true;
        return package_is_removed(m, package);
}

static bool must_wait(Model *m, const TaskSpec *spec)
{
        return package_is_going(m, spec->package) || name_is_committing(m, spec);
}

static void check_and_register(World *w, const TaskSpec *spec, uint8_t if_exists, uint64_t token)
{
        Error error = check_spec(w, spec);

        if (error)
                expect_reply(w, "2", token, error);
        else
                judge_register(w, spec, if_exists, token);
}

MWaiter *model_add_waiter(World *w, EventType type, uint64_t token)
{
        Model *m = w->model;

        sim_check(w, m->n_waiters < M_WAITERS, "simulator", "too many callers wait");
        m->waiters[m->n_waiters] = (MWaiter){ .type = type, .token = token };
        return &m->waiters[m->n_waiters++];
}

/* The copy outlives the event: its texts are interned. */
static TaskSpec own_spec(World *w, const TaskSpec *spec)
{
        TaskSpec s = *spec;

        s.package = intern(w, s.package);
        s.name = intern(w, s.name);
        s.trigger.text = intern(w, s.trigger.text);
        s.more = own_triggers(w, s.more, s.n_more);
        return s;
}

void model_register(World *w, const Event *e)
{
        TaskSpec spec = own_spec(w, e->reg.spec);
        MWaiter *waiter;

        if (check_spec(w, &spec) || !must_wait(w->model, &spec)) {
                check_and_register(w, &spec, e->reg.if_exists, e->token);
                return;
        }
        waiter = model_add_waiter(w, EVENT_REGISTER, e->token);
        waiter->spec = spec;
        waiter->if_exists = e->reg.if_exists;
}

static bool try_unregister(World *w, Uuid id, bool cancel, uint64_t token)
{
        MTask *t = model_task(w->model, id);

        if (!t || t->forgotten) {
                expect_reply(w, "2.4", token, ERROR_NO_SUCH_TASK);
                return true;
        }
        if (t->state != T_REGISTERED)
                return false;
        model_begin_unregister(w, t, cancel, REASON_ABORT, token, 0);
        return true;
}

void model_unregister(World *w, const Event *e)
{
        MWaiter *waiter;

        if (try_unregister(w, e->task.task, e->task.cancel, e->token))
                return;
        waiter = model_add_waiter(w, EVENT_UNREGISTER, e->token);
        waiter->task = e->task.task;
        waiter->cancel = e->task.cancel;
}

void model_remove(World *w, const Event *e)
{
        int package = package_index(e->package.name);

        if (!model_try_remove(w, package, e->token))
                model_add_waiter(w, EVENT_REMOVE, e->token)->package = package;
}

static void judge_waiter(World *w, const MWaiter *waiter)
{
        bool judged = true;

        switch (waiter->type) {
        case EVENT_REGISTER:
                check_and_register(w, &waiter->spec, waiter->if_exists, waiter->token);
                break;
        case EVENT_UNREGISTER:
                judged = try_unregister(w, waiter->task, waiter->cancel, waiter->token);
                break;
        case EVENT_PAUSE:
        case EVENT_SKIP:
                judged = model_try_bit(w, waiter->type, waiter->task, waiter->cancel, waiter->token);
                break;
        case EVENT_REMOVE:
                judged = model_try_remove(w, waiter->package, waiter->token);
                break;
        default:
                find_reply(w, waiter->token)->matched = true;
                break;
        }
        sim_check(w, judged, "simulator", "a caller that is ready waits");
}

/* The commit of an unregistration: not that of a replacement, or of a package. */
static bool only_unregisters(World *w, uint64_t commit)
{
        for (size_t i = 0; i < w->acts.n; i++) {
                const Act *a = &w->acts.items[i];

                if (a->effect.type != EFFECT_STORE_PACKAGE_GONE &&
                    (a->effect.type != EFFECT_STORE_TASK || a->task.unregistered))
                        continue;
                if (a->effect.store.commit == commit)
                        return false;
        }
        return true;
}

/* The first thing that the engine did and that judging this caller explains; NULL: it did none. */
static const Act *evidence(World *w, const MWaiter *waiter)
{
        if (find_reply(w, waiter->token))
                return find_reply(w, waiter->token);
        for (size_t i = 0; i < w->acts.n; i++) {
                const Act *a = &w->acts.items[i];
                bool puts = a->effect.type == EFFECT_STORE_TASK && !a->task.unregistered;

                if (a->matched)
                        continue;
                if (waiter->type == EVENT_REGISTER && puts && specs_equal(&a->task.spec, &waiter->spec))
                        return a;
                if ((waiter->type == EVENT_PAUSE || waiter->type == EVENT_SKIP) && puts &&
                    uuid_equal(a->task.id, waiter->task))
                        return a;
                if (waiter->type == EVENT_UNREGISTER && is_task_gone(a, waiter->task) &&
                    only_unregisters(w, a->effect.store.commit))
                        return a;
                if (waiter->type == EVENT_REMOVE && a->effect.type == EFFECT_STORE_PACKAGE_GONE &&
                    package_index(a->effect.store.package.name) == waiter->package)
                        return a;
        }
        return NULL;
}

static bool is_ready(World *w, const MWaiter *waiter)
{
        const MTask *t = model_task(w->model, waiter->task);

        switch (waiter->type) {
        case EVENT_REGISTER:
                if (check_spec(w, &waiter->spec) && find_reply(w, waiter->token))
                        return true;
                /* 9: one that waited already may come before a removal that waits, too. */
                return !must_wait(w->model, &waiter->spec) ||
                       (!package_is_removed(w->model, waiter->spec.package) &&
                        !name_is_committing(w->model, &waiter->spec) && evidence(w, waiter));
        case EVENT_UNREGISTER:
        case EVENT_PAUSE:
        case EVENT_SKIP:
                return !t || t->forgotten || t->state == T_REGISTERED;
        case EVENT_REMOVE:
                return !is_committing(w->model, waiter->package);
        default:
                return find_reply(w, waiter->token);
        }
}

/* The one goes first of which the engine shows something first, of others the one that has waited longer. */
static bool goes_before(World *w, const MWaiter *a, const MWaiter *b)
{
        const Act *of_a = evidence(w, a), *of_b = evidence(w, b);

        return of_a ? !of_b || of_a <= of_b : !of_b;
}

/* Those whose commit has been answered are judged again. The page does not say in which order: the engine shows it. */
void model_waiters(World *w)
{
        Model *m = w->model;

        for (;;) {
                size_t chosen = m->n_waiters;
                MWaiter waiter;

                for (size_t i = m->n_waiters; i-- > 0;)
                        if (is_ready(w, &m->waiters[i]) &&
                            (chosen == m->n_waiters || goes_before(w, &m->waiters[i], &m->waiters[chosen])))
                                chosen = i;
                if (chosen == m->n_waiters)
                        break;
                waiter = m->waiters[chosen];
                memmove(&m->waiters[chosen], &m->waiters[chosen + 1], (--m->n_waiters - chosen) * sizeof waiter);
                judge_waiter(w, &waiter);
        }
}

/* 2.5: the unregistration is durable. */
void model_forget(World *w, MTask *t, bool cancel, uint8_t reason)
{
        Model *m = w->model;

        t->forgotten = true;
        for (size_t i = 0; i < m->n_firings;) {
                MFiring *f = m->firings[i];

                if (f->task == t && f->state == RUN_PENDING) {
                        if (f->promised) {
                                model_answer_late(w, f);
                                model_remove_firing(m, f);
                        } else {
                                model_end(w, f, OUTCOME_CANCELED, reason, DETAIL_NONE);
                        }
                        i = 0;
                        continue;
                }
                if (f->task == t && cancel && f->state != RUN_STOPPING) {
                        size_t before = m->n_firings;

                        model_cancel(w, f, reason);
                        i = m->n_firings < before ? 0 : i + 1;
                        continue;
                }
                i++;
        }
}

static void registered(World *w, MTask *t, int error)
{
        Act *a = expect_reply(w, "2.4", t->token, error_of_store(error));

        if (error) {
                t->forgotten = true;
                return;
        }
        sim_check(w, uuid_equal(a->effect.reply.id, t->id) && !a->effect.reply.existed, "2.4",
                  "a registration is answered with id %s; expected: %s", short_id(a->effect.reply.id),
                  short_id(t->id));
        t->state = T_REGISTERED;
        model_boot(w, false);
}

static void updated(World *w, MTask *t, int error)
{
        Act *a;

        if (t->bit) {
                model_bit_updated(w, t, error);
                return;
        }
        a = expect_reply(w, "2.4", t->token, error_of_store(error));
        t->state = T_REGISTERED;
        if (error)
                return;
        sim_check(w, uuid_equal(a->effect.reply.id, t->id), "2.3", "an update is answered with another id");
        if (t->last_number != t->number_then)
                keep_phases(w, t, &t->new_spec);
        memcpy(t->triggers, t->new_triggers, sizeof t->triggers);
        /* What was accepted under the old options is kept, even if its commit fails now. */
        for (size_t i = 0; i < w->model->n_firings; i++)
                if (w->model->firings[i]->task == t) {
                        w->model->firings[i]->stored = true;
                        /* It finds out nothing about a class that is not its own any more. */
                        if (!uuid_equal(t->spec.clsid, t->new_spec.clsid))
                                w->model->firings[i]->probe = false;
                }
        t->spec = t->new_spec;
        /* 6.1: what waits is sent before the moment's timers fire. */
        model_sends(w);
        model_boot(w, false);
}

/* A one-shot whose outcome waited for the commit that has been answered. */
static void end_held_one_shot(Model *m, MTask *t)
{
        for (size_t i = 0; i < m->n_endings; i++) {
                MEnding *e = &m->endings[i];

                if (!e->one_shot || !(e->deferred || e->failed) || !uuid_equal(e->task, t->id))
                        continue;
                e->one_shot = trigger_of(&t->spec, e->trigger)->one_shot;
                if (!e->one_shot)
                        continue;
                t->state = T_UNREGISTERING;
                t->one_shot_end = true;
                t->commit = t->token = 0;
                t->cancel = false;
                t->reason = REASON_ABORT;
        }
}

/* What a commit decides about tasks and packages. */
void model_commit_tasks(World *w, uint64_t commit, int error)
{
        Model *m = w->model;

        for (size_t i = 0; i < m->n_tasks; i++) {
                MTask *t = m->tasks[i];
                TaskState state = t->state;

                if (t->forgotten || t->commit != commit || state == T_REGISTERED)
                        continue;
                if (t->one_shot_end && error)
                        continue;
                cover(2, state, EVENT_COMMITTED);
                t->commit = 0;
                if (state == T_REGISTERING) {
                        registered(w, t, error);
                } else if (state == T_UPDATING) {
                        updated(w, t, error);
                } else {
                        if (t->token)
                                expect_reply(w, "2.4", t->token, error_of_store(error));
                        t->state = T_REGISTERED;
                        for (size_t k = 0; k < TRIGGERS_MAX; k++)
                                t->triggers[k].hold_boot = 0;
                        for (size_t j = 0; error && j < m->n_firings; j++)
                                if (m->firings[j]->task == t)
                                        m->firings[j]->promised = 0;
                        if (!error)
                                model_forget(w, t, t->cancel, t->reason);
                }
                if (!t->forgotten && t->state == T_REGISTERED)
                        end_held_one_shot(m, t);
                i = SIZE_MAX;
        }
        for (int i = 0; i < N_PACKAGES; i++)
                if (m->packages[i].commit && m->packages[i].commit == commit)
                        model_package_committed(w, i, error);
}
