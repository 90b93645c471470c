/* SPDX-License-Identifier: MIT */

/*
 * Each allocation of each event of a scenario fails once: the event must change nothing, and be answered in the end as
 * by an engine that always had memory. malloc and its relatives are wrapped at link time.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/test-scale.h"
#include "engine/parts.h"
#include "engine/test-driver.h"

static long allocations_left = -1; /* -1: all succeed */
static bool failed;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static bool is_to_fail(void)
{
        if (allocations_left < 0)
                return false;
        if (allocations_left-- > 0)
                return false;
        failed = true;
        return true;
}

void *__wrap_malloc(size_t n)
{
        return is_to_fail() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
        return is_to_fail() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
        return is_to_fail() ? NULL : __real_realloc(p, n);
}

typedef struct Poor {
        Engine *engine;
        Effects effects;
        unsigned n_failures;
} Poor;

static void assert_same_effect(const Effect *a, const Effect *b)
{
        assert_int_equal(a->type, b->type);
        switch (a->type) {
        case EFFECT_REPLY:
                assert_true(a->reply.token == b->reply.token);
                assert_int_equal(a->reply.error, b->reply.error);
                assert_true(uuid_equal(a->reply.id, b->reply.id));
                assert_int_equal(a->reply.number, b->reply.number);
                break;
        case EFFECT_STORE_TASK:
        case EFFECT_STORE_TASK_STATE:
                assert_true(a->store.commit == b->store.commit);
                assert_true(uuid_equal(a->store.task->id, b->store.task->id));
                assert_string_equal(a->store.task->spec.name, b->store.task->spec.name);
                assert_true(a->store.task->anchor.boot_usec == b->store.task->anchor.boot_usec);
                assert_true(a->store.task->last_number == b->store.task->last_number);
                break;
        case EFFECT_STORE_PENDING:
                assert_true(a->store.pending->number == b->store.pending->number);
                assert_int_equal(a->store.pending->attempts, b->store.pending->attempts);
                break;
        case EFFECT_STORE_RUN:
                assert_true(uuid_equal(a->store.run->id, b->store.run->id));
                assert_int_equal(a->store.run->outcome, b->store.run->outcome);
                break;
        case EFFECT_LEDGER:
                assert_true(uuid_equal(a->ledger->run, b->ledger->run));
                break;
        case EFFECT_LAUNCH:
                assert_true(a->launch.server == b->launch.server);
                break;
        case EFFECT_SEND_RUN:
                assert_true(uuid_equal(a->send_run.info->run, b->send_run.info->run));
                assert_true(a->send_run.server == b->send_run.server);
                break;
        default:
                break;
        }
}

/* Nothing is left over from the last event. */
static void make_poor(Poor *poor)
{
        Engine *e = poor->engine;
        Pool *pools[] = { &e->runs, &e->commits, &e->servers, &e->objects, &e->marks, &e->replies, &e->raises_pool };

        for (size_t i = 0; i < ELEMENTSOF(pools); i++)
                pool_done(pools[i]);
        effects_done(&poor->effects);
        scratch_done(&e->scratch);
}

static void feed_the_poor(Driver *d, const Event *event)
{
        Poor *poor = d->fed_data;

        for (long n = 0;; n += test_stride()) {
                int r;

                make_poor(poor);
                allocations_left = n;
                failed = false;
                r = engine_feed(poor->engine, event, &poor->effects);
                allocations_left = -1;
                if (r == 0)
                        break;
                assert_int_equal(r, -ENOMEM);
                assert_true(failed);
                assert_int_equal(poor->effects.n_items, 0);
                poor->n_failures++;
        }
        assert_int_equal(poor->effects.n_items, d->effects.n_items);
        for (size_t i = 0; i < d->effects.n_items; i++)
                assert_same_effect(&d->effects.items[i], &poor->effects.items[i]);
}

