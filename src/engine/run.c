/* SPDX-License-Identifier: MIT */

/* The table of runs: docs/semantics.md, 6.2 to 6.6. */

#include "engine/parts.h"

void run_set_state(Engine *e, Run *run, uint8_t state)
{
        run->state = state;
        run->since_real_usec = e->now.real_usec;
        if (state != RUN_ENDED && state != RUN_PENDING)
                effect_notify_run(e, NOTIFY_RUN_STATE, run);
}

static uint64_t next_boot(const Engine *e, const Run *run)
{
        uint64_t next = run->expires_boot_usec;

        if (run->state != RUN_PENDING || run->recorded)
                return USEC_INFINITY;
        if (run->retry_boot_usec > e->now.boot_usec)
                next = MIN(next, run->retry_boot_usec);
        if (run->deadline_boot_usec > e->now.boot_usec)
                next = MIN(next, run->deadline_boot_usec);
        return next;
}

static uint64_t next_mono(const Engine *e, const Run *run)
{
        uint8_t reason;

        if (run->state == RUN_STOPPING)
                return run->grace_mono_usec;
        if (run->unconfirmed || run->state == RUN_STARTING)
                return run->answer_mono_usec;
        if (run->state == RUN_RUNNING)
                return MIN(run->limit_mono_usec, condition_loss_mono_usec(e, run, &reason));
        return USEC_INFINITY;
}

void run_arm(Engine *e, Run *run)
{
        engine_set_alarm(e, &run->boot_alarm, false, next_boot(e, run));
        engine_set_alarm(e, &run->mono_alarm, true, next_mono(e, run));
}

static void start(Engine *e, Run *run, RunArgs args)
{
        Task *task = run->task;
        Extra *extra = task_extra(e, task);
        Class *class_ = task_class(e, task);
        StartMark *mark = pool_take(&e->marks);

        mark->boot_usec = e->now.boot_usec;
        list_append(&class_->package->starts, &mark->node);
        class_->package->n_starts++;
        if (class_->launch_failures >= QUARANTINE_AFTER && !class_->probing)
                run->probe = class_->probing = true;
        run->attempts++;
        run->retry_boot_usec = 0;
        run->sent = run->acknowledged = run->launched = run->grace_over = false;
        run->sent_real_usec = run->started_real_usec = 0;
        run->progress = 0;
        run->cpu_before_usec = run->cpu_usec = run->memory_bytes = 0;
        run->reason = 0;
        condition_watch(e, run);
        run->waiting = 0;
        run->answer_mono_usec = run->limit_mono_usec = run->grace_mono_usec = USEC_INFINITY;
        list_remove(&run->task_node);
        list_append(&extra->live, &run->task_node);
        extra->n_queue--;
        e->n_pending--;
        extra->n_live++;
        e->n_live++;
        list_append(&e->live, &run->live_node);
        run_set_state(e, run, RUN_STARTING);
        class_place(e, run);
        run_answer_early(e, run);
        commit_touch(e, run);
        run_arm(e, run);
        /* The next firing of a parallel task may start as well. */
        if (spec_is_parallel(task))
                gate_kick(e, task);
}

static void place_again(Engine *e, Run *run, RunArgs args)
{
        if (run->sent || run->unconfirmed)
                return;
        class_place(e, run);
        run_arm(e, run);
}

/* What it prints from when it was sent is its own, even if that comes before the acknowledgement. */
static void begin(const Engine *e, Run *run)
{
        run->started_real_usec = run->sent_real_usec ? run->sent_real_usec : e->now.real_usec;
}

static void begin_limit(const Engine *e, Run *run)
{
        const Options *options = spec_options(e, run->task);
        uint64_t limit = options->time_limit_usec ? options->time_limit_usec : e->config.limits.time_limit_usec;

        run->limit_mono_usec = limit ? usec_add(e->now.mono_usec, limit) : USEC_INFINITY;
        run->limit_over = false;
}

