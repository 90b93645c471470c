/* SPDX-License-Identifier: MIT */

/* org.bgtask.Server1: what a process that runs tasks tells the broker. */

#include <string.h>

#include "bus/bus-internal.h"

#define ANNOUNCED_MAX 10000

#define HANDLERS(call) ((call)->peer->bus->config.handlers)

static void on_attach(Call *call, Reader *r)
{
        const char *cookie = reader_get_string(r), *package = reader_get_string(r);

        HANDLERS(call)->attach(call, cookie, package, HANDLERS(call)->userdata);
}

static BusRun read_run(Reader *r, Refusal *refusal)
{
        BusRun run;

        run.run = read_uuid(r, ERROR_NO_SUCH_RUN, refusal);
        run.attempt = reader_get_uint32(r);
        return run;
}

static void on_announce(Call *call, Reader *r)
{
        _cleanup_(freep) BusRun *runs = NULL;
        Refusal refusal = { 0 };
        size_t n = 0;

        runs = calloc(ANNOUNCED_MAX, sizeof *runs);
        if (!runs) {
                bus_reply_error(call, ERROR_NO_MEMORY, NULL);
                return;
        }
        reader_open_array(r, "(su)");
        while (reader_more(r) && n < ANNOUNCED_MAX) {
                reader_open_struct(r, "su");
                runs[n++] = read_run(r, &refusal);
                reader_close(r);
        }
        if (reader_more(r))
                refuse(&refusal, ERROR_INVALID_ARGUMENT, "a server has at most %u runs", ANNOUNCED_MAX);
        if (refusal.error != ERROR_NONE)
                bus_reply_error(call, refusal.error, "%s", refusal.sentence);
        else
                HANDLERS(call)->announce(call, runs, n, HANDLERS(call)->userdata);
}

static void on_register_class(Call *call, Reader *r)
{
        const char *text = reader_get_string(r);
        uint32_t flags = reader_get_uint32(r);
        Uuid clsid;

        if (text[0] == '\0')
                HANDLERS(call)->register_class(call, UUID_NULL, flags, HANDLERS(call)->userdata);
        else if (uuid_parse(text, &clsid) < 0)
                bus_reply_error(call, ERROR_INVALID_ARGUMENT, "\"%.64s\" is no CLSID", text);
        else
                HANDLERS(call)->register_class(call, clsid, flags, HANDLERS(call)->userdata);
}

static void on_revoke_class(Call *call, Reader *r)
{
        HANDLERS(call)->revoke_class(call, reader_get_uint32(r), HANDLERS(call)->userdata);
}

static void on_suspend_classes(Call *call, Reader *r)
{
        HANDLERS(call)->suspend_classes(call, true, HANDLERS(call)->userdata);
}

static void on_resume_classes(Call *call, Reader *r)
{
        HANDLERS(call)->suspend_classes(call, false, HANDLERS(call)->userdata);
}

static void on_become_app(Call *call, Reader *r)
{
        HANDLERS(call)->become_app(call, HANDLERS(call)->userdata);
}

static void on_ask_to_go(Call *call, Reader *r)
{
        HANDLERS(call)->ask_to_go(call, HANDLERS(call)->userdata);
}

static void on_take_socket(Call *call, Reader *r)
{
        Refusal refusal = { 0 };
        BusRun run = read_run(r, &refusal);

        if (refusal.error != ERROR_NONE)
                bus_reply_error(call, refusal.error, "%s", refusal.sentence);
        else
                HANDLERS(call)->take_socket(call, run, HANDLERS(call)->userdata);
}

static void on_take_transferred_socket(Call *call, Reader *r)
{
        Refusal refusal = { 0 };
        BusRun run = read_run(r, &refusal);

        if (refusal.error != ERROR_NONE)
                bus_reply_error(call, refusal.error, "%s", refusal.sentence);
        else
                HANDLERS(call)->take_transferred_socket(call, run, reader_get_string(r), HANDLERS(call)->userdata);
}

/* Progress and Complete want no reply; a caller that asks for one gets an empty one. */
static void on_progress(Call *call, Reader *r)
{
        const BusHandlers *handlers = HANDLERS(call);
        Refusal refusal = { 0 };
        BusRun run = read_run(r, &refusal);
        Peer *peer = call->peer;

        bus_reply_empty(call);
        if (refusal.error == ERROR_NONE)
                handlers->progress(peer, run, reader_get_uint32(r), handlers->userdata);
}

/* An option that is not known is one of a later library, and means nothing here. */
static void read_completion(Reader *r, const char *key, const char *type, BusCompletion *completion)
{
        bool exited = strcmp(key, "exit-status") == 0;

        if (strcmp(key, "retry-after") == 0 && strcmp(type, "t") == 0) {
                completion->retry_after_usec = reader_get_uint64(r);
        } else if (strcmp(key, "cpu") == 0 && strcmp(type, "t") == 0) {
                completion->cpu_usec = reader_get_uint64(r);
        } else if (strcmp(key, "memory") == 0 && strcmp(type, "t") == 0) {
                completion->memory_bytes = reader_get_uint64(r);
        } else if ((exited || strcmp(key, "exit-signal") == 0) && strcmp(type, "i") == 0) {
                completion->detail = exited ? DETAIL_EXITED : DETAIL_KILLED;
                completion->result = reader_get_int32(r);
        }
}

static void on_complete(Call *call, Reader *r)
{
        const BusHandlers *handlers = HANDLERS(call);
        BusCompletion completion = { 0 };
        const char *key, *type;
        Refusal refusal = { 0 };
        BusRun run = read_run(r, &refusal);
        Peer *peer = call->peer;

        completion.result = reader_get_int32(r);
        reader_open_array(r, "{sv}");
        while (reader_next_option(r, &key, &type))
                read_completion(r, key, type, &completion);
        bus_reply_empty(call);
        if (refusal.error == ERROR_NONE)
                handlers->complete(peer, run, &completion, handlers->userdata);
}

DEFINE_HANDLER(on_attach);
DEFINE_HANDLER(on_announce);
DEFINE_HANDLER(on_register_class);
DEFINE_HANDLER(on_revoke_class);
DEFINE_HANDLER(on_suspend_classes);
DEFINE_HANDLER(on_resume_classes);
DEFINE_HANDLER(on_become_app);
DEFINE_HANDLER(on_ask_to_go);
DEFINE_HANDLER(on_take_socket);
DEFINE_HANDLER(on_take_transferred_socket);
DEFINE_HANDLER(on_progress);
DEFINE_HANDLER(on_complete);

const DispatchHandler server_handlers[_SERVER1_METHOD_MAX] = {
        [SERVER1_METHOD_ATTACH] = on_attach_call,
        [SERVER1_METHOD_ANNOUNCE] = on_announce_call,
        [SERVER1_METHOD_REGISTER_CLASS] = on_register_class_call,
        [SERVER1_METHOD_REVOKE_CLASS] = on_revoke_class_call,
        [SERVER1_METHOD_SUSPEND_CLASSES] = on_suspend_classes_call,
        [SERVER1_METHOD_RESUME_CLASSES] = on_resume_classes_call,
        [SERVER1_METHOD_BECOME_APP] = on_become_app_call,
        [SERVER1_METHOD_ASK_TO_GO] = on_ask_to_go_call,
        [SERVER1_METHOD_TAKE_SOCKET] = on_take_socket_call,
        [SERVER1_METHOD_TAKE_TRANSFERRED_SOCKET] = on_take_transferred_socket_call,
        [SERVER1_METHOD_PROGRESS] = on_progress_call,
        [SERVER1_METHOD_COMPLETE] = on_complete_call,
};
