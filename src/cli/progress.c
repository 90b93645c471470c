/* SPDX-License-Identifier: MIT */

/* Progress: the value is the application's own; 0 to 100 is shown as a bar, anything else as a number. */

#include <inttypes.h>
#include <string.h>

#include "cli/cli.h"

#define BAR_WIDTH 30
#define BAR_WIDTH_MIN 5
#define NAME_WIDTH_MIN 8

void progress_clear(ProgressBar *bar)
{
        if (bar->shown && isatty(STDOUT_FILENO)) {
                fputs("\r\033[K", stdout);
                fflush(stdout);
        }
        bar->shown = false;
}

/* A line that is longer than the terminal would break, and could not be taken back. */
static void print_bar(const char *name, uint32_t value)
{
        size_t width = MIN(terminal_width(), (size_t)1000), name_width = text_width(name);
        size_t rest = strlen(" [] 100%"), bar = 0;

        if (value <= 100)
                bar = width > name_width + rest ? MIN(width - name_width - rest, (size_t)BAR_WIDTH) : 0;
        if (value <= 100 && bar < BAR_WIDTH_MIN && width > rest + BAR_WIDTH_MIN + NAME_WIDTH_MIN)
                bar = BAR_WIDTH_MIN;
        fputs("\r\033[K", stdout);
        print_cut(name, width > bar + rest ? width - bar - rest : 1);
        if (value > 100) {
                printf(": %" PRIu32, value);
        } else if (bar == 0) {
                printf(" %" PRIu32 "%%", value);
        } else {
                fputs(" [", stdout);
                for (size_t i = 0; i < bar; i++)
                        putchar(i * 100 < value * bar ? '#' : ' ');
                printf("] %" PRIu32 "%%", value);
        }
}

void progress_show(ProgressBar *bar, const char *name, uint32_t value)
{
        if (bar->shown && bar->last == value)
                return;
        bar->last = value;
        bar->shown = true;
        if (isatty(STDOUT_FILENO))
                print_bar(name, value);
        else
                printf("%s: progress %" PRIu32 "\n", name, value);
        fflush(stdout);
}