static void acknowledged(Engine *e, Run *run, RunArgs args)
{
        if (!run->sent)
                return;
        run->acknowledged = true;
        run->unconfirmed = false;
        run->answer_mono_usec = USEC_INFINITY;
        begin_limit(e, run);
        run->running_mono_usec = e->now.mono_usec;
        begin(e, run);
        class_worked(e, task_class(e, run->task));
        class_probe_over(e, run);
        effect_ledger(e, run);
        run_set_state(e, run, RUN_RUNNING);
        run_arm(e, run);
}

/* The answer to Run came after Canceled was sent. */
static void acknowledged_late(Engine *e, Run *run, RunArgs args)
{
        if (run->acknowledged)
                return;
        run->acknowledged = true;
        begin(e, run);
        class_worked(e, task_class(e, run->task));
        class_probe_over(e, run);
        effect_ledger(e, run);
}

static void confirmed(Engine *e, Run *run, RunArgs args)
{
        if (!run->unconfirmed)
                return;
        if (run->state == RUN_STARTING) {
                run->sent = true;
                acknowledged(e, run, args);
                return;
        }
        run->unconfirmed = false;
        run->answer_mono_usec = USEC_INFINITY;
        if (run->state == RUN_RUNNING) {
                run->running_mono_usec = e->now.mono_usec;
                begin_limit(e, run);
                effect_notify_run(e, NOTIFY_RUN_STATE, run);
        }
        run_arm(e, run);
}

/* Canceled was sent while nobody could hear it. */
static void confirmed_stopping(Engine *e, Run *run, RunArgs args)
{
        if (!run->unconfirmed)
                return;
        run->unconfirmed = false;
        acknowledged_late(e, run, args);
        effect_send(e, EFFECT_SEND_CANCEL, run->server, run, run->reason);
}

static void unconfirmed_start(Engine *e, Run *run, RunArgs args)
{
        Server *server = run->server;
        bool stop = run->answer_mono_usec <= e->now.mono_usec;

        if (!run->unconfirmed)
                return;
        ending_start_failed(e, run, (RunArgs){ .detail = DETAIL_LOST });
        if (stop && server && server->launched)
                server_dispatch(e, server, SERVER_STOP, NULL);
}

static void unconfirmed_run(Engine *e, Run *run, RunArgs args)
{
        Server *server = run->server;
        bool stop = run->answer_mono_usec <= e->now.mono_usec;

        if (!run->unconfirmed)
                return;
        ending_lost(e, run, (RunArgs){ .detail = DETAIL_LOST });
        if (stop && server && server->launched)
                server_dispatch(e, server, SERVER_STOP, NULL);
}

static void refused(Engine *e, Run *run, RunArgs args)
{
        if (!run->sent)
                return;
        ending_start_failed(e, run, (RunArgs){
                                            .detail = DETAIL_REFUSED,
                                            .result = args.result,
                                            .counts = true,
                                            .launched = run->server->launched,
                                    });
}

static void no_answer(Engine *e, Run *run, RunArgs args)
{
        Server *server = run->server;
        /* Several runs of one moment are one failure of each of their classes. */
        bool first = !server->unresponsive || server->unresponsive_in == e->n_events;

        if (!run->sent)
                return;
        if (!server->unresponsive) {
                server->unresponsive_in = e->n_events;
                server->silent_until_mono_usec = usec_add(e->now.mono_usec, SILENCE_USEC);
        }
        server->unresponsive = true;
        server_arm(e, server);
        ending_start_failed(e, run, (RunArgs){
                                            .detail = DETAIL_UNRESPONSIVE,
                                            .counts = first,
                                            .launched = server->launched,
                                    });
}

static void server_failed(Engine *e, Run *run, RunArgs args)
{
        ending_start_failed(e, run, args);
}

