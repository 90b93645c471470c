/* SPDX-License-Identifier: MIT */

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask rm [--cancel] TASK\n"
        "Unregister a task: the same as 'bgtask unregister'.\n"
        "\n"
        "  --cancel   cancel what runs; without it, it may end\n"
        "\n"
        "Example:\n"
        "  bgtask rm backup\n";

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        return verb_unregister.run(cli, verb, argc, argv);
}

const Verb verb_rm = { "rm", "the same as unregister", help, run };
