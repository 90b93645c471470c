/* SPDX-License-Identifier: MIT */

/*
 * The sockets of SocketActivityTriggers between the engine, which knows their tasks, and the sensor, which holds them.
 * An address belongs to one package: what comes to it is nobody else's.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/socket-address.h"
#include "base/utf8.h"
#include "broker/broker.h"
#include "sensors/transfers.h"

/* The sensor has a limit for all, too. */
#define SOCKETS_PER_PACKAGE 64
#define KEEP_ALIVE_MAX (365 * USEC_PER_DAY)

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

static void count_transferred(Uuid id, const char *name, void *userdata)
{
        Count *c = userdata;
        TaskInfo task;

        c->of_all++;
        c->of_package += engine_get_task(c->broker->engine, id, &task) &&
                         strcmp(task.row.spec.package, c->package) == 0;
}

static Count count_all(const Broker *broker, const char *package)
{
        Count c = { .broker = broker, .package = package };

        if (broker->sensors) {
                sensors_each_socket(broker->sensors, count, &c);
                sensors_each_transferred(broker->sensors, count_transferred, &c);
        }
        return c;
}

static bool refuse_quota(const Broker *broker, Call *call, const char *package, unsigned n_new)
{
        Count c = count_all(broker, package);
        char sentence[200];

        if (c.of_package + n_new >= SOCKETS_PER_PACKAGE)
                snprintf(sentence, sizeof sentence, "the package %.100s has %u of %u sockets", package,
                         c.of_package + n_new, SOCKETS_PER_PACKAGE);
        else if (c.of_all + n_new >= SENSORS_SOCKETS_MAX)
                snprintf(sentence, sizeof sentence, "the broker holds %u of %u sockets", c.of_all + n_new,
                         SENSORS_SOCKETS_MAX);
        else
                return false;
        bus_reply_error_with(call, ERROR_QUOTA_EXCEEDED, sentence,
                             "unregister a task with a SocketActivityTrigger, or take back what was handed over");
        return true;
}

