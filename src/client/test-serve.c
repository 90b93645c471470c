/* SPDX-License-Identifier: MIT */

/* Runs, deferrals, cancellation, progress. */

#include "client/test-broker.h"

#include <dirent.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

static FakeBroker *f;
static bgt_server *server;

/* What the class of a test does, and what it saw. */
typedef struct Work {
        Gate began;
        Gate go;        /* run waits for it if it is to */
        Gate told;      /* the canceled handlers */
        bool wait;
        bool defer;
        int result;
        bool no_object;
        /* Runs in parallel share them. */
        atomic_uint n_created;
        atomic_uint n_destroyed;
        atomic_uint n_canceled;
        atomic_int reason;
        bgt_instance *instance;
        bgt_deferral *deferral;
        void (*in_run)(struct Work *work, bgt_instance *instance);
        void (*in_canceled)(struct Work *work, bgt_instance *instance);
} Work;

static Work work;

static void *create(void *factory)
{
        Work *w = factory;

        w->n_created++;
        return w->no_object ? NULL : w;
}

static int run(bgt_instance *instance, void *object)
{
        Work *w = object;

        w->instance = bgt_instance_ref(instance);
        if (w->defer)
                w->deferral = bgt_instance_get_deferral(instance);
        if (w->in_run)
                w->in_run(w, instance);
        gate_raise(&w->began);
        if (w->wait)
                gate_wait(&w->go, 1);
        return w->result;
}

static void canceled(bgt_instance *instance, int reason, void *object)
{
        Work *w = object;

        w->n_canceled++;
        w->reason = reason;
        if (w->in_canceled)
                w->in_canceled(w, instance);
        gate_raise(&w->told);
}

static void destroy(void *object)
{
        ((Work *)object)->n_destroyed++;
}

static const bgt_class class_ = { sizeof class_, create, run, canceled, destroy };

static int set_up(void **state)
{
        f = fake_new();
        work = (Work){ .began = GATE_INIT, .go = GATE_INIT, .told = GATE_INIT, .reason = -1 };
        assert_int_equal(bgt_server_register_class(NULL, CLSID_1, BGT_REGCLS_MULTIPLEUSE, &class_, &work, &server), 0);
        assert_string_equal(fake_wait(f, "RegisterClass"), "RegisterClass(" CLSID_1 ", 1)");
        return 0;
}

static int tear_down(void **state)
{
        bgt_server_revoke(server);
        bgt_instance_unref(work.instance);
        bgt_close(NULL);
        fake_free(f);
        return 0;
}

static void see_the_instance(Work *w, bgt_instance *instance)
{
        bgt_registration *task = bgt_instance_task(instance);

        if (strcmp(bgt_instance_id(instance), RUN_1) != 0 || bgt_instance_attempt(instance) != 2)
                w->result = -1;
        if (strcmp(bgt_registration_name(task), "Task B") != 0 || strcmp(bgt_registration_id(task), TASK_1) != 0)
                w->result = -2;
        if (strcmp(bgt_registration_package(task), PACKAGE_1) != 0)
                w->result = -3;
        if (bgt_trigger_kind(bgt_registration_trigger(task)) != BGT_TRIGGER_APPLICATION)
                w->result = -4;
        if (strcmp(bgt_record_string(bgt_instance_details(instance), "colour"), "green") != 0)
                w->result = -5;
        if (bgt_record_uint(bgt_instance_firing(instance), "number", 0) != 5)
                w->result = -6;
        if (bgt_instance_is_canceled(instance) || bgt_instance_cancel_reason(instance) != -1)
                w->result = -7;
}

static void a_run_sees_its_task_and_completes(void **state)
{
        work.in_run = see_the_instance;
        work.result = 7;
        assert_string_equal(fake_run(f, RUN_1, 2, "Task B"), "");
        assert_string_equal(fake_wait(f, "Complete"), "Complete(" RUN_1 ", 2, 7, {})");
        assert_int_equal(work.n_created, 1);
        /* What the destructor writes belongs to the run: the broker hears of the end after it. */
        assert_int_equal(work.n_destroyed, 1);
}

static void a_run_is_acknowledged_while_it_executes(void **state)
{
        work.wait = true;
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        gate_wait(&work.began, 1);
        assert_int_equal(bgt_server_busy(NULL), 1);
        assert_int_equal(fake_count(f, "Complete"), 0);
        gate_raise(&work.go);
        fake_wait(f, "Complete(" RUN_1 ", 1, 0, {})");
        fake_recorded(f, RUN_1, 1);
}

