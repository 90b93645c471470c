/* SPDX-License-Identifier: MIT */

/* Requests of servers: each becomes an event in the name of the server that the connection is. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "broker/broker.h"

static Server *calling_server(Call *call)
{
        Server *server = peer_userdata(call_peer(call));

        if (!server || server->told_gone)
                bus_reply_error(call, ERROR_NOT_A_SERVER, "call Attach first");
        return server && !server->told_gone ? server : NULL;
}

/* A server that nobody launched: the process at the other end is watched, so that its end is known. */
static Server *attach_new(Broker *broker, Call *call, const char *package)
{
        pid_t pid = peer_credentials(call_peer(call))->pid;
        char log_id[SERVER_LOG_ID_MAX];
        Server *server;
        Event event;

        server = broker_server_new(broker, broker_new_server_id(broker), package, UINT32_MAX, false);
        if (!server)
                return NULL;
        if (pid > 0)
                (void)launcher_watch(broker->launcher, broker_server_log_id(package, server->id, log_id), pid, 0,
                                     server, &server->process);
        broker_server_record(broker, server);
        event = broker_event(broker, EVENT_SERVER_ATTACHED, 0);
        event.server.server = server->id;
        event.server.package = server->package;
        event.server.exe_server = UINT32_MAX;
        broker_feed(broker, &event);
        return server;
}

/* One that we or an earlier broker launched and that has not got its cookie is known by its process. */
static Server *launched_server(Broker *broker, pid_t pid)
{
        Server *found = NULL;
        uint64_t id;

        list_for_each(i, &broker->servers) {
                Server *server = list_entry(i, Server, node);

                if (server->launched && !server->ended && server->process && process_pid(server->process) == pid)
                        found = server;
        }
        if (!found)
                return NULL;
        id = found->id;
        /* It may have closed its other connection before it opened this one. */
        if (found->peer)
                peer_read_dry(found->peer);
        found = broker_server_find(broker, id);
        return found && !found->peer ? found : NULL;
}

static void bind_peer(Server *server, Peer *peer)
{
        if (server->peer && server->peer != peer) {
                peer_set_userdata(server->peer, NULL);
                peer_free(server->peer);
        }
        server->peer = peer;
        peer_set_userdata(peer, server);
        broker_server_stay(server);
}

static void reply_attached(Broker *broker, Call *call, const Server *server, bool known)
{
        _cleanup_(freep) char *folder = broker_package_local_folder(broker, server->package);
        char cookie[SERVER_COOKIE_MAX];
        Writer *w;

        broker_server_cookie(broker, server->id, cookie);
        w = bus_begin_reply(call);
        writer_open_array(w, "{sv}");
        writer_put_option_string(w, "cookie", cookie);
        writer_put_option_string(w, "package", server->package);
        writer_put_option_string(w, "local-folder", folder ?: "");
        writer_put_option_uint64(w, "server", server->id);
        writer_put_option_bool(w, "launched", server->launched);
        writer_put_option_bool(w, "known", known);
        writer_close(w);
        bus_send_reply(call);
}

/* The class objects that a server had offered before are not those that it offers now. */
static void suspend_classes(Broker *broker, const Server *server)
{
        Event event = broker_event(broker, EVENT_CLASSES_SUSPENDED, 0);

        event.process.server = server->id;
        event.process.suspended = true;
        broker_feed(broker, &event);
}

/*
 * A process that has been told its cookie and comes back without it has executed itself anew: what it ran is lost, and
 * nobody else would ever say how it ended. -ENOMEM: nothing was done.
 */
static int begin_anew(Broker *broker, const Server *server)
{
        size_t n = engine_get_counts(broker->engine).n_live + engine_get_counts(broker->engine).n_pending;
        _cleanup_(freep) RunInfo *runs = calloc(n + 1, sizeof *runs);

        if (!runs)
                return -ENOMEM;
        n = engine_get_runs(broker->engine, UUID_NULL, 0, runs, n);
        /* First, or the next firing of a task that lost its run would be sent to one of them. */
        suspend_classes(broker, server);
        for (size_t i = 0; i < n; i++) {
                Event event;

                if (runs[i].server != server->id)
                        continue;
                event = broker_event(broker, EVENT_RUN_COMPLETED, 0);
                event.run.server = server->id;
                event.run.run = runs[i].run;
                event.run.attempt = runs[i].attempt;
                event.run.detail = DETAIL_LOST;
                event.run.result = -ECONNRESET;
                broker_feed(broker, &event);
        }
        return 0;
}

