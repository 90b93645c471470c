/* SPDX-License-Identifier: MIT */
#pragma once

/* What dispatch.c, dispatch-standard.c and dispatch-driver.c share: one call that is being answered. */

#include "dbus/dispatch.h"
#include "dbus/reader.h"

/* Where the bus itself is. */
#define STANDARD_PATH "/org/freedesktop/DBus"

typedef struct Request {
        Dispatch *dispatch;
        Writer *writer; /* the dispatch's */
        Connection *connection;
        Message *call;
        void *context;
} Request;

typedef void (*RequestHandler)(Request *q);

typedef struct StandardInterface {
        const Interface *interface;
        const RequestHandler *handlers;
        bool everywhere; /* not only on objects that exist */
} StandardInterface;

/* What every object has; dispatch-standard.c. */
extern const StandardInterface dispatch_standard[];
extern const size_t dispatch_n_standard;
/* org.freedesktop.DBus; dispatch-driver.c. */
extern const RequestHandler dispatch_driver_handlers[];

/* True if the entry stands for the object at this path. */
bool dispatch_object_is(const DispatchObject *object, const char *path);
/* True if path is above other. */
bool dispatch_path_is_above(const char *path, const char *other);

void request_send(Request *q);
void request_error(Request *q, const char *name, const char *format, ...) _printf_(3, 4);
