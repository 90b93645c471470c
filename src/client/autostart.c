/* SPDX-License-Identifier: MIT */

#include "client/autostart.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/macro.h"

/* These, and nothing else that happens to be in the caller's environment. */
static const char *const passed[] = { "HOME=", "USER=", "LOGNAME=", "PATH=", "LANG=", "XDG_", "BGTASK_" };
/* The machine's own broker has no session. */
static const char *const passed_to_user[] = { "DBUS_SESSION_BUS_ADDRESS=" };
/* What belongs to a server is not the broker's. */
static const char *const kept[] = { "BGTASK_FD=", "BGTASK_PACKAGE=", "BGTASK_LOCAL_FOLDER=" };

bool autostart_is_allowed(bool system)
{
        const char *value = getenv("BGTASK_AUTOSTART");

        return !(value && strcmp(value, "0") == 0) && (!system || geteuid() == 0);
}

const char *autostart_program(void)
{
        const char *program = getenv("BGTASK_BROKER");

        return program && program[0] == '/' ? program : BGTASK_BROKER_PATH;
}

static bool starts_with_one_of(const char *variable, const char *const *list, size_t n)
{
        for (size_t i = 0; i < n; i++)
                if (strncmp(variable, list[i], strlen(list[i])) == 0)
                        return true;
        return false;
}

/* The strings are borrowed. */
static char **clean_environment(bool system)
{
        size_t n = 0;
        char **list;

        while (environ && environ[n])
                n++;
        list = calloc(n + 1, sizeof *list);
        if (!list)
                return NULL;
        n = 0;
        for (char **i = environ; i && *i; i++)
                if ((starts_with_one_of(*i, passed, ELEMENTSOF(passed)) &&
                     !starts_with_one_of(*i, kept, ELEMENTSOF(kept))) ||
                    (!system && starts_with_one_of(*i, passed_to_user, ELEMENTSOF(passed_to_user))))
                        list[n++] = *i;
        return list;
}

static void close_all_but(int fd)
{
        if (fd > 3)
                (void)syscall(SYS_close_range, 3u, (unsigned)fd - 1, 0u);
        (void)syscall(SYS_close_range, (unsigned)MAX(fd + 1, 3), ~0u, 0u);
}

/* Nothing of the caller stays but one descriptor. Only what is safe in a signal handler: the caller had threads. */
static void leave_caller(int report)
{
        struct sigaction action = { .sa_handler = SIG_DFL };
        sigset_t none;
        int fd;

        for (int signal = 1; signal < NSIG; signal++)
                (void)sigaction(signal, &action, NULL);
        sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        fd = open("/dev/null", O_RDWR);
        for (int i = 0; i <= 2 && fd >= 0; i++)
                (void)dup2(fd, i);
        close_all_but(report);
        (void)!chdir("/");
}

/* In the grandchild. Reports failure and ends. */
static void become_broker(const char *program, char *const *argv, char *const *environment, int report)
{
        int error;

        leave_caller(report);
        (void)execve(program, argv, environment);
        error = errno;
        (void)!write(report, &error, sizeof error);
        _exit(127);
}

/* Twice, so that the broker is nobody's child here. */
static void fork_again(const char *program, char *const *argv, char *const *environment, int report)
{
        pid_t pid;
        int error;

        (void)setsid();
        pid = fork();
        if (pid == 0)
                become_broker(program, argv, environment, report);
        if (pid < 0) {
                error = errno;
                (void)!write(report, &error, sizeof error);
        }
        _exit(0);
}

/* A child that waits for systemctl, so that the caller's own handling of children does not matter. */
static void run_systemctl(const char *program, char *const *argv, char *const *environment, int report)
{
        int status = -1;
        pid_t pid;

        leave_caller(report);
        pid = fork();
        if (pid == 0) {
                (void)execvpe(program, argv, environment);
                _exit(127);
        }
        while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
                ;
        (void)!write(report, &status, sizeof status);
        _exit(0);
}

/* True if a service manager looks after the broker that answers at the usual place. */
static bool has_service_manager(bool system)
{
        const char *runtime = getenv("XDG_RUNTIME_DIR");
        char path[4096];
        int n;

        if (system)
                return access("/run/systemd/system", F_OK) == 0;
        if (getenv("BGTASK_BUS") || getenv("BGTASK_BROKER"))
                return false;
        if (runtime && runtime[0] == '/')
                n = snprintf(path, sizeof path, "%s/systemd/private", runtime);
        else
                n = snprintf(path, sizeof path, "/run/user/%u/systemd/private", (unsigned)geteuid());
        return n < (int)sizeof path && access(path, F_OK) == 0;
}

/* Forks a child that reports an int, and waits for it. 0 if it reported none, negative errno. */
static int fork_reporter(void (*run)(const char *, char *const *, char *const *, int), const char *program,
                         char *const *argv, char *const *environment, int *ret_report)
{
        _cleanup_(closep) int in = -1, out = -1;
        int fds[2];
        ssize_t n;
        pid_t pid;

        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        in = fds[0];
        out = fds[1];
        pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                run(program, argv, environment, out);
        out = safe_close(out);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
        do
                n = read(in, ret_report, sizeof *ret_report);
        while (n < 0 && errno == EINTR);
        return n == sizeof *ret_report;
}

/* The socket is enough: whoever connects to it starts the broker. Fails where the unit is not installed. */
static bool ask_service_manager(bool system, char *const *environment)
{
        char *const argv[] = { (char *)"systemctl", (char *)(system ? "--system" : "--user"), (char *)"start",
                               (char *)"bgtaskd.socket", NULL };
        int status = -1;

        return has_service_manager(system) &&
               fork_reporter(run_systemctl, argv[0], argv, environment, &status) > 0 && status == 0;
}

int autostart_run(bool system)
{
        char *const argv[] = { (char *)"bgtaskd", system ? (char *)"--system" : NULL, NULL };
        _cleanup_(freep) char **environment = clean_environment(system);
        int error = 0, r;

        if (!environment)
                return -ENOMEM;
        if (ask_service_manager(system, environment))
                return 0;
        r = fork_reporter(fork_again, autostart_program(), argv, environment, &error);
        return r > 0 ? -error : r;
}
