/* SPDX-License-Identifier: MIT */
#pragma once

/* Registrations on the wire: (kind, a{sv}) triggers, condition names and options, both ways. */

#include "base/buffer.h"
#include "base/error.h"
#include "base/rows.h"
#include "bus/bus.h"
#include "dbus/reader.h"
#include "dbus/writer.h"

/* The first thing that is wrong with a request, as it is answered. */
typedef struct Refusal {
        Error error;
        char sentence[300];
} Refusal;

void refuse(Refusal *refusal, Error error, const char *format, ...) _printf_(3, 4);

/*
 * Read the arguments `(sa{sv}) as a{sv}` of Register into a spec whose strings are the message's; its other pointers
 * are into the memory, which the caller has zeroed and frees with registration_done(). What is wrong is noted in
 * refusal, the rest is read all the same.
 */
void registration_read(Reader *r, TaskSpec *spec, BusRegistrationMemory *memory, Refusal *refusal);
void registration_done(BusRegistrationMemory *memory);

/* Writes (sa{sv}). */
void registration_put_trigger(Writer *w, const Trigger *trigger);
/*
 * Writes the entries of an open a{sv}: trigger, triggers if there are further ones, conditions and the options that
 * differ from their default.
 */
void registration_put_properties(Writer *w, const TaskSpec *spec);
