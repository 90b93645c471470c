/* SPDX-License-Identifier: MIT */

/*
 * Each allocation that a program's use of the library makes fails once: nothing crashes, hangs or leaks, and what
 * worked is told as such. Without threads of the library, so that the allocations have an order; the linker sends them
 * through the functions below.
 */

#include "client/test-broker.h"

#include <stdlib.h>

static _Thread_local bool counting; /* only in the thread of the program */
static size_t n_allocations;
static size_t fail_at;

static bool fails(void)
{
        return counting && ++n_allocations == fail_at;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t size)
{
        return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
        return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
        return fails() ? NULL : __real_realloc(p, size);
}

char *__wrap_strdup(const char *text)
{
        return fails() ? NULL : __real_strdup(text);
}

static FakeBroker *f;
static bgt_deferral *deferral;

static int run(bgt_instance *instance, void *object)
{
        deferral = bgt_instance_get_deferral(instance);
        bgt_instance_set_progress(instance, 1);
        return 0;
}

static void on_event(int event, const bgt_record *record, void *userdata)
{
}

static int register_task(bgt *b)
{
        bgt_builder *builder = bgt_builder_new(b, "T");
        bgt_trigger *trigger = bgt_trigger_custom_system_event("x", false);
        bgt_registration *task = NULL;
        int r;

        bgt_builder_set_entry_point_clsid(builder, CLSID_1);
        bgt_builder_set_group(builder, "g");
        bgt_builder_set_trigger(builder, trigger);
        r = bgt_builder_register(builder, BGT_IF_EXISTS_KEEP, &task);
        bgt_registration_unref(task);
        bgt_trigger_unref(trigger);
        bgt_builder_unref(builder);
        return r;
}

static int use_lists(bgt *b)
{
        bgt_registration **tasks = NULL;
        const bgt_record *row;
        bgt_record *record = NULL;
        bgt_list *list = NULL;
        size_t n = 0;
        int r;

        r = bgt_all_tasks(b, &tasks, &n);
        bgt_registrations_free(tasks, n);
        if (r >= 0)
                r = bgt_list_tasks(b, NULL, NULL, NULL, &list);
        while (r >= 0 && (r = bgt_list_next(list, &row)) > 0)
                ;
        bgt_list_free(list);
        if (r >= 0)
                r = bgt_status(b, &record);
        bgt_record_unref(record);
        return r;
}

static int serve(bgt *b)
{
        const bgt_class class_ = { .size = sizeof class_, .run = run };
        bgt_server *server;
        unsigned n_before = fake_count(f, "Complete");
        int r;

        deferral = NULL;
        r = bgt_server_register_class(b, CLSID_1, 1, &class_, NULL, &server);
        if (r < 0)
                return r;
        counting = false;
        fake_send_run(f, RUN_1, 1, "T");
        counting = true;
        /* A run that is refused, or that no deferral keeps, is over at once. */
        while (!deferral && !fake_has(f, "Run answered o") && !fake_has(f, "Run answered n") &&
               fake_count(f, "Complete") == n_before)
                fake_turn(f, b);
        bgt_deferral_complete(deferral, 0);
        while (bgt_server_busy(b) > 0)
                fake_turn(f, b);
        r = bgt_server_leave(b);
        bgt_server_revoke(server);
        return r;
}

static int converse(void)
{
        bgt_watch *watch = NULL;
        bgt *b = NULL;
        int r;

        r = bgt_open("App_x", BGT_NO_THREADS, &b);
        if (r >= 0 && !bgt_local_folder(b))
                r = -bgt_error()->error;
        if (r >= 0)
                r = register_task(b);
        if (r >= 0)
                r = use_lists(b);
        if (r >= 0)
                r = bgt_watch_new(b, NULL, NULL, on_event, NULL, &watch);
        if (r >= 0)
                r = serve(b);
        bgt_watch_free(watch);
        if (b)
                bgt_close(b);
        return r;
}

static void every_allocation_may_fail(void **state)
{
        size_t n;

        f = fake_new();
        fake_set_tasks(f, 3, "T");
        fake_record_all(f, true);
        counting = true;
        assert_int_equal(converse(), 1);
        n = n_allocations;
        assert_true(n > 50);
        for (size_t i = 1; i <= n; i++) {
                int r;

                n_allocations = 0;
                fail_at = i;
                r = converse();
                fail_at = 0;
                if (r < 0 && r != -ENOMEM && r != -ECONNRESET && r != -EDQUOT)
                        print_error("allocation %zu: %d, %s\n", i, r, bgt_error()->message);
                assert_true(r >= 0 || r == -ENOMEM || r == -ECONNRESET || r == -EDQUOT);
        }
        counting = false;
        fake_free(f);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(every_allocation_may_fail) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
