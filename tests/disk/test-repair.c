/* SPDX-License-Identifier: MIT */

/*
 * Starts that find damage or are cut off themselves: flipped bits, lost sectors and lost ends of the log, a repair
 * and a recovery that end at each of their own writes.
 */

#include <dirent.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/test-scale.h"
#include "disk.h"
#include "ends.h"

enum { HEADER = 32, FRAME_HEADER = 24, PAGE = 4096, FRAME = FRAME_HEADER + PAGE };

static bool all; /* every place, instead of some */
static size_t one_of = 1; /* so many places is tried, where time is short */
static uint64_t n_starts;

/* What a broker leaves that is killed when its log is long: in the first folder, and its log's bytes. */
typedef struct Killed {
        Work *work;
        uint64_t digest;
        uint8_t *log;
        size_t n_log, n_frames;
} Killed;

/* Behind the end of the log lies what it held before it was last begun anew. */
static size_t count_frames(const uint8_t *log, size_t size)
{
        size_t n = 0;

        while (log && HEADER + (n + 1) * FRAME <= size && memcmp(log + 16, log + HEADER + n * FRAME + 8, 8) == 0)
                n++;
        return n;
}

/* What the disk held at a moment, in the first folder. */
static void look_back(Killed *k, size_t place)
{
        free(k->log);
        ends_empty(ends_image);
        disk_make_image(place, DISK_KEEP_ALL, 0, ends_image);
        k->log = ends_read(ends_image, "state.db-wal", &k->n_log);
        k->n_frames = count_frames(k->log, k->n_log);
}

static Killed kill_broker(void)
{
        Killed k = { .work = ends_begin() };

        work_play(k.work);
        do {
                assert_int_equal(work_try(k.work), 0);
                assert_int_equal(store_flush(k.work->store, UINT64_MAX / 2), 0);
                k.digest = k.work->digests[k.work->n_answered];
                look_back(&k, disk_n_events());
        } while (k.n_frames < 9);
        work_close(k.work);
        disk_leave();
        assert_int_equal(k.work->n_failed, 0);
        ends_copy(ends_image, ends_folder);
        return k;
}

static void free_killed(Killed *k)
{
        free(k->log);
        work_free(k->work);
}

/* A start with this log instead. */
static Found start_with_log(const Killed *k, const uint8_t *log, size_t size)
{
        ends_copy(ends_folder, ends_image);
        ends_write(ends_image, "state.db-wal", log, size);
        n_starts++;
        return work_look(k->work, ends_image, false);
}

static Found start_with_flip(const Killed *k, size_t at, uint8_t flip)
{
        Found found;

        k->log[at] ^= flip;
        found = start_with_log(k, k->log, k->n_log);
        k->log[at] ^= flip;
        return found;
}

/*
 * SQLite's sums do not tell of the highest bits of a word which word it is. Where the rest of the page does not tell
 * either, the page is taken as it is: then a flip costs no more than a row, and that is reported.
 */
static unsigned bit_of(size_t at)
{
        return (unsigned)(at + at / 4) % 8;
}

static bool may_be_doubtful(size_t at)
{
        return at % 4 == 3 || (at % 4 == 2 && bit_of(at) >= 5);
}

static void a_flipped_bit_anywhere_in_the_log_is_put_right_or_costs_a_row_and_is_reported(void **state)
{
        size_t end, step, most, n_places = 0, n_right = 0, n_taken = 0, n_lost = 0;
        Killed k = kill_broker();

        most = start_with_flip(&k, 0, 0).n_rows;
        end = HEADER + k.n_frames * FRAME;
        for (size_t at = 0; at < end; at += step) {
                size_t in_frame = at < HEADER ? 0 : (at - HEADER) % FRAME;
                Found found;
                bool right;

                step = at < HEADER || in_frame + 1 < FRAME_HEADER ? 1 : all ? 37 : 1999;
                if (in_frame + step > FRAME)
                        step = FRAME - in_frame;
                if (n_places++ % one_of > 0)
                        continue;
                found = start_with_flip(&k, at, (uint8_t)(1u << bit_of(at)));
                right = strstr(found.report.sentence, "nothing of it is lost");

                n_right += right;
                n_taken += !right;
                n_lost += found.digest != k.digest;
                if (found.error || (right && found.digest != k.digest) || (!right && !may_be_doubtful(at)) ||
                    !*found.report.sentence || found.n_rows + 1 < most) {
                        print_error("byte %zu (%zu of frame %zu): error %d, %zu of %zu rows, '%s'\n", at, in_frame,
                                    (at - HEADER) / FRAME, found.error, found.n_rows, most, found.report.sentence);
                        fail();
                }
        }
        print_message("# %zu were put right, %zu pages were taken as they are, %zu of them with a loss\n", n_right,
                      n_taken, n_lost);
        assert_string_equal(start_with_flip(&k, 0, 0).report.sentence, "");
        free_killed(&k);
}

