/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "launcher/log-format.h"
#include "launcher/log-writer.h"
#include "launcher/log.h"

#define NOON UINT64_C(1769860800000000) /* 2026-01-31T12:00:00Z */

typedef struct Logs {
        char path[64];
        LogFolder folder;
} Logs;

static int set_up(void **state)
{
        Logs *logs = calloc(1, sizeof *logs);

        assert_non_null(logs);
        strcpy(logs->path, "/tmp/bgtask-log-XXXXXX");
        assert_non_null(mkdtemp(logs->path));
        assert_int_equal(log_folder_init(&logs->folder, logs->path, LOG_BYTES_MIN, 8), 0);
        *state = logs;
        return 0;
}

static int tear_down(void **state)
{
        Logs *logs = *state;
        char command[128];

        log_folder_done(&logs->folder);
        snprintf(command, sizeof command, "rm -rf %s", logs->path);
        assert_int_equal(system(command), 0);
        free(logs);
        return 0;
}

/* Lines as "TEXT\n", pieces as "TEXT+", notes as "[TEXT]\n". */
static int collect(uint64_t real_usec, LogKind kind, const char *text, size_t size, void *userdata)
{
        Buffer *buffer = userdata;

        switch (kind) {
        case LOG_LINE:
                return buffer_printf(buffer, "%.*s\n", (int)size, text);
        case LOG_PIECE:
                return buffer_printf(buffer, "%.*s+", (int)size, text);
        default:
                return buffer_printf(buffer, "[%.*s]\n", (int)size, text);
        }
}

static const char *read_between(Logs *logs, const char *id, uint64_t from, uint64_t to)
{
        static char text[256 * 1024];
        Buffer buffer = { 0 };

        assert_int_equal(log_read(logs->path, id, from, to, collect, &buffer), 0);
        assert_true(buffer.size < sizeof text);
        snprintf(text, sizeof text, "%.*s", (int)buffer.size, buffer.data ? (char *)buffer.data : "");
        buffer_done(&buffer);
        return text;
}

static void feed(LogWriter *writer, uint64_t time, const char *text)
{
        log_writer_feed(writer, time, text, strlen(text));
}

static off_t file_size(Logs *logs, const char *name)
{
        struct stat st;

        return fstatat(logs->folder.fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? -1 : st.st_size;
}

static void put_file(Logs *logs, const char *name, const void *data, size_t size)
{
        int fd = openat(logs->folder.fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, data, size), size);
        close(fd);
}

static void times_are_written_and_read_back(void **state)
{
        static const uint64_t times[] = { 0, NOON, NOON + 123456, UINT64_C(253402300799999999) };
        static const char *const bad[] = {
                "2026-01-31 12:00:00.000000Z", "2026-01-31T12:00:00.000000+", "1969-12-31T23:59:59.000000Z",
                "2026-01-31T12:00:00.00000aZ", "garbage garbage garbage gar",
        };
        char text[LOG_TIME_SIZE + 1];
        uint64_t time;

        for (size_t i = 0; i < ELEMENTSOF(times); i++) {
                log_format_time(times[i], text);
                assert_int_equal(strlen(text), LOG_TIME_SIZE);
                assert_true(log_parse_time(text, &time));
                assert_int_equal(time, times[i]);
        }
        log_format_time(NOON + 123456, text);
        assert_string_equal(text, "2026-01-31T12:00:00.123456Z");
        log_format_time(UINT64_MAX, text);
        assert_int_equal(strncmp(text, "9999-12-31T23:59:59.", 20), 0);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_false(log_parse_time(bad[i], &time));
}

static void lines_and_pieces_of_lines_are_kept_apart(void **state)
{
        Logs *logs = *state;
        LogWriter writer;

        assert_int_equal(log_writer_init(&writer, &logs->folder, "a"), 0);
        assert_int_equal(file_size(logs, "a.log"), -1);
        feed(&writer, NOON, "one\ntwo\n\nthr");
        feed(&writer, NOON + 1, "ee\n");
        feed(&writer, NOON + 2, "no end");
        log_writer_done(&writer);
        assert_string_equal(read_between(logs, "a", 0, USEC_INFINITY), "one\ntwo\n\nthr+ee\nno end+");
}

