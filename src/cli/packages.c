/* SPDX-License-Identifier: MIT */

#include <inttypes.h>

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask packages\n"
        "List the installed packages.\n"
        "\n"
        "Example:\n"
        "  bgtask packages --json\n";

static int print(Cli *cli, bgt_list *list)
{
        Table *table = table_new((const char *const[]){ "PACKAGE", "VERSION", "CLASSES", "TASKS", "FOLDER" }, 5);
        const bgt_record *row;
        char n_classes[24], n_tasks[40];
        size_t n;
        int r = 0;

        while (table && (r = bgt_list_next(list, &row)) > 0) {
                const char *folder = bgt_record_string(row, "folder"), *version = bgt_record_string(row, "version");

                bgt_record_records(row, "classes", &n);
                snprintf(n_classes, sizeof n_classes, "%zu", n);
                snprintf(n_tasks, sizeof n_tasks, "%" PRIu64 "%s", bgt_record_uint(row, "tasks", 0),
                         bgt_record_uint(row, "paused-since", 0) > 0 ? " (paused)" : "");
                table_add(table, (const char *const[]){ bgt_record_string(row, "package"), version ? version : "",
                                                        n_classes, n_tasks, folder ? folder : "" });
        }
        table_print(table, "no package is installed; install one with 'bgtask install DIR'");
        return r;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        return cli_run_list(cli, verb, argc, argv, bgt_list_packages, print);
}

const Verb verb_packages = { "packages", "list the installed packages", help, run };
