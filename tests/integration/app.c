/* SPDX-License-Identifier: MIT */

/*
 * The app of test_library.py: a program that nobody launched, which uses the shared library as its users do. It reads
 * commands line by line and prints what happens, one line each. A run lasts until the command "end".
 *
 *      open                threads of the library, or with --loop a loop of its own, in which everything happens
 *      serve CLSID         registers a class object
 *      host                runs the in-process tasks of the package
 *      groups              their ids: "groups N ID …"
 *      access, cost        of background work
 *      in-process NAME [GROUP]   a task without an entry point
 *      register NAME       a task with an ApplicationTrigger and the class that is served
 *      watch NAME          prints "progress NAME N" and "completed NAME RESULT"
 *      events              watches the package: "event KIND", for the kinds that say more than that
 *      request NAME [COLOUR]   "request RESULT"; the run says "begin NAME [group GROUP] [colour COLOUR]"
 *      progress N          of the run that began last
 *      end N               of all runs, with this result
 *      threads             how many threads the process has
 *      storm THREADS N     each thread registers, watches, requests, waits and unregisters N times; "storm ERRORS"
 *      quit                leaves
 */

#include <bgtask.h>
#include <bgtask/manage.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_SIZE 512
#define STORM_RESULT 7

static bgt *b;
static bool own_loop;
static bool leaving;
static const char *clsid;
static bgt_server *server;
static bgt_watch *events;

/* What runs now, as far as it is ended by a command. */
static pthread_mutex_t run_lock = PTHREAD_MUTEX_INITIALIZER;
static bgt_deferral *current[8];
static unsigned n_current;

static void say(const char *format, ...) __attribute__((__format__(printf, 1, 2)));

static void say(const char *format, ...)
{
        char line[LINE_MAX_SIZE];
        va_list args;
        int n;

        va_start(args, format);
        n = vsnprintf(line, sizeof line - 1, format, args);
        va_end(args);
        line[n++] = '\n';
        (void)!write(STDOUT_FILENO, line, (size_t)n);
}

static int answer(const char *what, int r)
{
        if (r < 0)
                say("%s failed %s", what, bgt_error()->name);
        else
                say("%s %d", what, r);
        return r;
}

/* Serving. */

static int run(bgt_instance *instance, void *userdata)
{
        const char *name = bgt_registration_name(bgt_instance_task(instance));
        const char *group = bgt_registration_group(bgt_instance_task(instance));
        const char *colour = bgt_record_string(bgt_instance_details(instance), "colour");

        if (strncmp(name, "storm", 5) == 0) {
                for (uint32_t i = 1; i <= 20; i++)
                        bgt_instance_set_progress(instance, i);
                return STORM_RESULT;
        }
        pthread_mutex_lock(&run_lock);
        current[n_current++] = bgt_instance_get_deferral(instance);
        pthread_mutex_unlock(&run_lock);
        say("begin %s%s%s%s%s", name, *group ? " group " : "", group, colour ? " colour " : "", colour ? colour : "");
        return 0;
}

static void canceled(bgt_instance *instance, int reason, void *userdata)
{
        say("canceled %d", reason);
}

static const bgt_class class_ = { .size = sizeof class_, .run = run, .canceled = canceled };

static void end_run(int result)
{
        pthread_mutex_lock(&run_lock);
        while (n_current > 0)
                bgt_deferral_complete(current[--n_current], result);
        pthread_mutex_unlock(&run_lock);
}

static void tell_progress(uint32_t progress)
{
        pthread_mutex_lock(&run_lock);
        if (n_current > 0)
                bgt_instance_set_progress(bgt_deferral_instance(current[n_current - 1]), progress);
        pthread_mutex_unlock(&run_lock);
}

/* Registering and watching. */

static int register_with(const char *name, const char *class_id, const char *group, bgt_registration **ret)
{
        bgt_builder *builder = bgt_builder_new(b, name);
        bgt_trigger *trigger = bgt_trigger_application();
        int r;

        if (class_id)
                bgt_builder_set_entry_point_clsid(builder, class_id);
        bgt_builder_set_group(builder, group);
        bgt_builder_set_trigger(builder, trigger);
        r = bgt_builder_register(builder, BGT_IF_EXISTS_FAIL, ret);
        bgt_trigger_unref(trigger);
        bgt_builder_unref(builder);
        return r;
}

static int register_task(const char *name, bgt_registration **ret)
{
        return register_with(name, clsid, NULL, ret);
}

