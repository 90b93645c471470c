/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, sections 6.1 (which class object), 6.6 (the ladder) and 7 (servers). */

#include <signal.h>
#include <string.h>

#include "model.h"

bool server_signalable(const MServer *s)
{
        return s->launched && !s->app;
}

static bool is_single_use(const MObject *o)
{
        return !(o->flags & (REGCLS_MULTIPLEUSE | REGCLS_MULTI_SEPARATE));
}

static bool takes(Model *m, const MObject *o, const TaskSpec *spec, uint64_t only_server)
{
        const MServer *s = model_server(m, o->server);

        return uuid_equal(o->clsid, spec->clsid) && !o->suspended && !(is_single_use(o) && o->used) && s &&
               s->package == package_index(spec->package) && s->state == S_UP && !s->unresponsive && !s->retired &&
               !o->withdrawn && (only_server == 0 || only_server == s->id);
}

static MObject *taker(Model *m, const TaskSpec *spec, uint64_t only_server)
{
        for (size_t i = m->n_objects; i-- > 0;)
                if (takes(m, &m->objects[i], spec, only_server))
                        return &m->objects[i];
        return NULL;
}

/* A running process that takes the in-process tasks of the package. */
bool model_has_host(Model *m, const TaskSpec *spec)
{
        return taker(m, spec, 0);
}

static uint32_t exe_of(Model *m, int package, Uuid clsid)
{
        PackageClass classes[N_CLASSES];
        size_t n = version_classes(package, m->packages[package].version, classes);

        for (size_t i = 0; i < n; i++)
                if (uuid_equal(classes[i].clsid, clsid))
                        return classes[i].exe_server;
        for (size_t i = 0; i < m->n_tasks; i++)
                if (m->tasks[i]->spec.command && uuid_equal(m->tasks[i]->id, clsid))
                        return EXE_SERVER_COMMAND;
        return 0;
}

/* A server for whose class object the run may wait. */
static bool may_wait_for(World *w, const MServer *s, const MFiring *f)
{
        Model *m = w->model;
        int package = package_index(f->task->spec.package);
        bool registered = false, suspended = false;

        /* Only the server that was launched for this attempt of a command takes it. */
        if (f->task->spec.command)
                return s->id == f->server && (s->state == S_LAUNCHING || s->state == S_UP);
        if (!s->launched || s->package != package || s->exe != exe_of(m, package, f->task->spec.clsid) || s->retired ||
             s->unresponsive || (s->state != S_LAUNCHING && s->state != S_UP) ||
            w->now.mono_usec >= s->class_mono)
                return false;
        for (size_t i = 0; i < m->n_objects; i++) {
                const MObject *o = &m->objects[i];

                if (o->server != s->id || !uuid_equal(o->clsid, f->task->spec.clsid))
                        continue;
                registered = true;
                suspended = suspended || (o->suspended && !(is_single_use(o) && o->used));
        }
        return !registered || suspended;
}

typedef struct SendKey {
        Uuid run;
        uint32_t attempt;
} SendKey;

static bool send_fits(const Act *a, const void *key)
{
        const SendKey *k = key;

        return uuid_equal(a->info.run, k->run) && a->info.attempt == k->attempt;
}

static bool launch_fits(const Act *a, const void *key)
{
        return a->effect.launch.server == *(const uint64_t *)key;
}

static void check_info(World *w, const MFiring *f, const Act *a)
{
        sim_check(w,
                  a->info.number == f->number && a->info.count == f->count && a->info.fired_by == f->fired_by &&
                          a->info.n_details == f->n_details &&
                          details_equal(a->details, a->info.n_details, f->details, f->n_details),
                  "6", "Run of %s carries other details than its firing", short_id(f->run));
}

