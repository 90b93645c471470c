/* SPDX-License-Identifier: MIT */

/*
 * A clock that others move. Advance stops at each wake-up on the way and lets what became due start before it goes on:
 * the processes live in real time, and must not see an hour pass while they register their class. It waits for them no
 * longer than its patience, so that what never answers can be advanced past its limits. When it answers, what it has
 * brought about is stored.
 */

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>

#include "broker/broker.h"
#include "sensors/push.h"

#define PATIENCE_USEC (30 * USEC_PER_SEC)

typedef struct Advance {
        ListNode node;
        uint64_t token;
        uint64_t left_usec;
        bool suspended;
        uint64_t stopped_mono_usec; /* when it came to where it is; 0: it was not looked at there yet */
} Advance;

static uint64_t distance(uint64_t wake, uint64_t now)
{
        return wake == USEC_INFINITY ? USEC_INFINITY : usec_sub(wake, now);
}

static void step(Broker *broker, Advance *advance)
{
        EngineTime wake = engine_next_wake(broker->engine), now = clock_now(broker->clock);
        uint64_t usec = MIN(advance->left_usec, distance(wake.boot_usec, now.boot_usec));
        Event tick;

        usec = MIN(usec, distance(wake.real_usec, now.real_usec));
        if (!advance->suspended)
                usec = MIN(usec, distance(wake.mono_usec, now.mono_usec));
        clock_advance(broker->clock, usec, advance->suspended);
        advance->left_usec -= usec;
        advance->stopped_mono_usec = 0;
        tick = broker_event(broker, EVENT_TICK, 0);
        broker_feed(broker, &tick);
        broker_settle(broker);
}

/* Somebody has something to do before time may pass, a process, or at the end of the way the store. */
static bool must_wait(Broker *broker, Advance *advance)
{
        uint64_t now = clock_now_usec(CLOCK_MONOTONIC), patience = 0;
        EngineCounts counts = engine_get_counts(broker->engine);

        if (counts.n_unsettled > 0)
                patience = broker->patience_usec;
        if (counts.n_commits > 0 && advance->left_usec == 0)
                patience = MAX(patience, PATIENCE_USEC);
        if (advance->stopped_mono_usec == 0)
                advance->stopped_mono_usec = now;
        return now - advance->stopped_mono_usec < patience;
}

/* The machine goes on after a suspend. */
static void wake_up(Broker *broker)
{
        Event event = broker_event(broker, EVENT_RAISE, 0);

        event.raise.kind = TRIGGER_RESUME;
        broker_feed(broker, &event);
        broker_settle(broker);
}

void test_clock_continue(Broker *broker)
{
        while (!list_is_empty(&broker->advances)) {
                Advance *advance = list_entry(broker->advances.next, Advance, node);
                Call *call;

                if (must_wait(broker, advance))
                        return;
                if (advance->left_usec > 0) {
                        step(broker, advance);
                        continue;
                }
                if (advance->suspended)
                        wake_up(broker);
                call = bus_find_call(broker->bus, advance->token);
                list_remove(&advance->node);
                free(advance);
                if (call)
                        bus_reply_empty(call);
        }
}

int test_clock_timeout_ms(const Broker *broker)
{
        return list_is_empty(&broker->advances) ? -1 : 100;
}

static void on_advance(Call *call, uint64_t usec, bool suspended, void *userdata)
{
        Broker *broker = userdata;
        Advance *advance = calloc(1, sizeof *advance);

        if (!advance) {
                bus_reply_error(call, ERROR_NO_MEMORY, NULL);
                return;
        }
        advance->token = call_token(call);
        advance->left_usec = usec;
        advance->suspended = suspended;
        list_append(&broker->advances, &advance->node);
}

static void on_step(Call *call, int64_t usec, void *userdata)
{
        Broker *broker = userdata;
        Event event;

        clock_step(broker->clock, usec);
        event = broker_event(broker, EVENT_CLOCK_STEPPED, 0);
        broker_feed(broker, &event);
        broker_settle(broker);
        bus_reply_empty(call);
}

