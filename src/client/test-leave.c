/* SPDX-License-Identifier: MIT */

/* Losing the broker and finding the next one; waiting, leaving; a loop of the caller's own. */

#include "client/test-broker.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static FakeBroker *f;
static bgt_server *server;
static Gate began, go;
static bool wait_in_run;
static bgt_deferral *deferral;
static bool defer;

static int run(bgt_instance *instance, void *object)
{
        if (defer)
                deferral = bgt_instance_get_deferral(instance);
        gate_raise(&began);
        if (wait_in_run)
                gate_wait(&go, 1);
        return 4;
}

static int run_until_canceled(bgt_instance *instance, void *object)
{
        struct pollfd p = { .fd = bgt_instance_cancel_fd(instance), .events = POLLIN };

        gate_raise(&began);
        (void)poll(&p, 1, -1);
        return bgt_instance_cancel_reason(instance);
}

static const bgt_class class_ = { .size = sizeof class_, .run = run };
static const bgt_class cancelable = { .size = sizeof class_, .run = run_until_canceled };

static int set_up(void **state)
{
        const Gate fresh = GATE_INIT;

        f = fake_new();
        began = go = fresh;
        wait_in_run = defer = false;
        return 0;
}

static int tear_down(void **state)
{
        bgt_close(NULL);
        fake_free(f);
        return 0;
}

static void serve(const bgt_class *c)
{
        assert_int_equal(bgt_server_register_class(NULL, CLSID_1, BGT_REGCLS_MULTIPLEUSE, c, NULL, &server), 0);
        fake_wait(f, "RegisterClass");
}

static void the_next_broker_hears_what_goes_on(void **state)
{
        wait_in_run = true;
        serve(&class_);
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        gate_wait(&began, 1);
        assert_string_equal(fake_run(f, RUN_2, 3, "T"), "");
        gate_wait(&began, 2);
        fake_stop(f);
        fake_start(f);
        fake_wait(f, "Open");
        assert_string_equal(fake_wait(f, "Attach"), "Attach(cookie-1, )");
        assert_string_equal(fake_wait(f, "Announce"), "Announce([(" RUN_1 ", 1), (" RUN_2 ", 3)])");
        fake_wait(f, "RegisterClass(" CLSID_1 ", 1)");
        gate_raise(&go);
        fake_wait(f, "Complete");
        fake_wait(f, "Complete");
        fake_recorded(f, RUN_1, 1);
        fake_recorded(f, RUN_2, 3);
        bgt_server_revoke(server);
}

static void a_result_is_told_again_until_it_is_recorded(void **state)
{
        serve(&class_);
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        fake_wait(f, "Complete(" RUN_1 ", 1, 4, {})");
        fake_stop(f);
        fake_start(f);
        assert_string_equal(fake_wait(f, "Announce"), "Announce([(" RUN_1 ", 1)])");
        fake_wait(f, "RegisterClass");
        fake_wait(f, "Complete(" RUN_1 ", 1, 4, {})");
        fake_recorded(f, RUN_1, 1);
        /* Behind it on the same connection. */
        assert_string_equal(fake_run(f, RUN_2, 1, "T"), "");
        assert_int_equal(bgt_server_busy(NULL), 1);
        bgt_server_revoke(server);
}

static void a_result_that_falls_between_two_brokers_is_told_to_the_second(void **state)
{
        wait_in_run = true;
        serve(&class_);
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        gate_wait(&began, 1);
        fake_stop(f);
        gate_raise(&go);
        fake_start(f);
        fake_wait(f, "Announce([(" RUN_1 ", 1)])");
        fake_wait(f, "Complete(" RUN_1 ", 1, 4, {})");
        bgt_server_revoke(server);
}

static void suspended_classes_stay_so_with_the_next_broker(void **state)
{
        serve(&class_);
        assert_int_equal(bgt_server_suspend(NULL), 0);
        fake_stop(f);
        fake_start(f);
        fake_wait(f, "RegisterClass(" CLSID_1 ", 5)");
        assert_int_equal(bgt_server_resume(NULL), 0);
        fake_stop(f);
        fake_start(f);
        fake_wait(f, "RegisterClass(" CLSID_1 ", 1)");
        bgt_server_revoke(server);
}

static void the_last_progress_is_told_to_the_next_broker(void **state)
{
        bgt_instance *instance;

        defer = true;
        serve(&class_);
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        gate_wait(&began, 1);
        instance = bgt_deferral_instance(deferral);
        bgt_instance_set_progress(instance, 42);
        fake_wait(f, "Progress(" RUN_1 ", 1, 42)");
        fake_stop(f);
        fake_start(f);
        fake_wait(f, "Announce");
        fake_wait(f, "Progress(" RUN_1 ", 1, 42)");
        bgt_deferral_complete(deferral, 0);
        bgt_server_revoke(server);
}

