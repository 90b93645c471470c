/* SPDX-License-Identifier: MIT */

/* Requests that change nothing: lists of packages, registrations, runs, records and log lines. */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"


static BusTimes times(const Broker *broker)
{
        EngineTime now = clock_now(broker->clock);

        return (BusTimes){ now.boot_usec, now.real_usec };
}

static void put_class(Writer *w, const ManifestServer *server, const ManifestClass *class)
{
        char text[UUID_STRING_MAX];

        writer_open_struct(w, "ss");
        writer_put_string(w, uuid_format(class->clsid, text));
        writer_put_string(w, server->executable);
        writer_close(w);
}

/* What starts a server, for whoever wants to start one by hand. */
static void put_server(Writer *w, const ManifestServer *server)
{
        _cleanup_(freep) char **arguments = NULL;
        char text[UUID_STRING_MAX];

        writer_open_struct(w, "sasas");
        writer_put_string(w, server->path ? server->path : "");
        writer_open_array(w, "s");
        if (manifest_split_arguments(server->arguments, &arguments) >= 0)
                for (size_t i = 0; arguments[i]; i++)
                        writer_put_string(w, arguments[i]);
        writer_close(w);
        writer_open_array(w, "s");
        for (size_t i = 0; i < server->n_classes; i++)
                writer_put_string(w, uuid_format(server->classes[i].clsid, text));
        writer_close(w);
        writer_close(w);
}

void show_put_package(const Broker *broker, Writer *w, const Package *package)
{
        const Manifest *manifest = package->manifest;
        uint64_t since;

        writer_put_option_string(w, "version", manifest ? manifest->version : "");
        writer_put_option_string(w, "folder", package->folder);
        writer_put_option_string(w, "display-name", manifest ? manifest->display_name : "");
        if (manifest) {
                writer_put_option_string(w, "full-name", manifest->full_name);
                writer_put_option_string(w, "publisher", manifest->publisher);
        }
        writer_open_option(w, "classes", "a(ss)");
        writer_open_array(w, "(ss)");
        for (size_t i = 0; manifest && i < manifest->n_servers; i++)
                for (size_t j = 0; j < manifest->servers[i].n_classes; j++)
                        put_class(w, &manifest->servers[i], &manifest->servers[i].classes[j]);
        writer_close(w);
        writer_close(w);
        writer_close(w);
        writer_open_option(w, "servers", "a(sasas)");
        writer_open_array(w, "(sasas)");
        for (size_t i = 0; manifest && i < manifest->n_servers; i++)
                put_server(w, &manifest->servers[i]);
        writer_close(w);
        writer_close(w);
        writer_close(w);
        if (manifest)
                writer_put_option_bool(w, "full-trust", manifest->run_full_trust);
        writer_put_option_uint64(w, "installed", package->installed_real_usec);
        writer_put_option_uint32(w, "tasks", (uint32_t)engine_count_tasks(broker->engine, package->family));
        if (engine_get_package_pause(broker->engine, package->family, &since))
                writer_put_option_uint64(w, "paused-since", since);
        if (package->wine_prefix)
                writer_put_option_string(w, "wine-prefix", package->wine_prefix);
        if (package->problem)
                writer_put_option_string(w, "problem", package->problem);
}

/* The package that follows a name in alphabetical order. */
static const Package *next_package(Broker *broker, const char *after)
{
        const Package *next = NULL;

        list_for_each(i, &broker->packages) {
                const Package *package = list_entry(i, Package, node);

                if (package->token == 0 && strcmp(package->family, after) > 0 &&
                    (!next || strcmp(package->family, next->family) < 0))
                        next = package;
        }
        return next;
}

static void on_list_packages(Call *call, const char *cursor, uint32_t limit, void *userdata)
{
        Broker *broker = userdata;
        const Package *package = next_package(broker, cursor);
        Writer *w = bus_begin_reply(call);

        writer_open_array(w, "(sa{sv})");
        for (; package && limit > 0; limit--) {
                writer_open_struct(w, "sa{sv}");
                writer_put_string(w, package->family);
                writer_open_array(w, "{sv}");
                show_put_package(broker, w, package);
                writer_close(w);
                writer_close(w);
                cursor = package->family;
                package = next_package(broker, cursor);
        }
        writer_close(w);
        writer_put_string(w, package ? cursor : "");
        bus_send_reply(call);
}

static void on_list_tasks(Call *call, const char *package, const char *name, const char *group, const char *cursor,
                          uint32_t limit, void *userdata)
{
        Broker *broker = userdata;
        _cleanup_(freep) TaskInfo *tasks = calloc(limit, sizeof *tasks);
        BusTimes now = times(broker);
        char text[UUID_STRING_MAX];
        Uuid after = UUID_NULL;
        size_t n;
        Writer *w;

        if (cursor[0] && uuid_parse(cursor, &after) < 0) {
                bus_reply_error(call, ERROR_INVALID_ARGUMENT, "\"%.64s\" is not a cursor of this list", cursor);
                return;
        }
        if (strcmp(package, "*") == 0) {
                package = NULL;
        } else {
                package = control_find_package(broker, call, package);
                if (!package)
                        return;
        }
        if (!tasks) {
                bus_reply_error(call, ERROR_NO_MEMORY, NULL);
                return;
        }
        n = engine_list_tasks(broker->engine, package, name, group, after, tasks, limit);
        w = bus_begin_reply(call);
        writer_open_array(w, "(sssa{sv})");
        for (size_t i = 0; i < n; i++)
                bus_put_task(w, &tasks[i], &now, broker_push_endpoint(broker, &tasks[i]), true);
        writer_close(w);
        writer_put_string(w, n == limit ? uuid_format(tasks[n - 1].row.id, text) : "");
        bus_send_reply(call);
}

