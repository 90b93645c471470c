/* SPDX-License-Identifier: MIT */
#pragma once

/* Fills what bgt_error() shows. Each function returns the negative errno that its public caller returns. */

#include "base/error.h"
#include "base/macro.h"
#include "dbus/message.h"

/* The entry of the table, with a more exact sentence or, with NULL, its own. */
int fail(Error error, const char *format, ...) _printf_(2, 3);
/* A negative errno, with the closest entry and the errno's own text. */
int fail_errno(int error, const char *format, ...) _printf_(2, 3);
/* An error that the broker answered. */
int fail_reply(const Message *m);
/* An error name and its sentence, as the broker sends them. */
int fail_named(const char *name, const char *sentence, const char *remedy);
