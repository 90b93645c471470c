/* SPDX-License-Identifier: MIT */

/*
 * NoCpuPressure, NoMemoryPressure and NoIoPressure, from the kernel's pressure stall information. A trigger is left
 * with the kernel, which tells when tasks were stalled for longer than a share of two seconds, at most once in that
 * time. That it is over is not told: it is over when nothing was told for a while.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/delay.h"
#include "sensors/internal.h"

/* Without privileges the window must be a multiple of 2 s. */
#define WINDOW_USEC (2 * USEC_PER_SEC)
#define OVER_USEC (5 * USEC_PER_SEC)

typedef struct Resource {
        uint8_t condition;
        const char *name;
        unsigned percent;  /* of the window in which something stalled */
} Resource;

static const Resource resources[] = {
        { CONDITION_NO_CPU_PRESSURE, "cpu", 40 },
        { CONDITION_NO_MEMORY_PRESSURE, "memory", 10 },
        { CONDITION_NO_IO_PRESSURE, "io", 40 },
};

static const char title[] = "PSI";

typedef struct Pressure Pressure;

typedef struct Watch {
        Pressure *pressure;
        const Resource *resource;
        int fd;
        LoopSource source;
        Delay over;
} Watch;

struct Pressure {
        Sensor sensor;
        Watch watches[ELEMENTSOF(resources)];
};

static void report(Watch *watch, bool pressed)
{
        sensor_report(&watch->pressure->sensor, watch->resource->condition, !pressed, title,
                      pressed ? "something waited for %s for more than %u %% of the time"
                              : "nothing waited for %s for more than %u %% of the time",
                      watch->resource->name, watch->resource->percent);
}

static void set_pressed(Watch *watch)
{
        delay_start(&watch->over, OVER_USEC);
        report(watch, true);
}

static void on_over(Delay *delay, void *userdata)
{
        report(userdata, false);
}

static void on_event(LoopSource *source, uint32_t events, void *userdata)
{
        Watch *watch = userdata;

        if (events & EPOLLERR) {
                /* The kernel has taken the trigger away. */
                loop_remove(sensor_loop(&watch->pressure->sensor), &watch->source);
                sensor_report(&watch->pressure->sensor, watch->resource->condition, -1, "",
                              "the kernel does not watch it any more");
        } else if (events & EPOLLPRI) {
                set_pressed(watch);
        }
}

/* What the last ten seconds were like: "some avg10=1.23 …". */
static bool is_pressed_now(const Watch *watch)
{
        char text[256];
        ssize_t n = pread(watch->fd, text, sizeof text - 1, 0);
        double average = 0;

        text[MAX(n, (ssize_t)0)] = '\0';
        return sscanf(text, "some avg10=%lf", &average) == 1 && average >= watch->resource->percent;
}

static int open_trigger(Watch *watch)
{
        char path[64], trigger[64];
        int n;

        snprintf(path, sizeof path, "/proc/pressure/%s", watch->resource->name);
        n = snprintf(trigger, sizeof trigger, "some %llu %llu",
                     (unsigned long long)WINDOW_USEC * watch->resource->percent / 100,
                     (unsigned long long)WINDOW_USEC);
        watch->fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
        if (watch->fd < 0)
                return -errno;
        return write(watch->fd, trigger, (size_t)n + 1) < 0 ? -errno : 0;
}

static void explain(Watch *watch, int error)
{
        const char *words = error == -EPERM || error == -EACCES
                                    ? "the kernel (before 6.5) lets only root watch it"
                            : error == -ENOENT || error == -EOPNOTSUPP
                                    ? "the kernel does not measure it (/proc/pressure)"
                                    : strerror(-error);

        sensor_report(&watch->pressure->sensor, watch->resource->condition, -1, "", "%s", words);
}

static void start_watch(Pressure *pressure, Watch *watch, const Resource *resource)
{
        Loop *loop = sensor_loop(&pressure->sensor);
        int r;

        *watch = (Watch){ .pressure = pressure, .resource = resource, .fd = -1, .source = LOOP_SOURCE_INIT,
                          .over = DELAY_INIT };
        r = delay_init(&watch->over, loop, on_over, watch);
        if (r >= 0)
                r = open_trigger(watch);
        if (r >= 0)
                r = loop_add(loop, &watch->source, watch->fd, EPOLLPRI, on_event, watch);
        if (r < 0)
                explain(watch, r);
        else if (is_pressed_now(watch))
                set_pressed(watch);
        else
                report(watch, false);
}

static void stop(Sensor *sensor)
{
        Pressure *pressure = CONTAINER_OF(sensor, Pressure, sensor);

        for (size_t i = 0; i < ELEMENTSOF(pressure->watches); i++) {
                Watch *watch = &pressure->watches[i];

                loop_remove(sensor_loop(sensor), &watch->source);
                safe_close(watch->fd);
                delay_done(&watch->over);
        }
}

static int start(Sensor *sensor)
{
        Pressure *pressure = CONTAINER_OF(sensor, Pressure, sensor);

        for (size_t i = 0; i < ELEMENTSOF(resources); i++)
                start_watch(pressure, &pressure->watches[i], &resources[i]);
        return 0;
}

const SensorType sensor_pressure = {
        .name = "pressure",
        .conditions = CONDITION_BIT(CONDITION_NO_CPU_PRESSURE) | CONDITION_BIT(CONDITION_NO_MEMORY_PRESSURE) |
                      CONDITION_BIT(CONDITION_NO_IO_PRESSURE),
        .size = sizeof(Pressure),
        .start = start,
        .stop = stop,
};
