/* SPDX-License-Identifier: MIT */

#include "broker/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/timerfd.h>

/* Seconds of the year 10000, beyond which nothing that people read is defined. */
#define REAL_MAX_USEC (UINT64_C(253402300800) * USEC_PER_SEC)

typedef struct Alarm {
        LoopSource source;
        int fd;
        uint64_t armed_usec;
} Alarm;

enum { ALARM_BOOT, ALARM_MONO, ALARM_REAL, _ALARM_MAX };

static const clockid_t alarm_clocks[_ALARM_MAX] = { CLOCK_BOOTTIME, CLOCK_MONOTONIC, CLOCK_REALTIME };

struct Clock {
        Loop *loop;
        ClockHandlers handlers;
        bool test;
        int test_fd;    /* keeps what the test clock has reached */
        Uuid boot_id;
        EngineTime now; /* of the test clock */
        Alarm alarms[_ALARM_MAX];
};

static void arm(Clock *clock, int index, uint64_t usec)
{
        struct itimerspec spec = { 0 };
        Alarm *alarm = &clock->alarms[index];
        int flags = TFD_TIMER_ABSTIME;

        if (alarm->armed_usec == usec)
                return;
        if (index == ALARM_REAL) {
                /* Also without a deadline it stays armed, far away: it is what tells us that the clock was set. */
                flags |= TFD_TIMER_CANCEL_ON_SET;
                spec.it_value = timespec_from_usec(MIN(usec, REAL_MAX_USEC));
        } else if (usec != USEC_INFINITY) {
                spec.it_value = timespec_from_usec(usec);
        }
        if (usec != USEC_INFINITY && spec.it_value.tv_sec == 0 && spec.it_value.tv_nsec == 0)
                spec.it_value.tv_nsec = 1;
        if (timerfd_settime(alarm->fd, flags, &spec, NULL) >= 0)
                alarm->armed_usec = usec;
}

static void on_alarm(LoopSource *source, uint32_t events, void *userdata)
{
        Clock *clock = userdata;
        Alarm *alarm = CONTAINER_OF(source, Alarm, source);
        uint64_t expirations;
        bool stepped = false;

        if (read(alarm->fd, &expirations, sizeof expirations) < 0)
                stepped = errno == ECANCELED;
        alarm->armed_usec = 0;
        if (stepped)
                clock->handlers.stepped(clock->handlers.userdata);
        else
                clock->handlers.woken(clock->handlers.userdata);
}

int clock_new(Loop *loop, const ClockHandlers *handlers, Clock **ret_clock)
{
        _cleanup_(clock_freep) Clock *clock = calloc(1, sizeof *clock);
        int r;

        if (!clock)
                return -ENOMEM;
        *clock = (Clock){ .loop = loop, .handlers = *handlers, .test_fd = -1 };
        for (int i = 0; i < _ALARM_MAX; i++) {
                clock->alarms[i].source = LOOP_SOURCE_INIT;
                clock->alarms[i].fd = -1;
        }
        for (int i = 0; i < _ALARM_MAX; i++) {
                Alarm *alarm = &clock->alarms[i];

                alarm->fd = timerfd_create(alarm_clocks[i], TFD_CLOEXEC | TFD_NONBLOCK);
                if (alarm->fd < 0)
                        return -errno;
                r = loop_add(loop, &alarm->source, alarm->fd, EPOLLIN, on_alarm, clock);
                if (r < 0)
                        return r;
                arm(clock, i, USEC_INFINITY);
        }
        *ret_clock = TAKE_PTR(clock);
        return 0;
}

Clock *clock_free(Clock *clock)
{
        if (!clock)
                return NULL;
        for (int i = 0; i < _ALARM_MAX; i++) {
                loop_remove(clock->loop, &clock->alarms[i].source);
                safe_close(clock->alarms[i].fd);
        }
        safe_close(clock->test_fd);
        free(clock);
        return NULL;
}

/* The file of a test clock. */
typedef struct Reached {
        Uuid boot_id;
        EngineTime time;
} Reached;

static void keep(const Clock *clock)
{
        const Reached reached = { clock->boot_id, clock->now };

        /* Written by the very test that could lose it: a short write shows as a clock that starts anew. */
        (void)!pwrite(clock->test_fd, &reached, sizeof reached, 0);
}

int clock_set_test(Clock *clock, Uuid boot_id, const char *folder)
{
        _cleanup_(freep) char *path = NULL;
        Reached reached;

        if (asprintf(&path, "%s/test-clock", folder) < 0)
                return -ENOMEM;
        clock->now = clock_now(clock);
        clock->test_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (clock->test_fd < 0)
                return -errno;
        for (int i = 0; i < _ALARM_MAX; i++)
                loop_remove(clock->loop, &clock->alarms[i].source);
        if (pread(clock->test_fd, &reached, sizeof reached, 0) == sizeof reached) {
                if (uuid_equal(reached.boot_id, boot_id))
                        clock->now = reached.time;
                else
                        clock->now = (EngineTime){ USEC_PER_SEC, USEC_PER_SEC, reached.time.real_usec };
        }
        clock->test = true;
        clock->boot_id = boot_id;
        keep(clock);
        return 0;
}

bool clock_is_test(const Clock *clock)
{
        return clock->test;
}

EngineTime clock_now(const Clock *clock)
{
        if (clock->test)
                return clock->now;
        return (EngineTime){
                .boot_usec = clock_now_usec(CLOCK_BOOTTIME),
                .mono_usec = clock_now_usec(CLOCK_MONOTONIC),
                .real_usec = clock_now_usec(CLOCK_REALTIME),
        };
}

void clock_arm(Clock *clock, const EngineTime *wake)
{
        if (clock->test)
                return;
        arm(clock, ALARM_BOOT, wake->boot_usec);
        arm(clock, ALARM_MONO, wake->mono_usec);
        arm(clock, ALARM_REAL, wake->real_usec);
}

void clock_advance(Clock *clock, uint64_t usec, bool suspended)
{
        clock->now.boot_usec = usec_add(clock->now.boot_usec, usec);
        if (!suspended)
                clock->now.mono_usec = usec_add(clock->now.mono_usec, usec);
        clock->now.real_usec = MIN(usec_add(clock->now.real_usec, usec), REAL_MAX_USEC);
        keep(clock);
}

void clock_step(Clock *clock, int64_t usec)
{
        if (usec < 0)
                clock->now.real_usec = usec_sub(clock->now.real_usec, (uint64_t)-(usec + 1) + 1);
        else
                clock->now.real_usec = MIN(usec_add(clock->now.real_usec, (uint64_t)usec), REAL_MAX_USEC);
        keep(clock);
}
