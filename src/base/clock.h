/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Times are unsigned microseconds and their clock is part of the name: _real_ is CLOCK_REALTIME since 1970,
 * _boot_ is CLOCK_BOOTTIME (counts while suspended), _mono_ is CLOCK_MONOTONIC (does not).
 */

#include <stdint.h>
#include <time.h>

#include "base/uuid.h"

#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)
#define USEC_PER_MINUTE (60 * USEC_PER_SEC)
#define USEC_PER_HOUR (60 * USEC_PER_MINUTE)
#define USEC_PER_DAY (24 * USEC_PER_HOUR)
#define USEC_INFINITY UINT64_MAX

uint64_t clock_now_usec(clockid_t clock);

/* A time before 1970 reads as 0, one past what timespec holds as the largest that it does. */
struct timespec timespec_from_usec(uint64_t usec);

/* The kernel's id of this boot. Negative errno if /proc is not there or holds something else. */
int boot_id_read(Uuid *ret_boot_id);
