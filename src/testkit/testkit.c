/* SPDX-License-Identifier: MIT */

/*
 * A broker for the tests of an app, on nothing but the public interface. Outcomes are read from the history, so that
 * none is missed while the broker is away.
 */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <bgtask/manage.h>
#include <bgtask/test.h>

#include "base/clock.h"
#include "base/macro.h"
#include "base/uuid.h"
#include "testkit/process.h"

#define WAIT_USEC (60 * USEC_PER_SEC)
/* While servers end: more than they have after a cancellation, each time. */
#define STEP_USEC (10 * USEC_PER_SEC)
#define STEP_MSEC 50
#define STEPS_MAX 600

/* What leads to the broker. */
static const char *const variables[] = { "BGTASK_BUS", "BGTASK_AUTOSTART", "XDG_DATA_HOME", "BGTASK_PACKAGE" };

struct bgt_test_broker {
        char folder[64];
        char boot_id[UUID_STRING_MAX];
        int log_fd;
        pid_t pid;
        bgt *b;
        bgt_watch *watch;
        char *before[ELEMENTSOF(variables)]; /* the environment's own values */
        bool is_set;
        char (*seen)[BGT_ID_SIZE]; /* runs whose outcome was returned */
        size_t n_seen;
};

static bgt_test_broker *only;

static const char *program(void)
{
        const char *path = getenv("BGTASK_BROKER");

        return path && path[0] == '/' ? path : BGTASK_BROKER_PATH;
}

static int start(bgt_test_broker *broker)
{
        return process_start(program(), broker->folder, broker->boot_id, broker->log_fd, &broker->pid);
}

static void new_boot(bgt_test_broker *broker)
{
        (void)uuid_format(uuid_random(), broker->boot_id);
}

static int make_folder(bgt_test_broker *broker)
{
        char path[128];

        (void)snprintf(broker->folder, sizeof broker->folder, "/tmp/bgtask-test-XXXXXX");
        if (!mkdtemp(broker->folder)) {
                broker->folder[0] = '\0';
                return -errno;
        }
        (void)snprintf(path, sizeof path, "%s/home", broker->folder);
        if (mkdir(path, 0700) < 0)
                return -errno;
        (void)snprintf(path, sizeof path, "%s/broker.log", broker->folder);
        broker->log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        return broker->log_fd < 0 ? -errno : 0;
}

static int keep_environment(bgt_test_broker *broker)
{
        for (size_t i = 0; i < ELEMENTSOF(variables); i++) {
                const char *value = getenv(variables[i]);

                broker->before[i] = value ? strdup(value) : NULL;
                if (value && !broker->before[i])
                        return -ENOMEM;
        }
        broker->is_set = true;
        return 0;
}

static int set_environment(bgt_test_broker *broker)
{
        char bus[128], data[128];
        int r = keep_environment(broker);

        (void)snprintf(bus, sizeof bus, "%s/run/bus", broker->folder);
        (void)snprintf(data, sizeof data, "%s/data", broker->folder);
        if (r >= 0 && (setenv("BGTASK_BUS", bus, 1) < 0 || setenv("BGTASK_AUTOSTART", "0", 1) < 0 ||
                       setenv("XDG_DATA_HOME", data, 1) < 0 || unsetenv("BGTASK_PACKAGE") < 0))
                r = -ENOMEM;
        return r;
}

static void restore_environment(bgt_test_broker *broker)
{
        for (size_t i = 0; i < ELEMENTSOF(variables); i++) {
                if (broker->is_set && broker->before[i])
                        (void)setenv(variables[i], broker->before[i], 1);
                else if (broker->is_set)
                        (void)unsetenv(variables[i]);
                free(broker->before[i]);
        }
}

/* It only has to wake whoever waits. */
static void on_event(int event, const bgt_record *record, void *userdata)
{
}

