/* SPDX-License-Identifier: MIT */

/* Process trees, with a cgroup where this machine lets us have one, and without. */

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "launcher/cgroup-find.h"
#include "launcher/procfs.h"
#include "launcher/test-support.h"

static bool is_alive(pid_t pid)
{
        ProcStat stat;

        return proc_read_stat(pid, &stat) >= 0 && stat.state != 'Z' && stat.state != 'X';
}

static pid_t ask_pid(int fd, const char *line)
{
        pid_t pid = (pid_t)atoi(ask(fd, line));

        assert_true(pid > 1);
        assert_true(is_alive(pid));
        return pid;
}

/* No child of ours is left once the loop has seen to those that are dead. */
static void wait_no_children(Fixture *f)
{
        siginfo_t info;

        while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) >= 0)
                assert_true(loop_dispatch(&f->loop, -1) >= 0);
        assert_int_equal(errno, ECHILD);
}

static void end_and_free(Fixture *f, Process *process, int fd)
{
        int n = f->n_ended;

        assert_true(process_signal_tree(process, SIGKILL) >= 0);
        fixture_wait_ended(f, n + 1);
        process_free(process);
        close(fd);
}

static void a_tree_dies_with_daemons_and_sessions(void **state)
{
        static const char *const ways[] = { "child", "session", "daemonize", "daemonize silently" };
        Fixture *f = *state;
        Process *process = fixture_spawn(f, "server", "serve");
        int fd = process_take_fd(process);
        pid_t pids[ELEMENTSOF(ways)];

        for (size_t i = 0; i < ELEMENTSOF(ways); i++)
                pids[i] = ask_pid(fd, ways[i]);
        assert_int_equal(process_signal_tree(process, 0), 1 + ELEMENTSOF(ways));
        assert_int_equal(process_signal_tree(process, SIGKILL), 1 + ELEMENTSOF(ways));
        for (size_t i = 0; i < ELEMENTSOF(ways); i++)
                wait_gone(pids[i]);
        fixture_wait_ended(f, 1);
        assert_int_equal(f->last.state, PROCESS_KILLED);
        assert_int_equal(f->last.value, SIGKILL);
        assert_int_equal(process_signal_tree(process, SIGKILL), 0);
        process_free(process);
        close(fd);
        wait_no_children(f);
}

static void what_a_server_leaves_behind_dies_after_it(void **state)
{
        Fixture *f = *state;
        Process *process = fixture_spawn(f, "server", "serve");
        int fd = process_take_fd(process);
        pid_t child = ask_pid(fd, "child"), session = ask_pid(fd, "session"), daemon = ask_pid(fd, "daemonize");

        assert_int_equal(write(fd, "exit 3\n", 7), 7);
        fixture_wait_ended(f, 1);
        assert_int_equal(f->last.value, 3);
        assert_true(is_alive(child) && is_alive(session) && is_alive(daemon));
        assert_int_equal(process_signal_tree(process, SIGTERM), 3);
        wait_gone(child);
        wait_gone(session);
        wait_gone(daemon);
        process_free(process);
        close(fd);
        wait_no_children(f);
}

static void a_process_that_ignores_a_signal_is_still_counted(void **state)
{
        Fixture *f = *state;
        Process *process = fixture_spawn(f, "server", "serve");
        int fd = process_take_fd(process);

        assert_string_equal(ask(fd, "ignore SIGTERM"), "ok");
        assert_int_equal(process_signal_tree(process, SIGTERM), 1);
        assert_int_equal(process_signal_tree(process, 0), 1);
        assert_int_equal(process_signal_tree(process, NSIG), -EINVAL);
        assert_int_equal(process_signal_tree(process, -1), -EINVAL);
        end_and_free(f, process, fd);
}

