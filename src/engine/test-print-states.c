/* SPDX-License-Identifier: MIT */

/* Prints the tables of states as docs/states.md shows them: that page is this program's output. */

#include <stdio.h>

#include "base/terms.h"
#include "engine/parts.h"

static const char *run_state_name(unsigned state)
{
        return term_name(TERM_RUN_STATE, (int)state);
}

static void print_head(const char *title, const char *text, const char *const *states, size_t n_states)
{
        printf("\n## %s\n\n%s\n\n| event |", title, text);
        for (size_t i = 0; i < n_states; i++)
                printf(" %s |", states[i]);
        printf("\n|---|");
        for (size_t i = 0; i < n_states; i++)
                printf("---|");
        printf("\n");
}

static void print_tasks(void)
{
        const char *states[_TASK_STATE_MAX];

        for (unsigned i = 0; i < _TASK_STATE_MAX; i++)
                states[i] = task_state_name(i);
        print_head("Registrations", "`src/engine/task.c`; docs/semantics.md, 2.4.", states, _TASK_STATE_MAX);
        for (unsigned i = 0; i < _TASK_EVENT_MAX; i++) {
                printf("| %s |", task_event_name(i));
                for (unsigned j = 0; j < _TASK_STATE_MAX; j++)
                        printf(" %s |", task_cell_name(j, i));
                printf("\n");
        }
}

static void print_runs(void)
{
        const char *states[RUN_STATE_COUNT];

        for (unsigned i = 0; i < RUN_STATE_COUNT; i++)
                states[i] = run_state_name(i);
        print_head("Runs", "`src/engine/run.c`; docs/semantics.md, 6.2 to 6.6.", states, RUN_STATE_COUNT);
        for (unsigned i = 0; i < _RUN_EVENT_MAX; i++) {
                printf("| %s |", run_event_name(i));
                for (unsigned j = 0; j < RUN_STATE_COUNT; j++)
                        printf(" %s |", run_cell_name((int)j, i));
                printf("\n");
        }
}

static void print_servers(void)
{
        const char *states[_SERVER_STATE_MAX];

        for (unsigned i = 0; i < _SERVER_STATE_MAX; i++)
                states[i] = server_state_name(i);
        print_head("Servers", "`src/engine/server.c`; docs/semantics.md, section 7.", states, _SERVER_STATE_MAX);
        for (unsigned i = 0; i < _SERVER_EVENT_MAX; i++) {
                printf("| %s |", server_event_name(i));
                for (unsigned j = 0; j < _SERVER_STATE_MAX; j++)
                        printf(" %s |", server_cell_name(j, i));
                printf("\n");
        }
}

int main(void)
{
        printf("# States\n\nWhat each event does in each state, printed from the engine's own tables by "
               "`src/engine/test-print-states.c`.\n*Impossible* is an assertion: the engine itself sends that event "
               "only in the states that have it.\n");
        print_tasks();
        print_runs();
        print_servers();
        return 0;
}
