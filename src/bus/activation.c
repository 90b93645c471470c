/* SPDX-License-Identifier: MIT */

/* org.bgtask.Activation1: what the broker tells a server. */

#include <errno.h>
#include <string.h>

#include "bus/bus-internal.h"
#include "bus/details.h"

typedef struct SentRun {
        Peer *peer;
        BusRun run;
} SentRun;

static void on_answer(Connection *connection, Message *reply, int error, void *userdata)
{
        _cleanup_(freep) SentRun *sent = userdata;
        const BusHandlers *handlers = sent->peer->bus->config.handlers;
        const char *sentence = "";

        /* The connection's end is told to the broker as such; the answers that it takes along are not refusals. */
        if (!reply)
                return;
        if (reply->type == MESSAGE_ERROR) {
                sentence = message_error_text(reply);
                error = -ECANCELED;
        }
        handlers->run_answered(sent->peer, sent->run, error, sentence, handlers->userdata);
}

/* Paths that have changed, each with its NUL; one that is empty: everything may have. */
static void put_paths(Writer *w, const char *paths, size_t n)
{
        bool everything = n <= 1;

        writer_open_option(w, "paths", "as");
        writer_open_array(w, "s");
        for (size_t at = 0; !everything && at < n; at += strnlen(paths + at, n - at) + 1)
                if (paths[n - 1] == '\0')
                        writer_put_string(w, paths + at);
        writer_close(w);
        writer_close(w);
        writer_close(w);
        writer_put_option_bool(w, "everything", everything);
}

/* One of the fields of each entry, which have tabs between them. */
static void put_column(Writer *w, const char *key, unsigned column, const char *before, const char *entries, size_t n)
{
        writer_open_option(w, key, "as");
        writer_open_array(w, "s");
        for (size_t at = 0; n > 1 && at < n; at += strnlen(entries + at, n - at) + 1) {
                const char *field = entries + at;
                char text[8200];

                for (unsigned i = 0; i < column && field; i++)
                        field = strchr(field, '\t') ? strchr(field, '\t') + 1 : NULL;
                if (!field)
                        field = "";
                snprintf(text, sizeof text, "%s%.*s", before, (int)strcspn(field, "\t"), field);
                writer_put_string(w, text);
        }
        writer_close(w);
        writer_close(w);
        writer_close(w);
}

/* An entry is the number of the event, the action, the path below /sys and the node. */
static void put_devices(Writer *w, const char *entries, size_t n)
{
        if (n > 0 && entries[n - 1] != '\0')
                n = 0;
        put_column(w, "actions", 1, "", entries, n);
        put_column(w, "devices", 2, "/sys", entries, n);
        put_column(w, "nodes", 3, "", entries, n);
        writer_put_option_bool(w, "everything", n <= 1);
}

/* An entry is a number, the notification, and the action or the reason. */
static void put_toasts(Writer *w, const char *what, const char *entries, size_t n)
{
        if (n > 0 && entries[n - 1] != '\0')
                n = 0;
        put_column(w, "notifications", 1, "", entries, n);
        put_column(w, what, 2, "", entries, n);
        writer_put_option_bool(w, "everything", n <= 1);
}

/* An entry is a number, the notification, what became of it and the name of the program, which may be empty. */
static void put_notifications(Writer *w, const char *entries, size_t n)
{
        put_toasts(w, "changes", entries, n);
        put_column(w, "applications", 3, "", entries, n > 0 && entries[n - 1] != '\0' ? 0 : n);
}

static void put_message(Writer *w, const void *message, size_t n)
{
        writer_open_option(w, "message", "ay");
        writer_put_bytes(w, message, n);
        writer_close(w);
        writer_close(w);
}

/* An entry is the socket, its id or its address, and the reason. */
static void put_sockets(Writer *w, const char *entries, size_t n)
{
        if (n > 0 && entries[n - 1] != '\0')
                n = 0;
        put_column(w, "sockets", 0, "", entries, n);
        put_column(w, "reasons", 1, "", entries, n);
        writer_put_option_bool(w, "everything", n <= 1);
}

