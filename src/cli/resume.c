/* SPDX-License-Identifier: MIT */

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask resume TASK\n"
        "       bgtask resume PACKAGE\n"
        "End the pause of a task, or of a package. What fired meanwhile starts if its\n"
        "conditions hold. The two are apart: a task that was paused itself stays so.\n"
        "\n"
        "Examples:\n"
        "  bgtask resume SampleTask\n"
        "  bgtask resume --package Contoso.Sample_h91ms92gdsmmt\n";

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        return cli_pause(cli, verb, argc, argv, false);
}

const Verb verb_resume = { "resume", "end the pause of a task or package", help, run };
