/* SPDX-License-Identifier: MIT */

/*
 * The ledger and the end of its broker. It is written through a mapping, which no call shows: a process that puts and
 * removes is stopped after each of its instructions, and each state of the file that is another than before is opened
 * as the next broker would. What a machine without power leaves of a file that is never synced, any of its sectors as
 * they were at any time, is opened by the next boot and, as if the kernel had given it the same name, by the same.
 */

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/test-scale.h"
#include "store/ledger.h"
#include "store/test-help.h"

#ifdef __SANITIZE_THREAD__
#define MANY_INSTRUCTIONS true
#elif defined(__has_feature)
#define MANY_INSTRUCTIONS __has_feature(thread_sanitizer)
#else
#define MANY_INSTRUCTIONS false
#endif

#define IMAGE_MAX ((size_t)64 * 1024)
#define SECTOR 512
#define ROWS_MAX 64
#define PACKAGE "Sample_h91ms92gdsmmt"

/* A record as a sum of all that it says. */
typedef struct Known {
        uint64_t key;
        uint32_t sum;
} Known;

typedef struct State {
        Known rows[ROWS_MAX];
        size_t n;
} State;

typedef struct Image {
        uint8_t bytes[IMAGE_MAX];
        size_t size;
} Image;

typedef struct Step {
        enum { PUT_RUN, REMOVE_RUN, PUT_SERVER, SET_PROCESS, REMOVE_SERVER } kind;
        uint32_t n;         /* which */
        uint32_t attempt;
        size_t n_details;
        bool unseen;        /* taken at once, because it is long and no different from others */
} Step;

/* Records of one slot and of several, in the place of longer and of shorter ones, and more than the first slots. */
static const Step steps[] = {
        { .kind = PUT_SERVER, .n = 1 },
        { .kind = SET_PROCESS, .n = 1, .attempt = 77 },
        { .kind = PUT_RUN, .n = 1, .attempt = 1 },
        { .kind = PUT_RUN, .n = 1, .attempt = 2, .n_details = 470 },
        { .kind = PUT_RUN, .n = 1, .attempt = 3, .n_details = 5 },
        { .kind = PUT_RUN, .n = 2, .attempt = 1, .n_details = 233 },
        { .kind = REMOVE_RUN, .n = 2 },
        { .kind = REMOVE_SERVER, .n = 1 },
        { .kind = PUT_RUN, .n = 3, .attempt = 1, .n_details = 13900, .unseen = true },
        { .kind = PUT_RUN, .n = 4, .attempt = 1, .n_details = 233 },
        { .kind = PUT_RUN, .n = 3, .attempt = 2 },
        { .kind = PUT_RUN, .n = 4, .attempt = 2, .n_details = 1 },
        { .kind = REMOVE_RUN, .n = 1 },
        { .kind = PUT_SERVER, .n = 2 },
};
#define N_STEPS (sizeof steps / sizeof *steps)

static Fixture *fixture;
static char ledger_path[128], copy_path[128];
static State states[N_STEPS + 1]; /* before each step, and after the last */
static Image images[N_STEPS + 1];

static Uuid number(char kind, uint32_t n)
{
        Uuid uuid = { .bytes = { (uint8_t)kind, (uint8_t)n } };

        /* The first eight bytes are what it is found by. */
        uuid.bytes[7] = (uint8_t)(n * 17);
        return uuid;
}

static uint32_t add(uint32_t sum, const void *data, size_t size)
{
        const uint8_t *bytes = data;

        while (size--)
                sum = sum * 31 + *bytes++;
        return sum;
}

static int note_server(const LedgerServer *row, void *userdata)
{
        State *state = userdata;
        uint32_t sum = add(7, &row->pid, sizeof row->pid);

        assert_true(state->n < ROWS_MAX);
        sum = add(sum, row->package, strlen(row->package));
        state->rows[state->n++] = (Known){ row->server, sum };
        return 0;
}

static int note_run(const LedgerRow *row, void *userdata)
{
        State *state = userdata;
        uint32_t sum = add(8, &row->attempt, sizeof row->attempt);

        assert_true(state->n < ROWS_MAX);
        sum = add(sum, row->firing.details, row->firing.n_details);
        state->rows[state->n++] = (Known){ 1000 + row->run.bytes[1], sum };
        return 0;
}

static int compare(const void *a, const void *b)
{
        const Known *x = a, *y = b;

        return x->key < y->key ? -1 : x->key > y->key;
}

