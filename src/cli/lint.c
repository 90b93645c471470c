/* SPDX-License-Identifier: MIT */

/* Checks manifests here, with the reader that the broker uses, so that a build machine needs no broker. */

#include <jansson.h>

#include "cli/cli.h"
#include "manifest/manifest.h"

static const char help[] =
        "Usage: bgtask lint [OPTION]... FILE|DIR...\n"
        "Show every rule that a package manifest breaks, with file, line, rule and value.\n"
        "A folder is checked as 'bgtask install' would, its executables included; of a\n"
        "file only the text. No broker is needed.\n"
        "\n"
        "  --windows                show also what only Windows refuses\n"
        "  --target-name NAME       what $targetnametoken$ stands for\n"
        "  --external-location DIR  where the executables are, if not in the package\n"
        "  --json                   an array with one object for each problem\n"
        "\n"
        "Exit status: 0 if nothing is refused, 1 if something is (with --windows: also\n"
        "what Windows refuses). Warnings do not count.\n"
        "\n"
        "Examples:\n"
        "  bgtask lint ~/apps/sample\n"
        "  bgtask lint --windows Package.appxmanifest\n";

static json_t *problem_to_json(const ManifestProblems *problems, const ManifestProblem *p)
{
        json_t *object = json_object();

        json_object_set_new(object, "file", problems->file ? json_string(problems->file) : json_null());
        json_object_set_new(object, "line", p->line ? json_integer(p->line) : json_null());
        json_object_set_new(object, "severity", json_string(manifest_severity_to_string(p->severity)));
        json_object_set_new(object, "rule", json_string(p->rule));
        json_object_set_new(object, "where", json_string(p->where));
        json_object_set_new(object, "value", p->value ? json_string(p->value) : json_null());
        json_object_set_new(object, "sentence", json_string(p->sentence));
        json_object_set_new(object, "remedy", json_string(p->remedy));
        return object;
}

static int print_problems(const ManifestProblems *problems)
{
        size_t n_found = 0;

        for (size_t i = 0; i < problems->n_items; i++) {
                _cleanup_(freep) char *text = NULL;

                if (manifest_problem_format(problems, &problems->items[i], true, &text) < 0)
                        return cli_out_of_memory();
                puts(text);
        }
        for (size_t i = 0; i < _MANIFEST_SEVERITY_MAX; i++)
                n_found += problems->n_found[i];
        if (n_found > problems->n_items)
                printf("and %zu more\n", n_found - problems->n_items);
        return EXIT_OK;
}

/* One file or folder; what is found goes to standard output, or behind the array. */
static int lint(const char *path, const ManifestOptions *options, bool windows, json_t *array, bool *ret_refused)
{
        ManifestProblems problems = { .windows = windows };
        int status = EXIT_OK;

        if (manifest_lint(path, options, &problems) < 0)
                status = cli_out_of_memory();
        else if (!array)
                status = print_problems(&problems);
        for (size_t i = 0; array && i < problems.n_items; i++)
                json_array_append_new(array, problem_to_json(&problems, &problems.items[i]));
        *ret_refused |= problems.n_found[MANIFEST_ERROR] > 0 || problems.n_found[MANIFEST_WINDOWS] > 0;
        manifest_problems_done(&problems);
        return status;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        ManifestOptions manifest_options = { 0 };
        bool windows = false, refused = false;
        json_t *array = NULL;
        const CliOption options[] = {
                { "windows", .flag = &windows },
                { "target-name", .value = &manifest_options.target_name },
                { "external-location", .value = &manifest_options.external_location },
        };
        int first, status = EXIT_OK;

        first = cli_parse(cli, verb, argc, argv, options, ELEMENTSOF(options));
        if (first < 0)
                return CLI_RETURN(first);
        if (first == argc)
                return cli_usage(verb, "name a manifest or a package folder");
        if (cli->json)
                array = json_array();
        for (int i = first; i < argc && status == EXIT_OK; i++)
                status = lint(argv[i], &manifest_options, windows, array, &refused);
        if (array) {
                json_dumpf(array, stdout, JSON_INDENT(2));
                putchar('\n');
                json_decref(array);
        }
        return status == EXIT_OK && refused ? EXIT_ERROR : status;
}

const Verb verb_lint = { "lint", "check a package manifest without a broker", help, run };
