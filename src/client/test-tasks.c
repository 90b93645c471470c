/* SPDX-License-Identifier: MIT */

/* Opening, registering, listing and watching. */

#include "client/test-broker.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static FakeBroker *f;

static int set_up(void **state)
{
        f = fake_new();
        return 0;
}

static int tear_down(void **state)
{
        bgt_close(NULL);
        fake_free(f);
        return 0;
}

static bgt_builder *new_builder(void)
{
        bgt_builder *builder = bgt_builder_new(NULL, "SampleTask");
        bgt_trigger *trigger = bgt_trigger_time(15, false);

        bgt_builder_set_entry_point_clsid(builder, "{14C5882B-35D3-41BE-86B2-5106269B97E6}");
        bgt_builder_set_trigger(builder, trigger);
        bgt_trigger_unref(trigger);
        return builder;
}

static void the_connection_names_its_package(void **state)
{
        bgt *b;

        assert_int_equal(bgt_open("App_x", 0, &b), 0);
        assert_string_equal(fake_wait(f, "Open"), "Open(App_x, {})");
        assert_string_equal(bgt_package(b), PACKAGE_1);
        bgt_close(b);
        fake_wait(f, "Disconnected");
}

static void the_process_has_one_connection_of_its_own(void **state)
{
        bgt *a, *b, *c;

        assert_int_equal(bgt_open(NULL, 0, &a), 0);
        assert_int_equal(bgt_open(NULL, 0, &b), 0);
        assert_ptr_equal(a, b);
        assert_int_equal(bgt_open(NULL, BGT_NO_THREADS, &c), -EBUSY);
        bgt_close(a);
        assert_string_equal(bgt_package(NULL), PACKAGE_1);
        assert_int_equal(fake_count(f, "Open"), 1);
        bgt_close(b);
        fake_wait(f, "Disconnected");
        assert_string_equal(bgt_package(NULL), PACKAGE_1);
        assert_int_equal(fake_count(f, "Open"), 2);
}

static void without_a_broker_the_error_says_so(void **state)
{
        bgt *b;

        fake_stop(f);
        assert_int_equal(bgt_open(NULL, 0, &b), -ECONNREFUSED);
        assert_int_equal(bgt_error()->error, ECONNREFUSED);
        assert_int_equal(bgt_error()->hresult, 0x800706ba);
        assert_string_equal(bgt_error()->name, "org.bgtask.Error.NoBroker");
        assert_non_null(strstr(bgt_error()->message, fake_folder(f)));
        assert_non_null(strstr(bgt_error()->remedy, "bgtaskd"));
        assert_int_equal(bgt_all_tasks(NULL, NULL, NULL), -ECONNREFUSED);
        fake_start(f);
        assert_int_equal(bgt_open(NULL, 0, &b), 0);
        bgt_close(b);
}

static void a_broker_that_cannot_be_started_is_named(void **state)
{
        bgt *b;

        fake_stop(f);
        unsetenv("BGTASK_AUTOSTART");
        setenv("BGTASK_BROKER", "/nowhere/bgtaskd", 1);
        assert_int_equal(bgt_open(NULL, BGT_NO_AUTOSTART, &b), -ECONNREFUSED);
        assert_null(strstr(bgt_error()->message, "/nowhere"));
        assert_int_equal(bgt_open(NULL, 0, &b), -ECONNREFUSED);
        assert_non_null(strstr(bgt_error()->message, "/nowhere/bgtaskd"));
        unsetenv("BGTASK_BROKER");
        fake_start(f);
}

static void a_path_that_no_socket_can_have_is_refused(void **state)
{
        char path[200];
        bgt *b;

        memset(path, 'x', sizeof path);
        path[0] = '/';
        path[sizeof path - 1] = '\0';
        setenv("BGTASK_BUS", path, 1);
        assert_int_equal(bgt_open(NULL, 0, &b), -ENAMETOOLONG);
        assert_non_null(strstr(bgt_error()->message, "199"));
}

static void unknown_flags_are_refused(void **state)
{
        bgt *b;

        assert_int_equal(bgt_open(NULL, 0x100, &b), -EINVAL);
        assert_int_equal(bgt_open(NULL, 0, NULL), -EINVAL);
}

