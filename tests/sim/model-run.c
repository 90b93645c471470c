/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, sections 5 (gate, conditions) and 6 (attempts, runs). */

#include <string.h>

#include "model.h"

MFiring *model_head(Model *m, const MTask *t)
{
        for (size_t i = 0; i < m->n_firings; i++)
                if (m->firings[i]->task == t && !is_live(m->firings[i]))
                        return m->firings[i];
        return NULL;
}

static void note_start(World *w, int package)
{
        Model *m = w->model;
        uint64_t *starts = m->starts[package];

        if (m->n_starts[package] == ELEMENTSOF(m->starts[0])) {
                memmove(starts, starts + 1, --m->n_starts[package] * sizeof *starts);
                m->n_forgotten[package] -= m->n_forgotten[package] > 0;
        }
        starts[m->n_starts[package]++] = w->now.boot_usec;
}

static void start(World *w, MFiring *f, Act *ledger)
{
        MClass *c = model_class(w->model, &f->task->spec);
        Act *a;

        if ((!f->forced || f->attempts > 0) && c->high > w->now.boot_usec)
                c->low = c->high = w->now.boot_usec;
        f->probe = c->launch_failures >= 10 && !model_is_probing(w->model, c);
        f->clsid = f->task->spec.clsid;
        model_watch(f);
        f->attempts++;
        f->state = RUN_STARTING;
        f->retry_boot = 0;
        f->sent = f->acknowledged = f->launched_for = f->limit_over = false;
        f->sent_real = f->started_real = 0;
        f->cpu_before = f->cpu = 0;
        f->progress = 0;
        note_start(w, package_index(f->task->spec.package));
        if (f->token) {
                a = expect_reply(w, "4.5", f->token, ERROR_NONE);
                sim_check(w, a->effect.reply.result == 0 && uuid_equal(a->effect.reply.id, f->run), "4.5",
                          "a request whose server is being started is answered with result %u",
                          a->effect.reply.result);
                f->token = 0;
        }
        model_assign(w, f, ledger);
}

/* Those that became ready together start in the order of acceptance, as far as a limit lets them. */
static void check_order(World *w, MFiring **ready, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                uint32_t codes;

                if (is_live(ready[i]))
                        continue;
                model_gate(w, ready[i], &codes);
                for (size_t j = 0; codes == 1u << WHY_RUN_LIMIT && j < n; j++)
                        sim_check(w, !is_live(ready[j]) || ready[j]->atom <= ready[i]->atom, "5.2",
                                  "run %s starts before %s, which was accepted earlier", short_id(ready[j]->run),
                                  short_id(ready[i]->run));
        }
}

/* The firings of a parallel task do not wait for each other. */
static bool is_head(Model *m, const MFiring *f)
{
        return !is_live(f) && (f->task->spec.overlap == OVERLAP_PARALLEL || model_head(m, f->task) == f);
}

/* What was accepted first starts first; of what was accepted at one moment the ledger tells. */
static MFiring *next_start(World *w, Act **ret_ledger)
{
        Model *m = w->model;
        MFiring *next = NULL;
        uint32_t codes;

        for (size_t i = 0; i < m->n_firings; i++) {
                MFiring *f = m->firings[i];
                Act *ledger;

                if (!is_head(m, f) || model_gate(w, f, &codes) == GATE_SHUT)
                        continue;
                ledger = find_ledger_start(w, f->run, f->attempts + 1);
                if (!ledger || (next && (f->atom != next->atom || ledger > *ret_ledger)))
                        continue;
                next = f;
                *ret_ledger = ledger;
        }
        return next;
}

