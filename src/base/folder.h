/* SPDX-License-Identifier: MIT */
#pragma once

/* Folders that are read. */

#include <dirent.h>

static inline void closedirp(DIR **dir)
{
        if (*dir)
                closedir(*dir);
}

/*
 * Opens the folder name ("." too) of the folder parent_fd, which stays the caller's; a symbolic link is not followed.
 * *ret_dir is for closedir(). Negative errno: ENOENT, ENOTDIR, ELOOP, EACCES, EMFILE, ENOMEM ….
 */
int folder_open(int parent_fd, const char *name, DIR **ret_dir);

/* The same for a descriptor of the folder itself, which is taken over in any case. */
int folder_take(int fd, DIR **ret_dir);
