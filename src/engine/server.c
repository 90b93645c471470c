/* SPDX-License-Identifier: MIT */

/* The table of servers: docs/semantics.md, section 7, and the signals of 6.6. */

#include "engine/parts.h"

/* As signal.h numbers them; this room includes no header of the system. */
enum {
        SIGNAL_KILL = 9,
        SIGNAL_TERM = 15,
};

Server *server_find(const Engine *e, uint64_t id)
{
        MapNode *node = map_find(&e->servers_by_id, id);

        return node ? CONTAINER_OF(node, Server, node) : NULL;
}

Server *server_new(Engine *e, uint64_t id, Package *package, uint32_t exe_server)
{
        Server *server = pool_take(&e->servers);

        server->id = id;
        server->package = package;
        server->exe_server = exe_server;
        server->state = SERVER_UP;
        server->alarm.kind = ALARM_SERVER;
        list_init(&server->runs);
        list_init(&server->objects);
        list_append(&e->servers_all, &server->all_node);
        map_insert(&e->servers_by_id, &server->node, id);
        package->n_servers++;
        e->n_servers++;
        return server;
}

bool server_takes_runs(const Server *server)
{
        return (server->state == SERVER_UP || server->state == SERVER_LAUNCHING) && !server->outdated &&
               !server->unresponsive && !server->gone;
}

bool server_may_signal(const Server *server)
{
        return server->launched && !server->app && !server->gone;
}

void server_heard(Engine *e, Server *server)
{
        if (!server->unresponsive)
                return;
        server->unresponsive = false;
        server_arm(e, server);
        class_resume(e, server);
}

static bool has_waiting(const Server *server)
{
        list_for_each(i, &server->runs) {
                const Run *run = list_entry(i, Run, server_node);

                if (run->state == RUN_STARTING && !run->sent && !run->unconfirmed)
                        return true;
        }
        return false;
}

/* What we have not launched is not ours to end. */
static bool may_fall_silent(const Server *server)
{
        return server->unresponsive && server->state == SERVER_UP && server_may_signal(server);
}

void server_arm(Engine *e, Server *server)
{
        uint64_t next = server->kill_mono_usec ? server->kill_mono_usec : USEC_INFINITY;

        if (server->gone)
                next = USEC_INFINITY;
        else if (server->state == SERVER_LAUNCHING || (server->state == SERVER_UP && has_waiting(server)))
                next = MIN(next, server->class_until_mono_usec);
        if (may_fall_silent(server) && server->silent_until_mono_usec > e->now.mono_usec)
                next = MIN(next, server->silent_until_mono_usec);
        engine_set_alarm(e, &server->alarm, true, next);
}

static void send_signal(Engine *e, Server *server, int number)
{
        Effect *effect = effect_add(e, EFFECT_SIGNAL);

        effect->signal.server = server->id;
        effect->signal.number = number;
}

static void fail_waiting(Engine *e, Server *server, RunArgs args)
{
        list_for_each_safe(i, &server->runs) {
                Run *run = list_entry(i, Run, server_node);

                if (run->state == RUN_STARTING && !run->sent && !run->unconfirmed)
                        run_dispatch(e, run, RUN_SERVER_FAILED, args);
        }
}

static void withdraw_all(Engine *e, Server *server)
{
        /* What was withdrawn is not waited for. */
        server->class_until_mono_usec = 0;
        list_for_each_safe(i, &server->objects)
                class_withdraw(e, list_entry(i, ClassObject, server_node));
}

static void terminate(Engine *e, Server *server)
{
        if (!server_may_signal(server) || !server->spawned)
                return;
        send_signal(e, server, SIGNAL_TERM);
        server->kill_mono_usec = usec_add(e->now.mono_usec, KILL_USEC);
}

static void stop(Engine *e, Server *server, const Event *args)
{
        server->state = SERVER_STOPPING;
        withdraw_all(e, server);
        terminate(e, server);
        server_arm(e, server);
}

static void spawned(Engine *e, Server *server, const Event *args)
{
        server->spawned = true;
}

static void spawned_late(Engine *e, Server *server, const Event *args)
{
        if (server->spawned)
                return;
        server->spawned = true;
        terminate(e, server);
        server_arm(e, server);
}

static void register_class(Engine *e, Server *server, const Event *args)
{
        class_register(e, server, args);
        if (server->outdated)
                effect_send(e, EFFECT_SEND_LEAVE, server, NULL, 0);
}

static void refuse_class(Engine *e, Server *server, const Event *args)
{
        effect_reply(e, args->token, ERROR_SHUTTING_DOWN);
}

static RunArgs how_it_went(const Server *server, const Event *event)
{
        RunArgs args = { .detail = DETAIL_LOST, .counts = true, .launched = server->launched };

        if (event->type == EVENT_SPAWN_FAILED) {
                args.detail = DETAIL_SPAWN;
                args.result = event->process.error;
        } else if (event->process.status_known) {
                args.detail = event->process.by_signal ? DETAIL_KILLED : DETAIL_EXITED;
                args.result = event->process.status;
        }
        return args;
}

