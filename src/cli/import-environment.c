/* SPDX-License-Identifier: MIT */

#include <string.h>

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask import-environment NAME...\n"
        "Give variables of this environment to servers and commands that are started from\n"
        "now on, for the rest of the session; one that is not set here is forgotten. They\n"
        "get nothing else of anybody's environment. Those of BGTASK_ cannot be given. With\n"
        "DBUS_SESSION_BUS_ADDRESS the broker itself goes to that bus, too.\n"
        "\n"
        "Examples:\n"
        "  bgtask import-environment DISPLAY WAYLAND_DISPLAY DBUS_SESSION_BUS_ADDRESS\n"
        "  env -u SSH_AUTH_SOCK bgtask import-environment SSH_AUTH_SOCK\n";

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        int r = cli_parse(cli, verb, argc, argv, NULL, 0), status;
        bgt_record *variables;

        if (r < 0)
                return CLI_RETURN(r);
        if (argc == r)
                return cli_usage(verb, "name the variables, as DISPLAY");
        variables = bgt_record_new();
        if (!variables)
                return cli_out_of_memory();
        status = EXIT_OK;
        for (int i = r; i < argc && status == EXIT_OK; i++) {
                const char *value = getenv(argv[i]);

                if (strchr(argv[i], '='))
                        status = cli_usage(verb, "'%s': give the name only; its value is that of this environment",
                                           argv[i]);
                else if ((value ? bgt_record_set_string(variables, argv[i], value) :
                                  bgt_record_set_bool(variables, argv[i], false)) < 0)
                        status = cli_complain();
        }
        if (status == EXIT_OK)
                status = cli_connect(cli, 0);
        if (status == EXIT_OK && bgt_import_environment(cli->bgt, variables) < 0)
                status = cli_complain();
        for (int i = r; i < argc && status == EXIT_OK && !cli->json; i++)
                printf("%s %s\n", getenv(argv[i]) ? "imported" : "forgot", argv[i]);
        if (status == EXIT_OK && cli->json)
                json_print_record(variables);
        bgt_record_unref(variables);
        return status;
}

const Verb verb_import_environment = { "import-environment", "give variables to servers and commands", help, run };
