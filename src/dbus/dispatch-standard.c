/* SPDX-License-Identifier: MIT */

/* The interfaces that every object has: Peer, Introspectable, Properties. */

#include "dbus/dispatch-internal.h"

#include <errno.h>
#include <fcntl.h>

#include "dbus/standard.h"

static void on_ping(Request *q)
{
        writer_start_return(q->writer, q->call);
        request_send(q);
}

static int read_machine_id(char ret_id[static 33])
{
        static const char *const paths[] = { "/etc/machine-id", "/var/lib/dbus/machine-id" };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_(closep) int fd = open(paths[i], O_RDONLY | O_CLOEXEC | O_NOCTTY);
                char id[34] = "";

                if (fd < 0 || read(fd, id, sizeof id - 1) < 32 || strspn(id, "0123456789abcdef") != 32)
                        continue;
                memcpy(ret_id, id, 32);
                ret_id[32] = '\0';
                return 0;
        }
        return -ENOENT;
}

static void on_get_machine_id(Request *q)
{
        char id[33];

        if (read_machine_id(id) < 0) {
                request_error(q, DISPATCH_ERROR "FileNotFound", "this machine has no /etc/machine-id");
                return;
        }
        writer_start_return(q->writer, q->call);
        writer_put_string(q->writer, id);
        request_send(q);
}

static int describe_interfaces(const Request *q, Buffer *xml)
{
        const Dispatch *d = q->dispatch;
        int r = 0;

        for (size_t i = 0; i < d->n_objects && r >= 0; i++)
                if (dispatch_object_is(&d->objects[i], q->call->path))
                        r = buffer_printf(xml, "  %s\n", d->objects[i].interface->xml);
        if (r >= 0 && strcmp(q->call->path, STANDARD_PATH) == 0)
                r = buffer_printf(xml, "  %s\n", standard_d_bus_interface.xml);
        for (size_t i = 0; i < dispatch_n_standard && r >= 0; i++)
                r = buffer_printf(xml, "  %s\n", dispatch_standard[i].interface->xml);
        return r;
}

/* The element below path on the way to other, as a length; 0 if other is not below it. */
static size_t child_of(const char *path, const char *other, const char **ret_name)
{
        if (!dispatch_path_is_above(path, other))
                return 0;
        *ret_name = other + (strcmp(path, "/") == 0 ? 1 : strlen(path) + 1);
        return strcspn(*ret_name, "/");
}

static const char *known_path(const Dispatch *d, size_t i)
{
        return i < d->n_objects ? d->objects[i].path : STANDARD_PATH;
}

static int describe_children(const Request *q, Buffer *xml)
{
        const Dispatch *d = q->dispatch;
        const char *name, *earlier;
        int r = 0;

        for (size_t i = 0; i <= d->n_objects && r >= 0; i++) {
                size_t n = child_of(q->call->path, known_path(d, i), &name), j = 0;

                if (n == 0)
                        continue;
                while (j < i && !(child_of(q->call->path, known_path(d, j), &earlier) == n &&
                                  memcmp(earlier, name, n) == 0))
                        j++;
                if (j == i)
                        r = buffer_printf(xml, "  <node name=\"%.*s\"/>\n", (int)n, name);
        }
        return r;
}

static void on_introspect(Request *q)
{
        static const char head[] =
                "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"
                " \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>\n";
        _cleanup_(buffer_done) Buffer xml = { 0 };
        int r;

        r = buffer_printf(&xml, "%s", head);
        if (r >= 0)
                r = describe_interfaces(q, &xml);
        if (r >= 0)
                r = describe_children(q, &xml);
        if (r >= 0)
                r = buffer_printf(&xml, "</node>\n");
        if (r < 0) {
                request_error(q, DISPATCH_ERROR "NoMemory", "not enough memory");
                return;
        }
        writer_start_return(q->writer, q->call);
        writer_put_string(q->writer, (const char *)xml.data);
        request_send(q);
}

