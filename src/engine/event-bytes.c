/* SPDX-License-Identifier: MIT */

/*
 * One walk over the fields both writes and reads, so that the two cannot differ. What is missing in it is missing in
 * every event of the simulator too, which feeds its engine with what was written and read again.
 */

#include "engine/event-bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

#define NO_TEXT UINT32_MAX

typedef struct Walk {
        Buffer *out;       /* NULL: reading */
        const uint8_t *in;
        size_t left;
        EventStorage *storage;
        int error;
} Walk;

static const char *const event_names[] = {
        [EVENT_RESTORE_PACKAGE] = "restore-package",
        [EVENT_RESTORE_PACKAGE_PAUSE] = "restore-package-pause",
        [EVENT_RESTORE_TASK] = "restore-task",
        [EVENT_RESTORE_PENDING] = "restore-pending",
        [EVENT_RESTORE_LEVEL] = "restore-level",
        [EVENT_RESTORE_SERVER] = "restore-server",
        [EVENT_RESTORE_LEDGER] = "restore-ledger",
        [EVENT_START] = "start",
        [EVENT_TICK] = "tick",
        [EVENT_CLOCK_STEPPED] = "clock-stepped",
        [EVENT_ZONE] = "zone",
        [EVENT_COMMITTED] = "committed",
        [EVENT_INSTALL] = "install",
        [EVENT_REMOVE] = "remove",
        [EVENT_PAUSE_PACKAGE] = "pause-package",
        [EVENT_REGISTER] = "register",
        [EVENT_UNREGISTER] = "unregister",
        [EVENT_PAUSE] = "pause",
        [EVENT_SKIP] = "skip",
        [EVENT_LEVEL] = "level",
        [EVENT_RAISE] = "raise",
        [EVENT_REQUEST] = "request",
        [EVENT_RUN_NOW] = "run-now",
        [EVENT_CANCEL] = "cancel",
        [EVENT_CANCEL_RUN] = "cancel-run",
        [EVENT_SPAWNED] = "spawned",
        [EVENT_SPAWN_FAILED] = "spawn-failed",
        [EVENT_SERVER_ATTACHED] = "server-attached",
        [EVENT_SERVER_ANNOUNCED] = "server-announced",
        [EVENT_SERVER_BECAME_APP] = "server-became-app",
        [EVENT_SERVER_GONE] = "server-gone",
        [EVENT_CLASS_REGISTERED] = "class-registered",
        [EVENT_CLASS_REVOKED] = "class-revoked",
        [EVENT_CLASSES_SUSPENDED] = "classes-suspended",
        [EVENT_ASK_TO_GO] = "ask-to-go",
        [EVENT_RUN_ACKNOWLEDGED] = "run-acknowledged",
        [EVENT_RUN_REFUSED] = "run-refused",
        [EVENT_RUN_PROGRESS] = "run-progress",
        [EVENT_RUN_COMPLETED] = "run-completed",
        [EVENT_TRACED] = "traced",
        [EVENT_SHUTDOWN] = "shutdown",
};
_Static_assert(ELEMENTSOF(event_names) == _EVENT_TYPE_MAX, "each event has a name");

static const char *const effect_names[] = {
        [EFFECT_REPLY] = "reply",
        [EFFECT_STORE_TASK] = "store-task",
        [EFFECT_STORE_TASK_STATE] = "store-task-state",
        [EFFECT_STORE_TASK_GONE] = "store-task-gone",
        [EFFECT_STORE_PENDING] = "store-pending",
        [EFFECT_STORE_PENDING_GONE] = "store-pending-gone",
        [EFFECT_STORE_RUN] = "store-run",
        [EFFECT_STORE_LEVEL] = "store-level",
        [EFFECT_STORE_PACKAGE] = "store-package",
        [EFFECT_STORE_PACKAGE_PAUSE] = "store-package-pause",
        [EFFECT_STORE_PACKAGE_GONE] = "store-package-gone",
        [EFFECT_LEDGER] = "ledger",
        [EFFECT_LEDGER_GONE] = "ledger-gone",
        [EFFECT_LAUNCH] = "launch",
        [EFFECT_SEND_RUN] = "send-run",
        [EFFECT_SEND_CANCEL] = "send-cancel",
        [EFFECT_SEND_RECORDED] = "send-recorded",
        [EFFECT_SEND_LEAVE] = "send-leave",
        [EFFECT_SIGNAL] = "signal",
        [EFFECT_CHECK_TRACED] = "check-traced",
        [EFFECT_SERVER_RELEASED] = "server-released",
        [EFFECT_NOTIFY] = "notify",
};