/* What the records are, each once. */
static void read_state(Ledger *ledger, State *state)
{
        state->n = 0;
        assert_int_equal(ledger_load(ledger, &(LedgerLoader){ note_server, note_run, state }), 0);
        qsort(state->rows, state->n, sizeof *state->rows, compare);
        for (size_t i = 1; i < state->n; i++)
                assert_true(state->rows[i].key != state->rows[i - 1].key);
}

static bool same(const State *a, const State *b)
{
        if (a->n != b->n)
                return false;
        for (size_t i = 0; i < a->n; i++)
                if (a->rows[i].key != b->rows[i].key || a->rows[i].sum != b->rows[i].sum)
                        return false;
        return true;
}

static int take(Ledger *ledger, const Step *step)
{
        static uint8_t details[16 * 1024];
        LedgerRow row = { .run = number('r', step->n), .attempt = step->attempt,
                          .firing = { .task = number('t', step->n), .details = details,
                                      .n_details = step->n_details } };

        memset(details, (int)(step->n * 16 + step->attempt), step->n_details);
        switch (step->kind) {
        case PUT_RUN:
                return ledger_put(ledger, &row);
        case REMOVE_RUN:
                ledger_remove(ledger, row.run);
                return 0;
        case PUT_SERVER:
                return ledger_put_server(ledger, &(LedgerServer){ .server = step->n, .package = PACKAGE });
        case SET_PROCESS:
                return ledger_set_process(ledger, step->n, (int32_t)step->attempt, 5);
        default:
                ledger_remove_server(ledger, step->n);
                return 0;
        }
}

static Ledger *open_at(const char *path, Uuid boot, bool *ret_discarded)
{
        Ledger *ledger = NULL;

        assert_int_equal(ledger_open(path, boot, IMAGE_MAX, &ledger, ret_discarded), 0);
        return ledger;
}

static void take_image(int fd, Image *image)
{
        ssize_t n = pread(fd, image->bytes, sizeof image->bytes, 0);

        assert_true(n > 0);
        image->size = (size_t)n;
}

static void write_image(const Image *image)
{
        int fd = open(copy_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, image->bytes, image->size), image->size);
        close(fd);
}

/* What each step leads to, taken in peace. */
static int set_up(void **state)
{
        void *made;
        Ledger *ledger;
        int fd;

        fixture_setup(&made);
        fixture = made;
        snprintf(ledger_path, sizeof ledger_path, "%s/ledger", fixture->folder);
        snprintf(copy_path, sizeof copy_path, "%s/copy", fixture->folder);
        ledger = open_at(ledger_path, number('b', 1), NULL);
        fd = open(ledger_path, O_RDONLY | O_CLOEXEC);
        for (size_t i = 0; i <= N_STEPS; i++) {
                read_state(ledger, &states[i]);
                take_image(fd, &images[i]);
                if (i < N_STEPS)
                        assert_int_equal(take(ledger, &steps[i]), 0);
        }
        assert_true(images[N_STEPS].size > images[0].size);
        close(fd);
        ledger_free(ledger);
        unlink(ledger_path);
        return 0;
}

static int tear_down(void **state)
{
        void *made = fixture;

        return fixture_teardown(&made);
}

static void stop(void)
{
        (void)raise(SIGSTOP);
}

/* The one that is killed. */
static void live(void)
{
        Ledger *ledger = NULL;

        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
                _exit(2);
        if (ledger_open(ledger_path, number('b', 1), IMAGE_MAX, &ledger, NULL) < 0)
                _exit(1);
        for (size_t i = 0; i < N_STEPS; i++) {
                stop();
                if (take(ledger, &steps[i]) < 0)
                        _exit(1);
        }
        stop();
        _exit(0);
}

/* The next broker finds what was there before the step or after it, and can go on. */
static void check_image(const Image *image, size_t step)
{
        static const Step more[] = { { PUT_RUN, 9, 1, 900 }, { PUT_RUN, 5, 9, 20 }, { PUT_SERVER, 9, 0, 0 } };
        Ledger *ledger;
        State found, after;
        bool discarded;

        write_image(image);
        ledger = open_at(copy_path, number('b', 1), &discarded);
        assert_false(discarded);
        read_state(ledger, &found);
        if (!same(&found, &states[step]) && !same(&found, &states[step + 1]))
                fail_msg("an end during step %zu leaves %zu records", step, found.n);
        for (size_t i = 0; i < ELEMENTSOF(more); i++)
                assert_int_equal(take(ledger, &more[i]), 0);
        read_state(ledger, &found);
        ledger_free(ledger);
        ledger = open_at(copy_path, number('b', 1), &discarded);
        read_state(ledger, &after);
        assert_true(same(&found, &after));
        ledger_free(ledger);
}

