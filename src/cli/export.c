/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <string.h>

#include "cli/json.h"

static const char help[] =
        "Usage: bgtask export [TASK]...\n"
        "Write registrations as JSON that 'bgtask import' reads on another machine: all\n"
        "of them, those of --package, or the named ones. What is pending, the history,\n"
        "the packages' files and a pause of a whole package are not in it.\n"
        "\n"
        "Examples:\n"
        "  bgtask export >tasks.json\n"
        "  bgtask export Sync | ssh other bgtask import -\n";

/* Of a row of the list: what a task is, not what it is doing. */
static json_t *definition(const bgt_record *row, json_t *paused)
{
        static const char *const state[] = { "task", "registered", "state", "package-paused-since", "pending", "live",
                                             "next-trigger", "next-earliest", "next-latest", "last-fired",
                                             "endpoint" };
        json_t *json = json_of_record(row);

        if (bgt_record_uint(row, "package-paused-since", 0) > 0)
                json_object_set_new(paused, bgt_record_string(row, "package"), json_true());
        for (size_t i = 0; i < ELEMENTSOF(state); i++)
                json_object_del(json, state[i]);
        if (!bgt_record_bool(row, "paused", false))
                json_object_del(json, "paused");
        if (!bgt_record_bool(row, "skip-next", false))
                json_object_del(json, "skip-next");
        return json;
}

static int add_listed(Cli *cli, json_t *tasks, json_t *paused)
{
        const bgt_record *row;
        bgt_list *list = NULL;
        int r;

        r = bgt_list_tasks(cli->bgt, cli->package ? cli->package : "*", NULL, NULL, &list);
        while (r >= 0 && (r = bgt_list_next(list, &row)) > 0)
                json_array_append_new(tasks, definition(row, paused));
        bgt_list_free(list);
        return r < 0 ? cli_complain() : EXIT_OK;
}

static int add_named(Cli *cli, const char *name, json_t *tasks, json_t *paused)
{
        bgt_record *task = NULL;
        int status = cli_find_task(cli, name, &task);

        if (status == EXIT_OK)
                json_array_append_new(tasks, definition(task, paused));
        bgt_record_unref(task);
        return status;
}

/* What import says of a package that the other machine does not have. */
static int add_packages(Cli *cli, const json_t *tasks, json_t *packages)
{
        const bgt_record *row;
        bgt_list *list = NULL;
        int r;

        r = bgt_list_packages(cli->bgt, &list);
        while (r >= 0 && (r = bgt_list_next(list, &row)) > 0) {
                const char *package = bgt_record_string(row, "package");
                bool used = false;

                for (size_t i = 0; i < json_array_size(tasks) && !used; i++) {
                        const char *of = json_string_value(json_object_get(json_array_get(tasks, i), "package"));

                        used = of && package && strcmp(of, package) == 0;
                }
                if (used)
                        json_array_append_new(packages, json_pack("{s:s, s:s*, s:s*}", "package", package, "version",
                                                                  bgt_record_string(row, "version"), "folder",
                                                                  bgt_record_string(row, "folder")));
        }
        bgt_list_free(list);
        return r < 0 ? cli_complain() : EXIT_OK;
}

/* Whoever imports a task need not want all the others of its package to be held. */
static void warn_about_pauses(json_t *paused)
{
        const char *package;
        json_t *value;

        json_object_foreach(paused, package, value)
                fprintf(stderr, "bgtask: %s is paused here, which is not exported: "
                                "'bgtask pause --package %s' does it there\n", package, package);
}

static int export(Cli *cli, char *const *names, int n_names)
{
        json_t *tasks = json_array(), *packages = json_array(), *document, *paused = json_object();
        int status = EXIT_OK;

        document = json_pack("{s:i, s:s, s:o, s:o}", "bgtask-export", EXPORT_FORMAT, "version", BGTASK_VERSION,
                             "packages", packages, "tasks", tasks);
        if (!document)
                return cli_out_of_memory();
        for (int i = 0; i < n_names && status == EXIT_OK; i++)
                status = add_named(cli, names[i], tasks, paused);
        if (n_names == 0)
                status = add_listed(cli, tasks, paused);
        if (status == EXIT_OK)
                status = add_packages(cli, tasks, packages);
        if (status == EXIT_OK) {
                if (json_dumpf(document, stdout, JSON_INDENT(2)) < 0)
                        status = cli_out_of_memory();
                putchar('\n');
        }
        if (status == EXIT_OK)
                warn_about_pauses(paused);
        json_decref(paused);
        json_decref(document);
        return status;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        int r = cli_parse(cli, verb, argc, argv, NULL, 0), status;

        if (r < 0)
                return CLI_RETURN(r);
        status = cli_connect(cli, 0);
        return status != EXIT_OK ? status : export(cli, argv + r, argc - r);
}

const Verb verb_export = { "export", "write registrations for another machine", help, run };
