/* SPDX-License-Identifier: MIT */

/*
 * StorageNotLow: free space of the file system that holds the broker's state. The kernel tells nobody that a disk is
 * filling up, so it is looked at when the broker is awake anyway, before it judges anything, and at intervals only
 * while the space is low or a run is alive.
 */

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/delay.h"
#include "sensors/internal.h"

/* Low is less than this share of the whole, or than this much where the share is larger. */
#define LOW_PERCENT 5
#define LOW_BYTES (UINT64_C(1) << 30)
/* What was low is not low again before there is this much more than the limit. */
#define MARGIN_PERCENT 10
#define LOOK_USEC USEC_PER_SEC
#define AGAIN_USEC (30 * USEC_PER_SEC)

static const char title[] = "statvfs";

typedef struct Storage {
        Sensor sensor;
        bool low;
        bool busy;
        uint64_t looked_mono_usec;
        Delay again;
} Storage;

static void look(Storage *storage)
{
        const char *folder = sensor_config(&storage->sensor)->storage;
        uint64_t size, available, limit;
        struct statvfs status;

        storage->looked_mono_usec = clock_now_usec(CLOCK_MONOTONIC);
        if (statvfs(folder, &status) < 0) {
                sensor_report(&storage->sensor, CONDITION_STORAGE_NOT_LOW, -1, "", "%.150s: %s", folder,
                              strerror(errno));
                return;
        }
        size = (uint64_t)status.f_blocks * status.f_frsize;
        available = (uint64_t)status.f_bavail * status.f_frsize;
        limit = MIN(size / 100 * LOW_PERCENT, LOW_BYTES);
        if (storage->low)
                limit += limit / 100 * MARGIN_PERCENT;
        storage->low = size > 0 && available < limit;
        sensor_report(&storage->sensor, CONDITION_STORAGE_NOT_LOW, !storage->low, title,
                      storage->low ? "less than %llu MiB are free" : "more than %llu MiB are free",
                      (unsigned long long)limit >> 20);
        if (storage->low || storage->busy)
                delay_start(&storage->again, AGAIN_USEC);
        else
                delay_stop(&storage->again);
}

static void on_again(Delay *delay, void *userdata)
{
        look(userdata);
}

static void awake(Sensor *sensor, bool busy)
{
        Storage *storage = CONTAINER_OF(sensor, Storage, sensor);

        if (storage->busy == busy && clock_now_usec(CLOCK_MONOTONIC) - storage->looked_mono_usec < LOOK_USEC)
                return;
        storage->busy = busy;
        look(storage);
}

static void stop(Sensor *sensor)
{
        Storage *storage = CONTAINER_OF(sensor, Storage, sensor);

        delay_done(&storage->again);
}

static int start(Sensor *sensor)
{
        Storage *storage = CONTAINER_OF(sensor, Storage, sensor);
        int r;

        storage->again = DELAY_INIT;
        r = delay_init(&storage->again, sensor_loop(sensor), on_again, storage);
        if (r < 0)
                return r;
        look(storage);
        return 0;
}

const SensorType sensor_storage = {
        .name = "storage",
        .conditions = CONDITION_BIT(CONDITION_STORAGE_NOT_LOW),
        .size = sizeof(Storage),
        .start = start,
        .stop = stop,
        .awake = awake,
};
