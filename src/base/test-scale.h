/* SPDX-License-Identifier: MIT */
#pragma once

/* How often unit tests that repeat do so: BGTASK_TEST_SCALE, tests/README.md. */

#include <stddef.h>
#include <stdlib.h>

/* 1 if nothing is said. */
static inline double test_scale(void)
{
        const char *text = getenv("BGTASK_TEST_SCALE");
        double scale = text ? strtod(text, NULL) : 1;

        return scale > 0 ? scale : 1;
}

/* Of places that are all tried in turn, each, or where tests repeat less a sample: the way from one to the next. */
static inline unsigned test_stride(void)
{
        return test_scale() < 1 ? 7 : 1;
}
