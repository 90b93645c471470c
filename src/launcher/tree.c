/* SPDX-License-Identifier: MIT */

/*
 * A server's process tree. With a cgroup the kernel knows it. Without one it is put together from /proc, again and
 * again until a look finds nobody new; each process is held by a pidfd and looked at once more before it is signalled.
 */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "launcher/internal.h"
#include "launcher/procfs.h"

/* A tree that still grows after so many looks is left to the next call. */
#define ROUNDS_MAX 16

/* A higher one wins. */
typedef enum Kinship {
        STRANGER,
        GUEST,     /* holds the log, its session may be anybody's */
        MEMBER,    /* its session is the tree's too */
        PROTECTED, /* not launched by us, or descends from such a one: never signalled, even if a server started it */
} Kinship;

typedef struct Member {
        pid_t pid;
        uint64_t start_time;
} Member;

typedef struct Members {
        Member *list;
        size_t n;
        size_t n_allocated;
        bool has_protected; /* somebody in the cgroup must not be killed with it */
        bool outside;       /* the process has left its cgroup, perhaps with others */
} Members;

static bool add_member(Members *members, pid_t pid, uint64_t start_time)
{
        if (members->n == members->n_allocated) {
                size_t wanted = members->n_allocated ? 2 * members->n_allocated : 32;
                Member *grown = reallocarray(members->list, wanted, sizeof *grown);

                if (!grown)
                        return false;
                members->list = grown;
                members->n_allocated = wanted;
        }
        members->list[members->n++] = (Member){ pid, start_time };
        return true;
}

static bool has_member(const Members *members, pid_t pid, uint64_t start_time)
{
        for (size_t i = 0; i < members->n; i++)
                if (members->list[i].pid == pid && members->list[i].start_time == start_time)
                        return true;
        return false;
}

/* Init, ourselves and other servers are in no tree; what nobody launched is protected. */
static bool is_settled(const Process *process, const ProcStat *stat, Kinship *ret_kinship)
{
        const Process *other = launcher_find_pid(process->launcher, stat->pid);

        if (stat->pid <= 1 || stat->pid == getpid())
                *ret_kinship = STRANGER;
        else if (other && other != process)
                *ret_kinship = other->is_launched ? STRANGER : PROTECTED;
        else
                return false;
        return true;
}

bool process_prints_here(const Process *process, pid_t pid)
{
        struct stat st;
        char path[64];

        for (int fd = 1; fd <= 2; fd++) {
                snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)pid, fd);
                if (stat(path, &st) >= 0 && output_is_same_file(&process->output, st.st_dev, st.st_ino))
                        return true;
        }
        return false;
}

/* An orphan that we have inherited and that only this server can have left behind. */
static bool is_only_heir(const Process *process, const ProcStat *stat)
{
        size_t n = 0;

        if (!process->launcher->reaper.active || stat->parent != getpid())
                return false;
        list_for_each(i, &process->launcher->processes) {
                const Process *other = list_entry(i, Process, node);

                n += other->descends && other->start_time <= stat->start_time;
        }
        return n == 1 && process->start_time <= stat->start_time;
}

static Kinship first_kinship(const Process *process, const ProcStat *stat, bool session_is_ours)
{
        Kinship kinship;

        if (is_settled(process, stat, &kinship))
                return kinship;
        if (stat->start_time < process->start_time)
                return STRANGER;
        if (stat->pid == process->pid)
                return stat->start_time == process->start_time ? MEMBER : STRANGER;
        if ((session_is_ours && stat->session == process->pid) || is_only_heir(process, stat))
                return MEMBER;
        return process_prints_here(process, stat->pid) ? GUEST : STRANGER;
}

/* What kin passes on to it. */
static Kinship next_kinship(const Process *process, const ProcStat *stat, const ProcStat *kin, Kinship kinship)
{
        Kinship settled;

        if (is_settled(process, stat, &settled) || stat->start_time < process->start_time)
                return STRANGER;
        if (stat->parent == kin->pid)
                return kinship;
        return kinship == MEMBER && stat->session == kin->session ? MEMBER : STRANGER;
}

