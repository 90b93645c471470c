/* SPDX-License-Identifier: MIT */

/*
 * What `bgtask import-environment` named. It belongs to the session: it lies in the runtime folder, for the next
 * broker of the session, and goes with it. The launcher decides what is valid and how much fits.
 */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "broker/broker.h"

#define FILE_NAME "environment"
#define FILE_MAX (1024 * 1024)
#define SESSION_BUS "DBUS_SESSION_BUS_ADDRESS"

/* broker->imported holds "NAME=value" with a NUL behind each. The end of the list for NULL. */
static char *next_variable(const Broker *broker, char *variable)
{
        char *next = variable ? variable + strlen(variable) + 1 : (char *)broker->imported.data;

        return next < (char *)broker->imported.data + broker->imported.size ? next : NULL;
}

static char *find(const Broker *broker, const char *name)
{
        size_t n = strlen(name);
        char *variable = NULL;

        while ((variable = next_variable(broker, variable)))
                if (strncmp(variable, name, n) == 0 && variable[n] == '=')
                        return variable;
        return NULL;
}

static void forget(Broker *broker, const char *name)
{
        char *variable = find(broker, name);
        size_t n = variable ? strlen(variable) + 1 : 0;

        if (!variable)
                return;
        memmove(variable, variable + n,
                (size_t)((char *)broker->imported.data + broker->imported.size - variable) - n);
        broker->imported.size -= n;
}

/* value NULL: forgets it. */
static int import(Broker *broker, const char *name, const char *value)
{
        size_t before;
        int r;

        /* The fixed list is not forgotten. */
        if (!value && !find(broker, name))
                return 0;
        r = launcher_import_environment(broker->launcher, name, value);
        if (r < 0)
                return r;
        forget(broker, name);
        before = broker->imported.size;
        if (!value)
                return 0;
        if (buffer_append(&broker->imported, name, strlen(name)) < 0 || buffer_append(&broker->imported, "=", 1) < 0 ||
            buffer_append(&broker->imported, value, strlen(value) + 1) < 0) {
                broker->imported.size = before;
                return -ENOMEM;
        }
        return 0;
}

static int save(const Broker *broker)
{
        _cleanup_(freep) char *path = NULL;

        if (asprintf(&path, "%s/" FILE_NAME, broker->paths.runtime) < 0)
                return -ENOMEM;
        return replace_file(path, broker->imported.data, broker->imported.size, false);
}

/*
 * The session bus: that of the environment that was imported or, if none was, of this process's; and where that is not
 * there, the one at its usual place. On failure (-ENOMEM) it is the one before.
 */
static int find_session_bus(Broker *broker)
{
        const char *variable = find(broker, SESSION_BUS), *runtime = getenv("XDG_RUNTIME_DIR");
        const char *first = variable ? variable + strlen(SESSION_BUS "=") : getenv(SESSION_BUS) ?: "";
        char *address;
        int n;

        if (broker->options.paths.system)
                n = asprintf(&address, "%s", "");
        else if (runtime && runtime[0] == '/')
                n = asprintf(&address, "%s%sunix:path=%s/bus", first, first[0] ? ";" : "", runtime);
        else
                n = asprintf(&address, "%s%sunix:path=/run/user/%u/bus", first, first[0] ? ";" : "",
                             (unsigned)geteuid());
        if (n < 0)
                return -ENOMEM;
        free(broker->session_bus);
        broker->session_bus = address;
        return 0;
}

static int load(Broker *broker)
{
        _cleanup_(freep) char *path = NULL, *data = malloc(FILE_MAX + 1);
        _cleanup_(closep) int fd = -1;
        ssize_t n = -1;

        if (asprintf(&path, "%s/" FILE_NAME, broker->paths.runtime) < 0 || !data)
                return -ENOMEM;
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd >= 0)
                n = read(fd, data, FILE_MAX);
        if (n <= 0)
                return 0;
        data[n] = '\0';
        for (char *variable = data; variable < data + n; variable += strlen(variable) + 1) {
                char *equals = strchr(variable, '=');

                if (!equals)
                        continue;
                *equals = '\0';
                (void)import(broker, variable, equals + 1);
                *equals = '=';
        }
        return 0;
}

int broker_load_environment(Broker *broker)
{
        int r = load(broker);

        return r < 0 ? r : find_session_bus(broker);
}

void on_import_environment(Call *call, const BusVariable *variables, size_t n, void *userdata)
{
        Broker *broker = userdata;
        int r = 0;

        for (size_t i = 0; i < n && r >= 0; i++) {
                r = import(broker, variables[i].name, variables[i].value);
                if (r == -EINVAL)
                        bus_reply_error_with(call, ERROR_INVALID_ARGUMENT,
                                             "a name has letters, digits and _, and one of BGTASK_ cannot be given",
                                             "leave that one out; those before it were imported");
                else if (r == -E2BIG)
                        bus_reply_error_with(call, ERROR_QUOTA_EXCEEDED,
                                             "an environment holds 256 variables and 256 KiB, a value 64 KiB",
                                             "import fewer; those before it were imported");
                else if (r < 0)
                        bus_reply_error(call, error_from_errno(r), NULL);
        }
        if (find_session_bus(broker) < 0 ||
            (broker->sensors && sensors_move_session(broker->sensors, broker->session_bus) < 0))
                broker_log("cannot go to the session bus of the imported environment");
        if (save(broker) < 0)
                broker_log("cannot keep the imported environment for the next broker");
        if (r >= 0)
                bus_reply_empty(call);
}
