/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <string.h>

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask replay FILE\n"
        "Feed a journal to the rules of the broker again, and show each event and what\n"
        "came of it; FILE '-' is standard input. Nothing happens to the machine and no\n"
        "broker is needed, but the version that wrote it. With --json a line is an event.\n"
        "\n"
        "Exit status: 0 if every effect is as it was, 1 if not or if it cannot be read.\n"
        "\n"
        "Examples:\n"
        "  bgtask replay bug.journal\n"
        "  bgtask journal | bgtask replay --json - | jq -r .event | sort | uniq -c\n";

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        const char *program = getenv("BGTASK_BROKER");
        int r = cli_parse(cli, verb, argc, argv, NULL, 0);

        if (r < 0)
                return CLI_RETURN(r);
        if (argc - r != 1)
                return cli_usage(verb, "name one file, or - for standard input");
        if (!program || program[0] != '/')
                program = BGTASK_BROKER_PATH;
        execl(program, "bgtaskd", "--replay", argv[r], cli->json ? "--json" : NULL, (char *)NULL);
        fprintf(stderr, "bgtask: %s: %s\n        install bgtaskd, or name it with BGTASK_BROKER\n", program,
                strerror(errno));
        return EXIT_ERROR;
}

const Verb verb_replay = { "replay", "show again what a broker did, from its journal", help, run };