static int connect_to_it(bgt_test_broker *broker)
{
        int r = bgt_open("", BGT_NO_THREADS | BGT_NO_AUTOSTART, &broker->b);

        return r < 0 ? r : bgt_watch_new(broker->b, "*", NULL, on_event, NULL, &broker->watch);
}

static void show_log(const bgt_test_broker *broker)
{
        _cleanup_(fclosep) FILE *file = NULL;
        char path[128], line[1024];

        (void)snprintf(path, sizeof path, "%s/broker.log", broker->folder);
        file = fopen(path, "re");
        while (file && fgets(line, sizeof line, file))
                (void)fputs(line, stderr);
}

int bgt_test_broker_new(bgt_test_broker **ret)
{
        bgt_test_broker *broker;
        int r;

        if (only)
                return -EBUSY;
        broker = calloc(1, sizeof *broker);
        if (!broker)
                return -ENOMEM;
        only = broker;
        broker->log_fd = -1;
        r = make_folder(broker);
        new_boot(broker);
        if (r >= 0)
                r = set_environment(broker);
        if (r >= 0)
                r = start(broker);
        if (r == -ECHILD)
                show_log(broker);
        if (r >= 0)
                r = connect_to_it(broker);
        if (r < 0) {
                bgt_test_broker_free(broker);
                return r;
        }
        *ret = broker;
        return 0;
}

/* Cancels what runs and sends every server away. */
static void remove_packages(bgt_test_broker *broker)
{
        const bgt_record *row;
        bgt_list *list;

        (void)bgt_test_clock_set_patience(broker->b, 0);
        if (bgt_list_packages(broker->b, &list) < 0)
                return;
        while (bgt_list_next(list, &row) > 0)
                (void)bgt_package_remove(broker->b, bgt_record_string(row, "package"));
        bgt_list_free(list);
}

typedef struct Ending {
        bgt_test_broker *broker;
        unsigned n_left;
} Ending;

/* What waits for time gets it. */
static void await(pid_t pid, void *userdata)
{
        Ending *ending = userdata;

        while (ending->n_left > 0 && !process_wait_gone(pid, STEP_MSEC)) {
                ending->n_left--;
                (void)bgt_test_clock_advance(ending->broker->b, STEP_USEC);
        }
}

static void kill_it(pid_t pid, void *userdata)
{
        (void)kill(pid, SIGKILL);
        (void)process_wait_gone(pid, -1);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        return remove(path);
}

