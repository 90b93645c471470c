/* SPDX-License-Identifier: MIT */

/* Every cell of the tables of states is entered, except for those that are impossible. */

#include <errno.h>
#include <string.h>

#include "engine/parts.h"
#include "engine/test-driver.h"

static uint32_t task_visited[_TASK_STATE_MAX];
static uint32_t run_visited[RUN_STATE_COUNT];
static uint32_t server_visited[_SERVER_STATE_MAX];

static void collect(const Driver *d)
{
        for (size_t i = 0; i < _TASK_STATE_MAX; i++)
                task_visited[i] |= d->engine->task_visited[i];
        for (size_t i = 0; i < RUN_STATE_COUNT; i++)
                run_visited[i] |= d->engine->run_visited[i];
        for (size_t i = 0; i < _SERVER_STATE_MAX; i++)
                server_visited[i] |= d->engine->server_visited[i];
}

static void done(Driver *d)
{
        collect(d);
        driver_free(d);
}

static Event about_package(EventType type)
{
        Event event = { .type = type };

        event.package.name = DRIVER_PACKAGE;
        return event;
}

static Event about_run(const Driver *d, EventType type)
{
        Event event = { .type = type };

        event.run.server = d->runs[0].server;
        event.run.run = d->runs[0].run;
        event.run.attempt = d->runs[0].attempt;
        return event;
}

/* All that a client or a store can do to a registration in this state. */
static void disturb(Driver *d, TaskSpec spec, Uuid id)
{
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_register(d, spec, IF_EXISTS_KEEP);
        driver_unregister(d, id, false);
        driver_ask(d, about_package(EVENT_REMOVE));
}

static void visit_task_states(void)
{
        static const int errors[] = { 0, -EIO };

        for (size_t i = 0; i < ELEMENTSOF(errors); i++) {
                TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);
                Driver *d = driver_new_with_package();
                TaskInfo info;
                Uuid id;

                d->hold_commits = true;
                driver_register(d, spec, IF_EXISTS_FAIL);
                /* The id of one that is not listed yet is known to the engine only. */
                id = d->engine->ids.n > 0 ? task_get(d->engine, 1)->id : UUID_NULL;
                driver_run_now(d, id, false);
                task_dispatch(d->engine, task_find(d->engine, id), TASK_FIRE, &(TaskArgs){ 0 });
                disturb(d, spec, id);
                driver_answer_commits(d, errors[i]);
                d->hold_commits = false;
                driver_settle(d);
                assert_false(engine_get_task(d->engine, id, &info));
                done(d);

                d = driver_new_with_package();
                id = driver_must_register(d, spec);
                d->hold_commits = true;
                driver_register(d, spec, IF_EXISTS_UPDATE);
                disturb(d, spec, id);
                driver_answer_commits(d, errors[i]);
                d->hold_commits = false;
                driver_settle(d);
                done(d);

                d = driver_new_with_package();
                id = driver_must_register(d, spec);
                d->hold_commits = true;
                driver_unregister(d, id, false);
                disturb(d, spec, id);
                driver_answer_commits(d, errors[i]);
                d->hold_commits = false;
                driver_settle(d);
                done(d);

                d = driver_new_with_package();
                driver_must_register(d, spec);
                driver_ask(d, about_package(EVENT_REMOVE));
                done(d);
        }
}

static Driver *with_run(RunMode mode)
{
        Driver *d = driver_new_with_package();
        TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);

        spec.retry_max = 1;
        spec.cancel_on_condition_loss = true;
        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        spec.time_limit_usec = USEC_PER_HOUR;
        driver_level(d, CONDITION_ON_AC_POWER, 1);
        driver_must_register(d, spec);
        d->run = mode;
        d->ignore_signals = true;
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        return d;
}

