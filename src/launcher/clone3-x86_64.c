/* SPDX-License-Identifier: MIT */

#include "launcher/clone3.h"

#include <signal.h>
#include <sys/syscall.h>

/* The kernel's struct clone_args up to its cgroup member; C libraries' headers clash over it. */
typedef struct CloneArguments {
        uint64_t flags;
        uint64_t pidfd;
        uint64_t child_tid;
        uint64_t parent_tid;
        uint64_t exit_signal;
        uint64_t stack;
        uint64_t stack_size;
        uint64_t tls;
        uint64_t set_tid;
        uint64_t set_tid_size;
        uint64_t cgroup;
} CloneArguments;

#define FLAG_VM UINT64_C(0x100)
#define FLAG_PIDFD UINT64_C(0x1000)
#define FLAG_VFORK UINT64_C(0x4000)
#define FLAG_INTO_CGROUP UINT64_C(0x200000000)

int clone3_vfork(Spawner *spawner, int cgroup_fd, int namespaces, int (*function)(void *userdata), void *userdata,
                 int *ret_pidfd)
{
        int pidfd = -1;
        CloneArguments arguments = {
                .flags = FLAG_VM | FLAG_PIDFD | FLAG_VFORK | (unsigned)namespaces |
                         (cgroup_fd >= 0 ? FLAG_INTO_CGROUP : 0),
                .pidfd = (uint64_t)(uintptr_t)&pidfd,
                .exit_signal = SIGCHLD,
                .stack = (uint64_t)(uintptr_t)spawner->stack,
                .stack_size = spawner->stack_size,
                .cgroup = cgroup_fd >= 0 ? (uint64_t)cgroup_fd : 0,
        };
        register int (*callee)(void *) __asm__("r8") = function;
        register void *argument __asm__("r9") = userdata;
        long result;

        /* In the child rax is 0 and rsp the top of the new, 16-aligned stack; nothing else of it has changed. */
        __asm__ volatile("syscall\n\t"
                         "test %%rax, %%rax\n\t"
                         "jnz 1f\n\t"
                         "xor %%ebp, %%ebp\n\t"
                         "mov %%r9, %%rdi\n\t"
                         "call *%%r8\n\t"
                         "ud2\n"
                         "1:"
                         : "=a"(result)
                         : "0"((long)SYS_clone3), "D"(&arguments), "S"(sizeof arguments), "r"(callee), "r"(argument)
                         : "rcx", "r11", "cc", "memory");
        if (result < 0)
                return (int)result;
        *ret_pidfd = pidfd;
        return (int)result;
}
