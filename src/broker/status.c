/* SPDX-License-Identifier: MIT */

/* What an admin asks first: is it running, where does it keep things, what is wrong. */

#include "broker/broker.h"

static const char *process_control(const LauncherStatus *launcher, char *buf, size_t size)
{
        unsigned missing = launcher->no_controller;

        if (launcher->cgroups && missing == 0)
                snprintf(buf, size, "cgroups: a server's whole tree is limited and stopped");
        else if (launcher->cgroups)
                snprintf(buf, size,
                         "cgroups: a server's whole tree is stopped; for limits of%s%s%s there is no controller",
                         missing & LIMIT_MEMORY ? " memory" : "", missing & LIMIT_CPU ? " cpu" : "",
                         missing & LIMIT_TASKS ? " tasks" : "");
        else
                snprintf(buf, size,
                         "sessions and descendants, resource limits per process; no cgroups (%s), so a process that "
                         "hides from its family escapes a stop",
                         launcher->cgroups_reason);
        return buf;
}

void broker_look_at_startup(const Broker *broker, Startup *ret)
{
        const PathOptions *paths = &broker->options.paths;

        *ret = (Startup){ .problem = STARTUP_FINE, .sentence = "not looked at" };
        if (!broker->options.test_clock && broker->config.values[CONFIG_WARN_START])
                startup_look(paths->system, paths->runtime || paths->state, ret);
}

void on_status(Call *call, void *userdata)
{
        Broker *broker = userdata;
        EngineCounts counts = engine_get_counts(broker->engine);
        _cleanup_(freep) char *journal = NULL;
        LauncherStatus launcher;
        Startup startup;
        char text[256];
        Writer *w;

        broker_look_at_startup(broker, &startup);
        launcher_get_status(broker->launcher, &launcher);
        w = bus_begin_reply(call);
        writer_open_array(w, "{sv}");
        writer_put_option_string(w, "version", BGTASK_VERSION);
        writer_put_option_uint32(w, "pid", (uint32_t)getpid());
        writer_put_option_uint64(w, "started", broker->started_real_usec);
        writer_put_option_bool(w, "system", broker->options.paths.system);
        writer_put_option_bool(w, "test-clock", clock_is_test(broker->clock));
        writer_put_option_string(w, "bus", broker->paths.bus);
        writer_put_option_string(w, "state-folder", broker->paths.state);
        writer_put_option_string(w, "runtime-folder", broker->paths.runtime);
        if (asprintf(&journal, "%s/" JOURNAL_NAME, broker->paths.state) < 0)
                journal = NULL;
        writer_put_option_string(w, "journal", broker->journal && journal ? journal : "");
        writer_put_option_uint32(w, "packages", (uint32_t)counts.n_packages);
        writer_put_option_uint32(w, "tasks", (uint32_t)counts.n_tasks);
        writer_put_option_uint32(w, "pending", (uint32_t)counts.n_pending);
        writer_put_option_uint32(w, "live", (uint32_t)counts.n_live);
        writer_put_option_uint32(w, "servers", (uint32_t)counts.n_servers);
        writer_put_option_uint32(w, "unstored", (uint32_t)counts.n_unstored);
        writer_put_option_uint32(w, "connections", (uint32_t)bus_n_peers(broker->bus));
        writer_put_option_string(w, "process-control", process_control(&launcher, text, sizeof text));
        writer_put_option_string(w, "start", startup.sentence);
        if (startup.problem != STARTUP_FINE)
                writer_put_option_string(w, "start-remedy", startup.remedy);
        writer_open_option(w, "problems", "as");
        writer_open_array(w, "s");
        for (size_t i = 0; i < broker->n_problems; i++)
                writer_put_string(w, broker->problems[i]);
        if (journal_is_full(broker->journal))
                writer_put_string(w, "the journal is full; a restart of the broker begins a new one");
        for (size_t i = 0; found_problem(broker->found, i); i++)
                writer_put_string(w, found_problem(broker->found, i));
        if (counts.n_unstored > 0)
                writer_put_string(w, "the state could not be written; it is tried again, look at the disk");
        writer_close(w);
        writer_close(w);
        writer_close(w);
        writer_close(w);
        bus_send_reply(call);
}
