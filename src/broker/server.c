/* SPDX-License-Identifier: MIT */

/*
 * Processes that serve: a launched one is known by the socket pair that it inherited, any other by the cookie that it
 * was given. A server is gone when its process has ended or, if it was not launched, its connection; what it wrote
 * before is always delivered first.
 */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>

#include "base/hash.h"
#include "broker/broker.h"
#include "broker/confine.h"
#include "broker/wine.h"

/* A launched server that closes its connection and lives has this long to exit before it is told to. */
#define LINGER_USEC (2 * USEC_PER_SEC)

Server *broker_server_find(Broker *broker, uint64_t id)
{
        list_for_each(i, &broker->servers) {
                Server *server = list_entry(i, Server, node);

                if (server->id == id)
                        return server;
        }
        return NULL;
}

Server *broker_server_new(Broker *broker, uint64_t id, const char *package, uint32_t exe_server, bool launched)
{
        Server *server = calloc(1, sizeof *server);

        if (!server)
                return NULL;
        *server = (Server){ .broker = broker, .id = id, .exe_server = exe_server, .launched = launched,
                            .linger_fd = -1, .linger_source = LOOP_SOURCE_INIT };
        server->package = strdup(package);
        if (!server->package) {
                free(server);
                return NULL;
        }
        list_append(&broker->servers, &server->node);
        return server;
}

void broker_server_free(Server *server)
{
        if (!server)
                return;
        if (server->peer) {
                peer_set_userdata(server->peer, NULL);
                peer_free(server->peer);
        }
        broker_wine_ended(server);
        process_free(server->process);
        loop_remove(&server->broker->loop, &server->linger_source);
        safe_close(server->linger_fd);
        list_remove(&server->node);
        free(server->package);
        free(server);
}

LaunchLimits broker_default_limits(const Broker *broker)
{
        const uint64_t *values = broker->config.values;

        return (LaunchLimits){
                .memory_bytes = values[CONFIG_MEMORY],
                .cpu_percent = (unsigned)values[CONFIG_CPU_PERCENT],
                .tasks = values[CONFIG_TASKS],
                .low_priority = values[CONFIG_LOW_PRIORITY],
        };
}

/* The name of its log, FIFO and cgroup. */
char *broker_server_log_id(const char *package, uint64_t id, char buf[static SERVER_LOG_ID_MAX])
{
        snprintf(buf, SERVER_LOG_ID_MAX, "%.72s.%" PRIx64, package, id);
        return buf;
}

static void feed_spawn(Broker *broker, const Server *server, int error)
{
        Event event = broker_event(broker, error < 0 ? EVENT_SPAWN_FAILED : EVENT_SPAWNED, 0);

        event.process.server = server->id;
        event.process.error = error;
        broker_feed(broker, &event);
}

static int spawn(Broker *broker, Server *server, const Package *package)
{
        const ManifestServer *exe = &package->manifest->servers[server->exe_server];
        _cleanup_(freep) char *local = broker_package_local_folder(broker, server->package);
        _cleanup_(package_confinement_done) PackageConfinement confinement = { 0 };
        _cleanup_(freep) char *bus = NULL, *name = NULL, *folder = NULL;
        bool confined = broker_package_is_confined(package);
        _cleanup_(freep) char *loader = NULL, *prefix = NULL, *debug = NULL;
        _cleanup_(freep) char **arguments = NULL;
        _cleanup_(freep) char **argv = NULL;
        char log_id[SERVER_LOG_ID_MAX], *wine[2] = { NULL, NULL };
        LaunchStep step;
        int n, r, first = 0;

        n = manifest_split_arguments(exe->arguments, &arguments);
        if (n < 0)
                return n;
        if (exe->is_pe) {
                r = broker_wine_command(broker, package, &loader, wine);
                if (r < 0)
                        return r;
                prefix = wine[0];
                debug = wine[1];
        }
        argv = calloc((size_t)n + 3, sizeof *argv);
        if (!argv || !local || asprintf(&bus, "BGTASK_BUS=%s", confined ? CONFINED_BUS : broker->paths.bus) < 0 ||
            asprintf(&name, "BGTASK_PACKAGE=%s", server->package) < 0 ||
            asprintf(&folder, "BGTASK_LOCAL_FOLDER=%s", local) < 0)
                return -ENOMEM;
        if (loader)
                argv[first++] = loader;
        argv[first++] = exe->path;
        memcpy(argv + first, arguments, (size_t)n * sizeof *argv);
        if (confined) {
                r = broker_confine(broker, package, local, &confinement);
                if (r < 0)
                        return r;
        }
        r = launcher_spawn(broker->launcher,
                           &(LaunchSpec){
                                   .id = broker_server_log_id(server->package, server->id, log_id),
                                   .executable = argv[0],
                                   .argv = argv,
                                   .cwd = package->folder,
                                   .environment = (const char *const[]){ bus, name, folder, prefix, debug, NULL },
                                   .socket = true,
                                   .limits = broker_default_limits(broker),
                                   .confinement = confined ? &confinement.launch : NULL,
                                   .userdata = server,
                           },
                           &server->process, &step);
        if (r < 0)
                broker_log("%s: cannot %s for %s: %s", server->package, launch_step_to_string(step), exe->path,
                           strerror(-r));
        return r;
}

