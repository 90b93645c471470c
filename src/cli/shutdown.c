/* SPDX-License-Identifier: MIT */

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask shutdown [--reason REASON]\n"
        "Cancel everything that runs, for this reason, wait 8 s at most, and end the\n"
        "broker. What is registered stays. SIGTERM to the broker leaves the runs alone\n"
        "instead.\n"
        "\n"
        "  --reason REASON  name or number of a BackgroundTaskCancellationReason\n"
        "                   (default: Terminating)\n"
        "\n"
        "Example:\n"
        "  bgtask shutdown --reason LoggingOff\n";

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        const char *text = NULL;
        const CliOption options[] = { { "reason", .value = &text } };
        int r, reason, status;

        r = cli_parse_alone(cli, verb, argc, argv, options, ELEMENTSOF(options));
        if (r < 0)
                return CLI_RETURN(r);
        if (cli_parse_reason(verb, text, REASON_TERMINATING, &reason))
                return EXIT_USAGE;
        /* One that does not run need not be started to be ended. */
        status = cli_connect(cli, BGT_NO_AUTOSTART);
        if (status != EXIT_OK)
                return status;
        if (bgt_shutdown(cli->bgt, reason) < 0)
                return cli_complain();
        if (cli->json)
                json_print_pair("shutdown", term_name(TERM_REASON, reason));
        else
                printf("the broker has ended (%s)\n", term_name(TERM_REASON, reason));
        return EXIT_OK;
}

const Verb verb_shutdown = { "shutdown", "cancel what runs, and end the broker", help, run };
