/* SPDX-License-Identifier: MIT */

#include "sensors/notifications.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/utf8.h"
#include "sensors/service.h"

#define NAME "org.freedesktop.Notifications"
#define PATH "/org/freedesktop/Notifications"
#define BUS "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"
#define NOTIFY_SIGNATURE "susssasa{sv}i"

/* Pictures are in the message. Whoever sends more than this makes the monitor start anew. */
#define MESSAGE_MAX ((size_t)16 << 20)
/* Calls that are not answered yet: the oldest makes room, and one this old will not be. */
#define CALLS_MAX 64
#define CALL_AGE_USEC USEC_PER_MINUTE
/* Names that a bus gives are much shorter; what has a longer one is counted, and not remembered. */
#define SENDER_MAX 63
/* What is longer is cut. */
#define APPLICATION_MAX 100
/* What comes together is told together, and a storm ten times a second. */
#define GATHER_USEC USEC_PER_MSEC
#define REST_USEC (100 * USEC_PER_MSEC)
#define GATHERED_MAX ((size_t)32 << 10)
#define RETRY_USEC USEC_PER_SEC
#define RETRY_MAX_USEC (64 * USEC_PER_SEC)

typedef struct ShowCall {
        uint32_t serial; /* 0: a free place */
        uint64_t since_boot_usec;
        char sender[SENDER_MAX + 1];
        char application[APPLICATION_MAX + 1];
} ShowCall;

typedef enum MonitorState {
        MONITOR_NONE,
        MONITOR_ASKED,
        MONITOR_HEARS,
        MONITOR_REFUSED, /* until the bus or the service is another one */
} MonitorState;

struct Notifications {
        Loop *loop;
        const SensorsConfig *config;
        SystemBus *bus;      /* says who the service is, and that it answers; NULL: there is no session */
        Service service;
        char owner[DBUS_NAME_MAX + 1]; /* of the service, as it was when that was last looked at */
        Connection *monitor; /* which says nothing any more once it is one */
        MonitorState state;
        Delay retry;
        uint64_t retry_usec;
        bool has_heard;      /* both were there, at some time */
        bool has_gap;        /* and one of them was not, since */
        ShowCall calls[CALLS_MAX];
        unsigned n_forgotten; /* calls whose answers may still come */
        Buffer gathered;
        bool everything;     /* instead of them */
        Delay rest;
        uint64_t n_entries;
        char refusal[100];
        char problem[180];
};

/* Telling. */

static void on_rest_over(Delay *delay, void *userdata)
{
        Notifications *n = userdata;
        const SensorsConfig *config = n->config;
        _cleanup_(buffer_done) Buffer entries = n->gathered;
        bool everything = n->everything;

        n->gathered = (Buffer){ 0 };
        n->everything = false;
        if (!everything && entries.size == 0)
                return;
        delay_start(&n->rest, REST_USEC);
        /* Nobody may be interested after this, and then all of this is gone. */
        config->happened(TRIGGER_USER_NOTIFICATION_CHANGED, NOTIFICATIONS_TEXT,
                         everything ? "" : (const char *)entries.data, everything ? 1 : entries.size,
                         config->userdata);
}

static void tell_soon(Notifications *n)
{
        if (!delay_is_running(&n->rest))
                delay_start(&n->rest, GATHER_USEC);
}

static void tell_everything(Notifications *n)
{
        n->everything = true;
        buffer_done(&n->gathered);
        tell_soon(n);
}

static void tell(Notifications *n, uint32_t id, const char *kind, const char *application)
{
        char entry[APPLICATION_MAX + 64];
        int size;

        if (n->everything)
                return;
        size = snprintf(entry, sizeof entry, "%llu\t%u\t%s\t%s", (unsigned long long)++n->n_entries, id, kind,
                        application);
        if (n->gathered.size + (size_t)size + 1 > GATHERED_MAX ||
            buffer_append(&n->gathered, entry, (size_t)size + 1) < 0)
                tell_everything(n);
        else
                tell_soon(n);
}

/* What passes on the bus. */

static void forget_calls(Notifications *n)
{
        memset(n->calls, 0, sizeof n->calls);
        n->n_forgotten = 0;
}

/* Not the text of whoever puts more than a name there. */
static void copy_application(char *buf, const char *name)
{
        size_t size = strlen(name);

        if (size > APPLICATION_MAX)
                for (size = APPLICATION_MAX; size > 0 && ((unsigned char)name[size] & 0xc0) == 0x80;)
                        size--;
        if (utf8_has_control(name, size))
                size = 0;
        memcpy(buf, name, size);
        buf[size] = '\0';
}

/* Its own name or, of a program that says none, that of its desktop file. */
static void read_application(const Message *m, char *buf)
{
        const char *key, *type, *name;
        Reader r;

        reader_init(&r, m);
        name = reader_get_string(&r);
        if (!name[0]) {
                for (int i = 0; i < 5; i++)
                        reader_skip(&r);
                reader_open_array(&r, "{sv}");
                while (reader_next_option(&r, &key, &type))
                        if (service_property_is(key, type, "desktop-entry", "s"))
                                name = reader_get_string(&r);
        }
        copy_application(buf, reader_error(&r) < 0 ? "" : name);
}

