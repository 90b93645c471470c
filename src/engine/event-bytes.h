/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Events as bytes, for a journal that can be fed to an engine again, and what an engine answered as one number. The
 * bytes are read by the same build that wrote them: they hold integers as the machine has them. Whoever keeps them
 * guards them with a checksum; what is read here is checked for bounds only.
 */

#include "base/buffer.h"
#include "engine/engine.h"

/* What the pointers of an event that was read point into, beside the bytes themselves. */
typedef struct EventStorage {
        TaskRow task;
        TaskSpec spec;
        Trigger more[TRIGGERS_MAX - 1];
        Anchor more_anchors[TRIGGERS_MAX - 1];
        PendingRow pending;
        LedgerRow ledger;
        Buffer list; /* of PackageClass or EventRun */
} EventStorage;

void event_storage_done(EventStorage *storage);

/* Appends the event. -ENOMEM leaves the buffer as it was. */
int event_write(const Event *event, Buffer *buffer);
/*
 * Reads what event_write() wrote. The event lives as long as the bytes and the storage, which is zeroed at first and
 * may be used again. -EBADMSG, -ENOMEM.
 */
int event_read(const void *data, size_t size, EventStorage *storage, Event *ret_event);

/* Equal for equal effects: their order, kinds, tokens, commits, tasks, runs, servers and outcomes. */
uint32_t effects_digest(const Effects *effects);

/* "task-registered", for people. NULL: there is no such event or effect. */
const char *event_name(EventType type);
const char *effect_name(EffectType type);
