/* SPDX-License-Identifier: MIT */
#pragma once

/* What the writer and the reader of logs share. */

#include <stdbool.h>
#include <stdint.h>

#include "launcher/launcher.h"

#define LOG_TIME_SIZE 27 /* 2026-01-31T12:34:56.123456Z */
#define LOG_NAME_MAX (LAUNCHER_ID_MAX + sizeof ".log.1")

/* Times after the year 9999 are written as its end. Terminated. */
void log_format_time(uint64_t real_usec, char ret_text[static LOG_TIME_SIZE + 1]);

/* False if the text does not begin with a time of exactly this form. */
bool log_parse_time(const char *text, uint64_t *ret_real_usec);
