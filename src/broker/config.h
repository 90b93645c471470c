/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The configuration: lines of KEY = VALUE in sections, first of /etc, then of the user. A line that is wrong is left
 * out and told of with file and line, so that a typing error never keeps the broker from starting.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum ConfigKey {
#define X(symbol, section, key, kind, minimum, maximum, text) CONFIG_##symbol,
#include "broker/config.def"
#undef X
        _CONFIG_MAX,
} ConfigKey;

typedef struct Config {
        uint64_t values[_CONFIG_MAX];
        char *origins[_CONFIG_MAX]; /* "FILE:LINE", NULL: the default */
        char **problems;            /* one line each: FILE:LINE: SENTENCE (REMEDY) */
        size_t n_problems;
} Config;

/*
 * Reads /etc/bgtask/bgtaskd.conf and, for a user's broker, $XDG_CONFIG_HOME/bgtask/bgtaskd.conf, whose lines come
 * before those of the first; or only file, if it is not NULL. Files that are not there are fine, unless named.
 * -ENOMEM only; what is wrong is in problems.
 */
int config_load(Config *config, bool system, const char *file);
void config_done(Config *config);

/* Prints every key with its value and where it comes from, as a configuration file. */
void config_print(const Config *config);