const char *event_name(EventType type)
{
        return (size_t)type < ELEMENTSOF(event_names) ? event_names[type] : NULL;
}

const char *effect_name(EffectType type)
{
        return (size_t)type < ELEMENTSOF(effect_names) ? effect_names[type] : NULL;
}

static void raw(Walk *w, void *data, size_t n)
{
        if (w->error < 0)
                return;
        if (w->out) {
                w->error = buffer_append(w->out, data, n);
        } else if (n > w->left) {
                w->error = -EBADMSG;
        } else {
                memcpy(data, w->in, n);
                w->in += n;
                w->left -= n;
        }
}

#define FIELD(w, field) raw((w), &(field), sizeof(field))

/* A byte that is neither 0 nor 1 is no bool. */
static void flag(Walk *w, bool *field)
{
        uint8_t byte = *field;

        raw(w, &byte, 1);
        if (byte > 1 && w->error == 0)
                w->error = -EBADMSG;
        else if (w->error == 0)
                *field = byte != 0;
}

/* Bytes of any number; when read, where they lie. */
static void bytes(Walk *w, const void **data, uint32_t n)
{
        if (w->out) {
                raw(w, (void *)*data, n);
        } else if (w->error == 0 && n > w->left) {
                w->error = -EBADMSG;
        } else if (w->error == 0) {
                *data = w->in;
                w->in += n;
                w->left -= n;
        }
}

static void blob(Walk *w, const void **data, size_t *n)
{
        uint32_t size = (uint32_t)*n;

        FIELD(w, size);
        bytes(w, data, size);
        if (w->error < 0 || w->out)
                return;
        *n = size;
        if (size == 0)
                *data = NULL;
}

/* With its terminator, so that it can be used where it lies. */
static void text(Walk *w, const char **s)
{
        uint32_t size = w->out ? (*s ? (uint32_t)strlen(*s) + 1 : NO_TEXT) : 0;
        const void *data = *s;

        FIELD(w, size);
        if (w->error < 0)
                return;
        if (size == NO_TEXT) {
                *s = NULL;
                return;
        }
        bytes(w, &data, size);
        if (w->error == 0 && (size == 0 || ((const char *)data)[size - 1] != '\0'))
                w->error = -EBADMSG;
        else if (w->error == 0)
                *s = data;
}

/* Elements without pointers; when read, they are copied to where they are aligned. */
static void list(Walk *w, const void **items, size_t *n, size_t size)
{
        const void *data = *items;
        uint32_t count = (uint32_t)*n;

        FIELD(w, count);
        if (w->error == 0 && !w->out && count > w->left / size)
                w->error = -EBADMSG;
        bytes(w, &data, (uint32_t)(count * size));
        if (w->error < 0 || w->out)
                return;
        w->storage->list.size = 0;
        w->error = buffer_append(&w->storage->list, data, count * size);
        *items = w->storage->list.data;
        *n = count;
}

static void walk_trigger(Walk *w, Trigger *trigger)
{
        FIELD(w, trigger->kind);
        flag(w, &trigger->one_shot);
        FIELD(w, trigger->system_type);
        FIELD(w, trigger->period_usec);
        FIELD(w, trigger->window_usec);
        text(w, &trigger->text);
}

/* Of more than there may be the number is told, which the engine refuses. */
static void walk_more(Walk *w, TaskSpec *spec)
{
        Trigger *more = w->storage->more;

        FIELD(w, spec->n_more);
        if (w->error < 0 || spec->n_more == 0 || spec->n_more >= TRIGGERS_MAX)
                return;
        if (w->out)
                memcpy(more, spec->more, spec->n_more * sizeof *more);
        for (uint32_t i = 0; i < spec->n_more; i++)
                walk_trigger(w, &more[i]);
        spec->more = more;
}

static void walk_anchor(Walk *w, Anchor *anchor)
{
        FIELD(w, anchor->boot_id);
        FIELD(w, anchor->boot_usec);
        FIELD(w, anchor->real_usec);
}

static void walk_more_anchors(Walk *w, TaskRow *row)
{
        Anchor *anchors = w->storage->more_anchors;
        bool told = row->more_anchors;

        flag(w, &told);
        row->more_anchors = told ? row->more_anchors : NULL;
        if (w->error < 0 || !told || row->spec.n_more >= TRIGGERS_MAX)
                return;
        if (w->out)
                memcpy(anchors, row->more_anchors, row->spec.n_more * sizeof *anchors);
        for (uint32_t i = 0; i < row->spec.n_more; i++)
                walk_anchor(w, &anchors[i]);
        row->more_anchors = anchors;
}

