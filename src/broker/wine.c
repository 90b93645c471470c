/* SPDX-License-Identifier: MIT */

/*
 * Servers that are programs of Windows. For each prefix of Wine that has some, one process of ours runs in it, the
 * host (src/wine/host.c says what is said to it). It is there before the first server is started, so that what Wine
 * starts for the whole prefix descends from it and not from a server, and for a while after the last has ended. It is
 * no server, and ends with the broker.
 */

#include "broker/wine.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/beside.h"
#include "base/buffer.h"
#include "base/delay.h"

#define HOST "bgtask-wine-host.exe.so"
#define LIBRARY "bgtask-wine.dll.so"
/* A prefix that is not there yet is made, which takes seconds. */
#define READY_USEC (60 * USEC_PER_SEC)
/* How long a host outlives the last server, so that the next does not wait for the prefix. */
#define IDLE_USEC (60 * USEC_PER_SEC)
#define LINE_MAX_SIZE 4096

struct WineHost {
        ListNode node;
        Broker *broker;
        char *prefix;
        Process *process;
        int fd;
        LoopSource source;
        Buffer input;
        Delay delay;            /* until it must be ready, or until it leaves */
        bool ready;
        bool leaving;
        unsigned n_servers;
};

static void host_free(WineHost *host)
{
        list_for_each(i, &host->broker->servers) {
                Server *server = list_entry(i, Server, node);

                if (server->wine == host)
                        server->wine = NULL;
        }
        delay_done(&host->delay);
        loop_remove(&host->broker->loop, &host->source);
        safe_close(host->fd);
        process_free(host->process);
        buffer_done(&host->input);
        list_remove(&host->node);
        free(host->prefix);
        free(host);
}

void broker_wine_done(Broker *broker)
{
        list_for_each_safe(i, &broker->wine_hosts)
                host_free(list_entry(i, WineHost, node));
}

/* The servers that wait for it get to know that it is there, or that it never will be. */
static void tell_waiting(WineHost *host, int error)
{
        Broker *broker = host->broker;

        list_for_each_safe(i, &broker->servers) {
                Server *server = list_entry(i, Server, node);

                if (server->wine != host || !server->wine_waits)
                        continue;
                server->wine_waits = false;
                if (error < 0)
                        broker_wine_ended(server);
                broker_server_launch_on(server, error);
        }
        broker_settle(broker);
}

bool broker_wine_host_ended(Broker *broker, Process *process, const ProcessResult *result)
{
        list_for_each(i, &broker->wine_hosts) {
                WineHost *host = list_entry(i, WineHost, node);

                if (host->process != process)
                        continue;
                if (!host->leaving)
                        broker_log("%s: the host in this prefix of Wine has ended: %s %d", host->prefix,
                                   result->state == PROCESS_EXITED ? "exit status" : "signal", result->value);
                host->leaving = true;
                tell_waiting(host, -ENOEXEC);
                host_free(host);
                return true;
        }
        return false;
}

static void on_delay(Delay *delay, void *userdata)
{
        WineHost *host = userdata;

        if (!host->ready) {
                broker_log("%s: Wine does not get ready in this prefix", host->prefix);
                (void)process_signal_tree(host->process, SIGKILL);
        } else if (host->n_servers == 0) {
                host->leaving = true;
                loop_remove(&host->broker->loop, &host->source);
                host->fd = safe_close(host->fd);
        }
}

/* A line is short, and the host reads all the time: what does not fit is lost with the host. */
static void say(WineHost *host, const char *line, size_t n)
{
        if (host->fd >= 0 && write(host->fd, line, n) != (ssize_t)n)
                broker_log("%s: the host in this prefix of Wine does not listen", host->prefix);
}

static void on_line(WineHost *host, char *line)
{
        Broker *broker = host->broker;
        Server *server;

        if (strcmp(line, "ready") == 0) {
                delay_stop(&host->delay);
                host->ready = true;
                tell_waiting(host, 0);
        } else if (strncmp(line, "failed ", 7) == 0) {
                broker_log("%s: a class object is of no use: %s", host->prefix, line + 7);
        } else if (strncmp(line, "silent ", 7) == 0 && strchr(line + 7, ' ')) {
                broker_log("%s: a program that has registered a class does not answer: %s", host->prefix,
                           line + 7 + strcspn(line + 7, " ") + 1);
        } else if (strncmp(line, "cannot ", 7) == 0) {
                server = broker_server_find(broker, strtoull(line + 7, NULL, 16));
                if (server && server->process)
                        (void)process_signal_tree(server->process, SIGTERM);
        }
}

