/* SPDX-License-Identifier: MIT */
#pragma once

/* Files of ours that lie beside a program of ours, installed or in a build folder. */

/*
 * Finds what runs inside of Wine: in the folder wine beside the program, or beside the program's folder. The caller
 * frees the path. -ENOENT (it was built without), -EINVAL (program is no path), -ENOMEM.
 */
int beside_find_wine(const char *program, const char *name, char **ret_path);
/* The same beside this program. Also what readlink() gives. */
int beside_find_wine_here(const char *name, char **ret_path);
/* Where the loader of Wine is if it is not in PATH, as Debian has it. */
#define BESIDE_WINE_LOADER "/usr/lib/wine/wine64"