static void remove_tree(const char *path)
{
        (void)nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

void bgt_test_broker_free(bgt_test_broker *broker)
{
        Ending ending = { broker, STEPS_MAX };

        if (!broker)
                return;
        if (broker->watch) {
                remove_packages(broker);
                process_each(broker->folder, broker->pid, await, &ending);
        }
        bgt_watch_free(broker->watch);
        if (broker->b)
                bgt_close(broker->b);
        if (broker->is_set)
                bgt_close(NULL);
        if (broker->pid > 0)
                process_end(broker->pid, SIGTERM);
        if (broker->folder[0]) {
                process_each(broker->folder, 0, kill_it, NULL);
                remove_tree(broker->folder);
        }
        (void)safe_close(broker->log_fd);
        restore_environment(broker);
        free(broker->seen);
        free(broker);
        only = NULL;
}

const char *bgt_test_broker_folder(const bgt_test_broker *broker)
{
        return broker->folder;
}

bgt *bgt_test_broker_connection(bgt_test_broker *broker)
{
        return broker->b;
}

int bgt_test_broker_install(bgt_test_broker *broker, const char *folder)
{
        _cleanup_(freep) char *path = realpath(folder, NULL);
        bgt_record *row = NULL;
        int r;

        if (!path)
                return -errno;
        r = bgt_package_install(broker->b, path, NULL, &row);
        if (r >= 0 && setenv("BGTASK_PACKAGE", bgt_record_string(row, "package"), 1) < 0)
                r = -ENOMEM;
        bgt_record_unref(row);
        return MIN(r, 0);
}

static bool is_seen(const bgt_test_broker *broker, const char *run)
{
        for (size_t i = 0; i < broker->n_seen; i++)
                if (strcmp(broker->seen[i], run) == 0)
                        return true;
        return false;
}

static int remember(bgt_test_broker *broker, const char *run)
{
        void *grown = realloc(broker->seen, (broker->n_seen + 1) * sizeof *broker->seen);

        if (!grown)
                return -ENOMEM;
        broker->seen = grown;
        (void)snprintf(broker->seen[broker->n_seen++], BGT_ID_SIZE, "%s", run);
        return 0;
}

static bool is_of(const bgt_record *row, const char *task)
{
        const char *id = bgt_record_string(row, "task"), *name = bgt_record_string(row, "name");

        return (id && strcmp(id, task) == 0) || (name && strcmp(name, task) == 0);
}

/* The oldest outcome of the task that was not returned yet: 1, or 0 if there is none. */
static int look(bgt_test_broker *broker, const char *task, bgt_record **ret_row)
{
        bgt_record *found = NULL;
        const bgt_record *row;
        bgt_list *list;
        int r;

        r = bgt_list_history(broker->b, "*", NULL, &list);
        if (r < 0)
                return r;
        while ((r = bgt_list_next(list, &row)) > 0) {
                const char *run = bgt_record_string(row, "run");

                if (!run || !is_of(row, task) || is_seen(broker, run))
                        continue;
                bgt_record_unref(found);
                found = bgt_record_ref((bgt_record *)row);
        }
        bgt_list_free(list);
        if (r >= 0 && found)
                r = remember(broker, bgt_record_string(found, "run"));
        if (r < 0 || !found) {
                bgt_record_unref(found);
                return r;
        }
        if (ret_row)
                *ret_row = found;
        else
                bgt_record_unref(found);
        return 1;
}

int bgt_test_broker_wait(bgt_test_broker *broker, const char *task, bgt_record **ret_row)
{
        uint64_t end = usec_add(clock_now_usec(CLOCK_MONOTONIC), WAIT_USEC);
        struct pollfd p = { bgt_get_fd(broker->b), POLLIN, 0 };
        int r;

        while ((r = look(broker, task, ret_row)) == 0) {
                uint64_t left = usec_sub(end, clock_now_usec(CLOCK_MONOTONIC));

                if (left == 0)
                        return -ETIMEDOUT;
                if (poll(&p, 1, (int)(left / USEC_PER_MSEC) + 1) < 0 && errno != EINTR)
                        return -errno;
                r = bgt_dispatch(broker->b);
                if (r < 0)
                        return r;
        }
        return MIN(r, 0);
}

static int start_again(bgt_test_broker *broker)
{
        bgt_record *status;
        int r;

        broker->pid = 0;
        r = start(broker);
        if (r == -ECHILD)
                show_log(broker);
        if (r < 0)
                return r;
        /* The connection finds the next broker when it is used. */
        r = bgt_status(broker->b, &status);
        if (r >= 0)
                bgt_record_unref(status);
        return MIN(r, 0);
}

int bgt_test_broker_crash(bgt_test_broker *broker)
{
        process_end(broker->pid, SIGKILL);
        return start_again(broker);
}

int bgt_test_broker_reboot(bgt_test_broker *broker, uint64_t off_usec)
{
        char runtime[128];
        int r;

        r = bgt_test_clock_step(broker->b, (int64_t)MIN(off_usec, (uint64_t)INT64_MAX));
        if (r < 0)
                return r;
        new_boot(broker);
        process_end(broker->pid, SIGKILL);
        process_each(broker->folder, 0, kill_it, NULL);
        (void)snprintf(runtime, sizeof runtime, "%s/run", broker->folder);
        remove_tree(runtime);
        return start_again(broker);
}
