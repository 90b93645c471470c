/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The environment of children: a fixed list whose values come from the user database and, for a few names, from a
 * given environment after a check; plus what was imported by name. Nothing else gets through.
 */

#include <stdbool.h>
#include <stddef.h>

#define ENVIRONMENT_VARIABLES_MAX 256
#define ENVIRONMENT_BYTES_MAX (256 * 1024)
#define ENVIRONMENT_VALUE_MAX (64 * 1024)

typedef struct Environment {
        char **variables; /* "NAME=value" */
        size_t n_variables;
        size_t n_bytes;
} Environment;

/* Fills the fixed list. source is NULL or a NULL-terminated list such as environ. */
int environment_init(Environment *environment, char *const *source);
void environment_done(Environment *environment);

/* Sets, or with value NULL unsets. -EINVAL: not a name. -E2BIG: over one of the limits; nothing is changed then. */
int environment_set(Environment *environment, const char *name, const char *value);

const char *environment_get(const Environment *environment, const char *name);

/*
 * An array for exec: ours and extra ("NAME=value", NULL-terminated or NULL), which wins. The array is the caller's,
 * the strings are borrowed. -EINVAL: something in extra is not a variable.
 */
int environment_build(const Environment *environment, const char *const *extra, char ***ret_environment);

/* See launcher_find_executable(). */
int environment_find_executable(const Environment *environment, const char *name, const char *cwd, char **ret_path);