static void an_object_that_cannot_be_made_fails_the_run(void **state)
{
        work.no_object = true;
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        fake_wait(f, "Complete(" RUN_1 ", 1, -12, {})");
        assert_int_equal(work.n_destroyed, 0);
}

static void runs_execute_in_parallel(void **state)
{
        work.wait = true;
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        gate_wait(&work.began, 1);
        bgt_instance_unref(work.instance);
        assert_string_equal(fake_run(f, RUN_2, 1, "T"), "");
        gate_wait(&work.began, 2);
        gate_raise(&work.go);
        fake_wait(f, "Complete");
        fake_wait(f, "Complete");
}

static void what_is_not_registered_is_refused(void **state)
{
        bgt_server *other;

        work.wait = true;
        assert_string_equal(fake_run(f, "no uuid", 1, "T"), "org.bgtask.Error.InvalidArgument");
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        gate_wait(&work.began, 1);
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "org.bgtask.Error.CurrentlyRunning");
        assert_int_equal(bgt_server_register_class(NULL, CLSID_1, BGT_REGCLS_SINGLEUSE, &class_, &work, &other), 0);
        bgt_server_revoke(other);
        fake_wait(f, "RevokeClass(2)");
        assert_string_equal(fake_run(f, RUN_2, 1, "T"), "org.bgtask.Error.NoSuchClassObject");
        gate_raise(&work.go);
        fake_wait(f, "Complete");
        fake_recorded(f, RUN_1, 1);
}

static void a_class_must_be_possible(void **state)
{
        const bgt_class none = { .size = sizeof none }, small = { .size = 3, .run = run };

        assert_int_equal(bgt_server_register_class(NULL, CLSID_1, 1, &none, NULL, NULL), -EINVAL);
        assert_int_equal(bgt_server_register_class(NULL, CLSID_1, 1, &small, NULL, NULL), -EINVAL);
        assert_int_equal(bgt_server_register_class(NULL, CLSID_1, 3, &class_, NULL, NULL), -EINVAL);
        assert_int_equal(bgt_server_register_class(NULL, CLSID_1, 0x20, &class_, NULL, NULL), -EINVAL);
        assert_int_equal(bgt_server_register_class(NULL, "x", 1, &class_, NULL, NULL), -EINVAL);
        fake_refuse(f, "RegisterClass", "org.bgtask.Error.ClassNotYours", "not yours");
        assert_int_equal(bgt_server_register_class(NULL, CLSID_1, 1, &class_, NULL, NULL), -EPERM);
        assert_string_equal(bgt_error()->message, "not yours");
}

static void an_instance_ends_when_every_deferral_is_complete(void **state)
{
        bgt_deferral *second;

        work.defer = true;
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        gate_wait(&work.began, 1);
        second = bgt_instance_get_deferral(work.instance);
        assert_non_null(second);
        assert_ptr_equal(bgt_deferral_instance(second), work.instance);
        bgt_deferral_complete(work.deferral, -EPIPE);
        assert_int_equal(fake_count(f, "Complete"), 0);
        bgt_deferral_complete(second, -EBADF);
        fake_wait(f, "Complete(" RUN_1 ", 1, -32, {})");
        assert_null(bgt_instance_get_deferral(work.instance));
        bgt_deferral_complete(NULL, 0);
}

static void a_deferral_completes_once(void **state)
{
        bgt_deferral *other;

        work.defer = true;
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        gate_wait(&work.began, 1);
        other = bgt_instance_get_deferral(work.instance);
        (void)bgt_deferral_ref(work.deferral);
        bgt_deferral_complete(work.deferral, 0);
        bgt_deferral_complete(work.deferral, -EPIPE);
        bgt_deferral_complete(other, 3);
        fake_wait(f, "Complete(" RUN_1 ", 1, 3, {})");
}

static void a_deferral_that_is_dropped_fails_the_run(void **state)
{
        work.defer = true;
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        gate_wait(&work.began, 1);
        bgt_deferral_unref(work.deferral);
        fake_wait(f, "Complete(" RUN_1 ", 1, -125, {})");
}

static void a_retry_can_be_put_off(void **state)
{
        work.defer = true;
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        gate_wait(&work.began, 1);
        bgt_instance_set_retry_after(work.instance, 5000000);
        bgt_deferral_complete(work.deferral, -EAGAIN);
        fake_wait(f, "Complete(" RUN_1 ", 1, -11, {retry-after=5000000})");
}

static bool is_readable(int fd)
{
        struct pollfd p = { .fd = fd, .events = POLLIN };

        return poll(&p, 1, 0) == 1;
}