/* Every head whose gate is open starts. Which of several, when a limit leaves room for few, is told by the engine. */
void model_start_heads(World *w)
{
        Model *m = w->model;
        MFiring *ready[M_FIRINGS], *f;
        size_t n = 0;
        uint32_t codes;

        for (size_t i = 0; i < m->n_firings; i++)
                if (is_head(m, m->firings[i]) && model_gate(w, m->firings[i], &codes) == GATE_OPEN)
                        ready[n++] = m->firings[i];
        for (Act *ledger; (f = next_start(w, &ledger));)
                start(w, f, ledger);
        check_order(w, ready, n);
        for (size_t i = 0; i < m->n_firings && !m->shutting_down; i++) {
                f = m->firings[i];

                sim_check(w, !is_head(m, f) || model_gate(w, f, &codes) != GATE_OPEN, "5.1, I9",
                          "run %s of %s/%s does not start, and every gate is open", short_id(f->run),
                          f->task->spec.package, f->task->spec.name);
        }
}

/* ---- ends ---- */

static bool gone_pending_fits(const Act *a, const void *key)
{
        const MFiring *f = key;

        return uuid_equal(a->effect.store.pending_gone.task, f->task->id) &&
                a->effect.store.pending_gone.number == f->number;
}

static bool run_fits(const Act *a, const void *key)
{
        return uuid_equal(a->run.id, ((const MFiring *)key)->run);
}

static void check_record(World *w, const MFiring *f, const RunRow *r, uint8_t outcome, uint8_t reason, uint8_t detail)
{
        sim_check(w, r->outcome == outcome && r->reason == reason, "10",
                  "run %s is recorded %s, reason %s; expected: %s, %s", short_id(f->run),
                  term_name(TERM_OUTCOME, r->outcome), term_name(TERM_REASON, r->reason),
                  term_name(TERM_OUTCOME, outcome), term_name(TERM_REASON, reason));
        sim_check(w, outcome != OUTCOME_NOT_STARTED || r->detail == detail, "6.2",
                  "run %s is recorded with detail %s; expected: %s", short_id(f->run),
                  term_name(TERM_DETAIL, r->detail), term_name(TERM_DETAIL, detail));
        sim_check(w,
                  r->number == f->number && r->count == f->count && r->attempts == f->attempts &&
                          r->fired_by == f->fired_by && r->trigger == f->trigger && uuid_equal(r->task, f->task->id) &&
                          r->accepted_real_usec == f->accepted_real && r->first_scheduled_real_usec == f->first_real &&
                          r->scheduled_real_usec == f->scheduled_real,
                  "10",
                  "run %s is recorded with number %" PRIu64 " count %u attempts %u by %u accepted %" PRIu64
                  "; expected: %" PRIu64 " %u %u %u %" PRIu64,
                  short_id(f->run), r->number, r->count, r->attempts, r->fired_by, r->accepted_real_usec, f->number,
                  f->count, f->attempts, f->fired_by, f->accepted_real);
        sim_check(w, r->cpu_usec == f->cpu, "13.6", "run %s is recorded with CPU time %" PRIu64 "; expected: %" PRIu64,
                  short_id(f->run), r->cpu_usec, f->cpu);
        sim_check(w, outcome != OUTCOME_FAILED || (r->detail == f->detail && (!f->detail || r->result == f->result)),
                  "13.2", "run %s is recorded with detail %s and result %d; expected: %s and %d", short_id(f->run),
                  term_name(TERM_DETAIL, r->detail), r->result, term_name(TERM_DETAIL, f->detail), f->result);
        sim_check(w, r->ended_real_usec == w->now.real_usec, "10", "run %s is recorded with another end",
                  short_id(f->run));
        sim_check(w, r->started_real_usec == f->started_real, "8.1, 10",
                  "run %s is recorded as started at %" PRIu64 "; expected: %" PRIu64, short_id(f->run),
                  r->started_real_usec, f->started_real);
}

/* An outcome may wait while another commit decides about its task; that of a one-shot has to. */
static bool is_held(const MFiring *f)
{
        const MTask *t = f->task;

        return !t->forgotten && (t->state == T_UNREGISTERING ||
                                 (ends_task(f) && t->state != T_REGISTERED));
}

