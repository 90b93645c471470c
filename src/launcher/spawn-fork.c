/* SPDX-License-Identifier: MIT */

/* For builds under ThreadSanitizer, which does not follow a child that shares our memory. Slow and plain. */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "launcher/procfs.h"
#include "launcher/spawn.h"

typedef struct Failure {
        int error;
        LaunchStep step;
} Failure;

int spawner_init(Spawner *spawner)
{
        *spawner = (Spawner){ 0 };
        spawn_note_signals(&spawner->signals);
        return 0;
}

void spawner_done(Spawner *spawner)
{
        *spawner = (Spawner){ 0 };
}

static void child_main(SpawnPlan *plan, int report_fd)
{
        Failure failure;

        plan->join_cgroup = plan->cgroup_fd >= 0;
        /* The report must survive close_range(); exec closes it. It is the last descriptor of the plan, moved back. */
        if (dup2(report_fd, plan->n_fds) < 0 || fcntl(plan->n_fds, F_SETFD, FD_CLOEXEC) < 0)
                _exit(127);
        plan->fds[plan->n_fds] = plan->n_fds;
        plan->n_fds++;
        spawn_child(plan);
        failure = (Failure){ .error = plan->error, .step = plan->step };
        if (write(plan->n_fds - 1, &failure, sizeof failure) < 0)
                _exit(126);
        _exit(127);
}

/* The pipe ends without a word when exec has closed it. */
static int read_failure(int fd, SpawnPlan *plan)
{
        Failure failure;
        ssize_t n;

        do
                n = read(fd, &failure, sizeof failure);
        while (n < 0 && errno == EINTR);
        if (n != (ssize_t)sizeof failure)
                return n < 0 ? -errno : 0;
        plan->step = failure.step;
        return failure.error;
}

int spawner_run(Spawner *spawner, SpawnPlan *plan, Spawned *ret_spawned)
{
        _cleanup_(closep) int reader = -1, writer = -1;
        sigset_t all, previous;
        int ends[2], r;
        pid_t pid;

        plan->error = 0;
        plan->signals = &spawner->signals;
        plan->step = LAUNCH_STEP_SPAWN;
        if (pipe2(ends, O_CLOEXEC) < 0)
                return -errno;
        reader = ends[0];
        writer = ends[1];
        sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &previous);
        /* fork() knows no namespaces. The child only makes system calls, so what fork() would repair is not missed. */
        pid = plan->namespaces
                      ? (pid_t)syscall(SYS_clone, plan->namespaces | SIGCHLD, NULL, NULL, NULL, NULL)
                      : fork();
        if (pid == 0)
                child_main(plan, writer);
        r = pid < 0 ? -errno : 0;
        (void)pthread_sigmask(SIG_SETMASK, &previous, NULL);
        if (r < 0)
                return r;
        writer = safe_close(writer);
        r = read_failure(reader, plan);
        if (r >= 0) {
                r = pidfd_open_cloexec(pid);
                if (r < 0)
                        (void)kill(pid, SIGKILL);
        }
        if (r < 0) {
                (void)waitpid(pid, NULL, 0);
                return r;
        }
        *ret_spawned = (Spawned){ .pid = pid, .pidfd = r };
        return 0;
}
