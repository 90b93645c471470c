/* SPDX-License-Identifier: MIT */

/*
 * run --here: this process becomes the task's server, or its command, or a debugger around it. The broker did not
 * launch it, so that it neither limits nor signals it; the library runs the task as soon as the class is there.
 */

#include <errno.h>
#include <string.h>

#include "cli/cli.h"

#define WORDS_MAX 1000

typedef struct Words {
        char *items[WORDS_MAX + 1];
        size_t n;
} Words;

static void add(Words *words, const char *word)
{
        if (words->n < WORDS_MAX)
                words->items[words->n++] = (char *)word;
}

static void add_debugger(Words *words, char *const *debugger)
{
        const char *name;

        for (char *const *word = debugger; *word; word++)
                add(words, *word);
        if (!debugger[0])
                return;
        name = strrchr(debugger[0], '/');
        name = name ? name + 1 : debugger[0];
        /* Without it gdb would take the program's options for its own. */
        if (strcmp(name, "gdb") == 0 && !debugger[1])
                add(words, "--args");
        if (strcmp(name, "lldb") == 0 && !debugger[1])
                add(words, "--");
}

static int become(const Words *words)
{
        execvp(words->items[0], words->items);
        fprintf(stderr, "bgtask: %s: %s\n", words->items[0], strerror(errno));
        return errno == ENOENT ? EXIT_NOT_FOUND : EXIT_ERROR;
}

/* The variables of a command are "NAME=value". */
static int become_command(const bgt_record *task, char *const *debugger)
{
        const char *const *command = bgt_record_strings(task, "command", NULL);
        const char *const *variables = bgt_record_strings(task, "environment", NULL);
        const char *directory = bgt_record_string(task, "directory");
        Words words = { 0 };

        if (!directory)
                directory = getenv("HOME");
        if (directory && chdir(directory) < 0) {
                fprintf(stderr, "bgtask: %s: %s\n", directory, strerror(errno));
                return EXIT_ERROR;
        }
        for (size_t i = 0; variables && variables[i]; i++)
                if (putenv((char *)variables[i]) != 0)
                        return cli_out_of_memory();
        add_debugger(&words, debugger);
        for (size_t i = 0; command[i]; i++)
                add(&words, command[i]);
        return become(&words);
}

static bool serves(const bgt_record *server, const char *clsid)
{
        const char *const *classes = bgt_record_strings(server, "classes", NULL);

        for (size_t i = 0; classes && classes[i]; i++)
                if (strcasecmp(classes[i], clsid) == 0)
                        return true;
        return false;
}

static int set_variables(Cli *cli, const char *package, const char *clsid, const char *task)
{
        bgt_record *status = NULL;
        const char *bus, *folder;
        char wanted[100];
        int r;

        if (bgt_status(cli->bgt, &status) < 0)
                return cli_complain();
        bus = bgt_record_string(status, "bus");
        folder = bgt_local_folder(cli->bgt);
        snprintf(wanted, sizeof wanted, "%s %s", clsid, task);
        r = folder && bus ? 0 : -1;
        if (r == 0)
                r = setenv("BGTASK_BUS", bus, 1) | setenv("BGTASK_PACKAGE", package, 1) |
                        setenv("BGTASK_LOCAL_FOLDER", folder, 1) | setenv("BGTASK_RUN", wanted, 1);
        (void)unsetenv("BGTASK_FD");
        bgt_record_unref(status);
        return r == 0 ? EXIT_OK : cli_complain();
}

static int become_server(Cli *cli, const bgt_record *package, const bgt_record *task, char *const *debugger)
{
        const char *clsid = bgt_record_string(task, "clsid"), *folder = bgt_record_string(package, "folder"), *path;
        const bgt_record *const *servers, *server = NULL;
        const char *const *arguments;
        Words words = { 0 };
        size_t n;

        servers = bgt_record_records(package, "servers", &n);
        for (size_t i = 0; clsid && i < n && !server; i++)
                if (serves(servers[i], clsid))
                        server = servers[i];
        path = bgt_record_string(server, "path");
        if (!path || !path[0]) {
                fprintf(stderr, "bgtask: no program of the package serves the class of %s\n"
                                "        an in-process task runs in its app; else install the package again\n",
                        bgt_record_string(task, "name"));
                return EXIT_ERROR;
        }
        if (set_variables(cli, bgt_record_string(package, "package"), clsid,
                          bgt_record_string(task, "task")) != EXIT_OK)
                return EXIT_ERROR;
        if (folder && chdir(folder) < 0) {
                fprintf(stderr, "bgtask: %s: %s\n", folder, strerror(errno));
                return EXIT_ERROR;
        }
        add_debugger(&words, debugger);
        add(&words, path);
        arguments = bgt_record_strings(server, "arguments", NULL);
        for (size_t i = 0; arguments && arguments[i]; i++)
                add(&words, arguments[i]);
        return become(&words);
}

int cli_run_here(Cli *cli, const bgt_record *task, char *const *debugger)
{
        bgt_record *package = NULL;
        int status;

        if (bgt_record_type(task, "command") == BGT_TYPE_STRINGS)
                return become_command(task, debugger);
        /* In the name of the task's package, whose folder it gets. */
        bgt_close(cli->bgt);
        cli->bgt = NULL;
        cli->package = bgt_record_string(task, "package");
        status = cli_connect(cli, 0);
        if (status == EXIT_OK)
                status = cli_find_package(cli, &package);
        if (status == EXIT_OK)
                status = become_server(cli, package, task, debugger);
        bgt_record_unref(package);
        return status;
}
