/* SPDX-License-Identifier: MIT */

/* Requests that change something: each becomes an event, and the engine's reply becomes the caller's. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/settings.h"
#include "base/socket-address.h"
#include "broker/broker.h"
#include "broker/confine.h"
#include "calendar/calendar.h"

/* DeviceTriggerResult as Windows numbers it. */
enum {
        DEVICE_ALLOWED,
        DEVICE_DENIED_BY_USER,
        DEVICE_DENIED_BY_SYSTEM,
        DEVICE_LOW_BATTERY,
};

/* Tokens of a batch's registrations: this bit, the batch and the index. Those of calls never reach it. */
#define BATCH_BIT (UINT64_C(1) << 63)
#define BATCH_INDEX_BITS 16

typedef struct BatchResult {
        Uuid task;
        bool existed;
        Error error;
} BatchResult;

struct Batch {
        ListNode node;
        uint64_t number;
        uint64_t token; /* of the call */
        size_t n;
        size_t n_left;
        BatchResult results[];
};

/* The executable of whoever is at the other end of a connection. */
static int read_executable(const Call *call, char *buf, size_t size)
{
        char link[32];
        ssize_t n;

        snprintf(link, sizeof link, "/proc/%d/exe", (int)peer_credentials(call_peer(call))->pid);
        n = readlink(link, buf, size - 1);
        if (n < 0)
                return -errno;
        buf[n] = '\0';
        return 0;
}

/* The package of whoever is at the other end, by its file; NULL. */
static const Package *package_of_program(Broker *broker, Call *call, const char *program)
{
        char path[4096];

        if (program)
                return broker_package_of_executable(broker, program);
        return read_executable(call, path, sizeof path) < 0 ? NULL : broker_package_of_executable(broker, path);
}

const char *control_find_package(Broker *broker, Call *call, const char *name)
{
        const Server *server = peer_userdata(call_peer(call));
        const Package *package;

        if (name[0])
                return name;
        if (peer_package(call_peer(call))[0])
                return peer_package(call_peer(call));
        if (server)
                return server->package;
        package = package_of_program(broker, call, NULL);
        if (package)
                return package->family;
        bus_reply_error(call, ERROR_NO_IDENTITY, NULL);
        return NULL;
}

static void on_open(Call *call, const char *name, const char *program, void *userdata)
{
        Broker *broker = userdata;
        _cleanup_(freep) char *folder = NULL;
        TaskInfo task;
        Writer *w;

        /* What only commands are listed under is a package to those who look. */
        if (name[0] && !broker_package_find(broker, name) &&
            engine_list_tasks(broker->engine, name, NULL, NULL, UUID_NULL, &task, 1) == 0) {
                bus_reply_error(call, ERROR_NO_SUCH_PACKAGE, "no package %.128s is installed", name);
                return;
        }
        if (!name[0] && peer_is_confined(call_peer(call)))
                name = peer_package(call_peer(call));
        if (!name[0]) {
                const Server *server = peer_userdata(call_peer(call));
                const Package *package = server ? NULL : package_of_program(broker, call, program);

                name = server ? server->package : package ? package->family : "";
        }
        if (!peer_is_confined(call_peer(call)) && peer_set_package(call_peer(call), name) < 0) {
                bus_reply_error(call, ERROR_NO_MEMORY, NULL);
                return;
        }
        folder = name[0] ? broker_package_local_folder(broker, name) : NULL;
        w = bus_begin_reply(call);
        writer_open_array(w, "{sv}");
        writer_put_option_string(w, "package", name);
        writer_put_option_string(w, "local-folder", folder ?: "");
        writer_put_option_string(w, "version", BGTASK_VERSION);
        writer_put_option_bool(w, "test-clock", clock_is_test(broker->clock));
        writer_put_option_bool(w, "system", broker->options.paths.system);
        writer_close(w);
        bus_send_reply(call);
}

static void on_install(Call *call, const BusInstall *install, void *userdata)
{
        call_set_kind(call, KIND_INSTALL);
        broker_package_install(userdata, call, install);
}

