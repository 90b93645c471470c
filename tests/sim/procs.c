/* SPDX-License-Identifier: MIT */

/* The model servers: what a process of a package does, rightly and wrongly. */

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "model.h"
#include "world.h"

bool world_fault(World *w, Fault fault, unsigned percent)
{
        return (w->faults & (UINT32_C(1) << fault)) && rng_percent(&w->rng, percent);
}

Proc *proc_find(World *w, uint64_t id)
{
        for (size_t i = 0; i < w->n_procs; i++)
                if (w->procs[i].id == id)
                        return &w->procs[i];
        return NULL;
}

Proc *proc_new(World *w, uint64_t id, int package, uint32_t exe, bool launched)
{
        Proc *p = &w->procs[w->n_procs++];

        sim_check(w, w->n_procs < MAX_PROCS, "simulator", "too many processes");
        *p = (Proc){ .id = id, .package = package, .exe = exe, .launched = launched, .connected = true };
        p->state = launched ? PROC_SPAWNING : PROC_ALIVE;
        p->no_register = world_fault(w, FAULT_NEVER_REGISTER, 12);
        p->ignores_term = world_fault(w, FAULT_IGNORE_TERM, 30);
        p->traced = world_fault(w, FAULT_TRACED, 20);
        return p;
}

static void remove_proc(World *w, Proc *p)
{
        *p = w->procs[--w->n_procs];
}

static ProcRun *find_run(Proc *p, Uuid run, uint32_t attempt)
{
        for (size_t i = 0; i < p->n_runs; i++)
                if (uuid_equal(p->runs[i].run, run) && p->runs[i].attempt == attempt)
                        return &p->runs[i];
        return NULL;
}

void proc_send_run(World *w, const Act *a)
{
        Proc *p = proc_find(w, a->effect.send_run.server);

        sim_check(w, !find_run(p, a->info.run, a->info.attempt), "I5",
                  "attempt %u of run %s is sent twice to one server", a->info.attempt, short_id(a->info.run));
        /* What the engine has given up and the process has finished is forgotten to make room. */
        for (size_t i = 0; i < p->n_runs && p->n_runs == MAX_PROC_RUNS; i++)
                if (p->runs[i].done)
                        p->runs[i--] = p->runs[--p->n_runs];
        sim_check(w, p->n_runs < MAX_PROC_RUNS, "simulator", "too many runs in one server");
        p->runs[p->n_runs++] = (ProcRun){ .run = a->info.run, .attempt = a->info.attempt };
}

void proc_send_cancel(World *w, const Act *a)
{
        Proc *p = proc_find(w, a->effect.send.server);
        ProcRun *r;

        sim_check(w, p, "6.6", "Cancel is sent to server %" PRIu64 ", which is gone", a->effect.send.server);
        r = find_run(p, a->effect.send.run, a->effect.send.attempt);
        if (r)
                r->canceled = true;
}

static void die(Proc *p, bool by_signal, int status)
{
        p->state = PROC_DEAD;
        p->by_signal = by_signal;
        p->status = status;
}

void proc_signal(World *w, uint64_t id, int number)
{
        Proc *p = proc_find(w, id);

        sim_check(w, p, "I7", "server %" PRIu64 " is signalled after it was gone", id);
        sim_check(w, p->launched && !p->app, "I7",
                  "server %" PRIu64 " is signalled: it was not launched, or is an app", id);
        sim_check(w, number == SIGTERM || (number == SIGKILL && p->termed), "I7", "signal %d out of order", number);
        p->termed = true;
        if (number == SIGKILL && p->state != PROC_DEAD)
                die(p, true, SIGKILL);
}

static void feed_process(World *w, EventType type, uint64_t id, Event *event)
{
        event->type = type;
        if (type == EVENT_SERVER_ATTACHED)
                event->server.server = id;
        else
                event->process.server = id;
        world_feed(w, event);
}

static void feed_run(World *w, EventType type, uint64_t id, const ProcRun *r, Event *event)
{
        event->type = type;
        event->run.server = id;
        event->run.run = r->run;
        event->run.attempt = r->attempt;
        event->run.cpu_usec = r->attempt * 1000 + (type == EVENT_RUN_COMPLETED ? 700 : 300);
        world_feed(w, event);
}

