/* SPDX-License-Identifier: MIT */

/*
 * What the completions of bash, zsh and fish ask for. Which options a verb has, which of them take a value and what
 * its arguments are is read from its help: what is not documented is not completed, and nothing is told twice.
 */

#include <ctype.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"

static const char help[] =
        "Usage: bgtask complete -- [WORD]...\n"
        "Print what the last word of a command line can become: a candidate in each line,\n"
        "with a tab and what it means. ':files' and ':folders' stand for those of the\n"
        "disk. For the completions of shells; starts no broker.\n"
        "\n"
        "Example:\n"
        "  bgtask complete -- why Sam\n";

/* As many tasks are offered. */
#define TASKS_MAX 1000
/* A broker that does not answer must not hold the prompt. */
#define PATIENCE_S 2

/* The words before the last one, as far as they matter. */
typedef struct Line {
        const Verb *verb;
        const char *option;     /* whose value the last word is, without "--"; NULL: of none */
        const char *prefix;     /* what goes before each candidate */
        const char *value;      /* the last word without it */
        unsigned n_arguments;   /* before the last word */
        bool behind_equals;     /* the word before is a "=" */
        const char *last;
} Line;

static void offer(const Line *line, const char *candidate, const char *suffix, const char *meaning)
{
        printf("%s%s%s\t%s\n", line->prefix, candidate, suffix, meaning ? meaning : "");
}

static void offer_terms(const Line *line, TermList list, const char *suffix)
{
        for (size_t i = 0; term_at(list, i) >= 0; i++)
                offer(line, term_name(list, term_at(list, i)), suffix, "");
}

static void offer_events(const Line *line)
{
        for (size_t i = 0; cli_event_at(i, NULL); i++)
                offer(line, cli_event_at(i, NULL), "", "");
}

/* Those of a list "A,B,C": each candidate repeats what stands before the last comma. */
static void offer_conditions(const Line *line)
{
        const char *comma = strrchr(line->value, ',');
        Line rest = *line;
        char prefix[512];

        snprintf(prefix, sizeof prefix, "%s%.*s", line->prefix, comma ? (int)(comma + 1 - line->value) : 0,
                 line->value);
        rest.prefix = prefix;
        offer_terms(&rest, TERM_CONDITION, "");
}

static void offer_tasks(Cli *cli, const Line *line)
{
        const bgt_record *row;
        bgt_list *list = NULL;
        char trigger[120];

        if (bgt_list_tasks(cli->bgt, cli->package ? cli->package : "*", NULL, NULL, &list) < 0)
                return;
        for (int i = 0; i < TASKS_MAX && bgt_list_next(list, &row) > 0; i++)
                offer(line, bgt_record_string(row, "name"), "",
                      format_triggers(row, trigger, sizeof trigger));
        bgt_list_free(list);
}

static void offer_groups(Cli *cli, const Line *line)
{
        const bgt_record *row;
        bgt_list *list = NULL;

        if (bgt_list_tasks(cli->bgt, cli->package ? cli->package : "*", NULL, NULL, &list) < 0)
                return;
        for (int i = 0; i < TASKS_MAX && bgt_list_next(list, &row) > 0; i++)
                if (bgt_record_string(row, "group"))
                        offer(line, bgt_record_string(row, "group"), "", "registration group");
        bgt_list_free(list);
}

static void offer_runs(Cli *cli, const Line *line)
{
        const bgt_record *row;
        bgt_list *list = NULL;

        if (bgt_list_runs(cli->bgt, NULL, &list) < 0)
                return;
        for (int i = 0; i < TASKS_MAX && bgt_list_next(list, &row) > 0; i++)
                offer(line, bgt_record_string(row, "run"), "", bgt_record_string(row, "name"));
        bgt_list_free(list);
}

static void offer_packages(Cli *cli, const Line *line, bool classes)
{
        const bgt_record *const *of, *row;
        bgt_list *list = NULL;
        size_t n;

        if (bgt_list_packages(cli->bgt, &list) < 0)
                return;
        for (int i = 0; i < TASKS_MAX && bgt_list_next(list, &row) > 0; i++) {
                const char *name = bgt_record_string(row, "package");

                of = bgt_record_records(row, "classes", &n);
                for (size_t j = 0; classes && j < n; j++)
                        offer(line, bgt_record_string(of[j], "clsid"), "", name);
                if (!classes)
                        offer(line, name, "", bgt_record_string(row, "folder"));
        }
        bgt_list_free(list);
}