static void the_tree_of_another_server_is_left_alone(void **state)
{
        Fixture *f = *state;
        Process *a = fixture_spawn(f, "a", "serve"), *b = fixture_spawn(f, "b", "serve");
        int fd_a = process_take_fd(a), fd_b = process_take_fd(b);
        pid_t silent = ask_pid(fd_b, "daemonize silently"), daemon = ask_pid(fd_b, "daemonize");
        pid_t own = ask_pid(fd_a, "daemonize");

        assert_int_equal(process_signal_tree(a, SIGKILL), 2);
        wait_gone(own);
        assert_true(is_alive(silent) && is_alive(daemon) && is_alive(process_pid(b)));
        fixture_wait_ended(f, 1);
        process_free(a);
        close(fd_a);
        assert_int_equal(process_signal_tree(b, SIGKILL), 3);
        wait_gone(silent);
        wait_gone(daemon);
        fixture_wait_ended(f, 2);
        process_free(b);
        close(fd_b);
        wait_no_children(f);
}

static void a_process_that_nobody_launched_is_never_signalled(void **state)
{
        Fixture *f = *state;
        Process *server = fixture_spawn(f, "server", "serve"), *watched = NULL;
        int fd = process_take_fd(server);
        pid_t app = ask_pid(fd, "child"), child = ask_pid(fd, "child");

        assert_int_equal(launcher_watch(f->launcher, "app", app, 0, NULL, &watched), 0);
        assert_false(process_is_launched(watched));
        assert_int_equal(process_signal_tree(watched, SIGKILL), -EPERM);
        /* Not even where a server has started it. */
        assert_int_equal(process_signal_tree(server, SIGKILL), 2);
        wait_gone(child);
        fixture_wait_ended(f, 1);
        assert_string_equal(f->last_id, "server");
        assert_true(is_alive(app));
        assert_int_equal(kill(app, SIGKILL), 0);
        fixture_wait_ended(f, 2);
        assert_string_equal(f->last_id, "app");
        process_free(server);
        process_free(watched);
        close(fd);
        wait_no_children(f);
}

static void a_released_server_is_never_signalled(void **state)
{
        Fixture *f = *state;
        Process *process = fixture_spawn(f, "server", "serve");
        int fd = process_take_fd(process);

        assert_true(process_is_launched(process));
        process_release(process);
        assert_false(process_is_launched(process));
        assert_int_equal(process_signal_tree(process, SIGKILL), -EPERM);
        assert_string_equal(ask(fd, "say alive"), "ok");
        assert_int_equal(kill(process_pid(process), SIGKILL), 0);
        fixture_wait_ended(f, 1);
        process_free(process);
        close(fd);
}

static void orphans_that_die_are_reaped(void **state)
{
        Fixture *f = *state;
        Process *process = fixture_spawn(f, "server", "serve");
        int fd = process_take_fd(process);
        pid_t pids[8];
        siginfo_t info = { 0 };

        for (size_t i = 0; i < ELEMENTSOF(pids); i++)
                pids[i] = ask_pid(fd, "daemonize silently");
        for (size_t i = 0; i < ELEMENTSOF(pids); i++) {
                assert_int_equal(kill(pids[i], SIGKILL), 0);
                wait_gone(pids[i]);
        }
        do
                assert_true(loop_dispatch(&f->loop, -1) >= 0);
        while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0);
        for (size_t i = 0; i < ELEMENTSOF(pids); i++) {
                assert_int_equal(kill(pids[i], 0), -1);
                assert_int_equal(errno, ESRCH);
        }
        assert_int_equal(f->n_ended, 0);
        end_and_free(f, process, fd);
}

/* In a cgroup it comes back in its leaf, and the limits that no controller enforces fall back. */
static void a_broker_that_comes_back_knows_the_tree(void **state)
{
        const char *const argv[] = { "child", "serve", NULL };
        const LaunchSpec spec = { .argv = (char *const *)argv,
                                  .socket = true,
                                  .limits = { .memory_bytes = 1 << 30, .tasks = 100 } };
        Fixture *f = *state;
        Process *process;
        uint64_t start;
        pid_t pid, daemon, session;
        int fd;

        assert_int_equal(try_spawn(f, &spec, &process, NULL), 0);
        assert_int_equal(process_unenforced_limits(process) & LIMIT_MEMORY, 0);
        fd = process_take_fd(process);
        pid = process_pid(process);
        start = process_start_time(process);
        daemon = ask_pid(fd, "daemonize");
        session = ask_pid(fd, "session");
        fixture_stop(f);
        fixture_start(f);
        assert_int_equal(launcher_adopt(f->launcher, "server", pid, start, NULL, &process), 0);
        assert_true(process_is_launched(process));
        launcher_collect_leftovers(f->launcher);
        assert_int_equal(process_signal_tree(process, 0), 3);
        assert_int_equal(process_signal_tree(process, SIGKILL), 3);
        wait_gone(daemon);
        wait_gone(session);
        fixture_wait_ended(f, 1);
        process_free(process);
        close(fd);
        wait_no_children(f);
}

