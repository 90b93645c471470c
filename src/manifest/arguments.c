/* SPDX-License-Identifier: MIT */

/*
 * A command line into arguments, as CommandLineToArgvW does for everything behind the program's name:
 * spaces and tabs separate outside quotes; 2n backslashes and a quote are n backslashes and a quote that groups;
 * 2n+1 are n backslashes and a quote that is text; other backslashes are text; of quotes in a row, counted from the
 * one that opened the group, every third is text and closes it.
 */

#include <errno.h>
#include <string.h>

#include "manifest/manifest.h"
#include "manifest/names.h"

typedef struct Splitter {
        const char *in;
        char *out;
        unsigned quotes; /* open quote: 1 */
} Splitter;

static bool is_separator(char c)
{
        return c == ' ' || c == '\t';
}

/* A run of backslashes. An odd one makes the quote behind it text. */
static void take_backslashes(Splitter *s)
{
        size_t n = strspn(s->in, "\\");

        s->in += n;
        if (*s->in != '"') {
                memset(s->out, '\\', n);
                s->out += n;
                return;
        }
        memset(s->out, '\\', n / 2);
        s->out += n / 2;
        if (n % 2) {
                *s->out++ = '"';
                s->in++;
        }
}

/* A run of quotes that group. */
static void take_quotes(Splitter *s)
{
        for (; *s->in == '"'; s->in++) {
                if (++s->quotes < 3)
                        continue;
                *s->out++ = '"';
                s->quotes = 0;
        }
        if (s->quotes == 2)
                s->quotes = 0;
}

/* Copies one argument and its terminator. */
static void take_argument(Splitter *s)
{
        s->quotes = 0;
        while (*s->in && (s->quotes > 0 || !is_separator(*s->in))) {
                if (*s->in == '\\')
                        take_backslashes(s);
                else if (*s->in == '"')
                        take_quotes(s);
                else
                        *s->out++ = *s->in++;
        }
        *s->out++ = '\0';
}

int manifest_split_arguments(const char *arguments, char ***ret_argv)
{
        size_t size = strlen(arguments) + 1, n_max, n = 0;
        Splitter s = { .in = arguments };
        char **argv;

        if (names_length(arguments) > MANIFEST_ARGUMENTS_LENGTH_MAX)
                return -E2BIG;
        /* No argument is longer than its text, and an argument and its separator take two characters. */
        n_max = MIN(size / 2 + 1, (size_t)MANIFEST_ARGUMENTS_MAX);
        argv = malloc((n_max + 1) * sizeof *argv + size + 1);
        if (!argv)
                return -ENOMEM;
        s.out = (char *)(argv + n_max + 1);
        for (;;) {
                while (is_separator(*s.in))
                        s.in++;
                if (!*s.in)
                        break;
                if (n == n_max) {
                        free(argv);
                        return -E2BIG;
                }
                argv[n++] = s.out;
                take_argument(&s);
        }
        argv[n] = NULL;
        *ret_argv = argv;
        return (int)n;
}
