/* SPDX-License-Identifier: MIT */

/* bgtask: the command line. */

#include <errno.h>
#include <locale.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"
#include "cli/nearest.h"

/* The verbs in the order of the overview; a heading stands before the first of its kind. */
static const struct {
        const char *heading;
        const Verb *verb;
} verbs[] = {
        { "Packages", &verb_install },
        { NULL, &verb_remove },
        { NULL, &verb_packages },
        { NULL, &verb_lint },
        { NULL, &verb_wine },
        { "Tasks", &verb_add },
        { NULL, &verb_edit },
        { NULL, &verb_rm },
        { NULL, &verb_register },
        { NULL, &verb_unregister },
        { NULL, &verb_list },
        { NULL, &verb_show },
        { NULL, &verb_why },
        { NULL, &verb_plan },
        { NULL, &verb_next },
        { NULL, &verb_pause },
        { NULL, &verb_resume },
        { NULL, &verb_skip },
        { NULL, &verb_export },
        { NULL, &verb_import },
        { "Runs", &verb_run },
        { NULL, &verb_request },
        { NULL, &verb_raise },
        { NULL, &verb_cancel },
        { NULL, &verb_watch },
        { NULL, &verb_history },
        { NULL, &verb_log },
        { NULL, &verb_progress },
        { "Broker", &verb_status },
        { NULL, &verb_doctor },
        { NULL, &verb_import_environment },
        { NULL, &verb_shutdown },
        { NULL, &verb_journal },
        { NULL, &verb_replay },
        { NULL, &verb_sensors },
        { NULL, &verb_complete },
        { "Testing", &verb_simulate },
};

const Verb *cli_verb_at(size_t i)
{
        return i < ELEMENTSOF(verbs) ? verbs[i].verb : NULL;
}

const Verb *cli_verb(const char *name)
{
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                if (strcmp(name, verbs[i].verb->name) == 0)
                        return verbs[i].verb;
        return NULL;
}

static void print_overview(FILE *f)
{
        fputs("Usage: bgtask VERB [OPTION]... [ARGUMENT]...\n"
              "Register, run and watch background tasks.\n",
              f);
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++) {
                if (verbs[i].heading)
                        fprintf(f, "\n%s:\n", verbs[i].heading);
                fprintf(f, "  %-18s %s\n", verbs[i].verb->name, verbs[i].verb->summary);
        }
        fputs("\n"
              "Every verb knows --help, which shows its options and examples, --json, --package\n"
              "FAMILY-NAME and --system. Tasks are named by their name or their id.\n"
              "\n"
              "Exit status: 0 done, 1 error, 2 wrong usage, 3 no such task, run or package,\n"
              "4 no broker, 5 the run did not complete, 130 interrupted.\n",
              f);
}

int cli_out_of_memory(void)
{
        fputs("bgtask: out of memory\n", stderr);
        return EXIT_ERROR;
}

int cli_complain(void)
{
        const bgt_error_info *error = bgt_error();

        fprintf(stderr, "bgtask: %s\n", error->message);
        if (error->remedy[0])
                fprintf(stderr, "        %s\n", error->remedy);
        switch (error->error) {
        case ENOENT:
        case ESRCH:
                return EXIT_NOT_FOUND;
        case ECONNREFUSED:
                return EXIT_NO_BROKER;
        default:
                return EXIT_ERROR;
        }
}

int cli_show_list(Cli *cli, int r, bgt_list *list, int (*print)(Cli *cli, bgt_list *list))
{
        if (r >= 0)
                r = cli->json ? json_print_list(list) : print(cli, list);
        bgt_list_free(list);
        return r < 0 ? cli_complain() : EXIT_OK;
}

int cli_run_list(Cli *cli, const Verb *verb, int argc, char *argv[], int (*ask)(bgt *b, bgt_list **ret_list),
                 int (*print)(Cli *cli, bgt_list *list))
{
        int r = cli_parse_alone(cli, verb, argc, argv, NULL, 0), status;
        bgt_list *list = NULL;

        if (r < 0)
                return CLI_RETURN(r);
        status = cli_connect(cli, 0);
        if (status != EXIT_OK)
                return status;
        r = ask(cli->bgt, &list);
        return cli_show_list(cli, r, list, print);
}

int cli_connect(Cli *cli, unsigned flags)
{
        int r;

        if (cli->system)
                flags |= BGT_SYSTEM;
        r = bgt_open(cli->package, flags, &cli->bgt);
        if (r == -ENOENT && cli->package && bgt_open(NULL, flags, &cli->bgt) >= 0)
                return cli_complain_package(cli, cli->package);
        return r < 0 ? cli_complain() : EXIT_OK;
}

uint64_t cli_now(Cli *cli)
{
        bgt_record *status = NULL;
        struct timespec now;
        uint64_t real = 0;

        if (!cli->knows_clock && bgt_status(cli->bgt, &status) >= 0) {
                cli->test_clock = bgt_record_bool(status, "test-clock", false);
                cli->knows_clock = true;
                bgt_record_unref(status);
        }
        if (cli->test_clock && bgt_test_clock_get(cli->bgt, NULL, NULL, &real) >= 0)
                return real;
        clock_gettime(CLOCK_REALTIME, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static int unknown_verb(const char *name)
{
        Nearest nearest;

        nearest_init(&nearest, name);
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                nearest_offer(&nearest, verbs[i].verb->name);
        fprintf(stderr, "bgtask: there is no verb '%s'", name);
        if (nearest_found(&nearest))
                fprintf(stderr, "; did you mean '%s'?", nearest_found(&nearest));
        fputs("\nTry 'bgtask --help'.\n", stderr);
        return EXIT_USAGE;
}

/* Output that could not be written is an error, whatever the verb says: a full disk must not look like success. */
static int finish(int status)
{
        if ((fflush(stdout) != 0 || ferror(stdout)) && status == EXIT_OK) {
                perror("bgtask: cannot write the output");
                return EXIT_ERROR;
        }
        return status;
}

int main(int argc, char *argv[])
{
        const Verb *verb;
        Cli cli = { 0 };
        int status;

        setlocale(LC_ALL, "");
        if (argc < 2) {
                print_overview(stderr);
                return EXIT_USAGE;
        }
        if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
                print_overview(stdout);
                return finish(EXIT_OK);
        }
        if (strcmp(argv[1], "--version") == 0) {
                puts("bgtask " BGTASK_VERSION);
                return finish(EXIT_OK);
        }
        verb = cli_verb(argv[1]);
        if (!verb)
                return unknown_verb(argv[1]);
        status = verb->run(&cli, verb, argc - 1, argv + 1);
        bgt_close(cli.bgt);
        return finish(status);
}