/* A number is given to a new process only when no session has it any more. */
static bool owns_its_session(const Process *process, const ProcStat *stats, size_t n_stats)
{
        for (size_t i = 0; i < n_stats; i++)
                if (stats[i].pid == process->pid)
                        return stats[i].start_time == process->start_time;
        return true;
}

static void spread(const Process *process, const ProcStat *stats, Kinship *kinships, size_t n_stats)
{
        bool changed;

        do {
                changed = false;
                for (size_t i = 0; i < n_stats; i++) {
                        if (kinships[i] == STRANGER)
                                continue;
                        for (size_t j = 0; j < n_stats; j++) {
                                Kinship k;

                                if (kinships[j] >= kinships[i])
                                        continue;
                                k = next_kinship(process, &stats[j], &stats[i], kinships[i]);
                                if (k > kinships[j]) {
                                        kinships[j] = k;
                                        changed = true;
                                }
                        }
                }
        } while (changed);
}

/* Adds whoever lives and is not known yet; returns how many these are. */
static int add_kin(Members *members, const ProcStat *stats, const Kinship *kinships, size_t n_stats)
{
        int n = 0;

        for (size_t i = 0; i < n_stats; i++) {
                if ((kinships[i] != MEMBER && kinships[i] != GUEST) || stats[i].state == 'Z' ||
                    stats[i].state == 'X' || has_member(members, stats[i].pid, stats[i].start_time))
                        continue;
                if (!add_member(members, stats[i].pid, stats[i].start_time))
                        return -ENOMEM;
                n++;
        }
        return n;
}

static int look_at_proc(const Process *process, Members *members)
{
        _cleanup_(freep) ProcStat *stats = NULL;
        _cleanup_(freep) Kinship *kinships = NULL;
        bool session_is_ours;
        size_t n_stats = 0;
        int r;

        r = proc_list(&stats, &n_stats);
        if (r < 0)
                return r;
        kinships = calloc(n_stats + 1, sizeof *kinships);
        if (!kinships)
                return -ENOMEM;
        session_is_ours = owns_its_session(process, stats, n_stats);
        for (size_t i = 0; i < n_stats; i++)
                kinships[i] = first_kinship(process, &stats[i], session_is_ours);
        spread(process, stats, kinships, n_stats);
        return add_kin(members, stats, kinships, n_stats);
}

static int look_into_cgroup(const Process *process, Members *members)
{
        _cleanup_(freep) pid_t *pids = NULL;
        _cleanup_(freep) ProcStat *stats = NULL;
        _cleanup_(freep) Kinship *kinships = NULL;
        size_t n_pids = 0, n_stats = 0;
        int r;

        r = cgroup_list(process->cgroup_fd, &pids, &n_pids);
        if (r < 0)
                return r;
        stats = calloc(n_pids + 1, sizeof *stats);
        kinships = calloc(n_pids + 1, sizeof *kinships);
        if (!stats || !kinships)
                return -ENOMEM;
        for (size_t i = 0; i < n_pids; i++) {
                if (proc_read_stat(pids[i], &stats[n_stats]) < 0)
                        continue;
                if (!is_settled(process, &stats[n_stats], &kinships[n_stats]))
                        kinships[n_stats] = MEMBER;
                n_stats++;
        }
        spread(process, stats, kinships, n_stats);
        members->has_protected = false;
        for (size_t i = 0; i < n_stats; i++)
                members->has_protected |= kinships[i] == PROTECTED || kinships[i] == STRANGER;
        return add_kin(members, stats, kinships, n_stats);
}

/* Who has the same user as we do can leave its cgroup. */
static bool has_left(const Process *process, const Members *members)
{
        return !process->ended && !has_member(members, process->pid, process->start_time);
}

static int look_at_cgroup(const Process *process, Members *members)
{
        int n = look_into_cgroup(process, members), more;

        if (n < 0 || !has_left(process, members))
                return n;
        members->outside = true;
        more = look_at_proc(process, members);
        return more < 0 ? more : n + more;
}

