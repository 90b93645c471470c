/* SPDX-License-Identifier: MIT */
#pragma once

/* The enumerations of terms.def, and for each the names of its numbers both ways. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
#define X_TRIGGER(symbol, number, name) TRIGGER_##symbol = (number),
#define X_SYSTEM(symbol, number, name) SYSTEM_##symbol = (number),
#define X_CONDITION(symbol, number, name) CONDITION_##symbol = (number),
#define X_REASON(symbol, number, name) REASON_##symbol = (number),
#define X_OUTCOME(symbol, number, name) OUTCOME_##symbol = (number),
#define X_DETAIL(symbol, number, name) DETAIL_##symbol = (number),
#define X_OVERLAP(symbol, number, name) OVERLAP_##symbol = (number),
#define X_CATCH_UP(symbol, number, name) CATCH_UP_##symbol = (number),
#define X_RERUN(symbol, number, name) RERUN_##symbol = (number),
#define X_IF_EXISTS(symbol, number, name) IF_EXISTS_##symbol = (number),
#define X_WHY(symbol, number, name) WHY_##symbol = (number),
#define X_RUN_STATE(symbol, number, name) RUN_##symbol = (number),
#define X_FIRED_BY(symbol, number, name) FIRED_BY_##symbol = (number),
#define X_CAPABILITY(symbol, number, name) CAPABILITY_##symbol = (number),
#include "base/terms.def"
};

/* Conditions fit into a bit set: 1 << CONDITION_x. */
#define CONDITION_MAX 32
#define CONDITION_BIT(condition) (UINT32_C(1) << (condition))

/* Fires when its app requests it. */
static inline bool trigger_is_requested(int kind)
{
        return kind == TRIGGER_APPLICATION || (kind >= TRIGGER_MEDIA_PROCESSING && kind <= TRIGGER_DEVICE_SERVICING);
}

/* Its requests are answered as DeviceTriggerResult has it. */
static inline bool trigger_is_of_device(int kind)
{
        return kind == TRIGGER_DEVICE_USE || kind == TRIGGER_DEVICE_SERVICING;
}

/* Its text is one of base/device-watch.h. */
static inline bool trigger_is_of_devices(int kind)
{
        return kind == TRIGGER_DEVICE_CONNECTION_CHANGE || kind == TRIGGER_DEVICE_WATCHER;
}

/* Its text is one of base/file-watch.h. */
static inline bool trigger_is_files(int kind)
{
        return kind == TRIGGER_STORAGE_CONTENT_CHANGED || kind == TRIGGER_STORAGE_CHANGE_TRACKER;
}

/* A sensor listens to what its text says. */
static inline bool trigger_is_watched(int kind)
{
        return kind >= TRIGGER_DEVICE_CONNECTION_CHANGE && kind <= TRIGGER_USER_NOTIFICATION_CHANGED;
}

/* Capabilities fit into a bit set: 1 << CAPABILITY_x. Without all of these a package may not have such a trigger. */
#define CAPABILITY_BIT(capability) (UINT32_C(1) << (capability))

static inline uint32_t trigger_capabilities(int kind)
{
        return kind == TRIGGER_USER_NOTIFICATION_CHANGED ? CAPABILITY_BIT(CAPABILITY_USER_NOTIFICATION_LISTENER) : 0;
}

/* Its details are strings, each with its NUL: what has happened; those of merged firings are united. */
static inline bool trigger_collects(int kind)
{
        return trigger_is_watched(kind) && kind != TRIGGER_PUSH_NOTIFICATION;
}

typedef enum TermList {
        TERM_TRIGGER,
        TERM_SYSTEM,
        TERM_CONDITION,
        TERM_REASON,
        TERM_OUTCOME,
        TERM_DETAIL,
        TERM_OVERLAP,
        TERM_CATCH_UP,
        TERM_RERUN,
        TERM_IF_EXISTS,
        TERM_WHY,
        TERM_RUN_STATE,
        TERM_FIRED_BY,
        TERM_CAPABILITY,
        _TERM_LIST_MAX,
} TermList;

/* The name of a number of that list, or NULL. */
const char *term_name(TermList list, int number);

/* The number of a name (ASCII case is ignored), or -1. */
int term_number(TermList list, const char *name);

/* Walks a list: the number of its i-th entry, -1 past the end. */
int term_at(TermList list, size_t i);
