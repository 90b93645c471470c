/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Cgroups of servers, version 2, only where a subtree was delegated to us: systemd marks it with the attribute
 * user.delegate=1, and the root of a cgroup namespace counts as well. The broker then lives in the leaf "broker" (or
 * where systemd's DelegateSubgroup= put it), each server in "server-TAG-ID" beside it; TAG tells brokers apart.
 * Controllers are switched on when the first server wants a limit: before that a broker that was killed can be started
 * again in the same unit even by a systemd without DelegateSubgroup=.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "launcher/launcher.h"
#include "launcher/procfs.h"

typedef struct CgroupRoot {
        int fd; /* the delegated folder; -1: no cgroups, and reason says why */
        const char *reason;
        char tag[9];
        unsigned enabled; /* LimitMask: controllers that we have */
        unsigned refused; /* and that we cannot have */
        int emptied_fd;   /* inotify: readable when the last one has left the cgroup of a server that has ended;
                           * -1: nobody tells */
} CgroupRoot;

/*
 * Looks for a delegated cgroup and moves this process into a leaf. What is in the way becomes the reason: never fails.
 * tag_source: whatever tells this broker from others.
 */
void cgroup_root_init(CgroupRoot *root, bool use, bool told, const char *tag_source);
void cgroup_root_done(CgroupRoot *root);

/* LimitMask bits of the limits for which the delegated cgroup has no controller. */
unsigned cgroup_missing_controllers(const CgroupRoot *root);

/* Makes, or finds, the cgroup of a server; sets what limits it can and says which. */
int cgroup_create(CgroupRoot *root, const char *id, const LaunchLimits *limits, int *ret_fd, unsigned *ret_enforced);
/* -ENOENT. */
int cgroup_open(CgroupRoot *root, const char *id, int *ret_fd);
/* Removes it if nobody is in it; emptied_fd tells when that is so. */
void cgroup_remove(CgroupRoot *root, const char *id);
/* Removes the empty ones that keep() does not want. */
void cgroup_collect(CgroupRoot *root, bool (*keep)(const char *id, void *userdata), void *userdata);

void cgroup_lift_limits(int cgroup_fd);
/* True if the kernel holds its memory below a limit now. */
bool cgroup_limits_memory(int cgroup_fd);
/* True if the kernel has killed one of them for the limit of memory. */
bool cgroup_ran_out_of_memory(int cgroup_fd);

/*
 * What all who were ever in it have used: processor time in µs and the most memory at one time, with what the kernel
 * kept for them. 0: the kernel does not say, as of memory without its controller.
 */
void cgroup_get_usage(int cgroup_fd, uint64_t *ret_cpu_usec, uint64_t *ret_peak_bytes);

/* All processes in it and below. The caller frees the array. */
int cgroup_list(int cgroup_fd, pid_t **ret_pids, size_t *ret_n_pids);

/* Kills all of them at once. -ENOENT: the kernel is older than 5.14. */
int cgroup_kill(int cgroup_fd);