/* Sends the run to this class object. */
static void send_to(World *w, MFiring *f, MObject *o)
{
        Act *a = act_find(w, EFFECT_SEND_RUN, send_fits, &(SendKey){ f->run, f->attempts });

        sim_check(w, a, "6.1", "run %s.%u is not sent; expected: to server %" PRIu64, short_id(f->run), f->attempts,
                  o->server);
        sim_check(w, a->effect.send_run.server == o->server && a->effect.send_run.cookie == o->cookie, "6.1",
                  "run %s.%u is sent to server %" PRIu64 " cookie %u; expected: the newest, %" PRIu64 " cookie %u",
                  short_id(f->run), f->attempts, a->effect.send_run.server, a->effect.send_run.cookie, o->server,
                  o->cookie);
        check_info(w, f, a);
        a->matched = true;
        f->server = f->last_server = o->server;
        f->sent = true;
        f->sent_real = w->now.real_usec;
        f->ack_mono = usec_add(w->now.mono_usec, 10 * USEC_PER_SEC);
        o->used = true;
}

static void launch_for(World *w, MFiring *f, uint64_t server)
{
        Model *m = w->model;
        Act *a = act_find(w, EFFECT_LAUNCH, launch_fits, &server);
        int package = package_index(f->task->spec.package);

        sim_check(w, a, "6.1", "run %s waits for server %" PRIu64 "; expected: its server is launched",
                  short_id(f->run), server);
        for (size_t i = 0; i < m->n_servers; i++)
                sim_check(w, !may_wait_for(w, &m->servers[i], f), "6.1",
                          "a server is launched for run %s; expected: it "
                          "waits for server %" PRIu64,
                          short_id(f->run), m->servers[i].id);
        sim_check(w, package_index(a->effect.launch.package) == package &&
                  a->effect.launch.exe_server == exe_of(m, package, f->task->spec.clsid) &&
                  uuid_equal(a->effect.launch.command, f->task->spec.command ? f->task->id : UUID_NULL), "6.1",
                  "the wrong ExeServer is launched for run %s", short_id(f->run));
        sim_check(w, m->n_servers < M_SERVERS, "simulator", "too many servers");
        a->matched = true;
        m->servers[m->n_servers++] = (MServer){ .id = server,
                                               .package = package,
                                               .exe = a->effect.launch.exe_server,
                                               .launched = true,
                                               .class_mono = usec_add(w->now.mono_usec, 60 * USEC_PER_SEC),
                                               .kill_mono = USEC_INFINITY };
        f->server = f->last_server = server;
}

/* Of several that wait for one new server it was launched for the one whose entry in the ledger went before. */
static bool is_launched_for(World *w, const MFiring *f)
{
        const Act *before = NULL;

        for (size_t i = 0; i < w->acts.n; i++) {
                const Act *a = &w->acts.items[i];

                if (a->effect.type == EFFECT_LEDGER)
                        before = a;
                if (a->effect.type == EFFECT_LAUNCH && a->effect.launch.server == f->server)
                        return before && uuid_equal(before->ledger.run, f->run) &&
                               before->ledger.attempt == f->attempts;
        }
        return false;
}

/* 6.1; the entry of the ledger says which server the engine chose. */
void model_assign(World *w, MFiring *f, const Act *ledger)
{
        Model *m = w->model;
        MObject *o = f->task->spec.command ? NULL : taker(m, &f->task->spec, 0);
        MServer *s = model_server(m, ledger->ledger.server);

        sim_check(w, o || !is_in_process(&f->task->spec), "6.1", "run %s starts without a process that takes it",
                  short_id(f->run));
        if (o) {
                send_to(w, f, o);
        } else if (s) {
                sim_check(w, may_wait_for(w, s, f), "6.1",
                          "run %s waits for server %" PRIu64 ", which will not take it", short_id(f->run), s->id);
                f->server = f->last_server = s->id;
        } else {
                launch_for(w, f, ledger->ledger.server);
        }
        f->launched_for = is_launched_for(w, f);
        for (size_t i = 0; i < w->acts.n; i++)
                if (w->acts.items[i].effect.type == EFFECT_LEDGER && uuid_equal(w->acts.items[i].ledger.run, f->run) &&
                    w->acts.items[i].ledger.attempt == f->attempts)
                        w->acts.items[i].matched = true;
}