static void a_long_line_is_cut_into_pieces(void **state)
{
        static char line[10001], wanted[11000];
        Logs *logs = *state;
        LogWriter writer;

        memset(line, 'x', 10000);
        assert_int_equal(log_writer_init(&writer, &logs->folder, "a"), 0);
        feed(&writer, NOON, line);
        feed(&writer, NOON, "\n");
        /* One that fits exactly is no piece. */
        line[LOG_TEXT_MAX] = '\n';
        line[LOG_TEXT_MAX + 1] = '\0';
        feed(&writer, NOON, line);
        log_writer_done(&writer);
        line[LOG_TEXT_MAX] = '\0';
        snprintf(wanted, sizeof wanted, "%s+%s+%.1808s+\n", line, line, line);
        assert_int_equal(strncmp(read_between(logs, "a", 0, USEC_INFINITY), wanted, strlen(wanted)), 0);
        assert_int_equal(strlen(read_between(logs, "a", 0, USEC_INFINITY)), strlen(wanted) + LOG_TEXT_MAX + 1);
}

static void a_range_of_time_is_read(void **state)
{
        Logs *logs = *state;
        LogWriter writer;

        assert_int_equal(log_writer_init(&writer, &logs->folder, "a"), 0);
        feed(&writer, NOON, "first\n");
        feed(&writer, NOON + USEC_PER_SEC, "second\n");
        feed(&writer, NOON + 2 * USEC_PER_SEC, "third\n");
        log_writer_done(&writer);
        assert_string_equal(read_between(logs, "a", NOON + 1, NOON + 2 * USEC_PER_SEC - 1), "second\n");
        assert_string_equal(read_between(logs, "a", NOON, NOON + USEC_PER_SEC), "first\nsecond\n");
        assert_string_equal(read_between(logs, "a", NOON + 3 * USEC_PER_SEC, USEC_INFINITY), "");
}

static int stop(uint64_t real_usec, LogKind kind, const char *text, size_t size, void *userdata)
{
        int *n = userdata;

        return ++*n == 2 ? -ECANCELED : 0;
}

static void the_reader_says_what_it_cannot_read(void **state)
{
        Logs *logs = *state;
        LogWriter writer;
        int n = 0;

        assert_int_equal(log_read(logs->path, "a", 0, USEC_INFINITY, stop, &n), -ENOENT);
        assert_int_equal(log_read(logs->path, "../a", 0, USEC_INFINITY, stop, &n), -EINVAL);
        assert_int_equal(log_read("/nowhere", "a", 0, USEC_INFINITY, stop, &n), -ENOENT);
        assert_int_equal(log_writer_init(&writer, &logs->folder, "a"), 0);
        feed(&writer, NOON, "1\n2\n3\n");
        log_writer_done(&writer);
        assert_int_equal(log_read(logs->path, "a", 0, USEC_INFINITY, stop, &n), -ECANCELED);
        assert_int_equal(n, 2);
}

static void a_log_stays_below_its_limit_and_keeps_the_newest(void **state)
{
        Logs *logs = *state;
        LogWriter writer;
        char line[1024];
        const char *text;

        assert_int_equal(log_writer_init(&writer, &logs->folder, "a"), 0);
        for (int i = 0; i < 5000; i++) {
                snprintf(line, sizeof line, "%0999d\n", i);
                feed(&writer, NOON + (uint64_t)i, line);
                assert_true(file_size(logs, "a.log") <= LOG_BYTES_MIN / 2);
                assert_true(file_size(logs, "a.log.1") <= LOG_BYTES_MIN / 2);
        }
        log_writer_done(&writer);
        text = read_between(logs, "a", 0, USEC_INFINITY);
        /* What is there is the end, without a gap. */
        for (int i = 5000 - (int)(strlen(text) / 1000); i < 5000; i++, text += 1000)
                assert_int_equal(atoi(text), i);
        assert_int_equal(logs->folder.n_logs, 1);
}

static void lines_that_a_full_disk_has_cost_are_counted(void **state)
{
        struct rlimit limit, before;
        Logs *logs = *state;
        LogWriter writer;

        assert_int_equal(log_writer_init(&writer, &logs->folder, "a"), 0);
        feed(&writer, NOON, "before\n");
        signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        limit = before;
        limit.rlim_cur = (rlim_t)file_size(logs, "a.log") + LOG_TIME_SIZE + 1 + (rlim_t)strlen("lost 1");
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        feed(&writer, NOON, "lost 1\nlost 2\n");
        feed(&writer, NOON, "lost 3\n");
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        feed(&writer, NOON, "after\n");
        feed(&writer, NOON, "well\n");
        log_writer_done(&writer);
        assert_string_equal(read_between(logs, "a", 0, USEC_INFINITY),
                            "before\n[3 lines of output were lost: File too large]\nafter\nwell\n");
}

