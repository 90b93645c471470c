/* SPDX-License-Identifier: MIT */
/*
 * The sample of Windows' documentation, "Create and register a winmain COM background task", in C:
 * a task that finds primes, and writes them to a file ten at a time, until it is canceled.
 */
#include <bgtask.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define SAMPLE_TASK_CLSID "{14C5882B-35D3-41BE-86B2-5106269B97E6}"
#define SAMPLE_TASK_NAME "SampleTask"
#define MAX_PRIME 1000000000
#define QUEUE_DEPTH 10

/* LocalFolder/<process>/numbersQueue.log for SampleTask, numbersQueue-NAME.log for a task of another name. */
static FILE *open_numbers_queue(const char *task)
{
        const char *folder = bgt_local_folder(NULL), *process = program_invocation_short_name, *dash = "-";
        char path[4096];

        errno = folder ? EINVAL : bgt_error()->error;
        if (!folder || strchr(task, '/'))
                return NULL;
        if (strcmp(task, SAMPLE_TASK_NAME) == 0)
                dash = task = "";
        snprintf(path, sizeof(path), "%s/%s", folder, process);
        mkdir(path, 0700);
        snprintf(path, sizeof(path), "%s/%s/numbersQueue%s%s.log", folder, process, dash, task);
        return fopen(path, "ae");
}

static int next_prime(int number)
{
        int divisor;

        do {
                number++;
                for (divisor = number - 1; divisor > 1 && number % divisor != 0; divisor--)
                        ;
        } while (divisor > 1);
        return number;
}

/* IBackgroundTask::Run, on a thread of its own; one server runs several tasks at a time. */
static int run(bgt_instance *instance, void *userdata)
{
        const char *task = bgt_registration_name(bgt_instance_task(instance));
        bgt_deferral *deferral = bgt_instance_get_deferral(instance);
        FILE *queue = open_numbers_queue(task);
        int number = 1, found = 0, r = queue ? 0 : -errno;

        bgt_instance_set_progress(instance, 10);
        printf("%s: looking for primes\n", task);
        while (r == 0 && number < MAX_PRIME && !bgt_instance_is_canceled(instance)) {
                number = next_prime(number);
                fprintf(queue, "%d, ", number);
                if (++found % QUEUE_DEPTH == 0 && fflush(queue) != 0)
                        r = -errno;
                if (found % 1000 == 0)
                        printf("%s: %d primes, the last is %d\n", task, found, number);
                bgt_instance_set_progress(instance, found < 200 * 89 ? 10 + found / 200 : 99);
        }
        /* Writes the numbers that are left. */
        if (queue && fclose(queue) != 0)
                r = -errno;
        printf("%s: ends with %d primes: %s\n", task, found, r < 0 ? strerror(-r) : "all written");
        bgt_deferral_complete(deferral, r);
        return r;
}

/* Whether the name is in AllTasks, the tasks of the package that this program lies in. */
static int is_registered(const char *name)
{
        bgt_registration **tasks;
        int r, found = 0;
        size_t n;

        r = bgt_all_tasks(NULL, &tasks, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                if (strcmp(bgt_registration_name(tasks[i]), name) == 0)
                        found = 1;
        bgt_registrations_free(tasks, n);
        return found;
}

static int register_task(const char *name)
{
        bgt_builder *builder = bgt_builder_new(NULL, name);
        bgt_trigger *trigger = bgt_trigger_time(15, false);
        int r;

        r = is_registered(name);
        if (r == 0) {
                bgt_builder_set_entry_point_clsid(builder, SAMPLE_TASK_CLSID);
                bgt_builder_set_trigger(builder, trigger);
                r = bgt_builder_register(builder, BGT_IF_EXISTS_KEEP, NULL);
        }
        if (r >= 0)
                printf("%s is registered%s.\n", name, r > 0 ? " already" : "");
        bgt_trigger_unref(trigger);
        bgt_builder_unref(builder);
        return r;
}

static int show_status(void)
{
        int r = is_registered(SAMPLE_TASK_NAME);

        if (r >= 0)
                printf("%s is %sregistered.\n", SAMPLE_TASK_NAME, r > 0 ? "" : "not ");
        return r;
}

/* The value of -NAME=VALUE, "" for -NAME, NULL for anything else: in any case, with or without dash. */
static const char *option(const char *argument, const char *name)
{
        size_t n = strlen(name);

        argument += strspn(argument, "-");
        if (strncasecmp(argument, name, n) != 0 || (argument[n] && argument[n] != '='))
                return NULL;
        return argument + n + (argument[n] == '=');
}

int main(int argc, char *argv[])
{
        int r = argc > 1 ? 0 : show_status(), serve = 0;

        setlinebuf(stdout); /* bgtask log shows each line when it is printed */
        for (int i = 1; i < argc && r >= 0; i++) {
                const char *name = option(argv[i], "RegisterSampleTask");

                if (name)
                        r = register_task(*name ? name : SAMPLE_TASK_NAME);
                serve |= option(argv[i], "StartSampleTaskServer") != NULL;
        }
        if (r >= 0 && serve)
                r = bgt_serve(SAMPLE_TASK_CLSID, BGT_REGCLS_MULTIPLEUSE, run, NULL);
        if (r < 0)
                fprintf(stderr, "%s %s\n", bgt_error()->message, bgt_error()->remedy);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
