/* SPDX-License-Identifier: MIT */
#pragma once

/* What tests with ends of a machine share: two folders, one that is watched, and one for what an end has left. */

#include "work.h"

/* In memory if there is such a place. */
extern char ends_folder[80], ends_image[80];

/* For a group of tests: makes the place of the folders, and removes it. */
int ends_make_root(void **state);
int ends_remove_root(void **state);

/* Makes the folder, or empties it. */
void ends_empty(const char *path);
/* A life in the first folder, which is empty and watched. */
Work *ends_begin(void);

/* A file's bytes, to be freed. NULL: it is not there. */
uint8_t *ends_read(const char *folder, const char *name, size_t *ret_size);
void ends_write(const char *folder, const char *name, const void *data, size_t size);
/* The second folder then holds what the first one holds, and nothing else. */
void ends_copy(const char *from, const char *to);

/*
 * `first` commits were answered. Of those that were not, any number is there. What was said to have failed is not: but
 * as long as a disk fails at every try (`in_turn`), what it holds of the first try cannot be known.
 */
bool ends_is_one_of(const Work *w, uint64_t digest, uint64_t first, bool in_turn);