/* The engine is told that the process ended. What it wrote before was fed at once, so it was read dry. */
static void tell_gone(World *w, Proc *p)
{
        uint64_t id = p->id;
        Event event = { .process = { .by_signal = p->by_signal, .status_known = !p->restored, .status = p->status } };

        remove_proc(w, p);
        for (size_t i = 0; i < w->n_wants;) {
                if (w->wants[i].server == id)
                        w->wants[i] = w->wants[--w->n_wants];
                else
                        i++;
        }
        feed_process(w, EVENT_SERVER_GONE, id, &event);
}

static void spawn(World *w, Proc *p)
{
        uint64_t id = p->id;
        Event event = { 0 };

        if (world_fault(w, FAULT_SPAWN, 30)) {
                event.process.error = rng_percent(&w->rng, 50) ? -EAGAIN : -ENOENT;
                remove_proc(w, p);
                feed_process(w, EVENT_SPAWN_FAILED, id, &event);
                return;
        }
        p->state = PROC_ALIVE;
        feed_process(w, EVENT_SPAWNED, id, &event);
}

static void register_class(World *w, Proc *p, Uuid clsid)
{
        static const uint32_t flags[] = { REGCLS_MULTIPLEUSE, REGCLS_MULTIPLEUSE, REGCLS_MULTIPLEUSE | REGCLS_AGILE,
                                          REGCLS_MULTI_SEPARATE, REGCLS_SINGLEUSE,
                                          REGCLS_MULTIPLEUSE | REGCLS_SUSPENDED };
        Event event = { .type = EVENT_CLASS_REGISTERED };

        if (p->n_classes == MAX_PROC_CLASSES)
                return;
        event.token = world_token(w, EVENT_CLASS_REGISTERED, p->id);
        event.class_object.server = p->id;
        event.class_object.clsid = clsid;
        event.class_object.flags = flags[rng_below(&w->rng, w->faults & (1u << FAULT_SUSPEND_CLASSES) ? 6 : 5)];
        if (!(w->faults & (1u << FAULT_REVOKE)) && event.class_object.flags == REGCLS_SINGLEUSE)
                event.class_object.flags = REGCLS_MULTIPLEUSE;
        p->classes[p->n_classes++] = (ProcClass){ .clsid = event.class_object.clsid, .token = event.token };
        world_feed(w, &event);
}

static bool has_class(const Proc *p, Uuid clsid)
{
        for (size_t i = 0; i < p->n_classes; i++)
                if (uuid_equal(p->classes[i].clsid, clsid))
                        return true;
        return false;
}

/* A class of its own that it has not registered yet. */
static bool missing_class(const Proc *p, Uuid *ret_clsid)
{
        *ret_clsid = p->command;
        if (p->exe == EXE_SERVER_COMMAND)
                return !has_class(p, p->command);
        for (int class = 0; class < N_CLASSES; class++) {
                *ret_clsid = class_id(p->package, class);
                if ((class == 2) == (p->exe == 1) && !has_class(p, *ret_clsid))
                        return true;
        }
        return false;
}

/* An app that takes the in-process tasks of its package. */
static bool is_host(const Proc *p)
{
        return has_class(p, UUID_NULL);
}

static void reconnect(World *w, Proc *p)
{
        Event event = { 0 };
        EventRun runs[MAX_PROC_RUNS];
        ProcRun done[MAX_PROC_RUNS];
        size_t n_done = 0;
        uint64_t id = p->id;
        bool forgets = world_fault(w, FAULT_FORGET_RUNS, 25);

        p->connected = true;
        p->n_classes = 0;
        p->leave = p->go = p->asked = false;
        if (!p->restored) {
                p->id = id = engine_new_server(w->engine);
                p->n_runs = 0;
                event.server.package = package_names[p->package];
                event.server.exe_server = p->exe;
                event.server.launched = p->launched && !p->app;
                feed_process(w, EVENT_SERVER_ATTACHED, id, &event);
                return;
        }
        if (forgets)
                p->n_runs = 0;
        for (size_t i = 0; i < p->n_runs; i++) {
                runs[i] = (EventRun){ .run = p->runs[i].run, .attempt = p->runs[i].attempt };
                p->runs[i].acknowledged = true;
                if (p->runs[i].done)
                        done[n_done++] = p->runs[i];
        }
        event.process.runs = runs;
        event.process.n_runs = p->n_runs;
        w->telling_again = id;
        feed_process(w, EVENT_SERVER_ANNOUNCED, id, &event);
        for (size_t i = 0; i < n_done; i++) {
                Event complete = { .run = { .detail = done[i].detail, .result = done[i].result,
                                            .retry_after_usec = done[i].retry_after_usec } };

                if (i + 1 == n_done)
                        w->telling_again = 0;
                feed_run(w, EVENT_RUN_COMPLETED, id, &done[i], &complete);
        }
        w->telling_again = 0;
}

