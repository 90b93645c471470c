/* SPDX-License-Identifier: MIT */

#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask status\n"
        "Show the state of the broker: where it keeps things, what it holds, and what is\n"
        "wrong.\n"
        "\n"
        "Example:\n"
        "  bgtask status --json\n";

static void print_value(const bgt_record *status, const char *key)
{
        const char *const *strings;
        char text[60];

        printf("%-16s ", key);
        switch (bgt_record_type(status, key)) {
        case BGT_TYPE_STRING:
                puts(bgt_record_string(status, key));
                break;
        case BGT_TYPE_BOOL:
                puts(bgt_record_bool(status, key, false) ? "yes" : "no");
                break;
        case BGT_TYPE_STRINGS:
                strings = bgt_record_strings(status, key, NULL);
                puts(strings[0] ? "" : "none");
                for (size_t i = 0; strings[i]; i++)
                        printf("  - %s\n", strings[i]);
                break;
        default:
                if (strcmp(key, "started") == 0)
                        puts(format_time(bgt_record_uint(status, key, 0), false, text, sizeof text));
                else
                        printf("%" PRIu64 "\n", bgt_record_uint(status, key, 0));
        }
}

void cli_warn_about_start(Cli *cli)
{
        bgt_record *status = NULL;
        const char *remedy;

        if (bgt_status(cli->bgt, &status) < 0)
                return;
        remedy = bgt_record_string(status, "start-remedy");
        if (remedy)
                fprintf(stderr, "bgtask: warning: %s\n        %s\n", bgt_record_string(status, "start"), remedy);
        bgt_record_unref(status);
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        bgt_record *status = NULL;
        const char *key;
        int r;

        r = cli_parse_alone(cli, verb, argc, argv, NULL, 0);
        if (r < 0)
                return CLI_RETURN(r);
        r = cli_connect(cli, 0);
        if (r != EXIT_OK)
                return r;
        if (bgt_status(cli->bgt, &status) < 0)
                return cli_complain();
        if (cli->json)
                json_print_record(status);
        else
                for (size_t i = 0; (key = bgt_record_key(status, i)); i++)
                        print_value(status, key);
        bgt_record_unref(status);
        return EXIT_OK;
}

const Verb verb_status = { "status", "show the state of the broker", help, run };
