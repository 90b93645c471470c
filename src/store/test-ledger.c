/* SPDX-License-Identifier: MIT */

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/test-scale.h"
#include "store/ledger.h"
#include "store/slots.h"
#include "store/test-help.h"

#define ROWS_MAX 4096

typedef struct Loaded {
        LedgerServer servers[ROWS_MAX];
        char packages[ROWS_MAX][LEDGER_PACKAGE_MAX + 1];
        size_t n_servers;
        LedgerRow runs[ROWS_MAX];
        uint32_t sums[ROWS_MAX]; /* of the details */
        size_t n_runs;
} Loaded;

typedef struct Files {
        Fixture *fixture;
        char path[96];
        Ledger *ledger;
        Loaded loaded;
} Files;

static int setup(void **state)
{
        Files *files = calloc(1, sizeof *files);
        void *fixture;

        fixture_setup(&fixture);
        files->fixture = fixture;
        snprintf(files->path, sizeof files->path, "%s/ledger", files->fixture->folder);
        *state = files;
        return 0;
}

static int teardown(void **state)
{
        Files *files = *state;
        void *fixture = files->fixture;

        ledger_free(files->ledger);
        free(files);
        return fixture_teardown(&fixture);
}

static bool reopen_ledger(Files *files)
{
        bool discarded;

        files->ledger = ledger_free(files->ledger);
        assert_int_equal(ledger_open(files->path, test_uuid('b', 1), 0, &files->ledger, &discarded), 0);
        return discarded;
}

static uint32_t sum(const uint8_t *data, size_t n)
{
        uint32_t x = 0;

        while (n--)
                x = x * 31 + *data++;
        return x;
}

static int on_server(const LedgerServer *row, void *userdata)
{
        Loaded *loaded = userdata;

        assert_int_equal(loaded->n_runs, 0);
        memcpy(loaded->packages[loaded->n_servers], row->package, strlen(row->package) + 1);
        loaded->servers[loaded->n_servers++] = *row;
        return 0;
}

static int on_run(const LedgerRow *row, void *userdata)
{
        Loaded *loaded = userdata;

        loaded->sums[loaded->n_runs] = sum(row->firing.details, row->firing.n_details);
        loaded->runs[loaded->n_runs++] = *row;
        return 0;
}

static const Loaded *load(Files *files)
{
        files->loaded.n_runs = files->loaded.n_servers = 0;
        assert_int_equal(ledger_load(files->ledger, &(LedgerLoader){ on_server, on_run, &files->loaded }), 0);
        return &files->loaded;
}

static LedgerRow run_row(uint32_t n, const void *details, size_t n_details)
{
        return (LedgerRow){
                .run = test_uuid('r', n), .attempt = n, .server = n + 1, .sent = n & 1, .acknowledged = n & 2,
                .sent_real_usec = 1000 + n, .stopping = n & 1, .reason = 100 + n % 50,
                .firing = { .task = test_uuid('t', n), .number = n * 10, .accepted_real_usec = 3,
                            .scheduled_real_usec = 4, .first_scheduled_real_usec = 5, .count = 6, .attempts = 7,
                            .fired_by = 2, .forced = true, .rerun = true, .details = details,
                            .n_details = n_details },
        };
}

static void assert_run(const LedgerRow *a, const LedgerRow *b)
{
        assert_true(uuid_equal(a->run, b->run));
        assert_int_equal(a->attempt, b->attempt);
        assert_int_equal(a->server, b->server);
        assert_int_equal(a->sent, b->sent);
        assert_int_equal(a->acknowledged, b->acknowledged);
        assert_int_equal(a->sent_real_usec, b->sent_real_usec);
        assert_int_equal(a->stopping, b->stopping);
        assert_int_equal(a->reason, b->reason);
        assert_true(uuid_equal(a->firing.task, b->firing.task));
        assert_int_equal(a->firing.number, b->firing.number);
        assert_int_equal(a->firing.accepted_real_usec, b->firing.accepted_real_usec);
        assert_int_equal(a->firing.scheduled_real_usec, b->firing.scheduled_real_usec);
        assert_int_equal(a->firing.first_scheduled_real_usec, b->firing.first_scheduled_real_usec);
        assert_int_equal(a->firing.count, b->firing.count);
        assert_int_equal(a->firing.attempts, b->firing.attempts);
        assert_int_equal(a->firing.fired_by, b->firing.fired_by);
        assert_int_equal(a->firing.forced, b->firing.forced);
        assert_int_equal(a->firing.rerun, b->firing.rerun);
        assert_int_equal(a->firing.n_details, b->firing.n_details);
}

