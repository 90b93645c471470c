/* SPDX-License-Identifier: MIT */

/* How events and alarms find the runs that they are about. */

#include "engine/parts.h"

Run *run_find(const Engine *e, Uuid id)
{
        uint64_t hash;

        memcpy(&hash, id.bytes, sizeof hash);
        for (MapNode *i = map_find(&e->runs_by_id, hash); i; i = map_next(i)) {
                Run *run = CONTAINER_OF(i, Run, node);

                if (uuid_equal(run->id, id))
                        return run;
        }
        return NULL;
}

void run_note_usage(Run *run, uint64_t cpu_usec, uint64_t memory_bytes)
{
        run->cpu_usec = usec_sub(cpu_usec, run->cpu_before_usec);
        run->memory_bytes = memory_bytes;
}

void run_boot_alarm(Engine *e, Run *run)
{
        if (run->expires_boot_usec <= e->now.boot_usec) {
                run_dispatch(e, run, RUN_EXPIRED, (RunArgs){ 0 });
                return;
        }
        run_arm(e, run);
        gate_kick(e, run->task);
}

void run_mono_alarm(Engine *e, Run *run)
{
        uint64_t now = e->now.mono_usec;
        uint8_t reason;

        if (run->state == RUN_STOPPING && run->grace_mono_usec <= now)
                run_dispatch(e, run, RUN_GRACE_OVER, (RunArgs){ 0 });
        else if (run->unconfirmed && run->answer_mono_usec <= now)
                run_dispatch(e, run, RUN_UNCONFIRMED, (RunArgs){ 0 });
        else if (run->state == RUN_STARTING && run->answer_mono_usec <= now)
                run_dispatch(e, run, RUN_NO_ANSWER, (RunArgs){ 0 });
        else if (run->state == RUN_RUNNING && run->limit_mono_usec <= now)
                run_dispatch(e, run, RUN_TIME_LIMIT, (RunArgs){ 0 });
        else if (run->state == RUN_RUNNING && condition_loss_mono_usec(e, run, &reason) <= now)
                run_dispatch(e, run, RUN_CONDITION_LOST, (RunArgs){ .reason = reason });
        else
                run_arm(e, run);
}

/* Takes the reply out of the run's. */
static void answer(Engine *e, const Run *run, Reply **place, int store_error)
{
        Reply *reply = *place;

        *place = reply->next;
        if (store_error < 0) {
                effect_reply_result(e, reply->token, effect_store_error(store_error), RESULT_UNKNOWN_ERROR, run->id);
                e->effects->items[e->effects->n_items - 1].reply.store_error = store_error;
        } else {
                effect_reply_result(e, reply->token, ERROR_NONE, RESULT_ALLOWED, run->id);
        }
        pool_give(&e->replies, reply);
}

void run_answer(Engine *e, Run *run, int store_error)
{
        while (run->replies)
                answer(e, run, &run->replies, store_error);
}

void run_answer_early(Engine *e, Run *run)
{
        Reply **place = &run->replies;

        while (*place)
                if ((*place)->stored)
                        place = &(*place)->next;
                else
                        answer(e, run, place, 0);
}

static void cancel_all(Engine *e, ListNode *list, uint8_t reason, uint32_t *n)
{
        list_for_each_safe(i, list) {
                Run *run = list_entry(i, Run, task_node);

                *n += run->state != RUN_STOPPING && !run->recorded;
                run_dispatch(e, run, RUN_CANCEL, (RunArgs){ .reason = reason });
        }
}

void run_cancel_task(Engine *e, const Event *event)
{
        Task *task = task_find(e, event->task.task);
        Extra *extra = task ? task_extra(e, task) : NULL;
        uint32_t n = 0;

        if (!task || task->state == TASK_REGISTERING) {
                effect_reply(e, event->token, ERROR_NO_SUCH_TASK);
                return;
        }
        if (extra) {
                /* The queue first: nothing is to start in place of what is canceled. */
                cancel_all(e, &extra->queue, event->task.reason, &n);
                cancel_all(e, &extra->live, event->task.reason, &n);
        }
        effect_reply_number(e, event->token, n);
}

void run_cancel_one(Engine *e, const Event *event)
{
        Run *run = run_find(e, event->run.run);

        if (!run || run->state == RUN_ENDED) {
                effect_reply(e, event->token, ERROR_NO_SUCH_RUN);
                return;
        }
        run_dispatch(e, run, RUN_CANCEL, (RunArgs){ .reason = event->run.reason });
        effect_reply(e, event->token, ERROR_NONE);
}

/* What a server says of an attempt that is not, or no longer, its own. */
static void answer_stranger(Engine *e, Server *server, const Event *event, const Run *run)
{
        EffectType type;
        Effect *effect;

        /* A run that ended with this server is confirmed to it when its outcome is stored. */
        if (run && run->state == RUN_ENDED && run->attempts == event->run.attempt && run->ledger_server == server)
                return;
        if (event->type == EVENT_RUN_ACKNOWLEDGED)
                type = EFFECT_SEND_CANCEL;
        else if (event->type == EVENT_RUN_COMPLETED)
                type = EFFECT_SEND_RECORDED;
        else
                return;
        effect = effect_add(e, type);
        effect->send.server = server->id;
        effect->send.run = event->run.run;
        effect->send.attempt = event->run.attempt;
        effect->send.reason = REASON_ABORT;
}

void run_server_event(Engine *e, const Event *event)
{
        Server *server = server_find(e, event->run.server);
        Run *run = run_find(e, event->run.run);
        RunArgs args = {
                .detail = event->run.detail,
                .result = event->run.result,
                .progress = event->run.progress,
                .retry_after_usec = event->run.retry_after_usec,
        };

        if (!server || server->gone)
                return;
        server_heard(e, server);
        if (!run || run->server != server || run->attempts != event->run.attempt) {
                answer_stranger(e, server, event, run);
                return;
        }
        if (event->type == EVENT_RUN_ACKNOWLEDGED)
                run->cpu_before_usec = event->run.cpu_usec;
        else if (event->type == EVENT_RUN_COMPLETED && run->state != RUN_ENDED)
                run_note_usage(run, event->run.cpu_usec, event->run.memory_bytes);
        switch (event->type) {
        case EVENT_RUN_ACKNOWLEDGED:
                run_dispatch(e, run, RUN_ACKNOWLEDGED, args);
                break;
        case EVENT_RUN_REFUSED:
                run_dispatch(e, run, RUN_REFUSED, args);
                break;
        case EVENT_RUN_PROGRESS:
                run_dispatch(e, run, RUN_PROGRESS, args);
                break;
        default:
                run_dispatch(e, run, RUN_COMPLETED, args);
                break;
        }
}
