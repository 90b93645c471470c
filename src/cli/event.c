/* SPDX-License-Identifier: MIT */

/* What --on, --devices and --files name. */

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/support.h"
#include "cli/cli.h"

/* Names of Windows that no option of this kind can give: refused, or given by another option. */
static int explain_event(const Verb *verb, const SupportRow *row)
{
        char sentence[SUPPORT_SENTENCE_MAX];

        if (row->source)
                return cli_usage(verb, "--on: %s is given by %s", row->name, row->use);
        support_format_refusal(row, sentence);
        return cli_usage(verb, "%s", sentence);
}

const char *cli_event_at(size_t i, const void *unused)
{
        static const int first[] = { TRIGGER_BOOT, TRIGGER_LOGIN, TRIGGER_RESUME };
        static const int last[] = { TRIGGER_MEDIA_PROCESSING, TRIGGER_DEVICE_USE, TRIGGER_DEVICE_SERVICING,
                                    TRIGGER_PUSH_NOTIFICATION, TRIGGER_TOAST_ACTION,
                                    TRIGGER_TOAST_HISTORY_CHANGED, TRIGGER_USER_NOTIFICATION_CHANGED,
                                    TRIGGER_SOCKET_ACTIVITY };
        size_t n = ELEMENTSOF(first);

        if (i < n)
                return term_name(TERM_TRIGGER, first[i]);
        for (size_t j = 0; term_at(TERM_SYSTEM, j) >= 0; j++)
                if (support_works(TERM_SYSTEM, term_at(TERM_SYSTEM, j)) && n++ == i)
                        return term_name(TERM_SYSTEM, term_at(TERM_SYSTEM, j));
        if (i < n + ELEMENTSOF(last))
                return term_name(TERM_TRIGGER, last[i - n]);
        return NULL;
}

int cli_parse_event(const Verb *verb, const char *event, int *ret_kind, int *ret_type)
{
        int kind = term_number(TERM_TRIGGER, event), type = term_number(TERM_SYSTEM, event);
        SupportRow row;

        if (strcasecmp(event, "push") == 0)
                kind = TRIGGER_PUSH_NOTIFICATION;
        if (trigger_is_requested(kind) || kind == TRIGGER_TOAST_ACTION || kind == TRIGGER_TOAST_HISTORY_CHANGED ||
            kind == TRIGGER_USER_NOTIFICATION_CHANGED || kind == TRIGGER_PUSH_NOTIFICATION ||
            kind == TRIGGER_SOCKET_ACTIVITY || kind == TRIGGER_BOOT || kind == TRIGGER_LOGIN ||
            kind == TRIGGER_RESUME) {
                *ret_kind = kind;
                *ret_type = 0;
                return EXIT_OK;
        }
        if (support_works(TERM_SYSTEM, type)) {
                *ret_kind = TRIGGER_SYSTEM;
                *ret_type = type;
                return EXIT_OK;
        }
        if (support_find(TERM_SYSTEM, event, &row) || support_find(TERM_TRIGGER, event, &row))
                return explain_event(verb, &row);
        return cli_unknown_choice(verb, "--on", event, cli_event_at, NULL);
}

int cli_split_matches(const char *list, char *ret_matches[static DEVICE_WATCH_MATCHES_MAX + 2])
{
        _cleanup_(freep) char *copy = strdup(list);
        char *rest = copy, *word;
        size_t n = 0;

        ret_matches[0] = NULL;
        if (!copy)
                return -ENOMEM;
        while (n <= DEVICE_WATCH_MATCHES_MAX && (word = strsep(&rest, ","))) {
                ret_matches[n + 1] = NULL;
                if (asprintf(&ret_matches[n], "%s%s", strchr(word, '=') ? "" : "SUBSYSTEM=", word) < 0) {
                        ret_matches[n] = NULL;
                        cli_free_texts(ret_matches);
                        return -ENOMEM;
                }
                n++;
        }
        return 0;
}

void cli_free_texts(char *matches[])
{
        for (size_t i = 0; matches[i]; i++)
                free(matches[i]);
}

int cli_split_paths(const char *list, char *ret_paths[static FILE_WATCH_PATHS_MAX + 2])
{
        _cleanup_(freep) char *copy = strdup(list), *folder = getcwd(NULL, 0);
        char *rest = copy, *path;
        size_t n = 0;

        ret_paths[0] = NULL;
        if (!copy)
                return cli_out_of_memory();
        if (!folder) {
                fprintf(stderr, "bgtask: the current folder cannot be told: %s\n", strerror(errno));
                return EXIT_ERROR;
        }
        while (n <= FILE_WATCH_PATHS_MAX && (path = strsep(&rest, ":"))) {
                bool is_absolute = path[0] == '/';

                ret_paths[n + 1] = NULL;
                if (asprintf(&ret_paths[n], "%s%s%s", is_absolute ? "" : folder, is_absolute ? "" : "/", path) < 0) {
                        ret_paths[n] = NULL;
                        cli_free_texts(ret_paths);
                        return cli_out_of_memory();
                }
                n++;
        }
        return EXIT_OK;
}
