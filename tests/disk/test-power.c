/* SPDX-License-Identifier: MIT */

/*
 * The engine and the store on a disk that fails and loses its power: at each write, sync, truncation and change of a
 * name. What was acknowledged is there, what was not is there entirely or not at all, what failed is not there, and
 * an engine that starts from it brings every accepted firing to one outcome.
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/test-scale.h"
#include "disk.h"
#include "ends.h"

static bool all;          /* every place and every fault, instead of some */
static double scale = 1;
static uint32_t n_in_turn; /* calls that fail */
static uint64_t n_images;  /* for the figure */

static void complain(size_t place, DiskKeep keep, uint64_t seed, const Found *found, const Work *w)
{
        uint64_t mark = disk_last_mark(place);
        size_t is = 0;

        while (is <= w->n_answered && w->digests[is] != found->digest)
                is++;
        print_error("an end before event %zu of %zu (%s), keep %d, seed %ju: error %d, '%s', %ju damaged; %ju of %zu "
                    "commits were answered, what is there is that after %zd\n", place, disk_n_events(),
                    disk_describe(place), keep, (uintmax_t)seed, found->error, found->report.sentence,
                    (uintmax_t)found->report.n_damaged, (uintmax_t)mark, w->n_answered,
                    is <= w->n_answered ? (ssize_t)is : -1);
        print_error("%zu commits failed:", w->n_failed);
        for (size_t i = 1; i <= w->n_answered; i++)
                if (w->failed[i])
                        print_error(" %zu", i);
        print_error("\n");
}

/* A machine that ended at a place starts again. */
static void check_end(const Work *w, size_t place, DiskKeep keep, uint64_t seed, bool again)
{
        bool mended;
        Found found;

        ends_empty(ends_image);
        disk_make_image(place, keep, seed, ends_image);
        found = work_look(w, ends_image, again);
        n_images++;
        /* A disk that has failed may have written half of the log's header. */
        mended = n_in_turn > 0 && strstr(found.report.sentence, "nothing of it is lost");
        if (found.error == 0 && found.report.n_damaged == 0 && (found.report.sentence[0] == '\0' || mended) &&
            ends_is_one_of(w, found.digest, disk_last_mark(place), n_in_turn > 1))
                return;
        complain(place, keep, seed, &found, w);
        fail();
}

static void after_a_power_cut_at_any_moment_every_acknowledged_commit_is_there_and_none_in_part(void **state)
{
        size_t step = all ? 1 : (size_t)MAX(7 / scale, 1.0), n_seeds = all ? 8 : 1, n = 0;
        Work *w = ends_begin();

        work_play(w);
        work_close(w);
        disk_leave();
        assert_int_equal(w->n_failed, 0);
        print_message("# %zu events, %zu commits, %zu runs, %zu records\n", disk_n_events(), w->n_answered,
                      w->driver->n_runs, w->driver->n_history);
        assert_true(w->n_answered > 40);
        for (size_t place = 0; place <= disk_n_events(); place += step)
                for (uint64_t seed = 0; seed < n_seeds; seed++)
                        for (int i = 0; i < (all ? _DISK_KEEP_MAX : 1); i++, n++) {
                                DiskKeep keep = all ? (DiskKeep)i : (DiskKeep)(n % _DISK_KEEP_MAX);

                                check_end(w, place, keep, seed, n % (all ? 5 : 4) == 0);
                        }
        work_free(w);
}

/*
 * The same while a call fails, in each way, and a few after it. The broker goes on with an engine that was told so; as
 * soon as the disk works again, so does the store.
 */
static void play_with_fault(DiskFault fault, uint32_t first, uint32_t n_failing, uint64_t *n_calls)
{

        size_t failed_from;
        Work *w = ends_begin();

        n_in_turn = n_failing;
        disk_fail(fault, first, n_failing);
        work_play(w);
        *n_calls = MAX(*n_calls, (uint64_t)disk_n_calls());
        failed_from = disk_n_events();
        disk_fail(DISK_FAULT_NONE, 0, 0);
        if (w->store)
                assert_int_equal(work_try(w), 0);
        disk_leave();
        for (size_t place = failed_from * (n_images % 4) / 4; place < failed_from; place += all ? 97 : 331)
                check_end(w, place, (DiskKeep)(n_images % _DISK_KEEP_MAX), n_images, false);
        check_end(w, disk_n_events(), DISK_KEEP_ALL, 0, false);
        check_end(w, disk_n_events(), (DiskKeep)(1 + n_images % (_DISK_KEEP_MAX - 1)), n_images, n_images % 7 == 0);
        work_free(w);
}

static void a_call_that_fails_costs_at_most_what_was_told_to_have_failed(void **state)
{
        static const uint32_t counts[] = { 1, 2, 5, 40 };
        uint64_t n_calls = 1, step = all ? 1 : (uint64_t)MAX(23 / scale, 1.0), n = 0;

        play_with_fault(DISK_FAULT_NONE, 0, 0, &n_calls);
        for (uint64_t first = 1; first <= n_calls; first += step)
                for (int i = 1; i < (all ? _DISK_FAULT_MAX : 2); i++)
                        for (size_t k = 0; k < (all ? ELEMENTSOF(counts) : 1); k++, n++)
                                play_with_fault((DiskFault)(all ? i : 1 + (int)(n % (_DISK_FAULT_MAX - 1))),
                                                (uint32_t)first, counts[all ? k : n / 4 % ELEMENTSOF(counts)],
                                                &n_calls);
        assert_true(n_calls > 200);
}

static void while_a_sync_takes_long_nothing_is_acknowledged_and_nobody_waits(void **state)
{
        Work *w = ends_begin();
        struct pollfd p;

        work_play(w);
        p = (struct pollfd){ .fd = store_get_fd(w->store), .events = POLLIN };
        disk_hold_syncs(true);
        for (uint64_t commit = 1000; commit < 1100; commit++) {
                assert_int_equal(store_begin(w->store, commit), 0);
                store_put_level(w->store, &(StoreLevel){ .condition = 1, .level = 1 });
                store_end(w->store);
                if (commit == 1000)
                        disk_wait_for_sync();
        }
        assert_int_equal(poll(&p, 1, 0), 0);
        assert_int_equal(store_flush(w->store, 1000), -ETIMEDOUT);
        assert_int_equal(store_get_counts(w->store).n_waiting, 100);
        disk_hold_syncs(false);
        assert_int_equal(store_flush(w->store, UINT64_MAX / 2), 0);
        assert_int_equal(store_get_counts(w->store).n_waiting, 0);
        store_dispatch(w->store);
        assert_int_equal(w->n_answers, 100);
        work_free(w);
}

int main(int argc, char *argv[])
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(after_a_power_cut_at_any_moment_every_acknowledged_commit_is_there_and_none_in_part),
                cmocka_unit_test(a_call_that_fails_costs_at_most_what_was_told_to_have_failed),
                cmocka_unit_test(while_a_sync_takes_long_nothing_is_acknowledged_and_nobody_waits),
        };
        int r;

        all = argc > 1 && strcmp(argv[1], "--all") == 0;
        scale = test_scale();
        r = cmocka_run_group_tests(tests, ends_make_root, ends_remove_root);
        print_message("# %ju ends\n", (uintmax_t)n_images);
        return r;
}
