/* SPDX-License-Identifier: MIT */
#pragma once

#include <stdbool.h>

/* May a broker be started from here? BGTASK_AUTOSTART=0 forbids it; the machine's one is only started by root. */
bool autostart_is_allowed(bool system);

/* The program that is started: $BGTASK_BROKER, else the installed one. */
const char *autostart_program(void);

/*
 * Starts a broker that has nothing to do with this process: its own session, a clean environment, no descriptor.
 * Returns when the program has been executed; negative errno if it could not be. Starting a second one is harmless: it
 * exits.
 */
int autostart_run(bool system);