static void try_send(World *w, MFiring *f)
{
        Model *m = w->model;
        MServer *s = model_server(m, f->server);
        MObject *o = taker(m, &f->task->spec, f->server);
        Act *send = act_find(w, EFFECT_SEND_RUN, send_fits, &(SendKey){ f->run, f->attempts }), *ledger;

        /* An update gave the task another class, and this attempt goes on waiting. */
        if (o && !uuid_equal(f->clsid, f->task->spec.clsid) && !send)
                return;
        if (o) {
                send_to(w, f, f->task->spec.command ? o : taker(m, &f->task->spec, 0));
        } else if (send) {
                o = taker(m, &f->task->spec, 0);
                sim_check(w, o, "6.1", "run %s.%u is sent, and there is no taker", short_id(f->run), f->attempts);
                f->launched_for = false;
                send_to(w, f, o);
        } else if ((o = taker(m, &f->task->spec, 0)) && o->fresh && uuid_equal(f->clsid, f->task->spec.clsid) &&
                   !f->task->spec.command) {
                sim_check(w, false, "6.1",
                          "run %s waits for server %" PRIu64 "; expected: it is sent to server %" PRIu64
                          ", which offers its class now", short_id(f->run), f->server, o->server);
        } else if (s && !may_wait_for(w, s, f)) {
                ledger = find_ledger_start(w, f->run, f->attempts);
                if (ledger && ledger->ledger.server != f->server)
                        model_assign(w, f, ledger);
        }
}

static bool is_waiting(const MFiring *f)
{
        return f->state == RUN_STARTING && !f->sent && !f->unconfirmed;
}

/* Runs that wait for their server's class object. One for a single use goes to whom the engine gave it. */
void model_sends(World *w)
{
        Model *m = w->model;

        for (size_t i = 0; i < w->acts.n; i++) {
                const Act *a = &w->acts.items[i];
                MFiring *f = a->matched || a->effect.type != EFFECT_SEND_RUN ? NULL : model_firing(m, a->info.run);

                if (f && is_waiting(f) && f->attempts == a->info.attempt)
                        try_send(w, f);
        }
        for (size_t i = 0; i < m->n_firings; i++)
                if (is_waiting(m->firings[i]))
                        try_send(w, m->firings[i]);
        for (size_t i = 0; i < m->n_objects; i++)
                m->objects[i].fresh = false;
}

/* ---- stopping ---- */

typedef struct SignalKey {
        uint64_t server;
        int number;
} SignalKey;

static bool signal_fits(const Act *a, const void *key)
{
        const SignalKey *k = key;

        return a->effect.signal.server == k->server && a->effect.signal.number == k->number;
}

static void expect_signal(World *w, MServer *s, int number)
{
        Act *a = act_find(w, EFFECT_SIGNAL, signal_fits, &(SignalKey){ s->id, number });

        sim_check(w, a, "6.6, I7", "server %" PRIu64 " does not get signal %d", s->id, number);
        a->matched = true;
}

/* Its class objects leave; it may register others. */
void model_withdraw(Model *m, MServer *s)
{
        for (size_t i = 0; i < m->n_objects; i++)
                if (m->objects[i].server == s->id)
                        m->objects[i].withdrawn = true;
        /* What was waited for at it will not come. */
        s->class_mono = MIN(s->class_mono, UINT64_C(1));
}

void model_stop_server(World *w, MServer *s)
{
        Model *m = w->model;

        if (s->state == S_STOPPING)
                return;
        if (!server_signalable(s)) {
                model_withdraw(m, s);
                if (s->state == S_LAUNCHING)
                        s->state = S_STOPPING;
                return;
        }
        s->state = S_STOPPING;
        if (s->launched && !s->spawned)
                return;
        expect_signal(w, s, SIGTERM);
        s->kill_mono = usec_add(w->now.mono_usec, 2 * USEC_PER_SEC);
}

