/* SPDX-License-Identifier: MIT */
#pragma once

/* What /proc says of a process. Everything read there may be gone, or another's, a moment later. */

#include <stdint.h>
#include <sys/types.h>

typedef struct ProcStat {
        pid_t pid;
        pid_t parent;
        pid_t session;
        char state;
        uint64_t start_time; /* clock ticks since boot */
} ProcStat;

/* -ESRCH: there is no such process. */
int proc_read_stat(pid_t pid, ProcStat *ret_stat);

/* Exposed for tests: the text of a stat file, whose second field may hold anything. -EINVAL. */
int proc_parse_stat(const char *text, ProcStat *ret_stat);

/* The pid of the tracer, 0 if there is none. -ESRCH. */
int proc_read_tracer(pid_t pid, pid_t *ret_tracer);

/* The anonymous memory that it has now. -ESRCH; -ENODATA: it has none, or the kernel does not say. */
int proc_read_memory(pid_t pid, uint64_t *ret_bytes);

/*
 * Whether the kernel drops this signal for it: the first process of a PID namespace gets only those that it handles,
 * and SIGKILL and SIGSTOP. -ESRCH.
 */
int proc_drops_signal(pid_t pid, int signal);

/* All processes that can be seen, in ascending order of pid. The caller frees the array. */
int proc_list(ProcStat **ret_stats, size_t *ret_n_stats);

/* pidfd_open() and pidfd_send_signal() for C libraries that lack them. */
int pidfd_open_cloexec(pid_t pid);
int pidfd_signal(int pidfd, int signal);
