/* SPDX-License-Identifier: MIT */

/* The child between clone and exec. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launcher/confine.h"
#include "launcher/spawn.h"

#define IOPRIO_WHO_PROCESS 1
#define IOPRIO_LOWEST_BEST_EFFORT ((2 << 13) | 7)

void spawn_note_signals(sigset_t *ret_signals)
{
        static const int changeable[] = { SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGPIPE, SIGALRM, SIGTERM,
                                          SIGCHLD, SIGXFSZ };
        struct sigaction action;

        sigemptyset(ret_signals);
        for (size_t i = 0; i < ELEMENTSOF(changeable); i++)
                sigaddset(ret_signals, changeable[i]);
        for (int i = 1; i < NSIG; i++)
                if (sigaction(i, NULL, &action) >= 0 && action.sa_handler != SIG_DFL)
                        sigaddset(ret_signals, i);
}

int spawn_lift_fd(int fd)
{
        int lifted = fcntl(fd, F_DUPFD_CLOEXEC, SPAWN_FD_FLOOR);

        /* EINVAL: so few are allowed that not even the floor is. */
        if (lifted < 0)
                return errno == EINVAL ? -EMFILE : -errno;
        return lifted;
}

_bare_ static int join_cgroup(SpawnPlan *plan)
{
        int fd, error = 0;

        fd = openat(plan->cgroup_fd, "cgroup.procs", O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (write(fd, "0", 1) < 0)
                error = -errno;
        close(fd);
        return error;
}

_bare_ static void set_limits(SpawnPlan *plan)
{
        for (int i = 0; i < plan->n_rlimits; i++)
                if (setrlimit(plan->rlimits[i].resource, &plan->rlimits[i].limit) < 0) {
                        plan->error = -errno;
                        return;
                }
        if (!plan->low_priority)
                return;
        /* Politeness: a start does not fail for want of it. */
        (void)setpriority(PRIO_PROCESS, 0, SPAWN_LOW_NICE);
        (void)syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, IOPRIO_LOWEST_BEST_EFFORT);
}

/* Ignored signals survive exec, and a handler must not run here: all signals are still blocked. */
_bare_ static void reset_signals(const sigset_t *signals)
{
        struct sigaction action;

        for (int i = 1; i < NSIG; i++) {
                if (sigismember(signals, i) != 1)
                        continue;
                action.sa_handler = SIG_DFL;
                action.sa_flags = 0;
                sigemptyset(&action.sa_mask);
                (void)sigaction(i, &action, NULL);
        }
        sigemptyset(&action.sa_mask);
        (void)sigprocmask(SIG_SETMASK, &action.sa_mask, NULL);
}

_bare_ static void set_descriptors(SpawnPlan *plan)
{
        for (int i = 0; i < plan->n_fds; i++)
                if (dup2(plan->fds[i], i) < 0) {
                        plan->error = -errno;
                        return;
                }
        /* Ours are all close-on-exec; this is for those that came to us from who started us. Old kernels lack it. */
        (void)syscall(SYS_close_range, plan->n_fds, ~0U, 0);
}

_bare_ void spawn_child(SpawnPlan *plan)
{
        plan->step = LAUNCH_STEP_CGROUP;
        if (plan->join_cgroup)
                plan->error = join_cgroup(plan);
        if (plan->error < 0)
                return;
        setsid();
        umask(022);
        plan->step = LAUNCH_STEP_CONFINE;
        if (plan->confinement)
                plan->error = confine_enter(plan->confinement);
        if (plan->error < 0)
                return;
        plan->step = LAUNCH_STEP_CHDIR;
        if (chdir(plan->cwd) < 0) {
                plan->error = -errno;
                return;
        }
        plan->step = LAUNCH_STEP_LIMITS;
        set_limits(plan);
        if (plan->error < 0)
                return;
        plan->step = LAUNCH_STEP_PREPARE;
        set_descriptors(plan);
        if (plan->error < 0)
                return;
        plan->step = LAUNCH_STEP_CONFINE;
        if (plan->confinement)
                plan->error = confine_seal(plan->confinement);
        if (plan->error < 0)
                return;
        plan->step = LAUNCH_STEP_EXEC;
        reset_signals(plan->signals);
        execve(plan->executable, plan->argv, plan->environment);
        plan->error = -errno;
}
