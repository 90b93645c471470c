/* SPDX-License-Identifier: MIT */

#include "testkit/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "base/macro.h"

#define START_USEC (60 * USEC_PER_SEC)
#define END_MSEC 30000
#define PATH_SIZE 256

extern char **environ;

/* What a broker needs of the caller's environment, and how sanitizers are told what to do. */
static const char *const passed[] = { "PATH=", "LANG=", "TZ=", "ASAN_OPTIONS=", "LSAN_OPTIONS=", "TSAN_OPTIONS=",
                                      "UBSAN_OPTIONS=", "LD_LIBRARY_PATH=" };

#define N_OWN 7

typedef struct Environment {
        char own[N_OWN][PATH_SIZE];
        char *list[N_OWN + ELEMENTSOF(passed) + 1];
} Environment;

static void environment_init(Environment *e, const char *folder)
{
        static const char *const formats[N_OWN] = {
                "HOME=%s/home", "BGTASK_BUS=%s/run/bus", "BGTASK_AUTOSTART=0", "NOTIFY_SOCKET=%s/notify",
                "XDG_DATA_HOME=%s/data", "XDG_RUNTIME_DIR=%s", "XDG_STATE_HOME=%s/xdg-state",
        };
        size_t n = 0;

        for (; n < N_OWN; n++) {
                /* The third has no folder in it, and takes none. */
                (void)snprintf(e->own[n], sizeof e->own[n], formats[n], folder);
                e->list[n] = e->own[n];
        }
        for (size_t i = 0; i < ELEMENTSOF(passed); i++)
                for (char **v = environ; *v; v++)
                        if (strncmp(*v, passed[i], strlen(passed[i])) == 0) {
                                e->list[n++] = *v;
                                break;
                        }
        e->list[n] = NULL;
}

/* The socket where the broker says that it is ready. */
static int listen_for_ready(const char *folder)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_(closep) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0)
                return -errno;
        (void)snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", folder);
        (void)unlink(address.sun_path);
        if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* 1: it says that it is ready; 0: it says something else. */
static int read_notice(int fd)
{
        char text[4096];
        ssize_t n = recv(fd, text, sizeof text - 1, 0);

        if (n <= 0)
                return 0;
        text[n] = '\0';
        return strncmp(text, "READY=1", 7) == 0 || strstr(text, "\nREADY=1") != NULL;
}

static int wait_ready(pid_t pid, int notify_fd)
{
        _cleanup_(closep) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        struct pollfd fds[] = { { notify_fd, POLLIN, 0 }, { pidfd, POLLIN, 0 } };
        uint64_t end = usec_add(clock_now_usec(CLOCK_MONOTONIC), START_USEC);

        if (pidfd < 0)
                return -errno;
        while (clock_now_usec(CLOCK_MONOTONIC) < end) {
                if (poll(fds, ELEMENTSOF(fds), 1000) < 0 && errno != EINTR)
                        return -errno;
                if (fds[0].revents & POLLIN && read_notice(notify_fd) > 0)
                        return 0;
                if (fds[1].revents & POLLIN)
                        return -ECHILD;
        }
        return -ETIMEDOUT;
}

static int spawn(const char *program, const char *folder, const char *boot_id, int log_fd, pid_t *ret_pid)
{
        char state[PATH_SIZE], runtime[PATH_SIZE];
        char *argv[] = { (char *)program, (char *)"--test-clock", (char *)"--boot-id", (char *)boot_id,
                         (char *)"--state", state, (char *)"--runtime", runtime, NULL };
        posix_spawn_file_actions_t actions;
        posix_spawnattr_t attributes;
        Environment environment;
        int r;

        (void)snprintf(state, sizeof state, "%s/state", folder);
        (void)snprintf(runtime, sizeof runtime, "%s/run", folder);
        environment_init(&environment, folder);
        posix_spawn_file_actions_init(&actions);
        posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
        posix_spawn_file_actions_adddup2(&actions, log_fd, STDOUT_FILENO);
        posix_spawn_file_actions_adddup2(&actions, log_fd, STDERR_FILENO);
        posix_spawnattr_init(&attributes);
        posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
        r = posix_spawn(ret_pid, program, &actions, &attributes, argv, environment.list);
        posix_spawnattr_destroy(&attributes);
        posix_spawn_file_actions_destroy(&actions);
        return -r;
}

int process_start(const char *program, const char *folder, const char *boot_id, int log_fd, pid_t *ret_pid)
{
        _cleanup_(closep) int notify_fd = listen_for_ready(folder);
        pid_t pid;
        int r;

        if (notify_fd < 0)
                return notify_fd;
        r = spawn(program, folder, boot_id, log_fd, &pid);
        if (r < 0)
                return r;
        r = wait_ready(pid, notify_fd);
        if (r < 0) {
                process_end(pid, SIGKILL);
                return r;
        }
        *ret_pid = pid;
        return 0;
}

void process_end(pid_t pid, int signal)
{
        (void)kill(pid, signal);
        if (signal != SIGKILL && !process_wait_gone(pid, END_MSEC))
                (void)kill(pid, SIGKILL);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
}

bool process_wait_gone(pid_t pid, int timeout_msec)
{
        _cleanup_(closep) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
        struct pollfd p = { pidfd, POLLIN, 0 };

        return pidfd < 0 || poll(&p, 1, timeout_msec) > 0;
}

/* The environment with which a process was started, which is text with zeros in between. */
static bool was_started_with(const char *pid, const char *mark)
{
        _cleanup_(fclosep) FILE *file = NULL;
        _cleanup_(freep) char *line = NULL;
        char path[64];
        size_t size = 0;

        (void)snprintf(path, sizeof path, "/proc/%.20s/environ", pid);
        file = fopen(path, "re");
        while (file && getdelim(&line, &size, '\0', file) > 0)
                if (strstr(line, mark))
                        return true;
        return false;
}

void process_each(const char *mark, pid_t except, void (*f)(pid_t pid, void *userdata), void *userdata)
{
        DIR *dir = opendir("/proc");
        struct dirent *entry;

        if (!dir)
                return;
        while ((entry = readdir(dir))) {
                pid_t pid = (pid_t)atol(entry->d_name);

                if (pid > 0 && pid != except && pid != getpid() && was_started_with(entry->d_name, mark))
                        f(pid, userdata);
        }
        closedir(dir);
}
