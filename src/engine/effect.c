/* SPDX-License-Identifier: MIT */

/* Effects and the rows that they carry, which live in the scratch memory of the event. */

#include "engine/parts.h"

Effect *effect_add(Engine *e, EffectType type)
{
        Effects *effects = e->effects;

        if (effects->n_items == effects->n_allocated) {
                size_t n = MAX(effects->n_allocated * 2, (size_t)64);
                Effect *items = realloc(effects->items, n * sizeof *items);

                /* reserve() makes room for what an event can need. */
                if (!items)
                        abort();
                effects->items = items;
                effects->n_allocated = n;
        }
        effects->items[effects->n_items] = (Effect){ .type = type };
        return &effects->items[effects->n_items++];
}

Error effect_store_error(int error)
{
        switch (error) {
        case -ENOSPC:
        case -EDQUOT:
                return ERROR_STORE_FULL;
        case -EROFS:
                return ERROR_STORE_READ_ONLY;
        case -ENOMEM:
                return ERROR_NO_MEMORY;
        default:
                return ERROR_STORE_FAILED;
        }
}

static Effect *reply(Engine *e, uint64_t token, Error error)
{
        Effect *effect = effect_add(e, EFFECT_REPLY);

        effect->reply.token = token;
        effect->reply.error = error;
        return effect;
}

void effect_reply(Engine *e, uint64_t token, Error error)
{
        if (token)
                reply(e, token, error);
}

void effect_reply_id(Engine *e, uint64_t token, Uuid id, bool existed)
{
        Effect *effect;

        if (!token)
                return;
        effect = reply(e, token, ERROR_NONE);
        effect->reply.id = id;
        effect->reply.existed = existed;
}

void effect_reply_number(Engine *e, uint64_t token, uint32_t number)
{
        if (token)
                reply(e, token, ERROR_NONE)->reply.number = number;
}

void effect_reply_result(Engine *e, uint64_t token, Error error, uint8_t result, Uuid run)
{
        Effect *effect;

        if (!token)
                return;
        effect = reply(e, token, error);
        effect->reply.result = result;
        effect->reply.id = run;
}

void effect_reply_store(Engine *e, uint64_t token, int error)
{
        if (token)
                reply(e, token, effect_store_error(error))->reply.store_error = error;
}

void effect_task_row(const Engine *e, const Task *task, TaskRow *ret_row)
{
        TaskRow row = {
                .id = task->id,
                .anchor = trigger_anchor(e, task),
                .last_number = task->last_number,
                .registered_real_usec = task->registered_real_usec,
                .paused = task->paused,
                .skip_next = task->skip_next,
        };

        spec_read(e, task, &row.spec);
        *ret_row = row;
}

/* The row for the store, which is told of all anchors. */
static TaskRow *task_row(Engine *e, const Task *task)
{
        TaskRow *row = scratch_take(&e->scratch, sizeof *row);
        uint32_t n = trigger_count(e, task) - 1;
        Anchor *anchors;

        effect_task_row(e, task, row);
        if (n == 0)
                return row;
        anchors = scratch_take(&e->scratch, n * sizeof *anchors);
        for (uint32_t i = 0; i < n; i++)
                anchors[i] = trigger_anchor(e, trigger_get(e, task, i + 1));
        row->more_anchors = anchors;
        return row;
}

void effect_run_info(const Engine *e, const Run *run, RunInfo *ret_info)
{
        uint8_t place = (uint8_t)trigger_of_run(e, run)->place;
        TaskSpec spec;

        spec_read(e, run->task, &spec);
        *ret_info = (RunInfo){
                .run = run->id,
                .attempt = run->attempts,
                .state = run->state,
                .reason = run->reason,
                .fired_by = run->fired_by,
                .unconfirmed = run->unconfirmed,
                .server = run->server ? run->server->id : 0,
                .task = run->task->id,
                .package = spec.package,
                .name = spec.name,
                .group = spec.group,
                .trigger = *spec_trigger(&spec, place),
                .place = place,
                .number = run->number,
                .order = run->order,
                .scheduled_real_usec = run->scheduled_real_usec,
                .first_scheduled_real_usec = run->first_scheduled_real_usec,
                .accepted_real_usec = run->accepted_real_usec,
                .since_real_usec = run->since_real_usec,
                .count = run->count,
                .progress = run->progress,
                .details = run->details ? run->details->data : NULL,
                .n_details = run->details ? run->details->n : 0,
        };
}

static const RunInfo *run_info(Engine *e, const Run *run)
{
        RunInfo *info = scratch_take(&e->scratch, sizeof *info);

        effect_run_info(e, run, info);
        return info;
}

