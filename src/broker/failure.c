/* SPDX-License-Identifier: MIT */

/*
 * Who hears of a run that did not complete: the user, by a notification on the desktop, and a command of the task's.
 * docs/semantics.md, 14. Nothing here is waited for, nothing piles up, and no failure of it concerns a run.
 */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/delay.h"
#include "base/settings.h"
#include "broker/broker.h"
#include "dbus/address.h"
#include "dbus/reader.h"

#define SERVICE "org.freedesktop.Notifications"
#define PATH "/org/freedesktop/Notifications"

/* How long the desktop, or a command, may take. */
#define ANSWER_USEC (10 * USEC_PER_SEC)
#define COMMAND_USEC (60 * USEC_PER_SEC)
/* What may be on its way at a time. */
#define SENT_MAX 8
#define COMMANDS_MAX 8
#define N_VARIABLES 6
/* A task's newer notification takes the place of its older one. So many tasks are remembered. */
#define SHOWN_MAX 32

typedef struct Shown {
        Uuid task;
        uint32_t id;            /* what the desktop gave; 0: not answered yet */
} Shown;

typedef struct Notification {
        Failures *failures;
        Uuid task;
        bool used;
} Notification;

typedef struct Command {
        Failures *failures;
        Process *process;       /* NULL: a free place */
        char name[64];          /* of the task, for the log */
        Delay limit;
        bool told_to_end;
} Command;

struct Failures {
        Broker *broker;
        Connection *connection; /* to the session bus; NULL while nothing is to be said */
        Writer writer;
        Delay answer;
        bool complained;        /* that there is no desktop */
        Notification sent[SENT_MAX]; /* and not answered */
        unsigned n_sent;
        Shown shown[SHOWN_MAX];
        unsigned next_shown;
        Command commands[COMMANDS_MAX];
};

static void complain(Failures *f, const char *why)
{
        if (f->complained)
                return;
        f->complained = true;
        broker_add_problem(f->broker, "failures of tasks cannot be shown on the desktop: %s", why);
}

/* What was not answered is told so. */
static void hang_up(Failures *f)
{
        Connection *c = TAKE_PTR(f->connection);

        delay_stop(&f->answer);
        connection_free(c);
}

static void on_silent(Delay *delay, void *userdata)
{
        Failures *f = userdata;

        if (f->n_sent > 0)
                complain(f, "the notification service does not answer");
        hang_up(f);
}

static void on_disconnected(Connection *c, int reason, void *userdata)
{
        Failures *f = userdata;

        hang_up(f);
}

static void on_hello(Connection *c, Message *reply, int error, void *userdata)
{
}

static int open_session(Failures *f)
{
        const ConnectionOptions options = {
                .role = CONNECTION_CLIENT,
                .on_disconnected = on_disconnected,
                .userdata = f,
        };
        _cleanup_(closep) int fd = -1;
        const char *entry;
        int r;

        r = address_connect_own(f->broker->session_bus, &fd, &entry);
        if (r < 0)
                return r;
        r = connection_new(&f->broker->loop, fd, &options, &f->connection);
        if (r < 0)
                return r;
        TAKE_FD(fd);
        writer_start_call(&f->writer, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
                          "Hello");
        return connection_call(f->connection, &f->writer, on_hello, NULL, NULL);
}

static Shown *find_shown(Failures *f, Uuid task)
{
        for (size_t i = 0; i < SHOWN_MAX; i++)
                if (uuid_equal(f->shown[i].task, task))
                        return &f->shown[i];
        return NULL;
}

static void on_shown(Connection *c, Message *reply, int error, void *userdata)
{
        Notification *n = userdata;
        Failures *f = n->failures;
        Shown *shown = find_shown(f, n->task);
        Reader r;

        n->used = false;
        f->n_sent--;
        if (reply && reply->type == MESSAGE_ERROR)
                complain(f, "the notification service refuses to");
        if (reply && reply->type == MESSAGE_RETURN && shown) {
                reader_init(&r, reply);
                shown->id = reader_get_uint32(&r);
        }
        /* Nothing is left to be heard; the connection is closed when this round is over. */
        if (f->n_sent == 0 && f->connection)
                delay_start(&f->answer, 1);
}

/* What the desktop may take for markup. */
static void escape(const char *text, char *buf, size_t size)
{
        size_t n = 0;

        for (; *text && n + 6 < size; text++) {
                const char *entity = *text == '&' ? "&amp;" : *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : NULL;

                if (entity)
                        n += (size_t)snprintf(buf + n, size - n, "%s", entity);
                else
                        buf[n++] = *text;
        }
        buf[n] = '\0';
}