static void a_cancellation_reaches_handler_flag_and_descriptor_once(void **state)
{
        int fd;

        work.wait = true;
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        gate_wait(&work.began, 1);
        fd = bgt_instance_cancel_fd(work.instance);
        assert_true(fd >= 0);
        assert_int_equal(bgt_instance_cancel_fd(work.instance), fd);
        assert_false(is_readable(fd));
        fake_cancel(f, RUN_1, 1, BGT_REASON_SYSTEM_POLICY);
        fake_cancel(f, RUN_1, 1, BGT_REASON_ABORT);
        gate_wait(&work.told, 1);
        assert_int_equal(work.reason, BGT_REASON_SYSTEM_POLICY);
        assert_true(bgt_instance_is_canceled(work.instance));
        assert_int_equal(bgt_instance_cancel_reason(work.instance), BGT_REASON_SYSTEM_POLICY);
        assert_true(is_readable(fd));
        gate_raise(&work.go);
        fake_wait(f, "Complete");
        assert_int_equal(work.n_canceled, 1);
        assert_true(is_readable(bgt_instance_cancel_fd(work.instance)));
}

static void a_descriptor_made_after_the_cancellation_is_readable(void **state)
{
        work.wait = true;
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        fake_cancel(f, RUN_1, 1, BGT_REASON_ABORT);
        gate_wait(&work.began, 1);
        gate_wait(&work.told, 1);
        assert_true(is_readable(bgt_instance_cancel_fd(work.instance)));
        gate_raise(&work.go);
        fake_wait(f, "Complete");
}

static Gate late_told = GATE_INIT;
static int late_reason;

static void on_late(bgt_instance *instance, int reason, void *userdata)
{
        late_reason = reason;
        gate_raise(userdata);
}

static void a_handler_that_is_set_late_is_called_at_once(void **state)
{
        work.wait = true;
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        fake_cancel(f, RUN_1, 1, BGT_REASON_IDLE_TASK);
        gate_wait(&work.began, 1);
        gate_wait(&work.told, 1);
        bgt_instance_on_canceled(work.instance, on_late, &late_told);
        gate_wait(&late_told, 1);
        assert_int_equal(late_reason, BGT_REASON_IDLE_TASK);
        gate_raise(&work.go);
        fake_wait(f, "Complete");
        assert_int_equal(late_told.count, 1);
        assert_int_equal(work.n_canceled, 1);
}

static void complete_deferral(Work *w, bgt_instance *instance)
{
        bgt_deferral_complete(w->deferral, -ECANCELED);
}

static void a_canceled_handler_may_complete_the_run(void **state)
{
        work.defer = true;
        work.in_canceled = complete_deferral;
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        gate_wait(&work.began, 1);
        fake_cancel(f, RUN_1, 1, BGT_REASON_ABORT);
        fake_wait(f, "Complete(" RUN_1 ", 1, -125, {})");
        assert_int_equal(work.n_destroyed, 1);
}

static void ask_the_broker(Work *w, bgt_instance *instance)
{
        bgt_record *status = NULL;

        if (bgt_status(NULL, &status) < 0 || bgt_record_uint(status, "pid", 0) != 7)
                w->result = -EIO;
        bgt_record_unref(status);
}

static void runs_and_handlers_may_wait_for_the_broker(void **state)
{
        work.wait = true;
        work.in_run = ask_the_broker;
        work.in_canceled = ask_the_broker;
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        fake_wait(f, "Status");
        gate_wait(&work.began, 1);
        fake_cancel(f, RUN_1, 1, BGT_REASON_ABORT);
        fake_wait(f, "Status");
        gate_wait(&work.told, 1);
        gate_raise(&work.go);
        fake_wait(f, "Complete(" RUN_1 ", 1, 0, {})");
}

static void set_much_progress(Work *w, bgt_instance *instance)
{
        for (uint32_t i = 1; i <= 1000; i++)
                bgt_instance_set_progress(instance, i);
}

static void progress_is_coalesced_and_the_last_one_always_sent(void **state)
{
        work.in_run = set_much_progress;
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        fake_wait(f, "Progress(" RUN_1 ", 1, 1)");
        fake_wait(f, "Progress(" RUN_1 ", 1, 1000)");
        fake_wait(f, "Complete");
        assert_true(fake_count(f, "Progress") <= 10);
        assert_int_equal(bgt_instance_progress(work.instance), 1000);
        /* After the end nothing is sent. */
        bgt_instance_set_progress(work.instance, 5);
        assert_false(fake_has(f, "Progress"));
}

