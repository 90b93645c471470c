/* SPDX-License-Identifier: MIT */

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask resume TASK\n"
        "End the pause of a task. What fired meanwhile starts if its conditions hold.\n"
        "\n"
        "Example:\n"
        "  bgtask resume SampleTask\n";

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        return cli_pause(cli, verb, argc, argv, false);
}

const Verb verb_resume = { "resume", "end the pause of a task", help, run };