static void cgroups_are_used_where_they_are_delegated(void **state)
{
        Fixture *f = *state;
        LauncherStatus status;

        launcher_get_status(f->launcher, &status);
        assert_int_equal(status.cgroups, use_cgroups);
        assert_int_equal(status.cgroups_reason == NULL, use_cgroups);
        assert_int_equal(status.n_processes, 0);
}

static int run_all(void)
{
        const struct CMUnitTest tests[] = {
                fixture_test(a_tree_dies_with_daemons_and_sessions),
                fixture_test(what_a_server_leaves_behind_dies_after_it),
                fixture_test(a_process_that_ignores_a_signal_is_still_counted),
                fixture_test(the_tree_of_another_server_is_left_alone),
                fixture_test(a_process_that_nobody_launched_is_never_signalled),
                fixture_test(a_released_server_is_never_signalled),
                fixture_test(orphans_that_die_are_reaped),
                fixture_test(a_broker_that_comes_back_knows_the_tree),
                fixture_test(cgroups_are_used_where_they_are_delegated),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

static int read_text(const char *path, char *text, size_t size)
{
        FILE *file = fopen(path, "re");
        size_t n;

        if (!file)
                return -errno;
        n = fread(text, 1, size - 1, file);
        text[n] = '\0';
        fclose(file);
        return 0;
}

static int find_own_cgroup(char **ret_folder)
{
        char membership[4096], mounts[65536], *path = NULL;
        int r;

        r = read_text("/proc/self/cgroup", membership, sizeof membership);
        if (r >= 0)
                r = read_text("/proc/self/mountinfo", mounts, sizeof mounts);
        if (r >= 0)
                r = cgroup_parse_membership(membership, &path);
        if (r >= 0)
                r = cgroup_parse_mounts(mounts, path, ret_folder);
        free(path);
        return r;
}

/* As systemd starts a unit with Delegate=yes. */
static bool enter(const char *folder)
{
        char path[4096 + 16];
        FILE *procs;
        bool is_in;

        snprintf(path, sizeof path, "%s/cgroup.procs", folder);
        procs = fopen(path, "we");
        is_in = procs && fprintf(procs, "0") > 0 && fflush(procs) == 0;
        if (procs)
                fclose(procs);
        return is_in && setxattr(folder, "user.delegate", "1", 1, 0) >= 0;
}

static int skip_all(const char *reason)
{
        printf("1..0 # SKIP %s\n", reason);
        return 0;
}

/* Leaves nothing behind: a server's cgroup that is still there fails the test. */
static int run_in_delegated_cgroup(void)
{
        char *own = NULL, folder[4096], leaf[4096 + 16];
        int status, r;
        pid_t pid;

        if (find_own_cgroup(&own) < 0)
                return skip_all("no cgroups of version 2");
        r = snprintf(folder, sizeof folder, "%s/bgtask-test-%d", own, (int)getpid());
        free(own);
        if (r < 0 || r >= (int)sizeof folder || mkdir(folder, 0755) < 0)
                return skip_all("no right to make a cgroup");
        use_cgroups = true;
        pid = fork();
        if (pid == 0)
                exit(enter(folder) ? run_all() : skip_all("no right to enter a cgroup, or to mark it"));
        waitpid(pid, &status, 0);
        snprintf(leaf, sizeof leaf, "%s/broker", folder);
        (void)rmdir(leaf);
        if (rmdir(folder) < 0)
                perror(folder);
        return WIFEXITED(status) ? WEXITSTATUS(status) | (access(folder, F_OK) >= 0) : 1;
}

int main(int argc, char *argv[])
{
        return argc > 1 && strcmp(argv[1], "cgroup") == 0 ? run_in_delegated_cgroup() : run_all();
}
