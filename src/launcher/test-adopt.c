/* SPDX-License-Identifier: MIT */

/* What becomes of servers when their broker goes, and how the next one takes them over. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "launcher/procfs.h"
#include "launcher/test-support.h"

typedef struct Server {
        pid_t pid;
        uint64_t start_time;
} Server;

/*
 * Another process launches a server, never looks at it again, and lives until it is killed. The fixture's launcher is
 * stopped, since a copy of it must not be used.
 */
static pid_t start_broker(Fixture *f, const char *const *argv, Server *ret_server)
{
        int ends[2];
        pid_t pid;

        fixture_stop(f);
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        pid = fork();
        if (pid == 0) {
                const LaunchSpec spec = { .argv = (char *const *)argv, .socket = true };
                Server server;
                Process *process;

                loop_done(&f->loop);
                if (loop_init(&f->loop) < 0 || launcher_new(&f->loop, &f->config, &f->launcher) < 0 ||
                    try_spawn(f, &spec, &process, NULL) < 0)
                        _exit(1);
                server = (Server){ process_pid(process), process_start_time(process) };
                if (write(ends[1], &server, sizeof server) != sizeof server)
                        _exit(2);
                for (;;)
                        pause();
        }
        close(ends[1]);
        assert_int_equal(read(ends[0], ret_server, sizeof *ret_server), sizeof *ret_server);
        close(ends[0]);
        return pid;
}

/* Its server becomes our child, so that it does not stay a zombie where nobody reaps. */
static void kill_broker(pid_t pid)
{
        assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1UL), 0);
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void a_pid_that_belongs_to_another_is_not_adopted(void **state)
{
        Fixture *f = *state;
        Process *process = fixture_spawn(f, "server", "serve"), *other = NULL;
        pid_t pid = process_pid(process);
        uint64_t start = process_start_time(process);

        assert_true(start > 0);
        assert_int_equal(launcher_adopt(f->launcher, "server", pid, start, NULL, &other), -EEXIST);
        assert_int_equal(launcher_adopt(f->launcher, "x", pid, start + 1, NULL, &other), -ESRCH);
        assert_int_equal(launcher_adopt(f->launcher, "x", pid, start - 1, NULL, &other), -ESRCH);
        assert_int_equal(launcher_adopt(f->launcher, "x", pid, 0, NULL, &other), -EINVAL);
        assert_int_equal(launcher_adopt(f->launcher, "x", 0, start, NULL, &other), -EINVAL);
        assert_int_equal(launcher_adopt(f->launcher, "x", -1, start, NULL, &other), -EINVAL);
        assert_int_equal(process_signal_tree(process, SIGKILL), 1);
        fixture_wait_ended(f, 1);
        process_free(process);
        assert_int_equal(launcher_adopt(f->launcher, "server", pid, start, NULL, &other), -ESRCH);
        assert_null(other);
}

static void the_start_time_of_a_process_is_the_one_that_the_kernel_shows(void **state)
{
        Fixture *f = *state;

        for (int i = 0; i < 40; i++) {
                Process *process = fixture_spawn(f, "server", "serve");
                ProcStat stat;

                assert_int_equal(proc_read_stat(process_pid(process), &stat), 0);
                assert_int_equal(process_start_time(process), stat.start_time);
                assert_int_equal(process_signal_tree(process, SIGKILL), 1);
                fixture_wait_ended(f, i + 1);
                process_free(process);
        }
}

static void a_server_of_another_broker_is_adopted_and_its_end_is_seen(void **state)
{
        static const char *const argv[] = { "child", "serve", NULL };
        Fixture *f = *state;
        Process *process;
        int userdata = 0;
        Server server;
        pid_t broker;

        broker = start_broker(f, argv, &server);
        /* The reaper would take the other broker, a child that it does not know, for the server's orphan. */
        f->config.subreaper = false;
        fixture_start(f);
        assert_int_equal(launcher_adopt(f->launcher, "server", server.pid, server.start_time, &userdata, &process), 0);
        assert_true(process_is_launched(process));
        assert_ptr_equal(process_userdata(process), &userdata);
        assert_int_equal(process_pid(process), server.pid);
        assert_int_equal(process_take_fd(process), -1);
        assert_int_equal(process_result(process)->state, PROCESS_RUNNING);
        assert_int_equal(process_signal_tree(process, SIGKILL), 1);
        fixture_wait_ended(f, 1);
        /* It is the child of the other, who has not even waited for it. */
        assert_int_equal(f->last.state, PROCESS_GONE);
        assert_true(f->last.cpu_usec > 0);
        assert_int_equal(f->last.max_rss_bytes, 0);
        process_free(process);
        kill_broker(broker);
        assert_int_equal(waitpid(server.pid, NULL, 0), server.pid);
}

