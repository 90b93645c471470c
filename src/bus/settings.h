/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The options of a registration that the engine only keeps, as text (base/settings.h): commands, failures, and what
 * people call a group.
 */

#include "base/settings.h"
#include "bus/registration.h"

/*
 * Reads the option if it is one of these, and appends it; sets spec->command. False: it is none of them. What is wrong
 * is noted in refusal.
 */
bool bus_settings_read(Reader *r, const char *key, const char *type, TaskSpec *spec, Buffer *settings,
                       Refusal *refusal);
/* What can be judged only when all are read; sets spec->options. */
void bus_settings_finish(TaskSpec *spec, const Buffer *settings, Refusal *refusal);
/* Writes the entries of an open a{sv}. */
void bus_settings_put(Writer *w, const char *settings);