static void every_field_of_runs_and_servers_comes_back_servers_first(void **state)
{
        LedgerServer server = { .server = 7, .start_time = 1234567, .pid = 42, .exe_server = 3, .launched = true,
                                .log = 99, .memory_max = 77, .package = "Sample_h91ms92gdsmmt" };
        Files *files = *state;
        const Loaded *loaded;
        LedgerRow row = run_row(3, "some details", 12);

        assert_false(reopen_ledger(files));
        assert_int_equal(ledger_put(files->ledger, &row), 0);
        assert_int_equal(ledger_put_server(files->ledger, &server), 0);
        assert_false(reopen_ledger(files));
        loaded = load(files);
        assert_int_equal(loaded->n_runs, 1);
        assert_run(&loaded->runs[0], &row);
        assert_int_equal(loaded->sums[0], sum((const uint8_t *)"some details", 12));
        assert_int_equal(loaded->n_servers, 1);
        assert_int_equal(loaded->servers[0].server, 7);
        assert_int_equal(loaded->servers[0].start_time, 1234567);
        assert_int_equal(loaded->servers[0].pid, 42);
        assert_int_equal(loaded->servers[0].exe_server, 3);
        assert_true(loaded->servers[0].launched);
        assert_int_equal(loaded->servers[0].log, 99);
        assert_int_equal(loaded->servers[0].memory_max, 77);
        assert_string_equal(loaded->packages[0], "Sample_h91ms92gdsmmt");
}

static void the_last_put_of_a_run_counts_and_removed_ones_are_gone(void **state)
{
        Files *files = *state;
        const Loaded *loaded;
        LedgerRow row;

        reopen_ledger(files);
        for (uint32_t round = 0; round < 3; round++)
                for (uint32_t i = 0; i < 100; i++) {
                        row = run_row(i, NULL, 0);
                        row.attempt = round;
                        assert_int_equal(ledger_put(files->ledger, &row), 0);
                }
        for (uint32_t i = 0; i < 100; i += 2)
                ledger_remove(files->ledger, test_uuid('r', i));
        ledger_remove(files->ledger, test_uuid('r', 4711));
        for (int i = 0; i < 2; i++) {
                loaded = load(files);
                assert_int_equal(loaded->n_runs, 50);
                for (uint32_t k = 0; k < 50; k++) {
                        assert_true(uuid_equal(loaded->runs[k].run, test_uuid('r', 2 * k + 1)));
                        assert_int_equal(loaded->runs[k].attempt, 2);
                }
                reopen_ledger(files);
        }
}

static void the_process_of_a_server_is_set_after_it_was_put(void **state)
{
        LedgerServer server = { .server = 8, .launched = true, .package = "p" };
        char longest[LEDGER_PACKAGE_MAX + 2];
        Files *files = *state;
        const Loaded *loaded;

        reopen_ledger(files);
        memset(longest, 'x', sizeof longest);
        longest[LEDGER_PACKAGE_MAX + 1] = '\0';
        server.package = longest;
        assert_int_equal(ledger_put_server(files->ledger, &server), -E2BIG);
        longest[LEDGER_PACKAGE_MAX] = '\0';
        assert_int_equal(ledger_set_process(files->ledger, 8, 5, 6), -ENOENT);
        assert_int_equal(ledger_put_server(files->ledger, &server), 0);
        assert_int_equal(ledger_set_process(files->ledger, 8, 5, 6), 0);
        reopen_ledger(files);
        loaded = load(files);
        assert_int_equal(loaded->n_servers, 1);
        assert_int_equal(loaded->servers[0].pid, 5);
        assert_int_equal(loaded->servers[0].start_time, 6);
        assert_true(loaded->servers[0].launched);
        assert_string_equal(loaded->packages[0], longest);
        ledger_remove_server(files->ledger, 8);
        assert_int_equal(load(files)->n_servers, 0);
        assert_int_equal(ledger_put_server(files->ledger, &(LedgerServer){ 0 }), -EINVAL);
}

