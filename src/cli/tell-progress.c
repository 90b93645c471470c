/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask progress N\n"
        "Tell the progress of the command task that this runs in: any number, mostly a\n"
        "percentage. The same as: echo N >&$BGTASK_PROGRESS_FD\n"
        "\n"
        "Example:\n"
        "  bgtask progress 50\n";

static int no_task(const char *why)
{
        fprintf(stderr, "bgtask: %s\n        call it in a command task, see 'bgtask add --help'\n", why);
        return EXIT_ERROR;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        const char *variable = getenv("BGTASK_PROGRESS_FD");
        uint32_t number;
        char line[16];
        int fd, n, r;

        r = cli_parse(cli, verb, argc, argv, NULL, 0);
        if (r < 0)
                return CLI_RETURN(r);
        if (argc - r != 1)
                return cli_usage(verb, "give one number");
        if (cli_parse_number(verb, "progress", "progress, as 50", argv[r], &number))
                return EXIT_USAGE;
        fd = variable && variable[0] ? atoi(variable) : -1;
        if (fd < 0)
                return no_task("this is no command task: BGTASK_PROGRESS_FD is not set");
        n = snprintf(line, sizeof line, "%u\n", number);
        if (write(fd, line, (size_t)n) != n)
                return no_task(errno == EBADF ? "the descriptor BGTASK_PROGRESS_FD was closed on the way here"
                                              : strerror(errno));
        return EXIT_OK;
}

const Verb verb_progress = { "progress", "tell the progress, from inside a command", help, run };