static void gone(Engine *e, Server *server, const Event *args)
{
        RunArgs how = how_it_went(server, args);

        server->gone = true;
        list_for_each_safe(i, &server->objects)
                class_free_object(e, list_entry(i, ClassObject, server_node));
        list_for_each_safe(i, &server->runs) {
                Run *run = list_entry(i, Run, server_node);

                if (args->type == EVENT_SERVER_GONE && run->acknowledged)
                        run_note_usage(run, args->process.cpu_usec, args->process.memory_bytes);
                run_dispatch(e, run, RUN_SERVER_GONE, how);
        }
        server_arm(e, server);
        server->asked = false;
        server_check_released(e, server);
}

static void stay(Engine *e, Server *server, const Event *args)
{
        effect_reply_number(e, args->token, 0);
}

static void go(Engine *e, Server *server, const Event *args)
{
        /* Who asks twice has given up waiting for the first answer. */
        if (server->asked)
                effect_reply_number(e, server->asked_token, 0);
        server->asked = true;
        server->asked_token = args->token;
        server_check_idle(e, server);
}

static void ask(Engine *e, Server *server, const Event *args)
{
        if (server->n_runs > 0) {
                stay(e, server, args);
                return;
        }
        server->state = SERVER_LEAVING;
        go(e, server, args);
}

static void fail_missing(Engine *e, Server *server)
{
        fail_waiting(e, server, (RunArgs){ .detail = DETAIL_NEVER_REGISTERED, .counts = true, .launched = true });
}

static void never_registered(Engine *e, Server *server, const Event *args)
{
        stop(e, server, args);
        fail_missing(e, server);
}

/*
 * It has other classes, and perhaps runs of them: only those that wait for the missing one are given up. Or it has
 * hung for too long.
 */
static void class_missing_or_silent(Engine *e, Server *server, const Event *args)
{
        if (server->class_until_mono_usec <= e->now.mono_usec)
                fail_missing(e, server);
        server_arm(e, server);
        server_check_idle(e, server);
}

static void kill_tree(Engine *e, Server *server, const Event *args)
{
        server->kill_mono_usec = 0;
        if (server_may_signal(server) && !server->killed) {
                server->killed = true;
                send_signal(e, server, SIGNAL_KILL);
        }
        server_arm(e, server);
}

static void ignore(Engine *e, Server *server, const Event *args)
{
}

typedef struct ServerCell {
        const char *name;
        void (*handler)(Engine *e, Server *server, const Event *args);
} ServerCell;

#define IGNORED { "ignored", ignore }

static const ServerCell cells[][_SERVER_EVENT_MAX] = {
        [SERVER_LAUNCHING] = {
                [SERVER_SPAWNED] = { "launching", spawned },
                [SERVER_CLASS_REGISTERED] = { "up, waiting runs are sent", register_class },
                [SERVER_GONE] = { "gone; 6.2", gone },
                [SERVER_ASKED] = { "stay", stay },
                [SERVER_TIME_OVER] = { "stopping; 6.2", never_registered },
                [SERVER_STOP] = { "stopping", stop },
        },
        [SERVER_UP] = {
                [SERVER_SPAWNED] = { "up", spawned },
                [SERVER_CLASS_REGISTERED] = { "another class object", register_class },
                [SERVER_GONE] = { "gone; 6.3", gone },
                [SERVER_ASKED] = { "leaving (go), or stay", ask },
                [SERVER_TIME_OVER] = { "up; 6.2 for those that wait; stopping if silent", class_missing_or_silent },
                [SERVER_STOP] = { "stopping", stop },
        },
        [SERVER_LEAVING] = {
                [SERVER_SPAWNED] = IGNORED,
                [SERVER_CLASS_REGISTERED] = { "refused", refuse_class },
                [SERVER_GONE] = { "gone", gone },
                [SERVER_ASKED] = { "go", go },
                [SERVER_TIME_OVER] = IGNORED,
                [SERVER_STOP] = { "stopping", stop },
        },
        [SERVER_STOPPING] = {
                [SERVER_SPAWNED] = { "stopping (SIGTERM)", spawned_late },
                [SERVER_CLASS_REGISTERED] = { "refused", refuse_class },
                [SERVER_GONE] = { "gone", gone },
                [SERVER_ASKED] = { "go", go },
                [SERVER_TIME_OVER] = { "SIGKILL", kill_tree },
                [SERVER_STOP] = IGNORED,
        },
};

static_assert(ELEMENTSOF(cells) == _SERVER_STATE_MAX, "a row for each state");

void server_dispatch(Engine *e, Server *server, ServerEvent event, const Event *args)
{
        if (server->gone)
                return;
        e->server_visited[server->state] |= 1u << event;
        cells[server->state][event].handler(e, server, args);
}

const char *server_cell_name(ServerState state, ServerEvent event)
{
        return cells[state][event].name;
}