/* Waits for the child; true if it has stopped itself, false if it has made one instruction. */
static bool wait_stopped(pid_t pid)
{
        int status;

        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (!WIFSTOPPED(status))
                fail_msg("the process ended with %x", (unsigned)status);
        return WSTOPSIG(status) == SIGSTOP;
}

static void an_end_at_any_instruction_leaves_the_step_done_or_not_done(void **state)
{
        static Image before, now;
        size_t n_instructions = 0, n_images = 0, step = 0;
        int fd, status;
        pid_t pid;

        if (MANY_INSTRUCTIONS) {
                print_message("# the thread sanitizer makes a hundred instructions of one\n");
                skip();
        }
        pid = fork();
        if (pid == 0)
                live();
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 2) {
                print_message("# nobody may be traced here\n");
                skip();
        }
        assert_true(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
        assert_int_equal(ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_EXITKILL), 0);
        fd = open(ledger_path, O_RDONLY | O_CLOEXEC);
        take_image(fd, &before);
        while (step < N_STEPS) {
                assert_int_equal(ptrace(steps[step].unseen ? PTRACE_CONT : PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
                if (wait_stopped(pid)) {
                        /* What has returned is done. */
                        take_image(fd, &before);
                        step++;
                        assert_int_equal(before.size, images[step].size);
                        assert_memory_equal(before.bytes, images[step].bytes, before.size);
                        continue;
                }
                n_instructions++;
                take_image(fd, &now);
                if (now.size == before.size && memcmp(now.bytes, before.bytes, now.size) == 0)
                        continue;
                n_images++;
                check_image(&now, step);
                before = now;
        }
        print_message("# %zu instructions, %zu states of the file\n", n_instructions, n_images);
        assert_true(n_images > 10 * N_STEPS);
        close(fd);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
}

static uint64_t next_random(uint64_t *seed)
{
        *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return *seed >> 33;
}

/* Every sector as it was at one of two times. */
static void mix(const Image *a, const Image *b, uint64_t *seed, Image *ret)
{
        *ret = *b;
        for (size_t i = 0; i < b->size; i += SECTOR)
                if (next_random(seed) & 1) {
                        memset(ret->bytes + i, 0, SECTOR);
                        if (i < a->size)
                                memcpy(ret->bytes + i, a->bytes + i, SECTOR);
                }
}

static bool was_ever_there(const Known *row)
{
        for (size_t i = 0; i <= N_STEPS; i++)
                for (size_t k = 0; k < states[i].n; k++)
                        if (states[i].rows[k].key == row->key && states[i].rows[k].sum == row->sum)
                                return true;
        return false;
}

static void of_what_a_machine_without_power_leaves_nothing_is_believed_by_the_next_boot(void **state)
{
        unsigned n_seeds = (unsigned)(40 * test_scale()) + 1;
        static Image image;
        uint64_t seed = 1;

        for (size_t i = 0; i <= N_STEPS; i++)
                for (unsigned k = 0; k < n_seeds; k++) {
                        Ledger *ledger;
                        bool discarded;
                        State found;

                        mix(&images[next_random(&seed) % (i + 1)], &images[i], &seed, &image);
                        write_image(&image);
                        ledger = open_at(copy_path, number('b', 2), &discarded);
                        assert_true(discarded);
                        read_state(ledger, &found);
                        assert_int_equal(found.n, 0);
                        ledger_free(ledger);
                        /* And should it be taken for the same: no record in part, and none that never was. */
                        memcpy(image.bytes, images[i].bytes, 32);
                        write_image(&image);
                        ledger = open_at(copy_path, number('b', 1), NULL);
                        read_state(ledger, &found);
                        for (size_t row = 0; row < found.n; row++)
                                assert_true(was_ever_there(&found.rows[row]));
                        assert_int_equal(take(ledger, &(Step){ PUT_RUN, 9, 1, 900 }), 0);
                        ledger_free(ledger);
                }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(an_end_at_any_instruction_leaves_the_step_done_or_not_done),
                cmocka_unit_test(of_what_a_machine_without_power_leaves_nothing_is_believed_by_the_next_boot),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