static void server_lost_start(Engine *e, Run *run, RunArgs args)
{
        if (run->unconfirmed)
                args = (RunArgs){ .detail = DETAIL_LOST };
        else if (run->sent)
                args = (RunArgs){ .detail = DETAIL_LOST, .counts = run->launched, .launched = run->launched };
        ending_start_failed(e, run, args);
}

static void server_lost_run(Engine *e, Run *run, RunArgs args)
{
        ending_lost(e, run, args);
}

static void server_lost_stopping(Engine *e, Run *run, RunArgs args)
{
        ending_stopped(e, run, false, DETAIL_NONE, 0);
}

static void progress_first(Engine *e, Run *run, RunArgs args)
{
        if (!run->sent)
                return;
        acknowledged(e, run, args);
        run->progress = args.progress;
        effect_notify_run(e, NOTIFY_PROGRESS, run);
}

static void progress(Engine *e, Run *run, RunArgs args)
{
        confirmed(e, run, args);
        run->progress = args.progress;
        effect_notify_run(e, NOTIFY_PROGRESS, run);
}

/* Another attempt follows: the server need not remember this one. That of an outcome is told when it is stored. */
static void confirm(Engine *e, Run *run, Server *server)
{
        if (run->state == RUN_PENDING && !server->gone)
                effect_send(e, EFFECT_SEND_RECORDED, server, run, 0);
}

static void completed_first(Engine *e, Run *run, RunArgs args)
{
        Server *server = run->server;

        if (run->unconfirmed)
                run->sent = true;
        if (!run->sent)
                return;
        acknowledged(e, run, args);
        ending_completed(e, run, args);
        confirm(e, run, server);
}

static void completed(Engine *e, Run *run, RunArgs args)
{
        Server *server = run->server;

        ending_completed(e, run, args);
        confirm(e, run, server);
}

static void completed_stopping(Engine *e, Run *run, RunArgs args)
{
        Server *server = run->server;

        ending_stopped(e, run, true, args.detail, args.result);
        confirm(e, run, server);
}

static void cancel_pending(Engine *e, Run *run, RunArgs args)
{
        if (run->recorded)
                return;
        ending_finish(e, run, OUTCOME_CANCELED, args.reason, DETAIL_NONE, 0);
}

static void cancel(Engine *e, Run *run, RunArgs args)
{
        run->reason = args.reason;
        run->grace_mono_usec = usec_add(e->now.mono_usec, GRACE_USEC);
        run_set_state(e, run, RUN_STOPPING);
        effect_ledger(e, run);
        effect_send(e, EFFECT_SEND_CANCEL, run->server, run, args.reason);
        run_arm(e, run);
}

static void check_traced(Engine *e, Server *server)
{
        if (server->checking)
                return;
        server->checking = true;
        effect_send(e, EFFECT_CHECK_TRACED, server, NULL, 0);
}

/* What is being traced is given its time again: nobody runs at the speed of a debugger. */
static void limit_over(Engine *e, Run *run, RunArgs args)
{
        run->limit_over = true;
        run->limit_mono_usec = USEC_INFINITY;
        run_arm(e, run);
        check_traced(e, run->server);
}

void run_traced(Engine *e, Run *run, bool is_traced)
{
        if (run->state != RUN_RUNNING || !run->limit_over)
                return;
        begin_limit(e, run);
        run_arm(e, run);
        if (!is_traced)
                run_dispatch(e, run, RUN_CANCEL, (RunArgs){ .reason = REASON_EXECUTION_TIME_EXCEEDED });
}

static void cancel_starting(Engine *e, Run *run, RunArgs args)
{
        if (run->sent) {
                cancel(e, run, args);
                return;
        }
        run->reason = args.reason;
        ending_finish(e, run, OUTCOME_CANCELED, args.reason, DETAIL_NONE, 0);
}