static void on_get_task(Call *call, Uuid task, void *userdata)
{
        Broker *broker = userdata;
        BusTimes now = times(broker);
        TaskInfo info;

        if (!engine_get_task(broker->engine, task, &info)) {
                bus_reply_error(call, ERROR_NO_SUCH_TASK, NULL);
                return;
        }
        bus_put_task(bus_begin_reply(call), &info, &now, broker_push_endpoint(broker, &info), false);
        bus_send_reply(call);
}

/* Where a list whose places are numbers goes on; false: the caller was told that this is no such place. */
static bool read_place(Call *call, const char *cursor, uint64_t *ret_place)
{
        char *end;

        *ret_place = strtoull(cursor, &end, 10);
        if (*end)
                bus_reply_error(call, ERROR_INVALID_ARGUMENT, "\"%.64s\" is not a cursor of this list", cursor);
        return !*end;
}

static void on_list_runs(Call *call, Uuid task, const char *cursor, uint32_t limit, void *userdata)
{
        Broker *broker = userdata;
        _cleanup_(freep) RunInfo *runs = calloc(limit, sizeof *runs);
        char next[24] = "";
        uint64_t after;
        Writer *w;
        size_t n;

        if (!read_place(call, cursor, &after))
                return;
        if (!runs) {
                bus_reply_error(call, ERROR_NO_MEMORY, NULL);
                return;
        }
        n = engine_get_runs(broker->engine, task, after, runs, limit);
        if (n == limit)
                snprintf(next, sizeof next, "%" PRIu64, runs[n - 1].order);
        w = bus_begin_reply(call);
        writer_open_array(w, "(sssa{sv})");
        for (size_t i = 0; i < n; i++) {
                const Server *server = runs[i].server ? broker_server_find(broker, runs[i].server) : NULL;

                bus_put_run(w, &runs[i], server && server->process ? process_pid(server->process) : 0);
        }
        writer_close(w);
        writer_put_string(w, next);
        bus_send_reply(call);
}

static void on_history(Call *call, const char *package, const char *task, const char *cursor, uint32_t limit,
                       void *userdata)
{
        Broker *broker = userdata;
        StoreHistoryQuery query = { .limit = limit };
        int r;

        if (task[0] && uuid_parse(task, &query.task) < 0) {
                bus_reply_error(call, ERROR_NO_SUCH_TASK, "\"%.64s\" is not the id of a task", task);
                return;
        }
        if (!task[0] && strcmp(package, "*") != 0) {
                query.package = control_find_package(broker, call, package);
                if (!query.package)
                        return;
        }
        if (!read_place(call, cursor, &query.before))
                return;
        r = broker_history_ask(broker, &query, call_token(call));
        if (r < 0)
                bus_reply_error(call, store_error(r), "the history cannot be read: %s", strerror(-r));
}

void show_history_read(const StoreHistoryPage *page, void *userdata)
{
        Broker *broker = userdata;
        Call *call = bus_find_call(broker->bus, page->token);
        char next[24] = "";
        Writer *w;

        if (!call)
                return;
        if (page->error < 0) {
                bus_reply_error(call, store_error(page->error), "the history cannot be read: %s",
                                strerror(-page->error));
                return;
        }
        /* The page of one run's log is asked for through the history as well. */
        if (call_kind(call) == KIND_LOG) {
                show_log_of_records(broker, call, page);
                return;
        }
        w = bus_begin_reply(call);
        writer_open_array(w, "(sssa{sv})");
        for (size_t i = 0; i < page->n_runs; i++)
                bus_put_record(w, &page->runs[i], true);
        writer_close(w);
        if (page->next > 0)
                snprintf(next, sizeof next, "%" PRIu64, page->next);
        writer_put_string(w, next);
        bus_send_reply(call);
}

static void on_watch(Call *call, const char *package, const char *task, bool on, void *userdata)
{
        Broker *broker = userdata;
        Uuid id = UUID_NULL;
        int r = 0;

        if (task[0] && uuid_parse(task, &id) < 0) {
                bus_reply_error(call, ERROR_NO_SUCH_TASK, "\"%.64s\" is not the id of a task", task);
                return;
        }
        if (task[0])
                package = "";
        else if (strcmp(package, "*") != 0)
                package = control_find_package(broker, call, package);
        if (!package)
                return;
        if (on)
                r = bus_watch(call_peer(call), package, id);
        else
                bus_unwatch(call_peer(call), package, id);
        if (r == -EDQUOT)
                bus_reply_error(call, ERROR_QUOTA_EXCEEDED, "a connection has at most 1000 subscriptions");
        else if (r < 0)
                bus_reply_error(call, error_from_errno(r), NULL);
        else
                bus_reply_empty(call);
}

void show_set_handlers(BusHandlers *handlers)
{
        handlers->list_packages = on_list_packages;
        handlers->list_tasks = on_list_tasks;
        handlers->get_task = on_get_task;
        handlers->list_runs = on_list_runs;
        handlers->history = on_history;
        handlers->watch = on_watch;
        handlers->read_log = on_read_log;
        handlers->why = on_why;
        handlers->status = on_status;
        handlers->plan = on_plan;
        handlers->import_environment = on_import_environment;
        handlers->list_sensors = on_list_sensors;
}
