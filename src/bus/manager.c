/* SPDX-License-Identifier: MIT */

/* org.bgtask.Manager1: requests of any client. */

#include <errno.h>
#include <string.h>

#include "bus/bus-internal.h"
#include "bus/details.h"

#define PAGE_MAX 1000
#define BATCH_MAX 10000

#define HANDLE(call, name, ...)                                                                 \
        do {                                                                                    \
                const BusHandlers *_h = (call)->peer->bus->config.handlers;                     \
                _h->name((call), __VA_ARGS__, _h->userdata);                                    \
        } while (0)

/* Answers what is wrong with the request; true if it was answered. */
static bool refused(Call *call, const Refusal *refusal)
{
        if (refusal->error == ERROR_NONE)
                return false;
        bus_reply_error(call, refusal->error, "%s", refusal->sentence);
        return true;
}

static uint32_t read_limit(Reader *r, Refusal *refusal)
{
        uint32_t limit = reader_get_uint32(r);

        if (limit < 1 || limit > PAGE_MAX)
                refuse(refusal, ERROR_INVALID_ARGUMENT, "a page holds 1 to %u entries, not %u", PAGE_MAX, limit);
        return limit;
}

static void on_open(Call *call, Reader *r)
{
        const char *package = reader_get_string(r), *program = NULL, *key, *type;
        Refusal refusal = { 0 };

        reader_open_array(r, "{sv}");
        while (reader_next_option(r, &key, &type)) {
                if (strcmp(key, "program") == 0 && strcmp(type, "s") == 0)
                        program = reader_get_string(r);
                else
                        refuse(&refusal, ERROR_INVALID_ARGUMENT, "there is no option \"%.64s\" of the type '%.16s'",
                               key, type);
        }
        reader_close(r);
        if (!refused(call, &refusal))
                HANDLE(call, open, package, program);
}

static void on_install(Call *call, Reader *r)
{
        BusInstall install = { .folder = reader_get_string(r) };
        Refusal refusal = { 0 };
        const char *key, *type;

        if (install.folder[0] != '/')
                refuse(&refusal, ERROR_INVALID_ARGUMENT, "\"%.128s\" is not an absolute path", install.folder);
        reader_open_array(r, "{sv}");
        while (reader_next_option(r, &key, &type)) {
                if (strcmp(key, "target-name") == 0 && strcmp(type, "s") == 0)
                        install.target_name = reader_get_string(r);
                else if (strcmp(key, "external-location") == 0 && strcmp(type, "s") == 0)
                        install.external_location = reader_get_string(r);
                else if (strcmp(key, "wine-prefix") == 0 && strcmp(type, "s") == 0)
                        install.wine_prefix = reader_get_string(r);
                else
                        refuse(&refusal, ERROR_INVALID_ARGUMENT, "there is no option \"%.64s\" of the type '%.16s'",
                               key, type);
        }
        if (install.wine_prefix && install.wine_prefix[0] != '/')
                refuse(&refusal, ERROR_INVALID_ARGUMENT, "\"%.128s\" is not an absolute path", install.wine_prefix);
        if (!refused(call, &refusal))
                HANDLE(call, install, &install);
}

static void on_remove(Call *call, Reader *r)
{
        HANDLE(call, remove, reader_get_string(r));
}

static void on_pause_package(Call *call, Reader *r)
{
        const char *package = reader_get_string(r);

        HANDLE(call, pause_package, package, reader_get_bool(r));
}

static void on_list_packages(Call *call, Reader *r)
{
        const char *cursor = reader_get_string(r);
        Refusal refusal = { 0 };
        uint32_t limit = read_limit(r, &refusal);

        if (!refused(call, &refusal))
                HANDLE(call, list_packages, cursor, limit);
}

static uint8_t read_if_exists(Reader *r, Refusal *refusal)
{
        const char *name = reader_get_string(r);
        int number = term_number(TERM_IF_EXISTS, name);

        if (number < 0)
                refuse(refusal, ERROR_INVALID_ARGUMENT,
                       "what to do if the name exists is fail, keep, update, replace or duplicate, not \"%.64s\"",
                       name);
        return number < 0 ? 0 : (uint8_t)number;
}

static void on_register(Call *call, Reader *r)
{
        BusRegistration registration = { 0 };
        Refusal refusal = { 0 };

        registration.spec.package = reader_get_string(r);
        registration.spec.name = reader_get_string(r);
        registration_read(r, &registration.spec, &registration.memory, &refusal);
        registration.if_exists = read_if_exists(r, &refusal);
        if (!refused(call, &refusal))
                HANDLE(call, register_task, &registration);
        registration_done(&registration.memory);
}