static void grace_over(Engine *e, Run *run, RunArgs args)
{
        Server *server = run->server;

        run->grace_over = true;
        if (!server_may_signal(server)) {
                list_for_each_safe(i, &server->objects)
                        class_withdraw(e, list_entry(i, ClassObject, server_node));
                /* What was withdrawn is not waited for. */
                server->class_until_mono_usec = 0;
                server_arm(e, server);
                ending_stopped(e, run, false, DETAIL_NONE, 0);
                return;
        }
        /* What is being traced is given its grace again. */
        run->grace_mono_usec = server->state == SERVER_STOPPING ? USEC_INFINITY
                                                                : usec_add(e->now.mono_usec, GRACE_USEC);
        run_arm(e, run);
        if (server->state != SERVER_STOPPING)
                check_traced(e, server);
}

static void expire(Engine *e, Run *run, RunArgs args)
{
        if (!run->recorded)
                ending_finish(e, run, OUTCOME_EXPIRED, 0, DETAIL_NONE, 0);
}

typedef struct RunCell {
        const char *name;
        void (*handler)(Engine *e, Run *run, RunArgs args);
} RunCell;

static void ignore(Engine *e, Run *run, RunArgs args)
{
}

#define IGNORED { "ignored", ignore }
#define IMPOSSIBLE { "impossible", NULL }

