/* SPDX-License-Identifier: MIT */

/*
 * What a peer that is confined to its package may ask for. A method that is not in the table is refused, so that a new
 * one is closed until somebody has thought about it.
 */

#include <string.h>

#include "bus/bus-internal.h"

#define MANAGER "org.bgtask.Manager1"
#define SERVER "org.bgtask.Server1"
#define STANDARD "org.freedesktop.DBus"

/* What the strings at the beginning of a call name. An empty one means the caller's own, or none. */
typedef enum Names {
        NAMES_NOTHING,
        NAMES_PACKAGE,
        NAMES_TASK,
        NAMES_RUN,
        NAMES_PACKAGE_AND_TASK,
        NAMES_ANYTHING_AND_PACKAGE,
} Names;

static const struct {
        const char *interface;
        const char *member;
        Names names;
} permitted[] = {
        { MANAGER, "Open", NAMES_PACKAGE },
        { MANAGER, "Register", NAMES_PACKAGE },
        { MANAGER, "RegisterBatch", NAMES_PACKAGE },
        { MANAGER, "Unregister", NAMES_TASK },
        { MANAGER, "ListTasks", NAMES_PACKAGE },
        { MANAGER, "GetTask", NAMES_TASK },
        { MANAGER, "Why", NAMES_TASK },
        { MANAGER, "History", NAMES_PACKAGE_AND_TASK },
        { MANAGER, "Run", NAMES_TASK },
        { MANAGER, "Request", NAMES_TASK },
        { MANAGER, "Cancel", NAMES_TASK },
        { MANAGER, "CancelRun", NAMES_RUN },
        { MANAGER, "Pause", NAMES_TASK },
        { MANAGER, "Skip", NAMES_TASK },
        { MANAGER, "Watch", NAMES_PACKAGE_AND_TASK },
        { MANAGER, "Unwatch", NAMES_PACKAGE_AND_TASK },
        { MANAGER, "ReadLog", NAMES_TASK },
        { MANAGER, "TransferSocket", NAMES_TASK },
        { MANAGER, "ListSockets", NAMES_TASK },
        { SERVER, "Attach", NAMES_ANYTHING_AND_PACKAGE },
        { SERVER, "Announce", NAMES_NOTHING },
        { SERVER, "RegisterClass", NAMES_NOTHING },
        { SERVER, "RevokeClass", NAMES_NOTHING },
        { SERVER, "SuspendClasses", NAMES_NOTHING },
        { SERVER, "ResumeClasses", NAMES_NOTHING },
        { SERVER, "BecomeApp", NAMES_NOTHING },
        { SERVER, "AskToGo", NAMES_NOTHING },
        { SERVER, "TakeSocket", NAMES_RUN },
        { SERVER, "TakeTransferredSocket", NAMES_RUN },
        { SERVER, "Progress", NAMES_NOTHING },
        { SERVER, "Complete", NAMES_NOTHING },
};

static const char *read_name(Reader *r)
{
        return reader_next_type(r) == 's' ? reader_get_string(r) : "";
}

static bool owns_task(const Peer *peer, const char *text)
{
        const BusHandlers *handlers = peer->bus->config.handlers;
        Uuid id;

        /* What is no id names no task; that is for the method to say. */
        return uuid_parse(text, &id) < 0 || handlers->owns_task(peer->package, id, handlers->userdata);
}

static bool owns_run(const Peer *peer, const char *text)
{
        const BusHandlers *handlers = peer->bus->config.handlers;
        Uuid id;

        return uuid_parse(text, &id) < 0 || handlers->owns_run(peer->package, id, handlers->userdata);
}

/* The same answer as for what does not exist: whether it does is none of its business. */
static Error check_names(const Peer *peer, const Message *m, Names names)
{
        const char *name;
        Reader r;

        reader_init(&r, m);
        if (names == NAMES_ANYTHING_AND_PACKAGE)
                (void)read_name(&r);
        name = read_name(&r);
        switch (names) {
        case NAMES_NOTHING:
                return ERROR_NONE;
        case NAMES_TASK:
                return owns_task(peer, name) ? ERROR_NONE : ERROR_NO_SUCH_TASK;
        case NAMES_RUN:
                return owns_run(peer, name) ? ERROR_NONE : ERROR_NO_SUCH_RUN;
        default:
                break;
        }
        if (name[0] && strcmp(name, peer->package) != 0)
                return ERROR_NO_SUCH_PACKAGE;
        return names == NAMES_PACKAGE_AND_TASK && !owns_task(peer, read_name(&r)) ? ERROR_NO_SUCH_TASK : ERROR_NONE;
}

/* A method can be called without its interface. */
static Error check(const Peer *peer, const Message *m)
{
        if (m->interface && strncmp(m->interface, STANDARD, strlen(STANDARD)) == 0)
                return ERROR_NONE;
        for (size_t i = 0; i < ELEMENTSOF(permitted); i++)
                if (strcmp(m->member, permitted[i].member) == 0 &&
                    (!m->interface || strcmp(m->interface, permitted[i].interface) == 0))
                        return check_names(peer, m, permitted[i].names);
        return ERROR_ACCESS_DENIED;
}

static void answer(Call *call, Error error)
{
        if (error == ERROR_ACCESS_DENIED)
                bus_reply_error_with(call, error, "a confined package may not do this",
                                     "let its user do it, or give the package the capability runFullTrust");
        else
                bus_reply_error(call, error, NULL);
}

bool scope_permits(Peer *peer, Message *m)
{
        Error error;
        Call *call;

        if (m->type != MESSAGE_CALL)
                return true;
        error = check(peer, m);
        if (error == ERROR_NONE)
                return true;
        call = call_new(peer, m);
        if (call)
                answer(call, error);
        else
                call_refuse(peer, m);
        return false;
}
