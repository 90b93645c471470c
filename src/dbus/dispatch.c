/* SPDX-License-Identifier: MIT */

#include "dbus/dispatch-internal.h"

#include <stdarg.h>

#include "base/utf8.h"
#include "dbus/standard.h"

/* Paths and names in sentences: a peer may have made them very long. */
#define SHOWN "%.200s"

void dispatch_init(Dispatch *d, const DispatchObject *objects, size_t n_objects, const char *bus_name)
{
        *d = (Dispatch){ .objects = objects, .n_objects = n_objects, .bus_name = bus_name };
        writer_init(&d->writer);
}

void dispatch_done(Dispatch *d)
{
        writer_done(&d->writer);
}

bool dispatch_path_is_above(const char *path, const char *other)
{
        size_t n = strcmp(path, "/") == 0 ? 0 : strlen(path);

        return strncmp(path, other, n) == 0 && other[n] == '/' && other[n + 1] != '\0';
}

bool dispatch_object_is(const DispatchObject *object, const char *path)
{
        return strcmp(object->path, path) == 0 || (object->subtree && dispatch_path_is_above(object->path, path));
}

void request_send(Request *q)
{
        (void)connection_reply(q->connection, q->writer, q->call);
}

void request_error(Request *q, const char *name, const char *format, ...)
{
        char sentence[768];
        va_list args;

        va_start(args, format);
        vsnprintf(sentence, sizeof sentence, format, args);
        va_end(args);
        /* A name that was cut may end in the middle of a character. */
        for (char *p = utf8_is_valid(sentence, strlen(sentence)) ? NULL : sentence; p && *p; p++)
                *p = *p & 0x80 ? '?' : *p;
        writer_start_error(q->writer, q->call, name, sentence);
        request_send(q);
}

/* What has been found out about a call that is not answered yet, for the error that says how far it got. */
typedef struct Search {
        bool object;
        const Interface *interface; /* the call's, if it names one and the object has it */
        const InterfaceMethod *method;
} Search;

/* Looks for the call's method in an interface; true if this is the one, with the arguments that it takes. */
static bool search_interface(Search *search, const Interface *interface, const Message *call, unsigned *ret_method)
{
        if (call->interface && strcmp(call->interface, interface->name) != 0)
                return false;
        if (call->interface)
                search->interface = interface;
        for (unsigned i = 0; i < interface->n_methods; i++) {
                if (strcmp(call->member, interface->methods[i].name) != 0)
                        continue;
                search->method = &interface->methods[i];
                *ret_method = i;
                return strcmp(call->signature, interface->methods[i].in) == 0;
        }
        return false;
}

static bool try_objects(Request *q, Search *search)
{
        const Dispatch *d = q->dispatch;
        unsigned method;

        for (size_t i = 0; i < d->n_objects; i++) {
                const DispatchObject *object = &d->objects[i];

                if (!dispatch_object_is(object, q->call->path))
                        continue;
                search->object = true;
                if (!search_interface(search, object->interface, q->call, &method) || !object->handlers[method])
                        continue;
                q->call->reply_signature = search->method->out;
                object->handlers[method](q->context, q->connection, q->call);
                return true;
        }
        return false;
}

static bool try_handlers(Request *q, Search *search, const Interface *interface, const RequestHandler *handlers)
{
        unsigned method;

        if (!search_interface(search, interface, q->call, &method))
                return false;
        q->call->reply_signature = search->method->out;
        handlers[method](q);
        return true;
}

static bool is_above_an_object(const Dispatch *d, const char *path)
{
        for (size_t i = 0; i < d->n_objects; i++)
                if (dispatch_path_is_above(path, d->objects[i].path))
                        return true;
        return dispatch_path_is_above(path, STANDARD_PATH);
}

static bool try_standard(Request *q, Search *search)
{
        bool exists = search->object || is_above_an_object(q->dispatch, q->call->path);

        /* Only who names the bus means it: its method names are not those of every object. */
        if ((q->call->interface || strcmp(q->call->path, STANDARD_PATH) == 0) &&
            try_handlers(q, search, &standard_d_bus_interface, dispatch_driver_handlers))
                return true;
        exists = exists || strcmp(q->call->path, STANDARD_PATH) == 0;
        search->object = search->object || exists;
        for (size_t i = 0; i < dispatch_n_standard; i++)
                if ((exists || dispatch_standard[i].everywhere) &&
                    try_handlers(q, search, dispatch_standard[i].interface, dispatch_standard[i].handlers))
                        return true;
        return false;
}

static void refuse(Request *q, const Search *search)
{
        const Message *m = q->call;

        if (search->method && strcmp(m->signature, search->method->in) != 0)
                request_error(q, DISPATCH_ERROR "InvalidArgs", "the method '%s' takes (%s), not (%s)", m->member,
                              search->method->in, m->signature);
        else if (!search->object && !search->interface)
                request_error(q, DISPATCH_ERROR "UnknownObject", "there is no object at '" SHOWN "'", m->path);
        else if (m->interface && !search->interface)
                request_error(q, DISPATCH_ERROR "UnknownInterface", "the object at '" SHOWN "' has no interface '%s'",
                              m->path, m->interface);
        else
                request_error(q, DISPATCH_ERROR "UnknownMethod", "the object at '" SHOWN "' has no method '%s'%s%s",
                              m->path, m->member, m->interface ? " in the interface " : "",
                              m->interface ? m->interface : "");
}

bool dispatch_call(Dispatch *d, Connection *c, Message *m, void *context)
{
        Request q = { d, &d->writer, c, m, context };
        Search search = { 0 };

        if (m->type != MESSAGE_CALL)
                return false;
        if (!try_objects(&q, &search) && !try_standard(&q, &search))
                refuse(&q, &search);
        return true;
}