static void walk_spec(Walk *w, TaskSpec *spec)
{
        text(w, &spec->package);
        text(w, &spec->name);
        text(w, &spec->group);
        text(w, &spec->options);
        walk_trigger(w, &spec->trigger);
        walk_more(w, spec);
        FIELD(w, spec->clsid);
        flag(w, &spec->command);
        flag(w, &spec->has_entry_point);
        FIELD(w, spec->conditions);
        flag(w, &spec->cancel_on_condition_loss);
        flag(w, &spec->network_requested);
        FIELD(w, spec->overlap);
        FIELD(w, spec->catch_up);
        FIELD(w, spec->rerun);
        FIELD(w, spec->retry_max);
        FIELD(w, spec->catch_up_window_usec);
        FIELD(w, spec->retry_backoff_usec);
        FIELD(w, spec->time_limit_usec);
        FIELD(w, spec->expires_usec);
        FIELD(w, spec->deadline_usec);
}

static void walk_task(Walk *w, TaskRow *row)
{
        FIELD(w, row->id);
        walk_spec(w, &row->spec);
        walk_anchor(w, &row->anchor);
        walk_more_anchors(w, row);
        FIELD(w, row->last_number);
        FIELD(w, row->registered_real_usec);
        flag(w, &row->paused);
        flag(w, &row->skip_next);
        flag(w, &row->unregistered);
}

static void walk_pending(Walk *w, PendingRow *row)
{
        FIELD(w, row->task);
        FIELD(w, row->number);
        FIELD(w, row->accepted_real_usec);
        FIELD(w, row->scheduled_real_usec);
        FIELD(w, row->first_scheduled_real_usec);
        FIELD(w, row->count);
        FIELD(w, row->attempts);
        FIELD(w, row->fired_by);
        FIELD(w, row->trigger);
        flag(w, &row->forced);
        flag(w, &row->rerun);
        blob(w, &row->details, &row->n_details);
}

static void walk_ledger(Walk *w, LedgerRow *row)
{
        FIELD(w, row->run);
        FIELD(w, row->attempt);
        FIELD(w, row->server);
        flag(w, &row->sent);
        flag(w, &row->acknowledged);
        FIELD(w, row->sent_real_usec);
        flag(w, &row->stopping);
        FIELD(w, row->reason);
        walk_pending(w, &row->firing);
}

static void walk_task_request(Walk *w, Event *event)
{
        FIELD(w, event->task.task);
        flag(w, &event->task.cancel);
        flag(w, &event->task.paused);
        flag(w, &event->task.skip);
        flag(w, &event->task.forced);
        FIELD(w, event->task.reason);
        blob(w, &event->task.details, &event->task.n_details);
}

static void walk_raise(Walk *w, Event *event)
{
        FIELD(w, event->raise.kind);
        FIELD(w, event->raise.system_type);
        FIELD(w, event->raise.task);
        text(w, &event->raise.text);
        blob(w, &event->raise.details, &event->raise.n_details);
}

static void walk_process(Walk *w, Event *event)
{
        FIELD(w, event->process.server);
        FIELD(w, event->process.error);
        flag(w, &event->process.by_signal);
        flag(w, &event->process.status_known);
        FIELD(w, event->process.status);
        FIELD(w, event->process.cpu_usec);
        FIELD(w, event->process.memory_bytes);
        flag(w, &event->process.traced);
        flag(w, &event->process.suspended);
        list(w, (const void **)&event->process.runs, &event->process.n_runs, sizeof(EventRun));
}

static void walk_run(Walk *w, Event *event)
{
        FIELD(w, event->run.server);
        FIELD(w, event->run.run);
        FIELD(w, event->run.attempt);
        FIELD(w, event->run.reason);
        FIELD(w, event->run.progress);
        FIELD(w, event->run.detail);
        FIELD(w, event->run.result);
        FIELD(w, event->run.retry_after_usec);
        FIELD(w, event->run.cpu_usec);
        FIELD(w, event->run.memory_bytes);
}

/* A row is pointed to: when read, it lies in the storage. */
#define ROW(w, event, member, place, walk)              \
        do {                                            \
                if ((w)->out)                           \
                        (place) = *(event)->member;     \
                else                                    \
                        (event)->member = &(place);     \
                walk((w), &(place));                    \
        } while (0)