/* What cannot even be read refuses the whole batch; what the rules refuse is answered one by one. */
static void on_register_batch(Call *call, Reader *r)
{
        _cleanup_(freep) BusRegistration *registrations = NULL;
        const char *package = reader_get_string(r);
        Refusal refusal = { 0 };
        size_t n = 0;

        registrations = calloc(BATCH_MAX, sizeof *registrations);
        if (!registrations) {
                bus_reply_error(call, ERROR_NO_MEMORY, NULL);
                return;
        }
        reader_open_array(r, "(s(sa{sv})asa{sv}s)");
        while (reader_more(r)) {
                BusRegistration *registration;

                if (n == BATCH_MAX) {
                        refuse(&refusal, ERROR_INVALID_ARGUMENT, "a batch holds at most %u registrations", BATCH_MAX);
                        break;
                }
                registration = &registrations[n++];
                registration->spec.package = package;
                reader_open_struct(r, NULL);
                registration->spec.name = reader_get_string(r);
                registration_read(r, &registration->spec, &registration->memory, &refusal);
                registration->if_exists = read_if_exists(r, &refusal);
                reader_close(r);
        }
        reader_close(r);
        if (!refused(call, &refusal))
                HANDLE(call, register_batch, registrations, n);
        for (size_t i = 0; i < n; i++)
                registration_done(&registrations[i].memory);
}

/* Reads the task that a request is about; false if it is no id, and the caller was told so. */
static bool read_task(Call *call, Reader *r, Uuid *ret_task)
{
        Refusal refusal = { 0 };

        *ret_task = read_uuid(r, ERROR_NO_SUCH_TASK, &refusal);
        return !refused(call, &refusal);
}

static void on_unregister(Call *call, Reader *r)
{
        Uuid task;

        if (read_task(call, r, &task))
                HANDLE(call, unregister, task, reader_get_bool(r));
}

static void on_list_tasks(Call *call, Reader *r)
{
        const char *package = reader_get_string(r), *name = reader_get_string(r), *group = NULL, *cursor, *key, *type;
        Refusal refusal = { 0 };
        uint32_t limit;

        reader_open_array(r, "{sv}");
        while (reader_next_option(r, &key, &type)) {
                if (strcmp(key, "group") == 0 && strcmp(type, "s") == 0)
                        group = reader_get_string(r);
                else
                        refuse(&refusal, ERROR_INVALID_ARGUMENT, "there is no filter \"%.64s\" of the type '%.16s'",
                               key, type);
        }
        reader_close(r);
        cursor = reader_get_string(r);
        limit = read_limit(r, &refusal);
        if (!refused(call, &refusal))
                HANDLE(call, list_tasks, package, name[0] ? name : NULL, group, cursor, limit);
}

static void on_get_task(Call *call, Reader *r)
{
        Uuid task;

        if (read_task(call, r, &task))
                HANDLE(call, get_task, task);
}

static void on_why(Call *call, Reader *r)
{
        Uuid task;

        if (read_task(call, r, &task))
                HANDLE(call, why, task);
}

static void on_history(Call *call, Reader *r)
{
        const char *package = reader_get_string(r), *task = reader_get_string(r), *cursor = reader_get_string(r);
        Refusal refusal = { 0 };
        uint32_t limit = read_limit(r, &refusal);

        if (!refused(call, &refusal))
                HANDLE(call, history, package, task, cursor, limit);
}

static void on_list_runs(Call *call, Reader *r)
{
        const char *text = reader_get_string(r), *cursor = reader_get_string(r);
        Refusal refusal = { 0 };
        uint32_t limit = read_limit(r, &refusal);
        Uuid task = UUID_NULL;

        if (text[0] && uuid_parse(text, &task) < 0)
                refuse(&refusal, ERROR_NO_SUCH_TASK, "\"%.64s\" is not the id of a task", text);
        if (!refused(call, &refusal))
                HANDLE(call, list_runs, task, cursor, limit);
}

static void on_run(Call *call, Reader *r)
{
        Refusal refusal = { 0 };
        Uuid task = read_uuid(r, ERROR_NO_SUCH_TASK, &refusal);
        const char *key, *type;
        bool satisfied = false;

        reader_open_array(r, "{sv}");
        while (reader_next_option(r, &key, &type)) {
                if (strcmp(key, "satisfied") == 0 && strcmp(type, "b") == 0)
                        satisfied = reader_get_bool(r);
                else
                        refuse(&refusal, ERROR_INVALID_ARGUMENT, "there is no option \"%.64s\" of the type '%.16s'",
                               key, type);
        }
        if (!refused(call, &refusal))
                HANDLE(call, run, task, satisfied);
}

