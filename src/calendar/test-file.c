/* SPDX-License-Identifier: MIT */

#include "calendar/test-file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

Zone *test_zone(const char *name)
{
        _cleanup_(freep) void *data = NULL;
        Zone *zone = NULL;
        size_t n;

        if (zoneinfo_read(name, &data, &n) < 0)
                return NULL;
        return zone_parse(data, n, &zone) < 0 ? NULL : zone;
}

Zone *test_zone_of_rule(const char *rule)
{
        /* Two blocks with one type, which the rule overrides. */
        uint8_t data[2 * (44 + 6 + 1) + ZONE_NAME_MAX + 2] = { 0 };
        Zone *zone = NULL;
        size_t n = 2 * (44 + 6 + 1);

        for (size_t i = 0; i < n; i += 44 + 6 + 1) {
                memcpy(data + i, "TZif2", 5);
                data[i + 39] = 1;
                data[i + 43] = 1;
        }
        n += (size_t)snprintf((char *)data + n, sizeof data - n, "\n%s\n", rule);
        return zone_parse(data, n, &zone) < 0 ? NULL : zone;
}