/* A confined server that does not handle a signal would not get it: it gets what the signal would have done. */
static int effective_signal(pid_t pid, int signal)
{
        static const int harmless[] = { 0, SIGCHLD, SIGCONT, SIGURG, SIGWINCH };

        for (size_t i = 0; i < ELEMENTSOF(harmless); i++)
                if (signal == harmless[i])
                        return signal;
        return proc_drops_signal(pid, signal) > 0 ? SIGKILL : signal;
}

static bool signal_member(const Process *process, const Member *member, int signal)
{
        _cleanup_(closep) int pidfd = -1;
        ProcStat stat;

        signal = effective_signal(member->pid, signal);
        if (member->pid == process->pid && member->start_time == process->start_time)
                return pidfd_signal(process->pidfd, signal) >= 0;
        pidfd = pidfd_open_cloexec(member->pid);
        if (pidfd < 0 || proc_read_stat(member->pid, &stat) < 0 || stat.start_time != member->start_time)
                return false;
        return pidfd_signal(pidfd, signal) >= 0;
}

static int look(const Process *process, Members *members)
{
        return process->cgroup_fd >= 0 ? look_at_cgroup(process, members) : look_at_proc(process, members);
}

/* Looking tells a process by its start time, that of each. */
static void read_start_times(const Process *process)
{
        list_for_each(i, &process->launcher->processes)
                (void)process_start_time(list_entry(i, Process, node));
}

int process_signal_tree(Process *process, int signal)
{
        Members members = { 0 };
        size_t n_done = 0;
        int n = 0, r = 0;

        if (!process->is_launched)
                return -EPERM;
        if (signal < 0 || signal >= NSIG)
                return -EINVAL;
        read_start_times(process);
        for (int round = 0; round < ROUNDS_MAX; round++) {
                r = look(process, &members);
                if (r <= 0)
                        break;
                /* The kernel's own way also catches those that are being born. */
                if (process->cgroup_fd >= 0 && signal == SIGKILL && !members.has_protected && !members.outside &&
                    cgroup_kill(process->cgroup_fd) >= 0) {
                        n = (int)members.n;
                        break;
                }
                for (; n_done < members.n; n_done++)
                        n += signal_member(process, &members.list[n_done], signal);
                if (signal == 0)
                        break;
        }
        free(members.list);
        return r < 0 && n == 0 ? r : n;
}

int process_is_traced(const Process *process)
{
        Members members = { 0 };
        ProcStat stat;
        bool is_kin;
        pid_t tracer;
        int r;

        if (process->ended)
                return -ESRCH;
        r = proc_read_tracer(process->pid, &tracer);
        if (r < 0 || tracer == 0 || !process->is_launched)
                return r < 0 ? r : tracer != 0;
        read_start_times(process);
        (void)look(process, &members);
        is_kin = proc_read_stat(tracer, &stat) >= 0 && has_member(&members, tracer, stat.start_time);
        free(members.list);
        return !is_kin;
}

uint64_t process_memory_limit(const Process *process)
{
        return process->memory_max;
}

void process_remember_memory_limit(Process *process, uint64_t bytes)
{
        process->memory_max = bytes;
        process->limits_data = bytes > 0 && !(process->cgroup_fd >= 0 && cgroup_limits_memory(process->cgroup_fd));
}

bool process_is_over_memory(Process *process)
{
        Members members = { 0 };
        uint64_t sum = 0, bytes;

        if (process->memory_max == 0)
                return false;
        /* Else the kernel would have kept it below. */
        if (process->limits_data && process->ended)
                return false;
        if (!process->limits_data)
                return process->cgroup_fd >= 0 && cgroup_ran_out_of_memory(process->cgroup_fd);
        if (look(process, &members) > 0)
                for (size_t i = 0; i < members.n; i++)
                        if (proc_read_memory(members.list[i].pid, &bytes) >= 0)
                                sum += bytes;
        free(members.list);
        return sum > process->memory_max;
}