static void a_lost_sector_of_the_log_is_reported_and_costs_only_what_it_held(void **state)
{
        Killed k = kill_broker();
        size_t end = HEADER + k.n_frames * FRAME, most = 0;
        uint8_t *log = malloc(k.n_log);

        most = start_with_flip(&k, 0, 0).n_rows;
        for (size_t at = 0; at < end; at += (all ? 1 : 7 * one_of) * DISK_SECTOR) {
                size_t n = end - at < DISK_SECTOR ? end - at : DISK_SECTOR;
                Found found;

                memcpy(log, k.log, k.n_log);
                memset(log + at, 0, n);
                found = start_with_log(&k, log, k.n_log);
                if (found.error || found.n_rows + 20 < most)
                        print_error("sector at %zu: error %d, %zu of %zu rows, '%s'\n", at, found.error, found.n_rows,
                                    most, found.report.sentence);
                assert_int_equal(found.error, 0);
                /* A sector that was empty before is none that is lost. */
                assert_true(*found.report.sentence || memcmp(log, k.log, k.n_log) == 0);
                assert_true(found.n_rows + 20 >= most);
        }
        free(log);
        free_killed(&k);
}

static void a_log_without_its_end_is_reported(void **state)
{
        Killed k = kill_broker();
        char path[128];
        Found found;

        for (size_t n = 0; n < k.n_frames; n += one_of) {
                found = start_with_log(&k, k.log, HEADER + n * FRAME + n % 3 * 100);
                assert_int_equal(found.error, 0);
                assert_non_null(strstr(found.report.sentence, "what was stored last is lost"));
        }
        ends_copy(ends_folder, ends_image);
        snprintf(path, sizeof path, "%s/state.db-wal", ends_image);
        remove(path);
        found = work_look(k.work, ends_image, false);
        assert_non_null(strstr(found.report.sentence, "what was stored last is lost"));
        free_killed(&k);
}

static void a_log_that_another_program_has_copied_into_the_database_is_not_missed(void **state)
{
        Killed k = kill_broker();
        char path[128];
        sqlite3 *db;
        Found found;

        snprintf(path, sizeof path, "%s/state.db", ends_folder);
        assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
        assert_int_equal(sqlite3_wal_checkpoint(db, NULL), SQLITE_OK);
        sqlite3_close(db);
        ends_copy(ends_folder, ends_image);
        found = work_look(k.work, ends_image, false);
        assert_string_equal(found.report.sentence, "");
        assert_int_equal(found.digest, k.digest);
        free_killed(&k);
}

/* ---- ends of starts ---- */

typedef struct Expected {
        uint64_t digest;
        size_t n_rows;
        bool told; /* the start that goes on with a repair tells of it */
} Expected;

/* A start that comes to here has nothing left to do but to tell of it. */
static bool is_repaired(const char *folder)
{
        DIR *dir = opendir(folder);
        struct dirent *entry;
        bool aside = false, repaired = false;

        while ((entry = readdir(dir))) {
                aside = aside || strncmp(entry->d_name, "state.db.damaged-", 17) == 0;
                repaired = repaired || strncmp(entry->d_name, "state.db.repaired-", 18) == 0;
        }
        closedir(dir);
        return aside && !repaired;
}

/* Starts in the first folder, watched, and then once more after an end at each place of that start. */
static void end_a_start(const Work *w, Expected e, size_t step, size_t n_seeds)
{
        size_t n = 0, first;
        Found found;

        disk_watch(ends_folder);
        first = disk_n_events();
        found = work_look(w, ends_folder, false);
        disk_leave();
        assert_int_equal(found.error, 0);
        assert_int_equal(found.digest, e.digest);
        for (size_t place = first; place <= disk_n_events(); place += step * one_of)
                for (uint64_t seed = 0; seed < n_seeds; seed++, n++) {
                        DiskKeep keep = (DiskKeep)(n % _DISK_KEEP_MAX);
                        bool finished;

                        ends_empty(ends_image);
                        disk_make_image(place, keep, seed, ends_image);
                        finished = is_repaired(ends_image);
                        found = work_look(w, ends_image, false);
                        n_starts++;
                        if (found.error == 0 && found.digest == e.digest &&
                            (finished || !e.told || *found.report.sentence))
                                continue;
                        print_error("an end before event %zu of %zu (%s), keep %d, seed %ju: error %d, %zu of %zu "
                                    "rows, '%s'\n", place - first, disk_n_events() - first, disk_describe(place), keep,
                                    (uintmax_t)seed, found.error, found.n_rows, e.n_rows, found.report.sentence);
                        fail();
                }
}

