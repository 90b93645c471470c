/* SPDX-License-Identifier: MIT */

/*
 * TimeZoneChange: /etc/localtime is another one, or what it leads to has been replaced, and from now on other times
 * are shown than before. Names do not count.
 */

#include <errno.h>
#include <string.h>
#include <sys/inotify.h>

#include "base/clock.h"
#include "calendar/zone.h"
#include "sensors/internal.h"

typedef struct LocalTime {
        Sensor sensor;
        LoopSource source;
        int fd;
        int file_watch; /* of the file that the name leads to; -1: there is none */
        char *folder;
        Zone *zone;
} LocalTime;

static const char *path_of(const LocalTime *local)
{
        return sensor_config(&local->sensor)->localtime;
}

static const char *name_of(const LocalTime *local)
{
        return strrchr(path_of(local), '/') + 1;
}

/* The file itself, through the link, beside the name in its folder: a package replaces the one, a person the other. */
static void watch_file(LocalTime *local)
{
        const uint32_t mask = IN_CLOSE_WRITE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF;

        if (local->file_watch >= 0)
                (void)inotify_rm_watch(local->fd, local->file_watch);
        local->file_watch = inotify_add_watch(local->fd, path_of(local), mask);
}

/* A file that is not there is UTC, as for the C library. NULL: it cannot be read. */
static Zone *read_zone(const LocalTime *local)
{
        _cleanup_(freep) void *data = NULL;
        Zone *zone;
        size_t n;
        int r;

        r = zoneinfo_read_file(path_of(local), &data, &n);
        if (r == -ENOENT)
                return (Zone *)zone_utc();
        if (r >= 0)
                r = zone_parse(data, n, &zone);
        return r < 0 ? NULL : zone;
}

static void look(LocalTime *local)
{
        int64_t now = (int64_t)(clock_now_usec(CLOCK_REALTIME) / USEC_PER_SEC);
        Zone *zone = read_zone(local);

        /* A file that is being written is read when that is done. */
        if (!zone)
                return;
        if (zone_same_from(local->zone, zone, now)) {
                zone_free(zone);
                return;
        }
        zone_free(local->zone);
        local->zone = zone;
        sensor_raise(&local->sensor, SYSTEM_TIME_ZONE_CHANGE, "%s shows another time", path_of(local));
}

static bool concerns(const LocalTime *local, const struct inotify_event *event)
{
        return event->len == 0 || strcmp(event->name, name_of(local)) == 0;
}

static void on_readable(LoopSource *source, uint32_t events, void *userdata)
{
        char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
        LocalTime *local = userdata;
        ssize_t n = read(local->fd, buffer, sizeof buffer);
        bool changed = false;

        for (ssize_t at = 0; at < n;) {
                const struct inotify_event *event = (const struct inotify_event *)(const void *)(buffer + at);

                /* That a watch was removed is what we did ourselves. */
                changed |= !(event->mask & IN_IGNORED) && concerns(local, event);
                at += (ssize_t)(sizeof *event + event->len);
        }
        if (!changed)
                return;
        watch_file(local);
        look(local);
}

static void stop(Sensor *sensor)
{
        LocalTime *local = CONTAINER_OF(sensor, LocalTime, sensor);

        loop_remove(sensor_loop(sensor), &local->source);
        safe_close(local->fd);
        zone_free(local->zone);
        free(local->folder);
}

static int open_watches(LocalTime *local)
{
        local->folder = strndup(path_of(local), (size_t)(name_of(local) - path_of(local)));
        if (!local->folder)
                return -ENOMEM;
        local->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (local->fd < 0 || inotify_add_watch(local->fd, local->folder,
                                                  IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE) < 0)
                return -errno;
        watch_file(local);
        return loop_add(sensor_loop(&local->sensor), &local->source, local->fd, EPOLLIN, on_readable,
                        local);
}

static int start(Sensor *sensor)
{
        LocalTime *local = CONTAINER_OF(sensor, LocalTime, sensor);
        int r;

        local->source = LOOP_SOURCE_INIT;
        local->fd = local->file_watch = -1;
        r = open_watches(local);
        if (r < 0)
                return r;
        /* One that cannot be read shows UTC, as it does for everybody. */
        local->zone = read_zone(local);
        if (!local->zone)
                local->zone = (Zone *)zone_utc();
        return 0;
}

const SensorType sensor_timezone = {
        .name = "time zone",
        .events = 1u << SYSTEM_TIME_ZONE_CHANGE,
        .size = sizeof(LocalTime),
        .start = start,
        .stop = stop,
};