static bool still_starts(World *w, const MFiring *f)
{
        RunInfo infos[M_FIRINGS];
        size_t n = engine_get_runs(w->engine, UUID_NULL, 0, infos, ELEMENTSOF(infos));

        for (size_t i = 0; i < n; i++)
                if (uuid_equal(infos[i].run, f->run))
                        return infos[i].state == RUN_STARTING && infos[i].attempt == f->attempts;
        /* It may have been canceled after that, unless it was pending again before. */
        for (size_t i = 0; i < w->acts.n; i++) {
                const Act *a = &w->acts.items[i];

                if (a->effect.type == EFFECT_NOTIFY && a->effect.notify.kind == NOTIFY_CHANGED &&
                    uuid_equal(a->effect.notify.task, f->task->id))
                        return false;
                if (a->effect.type == EFFECT_NOTIFY && a->effect.notify.kind == NOTIFY_ENDED &&
                    uuid_equal(a->run.id, f->run))
                        return a->run.outcome == OUTCOME_CANCELED;
        }
        return false;
}

static void never_registered(World *w, MServer *s)
{
        Model *m = w->model;
        bool was_stopping = s->state == S_STOPPING;
        uint64_t id = s->id;

        s->class_mono = 0;
        /* One that has other classes goes on; only those that wait for the missing one are given up. */
        if (s->state == S_LAUNCHING)
                model_stop_server(w, s);
        for (size_t i = 0; i < m->n_firings; i++) {
                MFiring *f = m->firings[i];
                MClass *c;

                if (f->server != id || f->sent || f->state != RUN_STARTING || f->unconfirmed)
                        continue;
                /* Its server is stopped for another reason at the same moment: which came first is open. */
                if (was_stopping && still_starts(w, f))
                        continue;
                c = model_class(m, &f->task->spec);
                model_start_failure(w, f, DETAIL_NEVER_REGISTERED, true, true);
                /* What became of the run shows no more than that it may have failed. */
                if (was_stopping) {
                        c->unsure = true;
                        c->low = 0;
                }
                i = SIZE_MAX;
        }
}

static bool has_run(Model *m, uint64_t server)
{
        for (size_t i = 0; i < m->n_firings; i++)
                if (is_live(m->firings[i]) && m->firings[i]->server == server)
                        return true;
        return false;
}

/* 7: hung, and not heard of since. */
static bool is_silent(const World *w, const MServer *s)
{
        return s->state == S_UP && s->unresponsive && server_signalable(s) && w->now.mono_usec >= s->silent_mono;
}

void model_server_deadlines(World *w)
{
        Model *m = w->model;

        for (size_t i = 0; i < m->n_servers; i++) {
                MServer *s = &m->servers[i];

                if (w->now.mono_usec >= s->kill_mono) {
                        expect_signal(w, s, SIGKILL);
                        s->kill_mono = USEC_INFINITY;
                }
                if (s->state != S_LEAVING && s->class_mono &&
                    w->now.mono_usec >= s->class_mono)
                        never_registered(w, s);
        }
        for (size_t i = 0; i < m->n_servers; i++) {
                MServer *s = &m->servers[i];

                if ((!s->doomed && !is_silent(w, s)) || has_run(m, s->id))
                        continue;
                if (server_signalable(s))
                        model_stop_server(w, s);
                else if (s->state != S_STOPPING)
                        s->state = S_LEAVING;
        }
        for (size_t i = 0; i < w->acts.n; i++) {
                Act *a = &w->acts.items[i];
                bool leave = a->effect.type == EFFECT_SEND_LEAVE, trace = a->effect.type == EFFECT_CHECK_TRACED;
                MServer *s = leave || trace ? model_server(m, a->effect.send.server) : NULL;

                /* The page says when idle, and leaves the moment to the engine. */
                if (leave && s && s->retired)
                        a->matched = true;
                /* What is stopped for two reasons at one moment may have been asked about for one of them. */
                if (trace && s && s->state == S_STOPPING)
                        a->matched = true;
        }
}

/* ---- events ---- */

void model_forget_server(World *w, MServer *s)
{
        Model *m = w->model;
        uint64_t id = s->id;

        for (size_t i = 0; i < m->n_objects;) {
                if (m->objects[i].server == id)
                        memmove(&m->objects[i], &m->objects[i + 1], (--m->n_objects - i) * sizeof m->objects[0]);
                else
                        i++;
        }
        *s = m->servers[--m->n_servers];
}