static void on_attach(Call *call, const char *cookie, const char *package, void *userdata)
{
        Broker *broker = userdata;
        Server *server = peer_userdata(call_peer(call));
        uint64_t id;
        bool known;

        if (!server && cookie[0] && broker_server_check_cookie(broker, cookie, &id) >= 0)
                server = broker_server_find(broker, id);
        if (!server && !cookie[0]) {
                server = launched_server(broker, peer_credentials(call_peer(call))->pid);
                if (server && server->attached && begin_anew(broker, server) < 0) {
                        bus_reply_error(call, ERROR_NO_MEMORY, NULL);
                        return;
                }
        }
        if (server && peer_is_confined(call_peer(call)) &&
            strcmp(server->package, peer_package(call_peer(call))) != 0)
                server = NULL;
        known = server && !server->told_gone;
        if (!known) {
                package = control_find_package(broker, call, package);
                if (!package)
                        return;
                if (!broker_package_find(broker, package)) {
                        bus_reply_error(call, ERROR_NO_SUCH_PACKAGE, "no package %.128s is installed", package);
                        return;
                }
                server = attach_new(broker, call, package);
        }
        if (!server) {
                bus_reply_error(call, ERROR_NO_MEMORY, NULL);
                return;
        }
        bind_peer(server, call_peer(call));
        server->attached = true;
        reply_attached(broker, call, server, known);
}

static bool is_live(Broker *broker, const Server *server, const BusRun *run, const RunInfo *runs, size_t n_runs)
{
        for (size_t i = 0; i < n_runs; i++)
                if (uuid_equal(runs[i].run, run->run) && runs[i].attempt == run->attempt &&
                    runs[i].server == server->id)
                        return true;
        return false;
}

static void on_announce(Call *call, const BusRun *announced, size_t n, void *userdata)
{
        Broker *broker = userdata;
        size_t n_live = engine_get_counts(broker->engine).n_live + engine_get_counts(broker->engine).n_pending;
        _cleanup_(freep) EventRun *runs = calloc(n + 1, sizeof *runs);
        _cleanup_(freep) RunInfo *live = calloc(n_live + 1, sizeof *live);
        Server *server = calling_server(call);
        char text[UUID_STRING_MAX];
        Event event;
        Writer *w;

        if (!server)
                return;
        if (!runs || !live) {
                bus_reply_error(call, ERROR_NO_MEMORY, NULL);
                return;
        }
        n_live = engine_get_runs(broker->engine, UUID_NULL, 0, live, n_live);
        w = bus_begin_reply(call);
        writer_open_array(w, "(su)");
        for (size_t i = 0; i < n; i++) {
                runs[i] = (EventRun){ announced[i].run, announced[i].attempt };
                if (is_live(broker, server, &announced[i], live, n_live))
                        continue;
                writer_open_struct(w, "su");
                writer_put_string(w, uuid_format(announced[i].run, text));
                writer_put_uint32(w, announced[i].attempt);
                writer_close(w);
        }
        writer_close(w);
        bus_send_reply(call);
        event = broker_event(broker, EVENT_SERVER_ANNOUNCED, 0);
        event.process.server = server->id;
        event.process.runs = runs;
        event.process.n_runs = n;
        broker_feed(broker, &event);
}

/* Begins the event that a request of a server is; false if the caller is none, and was told so. */
static bool begin_event(Broker *broker, Call *call, EventType type, Event *ret_event, const Server **ret_server)
{
        const Server *server = calling_server(call);

        if (!server)
                return false;
        *ret_event = broker_event(broker, type, call_token(call));
        *ret_server = server;
        return true;
}

static void on_register_class(Call *call, Uuid clsid, uint32_t flags, void *userdata)
{
        const Server *server;
        Event event;

        if (!begin_event(userdata, call, EVENT_CLASS_REGISTERED, &event, &server))
                return;
        event.class_object.server = server->id;
        event.class_object.clsid = clsid;
        event.class_object.flags = flags;
        call_set_kind(call, KIND_CLASS);
        broker_feed(userdata, &event);
}

static void on_revoke_class(Call *call, uint32_t cookie, void *userdata)
{
        const Server *server;
        Event event;

        if (!begin_event(userdata, call, EVENT_CLASS_REVOKED, &event, &server))
                return;
        event.class_object.server = server->id;
        event.class_object.cookie = cookie;
        broker_feed(userdata, &event);
}

