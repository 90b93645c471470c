/* SPDX-License-Identifier: MIT */

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask raise ID [KEY=TEXT|KEY:=JSON]...\n"
        "Raise an event: fire every task that was registered for it with --custom ID, and\n"
        "hand them details. Conditions and the overlap policy apply.\n"
        "\n"
        "Examples:\n"
        "  bgtask raise backup-disk-mounted path=/media/backup\n"
        "  bgtask raise modem-sms number:=1 text=hello\n";

static int raise_event(Cli *cli, const char *id, const bgt_record *details)
{
        unsigned n;

        if (bgt_raise(cli->bgt, id, details, &n) < 0)
                return cli_complain();
        if (cli->json)
                printf("{\"listeners\": %u}\n", n);
        else if (n == 0)
                printf("no task waits for %s\n", id);
        else
                printf("%s: %u task%s\n", id, n, n == 1 ? "" : "s");
        return EXIT_OK;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        bgt_record *details;
        int r, status;

        r = cli_parse(cli, verb, argc, argv, NULL, 0);
        if (r < 0)
                return CLI_RETURN(r);
        if (argc == r)
                return cli_usage(verb, "name the event");
        details = bgt_record_new();
        status = details ? EXIT_OK : cli_out_of_memory();
        for (int i = r + 1; i < argc && status == EXIT_OK; i++)
                status = cli_read_argument(verb, argv[i], details);
        if (status == EXIT_OK)
                status = cli_connect(cli, 0);
        if (status == EXIT_OK)
                status = raise_event(cli, argv[r], details);
        bgt_record_unref(details);
        return status;
}

const Verb verb_raise = { "raise", "fire tasks that wait for an event", help, run };