/* Its process, and its connection. */
static int start(Server *server, const Package *package, Uuid command)
{
        bool confined = uuid_is_null(command) && broker_package_is_confined(package);
        Broker *broker = server->broker;
        int fd, r = -ENOENT;

        if (!uuid_is_null(command))
                r = broker_command_spawn(broker, server, command);
        else if (package && package->manifest && server->exe_server < package->manifest->n_servers)
                r = spawn(broker, server, package);
        if (r < 0)
                return r;
        broker_memory_watch(broker, server->process);
        fd = process_take_fd(server->process);
        r = bus_add_server(broker->bus, fd, confined ? server->package : NULL, server, &server->peer);
        if (r < 0) {
                safe_close(fd);
                (void)process_signal_tree(server->process, SIGKILL);
        }
        return r;
}

static void tell_started(Server *server, int r)
{
        Broker *broker = server->broker;

        if (r >= 0)
                broker_server_record(broker, server);
        else
                broker_server_unrecord(broker, server);
        feed_spawn(broker, server, r);
        if (r < 0 && !server->process)
                broker_server_free(server);
}

static bool is_program_of_windows(const Package *package, uint32_t exe_server)
{
        return package && package->manifest && exe_server < package->manifest->n_servers &&
                package->manifest->servers[exe_server].is_pe;
}

void broker_server_launch(Broker *broker, uint64_t id, const char *package_name, uint32_t exe_server, Uuid command)
{
        const Package *package = broker_package_find(broker, package_name);
        Server *server = broker_server_new(broker, id, package_name, exe_server, true);
        int r;

        if (!server) {
                const Server nobody = { .id = id };

                feed_spawn(broker, &nobody, -ENOMEM);
                return;
        }
        server->memory_max = uuid_is_null(command) ? broker_default_limits(broker).memory_bytes
                                                   : broker_command_limits(broker, command).memory_bytes;
        /* Before it is there: if we are killed in between, the next broker looks for it. */
        broker_server_record(broker, server);
        if (uuid_is_null(command) && is_program_of_windows(package, exe_server)) {
                r = broker_wine_prepare(server, package);
                if (r <= 0)
                        broker_server_launch_on(server, r);
                return;
        }
        tell_started(server, start(server, package, command));
}

void broker_server_launch_on(Server *server, int error)
{
        const Package *package = broker_package_find(server->broker, server->package);

        /* The package may have become another one meanwhile. */
        if (error >= 0 && !is_program_of_windows(package, server->exe_server))
                error = -ENOENT;
        if (error >= 0)
                error = start(server, package, UUID_NULL);
        if (error >= 0)
                broker_wine_started(server, package);
        tell_started(server, error);
}

void broker_server_signal(Server *server, int number)
{
        if (!server->process || (number == SIGTERM && broker_wine_end(server)))
                return;
        (void)process_signal_tree(server->process, number);
}

static void feed_gone(Server *server, const ProcessResult *result)
{
        Event event = broker_event(server->broker, EVENT_SERVER_GONE, 0);

        if (server->told_gone)
                return;
        server->told_gone = true;
        event.process.server = server->id;
        if (result && (result->state == PROCESS_EXITED || result->state == PROCESS_KILLED)) {
                event.process.status_known = true;
                event.process.by_signal = result->state == PROCESS_KILLED;
                event.process.status = result->value;
        }
        if (result) {
                event.process.cpu_usec = result->cpu_usec;
                event.process.memory_bytes = result->max_rss_bytes;
        }
        broker_feed(server->broker, &event);
}