void read_details(Reader *r, const char *what, Buffer *details, Refusal *refusal)
{
        int result = details_marshal(r, details);

        if (result == -EMSGSIZE)
                refuse(refusal, ERROR_INVALID_ARGUMENT, "the %s are larger than %d bytes", what, DETAILS_MAX);
        else if (result < 0)
                refuse(refusal, error_from_errno(result), "the %s cannot be kept: %s", what, strerror(-result));
}

static void on_raise(Call *call, Reader *r)
{
        const char *id = reader_get_string(r);
        Refusal refusal = { 0 };
        Buffer details = { 0 };

        if (!id[0])
                refuse(&refusal, ERROR_INVALID_ARGUMENT, "an event has an id");
        read_details(r, "details", &details, &refusal);
        if (!refused(call, &refusal))
                HANDLE(call, raise, id, details.data, details.size);
        buffer_done(&details);
}

static void on_request(Call *call, Reader *r)
{
        Refusal refusal = { 0 };
        Uuid task = read_uuid(r, ERROR_NO_SUCH_TASK, &refusal);
        Buffer arguments = { 0 };

        read_details(r, "arguments", &arguments, &refusal);
        if (!refused(call, &refusal))
                HANDLE(call, request, task, arguments.data, arguments.size);
        buffer_done(&arguments);
}

static void on_transfer_socket(Call *call, Reader *r)
{
        Refusal refusal = { 0 };
        Uuid task = read_uuid(r, ERROR_NO_SUCH_TASK, &refusal);
        const char *id = reader_get_string(r), *key, *type;
        int fd = reader_get_fd(r, NULL);
        uint64_t keep_alive = 0;

        reader_open_array(r, "{sv}");
        while (reader_next_option(r, &key, &type))
                if (strcmp(key, "keep-alive") == 0 && strcmp(type, "t") == 0)
                        keep_alive = reader_get_uint64(r);
                else
                        refuse(&refusal, ERROR_INVALID_ARGUMENT, "there is no option \"%.64s\" of the type '%.16s'",
                               key, type);
        if (!refused(call, &refusal))
                HANDLE(call, transfer_socket, task, id, fd, keep_alive);
}

static void on_list_sockets(Call *call, Reader *r)
{
        Refusal refusal = { 0 };
        Uuid task = read_uuid(r, ERROR_NO_SUCH_TASK, &refusal);

        if (!refused(call, &refusal))
                HANDLE(call, list_sockets, task);
}

static uint32_t read_reason(Reader *r, Refusal *refusal)
{
        uint32_t reason = reader_get_uint32(r);

        if (reason > UINT8_MAX || !term_name(TERM_REASON, (int)reason))
                refuse(refusal, ERROR_INVALID_ARGUMENT, "there is no cancellation reason %u", reason);
        return reason;
}

static void on_cancel(Call *call, Reader *r)
{
        Refusal refusal = { 0 };
        Uuid task = read_uuid(r, ERROR_NO_SUCH_TASK, &refusal);
        uint32_t reason = read_reason(r, &refusal);

        if (!refused(call, &refusal))
                HANDLE(call, cancel, task, reason);
}

static void on_cancel_run(Call *call, Reader *r)
{
        Refusal refusal = { 0 };
        Uuid run = read_uuid(r, ERROR_NO_SUCH_RUN, &refusal);
        uint32_t reason = read_reason(r, &refusal);

        if (!refused(call, &refusal))
                HANDLE(call, cancel_run, run, reason);
}

static void on_pause(Call *call, Reader *r)
{
        Uuid task;

        if (read_task(call, r, &task))
                HANDLE(call, pause, task, reader_get_bool(r));
}

static void on_skip(Call *call, Reader *r)
{
        Uuid task;

        if (read_task(call, r, &task))
                HANDLE(call, skip, task, reader_get_bool(r));
}

static void on_watch(Call *call, Reader *r)
{
        const char *package = reader_get_string(r), *task = reader_get_string(r);

        HANDLE(call, watch, package, task, true);
}

static void on_unwatch(Call *call, Reader *r)
{
        const char *package = reader_get_string(r), *task = reader_get_string(r);

        HANDLE(call, watch, package, task, false);
}

static void on_read_log(Call *call, Reader *r)
{
        Refusal refusal = { 0 };
        Uuid task = read_uuid(r, ERROR_NO_SUCH_TASK, &refusal);
        const char *run = reader_get_string(r), *cursor = reader_get_string(r);
        uint32_t limit = read_limit(r, &refusal);

        if (!refused(call, &refusal))
                HANDLE(call, read_log, task, run, cursor, limit);
}

