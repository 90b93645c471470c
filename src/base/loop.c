/* SPDX-License-Identifier: MIT */

#include "base/loop.h"

#include <errno.h>

#define BUSY_ROUNDS_MAX 32

int loop_init(Loop *loop)
{
        *loop = LOOP_INIT;
        for (size_t i = 0; i < ELEMENTSOF(loop->jobs); i++)
                list_init(&loop->jobs[i]);
        loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
        return loop->epoll_fd < 0 ? -errno : 0;
}

void loop_done(Loop *loop)
{
        loop->epoll_fd = safe_close(loop->epoll_fd);
}

int loop_add(Loop *loop, LoopSource *source, int fd, uint32_t events, LoopCallback callback, void *userdata)
{
        struct epoll_event event = { .events = events, .data.ptr = source };

        if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
                return -errno;
        *source = (LoopSource){ .fd = fd, .callback = callback, .userdata = userdata, .last_turn = loop->n_turns };
        return 0;
}

int loop_modify(Loop *loop, LoopSource *source, uint32_t events)
{
        struct epoll_event event = { .events = events, .data.ptr = source };

        return epoll_ctl(loop->epoll_fd, EPOLL_CTL_MOD, source->fd, &event) < 0 ? -errno : 0;
}

void loop_remove(Loop *loop, LoopSource *source)
{
        if (source->fd < 0)
                return;
        (void)epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, source->fd, NULL);
        source->fd = -1;
        for (int i = 0; i < loop->n_events; i++)
                if (loop->events[i].data.ptr == source)
                        loop->events[i].data.ptr = NULL;
}

void loop_put_off(Loop *loop, LoopJob *job, LoopStage stage, void (*callback)(void *userdata), void *userdata)
{
        if (list_is_linked(&job->node))
                return;
        *job = (LoopJob){ .callback = callback, .userdata = userdata };
        list_append(&loop->jobs[stage], &job->node);
}

void loop_drop_job(LoopJob *job)
{
        list_remove(&job->node);
}

static void run_jobs(Loop *loop, LoopStage stage)
{
        while (!list_is_empty(&loop->jobs[stage])) {
                LoopJob *job = list_entry(loop->jobs[stage].next, LoopJob, node);

                list_remove(&job->node);
                job->callback(job->userdata);
        }
}

/* Those that wait already: what they put off has its turn in another idle moment. */
static void run_idle_jobs(Loop *loop)
{
        ListNode last = { 0 };

        list_append(&loop->jobs[LOOP_IDLE], &last);
        while (loop->jobs[LOOP_IDLE].next != &last) {
                LoopJob *job = list_entry(loop->jobs[LOOP_IDLE].next, LoopJob, node);

                list_remove(&job->node);
                job->callback(job->userdata);
        }
        list_remove(&last);
}

void loop_end_round(Loop *loop)
{
        run_jobs(loop, LOOP_END);
}

/* The events stand in the loop before any job is run, so that a source that a job removes is forgotten there, too. */
static int wait_for_events(Loop *loop, int timeout_ms)
{
        int n = epoll_wait(loop->epoll_fd, loop->events, (int)ELEMENTSOF(loop->events), timeout_ms);

        loop->n_events = n < 0 ? 0 : n;
        return n < 0 && errno != EINTR ? -errno : 0;
}

static int wait_until_ready(Loop *loop, int timeout_ms)
{
        int r;

        run_jobs(loop, LOOP_END);
        if (list_is_empty(&loop->jobs[LOOP_IDLE]))
                return wait_for_events(loop, timeout_ms);
        r = wait_for_events(loop, 0);
        if (r < 0 || (loop->n_events > 0 && ++loop->n_busy_rounds < BUSY_ROUNDS_MAX))
                return r;
        loop->n_busy_rounds = 0;
        run_idle_jobs(loop);
        run_jobs(loop, LOOP_END);
        if (loop->n_events > 0)
                return 0;
        return wait_for_events(loop, list_is_empty(&loop->jobs[LOOP_IDLE]) ? timeout_ms : 0);
}

static void call_back(struct epoll_event *event)
{
        LoopSource *source = event->data.ptr;

        event->data.ptr = NULL;
        source->callback(source, event->events, source->userdata);
}

/* Of the patient ones that are ready, the one that has waited longest. */
static struct epoll_event *find_turn(Loop *loop)
{
        struct epoll_event *found = NULL;
        const LoopSource *first = NULL;

        for (int i = 0; i < loop->n_events; i++) {
                const LoopSource *source = loop->events[i].data.ptr;

                if (!source || (first && source->last_turn >= first->last_turn))
                        continue;
                first = source;
                found = &loop->events[i];
        }
        return found;
}

int loop_dispatch(Loop *loop, int timeout_ms)
{
        struct epoll_event *turn;
        int r, called = 0;

        r = wait_until_ready(loop, timeout_ms);
        if (r < 0)
                return r;
        for (int i = 0; i < loop->n_events; i++) {
                const LoopSource *source = loop->events[i].data.ptr;

                if (!source || source->patient)
                        continue;
                call_back(&loop->events[i]);
                called++;
        }
        turn = find_turn(loop);
        /* Nobody's answer waits for one that is patient, who may be gone then. */
        if (turn && called > 0) {
                run_jobs(loop, LOOP_END);
                turn = find_turn(loop);
        }
        if (turn) {
                ((LoopSource *)turn->data.ptr)->last_turn = ++loop->n_turns;
                call_back(turn);
                called++;
        }
        loop->n_events = 0;
        return called;
}