static void what_a_server_used_that_somebody_has_waited_for_is_not_known(void **state)
{
        static const char *const argv[] = { "child", "serve", NULL };
        Fixture *f = *state;
        Process *process;
        Server server;

        kill_broker(start_broker(f, argv, &server));
        f->config.subreaper = false;
        fixture_start(f);
        assert_int_equal(launcher_adopt(f->launcher, "server", server.pid, server.start_time, NULL, &process), 0);
        assert_int_equal(process_signal_tree(process, SIGKILL), 1);
        assert_int_equal(waitpid(server.pid, NULL, 0), server.pid);
        fixture_wait_ended(f, 1);
        assert_int_equal(f->last.state, PROCESS_GONE);
        /* In a cgroup it still would be. */
        assert_int_equal(f->last.cpu_usec, 0);
        assert_int_equal(f->last.max_rss_bytes, 0);
        process_free(process);
}

static void the_death_of_the_broker_neither_kills_a_server_nor_loses_its_output(void **state)
{
        static const char *const argv[] = { "child", "write=1000000", "say=done", "serve", NULL };
        Fixture *f = *state;
        Process *process;
        Server server;
        struct stat st;
        char path[256];

        f->config.log_max_bytes = 4 << 20;
        kill_broker(start_broker(f, argv, &server));
        fixture_start(f);
        assert_int_equal(launcher_adopt(f->launcher, "server", server.pid, server.start_time, NULL, &process), 0);
        launcher_collect_leftovers(f->launcher);
        /* It writes more than the FIFO holds: until somebody reads again, it waits. */
        snprintf(path, sizeof path, "%s/server.log", f->logs);
        while (stat(path, &st) < 0 || st.st_size < 1000000)
                assert_true(loop_dispatch(&f->loop, -1) >= 0);
        process_drain_output(process);
        assert_int_equal(process_signal_tree(process, 0), 1);
        assert_int_equal(process_signal_tree(process, SIGKILL), 1);
        fixture_wait_ended(f, 1);
        process_free(process);
}

static void output_while_no_broker_runs_is_read_by_the_next(void **state)
{
        Fixture *f = *state;
        Process *process = fixture_spawn(f, "server", "serve");
        int fd = process_take_fd(process);
        pid_t pid = process_pid(process);
        uint64_t start = process_start_time(process);

        assert_string_equal(ask(fd, "say before"), "ok");
        process_drain_output(process);
        fixture_stop(f);
        assert_string_equal(ask(fd, "say after"), "ok");
        fixture_start(f);
        /* The FIFO holds nothing once nobody has it open; the server does. */
        assert_int_equal(launcher_adopt(f->launcher, "server", pid, start, NULL, &process), 0);
        fixture_wait_log(f, "server", "after");
        assert_string_equal(log_text(f, "server"), "before\nafter\n");
        assert_string_equal(ask(fd, "say later"), "ok");
        fixture_wait_log(f, "server", "later");
        assert_int_equal(write(fd, "exit 4\n", 7), 7);
        fixture_wait_ended(f, 1);
        process_free(process);
        close(fd);
}