static void walk_what(Walk *w, Event *event)
{
        EventStorage *s = w->storage;

        switch (event->type) {
        case EVENT_RESTORE_PACKAGE:
        case EVENT_RESTORE_PACKAGE_PAUSE:
        case EVENT_INSTALL:
        case EVENT_REMOVE:
        case EVENT_PAUSE_PACKAGE:
                text(w, &event->package.name);
                flag(w, &event->package.paused);
                FIELD(w, event->package.since_real_usec);
                FIELD(w, event->package.content);
                FIELD(w, event->package.capabilities);
                list(w, (const void **)&event->package.classes, &event->package.n_classes, sizeof(PackageClass));
                break;
        case EVENT_ZONE:
                text(w, &event->zone.name);
                blob(w, &event->zone.data, &event->zone.n);
                break;
        case EVENT_RESTORE_TASK:
                ROW(w, event, task_row, s->task, walk_task);
                break;
        case EVENT_RESTORE_PENDING:
                ROW(w, event, pending_row, s->pending, walk_pending);
                break;
        case EVENT_RESTORE_LEDGER:
                ROW(w, event, ledger_row, s->ledger, walk_ledger);
                break;
        case EVENT_REGISTER:
                ROW(w, event, reg.spec, s->spec, walk_spec);
                FIELD(w, event->reg.if_exists);
                break;
        case EVENT_START:
                flag(w, &event->start.rebooted);
                break;
        case EVENT_RESTORE_LEVEL:
        case EVENT_LEVEL:
                FIELD(w, event->level.condition);
                FIELD(w, event->level.level);
                flag(w, &event->level.baseline);
                break;
        case EVENT_RESTORE_SERVER:
        case EVENT_SERVER_ATTACHED:
                FIELD(w, event->server.server);
                text(w, &event->server.package);
                FIELD(w, event->server.exe_server);
                flag(w, &event->server.launched);
                break;
        case EVENT_COMMITTED:
                FIELD(w, event->committed.commit);
                FIELD(w, event->committed.error);
                break;
        case EVENT_UNREGISTER:
        case EVENT_PAUSE:
        case EVENT_SKIP:
        case EVENT_REQUEST:
        case EVENT_RUN_NOW:
        case EVENT_CANCEL:
                walk_task_request(w, event);
                break;
        case EVENT_RAISE:
                walk_raise(w, event);
                break;
        case EVENT_CLASS_REGISTERED:
        case EVENT_CLASS_REVOKED:
                FIELD(w, event->class_object.server);
                FIELD(w, event->class_object.clsid);
                FIELD(w, event->class_object.flags);
                FIELD(w, event->class_object.cookie);
                break;
        case EVENT_CANCEL_RUN:
        case EVENT_RUN_ACKNOWLEDGED:
        case EVENT_RUN_REFUSED:
        case EVENT_RUN_PROGRESS:
        case EVENT_RUN_COMPLETED:
                walk_run(w, event);
                break;
        case EVENT_SHUTDOWN:
                FIELD(w, event->shutdown_reason);
                break;
        case EVENT_TICK:
        case EVENT_CLOCK_STEPPED:
                break;
        default:
                walk_process(w, event);
                break;
        }
}

static void walk_event(Walk *w, Event *event)
{
        uint8_t type = (uint8_t)event->type;

        raw(w, &type, 1);
        if (w->error == 0 && type >= _EVENT_TYPE_MAX)
                w->error = -EBADMSG;
        if (w->error < 0)
                return;
        event->type = type;
        FIELD(w, event->time.boot_usec);
        FIELD(w, event->time.mono_usec);
        FIELD(w, event->time.real_usec);
        flag(w, &event->store_behind);
        FIELD(w, event->token);
        walk_what(w, event);
}

void event_storage_done(EventStorage *storage)
{
        buffer_done(&storage->list);
}

int event_write(const Event *event, Buffer *buffer)
{
        EventStorage storage;
        Walk w = { .out = buffer, .storage = &storage };
        size_t before = buffer->size;
        Event copy = *event;

        storage.list = (Buffer){ 0 };
        walk_event(&w, &copy);
        if (w.error < 0)
                buffer->size = before;
        return w.error;
}

int event_read(const void *data, size_t size, EventStorage *storage, Event *ret_event)
{
        Walk w = { .in = data, .left = size, .storage = storage };
        Event event = { 0 };

        walk_event(&w, &event);
        if (w.error == 0 && w.left > 0)
                w.error = -EBADMSG;
        if (w.error == 0)
                *ret_event = event;
        return w.error;
}

