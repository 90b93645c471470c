/* SPDX-License-Identifier: MIT */

#include "launcher/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/folder.h"
#include "base/macro.h"

/* Reads a small file of a process into buf, terminated. /proc files of this size come in one piece. */
static int read_proc_file(pid_t pid, const char *name, char *buf, size_t size)
{
        char path[64];
        _cleanup_(closep) int fd = -1;
        ssize_t n;

        snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
        fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        if (fd < 0)
                return errno == ENOENT ? -ESRCH : -errno;
        n = read(fd, buf, size - 1);
        if (n < 0)
                return -errno;
        buf[n] = '\0';
        return n == 0 ? -ESRCH : 0;
}

int proc_parse_stat(const char *text, ProcStat *ret_stat)
{
        const char *end = strrchr(text, ')');
        ProcStat stat = { 0 };
        uint64_t start_time;
        int pid, parent, session;
        char state;

        if (!end || sscanf(text, "%d", &pid) != 1)
                return -EINVAL;
        if (sscanf(end + 1, " %c %d %*s %d %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64,
                   &state, &parent, &session, &start_time) != 4)
                return -EINVAL;
        stat.pid = pid;
        stat.parent = parent;
        stat.session = session;
        stat.state = state;
        stat.start_time = start_time;
        *ret_stat = stat;
        return 0;
}

int proc_read_stat(pid_t pid, ProcStat *ret_stat)
{
        char text[2048];
        int r;

        r = read_proc_file(pid, "stat", text, sizeof text);
        if (r < 0)
                return r;
        return proc_parse_stat(text, ret_stat);
}

/* The value of a line of a status file; name is "\nName:". */
static const char *find_status(const char *text, const char *name)
{
        const char *line = strstr(text, name);

        return line ? line + strlen(name) : NULL;
}

/* -ENODATA: the file has no such line. */
static int read_status_number(pid_t pid, const char *name, uint64_t *ret_number)
{
        char text[4096];
        const char *value;
        int r;

        r = read_proc_file(pid, "status", text, sizeof text);
        if (r < 0)
                return r;
        value = find_status(text, name);
        if (!value)
                return -ENODATA;
        *ret_number = strtoull(value, NULL, 10);
        return 0;
}

int proc_read_tracer(pid_t pid, pid_t *ret_tracer)
{
        uint64_t number = 0;
        int r = read_status_number(pid, "\nTracerPid:", &number);

        *ret_tracer = (pid_t)number;
        return r;
}

int proc_read_memory(pid_t pid, uint64_t *ret_bytes)
{
        uint64_t kibibytes = 0;
        int r = read_status_number(pid, "\nRssAnon:", &kibibytes);

        *ret_bytes = kibibytes * 1024;
        return r;
}

/* The pids of a process, from our namespace to its own: it is the first of its own if that is another one, and 1. */
static bool is_first_of_namespace(const char *pids)
{
        char *end;
        long pid;
        int n;

        pid = strtol(pids, &end, 10);
        for (n = 1; *end == '\t'; n++)
                pid = strtol(end, &end, 10);
        return n > 1 && pid == 1;
}

int proc_drops_signal(pid_t pid, int signal)
{
        const char *pids, *caught;
        char text[4096];
        int r;

        if (signal <= 0 || signal > 64 || signal == SIGKILL || signal == SIGSTOP)
                return 0;
        r = read_proc_file(pid, "status", text, sizeof text);
        if (r < 0)
                return r;
        pids = find_status(text, "\nNSpid:\t");
        caught = find_status(text, "\nSigCgt:\t");
        return pids && caught && is_first_of_namespace(pids) &&
               !(strtoull(caught, NULL, 16) & (UINT64_C(1) << (signal - 1)));
}

static int compare_pids(const void *a, const void *b)
{
        const ProcStat *x = a, *y = b;

        return x->pid < y->pid ? -1 : x->pid > y->pid;
}

int proc_list(ProcStat **ret_stats, size_t *ret_n_stats)
{
        _cleanup_(closedirp) DIR *dir = NULL;
        _cleanup_(freep) ProcStat *stats = NULL;
        size_t n = 0, n_allocated = 0;
        struct dirent *entry;

        dir = opendir("/proc");
        if (!dir)
                return -errno;
        for (errno = 0; (entry = readdir(dir)); errno = 0) {
                char *end;
                long pid = strtol(entry->d_name, &end, 10);

                if (*end || pid <= 0)
                        continue;
                if (n == n_allocated) {
                        size_t wanted = n_allocated ? 2 * n_allocated : 128;
                        ProcStat *grown = reallocarray(stats, wanted, sizeof *stats);

                        if (!grown)
                                return -ENOMEM;
                        stats = grown;
                        n_allocated = wanted;
                }
                if (proc_read_stat((pid_t)pid, &stats[n]) >= 0)
                        n++;
        }
        if (errno)
                return -errno;
        if (n)
                qsort(stats, n, sizeof *stats, compare_pids);
        *ret_stats = TAKE_PTR(stats);
        *ret_n_stats = n;
        return 0;
}

int pidfd_open_cloexec(pid_t pid)
{
        long fd = syscall(SYS_pidfd_open, pid, 0);

        return fd < 0 ? -errno : (int)fd;
}

int pidfd_signal(int pidfd, int signal)
{
        return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}