static void a_server_that_nobody_could_write_down_is_found_by_its_output(void **state)
{
        Fixture *f = *state;
        Process *process = fixture_spawn(f, "server", "serve"), *other = fixture_spawn(f, "other", "serve");
        int fd = process_take_fd(process), other_fd = process_take_fd(other);
        pid_t pid = process_pid(process), other_pid = process_pid(other);
        uint64_t start = process_start_time(process);

        fixture_stop(f);
        fixture_start(f);
        assert_int_equal(launcher_adopt(f->launcher, "nobody", 0, 0, NULL, &process), -ESRCH);
        assert_int_equal(launcher_adopt(f->launcher, "server", 0, 0, NULL, &process), 0);
        assert_int_equal(process_pid(process), pid);
        assert_int_equal(process_start_time(process), start);
        assert_int_equal(launcher_adopt(f->launcher, "other", 0, 0, NULL, &other), 0);
        assert_int_equal(process_pid(other), other_pid);
        assert_int_equal(process_signal_tree(process, SIGKILL), 1);
        fixture_wait_ended(f, 1);
        process_free(process);
        assert_int_equal(launcher_adopt(f->launcher, "server", 0, 0, NULL, &process), -ESRCH);
        assert_int_equal(process_signal_tree(other, SIGKILL), 1);
        fixture_wait_ended(f, 2);
        process_free(other);
        close(fd);
        close(other_fd);
}

static void a_server_without_its_fifo_is_adopted_all_the_same(void **state)
{
        Fixture *f = *state;
        Process *process = fixture_spawn(f, "server", "serve");
        int fd = process_take_fd(process);
        pid_t pid = process_pid(process);
        uint64_t start = process_start_time(process);
        char path[256];

        fixture_stop(f);
        snprintf(path, sizeof path, "%s/servers/server.out", f->runtime);
        assert_int_equal(unlink(path), 0);
        fixture_start(f);
        assert_int_equal(launcher_adopt(f->launcher, "server", pid, start, NULL, &process), 0);
        process_drain_output(process);
        assert_int_equal(process_signal_tree(process, SIGKILL), 1);
        fixture_wait_ended(f, 1);
        process_free(process);
        close(fd);
}

static void a_file_in_the_place_of_the_fifo_is_not_used(void **state)
{
        Fixture *f = *state;
        Process *process = fixture_spawn(f, "server", "serve");
        int fd = process_take_fd(process);
        pid_t pid = process_pid(process);
        uint64_t start = process_start_time(process);
        char path[256], target[256];
        struct stat st;

        fixture_stop(f);
        snprintf(path, sizeof path, "%s/servers/server.out", f->runtime);
        snprintf(target, sizeof target, "%s/precious", f->folder);
        assert_int_equal(unlink(path), 0);
        close(open(target, O_CREAT | O_WRONLY, 0600));
        assert_int_equal(symlink(target, path), 0);
        fixture_start(f);
        assert_int_equal(launcher_adopt(f->launcher, "server", pid, start, NULL, &process), 0);
        assert_string_equal(ask(fd, "say hello"), "ok");
        assert_int_equal(process_signal_tree(process, SIGKILL), 1);
        fixture_wait_ended(f, 1);
        process_free(process);
        assert_int_equal(stat(target, &st), 0);
        assert_int_equal(st.st_size, 0);
        close(fd);
}

static void leftovers_of_dead_servers_are_collected(void **state)
{
        Fixture *f = *state;
        Process *process = fixture_spawn(f, "server", "serve");
        char servers[256];
        pid_t pid = process_pid(process);

        snprintf(servers, sizeof servers, "%s/servers", f->runtime);
        fixture_stop(f);
        assert_int_equal(count_entries(servers), 1);
        assert_int_equal(kill(pid, SIGKILL), 0);
        wait_gone(pid);
        fixture_start(f);
        assert_int_equal(count_entries(servers), 1);
        launcher_collect_leftovers(f->launcher);
        assert_int_equal(count_entries(servers), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                fixture_test(a_pid_that_belongs_to_another_is_not_adopted),
                fixture_test(the_start_time_of_a_process_is_the_one_that_the_kernel_shows),
                fixture_test(a_server_of_another_broker_is_adopted_and_its_end_is_seen),
                fixture_test(what_a_server_used_that_somebody_has_waited_for_is_not_known),
                fixture_test(the_death_of_the_broker_neither_kills_a_server_nor_loses_its_output),
                fixture_test(output_while_no_broker_runs_is_read_by_the_next),
                fixture_test(a_server_that_nobody_could_write_down_is_found_by_its_output),
                fixture_test(a_server_without_its_fifo_is_adopted_all_the_same),
                fixture_test(a_file_in_the_place_of_the_fifo_is_not_used),
                fixture_test(leftovers_of_dead_servers_are_collected),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