/* Others were marshalled when they were accepted: (a{sv}) of the native byte order, or nothing. */
static void put_details(Writer *w, const RunInfo *run)
{
        uint8_t kind = run->fired_by == FIRED_BY_EVENT ? run->trigger.kind : 0;

        writer_open_array(w, "{sv}");
        if (trigger_is_files(kind))
                put_paths(w, run->details, run->n_details);
        else if (kind == TRIGGER_DEVICE_CONNECTION_CHANGE || kind == TRIGGER_DEVICE_WATCHER)
                put_devices(w, run->details, run->n_details);
        else if (kind == TRIGGER_TOAST_ACTION || kind == TRIGGER_TOAST_HISTORY_CHANGED)
                put_toasts(w, kind == TRIGGER_TOAST_ACTION ? "actions" : "reasons", run->details, run->n_details);
        else if (kind == TRIGGER_USER_NOTIFICATION_CHANGED)
                put_notifications(w, run->details, run->n_details);
        else if (kind == TRIGGER_PUSH_NOTIFICATION)
                put_message(w, run->details, run->n_details);
        else if (kind == TRIGGER_SOCKET_ACTIVITY)
                put_sockets(w, run->details, run->n_details);
        else if (run->n_details > 0)
                details_copy(w, run->details, run->n_details);
        writer_close(w);
}

static void put_properties(Writer *w, const RunInfo *run)
{
        writer_open_array(w, "{sv}");
        writer_put_option_string(w, "package", run->package);
        if (run->group && run->group[0])
                writer_put_option_string(w, "group", run->group);
        if (run->scheduled_real_usec > 0)
                writer_put_option_uint64(w, "scheduled", run->scheduled_real_usec);
        if (run->first_scheduled_real_usec > 0)
                writer_put_option_uint64(w, "first-scheduled", run->first_scheduled_real_usec);
        writer_put_option_uint64(w, "accepted", run->accepted_real_usec);
        writer_put_option_uint32(w, "count", run->count);
        writer_put_option_string(w, "fired-by", term_name(TERM_FIRED_BY, run->fired_by));
        writer_put_option_uint32(w, "trigger-index", run->place);
        writer_put_option_uint64(w, "number", run->number);
        writer_close(w);
}

int bus_send_run(Peer *peer, const RunInfo *run, Uuid clsid, uint32_t cookie)
{
        _cleanup_(freep) SentRun *sent = calloc(1, sizeof *sent);
        Writer *w = &peer->bus->send_writer;
        char text[UUID_STRING_MAX];
        int r;

        if (!sent)
                return -ENOMEM;
        *sent = (SentRun){ peer, { run->run, run->attempt } };
        interface_start_call(w, BUS_PATH, &activation1_interface, ACTIVATION1_METHOD_RUN);
        writer_put_string(w, uuid_format(run->run, text));
        writer_put_uint32(w, run->attempt);
        writer_put_string(w, uuid_is_null(clsid) ? "" : uuid_format(clsid, text));
        writer_put_uint32(w, cookie);
        writer_put_string(w, uuid_format(run->task, text));
        writer_put_string(w, run->name);
        registration_put_trigger(w, &run->trigger);
        put_details(w, run);
        put_properties(w, run);
        r = connection_call(peer->connection, w, on_answer, sent, NULL);
        if (r < 0)
                return r;
        TAKE_PTR(sent);
        /* Everything else of this round can wait, and whoever is told that it went out can count on it. */
        return connection_flush(peer->connection);
}

static int send_short(Peer *peer, unsigned method, const BusRun *run, const uint8_t *reason)
{
        Writer *w = &peer->bus->send_writer;
        char text[UUID_STRING_MAX];

        interface_start_call(w, BUS_PATH, &activation1_interface, method);
        if (run) {
                writer_put_string(w, uuid_format(run->run, text));
                writer_put_uint32(w, run->attempt);
        }
        if (reason)
                writer_put_uint32(w, *reason);
        return connection_send(peer->connection, w);
}

int bus_send_cancel(Peer *peer, BusRun run, uint8_t reason)
{
        return send_short(peer, ACTIVATION1_METHOD_CANCEL, &run, &reason);
}

int bus_send_recorded(Peer *peer, BusRun run)
{
        return send_short(peer, ACTIVATION1_METHOD_RECORDED, &run, NULL);
}

int bus_send_leave(Peer *peer)
{
        return send_short(peer, ACTIVATION1_METHOD_LEAVE, NULL, NULL);
}