/* The place of an old call or, if there is none, that of the oldest. */
static ShowCall *take_place(Notifications *n, uint64_t now_usec)
{
        ShowCall *place = &n->calls[0];

        for (size_t i = 0; i < CALLS_MAX; i++) {
                ShowCall *call = &n->calls[i];

                if (call->serial && call->since_boot_usec + CALL_AGE_USEC < now_usec)
                        call->serial = 0;
                if (place->serial && (!call->serial || call->since_boot_usec < place->since_boot_usec))
                        place = call;
        }
        if (place->serial)
                n->n_forgotten++;
        return place;
}

static void hear_call(Notifications *n, const Message *m)
{
        uint64_t now_usec = clock_now_usec(CLOCK_BOOTTIME);
        ShowCall *call;

        if (!m->member || strcmp(m->member, "Notify") != 0 || (m->interface && strcmp(m->interface, NAME) != 0) ||
            strcmp(m->signature, NOTIFY_SIGNATURE) != 0 || !m->sender)
                return;
        /* Without an answer nobody learns the id. */
        if (m->flags & MESSAGE_NO_REPLY_EXPECTED) {
                tell_everything(n);
                return;
        }
        if (strlen(m->sender) > SENDER_MAX) {
                n->n_forgotten++;
                return;
        }
        call = take_place(n, now_usec);
        call->serial = m->serial;
        call->since_boot_usec = now_usec;
        memcpy(call->sender, m->sender, strlen(m->sender) + 1);
        read_application(m, call->application);
}

static ShowCall *find_call(Notifications *n, const Message *m)
{
        for (size_t i = 0; i < CALLS_MAX; i++)
                if (n->calls[i].serial && n->calls[i].serial == m->reply_serial && m->destination &&
                    strcmp(n->calls[i].sender, m->destination) == 0)
                        return &n->calls[i];
        return NULL;
}

/* The bus lets only answers of the service through. */
static void hear_answer(Notifications *n, const Message *m)
{
        bool is_id = m->type == MESSAGE_RETURN && strcmp(m->signature, "u") == 0;
        ShowCall *call = find_call(n, m);
        Reader r;

        if (call) {
                call->serial = 0;
                reader_init(&r, m);
                if (is_id)
                        tell(n, reader_get_uint32(&r), "added", call->application);
        } else if (is_id && n->n_forgotten > 0) {
                n->n_forgotten--;
                tell_everything(n);
        }
}

static void hear_signal(Notifications *n, const Message *m)
{
        Reader r;

        if (!message_is_signal(m, NAME, "NotificationClosed") || strcmp(m->signature, "uu") != 0)
                return;
        reader_init(&r, m);
        tell(n, reader_get_uint32(&r), "removed", "");
}

static void on_heard(Connection *c, Message *m, void *userdata)
{
        Notifications *n = userdata;

        if (n->state != MONITOR_HEARS)
                return;
        n->retry_usec = RETRY_USEC;
        if (m->type == MESSAGE_CALL)
                hear_call(n, m);
        else if (m->type == MESSAGE_SIGNAL)
                hear_signal(n, m);
        else
                hear_answer(n, m);
}

/* The monitor. */

/* What has come or gone unheard is told when it can be heard again. */
static void check_gap(Notifications *n)
{
        bool hears = n->state == MONITOR_HEARS && n->owner[0];

        if (!hears) {
                n->has_gap = n->has_heard;
                return;
        }
        n->has_heard = true;
        if (n->has_gap)
                tell_everything(n);
        n->has_gap = false;
}

static void end_monitor(Notifications *n, MonitorState state)
{
        n->monitor = connection_free(n->monitor);
        n->state = state;
        delay_stop(&n->retry);
        forget_calls(n);
        check_gap(n);
}

static void retry_later(Notifications *n)
{
        delay_start(&n->retry, n->retry_usec);
        n->retry_usec = MIN(n->retry_usec * 2, RETRY_MAX_USEC);
}

static void on_ended(Connection *c, int reason, void *userdata)
{
        Notifications *n = userdata;

        end_monitor(n, MONITOR_NONE);
        if (n->service.has_bus)
                retry_later(n);
}

static void on_hello(Connection *c, Message *reply, int error, void *userdata)
{
}

static void on_become(Connection *c, Message *reply, int error, void *userdata)
{
        Notifications *n = userdata;

        /* Without a reply the connection is ending, and that is told. */
        if (!reply)
                return;
        if (reply->type == MESSAGE_ERROR) {
                snprintf(n->refusal, sizeof n->refusal, "%s", reply->error_name ?: "");
                end_monitor(n, MONITOR_REFUSED);
                return;
        }
        n->state = MONITOR_HEARS;
        check_gap(n);
}

