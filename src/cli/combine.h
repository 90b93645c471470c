/* SPDX-License-Identifier: MIT */
#pragma once

/* Which options of add, edit and register go together. */

#include "base/terms.h"
#include "cli/cli.h"

/* The task as it will be, as far as options depend on it. */
typedef struct TaskShape {
        bool interval, maintenance, timer, toast_action; /* among its triggers */
        bool fires_by_itself;                             /* one of them is not requested */
        bool conditions, catch_up_all, retries, command;
} TaskShape;

void shape_add_trigger(TaskShape *shape, int kind);
/* EXIT_OK, or says which of the given options would have no effect and returns the exit status. */
int cli_check_combination(const Cli *cli, const Verb *verb, const TaskShape *shape);
/* The same for the delays of --files: a maximum that was not given is at least the delay. */
int cli_check_delays(const Cli *cli, const Verb *verb, uint64_t delay_usec, uint64_t *maximum_usec);