static void on_suspend_classes(Call *call, bool suspended, void *userdata)
{
        const Server *server;
        Event event;

        if (!begin_event(userdata, call, EVENT_CLASSES_SUSPENDED, &event, &server))
                return;
        event.process.server = server->id;
        event.process.suspended = suspended;
        broker_feed(userdata, &event);
}

static void on_become_app(Call *call, void *userdata)
{
        Broker *broker = userdata;
        Server *server = calling_server(call);
        Event event;

        if (!server)
                return;
        server->is_app = true;
        if (server->process && process_is_launched(server->process))
                process_release(server->process);
        broker_server_record(broker, server);
        event = broker_event(broker, EVENT_SERVER_BECAME_APP, 0);
        event.process.server = server->id;
        bus_reply_empty(call);
        broker_feed(broker, &event);
}

static void on_ask_to_go(Call *call, void *userdata)
{
        const Server *server;
        Event event;

        if (!begin_event(userdata, call, EVENT_ASK_TO_GO, &event, &server))
                return;
        event.process.server = server->id;
        call_set_kind(call, KIND_GO);
        broker_feed(userdata, &event);
}

static Event run_event(Broker *broker, Peer *peer, EventType type, BusRun run)
{
        const Server *server = peer_userdata(peer);
        Event event = broker_event(broker, type, 0);

        event.run.server = server ? server->id : 0;
        event.run.run = run.run;
        event.run.attempt = run.attempt;
        return event;
}

static void on_progress(Peer *peer, BusRun run, uint32_t progress, void *userdata)
{
        Event event = run_event(userdata, peer, EVENT_RUN_PROGRESS, run);

        event.run.progress = progress;
        if (event.run.server != 0)
                broker_feed(userdata, &event);
}

/* Of the supervisor of a command nobody wants to know; it says what the command used. */
static uint64_t used_cpu(const Server *server)
{
        bool supervises = server->exe_server == EXE_SERVER_COMMAND;

        return server->process && !supervises ? process_cpu_usec(server->process) : 0;
}

static void on_complete(Peer *peer, BusRun run, const BusCompletion *completion, void *userdata)
{
        Broker *broker = userdata;
        Server *server = peer_userdata(peer);
        Event event;

        if (!server)
                return;
        /* Before the time of the event is taken: what it printed before it completed lies in the range of the run. */
        if (server->process && server->launched)
                process_drain_output(server->process);
        event = run_event(broker, peer, EVENT_RUN_COMPLETED, run);
        event.run.cpu_usec = completion->cpu_usec ? completion->cpu_usec : used_cpu(server);
        event.run.memory_bytes = completion->memory_bytes;
        event.run.detail = completion->detail;
        event.run.result = completion->result;
        event.run.retry_after_usec = completion->retry_after_usec;
        broker_feed(broker, &event);
}

static void on_run_answered(Peer *peer, BusRun run, int error, const char *sentence, void *userdata)
{
        Broker *broker = userdata;
        Event event = run_event(broker, peer, error < 0 ? EVENT_RUN_REFUSED : EVENT_RUN_ACKNOWLEDGED, run);
        const Server *server = peer_userdata(peer);

        if (!server)
                return;
        if (error < 0)
                broker_log("%s: the server refused a run: %s", server->package, sentence);
        event.run.cpu_usec = used_cpu(server);
        if (server->process)
                process_settle(server->process);
        broker_write_release(broker);
        broker_feed(broker, &event);
}

static void on_gone(Peer *peer, void *userdata)
{
        broker_server_peer_gone(userdata, peer);
}

static void on_newcomers(int error, void *userdata)
{
        if (error < 0)
                broker_log("nobody can connect: %s", strerror(-error));
        else
                broker_log("whoever connects is served again");
}

void serve_set_handlers(BusHandlers *handlers)
{
        handlers->attach = on_attach;
        handlers->announce = on_announce;
        handlers->register_class = on_register_class;
        handlers->revoke_class = on_revoke_class;
        handlers->suspend_classes = on_suspend_classes;
        handlers->become_app = on_become_app;
        handlers->ask_to_go = on_ask_to_go;
        handlers->take_socket = on_take_socket;
        handlers->take_transferred_socket = on_take_transferred_socket;
        handlers->progress = on_progress;
        handlers->complete = on_complete;
        handlers->run_answered = on_run_answered;
        handlers->gone = on_gone;
        handlers->newcomers = on_newcomers;
}
