/* SPDX-License-Identifier: MIT */

/* Tasks and packages by the names that people type. */

#include <errno.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/nearest.h"

/* As many names are looked at for one that was meant. */
#define CANDIDATES_MAX 5000

/* Names the one of the list that is most like the wanted one; if none is, says what else can be done. */
static void suggest(bgt_list *list, const char *key, const char *wanted, const char *remedy)
{
        const bgt_record *row;
        Nearest nearest;

        nearest_init(&nearest, wanted);
        for (int i = 0; i < CANDIDATES_MAX && list && bgt_list_next(list, &row) > 0; i++)
                if (bgt_record_string(row, key))
                        nearest_offer(&nearest, bgt_record_string(row, key));
        if (nearest_found(&nearest))
                fprintf(stderr, "        did you mean '%s'?\n", nearest_found(&nearest));
        else
                fprintf(stderr, "        %s\n", remedy);
}

static int complain_task(Cli *cli, const char *package, const char *name)
{
        bgt_list *list = NULL;

        if (bgt_error()->error != ENOENT)
                return cli_complain();
        fprintf(stderr, "bgtask: %s\n", bgt_error()->message);
        (void)bgt_list_tasks(cli->bgt, package, NULL, NULL, &list);
        suggest(list, "name", name, "see 'bgtask list'");
        bgt_list_free(list);
        return EXIT_NOT_FOUND;
}

static int complain_ambiguous(Cli *cli, const char *package, const char *name)
{
        const bgt_record *row;
        bgt_list *list = NULL;
        int status = cli_complain();

        if (bgt_list_tasks(cli->bgt, package, name, NULL, &list) < 0)
                return status;
        for (int i = 0; i < 20 && bgt_list_next(list, &row) > 0; i++)
                fprintf(stderr, "          %s of %s\n", bgt_record_string(row, "task"),
                        bgt_record_string(row, "package"));
        bgt_list_free(list);
        return status;
}

int cli_find_task(Cli *cli, const char *name, bgt_record **ret_task)
{
        const char *package = cli->package ? cli->package : "*";
        int r;

        r = bgt_task_find(cli->bgt, package, name, ret_task);
        if (r >= 0)
                return EXIT_OK;
        return r == -ENOTUNIQ ? complain_ambiguous(cli, package, name) : complain_task(cli, package, name);
}

int cli_one_task(Cli *cli, const Verb *verb, int argc, char *argv[], const CliOption *options, size_t n_options,
                 bgt_record **ret_task)
{
        int r, status;

        *ret_task = NULL;
        r = cli_parse(cli, verb, argc, argv, options, n_options);
        if (r < 0)
                return CLI_RETURN(r);
        if (argc - r != 1)
                return cli_usage(verb, "name one task");
        status = cli_connect(cli, 0);
        return status == EXIT_OK ? cli_find_task(cli, argv[r], ret_task) : status;
}

int cli_complain_package(Cli *cli, const char *name)
{
        bgt_list *list = NULL;

        if (bgt_error()->error != ENOENT)
                return cli_complain();
        fprintf(stderr, "bgtask: no package %s is installed\n", name);
        (void)bgt_list_packages(cli->bgt, &list);
        suggest(list, "package", name, "see 'bgtask packages', or install it with 'bgtask install DIR'");
        bgt_list_free(list);
        return EXIT_NOT_FOUND;
}

/* The only package that is installed, which need not be named. */
static int only_package(bgt_list *list, bgt_record **ret_package)
{
        const bgt_record *row;
        bgt_record *first;
        int r;

        r = bgt_list_next(list, &row);
        if (r < 0)
                return cli_complain();
        if (r == 0) {
                fputs("bgtask: no package is installed\n        install one with 'bgtask install DIR'\n", stderr);
                return EXIT_NOT_FOUND;
        }
        first = bgt_record_ref((bgt_record *)row);
        r = bgt_list_next(list, &row);
        if (r == 0) {
                *ret_package = first;
                return EXIT_OK;
        }
        bgt_record_unref(first);
        if (r < 0)
                return cli_complain();
        fputs("bgtask: several packages are installed\n"
              "        say which one with --package; 'bgtask packages' lists them\n",
              stderr);
        return EXIT_USAGE;
}

static int named_package(Cli *cli, bgt_list *list, bgt_record **ret_package)
{
        const bgt_record *row;
        int r;

        while ((r = bgt_list_next(list, &row)) > 0)
                if (strcmp(bgt_record_string(row, "package"), cli->package) == 0) {
                        *ret_package = bgt_record_ref((bgt_record *)row);
                        return EXIT_OK;
                }
        if (r < 0)
                return cli_complain();
        /* It was there when cli_connect() opened it. */
        fprintf(stderr, "bgtask: no package %s is installed\n        see 'bgtask packages'\n", cli->package);
        return EXIT_NOT_FOUND;
}

int cli_find_package(Cli *cli, bgt_record **ret_package)
{
        bgt_list *list = NULL;
        int status;

        if (bgt_list_packages(cli->bgt, &list) < 0)
                return cli_complain();
        status = cli->package ? named_package(cli, list, ret_package) : only_package(list, ret_package);
        bgt_list_free(list);
        return status;
}
