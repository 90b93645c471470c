/* SPDX-License-Identifier: MIT */

/*
 * Makes a prefix of Wine know our classes, or forget them. The registry is changed by a program of ours that runs in
 * the prefix (src/wine/registry.c); a prefix that is not there is made by Wine.
 */

#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

#include "base/beside.h"
#include "cli/cli.h"

#define HOST "bgtask-wine-host.exe.so"
#define LIBRARY "bgtask-wine.dll.so"

extern char **environ;

static const char help[] =
        "Usage: bgtask wine setup|remove [PREFIX]\n"
        "Make programs of Windows find their background tasks here: in a prefix of Wine,\n"
        "register the classes of Windows.ApplicationModel.Background, or put back what\n"
        "was registered before. Doing it again does no harm. PREFIX is WINEPREFIX, else\n"
        "~/.wine; setup makes it if it is not there.\n"
        "\n"
        "Examples:\n"
        "  bgtask wine setup\n"
        "  bgtask wine remove ~/.local/share/wineprefixes/sample\n";

char *cli_wine_prefix(const char *argument)
{
        const char *prefix = argument ? argument : getenv("WINEPREFIX"), *home = getenv("HOME");
        _cleanup_(freep) char *here = NULL;
        char *path = NULL;

        if (prefix && prefix[0] == '/')
                return strdup(prefix);
        if (prefix && prefix[0])
                here = realpath(".", NULL);
        else
                prefix = ".wine";
        return asprintf(&path, "%s/%s", here ? here : home ? home : "", prefix) < 0 ? NULL : path;
}

/* Beside the broker: where this program says that it is, or beside this one in a build folder. */
static int find_part(const char *name, char **ret_path)
{
        const char *broker = getenv("BGTASK_BROKER");
        int r;

        r = beside_find_wine(broker && broker[0] == '/' ? broker : BGTASK_BROKER_PATH, name, ret_path);
        return r < 0 ? beside_find_wine_here(name, ret_path) : r;
}

/* The exit status of the program in the prefix, or a negative errno. */
static int change(const char *what, const char *host, const char *library)
{
        static const char *const loaders[] = { "wine64", BESIDE_WINE_LOADER, "wine" };
        _cleanup_(freep) char *drive = NULL;
        int r = ENOENT, status;
        char self[16];
        pid_t pid;

        if (asprintf(&drive, "Z:%s", library) < 0) {
                drive = NULL;
                return -ENOMEM;
        }
        snprintf(self, sizeof self, "%d", (int)getpid());
        /* A folder of PATH that may not be read hides that there is nothing in the others. */
        for (size_t i = 0; i < ELEMENTSOF(loaders) && (r == ENOENT || r == EACCES); i++)
                r = posix_spawnp(&pid, loaders[i], NULL, NULL,
                                 (char *[]){ (char *)loaders[i], (char *)host, (char *)what, drive, self, NULL },
                                 environ);
        if (r != 0)
                return -r;
        while (waitpid(pid, &status, 0) < 0)
                if (errno != EINTR)
                        return -errno;
        return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_ERROR;
}

static int change_prefix(const char *what, const char *prefix)
{
        _cleanup_(freep) char *host = NULL, *library = NULL;
        int r;

        r = find_part(HOST, &host);
        if (r >= 0)
                r = find_part(LIBRARY, &library);
        if (r < 0) {
                fprintf(stderr, "bgtask: this build of bgtask has no part for Wine\n"
                                "        build it where winegcc and widl are (Debian: wine64-tools, libwine-dev)\n");
                return EXIT_ERROR;
        }
        if (setenv("WINEPREFIX", prefix, 1) < 0 || setenv("WINEDEBUG", "-all", 0) < 0)
                return cli_out_of_memory();
        r = change(what, host, library);
        if (r == -ENOENT)
                fprintf(stderr, "bgtask: Wine is not installed\n        install it (Debian: wine64)\n");
        else if (r != 0)
                fprintf(stderr, "bgtask: the prefix %s cannot be changed%s%s\n"
                                "        see whether 'wine cmd /c ver' works in it\n",
                        prefix, r < 0 ? ": " : "", r < 0 ? strerror(-r) : "");
        return r == 0 ? EXIT_OK : EXIT_ERROR;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        _cleanup_(freep) char *prefix = NULL;
        int r;

        r = cli_parse(cli, verb, argc, argv, NULL, 0);
        if (r < 0)
                return CLI_RETURN(r);
        if (argc - r < 1 || argc - r > 2 || (strcmp(argv[r], "setup") != 0 && strcmp(argv[r], "remove") != 0))
                return cli_usage(verb, "say setup or remove, and perhaps a prefix");
        prefix = cli_wine_prefix(argc - r == 2 ? argv[r + 1] : NULL);
        if (!prefix)
                return cli_out_of_memory();
        /* Wine would make it. */
        if (strcmp(argv[r], "remove") == 0 && access(prefix, F_OK) < 0 && errno == ENOENT) {
                printf("nothing to remove: there is no %s\n", prefix);
                return EXIT_OK;
        }
        if (change_prefix(argv[r], prefix) != EXIT_OK)
                return EXIT_ERROR;
        printf("%s %s\n", strcmp(argv[r], "setup") == 0 ? "set up" : "removed from", prefix);
        return EXIT_OK;
}

const Verb verb_wine = { "wine", "let programs of Windows run tasks under Wine", help, run };
