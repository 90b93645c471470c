/* SPDX-License-Identifier: MIT */

#include "desktop.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "broker.h"
#include "dbus/address.h"
#include "dbus/connection.h"

#define NAME "org.freedesktop.Notifications"
#define PATH "/org/freedesktop/Notifications"
#define BUS "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"
#define ON_THEIR_WAY 64

struct Desktop {
        pid_t daemon;
        char address[160];
        Loop loop;
        Connection *service, *program;
        Writer writer;
        uint32_t n_shown;
        unsigned n_called, n_answered;
        bool asked;
        bool over;
};

extern char **environ;

static void require(bool condition, const char *what)
{
        if (!condition)
                bench_die(what, NULL);
}

static void on_call(Connection *c, Message *m, void *userdata)
{
        Desktop *d = userdata;

        if (m->type != MESSAGE_CALL || !m->member)
                return;
        writer_start_return(&d->writer, m);
        if (strcmp(m->member, "Notify") == 0) {
                writer_put_uint32(&d->writer, ++d->n_shown);
        } else {
                d->asked |= strcmp(m->member, "GetServerInformation") == 0;
                for (int i = 0; i < 4; i++)
                        writer_put_string(&d->writer, "bench");
        }
        (void)connection_reply(c, &d->writer, m);
}

static void on_disconnected(Connection *c, int reason, void *userdata)
{
        if (!((Desktop *)userdata)->over)
                bench_die("the session bus has gone", strerror(-reason));
}

static void on_answered(Connection *c, Message *reply, int error, void *userdata)
{
        Desktop *d = userdata;

        require(d->over || (reply && reply->type == MESSAGE_RETURN), "a call to the session bus");
        d->n_answered++;
}

static void call(Desktop *d, Connection *c)
{
        require(connection_call(c, &d->writer, on_answered, d, NULL) == 0, "connection_call");
        d->n_called++;
}

static Connection *join(Desktop *d)
{
        const ConnectionOptions options = {
                .role = CONNECTION_CLIENT, .on_message = on_call, .on_disconnected = on_disconnected, .userdata = d,
        };
        const struct timespec one_ms = { .tv_nsec = 1000000 };
        Connection *c = NULL;
        int fd = -1;

        for (int i = 0; i < 10000 && address_connect(d->address, &fd) < 0; i++)
                nanosleep(&one_ms, NULL);
        require(fd >= 0 && connection_new(&d->loop, fd, &options, &c) == 0, "the session bus");
        writer_start_call(&d->writer, BUS, BUS_PATH, BUS, "Hello");
        call(d, c);
        return c;
}

static void wait_for_answers(Desktop *d, unsigned on_their_way)
{
        while (d->n_called - d->n_answered > on_their_way)
                require(loop_dispatch(&d->loop, -1) >= 0, "loop_dispatch");
}

static bool start_daemon(Desktop *d)
{
        char address[sizeof d->address + 16];
        char *const argv[] = { (char *)"dbus-daemon", (char *)"--session", (char *)"--nofork", (char *)"--nopidfile",
                               (char *)"--nosyslog", address, NULL };
        posix_spawn_file_actions_t actions;
        bool started;

        snprintf(address, sizeof address, "--address=%s", d->address);
        posix_spawn_file_actions_init(&actions);
        /* It complains that it may not have more descriptors. */
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        started = posix_spawnp(&d->daemon, argv[0], &actions, NULL, argv, environ) == 0;
        posix_spawn_file_actions_destroy(&actions);
        return started;
}

/* However the program ends, as a broker. */
static pid_t started;

static void stop_started(void)
{
        if (started > 0)
                kill(started, SIGTERM);
}

Desktop *desktop_new(const char *folder)
{
        Desktop *d = calloc(1, sizeof *d);

        require(d && loop_init(&d->loop) == 0 && atexit(stop_started) == 0, "a loop");
        writer_init(&d->writer);
        snprintf(d->address, sizeof d->address, "unix:path=%s/session", folder);
        if (!start_daemon(d)) {
                desktop_free(d);
                return NULL;
        }
        started = d->daemon;
        d->service = join(d);
        writer_start_call(&d->writer, BUS, BUS_PATH, BUS, "RequestName");
        writer_put_string(&d->writer, NAME);
        writer_put_uint32(&d->writer, 0);
        call(d, d->service);
        d->program = join(d);
        wait_for_answers(d, 0);
        return d;
}

void desktop_take(Desktop *d, bgt *b)
{
        bgt_record *variables = bgt_record_new();

        if (bgt_record_set_string(variables, "DBUS_SESSION_BUS_ADDRESS", d->address) < 0 ||
            bgt_import_environment(b, variables) < 0)
                bench_die_of("import-environment");
        bgt_record_unref(variables);
        while (!d->asked)
                require(loop_dispatch(&d->loop, -1) >= 0, "loop_dispatch");
}

void desktop_show(Desktop *d)
{
        Writer *w = &d->writer;

        writer_start_call(w, NAME, PATH, NAME, "Notify");
        writer_put_string(w, "bench");
        writer_put_uint32(w, 0);
        writer_put_string(w, "");
        writer_put_string(w, "summary");
        writer_put_string(w, "what it says");
        writer_open_array(w, "s");
        writer_close(w);
        writer_open_array(w, "{sv}");
        writer_close(w);
        writer_put_int32(w, -1);
        call(d, d->program);
        wait_for_answers(d, ON_THEIR_WAY);
}

void desktop_free(Desktop *d)
{
        if (!d)
                return;
        d->over = true;
        connection_free(d->program);
        connection_free(d->service);
        if (d->daemon > 0) {
                kill(d->daemon, SIGTERM);
                waitpid(d->daemon, NULL, 0);
                started = 0;
        }
        writer_done(&d->writer);
        loop_done(&d->loop);
        free(d);
}
