/* SPDX-License-Identifier: MIT */

/* A confined process tries to get out. Skipped where the kernel gives us no namespaces. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "launcher/test-support.h"

static const char *escape_path(void)
{
        const char *path = getenv("BGTASK_TEST_ESCAPE");

        assert_non_null(path);
        return path;
}

static void make_file(const Fixture *f, const char *name, char *path, size_t size)
{
        int fd;

        snprintf(path, size, "%s/%s", f->folder, name);
        fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, "secret\n", 7), 7);
        close(fd);
}

static void make_folder(const Fixture *f, const char *name, char *path, size_t size)
{
        snprintf(path, size, "%s/%s", f->folder, name);
        assert_int_equal(mkdir(path, 0700), 0);
}

/* Starts a program that may see these paths beside its own executable. Skips the test if it cannot be confined. */
static Process *start(Fixture *f, const char *const *argv, const LaunchPath *paths, size_t n_paths, bool network)
{
        LaunchPath all[8] = { { .path = escape_path() } };
        LaunchConfinement confinement = { .paths = all, .n_paths = n_paths + 1, .network = network };
        LaunchSpec spec = { .executable = argv[0], .argv = (char *const *)argv, .confinement = &confinement };
        LaunchStep step = LAUNCH_STEP_PREPARE;
        Process *process = NULL;
        int r;

        assert_true(n_paths < ELEMENTSOF(all));
        if (n_paths > 0)
                memcpy(all + 1, paths, n_paths * sizeof *paths);
        spec.cwd = "/";
        r = try_spawn(f, &spec, &process, &step);
        if (r == -EPERM || r == -ENOSPC) {
                print_message("the kernel gives this user no namespaces (%s)\n", launch_step_to_string(step));
                skip();
        }
        assert_int_equal(r, 0);
        return process;
}

static const char *run(Fixture *f, const char *const *argv, const LaunchPath *paths, size_t n_paths, bool network)
{
        Process *process = start(f, argv, paths, n_paths, network);

        fixture_wait_ended(f, f->n_ended + 1);
        assert_int_equal(f->last.state, PROCESS_EXITED);
        process_free(process);
        return log_text(f, "server");
}

/* The same for a line of shell. */
static const char *run_shell(Fixture *f, const char *script, const LaunchPath *paths, size_t n_paths)
{
        return run(f, (const char *const[]){ "/bin/sh", "-c", script, NULL }, paths, n_paths, false);
}

#define assert_says(text, piece)                                                \
        do {                                                                    \
                if (!strstr(text, piece))                                       \
                        print_message("not found: %s in:\n%s\n", piece, text);  \
                assert_non_null(strstr(text, piece));                           \
        } while (0)

static void what_reaches_beyond_the_process_is_refused(void **state)
{
        static const char *const refused[] = {
                "mount: EPERM", "umount: EPERM", "chroot: EPERM", "setns: EPERM", "unshare: EPERM",
                "clone: EPERM", "clone3: ENOSYS", "ptrace: EPERM", "process_vm_readv: EPERM", "bpf: EPERM",
                "perf: EPERM", "keyctl: EPERM", "io_uring: EPERM", "userfaultfd: EPERM", "typing: EPERM",
                "packets: EAFNOSUPPORT", "vsock: EAFNOSUPPORT", "unix: done", "privileges: EINVAL",
                "pair of packets: EAFNOSUPPORT", "temporary file: done", "null: done", "private keys: ENOENT",
        };
        const char *text = run(*state, (const char *const[]){ escape_path(), NULL }, NULL, 0, true);

        for (size_t i = 0; i < ELEMENTSOF(refused); i++)
                assert_says(text, refused[i]);
        assert_says(text, "home: ENOENT");
        assert_says(text, "root's home: ENOENT");
        assert_null(strstr(text, "new file: done"));
        assert_null(strstr(text, "new root file: done"));
        assert_null(strstr(text, "null's mode: done"));
        assert_null(strstr(text, "output: E"));
        /* As root this is a way to have any program run outside. */
        assert_null(strstr(text, "kernel's settings: done"));
}