/* One address of a registration; *n_new: those before it that are not held yet. */
static bool refuse_address(Broker *broker, Call *call, const char *package, const char *text, unsigned *n_new)
{
        TaskInfo task;
        const char *owner;

        if (strcmp(text, SOCKET_TRANSFERRED) == 0)
                return false;
        owner = find_owner(broker, text, &task);
        if (owner && strcmp(owner, package) != 0) {
                bus_reply_error_with(call, ERROR_INVALID_ARGUMENT, "the address is held for another package",
                                     "choose another address");
                return true;
        }
        if (owner)
                return false;
        if (refuse_quota(broker, call, package, *n_new))
                return true;
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

/* While a firing of its task waits or runs, who was told has what there was. */
static bool is_idle(const Broker *broker, Uuid task)
{
        TaskInfo info;

        return !engine_get_task(broker->engine, task, &info) || info.n_pending + info.n_live == 0;
}

static void settle_if_idle(const char *text, void *userdata)
{
        Broker *broker = userdata;
        Uuid tasks[16];
        size_t n = engine_list_listeners(broker->engine, TRIGGER_SOCKET_ACTIVITY, text, tasks, ELEMENTSOF(tasks));

        for (size_t i = 0; i < n; i++)
                if (!is_idle(broker, tasks[i]))
                        return;
        sensors_settle(broker->sensors, text);
}

static void settle_transferred_if_idle(Uuid task, const char *id, void *userdata)
{
        Broker *broker = userdata;

        if (is_idle(broker, task))
                sensors_settle_transferred(broker->sensors, task);
}

void broker_sockets_look_again(Broker *broker)
{
        if (!broker->sensors)
                return;
        sensors_each_socket(broker->sensors, settle_if_idle, broker);
        sensors_each_transferred(broker->sensors, settle_transferred_if_idle, broker);
}

void broker_sockets_settle(Broker *broker, Uuid task, bool ended)
{
        TaskInfo info;

        if (!broker->sensors || !engine_get_task(broker->engine, task, &info))
                return;
        for (uint32_t i = 0; i <= info.row.spec.n_more; i++) {
                const Trigger *trigger = spec_trigger(&info.row.spec, i);

                if (trigger->kind == TRIGGER_SOCKET_ACTIVITY && strcmp(trigger->text, SOCKET_TRANSFERRED) == 0)
                        settle_transferred_if_idle(task, NULL, broker);
                else if (trigger->kind == TRIGGER_SOCKET_ACTIVITY && ended)
                        sensors_settle(broker->sensors, trigger->text);
                else if (trigger->kind == TRIGGER_SOCKET_ACTIVITY)
                        settle_if_idle(trigger->text, broker);
        }
}

static bool takes_transfers(const Broker *broker, Uuid task, TaskInfo *ret_info)
{
        if (!engine_get_task(broker->engine, task, ret_info))
                return false;
        for (uint32_t i = 0; i <= ret_info->row.spec.n_more; i++) {
                const Trigger *trigger = spec_trigger(&ret_info->row.spec, i);

                if (trigger->kind == TRIGGER_SOCKET_ACTIVITY && strcmp(trigger->text, SOCKET_TRANSFERRED) == 0)
                        return true;
        }
        return false;
}

void broker_sockets_check(Broker *broker, Uuid task)
{
        TaskInfo info;

        if (broker->sensors && !takes_transfers(broker, task, &info))
                sensors_drop_transferred(broker->sensors, task);
}

static bool is_id(const char *id)
{
        size_t n = strlen(id);

        return n > 0 && n <= TRANSFER_ID_MAX && utf8_is_valid(id, n) && !utf8_has_control(id, n);
}

/* What keeps a socket from being taken over, as a sentence. */
static const char *explain_socket(int error)
{
        switch (error) {
        case -ENOTCONN:
                return "the socket is neither connected nor listening";
        case -ENOTSOCK:
        case -EBADF:
                return "the descriptor is no socket";
        case -EPROTONOSUPPORT:
                return "the socket is none of Unix, IPv4 or IPv6, for a stream or datagrams";
        default:
                return NULL;
        }
}

static void transfer(Broker *broker, Call *call, Uuid task, const char *id, int fd, uint64_t keep_alive_usec)
{
        _cleanup_(closep) int own = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
        int r = own < 0 ? -EBADF : sensors_transfer(broker->sensors, task, id, own, keep_alive_usec);

        if (r >= 0) {
                (void)TAKE_FD(own);
                bus_reply_empty(call);
        } else if (explain_socket(r)) {
                bus_reply_error(call, ERROR_INVALID_ARGUMENT, "%s", explain_socket(r));
        } else {
                bus_reply_error(call, error_from_errno(r), NULL);
        }
}

void on_transfer_socket(Call *call, Uuid task, const char *id, int fd, uint64_t keep_alive_usec, void *userdata)
{
        Broker *broker = userdata;
        TaskInfo info;

        if (!engine_get_task(broker->engine, task, &info))
                bus_reply_error(call, ERROR_NO_SUCH_TASK, NULL);
        else if (!broker->sensors)
                bus_reply_error(call, ERROR_INVALID_ARGUMENT, "a broker on the test clock holds no sockets");
        else if (!takes_transfers(broker, task, &info))
                bus_reply_error(call, ERROR_INVALID_ARGUMENT,
                                "the task has no SocketActivityTrigger without an address");
        else if (!is_id(id))
                bus_reply_error(call, ERROR_INVALID_ARGUMENT, "the id of a socket has 1 to %d bytes of UTF-8 without "
                                "control characters", TRANSFER_ID_MAX);
        else if (keep_alive_usec > 0 && (keep_alive_usec < USEC_PER_SEC || keep_alive_usec > KEEP_ALIVE_MAX))
                bus_reply_error(call, ERROR_INVALID_ARGUMENT, "a keep-alive time is 1 s to a year");
        else if (!refuse_quota(broker, call, info.row.spec.package, 0))
                transfer(broker, call, task, id, fd, keep_alive_usec);
}

typedef struct Listing {
        Writer *w;
        Uuid task;
} Listing;

static void list_one(Uuid task, const char *id, void *userdata)
{
        const Listing *listing = userdata;

        if (uuid_equal(task, listing->task))
                writer_put_string(listing->w, id);
}

void on_list_sockets(Call *call, Uuid task, void *userdata)
{
        Broker *broker = userdata;
        Listing listing = { .task = task };
        TaskInfo info;

        if (!engine_get_task(broker->engine, task, &info)) {
                bus_reply_error(call, ERROR_NO_SUCH_TASK, NULL);
                return;
        }
        listing.w = bus_begin_reply(call);
        writer_open_array(listing.w, "s");
        if (broker->sensors)
                sensors_each_transferred(broker->sensors, list_one, &listing);
        writer_close(listing.w);
        bus_send_reply(call);
}

/* The run that a server asks for a socket; false: it was answered. */
static bool find_run(const Broker *broker, Call *call, BusRun run, RunInfo *ret_info)
{
        const Server *server = peer_userdata(call_peer(call));

        if (server && engine_get_run(broker->engine, run.run, ret_info) && ret_info->attempt == run.attempt &&
            ret_info->server == server->id)
                return true;
        bus_reply_error(call, ERROR_NOT_A_SERVER, NULL);
        return false;
}

void on_take_transferred_socket(Call *call, BusRun run, const char *id, void *userdata)
{
        _cleanup_(closep) int fd = -1;
        Broker *broker = userdata;
        RunInfo info;
        Writer *w;

        if (!find_run(broker, call, run, &info))
                return;
        fd = broker->sensors ? sensors_take_transferred(broker->sensors, info.task, id) : -1;
        if (fd < 0) {
                bus_reply_error(call, ERROR_INVALID_ARGUMENT, "the broker holds no socket \"%.128s\" for this task",
                                id);
                return;
        }
        w = bus_begin_reply(call);
        writer_put_fd(w, fd);
        bus_send_reply(call);
}

void on_take_socket(Call *call, BusRun run, void *userdata)
{
        Broker *broker = userdata;
        const char *owner;
        RunInfo info;
        TaskInfo task;
        Writer *w;
        int fd;

        if (!find_run(broker, call, run, &info))
                return;
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