static void complete(World *w, Proc *p, ProcRun *r)
{
        static const int32_t results[] = { 0, 0, 0, 7, -EIO, -ECANCELED };
        Event event = { 0 };
        ProcRun copy;
        uint64_t id = p->id;
        bool again = world_fault(w, FAULT_DOUBLE_COMPLETE, 15), leave = world_fault(w, FAULT_EXIT_AFTER_COMPLETE, 20);

        r->done = true;
        r->result = results[rng_below(&w->rng, ELEMENTSOF(results))];
        if (r->result < 0 && rng_percent(&w->rng, 30))
                r->retry_after_usec = rng_between(&w->rng, 1, 600) * USEC_PER_SEC;
        /* A command fails by its exit status, or by a signal. */
        if (p->exe == EXE_SERVER_COMMAND && r->result > 0)
                r->detail = rng_percent(&w->rng, 50) ? DETAIL_EXITED : DETAIL_KILLED;
        copy = *r;
        if (!p->connected)
                return;
        if (leave)
                die(p, false, 0);
        event.run.detail = copy.detail;
        event.run.result = copy.result;
        event.run.retry_after_usec = copy.retry_after_usec;
        feed_run(w, EVENT_RUN_COMPLETED, id, &copy, &event);
        if (again)
                feed_run(w, EVENT_RUN_COMPLETED, id, &copy, &event);
}

static void work_on_run(World *w, Proc *p, ProcRun *r)
{
        Event event = { 0 };
        ProcRun copy;

        if (r->done && !world_fault(w, FAULT_STRANGE_COMPLETE, 10))
                return;
        if (!p->connected) {
                if (r->acknowledged && !r->done && rng_percent(&w->rng, 50))
                        complete(w, p, r);
                return;
        }
        if (!r->acknowledged) {
                if (world_fault(w, FAULT_NO_ACK, 30))
                        return;
                copy = *r;
                if (world_fault(w, FAULT_REFUSE, 20)) {
                        *r = p->runs[--p->n_runs];
                        feed_run(w, EVENT_RUN_REFUSED, p->id, &copy, &event);
                        return;
                }
                r->acknowledged = true;
                feed_run(w, EVENT_RUN_ACKNOWLEDGED, p->id, &copy, &event);
                return;
        }
        if (!r->canceled && rng_percent(&w->rng, 30)) {
                event.run.progress = rng_below(&w->rng, 101);
                copy = *r;
                feed_run(w, EVENT_RUN_PROGRESS, p->id, &copy, &event);
                return;
        }
        if (!r->done && rng_percent(&w->rng, 60))
                complete(w, p, r);
        else if (r->done) {
                copy = *r;
                event.run.result = -EIO;
                feed_run(w, rng_percent(&w->rng, 50) ? EVENT_RUN_COMPLETED : EVENT_RUN_PROGRESS, p->id, &copy, &event);
        }
}

static void revoke_class(World *w, Proc *p)
{
        ProcClass *c = &p->classes[rng_below(&w->rng, p->n_classes)];
        Event event = { .type = EVENT_CLASS_REVOKED };

        event.token = world_token(w, EVENT_CLASS_REVOKED, p->id);
        event.class_object.server = p->id;
        event.class_object.clsid = c->clsid;
        event.class_object.cookie = rng_percent(&w->rng, 10) ? 99999 : c->cookie;
        if (event.class_object.cookie == c->cookie)
                *c = p->classes[--p->n_classes];
        world_feed(w, &event);
}

static bool has_open_run(const Proc *p)
{
        for (size_t i = 0; i < p->n_runs; i++)
                if (!p->runs[i].done)
                        return true;
        return false;
}

static void ask_to_go(World *w, Proc *p)
{
        Event event = { .type = EVENT_ASK_TO_GO };

        event.token = world_token(w, EVENT_ASK_TO_GO, p->id);
        event.process.server = p->id;
        p->asked = true;
        p->ask_token = event.token;
        world_feed(w, &event);
}