/* CONDITION=LEVEL: a condition, or if there is a "=" already, its level; bash makes two words of them. */
static void offer_level(const Line *line, bool behind_equals)
{
        static const char *const levels[] = { "true", "false", "unknown" };
        const char *equals = strchr(line->last, '=');
        Line rest = *line;
        char prefix[80] = "";

        if (!equals && !behind_equals) {
                offer_terms(line, TERM_CONDITION, "=");
                return;
        }
        if (equals && equals > line->last)
                snprintf(prefix, sizeof prefix, "%.*s", (int)(equals + 1 - line->last), line->last);
        rest.prefix = prefix;
        for (size_t i = 0; i < ELEMENTSOF(levels); i++)
                offer(&rest, levels[i], "", "");
}

/* What a value or an argument is, by its option or by its name in the help. False: nothing is known of it. */
static bool offer_kind(Cli *cli, const Line *line, const char *kind)
{
        static const struct {
                const char *kind;
                TermList list;
        } terms[] = {
                { "reason", TERM_REASON },     { "if-exists", TERM_IF_EXISTS }, { "overlap", TERM_OVERLAP },
                { "catch-up", TERM_CATCH_UP }, { "rerun", TERM_RERUN },
        };

        for (size_t i = 0; i < ELEMENTSOF(terms); i++)
                if (strcmp(kind, terms[i].kind) == 0) {
                        offer_terms(line, terms[i].list, "");
                        return true;
                }
        if (strcmp(kind, "on") == 0)
                offer_events(line);
        else if (strcmp(kind, "when") == 0)
                offer_conditions(line);
        else if (strcmp(kind, "FILE") == 0)
                puts(":files");
        else if (strcmp(kind, "DIR") == 0)
                puts(":folders");
        else if (strcmp(kind, "CONDITION=LEVEL") == 0)
                offer_level(line, line->behind_equals);
        else if (!cli->bgt)
                return false;
        else if (strcmp(kind, "TASK") == 0)
                offer_tasks(cli, line);
        else if (strcmp(kind, "PACKAGE") == 0 || strcmp(kind, "package") == 0)
                offer_packages(cli, line, false);
        else if (strcmp(kind, "clsid") == 0)
                offer_packages(cli, line, true);
        else if (strcmp(kind, "run") == 0)
                offer_runs(cli, line);
        else if (strcmp(kind, "group") == 0)
                offer_groups(cli, line);
        else
                return false;
        return true;
}