static void on_remove(Call *call, const char *package, void *userdata)
{
        Broker *broker = userdata;
        Event event = broker_event(broker, EVENT_REMOVE, call_token(call));
        const Package *found = broker_package_find(broker, package);

        if (found && found_is_there(broker->found, found)) {
                bus_reply_error(call, ERROR_PACKAGE_FOUND, "the package %s is found in %s and would be back at once",
                                package, found->folder);
                return;
        }
        event.package.name = package;
        call_set_kind(call, KIND_REMOVE);
        broker_package_mark_removing(broker, package, call_token(call));
        broker_feed(broker, &event);
}

static void feed_register(Broker *broker, uint64_t token, const BusRegistration *registration, const char *package)
{
        TaskSpec spec = registration->spec;
        PushTexts texts;
        Event event;

        for (uint32_t i = 0; i <= spec.n_more; i++)
                if (spec_trigger(&spec, i)->kind == TRIGGER_CALENDAR)
                        (void)broker_zone_need(broker, spec_trigger(&spec, i)->text);
        event = broker_event(broker, EVENT_REGISTER, token);

        spec.package = package;
        broker_push_fill(broker, &spec, registration->if_exists, &texts);
        event.reg.spec = &spec;
        event.reg.if_exists = registration->if_exists;
        broker_feed(broker, &event);
}

static const char *explain_trigger(const Trigger *trigger)
{
        if (trigger->kind == TRIGGER_INTERVAL && trigger->period_usec < USEC_PER_SEC)
                return "the period of an interval is 1 s or more";
        if (trigger->kind == TRIGGER_INTERVAL && trigger->window_usec > trigger->period_usec)
                return "the window of an interval is not longer than its period";
        if (trigger->kind == TRIGGER_CUSTOM_SYSTEM_EVENT && (!trigger->text || !trigger->text[0]))
                return "a CustomSystemEventTrigger needs an id";
        if (trigger->kind == TRIGGER_SYSTEM && trigger->system_type == 0)
                return "a SystemTrigger needs a type";
        if (trigger->kind == TRIGGER_CALENDAR)
                return "the calendar expression does not come again before the year 2200";
        return NULL;
}

/* What is wrong with the numbers of a registration, if the engine says that something is. */
static const char *explain_bounds(const TaskSpec *spec)
{
        const char *sentence = NULL;

        for (uint32_t i = 1; i <= spec->n_more; i++)
                for (uint32_t j = 0; j < i; j++)
                        if (engine_triggers_are_alike(spec_trigger(spec, i), spec_trigger(spec, j)))
                                return "two of the triggers are alike";
        for (uint32_t i = 0; i <= spec->n_more && !sentence; i++)
                sentence = explain_trigger(spec_trigger(spec, i));
        return sentence ?: "a period, window or other time of the registration is longer than 100 years";
}

/* The engine answers with a code; here is the sentence, in case that the class or a number is what is wrong. */
static void note_registration(Broker *broker, Call *call, const char *package, const TaskSpec *spec)
{
        const Package *p = broker_package_find(broker, package);
        char sentence[1024];

        if (p && p->manifest && !uuid_is_null(spec->clsid) && !manifest_find_class(p->manifest, spec->clsid, NULL)) {
                broker_package_explain_class(broker, package, spec->clsid, sentence, sizeof sentence);
                call_set_note(call, sentence);
        }
        call_set_hint(call, explain_bounds(spec));
}

/* A command belongs to no package unless one is named. */
static const char *package_of(Broker *broker, Call *call, const TaskSpec *spec)
{
        const char *opened = peer_package(call_peer(call));

        if (!spec->command)
                return control_find_package(broker, call, spec->package);
        return spec->package[0] ? spec->package : opened[0] ? opened : "commands";
}

/* An address of the network, and a capability that lets the package itself listen there. */
static bool may_listen(Broker *broker, const Call *call, const char *text)
{
        const Package *package = broker_package_find(broker, peer_package(call_peer(call)));
        const char *const names[] = { "internetClientServer", "privateNetworkClientServer" };

        if (!package || strncmp(text, "unix:", 5) == 0)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (broker_package_has_capability(package, names[i]))
                        return true;
        return false;
}

