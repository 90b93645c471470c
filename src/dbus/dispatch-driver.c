/* SPDX-License-Identifier: MIT */

/*
 * What tools that expect a message bus at an address ask it for. Two peers are on this one: the broker (":1.0") and
 * the caller.
 */

#include "dbus/dispatch-internal.h"

#include <inttypes.h>

#include "dbus/standard.h"

#define BROKER_NAME ":1.0"
#define NAME_MAX_SIZE sizeof(":1.18446744073709551615")

#define START_REPLY_ALREADY_RUNNING 2

static const char *caller_name(const Request *q, char buf[static NAME_MAX_SIZE])
{
        snprintf(buf, NAME_MAX_SIZE, ":1.%" PRIu64, connection_id(q->connection));
        return buf;
}

static bool is_broker(const Request *q, const char *name)
{
        return strcmp(name, BROKER_NAME) == 0 || (q->dispatch->bus_name && strcmp(name, q->dispatch->bus_name) == 0);
}

/* The unique name that owns a name, NULL if there is none. The bus owns itself. */
static const char *owner_of(const Request *q, const char *name, char buf[static NAME_MAX_SIZE])
{
        if (strcmp(name, standard_d_bus_interface.name) == 0)
                return standard_d_bus_interface.name;
        if (is_broker(q, name))
                return BROKER_NAME;
        return strcmp(name, caller_name(q, buf)) == 0 ? buf : NULL;
}

static const char *argument(const Request *q)
{
        Reader r;

        reader_init(&r, q->call);
        return reader_get_string(&r);
}

static void answer_string(Request *q, const char *value)
{
        writer_start_return(q->writer, q->call);
        writer_put_string(q->writer, value);
        request_send(q);
}

static void answer_uint32(Request *q, uint32_t value)
{
        writer_start_return(q->writer, q->call);
        writer_put_uint32(q->writer, value);
        request_send(q);
}

static void answer_nobody(Request *q, const char *name)
{
        request_error(q, DISPATCH_ERROR "NameHasNoOwner", "nobody here has the name '%.200s'", name);
}

static void on_hello(Request *q)
{
        char name[NAME_MAX_SIZE];

        answer_string(q, caller_name(q, name));
}

static void on_match(Request *q)
{
        writer_start_return(q->writer, q->call);
        request_send(q);
}

static void on_get_name_owner(Request *q)
{
        const char *name = argument(q), *owner;
        char buf[NAME_MAX_SIZE];

        owner = owner_of(q, name, buf);
        if (owner)
                answer_string(q, owner);
        else
                answer_nobody(q, name);
}

static void on_name_has_owner(Request *q)
{
        char buf[NAME_MAX_SIZE];

        writer_start_return(q->writer, q->call);
        writer_put_bool(q->writer, owner_of(q, argument(q), buf) != NULL);
        request_send(q);
}

static void on_start_service(Request *q)
{
        const char *name = argument(q);
        char buf[NAME_MAX_SIZE];

        if (owner_of(q, name, buf))
                answer_uint32(q, START_REPLY_ALREADY_RUNNING);
        else
                request_error(q, DISPATCH_ERROR "ServiceUnknown", "there is no service '%.200s' here", name);
}

static void on_list_names(Request *q)
{
        char buf[NAME_MAX_SIZE];

        writer_start_return(q->writer, q->call);
        writer_open_array(q->writer, NULL);
        writer_put_string(q->writer, standard_d_bus_interface.name);
        writer_put_string(q->writer, BROKER_NAME);
        if (q->dispatch->bus_name)
                writer_put_string(q->writer, q->dispatch->bus_name);
        writer_put_string(q->writer, caller_name(q, buf));
        writer_close(q->writer);
        request_send(q);
}

static void on_list_activatable_names(Request *q)
{
        writer_start_return(q->writer, q->call);
        writer_open_array(q->writer, NULL);
        writer_close(q->writer);
        request_send(q);
}

static void on_request_name(Request *q)
{
        request_error(q, DISPATCH_ERROR "AccessDenied", "nobody can own a name here: this is no message bus");
}

static void on_get_id(Request *q)
{
        char text[UUID_STRING_MAX], id[UUID_STRING_MAX];
        size_t n = 0;

        for (const char *p = uuid_format(connection_guid(q->connection), text); *p; p++)
                if (*p != '-')
                        id[n++] = *p;
        id[n] = '\0';
        answer_string(q, id);
}

/* Who owns the name: ourselves or the caller. False, and the error is sent, if nobody does. */
static bool find_process(Request *q, struct ucred *ret_process)
{
        const char *name = argument(q), *owner;
        char buf[NAME_MAX_SIZE];

        owner = owner_of(q, name, buf);
        if (!owner) {
                answer_nobody(q, name);
                return false;
        }
        if (owner == buf)
                *ret_process = *connection_peer(q->connection);
        else
                *ret_process = (struct ucred){ .pid = getpid(), .uid = getuid(), .gid = getgid() };
        return true;
}

static void on_get_unix_user(Request *q)
{
        struct ucred process;

        if (find_process(q, &process))
                answer_uint32(q, process.uid);
}

static void on_get_unix_process_id(Request *q)
{
        struct ucred process;

        if (find_process(q, &process))
                answer_uint32(q, (uint32_t)process.pid);
}

static void on_get_credentials(Request *q)
{
        struct ucred process;

        if (!find_process(q, &process))
                return;
        writer_start_return(q->writer, q->call);
        writer_open_array(q->writer, NULL);
        writer_put_option_uint32(q->writer, "UnixUserID", process.uid);
        writer_put_option_uint32(q->writer, "ProcessID", (uint32_t)process.pid);
        writer_close(q->writer);
        request_send(q);
}

const RequestHandler dispatch_driver_handlers[_STANDARD_D_BUS_METHOD_MAX] = {
        [STANDARD_D_BUS_METHOD_HELLO] = on_hello,
        [STANDARD_D_BUS_METHOD_ADD_MATCH] = on_match,
        [STANDARD_D_BUS_METHOD_REMOVE_MATCH] = on_match,
        [STANDARD_D_BUS_METHOD_GET_NAME_OWNER] = on_get_name_owner,
        [STANDARD_D_BUS_METHOD_NAME_HAS_OWNER] = on_name_has_owner,
        [STANDARD_D_BUS_METHOD_START_SERVICE_BY_NAME] = on_start_service,
        [STANDARD_D_BUS_METHOD_LIST_NAMES] = on_list_names,
        [STANDARD_D_BUS_METHOD_LIST_ACTIVATABLE_NAMES] = on_list_activatable_names,
        [STANDARD_D_BUS_METHOD_REQUEST_NAME] = on_request_name,
        [STANDARD_D_BUS_METHOD_GET_ID] = on_get_id,
        [STANDARD_D_BUS_METHOD_GET_CONNECTION_UNIX_USER] = on_get_unix_user,
        [STANDARD_D_BUS_METHOD_GET_CONNECTION_UNIX_PROCESS_ID] = on_get_unix_process_id,
        [STANDARD_D_BUS_METHOD_GET_CONNECTION_CREDENTIALS] = on_get_credentials,
};