static void set_two_values(Work *w, bgt_instance *instance)
{
        bgt_instance_set_progress(instance, 10);
        bgt_instance_set_progress(instance, 20);
}

static void progress_that_was_held_back_is_sent_in_time(void **state)
{
        work.wait = true;
        work.in_run = set_two_values;
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        fake_wait(f, "Progress(" RUN_1 ", 1, 10)");
        fake_wait(f, "Progress(" RUN_1 ", 1, 20)");
        bgt_instance_set_progress(work.instance, 30);
        fake_wait(f, "Progress(" RUN_1 ", 1, 30)");
        gate_raise(&work.go);
        fake_wait(f, "Complete");
}

static unsigned count_threads(void)
{
        DIR *dir = opendir("/proc/self/task");
        unsigned n = 0;

        while (readdir(dir))
                n++;
        closedir(dir);
        return n;
}

static void a_warm_server_makes_no_thread(void **state)
{
        unsigned n = count_threads();

        fake_record_all(f, true);
        for (unsigned i = 1; i <= 200; i++) {
                assert_string_equal(fake_run(f, RUN_1, i, "T"), "");
                fake_wait(f, "Complete");
                bgt_instance_unref(work.instance);
                work.instance = NULL;
                assert_true(count_threads() <= n);
        }
}

static void *revoke_server(void *userdata)
{
        bgt_server_revoke(userdata);
        gate_raise(&late_told);
        return NULL;
}

static void revoke_returns_when_no_run_is_left(void **state)
{
        unsigned before = late_told.count;
        pthread_t thread;

        work.wait = true;
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        gate_wait(&work.began, 1);
        assert_int_equal(pthread_create(&thread, NULL, revoke_server, server), 0);
        fake_wait(f, "RevokeClass(1)");
        assert_int_equal(late_told.count, before);
        gate_raise(&work.go);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(work.n_destroyed, 1);
        assert_int_equal(bgt_server_register_class(NULL, CLSID_1, 1, &class_, &work, &server), 0);
}

static void revoke_in_a_run(Work *w, bgt_instance *instance)
{
        bgt_server_revoke(server);
}

static void a_run_may_revoke_its_own_class(void **state)
{
        work.in_run = revoke_in_a_run;
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        fake_wait(f, "RevokeClass(1)");
        fake_wait(f, "Complete(" RUN_1 ", 1, 0, {})");
        assert_int_equal(bgt_server_register_class(NULL, CLSID_1, 1, &class_, &work, &server), 0);
}

static void suspending_and_becoming_the_app_are_told(void **state)
{
        assert_int_equal(bgt_server_suspend(NULL), 0);
        fake_wait(f, "SuspendClasses()");
        assert_int_equal(bgt_server_resume(NULL), 0);
        fake_wait(f, "ResumeClasses()");
        assert_int_equal(bgt_server_become_app(NULL), 0);
        fake_wait(f, "BecomeApp()");
}

static void closing_leaves_a_run_alone(void **state)
{
        work.wait = true;
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        gate_wait(&work.began, 1);
        bgt_close(NULL);
        bgt_instance_set_progress(work.instance, 50);
        assert_int_equal(bgt_registration_on_progress(bgt_instance_task(work.instance), NULL, NULL), 0);
        gate_raise(&work.go);
        bgt_server_revoke(server);
        assert_int_equal(bgt_server_register_class(NULL, CLSID_1, 1, &class_, &work, &server), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                T(a_run_sees_its_task_and_completes),
                T(a_run_is_acknowledged_while_it_executes),
                T(an_object_that_cannot_be_made_fails_the_run),
                T(runs_execute_in_parallel),
                T(what_is_not_registered_is_refused),
                T(a_class_must_be_possible),
                T(an_instance_ends_when_every_deferral_is_complete),
                T(a_deferral_completes_once),
                T(a_deferral_that_is_dropped_fails_the_run),
                T(a_retry_can_be_put_off),
                T(a_cancellation_reaches_handler_flag_and_descriptor_once),
                T(a_descriptor_made_after_the_cancellation_is_readable),
                T(a_handler_that_is_set_late_is_called_at_once),
                T(a_canceled_handler_may_complete_the_run),
                T(runs_and_handlers_may_wait_for_the_broker),
                T(progress_is_coalesced_and_the_last_one_always_sent),
                T(progress_that_was_held_back_is_sent_in_time),
                T(a_warm_server_makes_no_thread),
                T(revoke_returns_when_no_run_is_left),
                T(a_run_may_revoke_its_own_class),
                T(suspending_and_becoming_the_app_are_told),
                T(closing_leaves_a_run_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
