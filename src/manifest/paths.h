/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Finding an executable below a folder that nothing leads out of.
 *
 * Manifests come from a system that ignores case and ends programs in ".exe". So each segment of a path is looked up
 * exactly as written first; if there is no such name, the only one that differs in the case of ASCII letters is taken;
 * two of those are ambiguous. The last segment is tried as written and, if it ends in ".exe", without that, first both
 * exactly, then both without case. A folder that fits exactly is entered for good: nothing is tried twice.
 */

#include <stdbool.h>

typedef struct PackageRoot {
        int fd;          /* of the folder */
        char *path;      /* absolute */
        bool no_openat2; /* the kernel has none, or a test says so */
} PackageRoot;

#define PACKAGE_ROOT_INIT { .fd = -1 }

/* The results that a caller handles; the first is success. */
typedef enum ExecutableResult {
        EXECUTABLE_FOUND,
        EXECUTABLE_E_MISSING,
        EXECUTABLE_E_AMBIGUOUS,
        EXECUTABLE_E_OUTSIDE,     /* a link leads out of the folder */
        EXECUTABLE_E_UNREACHABLE, /* a folder may not be searched, or links go in circles */
        EXECUTABLE_E_TYPE,        /* not a regular file */
        EXECUTABLE_E_MODE,        /* we may not execute it */
} ExecutableResult;

typedef struct Executable {
        char *path; /* absolute: the root's path and the names as the file system spells them */
        bool is_pe; /* begins with "MZ"; needs no permission to execute, since another program reads it */
        bool other_case; /* found only by ignoring case */
} Executable;

/* Opens a folder; path must be absolute and is copied. Negative errno. */
int package_root_open(const char *path, PackageRoot *ret_root);
void package_root_done(PackageRoot *root);

/*
 * Finds the executable of a valid relative path with '/' or '\' between its segments. Returns an ExecutableResult,
 * setting ret_executable, whose path the caller frees, on EXECUTABLE_FOUND; or a negative errno if the machine fails.
 */
int package_root_find(PackageRoot *root, const char *relative, Executable *ret_executable);
