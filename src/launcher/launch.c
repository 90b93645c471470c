/* SPDX-License-Identifier: MIT */

/* From a LaunchSpec to a running process: everything is made ready first, so that little can fail after the exec. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "launcher/internal.h"
#include "launcher/procfs.h"

/* BGTASK_FD and no more. */
#define EXTRA_MAX 1

typedef struct ChildFds {
        int standard_in;
        int standard_out;
        int socket;
} ChildFds;

#define CHILD_FDS_INIT ((ChildFds){ -1, -1, -1 })

static void child_fds_done(ChildFds *fds)
{
        safe_close(fds->standard_in);
        safe_close(fds->standard_out);
        safe_close(fds->socket);
        *fds = CHILD_FDS_INIT;
}

const char *launch_step_to_string(LaunchStep step)
{
        static const char *const names[] = {
                [LAUNCH_STEP_PREPARE] = "prepare its descriptors",
                [LAUNCH_STEP_SPAWN] = "make a new process",
                [LAUNCH_STEP_CONFINE] = "confine it",
                [LAUNCH_STEP_CGROUP] = "enter its cgroup",
                [LAUNCH_STEP_CHDIR] = "change to its folder",
                [LAUNCH_STEP_LIMITS] = "set its limits",
                [LAUNCH_STEP_EXEC] = "execute its program",
        };
        _Static_assert(ELEMENTSOF(names) == _LAUNCH_STEP_MAX, "a step has no name");

        return names[step];
}

/* Away from the numbers that dup2() will overwrite. Usually it is there already. */
static int lift(int *fd)
{
        int lifted;

        if (*fd >= SPAWN_FD_FLOOR)
                return 0;
        lifted = spawn_lift_fd(*fd);
        if (lifted < 0)
                return lifted;
        safe_close(*fd);
        *fd = lifted;
        return 0;
}

