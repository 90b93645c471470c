/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask install [OPTION]... DIR\n"
        "Install the package whose AppxManifest.xml is in DIR, in place, or update it.\n"
        "\n"
        "  --target-name NAME       what $targetnametoken$ stands for in the manifest\n"
        "  --external-location DIR  where the executables are, if not in the package\n"
        "\n"
        "Programs of Windows run in the prefix of Wine that WINEPREFIX names now.\n"
        "\n"
        "Examples:\n"
        "  bgtask install ~/apps/sample\n"
        "  bgtask install --external-location /usr/bin /usr/share/sample\n";

static int install(Cli *cli, const char *folder, const char *target_name, const char *external)
{
        _cleanup_(freep) char *path = NULL, *external_path = NULL, *wine_prefix = NULL;
        const char *variable = getenv("WINEPREFIX");
        bgt_record *options = bgt_record_new(), *package = NULL;
        int r = 0;

        path = realpath(folder, NULL);
        if (external)
                external_path = realpath(external, NULL);
        if (!path || (external && !external_path)) {
                fprintf(stderr, "bgtask: %s: %s\n        %s\n", path ? external : folder, strerror(errno),
                        path ? "give the folder that holds the executables" :
                               "give the folder that holds AppxManifest.xml");
                bgt_record_unref(options);
                return EXIT_NOT_FOUND;
        }
        if (target_name)
                r = bgt_record_set_string(options, "target-name", target_name);
        if (r >= 0 && external_path)
                r = bgt_record_set_string(options, "external-location", external_path);
        if (r >= 0 && variable && variable[0]) {
                wine_prefix = cli_wine_prefix(variable);
                r = wine_prefix ? bgt_record_set_string(options, "wine-prefix", wine_prefix) : -ENOMEM;
        }
        if (r >= 0)
                r = bgt_package_install(cli->bgt, path, options, &package);
        bgt_record_unref(options);
        if (r < 0)
                return cli_complain();
        if (cli->json)
                json_print_record(package);
        else
                printf("installed %s\n", bgt_record_string(package, "package"));
        bgt_record_unref(package);
        return EXIT_OK;
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        const char *target_name = NULL, *external = NULL;
        const CliOption options[] = {
                { "target-name", .value = &target_name },
                { "external-location", .value = &external },
        };
        int r, status;

        r = cli_parse(cli, verb, argc, argv, options, ELEMENTSOF(options));
        if (r < 0)
                return CLI_RETURN(r);
        if (argc - r != 1)
                return cli_usage(verb, "name one folder");
        status = cli_connect(cli, 0);
        if (status != EXIT_OK)
                return status;
        return install(cli, argv[r], target_name, external);
}

const Verb verb_install = { "install", "install a package, or update it", help, run };