static void on_set_patience(Call *call, uint64_t usec, void *userdata)
{
        Broker *broker = userdata;

        broker->patience_usec = usec;
        bus_reply_empty(call);
}

static void on_get(Call *call, void *userdata)
{
        Broker *broker = userdata;
        EngineTime now = clock_now(broker->clock);
        Writer *w = bus_begin_reply(call);

        writer_put_uint64(w, now.boot_usec);
        writer_put_uint64(w, now.mono_usec);
        writer_put_uint64(w, now.real_usec);
        bus_send_reply(call);
}

static void on_set_condition(Call *call, uint8_t condition, int level, void *userdata)
{
        Broker *broker = userdata;
        Event event = broker_event(broker, EVENT_LEVEL, 0);

        event.level.condition = condition;
        event.level.level = (int8_t)level;
        broker_feed(broker, &event);
        broker_settle(broker);
        bus_reply_empty(call);
}

/* Why what a trigger waits for cannot be made to happen here; NULL: it can. */
static const char *explain_no_event(const Trigger *trigger)
{
        if (trigger_is_requested(trigger->kind))
                return "the task is to be requested";
        if (trigger->period_usec > 0 || trigger->kind == TRIGGER_CALENDAR)
                return "the clock is to be moved";
        if (trigger->kind == TRIGGER_BOOT)
                return "the broker is to be started in another boot";
        if (trigger->kind == TRIGGER_LOGIN)
                return "SessionConnected is to be set";
        return NULL;
}

static void tell(Event *event, const void *details, size_t n_details)
{
        event->raise.details = details;
        event->raise.n_details = n_details;
}

static void on_fire(Call *call, Uuid task, uint32_t place, const BusFired *fired, void *userdata)
{
        Broker *broker = userdata;
        Event event = broker_event(broker, EVENT_RAISE, 0);
        TaskInfo info;
        Trigger trigger;
        const char *instead;

        if (!engine_get_task(broker->engine, task, &info)) {
                bus_reply_error(call, ERROR_NO_SUCH_TASK, NULL);
                return;
        }
        if (place > info.row.spec.n_more) {
                bus_reply_error(call, ERROR_INVALID_ARGUMENT, "the task has no trigger %u; its last one is %u", place,
                                info.row.spec.n_more);
                return;
        }
        trigger = *spec_trigger(&info.row.spec, place);
        instead = explain_no_event(&trigger);
        if (instead) {
                bus_reply_error(call, ERROR_INVALID_ARGUMENT, "for %s %s", term_name(TERM_TRIGGER, trigger.kind),
                                instead);
                return;
        }
        if (fired->n_message > PUSH_MESSAGE_MAX) {
                bus_reply_error(call, ERROR_INVALID_ARGUMENT, "a message has at most %d bytes", PUSH_MESSAGE_MAX);
                return;
        }
        event.raise.kind = trigger.kind;
        event.raise.system_type = trigger.kind == TRIGGER_SYSTEM ? trigger.system_type : 0;
        event.raise.text = trigger.text;
        if (trigger.kind == TRIGGER_PUSH_NOTIFICATION)
                tell(&event, fired->message, fired->n_message);
        else if (trigger_collects(trigger.kind))
                tell(&event, fired->entries.data, fired->entries.size);
        else if (trigger.kind == TRIGGER_CUSTOM_SYSTEM_EVENT)
                tell(&event, fired->details.data, fired->details.size);
        broker_feed(broker, &event);
        broker_settle(broker);
        bus_reply_empty(call);
}

void test_clock_init(Broker *broker, BusHandlers *handlers)
{
        broker->patience_usec = PATIENCE_USEC;
        handlers->clock_advance = on_advance;
        handlers->clock_step = on_step;
        handlers->clock_set_patience = on_set_patience;
        handlers->clock_get = on_get;
        handlers->set_condition = on_set_condition;
        handlers->fire = on_fire;
}

void test_clock_done(Broker *broker)
{
        list_for_each_safe(i, &broker->advances) {
                Advance *advance = list_entry(i, Advance, node);

                list_remove(i);
                free(advance);
        }
}