/* The next "--option" of the help that stands where options are explained, after `from`. */
static const char *next_option(const char *from, char name[static 64], char value[static 64])
{
        for (const char *p = from; (p = strstr(p, "--")); p++) {
                size_t n = strspn(p + 2, "abcdefghijklmnopqrstuvwxyz-"), m;
                bool begins = p > from && (p[-1] == '[' || (p[-1] == ' ' && strchr("\n ,;|", p[-2])));

                if (n == 0 || n >= 64 || !begins)
                        continue;
                snprintf(name, 64, "%.*s", (int)n, p + 2);
                p += 2 + n;
                m = *p == ' ' && isupper((unsigned char)p[1]) ? strspn(p + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ-") : 0;
                snprintf(value, 64, "%.*s", (int)m, p + 1);
                return p;
        }
        return NULL;
}

/* The name that the help gives to the value of an option: "" if it takes none, NULL if it has no such option. */
static const char *value_of(const Verb *verb, const char *option, char value[static 64])
{
        char name[64];

        if (strcmp(option, "package") == 0)
                return strcpy(value, "PACKAGE");
        for (const char *p = verb->help; (p = next_option(p, name, value));)
                if (strcmp(name, option) == 0)
                        return value;
        return NULL;
}

static void offer_options(const Line *line)
{
        static const char *const common[] = { "help", "json", "package", "system" };
        char name[64], value[64], seen[1024] = "";

        for (const char *p = line->verb->help; (p = next_option(p, name, value));) {
                char mark[70];

                snprintf(mark, sizeof mark, ",%s,", name);
                if (strstr(seen, mark) || strlen(seen) + strlen(mark) >= sizeof seen)
                        continue;
                strcat(seen, mark);
                printf("--%s\t%s\n", name, value);
        }
        for (size_t i = 0; i < ELEMENTSOF(common); i++)
                printf("--%s\t\n", common[i]);
}

/* What the help calls the arguments: the first word of the usage that is an argument and known here. */
static void offer_arguments(Cli *cli, const Line *line)
{
        static const char *const kinds[] = { "TASK", "PACKAGE", "DIR", "FILE", "CONDITION=LEVEL" };
        const char *end = strchr(line->verb->help, '\n');

        for (size_t i = 0; i < ELEMENTSOF(kinds); i++) {
                const char *p = strstr(line->verb->help, kinds[i]);
                size_t n = strlen(kinds[i]);

                if (!p || p > end || (p[-1] != ' ' && p[-1] != '[') || isupper((unsigned char)p[n]))
                        continue;
                if (line->n_arguments == 0 || strncmp(p + n, "]...", 4) == 0)
                        (void)offer_kind(cli, line, kinds[i]);
                return;
        }
}

/*
 * Reads the words before the last one. bash splits "--option=value" at the "=", zsh and fish do not.
 */
static void read_words(Cli *cli, Line *line, int n_words, char *const *words, char *option, size_t size)
{
        const char *equals, *pending = NULL;
        char value[64];

        for (int i = 1; i + 1 < n_words; i++) {
                if (pending) {
                        if (strcmp(words[i], "=") == 0)
                                continue;
                        if (strcmp(pending, "package") == 0)
                                cli->package = words[i];
                        pending = NULL;
                } else if (strncmp(words[i], "--", 2) == 0) {
                        const char *found = value_of(line->verb, words[i] + 2, value);

                        pending = found && *found ? words[i] + 2 : NULL;
                        cli->system |= strcmp(words[i], "--system") == 0;
                } else if (words[i][0] != '-' && strcmp(words[i], "=") != 0) {
                        line->n_arguments++;
                }
        }
        line->option = pending;
        line->value = strcmp(line->last, "=") == 0 ? "" : line->last;
        equals = strchr(line->last, '=');
        if (strncmp(line->last, "--", 2) == 0 && equals) {
                snprintf(option, size, "%.*s", (int)(equals - line->last - 2), line->last + 2);
                line->option = option;
                line->value = equals + 1;
        }
}

static void complete_verb(Cli *cli, int n_words, char *const *words)
{
        char option[64], prefix[80] = "";
        Line line = { .verb = cli_verb(words[0]), .prefix = prefix, .last = words[n_words - 1] };

        if (!line.verb)
                return;
        read_words(cli, &line, n_words, words, option, sizeof option);
        line.behind_equals = n_words > 2 && strcmp(words[n_words - 2], "=") == 0;
        if (line.option == option)
                snprintf(prefix, sizeof prefix, "--%s=", option);
        /* Without a broker there are still the words that do not depend on it. */
        (void)bgt_open(NULL, BGT_NO_AUTOSTART | (cli->system ? BGT_SYSTEM : 0u), &cli->bgt);
        if (line.option) {
                char value[64] = "";

                if (!offer_kind(cli, &line, line.option) && value_of(line.verb, line.option, value))
                        (void)offer_kind(cli, &line, value);
        } else if (line.last[0] == '-') {
                offer_options(&line);
        } else {
                offer_arguments(cli, &line);
        }
}

static int run(Cli *cli, const Verb *verb, int argc, char *argv[])
{
        int r = cli_parse(cli, verb, argc, argv, NULL, 0);

        if (r < 0)
                return CLI_RETURN(r);
        alarm(PATIENCE_S);
        if (argc - r < 2) {
                for (size_t i = 0; (verb = cli_verb_at(i)); i++)
                        if (verb != &verb_complete)
                                printf("%s\t%s\n", verb->name, verb->summary);
                return EXIT_OK;
        }
        complete_verb(cli, argc - r, argv + r);
        return EXIT_OK;
}

const Verb verb_complete = { "complete", "say what a shell can complete", help, run };
