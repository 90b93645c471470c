/* SPDX-License-Identifier: MIT */

/* The supervisors of command tasks: what they are started with comes from the options of the registration. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/settings.h"
#include "broker/broker.h"

/* Of the program itself: it stands beside the broker's, installed or not. */
#define SUPERVISOR_NAME "bgtask-command"

/* Our own variables, before those of the task. */
#define N_OWN 3

typedef struct Invocation {
        char **argv;            /* both lists own their memory, their strings are of other lists */
        char **environment;
        char **command;
        char **variables;
        char *directory;
        char *own[N_OWN];
        char *supervisor;
        char task[UUID_STRING_MAX];
} Invocation;

static void invocation_done(Invocation *invocation)
{
        free(invocation->argv);
        free(invocation->environment);
        free(invocation->command);
        free(invocation->variables);
        free(invocation->directory);
        free(invocation->supervisor);
        for (size_t i = 0; i < N_OWN; i++)
                free(invocation->own[i]);
}

static int find_supervisor(char **ret_path)
{
        char self[4096], *slash;
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

        if (n < 0)
                return -errno;
        self[n] = '\0';
        slash = strrchr(self, '/');
        if (!slash)
                return -ENOENT;
        slash[1] = '\0';
        return asprintf(ret_path, "%s" SUPERVISOR_NAME, self) < 0 ? -ENOMEM : 0;
}

static int variable(char **ret, const char *name, const char *value)
{
        return asprintf(ret, "%s=%s", name, value) < 0 ? -ENOMEM : 0;
}

static int fill_environment(Invocation *invocation, const Broker *broker, const TaskSpec *spec)
{
        int n = settings_list(spec->options, "environment", &invocation->variables), r;

        if (n < 0)
                return n;
        r = variable(&invocation->own[0], "BGTASK_BUS", broker->paths.bus);
        if (r >= 0)
                r = variable(&invocation->own[1], "BGTASK_TASK", invocation->task);
        if (r >= 0)
                r = variable(&invocation->own[2], "BGTASK_NAME", spec->name);
        if (r < 0)
                return r;
        invocation->environment = calloc((size_t)n + N_OWN + 1, sizeof(char *));
        if (!invocation->environment)
                return -ENOMEM;
        memcpy(invocation->environment, invocation->own, sizeof invocation->own);
        memcpy(invocation->environment + N_OWN, invocation->variables, (size_t)n * sizeof(char *));
        return 0;
}

/* bgtask-command TASK DIRECTORY COMMAND… */
static int fill_arguments(Invocation *invocation, const TaskSpec *spec)
{
        int n = settings_list(spec->options, "command", &invocation->command), r;

        if (n <= 0)
                return n < 0 ? n : -ENOEXEC;
        r = settings_get(spec->options, "directory", &invocation->directory);
        if (r < 0)
                return r;
        invocation->argv = calloc((size_t)n + 4, sizeof(char *));
        if (!invocation->argv)
                return -ENOMEM;
        invocation->argv[0] = (char *)SUPERVISOR_NAME;
        invocation->argv[1] = invocation->task;
        invocation->argv[2] = invocation->directory ?: (char *)"";
        memcpy(invocation->argv + 3, invocation->command, (size_t)n * sizeof(char *));
        return 0;
}

static LaunchLimits limits_of(const Broker *broker, const TaskSpec *spec)
{
        const LaunchLimits defaults = broker_default_limits(broker);

        return (LaunchLimits){
                .memory_bytes = settings_number(spec->options, "memory-limit", defaults.memory_bytes),
                .cpu_percent = (unsigned)settings_number(spec->options, "cpu-limit", defaults.cpu_percent),
                .tasks = settings_number(spec->options, "tasks-limit", defaults.tasks),
                .low_priority = defaults.low_priority,
        };
}

static int launch(Broker *broker, Server *server, const TaskSpec *spec, const Invocation *invocation)
{
        char log_id[SERVER_LOG_ID_MAX];
        LaunchStep step;
        int r;

        r = launcher_spawn(broker->launcher,
                           &(LaunchSpec){
                                   .id = broker_server_log_id(server->package, server->id, log_id),
                                   .executable = invocation->supervisor,
                                   .argv = invocation->argv,
                                   .environment = (const char *const *)invocation->environment,
                                   .null_stdin = true,
                                   .socket = true,
                                   .limits = limits_of(broker, spec),
                                   .userdata = server,
                           },
                           &server->process, &step);
        if (r < 0)
                broker_log("%s/%s: cannot %s for %s: %s", spec->package, spec->name, launch_step_to_string(step),
                           invocation->supervisor, strerror(-r));
        return r;
}

LaunchLimits broker_command_limits(const Broker *broker, Uuid task)
{
        TaskInfo info;

        return engine_get_task(broker->engine, task, &info) ? limits_of(broker, &info.row.spec)
                                                            : broker_default_limits(broker);
}

int broker_command_spawn(Broker *broker, Server *server, Uuid task)
{
        _cleanup_(invocation_done) Invocation invocation = { 0 };
        TaskInfo info;
        int r;

        if (!engine_get_task(broker->engine, task, &info))
                return -ENOENT;
        uuid_format(task, invocation.task);
        r = fill_environment(&invocation, broker, &info.row.spec);
        if (r >= 0)
                r = fill_arguments(&invocation, &info.row.spec);
        if (r >= 0)
                r = find_supervisor(&invocation.supervisor);
        return r < 0 ? r : launch(broker, server, &info.row.spec, &invocation);
}
