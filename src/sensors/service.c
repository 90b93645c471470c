/* SPDX-License-Identifier: MIT */

#include "sensors/service.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

/* Answering takes microseconds: whoever needs longer does not work, and is heard again when it does. */
#define PATIENCE_USEC (1500 * USEC_PER_MSEC)

#define BUS_NAME "org.freedesktop.DBus"
#define RULE_MAX 512

static void set_state(Service *service, ServiceState state)
{
        if (service->state == state && state != SERVICE_KNOWN)
                return;
        service->state = state;
        service->type->changed(service, service->userdata);
}

static bool has_question(const Service *service)
{
        return service->n_questions > 0 || service->owner_call != 0;
}

static void drop_questions(Service *service)
{
        Connection *c = system_bus_connection(service->bus);

        if (c && service->owner_call)
                (void)connection_cancel_call(c, service->owner_call);
        service->owner_call = 0;
        for (size_t i = 0; i < SERVICE_QUESTIONS_MAX; i++) {
                if (c && service->questions[i].serial)
                        (void)connection_cancel_call(c, service->questions[i].serial);
                service->questions[i].serial = 0;
        }
        service->n_questions = 0;
        service->stale = false;
        delay_stop(&service->patience);
}

static void begin_round(Service *service)
{
        service->stale = false;
        delay_start(&service->patience, PATIENCE_USEC);
        service->type->ask(service, service->userdata);
}

static void end_round(Service *service)
{
        bool stale = service->stale;

        delay_stop(&service->patience);
        set_state(service, SERVICE_KNOWN);
        if (stale && service->owner[0])
                begin_round(service);
}

static void on_answer(Connection *c, Message *reply, int error, void *userdata)
{
        __typeof__(((Service *)NULL)->questions[0]) *question = userdata;
        Service *service = question->service;

        question->serial = 0;
        service->n_questions--;
        /* Without a reply the connection is ending, and that is told to all. */
        if (!reply)
                return;
        question->answer(service, reply, service->userdata);
        if (service->n_questions == 0)
                end_round(service);
}

static void send_question(Service *service, ServiceAnswer answer)
{
        Connection *c = system_bus_connection(service->bus);
        size_t i = 0;

        while (i < SERVICE_QUESTIONS_MAX && service->questions[i].serial)
                i++;
        if (!c || i == SERVICE_QUESTIONS_MAX)
                return;
        service->questions[i].service = service;
        service->questions[i].answer = answer;
        writer_set_flags(system_bus_writer(service->bus), MESSAGE_NO_AUTO_START);
        if (connection_call(c, system_bus_writer(service->bus), on_answer, &service->questions[i],
                            &service->questions[i].serial) >= 0)
                service->n_questions++;
}

void service_get_all(Service *service, const char *path, const char *interface, ServiceAnswer answer)
{
        Writer *w = system_bus_writer(service->bus);

        writer_start_call(w, service->owner, path, "org.freedesktop.DBus.Properties", "GetAll");
        writer_put_string(w, interface);
        send_question(service, answer);
}

void service_call(Service *service, const char *path, const char *interface, const char *member,
                  ServiceAnswer answer)
{
        writer_start_call(system_bus_writer(service->bus), service->owner, path, interface, member);
        send_question(service, answer);
}

void service_refresh(Service *service)
{
        if (!service->owner[0])
                return;
        if (has_question(service)) {
                service->stale = true;
                /* If it was only slow, it is not slow any more: it may be silent. */
                if (!delay_is_running(&service->patience))
                        delay_start(&service->patience, PATIENCE_USEC);
                return;
        }
        begin_round(service);
}

static void on_patience_over(Delay *delay, void *userdata)
{
        set_state(userdata, SERVICE_SILENT);
}

static void set_owner(Service *service, const char *owner)
{
        if (strcmp(service->owner, owner) == 0 && owner[0])
                return;
        drop_questions(service);
        snprintf(service->owner, sizeof service->owner, "%s", owner);
        if (!owner[0]) {
                set_state(service, SERVICE_ABSENT);
                return;
        }
        set_state(service, SERVICE_ASKED);
        begin_round(service);
}