static Found look_at_copy(const Work *w)
{
        ends_copy(ends_folder, ends_image);
        return work_look(w, ends_image, false);
}

static void a_repair_may_end_at_any_moment(void **state)
{
        Killed k = kill_broker();
        size_t n_repairs = 0, size;
        uint8_t *file = ends_read(ends_folder, "state.db", &size);

        for (size_t page = 1; page < size / PAGE && (all || n_repairs < 1); page++) {
                uint8_t kept[PAGE];
                Found found;

                memcpy(kept, file + page * PAGE, PAGE);
                memset(file + page * PAGE, 0x5a, PAGE);
                ends_empty(ends_folder);
                ends_write(ends_folder, "state.db", file, size);
                ends_write(ends_folder, "state.db-wal", k.log, k.n_log);
                memcpy(file + page * PAGE, kept, PAGE);
                found = look_at_copy(k.work);
                if (!strstr(found.report.set_aside, "damaged"))
                        continue;
                n_repairs++;
                end_a_start(k.work, (Expected){ found.digest, found.n_rows, true }, 1, all ? 10 : 1);
        }
        print_message("# %zu repairs\n", n_repairs);
        assert_true(n_repairs > 0);
        free(file);
        free_killed(&k);
}

static void putting_the_log_right_may_end_at_any_moment(void **state)
{
        Killed k = kill_broker();
        const size_t places[] = { 3, 18, 25, HEADER + 2, HEADER + 20, HEADER + 500, HEADER + FRAME + 9,
                                  HEADER + k.n_frames * FRAME - 700 };

        for (size_t i = 0; i < (sizeof places / sizeof places[0]); i += all ? 1 : 5) {
                k.log[places[i]] ^= 4;
                ends_write(ends_folder, "state.db-wal", k.log, k.n_log);
                k.log[places[i]] ^= 4;
                end_a_start(k.work, (Expected){ k.digest, 0, false }, 1, all ? 10 : 1);
                ends_copy(ends_folder, ends_image);
                assert_string_equal(work_look(k.work, ends_image, false).report.sentence, "");
                free_killed(&k);
                k = kill_broker();
        }
        free_killed(&k);
}

/* A life that ends at the place, and what is left of it in the first folder. False: it has no such place. */
static bool cut_life(size_t place, DiskKeep keep, Work **ret_work)
{
        Work *w = ends_begin();
        bool there;

        work_play(w);
        work_close(w);
        disk_leave();
        there = place <= disk_n_events();
        if (there) {
                Found found;

                ends_empty(ends_image);
                disk_make_image(place, keep, place, ends_image);
                ends_copy(ends_image, ends_folder);
                found = work_look(w, ends_image, false);
                assert_int_equal(found.error, 0);
                assert_true(ends_is_one_of(w, found.digest, disk_last_mark(place), false));
                *ret_work = w;
        } else {
                work_free(w);
        }
        return there;
}

static void a_start_after_a_power_cut_may_be_cut_off_itself(void **state)
{
        size_t n = 0, step = all ? 2 : 61 * one_of;
        Work *w;

        for (size_t place = 3; cut_life(place, (DiskKeep)(n % _DISK_KEEP_MAX), &w); n++, place += step) {
                Found found = look_at_copy(w);

                end_a_start(w, (Expected){ found.digest, found.n_rows, false }, all ? 1 : 5, all ? 3 : 1);
                work_free(w);
        }
        assert_true(n > 0);
}

int main(int argc, char *argv[])
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_flipped_bit_anywhere_in_the_log_is_put_right_or_costs_a_row_and_is_reported),
                cmocka_unit_test(a_lost_sector_of_the_log_is_reported_and_costs_only_what_it_held),
                cmocka_unit_test(a_log_without_its_end_is_reported),
                cmocka_unit_test(a_log_that_another_program_has_copied_into_the_database_is_not_missed),
                cmocka_unit_test(a_repair_may_end_at_any_moment),
                cmocka_unit_test(putting_the_log_right_may_end_at_any_moment),
                cmocka_unit_test(a_start_after_a_power_cut_may_be_cut_off_itself),
        };
        int r;

        if (test_scale() < 1)
                one_of = (size_t)(1 / test_scale());
        all = argc > 1 && strcmp(argv[1], "--all") == 0;
        r = cmocka_run_group_tests(tests, ends_make_root, ends_remove_root);
        print_message("# %ju starts\n", (uintmax_t)n_starts);
        return r;
}