/* What a server says of a run, in whatever state it is. */
static void say_everything(Driver *d)
{
        /* The engine matches server and attempt first; what passes may come at any time. */
        static const RunEvent said[] = {
                RUN_ACKNOWLEDGED, RUN_REFUSED, RUN_CONFIRMED, RUN_PROGRESS, RUN_COMPLETED, RUN_CANCEL,
        };
        Run *run = run_find(d->engine, d->runs[0].run);

        for (size_t i = 0; i < ELEMENTSOF(said) && run->state != RUN_RUNNING && run->state != RUN_STARTING; i++)
                if (run->state != RUN_STOPPING || (said[i] != RUN_REFUSED && said[i] != RUN_COMPLETED))
                        if (run->state != RUN_PENDING || said[i] != RUN_CANCEL)
                                run_dispatch(d->engine, run, said[i], (RunArgs){ 0 });
}

static void visit_ends_of_runs(void)
{
        static const EventType ends[] = { EVENT_RUN_COMPLETED, EVENT_RUN_REFUSED, EVENT_SERVER_GONE };

        for (unsigned stopping = 0; stopping < 2; stopping++)
                for (size_t i = 0; i < ELEMENTSOF(ends); i++)
                        for (RunMode mode = RUN_MODE_ACK; mode <= RUN_MODE_HOLD; mode++) {
                                Driver *d = with_run(mode);
                                Event event = about_run(d, ends[i]);

                                d->hold_commits = true;
                                if (stopping)
                                        driver_feed(d, about_run(d, EVENT_CANCEL_RUN));
                                if (stopping)
                                        say_everything(d);
                                if (ends[i] == EVENT_SERVER_GONE) {
                                        driver_server_gone(d, d->runs[0].server, false, 1);
                                } else {
                                        driver_feed(d, event);
                                }
                                driver_feed(d, about_run(d, EVENT_RUN_PROGRESS));
                                if (run_find(d->engine, d->runs[0].run))
                                        say_everything(d);
                                done(d);
                        }
}

static void visit_times_of_runs(void)
{
        Driver *d = with_run(RUN_MODE_HOLD);

        driver_feed(d, about_run(d, EVENT_RUN_PROGRESS));
        driver_feed(d, about_run(d, EVENT_RUN_PROGRESS));
        done(d);
        d = with_run(RUN_MODE_HOLD);
        driver_advance(d, 20 * USEC_PER_SEC);
        done(d);
        d = with_run(RUN_MODE_ACK);
        driver_feed(d, about_run(d, EVENT_RUN_ACKNOWLEDGED));
        driver_feed(d, about_run(d, EVENT_RUN_REFUSED));
        driver_advance(d, USEC_PER_HOUR + USEC_PER_MINUTE);
        done(d);
        d = with_run(RUN_MODE_ACK);
        driver_level(d, CONDITION_ON_AC_POWER, 0);
        driver_advance(d, 5 * USEC_PER_SEC);
        done(d);
        d = driver_new_with_package();
        {
                TaskSpec spec = driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE);

                spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
                spec.expires_usec = USEC_PER_MINUTE;
                driver_must_register(d, spec);
        }
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_advance(d, USEC_PER_MINUTE);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        {
                TaskInfo info;

                engine_list_tasks(d->engine, NULL, NULL, NULL, UUID_NULL, &info, 1);
                driver_cancel(d, info.row.id, REASON_USER);
        }
        done(d);
        d = with_run(RUN_MODE_FAIL);
        say_everything(d);
        done(d);
}

static void announce(Driver *d, bool with_run_listed)
{
        EventRun run = { d->runs[0].run, d->runs[0].attempt };
        Event event = { .type = EVENT_SERVER_ANNOUNCED };

        event.process.server = d->runs[0].server;
        event.process.runs = &run;
        event.process.n_runs = with_run_listed;
        driver_feed(d, event);
}

static void visit_restarts(void)
{
        for (RunMode mode = RUN_MODE_ACK; mode <= RUN_MODE_HOLD; mode++)
                for (unsigned i = 0; i < 4; i++) {
                        Driver *d = with_run(mode);

                        driver_restart(d, false);
                        if (i >= 2 && mode == RUN_MODE_ACK)
                                driver_feed(d, about_run(d, EVENT_CANCEL_RUN));
                        announce(d, i % 2);
                        driver_register_class(d, d->runs[0].server, driver_clsid, 1);
                        done(d);
                }
}

