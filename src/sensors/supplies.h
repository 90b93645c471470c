/* SPDX-License-Identifier: MIT */
#pragma once

/* Batteries and chargers of this machine, as /sys/class/power_supply shows them. */

#include <stdbool.h>

typedef struct Supplies {
        bool has_external;  /* there is a charger or the like, plugged in or not */
        bool external;      /* one is plugged in */
        bool has_battery;   /* of the machine; that of a mouse or a headset is none */
        bool discharging;
        int charge;         /* of all batteries together in percent, -1: not known */
} Supplies;

/* A machine without the folder has no supplies. Negative errno if the folder cannot be read. */
int supplies_read(const char *sysfs, Supplies *ret_supplies);
