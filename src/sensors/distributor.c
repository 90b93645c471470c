/* SPDX-License-Identifier: MIT */

#include "sensors/distributor.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define BUS_NAME "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"
#define PREFIX "org.unifiedpush.Distributor."
#define MATCH                                                                                             \
        "type='signal',sender='" BUS_NAME "',member='NameOwnerChanged',"                                  \
        "arg0namespace='org.unifiedpush.Distributor'"
#define ACCESS_DENIED "org.freedesktop.DBus.Error.AccessDenied"
/* Answers of RequestName: it is ours, and was. */
#define PRIMARY_OWNER 1
#define ALREADY_OWNER 4

static int ask_bus(Distributor *d, ConnectionReply answer, uint32_t *ret_serial)
{
        return connection_call(system_bus_connection(d->bus), system_bus_writer(d->bus), answer, d, ret_serial);
}

static Writer *start_call(Distributor *d, const char *member)
{
        Writer *w = system_bus_writer(d->bus);

        writer_start_call(w, BUS_NAME, BUS_PATH, BUS_NAME, member);
        return w;
}

/* In the order of their names; what is beyond those that there is room for is not seen. */
static unsigned find(Distributor *d, const char *name, bool *ret_found)
{
        unsigned i = 0;

        while (i < d->n_known && strcmp(d->known[i].name, name) < 0)
                i++;
        *ret_found = i < d->n_known && strcmp(d->known[i].name, name) == 0;
        return i;
}

static void note(Distributor *d, const char *name, bool running, bool activatable)
{
        bool found;
        unsigned i;

        if (strncmp(name, PREFIX, strlen(PREFIX)) != 0 || strlen(name) > DBUS_NAME_MAX)
                return;
        i = find(d, name, &found);
        if (!found && d->n_known == DISTRIBUTORS_MAX)
                return;
        if (!found) {
                memmove(&d->known[i + 1], &d->known[i], (d->n_known - i) * sizeof d->known[0]);
                d->n_known++;
                memset(&d->known[i], 0, sizeof d->known[i]);
                memcpy(d->known[i].name, name, strlen(name));
        }
        d->known[i].running |= running;
        d->known[i].activatable |= activatable;
}

static void set_owner(Distributor *d, const char *owner)
{
        if (strcmp(d->owner, owner) == 0)
                return;
        snprintf(d->owner, sizeof d->owner, "%s", owner);
        d->failure[0] = '\0';
        d->type->changed(d->userdata);
}

static void on_name(Connection *c, Message *reply, int error, void *userdata)
{
        Distributor *d = userdata;
        uint32_t answer;
        Reader r;

        if (!reply || reply->type != MESSAGE_RETURN)
                return;
        reader_init(&r, reply);
        answer = reader_get_uint32(&r);
        if (d->has_name || (answer != PRIMARY_OWNER && answer != ALREADY_OWNER))
                return;
        d->has_name = true;
        d->type->changed(d->userdata);
}

/*
 * Asked for when it is known who may call: a message whose coming has started us is then not refused. Whoever has the
 * name is waited for.
 */
static void ask_for_name(Distributor *d)
{
        Writer *w;

        if (d->is_asked)
                return;
        d->is_asked = true;
        w = start_call(d, "RequestName");
        writer_put_string(w, CONNECTOR_NAME);
        writer_put_uint32(w, 0);
        (void)ask_bus(d, on_name, NULL);
}

static void on_owner(Connection *c, Message *reply, int error, void *userdata)
{
        Distributor *d = userdata;
        const char *owner = "";
        Reader r;

        d->owner_call = 0;
        if (!reply)
                return;
        if (reply->type == MESSAGE_RETURN) {
                reader_init(&r, reply);
                owner = reader_get_string(&r);
        }
        set_owner(d, strlen(owner) <= DBUS_NAME_MAX ? owner : "");
        if (d->owner[0])
                ask_for_name(d);
}

static void ask_owner(Distributor *d)
{
        Writer *w = start_call(d, "GetNameOwner");

        writer_put_string(w, d->chosen);
        (void)ask_bus(d, on_owner, &d->owner_call);
}