static void visit_servers(void)
{
        Event ask = { .type = EVENT_ASK_TO_GO }, spawned = { .type = EVENT_SPAWNED };
        Event resume = { .type = EVENT_CLASSES_SUSPENDED };
        Driver *d = with_run(RUN_MODE_ACK);

        /* Up, with a run that is being stopped when its class is resumed. */
        resume.process.server = ask.process.server = spawned.process.server = driver_last_server(d);
        driver_ask(d, ask);
        driver_ask(d, resume);
        driver_feed(d, spawned);
        driver_feed(d, about_run(d, EVENT_CANCEL_RUN));
        driver_ask(d, resume);
        driver_feed(d, about_run(d, EVENT_RUN_COMPLETED));
        driver_ask(d, ask);
        driver_ask(d, ask);
        driver_feed(d, spawned);
        driver_register_class(d, spawned.process.server, driver_clsid, 1);
        /* Leaving: the package goes. */
        driver_ask(d, about_package(EVENT_REMOVE));
        driver_ask(d, about_package(EVENT_INSTALL));
        server_dispatch(d->engine, server_find(d->engine, spawned.process.server), SERVER_STOP, NULL);
        driver_server_gone(d, spawned.process.server, false, 0);
        done(d);

        d = with_run(RUN_MODE_COMPLETE);
        ask.process.server = driver_last_server(d);
        driver_ask(d, ask);
        server_dispatch(d->engine, server_find(d->engine, ask.process.server), SERVER_TIME_OVER, NULL);
        driver_server_gone(d, ask.process.server, false, 0);
        done(d);

        d = driver_new_with_package();
        driver_must_register(d, driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE));
        d->launch = LAUNCH_HOLD;
        d->ignore_signals = true;
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        ask.process.server = spawned.process.server = driver_last_server(d);
        driver_ask(d, ask);
        driver_advance(d, 63 * USEC_PER_SEC);
        driver_ask(d, ask);
        driver_feed(d, spawned);
        driver_register_class(d, ask.process.server, driver_clsid, 1);
        driver_server_gone(d, ask.process.server, true, 9);
        done(d);

        /* Up with the wrong class, and stopped while it is launching. */
        d = driver_new_with_package();
        driver_must_register(d, driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE));
        d->launch = LAUNCH_HOLD;
        d->ignore_signals = true;
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_register_class(d, driver_last_server(d), driver_other_clsid, 1);
        driver_advance(d, 62 * USEC_PER_SEC);
        driver_ask(d, about_package(EVENT_REMOVE));
        done(d);
        d = driver_new_with_package();
        driver_must_register(d, driver_event_spec("a", SYSTEM_TIME_ZONE_CHANGE));
        d->launch = LAUNCH_EXIT;
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        done(d);
}

static void check(const char *cell, bool visited, const char *state, const char *event)
{
        if (!visited && strcmp(cell, "impossible") != 0)
                fail_msg("nothing enters %s × %s: %s", state, event, cell);
}

static void every_possible_cell_is_entered(void **state)
{
        visit_task_states();
        visit_ends_of_runs();
        visit_times_of_runs();
        visit_restarts();
        visit_servers();
        for (unsigned i = 0; i < _TASK_STATE_MAX; i++)
                for (unsigned j = 0; j < _TASK_EVENT_MAX; j++)
                        check(task_cell_name(i, j), task_visited[i] & 1u << j, task_state_name(i), task_event_name(j));
        for (unsigned i = 0; i < RUN_STATE_COUNT; i++)
                for (unsigned j = 0; j < _RUN_EVENT_MAX; j++)
                        check(run_cell_name((int)i, j), run_visited[i] & 1u << j, term_name(TERM_RUN_STATE, (int)i),
                              run_event_name(j));
        for (unsigned i = 0; i < _SERVER_STATE_MAX; i++)
                for (unsigned j = 0; j < _SERVER_EVENT_MAX; j++)
                        check(server_cell_name(i, j), server_visited[i] & 1u << j, server_state_name(i),
                              server_event_name(j));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_possible_cell_is_entered),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