/* 3.4. True if the task goes with this outcome. */
static bool end_one_shot(World *w, MFiring *f, uint64_t commit, bool deferred)
{
        MTask *t = f->task;
        Act *gone = find_task_gone(w, t->id);

        if (t->forgotten || !ends_task(f))
                return false;
        /* While another commit decides about the task, the outcome waits for that. */
        if (t->state != T_REGISTERED) {
                if (t->one_shot_end && t->commit == 0 && !deferred && gone && gone->effect.store.commit == commit) {
                        gone->matched = true;
                        t->commit = commit;
                        model_promise_ends(w, t, commit);
                }
                return true;
        }
        if (!deferred) {
                sim_check(w, gone && gone->effect.store.commit == commit, "3.4, 10",
                          "the one-shot task %s is not removed by the commit that records its outcome",
                          short_id(t->id));
                gone->matched = true;
        }
        t->state = T_UNREGISTERING;
        t->one_shot_end = true;
        t->commit = deferred ? 0 : commit;
        t->token = 0;
        t->cancel = false;
        t->reason = REASON_ABORT;
        f->promised = USEC_INFINITY;
        if (!deferred)
                model_promise_ends(w, t, commit);
        return true;
}

/* Whoever asked is answered some time. */
void model_wait_for_answer(World *w, uint64_t token)
{
        Model *m = w->model;

        sim_check(w, m->n_waiters < M_WAITERS, "simulator", "too many callers wait");
        m->waiters[m->n_waiters++] = (MWaiter){ .type = EVENT_REQUEST, .token = token };
}

/* The caller of a request that ended before it was answered. */
void model_answer_late(World *w, MFiring *f)
{
        Act *reply = f->token ? find_reply(w, f->token) : NULL;

        if (reply)
                reply->matched = true;
        else if (f->token)
                model_wait_for_answer(w, f->token);
}

void model_end(World *w, MFiring *f, uint8_t outcome, uint8_t reason, uint8_t detail)
{
        Model *m = w->model;
        MTask *t = f->task;
        Act *a = act_find(w, EFFECT_STORE_RUN, run_fits, f), *gone;
        MEnding *e;

        sim_check(w, a || model_in_flight(w, t->id) || is_held(f), "10, I3",
                  "run %s of %s/%s gets no record; expected: %s, %s, %s", short_id(f->run), t->spec.package,
                  t->spec.name, term_name(TERM_OUTCOME, outcome), term_name(TERM_REASON, reason),
                  term_name(TERM_DETAIL, detail));
        sim_check(w, m->n_endings < M_ENDINGS, "simulator", "too many outcomes wait for their commit");
        e = &m->endings[m->n_endings++];
        *e = (MEnding){ .run = f->run, .task = t->id, .number = f->number, .trigger = f->trigger,
                         .attempt = f->attempts,
                         .server = f->last_server, .was_live = is_live(f) };
        if (a) {
                a->matched = true;
                e->row = a->run;
                e->commit = a->effect.store.commit;
                check_record(w, f, &a->run, outcome, reason, detail);
                gone = act_find(w, EFFECT_STORE_PENDING_GONE, gone_pending_fits, f);
                if (gone)
                        sim_check(w, gone->effect.store.commit == e->commit, "10",
                                  "the outcome of run %s and the removal of its row are two commits",
                                  short_id(f->run));
        } else {
                e->deferred = true;
                e->row = (RunRow){ .outcome = outcome, .reason = reason, .detail = detail };
        }
        model_answer_late(w, f);
        e->one_shot = end_one_shot(w, f, e->commit, e->deferred);
        model_remove_firing(m, f);
}

/* 2.5: the end of a pending firing is recorded by the commit that removes its task, and counts when that succeeds. */
void model_promise_end(World *w, MFiring *f, uint64_t commit, uint8_t reason)
{
        Act *a = act_find(w, EFFECT_STORE_RUN, run_fits, f);

        sim_check(w, a && a->effect.store.commit == commit, "2.5",
                  "the end of pending run %s is not recorded by the commit that removes its task", short_id(f->run));
        a->matched = true;
        if (model_has_expired(w, f))
                check_record(w, f, &a->run, OUTCOME_EXPIRED, 0, DETAIL_NONE);
        else
                check_record(w, f, &a->run, OUTCOME_CANCELED, reason, DETAIL_NONE);
        f->promised = commit;
}