static bool misbehave(World *w, Proc *p)
{
        Event event = { 0 };
        uint64_t id = p->id;

        if (world_fault(w, FAULT_CRASH, 4)) {
                die(p, rng_percent(&w->rng, 50), rng_percent(&w->rng, 50) ? SIGSEGV : 1);
                return true;
        }
        if (world_fault(w, FAULT_EXIT_EARLY, 6) && p->n_classes == 0) {
                die(p, false, rng_below(&w->rng, 3));
                return true;
        }
        if (world_fault(w, FAULT_HANG, 4)) {
                p->hung = true;
                return true;
        }
        if (!p->connected)
                return false;
        if (world_fault(w, FAULT_FOREIGN_CLASS, 4)) {
                register_class(w, p, rng_percent(&w->rng, 20) ?
                                             model_random_task(w->model, &w->rng) :
                                             class_id(rng_percent(&w->rng, 70) ? p->package
                                                                               : (p->package + 1) % N_PACKAGES,
                                                      rng_below(&w->rng, N_CLASSES)));
                return true;
        }
        if (world_fault(w, FAULT_REVOKE, 6) && p->n_classes > 0) {
                revoke_class(w, p);
                return true;
        }
        if (world_fault(w, FAULT_SUSPEND_CLASSES, 6)) {
                event.process.suspended = rng_percent(&w->rng, 50);
                feed_process(w, EVENT_CLASSES_SUSPENDED, id, &event);
                return true;
        }
        if (world_fault(w, FAULT_BECOME_APP, 2)) {
                p->app = true;
                feed_process(w, EVENT_SERVER_BECAME_APP, id, &event);
                return true;
        }
        return false;
}

static void act(World *w, Proc *p)
{
        Uuid clsid;

        if (p->termed && !p->ignores_term && rng_percent(&w->rng, 70)) {
                die(p, true, SIGTERM);
                return;
        }
        if (p->hung) {
                p->hung = !rng_percent(&w->rng, 10);
                return;
        }
        if (misbehave(w, p))
                return;
        if (!p->connected && rng_percent(&w->rng, 60)) {
                reconnect(w, p);
                return;
        }
        if (p->connected && p->go) {
                die(p, false, 0);
                return;
        }
        if (p->connected && !p->no_register && missing_class(p, &clsid) && rng_percent(&w->rng, 70)) {
                register_class(w, p, clsid);
                return;
        }
        if (p->connected && !is_host(p) && rng_percent(&w->rng, p->launched ? 2 : 30)) {
                register_class(w, p, UUID_NULL);
                return;
        }
        if (p->connected && !p->asked && rng_percent(&w->rng, p->leave ? 60 : 8) &&
            (!has_open_run(p) || rng_percent(&w->rng, 10))) {
                ask_to_go(w, p);
                return;
        }
        if (p->n_runs > 0)
                work_on_run(w, p, &p->runs[rng_below(&w->rng, p->n_runs)]);
}

void proc_work(World *w)
{
        Proc *p;

        if (w->n_procs == 0)
                return;
        p = &w->procs[rng_below(&w->rng, w->n_procs)];
        switch (p->state) {
        case PROC_SPAWNING:
                spawn(w, p);
                break;
        case PROC_ALIVE:
                act(w, p);
                break;
        case PROC_DEAD:
                if (p->connected || p->restored)
                        tell_gone(w, p);
                else
                        remove_proc(w, p);
                break;
        }
}

void proc_self_start(World *w)
{
        Event event = { .type = EVENT_SERVER_ATTACHED };
        Proc *p;

        if (w->n_procs >= MAX_PROCS / 2)
                return;
        p = proc_new(w, engine_new_server(w->engine), rng_below(&w->rng, N_PACKAGES), rng_percent(&w->rng, 25), false);
        event.server.package = package_names[p->package];
        event.server.exe_server = p->exe;
        feed_process(w, EVENT_SERVER_ATTACHED, p->id, &event);
}

void proc_check_traced(World *w)
{
        for (size_t i = 0; i < w->n_procs; i++) {
                Proc *p = &w->procs[i];
                Event event = { .process = { .traced = p->traced } };

                if (!p->trace_asked)
                        continue;
                p->trace_asked = false;
                p->traced = p->traced && rng_percent(&w->rng, 60);
                feed_process(w, EVENT_TRACED, p->id, &event);
                i = SIZE_MAX;
        }
}