static void on_started(Connection *c, Message *reply, int error, void *userdata)
{
        Distributor *d = userdata;

        d->is_starting = false;
        if (!reply || reply->type != MESSAGE_ERROR)
                return;
        snprintf(d->failure, sizeof d->failure, "%.100s", message_error_text(reply));
        distributor_retry(d);
}

static void start(Distributor *d)
{
        Writer *w;

        if (d->is_starting)
                return;
        d->is_starting = true;
        w = start_call(d, "StartServiceByName");
        writer_put_string(w, d->chosen);
        writer_put_uint32(w, 0);
        if (ask_bus(d, on_started, NULL) < 0)
                d->is_starting = false;
}

/* The one that a person wants; else the one before, as long as it can be had; else the first one that runs. */
static const char *best(Distributor *d, char wanted[static DBUS_NAME_MAX + 1])
{
        bool found;
        unsigned i;

        if (d->wanted[0]) {
                snprintf(wanted, DBUS_NAME_MAX + 1, "%s%.200s",
                         strncmp(d->wanted, PREFIX, strlen(PREFIX)) == 0 ? "" : PREFIX, d->wanted);
                return wanted;
        }
        i = find(d, d->chosen, &found);
        if (found && (d->known[i].running || d->known[i].activatable))
                return d->chosen;
        for (i = 0; i < d->n_known; i++)
                if (d->known[i].running)
                        return d->known[i].name;
        for (i = 0; i < d->n_known; i++)
                if (d->known[i].activatable)
                        return d->known[i].name;
        return d->chosen;
}

static void drop_owner_call(Distributor *d)
{
        if (d->owner_call)
                (void)connection_cancel_call(system_bus_connection(d->bus), d->owner_call);
        d->owner_call = 0;
}

static void choose(Distributor *d)
{
        char buf[DBUS_NAME_MAX + 1];
        const char *name = best(d, buf);
        bool found;
        unsigned i;

        if (strcmp(name, d->chosen) != 0) {
                drop_owner_call(d);
                snprintf(d->chosen, sizeof d->chosen, "%s", name);
                set_owner(d, "");
        }
        i = find(d, d->chosen, &found);
        if (!found || d->owner[0] || d->owner_call)
                return;
        if (d->known[i].running)
                ask_owner(d);
        else if (d->known[i].activatable)
                start(d);
}

static void read_names(Distributor *d, const Message *reply, bool running)
{
        Reader r;

        if (!reply || reply->type != MESSAGE_RETURN)
                return;
        reader_init(&r, reply);
        reader_open_array(&r, "s");
        while (reader_more(&r))
                note(d, reader_get_string(&r), running, !running);
}

static void on_activatable(Connection *c, Message *reply, int error, void *userdata)
{
        read_names(userdata, reply, false);
}

static void on_running(Connection *c, Message *reply, int error, void *userdata)
{
        Distributor *d = userdata;

        read_names(d, reply, true);
        if (!reply)
                return;
        d->listed = true;
        choose(d);
}

static void on_owner_changed(Distributor *d, const char *name, const char *owner)
{
        bool found;
        unsigned i;

        if (owner[0])
                note(d, name, true, false);
        i = find(d, name, &found);
        if (!found)
                return;
        d->known[i].running = owner[0];
        if (strcmp(name, d->chosen) == 0) {
                drop_owner_call(d);
                set_owner(d, owner);
                if (owner[0])
                        ask_for_name(d);
                else if (d->known[i].activatable)
                        distributor_retry(d);
        } else if (owner[0] && d->listed) {
                choose(d);
        }
}

static void on_signal(BusUser *user, Message *m)
{
        Distributor *d = CONTAINER_OF(user, Distributor, user);
        const char *name, *owner;
        Reader r;

        if (!m->sender || strcmp(m->sender, BUS_NAME) != 0)
                return;
        reader_init(&r, m);
        name = reader_get_string(&r);
        if (message_is_signal(m, BUS_NAME, "NameOwnerChanged")) {
                reader_get_string(&r);
                owner = reader_get_string(&r);
                if (reader_error(&r) >= 0 && strlen(owner) <= DBUS_NAME_MAX)
                        on_owner_changed(d, name, owner);
        } else if (strcmp(name, CONNECTOR_NAME) == 0 &&
                   (message_is_signal(m, BUS_NAME, "NameAcquired") || message_is_signal(m, BUS_NAME, "NameLost"))) {
                bool has_name = strcmp(m->member, "NameAcquired") == 0;

                if (has_name == d->has_name)
                        return;
                d->has_name = has_name;
                d->type->changed(d->userdata);
        }
}