static void details_of_every_size_come_back(void **state)
{
        static const size_t sizes[] = { 0, 1, 231, 232, 233, 464, 465, 4000, LEDGER_DETAILS_MAX };
        static uint8_t details[LEDGER_DETAILS_MAX + 1];
        Files *files = *state;
        const Loaded *loaded;
        LedgerRow row;

        for (size_t i = 0; i < sizeof details; i++)
                details[i] = (uint8_t)(i * 7 + i / 251);
        reopen_ledger(files);
        for (uint32_t round = 0; round < 20; round++)
                for (uint32_t i = 0; i < ELEMENTSOF(sizes); i++) {
                        row = run_row(i, details, sizes[i]);
                        assert_int_equal(ledger_put(files->ledger, &row), 0);
                }
        row = run_row(1, details, LEDGER_DETAILS_MAX + 1);
        assert_int_equal(ledger_put(files->ledger, &row), -E2BIG);
        reopen_ledger(files);
        loaded = load(files);
        assert_int_equal(loaded->n_runs, ELEMENTSOF(sizes));
        for (uint32_t i = 0; i < ELEMENTSOF(sizes); i++) {
                assert_int_equal(loaded->runs[i].firing.n_details, sizes[i]);
                assert_int_equal(loaded->sums[i], sum(details, sizes[i]));
        }
}

static void a_full_ledger_says_so_and_has_room_again_after_a_removal(void **state)
{
        static const uint8_t details[1000];
        Files *files = *state;
        uint32_t n = 0;
        LedgerRow row;
        int r;

        assert_int_equal(ledger_open(files->path, test_uuid('b', 1), 64 * 1024, &files->ledger, NULL), 0);
        do {
                row = run_row(n, details, sizeof details);
                r = ledger_put(files->ledger, &row);
        } while (r == 0 && ++n < ROWS_MAX);
        assert_int_equal(r, -ENOSPC);
        assert_true(n > 30);
        assert_int_equal(load(files)->n_runs, n);
        ledger_remove(files->ledger, test_uuid('r', 3));
        assert_int_equal(ledger_put(files->ledger, &row), 0);
        assert_int_equal(load(files)->n_runs, n);
        /* A put that does not fit leaves the record that it would have replaced. */
        row = run_row(n, details, sizeof details);
        assert_int_equal(ledger_put(files->ledger, &row), -ENOSPC);
        assert_int_equal(load(files)->n_runs, n);
        for (uint32_t i = 0; i <= n; i++)
                ledger_remove(files->ledger, test_uuid('r', i));
        for (uint32_t i = 0; i < n; i++) {
                row = run_row(i, details, sizeof details);
                assert_int_equal(ledger_put(files->ledger, &row), 0);
        }
}

static void a_ledger_of_another_boot_is_discarded(void **state)
{
        LedgerRow row = run_row(1, NULL, 0);
        Files *files = *state;
        bool discarded;

        reopen_ledger(files);
        ledger_put(files->ledger, &row);
        files->ledger = ledger_free(files->ledger);
        assert_int_equal(ledger_open(files->path, test_uuid('b', 2), 0, &files->ledger, &discarded), 0);
        assert_true(discarded);
        assert_int_equal(load(files)->n_runs, 0);
}

/* A run as the first version wrote it; of its kind. */
typedef struct FirstRun {
        Uuid run, task;
        uint64_t server, number, accepted_real_usec, scheduled_real_usec, first_scheduled_real_usec;
        uint32_t attempt, count, attempts;
        uint8_t sent, acknowledged, fired_by, forced, rerun, unused[7];
} FirstRun;
#define FIRST_RUN_KIND 1

