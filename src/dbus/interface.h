/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * An interface as tools/dbus-gen.py makes it from its XML, for both sides: what dispatch checks calls against, and
 * what a caller starts its messages from. For org.example.Thing1 with a method Do and a signal Done the generated
 * header has
 *
 *      extern const Interface thing1_interface;
 *      enum { THING1_METHOD_DO, _THING1_METHOD_MAX };
 *      enum { THING1_SIGNAL_DONE, _THING1_SIGNAL_MAX };
 *      enum { _THING1_PROPERTY_MAX };
 *
 * dbus/interfaces.h is that header for bgtask's own interfaces (data/dbus), to be had with dep_interfaces.
 */

#include <stdbool.h>
#include <stddef.h>

#include "dbus/writer.h"

typedef struct InterfaceMethod {
        const char *name;
        const char *in;
        const char *out;
        bool no_reply; /* annotated org.freedesktop.DBus.Method.NoReply: callers should ask for none */
} InterfaceMethod;

typedef struct InterfaceSignal {
        const char *name;
        const char *signature;
} InterfaceSignal;

typedef struct InterfaceProperty {
        const char *name;
        const char *signature;
} InterfaceProperty;

typedef struct Interface {
        const char *name;
        const InterfaceMethod *methods;
        size_t n_methods;
        const InterfaceSignal *signals;
        size_t n_signals;
        const InterfaceProperty *properties;
        size_t n_properties;
        const char *xml; /* the <interface> element, comments included */
} Interface;

/* Starts a call whose arguments are checked as they are put, with MESSAGE_NO_REPLY_EXPECTED if the method says so. */
void interface_start_call(Writer *w, const char *path, const Interface *interface, unsigned method);
void interface_start_signal(Writer *w, const char *path, const Interface *interface, unsigned signal);
/* True if the message is this signal, with the arguments that it must have. */
bool interface_is_signal(const Interface *interface, unsigned signal, const Message *m);