static void the_first_progress_may_fall_between_two_brokers(void **state)
{
        defer = true;
        serve(&class_);
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        gate_wait(&began, 1);
        fake_stop(f);
        bgt_instance_set_progress(bgt_deferral_instance(deferral), 42);
        fake_start(f);
        fake_wait(f, "Announce");
        fake_wait(f, "Progress(" RUN_1 ", 1, 42)");
        bgt_deferral_complete(deferral, 0);
        bgt_server_revoke(server);
}

static void a_run_that_the_next_broker_does_not_know_is_canceled_and_forgotten(void **state)
{
        serve(&cancelable);
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        gate_wait(&began, 1);
        fake_forget(f, RUN_1, 1);
        fake_stop(f);
        fake_start(f);
        fake_wait(f, "Announce");
        /* It ends by its cancellation, and nobody hears of it. */
        bgt_server_revoke(server);
        assert_int_equal(bgt_server_busy(NULL), 0);
        assert_int_equal(fake_count(f, "Complete"), 0);
}

static void a_cookie_that_is_not_taken_is_dropped(void **state)
{
        serve(&cancelable);
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        gate_wait(&began, 1);
        fake_refuse(f, "Attach", "org.bgtask.Error.AccessDenied", "no");
        fake_stop(f);
        fake_start(f);
        fake_wait(f, "Attach(cookie-1, )");
        fake_wait(f, "Attach(, )");
        assert_string_equal(fake_wait(f, "Announce"), "Announce([])");
        fake_wait(f, "RegisterClass");
        bgt_server_revoke(server);
}

static void a_change_that_no_broker_has_heard_is_said_to_the_next(void **state)
{
        bgt *b;

        assert_int_equal(bgt_open("App_x", 0, &b), 0);
        for (unsigned i = 1; i <= 20; i++) {
                fake_stop(f);
                fake_start(f);
                assert_int_equal(bgt_task_pause(b, TASK_1, true), 0);
                assert_int_equal(fake_count(f, "Pause"), i);
        }
        bgt_close(b);
}

static int join(pthread_t thread)
{
        void *result;

        assert_int_equal(pthread_join(thread, &result), 0);
        return (int)(intptr_t)result;
}

static void *register_class(void *userdata)
{
        return (void *)(intptr_t)bgt_server_register_class(NULL, CLSID_1, 1, &class_, NULL, &server);
}

static void a_class_that_was_being_registered_is_registered_with_the_next_broker(void **state)
{
        pthread_t thread;

        fake_refuse(f, "RegisterClass", NULL, NULL);
        assert_int_equal(pthread_create(&thread, NULL, register_class, NULL), 0);
        fake_wait(f, "RegisterClass");
        fake_stop(f);
        fake_start(f);
        fake_wait(f, "RegisterClass");
        assert_int_equal(join(thread), 0);
        bgt_server_revoke(server);
}

static void *wait_one(void *userdata)
{
        return (void *)(intptr_t)bgt_server_wait(NULL, BGT_WAIT_ONE, -1);
}

static void waiting_for_one_run_ends_after_it_was_recorded(void **state)
{
        pthread_t thread;

        serve(&class_);
        assert_int_equal(pthread_create(&thread, NULL, wait_one, NULL), 0);
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        fake_wait(f, "Complete");
        assert_int_equal(fake_count(f, "AskToGo"), 0);
        fake_recorded(f, RUN_1, 1);
        fake_wait(f, "AskToGo");
        assert_int_equal(join(thread), 0);
        /* It cannot come back. */
        assert_int_equal(bgt_server_register_class(NULL, CLSID_1, 1, &class_, NULL, NULL), -ESHUTDOWN);
        bgt_server_revoke(server);
        assert_int_equal(fake_count(f, "RevokeClass"), 0);
}

static void a_server_that_must_stay_serves_on(void **state)
{
        pthread_t thread;

        serve(&class_);
        fake_record_all(f, true);
        fake_go(f, false);
        assert_int_equal(pthread_create(&thread, NULL, wait_one, NULL), 0);
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        fake_wait(f, "AskToGo");
        assert_string_equal(fake_run(f, RUN_2, 1, "T"), "");
        fake_wait(f, "Complete(" RUN_2);
        fake_wait(f, "AskToGo");
        assert_int_equal(join(thread), 0);
        bgt_server_revoke(server);
}

static void waiting_for_idleness_ends_when_nothing_has_run_for_a_while(void **state)
{
        serve(&class_);
        fake_record_all(f, true);
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        fake_wait(f, "Complete");
        assert_int_equal(bgt_server_wait(NULL, BGT_WAIT_IDLE, 30), 0);
        fake_wait(f, "AskToGo");
        bgt_server_revoke(server);
}

