/* SPDX-License-Identifier: MIT */

/* Options that would have no effect beside the others, or on the task that is edited: said, and not ignored. */

#include "cli/combine.h"

#include <string.h>

static bool has_files(const Cli *cli, const TaskShape *shape)
{
        return cli_is_given(cli, "files");
}

static bool has_devices(const Cli *cli, const TaskShape *shape)
{
        return cli_is_given(cli, "devices");
}

static bool has_toast_action(const Cli *cli, const TaskShape *shape)
{
        return shape->toast_action;
}

static bool has_custom(const Cli *cli, const TaskShape *shape)
{
        return cli_is_given(cli, "custom") && !cli_is_given(cli, "once");
}

static bool has_interval(const Cli *cli, const TaskShape *shape)
{
        return shape->interval;
}

static bool has_timer(const Cli *cli, const TaskShape *shape)
{
        return shape->timer;
}

static bool fires_by_itself(const Cli *cli, const TaskShape *shape)
{
        return shape->fires_by_itself;
}

static bool catches_up_all(const Cli *cli, const TaskShape *shape)
{
        return shape->catch_up_all;
}

static bool retries(const Cli *cli, const TaskShape *shape)
{
        return shape->retries;
}

static bool has_conditions(const Cli *cli, const TaskShape *shape)
{
        return shape->conditions;
}

static bool may_be_held(const Cli *cli, const TaskShape *shape)
{
        return shape->conditions || shape->maintenance;
}

static bool is_command(const Cli *cli, const TaskShape *shape)
{
        return shape->command;
}

#define OF_FILES "it goes with --files PATH, which has to be given with it, also to change it"
#define NO_TIMER "the task has no trigger with a time (--every, --at, --time, --maintenance)"
#define NO_CONDITION "the task waits for no condition (--when)"
#define NO_COMMAND "the task is not a command"

static const struct {
        const char *option;
        bool (*holds)(const Cli *cli, const TaskShape *shape);
        const char *otherwise;
} rules[] = {
        { "flat", has_files, OF_FILES },
        { "tracker", has_files, OF_FILES },
        { "delay", has_files, OF_FILES },
        { "maximum-delay", has_files, OF_FILES },
        { "changes", has_devices, "it goes with --devices MATCH, which has to be given with it, also to change it" },
        { "action", has_toast_action, "it goes with --on ToastNotificationActionTrigger" },
        { "once-per-boot", has_custom, "it goes with --custom, and not with --once" },
        { "window", has_interval, "the task has no interval (--every)" },
        { "once", fires_by_itself, "nothing but requests fires the task" },
        { "catch-up", has_timer, NO_TIMER },
        { "catch-up-window", has_timer, NO_TIMER },
        { "catch-up-window", catches_up_all, "it goes with --catch-up all" },
        { "retry-backoff", retries, "it goes with --retry N" },
        { "deadline", may_be_held, NO_CONDITION },
        { "cancel-on-condition-loss", has_conditions, NO_CONDITION },
        { "env", is_command, NO_COMMAND },
        { "dir", is_command, NO_COMMAND },
        { "memory", is_command, NO_COMMAND },
        { "cpu", is_command, NO_COMMAND },
        { "tasks", is_command, NO_COMMAND },
};

/* The second says the opposite of the first. */
static const char *const opposites[][2] = {
        { "cancel-on-condition-loss", "no-cancel-on-condition-loss" },
        { "notify-failure", "no-notify-failure" },
};

void shape_add_trigger(TaskShape *shape, int kind)
{
        shape->interval |= kind == TRIGGER_INTERVAL;
        shape->maintenance |= kind == TRIGGER_MAINTENANCE;
        shape->timer |= kind == TRIGGER_INTERVAL || kind == TRIGGER_TIME || kind == TRIGGER_MAINTENANCE ||
                        kind == TRIGGER_CALENDAR;
        shape->fires_by_itself |= !trigger_is_requested(kind);
        shape->toast_action |= kind == TRIGGER_TOAST_ACTION;
}

int cli_check_combination(const Cli *cli, const Verb *verb, const TaskShape *shape)
{
        for (size_t i = 0; i < ELEMENTSOF(rules); i++)
                if (cli_is_given_something(cli, rules[i].option) && !rules[i].holds(cli, shape))
                        return cli_usage(verb, "--%s would have no effect: %s", rules[i].option, rules[i].otherwise);
        for (size_t i = 0; i < ELEMENTSOF(opposites); i++)
                if (cli_is_given(cli, opposites[i][0]) && cli_is_given(cli, opposites[i][1]))
                        return cli_usage(verb, "--%s and --%s: give one of them", opposites[i][0], opposites[i][1]);
        return EXIT_OK;
}

int cli_check_delays(const Cli *cli, const Verb *verb, uint64_t delay_usec, uint64_t *maximum_usec)
{
        if (cli_is_given(cli, "maximum-delay") && *maximum_usec < delay_usec)
                return cli_usage(verb, "--maximum-delay is shorter than --delay, and would never pass first");
        *maximum_usec = MAX(*maximum_usec, delay_usec);
        return EXIT_OK;
}