static void put_notification(Failures *f, const RunRow *row, uint32_t replaces)
{
        char summary[300], text[256], body[700];
        Writer *w = &f->writer;

        snprintf(summary, sizeof summary, "%.255s did not complete", row->name);
        bus_outcome_text(row, text, sizeof text);
        escape(text, body, sizeof body);
        writer_start_call(w, SERVICE, PATH, SERVICE, "Notify");
        writer_put_string(w, "bgtask");
        writer_put_uint32(w, replaces);
        writer_put_string(w, "dialog-error");
        writer_put_string(w, summary);
        writer_put_string(w, body);
        writer_open_array(w, "s");
        writer_close(w);
        writer_open_array(w, "{sv}");
        writer_open_option(w, "urgency", "y");
        writer_put_byte(w, 1);
        writer_close(w);
        writer_close(w);
        writer_close(w);
        writer_put_int32(w, -1);
}

static Notification *take_notification(Failures *f)
{
        for (size_t i = 0; i < SENT_MAX; i++)
                if (!f->sent[i].used)
                        return &f->sent[i];
        return NULL;
}

static void show(Failures *f, const RunRow *row)
{
        Shown *shown = find_shown(f, row->task);
        Notification *n = take_notification(f);
        int r = 0;

        /* The desktop has more than enough to show. */
        if (!n)
                return;
        if (!f->connection)
                r = open_session(f);
        if (r >= 0) {
                put_notification(f, row, shown ? shown->id : 0);
                r = connection_call(f->connection, &f->writer, on_shown, n, NULL);
        }
        if (r < 0) {
                complain(f, r == -ENOENT || r == -ECONNREFUSED ? "there is no session bus" : strerror(-r));
                hang_up(f);
                return;
        }
        *n = (Notification){ f, row->task, true };
        f->n_sent++;
        delay_start(&f->answer, ANSWER_USEC);
        if (!shown)
                f->shown[f->next_shown++ % SHOWN_MAX] = (Shown){ .task = row->task };
}

static void on_command_limit(Delay *delay, void *userdata)
{
        Command *command = userdata;

        (void)process_signal_tree(command->process, command->told_to_end ? SIGKILL : SIGTERM);
        command->told_to_end = true;
        delay_start(&command->limit, 2 * USEC_PER_SEC);
}

bool broker_failure_command_ended(Broker *broker, Process *process, const ProcessResult *result)
{
        Failures *f = broker->failures;

        for (size_t i = 0; f && i < COMMANDS_MAX; i++) {
                Command *command = &f->commands[i];

                if (command->process != process)
                        continue;
                if (command->told_to_end)
                        broker_log("%s: what it runs on failure was stopped after %u s", command->name,
                                   (unsigned)(COMMAND_USEC / USEC_PER_SEC));
                else if (result->state != PROCESS_EXITED || result->value != 0)
                        broker_log("%s: what it runs on failure failed itself", command->name);
                delay_done(&command->limit);
                command->limit = DELAY_INIT;
                command->process = process_free(process);
                return true;
        }
        return false;
}

static Command *take_command(Failures *f)
{
        for (size_t i = 0; i < COMMANDS_MAX; i++)
                if (!f->commands[i].process)
                        return &f->commands[i];
        return NULL;
}

static int spawn(Failures *f, Command *command, char **argv, const char *const *environment)
{
        char id[32];
        _cleanup_(freep) char *path = NULL;
        LaunchStep step;
        int r;

        snprintf(id, sizeof id, "on-failure.%zu", (size_t)(command - f->commands));
        r = launcher_find_executable(f->broker->launcher, argv[0], NULL, &path);
        if (r >= 0)
                r = delay_init(&command->limit, &f->broker->loop, on_command_limit, command);
        if (r < 0)
                return r;
        r = launcher_spawn(f->broker->launcher,
                           &(LaunchSpec){ .id = id, .executable = path, .argv = argv, .environment = environment,
                                          .null_stdin = true, .limits.low_priority = true },
                           &command->process, &step);
        if (r >= 0)
                delay_start(&command->limit, COMMAND_USEC);
        else
                delay_done(&command->limit);
        return r;
}

static int set_variable(char **p, const char *name, const char *value)
{
        return asprintf(p, "BGTASK_%s=%s", name, value) < 0 ? -ENOMEM : 0;
}