static void a_run_of_the_first_version_is_taken_over_with_no_start(void **state)
{
        LedgerRow row = run_row(3, "some details", 12);
        const FirstRun first = {
                .run = row.run, .task = row.firing.task, .server = row.server, .number = row.firing.number,
                .accepted_real_usec = 3, .scheduled_real_usec = 4, .first_scheduled_real_usec = 5, .attempt = 3,
                .count = 6, .attempts = 7, .sent = 1, .acknowledged = 1, .fired_by = 2, .forced = 1, .rerun = 1,
        };
        Files *files = *state;
        bool discarded;
        Slots *slots;
        int r;

        row.acknowledged = true;
        row.sent_real_usec = 0;
        row.stopping = false;
        row.reason = 0;
        r = slots_open(files->path, test_uuid('b', 1), 64 * 1024, LEDGER_DETAILS_MAX, &slots, &discarded);
        assert_int_equal(r, 0);
        r = slots_put(slots, FIRST_RUN_KIND, sizeof first.run, &first, sizeof first, "some details", 12);
        assert_int_equal(r, 0);
        slots_free(slots);
        assert_false(reopen_ledger(files));
        assert_int_equal(load(files)->n_runs, 1);
        assert_run(&files->loaded.runs[0], &row);
        assert_int_equal(files->loaded.sums[0], sum((const uint8_t *)"some details", 12));
}

