/* SPDX-License-Identifier: MIT */
#pragma once

/* Whether only those whom we trust anyway can change what a path leads to. */

#include <limits.h>
#include <sys/types.h>

#include "base/macro.h"

typedef struct TrustProblem {
        char path[PATH_MAX]; /* the file or folder that others may change */
        uid_t owner;
        mode_t mode;
} TrustProblem;

/*
 * Follows path from the root to its end, links resolved. Everything on the way must belong to us, to root or to
 * whoever owns the root folder, and be writable neither by everybody (a folder with the sticky bit may be) nor by a
 * group that is not ours or root's. 0; -EPERM with what is wrong in ret_problem; else what the system said of it.
 */
int trust_path(const char *path, TrustProblem *ret_problem);