static void without_classes_there_is_nothing_to_wait_for(void **state)
{
        assert_int_equal(bgt_server_wait(NULL, BGT_WAIT_FOREVER, 0), 0);
        assert_int_equal(bgt_server_wait(NULL, 9, 0), -EINVAL);
        assert_int_equal(bgt_server_wait(NULL, BGT_WAIT_IDLE, -1), -EINVAL);
        assert_int_equal(bgt_server_leave(NULL), 1);
}

static void *wait_forever(void *userdata)
{
        return (void *)(intptr_t)bgt_server_wait(NULL, BGT_WAIT_FOREVER, 0);
}

static void the_wish_of_the_broker_ends_the_wait(void **state)
{
        pthread_t thread;

        wait_in_run = true;
        fake_record_all(f, true);
        serve(&class_);
        assert_int_equal(pthread_create(&thread, NULL, wait_forever, NULL), 0);
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        gate_wait(&began, 1);
        fake_leave(f);
        gate_raise(&go);
        fake_wait(f, "Complete");
        fake_wait(f, "AskToGo");
        assert_int_equal(join(thread), 0);
        bgt_server_revoke(server);
}

static void the_last_reference_to_the_process_ends_the_wait(void **state)
{
        pthread_t thread;

        serve(&class_);
        assert_int_equal(bgt_server_add_ref_process(NULL), 1);
        assert_int_equal(bgt_server_add_ref_process(NULL), 2);
        assert_int_equal(pthread_create(&thread, NULL, wait_forever, NULL), 0);
        assert_int_equal(bgt_server_release_process(NULL), 1);
        assert_int_equal(bgt_server_release_process(NULL), 0);
        fake_wait(f, "SuspendClasses");
        fake_wait(f, "AskToGo");
        assert_int_equal(join(thread), 0);
        bgt_server_revoke(server);
}

static void *send_sigterm(void *userdata)
{
        struct sigaction action;

        /* Before the wait handles it, it would end the test. */
        do
                (void)sigaction(SIGTERM, NULL, &action);
        while (action.sa_handler == SIG_DFL);
        (void)kill(getpid(), SIGTERM);
        return NULL;
}

static void *send_run(void *userdata)
{
        (void)fake_run(f, RUN_1, 1, "T");
        return NULL;
}

static void sigterm_cancels_and_ends_the_wait(void **state)
{
        struct sigaction before, after;
        pthread_t sender, runner;

        fake_record_all(f, true);
        serve(&cancelable);
        assert_int_equal(sigaction(SIGTERM, NULL, &before), 0);
        assert_true(before.sa_handler == SIG_DFL);
        assert_int_equal(pthread_create(&runner, NULL, send_run, NULL), 0);
        gate_wait(&began, 1);
        assert_int_equal(pthread_create(&sender, NULL, send_sigterm, NULL), 0);
        assert_int_equal(bgt_server_wait(NULL, BGT_WAIT_FOREVER, 0), 0);
        assert_int_equal(pthread_join(sender, NULL), 0);
        assert_int_equal(pthread_join(runner, NULL), 0);
        assert_int_equal(sigaction(SIGTERM, NULL, &after), 0);
        assert_true(after.sa_handler == SIG_DFL);
        fake_wait(f, "Complete(" RUN_1 ", 1, 1, {})");
        bgt_server_revoke(server);
}

static int wait_in_the_run(bgt_instance *instance, void *object)
{
        int r = bgt_server_wait(NULL, BGT_WAIT_FOREVER, 0);

        gate_raise(&began);
        return r;
}

static void a_run_cannot_wait_for_its_own_end(void **state)
{
        const bgt_class c = { .size = sizeof c, .run = wait_in_the_run };

        serve(&c);
        assert_string_equal(fake_run(f, RUN_1, 1, "T"), "");
        fake_wait(f, "Complete(" RUN_1 ", 1, -35, {})");
        bgt_server_revoke(server);
}

static bgt *own;

static unsigned n_idle;

static void on_idle(bgt *b, bool wanted, void *userdata)
{
        n_idle += wanted ? 100 : 1;
}