static void on_input(LoopSource *source, uint32_t events, void *userdata)
{
        WineHost *host = userdata;
        char *line, *end;
        ssize_t n = -1;

        if (buffer_reserve(&host->input, LINE_MAX_SIZE) >= 0)
                n = read(host->fd, host->input.data + host->input.size, LINE_MAX_SIZE);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return;
        if (n <= 0) {
                /* Its end is told by its process. */
                loop_remove(&host->broker->loop, source);
                return;
        }
        host->input.size += (size_t)n;
        while (host->input.size > 0 && (end = memchr(host->input.data, '\n', host->input.size))) {
                line = (char *)host->input.data;
                *end = '\0';
                on_line(host, line);
                buffer_consume(&host->input, (size_t)(end - line) + 1);
        }
}

static int find_loader(const Broker *broker, char **ret_loader)
{
        static const char *const names[] = { "wine64", BESIDE_WINE_LOADER, "wine" };
        int r = -ENOENT;

        for (size_t i = 0; i < ELEMENTSOF(names) && r < 0; i++)
                r = launcher_find_executable(broker->launcher, names[i], NULL, ret_loader);
        return r;
}

/* The one that the package was installed with, else that of the session, else Wine's own default. */
static int get_prefix(const Broker *broker, const Package *package, char **ret_prefix)
{
        const char *prefix = package->wine_prefix, *home;

        if (!prefix)
                prefix = launcher_get_environment(broker->launcher, "WINEPREFIX");
        if (prefix) {
                *ret_prefix = strdup(prefix);
                return *ret_prefix ? 0 : -ENOMEM;
        }
        home = launcher_get_environment(broker->launcher, "HOME");
        return asprintf(ret_prefix, "%s/.wine", home ?: "") < 0 ? -ENOMEM : 0;
}

/* Wine's own remarks are of no use to whoever reads the log of a server, unless they are asked for. */
static int make_variables(const Broker *broker, const char *prefix, char *ret_variables[static 2])
{
        const char *debug = launcher_get_environment(broker->launcher, "WINEDEBUG");

        if (asprintf(&ret_variables[0], "WINEPREFIX=%s", prefix) < 0) {
                ret_variables[0] = NULL;
                return -ENOMEM;
        }
        if (asprintf(&ret_variables[1], "WINEDEBUG=%s", debug ?: "-all") < 0) {
                free(TAKE_PTR(ret_variables[0]));
                ret_variables[1] = NULL;
                return -ENOMEM;
        }
        return 0;
}

int broker_wine_command(const Broker *broker, const Package *package, char **ret_loader,
                        char *ret_variables[static 2])
{
        _cleanup_(freep) char *prefix = NULL, *loader = NULL;
        int r;

        r = find_loader(broker, &loader);
        if (r >= 0)
                r = get_prefix(broker, package, &prefix);
        if (r >= 0)
                r = make_variables(broker, prefix, ret_variables);
        if (r >= 0)
                *ret_loader = TAKE_PTR(loader);
        return r;
}

static int spawn(WineHost *host)
{
        Broker *broker = host->broker;
        _cleanup_(freep) char *loader = NULL, *program = NULL, *library = NULL, *drive = NULL;
        _cleanup_(freep) char *prefix_variable = NULL, *debug_variable = NULL;
        char *variables[2] = { NULL, NULL };
        char id[32];
        LaunchStep step;
        int r;

        r = find_loader(broker, &loader);
        if (r >= 0)
                r = beside_find_wine_here(HOST, &program);
        if (r >= 0)
                r = beside_find_wine_here(LIBRARY, &library);
        if (r >= 0)
                r = make_variables(broker, host->prefix, variables);
        if (r < 0)
                return r;
        prefix_variable = variables[0];
        debug_variable = variables[1];
        if (asprintf(&drive, "Z:%s", library) < 0)
                return -ENOMEM;
        snprintf(id, sizeof id, "wine.%" PRIx64, broker_new_server_id(broker));
        r = launcher_spawn(broker->launcher,
                           &(LaunchSpec){
                                   .id = id,
                                   .executable = loader,
                                   .argv = (char *[]){ loader, program, (char *)"serve", drive, NULL },
                                   .environment = (const char *const[]){ prefix_variable, debug_variable, NULL },
                                   .socket = true,
                           },
                           &host->process, &step);
        if (r < 0)
                return r;
        host->fd = process_take_fd(host->process);
        return loop_add(&broker->loop, &host->source, host->fd, EPOLLIN, on_input, host);
}

