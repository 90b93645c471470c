/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, section 9: packages. */

#include "model.h"

void model_install(World *w, const Event *e)
{
        MPackage *p = &w->model->packages[package_index(e->package.name)];
        Want *want = NULL;

        for (int version = 0; version < N_VERSIONS; version++)
                if (uuid_equal(version_content(package_index(e->package.name), version), e->package.content))
                        p->new_version = version;
        if (p->known && p->new_version == p->version) {
                expect_reply(w, "9", e->token, ERROR_NONE);
                return;
        }
        want = world_want(w, e->token);
        sim_check(w, want, "12", "an installation is answered before its commit");
        p->op = EVENT_INSTALL;
        p->token = e->token;
        for (size_t i = 0; i < w->acts.n; i++)
                if (w->acts.items[i].effect.type == EFFECT_STORE_PACKAGE)
                        p->commit = w->acts.items[i].effect.store.commit;
        sim_check(w, p->commit, "9", "an installation is not given to the store");
}

bool model_try_remove(World *w, int package, uint64_t token)
{
        Model *m = w->model;
        MPackage *p = &m->packages[package];

        if (!p->known) {
                expect_reply(w, "9", token, ERROR_NO_SUCH_PACKAGE);
                return true;
        }
        for (size_t i = 0; i < m->n_tasks; i++)
                if (!m->tasks[i]->forgotten && package_index(m->tasks[i]->spec.package) == package &&
                    m->tasks[i]->state != T_REGISTERED)
                        return false;
        p->op = EVENT_REMOVE;
        p->token = token;
        for (size_t i = 0; i < w->acts.n; i++)
                if (w->acts.items[i].effect.type == EFFECT_STORE_PACKAGE_GONE &&
                    package_index(w->acts.items[i].effect.store.package.name) == package)
                        p->commit = w->acts.items[i].effect.store.commit;
        sim_check(w, p->commit, "9", "a removal is not given to the store");
        for (size_t i = 0; i < m->n_tasks; i++) {
                MTask *t = m->tasks[i];

                if (!t->forgotten && package_index(t->spec.package) == package && t->state == T_REGISTERED)
                        model_begin_unregister(w, t, true, REASON_UNINSTALL, 0, p->commit);
        }
        return true;
}

/* 9.1 */
bool model_package_paused(Model *m, const TaskSpec *spec)
{
        return m->packages[package_index(spec->package)].paused;
}

static bool has_task(Model *m, int package)
{
        for (size_t i = 0; i < m->n_tasks; i++)
                if (!m->tasks[i]->forgotten && package_index(m->tasks[i]->spec.package) == package)
                        return true;
        return false;
}

void model_pause_package(World *w, const Event *e)
{
        int package = package_index(e->package.name);
        MPackage *p = &w->model->packages[package];

        if (!p->known && !p->paused && !has_task(w->model, package)) {
                expect_reply(w, "9.1", e->token, ERROR_NO_SUCH_PACKAGE);
                return;
        }
        if (p->paused == e->package.paused) {
                expect_reply(w, "9.1", e->token, ERROR_NONE);
                return;
        }
        p->op = EVENT_PAUSE_PACKAGE;
        p->token = e->token;
        p->new_paused = e->package.paused;
        p->new_paused_real = p->new_paused ? w->now.real_usec : 0;
        for (size_t i = 0; i < w->acts.n; i++)
                if (w->acts.items[i].effect.type == EFFECT_STORE_PACKAGE_PAUSE)
                        p->commit = w->acts.items[i].effect.store.commit;
        sim_check(w, p->commit, "9.1", "the pause of a package is not given to the store");
}

static void paused(World *w, int package, int error)
{
        const StoredPackage *stored = &w->store.durable.packages[package];
        MPackage *p = &w->model->packages[package];

        if (error)
                return;
        p->paused = p->new_paused;
        p->paused_real = p->new_paused_real;
        sim_check(w, stored->paused == p->paused && stored->paused_real == p->paused_real, "9.1, I1",
                  "the pause of %s is answered and not durable", package_names[package]);
}

static void cancel_package(World *w, int package, uint8_t reason)
{
        Model *m = w->model;

        for (size_t i = 0; i < m->n_firings; i++) {
                size_t before = m->n_firings;

                if (package_index(m->firings[i]->task->spec.package) == package && is_live(m->firings[i]))
                        model_cancel(w, m->firings[i], reason);
                if (m->n_firings < before)
                        i = SIZE_MAX;
        }
}

void model_package_committed(World *w, int package, int error)
{
        Model *m = w->model;
        MPackage *p = &m->packages[package];
        EventType op = p->op;
        bool known = p->known;

        p->commit = 0;
        expect_reply(w, "9", p->token, error_of_store(error));
        if (op == EVENT_PAUSE_PACKAGE) {
                paused(w, package, error);
                return;
        }
        if (error)
                return;
        if (op == EVENT_REMOVE)
                p->paused = false;
        p->known = op == EVENT_INSTALL;
        p->version = p->new_version;
        if (!known)
                return;
        for (size_t i = 0; i < m->n_servers; i++)
                if (m->servers[i].package == package) {
                        m->servers[i].retired = true;
                        m->servers[i].doomed = m->servers[i].doomed || op == EVENT_REMOVE;
                }
        cancel_package(w, package, op == EVENT_REMOVE ? REASON_UNINSTALL : REASON_SERVICING_UPDATE);
        if (op == EVENT_INSTALL)
                model_raise(w, TRIGGER_SYSTEM, SYSTEM_SERVICING_COMPLETE, NULL, package, NULL, 0);
}
