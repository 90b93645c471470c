/* SPDX-License-Identifier: MIT */

/*
 * The sockets of SocketActivityTriggers between the engine, which knows their tasks, and the sensor, which holds them.
 * An address belongs to one package: what comes to it is nobody else's.
 */

#include <string.h>

#include "base/socket-address.h"
#include "broker/broker.h"

/* The sensor has a limit for all, too. */
#define SOCKETS_PER_PACKAGE 64

/* The package whose tasks an address is held for; NULL: it is nobody's. */
static const char *find_owner(const Broker *broker, const char *text, TaskInfo *ret_task)
{
        Uuid task;

        if (engine_list_listeners(broker->engine, TRIGGER_SOCKET_ACTIVITY, text, &task, 1) == 0 ||
            !engine_get_task(broker->engine, task, ret_task))
                return NULL;
        return ret_task->row.spec.package;
}

typedef struct Count {
        const Broker *broker;
        const char *package;
        unsigned of_package;
        unsigned of_all;
} Count;

static void count(const char *text, void *userdata)
{
        Count *c = userdata;
        TaskInfo task;
        const char *owner = find_owner(c->broker, text, &task);

        c->of_all++;
        c->of_package += owner && strcmp(owner, c->package) == 0;
}

static bool refuse_quota(Call *call, const char *what, unsigned used, unsigned limit)
{
        char sentence[200];

        snprintf(sentence, sizeof sentence, "%s %u of %u sockets", what, used, limit);
        bus_reply_error_with(call, ERROR_QUOTA_EXCEEDED, sentence,
                             "unregister a task with a SocketActivityTrigger, or let one listen for several");
        return true;
}

/* One address of a registration; *n_new: those before it that are not held yet. */
static bool refuse_address(Broker *broker, Call *call, const char *package, const char *text, unsigned *n_new)
{
        Count c = { .broker = broker, .package = package };
        char what[160];
        TaskInfo task;
        const char *owner = find_owner(broker, text, &task);

        if (owner && strcmp(owner, package) != 0) {
                bus_reply_error_with(call, ERROR_INVALID_ARGUMENT, "the address is held for another package",
                                     "choose another address");
                return true;
        }
        if (owner)
                return false;
        if (broker->sensors)
                sensors_each_socket(broker->sensors, count, &c);
        snprintf(what, sizeof what, "the package %.100s has", package);
        if (c.of_package + *n_new >= SOCKETS_PER_PACKAGE)
                return refuse_quota(call, what, c.of_package + *n_new, SOCKETS_PER_PACKAGE);
        if (c.of_all + *n_new >= SENSORS_SOCKETS_MAX)
                return refuse_quota(call, "the broker holds", c.of_all + *n_new, SENSORS_SOCKETS_MAX);
        ++*n_new;
        return false;
}

bool broker_sockets_refuse(Broker *broker, Call *call, const char *package, const TaskSpec *spec, unsigned *n_new)
{
        for (uint32_t i = 0; i <= spec->n_more; i++) {
                const Trigger *trigger = spec_trigger(spec, i);

                if (trigger->kind == TRIGGER_SOCKET_ACTIVITY && trigger->text &&
                    refuse_address(broker, call, package, trigger->text, n_new))
                        return true;
        }
        return false;
}

static bool is_busy(const Broker *broker, const char *text)
{
        Uuid tasks[16];
        size_t n = engine_list_listeners(broker->engine, TRIGGER_SOCKET_ACTIVITY, text, tasks, ELEMENTSOF(tasks));
        TaskInfo task;

        for (size_t i = 0; i < n; i++)
                if (engine_get_task(broker->engine, tasks[i], &task) && task.n_pending + task.n_live > 0)
                        return true;
        return false;
}

static void settle_if_idle(const char *text, void *userdata)
{
        Broker *broker = userdata;

        if (!is_busy(broker, text))
                sensors_settle(broker->sensors, text);
}

void broker_sockets_look_again(Broker *broker)
{
        if (broker->sensors)
                sensors_each_socket(broker->sensors, settle_if_idle, broker);
}

void broker_sockets_settle(Broker *broker, Uuid task)
{
        TaskInfo info;

        if (!broker->sensors || !engine_get_task(broker->engine, task, &info))
                return;
        for (uint32_t i = 0; i <= info.row.spec.n_more; i++)
                if (spec_trigger(&info.row.spec, i)->kind == TRIGGER_SOCKET_ACTIVITY)
                        sensors_settle(broker->sensors, spec_trigger(&info.row.spec, i)->text);
}

void on_take_socket(Call *call, BusRun run, void *userdata)
{
        const Server *server = peer_userdata(call_peer(call));
        Broker *broker = userdata;
        const char *owner;
        RunInfo info;
        TaskInfo task;
        Writer *w;
        int fd;

        if (!server || !engine_get_run(broker->engine, run.run, &info) || info.attempt != run.attempt ||
            info.server != server->id) {
                bus_reply_error(call, ERROR_NOT_A_SERVER, NULL);
                return;
        }
        fd = broker->sensors && info.trigger.kind == TRIGGER_SOCKET_ACTIVITY
                     ? sensors_take_socket(broker->sensors, info.trigger.text)
                     : -1;
        /* Of two that registered it at the same moment the first has it. */
        owner = fd >= 0 ? find_owner(broker, info.trigger.text, &task) : NULL;
        if (!owner || strcmp(owner, info.package) != 0) {
                bus_reply_error(call, ERROR_INVALID_ARGUMENT, "the broker holds no socket for this run");
                return;
        }
        w = bus_begin_reply(call);
        writer_put_fd(w, fd);
        bus_send_reply(call);
}