void broker_server_process_ended(Process *process, const ProcessResult *result, void *userdata)
{
        Server *server = process_userdata(process);
        Broker *broker = userdata;

        if (broker_failure_command_ended(broker, process, result) || broker_wine_host_ended(broker, process, result))
                return;
        /* What it wrote before it ended counts, whichever of the two the loop saw first. */
        if (server->peer)
                peer_read_dry(server->peer);
        if (server->peer) {
                peer_set_userdata(server->peer, NULL);
                server->peer = peer_free(server->peer);
        }
        server->ended = true;
        broker_wine_ended(server);
        broker_memory_ended(server);
        feed_gone(server, result);
        if (server->released)
                broker_server_free(server);
        broker_settle(broker);
}

static void on_linger(LoopSource *source, uint32_t events, void *userdata)
{
        const struct itimerspec again = { .it_value = timespec_from_usec(LINGER_USEC) };
        Server *server = userdata;
        Broker *broker = server->broker;
        uint64_t expirations;

        if (read(server->linger_fd, &expirations, sizeof expirations) < 0)
                return;
        broker_server_signal(server, server->told_to_exit ? SIGKILL : SIGTERM);
        server->told_to_exit = true;
        (void)timerfd_settime(server->linger_fd, 0, &again, NULL);
        feed_gone(server, NULL);
        broker_settle(broker);
}

void broker_server_give_up(Server *server)
{
        feed_gone(server, NULL);
}

/* Without its connection a launched server is of no use, but its exit status is still worth a moment. */
static int linger(Server *server)
{
        const struct itimerspec once = { .it_value = timespec_from_usec(LINGER_USEC) };

        server->linger_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (server->linger_fd < 0 || timerfd_settime(server->linger_fd, 0, &once, NULL) < 0)
                return -errno;
        return loop_add(&server->broker->loop, &server->linger_source, server->linger_fd, EPOLLIN, on_linger, server);
}

void broker_server_stay(Server *server)
{
        loop_remove(&server->broker->loop, &server->linger_source);
        server->linger_fd = safe_close(server->linger_fd);
}

void broker_server_peer_gone(Broker *broker, Peer *peer)
{
        Server *server = peer_userdata(peer);

        if (!server)
                return;
        server->peer = NULL;
        if (server->launched && server->process && !server->ended && !server->is_app && linger(server) >= 0)
                return;
        feed_gone(server, NULL);
        if (server->released)
                broker_server_free(server);
        broker_settle(broker);
}

void broker_server_released(Broker *broker, uint64_t id)
{
        Server *server = broker_server_find(broker, id);

        if (!server)
                return;
        server->released = true;
        broker_server_unrecord(broker, server);
        /* A process that still lives is kept until it ends, so that its output goes on into the log. */
        if (!server->process || server->ended)
                server->free_later = true;
}

/* Called when no effect refers to a server any more: from the main loop, between events. */
void broker_servers_collect(Broker *broker)
{
        list_for_each_safe(i, &broker->servers) {
                Server *server = list_entry(i, Server, node);

                if (server->free_later)
                        broker_server_free(server);
        }
}

static void sign(const Broker *broker, const char *id, char buf[static 33])
{
        uint8_t digest[SHA256_SIZE];

        hmac_sha256(broker->cookie_key, sizeof broker->cookie_key, id, strlen(id), digest);
        for (size_t i = 0; i < 16; i++)
                snprintf(buf + 2 * i, 3, "%02x", digest[i]);
}

void broker_server_cookie(const Broker *broker, uint64_t id, char buf[static SERVER_COOKIE_MAX])
{
        char text[20], signature[33];

        snprintf(text, sizeof text, "%" PRIx64, id);
        sign(broker, text, signature);
        snprintf(buf, SERVER_COOKIE_MAX, "%s.%s", text, signature);
}

int broker_server_check_cookie(const Broker *broker, const char *cookie, uint64_t *ret_id)
{
        char expected[SERVER_COOKIE_MAX], *end;
        unsigned char difference = 0;
        uint64_t id;

        errno = 0;
        id = strtoull(cookie, &end, 16);
        if (errno != 0 || end == cookie || *end != '.')
                return -EINVAL;
        broker_server_cookie(broker, id, expected);
        if (strlen(cookie) != strlen(expected))
                return -EINVAL;
        for (size_t i = 0; expected[i]; i++)
                difference |= (unsigned char)(expected[i] ^ cookie[i]);
        if (difference != 0)
                return -EINVAL;
        *ret_id = id;
        return 0;
}