static const char *trigger_beyond(Broker *broker, const Call *call, const Trigger *trigger)
{
        if (trigger_is_files(trigger->kind))
                return "have files watched";
        if (trigger->kind == TRIGGER_DEVICE_CONNECTION_CHANGE || trigger->kind == TRIGGER_DEVICE_WATCHER)
                return "have devices watched";
        if (trigger->kind == TRIGGER_TOAST_ACTION || trigger->kind == TRIGGER_TOAST_HISTORY_CHANGED)
                return "hear of notifications";
        /* What is handed over the package had before. */
        if (trigger->kind == TRIGGER_SOCKET_ACTIVITY && strcmp(trigger->text, SOCKET_TRANSFERRED) != 0 &&
            !may_listen(broker, call, trigger->text))
                return "have a socket held without a capability for servers (privateNetworkClientServer)";
        return NULL;
}

/*
 * What a confined package registers runs confined; a command would not, and the broker would tell it of files that it
 * may not see. True if the caller was told so.
 */
static bool reaches_beyond(Broker *broker, Call *call, const TaskSpec *spec)
{
        char sentence[160];
        const char *what = NULL;

        if (!peer_is_confined(call_peer(call)))
                return false;
        if (spec->command)
                what = "register a command";
        else if (settings_has(spec->options, "on-failure"))
                what = "have a command run";
        for (uint32_t i = 0; i <= spec->n_more && !what; i++)
                what = trigger_beyond(broker, call, spec_trigger(spec, i));
        if (!what)
                return false;
        snprintf(sentence, sizeof sentence, "a confined package may not %s", what);
        bus_reply_error_with(call, ERROR_ACCESS_DENIED, sentence,
                             "let its user register the task, or give the package the capability runFullTrust");
        return true;
}

/* What the engine refuses, too, is answered here where there is a sentence for it. */
static bool refuse_trigger(Broker *broker, Call *call, const TaskSpec *spec, const Trigger *trigger)
{
        const char *text = trigger->text ?: "";
        CalendarError error;
        Calendar calendar;

        if (spec->command && trigger->kind == TRIGGER_SOCKET_ACTIVITY) {
                bus_reply_error_with(call, ERROR_TRIGGER_NOT_SUPPORTED,
                                     "a command is given no socket, so SocketActivityTrigger cannot run one",
                                     "register a class of a package for it, or let systemd hold the socket");
                return true;
        }
        if (trigger->kind != TRIGGER_CALENDAR)
                return false;
        if (calendar_parse(text, &calendar, &error) < 0) {
                bus_reply_error(call, ERROR_INVALID_ARGUMENT, "\"%.255s\", character %zu: %s", text,
                                error.position + 1, error.sentence);
                return true;
        }
        if (broker_zone_need(broker, text))
                return false;
        bus_reply_error(call, ERROR_INVALID_ARGUMENT, "there is no time zone %s in /usr/share/zoneinfo",
                        calendar.zone[0] ? calendar.zone : "for this machine");
        return true;
}

static bool refuse_any_trigger(Broker *broker, Call *call, const TaskSpec *spec)
{
        for (uint32_t i = 0; i <= spec->n_more; i++)
                if (refuse_trigger(broker, call, spec, spec_trigger(spec, i)))
                        return true;
        return false;
}

static void on_register(Call *call, const BusRegistration *registration, void *userdata)
{
        Broker *broker = userdata;
        const char *package;
        unsigned n_sockets = 0;

        if (reaches_beyond(broker, call, &registration->spec))
                return;
        package = package_of(broker, call, &registration->spec);
        if (!package || refuse_any_trigger(broker, call, &registration->spec) ||
            broker_package_refuse_trigger(broker, call, package, &registration->spec) ||
            broker_sockets_refuse(broker, call, package, &registration->spec, &n_sockets))
                return;
        call_set_kind(call, KIND_REGISTER);
        note_registration(broker, call, package, &registration->spec);
        feed_register(broker, call_token(call), registration, package);
}

