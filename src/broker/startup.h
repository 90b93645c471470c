/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Whether anything will start this broker again: what is installed and enabled on this machine, looked up each time,
 * because it changes without anybody telling us. docs/starting.md is the page for people.
 */

#include "broker/paths.h"

typedef enum StartupProblem {
        STARTUP_FINE,
        STARTUP_NOTHING,   /* nothing starts it after a reboot */
        STARTUP_NO_LINGER, /* it runs only while the user is logged in */
        _STARTUP_MAX,
} StartupProblem;

typedef struct Startup {
        StartupProblem problem;
        char sentence[256]; /* what starts it, or that nothing does */
        const char *remedy; /* NULL if nothing is wrong */
} Startup;

/* by_hand: it has folders of its own, which nobody else knows. */
void startup_look(bool system, bool by_hand, Startup *ret);

/* The code of a problem in Why: "no-start", "no-linger"; NULL for STARTUP_FINE. */
const char *startup_code(StartupProblem problem);
