/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <string.h>

#include "cli/json.h"

static const char help[] =
        "Usage: bgtask import [--if-exists POLICY] [--dry-run] FILE\n"
        "Register what 'bgtask export' wrote; FILE '-' is standard input. The tasks get\n"
        "new ids. Nothing is registered unless every package that the file needs is\n"
        "installed.\n"
        "\n"
        "  --if-exists POLICY  keep (default), fail, update, replace, duplicate\n"
        "  --dry-run           only say what would be registered\n"
        "\n"
        "Exit status: 0 if every task is there now, 1 if one was refused, 3 if a package\n"
        "is missing.\n"
        "\n"
        "Examples:\n"
        "  bgtask import tasks.json\n"
        "  bgtask import --if-exists update - <tasks.json\n";

/* 100,000 registrations fit many times. */
#define FILE_MAX ((size_t)256 * 1024 * 1024)

typedef struct Import {
        Cli *cli;
        const char *file;
        int if_exists;
        bool dry_run;
        json_t *results;
        unsigned n_refused;
} Import;

typedef struct Input {
        FILE *f;
        size_t n;
} Input;

static size_t read_some(void *buffer, size_t size, void *userdata)
{
        Input *input = userdata;
        size_t n = fread(buffer, 1, size, input->f);

        input->n += n;
        return ferror(input->f) || input->n > FILE_MAX ? (size_t)-1 : n;
}

static json_t *load(const char *file)
{
        Input input = { .f = strcmp(file, "-") == 0 ? stdin : fopen(file, "re") };
        json_error_t error;
        json_t *document;

        if (!input.f) {
                fprintf(stderr, "bgtask: %s: %s\n", file, strerror(errno));
                return NULL;
        }
        document = json_load_callback(read_some, &input, JSON_REJECT_DUPLICATES, &error);
        if (!document && input.n > FILE_MAX)
                fprintf(stderr, "bgtask: %s: is larger than 256 MiB\n", file);
        else if (!document && ferror(input.f))
                fprintf(stderr, "bgtask: %s: cannot be read\n", file);
        else if (!document)
                fprintf(stderr, "bgtask: %s:%d: %s\n        give a file that 'bgtask export' wrote\n", file,
                        error.line, error.text);
        if (input.f != stdin)
                fclose(input.f);
        return document;
}

static int check_document(const Import *import, const json_t *document)
{
        const json_t *format = json_object_get(document, "bgtask-export");

        if (json_is_integer(format) && json_integer_value(format) == EXPORT_FORMAT &&
            json_is_array(json_object_get(document, "tasks")))
                return EXIT_OK;
        if (json_is_integer(format) && json_integer_value(format) > EXPORT_FORMAT)
                fprintf(stderr,
                        "bgtask: %s: is of a newer bgtask\n        import it with that version or a later one\n",
                        import->file);
        else
                fprintf(stderr, "bgtask: %s: is not what 'bgtask export' writes\n        give a file that it wrote\n",
                        import->file);
        return EXIT_ERROR;
}

/* The packages that the tasks need and that are not there; where they were on the machine of the export. */
static int check_packages(const Import *import, const json_t *document)
{
        json_t *installed = json_object(), *task, *package;
        const bgt_record *row;
        int r, status = EXIT_OK;
        bgt_list *list = NULL;
        size_t i, j;

        r = bgt_list_packages(import->cli->bgt, &list);
        while (r >= 0 && (r = bgt_list_next(list, &row)) > 0)
                json_object_set_new(installed, bgt_record_string(row, "package"), json_true());
        bgt_list_free(list);
        if (r < 0)
                status = cli_complain();
        json_array_foreach(json_object_get(document, "tasks"), i, task) {
                const char *name = json_string_value(json_object_get(task, "package")), *folder = NULL;

                /* The package of a command is a label. */
                if (r < 0 || !name || json_object_get(installed, name) || json_object_get(task, "command"))
                        continue;
                json_array_foreach(json_object_get(document, "packages"), j, package) {
                        const char *other = json_string_value(json_object_get(package, "package"));

                        if (other && strcmp(other, name) == 0)
                                folder = json_string_value(json_object_get(package, "folder"));
                }
                fprintf(stderr, "bgtask: the package %s is not installed here%s%s\n"
                                "        install it first with 'bgtask install DIR'\n",
                        name, folder ? "; it was in " : "", folder ? folder : "");
                json_object_set_new(installed, name, json_true());
                status = EXIT_NOT_FOUND;
        }
        json_decref(installed);
        return status;
}

