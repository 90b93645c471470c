/* SPDX-License-Identifier: MIT */

/*
 * clone(CLONE_VM | CLONE_VFORK): the child borrows our memory and this thread sleeps until it has executed its program
 * or is gone. A fork would copy page tables (6 ms for a broker of 1 GiB); this takes the same 20 µs whatever our size.
 */

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "launcher/clone3.h"
#include "launcher/spawn.h"

#define STACK_SIZE (128 * 1024)
#define GUARD_SIZE (64 * 1024) /* a page, of any size that Linux has */

int spawner_init(Spawner *spawner)
{
        void *stack;

        stack = mmap(NULL, GUARD_SIZE + STACK_SIZE, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
        if (stack == MAP_FAILED)
                return -errno;
        *spawner = (Spawner){ .stack = stack, .stack_size = GUARD_SIZE + STACK_SIZE };
        spawn_note_signals(&spawner->signals);
        return mprotect(stack, GUARD_SIZE, PROT_NONE) < 0 ? -errno : 0;
}

void spawner_done(Spawner *spawner)
{
        if (spawner->stack)
                munmap(spawner->stack, spawner->stack_size);
        *spawner = (Spawner){ 0 };
}

/* The clock of the start times in /proc. */
_bare_ static uint64_t boot_tick(uint64_t ticks_per_sec)
{
        struct timespec t;

        clock_gettime(CLOCK_BOOTTIME, &t);
        return (uint64_t)t.tv_sec * ticks_per_sec + (uint64_t)t.tv_nsec / (UINT64_C(1000000000) / ticks_per_sec);
}

typedef struct Child {
        SpawnPlan *plan;
        uint64_t ticks_per_sec;
} Child;

_bare_ static int child_main(void *userdata)
{
        const Child *child = userdata;

        child->plan->first_tick = boot_tick(child->ticks_per_sec);
        spawn_child(child->plan);
        _exit(127);
}

static int run_clone(Spawner *spawner, Child *child, Spawned *ret_spawned)
{
        SpawnPlan *plan = child->plan;
        int pidfd = -1, pid = -ENOSYS;
        uint64_t tick;

        tick = boot_tick(child->ticks_per_sec);
        if (plan->cgroup_fd >= 0)
                pid = clone3_vfork(spawner, plan->cgroup_fd, plan->namespaces, child_main, child, &pidfd);
        /* Without clone3 (old kernels, sandboxes, other machines) the child walks into its cgroup. */
        if (pid < 0 && pid != -EAGAIN && pid != -ENOMEM) {
                plan->join_cgroup = plan->cgroup_fd >= 0;
                pid = clone(child_main, (char *)spawner->stack + spawner->stack_size,
                            CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD | plan->namespaces, child, &pidfd);
                if (pid < 0)
                        return -errno;
        }
        if (pid < 0)
                return pid;
        /* It was made after the one look at the clock and before the other. To read it in /proc takes 25 µs. */
        *ret_spawned = (Spawned){ pid, pidfd, plan->first_tick == tick ? tick : 0 };
        return 0;
}

int spawner_run(Spawner *spawner, SpawnPlan *plan, Spawned *ret_spawned)
{
        Child child = { plan, (uint64_t)sysconf(_SC_CLK_TCK) };
        sigset_t all, previous;
        Spawned spawned;
        int r;

        plan->error = 0;
        plan->first_tick = 0;
        plan->signals = &spawner->signals;
        plan->step = LAUNCH_STEP_SPAWN;
        sigfillset(&all);
        /* A handler of ours must not run in the child while it shares our memory. */
        r = pthread_sigmask(SIG_SETMASK, &all, &previous);
        if (r != 0)
                return -r;
        r = run_clone(spawner, &child, &spawned);
        if (r >= 0 && plan->error < 0) {
                (void)waitpid(spawned.pid, NULL, 0);
                safe_close(spawned.pidfd);
                r = plan->error;
        }
        (void)pthread_sigmask(SIG_SETMASK, &previous, NULL);
        if (r < 0)
                return r;
        *ret_spawned = spawned;
        return 0;
}