static void a_loop_of_the_callers_own_runs_everything(void **state)
{
        struct pollfd p;

        assert_int_equal(bgt_open(NULL, BGT_NO_THREADS, &own), 0);
        n_idle = 0;
        defer = true;
        deferral = NULL;
        assert_int_equal(bgt_server_on_idle(own, on_idle, NULL), 0);
        assert_int_equal(bgt_server_register_class(own, CLSID_1, 1, &class_, NULL, &server), 0);
        p = (struct pollfd){ .fd = bgt_get_fd(own), .events = POLLIN };
        while (poll(&p, 1, 0) == 1)
                assert_true(bgt_dispatch(own) >= 0);
        fake_send_run(f, RUN_1, 1, "T");
        while (!deferral)
                fake_turn(f, own);
        fake_wait(f, "Run answered ");
        assert_int_equal(bgt_server_leave(own), 0);
        bgt_instance_set_progress(bgt_deferral_instance(deferral), 1);
        bgt_instance_set_progress(bgt_deferral_instance(deferral), 2);
        fake_wait(f, "Progress(" RUN_1 ", 1, 1)");
        while (fake_count(f, "Progress") < 2)
                fake_turn(f, own);
        bgt_deferral_complete(deferral, 0);
        fake_wait(f, "Complete");
        fake_recorded(f, RUN_1, 1);
        while (n_idle == 0)
                fake_turn(f, own);
        assert_int_equal(n_idle, 1);
        fake_leave(f);
        while (n_idle == 1)
                fake_turn(f, own);
        assert_int_equal(n_idle, 101);
        assert_int_equal(bgt_server_leave(own), 1);
        bgt_server_revoke(server);
        bgt_close(own);
}

static void a_run_that_comes_while_the_caller_waits_executes_in_dispatch(void **state)
{
        bgt_record *status;
        struct pollfd p;

        assert_int_equal(bgt_open(NULL, BGT_NO_THREADS, &own), 0);
        p = (struct pollfd){ .fd = bgt_get_fd(own), .events = POLLIN };
        assert_int_equal(bgt_server_register_class(own, CLSID_1, 1, &class_, NULL, &server), 0);
        fake_send_run(f, RUN_1, 1, "T");
        while (bgt_server_busy(own) == 0) {
                assert_int_equal(bgt_status(own, &status), 0);
                bgt_record_unref(status);
        }
        assert_int_equal(began.count, 0);
        assert_int_equal(poll(&p, 1, 0), 1);
        assert_int_equal(bgt_dispatch(own), 1);
        assert_int_equal(began.count, 1);
        fake_wait(f, "Complete");
        bgt_server_revoke(server);
        bgt_close(own);
}

static void waiting_without_threads_drives_the_loop(void **state)
{
        assert_int_equal(bgt_open(NULL, BGT_NO_THREADS, &own), 0);
        assert_int_equal(bgt_server_register_class(own, CLSID_1, 1, &class_, NULL, &server), 0);
        fake_record_all(f, true);
        fake_send_run(f, RUN_1, 1, "T");
        assert_int_equal(bgt_server_wait(own, BGT_WAIT_ONE, 0), 0);
        fake_wait(f, "Complete");
        bgt_server_revoke(server);
        bgt_close(own);
}

static void *stop_broker(void *userdata)
{
        fake_stop(f);
        return NULL;
}

static void a_broker_that_dies_meanwhile_does_not_hold_up_who_closes(void **state)
{
        for (int i = 0; i < 100; i++) {
                pthread_t thread;

                serve(&class_);
                assert_int_equal(pthread_create(&thread, NULL, stop_broker, NULL), 0);
                bgt_close(NULL);
                assert_int_equal(pthread_join(thread, NULL), 0);
                bgt_server_revoke(server);
                fake_start(f);
        }
}

static void dispatching_is_for_connections_without_threads(void **state)
{
        assert_int_equal(bgt_dispatch(NULL), -EINVAL);
        assert_int_equal(bgt_get_fd(NULL), -EINVAL);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                T(the_next_broker_hears_what_goes_on),
                T(a_result_is_told_again_until_it_is_recorded),
                T(a_result_that_falls_between_two_brokers_is_told_to_the_second),
                T(suspended_classes_stay_so_with_the_next_broker),
                T(the_last_progress_is_told_to_the_next_broker),
                T(the_first_progress_may_fall_between_two_brokers),
                T(a_run_that_the_next_broker_does_not_know_is_canceled_and_forgotten),
                T(a_cookie_that_is_not_taken_is_dropped),
                T(a_change_that_no_broker_has_heard_is_said_to_the_next),
                T(a_class_that_was_being_registered_is_registered_with_the_next_broker),
                T(waiting_for_one_run_ends_after_it_was_recorded),
                T(a_server_that_must_stay_serves_on),
                T(waiting_for_idleness_ends_when_nothing_has_run_for_a_while),
                T(without_classes_there_is_nothing_to_wait_for),
                T(the_wish_of_the_broker_ends_the_wait),
                T(the_last_reference_to_the_process_ends_the_wait),
                T(sigterm_cancels_and_ends_the_wait),
                T(a_run_cannot_wait_for_its_own_end),
                T(a_loop_of_the_callers_own_runs_everything),
                T(a_run_that_comes_while_the_caller_waits_executes_in_dispatch),
                T(waiting_without_threads_drives_the_loop),
                T(a_broker_that_dies_meanwhile_does_not_hold_up_who_closes),
                T(dispatching_is_for_connections_without_threads),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
