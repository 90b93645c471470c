/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a StorageLibraryContentChangedTrigger or a StorageLibraryChangeTrackerTrigger watches, and the text that a
 * registration keeps of it: the options in the first line, a path in each further one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

#define FILE_WATCH_PATHS_MAX 64
/* A change is told of when nothing has changed for the delay, and at the latest after the maximum. */
#define FILE_WATCH_DELAY_USEC UINT64_C(1000000)
#define FILE_WATCH_MAX_DELAY_USEC UINT64_C(30000000)

typedef struct FileWatch {
        bool tracker;            /* of a StorageLibraryChangeTrackerTrigger */
        bool recursive;
        uint64_t delay_usec;
        uint64_t max_delay_usec; /* at least delay_usec */
        const char *paths[FILE_WATCH_PATHS_MAX];
        size_t n_paths;
} FileWatch;

/* Adds a path. NULL, or half a sentence that says what is wrong with it. */
const char *file_watch_add(FileWatch *watch, const char *path);

/* Appends the text, with a NUL that size does not count. -ENOMEM. */
int file_watch_format(const FileWatch *watch, Buffer *buffer);
/* Takes a text apart: its line breaks become NULs, and the paths point into it. -EINVAL if it is no such text. */
int file_watch_parse(char *text, FileWatch *ret_watch);
/* Whose text it is. */
bool file_watch_is_tracker(const char *text);
