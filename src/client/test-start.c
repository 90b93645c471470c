/* SPDX-License-Identifier: MIT */

/* Starting a broker: the program is a script that notes what it was given, and then lets a broker appear. */

#include "client/test-broker.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static FakeBroker *f;
static char script[128], notes[128];

static void write_script(void)
{
        FILE *file = fopen(script, "w");

        assert_non_null(file);
        fprintf(file,
                "#!/bin/sh\n"
                "{ echo \"args $*\"; env; ls -l /proc/$$/fd; echo cwd $(pwd)\n"
                "  echo session $(cut -d' ' -f6 /proc/$$/stat) $$ parent $PPID; } > %s/new\n"
                "mv %s/new %s\n"
                "if [ -d %s/bgtask ]; then mv %s/hidden %s/bgtask/bus; else mv %s/hidden %s/bus; fi\n",
                fake_folder(f), fake_folder(f), notes, fake_folder(f), fake_folder(f), fake_folder(f), fake_folder(f),
                fake_folder(f));
        assert_int_equal(fclose(file), 0);
        assert_int_equal(chmod(script, 0700), 0);
}

static int set_up(void **state)
{
        char bus[128], hidden[128];

        f = fake_new();
        snprintf(script, sizeof script, "%s/broker", fake_folder(f));
        snprintf(notes, sizeof notes, "%s/notes", fake_folder(f));
        snprintf(bus, sizeof bus, "%s/bus", fake_folder(f));
        snprintf(hidden, sizeof hidden, "%s/hidden", fake_folder(f));
        write_script();
        assert_int_equal(rename(bus, hidden), 0);
        unsetenv("BGTASK_AUTOSTART");
        setenv("BGTASK_BROKER", script, 1);
        return 0;
}

static int tear_down(void **state)
{
        unsetenv("BGTASK_BROKER");
        unsetenv("XDG_RUNTIME_DIR");
        setenv("PATH", "/usr/bin:/bin", 1);
        fake_free(f);
        return 0;
}

static char text[16384];

static bool noted(const char *what)
{
        return strstr(text, what) != NULL;
}

static void read_notes(void)
{
        FILE *file = fopen(notes, "r");

        assert_non_null(file);
        text[fread(text, 1, sizeof text - 1, file)] = '\0';
        fclose(file);
}

static void a_broker_is_started_with_nothing_of_the_caller(void **state)
{
        int fd = open("/dev/null", O_RDONLY), leaked = dup2(fd, 17), session, pid;
        const char *line;
        bgt *b;

        setenv("SECRET", "of the caller", 1);
        setenv("BGTASK_PACKAGE", PACKAGE_1, 1);
        setenv("XDG_SOMETHING", "passed", 1);
        setenv("DBUS_SESSION_BUS_ADDRESS", "unix:abstract=mine", 1);
        assert_int_equal(bgt_open("App_x", 0, &b), 0);
        bgt_close(b);
        read_notes();
        assert_true(noted("args \n"));
        assert_true(noted("cwd /\n"));
        assert_true(noted("XDG_SOMETHING=passed"));
        assert_true(noted("BGTASK_BUS="));
        assert_true(noted("DBUS_SESSION_BUS_ADDRESS=unix:abstract=mine\n"));
        assert_false(noted("BGTASK_PACKAGE="));
        assert_false(noted("SECRET="));
        assert_false(noted(" 17 -> "));
        assert_true(noted("0 -> /dev/null"));
        assert_true(noted("2 -> /dev/null"));
        line = strstr(text, "session ");
        assert_non_null(line);
        assert_int_equal(sscanf(line, "session %d %d", &session, &pid), 2);
        /* In a session whose leader is gone, and nobody's child here. */
        assert_int_not_equal(session, getsid(0));
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
        unsetenv("SECRET");
        unsetenv("XDG_SOMETHING");
        unsetenv("DBUS_SESSION_BUS_ADDRESS");
        unsetenv("BGTASK_PACKAGE");
        close(leaked);
        close(fd);
}

static void no_broker_is_started_where_that_is_forbidden(void **state)
{
        bgt *b;

        assert_int_equal(bgt_open("App_x", BGT_NO_AUTOSTART, &b), -ECONNREFUSED);
        setenv("BGTASK_AUTOSTART", "0", 1);
        assert_int_equal(bgt_open("App_x", 0, &b), -ECONNREFUSED);
        assert_int_not_equal(access(notes, F_OK), 0);
}