static void on_progress(bgt_registration *task, const char *of, uint32_t progress, void *userdata)
{
        say("progress %s %u", bgt_registration_name(task), progress);
}

static void on_completed(bgt_registration *task, const char *of, int result, const bgt_record *details, void *userdata)
{
        say("completed %s %d", bgt_registration_name(task), result);
}

static bgt_registration *watched;

static int watch(const char *name)
{
        int r = bgt_find_task(b, name, &watched);

        if (r >= 0)
                r = bgt_registration_on_progress(watched, on_progress, NULL);
        return r < 0 ? r : bgt_registration_on_completed(watched, on_completed, NULL);
}

static void on_event(int event, const bgt_record *record, void *userdata)
{
        if (event == BGT_EVENT_DISCONNECTED || event == BGT_EVENT_RECONNECTED)
                say("event %s", event == BGT_EVENT_DISCONNECTED ? "disconnected" : "reconnected");
}

static int request(const char *name, const char *colour)
{
        bgt_record *arguments = colour ? bgt_record_new() : NULL;
        bgt_registration *task = NULL;
        int result = -1, r = 0;

        if (colour)
                r = bgt_record_set_string(arguments, "colour", colour);
        if (r >= 0)
                r = bgt_find_task(b, name, &task);
        if (r >= 0)
                r = bgt_registration_request(task, arguments, &result);
        bgt_registration_unref(task);
        bgt_record_unref(arguments);
        return r < 0 ? r : result;
}

static void show_groups(void)
{
        char text[LINE_MAX_SIZE / 2] = "", **ids;
        size_t n;

        if (bgt_all_groups(b, &ids, &n) < 0) {
                answer("groups", -1);
                return;
        }
        for (size_t i = 0; i < n; i++) {
                strncat(text, " ", sizeof text - strlen(text) - 1);
                strncat(text, ids[i], sizeof text - strlen(text) - 1);
        }
        say("groups %zu%s", n, text);
        bgt_groups_free(ids, n);
}

static int count_threads(void)
{
        DIR *dir = opendir("/proc/self/task");
        int n = 0;

        while (readdir(dir))
                n++;
        closedir(dir);
        return n - 2;
}

/* Many threads at once. */

typedef struct Storm {
        pthread_t thread;
        unsigned index;
        unsigned n_times;
        unsigned n_errors;
        sem_t completed;
        atomic_int result;
        atomic_uint progress;
} Storm;

static atomic_uint n_events;

static void count_event(int event, const bgt_record *record, void *userdata)
{
        atomic_fetch_add(&n_events, 1);
}

static void storm_progress(bgt_registration *task, const char *of, uint32_t progress, void *userdata)
{
        Storm *storm = userdata;

        atomic_store(&storm->progress, progress);
}

static void storm_completed(bgt_registration *task, const char *of, int result, const bgt_record *details,
                            void *userdata)
{
        Storm *storm = userdata;

        atomic_store(&storm->result, result);
        sem_post(&storm->completed);
}

/* One life of a task. False if anything is not as it has to be. */
static bool live(Storm *storm, unsigned n)
{
        bgt_registration *task = NULL, *same = NULL, **all;
        char name[48];
        size_t n_all;
        int result = -1;
        bool good;

        snprintf(name, sizeof name, "storm-%d-%u-%u", (int)getpid(), storm->index, n);
        good = register_task(name, &task) == 0 && bgt_find_task(b, name, &same) == 0 &&
                strcmp(bgt_registration_id(task), bgt_registration_id(same)) == 0;
        bgt_registration_unref(same);
        good = good && bgt_registration_on_progress(task, storm_progress, storm) == 0 &&
                bgt_registration_on_completed(task, storm_completed, storm) == 0 &&
                bgt_registration_request(task, NULL, &result) == 0 && result == BGT_REQUEST_ALLOWED;
        if (good) {
                while (sem_wait(&storm->completed) < 0 && errno == EINTR)
                        ;
                good = atomic_load(&storm->result) == STORM_RESULT && bgt_all_tasks(b, &all, &n_all) == 0;
                if (good)
                        bgt_registrations_free(all, n_all);
                good = good && bgt_registration_unregister(task, false) == 0;
        }
        if (!good)
                say("# %s: %s %s", name, bgt_error()->name, bgt_error()->message);
        bgt_registration_unref(task);
        return good;
}

static void *storm_main(void *userdata)
{
        Storm *storm = userdata;

        for (unsigned i = 0; i < storm->n_times; i++) {
                bgt_watch *package = NULL;

                storm->n_errors += bgt_watch_new(b, NULL, NULL, count_event, NULL, &package) < 0;
                storm->n_errors += !live(storm, i);
                bgt_watch_free(package);
        }
        return NULL;
}