/* One that became pending while its task was being removed, and goes with it as well. */
void model_late_promises(World *w)
{
        Model *m = w->model;

        for (size_t i = 0; i < m->n_firings; i++) {
                MFiring *f = m->firings[i];
                Act *a = act_find(w, EFFECT_STORE_RUN, run_fits, f);

                if (!is_live(f) && !f->promised && f->task->state == T_UNREGISTERING && a &&
                    a->effect.store.commit == f->task->commit)
                        model_promise_end(w, f, f->task->commit, f->task->reason);
        }
}

/* What has ended by itself is not pending any more. */
static bool is_pending_still(World *w, const MFiring *f)
{
        RunInfo infos[M_FIRINGS];
        size_t n = engine_get_runs(w->engine, f->task->id, 0, infos, ELEMENTSOF(infos));

        for (size_t i = 0; i < n; i++)
                if (uuid_equal(infos[i].run, f->run))
                        return true;
        return false;
}

static bool is_promise(World *w, MFiring *f, uint64_t commit)
{
        Act *a = act_find(w, EFFECT_STORE_RUN, run_fits, f);

        const Event *e = w->model->event;
        bool canceled = e->type == EVENT_CANCEL && uuid_equal(e->task.task, f->task->id);

        if (canceled || !a || a->effect.store.commit != commit)
                return false;
        if (model_has_expired(w, f))
                return a->run.outcome == OUTCOME_EXPIRED && is_pending_still(w, f);
        return a->run.outcome == OUTCOME_CANCELED && a->run.reason == REASON_ABORT;
}

/* The pending firings of a one-shot task go with it. */
void model_promise_ends(World *w, MTask *t, uint64_t commit)
{
        for (size_t i = 0; i < w->model->n_firings; i++) {
                MFiring *f = w->model->firings[i];

                /* What ends the one-shot may end the others as well, each by itself. */
                if (f->task == t && !is_live(f) && f->promised != USEC_INFINITY && is_promise(w, f, commit))
                        model_promise_end(w, f, commit, REASON_ABORT);
        }
}

static void pend_again(MFiring *f)
{
        f->state = RUN_PENDING;
        f->server = 0;
        f->sent = f->acknowledged = f->unconfirmed = f->given_grace = false;
        f->ack_mono = f->limit_mono = f->grace_mono = USEC_INFINITY;
        f->reason = 0;
}

/* A task that is gone has no queue to which its firing could return. */
static bool can_pend_again(World *w, const MFiring *f)
{
        return !f->task->forgotten;
}

static void retry(World *w, MFiring *f, uint64_t after, uint8_t otherwise)
{
        const TaskSpec *s = &f->task->spec;
        uint64_t backoff = s->retry_backoff_usec ?: 30 * USEC_PER_SEC;

        if (!can_pend_again(w, f) || f->retries >= s->retry_max) {
                model_end(w, f, otherwise, 0, DETAIL_NONE);
                return;
        }
        backoff <<= MIN(f->retries, 20u);
        f->retries++;
        f->retry_boot = usec_add(w->now.boot_usec, after ?: MIN(backoff, 5 * USEC_PER_HOUR));
        pend_again(f);
}

/* 6.5 */
void model_end_stopping(World *w, MFiring *f, bool completed_well)
{
        if (f->reason == REASON_EXECUTION_TIME_EXCEEDED)
                model_end(w, f, OUTCOME_TIMED_OUT, f->reason, DETAIL_NONE);
        else if (f->reason != REASON_CONDITION_LOSS && f->reason != REASON_ENERGY_SAVER)
                model_end(w, f, OUTCOME_CANCELED, f->reason, DETAIL_NONE);
        else if (completed_well)
                model_end(w, f, OUTCOME_COMPLETED, 0, DETAIL_NONE);
        else if (can_pend_again(w, f))
                pend_again(f);
        else
                model_end(w, f, OUTCOME_CANCELED, f->reason, DETAIL_NONE);
}