/* The runtime folder as a service manager keeps it, whose client is a script that lets a broker appear. */
static void pretend_service_manager(const char *verdict)
{
        char path[512];
        FILE *file;

        unsetenv("BGTASK_BUS");
        unsetenv("BGTASK_BROKER");
        setenv("XDG_RUNTIME_DIR", fake_folder(f), 1);
        snprintf(path, sizeof path, "%s:/usr/bin:/bin", fake_folder(f));
        setenv("PATH", path, 1);
        snprintf(path, sizeof path, "%s/systemd", fake_folder(f));
        assert_int_equal(mkdir(path, 0700), 0);
        snprintf(path, sizeof path, "%s/systemd/private", fake_folder(f));
        file = fopen(path, "w");
        assert_non_null(file);
        assert_int_equal(fclose(file), 0);
        snprintf(path, sizeof path, "%s/bgtask", fake_folder(f));
        assert_int_equal(mkdir(path, 0700), 0);
        snprintf(path, sizeof path, "%s/systemctl", fake_folder(f));
        file = fopen(path, "w");
        assert_non_null(file);
        fprintf(file, "#!/bin/sh\n{ echo \"args $*\"; env; } > %s\n%s\n", notes, verdict);
        assert_int_equal(fclose(file), 0);
        assert_int_equal(chmod(path, 0700), 0);
}

static void where_a_service_manager_runs_it_is_asked(void **state)
{
        char verdict[300];
        bgt *b;

        snprintf(verdict, sizeof verdict, "mv %s/hidden %s/bgtask/bus", fake_folder(f), fake_folder(f));
        pretend_service_manager(verdict);
        setenv("SECRET", "of the caller", 1);
        assert_int_equal(bgt_open("App_x", 0, &b), 0);
        bgt_close(b);
        unsetenv("SECRET");
        read_notes();
        assert_true(noted("args --user start bgtaskd.socket\n"));
        assert_false(noted("SECRET="));
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
}

static void no_service_manager_is_asked_for_a_broker_that_the_user_named(void **state)
{
        bgt *b;

        pretend_service_manager("exit 1");
        setenv("BGTASK_BROKER", script, 1);
        assert_int_equal(bgt_open("App_x", 0, &b), 0);
        bgt_close(b);
        read_notes();
        assert_true(noted("args \n"));
}

static void without_threads_a_broker_is_started_too(void **state)
{
        bgt *b;

        assert_int_equal(bgt_open("App_x", BGT_NO_THREADS, &b), 0);
        bgt_close(b);
}

static unsigned count_threads(void)
{
        DIR *dir = opendir("/proc/self/task");
        unsigned n = 0;

        while (readdir(dir))
                n++;
        closedir(dir);
        return n - 2;
}

static int run(bgt_instance *instance, void *object)
{
        return 0;
}

static void *register_class(void *userdata)
{
        static const bgt_class class_ = { .size = sizeof class_, .run = run };

        (void)bgt_server_register_class(NULL, CLSID_1, BGT_REGCLS_MULTIPLEUSE, &class_, NULL, NULL);
        return NULL;
}

static int n_readable(int fd)
{
        int n = 0;

        assert_int_equal(ioctl(fd, FIONREAD, &n), 0);
        return n;
}

static void a_cold_start_says_who_it_is_and_what_it_serves_at_once(void **state)
{
        FakeBroker *broker = fake_new();
        char number[16], message[4096];
        unsigned n_threads = count_threads();
        pthread_t thread;
        struct pollfd p;
        int pair[2];
        ssize_t n;
        bgt *b;

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
        snprintf(number, sizeof number, "%d", pair[0]);
        setenv("BGTASK_FD", number, 1);
        assert_int_equal(bgt_open(NULL, 0, &b), 0);
        assert_int_equal(count_threads(), n_threads);
        assert_int_equal(n_readable(pair[1]), 0);
        assert_int_equal(pthread_create(&thread, NULL, register_class, NULL), 0);
        p = (struct pollfd){ .fd = pair[1], .events = POLLIN };
        assert_int_equal(poll(&p, 1, 10000), 1);
        n = recv(pair[1], message, sizeof message, MSG_DONTWAIT);
        assert_true(n > 0);
        assert_non_null(memmem(message, (size_t)n, "Attach", 6));
        assert_non_null(memmem(message, (size_t)n, "RegisterClass", 13));
        /* What was asked of a broker that is gone is asked of the next one. */
        close(pair[1]);
        fake_wait(broker, "RegisterClass");
        assert_int_equal(pthread_join(thread, NULL), 0);
        bgt_close(b);
        fake_free(broker);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                cmocka_unit_test(a_cold_start_says_who_it_is_and_what_it_serves_at_once),
                T(a_broker_is_started_with_nothing_of_the_caller),
                T(no_broker_is_started_where_that_is_forbidden),
                T(where_a_service_manager_runs_it_is_asked),
                T(no_service_manager_is_asked_for_a_broker_that_the_user_named),
                T(without_threads_a_broker_is_started_too),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