static void it_makes_no_file_that_others_could_run_in_its_name(void **state)
{
        static const char *const answers[] = {
                "ordinary mode: done", "as its owner: EPERM", "as its group: EPERM", "by name: EPERM",
                "by folder: EPERM", "by folder and flags: EPERM", "made so: EPERM", "nameless: EPERM",
                "not made: done", "fifo: EPERM", "openat2: ENOSYS",
        };
        const char *text = run(*state, (const char *const[]){ escape_path(), NULL }, NULL, 0, true);

        for (size_t i = 0; i < ELEMENTSOF(answers); i++)
                assert_says(text, answers[i]);
}

static void it_sees_what_it_was_given_and_nothing_beside_it(void **state)
{
        Fixture *f = *state;
        char given[128], secret[128], script[512];
        const char *text;

        make_file(f, "given", given, sizeof given);
        make_file(f, "other", secret, sizeof secret);
        snprintf(script, sizeof script, "echo files $(ls %s); echo root $(ls -A /); cat %s", f->folder, secret);
        text = run_shell(f, script, &(LaunchPath){ .path = given }, 1);
        assert_says(text, "files given\n");
        assert_says(text, "root bin dev etc ");
        assert_null(strstr(text, "home"));
        assert_null(strstr(text, "secret"));
}

static void a_path_is_writable_only_if_that_was_said(void **state)
{
        Fixture *f = *state;
        char kept[128], data[128], seen[160];
        const LaunchPath paths[] = { { .path = kept }, { .path = data, .seen_as = "/data", .writable = true } };
        const char *text;

        make_file(f, "kept", kept, sizeof kept);
        make_folder(f, "data", data, sizeof data);
        text = run(f, (const char *const[]){ escape_path(), "path", kept, NULL }, paths, 2, false);
        assert_says(text, "read: done\nwrite: E");
        run_shell(f, "echo from inside > /data/file", paths, 2);
        snprintf(seen, sizeof seen, "%s/file", data);
        assert_int_equal(access(seen, R_OK), 0);
        assert_int_equal(unlink(seen), 0);
        assert_int_equal(rmdir(data), 0);
}

static void it_sees_and_signals_no_process_but_its_own(void **state)
{
        char pid[16];
        const char *text;

        snprintf(pid, sizeof pid, "%d", (int)getpid());
        text = run(*state, (const char *const[]){ escape_path(), "signal", pid, NULL }, NULL, 0, false);
        assert_says(text, "signal: ESRCH");
        text = run_shell(*state, "echo I am $$", NULL, 0);
        assert_says(text, "I am 1\n");
}

static void it_has_no_privilege_and_gets_none(void **state)
{
        const char *text = run_shell(*state, "cat /proc/self/status 2>&1", NULL, 0);

        if (strstr(text, "No such file"))
                skip();
        assert_says(text, "CapEff:\t0000000000000000");
        assert_says(text, "CapPrm:\t0000000000000000");
        assert_says(text, "NoNewPrivs:\t1");
        assert_says(text, "Seccomp:\t2");
}

static void it_has_no_network_unless_it_was_given_one(void **state)
{
        static const char *const argv[] = { "/bin/sh", "-c", "echo $(cat /proc/net/dev | wc -l) lines", NULL };
        Fixture *f = *state;
        char script[64];
        const char *text;

        text = run(f, argv, NULL, 0, false);
        /* Two of headings, and a loopback that is down. */
        assert_says(text, "3 lines\n");
        snprintf(script, sizeof script, "readlink /proc/self/ns/net");
        text = run(f, (const char *const[]){ "/bin/sh", "-c", script, NULL }, NULL, 0, true);
        {
                char own[64] = "";

                assert_true(readlink("/proc/self/ns/net", own, sizeof own - 1) > 0);
                assert_says(text, own);
        }
}

static int listen_on(const char *name)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        strcpy(address.sun_path, name);
        if (name[0] == '@')
                address.sun_path[0] = '\0';
        assert_int_equal(bind(fd, (struct sockaddr *)&address,
                              (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))), 0);
        assert_int_equal(listen(fd, 5), 0);
        return fd;
}