static int host_new(Broker *broker, const char *prefix, WineHost **ret)
{
        WineHost *host = calloc(1, sizeof *host);
        int r;

        if (!host)
                return -ENOMEM;
        *host = (WineHost){ .broker = broker, .fd = -1, .source = LOOP_SOURCE_INIT, .delay = DELAY_INIT,
                            .prefix = strdup(prefix) };
        list_append(&broker->wine_hosts, &host->node);
        r = host->prefix ? delay_init(&host->delay, &broker->loop, on_delay, host) : -ENOMEM;
        if (r >= 0)
                r = spawn(host);
        if (r < 0) {
                if (host->process)
                        (void)process_signal_tree(host->process, SIGKILL);
                host_free(host);
                return r;
        }
        delay_start(&host->delay, READY_USEC);
        *ret = host;
        return 0;
}

static WineHost *find_host(Broker *broker, const char *prefix)
{
        list_for_each(i, &broker->wine_hosts) {
                WineHost *host = list_entry(i, WineHost, node);

                if (!host->leaving && strcmp(host->prefix, prefix) == 0)
                        return host;
        }
        return NULL;
}

/* Wine would make another one in its place, which knows nothing of the program and nothing of us. */
bool broker_wine_prefix_is_gone(const Package *package)
{
        return package->wine_prefix && access(package->wine_prefix, F_OK) < 0 && errno == ENOENT;
}

int broker_wine_prepare(Server *server, const Package *package)
{
        Broker *broker = server->broker;
        _cleanup_(freep) char *prefix = NULL;
        WineHost *host = NULL;
        int r;

        if (broker_wine_prefix_is_gone(package)) {
                broker_log("%s: its prefix of Wine is gone: %s", server->package, package->wine_prefix);
                return -ENOENT;
        }
        r = get_prefix(broker, package, &prefix);
        if (r >= 0)
                host = find_host(broker, prefix);
        if (r >= 0 && !host)
                r = host_new(broker, prefix, &host);
        if (r < 0) {
                broker_log("%s: its program is one of Windows, and Wine cannot be started: %s", server->package,
                           r == -ENOENT ? "it is not installed, or bgtask was built without it" : strerror(-r));
                return r;
        }
        server->wine = host;
        server->wine_waits = !host->ready;
        host->n_servers++;
        if (host->ready)
                delay_stop(&host->delay);
        return server->wine_waits;
}

void broker_wine_started(Server *server, const Package *package)
{
        const ManifestServer *exe = &package->manifest->servers[server->exe_server];
        char clsid[UUID_STRING_MAX];
        Buffer line = { 0 };
        int r;

        r = buffer_printf(&line, "watch %" PRIx64 " %d", server->id, (int)process_pid(server->process));
        for (size_t i = 0; i < exe->n_classes && r >= 0; i++)
                r = buffer_printf(&line, " %s", uuid_format(exe->classes[i].clsid, clsid));
        if (r >= 0)
                r = buffer_printf(&line, "\n");
        if (r >= 0 && server->wine)
                say(server->wine, (const char *)line.data, line.size);
        buffer_done(&line);
}

void broker_wine_ended(Server *server)
{
        WineHost *host = TAKE_PTR(server->wine);
        char line[64];
        int n;

        if (!host)
                return;
        n = snprintf(line, sizeof line, "gone %" PRIx64 "\n", server->id);
        if (server->ended)
                say(host, line, (size_t)n);
        if (--host->n_servers == 0 && host->ready)
                delay_start(&host->delay, IDLE_USEC);
}

bool broker_wine_end(Server *server)
{
        char line[64];
        int n;

        if (!server->wine || server->wine->fd < 0 || server->ended)
                return false;
        n = snprintf(line, sizeof line, "end %" PRIx64 "\n", server->id);
        say(server->wine, line, (size_t)n);
        return true;
}