static void on_register_batch(Call *call, const BusRegistration *registrations, size_t n, void *userdata)
{
        Broker *broker = userdata;
        const char *package = "";
        unsigned n_sockets = 0;
        uint64_t number;
        Batch *batch;

        for (size_t i = 0; i < n; i++)
                if (reaches_beyond(broker, call, &registrations[i].spec))
                        return;
        /* Those that are no commands have one package, or none of them can be registered. */
        for (size_t i = 0; i < n && package && !package[0]; i++)
                if (!registrations[i].spec.command)
                        package = control_find_package(broker, call, registrations[i].spec.package);
        if (!package)
                return;
        for (size_t i = 0; i < n; i++)
                if (broker_package_refuse_trigger(broker, call,
                                                registrations[i].spec.command
                                                        ? package_of(broker, call, &registrations[i].spec)
                                                        : package,
                                                &registrations[i].spec) ||
                    broker_sockets_refuse(broker, call, package, &registrations[i].spec, &n_sockets))
                        return;
        batch = calloc(1, sizeof *batch + n * sizeof batch->results[0]);
        if (!batch) {
                bus_reply_error(call, ERROR_NO_MEMORY, NULL);
                return;
        }
        number = ++broker->last_batch & ((UINT64_C(1) << 46) - 1);
        batch->number = number;
        batch->token = call_token(call);
        batch->n = n;
        batch->n_left = n + 1; /* one for ourselves, so that it is not answered before the last one was fed */
        list_append(&broker->batches, &batch->node);
        for (size_t i = 0; i < n; i++)
                feed_register(broker, BATCH_BIT | number << BATCH_INDEX_BITS | i, &registrations[i],
                              registrations[i].spec.command ? package_of(broker, call, &registrations[i].spec)
                                                            : package);
        batch_step(broker, batch);
}

static void on_unregister(Call *call, Uuid task, bool cancel_running, void *userdata)
{
        Broker *broker = userdata;
        Event event = broker_event(broker, EVENT_UNREGISTER, call_token(call));

        event.task.task = task;
        event.task.cancel = cancel_running;
        broker_feed(broker, &event);
}

static void on_run(Call *call, Uuid task, bool satisfied, void *userdata)
{
        Broker *broker = userdata;
        Event event = broker_event(broker, EVENT_RUN_NOW, call_token(call));

        event.task.task = task;
        event.task.forced = !satisfied;
        call_set_kind(call, KIND_RUN);
        broker_feed(broker, &event);
}

static bool is_of_device(const Broker *broker, Uuid task)
{
        TaskInfo info;

        if (!engine_get_task(broker->engine, task, &info))
                return false;
        for (uint32_t i = 0; i <= info.row.spec.n_more; i++) {
                uint8_t kind = spec_trigger(&info.row.spec, i)->kind;

                if (trigger_is_requested(kind))
                        return trigger_is_of_device(kind);
        }
        return false;
}

static void on_request(Call *call, Uuid task, const void *arguments, size_t n_arguments, void *userdata)
{
        Broker *broker = userdata;
        Event event = broker_event(broker, EVENT_REQUEST, call_token(call));

        event.task.task = task;
        event.task.details = arguments;
        event.task.n_details = n_arguments;
        call_set_kind(call, is_of_device(broker, task) ? KIND_REQUEST_OF_DEVICE : KIND_REQUEST);
        call_set_hint(call, "the task has no ApplicationTrigger, so that nothing can be requested of it");
        broker_feed(broker, &event);
}

static void on_raise(Call *call, const char *id, const void *details, size_t n_details, void *userdata)
{
        Broker *broker = userdata;
        Event event = broker_event(broker, EVENT_RAISE, 0);
        size_t listeners = engine_count_listeners(broker->engine, TRIGGER_CUSTOM_SYSTEM_EVENT, id);
        Writer *w;

        event.raise.kind = TRIGGER_CUSTOM_SYSTEM_EVENT;
        event.raise.text = id;
        event.raise.details = details;
        event.raise.n_details = n_details;
        broker_feed(broker, &event);
        w = bus_begin_reply(call);
        writer_put_uint32(w, (uint32_t)MIN(listeners, (size_t)UINT32_MAX));
        bus_send_reply(call);
}

static void on_cancel(Call *call, Uuid task, uint32_t reason, void *userdata)
{
        Broker *broker = userdata;
        Event event = broker_event(broker, EVENT_CANCEL, call_token(call));

        event.task.task = task;
        event.task.reason = (uint8_t)reason;
        call_set_kind(call, KIND_CANCEL);
        broker_feed(broker, &event);
}

