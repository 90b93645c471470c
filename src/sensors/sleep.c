/* SPDX-License-Identifier: MIT */

/*
 * The end of a suspend. The kernel cancels timers of the wall clock then (since Linux 5.14), as it does when that
 * clock is set; the clock that stands still while the machine sleeps tells which of the two it was.
 */

#include <errno.h>
#include <sys/timerfd.h>

#include "base/clock.h"
#include "sensors/internal.h"

/* Further away than anything lives. */
#define NEVER_SEC ((time_t)1 << 40)
/* Less is how far the two clocks are read apart. */
#define ASLEEP_MIN_USEC (10 * USEC_PER_MSEC)

typedef struct Sleep {
        Sensor sensor;
        LoopSource source;
        int fd;
        uint64_t asleep_usec; /* in all, since boot */
} Sleep;

static uint64_t asleep_usec(void)
{
        uint64_t mono = clock_now_usec(CLOCK_MONOTONIC);

        return usec_sub(clock_now_usec(CLOCK_BOOTTIME), mono);
}

static int arm(Sleep *sleep)
{
        const struct itimerspec never = { .it_value.tv_sec = NEVER_SEC };

        return timerfd_settime(sleep->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &never, NULL) < 0 ? -errno : 0;
}

static void on_canceled(LoopSource *source, uint32_t events, void *userdata)
{
        Sleep *sleep = userdata;
        uint64_t n, now = asleep_usec(), slept = usec_sub(now, sleep->asleep_usec);

        if (read(sleep->fd, &n, sizeof n) >= 0 || errno != ECANCELED)
                return;
        (void)arm(sleep);
        if (slept < ASLEEP_MIN_USEC)
                return;
        sleep->asleep_usec = now;
        sensor_raise(&sleep->sensor, SENSOR_EVENT_RESUME, "the machine was asleep for %llu s",
                     (unsigned long long)(slept / USEC_PER_SEC));
}

static void stop(Sensor *sensor)
{
        Sleep *sleep = CONTAINER_OF(sensor, Sleep, sensor);

        loop_remove(sensor_loop(sensor), &sleep->source);
        safe_close(sleep->fd);
}

static int start(Sensor *sensor)
{
        Sleep *sleep = CONTAINER_OF(sensor, Sleep, sensor);
        int r;

        sleep->source = LOOP_SOURCE_INIT;
        sleep->asleep_usec = asleep_usec();
        sleep->fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        r = sleep->fd < 0 ? -errno : arm(sleep);
        return r < 0 ? r : loop_add(sensor_loop(sensor), &sleep->source, sleep->fd, EPOLLIN, on_canceled, sleep);
}

const SensorType sensor_sleep = {
        .name = "sleep",
        .events = 1u << SENSOR_EVENT_RESUME,
        .size = sizeof(Sleep),
        .start = start,
        .stop = stop,
};