static void what_is_not_a_ledger_is_discarded(void **state)
{
        Files *files = *state;
        int fd;

        for (size_t size = 0; size < 40000; size += 9999) {
                files->ledger = ledger_free(files->ledger);
                unlink(files->path);
                fd = open(files->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
                for (size_t i = 0; i < size; i++)
                        assert_int_equal(write(fd, "g", 1), 1);
                close(fd);
                assert_true(reopen_ledger(files));
                assert_int_equal(load(files)->n_runs, 0);
        }
}

/* Every byte of the file, damaged, costs at most the record that it is part of, and never more than that. */
static void a_damaged_byte_costs_at_most_its_record(void **state)
{
        static const uint8_t details[300] = { 1, 2, 3 };
        const Loaded *loaded;
        Files *files = *state;
        uint8_t *map;
        LedgerRow row;
        size_t n = 64 * 256;
        int fd;

        reopen_ledger(files);
        for (uint32_t i = 0; i < 5; i++) {
                row = run_row(i, details, i == 2 ? sizeof details : 0);
                assert_int_equal(ledger_put(files->ledger, &row), 0);
        }
        fd = open(files->path, O_RDWR | O_CLOEXEC);
        map = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        for (size_t i = 256; i < 9 * 256; i++) {
                _cleanup_(freep) uint8_t *copy = malloc(n);

                memcpy(copy, map, n);
                map[i] ^= 0x55;
                assert_false(reopen_ledger(files));
                loaded = load(files);
                assert_in_range(loaded->n_runs, 4, 5);
                for (size_t k = 0; k < loaded->n_runs; k++) {
                        row = run_row(loaded->runs[k].attempt, details, loaded->runs[k].attempt == 2 ? 300 : 0);
                        assert_run(&loaded->runs[k], &row);
                        assert_int_equal(loaded->sums[k], sum(details, row.firing.n_details));
                }
                memcpy(map, copy, n);
        }
        munmap(map, n);
}

/* The moment between the new record and the end of the old one, whichever of them comes first in the file. */
static void of_two_records_of_a_run_the_later_counts(void **state)
{
        LedgerRow row = run_row(1, NULL, 0);
        Files *files = *state;
        uint8_t *map;
        int fd;

        reopen_ledger(files);
        fd = open(files->path, O_RDWR | O_CLOEXEC);
        map = mmap(NULL, 64 * 256, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        close(fd);
        for (row.attempt = 1; row.attempt <= 4; row.attempt++) {
                assert_int_equal(ledger_put(files->ledger, &row), 0);
                for (size_t slot = 1; slot <= 2 && row.attempt > 1; slot++)
                        map[slot * 256 + 4] = 1;
                reopen_ledger(files);
                assert_int_equal(load(files)->n_runs, 1);
                assert_int_equal(files->loaded.runs[0].attempt, row.attempt);
        }
        munmap(map, 64 * 256);
}

/*
 * A child puts runs with ever higher attempts and tells after each put. It is killed at any moment: every run that it
 * told of is there, with the attempt it told or the one it was writing, and its details are whole.
 */
static void put_until_killed(const char *path, int fd)
{
        static uint8_t details[2000];
        Ledger *ledger;

        if (ledger_open(path, test_uuid('b', 1), 0, &ledger, NULL) < 0)
                _exit(1);
        for (uint32_t attempt = 1;; attempt++)
                for (uint32_t i = 0; i < 16; i++) {
                        LedgerRow row = run_row(i, details, 100 * i);

                        memset(details, (int)attempt & 0xff, sizeof details);
                        row.attempt = attempt;
                        if (ledger_put(ledger, &row) < 0 || write(fd, &row.attempt, sizeof row.attempt) < 0)
                                _exit(1);
                }
}

static void check_killed(Files *files, uint64_t n_told)
{
        const Loaded *loaded;

        reopen_ledger(files);
        loaded = load(files);
        for (uint32_t i = 0; i < 16; i++) {
                uint32_t told = (uint32_t)((n_told + 15 - i) / 16), found = 0, attempt = 0;
                static uint8_t details[2000];

                for (size_t k = 0; k < loaded->n_runs; k++)
                        if (uuid_equal(loaded->runs[k].run, test_uuid('r', i))) {
                                attempt = loaded->runs[k].attempt;
                                memset(details, (int)attempt & 0xff, sizeof details);
                                assert_int_equal(loaded->sums[k], sum(details, 100 * i));
                                found++;
                        }
                assert_int_equal(found, told > 0 || attempt > 0);
                assert_true(attempt == told || attempt == told + 1);
        }
        for (uint32_t i = 0; i < 16; i++)
                ledger_remove(files->ledger, test_uuid('r', i));
        assert_int_equal(load(files)->n_runs, 0);
}

static void every_put_that_returned_survives_a_kill_at_any_moment(void **state)
{
        unsigned n_rounds = (unsigned)(50 * test_scale()) + 1;
        Files *files = *state;

        for (unsigned round = 0; round < n_rounds; round++) {
                uint64_t n_told = 0, wanted = 1 + (round * UINT64_C(2654435761)) % 5000;
                uint32_t attempts[256];
                int fds[2];
                ssize_t n;
                pid_t pid;

                files->ledger = ledger_free(files->ledger);
                assert_int_equal(pipe(fds), 0);
                pid = fork();
                assert_true(pid >= 0);
                if (pid == 0) {
                        close(fds[0]);
                        put_until_killed(files->path, fds[1]);
                }
                close(fds[1]);
                while ((n = read(fds[0], attempts, sizeof attempts)) > 0) {
                        n_told += (uint64_t)n / sizeof attempts[0];
                        if (n_told >= wanted)
                                kill(pid, SIGKILL);
                }
                close(fds[0]);
                assert_int_equal(waitpid(pid, NULL, 0), pid);
                assert_true(n_told >= wanted);
                check_killed(files, n_told);
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(every_field_of_runs_and_servers_comes_back_servers_first),
                TEST(the_last_put_of_a_run_counts_and_removed_ones_are_gone),
                TEST(the_process_of_a_server_is_set_after_it_was_put),
                TEST(details_of_every_size_come_back),
                TEST(a_full_ledger_says_so_and_has_room_again_after_a_removal),
                TEST(a_ledger_of_another_boot_is_discarded),
                TEST(a_run_of_the_first_version_is_taken_over_with_no_start),
                TEST(what_is_not_a_ledger_is_discarded),
                TEST(a_damaged_byte_costs_at_most_its_record),
                TEST(of_two_records_of_a_run_the_later_counts),
                TEST(every_put_that_returned_survives_a_kill_at_any_moment),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