static void on_cancel_run(Call *call, Uuid run, uint32_t reason, void *userdata)
{
        Broker *broker = userdata;
        Event event = broker_event(broker, EVENT_CANCEL_RUN, call_token(call));

        event.run.run = run;
        event.run.reason = (uint8_t)reason;
        broker_feed(broker, &event);
}

static void on_pause(Call *call, Uuid task, bool paused, void *userdata)
{
        Broker *broker = userdata;
        Event event = broker_event(broker, EVENT_PAUSE, call_token(call));

        event.task.task = task;
        event.task.paused = paused;
        broker_feed(broker, &event);
}

static void on_pause_package(Call *call, const char *package, bool paused, void *userdata)
{
        Broker *broker = userdata;
        Event event = broker_event(broker, EVENT_PAUSE_PACKAGE, call_token(call));

        event.package.name = package;
        event.package.paused = paused;
        broker_feed(broker, &event);
}

static void on_skip(Call *call, Uuid task, bool skip, void *userdata)
{
        Broker *broker = userdata;
        Event event = broker_event(broker, EVENT_SKIP, call_token(call));

        event.task.task = task;
        event.task.skip = skip;
        broker_feed(broker, &event);
}

static void on_shutdown(Call *call, uint32_t reason, void *userdata)
{
        Broker *broker = userdata;

        /* The answer is that it is over. Who asks while another waits for that is answered at once. */
        if (broker->shutting_down)
                bus_reply_empty(call);
        else
                broker->shutdown_token = call_token(call);
        broker_shut_down(broker, (uint8_t)reason);
}

void batch_step(Broker *broker, Batch *batch)
{
        char text[UUID_STRING_MAX];
        Call *call;
        Writer *w;

        if (--batch->n_left > 0)
                return;
        call = bus_find_call(broker->bus, batch->token);
        if (call) {
                w = bus_begin_reply(call);
                writer_open_array(w, "(sbss)");
                for (size_t i = 0; i < batch->n; i++) {
                        const BatchResult *result = &batch->results[i];
                        const ErrorInfo *error = result->error == ERROR_NONE ? NULL : error_info(result->error);

                        writer_open_struct(w, "sbss");
                        writer_put_string(w, error ? "" : uuid_format(result->task, text));
                        writer_put_bool(w, result->existed);
                        writer_put_string(w, error ? error->dbus_name : "");
                        writer_put_string(w, error ? error->sentence : "");
                        writer_close(w);
                }
                writer_close(w);
                bus_send_reply(call);
        }
        list_remove(&batch->node);
        free(batch);
}

static void reply_to_batch(Broker *broker, const Effect *effect)
{
        uint64_t number = (effect->reply.token & ~BATCH_BIT) >> BATCH_INDEX_BITS;
        size_t index = effect->reply.token & ((1 << BATCH_INDEX_BITS) - 1);

        list_for_each(i, &broker->batches) {
                Batch *batch = list_entry(i, Batch, node);

                if (batch->number != number)
                        continue;
                if (index < batch->n)
                        batch->results[index] =
                                (BatchResult){ effect->reply.id, effect->reply.existed, effect->reply.error };
                batch_step(broker, batch);
                return;
        }
}

static void reply_error(Broker *broker, Call *call, const Effect *effect)
{
        Error error = effect->reply.error;

        if (error == ERROR_CLASS_NOT_REGISTERED && call_note(call)) {
                bus_reply_error(call, error, "%s", call_note(call));
        } else if (error == ERROR_INVALID_ARGUMENT && call_hint(call)) {
                bus_reply_error(call, error, "%s", call_hint(call));
        } else if (effect->reply.store_error < 0) {
                bus_reply_error(call, store_error(effect->reply.store_error), "the state could not be written: %s",
                                strerror(-effect->reply.store_error));
        } else if (error == ERROR_QUOTA_EXCEEDED && effect->reply.limit == 1) {
                bus_reply_error(call, error, "the package has reached its limit of %u registrations",
                                engine_default_limits.registrations_per_package);
        } else if (error == ERROR_QUOTA_EXCEEDED) {
                bus_reply_error(call, error, "the task's queue is full: it holds %u firings",
                                engine_default_limits.pending_per_task);
        } else {
                bus_reply_error(call, error, NULL);
        }
}

