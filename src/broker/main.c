/* SPDX-License-Identifier: MIT */

/* bgtaskd: the command line of the broker. */

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "broker/broker.h"
#include "broker/notify.h"
#include "broker/replace.h"

static const char help[] =
        "Usage: bgtaskd [OPTION]...\n"
        "The broker of bgtask: holds registrations, starts servers and runs tasks.\n"
        "\n"
        "  --system        serve the machine: root's packages, /run/bgtask and /var/lib/bgtask\n"
        "  --state DIR     keep the state there (default: $XDG_STATE_HOME/bgtask/MACHINE-ID)\n"
        "  --runtime DIR   put socket and FIFOs there (default: $XDG_RUNTIME_DIR/bgtask)\n"
        "  --config FILE   read this configuration file only\n"
        "  --check-config  say what is wrong with the configuration, print what is in force,\n"
        "                  and exit with 1 if anything is wrong\n"
        "  --delegated     the cgroup that it is started in is its own (systemd: Delegate=yes)\n"
        "  --test-clock    clocks that stand still until they are moved, and conditions\n"
        "                  that can be set: for tests of tasks, see 'bgtask simulate --help'\n"
        "  --boot-id UUID  with --test-clock: another one than at the last start is a reboot\n"
        "  --replay FILE   show what a journal holds, see 'bgtask replay --help'\n"
        "  --json          with --replay: a line of JSON for each event\n"
        "  --help          show this and exit\n"
        "  --version       show the version and exit\n"
        "\n"
        "It runs in the foreground and logs to standard error. SIGTERM ends it; servers\n"
        "stay, and the next broker takes them over. SIGUSR2 lets it go on as the program\n"
        "that is now where it was started from, for an upgrade; SIGHUP lets it look for\n"
        "packages again. Exit status: 0, or 1 after an error that standard error explains,\n"
        "or 3 after it was shut down on purpose, so that a service manager leaves it so.\n"
        "A broker that finds another one serving the same socket exits with 0; one that was\n"
        "given its socket (LISTEN_FDS) takes over.\n";

#define EXIT_SHUT_DOWN 3

static int parse(int argc, char *argv[], BrokerOptions *options)
{
        enum {
                OPTION_SYSTEM = 256,
                OPTION_STATE,
                OPTION_RUNTIME,
                OPTION_CONFIG,
                OPTION_CHECK_CONFIG,
                OPTION_DELEGATED,
                OPTION_TEST_CLOCK,
                OPTION_BOOT_ID,
                OPTION_REPLAY,
                OPTION_JSON,
                OPTION_HELP,
                OPTION_VERSION,
        };
        static const struct option long_options[] = {
                { "system", no_argument, NULL, OPTION_SYSTEM },
                { "state", required_argument, NULL, OPTION_STATE },
                { "runtime", required_argument, NULL, OPTION_RUNTIME },
                { "config", required_argument, NULL, OPTION_CONFIG },
                { "check-config", no_argument, NULL, OPTION_CHECK_CONFIG },
                { "delegated", no_argument, NULL, OPTION_DELEGATED },
                { "test-clock", no_argument, NULL, OPTION_TEST_CLOCK },
                { "boot-id", required_argument, NULL, OPTION_BOOT_ID },
                { "replay", required_argument, NULL, OPTION_REPLAY },
                { "json", no_argument, NULL, OPTION_JSON },
                { "help", no_argument, NULL, OPTION_HELP },
                { "version", no_argument, NULL, OPTION_VERSION },
                { 0 },
        };
        int c;

        while ((c = getopt_long(argc, argv, "", long_options, NULL)) >= 0) {
                switch (c) {
                case OPTION_SYSTEM:
                        options->paths.system = true;
                        break;
                case OPTION_STATE:
                        options->paths.state = optarg;
                        break;
                case OPTION_RUNTIME:
                        options->paths.runtime = optarg;
                        break;
                case OPTION_CONFIG:
                        options->config = optarg;
                        break;
                case OPTION_CHECK_CONFIG:
                        options->check_config = true;
                        break;
                case OPTION_DELEGATED:
                        options->delegated = true;
                        break;
                case OPTION_TEST_CLOCK:
                        options->test_clock = true;
                        break;
                case OPTION_BOOT_ID:
                        if (uuid_parse(optarg, &options->boot_id) < 0) {
                                fprintf(stderr, "bgtaskd: --boot-id: '%s' is no UUID\n", optarg);
                                return -EINVAL;
                        }
                        break;
                case OPTION_REPLAY:
                        options->replay = optarg;
                        break;
                case OPTION_JSON:
                        options->json = true;
                        break;
                case OPTION_HELP:
                        fputs(help, stdout);
                        return 0;
                case OPTION_VERSION:
                        puts("bgtaskd " BGTASK_VERSION);
                        return 0;
                default:
                        fputs("Try 'bgtaskd --help'.\n", stderr);
                        return -EINVAL;
                }
        }
        if (!uuid_is_null(options->boot_id) && !options->test_clock) {
                fputs("bgtaskd: --boot-id goes with --test-clock only\n", stderr);
                return -EINVAL;
        }
        if (options->json && !options->replay) {
                fputs("bgtaskd: --json goes with --replay only\n", stderr);
                return -EINVAL;
        }
        if (optind < argc) {
                fprintf(stderr, "bgtaskd: unexpected argument '%s'\nTry 'bgtaskd --help'.\n", argv[optind]);
                return -EINVAL;
        }
        return 1;
}

static int replace(Broker *broker, const char *program, char *argv[])
{
        int r, fd = bus_release_socket(broker->bus);

        broker_sensors_keep(broker);
        broker_free(broker);
        r = replace_program(program, argv, fd);
        broker_log("cannot start %s: %s", program ? program : "the program again", strerror(-r));
        return EXIT_FAILURE;
}

static int check_config(const BrokerOptions *options)
{
        Config config;
        int status = EXIT_SUCCESS;

        if (config_load(&config, options->paths.system, options->config) < 0)
                status = EXIT_FAILURE;
        for (size_t i = 0; i < config.n_problems; i++) {
                fprintf(stderr, "%s\n", config.problems[i]);
                status = EXIT_FAILURE;
        }
        config_print(&config);
        config_done(&config);
        return status;
}

int main(int argc, char *argv[])
{
        _cleanup_(freep) char *program = replace_find_program();
        BrokerOptions options = { 0 };
        Broker *broker = NULL;
        int r, status;

        r = parse(argc, argv, &options);
        if (r <= 0)
                return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        if (options.check_config)
                return check_config(&options);
        if (options.replay)
                return replay_file(options.replay, options.json);
        umask(0022);
        r = broker_new(&options, &broker);
        if (r == 1)
                return EXIT_SUCCESS;
        if (r < 0) {
                broker_log("cannot start: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        r = notify_ready();
        if (r < 0)
                broker_log("cannot tell NOTIFY_SOCKET that the broker serves: %s", strerror(-r));
        r = broker_run(broker);
        if (r < 0)
                broker_log("cannot go on: %s", strerror(-r));
        if (broker->replace && r >= 0)
                return replace(broker, program, argv);
        status = r < 0 ? EXIT_FAILURE : broker->shutting_down ? EXIT_SHUT_DOWN : EXIT_SUCCESS;
        broker_free(broker);
        return status;
}
