/* SPDX-License-Identifier: MIT */

/* What is different when a person looks: widths are columns, not bytes; colors; nothing that a terminal obeys. */

#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <wchar.h>

#include "cli/cli.h"

static const char *const escapes[] = {
        [COLOR_NONE] = "",
        [COLOR_GOOD] = "\033[32m",
        [COLOR_WARN] = "\033[33m",
        [COLOR_BAD] = "\033[31m",
        [COLOR_HEADING] = "\033[1m",
};

size_t terminal_width(void)
{
        struct winsize size;

        if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
                return SIZE_MAX;
        return size.ws_col;
}

/* The columns of the next character, and its bytes. What is no character is shown as one column. */
static size_t next_width(const char *text, mbstate_t *state, size_t *ret_bytes)
{
        wchar_t c;
        size_t n = mbrtowc(&c, text, MB_LEN_MAX, state);

        if (n == (size_t)-1 || n == (size_t)-2 || n == 0) {
                memset(state, 0, sizeof *state);
                *ret_bytes = 1;
                return 1;
        }
        *ret_bytes = n;
        return (size_t)MAX(wcwidth(c), 0);
}

size_t text_width(const char *text)
{
        mbstate_t state = { 0 };
        size_t width = 0, n;

        for (; *text; text += n)
                width += next_width(text, &state, &n);
        return width;
}

size_t print_cut(const char *text, size_t width)
{
        size_t used = text_width(text), n, next;
        mbstate_t state = { 0 };

        if (used <= width) {
                fputs(text, stdout);
                return used;
        }
        for (used = 0; *text; text += n) {
                next = next_width(text, &state, &n);
                if (used + next + 1 > width)
                        break;
                used += next;
                fwrite(text, 1, n, stdout);
        }
        fputs("…", stdout);
        return used + 1;
}

void print_untrusted(const char *text)
{
        if (!isatty(STDOUT_FILENO)) {
                fputs(text, stdout);
                return;
        }
        for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
                bool c1 = p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0;

                putchar((*p < 0x20 && *p != '\t') || *p == 0x7f || c1 ? '?' : *p);
                p += c1;
        }
}

bool use_color(void)
{
        const char *no_color = getenv("NO_COLOR"), *terminal = getenv("TERM");

        return isatty(STDOUT_FILENO) && (!no_color || !no_color[0]) && !(terminal && strcmp(terminal, "dumb") == 0);
}

const char *color_begin(Color color)
{
        return color != COLOR_NONE && use_color() ? escapes[color] : "";
}

const char *color_end(Color color)
{
        return color != COLOR_NONE && use_color() ? "\033[0m" : "";
}

void print_colored(const char *text, Color color)
{
        fputs(color_begin(color), stdout);
        print_untrusted(text);
        fputs(color_end(color), stdout);
}

Color color_of_outcome(const char *outcome)
{
        if (!outcome)
                return COLOR_NONE;
        if (strcmp(outcome, "completed") == 0)
                return COLOR_GOOD;
        return strcmp(outcome, "canceled") == 0 || strcmp(outcome, "expired") == 0 ? COLOR_WARN : COLOR_BAD;
}
