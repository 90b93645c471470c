/* SPDX-License-Identifier: MIT */

/*
 * conformance PLACE [PORT]: the rows of one place, run as a program of Windows: the package is that of the folder that
 * the program lies in. What is not Windows' interface whoever reads its output does: it answers a line "# stage: ..."
 * with one. A server has been started by the broker; it has a port of this machine instead of input and output.
 */

#include <io.h>
#include <stdlib.h>
#include <string.h>

#include "conformance.h"

#define IMPORT(result) __declspec(dllimport) result
#define INTERNET 2
#define STREAM 1

IMPORT(int) WSAStartup(unsigned short version, void *ret_data);
IMPORT(uintptr_t) WSASocketW(int family, int type, int protocol, void *info, unsigned group, DWORD flags);
IMPORT(int) connect(uintptr_t socket, const void *address, int size);

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

/* Input and output are there from then on. */
static int connect_to(int port)
{
        const unsigned char address[16] = { INTERNET, 0, (unsigned char)(port >> 8), (unsigned char)port,
                                            127, 0, 0, 1 };
        char data[1024];
        uintptr_t made;
        int fd;

        if (WSAStartup(0x0202, data) != 0)
                return 0;
        /* As a file, which needs one whose calls wait. */
        made = WSASocketW(INTERNET, STREAM, 0, NULL, 0, 0);
        if (connect(made, address, sizeof address) != 0)
                return 0;
        fd = _open_osfhandle((intptr_t)made, 0);
        return fd >= 0 && _dup2(fd, 0) == 0 && _dup2(fd, 1) == 0;
}

int stage_begin(int argc, char *argv[])
{
        static const char *const places[] = { "nowhere", "confined", "package", "server", "runs" };

        for (size_t i = 0; i < sizeof places / sizeof *places && argc >= 2; i++)
                if (strcmp(argv[1], places[i]) == 0)
                        here = (Place)i;
        if (argc == 3 && !connect_to(atoi(argv[2])))
                return 0;
        return here != PLACE_MAX && SUCCEEDED(RoInitialize(RO_INIT_MULTITHREADED));
}

const char *stage_todo(const Row *row)
{
        return row->todo_of_windows;
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
        char words[256];

        snprintf(words, sizeof words, "%s %d", name, reason);
        (void)ask("cancel", words);
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
        char words[1024];
        int n = snprintf(words, sizeof words, "%s %d %s ", event, told_kind(told), told_key(told));

        for (; *what && n < (int)sizeof words - 2; what++)
                n += snprintf(words + n, sizeof words - (size_t)n, "%02x", (unsigned char)*what);
        (void)ask("event", words);
}

int is_of_package(const char *what, HSTRING text)
{
        return string_is(text, ask(what, "?"));
}

int is_local_folder(HSTRING path)
{
        return string_is(path, ask("folder", "?"));
}
