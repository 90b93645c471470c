/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask journal [--before] >FILE\n"
        "Write the journal of the broker to standard output: everything that its rules\n"
        "were told since it started, so that 'bgtask replay' shows what they did, here or\n"
        "on a developer's machine. It is bounded: status says when it is full.\n"
        "\n"
        "It holds the names of packages and tasks, command lines, and the arguments of\n"
        "requests; look at it with 'bgtask replay' before you give it away.\n"
        "\n"
        "  --before  that of the broker before, which may have crashed\n"
        "\n"
        "Examples:\n"
        "  bgtask journal >bug.journal\n"
        "  bgtask journal | bgtask replay -\n";

static int copy(const char *path)
{
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
        char buffer[65536];
        ssize_t n;

        if (fd < 0) {
                fprintf(stderr, "bgtask: %s: %s\n", path, strerror(errno));
                if (errno == ENOENT)
                        fputs("        there has been no broker before this one\n", stderr);
                return errno == ENOENT ? EXIT_NOT_FOUND : EXIT_ERROR;
        }
        while ((n = read(fd, buffer, sizeof buffer)) > 0)
                if (fwrite(buffer, 1, (size_t)n, stdout) != (size_t)n)
                        break;
        if (n < 0)
                fprintf(stderr, "bgtask: %s: %s\n", path, strerror(errno));
        return n < 0 ? EXIT_ERROR : EXIT_OK;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        bool before = false;
        const CliOption options[] = { { "before", .flag = &before } };
        bgt_record *state = NULL;
        const char *journal;
        char path[4096];
        int r, status;

        r = cli_parse_alone(cli, verb, argc, argv, options, ELEMENTSOF(options));
        if (r < 0)
                return CLI_RETURN(r);
        if (!cli->json && isatty(STDOUT_FILENO))
                return cli_usage(verb, "it is not for a terminal: write it to a file, or into 'bgtask replay -'");
        status = cli_connect(cli, 0);
        if (status != EXIT_OK)
                return status;
        if (bgt_status(cli->bgt, &state) < 0)
                return cli_complain();
        journal = bgt_record_string(state, "journal");
        snprintf(path, sizeof path, "%s%s", journal ? journal : "", before ? ".1" : "");
        bgt_record_unref(state);
        if (!path[0] || path[0] == '.') {
                fputs("bgtask: this broker keeps no journal\n        see 'bgtask status'\n", stderr);
                return EXIT_ERROR;
        }
        if (cli->json) {
                json_print_pair("journal", path);
                return EXIT_OK;
        }
        return copy(path);
}

const Verb verb_journal = { "journal", "write what the broker was told, for a bug report", help, run };