static void the_brokers_refusal_is_the_error_of_open(void **state)
{
        bgt *b;

        fake_refuse(f, "Open", "org.bgtask.Error.NoSuchPackage", "there is no package App_y");
        assert_int_equal(bgt_open("App_y", 0, &b), -ENOENT);
        assert_string_equal(bgt_error()->message, "there is no package App_y");
        assert_string_equal(bgt_error()->remedy, "do what the test says");
        assert_int_equal(bgt_error()->hresult, 0x80070490);
}

static void the_local_folder_is_made_for_its_user_only(void **state)
{
        const char *folder = bgt_local_folder(NULL);
        struct stat st;

        assert_non_null(folder);
        assert_int_equal(stat(folder, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0700);
        assert_ptr_equal(bgt_local_folder(NULL), folder);
}

static void the_local_folder_of_the_environment_is_taken(void **state)
{
        char folder[128];

        snprintf(folder, sizeof folder, "%s/a/b", fake_folder(f));
        setenv("BGTASK_LOCAL_FOLDER", folder, 1);
        assert_string_equal(bgt_local_folder(NULL), folder);
        assert_int_equal(access(folder, W_OK), 0);
}

static bool has_variable(const char *beginning)
{
        for (char **i = environ; *i; i++)
                if (strncmp(*i, beginning, strlen(beginning)) == 0)
                        return true;
        return false;
}

static void the_inherited_descriptor_is_taken_and_hidden(void **state)
{
        char number[16];
        int status, fd = fake_socketpair(f);
        pid_t pid;

        /* It is taken once in a process. */
        snprintf(number, sizeof number, "%d", fd);
        pid = fork();
        if (pid == 0) {
                bgt *b;

                setenv("BGTASK_FD", number, 1);
                if (bgt_open(NULL, BGT_NO_THREADS, &b) < 0)
                        abort();
                if (has_variable("BGTASK_FD=") || fcntl(fd, F_GETFD) != FD_CLOEXEC)
                        abort();
                if (strcmp(bgt_package(b), PACKAGE_1) != 0)
                        _exit(4);
                bgt_close(b);
                _exit(0);
        }
        close(fd);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_string_equal(fake_wait(f, "Attach"), "Attach(, )");
        assert_int_equal(fake_count(f, "Open"), 0);
}

static void a_descriptor_that_is_no_socket_is_not_taken(void **state)
{
        char number[16];
        int status, fd = open("/dev/null", O_RDONLY);
        pid_t pid;

        snprintf(number, sizeof number, "%d", fd);
        pid = fork();
        if (pid == 0) {
                bgt *b;

                setenv("BGTASK_FD", number, 1);
                _exit(bgt_open(NULL, BGT_NO_THREADS, &b) < 0 || has_variable("BGTASK_FD=") ? 2 : 0);
        }
        close(fd);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        fake_wait(f, "Open");
}

static void register_sends_what_the_builder_has(void **state)
{
        bgt_builder *builder = new_builder();
        bgt_registration *task;

        bgt_builder_add_condition(builder, BGT_CONDITION_INTERNET_AVAILABLE);
        bgt_builder_add_condition(builder, BGT_CONDITION_ON_AC_POWER);
        bgt_builder_set_cancel_on_condition_loss(builder, true);
        bgt_builder_set_overlap(builder, BGT_OVERLAP_BUFFER_ALL);
        bgt_builder_set_catch_up(builder, BGT_CATCH_UP_ALL, 7);
        bgt_builder_set_rerun(builder, BGT_RERUN_NEVER);
        bgt_builder_set_retry(builder, 3, 5);
        bgt_builder_set_time_limit(builder, 9);
        bgt_builder_set_expiry(builder, 10);
        bgt_builder_set_deadline(builder, 11);
        bgt_builder_set_group(builder, "g");
        bgt_builder_set_network_requested(builder, true);
        assert_int_equal(bgt_builder_register(builder, BGT_IF_EXISTS_KEEP, &task), 0);
        assert_string_equal(
                fake_wait(f, "Register("),
                "Register(, SampleTask, (TimeTrigger, {freshness-minutes=15, one-shot=false}), "
                "[InternetAvailable, OnACPower], {clsid=14c5882b-35d3-41be-86b2-5106269b97e6, group=g, "
                "cancel-on-condition-loss=true, network-requested=true, overlap=buffer-all, catch-up=all, "
                "catch-up-window=7, rerun=never, retry-max=3, retry-backoff=5, time-limit=9, expires=10, "
                "deadline=11}, keep)");
        assert_string_equal(bgt_registration_id(task), TASK_1);
        assert_string_equal(bgt_registration_name(task), "SampleTask");
        assert_string_equal(bgt_registration_package(task), PACKAGE_1);
        assert_int_equal(bgt_trigger_minutes(bgt_registration_trigger(task)), 15);
        bgt_registration_unref(task);
        bgt_builder_unref(builder);
}

static void register_sends_a_command_with_all_that_belongs_to_it(void **state)
{
        bgt_builder *builder = bgt_builder_new(NULL, "backup");
        bgt_trigger *trigger = bgt_trigger_application();
        bgt_registration *task;

        bgt_builder_set_trigger(builder, trigger);
        bgt_trigger_unref(trigger);
        bgt_builder_set_command(builder, (const char *const[]){ "wrong", NULL });
        bgt_builder_set_command(builder, (const char *const[]){ "restic", "a b", "", NULL });
        bgt_builder_add_environment(builder, "A=1");
        bgt_builder_add_environment(builder, "B=");
        bgt_builder_set_directory(builder, "/usr");
        bgt_builder_set_label(builder, "mine");
        bgt_builder_set_resource_limits(builder, 1 << 20, 50, 9);
        bgt_builder_set_notify_failure(builder, true);
        bgt_builder_set_on_failure(builder, (const char *const[]){ "mail", "me", NULL });
        assert_int_equal(bgt_builder_register(builder, BGT_IF_EXISTS_FAIL, &task), 0);
        assert_string_equal(fake_wait(f, "Register("),
                            "Register(mine, backup, (ApplicationTrigger, {}), [], {command=[restic, a b, ], "
                            "environment=[A=1, B=], directory=/usr, memory-limit=1048576, cpu-limit=50, "
                            "tasks-limit=9, notify-failure=true, on-failure=[mail, me]}, fail)");
        assert_string_equal(bgt_registration_package(task), "mine");
        bgt_registration_unref(task);
        bgt_builder_unref(builder);
}

static void a_command_that_is_none_or_not_the_only_entry_point_is_refused(void **state)
{
        bgt_builder *builder = new_builder();

        bgt_builder_set_command(builder, (const char *const[]){ "true", NULL });
        assert_int_equal(bgt_builder_validate(builder), -EINVAL);
        assert_string_equal(bgt_error()->name, "org.bgtask.Error.EntryPointConflict");
        bgt_builder_set_command(builder, NULL);
        assert_int_equal(bgt_builder_validate(builder), 0);
        bgt_builder_add_environment(builder, "A");
        assert_int_equal(bgt_builder_validate(builder), -EINVAL);
        bgt_builder_unref(builder);
        builder = new_builder();
        bgt_builder_set_command(builder, (const char *const[]){ NULL });
        assert_int_equal(bgt_builder_validate(builder), -EINVAL);
        bgt_builder_unref(builder);
}

static void what_was_kept_is_what_the_broker_has(void **state)
{
        bgt_builder *builder = new_builder();
        bgt_trigger *other = bgt_trigger_interval(1000000, 0, true);
        bgt_registration *task;

        fake_set_tasks(f, 1, "SampleTask");
        bgt_builder_set_trigger(builder, other);
        bgt_trigger_unref(other);
        assert_int_equal(bgt_builder_register(builder, BGT_IF_EXISTS_KEEP, &task), 1);
        assert_int_equal(bgt_trigger_kind(bgt_registration_trigger(task)), BGT_TRIGGER_TIME);
        bgt_registration_unref(task);
        bgt_builder_unref(builder);
}

static void the_builder_remembers_its_first_mistake(void **state)
{
        bgt_builder *builder = new_builder();

        bgt_builder_add_condition(builder, 99);
        bgt_builder_set_entry_point_clsid(builder, "nonsense");
        assert_int_equal(bgt_builder_register(builder, BGT_IF_EXISTS_KEEP, NULL), -EINVAL);
        assert_string_equal(bgt_error()->message, "99 is no condition");
        assert_int_equal(bgt_builder_validate(builder), -EINVAL);
        bgt_builder_unref(builder);
        assert_int_equal(fake_count(f, "Register"), 0);
}

static int register_one(const char *name, bgt_trigger *trigger, bool clsid, bool entry_point, int if_exists)
{
        bgt_builder *builder = bgt_builder_new(NULL, name);
        int r;

        if (trigger)
                bgt_builder_set_trigger(builder, trigger);
        if (clsid)
                bgt_builder_set_entry_point_clsid(builder, CLSID_1);
        if (entry_point)
                bgt_builder_set_entry_point(builder, "A.B");
        r = bgt_builder_register(builder, if_exists, NULL);
        bgt_builder_unref(builder);
        bgt_trigger_unref(trigger);
        return r;
}

static void what_can_be_told_at_once_is_refused_without_the_broker(void **state)
{
        char name[300];

        memset(name, 'n', sizeof name);
        name[256] = '\0';
        assert_int_equal(register_one("", bgt_trigger_time(15, true), true, false, 0), -EINVAL);
        assert_string_equal(bgt_error()->name, "org.bgtask.Error.InvalidName");
        assert_int_equal(register_one(NULL, bgt_trigger_time(15, true), true, false, 0), -EINVAL);
        assert_int_equal(register_one(name, bgt_trigger_time(15, true), true, false, 0), -EINVAL);
        assert_int_equal(register_one("a\nb", bgt_trigger_time(15, true), true, false, 0), -EINVAL);
        assert_int_equal(register_one("a\xff", bgt_trigger_time(15, true), true, false, 0), -EINVAL);
        assert_string_equal(bgt_error()->name, "org.bgtask.Error.InvalidName");
        assert_int_equal(register_one("a", NULL, true, false, 0), -EINVAL);
        assert_string_equal(bgt_error()->name, "org.bgtask.Error.NoTrigger");
        assert_int_equal(register_one("a", bgt_trigger_time(14, true), true, false, 0), -EINVAL);
        assert_string_equal(bgt_error()->name, "org.bgtask.Error.TriggerTooShort");
        assert_int_equal(register_one("a", bgt_trigger_system(99, true), true, false, 0), -EINVAL);
        assert_int_equal(register_one("a", bgt_trigger_time(15, true), true, true, 0), -EINVAL);
        assert_string_equal(bgt_error()->name, "org.bgtask.Error.EntryPointConflict");
        assert_int_equal(register_one("a", bgt_trigger_time(15, true), true, false, 17), -EINVAL);
        assert_int_equal(fake_count(f, "Register"), 0);
        assert_int_equal(bgt_builder_register(NULL, 0, NULL), -ENOMEM);
}

static void the_brokers_error_comes_back_whole(void **state)
{
        bgt_builder *builder = new_builder();

        fake_refuse(f, "Register", "org.bgtask.Error.NameTaken", "the package has a task SampleTask");
        assert_int_equal(bgt_builder_register(builder, BGT_IF_EXISTS_FAIL, NULL), -EEXIST);
        assert_string_equal(bgt_error()->message, "the package has a task SampleTask");
        assert_string_equal(bgt_error()->remedy, "do what the test says");
        fake_refuse(f, "Register", "org.freedesktop.DBus.Error.UnknownMethod", "no");
        assert_int_equal(bgt_builder_register(builder, BGT_IF_EXISTS_FAIL, NULL), -EOPNOTSUPP);
        fake_refuse(f, "Register", "com.example.Strange", "");
        assert_int_equal(bgt_builder_register(builder, BGT_IF_EXISTS_FAIL, NULL), -EIO);
        assert_string_equal(bgt_error()->name, "com.example.Strange");
        assert_true(bgt_error()->message[0] != '\0');
        bgt_builder_unref(builder);
}

static void all_tasks_come_from_all_pages(void **state)
{
        bgt_registration **list;
        size_t n;

        assert_int_equal(bgt_all_tasks(NULL, &list, &n), 0);
        assert_int_equal(n, 0);
        bgt_registrations_free(list, n);
        fake_set_tasks(f, 250, "T");
        assert_int_equal(bgt_all_tasks(NULL, &list, &n), 0);
        assert_int_equal(n, 250);
        assert_string_equal(bgt_registration_name(list[249]), "T");
        assert_string_equal(bgt_registration_id(list[249]), "aaaaaaaa-aaaa-4aaa-8aaa-000000000249");
        bgt_registrations_free(list, n);
        assert_string_equal(fake_wait(f, "ListTasks"), "ListTasks(, , {group=}, , 500)");
}

static void a_list_is_fetched_page_by_page(void **state)
{
        const bgt_record *row;
        bgt_list *list;
        unsigned n = 0;

        fake_set_tasks(f, 150, "T");
        assert_int_equal(bgt_list_tasks(NULL, "*", NULL, NULL, &list), 0);
        assert_int_equal(fake_count(f, "ListTasks"), 1);
        while (bgt_list_next(list, &row) > 0) {
                assert_int_equal(bgt_record_uint(row, "pending", 999), n);
                assert_string_equal(bgt_record_string(bgt_record_record(row, "trigger"), "kind"), "TimeTrigger");
                n++;
        }
        assert_int_equal(n, 150);
        assert_int_equal(bgt_list_next(list, &row), 0);
        assert_int_equal(fake_count(f, "ListTasks"), 2);
        bgt_list_free(list);
}

static void a_task_is_found_by_its_name(void **state)
{
        bgt_registration *task;
        bgt_record *record;

        assert_int_equal(bgt_find_task(NULL, "T", &task), -ENOENT);
        fake_set_tasks(f, 2, "T");
        assert_int_equal(bgt_find_task(NULL, "T", &task), -ENOTUNIQ);
        assert_int_equal(bgt_task_find(NULL, NULL, "T", &record), -ENOTUNIQ);
        fake_set_tasks(f, 1, "T");
        assert_int_equal(bgt_find_task(NULL, "T", &task), 0);
        assert_string_equal(bgt_registration_id(task), TASK_1);
        assert_int_equal(bgt_task_find(NULL, NULL, "T", &record), 0);
        assert_string_equal(bgt_record_string(record, "task"), TASK_1);
        assert_string_equal(bgt_record_string(record, "name"), "T");
        bgt_record_unref(record);
        bgt_registration_unref(task);
}

static void an_application_trigger_is_requested(void **state)
{
        bgt_builder *builder = new_builder();
        bgt_trigger *trigger = bgt_trigger_application(), *time = bgt_trigger_time(15, false);
        bgt_record *arguments = bgt_record_new();
        int result = -1;

        assert_int_equal(bgt_trigger_request(trigger, NULL, &result), -ENOENT);
        assert_int_equal(bgt_trigger_request(time, NULL, &result), -EINVAL);
        bgt_builder_set_trigger(builder, trigger);
        assert_int_equal(bgt_builder_register(builder, BGT_IF_EXISTS_REPLACE, NULL), 0);
        assert_int_equal(bgt_record_set_string(arguments, "colour", "red"), 0);
        assert_int_equal(bgt_record_set_uint(arguments, "n", 3), 0);
        assert_int_equal(bgt_trigger_request(trigger, arguments, &result), 0);
        assert_int_equal(result, BGT_REQUEST_CURRENTLY_RUNNING);
        assert_string_equal(fake_wait(f, "Request"), "Request(" TASK_1 ", {colour=red, n=3})");
        bgt_record_unref(arguments);
        bgt_trigger_unref(time);
        bgt_trigger_unref(trigger);
        bgt_builder_unref(builder);
}

static void many_are_registered_with_few_messages(void **state)
{
        bgt_builder *builders[3] = { new_builder(), bgt_builder_new(NULL, ""), new_builder() };
        bgt_register_result results[3];

        fake_refuse(f, "RegisterBatch", "org.bgtask.Error.StoreFull", "the disk is full");
        assert_int_equal(bgt_builder_register_many(builders, 3, BGT_IF_EXISTS_FAIL, results), -ENOSPC);
        assert_non_null(strstr(fake_wait(f, "RegisterBatch"), "(SampleTask, (TimeTrigger"));
        for (int i = 0; i < 3; i++)
                bgt_builder_unref(builders[i]);
}

static void a_status_is_a_record(void **state)
{
        bgt_record *status;
        size_t n;

        assert_int_equal(bgt_status(NULL, &status), 0);
        assert_string_equal(bgt_record_string(status, "version"), "1.2.3");
        assert_int_equal(bgt_record_uint(status, "pid", 0), 7);
        assert_string_equal(bgt_record_strings(status, "problems", &n)[1], "two");
        assert_int_equal(n, 2);
        bgt_record_unref(status);
}

static void a_broker_without_a_test_clock_says_so(void **state)
{
        assert_int_equal(bgt_test_clock_advance(NULL, 1), -EPERM);
        assert_string_equal(bgt_error()->name, "org.bgtask.Error.TestClockOnly");
}

static void text_that_is_not_utf8_is_refused(void **state)
{
        assert_int_equal(bgt_task_pause(NULL, "\xff", true), -EINVAL);
        assert_int_equal(bgt_task_pause(NULL, TASK_1, true), 0);
}

static void *pause_task(void *userdata)
{
        return (void *)(intptr_t)bgt_task_pause(userdata, TASK_1, true);
}

static void *ask_status(void *userdata)
{
        bgt_record *status = NULL;
        int r = bgt_status(userdata, &status);

        bgt_record_unref(status);
        return (void *)(intptr_t)r;
}

/* Starts a call that gets no answer, does something to the broker, and returns what the call gave. */
static int call_and_disturb(bgt *b, const char *member, void *(*call)(void *), void (*disturb)(FakeBroker *broker))
{
        pthread_t thread;
        void *result;

        fake_refuse(f, member, NULL, NULL);
        assert_int_equal(pthread_create(&thread, NULL, call, b), 0);
        fake_wait(f, member);
        disturb(f);
        assert_int_equal(pthread_join(thread, &result), 0);
        return (int)(intptr_t)result;
}

static void restart(FakeBroker *broker)
{
        fake_stop(broker);
        fake_start(broker);
}

static void garbage_from_the_broker_ends_the_call(void **state)
{
        bgt *b;

        assert_int_equal(bgt_open("App_x", 0, &b), 0);
        assert_int_equal(call_and_disturb(b, "Pause", pause_task, fake_garble), -ECONNRESET);
        assert_int_equal(bgt_task_pause(b, TASK_1, true), 0);
        bgt_close(b);
}

static void answers_of_another_type_are_refused(void **state)
{
        static const char *const members[] = { "Status", "ListTasks", "GetTask", "Register", "Request", "Watch" };
        bgt_builder *builder = new_builder();
        bgt_registration *task = NULL;
        bgt_record *status;

        for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
                fake_refuse(f, members[i], FAKE_NONSENSE, NULL);
        assert_int_equal(bgt_status(NULL, &status), -EPROTO);
        assert_int_equal(bgt_all_tasks(NULL, NULL, NULL), -EPROTO);
        assert_int_equal(bgt_get_task(NULL, TASK_1, &task), -EPROTO);
        assert_int_equal(bgt_builder_register(builder, BGT_IF_EXISTS_KEEP, NULL), -EPROTO);
        assert_int_equal(bgt_task_request(NULL, TASK_1, NULL, NULL, NULL), -EPROTO);
        assert_int_equal(bgt_get_task(NULL, TASK_1, &task), 0);
        assert_int_equal(bgt_registration_on_progress(task, NULL, NULL), 0);
        bgt_registration_unref(task);
        bgt_builder_unref(builder);
}

static void what_answers_open_with_nonsense_is_no_broker(void **state)
{
        bgt *b;

        /* As often as it may be asked. */
        for (int i = 0; i < 50; i++)
                fake_refuse(f, "Open", FAKE_NONSENSE, NULL);
        assert_int_equal(bgt_open("App_x", BGT_NO_AUTOSTART, &b), -EPROTO);
}

static void a_change_whose_broker_is_lost_is_not_repeated(void **state)
{
        bgt *b;

        assert_int_equal(bgt_open("App_x", 0, &b), 0);
        assert_int_equal(call_and_disturb(b, "Pause", pause_task, restart), -ECONNRESET);
        assert_int_equal(bgt_task_pause(b, TASK_1, true), 0);
        assert_int_equal(fake_count(f, "Pause"), 2);
        bgt_close(b);
}

static void a_question_whose_broker_is_lost_is_asked_again(void **state)
{
        bgt *b;

        assert_int_equal(bgt_open("App_x", 0, &b), 0);
        assert_int_equal(call_and_disturb(b, "Status", ask_status, restart), 0);
        assert_int_equal(fake_count(f, "Status"), 2);
        bgt_close(b);
}

static void the_child_of_a_fork_is_kept_out(void **state)
{
        int status;
        pid_t pid;
        bgt *b;

        assert_int_equal(bgt_open(NULL, 0, &b), 0);
        pid = fork();
        if (pid == 0) {
                bgt *other;

                if (bgt_task_pause(NULL, TASK_1, true) != -ECHILD || bgt_task_pause(b, TASK_1, true) != -ECHILD)
                        _exit(2);
                if (bgt_open(NULL, 0, &other) != -ECHILD || bgt_local_folder(b))
                        _exit(3);
                bgt_close(b);
                bgt_close(NULL);
                /* One of its own it may have. */
                if (bgt_open("App_child", BGT_NO_THREADS, &other) < 0 || bgt_task_pause(other, TASK_1, true) < 0)
                        abort();
                bgt_close(other);
                /* No exit: what threads of the parent held is nobody's here, and no leak. */
                raise(SIGKILL);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, SIGKILL);
        assert_int_equal(bgt_task_pause(b, TASK_1, true), 0);
        bgt_close(b);
}

#define N_THREADS 8
#define N_CALLS 200

static void *call_often(void *userdata)
{
        bgt_record *status;

        for (int i = 0; i < N_CALLS; i++) {
                if (bgt_status(userdata, &status) < 0)
                        return (char *)"failed";
                bgt_record_unref(status);
        }
        return NULL;
}

static void use_from_threads(unsigned flags)
{
        pthread_t threads[N_THREADS];
        void *result;
        bgt *b;

        assert_int_equal(bgt_open(NULL, flags, &b), 0);
        for (int i = 0; i < N_THREADS; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, call_often, b), 0);
        for (int i = 0; i < N_THREADS; i++) {
                assert_int_equal(pthread_join(threads[i], &result), 0);
                assert_null(result);
        }
        assert_int_equal(fake_count(f, "Status"), N_THREADS * N_CALLS);
        bgt_close(b);
}