static int make_socket(Process *process, ChildFds *fds)
{
        int pair[2];

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
                return -errno;
        process->socket_fd = pair[0];
        fds->socket = pair[1];
        /* Only our end: the flag belongs to an end, not to the pair. */
        return fcntl(process->socket_fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0 ? -errno : lift(&fds->socket);
}

static int make_fds(Process *process, const LaunchSpec *spec, ChildFds *fds)
{
        Launcher *launcher = process->launcher;
        int r;

        r = output_create(&process->output, launcher->loop, &launcher->spares, &launcher->logs, spec->id,
                          &fds->standard_out);
        if (r >= 0)
                r = output_watch(&process->output);
        if (r < 0)
                return r;
        if (spec->null_stdin) {
                fds->standard_in = open("/dev/null", O_RDONLY | O_CLOEXEC);
                r = fds->standard_in < 0 ? -errno : lift(&fds->standard_in);
        } else
                fds->standard_in = TAKE_FD(launcher->spares.silent);
        if (r >= 0 && spec->socket)
                r = make_socket(process, fds);
        return r;
}

static int build_environment(const Launcher *launcher, const LaunchSpec *spec, char ***ret_environment)
{
        _cleanup_(freep) const char **extra = NULL;
        size_t n = 0;

        for (; spec->environment && spec->environment[n]; n++)
                ;
        extra = calloc(n + EXTRA_MAX + 1, sizeof *extra);
        if (!extra)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                extra[i] = spec->environment[i];
        if (spec->socket)
                extra[n] = "BGTASK_FD=3";
        _Static_assert(LAUNCHER_CHILD_FD == 3, "BGTASK_FD says something else");
        return environment_build(&launcher->environment, extra, ret_environment);
}

static void add_rlimit(SpawnPlan *plan, int resource, uint64_t soft)
{
        struct rlimit limit;

        if (getrlimit(resource, &limit) < 0)
                return;
        /* The hard limit stays: a server that becomes an app gets its room back. */
        limit.rlim_cur = MIN((rlim_t)soft, limit.rlim_max);
        plan->rlimits[plan->n_rlimits++] = (SpawnRlimit){ resource, limit };
}

static void plan_limits(Process *process, const LaunchLimits *limits, SpawnPlan *plan)
{
        Launcher *launcher = process->launcher;
        unsigned wanted, enforced = 0;

        wanted = (limits->memory_bytes ? LIMIT_MEMORY : 0) | (limits->cpu_percent ? LIMIT_CPU : 0) |
                 (limits->tasks ? LIMIT_TASKS : 0);
        /* A server without its cgroup is better than none: the tree is then found by walking. */
        if (launcher->cgroups.fd >= 0)
                (void)cgroup_create(&launcher->cgroups, process->id, limits, &process->cgroup_fd, &enforced);
        plan->cgroup_fd = process->cgroup_fd;
        add_rlimit(plan, RLIMIT_NOFILE, limits->nofile ? limits->nofile : launcher->default_nofile);
        if ((wanted & ~enforced) & LIMIT_MEMORY) {
                add_rlimit(plan, RLIMIT_DATA, limits->memory_bytes);
                process->limits_data = true;
                enforced |= LIMIT_MEMORY;
        }
        process->memory_max = limits->memory_bytes;
        process->unenforced = wanted & ~enforced;
        plan->low_priority = process->low_priority = limits->low_priority;
}

/* Every session is an autogroup, and nice counts only inside of one: it has to be said of the group as well. */
static void lower_autogroup(void *userdata)
{
        const Process *process = userdata;
        _cleanup_(closep) int fd = -1;
        char path[64], value[8];
        int n;

        snprintf(path, sizeof path, "/proc/%d/autogroup", (int)process->pid);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        n = snprintf(value, sizeof value, "%d", SPAWN_LOW_NICE);
        /* Politeness only; the kernel refuses users who do this often. */
        if (fd < 0 || write(fd, value, (size_t)n) < 0)
                return;
}

/* A failure comes back at the next start. */
static void fill_spares(void *userdata)
{
        Launcher *launcher = userdata;

        (void)output_fill_spares(&launcher->spares);
}

void process_settle(Process *process)
{
        Launcher *launcher = process->launcher;

        if (process->settled)
                return;
        process->settled = true;
        loop_put_off(launcher->loop, &launcher->spares_job, LOOP_IDLE, fill_spares, launcher);
        if (process->is_launched && process->low_priority && !process->ended && launcher->has_autogroups)
                loop_put_off(launcher->loop, &process->polite_job, LOOP_IDLE, lower_autogroup, process);
}

static int after_spawn(Process *process)
{
        int r;

        r = process_watch(process);
        if (r < 0) {
                (void)pidfd_signal(process->pidfd, SIGKILL);
                (void)waitpid(process->pid, NULL, 0);
                process->ended = true;
                return r;
        }
        process->is_launched = true;
        return 0;
}

/* System users are often given a home that does not exist; cron does the same for them. */
static const char *home_or_root(const Launcher *launcher)
{
        const char *home = environment_get(&launcher->environment, "HOME");

        return home && access(home, X_OK) >= 0 ? home : "/";
}

static int plan_confinement(Launcher *launcher, const LaunchSpec *spec, SpawnPlan *plan, Confinement **ret_confinement)
{
        int r;

        if (!spec->confinement)
                return 0;
        r = confinement_new(spec->confinement, launcher->servers_path, &launcher->filter, ret_confinement);
        if (r < 0)
                return r;
        plan->confinement = *ret_confinement;
        plan->namespaces = plan->confinement->namespaces;
        return 0;
}

static int launch(Process *process, const LaunchSpec *spec, LaunchStep *step)
{
        _cleanup_(confinement_freep) Confinement *confinement = NULL;
        _cleanup_(child_fds_done) ChildFds fds = CHILD_FDS_INIT;
        _cleanup_(freep) char **environment = NULL;
        SpawnPlan plan = { .cgroup_fd = -1 };
        Spawned spawned;
        int r;

        *step = LAUNCH_STEP_PREPARE;
        r = make_fds(process, spec, &fds);
        if (r < 0)
                return r;
        r = build_environment(process->launcher, spec, &environment);
        if (r < 0)
                return r;
        *step = LAUNCH_STEP_CONFINE;
        r = plan_confinement(process->launcher, spec, &plan, &confinement);
        if (r < 0)
                return r;
        plan_limits(process, &spec->limits, &plan);
        plan.executable = spec->executable;
        plan.argv = spec->argv;
        plan.environment = environment;
        plan.cwd = spec->cwd ? spec->cwd : home_or_root(process->launcher);
        plan.fds[0] = fds.standard_in;
        plan.fds[1] = plan.fds[2] = fds.standard_out;
        plan.fds[LAUNCHER_CHILD_FD] = fds.socket;
        plan.n_fds = spec->socket ? LAUNCHER_CHILD_FD + 1 : LAUNCHER_CHILD_FD;
        process->descends = true;
        r = spawner_run(&process->launcher->spawner, &plan, &spawned);
        *step = plan.step;
        if (r < 0)
                return r;
        process->pid = spawned.pid;
        process->pidfd = spawned.pidfd;
        process->start_time = spawned.start_time;
        *step = LAUNCH_STEP_PREPARE;
        r = after_spawn(process);
        if (r >= 0 && spec->null_stdin)
                process_settle(process);
        return r;
}

int launcher_spawn(Launcher *launcher, const LaunchSpec *spec, Process **ret_process, LaunchStep *ret_step)
{
        _cleanup_(process_freep) Process *process = NULL;
        LaunchStep step = LAUNCH_STEP_PREPARE;
        int r;

        if (!spec->executable || spec->executable[0] != '/' || !spec->argv || !spec->argv[0])
                r = -EINVAL;
        else
                r = process_new(launcher, spec->id, spec->userdata, &process);
        if (r >= 0)
                r = launch(process, spec, &step);
        if (r < 0) {
                if (ret_step)
                        *ret_step = step;
                return r;
        }
        *ret_process = TAKE_PTR(process);
        return 0;
}