/* A bit of everything: names that do not fit inside, several of a name, queues, commits that fail. */
static void play(Driver *d)
{
        TaskSpec spec = driver_spec("a name that is longer than what fits into the record itself");
        Event custom = { .type = EVENT_RAISE }, remove = { .type = EVENT_REMOVE };
        const Trigger more[] = {
                { .kind = TRIGGER_CUSTOM_SYSTEM_EVENT, .text = "another event" },
                { .kind = TRIGGER_INTERVAL, .period_usec = 20 * USEC_PER_MINUTE },
                { .kind = TRIGGER_CUSTOM_SYSTEM_EVENT, .text = "a third event, with a long text" },
        };
        uint64_t server;
        Uuid id;

        driver_install(d, DRIVER_PACKAGE, 1);
        spec.retry_max = 2;
        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        id = driver_must_register(d, spec);
        driver_register(d, spec, IF_EXISTS_DUPLICATE);
        driver_register(d, spec, IF_EXISTS_REPLACE);
        driver_register(d, spec, IF_EXISTS_UPDATE);
        assert_int_equal(driver_unregister(d, id, false)->error, ERROR_NO_SUCH_TASK);
        d->hold_commits = true;
        for (unsigned i = 0; i < 3; i++)
                driver_register(d, driver_event_spec("event", SYSTEM_TIME_ZONE_CHANGE), i % 2 ? IF_EXISTS_REPLACE
                                                                                           : IF_EXISTS_FAIL);
        driver_answer_commits(d, -EIO);
        d->hold_commits = false;
        driver_settle(d);
        spec = driver_spec("custom");
        spec.trigger = (Trigger){ .kind = TRIGGER_CUSTOM_SYSTEM_EVENT, .text = "an event" };
        spec.overlap = OVERLAP_BUFFER_ALL;
        driver_must_register(d, spec);
        spec.name = "several";
        spec.more = more;
        spec.n_more = ELEMENTSOF(more);
        driver_must_register(d, spec);
        spec.n_more--;
        driver_register(d, spec, IF_EXISTS_UPDATE);
        custom.raise.kind = TRIGGER_CUSTOM_SYSTEM_EVENT;
        custom.raise.text = "an event";
        custom.raise.details = "details";
        custom.raise.n_details = 7;
        for (unsigned i = 0; i < 4; i++)
                driver_feed(d, custom);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_advance(d, 3 * USEC_PER_HOUR);
        driver_level(d, CONDITION_ON_AC_POWER, 1);
        d->run = RUN_MODE_FAIL;
        driver_advance(d, 3 * USEC_PER_HOUR);
        server = driver_attach(d);
        driver_register_class(d, server, driver_clsid, REGCLS_SINGLEUSE);
        d->commit_error = -ENOSPC;
        driver_feed(d, custom);
        driver_advance(d, 2 * USEC_PER_MINUTE);
        d->commit_error = 0;
        driver_server_gone(d, driver_last_server(d), true, 9);
        driver_advance(d, USEC_PER_HOUR);
        driver_install(d, DRIVER_PACKAGE, 2);
        remove.package.name = DRIVER_PACKAGE;
        driver_ask(d, remove);
        driver_advance(d, USEC_PER_HOUR);
}

static void every_allocation_may_fail_once_and_the_event_be_fed_again(void **state)
{
        Driver *d = driver_new(NULL);
        Poor poor = { 0 };
        Event start = { .type = EVENT_START, .time = d->now };

        assert_int_equal(engine_new(&d->config, &poor.engine), 0);
        assert_int_equal(engine_feed(poor.engine, &start, &poor.effects), 0);
        d->fed = feed_the_poor;
        d->fed_data = &poor;
        play(d);
        assert_true(poor.n_failures > 1000);
        assert_int_equal(engine_get_counts(poor.engine).n_tasks, engine_get_counts(d->engine).n_tasks);
        effects_done(&poor.effects);
        engine_free(poor.engine);
        driver_free(d);
}

static void an_engine_that_cannot_be_made_leaves_nothing_behind(void **state)
{
        EngineConfig config = { .limits = engine_default_limits };
        Engine *engine = NULL;
        int r = -ENOMEM;

        for (long n = 0; r < 0; n++) {
                allocations_left = n;
                r = engine_new(&config, &engine);
                allocations_left = -1;
                assert_true(r == 0 || r == -ENOMEM);
        }
        engine_free(engine);
}

static void slab_pieces_keep_their_place_and_are_used_again(void **state)
{
        Slab slab = SLAB_INIT(24, 4);
        uint32_t indices[10], again;
        void *pieces[10];

        assert_int_equal(slab_reserve(&slab, 10), 0);
        for (unsigned i = 0; i < 10; i++) {
                pieces[i] = slab_take(&slab, &indices[i]);
                assert_true(indices[i] > 0);
        }
        for (unsigned i = 0; i < 10; i++)
                assert_ptr_equal(slab_get(&slab, indices[i]), pieces[i]);
        memset(pieces[3], 0xff, 24);
        slab_give(&slab, indices[3]);
        assert_ptr_equal(slab_take(&slab, &again), pieces[3]);
        assert_int_equal(again, indices[3]);
        assert_int_equal(*(uint64_t *)pieces[3], 0);
        assert_null(slab_get(&slab, 0));
        slab_done(&slab);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_allocation_may_fail_once_and_the_event_be_fed_again),
                cmocka_unit_test(an_engine_that_cannot_be_made_leaves_nothing_behind),
                cmocka_unit_test(slab_pieces_keep_their_place_and_are_used_again),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