static void count_failure(World *w, MClass *c, bool launched)
{
        unsigned doublings = MIN(c->failures, 20u);
        uint64_t wait = MIN(USEC_PER_SEC << doublings, 5 * USEC_PER_MINUTE);

        /* Several runs may have waited for one server: it failed once. */
        if (c->failed_in == w->model->n_atoms)
                return;
        c->failed_in = w->model->n_atoms;
        c->failures++;
        c->launch_failures += launched;
        c->low = w->now.boot_usec + (c->unsure ? USEC_PER_SEC - USEC_PER_SEC / 10 : wait - wait / 10);
        c->high = w->now.boot_usec + wait + wait / 10;
        if (c->launch_failures >= 10) {
                c->high = w->now.boot_usec + USEC_PER_HOUR;
                c->low = c->unsure ? c->low : c->high;
        }
}

/* What is neither declared nor used is forgotten, with its failures; when exactly is the engine's affair. */
void model_sweep_classes(Model *m)
{
        for (int package = 0; package < N_PACKAGES; package++) {
                if (!m->packages[package].known)
                        m->n_forgotten[package] = m->n_starts[package];
                for (int class = 0; class <= N_CLASSES; class++) {
                        TaskSpec spec = { .package = package_names[package] };
                        bool used;

                        if (class < N_CLASSES)
                                spec.clsid = class_id(package, class);
                        used = model_class_declared(m, &spec);
                        for (size_t i = 0; i < m->n_tasks; i++)
                                used = used || (!m->tasks[i]->forgotten &&
                                                model_class(m, &m->tasks[i]->spec) == &m->classes[package][class]);
                        if (used)
                                continue;
                        m->classes[package][class].unsure = true;
                        m->classes[package][class].low = 0;
                }
        }
}

/* 6.2 */
void model_start_failure(World *w, MFiring *f, uint8_t detail, bool counts, bool launched)
{
        if (counts)
                count_failure(w, model_class(w->model, &f->task->spec), launched);
        if (f->state == RUN_STOPPING) {
                model_end(w, f, OUTCOME_CANCELED, f->reason, DETAIL_NONE);
                return;
        }
        f->start_failures++;
        if (f->start_failures >= 5 || !can_pend_again(w, f))
                model_end(w, f, OUTCOME_NOT_STARTED, 0, detail);
        else
                pend_again(f);
}

/* The server of this attempt is gone, or does not know it. */
void model_attempt_lost(World *w, MFiring *f)
{
        if (f->state == RUN_STOPPING)
                model_end_stopping(w, f, false);
        else if (f->state == RUN_RUNNING)
                retry(w, f, 0, OUTCOME_ABANDONED);
        else
                model_start_failure(w, f, DETAIL_LOST, f->launched_for, f->launched_for);
}

/* ---- cancel ---- */

void model_cancel(World *w, MFiring *f, uint8_t reason)
{
        if (f->state == RUN_STOPPING || f->promised)
                return;
        if (f->state == RUN_PENDING || (f->state == RUN_STARTING && !f->sent)) {
                model_end(w, f, OUTCOME_CANCELED, reason, DETAIL_NONE);
                return;
        }
        f->state = RUN_STOPPING;
        f->reason = reason;
        f->grace_mono = usec_add(w->now.mono_usec, 5 * USEC_PER_SEC);
        f->limit_mono = f->ack_mono = USEC_INFINITY;
        expect_cancel(w, f);
}

/* ---- what the server says ---- */

void model_add_orphan(Model *m, Uuid run, uint32_t attempt, uint64_t server)
{
        if (m->n_orphans == M_ORPHANS)
                memmove(m->orphans, m->orphans + 1, --m->n_orphans * sizeof m->orphans[0]);
        m->orphans[m->n_orphans++] = (MOrphan){ run, attempt, server };
}

static void add_orphan(World *w, const MFiring *f)
{
        model_add_orphan(w->model, f->run, f->attempts, f->server);
}