static int make_environment(const Failures *f, const RunRow *row, char *variables[static N_VARIABLES + 1])
{
        char id[UUID_STRING_MAX], text[256];
        int r;

        bus_outcome_text(row, text, sizeof text);
        r = set_variable(&variables[0], "BUS", f->broker->paths.bus);
        if (r >= 0)
                r = set_variable(&variables[1], "NAME", row->name);
        if (r >= 0)
                r = set_variable(&variables[2], "TASK", uuid_format(row->task, id));
        if (r >= 0)
                r = set_variable(&variables[3], "RUN", uuid_format(row->id, id));
        if (r >= 0)
                r = set_variable(&variables[4], "OUTCOME", term_name(TERM_OUTCOME, row->outcome));
        if (r >= 0)
                r = set_variable(&variables[5], "TEXT", text);
        return r;
}

/* What the task has given its command, and what is told here; the list is the caller's, its strings are not. */
static int join_environment(char *const *own, char *const *told, const char ***ret)
{
        size_t n = 0;

        for (; own[n]; n++)
                ;
        *ret = calloc(n + N_VARIABLES + 1, sizeof **ret);
        if (!*ret)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                (*ret)[i] = own[i];
        for (size_t i = 0; i < N_VARIABLES; i++)
                (*ret)[n + i] = told[i];
        return 0;
}

static void run_command(Failures *f, const RunRow *row, const char *options, char **argv)
{
        _cleanup_(freep) const char **environment = NULL;
        char *variables[N_VARIABLES + 1] = { 0 };
        _cleanup_(freep) char **own = NULL;
        Command *command = take_command(f);
        int r;

        if (!command) {
                broker_log("%s: %u commands run on failure already, this one is left out", row->name, COMMANDS_MAX);
                return;
        }
        snprintf(command->name, sizeof command->name, "%s", row->name);
        command->told_to_end = false;
        r = make_environment(f, row, variables);
        if (r >= 0)
                r = settings_list(options, "environment", &own);
        if (r >= 0)
                r = join_environment(own, variables, &environment);
        if (r >= 0)
                r = spawn(f, command, argv, environment);
        if (r < 0)
                broker_log("%s: cannot run %s on failure: %s", row->name, argv[0], strerror(-r));
        for (size_t i = 0; i < N_VARIABLES; i++)
                free(variables[i]);
}

/* Who canceled a run knows of it, and what was not accepted is no run. */
static bool is_failure(const RunRow *row)
{
        switch (row->outcome) {
        case OUTCOME_FAILED:
        case OUTCOME_ABANDONED:
        case OUTCOME_TIMED_OUT:
        case OUTCOME_EXPIRED:
                return true;
        case OUTCOME_NOT_STARTED:
                return row->detail != DETAIL_OVERLAP && row->detail != DETAIL_SKIPPED;
        default:
                return false;
        }
}

/* It would fire the task again, which would fail again, which would be shown. */
static bool would_hear_of_it(const RunRow *row)
{
        return row->trigger_kind == TRIGGER_USER_NOTIFICATION_CHANGED && row->fired_by == FIRED_BY_EVENT;
}

static Failures *need_failures(Broker *broker)
{
        Failures *f = broker->failures;

        if (f)
                return f;
        f = calloc(1, sizeof *f);
        if (!f)
                return NULL;
        f->broker = broker;
        f->answer = DELAY_INIT;
        writer_init(&f->writer);
        for (size_t i = 0; i < COMMANDS_MAX; i++)
                f->commands[i].limit = DELAY_INIT;
        if (delay_init(&f->answer, &broker->loop, on_silent, f) < 0) {
                free(f);
                return NULL;
        }
        return broker->failures = f;
}

void broker_failures_free(Broker *broker)
{
        Failures *f = TAKE_PTR(broker->failures);

        if (!f)
                return;
        connection_free(f->connection);
        delay_done(&f->answer);
        writer_done(&f->writer);
        for (size_t i = 0; i < COMMANDS_MAX; i++) {
                delay_done(&f->commands[i].limit);
                process_free(f->commands[i].process);
        }
        free(f);
}

void broker_tell_failure(Broker *broker, const RunRow *row)
{
        _cleanup_(freep) char **argv = NULL;
        TaskInfo task;
        Failures *f;

        if (!is_failure(row) || !engine_get_task(broker->engine, row->task, &task) || !task.row.spec.options[0])
                return;
        f = need_failures(broker);
        if (!f)
                return;
        if (settings_has(task.row.spec.options, "notify-failure") && !would_hear_of_it(row))
                show(f, row);
        if (settings_list(task.row.spec.options, "on-failure", &argv) > 0)
                run_command(f, row, task.row.spec.options, argv);
}