static void many_threads_share_a_connection(void **state)
{
        use_from_threads(0);
}

static void many_threads_share_a_connection_without_threads_of_its_own(void **state)
{
        use_from_threads(BGT_NO_THREADS);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                /* Taking the descriptor is done once in a process, so these come first, in children. */
                T(the_inherited_descriptor_is_taken_and_hidden),
                T(a_descriptor_that_is_no_socket_is_not_taken),
                T(the_connection_names_its_package),
                T(the_process_has_one_connection_of_its_own),
                T(without_a_broker_the_error_says_so),
                T(a_broker_that_cannot_be_started_is_named),
                T(a_path_that_no_socket_can_have_is_refused),
                T(unknown_flags_are_refused),
                T(the_brokers_refusal_is_the_error_of_open),
                T(the_local_folder_is_made_for_its_user_only),
                T(the_local_folder_of_the_environment_is_taken),
                T(register_sends_what_the_builder_has),
                T(register_sends_a_command_with_all_that_belongs_to_it),
                T(a_command_that_is_none_or_not_the_only_entry_point_is_refused),
                T(what_was_kept_is_what_the_broker_has),
                T(the_builder_remembers_its_first_mistake),
                T(what_can_be_told_at_once_is_refused_without_the_broker),
                T(the_brokers_error_comes_back_whole),
                T(all_tasks_come_from_all_pages),
                T(a_list_is_fetched_page_by_page),
                T(a_task_is_found_by_its_name),
                T(an_application_trigger_is_requested),
                T(many_are_registered_with_few_messages),
                T(a_status_is_a_record),
                T(a_broker_without_a_test_clock_says_so),
                T(text_that_is_not_utf8_is_refused),
                T(garbage_from_the_broker_ends_the_call),
                T(answers_of_another_type_are_refused),
                T(what_answers_open_with_nonsense_is_no_broker),
                T(a_change_whose_broker_is_lost_is_not_repeated),
                T(a_question_whose_broker_is_lost_is_asked_again),
                T(the_child_of_a_fork_is_kept_out),
                T(many_threads_share_a_connection),
                T(many_threads_share_a_connection_without_threads_of_its_own),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
