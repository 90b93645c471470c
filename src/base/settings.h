/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Settings as text: lines "key=value" in which a key may come several times. It is what a registration's options are
 * made of, which the engine and the store keep and do not read. Values may hold anything but NUL.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* Appends one; b->data is a C string afterwards. key: small letters and dashes. -ENOMEM changes nothing. */
int settings_add(Buffer *b, const char *key, const char *value);
/*
 * All values of a key, in their order: a NULL-terminated list in one piece of memory, for the caller to free. Returns
 * their number, or -ENOMEM. text NULL: there are none.
 */
int settings_list(const char *text, const char *key, char ***ret_values);
/* The first value of a key, for the caller to free. 1, 0 if there is none, or -ENOMEM. */
int settings_get(const char *text, const char *key, char **ret_value);
bool settings_has(const char *text, const char *key);
/* A number of at most 20 digits; otherwise if there is none. */
uint64_t settings_number(const char *text, const char *key, uint64_t otherwise);

/* A name of an environment variable: a letter or underscore, then such or digits, at most 255. */
bool variable_name_is_valid(const char *name, size_t n);
