/* SPDX-License-Identifier: MIT */

/*
 * The same by others: a server that dbus-daemon activates, cold and warm, and a oneshot service that the user's
 * systemd starts. The D-Bus server and client are as lean as can be, on the codec of bgtask; with libdbus or sd-bus
 * both take longer. Beside the floors of our own activation. bench-peers [ACTIVATIONS]
 */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/macro.h"
#include "bench.h"
#include "dbus/connection.h"
#include "dbus/reader.h"
#include "floor.h"

#define NAME_WARM "org.bgtask.BenchWarm"
#define NAME_COLD "org.bgtask.BenchCold"
#define INTERFACE "org.bgtask.Bench"
#define UNIT "bgtask-bench.service"

extern char **environ;

static const char config[] =
        "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
        "  \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n"
        "<busconfig><type>session</type><listen>unix:path=%1$s/bus</listen><servicedir>%1$s/services</servicedir>\n"
        "<policy context=\"default\"><allow send_destination=\"*\" eavesdrop=\"true\"/><allow eavesdrop=\"true\"/>\n"
        "<allow own=\"*\"/></policy></busconfig>\n";

/* One end of the bus: a client, or a server that notes the moment of each call. */
typedef struct End {
        Loop loop;
        Connection *connection;
        Writer writer;
        Shared *shared;
        bool once; /* ends after a call */
        bool over; /* it had it */
        bool gone; /* the bus has */
        bool answered;
        bool is_true; /* the last answer, if it was a boolean */
} End;

static void on_message(Connection *c, Message *m, void *userdata)
{
        End *end = userdata;

        if (m->type != MESSAGE_CALL || !m->interface || strcmp(m->interface, INTERFACE) != 0)
                return;
        shared_note(end->shared);
        writer_start_return(&end->writer, m);
        (void)connection_reply(c, &end->writer, m);
        end->over = end->once;
}

static void on_disconnected(Connection *c, int reason, void *userdata)
{
        End *end = userdata;

        end->gone = true;
}

static void on_answer(Connection *c, Message *m, int error, void *userdata)
{
        End *end = userdata;
        Reader r;

        if (!m || m->type == MESSAGE_ERROR)
                bench_die("D-Bus", m ? message_error_text(m) : strerror(-error));
        end->answered = true;
        if (strcmp(m->signature, "b") == 0) {
                reader_init(&r, m);
                end->is_true = reader_get_bool(&r);
        }
}

static void call(End *end)
{
        end->answered = false;
        if (connection_call(end->connection, &end->writer, on_answer, end, NULL) < 0)
                bench_die("D-Bus", "the call cannot be sent");
        while (!end->answered && !end->gone)
                (void)loop_dispatch(&end->loop, -1);
        if (!end->answered)
                bench_die("D-Bus", "the bus has gone");
}

static void start_bus_call(End *end, const char *member)
{
        writer_start_call(&end->writer, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                          member);
}

static void end_init(End *end, Shared *shared)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "bus" };
        const ConnectionOptions options = {
                .role = CONNECTION_CLIENT, .on_message = on_message, .on_disconnected = on_disconnected,
                .userdata = end,
        };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        *end = (End){ .loop = LOOP_INIT, .shared = shared };
        writer_init(&end->writer);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0 || loop_init(&end->loop) < 0 ||
            connection_new(&end->loop, fd, &options, &end->connection) < 0)
                bench_die("the bus", NULL);
        start_bus_call(end, "Hello");
        call(end);
}

static void end_done(End *end)
{
        connection_free(end->connection);
        writer_done(&end->writer);
        loop_done(&end->loop);
}

static int serve(const char *folder, const char *name)
{
        End end;

        if (chdir(folder) < 0)
                bench_die(folder, NULL);
        end_init(&end, shared_map());
        end.shared->server = getpid();
        end.once = strcmp(name, NAME_COLD) == 0;
        start_bus_call(&end, "RequestName");
        writer_put_string(&end.writer, name);
        writer_put_uint32(&end.writer, 0);
        call(&end);
        while (!end.over && !end.gone)
                (void)loop_dispatch(&end.loop, -1);
        end_done(&end);
        return EXIT_SUCCESS;
}

static double call_server(End *client, const char *name)
{
        double start = bench_now_usec();

        writer_start_call(&client->writer, name, "/", INTERFACE, "Run");
        call(client);
        return client->shared->first_line_usec - start;
}

/* Until the bus knows that the server has gone: a call before that would fail. */
static void wait_until_free(End *client, const char *name)
{
        bench_wait_gone(client->shared->server);
        do {
                start_bus_call(client, "NameHasOwner");
                writer_put_string(&client->writer, name);
                call(client);
        } while (client->is_true);
}

static void write_file(const char *name, const char *format, const char *a, const char *b, const char *c)
{
        FILE *f = fopen(name, "we");

        if (!f || fprintf(f, format, a, b, c) < 0 || fclose(f) != 0)
                bench_die(name, NULL);
}

static void write_service(const char *folder, const char *name)
{
        char path[128], command[512];

        snprintf(path, sizeof path, "services/%s.service", name);
        snprintf(command, sizeof command, "%s --serve %s", bench_self(), folder);
        write_file(path, "[D-BUS Service]\nName=%1$s\nExec=%2$s %1$s\n", name, command, "");
}

