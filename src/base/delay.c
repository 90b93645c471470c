/* SPDX-License-Identifier: MIT */

#include "base/delay.h"

#include <errno.h>
#include <sys/timerfd.h>

#include "base/clock.h"

static void on_timer(LoopSource *source, uint32_t events, void *userdata)
{
        Delay *delay = CONTAINER_OF(source, Delay, source);
        uint64_t n;

        if (read(delay->fd, &n, sizeof n) < 0)
                return;
        delay->running = false;
        delay->over(delay, delay->userdata);
}

int delay_init(Delay *delay, Loop *loop, void (*over)(Delay *delay, void *userdata), void *userdata)
{
        int r;

        *delay = DELAY_INIT;
        delay->loop = loop;
        delay->over = over;
        delay->userdata = userdata;
        delay->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (delay->fd < 0)
                return -errno;
        r = loop_add(loop, &delay->source, delay->fd, EPOLLIN, on_timer, NULL);
        if (r < 0)
                delay->fd = safe_close(delay->fd);
        return r;
}

void delay_done(Delay *delay)
{
        if (delay->fd < 0)
                return;
        loop_remove(delay->loop, &delay->source);
        delay->fd = safe_close(delay->fd);
        delay->running = false;
}

static void set(Delay *delay, uint64_t usec)
{
        const struct itimerspec spec = { .it_value = timespec_from_usec(usec) };

        delay->running = timerfd_settime(delay->fd, 0, &spec, NULL) >= 0 && usec > 0;
}

void delay_start(Delay *delay, uint64_t usec)
{
        set(delay, usec);
}

void delay_stop(Delay *delay)
{
        if (delay->running)
                set(delay, 0);
}
