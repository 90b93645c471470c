/* SPDX-License-Identifier: MIT */

/*
 * When the store is handed what the engine wants written: once for a round of the loop, so that what many ask for at a
 * time is one commit. The start of a firing does not wait for the commit of its acceptance (docs/semantics.md, section
 * 12). The writer shall not take the processor from the server that starts either: what is written in a round that
 * starts something, and is nothing that anybody waits for, is held until a server has taken a run, for HOLD_USEC at
 * most.
 */

#include <errno.h>
#include <sys/timerfd.h>

#include "broker/broker.h"

#define HOLD_USEC (5 * USEC_PER_MSEC)

static void hand_over(void *userdata)
{
        Broker *broker = userdata;

        broker->write.held = broker->write.awaited = broker->write.starts = false;
        store_end(broker->store);
}

static void on_hold_over(LoopSource *source, uint32_t events, void *userdata)
{
        Broker *broker = userdata;
        uint64_t expirations;

        if (read(broker->write.fd, &expirations, sizeof expirations) < 0)
                return;
        broker->write.armed = false;
        if (broker->write.held)
                hand_over(broker);
}

/* The timer is left armed when the hold is over: to disarm it each time would cost more than the odd wake-up. */
static bool hold(Broker *broker)
{
        const struct itimerspec once = { .it_value = timespec_from_usec(HOLD_USEC) };

        if (!broker->write.armed && timerfd_settime(broker->write.fd, 0, &once, NULL) < 0)
                return false;
        broker->write.armed = broker->write.held = true;
        return true;
}

static void on_round_over(void *userdata)
{
        Broker *broker = userdata;

        if (broker->write.awaited || !broker->write.starts || !hold(broker))
                hand_over(broker);
        broker->write.starts = false;
}

void broker_write_begin(Broker *broker, bool awaited)
{
        broker->write.awaited = broker->write.awaited || awaited;
        loop_put_off(&broker->loop, &broker->write.job, LOOP_END, on_round_over, broker);
}

void broker_write_after_start(Broker *broker)
{
        broker->write.starts = true;
}

void broker_write_release(Broker *broker)
{
        if (broker->write.held)
                loop_put_off(&broker->loop, &broker->write.job, LOOP_END, hand_over, broker);
}

void broker_write_now(Broker *broker)
{
        loop_drop_job(&broker->write.job);
        hand_over(broker);
}

int broker_write_init(Broker *broker)
{
        broker->write.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (broker->write.fd < 0)
                return -errno;
        return loop_add(&broker->loop, &broker->write.source, broker->write.fd, EPOLLIN, on_hold_over, broker);
}

void broker_write_done(Broker *broker)
{
        loop_drop_job(&broker->write.job);
        loop_remove(&broker->loop, &broker->write.source);
        safe_close(broker->write.fd);
}
