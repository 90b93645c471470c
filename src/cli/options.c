/* SPDX-License-Identifier: MIT */

/* The options of the verbs. */

#include <ctype.h>
#include <getopt.h>
#include <stdarg.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/nearest.h"

int cli_usage(const Verb *verb, const char *format, ...)
{
        va_list args;

        fprintf(stderr, "bgtask %s: ", verb->name);
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        fprintf(stderr, "\nTry 'bgtask %s --help'.\n", verb->name);
        return EXIT_USAGE;
}

int cli_unknown_choice(const Verb *verb, const char *option, const char *text,
                       const char *(*at)(size_t i, const void *userdata), const void *userdata)
{
        Nearest nearest;
        const char *choice;

        nearest_init(&nearest, text);
        fprintf(stderr, "bgtask %s: %s cannot be '%s'; it is one of", verb->name, option, text);
        for (size_t i = 0; (choice = at(i, userdata)); i++) {
                fprintf(stderr, "%s %s", i > 0 ? "," : "", choice);
                nearest_offer(&nearest, choice);
        }
        fputs("\n", stderr);
        if (nearest_found(&nearest))
                fprintf(stderr, "Did you mean '%s'?\n", nearest_found(&nearest));
        return EXIT_USAGE;
}

static const char *term_choice(size_t i, const void *userdata)
{
        const TermList *list = userdata;
        int number = term_at(*list, i);

        return number < 0 ? NULL : term_name(*list, number);
}

int cli_unknown_term(const Verb *verb, const char *option, TermList list, const char *text)
{
        return cli_unknown_choice(verb, option, text, term_choice, &list);
}

int cli_parse_term(const Verb *verb, const char *option, TermList list, const char *text, int otherwise, int *ret)
{
        *ret = text ? term_number(list, text) : otherwise;
        return *ret < 0 ? cli_unknown_term(verb, option, list, text) : EXIT_OK;
}

int cli_parse_reason(const Verb *verb, const char *text, int otherwise, int *ret)
{
        char *end;

        *ret = text ? term_number(TERM_REASON, text) : otherwise;
        if (*ret >= 0)
                return EXIT_OK;
        *ret = (int)strtol(text, &end, 10);
        if (*end == '\0' && end != text && term_name(TERM_REASON, *ret))
                return EXIT_OK;
        fprintf(stderr, "bgtask %s: --reason cannot be '%s'; it is one of", verb->name, text);
        for (size_t i = 0; term_at(TERM_REASON, i) >= 0; i++)
                fprintf(stderr, "%s %s (%d)", i > 0 ? "," : "", term_name(TERM_REASON, term_at(TERM_REASON, i)),
                        term_at(TERM_REASON, i));
        fputs("\n", stderr);
        return EXIT_USAGE;
}

int cli_parse_number(const Verb *verb, const char *option, const char *what, const char *text, uint32_t *ret)
{
        char *end;
        unsigned long number = strtoul(text, &end, 10);

        if (*end || end == text || !isdigit((unsigned char)text[0]) || number > UINT32_MAX)
                return cli_usage(verb, "%s: '%s' is no number of %s", option, text, what);
        *ret = (uint32_t)number;
        return EXIT_OK;
}

int cli_parse_duration(const Verb *verb, const char *option, const char *text, uint64_t *ret_usec)
{
        if (parse_duration(text, ret_usec) < 0)
                return cli_usage(verb, "--%s: '%s' is no duration; write for example 90s, 15m, 1h30m or 2d", option,
                                 text);
        return EXIT_OK;
}

static size_t find_given(const Cli *cli, const char *option)
{
        size_t i = 0;

        while (i < cli->n_given && strcmp(cli->given[i], option) != 0)
                i++;
        return i;
}

bool cli_is_given(const Cli *cli, const char *option)
{
        return find_given(cli, option) < cli->n_given;
}

bool cli_is_given_something(const Cli *cli, const char *option)
{
        size_t i = find_given(cli, option);
        const char *value = i < cli->n_given ? cli->given_last[i] : "";

        return !value || (value[0] && strcmp(value, "0") != 0);
}

