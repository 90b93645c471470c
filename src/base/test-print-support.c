/* SPDX-License-Identifier: MIT */

/* Prints docs/triggers.md: that page is this program's output. */

#include <stdio.h>

#include "base/support.h"

static void print_list(TermList list, const char *title, const char *text)
{
        SupportRow row;

        printf("\n## %s\n\n%s\n\n| name | here | fed by, or why not | command line, or instead |\n"
               "|---|---|---|---|\n", title, text);
        for (size_t i = 0; support_at(i, &row); i++)
                if (row.list == list && row.source)
                        printf("| %s | works | %s | `%s` |\n", row.name, row.source, row.use);
                else if (row.list == list)
                        printf("| %s | refused | %s | %s, %s |\n", row.name, row.why, row.nearest, row.how);
}

int main(void)
{
        printf("# Triggers and conditions\n\n"
               "Every trigger class, every type of SystemTrigger and every condition that Windows has, and ours:\n"
               "what feeds it here, or why it cannot be and what works instead. Printed from\n"
               "`src/base/support.def` by `src/base/test-print-support.c`; the broker, the command line and `lint`\n"
               "refuse with the same words. What each source is, and what happens when it goes away, is in\n"
               "[sensors.md](sensors.md).\n");
        print_list(TERM_TRIGGER, "Triggers", "The last ones, in lower case, are ours.");
        print_list(TERM_SYSTEM, "Types of SystemTrigger", "Spelled as SystemTriggerType.");
        print_list(TERM_CONDITION, "Conditions", "From OnACPower on they are ours.");
        return 0;
}
