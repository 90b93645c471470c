/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "launcher/test-support.h"

static void assert_says(Fixture *f, const char *id, const char *line)
{
        const char *text = log_text(f, id), *at = text;
        size_t n = strlen(line);

        while ((at = strstr(at, line))) {
                if ((at == text || at[-1] == '\n') && at[n] == '\n')
                        return;
                at += n;
        }
        print_error("no line \"%s\" in:\n%s", line, text);
        fail();
}

static void the_environment_is_the_fixed_list_and_nothing_else(void **state)
{
        static const char *const names[] = { "HOME=", "USER=", "LOGNAME=", "SHELL=", "LANG=", "PATH=", "XDG_",
                                             "BGTASK_FD=3", "BGTASK_LOCAL_FOLDER=/x", "IMPORTED=a b" };
        static const char *const extra[] = { "BGTASK_LOCAL_FOLDER=/x", NULL };
        static const char *const argv[] = { "child", "environment", NULL };
        LaunchSpec spec = { .argv = (char *const *)argv, .environment = extra, .socket = true };
        Fixture *f = *state;
        Process *process;
        char *text, *save = NULL;
        size_t n = 0;

        setenv("SECRET_OF_WHO_STARTED_US", "1", 1);
        assert_int_equal(launcher_import_environment(f->launcher, "IMPORTED", "a b"), 0);
        assert_int_equal(launcher_import_environment(f->launcher, "BGTASK_FD", "0"), -EINVAL);
        assert_int_equal(try_spawn(f, &spec, &process, NULL), 0);
        fixture_wait_ended(f, 1);
        process_free(process);
        text = strdup(log_text(f, "server"));
        for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
                size_t i;

                for (i = 0; i < ELEMENTSOF(names); i++)
                        if (strncmp(line, names[i], strlen(names[i])) == 0)
                                break;
                if (i == ELEMENTSOF(names))
                        print_error("unexpected: %s\n", line);
                assert_true(i < ELEMENTSOF(names));
                n += strncmp(line, "XDG_", 4) != 0;
        }
        free(text);
        assert_int_equal(n, ELEMENTSOF(names) - 1);
        assert_says(f, "server", "BGTASK_FD=3");
        assert_says(f, "server", "IMPORTED=a b");
}