/* Puts one property as a variant. */
static void put_property(Request *q, const DispatchObject *object, unsigned property)
{
        writer_open_variant(q->writer, object->interface->properties[property].signature);
        object->get(q->context, property, q->writer);
        writer_close(q->writer);
}

/* The next entry of this object whose interface is the one asked for ("": any); NULL after the last. */
static const DispatchObject *next_with_properties(const Request *q, const char *interface, size_t *i)
{
        while (*i < q->dispatch->n_objects) {
                const DispatchObject *object = &q->dispatch->objects[(*i)++];

                if (dispatch_object_is(object, q->call->path) &&
                    (interface[0] == '\0' || strcmp(interface, object->interface->name) == 0))
                        return object;
        }
        return NULL;
}

/* Finds a property; NULL, and the error is sent, if there is none. */
static const DispatchObject *find_property(Request *q, const char *interface, const char *name, unsigned *ret_property)
{
        const DispatchObject *object;
        bool found = interface[0] == '\0';
        size_t i = 0;

        while ((object = next_with_properties(q, interface, &i))) {
                found = true;
                for (unsigned j = 0; j < object->interface->n_properties; j++)
                        if (strcmp(object->interface->properties[j].name, name) == 0) {
                                *ret_property = j;
                                return object;
                        }
        }
        if (!found)
                request_error(q, DISPATCH_ERROR "UnknownInterface", "the object has no interface '%.200s'", interface);
        else
                request_error(q, DISPATCH_ERROR "UnknownProperty", "the object has no property '%.200s'", name);
        return NULL;
}

static void on_get(Request *q)
{
        const DispatchObject *object;
        const char *interface, *name;
        unsigned property;
        Reader r;

        reader_init(&r, q->call);
        interface = reader_get_string(&r);
        name = reader_get_string(&r);
        object = find_property(q, interface, name, &property);
        if (!object)
                return;
        writer_start_return(q->writer, q->call);
        put_property(q, object, property);
        request_send(q);
}

static void on_get_all(Request *q)
{
        const DispatchObject *object;
        const char *interface;
        size_t i = 0;
        Reader r;

        reader_init(&r, q->call);
        interface = reader_get_string(&r);
        writer_start_return(q->writer, q->call);
        writer_open_array(q->writer, NULL);
        while ((object = next_with_properties(q, interface, &i)))
                for (unsigned j = 0; j < object->interface->n_properties; j++) {
                        writer_open_entry(q->writer);
                        writer_put_string(q->writer, object->interface->properties[j].name);
                        put_property(q, object, j);
                        writer_close(q->writer);
                }
        writer_close(q->writer);
        request_send(q);
}

static void on_set(Request *q)
{
        const char *interface, *name;
        unsigned property;
        Reader r;

        reader_init(&r, q->call);
        interface = reader_get_string(&r);
        name = reader_get_string(&r);
        if (find_property(q, interface, name, &property))
                request_error(q, DISPATCH_ERROR "PropertyReadOnly", "the property '%.200s' cannot be set", name);
}

static const RequestHandler peer_handlers[_STANDARD_PEER_METHOD_MAX] = {
        [STANDARD_PEER_METHOD_PING] = on_ping,
        [STANDARD_PEER_METHOD_GET_MACHINE_ID] = on_get_machine_id,
};

static const RequestHandler introspectable_handlers[_STANDARD_INTROSPECTABLE_METHOD_MAX] = {
        [STANDARD_INTROSPECTABLE_METHOD_INTROSPECT] = on_introspect,
};

static const RequestHandler properties_handlers[_STANDARD_PROPERTIES_METHOD_MAX] = {
        [STANDARD_PROPERTIES_METHOD_GET] = on_get,
        [STANDARD_PROPERTIES_METHOD_GET_ALL] = on_get_all,
        [STANDARD_PROPERTIES_METHOD_SET] = on_set,
};

const StandardInterface dispatch_standard[] = {
        { &standard_peer_interface, peer_handlers, true },
        { &standard_introspectable_interface, introspectable_handlers, false },
        { &standard_properties_interface, properties_handlers, false },
};

const size_t dispatch_n_standard = ELEMENTSOF(dispatch_standard);