static const RunRow *run_row(Engine *e, const Run *run)
{
        RunRow *row = scratch_take(&e->scratch, sizeof *row);

        *row = (RunRow){
                .id = run->id,
                .task = run->task->id,
                .package = task_package(e, run->task)->name,
                .name = spec_name(run->task),
                .number = run->number,
                .server = run->server_id,
                .accepted_real_usec = run->accepted_real_usec,
                .scheduled_real_usec = run->scheduled_real_usec,
                .first_scheduled_real_usec = run->first_scheduled_real_usec,
                .started_real_usec = run->started_real_usec,
                .ended_real_usec = run->ended_real_usec,
                .count = run->count,
                .attempts = run->attempts,
                .progress = run->progress,
                .fired_by = run->fired_by,
                .trigger = run->trigger,
                .trigger_kind = (uint8_t)trigger_of_run(e, run)->kind,
                .outcome = run->outcome,
                .reason = run->reason,
                .detail = run->detail,
                .result = run->result,
                .cpu_usec = run->cpu_usec,
                .memory_bytes = run->memory_bytes,
        };
        return row;
}

static void pending_row(const Run *run, PendingRow *ret_row)
{
        *ret_row = (PendingRow){
                .task = run->task->id,
                .number = run->number,
                .accepted_real_usec = run->accepted_real_usec,
                .scheduled_real_usec = run->scheduled_real_usec,
                .first_scheduled_real_usec = run->first_scheduled_real_usec,
                .count = run->count,
                .attempts = run->attempts,
                .fired_by = run->fired_by,
                .trigger = run->trigger,
                .forced = run->forced,
                .rerun = run->rerun,
                .details = run->details ? run->details->data : NULL,
                .n_details = run->details ? run->details->n : 0,
        };
}

static Effect *notify(Engine *e, NotifyKind kind, const Task *task)
{
        Effect *effect = effect_add(e, EFFECT_NOTIFY);

        effect->notify.kind = kind;
        effect->notify.task = task->id;
        effect->notify.package = task_package(e, task)->name;
        effect->notify.name = spec_name(task);
        return effect;
}

void effect_notify(Engine *e, NotifyKind kind, const Task *task)
{
        notify(e, kind, task);
}

void effect_notify_run(Engine *e, NotifyKind kind, Run *run)
{
        Effect *effect = notify(e, kind, run->task);

        if (kind == NOTIFY_ENDED)
                effect->notify.run_row = run_row(e, run);
        else
                effect->notify.info = run_info(e, run);
}

Effect *effect_store(Engine *e, EffectType type, const Commit *commit)
{
        Effect *effect = effect_add(e, type);

        effect->store.commit = commit->number;
        return effect;
}

void effect_store_task(Engine *e, EffectType type, const Commit *commit, const Task *task)
{
        effect_store(e, type, commit)->store.task = task_row(e, task);
}

void effect_store_unregistered(Engine *e, const Commit *commit, const Task *task)
{
        TaskRow *row = task_row(e, task);

        row->unregistered = true;
        effect_store(e, EFFECT_STORE_TASK, commit)->store.task = row;
}

void effect_store_run(Engine *e, const Commit *commit, Run *run)
{
        effect_store(e, EFFECT_STORE_RUN, commit)->store.run = run_row(e, run);
}

void effect_store_pending(Engine *e, const Commit *commit, Run *run)
{
        PendingRow *row = scratch_take(&e->scratch, sizeof *row);

        pending_row(run, row);
        effect_store(e, EFFECT_STORE_PENDING, commit)->store.pending = row;
}

void effect_store_pending_gone(Engine *e, const Commit *commit, const Task *task, uint64_t number)
{
        Effect *effect = effect_store(e, EFFECT_STORE_PENDING_GONE, commit);

        effect->store.pending_gone.task = task->id;
        effect->store.pending_gone.number = number;
}

void effect_send(Engine *e, EffectType type, Server *server, const Run *run, uint8_t reason)
{
        Effect *effect = effect_add(e, type);

        effect->send.server = server->id;
        if (run) {
                effect->send.run = run->id;
                effect->send.attempt = run->attempts;
        }
        effect->send.reason = reason;
}

void effect_ledger(Engine *e, Run *run)
{
        LedgerRow *row = scratch_take(&e->scratch, sizeof *row);

        *row = (LedgerRow){
                .run = run->id,
                .attempt = run->attempts,
                .server = run->server->id,
                .sent = run->sent,
                .acknowledged = run->acknowledged,
                .sent_real_usec = run->sent_real_usec,
                .stopping = run->state == RUN_STOPPING,
                .reason = run->reason,
        };
        pending_row(run, &row->firing);
        effect_add(e, EFFECT_LEDGER)->ledger = row;
        if (run->ledger_server != run->server) {
                Server *before = run->ledger_server;

                run->ledger_server = run->server;
                run->server->n_ledger++;
                if (before) {
                        before->n_ledger--;
                        server_check_released(e, before);
                }
        }
        run->ledger = true;
        run->ledger_over = false;
}
