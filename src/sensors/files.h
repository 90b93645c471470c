/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Files and folders, recursive if wanted, for any number of watchers with one inotify instance. What is watched need
 * not exist; folders are read in pieces while nothing else is to do. Changes are collected until they pause.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/loop.h"
#include "base/macro.h"

typedef struct Files Files;

/*
 * paths: each with its NUL, one after the other; the paths of files that were written, made, removed or renamed. One
 * empty path: everything may have changed. Called from the loop.
 */
typedef void (*FilesChanged)(const char *text, const void *paths, size_t n_paths, void *userdata);

int files_new(Loop *loop, FilesChanged changed, void *userdata, Files **ret_files);
Files *files_free(Files *files);
DEFINE_CLEANUP(Files *, files_free);

/* Begins to watch what the text of a file watch says (base/file-watch.h). -EINVAL, -ENOMEM, -EEXIST. */
int files_watch(Files *files, const char *text);
/* Harmless for a text that is not watched. */
void files_unwatch(Files *files, const char *text);
bool files_is_empty(const Files *files);

/* What keeps this text from being watched in whole, as a sentence; NULL if nothing does. */
const char *files_problem(const Files *files, const char *text);
