/* SPDX-License-Identifier: MIT */

#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask simulate [OPTION]... [CONDITION=LEVEL]...\n"
        "Set the clocks and conditions of a broker that runs on the test clock (bgtaskd\n"
        "--test-clock). Conditions are set first; LEVEL is true, false or unknown.\n"
        "Returns when everything that became due has been started or is held.\n"
        "\n"
        "  --advance DURATION  let time pass\n"
        "  --suspend DURATION  let the machine sleep\n"
        "  --set-forward DURATION, --set-back DURATION\n"
        "                      set the wall clock\n"
        "\n"
        "Examples:\n"
        "  bgtask simulate InternetAvailable=true\n"
        "  bgtask simulate --advance 30m\n";

static int set_condition(Cli *cli, const Verb *verb, const char *argument)
{
        const char *equals = strchr(argument, '=');
        _cleanup_(freep) char *name = NULL;

        if (!equals)
                return cli_usage(verb, "'%s' is not of the form CONDITION=LEVEL", argument);
        name = strndup(argument, (size_t)(equals - argument));
        if (!name)
                return cli_out_of_memory();
        if (term_number(TERM_CONDITION, name) < 0)
                return cli_unknown_term(verb, "a condition", TERM_CONDITION, name);
        return bgt_test_set_condition(cli->bgt, name, equals + 1) < 0 ? cli_complain() : EXIT_OK;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        uint64_t advance = 0, suspend = 0, forward = 0, back = 0, now = 0;
        const CliOption options[] = {
                { "advance", .duration_usec = &advance },
                { "suspend", .duration_usec = &suspend },
                { "set-forward", .duration_usec = &forward },
                { "set-back", .duration_usec = &back },
        };
        int r, status = EXIT_OK;
        char text[40];

        r = cli_parse(cli, verb, argc, argv, options, ELEMENTSOF(options));
        if (r < 0)
                return CLI_RETURN(r);
        if (argc == r && advance + suspend + forward + back == 0)
                return cli_usage(verb, "nothing to simulate is given");
        status = cli_connect(cli, 0);
        if (status != EXIT_OK)
                return status;
        for (int i = r; i < argc && status == EXIT_OK; i++)
                status = set_condition(cli, verb, argv[i]);
        if (status != EXIT_OK)
                return status;
        if ((forward > 0 && bgt_test_clock_step(cli->bgt, (int64_t)forward) < 0) ||
            (back > 0 && bgt_test_clock_step(cli->bgt, -(int64_t)back) < 0) ||
            (suspend > 0 && bgt_test_clock_suspend(cli->bgt, suspend) < 0) ||
            (advance > 0 && bgt_test_clock_advance(cli->bgt, advance) < 0) ||
            bgt_test_clock_get(cli->bgt, NULL, NULL, &now) < 0)
                return cli_complain();
        if (cli->json)
                printf("{\"now\": %" PRIu64 "}\n", now);
        else
                printf("it is now %s\n", format_time(now, false, text, sizeof text));
        return EXIT_OK;
}

const Verb verb_simulate = { "simulate", "set clocks and conditions of a test broker", help, run };
