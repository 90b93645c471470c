/* SPDX-License-Identifier: MIT */

/* The way of output from the FIFO into the log, while the broker that carries it is killed again and again. */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/test-scale.h"
#include "launcher/log.h"
#include "launcher/output.h"

typedef struct Files {
        char folder[64];
        int folder_fd;
        int fifo_fd; /* the server's end */
        uint64_t n_written;
        uint64_t n_read;
        uint64_t n_seen;
        uint64_t first;
        bool makes_room; /* the log: what is read begins anywhere, also in the middle of a number */
        char line[64]; /* its pieces so far */
} Files;

static int set_up(void **state)
{
        Files *files = calloc(1, sizeof *files);

        strcpy(files->folder, "/tmp/bgtask-output-XXXXXX");
        assert_non_null(mkdtemp(files->folder));
        files->folder_fd = open(files->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(files->folder_fd >= 0);
        assert_int_equal(mkfifoat(files->folder_fd, "x.out", 0600), 0);
        files->fifo_fd = openat(files->folder_fd, "x.out", O_RDWR | O_NONBLOCK | O_CLOEXEC);
        assert_true(files->fifo_fd >= 0);
        *state = files;
        return 0;
}

static int tear_down(void **state)
{
        Files *files = *state;
        char command[96];

        close(files->fifo_fd);
        close(files->folder_fd);
        snprintf(command, sizeof command, "rm -rf %s", files->folder);
        assert_int_equal(system(command), 0);
        free(files);
        return 0;
}

/* What a broker does with output, until it is killed or, with `once`, has read what is there. */
static void carry(Files *files, uint64_t max_bytes, bool once)
{
        Output output = OUTPUT_INIT;
        LogFolder logs;
        Loop loop;

        assert_int_equal(loop_init(&loop), 0);
        assert_int_equal(log_folder_init(&logs, files->folder, max_bytes, 8), 0);
        assert_int_equal(log_folder_use_spool(&logs, files->folder_fd), 0);
        assert_int_equal(output_open(&output, &loop, files->folder_fd, &logs, "x"), 0);
        do
                output_drain(&output);
        while (!once);
        output_close(&output, false);
        log_folder_done(&logs);
        loop_done(&loop);
}

/* Each line is the number after the one before. */
static int count(uint64_t real_usec, LogKind kind, const char *text, size_t size, void *userdata)
{
        Files *files = userdata;
        size_t have = strlen(files->line);
        uint64_t n;

        assert_true(have + size < sizeof files->line);
        memcpy(files->line + have, text, size);
        files->line[have + size] = '\0';
        if (kind == LOG_PIECE)
                return 0;
        assert_int_equal(kind, LOG_LINE);
        n = strtoull(files->line, NULL, 10);
        files->line[0] = '\0';
        if (files->n_seen++ == 0)
                files->first = n;
        /* The pieces before that of the oldest line may have made room. */
        else if (files->n_seen > 2 || !files->makes_room)
                assert_int_equal(n, files->n_read + 1);
        files->n_read = n;
        return 0;
}

static void write_some(Files *files, unsigned n)
{
        char lines[64];

        while (n-- > 0) {
                int size = snprintf(lines, sizeof lines, "%llu\n%llu\n", (unsigned long long)files->n_written + 1,
                                    (unsigned long long)files->n_written + 2);

                if (write(files->fifo_fd, lines, (size_t)size) == size)
                        files->n_written += 2;
        }
}

static void kill_while_it_carries(Files *files, uint64_t max_bytes, unsigned n_writes)
{
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
                carry(files, max_bytes, false);
        write_some(files, n_writes);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void kill_often(Files *files, uint64_t max_bytes, unsigned n_rounds)
{
        n_rounds = (unsigned)(n_rounds * test_scale()) + 3;
        for (unsigned round = 0; round < n_rounds; round++) {
                kill_while_it_carries(files, max_bytes, (unsigned)(round * UINT64_C(2654435761) % 2000));
                if (round % 8 != 7 && round + 1 < n_rounds)
                        continue;
                carry(files, max_bytes, true);
                files->n_seen = 0;
                assert_int_equal(log_read(files->folder, "x", 0, UINT64_MAX, count, files), 0);
                assert_int_equal(files->n_read, files->n_written);
        }
}

static void no_line_is_lost_or_doubled_when_the_broker_is_killed(void **state)
{
        Files *files = *state;

        kill_often(files, 256 << 20, 200);
        assert_int_equal(files->first, 1);
}

static void nor_when_the_log_makes_room_for_itself_meanwhile(void **state)
{
        Files *files = *state;

        files->makes_room = true;
        kill_often(files, LOG_BYTES_MIN, 400);
}

static void what_no_broker_can_have_left_is_not_written(void **state)
{
        Files *files = *state;
        char bytes[4096 + 100];
        struct stat st;
        int fd;

        write_some(files, 1);
        memset(bytes, '/', sizeof bytes);
        fd = openat(files->folder_fd, ".spool", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_int_equal(write(fd, bytes, sizeof bytes), sizeof bytes);
        close(fd);
        carry(files, LOG_BYTES_MIN, true);
        assert_int_equal(log_read(files->folder, "x", 0, UINT64_MAX, count, files), 0);
        assert_int_equal(files->n_read, 2);
        assert_int_equal(fstatat(files->folder_fd, ".spool", &st, 0), 0);
        assert_int_equal(st.st_size, 4096);
}

static void output_reaches_the_log_without_a_spool_too(void **state)
{
        Files *files = *state;
        Output output;
        LogFolder logs;
        Loop loop;

        assert_int_equal(mkdirat(files->folder_fd, ".spool", 0700), 0);
        assert_int_equal(loop_init(&loop), 0);
        assert_int_equal(log_folder_init(&logs, files->folder, LOG_BYTES_MIN, 8), 0);
        assert_int_equal(log_folder_use_spool(&logs, files->folder_fd), -EISDIR);
        assert_int_equal(output_open(&output, &loop, files->folder_fd, &logs, "x"), 0);
        write_some(files, 3);
        output_drain(&output);
        assert_int_equal(log_read(files->folder, "x", 0, UINT64_MAX, count, files), 0);
        assert_int_equal(files->n_read, 6);
        output_close(&output, false);
        log_folder_done(&logs);
        loop_done(&loop);
}

int main(void)
{
#define output_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                output_test(no_line_is_lost_or_doubled_when_the_broker_is_killed),
                output_test(nor_when_the_log_makes_room_for_itself_meanwhile),
                output_test(what_no_broker_can_have_left_is_not_written),
                output_test(output_reaches_the_log_without_a_spool_too),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