static int ask_to_monitor(Notifications *n)
{
        static const char *const rules[] = {
                "type='method_call',path='" PATH "',member='Notify'",
                "type='method_return',sender='" NAME "'",
                "type='error',sender='" NAME "'",
                "type='signal',sender='" NAME "',interface='" NAME "',member='NotificationClosed'",
        };
        Writer *w = system_bus_writer(n->bus);
        int r;

        writer_start_call(w, BUS, BUS_PATH, BUS, "Hello");
        r = connection_call(n->monitor, w, on_hello, NULL, NULL);
        if (r < 0)
                return r;
        writer_start_call(w, BUS, BUS_PATH, BUS ".Monitoring", "BecomeMonitor");
        writer_open_array(w, "s");
        for (size_t i = 0; i < ELEMENTSOF(rules); i++)
                writer_put_string(w, rules[i]);
        writer_close(w);
        writer_put_uint32(w, 0);
        return connection_call(n->monitor, w, on_become, n, NULL);
}

static int connect_monitor(Notifications *n)
{
        const ConnectionOptions options = {
                .role = CONNECTION_CLIENT,
                .max_message = MESSAGE_MAX,
                .patient = true,
                .all_answers = true,
                .on_message = on_heard,
                .on_disconnected = on_ended,
                .userdata = n,
        };
        _cleanup_(closep) int fd = -1;
        int r;

        r = system_bus_connect(n->bus, &fd);
        if (r >= 0)
                r = connection_new(n->loop, fd, &options, &n->monitor);
        if (r < 0)
                return r;
        TAKE_FD(fd);
        n->state = MONITOR_ASKED;
        r = ask_to_monitor(n);
        if (r < 0)
                end_monitor(n, MONITOR_NONE);
        return r;
}

static void begin_monitor(Notifications *n)
{
        if (connect_monitor(n) < 0)
                retry_later(n);
}

static void on_retry(Delay *delay, void *userdata)
{
        begin_monitor(userdata);
}

/* The service. */

static void on_answer(Service *service, const Message *m, void *userdata)
{
}

/* What it answers does not matter, but that it does. */
static void ask(Service *service, void *userdata)
{
        service_call(service, PATH, NAME, "GetServerInformation", on_answer);
}

static void on_changed(Service *service, void *userdata)
{
        Notifications *n = userdata;

        if (strcmp(n->owner, service->owner) != 0) {
                n->has_gap |= n->has_heard;
                snprintf(n->owner, sizeof n->owner, "%s", service->owner);
                forget_calls(n);
                if (n->state == MONITOR_REFUSED)
                        n->state = MONITOR_NONE;
        }
        if (!service->has_bus) {
                n->retry_usec = RETRY_USEC;
                end_monitor(n, MONITOR_NONE);
        } else if (n->state == MONITOR_NONE && !delay_is_running(&n->retry)) {
                begin_monitor(n);
        }
        check_gap(n);
}

static const ServiceType type = {
        .name = NAME,
        .title = "the desktop's notification service",
        .ask = ask,
        .changed = on_changed,
};

const char *notifications_problem(Notifications *n)
{
        if (!n->bus || !n->service.has_bus)
                return "there is no session bus";
        if (n->state == MONITOR_REFUSED)
                snprintf(n->problem, sizeof n->problem, "the session bus lets nobody listen: %s", n->refusal);
        else if (n->state != MONITOR_HEARS)
                return "the session bus has not let the broker listen yet";
        else if (n->service.state == SERVICE_KNOWN || n->service.state == SERVICE_ASKED)
                return NULL;
        else
                service_explain(&n->service, n->problem, sizeof n->problem);
        return n->problem;
}

SensorReading notifications_reading(Notifications *n)
{
        const char *problem = notifications_problem(n);

        return (SensorReading){
                .level = problem ? 0 : 1,
                .source = n->bus ? NAME : "",
                .words = problem ?: "the notifications of all programs are heard",
                .needed = true,
        };
}

int notifications_new(Loop *loop, const SensorsConfig *config, Notifications **ret_notifications)
{
        _cleanup_(notifications_freep) Notifications *n = calloc(1, sizeof *n);
        int r;

        if (!n)
                return -ENOMEM;
        n->loop = loop;
        n->config = config;
        n->rest = n->retry = DELAY_INIT;
        n->retry_usec = RETRY_USEC;
        /* Numbers of a broker before this one may still be in what a task waits with. */
        n->n_entries = config->real_usec(config->userdata);
        r = delay_init(&n->rest, loop, on_rest_over, n);
        if (r >= 0)
                r = delay_init(&n->retry, loop, on_retry, n);
        if (r >= 0 && config->session_bus[0])
                r = system_bus_new(loop, config->session_bus, true, &n->bus);
        if (r >= 0 && n->bus)
                r = service_init(&n->service, loop, n->bus, &type, n);
        if (r < 0)
                return r;
        *ret_notifications = TAKE_PTR(n);
        return 0;
}

int notifications_move(Notifications *n, const char *address)
{
        return n->bus ? system_bus_move(n->bus, address) : 0;
}

Notifications *notifications_free(Notifications *n)
{
        if (!n)
                return NULL;
        connection_free(n->monitor);
        service_done(&n->service);
        system_bus_free(n->bus);
        delay_done(&n->rest);
        delay_done(&n->retry);
        buffer_done(&n->gathered);
        free(n);
        return NULL;
}
