/* SPDX-License-Identifier: MIT */

#include "client/activation.h"

#include <errno.h>
#include <string.h>

#include "base/uuid.h"
#include "client/driver.h"
#include "client/error.h"
#include "client/instance.h"
#include "client/record.h"
#include "client/registration.h"
#include "client/report.h"
#include "client/wait.h"
#include "dbus/interfaces.h"

/* What one process is given at a time; the broker's own limits are lower. */
#define INSTANCES_MAX 4096

static void refuse(bgt *b, Connection *c, const Message *call, Error error)
{
        const ErrorInfo *info = error_info(error);

        writer_start_error(&b->writer, call, info->dbus_name, info->sentence);
        (void)connection_reply(c, &b->writer, call);
}

static void acknowledge(bgt *b, Connection *c, const Message *call)
{
        writer_start_return(&b->writer, call);
        (void)connection_reply(c, &b->writer, call);
}

typedef struct RunCall {
        const char *run;
        uint32_t attempt;
        const char *clsid;
        uint32_t cookie;
        const char *task;
        const char *name;
} RunCall;

static void read_head(Reader *r, const Message *call, RunCall *ret)
{
        reader_init(r, call);
        ret->run = reader_get_string(r);
        ret->attempt = reader_get_uint32(r);
        ret->clsid = reader_get_string(r);
        ret->cookie = reader_get_uint32(r);
        ret->task = reader_get_string(r);
        ret->name = reader_get_string(r);
}

/* The rest of Run: trigger, details, properties. */
static int read_body(bgt_instance *instance, Reader *r, const RunCall *head)
{
        _cleanup_(bgt_trigger_unrefp) bgt_trigger *trigger = NULL;
        const char *package;
        int e;

        e = trigger_read(r, &trigger);
        if (e >= 0)
                e = record_new_from_options(r, &instance->details);
        if (e >= 0)
                e = record_new_from_options(r, &instance->firing);
        if (e < 0)
                return e;
        package = bgt_record_string(instance->firing, "package");
        return registration_new(instance->b, head->task, package ? package : instance->b->package, head->name,
                                bgt_record_string(instance->firing, "group"), &trigger, 1, &instance->task);
}

static Error accept_run(bgt *b, Reader *r, const Message *call, const RunCall *head)
{
        bgt_server *server = server_find(b, head->clsid, head->cookie);
        bgt_instance *instance = NULL;
        Error error = ERROR_NONE;
        Uuid id;

        if (!server)
                return ERROR_NO_SUCH_CLASS_OBJECT;
        if (uuid_parse(head->run, &id) < 0 || uuid_parse(head->task, &id) < 0)
                return ERROR_INVALID_ARGUMENT;
        if (instance_find(b, head->run, head->attempt))
                return ERROR_CURRENTLY_RUNNING;
        if (b->n_instances >= INSTANCES_MAX)
                return ERROR_QUOTA_EXCEEDED;
        if (instance_new(b, server, head->run, head->attempt, &instance) < 0)
                return ERROR_NO_MEMORY;
        if (read_body(instance, r, head) < 0 || driver_need_threads(b, 2) < 0) {
                error = ERROR_NO_MEMORY;
        } else {
                instance_start(instance);
                report_acknowledge_later(instance, call);
                if (b->flags & BGT_NO_THREADS)
                        report_acknowledge(instance);
        }
        instance_unref_locked(instance);
        return error;
}

static void on_run(void *context, Connection *c, Message *call)
{
        bgt *b = context;
        RunCall head;
        Error error;
        Reader r;

        read_head(&r, call, &head);
        if (b->gone)
                error = ERROR_SHUTTING_DOWN;
        else
                error = accept_run(b, &r, call, &head);
        if (error != ERROR_NONE)
                refuse(b, c, call, error);
}

static bgt_instance *find_instance(bgt *b, Reader *r, const Message *call)
{
        const char *run;

        reader_init(r, call);
        run = reader_get_string(r);
        return instance_find(b, run, reader_get_uint32(r));
}

static void on_cancel(void *context, Connection *c, Message *call)
{
        bgt *b = context;
        Reader r;
        bgt_instance *instance = find_instance(b, &r, call);
        uint32_t reason = reader_get_uint32(&r);

        if (instance)
                instance_cancel(instance, reason <= INT32_MAX ? (int)reason : BGT_REASON_ABORT);
        acknowledge(b, c, call);
}

static void on_recorded(void *context, Connection *c, Message *call)
{
        bgt *b = context;
        Reader r;
        bgt_instance *instance = find_instance(b, &r, call);

        if (instance)
                instance_recorded(instance);
        acknowledge(b, c, call);
}

static void on_leave(void *context, Connection *c, Message *call)
{
        bgt *b = context;

        b->leave_wanted = true;
        wait_tell_idle(b, true);
        driver_changed(b);
        acknowledge(b, c, call);
}

static const DispatchHandler handlers[_ACTIVATION1_METHOD_MAX] = {
        [ACTIVATION1_METHOD_RUN] = on_run,
        [ACTIVATION1_METHOD_CANCEL] = on_cancel,
        [ACTIVATION1_METHOD_RECORDED] = on_recorded,
        [ACTIVATION1_METHOD_LEAVE] = on_leave,
};

static const DispatchObject objects[] = {
        { CLIENT_PATH, false, &activation1_interface, handlers, NULL },
};

void activation_init(Dispatch *dispatch)
{
        dispatch_init(dispatch, objects, ELEMENTSOF(objects), NULL);
}
