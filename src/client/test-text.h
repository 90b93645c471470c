/* SPDX-License-Identifier: MIT */
#pragma once

#include <stddef.h>

#include "dbus/message.h"

/* Writes a call down: "Member(text, 1, [a, b], {key=value})". Cut if it does not fit. */
void text_of_call(const Message *m, char *buf, size_t size);