static bool status_known(const Event *e)
{
        return e->type == EVENT_SPAWN_FAILED || e->process.status_known;
}

static void server_gone(World *w, MServer *s, const Event *e)
{
        Model *m = w->model;
        uint64_t id = s->id;
        bool launched = s->launched;
        uint8_t detail = e->type == EVENT_SPAWN_FAILED ? DETAIL_SPAWN : !status_known(e) ? DETAIL_LOST :
                e->process.by_signal ? DETAIL_KILLED : DETAIL_EXITED;

        model_forget_server(w, s);
        for (size_t i = 0; i < m->n_firings; i++) {
                MFiring *f = m->firings[i];

                if (f->server != id || !is_live(f))
                        continue;
                if (f->state == RUN_STARTING && !f->sent && !f->unconfirmed) {
                        model_start_failure(w, f, detail, true, launched);
                } else {
                        model_attempt_lost(w, f);
                }
                i = SIZE_MAX;
        }
}

/* One of its runs was canceled, and its grace is over. */
static bool has_outstayed(Model *m, uint64_t server)
{
        for (size_t i = 0; i < m->n_firings; i++)
                if (m->firings[i]->server == server && m->firings[i]->state == RUN_STOPPING &&
                    m->firings[i]->given_grace)
                        return true;
        return false;
}

/* An outcome of this server is not durable. One that ended in the queue may count for its last server, or not. */
static bool has_uncommitted(Model *m, uint64_t server, bool from_queue_too)
{
        for (size_t i = 0; i < m->n_endings; i++)
                if (m->endings[i].server == server && (from_queue_too || m->endings[i].was_live))
                        return true;
        return false;
}

static void answer_ask(World *w, MServer *s, bool go)
{
        Act *a = find_reply(w, s->ask_token);

        sim_check(w, a, "7", "server %" PRIu64 " asks to go and is not answered; expected: %s", s->id,
                  go ? "go" : "stay");
        sim_check(w, a->effect.reply.number == go, "7", "server %" PRIu64 " is answered %u; expected: %s", s->id,
                  a->effect.reply.number, go ? "go" : "stay");
        a->matched = true;
        s->ask_token = 0;
}

/* One that asks gets no further run, and its answer waits until its outcomes are durable. */
static void asked(World *w, MServer *s, uint64_t token)
{
        if (s->ask_token)
                answer_ask(w, s, false);
        s->ask_token = token;
        if (s->state == S_LAUNCHING || (s->state != S_STOPPING && has_run(w->model, s->id)))
                answer_ask(w, s, false);
        else if (s->state == S_UP)
                s->state = S_LEAVING;
}

void model_answer_asks(World *w)
{
        Model *m = w->model;

        for (size_t i = 0; i < m->n_servers; i++) {
                MServer *s = &m->servers[i];

                if (!s->ask_token || (has_run(m, s->id) && s->state != S_STOPPING) || has_uncommitted(m, s->id, false))
                        continue;
                if (find_reply(w, s->ask_token) || !has_uncommitted(m, s->id, true))
                        answer_ask(w, s, true);
        }
}

static void attached(World *w, const Event *e)
{
        Model *m = w->model;

        sim_check(w, m->n_servers < M_SERVERS, "simulator", "too many servers");
        m->servers[m->n_servers++] = (MServer){ .id = e->server.server,
                                               .package = package_index(e->server.package),
                                               .exe = e->server.exe_server,
                                               .state = S_UP,
                                               .launched = e->server.launched,
                                               .spawned = true,
                                               .kill_mono = USEC_INFINITY };
}

