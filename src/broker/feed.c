/* SPDX-License-Identifier: MIT */

/* Events to the engine, one at a time, and its effects to the rooms. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"

/*
 * Memory may come back while we try; if it does not, dying is safe and limping is not: store and ledger have it all.
 */
#define FEED_TRIES 100

/* Ticks in a row, each of which does a bounded amount of work. */
#define TICKS_MAX 8

/* With so much that waits for the disk the store is behind: whoever asks now waits for all of it. */
#define BEHIND_BYTES ((size_t)256 * 1024)
/* For a disk that hangs: what ends without it is seen to so often. */
#define BEHIND_TICK_USEC (10 * USEC_PER_MSEC)

struct QueuedEvent {
        ListNode node;
        Event event;
};

Event broker_event(const Broker *broker, EventType type, uint64_t token)
{
        return (Event){
                .type = type,
                .time = clock_now(broker->clock),
                .store_behind = broker->store && store_get_counts(broker->store).n_queued >= BEHIND_BYTES,
                .token = token,
        };
}

static void answer_no_memory(Broker *broker, uint64_t token)
{
        const Effect effect = { .type = EFFECT_REPLY, .reply = { .token = token, .error = ERROR_NO_MEMORY } };

        control_reply(broker, &effect);
}

static void feed_one(Broker *broker, const Event *event)
{
        int r = -ENOMEM;

        effects_clear(&broker->effects);
        journal_put_event(broker->journal, event);
        for (int i = 0; i < FEED_TRIES && r < 0; i++)
                r = engine_feed(broker->engine, event, &broker->effects);
        if (r < 0 && event->token == 0) {
                broker_log("no memory left for what has happened: ending, the next start goes on from the disk");
                abort();
        }
        journal_put_effects(broker->journal, &broker->effects);
        if (r < 0)
                answer_no_memory(broker, event->token);
        else
                broker_carry(broker, &broker->effects);
        if (event->type == EVENT_COMMITTED && event->committed.error < 0)
                broker_sockets_look_again(broker);
}

/*
 * What carrying an effect brings about (a launch that fails, a server that cannot be reached) has no pointers, so that
 * a plain copy can wait its turn.
 */
static void enqueue(Broker *broker, const Event *event)
{
        QueuedEvent *queued = malloc(sizeof *queued);

        if (!queued) {
                broker_log("no memory left for what has happened: ending, the next start goes on from the disk");
                abort();
        }
        queued->event = *event;
        list_append(&broker->queue, &queued->node);
}

void broker_feed(Broker *broker, const Event *event)
{
        if (broker->carrying) {
                enqueue(broker, event);
                return;
        }
        broker->carrying = true;
        feed_one(broker, event);
        while (!list_is_empty(&broker->queue)) {
                QueuedEvent *queued = list_entry(broker->queue.next, QueuedEvent, node);

                list_remove(&queued->node);
                feed_one(broker, &queued->event);
                free(queued);
        }
        broker->carrying = false;
}

uint64_t broker_new_server_id(Broker *broker)
{
        uint64_t id = engine_new_server(broker->engine);

        journal_put_new_server(broker->journal, id);
        return id;
}

static bool is_due(const EngineTime *wake, const EngineTime *now)
{
        return wake->boot_usec <= now->boot_usec || wake->mono_usec <= now->mono_usec ||
               wake->real_usec <= now->real_usec;
}

/*
 * Answers of the store and of servers come from the loop, so however much is due, they get their turn: what is left is
 * gone on with in the next round, which then does not wait. While the store is behind that round waits for its answer.
 */
void broker_settle(Broker *broker)
{
        EngineTime wake;

        broker->unsettled = false;
        for (unsigned n = 0;; n++) {
                Event tick;

                if (n == TICKS_MAX) {
                        broker->unsettled = true;
                        return;
                }

                wake = engine_next_wake(broker->engine);
                tick = broker_event(broker, EVENT_TICK, 0);
                if (!is_due(&wake, &tick.time))
                        break;
                if (tick.store_behind && tick.time.mono_usec < broker->next_tick_mono_usec) {
                        wake = (EngineTime){ USEC_INFINITY, broker->next_tick_mono_usec, USEC_INFINITY };
                        break;
                }
                broker->next_tick_mono_usec = usec_add(tick.time.mono_usec, BEHIND_TICK_USEC);
                broker_feed(broker, &tick);
        }
        clock_arm(broker->clock, &wake);
}
