/* SPDX-License-Identifier: MIT */
#pragma once

/* Zones for tests: from the machine's zoneinfo, and one without a file. */

#include "calendar/zone.h"

/* NULL: this machine has no such zone. */
Zone *test_zone(const char *name);
/* A zone that follows a rule ("CET-1CEST,M3.5.0,M10.5.0/3") at all times. */
Zone *test_zone_of_rule(const char *rule);
