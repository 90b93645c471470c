/* SPDX-License-Identifier: MIT */

/* One process: how it is watched, what becomes known of it, how it is forgotten. */

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/clock.h"
#include "launcher/internal.h"
#include "launcher/procfs.h"

Process *launcher_find(Launcher *launcher, const char *id)
{
        list_for_each(i, &launcher->processes) {
                Process *process = list_entry(i, Process, node);

                if (strcmp(process->id, id) == 0)
                        return process;
        }
        return NULL;
}

/* One that has not ended: the pid of another may belong to somebody else. */
Process *launcher_find_pid(Launcher *launcher, pid_t pid)
{
        list_for_each(i, &launcher->processes) {
                Process *process = list_entry(i, Process, node);

                if (process->pid == pid && !process->ended)
                        return process;
        }
        return NULL;
}

int process_new(Launcher *launcher, const char *id, void *userdata, Process **ret_process)
{
        Process *process;

        if (!launcher_id_is_valid(id))
                return -EINVAL;
        if (launcher_find(launcher, id))
                return -EEXIST;
        process = calloc(1, sizeof *process);
        if (!process)
                return -ENOMEM;
        *process = (Process){
                .launcher = launcher,
                .pidfd = -1,
                .source = LOOP_SOURCE_INIT,
                .userdata = userdata,
                .socket_fd = -1,
                .cgroup_fd = -1,
                .output = OUTPUT_INIT,
                .id = strdup(id),
        };
        list_init(&process->node);
        if (!process->id) {
                process_free(process);
                return -ENOMEM;
        }
        list_append(&launcher->processes, &process->node);
        launcher->n_processes++;
        *ret_process = process;
        return 0;
}

Process *process_free(Process *process)
{
        bool is_over;

        if (!process)
                return NULL;
        is_over = process->pid == 0 || process->ended;
        loop_remove(process->launcher->loop, &process->source);
        loop_drop_job(&process->polite_job);
        output_close(&process->output, is_over);
        process->cgroup_fd = safe_close(process->cgroup_fd);
        if (is_over && process->id && process->descends)
                cgroup_remove(&process->launcher->cgroups, process->id);
        safe_close(process->pidfd);
        safe_close(process->socket_fd);
        if (list_is_linked(&process->node)) {
                list_remove(&process->node);
                process->launcher->n_processes--;
        }
        free(process->id);
        free(process);
        return NULL;
}

static uint64_t usec_from_timeval(struct timeval t)
{
        return (uint64_t)t.tv_sec * USEC_PER_SEC + (uint64_t)t.tv_usec;
}

static ProcessResult make_result(const siginfo_t *info, const struct rusage *usage)
{
        return (ProcessResult){
                .state = info->si_code == CLD_EXITED ? PROCESS_EXITED : PROCESS_KILLED,
                .value = info->si_status,
                .core_dumped = info->si_code == CLD_DUMPED,
                .cpu_usec = usec_from_timeval(usage->ru_utime) + usec_from_timeval(usage->ru_stime),
                .max_rss_bytes = (uint64_t)usage->ru_maxrss * 1024,
        };
}

/* Until its parent has waited for it the kernel still knows; then the pid may be another's. */
static uint64_t last_cpu_usec(const Process *process)
{
        uint64_t used = process_cpu_usec(process);
        ProcStat stat;

        return proc_read_stat(process->pid, &stat) >= 0 && stat.start_time == process->start_time ? used : 0;
}

/* Somebody else's child tells us nothing, but others may. */
static ProcessResult make_unknown(const Process *process)
{
        ProcessResult result = { .state = PROCESS_GONE, .cpu_usec = last_cpu_usec(process) };
        uint64_t cpu_usec;

        if (process->cgroup_fd >= 0) {
                cgroup_get_usage(process->cgroup_fd, &cpu_usec, &result.max_rss_bytes);
                result.cpu_usec = MAX(result.cpu_usec, cpu_usec);
        }
        return result;
}

bool process_collect(Process *process)
{
        struct rusage usage = { 0 };
        siginfo_t info = { 0 };

        if (process->ended)
                return true;
        (void)process_start_time(process);
        /* The C library's waitid() has no place for the usage. */
        if (syscall(SYS_waitid, P_PIDFD, process->pidfd, &info, WEXITED | WNOHANG, &usage) < 0)
                process->result = make_unknown(process);
        else if (info.si_pid != 0)
                process->result = make_result(&info, &usage);
        else if (!process->launcher->reaper.active)
                process->result = make_unknown(process);
        else
                return false;
        process->ended = true;
        /* From here on its pid may be another's. */
        loop_drop_job(&process->polite_job);
        return true;
}

static void handle_end(LoopSource *source, uint32_t events, void *userdata)
{
        Process *process = userdata;

        if (!process_collect(process)) {
                /* A debugger has it and has not looked yet; the reaper comes back to it. */
                (void)loop_modify(process->launcher->loop, source, 0);
                return;
        }
        loop_remove(process->launcher->loop, source);
        output_drain(&process->output);
        process_settle(process);
        process->launcher->ended(process, &process->result, process->launcher->userdata);
}

int process_watch(Process *process)
{
        return loop_add(process->launcher->loop, &process->source, process->pidfd, EPOLLIN, handle_end, process);
}

const char *process_id(const Process *process)
{
        return process->id;
}

pid_t process_pid(const Process *process)
{
        return process->pid;
}

uint64_t process_start_time(Process *process)
{
        ProcStat stat;

        /* Nobody else can have the pid before we have collected it, and that reads this first. */
        if (process->start_time == 0 && !process->ended && proc_read_stat(process->pid, &stat) >= 0)
                process->start_time = stat.start_time;
        return process->start_time;
}

uint64_t process_cpu_usec(const Process *process)
{
        struct timespec used;
        clockid_t clock;

        if (process->ended || clock_getcpuclockid(process->pid, &clock) != 0 || clock_gettime(clock, &used) < 0)
                return 0;
        return (uint64_t)used.tv_sec * USEC_PER_SEC + (uint64_t)used.tv_nsec / 1000;
}

int process_pidfd(const Process *process)
{
        return process->pidfd;
}

void *process_userdata(const Process *process)
{
        return process->userdata;
}

void process_set_userdata(Process *process, void *userdata)
{
        process->userdata = userdata;
}

const ProcessResult *process_result(const Process *process)
{
        return &process->result;
}

int process_take_fd(Process *process)
{
        return TAKE_FD(process->socket_fd);
}

unsigned process_unenforced_limits(const Process *process)
{
        return process->unenforced;
}

bool process_is_launched(const Process *process)
{
        return process->is_launched;
}

void process_release(Process *process)
{
        struct rlimit limit;

        if (!process->is_launched)
                return;
        process->is_launched = false;
        process->unenforced = 0;
        process->memory_max = 0;
        loop_drop_job(&process->polite_job);
        if (process->cgroup_fd >= 0)
                cgroup_lift_limits(process->cgroup_fd);
        if (process->ended)
                return;
        if (process->limits_data && prlimit(process->pid, RLIMIT_DATA, NULL, &limit) >= 0) {
                limit.rlim_cur = limit.rlim_max;
                (void)prlimit(process->pid, RLIMIT_DATA, &limit, NULL);
        }
        /* Only root may: for others it stays polite. */
        if (process->low_priority)
                (void)setpriority(PRIO_PROCESS, (id_t)process->pid, 0);
}

void process_drain_output(Process *process)
{
        output_drain(&process->output);
}