static const RunCell cells[][_RUN_EVENT_MAX] = {
        [RUN_PENDING] = {
                [RUN_START] = { "starting", start },
                [RUN_CLASS_READY] = IMPOSSIBLE,
                [RUN_ACKNOWLEDGED] = IGNORED,
                [RUN_REFUSED] = IGNORED,
                [RUN_NO_ANSWER] = IMPOSSIBLE,
                [RUN_SERVER_FAILED] = IMPOSSIBLE,
                [RUN_SERVER_GONE] = IMPOSSIBLE,
                [RUN_CONFIRMED] = IGNORED,
                [RUN_UNCONFIRMED] = IMPOSSIBLE,
                [RUN_PROGRESS] = IGNORED,
                [RUN_COMPLETED] = IGNORED,
                [RUN_CANCEL] = { "ended: canceled", cancel_pending },
                [RUN_GRACE_OVER] = IMPOSSIBLE,
                [RUN_TIME_LIMIT] = IMPOSSIBLE,
                [RUN_CONDITION_LOST] = IMPOSSIBLE,
                [RUN_EXPIRED] = { "ended: expired", expire },
        },
        [RUN_STARTING] = {
                [RUN_START] = IMPOSSIBLE,
                [RUN_CLASS_READY] = { "Run is sent", place_again },
                [RUN_ACKNOWLEDGED] = { "running", acknowledged },
                [RUN_REFUSED] = { "start failure refused", refused },
                [RUN_NO_ANSWER] = { "start failure unresponsive", no_answer },
                [RUN_SERVER_FAILED] = { "start failure", server_failed },
                [RUN_SERVER_GONE] = { "start failure exited, killed or lost", server_lost_start },
                [RUN_CONFIRMED] = { "running", confirmed },
                [RUN_UNCONFIRMED] = { "start failure lost", unconfirmed_start },
                [RUN_PROGRESS] = { "running", progress_first },
                [RUN_COMPLETED] = { "as running", completed_first },
                [RUN_CANCEL] = { "ended: canceled, or stopping if Run was sent", cancel_starting },
                [RUN_GRACE_OVER] = IMPOSSIBLE,
                [RUN_TIME_LIMIT] = IMPOSSIBLE,
                [RUN_CONDITION_LOST] = IMPOSSIBLE,
                [RUN_EXPIRED] = IMPOSSIBLE,
        },
        [RUN_RUNNING] = {
                [RUN_START] = IMPOSSIBLE,
                [RUN_CLASS_READY] = IGNORED,
                [RUN_ACKNOWLEDGED] = IGNORED,
                [RUN_REFUSED] = IGNORED,
                [RUN_NO_ANSWER] = IMPOSSIBLE,
                [RUN_SERVER_FAILED] = IMPOSSIBLE,
                [RUN_SERVER_GONE] = { "retry, or ended: abandoned", server_lost_run },
                [RUN_CONFIRMED] = { "confirmed", confirmed },
                [RUN_UNCONFIRMED] = { "retry, or ended: abandoned", unconfirmed_run },
                [RUN_PROGRESS] = { "progress", progress },
                [RUN_COMPLETED] = { "ended: completed or failed, or retry", completed },
                [RUN_CANCEL] = { "stopping", cancel },
                [RUN_GRACE_OVER] = IMPOSSIBLE,
                [RUN_TIME_LIMIT] = { "stopping: ExecutionTimeExceeded, unless traced", limit_over },
                [RUN_CONDITION_LOST] = { "stopping: ConditionLoss", cancel },
                [RUN_EXPIRED] = IMPOSSIBLE,
        },
        [RUN_STOPPING] = {
                [RUN_START] = IMPOSSIBLE,
                [RUN_CLASS_READY] = IGNORED,
                [RUN_ACKNOWLEDGED] = { "noted", acknowledged_late },
                [RUN_REFUSED] = { "ended as table 6.5", server_lost_stopping },
                [RUN_NO_ANSWER] = IMPOSSIBLE,
                [RUN_SERVER_FAILED] = IMPOSSIBLE,
                [RUN_SERVER_GONE] = { "ended as table 6.5", server_lost_stopping },
                [RUN_CONFIRMED] = { "told again", confirmed_stopping },
                [RUN_UNCONFIRMED] = { "ended as table 6.5", server_lost_stopping },
                [RUN_PROGRESS] = { "progress", progress },
                [RUN_COMPLETED] = { "ended as table 6.5", completed_stopping },
                [RUN_CANCEL] = IGNORED,
                [RUN_GRACE_OVER] = { "SIGTERM, or given up: table 6.5", grace_over },
                [RUN_TIME_LIMIT] = IMPOSSIBLE,
                [RUN_CONDITION_LOST] = IMPOSSIBLE,
                [RUN_EXPIRED] = IMPOSSIBLE,
        },
        [RUN_ENDED] = {
                [RUN_START] = IMPOSSIBLE,
                [RUN_CLASS_READY] = IMPOSSIBLE,
                [RUN_ACKNOWLEDGED] = IGNORED,
                [RUN_REFUSED] = IGNORED,
                [RUN_NO_ANSWER] = IMPOSSIBLE,
                [RUN_SERVER_FAILED] = IMPOSSIBLE,
                [RUN_SERVER_GONE] = IMPOSSIBLE,
                [RUN_CONFIRMED] = IGNORED,
                [RUN_UNCONFIRMED] = IMPOSSIBLE,
                [RUN_PROGRESS] = IGNORED,
                [RUN_COMPLETED] = IGNORED,
                [RUN_CANCEL] = IGNORED,
                [RUN_GRACE_OVER] = IMPOSSIBLE,
                [RUN_TIME_LIMIT] = IMPOSSIBLE,
                [RUN_CONDITION_LOST] = IMPOSSIBLE,
                [RUN_EXPIRED] = IMPOSSIBLE,
        },
};

static_assert(ELEMENTSOF(cells) == RUN_STATE_COUNT, "a row for each state");

void run_dispatch(Engine *e, Run *run, RunEvent event, RunArgs args)
{
        const RunCell *cell = &cells[run->state][event];

        e->run_visited[run->state] |= 1u << event;
        assert(cell->handler);
        cell->handler(e, run, args);
}

const char *run_cell_name(int state, RunEvent event)
{
        return cells[state][event].name;
}

const char *run_event_name(RunEvent event)
{
        static const char *const names[] = {
                "gates open",      "class object ready", "acknowledged",     "refused",
                "10 s no answer",  "server failed",      "server gone",      "confirmed",
                "not confirmed",   "progress",           "complete",         "cancel",
                "grace over",      "time limit",         "condition loss",   "expires",
        };

        static_assert(ELEMENTSOF(names) == _RUN_EVENT_MAX, "a name for each event");
        return names[event];
}