static void a_log_folder_that_is_gone_costs_lines_only(void **state)
{
        Logs *logs = *state;
        LogWriter writer;

        assert_int_equal(log_writer_init(&writer, &logs->folder, "a"), 0);
        assert_int_equal(rmdir(logs->path), 0);
        feed(&writer, NOON, "lost\n");
        assert_int_equal(writer.n_lost, 1);
        log_writer_done(&writer);
}

static void garbage_in_a_log_is_passed_over(void **state)
{
        static const char torn[] = "2026-01-31T12:00:00.000000Z good\n\n\0\xff\n2026-01-31T12:00\n"
                                   "2026-01-31T12:00:00.000000Z?bad\n2026-01-31T12:00:00.000000Z torn";
        static char huge[300 * 1024];
        Logs *logs = *state;
        LogWriter writer;

        put_file(logs, "a.log", torn, sizeof torn - 1);
        /* What is still being written is not shown; the next writer ends it. */
        assert_string_equal(read_between(logs, "a", 0, USEC_INFINITY), "good\n");
        assert_int_equal(log_writer_init(&writer, &logs->folder, "a"), 0);
        feed(&writer, NOON, "new\n");
        log_writer_done(&writer);
        assert_string_equal(read_between(logs, "a", 0, USEC_INFINITY), "good\ntorn\nnew\n");
        memset(huge, 'x', sizeof huge);
        memcpy(huge + sizeof huge - 40, "\n2026-01-31T12:00:00.000000Z end\n", 33);
        put_file(logs, "b.log", huge, sizeof huge);
        assert_string_equal(read_between(logs, "b", 0, USEC_INFINITY), "end\n");
}

static void only_files_are_logs(void **state)
{
        Logs *logs = *state;
        LogWriter writer;

        put_file(logs, "precious", "precious", 8);
        assert_int_equal(symlinkat("precious", logs->folder.fd, "a.log"), 0);
        assert_int_equal(log_writer_init(&writer, &logs->folder, "a"), 0);
        feed(&writer, NOON, "text\n");
        log_writer_done(&writer);
        assert_int_equal(file_size(logs, "precious"), 8);
}

static void put_aged(Logs *logs, const char *name, time_t age)
{
        const struct timespec times[2] = { { .tv_sec = 1700000000 - age }, { .tv_sec = 1700000000 - age } };

        put_file(logs, name, "x\n", 2);
        assert_int_equal(utimensat(logs->folder.fd, name, times, 0), 0);
}

static void the_oldest_logs_make_room_for_new_ones(void **state)
{
        Logs *logs = *state;
        LogWriter open, writer;
        char name[16];

        /* The oldest of all belongs to a server that is alive. */
        assert_int_equal(log_writer_init(&open, &logs->folder, "open"), 0);
        put_aged(logs, "open.log", 1000);
        for (int i = 0; i < 7; i++) {
                snprintf(name, sizeof name, "%d.log", i);
                put_aged(logs, name, i);
        }
        put_file(logs, "6.log.1", "x\n", 2);
        put_file(logs, "other", "x", 1);
        log_folder_done(&logs->folder);
        assert_int_equal(log_folder_init(&logs->folder, logs->path, LOG_BYTES_MIN, 8), 0);
        assert_int_equal(logs->folder.n_logs, 8);
        log_writer_done(&open);
        assert_int_equal(log_writer_init(&open, &logs->folder, "open"), 0);
        assert_int_equal(log_writer_init(&writer, &logs->folder, "new"), 0);
        feed(&writer, NOON, "text\n");
        assert_int_equal(logs->folder.n_logs, 7);
        assert_int_equal(file_size(logs, "6.log"), -1);
        assert_int_equal(file_size(logs, "6.log.1"), -1);
        assert_int_equal(file_size(logs, "5.log"), -1);
        assert_int_equal(file_size(logs, "4.log"), 2);
        assert_int_equal(file_size(logs, "open.log"), 2);
        assert_int_equal(file_size(logs, "other"), 1);
        assert_true(file_size(logs, "new.log") > 0);
        log_writer_done(&writer);
        log_writer_done(&open);
}

int main(void)
{
#define log_test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(times_are_written_and_read_back),
                log_test(lines_and_pieces_of_lines_are_kept_apart),
                log_test(a_long_line_is_cut_into_pieces),
                log_test(a_range_of_time_is_read),
                log_test(the_reader_says_what_it_cannot_read),
                log_test(a_log_stays_below_its_limit_and_keeps_the_newest),
                log_test(lines_that_a_full_disk_has_cost_are_counted),
                log_test(a_log_folder_that_is_gone_costs_lines_only),
                log_test(garbage_in_a_log_is_passed_over),
                log_test(only_files_are_logs),
                log_test(the_oldest_logs_make_room_for_new_ones),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
