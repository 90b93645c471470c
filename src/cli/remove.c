/* SPDX-License-Identifier: MIT */

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask remove PACKAGE\n"
        "Remove a package by its family name. Its tasks are unregistered and their runs\n"
        "canceled; its files and its data stay where they are.\n"
        "\n"
        "Example:\n"
        "  bgtask remove SamplePackagedWinMainBackgroundApp_h91ms92gdsmmt\n";

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        int r = cli_parse(cli, verb, argc, argv, NULL, 0), status;

        if (r < 0)
                return CLI_RETURN(r);
        if (argc - r != 1)
                return cli_usage(verb, "name one package");
        status = cli_connect(cli, 0);
        if (status != EXIT_OK)
                return status;
        if (bgt_package_remove(cli->bgt, argv[r]) < 0)
                return cli_complain_package(cli, argv[r]);
        if (cli->json)
                json_print_pair("removed", argv[r]);
        else
                printf("removed %s\n", argv[r]);
        return EXIT_OK;
}

const Verb verb_remove = { "remove", "remove a package and its tasks", help, run };
