/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, section 5.1: what must hold before the head of a queue starts. */

#include <string.h>

#include "model.h"

bool model_package_has_class(Uuid clsid)
{
        for (int package = 0; package < N_PACKAGES; package++)
                for (int class = 0; class < N_CLASSES; class++)
                        if (uuid_equal(class_id(package, class), clsid))
                                return true;
        return false;
}

bool is_in_process(const TaskSpec *spec)
{
        return uuid_is_null(spec->clsid) && !spec->command;
}

MClass *model_class(Model *m, const TaskSpec *spec)
{
        MClass *classes = m->classes[package_index(spec->package)];

        for (int class = 0; class < N_CLASSES; class++)
                if (uuid_equal(class_id(package_index(spec->package), class), spec->clsid))
                        return &classes[class];
        for (size_t i = 0; i < m->n_tasks; i++)
                if (m->tasks[i]->spec.command && uuid_equal(m->tasks[i]->id, spec->clsid))
                        return &m->tasks[i]->command_class;
        return &classes[N_CLASSES];
}

uint32_t needed_conditions(const TaskSpec *spec)
{
        return spec->conditions |
               (has_trigger(spec, TRIGGER_MAINTENANCE) ? CONDITION_BIT(CONDITION_ON_AC_POWER) : 0);
}

bool model_deadline_passed(World *w, const MFiring *f)
{
        uint64_t deadline = f->deadline_usec;

        return deadline && f->accepted_boot + (int64_t)deadline <= (int64_t)w->now.boot_usec;
}

bool model_class_declared(Model *m, const TaskSpec *spec)
{
        PackageClass classes[N_CLASSES];
        const MPackage *p = &m->packages[package_index(spec->package)];
        size_t n = version_classes(package_index(spec->package), p->version, classes);

        if (spec->command)
                return true;
        for (size_t i = 0; p->known && i < n; i++)
                if (uuid_equal(classes[i].clsid, spec->clsid))
                        return true;
        return false;
}

/* 9: its package has a version that does not declare what a trigger of this kind needs. */
bool model_lacks_capability(Model *m, const TaskSpec *spec, int kind)
{
        const MPackage *p = &m->packages[package_index(spec->package)];

        return kind == TRIGGER_USER_NOTIFICATION_CHANGED && !spec->command &&
               (!p->known || !version_capabilities(p->version));
}

static size_t starts_in_window(World *w, int package, bool certain)
{
        Model *m = w->model;
        size_t n = 0;

        for (size_t i = certain ? m->n_forgotten[package] : 0; i < m->n_starts[package]; i++)
                n += usec_add(m->starts[package][i], w->limits.start_window_usec) > w->now.boot_usec;
        return n;
}

static uint32_t failing_conditions(World *w, const MFiring *f)
{
        uint32_t needed = needed_conditions(&f->task->spec), codes = 0;

        for (int i = 0; i < CONDITION_MAX; i++)
                if ((needed & CONDITION_BIT(i)) && model_level_of(w->model, i) != 1)
                        codes |= 1u << (model_level_of(w->model, i) == 0 ? WHY_CONDITION_FALSE
                                                                          : WHY_CONDITION_UNKNOWN);
        return codes;
}

/* 6.2: an acknowledgement resets the class, and the one start after a quarantine has nothing more to show. */
void model_class_worked(Model *m, const TaskSpec *spec)
{
        MClass *c = model_class(m, spec);

        *c = (MClass){ 0 };
        for (size_t i = 0; i < m->n_firings; i++)
                if (model_class(m, &m->firings[i]->task->spec) == c)
                        m->firings[i]->probe = false;
}

/* After a quarantine one start is tried: the others wait for what becomes of it. */
bool model_is_probing(Model *m, const MClass *c)
{
        for (size_t i = 0; i < m->n_firings; i++)
                if (m->firings[i]->probe && is_live(m->firings[i]) && !m->firings[i]->acknowledged &&
                    model_class(m, &m->firings[i]->task->spec) == c)
                        return true;
        return false;
}

/* 5.1: whether this head may start, and the codes of all gates that fail. */
int model_gate(World *w, MFiring *f, uint32_t *ret_codes)
{
        Model *m = w->model;
        const TaskSpec *s = &f->task->spec;
        const MClass *c = model_class(m, s);
        uint32_t codes = 0, maybe = 0;
        size_t live = count_live(m, f->task);
        int backing_off = c->launch_failures >= 10 ? WHY_QUARANTINED : WHY_BACKING_OFF;

        if (f->task->state == T_UNREGISTERING)
                codes |= 1u << WHY_UNREGISTERING;
        if (is_in_process(s) && !model_has_host(m, s))
                codes |= 1u << WHY_NO_HOST;
        if (!is_in_process(s) && !model_class_declared(m, s))
                codes |= 1u << WHY_CLASS_MISSING;
        if (has_trigger(s, TRIGGER_USER_NOTIFICATION_CHANGED) &&
            model_lacks_capability(m, s, TRIGGER_USER_NOTIFICATION_CHANGED))
                codes |= 1u << WHY_CAPABILITY_MISSING;
        if (live >= (s->overlap == OVERLAP_PARALLEL ? w->limits.live_runs_per_task : 1))
                codes |= 1u << WHY_RUNNING;
        if (count_live(m, NULL) >= w->limits.live_runs)
                codes |= 1u << WHY_RUN_LIMIT;
        if (!f->forced) {
                if (f->task->paused)
                        codes |= 1u << WHY_PAUSED;
                if (model_package_paused(m, &f->task->spec))
                        codes |= 1u << WHY_PACKAGE_PAUSED;
                if (!model_deadline_passed(w, f))
                        codes |= failing_conditions(w, f);
                if (starts_in_window(w, package_index(s->package), true) >= w->limits.starts_per_window)
                        codes |= 1u << WHY_START_LIMIT;
                else if (starts_in_window(w, package_index(s->package), false) >= w->limits.starts_per_window)
                        maybe |= 1u << WHY_START_LIMIT;
        }
        if (!f->forced || f->attempts > 0) {
                if (w->now.boot_usec < c->low || (model_is_probing(m, c) && !c->unsure))
                        codes |= 1u << backing_off;
                else if (w->now.boot_usec < c->high || model_is_probing(m, c))
                        maybe |= 1u << backing_off;
        }
        if (w->now.boot_usec < f->retry_boot)
                *(f->retry_open ? &maybe : &codes) |= 1u << WHY_WAITING_FOR_RETRY;
        *ret_codes = codes | (codes || maybe ? maybe : 0);
        return codes ? GATE_SHUT : maybe ? GATE_MAYBE : GATE_OPEN;
}