static int set_option(Cli *cli, const Verb *verb, const CliOption *option, const char *argument)
{
        size_t i = find_given(cli, option->name);

        cli->given[i] = option->name;
        cli->given_last[i] = argument;
        cli->n_given = MAX(cli->n_given, i + 1);
        if (option->flag)
                *option->flag = true;
        if (option->flag && !option->list) {
                return 0;
        } else if (option->value) {
                *option->value = argument;
        } else if (option->list) {
                if (option->list->n == ELEMENTSOF(option->list->items)) {
                        cli_usage(verb, "--%s may be given %zu times", option->name, option->list->n);
                        return -EXIT_USAGE - 1;
                }
                option->list->names[option->list->n] = option->name;
                option->list->items[option->list->n++] = argument;
        } else if (cli_parse_duration(verb, option->name, argument, option->duration_usec) != EXIT_OK) {
                return -EXIT_USAGE - 1;
        }
        return 0;
}

static int unknown_option(const Verb *verb, const char *text, const CliOption *options, size_t n_options)
{
        const char *word = text + strspn(text, "-");
        Nearest nearest;

        /* It may be known, and have got a value that it does not take. */
        for (size_t i = 0; i < n_options; i++)
                if (strncmp(options[i].name, word, strcspn(word, "=")) == 0 &&
                    strlen(options[i].name) == strcspn(word, "=")) {
                        cli_usage(verb, "the option '--%s' takes no value", options[i].name);
                        return -EXIT_USAGE - 1;
                }
        nearest_init(&nearest, word);
        for (size_t i = 0; i < n_options; i++)
                nearest_offer(&nearest, options[i].name);
        if (nearest_found(&nearest))
                cli_usage(verb, "there is no option '%s'; did you mean '--%s'?", text, nearest_found(&nearest));
        else
                cli_usage(verb, "there is no option '%s'", text);
        return -EXIT_USAGE - 1;
}

int cli_parse(Cli *cli, const Verb *verb, int argc, char *argv[], const CliOption *options, size_t n_options)
{
        struct option long_options[CLI_OPTIONS_MAX] = { 0 };
        bool help = false;
        const CliOption common[] = {
                { "help", .flag = &help },
                { "json", .flag = &cli->json },
                { "system", .flag = &cli->system },
                { "package", .value = &cli->package },
        };
        CliOption all[CLI_OPTIONS_MAX];
        size_t n = 0;
        int c, r;

        for (size_t i = 0; i < ELEMENTSOF(common); i++)
                all[n++] = common[i];
        for (size_t i = 0; i < n_options; i++)
                all[n++] = options[i];
        for (size_t i = 0; i < n; i++)
                long_options[i] = (struct option){ all[i].name, all[i].flag ? no_argument : required_argument, NULL,
                                                   (int)i + 256 };
        opterr = 0;
        optind = 1;
        while ((c = getopt_long(argc, argv, ":hp:", long_options, NULL)) >= 0) {
                if (c == 'h')
                        c = 256;
                if (c == 'p')
                        c = 256 + 3;
                if (c == '?')
                        return unknown_option(verb, argv[optind - 1], all, n);
                if (c == ':') {
                        cli_usage(verb, "the option '%s' needs a value", argv[optind - 1]);
                        return -EXIT_USAGE - 1;
                }
                r = set_option(cli, verb, &all[c - 256], optarg);
                if (r < 0)
                        return r;
        }
        if (help) {
                fputs(verb->help, stdout);
                return -EXIT_OK - 1;
        }
        return optind;
}

int cli_parse_alone(Cli *cli, const Verb *verb, int argc, char *argv[], const CliOption *options, size_t n_options)
{
        int r = cli_parse(cli, verb, argc, argv, options, n_options);

        return r >= 0 && argc > r ? -cli_usage(verb, "unexpected argument '%s'", argv[r]) - 1 : r;
}