static void on_status(Call *call, Reader *r)
{
        const BusHandlers *handlers = call->peer->bus->config.handlers;

        handlers->status(call, handlers->userdata);
}

static void on_list_sensors(Call *call, Reader *r)
{
        const BusHandlers *handlers = call->peer->bus->config.handlers;

        handlers->list_sensors(call, handlers->userdata);
}

static void on_shutdown(Call *call, Reader *r)
{
        Refusal refusal = { 0 };
        uint32_t reason = read_reason(r, &refusal);

        if (!refused(call, &refusal))
                HANDLE(call, shutdown, reason);
}

void manager_get_property(void *context, unsigned property, Writer *w)
{
        const Peer *peer = context;

        writer_put_string(w, peer->bus->config.version);
}

DEFINE_HANDLER(on_open);
DEFINE_HANDLER(on_install);
DEFINE_HANDLER(on_remove);
DEFINE_HANDLER(on_list_packages);
DEFINE_HANDLER(on_pause_package);
DEFINE_HANDLER(on_register);
DEFINE_HANDLER(on_register_batch);
DEFINE_HANDLER(on_unregister);
DEFINE_HANDLER(on_list_tasks);
DEFINE_HANDLER(on_get_task);
DEFINE_HANDLER(on_why);
DEFINE_HANDLER(on_history);
DEFINE_HANDLER(on_list_runs);
DEFINE_HANDLER(on_run);
DEFINE_HANDLER(on_raise);
DEFINE_HANDLER(on_transfer_socket);
DEFINE_HANDLER(on_list_sockets);
DEFINE_HANDLER(on_request);
DEFINE_HANDLER(on_cancel);
DEFINE_HANDLER(on_cancel_run);
DEFINE_HANDLER(on_pause);
DEFINE_HANDLER(on_skip);
DEFINE_HANDLER(on_watch);
DEFINE_HANDLER(on_unwatch);
DEFINE_HANDLER(on_read_log);
DEFINE_HANDLER(on_status);
DEFINE_HANDLER(on_list_sensors);
DEFINE_HANDLER(manager_import_environment);
DEFINE_HANDLER(manager_plan);
DEFINE_HANDLER(on_shutdown);

const DispatchHandler manager_handlers[_MANAGER1_METHOD_MAX] = {
        [MANAGER1_METHOD_OPEN] = on_open_call,
        [MANAGER1_METHOD_INSTALL_PACKAGE] = on_install_call,
        [MANAGER1_METHOD_REMOVE_PACKAGE] = on_remove_call,
        [MANAGER1_METHOD_LIST_PACKAGES] = on_list_packages_call,
        [MANAGER1_METHOD_PAUSE_PACKAGE] = on_pause_package_call,
        [MANAGER1_METHOD_REGISTER] = on_register_call,
        [MANAGER1_METHOD_REGISTER_BATCH] = on_register_batch_call,
        [MANAGER1_METHOD_UNREGISTER] = on_unregister_call,
        [MANAGER1_METHOD_LIST_TASKS] = on_list_tasks_call,
        [MANAGER1_METHOD_GET_TASK] = on_get_task_call,
        [MANAGER1_METHOD_WHY] = on_why_call,
        [MANAGER1_METHOD_HISTORY] = on_history_call,
        [MANAGER1_METHOD_LIST_RUNS] = on_list_runs_call,
        [MANAGER1_METHOD_RUN] = on_run_call,
        [MANAGER1_METHOD_REQUEST] = on_request_call,
        [MANAGER1_METHOD_RAISE] = on_raise_call,
        [MANAGER1_METHOD_TRANSFER_SOCKET] = on_transfer_socket_call,
        [MANAGER1_METHOD_LIST_SOCKETS] = on_list_sockets_call,
        [MANAGER1_METHOD_CANCEL] = on_cancel_call,
        [MANAGER1_METHOD_CANCEL_RUN] = on_cancel_run_call,
        [MANAGER1_METHOD_PAUSE] = on_pause_call,
        [MANAGER1_METHOD_SKIP] = on_skip_call,
        [MANAGER1_METHOD_WATCH] = on_watch_call,
        [MANAGER1_METHOD_UNWATCH] = on_unwatch_call,
        [MANAGER1_METHOD_READ_LOG] = on_read_log_call,
        [MANAGER1_METHOD_STATUS] = on_status_call,
        [MANAGER1_METHOD_LIST_SENSORS] = on_list_sensors_call,
        [MANAGER1_METHOD_IMPORT_ENVIRONMENT] = manager_import_environment_call,
        [MANAGER1_METHOD_PLAN] = manager_plan_call,
        [MANAGER1_METHOD_SHUTDOWN] = on_shutdown_call,
};