void model_server_event(World *w, const Event *e)
{
        MServer *s;

        if (e->type == EVENT_SERVER_ATTACHED) {
                attached(w, e);
                return;
        }
        s = model_server(w->model, e->process.server);
        if (!s)
                return;
        switch (e->type) {
        case EVENT_SPAWNED:
                s->spawned = true;
                if (s->state == S_STOPPING) {
                        /* It was to be stopped before it was there. */
                        s->state = S_LAUNCHING;
                        model_stop_server(w, s);
                }
                break;
        case EVENT_SERVER_BECAME_APP:
                s->app = true;
                s->kill_mono = USEC_INFINITY;
                s->unresponsive = false;
                s->kill_mono = USEC_INFINITY;
                break;
        case EVENT_SPAWN_FAILED:
        case EVENT_SERVER_GONE:
                server_gone(w, s, e);
                break;
        case EVENT_ASK_TO_GO:
                s->unresponsive = false;
                asked(w, s, e->token);
                break;
        case EVENT_TRACED:
                s->trace_asked = false;
                model_traced(w, s, e->process.traced);
                if (!e->process.traced && server_signalable(s) && has_outstayed(w->model, s->id))
                        model_stop_server(w, s);
                break;
        default:
                break;
        }
}

static void class_registered(World *w, const Event *e, MServer *s)
{
        Model *m = w->model;
        PackageClass classes[N_CLASSES];
        size_t n = s ? version_classes(s->package, m->packages[s->package].version, classes) : 0;
        bool yours = false;
        Act *a = find_reply(w, e->token);

        sim_check(w, a, "7", "a class is registered, and nobody answers");
        for (size_t i = 0; i < n; i++)
                yours = yours ||
                        (m->packages[s->package].known && uuid_equal(classes[i].clsid, e->class_object.clsid));
        if (s && s->launched && s->exe == EXE_SERVER_COMMAND && !model_package_has_class(e->class_object.clsid)) {
                const MTask *t = model_task(m, e->class_object.clsid);

                /* When the class of a command that is gone is forgotten is the engine's affair. */
                if (!t || (t->forgotten && t->spec.command))
                        yours = !a->effect.reply.error;
                else
                        yours = t->spec.command && package_index(t->spec.package) == s->package;
        }
        yours = yours || (s && uuid_is_null(e->class_object.clsid) && m->packages[s->package].known);
        if (!s || s->state == S_LEAVING || s->state == S_STOPPING) {
                sim_check(w, a->effect.reply.error, "7", "a leaving or stopping server registers a class");
                a->matched = true;
                return;
        }
        if (!yours) {
                expect_reply(w, "7", e->token, ERROR_CLASS_NOT_YOURS);
                return;
        }
        expect_reply(w, "7", e->token, ERROR_NONE);
        for (size_t i = 0; i < m->n_objects; i++)
                sim_check(w, m->objects[i].cookie != a->effect.reply.number, "7", "a cookie is given twice");
        sim_check(w, m->n_objects < M_OBJECTS, "simulator", "too many class objects");
        m->objects[m->n_objects++] = (MObject){ .server = s->id, .clsid = e->class_object.clsid,
                .cookie = a->effect.reply.number, .flags = e->class_object.flags,
                .suspended = e->class_object.flags & REGCLS_SUSPENDED, .fresh = true };
        s->state = S_UP;
        s->registered_any = true;
}

static void class_revoked(World *w, const Event *e, MServer *s)
{
        Model *m = w->model;

        for (size_t i = 0; s && i < m->n_objects; i++)
                if (m->objects[i].server == s->id && m->objects[i].cookie == e->class_object.cookie) {
                        memmove(&m->objects[i], &m->objects[i + 1], (--m->n_objects - i) * sizeof m->objects[0]);
                        expect_reply(w, "7", e->token, ERROR_NONE);
                        return;
                }
        expect_reply(w, "7", e->token, ERROR_NO_SUCH_CLASS_OBJECT);
}

void model_class_event(World *w, const Event *e)
{
        Model *m = w->model;
        MServer *s = model_server(m, e->type == EVENT_CLASSES_SUSPENDED ? e->process.server : e->class_object.server);

        if (s)
                s->unresponsive = false;
        if (e->type == EVENT_CLASS_REGISTERED)
                class_registered(w, e, s);
        else if (e->type == EVENT_CLASS_REVOKED)
                class_revoked(w, e, s);
        else
                for (size_t i = 0; i < m->n_objects; i++)
                        if (m->objects[i].server == e->process.server) {
                                m->objects[i].suspended = e->process.suspended;
                                m->objects[i].fresh = !e->process.suspended;
                        }
}