static bool on_call(BusUser *user, Message *m)
{
        Distributor *d = CONTAINER_OF(user, Distributor, user);
        Writer *w = system_bus_writer(d->bus);

        if (!m->path || strcmp(m->path, CONNECTOR_PATH) != 0)
                return false;
        if (d->owner[0] && m->sender && strcmp(m->sender, d->owner) == 0) {
                d->type->called(m, d->userdata);
                return true;
        }
        writer_start_error(w, m, ACCESS_DENIED, "only the UnifiedPush distributor that is used may call this");
        (void)connection_reply(system_bus_connection(d->bus), w, m);
        return true;
}

static void on_connected(BusUser *user)
{
        Distributor *d = CONTAINER_OF(user, Distributor, user);

        d->has_bus = true;
        system_bus_tell(d->bus, "AddMatch", MATCH);
        (void)start_call(d, "ListActivatableNames");
        (void)ask_bus(d, on_activatable, NULL);
        (void)start_call(d, "ListNames");
        (void)ask_bus(d, on_running, NULL);
}

static void forget(Distributor *d)
{
        d->has_bus = d->listed = d->is_asked = d->has_name = d->is_starting = false;
        d->n_known = 0;
        d->owner_call = 0;
        d->owner[0] = d->failure[0] = '\0';
        distributor_praise(d);
}

static void on_disconnected(BusUser *user)
{
        Distributor *d = CONTAINER_OF(user, Distributor, user);

        forget(d);
        d->type->changed(d->userdata);
}

static void on_delay_over(Delay *delay, void *userdata)
{
        Distributor *d = userdata;

        if (d->listed && !d->owner[0])
                choose(d);
        d->type->retry(d->userdata);
}

void distributor_retry(Distributor *d)
{
        if (delay_is_running(&d->delay))
                return;
        delay_start(&d->delay, d->retry_usec);
        d->retry_usec = MIN(2 * d->retry_usec, DISTRIBUTOR_RETRY_MAX);
}

void distributor_praise(Distributor *d)
{
        d->retry_usec = DISTRIBUTOR_RETRY_MIN;
}

const char *distributor_explain(const Distributor *d, char *buf, size_t size)
{
        if (!d->has_bus)
                snprintf(buf, size, "there is no session bus");
        else if (!d->chosen[0])
                snprintf(buf, size, "no UnifiedPush distributor is there: install one, as KUnifiedPush");
        else if (d->failure[0])
                snprintf(buf, size, "%.60s cannot be started: %s", d->chosen, d->failure);
        else if (!d->owner[0])
                snprintf(buf, size, "%.100s is not running", d->chosen);
        else if (!d->has_name)
                snprintf(buf, size, "another program has the name " CONNECTOR_NAME " on the session bus");
        else
                return NULL;
        return buf;
}

int distributor_init(Distributor *d, Loop *loop, const char *address, const char *wanted, const DistributorType *type,
                     void *userdata)
{
        int r;

        *d = (Distributor){ .type = type, .userdata = userdata, .wanted = wanted, .delay = DELAY_INIT };
        d->user.connected = on_connected;
        d->user.disconnected = on_disconnected;
        d->user.signal = on_signal;
        d->user.call = on_call;
        distributor_praise(d);
        if (!address[0])
                return 0;
        r = delay_init(&d->delay, loop, on_delay_over, d);
        if (r >= 0)
                r = system_bus_new(loop, address, true, &d->bus);
        if (r >= 0)
                r = system_bus_add(d->bus, &d->user);
        if (r < 0) {
                delay_done(&d->delay);
                d->bus = system_bus_free(d->bus);
        }
        return r;
}

void distributor_done(Distributor *d)
{
        if (!d->bus)
                return;
        system_bus_remove(d->bus, &d->user);
        delay_done(&d->delay);
        d->bus = system_bus_free(d->bus);
}