static void a_child_starts_clean(void **state)
{
        static const char *const argv[] = { "child", "facts", NULL };
        LaunchSpec spec = { .argv = (char *const *)argv, .cwd = "/usr", .socket = true, .limits.nofile = 77 };
        Fixture *f = *state;
        sigset_t mask, before;
        Process *process;
        int leaked;

        /* Descriptors without close-on-exec, ignored and blocked signals, an odd umask: none of it gets through. */
        fixture_stop(f);
        leaked = fcntl(STDERR_FILENO, F_DUPFD, 20);
        assert_true(leaked >= 0);
        signal(SIGPIPE, SIG_IGN);
        signal(SIGRTMIN + 3, SIG_IGN);
        fixture_start(f);
        signal(SIGTERM, SIG_IGN);
        sigemptyset(&mask);
        sigaddset(&mask, SIGUSR1);
        sigprocmask(SIG_BLOCK, &mask, &before);
        umask(0);
        assert_int_equal(try_spawn(f, &spec, &process, NULL), 0);
        umask(022);
        sigprocmask(SIG_SETMASK, NULL, &mask);
        assert_int_equal(sigismember(&mask, SIGUSR1), 1);
        assert_int_equal(sigismember(&mask, SIGTERM), 0);
        sigprocmask(SIG_SETMASK, &before, NULL);
        signal(SIGPIPE, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        signal(SIGRTMIN + 3, SIG_DFL);
        close(leaked);
        fixture_wait_ended(f, 1);
        process_free(process);
        assert_says(f, "server", "cwd /usr");
        assert_says(f, "server", "umask 022");
        assert_says(f, "server", "session own");
        assert_says(f, "server", "signals 0 not default, 0 blocked");
        assert_says(f, "server", "descriptors 0 1 2 3");
        assert_says(f, "server", "nofile 77");
}

static void a_command_starts_at_home_without_input(void **state)
{
        static const char *const argv[] = { "child", "facts", "stdin", NULL };
        LaunchSpec spec = { .argv = (char *const *)argv, .null_stdin = true };
        Fixture *f = *state;
        Process *process;
        char line[4096];

        snprintf(line, sizeof line, "cwd %s", launcher_get_environment(f->launcher, "HOME"));
        /* A user whose home does not exist cannot be in it. */
        if (access(line + strlen("cwd "), X_OK) < 0)
                snprintf(line, sizeof line, "cwd /");
        assert_int_equal(try_spawn(f, &spec, &process, NULL), 0);
        assert_int_equal(process_take_fd(process), -1);
        fixture_wait_ended(f, 1);
        process_free(process);
        assert_says(f, "server", line);
        assert_says(f, "server", "descriptors 0 1 2");
        assert_says(f, "server", "stdin device, ends");
}

static void the_input_of_a_server_never_ends(void **state)
{
        Fixture *f = *state;

        fixture_run(f, "server", "stdin");
        assert_says(f, "server", "stdin FIFO, does not end");
}

static void limits_and_priority_are_set(void **state)
{
        static const char *const argv[] = { "child", "facts", NULL };
        LaunchSpec spec = { .argv = (char *const *)argv,
                            .limits = { .memory_bytes = 64 << 20, .cpu_percent = 50, .low_priority = true } };
        Fixture *f = *state;
        Process *process;
        char nice_line[32];

        assert_int_equal(try_spawn(f, &spec, &process, NULL), 0);
        assert_int_equal(process_unenforced_limits(process), LIMIT_CPU);
        fixture_wait_ended(f, 1);
        process_free(process);
        assert_says(f, "server", "data 67108864");
        snprintf(nice_line, sizeof nice_line, "nice %d", MAX(10, getpriority(PRIO_PROCESS, 0)));
        assert_says(f, "server", nice_line);
}

static void a_failed_exec_is_reported_as_it_is(void **state)
{
        Fixture *f = *state;
        char path[256];
        Process *process = NULL;
        LaunchStep step = _LAUNCH_STEP_MAX;
        int fd, n_before;

        assert_int_equal(try_spawn(f, &(LaunchSpec){ .executable = "/nowhere/x" }, &process, &step), -ENOENT);
        n_before = count_descriptors();
        assert_int_equal(step, LAUNCH_STEP_EXEC);
        snprintf(path, sizeof path, "%s/text", f->folder);
        fd = open(path, O_CREAT | O_WRONLY, 0644);
        assert_int_equal(write(fd, "no program", 10), 10);
        assert_int_equal(try_spawn(f, &(LaunchSpec){ .executable = path }, &process, &step), -EACCES);
        assert_int_equal(fchmod(fd, 0755), 0);
        close(fd);
        assert_int_equal(try_spawn(f, &(LaunchSpec){ .executable = path }, &process, &step), -ENOEXEC);
        assert_int_equal(step, LAUNCH_STEP_EXEC);
        assert_int_equal(try_spawn(f, &(LaunchSpec){ .cwd = "/nowhere", .socket = true }, &process, &step), -ENOENT);
        assert_int_equal(step, LAUNCH_STEP_CHDIR);
        assert_string_equal(launch_step_to_string(step), "change to its folder");
        assert_null(process);
        assert_int_equal(count_descriptors(), n_before);
        /* And the child is no zombie. */
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
}

static void bad_specs_are_refused(void **state)
{
        static char *const no_argv[] = { NULL };
        Fixture *f = *state;
        Process *process = NULL, *other = NULL;

        assert_int_equal(try_spawn(f, &(LaunchSpec){ .id = "a/b" }, &process, NULL), -EINVAL);
        assert_int_equal(try_spawn(f, &(LaunchSpec){ .id = "" }, &process, NULL), -EINVAL);
        assert_int_equal(try_spawn(f, &(LaunchSpec){ .id = ".." }, &process, NULL), -EINVAL);
        assert_int_equal(try_spawn(f, &(LaunchSpec){ .executable = "true" }, &process, NULL), -EINVAL);
        assert_int_equal(try_spawn(f, &(LaunchSpec){ .argv = no_argv }, &process, NULL), -EINVAL);
        assert_int_equal(try_spawn(f, &(LaunchSpec){ .id = "a" }, &process, NULL), 0);
        assert_int_equal(try_spawn(f, &(LaunchSpec){ .id = "a" }, &other, NULL), -EEXIST);
        assert_null(other);
        fixture_wait_ended(f, 1);
        process_free(process);
}

static void the_end_is_told_with_its_reason(void **state)
{
        Fixture *f = *state;

        fixture_run(f, "server", "exit=7");
        assert_int_equal(f->last.state, PROCESS_EXITED);
        assert_int_equal(f->last.value, 7);
        assert_true(f->last.max_rss_bytes > 0);
        assert_string_equal(f->last_id, "server");
        fixture_run(f, "server", "kill=10");
        assert_int_equal(f->last.state, PROCESS_KILLED);
        assert_int_equal(f->last.value, SIGUSR1);
        assert_false(f->last.core_dumped);
}

static void what_is_written_last_is_logged_before_the_end_is_told(void **state)
{
        Fixture *f = *state;

        fixture_run(f, "a", "mutter=last words");
        assert_string_equal(log_text(f, "a"), "last words");
        /* More than is read in one round, and less than the FIFO holds. */
        f->measures_log = true;
        fixture_run(f, "b", "write=60000");
        assert_int_equal(f->n_logged, 60000);
}

static void much_output_passes_and_its_log_is_bounded(void **state)
{
        struct stat now = { 0 }, older = { 0 };
        Fixture *f = *state;
        char path[256];

        fixture_run(f, "server", "write=10000000");
        assert_int_equal(f->last.state, PROCESS_EXITED);
        snprintf(path, sizeof path, "%s/server.log", f->logs);
        assert_int_equal(stat(path, &now), 0);
        snprintf(path, sizeof path, "%s/server.log.1", f->logs);
        assert_int_equal(stat(path, &older), 0);
        assert_true(now.st_size + older.st_size <= 1024 * 1024);
        assert_true(now.st_size + older.st_size >= 512 * 1024);
}

static void output_of_a_moment_can_be_drained_at_once(void **state)
{
        Fixture *f = *state;
        Process *process = fixture_spawn(f, "server", "serve");
        int fd = process_take_fd(process);

        assert_string_equal(ask(fd, "say hello"), "ok");
        assert_string_equal(log_text(f, "server"), "");
        process_drain_output(process);
        assert_string_equal(log_text(f, "server"), "hello\n");
        assert_int_equal(process_signal_tree(process, SIGKILL), 1);
        fixture_wait_ended(f, 1);
        process_free(process);
        close(fd);
}

static void a_runtime_folder_that_was_cleaned_is_filled_again(void **state)
{
        Fixture *f = *state;
        char spare[256];

        snprintf(spare, sizeof spare, "%s/servers/.spare", f->runtime);
        assert_int_equal(unlink(spare), 0);
        fixture_run(f, "server", "say=hello");
        assert_string_equal(log_text(f, "server"), "hello\n");
}

static void many_spawns_leak_nothing(void **state)
{
        Fixture *f = *state;
        int n_before = count_descriptors();

        for (int i = 0; i < 200; i++)
                fixture_run(f, "server", "say=x");
        assert_int_equal(f->n_ended, 200);
        /* The last spares may still have to be made. */
        assert_true(count_descriptors() <= n_before);
}

static void a_traced_process_is_seen(void **state)
{
        Fixture *f = *state;
        Process *process = fixture_spawn(f, "server", "serve");
        int fd = process_take_fd(process), status;

        assert_string_equal(ask(fd, "be traceable"), "ok");
        assert_int_equal(process_is_traced(process), 0);
        if (ptrace(PTRACE_SEIZE, process_pid(process), NULL, NULL) < 0) {
                print_message("ptrace is not allowed here\n");
        } else {
                assert_int_equal(process_is_traced(process), 1);
                assert_int_equal(ptrace(PTRACE_INTERRUPT, process_pid(process), NULL, NULL), 0);
                assert_int_equal(waitpid(process_pid(process), &status, __WALL), process_pid(process));
                assert_int_equal(ptrace(PTRACE_DETACH, process_pid(process), NULL, NULL), 0);
                assert_int_equal(process_is_traced(process), 0);
        }
        assert_int_equal(process_signal_tree(process, SIGKILL), 1);
        fixture_wait_ended(f, 1);
        assert_int_equal(process_is_traced(process), -ESRCH);
        process_free(process);
        close(fd);
}

static void who_is_traced_by_its_own_child_is_not_being_debugged(void **state)
{
        Fixture *f = *state;
        Process *process = fixture_spawn(f, "server", "serve");
        int fd = process_take_fd(process);
        bool allowed = strcmp(ask(fd, "be traced by a child"), "0") == 0;

        if (allowed)
                assert_int_equal(process_is_traced(process), 0);
        else
                print_message("ptrace is not allowed here\n");
        assert_int_equal(process_signal_tree(process, SIGKILL), 2);
        fixture_wait_ended(f, 1);
        process_free(process);
        close(fd);
}

/* Looking needs a descriptor, too. */
static int count_descriptors_beyond(int resource, struct rlimit limit)
{
        struct rlimit raised = { limit.rlim_max, limit.rlim_max };
        int n;

        (void)setrlimit(resource, &raised);
        n = count_descriptors();
        (void)setrlimit(resource, &limit);
        return n;
}

static _Noreturn void spawn_with_limit(Fixture *f, int resource, rlim_t n)
{
        struct rlimit limit = { n, n };
        Process *process = NULL;
        int r, n_first;

        if (resource == RLIMIT_NOFILE) {
                /* None is free below, so that the limit says exactly how many more there are. */
                while (dup(STDERR_FILENO) < 30)
                        ;
                limit.rlim_cur = 31 + n;
                limit.rlim_max = 64;
        } else if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
                _exit(100);
        if (setrlimit(resource, &limit) < 0)
                _exit(101);
        r = try_spawn(f, &(LaunchSpec){ .socket = true }, &process, NULL);
        if (r >= 0)
                _exit(0);
        /* The first uses up what lay ready, the second makes of it what it can; from then on nothing may change. */
        (void)try_spawn(f, &(LaunchSpec){ .socket = true }, &process, NULL);
        n_first = count_descriptors_beyond(resource, limit);
        if (try_spawn(f, &(LaunchSpec){ .socket = true }, &process, NULL) != r)
                _exit(102);
        _exit(count_descriptors_beyond(resource, limit) != n_first ? 103 : -r);
}

static int spawn_in_child_with_limit(Fixture *f, int resource, rlim_t n)
{
        pid_t pid;
        int status;

        pid = fork();
        if (pid == 0)
                spawn_with_limit(f, resource, n);
        waitpid(pid, &status, 0);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void without_descriptors_nothing_starts_and_nothing_leaks(void **state)
{
        Fixture *f = *state;
        char servers[256];

        snprintf(servers, sizeof servers, "%s/servers", f->runtime);
        /* A socket pair and a pidfd: the rest lies ready. */
        for (rlim_t n = 0; n < 3; n++) {
                assert_int_equal(spawn_in_child_with_limit(f, RLIMIT_NOFILE, n), EMFILE);
                assert_int_equal(count_entries(servers), 0);
        }
        assert_int_equal(spawn_in_child_with_limit(f, RLIMIT_NOFILE, 8), 0);
}

static void without_processes_nothing_starts(void **state)
{
        Fixture *f = *state;
        char servers[256];

        snprintf(servers, sizeof servers, "%s/servers", f->runtime);
        /* Root has no such limit: the child becomes somebody else, who needs the folders. */
        if (geteuid() == 0) {
                assert_int_equal(chown(servers, 65534, 65534), 0);
                assert_int_equal(chmod(f->folder, 0755), 0);
                assert_int_equal(chmod(f->runtime, 0755), 0);
        }
        assert_int_equal(spawn_in_child_with_limit(f, RLIMIT_NPROC, 0), EAGAIN);
        assert_int_equal(count_entries(servers), 0);
}

static void executables_are_found_as_a_shell_finds_them(void **state)
{
        Fixture *f = *state;
        char *path = NULL;

        assert_int_equal(launcher_find_executable(f->launcher, "sh", NULL, &path), 0);
        assert_true(path[0] == '/' && strcmp(strrchr(path, '/'), "/sh") == 0);
        free(path);
        assert_int_equal(launcher_find_executable(f->launcher, "bin/sh", "/", &path), 0);
        assert_int_equal(access(path, X_OK), 0);
        free(path);
        assert_int_equal(launcher_find_executable(f->launcher, "/bin/sh", NULL, &path), 0);
        assert_string_equal(path, "/bin/sh");
        free(path);
        assert_int_equal(launcher_find_executable(f->launcher, "no-such-program", NULL, &path), -ENOENT);
        assert_int_equal(launcher_find_executable(f->launcher, "/etc/passwd", NULL, &path), -EACCES);
        assert_int_equal(launcher_find_executable(f->launcher, "/etc", NULL, &path), -EACCES);
        assert_int_equal(launcher_find_executable(f->launcher, "", NULL, &path), -ENOENT);
}

static void two_reapers_in_a_process_are_refused(void **state)
{
        Fixture *f = *state;
        Launcher *other = NULL;
        LauncherStatus status;

        assert_int_equal(launcher_new(&f->loop, &f->config, &other), -EBUSY);
        launcher_get_status(f->launcher, &status);
        assert_true(status.subreaper);
        assert_false(status.cgroups);
        assert_non_null(status.cgroups_reason);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                fixture_test(the_environment_is_the_fixed_list_and_nothing_else),
                fixture_test(a_child_starts_clean),
                fixture_test(a_command_starts_at_home_without_input),
                fixture_test(the_input_of_a_server_never_ends),
                fixture_test(limits_and_priority_are_set),
                fixture_test(a_failed_exec_is_reported_as_it_is),
                fixture_test(bad_specs_are_refused),
                fixture_test(the_end_is_told_with_its_reason),
                fixture_test(what_is_written_last_is_logged_before_the_end_is_told),
                fixture_test(much_output_passes_and_its_log_is_bounded),
                fixture_test(output_of_a_moment_can_be_drained_at_once),
                fixture_test(a_runtime_folder_that_was_cleaned_is_filled_again),
                fixture_test(many_spawns_leak_nothing),
                fixture_test(a_traced_process_is_seen),
                fixture_test(who_is_traced_by_its_own_child_is_not_being_debugged),
                fixture_test(without_descriptors_nothing_starts_and_nothing_leaks),
                fixture_test(without_processes_nothing_starts),
                fixture_test(executables_are_found_as_a_shell_finds_them),
                fixture_test(two_reapers_in_a_process_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
