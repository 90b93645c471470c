/* SPDX-License-Identifier: MIT */

#include "broker/paths.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>

static char *join(const char *format, ...) _printf_(1, 2);

static char *join(const char *format, ...)
{
        va_list args;
        char *text;
        int n;

        va_start(args, format);
        n = vasprintf(&text, format, args);
        va_end(args);
        return n < 0 ? NULL : text;
}

static int complain(int error, const char *what, const char *path)
{
        fprintf(stderr, "bgtaskd: %s %s: %s\n", what, path, strerror(-error));
        return error;
}

int paths_make_folder(const char *path)
{
        _cleanup_(freep) char *copy = strdup(path);
        struct stat st;

        if (!copy)
                return -ENOMEM;
        for (char *p = copy + 1; *p; p++) {
                if (*p != '/')
                        continue;
                *p = '\0';
                if (mkdir(copy, 0755) < 0 && errno != EEXIST)
                        return complain(-errno, "cannot make the folder", copy);
                *p = '/';
        }
        if (mkdir(path, 0700) < 0 && errno != EEXIST)
                return complain(-errno, "cannot make the folder", path);
        if (lstat(path, &st) < 0)
                return complain(-errno, "cannot look at", path);
        if (!S_ISDIR(st.st_mode))
                return complain(-ENOTDIR, "cannot use", path);
        if (st.st_uid != geteuid()) {
                fprintf(stderr, "bgtaskd: the folder %s belongs to uid %u, not to us: choose another or remove it\n",
                        path, (unsigned)st.st_uid);
                return -EPERM;
        }
        if ((st.st_mode & 077) && chmod(path, 0700) < 0)
                return complain(-errno, "cannot keep others out of", path);
        return 0;
}

static const char *home(void)
{
        const char *env = getenv("HOME");
        const struct passwd *user;

        if (env && env[0] == '/')
                return env;
        user = getpwuid(getuid());
        return user ? user->pw_dir : "/";
}

/* An XDG folder: the variable if it is an absolute path, else below HOME. */
static char *xdg(const char *variable, const char *fallback)
{
        const char *env = getenv(variable);

        return env && env[0] == '/' ? join("%s/bgtask", env) : join("%s/%s/bgtask", home(), fallback);
}

static int default_runtime(bool system, char **ret)
{
        _cleanup_(freep) char *run_user = join("/run/user/%u", (unsigned)getuid());
        _cleanup_(freep) char *tmp = join("/tmp/bgtask-%u", (unsigned)getuid());
        const char *env = getenv("XDG_RUNTIME_DIR");
        struct stat st;
        int r;

        if (!run_user || !tmp)
                return -ENOMEM;
        if (system) {
                *ret = strdup("/run/bgtask");
        } else if (env && env[0] == '/') {
                *ret = join("%s/bgtask", env);
        } else if (stat(run_user, &st) == 0 && st.st_uid == getuid()) {
                *ret = join("%s/bgtask", run_user);
        } else {
                /* /tmp is everybody's: what stands in for XDG_RUNTIME_DIR must be ours alone. */
                r = paths_make_folder(tmp);
                if (r < 0)
                        return r;
                *ret = join("%s/bgtask", tmp);
        }
        return *ret ? 0 : -ENOMEM;
}

/* Homes are shared between machines, states are not: one folder for each machine id. */
static char *default_state(bool system)
{
        _cleanup_(freep) char *base = system ? strdup("/var/lib/bgtask") : xdg("XDG_STATE_HOME", ".local/state");
        _cleanup_(fclosep) FILE *f = NULL;
        char id[33] = "unknown-machine";

        f = fopen("/etc/machine-id", "re");
        if (f && (!fgets(id, sizeof id, f) || strlen(id) != 32 || strspn(id, "0123456789abcdef") != 32))
                strcpy(id, "unknown-machine");
        return base ? join("%s/%s", base, id) : NULL;
}

static char *absolute(const char *path)
{
        _cleanup_(freep) char *cwd = NULL;

        if (path[0] == '/')
                return strdup(path);
        cwd = getcwd(NULL, 0);
        return cwd ? join("%s/%s", cwd, path) : NULL;
}

int paths_init(Paths *paths, const PathOptions *options)
{
        int r = 0;

        *paths = (Paths){ 0 };
        if (options->runtime)
                paths->runtime = absolute(options->runtime);
        else
                r = default_runtime(options->system, &paths->runtime);
        if (r < 0)
                return r;
        paths->state = options->state ? absolute(options->state) : default_state(options->system);
        paths->data = options->system ? strdup("/var/lib/bgtask/data") : xdg("XDG_DATA_HOME", ".local/share");
        if (paths->runtime && paths->state) {
                paths->bus = join("%s/bus", paths->runtime);
                paths->ledger = join("%s/ledger", paths->runtime);
                paths->logs = join("%s/logs", paths->state);
        }
        if (!paths->bus || !paths->ledger || !paths->logs || !paths->data)
                return complain(-ENOMEM, "cannot name the folders of", "the broker");
        if (strlen(paths->bus) >= sizeof(((struct sockaddr_un *)NULL)->sun_path)) {
                fprintf(stderr,
                        "bgtaskd: the socket path %s is longer than the %zu bytes that an address holds: give a "
                        "shorter --runtime or XDG_RUNTIME_DIR\n",
                        paths->bus, sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
                return -ENAMETOOLONG;
        }
        r = paths_make_folder(paths->runtime);
        if (r >= 0)
                r = paths_make_folder(paths->state);
        if (r >= 0)
                r = paths_make_folder(paths->logs);
        return r;
}

void paths_done(Paths *paths)
{
        free(paths->runtime);
        free(paths->bus);
        free(paths->ledger);
        free(paths->state);
        free(paths->logs);
        free(paths->data);
        *paths = (Paths){ 0 };
}

static int open_lock(const char *folder)
{
        _cleanup_(freep) char *path = join("%s/lock", folder);
        int fd;

        if (!path)
                return -ENOMEM;
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        return fd < 0 ? complain(-errno, "cannot open the lock", path) : fd;
}

/* 1: another broker has it. */
static int lock_folder(const char *folder, int *ret_fd)
{
        _cleanup_(closep) int fd = open_lock(folder);

        if (fd < 0)
                return fd;
        if (flock(fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? 1 : complain(-errno, "cannot lock", folder);
        *ret_fd = TAKE_FD(fd);
        return 0;
}

int paths_lock(const Paths *paths, int ret_fds[static 2])
{
        _cleanup_(closep) int state = -1, runtime = -1;
        int r, q;

        r = lock_folder(paths->state, &state);
        if (r < 0)
                return r;
        q = lock_folder(paths->runtime, &runtime);
        if (q < 0)
                return q;
        if (r > 0 || q > 0)
                return (r > 0 ? PATHS_STATE_HELD : 0) | (q > 0 ? PATHS_RUNTIME_HELD : 0);
        /* Only who is to take over from us reads it. */
        if (ftruncate(runtime, 0) < 0 || dprintf(runtime, "%d\n", (int)getpid()) < 0)
                return complain(-errno, "cannot write the lock of", paths->runtime);
        ret_fds[0] = TAKE_FD(state);
        ret_fds[1] = TAKE_FD(runtime);
        return 0;
}

pid_t paths_lock_holder(const Paths *paths)
{
        _cleanup_(closep) int fd = open_lock(paths->runtime);
        char text[16] = "";
        ssize_t n;

        /* What a dead broker noted counts no more: its lock is free. */
        if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK)
                return 0;
        n = read(fd, text, sizeof text - 1);
        return n > 0 ? (pid_t)MAX(atol(text), 0) : 0;
}