static void reply_installed(const Broker *broker, const Package *package, Call *call)
{
        Writer *w = bus_begin_reply(call);

        writer_put_string(w, package->family);
        writer_open_array(w, "{sv}");
        show_put_package(broker, w, package);
        writer_close(w);
        bus_send_reply(call);
}

/* DeviceTriggerResult: who pauses a task is its user, and all else is the system. */
static uint32_t result_of_device(const Effect *effect)
{
        if (effect->reply.result == RESULT_ALLOWED)
                return DEVICE_ALLOWED;
        if (effect->reply.result == RESULT_LOW_BATTERY)
                return DEVICE_LOW_BATTERY;
        return effect->reply.error == ERROR_PAUSED ? DEVICE_DENIED_BY_USER : DEVICE_DENIED_BY_SYSTEM;
}

static void reply_value(Call *call, const Effect *effect)
{
        Writer *w = bus_begin_reply(call);
        char text[UUID_STRING_MAX];

        switch (call_kind(call)) {
        case KIND_REGISTER:
                writer_put_string(w, uuid_format(effect->reply.id, text));
                writer_put_bool(w, effect->reply.existed);
                break;
        case KIND_RUN:
                writer_put_string(w, uuid_format(effect->reply.id, text));
                break;
        case KIND_REQUEST:
        case KIND_REQUEST_OF_DEVICE:
                writer_put_uint32(w, call_kind(call) == KIND_REQUEST ? effect->reply.result
                                                                    : result_of_device(effect));
                writer_put_string(w, uuid_is_null(effect->reply.id) ? "" : uuid_format(effect->reply.id, text));
                break;
        case KIND_CANCEL:
        case KIND_CLASS:
                writer_put_uint32(w, effect->reply.number);
                break;
        case KIND_GO:
                writer_put_bool(w, effect->reply.number != 0);
                break;
        default:
                break;
        }
        bus_send_reply(call);
}

/* That a request was not accepted, as ApplicationTriggerResult has it, is an answer and no error. */
static bool is_result(const Call *call, const Effect *effect)
{
        return (call_kind(call) == KIND_REQUEST || call_kind(call) == KIND_REQUEST_OF_DEVICE) &&
               (effect->reply.result == RESULT_CURRENTLY_RUNNING || effect->reply.result == RESULT_DISABLED_BY_POLICY);
}

void control_reply(Broker *broker, const Effect *effect)
{
        const Package *package = NULL;
        Call *call;

        if (effect->reply.token & BATCH_BIT) {
                reply_to_batch(broker, effect);
                return;
        }
        if (effect->reply.token & PUSH_BIT) {
                broker_push_answered(broker, effect->reply.token, effect->reply.error);
                return;
        }
        call = bus_find_call(broker->bus, effect->reply.token);
        /* A package is in force whether its installer is still there to hear of it or not. */
        package = broker_package_commit(broker, effect->reply.token, effect->reply.error);
        broker_package_end_removing(broker, effect->reply.token, effect->reply.error);
        if (!call)
                return;
        if (effect->reply.error != ERROR_NONE && !is_result(call, effect))
                reply_error(broker, call, effect);
        else if (package)
                reply_installed(broker, package, call);
        else
                reply_value(call, effect);
}

void control_set_handlers(BusHandlers *handlers)
{
        handlers->open = on_open;
        handlers->install = on_install;
        handlers->remove = on_remove;
        handlers->register_task = on_register;
        handlers->register_batch = on_register_batch;
        handlers->unregister = on_unregister;
        handlers->run = on_run;
        handlers->request = on_request;
        handlers->raise = on_raise;
        handlers->transfer_socket = on_transfer_socket;
        handlers->list_sockets = on_list_sockets;
        handlers->cancel = on_cancel;
        handlers->cancel_run = on_cancel_run;
        handlers->pause = on_pause;
        handlers->skip = on_skip;
        handlers->pause_package = on_pause_package;
        handlers->shutdown = on_shutdown;
}

void control_done(Broker *broker)
{
        list_for_each_safe(i, &broker->batches) {
                Batch *batch = list_entry(i, Batch, node);

                list_remove(i);
                free(batch);
        }
}