static void note(Import *import, const char *name, const char *what)
{
        if (import->cli->json)
                json_array_append_new(import->results, json_pack("{s:s, s:s}", "name", name, "result", what));
        else
                printf("%s %s\n", what, name);
}

static void refuse(Import *import, size_t index, const char *name, const char *sentence, const char *remedy)
{
        import->n_refused++;
        fprintf(stderr, "bgtask: %s: task %zu (%s): %s\n", import->file, index + 1, name ? name : "?", sentence);
        if (remedy[0])
                fprintf(stderr, "        %s\n", remedy);
        if (name)
                note(import, name, "refused");
}

static void import_task(Import *import, size_t index, json_t *json)
{
        const char *name = json_string_value(json_object_get(json, "name"));
        const char *package = json_string_value(json_object_get(json, "package"));
        char task[BGT_ID_SIZE];
        bgt_record *row = NULL;
        bool kept;
        int r;

        if (!name || !package || json_to_record(json, &row) < 0) {
                refuse(import, index, name, "is no registration", "write it as 'bgtask export' does");
                return;
        }
        if (import->dry_run) {
                note(import, name, "would register");
        } else {
                r = bgt_task_register(import->cli->bgt, package, row, import->if_exists, task);
                kept = r > 0 && import->if_exists == IF_EXISTS_KEEP;
                if (r >= 0 && !kept && bgt_record_bool(row, "paused", false))
                        r = bgt_task_pause(import->cli->bgt, task, true);
                if (r >= 0 && !kept && bgt_record_bool(row, "skip-next", false))
                        r = bgt_task_skip(import->cli->bgt, task, true);
                if (r < 0) {
                        refuse(import, index, name, bgt_error()->message, bgt_error()->remedy);
                } else {
                        note(import, name, kept ? "kept" : "registered");
                }
        }
        bgt_record_unref(row);
}

static int import_document(Import *import, const json_t *document)
{
        json_t *task;
        size_t i;
        int status;

        status = check_document(import, document);
        if (status == EXIT_OK)
                status = check_packages(import, document);
        if (status != EXIT_OK)
                return status;
        import->results = json_array();
        json_array_foreach(json_object_get(document, "tasks"), i, task)
                import_task(import, i, task);
        if (import->cli->json) {
                json_dumpf(import->results, stdout, JSON_INDENT(2));
                putchar('\n');
        }
        json_decref(import->results);
        return import->n_refused > 0 ? EXIT_ERROR : EXIT_OK;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        const char *if_exists = NULL;
        Import import = { .cli = cli };
        const CliOption options[] = { { "if-exists", .value = &if_exists }, { "dry-run", .flag = &import.dry_run } };
        json_t *document;
        int r, status;

        r = cli_parse(cli, verb, argc, argv, options, ELEMENTSOF(options));
        if (r < 0)
                return CLI_RETURN(r);
        if (argc - r != 1)
                return cli_usage(verb, "name one file, or - for standard input");
        if (cli_parse_term(verb, "--if-exists", TERM_IF_EXISTS, if_exists, IF_EXISTS_KEEP, &import.if_exists))
                return EXIT_USAGE;
        import.file = argv[r];
        document = load(import.file);
        if (!document)
                return EXIT_ERROR;
        status = cli_connect(cli, 0);
        if (status == EXIT_OK)
                status = import_document(&import, document);
        json_decref(document);
        return status;
}

const Verb verb_import = { "import", "register what export wrote", help, run };
