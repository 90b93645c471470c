/* SPDX-License-Identifier: MIT */

#include "launcher/test-support.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>

#include "launcher/procfs.h"

bool use_cgroups;

static int n_descriptors_before;

int count_entries(const char *folder)
{
        struct dirent *entry;
        DIR *dir = opendir(folder);
        int n = 0;

        assert_non_null(dir);
        while ((entry = readdir(dir)))
                n += entry->d_name[0] != '.';
        closedir(dir);
        return n;
}

int count_descriptors(void)
{
        return count_entries("/proc/self/fd");
}

static void handle_ended(Process *process, const ProcessResult *result, void *userdata)
{
        Fixture *f = userdata;

        f->n_ended++;
        f->last = *result;
        snprintf(f->last_id, sizeof f->last_id, "%s", process_id(process));
        if (f->measures_log)
                f->n_logged = strlen(log_text(f, process_id(process)));
}

void fixture_start(Fixture *f)
{
        assert_int_equal(launcher_new(&f->loop, &f->config, &f->launcher), 0);
}

void fixture_stop(Fixture *f)
{
        f->launcher = launcher_free(f->launcher);
}

int fixture_set_up(void **state)
{
        Fixture *f = calloc(1, sizeof *f);

        assert_non_null(f);
        n_descriptors_before = count_descriptors();
        assert_int_equal(loop_init(&f->loop), 0);
        strcpy(f->folder, "/tmp/bgtask-launcher-XXXXXX");
        assert_non_null(mkdtemp(f->folder));
        snprintf(f->runtime, sizeof f->runtime, "%s/run", f->folder);
        snprintf(f->logs, sizeof f->logs, "%s/log", f->folder);
        assert_int_equal(mkdir(f->runtime, 0700), 0);
        assert_int_equal(mkdir(f->logs, 0700), 0);
        f->config = (LauncherConfig){
                .runtime_directory = f->runtime,
                .log_directory = f->logs,
                .use_cgroups = use_cgroups,
                .subreaper = true,
                .ended = handle_ended,
                .userdata = f,
        };
        fixture_start(f);
        *state = f;
        return 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        return remove(path);
}

int fixture_tear_down(void **state)
{
        Fixture *f = *state;
        char servers[256];
        int n_left = 0;

        if (f->launcher)
                launcher_collect_leftovers(f->launcher);
        fixture_stop(f);
        loop_done(&f->loop);
        snprintf(servers, sizeof servers, "%s/servers", f->runtime);
        n_left = count_entries(servers);
        nftw(f->folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        free(f);
        assert_int_equal(n_left, 0);
        assert_int_equal(count_descriptors(), n_descriptors_before);
        return 0;
}

const char *child_path(void)
{
        const char *path = getenv("BGTASK_TEST_CHILD");

        assert_non_null(path);
        return path;
}

int try_spawn(Fixture *f, const LaunchSpec *spec, Process **ret_process, LaunchStep *ret_step)
{
        static char *const argv[] = { (char *)"child", NULL };
        LaunchSpec full = *spec;

        if (!full.id)
                full.id = "server";
        if (!full.executable)
                full.executable = child_path();
        if (!full.argv)
                full.argv = argv;
        return launcher_spawn(f->launcher, &full, ret_process, ret_step);
}

Process *fixture_spawn_argv(Fixture *f, const char *id, const char *const *argv)
{
        const LaunchSpec spec = { .id = id, .argv = (char *const *)argv, .socket = true };
        Process *process = NULL;

        assert_int_equal(try_spawn(f, &spec, &process, NULL), 0);
        return process;
}

void fixture_wait_ended(Fixture *f, int n)
{
        while (f->n_ended < n)
                assert_true(loop_dispatch(&f->loop, -1) >= 0);
}

void fixture_run(Fixture *f, const char *id, const char *argument)
{
        Process *process = fixture_spawn(f, id, argument);

        fixture_wait_ended(f, f->n_ended + 1);
        process_free(process);
        /* The descriptors for the next one are made when there is time: now. */
        while (loop_dispatch(&f->loop, 0) > 0)
                ;
}

const char *ask(int fd, const char *line)
{
        static char answer[256];
        size_t n = 0;

        assert_int_equal(write(fd, line, strlen(line)), strlen(line));
        assert_int_equal(write(fd, "\n", 1), 1);
        do {
                struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
                ssize_t r;

                if (poll(&poll_fd, 1, -1) < 0) {
                        assert_int_equal(errno, EINTR);
                        continue;
                }
                r = read(fd, answer + n, sizeof answer - n - 1);
                assert_true(r > 0);
                n += (size_t)r;
        } while (n == 0 || answer[n - 1] != '\n');
        answer[n - 1] = '\0';
        return answer;
}

static int append_record(uint64_t real_usec, LogKind kind, const char *text, size_t size, void *userdata)
{
        Buffer *buffer = userdata;

        assert_int_equal(buffer_printf(buffer, kind == LOG_NOTE ? "[%.*s]\n" : kind == LOG_LINE ? "%.*s\n" : "%.*s",
                                       (int)size, text), 0);
        return 0;
}

const char *log_text(Fixture *f, const char *id)
{
        static char text[64 * 1024];
        Buffer buffer = { 0 };
        int r;

        r = log_read(f->logs, id, 0, USEC_INFINITY, append_record, &buffer);
        assert_true(r == 0 || r == -ENOENT);
        assert_true(buffer.size < sizeof text);
        snprintf(text, sizeof text, "%.*s", (int)buffer.size, buffer.data ? (char *)buffer.data : "");
        buffer_done(&buffer);
        return text;
}

void fixture_wait_log(Fixture *f, const char *id, const char *text)
{
        while (!strstr(log_text(f, id), text))
                assert_true(loop_dispatch(&f->loop, -1) >= 0);
}

void wait_gone(pid_t pid)
{
        struct pollfd poll_fd = { .fd = pidfd_open_cloexec(pid), .events = POLLIN };

        if (poll_fd.fd < 0)
                return;
        while (poll(&poll_fd, 1, -1) < 0)
                assert_int_equal(errno, EINTR);
        close(poll_fd.fd);
}