static pid_t start_bus(const char *folder)
{
        char *argv[] = { (char *)"dbus-daemon", (char *)"--config-file=config", (char *)"--nofork",
                         (char *)"--print-address=1", NULL };
        posix_spawn_file_actions_t actions;
        char address[256];
        int ends[2];
        pid_t pid;

        /* It reads its configuration again whenever something happens in the folder of the services. */
        if (mkdir("services", 0755) < 0)
                bench_die("services", NULL);
        write_file("config", config, folder, "", "");
        write_service(folder, NAME_WARM);
        write_service(folder, NAME_COLD);
        if (pipe(ends) < 0)
                bench_die("pipe", NULL);
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
        posix_spawn_file_actions_addclose(&actions, ends[0]);
        posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
        errno = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
        posix_spawn_file_actions_destroy(&actions);
        close(ends[1]);
        /* It prints where it listens when it does. */
        if (errno != 0 || read(ends[0], address, sizeof address) <= 0)
                pid = -1;
        close(ends[0]);
        return pid;
}

static void bench_dbus(const char *folder, int n)
{
        Samples spawn = { 0 }, cold = { 0 }, floor = { 0 }, warm = { 0 };
        pid_t bus = start_bus(folder);
        Shared *shared = shared_map();
        End client;
        Hops hops;

        if (bus < 0) {
                bench_skip("activation by dbus-daemon", "it cannot be started");
                return;
        }
        end_init(&client, shared);
        for (int i = 0; i < n; i++) {
                samples_add(&spawn, floor_spawn(shared));
                samples_add(&cold, call_server(&client, NAME_COLD));
                wait_until_free(&client, NAME_COLD);
        }
        (void)call_server(&client, NAME_WARM);
        hops = hops_start(-1, -1);
        for (int i = 0; i < 10 * n; i++) {
                bench_rest();
                samples_add(&floor, hops_measure(&hops));
                bench_rest();
                samples_add(&warm, call_server(&client, NAME_WARM));
        }
        hops_stop(&hops);
        bench_floor_of("floor: spawn this program, one round trip", &spawn);
        bench_row_of("dbus-daemon, cold: call to first line of its handler", &cold, &spawn, "");
        bench_floor_of("floor: a message over three processes", &floor);
        bench_row_of("dbus-daemon, warm: call to first line of its handler", &warm, &floor, "");
        end_done(&client);
        kill(bus, SIGTERM);
        waitpid(bus, NULL, 0);
        bench_wait_gone(shared->server);
        samples_free(&spawn);
        samples_free(&cold);
        samples_free(&floor);
        samples_free(&warm);
}

static void bench_systemd(const char *folder, int n)
{
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        Shared *shared = shared_map();
        char path[256], command[300];
        Samples start = { 0 };

        if (!runtime || system("systemctl --user show-environment >/dev/null 2>&1") != 0) {
                bench_skip("systemctl --user start of a oneshot", "no systemd runs for this user");
                return;
        }
        snprintf(path, sizeof path, "%.200s/systemd/user/" UNIT, runtime);
        snprintf(command, sizeof command, "mkdir -p '%.200s/systemd/user'", runtime);
        if (system(command) != 0)
                bench_die(path, "its folder cannot be made");
        write_file(path, "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType=oneshot\nExecStart=%s --note %s%s\n",
                   bench_self(), folder, "");
        for (int i = 0; i <= n && system("systemctl --user daemon-reload") == 0; i++) {
                double now = bench_now_usec();

                if (system("systemctl --user start " UNIT) != 0)
                        break;
                /* The first one reads what the disk has. */
                if (i > 0)
                        samples_add(&start, shared->first_line_usec - now);
        }
        (void)unlink(path);
        (void)!system("systemctl --user daemon-reload");
        if (start.n > 0)
                bench_row_of("systemctl --user start of a oneshot: to its first line", &start, NULL, "");
        else
                bench_skip("systemctl --user start of a oneshot", "systemctl fails");
        samples_free(&start);
}

static int note(const char *folder)
{
        if (chdir(folder) < 0)
                return EXIT_FAILURE;
        shared_note(shared_map());
        return EXIT_SUCCESS;
}

int main(int argc, char *argv[])
{
        char folder[] = "/tmp/bgtask-bench-XXXXXX", command[64];
        int n = bench_count(argc, argv, 200);

        if (argc > 1 && strcmp(argv[1], FLOOR_ARGUMENT) == 0)
                return floor_answer();
        if (argc > 3 && strcmp(argv[1], "--serve") == 0)
                return serve(argv[2], argv[3]);
        if (argc > 2 && strcmp(argv[1], "--note") == 0)
                return note(argv[2]);
        if (!mkdtemp(folder) || chdir(folder) < 0)
                bench_die(folder, NULL);
        bench_title("Activation by others");
        bench_dbus(folder, n);
        bench_systemd(folder, n < 20 ? n : 20);
        snprintf(command, sizeof command, "rm -rf '%s'", folder);
        if (chdir("/") < 0 || system(command) != 0)
                fprintf(stderr, "bench: %s is left\n", folder);
        return EXIT_SUCCESS;
}