static void on_owner(Connection *c, Message *reply, int error, void *userdata)
{
        Service *service = userdata;
        const char *owner = "";
        Reader r;

        service->owner_call = 0;
        if (!reply)
                return;
        if (reply->type == MESSAGE_RETURN) {
                reader_init(&r, reply);
                owner = reader_get_string(&r);
        }
        set_owner(service, strlen(owner) <= DBUS_NAME_MAX ? owner : "");
}

static void tell_matches(Service *service, const char *member)
{
        const ServiceType *type = service->type;
        char rule[RULE_MAX];

        snprintf(rule, sizeof rule, "type='signal',sender='" BUS_NAME "',member='NameOwnerChanged',arg0='%s'",
                 type->name);
        system_bus_tell(service->bus, member, rule);
        if (!type->match)
                return;
        snprintf(rule, sizeof rule, "type='signal',sender='%s',%s", type->name, type->match);
        system_bus_tell(service->bus, member, rule);
}

static void on_connected(BusUser *user)
{
        Service *service = CONTAINER_OF(user, Service, user);
        Writer *w = system_bus_writer(service->bus);

        service->has_bus = true;
        tell_matches(service, "AddMatch");
        writer_start_call(w, BUS_NAME, "/org/freedesktop/DBus", BUS_NAME, "GetNameOwner");
        writer_put_string(w, service->type->name);
        delay_start(&service->patience, PATIENCE_USEC);
        if (connection_call(system_bus_connection(service->bus), w, on_owner, service, &service->owner_call) < 0)
                return;
        set_state(service, SERVICE_ASKED);
}

static void on_disconnected(BusUser *user)
{
        Service *service = CONTAINER_OF(user, Service, user);

        service->has_bus = false;
        drop_questions(service);
        service->owner[0] = '\0';
        service->state = SERVICE_ABSENT;
        service->type->changed(service, service->userdata);
}

static void on_name_owner_changed(Service *service, const Message *m)
{
        const char *name, *owner;
        Reader r;

        reader_init(&r, m);
        name = reader_get_string(&r);
        reader_get_string(&r);
        owner = reader_get_string(&r);
        if (reader_error(&r) < 0 || strcmp(name, service->type->name) != 0 || strlen(owner) > DBUS_NAME_MAX)
                return;
        set_owner(service, owner);
}

static void on_signal(BusUser *user, Message *m)
{
        Service *service = CONTAINER_OF(user, Service, user);

        if (!m->sender)
                return;
        if (strcmp(m->sender, BUS_NAME) == 0 && message_is_signal(m, BUS_NAME, "NameOwnerChanged")) {
                on_name_owner_changed(service, m);
        } else if (service->owner[0] && strcmp(m->sender, service->owner) == 0) {
                if (service->type->signal)
                        service->type->signal(service, m, service->userdata);
                service_refresh(service);
        }
}

const char *service_explain(const Service *service, char *buf, size_t size)
{
        if (!service->has_bus)
                snprintf(buf, size, "%s cannot be reached: there is no system bus", service->type->title);
        else if (service->state == SERVICE_SILENT)
                snprintf(buf, size, "%s does not answer", service->type->title);
        else
                snprintf(buf, size, "%s is not running", service->type->title);
        return buf;
}

bool service_property_is(const char *key, const char *type, const char *wanted_key, const char *wanted_type)
{
        return strcmp(key, wanted_key) == 0 && strcmp(type, wanted_type) == 0;
}

int service_init(Service *service, Loop *loop, SystemBus *bus, const ServiceType *type, void *userdata)
{
        int r;

        *service = (Service){ .bus = bus, .type = type, .userdata = userdata, .patience = DELAY_INIT };
        service->user.connected = on_connected;
        service->user.disconnected = on_disconnected;
        service->user.signal = on_signal;
        r = delay_init(&service->patience, loop, on_patience_over, service);
        if (r < 0)
                return r;
        r = system_bus_add(bus, &service->user);
        if (r < 0)
                delay_done(&service->patience);
        return r;
}

void service_done(Service *service)
{
        if (!service->bus)
                return;
        if (service->has_bus) {
                drop_questions(service);
                tell_matches(service, "RemoveMatch");
        }
        system_bus_remove(service->bus, &service->user);
        delay_done(&service->patience);
        service->bus = NULL;
}