static int storm(unsigned n_threads, unsigned n_times)
{
        Storm *all = calloc(n_threads, sizeof *all);
        unsigned n_errors = 0;

        for (unsigned i = 0; i < n_threads; i++) {
                all[i].index = i;
                all[i].n_times = n_times;
                sem_init(&all[i].completed, 0, 0);
                if (pthread_create(&all[i].thread, NULL, storm_main, &all[i]) != 0)
                        abort();
        }
        for (unsigned i = 0; i < n_threads; i++) {
                pthread_join(all[i].thread, NULL);
                sem_destroy(&all[i].completed);
                n_errors += all[i].n_errors;
        }
        free(all);
        return (int)(atomic_load(&n_events) > 0 ? n_errors : n_errors + 1);
}

/* The loop. */

static void obey(char *line)
{
        char *argument = strchr(line, ' '), *second = NULL;
        unsigned n = 0, times = 0;

        if (argument)
                *argument++ = '\0';
        if (argument && strcmp(line, "storm") != 0 && (second = strchr(argument, ' ')))
                *second++ = '\0';
        if (strcmp(line, "serve") == 0) {
                clsid = strdup(argument);
                answer(line, bgt_server_register_class(b, clsid, BGT_REGCLS_MULTIPLEUSE, &class_, NULL, &server));
        } else if (strcmp(line, "register") == 0) {
                answer(line, register_task(argument, NULL));
        } else if (strcmp(line, "host") == 0) {
                answer(line, bgt_server_register_in_process(b, &class_, NULL, &server));
        } else if (strcmp(line, "in-process") == 0) {
                answer(line, register_with(argument, NULL, second, NULL));
        } else if (strcmp(line, "groups") == 0) {
                show_groups();
        } else if (strcmp(line, "access") == 0) {
                answer(line, bgt_access_status(b));
        } else if (strcmp(line, "cost") == 0) {
                answer(line, bgt_work_cost(b));
        } else if (strcmp(line, "watch") == 0) {
                answer(line, watch(argument));
        } else if (strcmp(line, "events") == 0) {
                answer(line, bgt_watch_new(b, NULL, NULL, on_event, NULL, &events));
        } else if (strcmp(line, "request") == 0) {
                answer(line, request(argument, second));
        } else if (strcmp(line, "threads") == 0) {
                answer(line, count_threads());
        } else if (strcmp(line, "progress") == 0) {
                tell_progress((uint32_t)atoi(argument));
        } else if (strcmp(line, "end") == 0) {
                end_run(atoi(argument));
        } else if (strcmp(line, "storm") == 0 && sscanf(argument, "%u %u", &n, &times) == 2) {
                answer(line, storm(n, times));
        } else if (strcmp(line, "quit") == 0) {
                leaving = true;
        }
}

/* One round: waits for a command, or for the library in a loop of one's own. */
static int turn(char buffer[static LINE_MAX_SIZE], size_t *n)
{
        struct pollfd fds[] = { { STDIN_FILENO, POLLIN, 0 }, { own_loop ? bgt_get_fd(b) : -1, POLLIN, 0 } };
        char *newline;
        ssize_t read_now;

        if (poll(fds, 2, -1) < 0)
                return errno == EINTR ? 0 : -errno;
        if (fds[1].revents && bgt_dispatch(b) < 0)
                return -EIO;
        if (!fds[0].revents)
                return 0;
        read_now = read(STDIN_FILENO, buffer + *n, LINE_MAX_SIZE - 1 - *n);
        if (read_now <= 0)
                return -EPIPE;
        *n += (size_t)read_now;
        buffer[*n] = '\0';
        while ((newline = strchr(buffer, '\n'))) {
                *newline = '\0';
                obey(buffer);
                *n -= (size_t)(newline + 1 - buffer);
                memmove(buffer, newline + 1, *n + 1);
        }
        return 0;
}

int main(int argc, char *argv[])
{
        char buffer[LINE_MAX_SIZE];
        size_t n = 0;
        int r;

        own_loop = argc > 1 && strcmp(argv[1], "--loop") == 0;
        r = answer("open", bgt_open(NULL, own_loop ? BGT_NO_THREADS : 0, &b));
        while (r >= 0 && !leaving)
                r = turn(buffer, &n);
        bgt_watch_free(events);
        bgt_registration_unref(watched);
        bgt_server_revoke(server);
        bgt_close(b);
        free((char *)clsid);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
