/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One round of epoll over sources that their owners embed. The broker's main loop and a client's bgt_dispatch() are
 * both loop_dispatch(). A source may be removed, and its memory freed, from any callback, its own included: what the
 * round still holds of it is forgotten. Used by one thread at a time.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/list.h"
#include "base/macro.h"

typedef struct Loop Loop;
typedef struct LoopSource LoopSource;
typedef struct LoopJob LoopJob;

typedef void (*LoopCallback)(LoopSource *source, uint32_t events, void *userdata);

struct LoopSource {
        int fd; /* borrowed; -1 while the source is in no loop */
        /*
         * Its owner's to set after loop_add(): others come first. Of all sources that are ready and patient, one is
         * called in a round, the one that was called the longest time ago.
         */
        bool patient;
        uint64_t last_turn;
        LoopCallback callback;
        void *userdata;
};

#define LOOP_SOURCE_INIT ((LoopSource){ .fd = -1 })

/* Work that is put off. One that is all zeros waits for nothing. */
struct LoopJob {
        ListNode node;
        void (*callback)(void *userdata);
        void *userdata;
};

typedef enum LoopStage {
        LOOP_END,  /* when the round is over, before the loop waits or somebody patient has his turn */
        /*
         * When nothing is ready, so that nobody waits for it; at the latest after some dozens of rounds. What such a
         * job puts off to this stage is done in another round.
         */
        LOOP_IDLE,
        _LOOP_STAGE_MAX,
} LoopStage;

struct Loop {
        int epoll_fd;
        struct epoll_event events[256];
        int n_events;
        uint64_t n_turns;  /* of patient sources */
        int n_busy_rounds; /* in a row, with something left for LOOP_IDLE */
        ListNode jobs[_LOOP_STAGE_MAX];
};

#define LOOP_INIT ((Loop){ .epoll_fd = -1 })

int loop_init(Loop *loop);
void loop_done(Loop *loop);

/* Watches fd, level-triggered, for events (EPOLLIN, EPOLLOUT …; EPOLLHUP and EPOLLERR always). Negative errno. */
int loop_add(Loop *loop, LoopSource *source, int fd, uint32_t events, LoopCallback callback, void *userdata);
int loop_modify(Loop *loop, LoopSource *source, uint32_t events);
/* Harmless for a source that is in no loop. To be called before the descriptor is closed. */
void loop_remove(Loop *loop, LoopSource *source);

/* Calls back once, in the order of these calls. Harmless for a job that waits already. */
void loop_put_off(Loop *loop, LoopJob *job, LoopStage stage, void (*callback)(void *userdata), void *userdata);
/* It will not be called. Harmless for a job that does not wait. To be called before its memory is freed. */
void loop_drop_job(LoopJob *job);
/* Does what was put off to the end of the round, for whoever does not come back to loop_dispatch(). */
void loop_end_round(Loop *loop);

/*
 * Waits up to timeout_ms (-1: for ever) and calls back what is ready. Returns the number of sources called, 0 on a
 * time-out or a signal, negative errno if epoll itself failed.
 */
int loop_dispatch(Loop *loop, int timeout_ms);