static void acknowledged(World *w, MFiring *f)
{
        uint64_t limit = f->task->spec.time_limit_usec ?: w->limits.time_limit_usec;

        if (f->acknowledged)
                return;
        model_class_worked(w->model, &f->task->spec);
        f->acknowledged = true;
        f->started_real = f->sent_real ?: w->now.real_usec;
        f->ack_mono = USEC_INFINITY;
        if (f->state != RUN_STARTING)
                return;
        f->state = RUN_RUNNING;
        f->running_mono = w->now.mono_usec;
        f->limit_mono = limit ? usec_add(w->now.mono_usec, limit) : USEC_INFINITY;
}

static void completed(World *w, MFiring *f, const Event *e)
{
        bool well = e->run.result >= 0 && e->run.detail == DETAIL_NONE;

        f->cpu = usec_sub(e->run.cpu_usec, f->cpu_before);
        f->detail = e->run.detail;
        f->result = e->run.result;
        if (f->state == RUN_STOPPING)
                model_end_stopping(w, f, well);
        else if (f->state == RUN_RUNNING && well)
                model_end(w, f, OUTCOME_COMPLETED, 0, DETAIL_NONE);
        else if (f->state == RUN_RUNNING)
                retry(w, f, e->run.retry_after_usec, OUTCOME_FAILED);
}

void model_run_event(World *w, const Event *e)
{
        MFiring *f = model_firing(w->model, e->run.run);
        MServer *s = model_server(w->model, e->run.server);

        if (s)
                s->unresponsive = false;
        if (!f || f->attempts != e->run.attempt || f->server != e->run.server || !f->sent)
                return;
        switch (e->type) {
        case EVENT_RUN_ACKNOWLEDGED:
                f->cpu_before = e->run.cpu_usec;
                acknowledged(w, f);
                break;
        case EVENT_RUN_REFUSED:
                if (f->state == RUN_STOPPING)
                        model_end_stopping(w, f, false);
                else if (!f->acknowledged)
                        model_start_failure(w, f, DETAIL_REFUSED, true, s && s->launched);
                break;
        case EVENT_RUN_PROGRESS:
                if (f->state == RUN_RUNNING || f->state == RUN_STOPPING)
                        f->progress = e->run.progress;
                break;
        default:
                completed(w, f, e);
                break;
        }
}

/* ---- deadlines of live runs ---- */

/* 5.4 and 3.7: when this run is canceled because a condition was lost, and why. */
uint64_t model_loss(World *w, const MFiring *f, uint8_t *ret_reason)
{
        Model *m = w->model;
        uint64_t first = USEC_INFINITY, loss;

        if (f->state != RUN_RUNNING || f->forced || model_deadline_passed(w, f) || f->unconfirmed)
                return USEC_INFINITY;
        for (int i = CONDITION_MAX - 1; i >= 0; i--) {
                if (!((f->watched | f->watched_power) & CONDITION_BIT(i)) || m->level[i] == 1)
                        continue;
                loss = MAX(m->level_mono[i], f->running_mono) + 2 * USEC_PER_SEC;
                if (loss > first)
                        continue;
                first = loss;
                *ret_reason = f->watched_power & CONDITION_BIT(i)               ? REASON_ABORT
                              : i == CONDITION_BACKGROUND_WORK_COST_NOT_HIGH ? REASON_ENERGY_SAVER
                                                                             : REASON_CONDITION_LOSS;
        }
        return first;
}

/* A live run goes on with the conditions that its task had when it started. */
void model_watch(MFiring *f)
{
        const TaskSpec *s = &f->task->spec;

        f->watched = s->cancel_on_condition_loss ? s->conditions : 0;
        f->watched_power = has_trigger(s, TRIGGER_MAINTENANCE) ? CONDITION_BIT(CONDITION_ON_AC_POWER) : 0;
}

