/* SPDX-License-Identifier: MIT */

#include "broker/trust.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

static bool is_trusted(const struct stat *st, uid_t owner_of_root)
{
        bool sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX);

        /* Where our namespace has no name for root, the root folder shows the one that stands for it. */
        if (st->st_uid != 0 && st->st_uid != geteuid() && st->st_uid != owner_of_root)
                return false;
        if (sticky)
                return true;
        return !(st->st_mode & S_IWOTH) && (!(st->st_mode & S_IWGRP) || st->st_gid == 0 || st->st_gid == getegid());
}

/* What is at ret_problem->path. */
static int look(uid_t owner_of_root, TrustProblem *ret_problem)
{
        struct stat st;

        if (lstat(ret_problem->path, &st) < 0)
                return -errno;
        if (is_trusted(&st, owner_of_root))
                return 0;
        ret_problem->owner = st.st_uid;
        ret_problem->mode = st.st_mode & 07777;
        return -EPERM;
}

int trust_path(const char *path, TrustProblem *ret_problem)
{
        struct stat root;
        int r = 0;

        if (!realpath(path, ret_problem->path) || lstat("/", &root) < 0)
                return -errno;
        /* Each folder on the way in turn: the names behind it are cut off while it is looked at. */
        for (char *slash = strchr(ret_problem->path + 1, '/'); slash && r >= 0; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                r = look(root.st_uid, ret_problem);
                if (r >= 0)
                        *slash = '/';
        }
        return r < 0 ? r : look(root.st_uid, ret_problem);
}