const char *server_state_name(ServerState state)
{
        static const char *const names[] = { "launching", "up", "leaving", "stopping" };

        static_assert(ELEMENTSOF(names) == _SERVER_STATE_MAX, "a name for each state");
        return names[state];
}

const char *server_event_name(ServerEvent event)
{
        static const char *const names[] = {
                "spawned", "class registered", "exits", "ask to go", "time is over", "stop wanted",
        };

        static_assert(ELEMENTSOF(names) == _SERVER_EVENT_MAX, "a name for each event");
        return names[event];
}

void server_alarm(Engine *e, Server *server)
{
        server_dispatch(e, server, SERVER_TIME_OVER, NULL);
}

void server_check_idle(Engine *e, Server *server)
{
        if (server->gone)
                return;
        if (server->asked && server->n_uncommitted == 0) {
                server->asked = false;
                effect_reply_number(e, server->asked_token, 1);
        }
        if (server->n_runs > 0 || server->state == SERVER_STOPPING)
                return;
        if (server->stop_when_idle ||
            (may_fall_silent(server) && server->silent_until_mono_usec <= e->now.mono_usec))
                server_dispatch(e, server, SERVER_STOP, NULL);
}

void server_check_released(Engine *e, Server *server)
{
        if (!server->gone || server->n_ledger > 0 || server->n_runs > 0 || server->released)
                return;
        server->released = true;
        effect_send(e, EFFECT_SERVER_RELEASED, server, NULL, 0);
        engine_set_alarm(e, &server->alarm, true, USEC_INFINITY);
        map_remove(&e->servers_by_id, &server->node);
        list_remove(&server->all_node);
        list_append(&e->dead_servers, &server->all_node);
        server->package->n_servers--;
        e->n_servers--;
}

void server_bury(Engine *e)
{
        while (!list_is_empty(&e->dead_servers)) {
                Server *server = list_entry(e->dead_servers.next, Server, all_node);

                list_remove(&server->all_node);
                package_drop(e, server->package);
                pool_give(&e->servers, server);
        }
}

void server_tell_to_leave(Engine *e, Server *server, bool stop_it)
{
        if (server->gone)
                return;
        if (!server->outdated && server->state != SERVER_LAUNCHING)
                effect_send(e, EFFECT_SEND_LEAVE, server, NULL, 0);
        server->outdated = true;
        server->stop_when_idle |= stop_it;
        server_check_idle(e, server);
}

/* Not signalled any more: those that were to be killed are given up. */
static void became_app(Engine *e, Server *server)
{
        server->app = true;
        server->kill_mono_usec = 0;
        server_arm(e, server);
        list_for_each(i, &server->runs) {
                Run *run = list_entry(i, Run, server_node);

                if (run->state == RUN_STOPPING && run->grace_over) {
                        run->grace_mono_usec = e->now.mono_usec;
                        run_arm(e, run);
                }
        }
}

static void traced(Engine *e, Server *server, bool is_traced)
{
        bool over = false;

        if (!server->checking)
                return;
        server->checking = false;
        list_for_each_safe(i, &server->runs) {
                Run *run = list_entry(i, Run, server_node);

                over |= run->state == RUN_STOPPING && run->grace_over;
                run_traced(e, run, is_traced);
        }
        if (over && !is_traced && server_may_signal(server))
                server_dispatch(e, server, SERVER_STOP, NULL);
}

static void attached(Engine *e, const Event *event)
{
        Server *server;

        if (server_find(e, event->server.server) || !event->server.package)
                return;
        server = server_new(e, event->server.server, package_need(e, event->server.package),
                            event->server.exe_server);
        server->launched = event->server.launched;
        server->spawned = true;
        e->last_server = MAX(e->last_server, server->id);
}

void server_restore(Engine *e, const Event *event)
{
        Server *server;

        attached(e, event);
        server = server_find(e, event->server.server);
        if (server)
                server->class_until_mono_usec = usec_add(e->now.mono_usec, CLASS_REGISTRATION_USEC);
}

void server_event(Engine *e, const Event *event)
{
        Server *server;

        if (event->type == EVENT_SERVER_ATTACHED) {
                attached(e, event);
                return;
        }
        server = server_find(e, event->process.server);
        if (!server || server->gone) {
                if (event->type == EVENT_ASK_TO_GO)
                        effect_reply(e, event->token, ERROR_NOT_A_SERVER);
                return;
        }
        switch (event->type) {
        case EVENT_SPAWNED:
                server_dispatch(e, server, SERVER_SPAWNED, event);
                break;
        case EVENT_SPAWN_FAILED:
        case EVENT_SERVER_GONE:
                server_dispatch(e, server, SERVER_GONE, event);
                break;
        case EVENT_ASK_TO_GO:
                server_heard(e, server);
                server_dispatch(e, server, SERVER_ASKED, event);
                break;
        case EVENT_SERVER_BECAME_APP:
                server_heard(e, server);
                became_app(e, server);
                break;
        case EVENT_TRACED:
                traced(e, server, event->process.traced);
                break;
        default:
                break;
        }
}
