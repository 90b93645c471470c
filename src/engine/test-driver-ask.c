/* SPDX-License-Identifier: MIT */

/* What tests ask of the driver, in one line each. */

#include <stdlib.h>
#include <string.h>

#include "engine/test-driver.h"

DriverReply *driver_install(Driver *d, const char *package, unsigned version)
{
        const PackageClass classes[] = { { driver_clsid, 0 }, { driver_other_clsid, 1 } };
        Event event = { .type = EVENT_INSTALL };

        event.package.name = package;
        event.package.content.bytes[0] = (uint8_t)version;
        event.package.classes = version >= 100 ? &classes[1] : classes;
        event.package.n_classes = version >= 100 ? 1 : 2;
        event.package.capabilities = driver_capabilities(version);
        driver_stage(d, version);
        return driver_ask(d, event);
}

TaskSpec driver_spec(const char *name)
{
        return (TaskSpec){
                .package = DRIVER_PACKAGE,
                .name = name,
                .trigger.kind = TRIGGER_INTERVAL,
                .trigger.period_usec = USEC_PER_HOUR,
                .clsid = driver_clsid,
        };
}

TaskSpec driver_event_spec(const char *name, uint8_t system_type)
{
        return (TaskSpec){
                .package = DRIVER_PACKAGE,
                .name = name,
                .trigger.kind = TRIGGER_SYSTEM,
                .trigger.system_type = system_type,
                .clsid = driver_clsid,
        };
}

TaskSpec driver_request_spec(const char *name)
{
        return (TaskSpec){
                .package = DRIVER_PACKAGE,
                .name = name,
                .trigger.kind = TRIGGER_APPLICATION,
                .clsid = driver_clsid,
        };
}

DriverReply *driver_register(Driver *d, TaskSpec spec, uint8_t if_exists)
{
        Event event = { .type = EVENT_REGISTER };

        event.reg.spec = &spec;
        event.reg.if_exists = if_exists;
        return driver_ask(d, event);
}

Uuid driver_must_register(Driver *d, TaskSpec spec)
{
        DriverReply *reply = driver_register(d, spec, IF_EXISTS_FAIL);

        assert_int_equal(reply->n, 1);
        assert_int_equal(reply->error, ERROR_NONE);
        return reply->id;
}

static Event about(EventType type, Uuid task)
{
        Event event = { .type = type };

        event.task.task = task;
        return event;
}

DriverReply *driver_unregister(Driver *d, Uuid task, bool cancel)
{
        Event event = about(EVENT_UNREGISTER, task);

        event.task.cancel = cancel;
        return driver_ask(d, event);
}

DriverReply *driver_run_now(Driver *d, Uuid task, bool forced)
{
        Event event = about(EVENT_RUN_NOW, task);

        event.task.forced = forced;
        return driver_ask(d, event);
}

DriverReply *driver_request(Driver *d, Uuid task)
{
        return driver_ask(d, about(EVENT_REQUEST, task));
}

DriverReply *driver_cancel(Driver *d, Uuid task, uint8_t reason)
{
        Event event = about(EVENT_CANCEL, task);

        event.task.reason = reason;
        return driver_ask(d, event);
}

DriverReply *driver_pause(Driver *d, Uuid task, bool paused)
{
        Event event = about(EVENT_PAUSE, task);

        event.task.paused = paused;
        return driver_ask(d, event);
}

DriverReply *driver_pause_package(Driver *d, const char *package, bool paused)
{
        Event event = { .type = EVENT_PAUSE_PACKAGE };

        event.package.name = package;
        event.package.paused = paused;
        return driver_ask(d, event);
}

DriverReply *driver_skip(Driver *d, Uuid task, bool skip)
{
        Event event = about(EVENT_SKIP, task);

        event.task.skip = skip;
        return driver_ask(d, event);
}

void driver_raise(Driver *d, uint8_t system_type)
{
        Event event = { .type = EVENT_RAISE };

        event.raise.kind = TRIGGER_SYSTEM;
        event.raise.system_type = system_type;
        driver_feed(d, event);
}

void driver_level(Driver *d, uint8_t condition, int level)
{
        Event event = { .type = EVENT_LEVEL };

        event.level.condition = condition;
        event.level.level = (int8_t)level;
        driver_feed(d, event);
}

DriverSent *driver_last_run(Driver *d)
{
        assert_true(d->n_runs > 0);
        return &d->runs[d->n_runs - 1];
}

static Event about_run(Driver *d, EventType type)
{
        const DriverSent *sent = driver_last_run(d);
        Event event = { .type = type };

        event.run.server = sent->server;
        event.run.run = sent->run;
        event.run.attempt = sent->attempt;
        return event;
}

void driver_acknowledge(Driver *d)
{
        driver_feed(d, about_run(d, EVENT_RUN_ACKNOWLEDGED));
}

void driver_command_ended(Driver *d, uint8_t detail, int32_t status)
{
        Event event = about_run(d, EVENT_RUN_COMPLETED);

        event.run.detail = detail;
        event.run.result = status;
        driver_feed(d, event);
}

void driver_complete_later(Driver *d, int32_t result, uint64_t retry_after_usec)
{
        Event event = about_run(d, EVENT_RUN_COMPLETED);

        event.run.result = result;
        event.run.retry_after_usec = retry_after_usec;
        driver_feed(d, event);
}

void driver_complete(Driver *d, int32_t result)
{
        driver_complete_later(d, result, 0);
}

DriverReply *driver_register_class(Driver *d, uint64_t server, Uuid clsid, uint32_t flags)
{
        Event event = { .type = EVENT_CLASS_REGISTERED };

        event.class_object.server = server;
        event.class_object.clsid = clsid;
        event.class_object.flags = flags;
        return driver_ask(d, event);
}

void driver_server_gone(Driver *d, uint64_t server, bool by_signal, int status)
{
        Event event = { .type = EVENT_SERVER_GONE };

        event.process.server = server;
        event.process.by_signal = by_signal;
        event.process.status = status;
        event.process.status_known = true;
        driver_feed(d, event);
}

uint64_t driver_attach(Driver *d)
{
        Event event = { .type = EVENT_SERVER_ATTACHED };

        event.server.server = engine_new_server(d->engine);
        event.server.package = DRIVER_PACKAGE;
        driver_feed(d, event);
        return event.server.server;
}

uint64_t driver_last_server(const Driver *d)
{
        assert_true(d->n_launched > 0);
        return d->launched[d->n_launched - 1];
}

const RunRow *driver_last_ended(const Driver *d)
{
        assert_true(d->n_ended > 0);
        return &d->ended[d->n_ended - 1];
}

TaskInfo driver_info(const Driver *d, Uuid task)
{
        TaskInfo info;

        assert_true(engine_get_task(d->engine, task, &info));
        return info;
}

bool driver_why(const Driver *d, Uuid task, uint8_t code)
{
        Why reasons[ENGINE_WHY_MAX];
        size_t n = engine_get_why(d->engine, task, reasons);

        assert_true(n > 0);
        for (size_t i = 0; i < n; i++)
                if (reasons[i].code == code)
                        return true;
        return false;
}