static void unresponsive(World *w, MFiring *f)
{
        MServer *s = model_server(w->model, f->server);
        bool first = s && (!s->unresponsive || s->unresponsive_in == w->model->n_atoms), launched = s && s->launched;

        if (s) {
                if (!s->unresponsive) {
                        s->unresponsive_in = w->model->n_atoms;
                        s->silent_mono = usec_add(w->now.mono_usec, 60 * USEC_PER_SEC);
                }
                s->unresponsive = true;
        }
        add_orphan(w, f);
        model_start_failure(w, f, DETAIL_UNRESPONSIVE, first, launched);
}

static bool trace_fits(const Act *a, const void *key)
{
        return a->effect.send.server == *(const uint64_t *)key;
}

/* Whether it is traced is asked once for all that want to know. */
static void expect_trace_check(World *w, const MFiring *f)
{
        MServer *s = model_server(w->model, f->server);
        Act *a;

        if (!s || s->trace_asked)
                return;
        a = act_find(w, EFFECT_CHECK_TRACED, trace_fits, &s->id);
        sim_check(w, a, "6.3", "the time limit of run %s is over, and nothing happens", short_id(f->run));
        a->matched = true;
        s->trace_asked = true;
}

/* 6.3: the answer after the time limit was over. */
void model_traced(World *w, const MServer *s, bool traced)
{
        Model *m = w->model;

        for (size_t i = 0; i < m->n_firings; i++) {
                MFiring *f = m->firings[i];
                uint64_t limit = f->task->spec.time_limit_usec ?: w->limits.time_limit_usec;

                if (f->server != s->id || f->state != RUN_RUNNING || !f->limit_over)
                        continue;
                f->limit_over = false;
                f->limit_mono = limit ? usec_add(w->now.mono_usec, limit) : USEC_INFINITY;
                if (!traced)
                        model_cancel(w, f, REASON_EXECUTION_TIME_EXCEEDED);
        }
}

/* 6.6: the grace is over. */
static bool grace_over(World *w, MFiring *f)
{
        MServer *s = model_server(w->model, f->server);
        bool again;
        Act *a;

        if (!s)
                return false;
        if (!server_signalable(s)) {
                model_withdraw(w->model, s);
                add_orphan(w, f);
                model_end_stopping(w, f, false);
                return true;
        }
        again = f->given_grace;
        f->given_grace = true;
        if (s->state == S_STOPPING || s->trace_asked)
                return false;
        a = act_find(w, EFFECT_CHECK_TRACED, trace_fits, &s->id);
        sim_check(w, a || again, "6.6", "the grace of run %s is over, and nothing happens", short_id(f->run));
        if (a) {
                a->matched = true;
                s->trace_asked = true;
        }
        return false;
}

/* True if the firing may be gone. */
static bool run_deadline(World *w, MFiring *f)
{
        uint64_t now = w->now.mono_usec;
        MServer *s;
        uint8_t reason;

        if (f->unconfirmed && f->state != RUN_STOPPING && now >= f->unconfirmed_mono) {
                s = model_server(w->model, f->server);
                f->unconfirmed_mono = USEC_INFINITY;
                if (s && server_signalable(s) && s->state != S_STOPPING)
                        model_stop_server(w, s);
                add_orphan(w, f);
                model_attempt_lost(w, f);
                return true;
        }
        if (f->state == RUN_STARTING && f->sent && !f->unconfirmed && now >= f->ack_mono) {
                unresponsive(w, f);
                return true;
        }
        if (f->state == RUN_RUNNING && now >= f->limit_mono) {
                f->limit_mono = USEC_INFINITY;
                f->limit_over = true;
                expect_trace_check(w, f);
        }
        if (model_loss(w, f, &reason) <= now)
                model_cancel(w, f, reason);
        if (f->state == RUN_STOPPING && now >= f->grace_mono)
                return grace_over(w, f);
        return false;
}

void model_run_deadlines(World *w)
{
        Model *m = w->model;

        for (size_t i = 0; i < m->n_firings; i++)
                if (is_live(m->firings[i]) && run_deadline(w, m->firings[i]))
                        i = SIZE_MAX;
}
