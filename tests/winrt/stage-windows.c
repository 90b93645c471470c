/* SPDX-License-Identifier: MIT */

/*
 * conformance PLACE: the rows of one place, run as a program of Windows: the package is that of the folder that the
 * program lies in. What is not Windows' interface whoever has started it does: it reads a line "# stage: ..." and
 * answers with one.
 */

#include <string.h>

#include "conformance.h"

static Place here = PLACE_MAX;

/* The answer; fails the row if there is none. */
static const char *ask(const char *what, const char *name)
{
        static char answer[4096];

        printf("# stage: %s %s\n", what, name);
        fflush(stdout);
        CHECK(fgets(answer, sizeof answer, stdin));
        answer[strcspn(answer, "\r\n")] = '\0';
        return answer;
}

int stage_begin(int argc, char *argv[])
{
        static const char *const places[] = { "nowhere", "confined", "package" };

        for (size_t i = 0; i < sizeof places / sizeof *places && argc == 2; i++)
                if (strcmp(argv[1], places[i]) == 0)
                        here = (Place)i;
        return here != PLACE_MAX && SUCCEEDED(RoInitialize(RO_INIT_MULTITHREADED));
}

int stage_enter(Place place)
{
        return place == here;
}

void stage_serve(void)
{
}

void stage_end(void)
{
        RoUninitialize();
}

void run_task(const char *name)
{
        (void)ask("run", name);
}

void cancel_task(const char *name, int reason)
{
        (void)ask("cancel", name);
}

void pause_task(const char *name)
{
        (void)ask("pause", name);
}

void set_on_ac_power(int on)
{
        (void)ask("power", on ? "on" : "off");
}

int has_ended_as(const char *name, const char *text)
{
        return strcmp(ask("ended", name), text) == 0;
}

void make_home(void)
{
        (void)ask("home", "?");
}

void register_in_group(const char *task, const char *group, const char *name)
{
        char words[256];

        snprintf(words, sizeof words, "%s %s %s", task, group, name);
        (void)ask("group", words);
}

void unregister(const char *task)
{
        (void)ask("unregister", task);
}

int is_group_named(const char *group, const char *name)
{
        return strcmp(ask("group-name", group), name) == 0;
}

int is_at_home(HSTRING path, const char *name)
{
        return string_is(path, ask("at-home", name));
}

void tell_of(const char *event, Told told, const char *what)
{
        (void)ask("event", event);
}

int is_local_folder(HSTRING path)
{
        return string_is(path, ask("folder", "?"));
}
