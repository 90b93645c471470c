/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Takes the calls that arrive to the functions that answer them. What exists is a constant table of objects;
 * everything that every D-Bus object has besides is answered here:
 *
 *  - org.freedesktop.DBus.Peer, Introspectable and Properties;
 *  - the few calls of a message bus (org.freedesktop.DBus: Hello, names, matches) without which busctl, gdbus and
 *    python-dbus will not talk to an address. There is no bus: signals are sent to one peer at a time by whoever has
 *    them, AddMatch changes nothing, and the only names are the broker's, the caller's and the bus's own;
 *  - UnknownObject, UnknownInterface, UnknownMethod and InvalidArgs, with a sentence.
 *
 *      static const DispatchHandler manager_handlers[_MANAGER1_METHOD_MAX] = { [MANAGER1_METHOD_OPEN] = on_open, … };
 *      static const DispatchObject objects[] = {
 *              { "/org/bgtask", false, &manager1_interface, manager_handlers, get_manager_property },
 *      };
 *      dispatch_init(&dispatch, objects, ELEMENTSOF(objects), "org.bgtask.Manager");
 *      …
 *      static void on_message(Connection *c, Message *m, void *userdata)
 *      {
 *              dispatch_call(&dispatch, c, m, userdata);
 *      }
 *
 * A handler is called for a call whose arguments have the types of the XML. It answers with writer_start_return()
 * (what it puts is checked against the XML) or writer_start_error() and connection_reply(), at once or, having kept
 * the message or its serial and sender, later. It may free the connection.
 */

#include "dbus/connection.h"
#include "dbus/interface.h"

#define DISPATCH_ERROR "org.freedesktop.DBus.Error."

typedef void (*DispatchHandler)(void *context, Connection *c, Message *call);
/* Puts the value of a property: one complete type, which is that of the XML. */
typedef void (*DispatchGetter)(void *context, unsigned property, Writer *w);

/* One interface of one object; an object with several has as many entries. */
typedef struct DispatchObject {
        const char *path;
        bool subtree; /* also everything below the path */
        const Interface *interface;
        const DispatchHandler *handlers; /* by the generated enum; NULL in it: the method is unknown */
        DispatchGetter get;              /* NULL if the interface has no properties */
} DispatchObject;

typedef struct Dispatch {
        const DispatchObject *objects;
        size_t n_objects;
        const char *bus_name; /* what GetNameOwner knows ":1.0" by; NULL: nothing */
        Writer writer;
} Dispatch;

/* The table and the name are borrowed. A Dispatch serves any number of connections of one thread. */
void dispatch_init(Dispatch *d, const DispatchObject *objects, size_t n_objects, const char *bus_name);
void dispatch_done(Dispatch *d);

/* Answers a call or hands it on; true if m is a call, else nothing is done. The context is passed on. */
bool dispatch_call(Dispatch *d, Connection *c, Message *m, void *context);
