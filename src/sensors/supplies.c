/* SPDX-License-Identifier: MIT */

#include "sensors/supplies.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/folder.h"
#include "base/macro.h"

#define SUPPLIES_MAX 64
#define VALUE_MAX 64

/* What all batteries hold together: energy where every one tells it, else the mean of their percentages. */
typedef struct Charge {
        unsigned n;
        unsigned n_energy;
        unsigned n_percent;
        uint64_t now;
        uint64_t full;
        unsigned percent;
} Charge;

/* An attribute without its line break; "" if it is not there or cannot be read just now. */
static const char *read_value(int folder, const char *supply, const char *name, char buf[static VALUE_MAX])
{
        _cleanup_(closep) int fd = -1;
        char path[NAME_MAX + VALUE_MAX];
        ssize_t n;

        buf[0] = '\0';
        if (snprintf(path, sizeof path, "%s/%s", supply, name) >= (int)sizeof path)
                return buf;
        fd = openat(folder, path, O_RDONLY | O_CLOEXEC);
        n = fd < 0 ? -1 : read(fd, buf, VALUE_MAX - 1);
        buf[MAX(n, 0)] = '\0';
        buf[strcspn(buf, "\n")] = '\0';
        return buf;
}

static bool read_number(int folder, const char *supply, const char *name, uint64_t *ret_number)
{
        char text[VALUE_MAX], *end;
        unsigned long long number;

        if (read_value(folder, supply, name, text)[0] < '0' || text[0] > '9')
                return false;
        errno = 0;
        number = strtoull(text, &end, 10);
        /* Summed up for at most SUPPLIES_MAX supplies it must fit. */
        if (errno || *end || number > UINT64_MAX / (100 * SUPPLIES_MAX))
                return false;
        *ret_number = number;
        return true;
}

static void read_battery(int folder, const char *supply, Supplies *supplies, Charge *charge)
{
        uint64_t now, full, percent;
        char text[VALUE_MAX];

        supplies->has_battery = true;
        if (strcmp(read_value(folder, supply, "status", text), "Discharging") == 0)
                supplies->discharging = true;
        charge->n++;
        if (read_number(folder, supply, "energy_now", &now) && read_number(folder, supply, "energy_full", &full) &&
            full > 0) {
                charge->n_energy++;
                charge->now += MIN(now, full);
                charge->full += full;
        }
        if (read_number(folder, supply, "capacity", &percent)) {
                charge->n_percent++;
                charge->percent += (unsigned)MIN(percent, (uint64_t)100);
        }
}

static void read_supply(int folder, const char *supply, Supplies *supplies, Charge *charge)
{
        char text[VALUE_MAX];
        uint64_t number;

        if (strcmp(read_value(folder, supply, "scope", text), "Device") == 0)
                return;
        read_value(folder, supply, "type", text);
        if (strcmp(text, "Battery") == 0) {
                /* One that says that it is not there is an empty bay. */
                if (!read_number(folder, supply, "present", &number) || number > 0)
                        read_battery(folder, supply, supplies, charge);
        } else if (text[0] && strcmp(text, "UPS") != 0) {
                supplies->has_external = true;
                if (read_number(folder, supply, "online", &number) && number > 0)
                        supplies->external = true;
        }
}

int supplies_read(const char *sysfs, Supplies *ret_supplies)
{
        Supplies supplies = { .charge = -1 };
        _cleanup_(freep) char *path = NULL;
        _cleanup_(closedirp) DIR *dir = NULL;
        Charge charge = { 0 };
        struct dirent *entry;
        unsigned n = 0;

        if (asprintf(&path, "%s/class/power_supply", sysfs) < 0)
                return -ENOMEM;
        dir = opendir(path);
        if (!dir && errno != ENOENT)
                return -errno;
        while (dir && n < SUPPLIES_MAX && (entry = readdir(dir))) {
                if (entry->d_name[0] == '.')
                        continue;
                read_supply(dirfd(dir), entry->d_name, &supplies, &charge);
                n++;
        }
        if (charge.n > 0 && charge.n_energy == charge.n)
                supplies.charge = (int)(charge.now * 100 / charge.full);
        else if (charge.n_percent > 0)
                supplies.charge = (int)(charge.percent / charge.n_percent);
        *ret_supplies = supplies;
        return 0;
}