static uint32_t mix(uint32_t digest, uint64_t value)
{
        return crc32c(digest, &value, sizeof value);
}

static uint32_t mix_id(uint32_t digest, Uuid id)
{
        return crc32c(digest, id.bytes, sizeof id.bytes);
}

static uint32_t mix_reply(uint32_t digest, const Effect *effect)
{
        digest = mix(digest, effect->reply.token);
        digest = mix(digest, (uint64_t)effect->reply.error << 32 | effect->reply.number);
        digest = mix(digest, (uint64_t)effect->reply.existed << 8 | effect->reply.result);
        return mix_id(digest, effect->reply.id);
}

static uint32_t mix_store(uint32_t digest, const Effect *effect)
{
        digest = mix(digest, effect->store.commit);
        switch (effect->type) {
        case EFFECT_STORE_TASK:
        case EFFECT_STORE_TASK_STATE:
                digest = mix(digest, effect->store.task->last_number);
                digest = mix(digest, effect->store.task->anchor.real_usec);
                digest = mix(digest, effect->store.task->skip_next);
                return mix_id(digest, effect->store.task->id);
        case EFFECT_STORE_TASK_GONE:
                return mix_id(digest, effect->store.task_gone);
        case EFFECT_STORE_PENDING:
                digest = mix(digest, effect->store.pending->number);
                digest = mix(digest, (uint64_t)effect->store.pending->count << 32 | effect->store.pending->attempts);
                return mix_id(digest, effect->store.pending->task);
        case EFFECT_STORE_PENDING_GONE:
                digest = mix(digest, effect->store.pending_gone.number);
                return mix_id(digest, effect->store.pending_gone.task);
        case EFFECT_STORE_RUN:
                digest = mix(digest, effect->store.run->ended_real_usec);
                digest = mix(digest, effect->store.run->started_real_usec);
                digest = mix(digest, (uint64_t)effect->store.run->outcome << 16 | effect->store.run->detail << 8 |
                                             effect->store.run->reason);
                digest = mix(digest, (uint64_t)(int64_t)effect->store.run->result);
                return mix_id(digest, effect->store.run->id);
        case EFFECT_STORE_LEVEL:
                return mix(digest, (uint64_t)effect->store.level.condition << 8 | (uint8_t)effect->store.level.level);
        case EFFECT_STORE_PACKAGE_PAUSE:
                digest = mix(digest, effect->store.package.paused);
                return crc32c(digest, effect->store.package.name, strlen(effect->store.package.name));
        default:
                return crc32c(digest, effect->store.package.name, strlen(effect->store.package.name));
        }
}

static uint32_t mix_effect(uint32_t digest, const Effect *effect)
{
        digest = mix(digest, effect->type);
        switch (effect->type) {
        case EFFECT_REPLY:
                return mix_reply(digest, effect);
        case EFFECT_LEDGER:
                digest = mix(digest, effect->ledger->server);
                digest = mix(digest, effect->ledger->attempt);
                return mix_id(digest, effect->ledger->run);
        case EFFECT_LEDGER_GONE:
                return mix_id(digest, effect->ledger_gone);
        case EFFECT_LAUNCH:
                digest = mix(digest, effect->launch.exe_server);
                digest = mix_id(digest, effect->launch.command);
                return mix(digest, effect->launch.server);
        case EFFECT_SEND_RUN:
                digest = mix(digest, effect->send_run.server);
                digest = mix(digest, (uint64_t)effect->send_run.cookie << 32 | effect->send_run.info->attempt);
                return mix_id(digest, effect->send_run.info->run);
        case EFFECT_SEND_CANCEL:
        case EFFECT_SEND_RECORDED:
                digest = mix(digest, (uint64_t)effect->send.attempt << 8 | effect->send.reason);
                digest = mix_id(digest, effect->send.run);
                return mix(digest, effect->send.server);
        case EFFECT_SEND_LEAVE:
        case EFFECT_CHECK_TRACED:
        case EFFECT_SERVER_RELEASED:
                return mix(digest, effect->send.server);
        case EFFECT_SIGNAL:
                return mix(mix(digest, effect->signal.server), (uint64_t)effect->signal.number);
        case EFFECT_NOTIFY:
                return mix_id(mix(digest, effect->notify.kind), effect->notify.task);
        default:
                return mix_store(digest, effect);
        }
}

uint32_t effects_digest(const Effects *effects)
{
        uint32_t digest = 0;

        for (size_t i = 0; i < effects->n_items; i++)
                digest = mix_effect(digest, &effects->items[i]);
        return digest;
}
