/* SPDX-License-Identifier: MIT */
#pragma once

/* "Did you mean ...?": the candidate that is most like a word, if one is like it at all. */

#include "base/macro.h"

typedef struct Nearest {
        const char *wanted; /* borrowed */
        unsigned distance;  /* of the best so far; only less is better */
        char found[256];
} Nearest;

void nearest_init(Nearest *nearest, const char *wanted);
void nearest_offer(Nearest *nearest, const char *candidate);
/* NULL: nothing is like it. */
const char *nearest_found(const Nearest *nearest);