static void it_reaches_no_socket_that_it_was_not_given(void **state)
{
        Fixture *f = *state;
        char path[100], name[100], folder[128], inside[160];
        int by_path, abstract, given;
        const char *text;

        /* Where nothing can be confined, the test ends here, before anything is open. */
        (void)run_shell(f, "true", NULL, 0);
        make_folder(f, "sockets", folder, sizeof folder);
        snprintf(inside, sizeof inside, "%s/s", folder);
        snprintf(path, sizeof path, "%s/socket", f->folder);
        snprintf(name, sizeof name, "@%s/socket", f->folder);
        by_path = listen_on(path);
        abstract = listen_on(name);
        given = listen_on(inside);
        text = run(f,
                   (const char *const[]){ escape_path(), "connect", path, "connect", name, "connect",
                                          "/run/bgtask/s", NULL },
                   &(LaunchPath){ .path = folder, .seen_as = "/run/bgtask", .writable = true }, 1, false);
        assert_says(text, "connect: ENOENT\nconnect: ECONNREFUSED\nconnect: done\n");
        close(by_path);
        close(abstract);
        close(given);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(unlink(inside), 0);
        assert_int_equal(rmdir(folder), 0);
}

static void its_end_is_told_as_of_any_other_and_its_children_end_with_it(void **state)
{
        Fixture *f = *state;
        Process *process;

        process = start(f, (const char *const[]){ "/bin/sh", "-c", "exit 3", NULL }, NULL, 0, false);
        fixture_wait_ended(f, 1);
        assert_int_equal(f->last.state, PROCESS_EXITED);
        assert_int_equal(f->last.value, 3);
        process_free(process);
        process = start(f, (const char *const[]){ "/bin/sh", "-c", "sleep 1000 & echo ready; wait", NULL }, NULL, 0,
                        false);
        fixture_wait_log(f, "server", "ready");
        assert_int_equal(process_signal_tree(process, 0), 2);
        /* The shell has no handler, and the kernel would drop it. */
        assert_true(process_signal_tree(process, SIGTERM) > 0);
        fixture_wait_ended(f, 2);
        assert_int_equal(f->last.value, SIGKILL);
        assert_int_equal(process_signal_tree(process, 0), 0);
        process_free(process);
}

static void a_path_that_is_not_there_fails_the_start_unless_it_is_optional(void **state)
{
        const LaunchConfinement relative = { .paths = &(LaunchPath){ .path = "folder" }, .n_paths = 1 };
        const LaunchConfinement missing = { .paths = &(LaunchPath){ .path = "/no/such" }, .n_paths = 1 };
        const LaunchConfinement root = { .paths = &(LaunchPath){ .path = "/" }, .n_paths = 1 };
        const LaunchPath through_link = { .path = "/etc/passwd", .seen_as = "/dev/fd/passwd" };
        const LaunchConfinement link = { .paths = &through_link, .n_paths = 1 };
        Process *process = NULL;
        LaunchStep step;

        assert_int_equal(try_spawn(*state, &(LaunchSpec){ .confinement = &missing }, &process, &step), -ENOENT);
        assert_int_equal(step, LAUNCH_STEP_CONFINE);
        assert_int_equal(try_spawn(*state, &(LaunchSpec){ .confinement = &relative }, &process, &step), -EINVAL);
        assert_int_equal(try_spawn(*state, &(LaunchSpec){ .confinement = &root }, &process, &step), -EINVAL);
        assert_int_equal(try_spawn(*state, &(LaunchSpec){ .confinement = &link }, &process, &step), -ELOOP);
        assert_says(run_shell(*state, "echo here", &(LaunchPath){ .path = "/no/such", .optional = true }, 1), "here");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                fixture_test(what_reaches_beyond_the_process_is_refused),
                fixture_test(it_makes_no_file_that_others_could_run_in_its_name),
                fixture_test(it_sees_what_it_was_given_and_nothing_beside_it),
                fixture_test(a_path_is_writable_only_if_that_was_said),
                fixture_test(it_sees_and_signals_no_process_but_its_own),
                fixture_test(it_has_no_privilege_and_gets_none),
                fixture_test(it_has_no_network_unless_it_was_given_one),
                fixture_test(it_reaches_no_socket_that_it_was_not_given),
                fixture_test(its_end_is_told_as_of_any_other_and_its_children_end_with_it),
                fixture_test(a_path_that_is_not_there_fails_the_start_unless_it_is_optional),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
