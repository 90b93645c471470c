/* SPDX-License-Identifier: MIT */
#pragma once

/* A one-shot timer on CLOCK_MONOTONIC. */

#include <stdbool.h>

#include "base/loop.h"

typedef struct Delay Delay;

struct Delay {
        Loop *loop;
        LoopSource source;
        int fd;
        bool running;
        void (*over)(Delay *delay, void *userdata);
        void *userdata;
};

#define DELAY_INIT ((Delay){ .source = LOOP_SOURCE_INIT, .fd = -1 })

int delay_init(Delay *delay, Loop *loop, void (*over)(Delay *delay, void *userdata), void *userdata);
/* Also for one that is DELAY_INIT. */
void delay_done(Delay *delay);
/* Calls over in usec microseconds, more than 0, unless it is started anew or stopped before. */
void delay_start(Delay *delay, uint64_t usec);
void delay_stop(Delay *delay);
static inline bool delay_is_running(const Delay *delay)
{
        return delay->running;
}
