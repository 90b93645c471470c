/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Confinement of a process that is not trusted with its user's things: namespaces in which only what was named exists,
 * Landlock above them, a filter of system calls, no new privileges. The parent writes down every step before it
 * clones, because the child may use system calls only.
 */

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

#include "launcher/launcher.h"

typedef enum ConfineKind {
        CONFINE_FOLDER, /* an empty folder */
        CONFINE_LINK,   /* a symbolic link that says source */
        CONFINE_TREE,   /* the file or folder that source is outside */
        CONFINE_MEMORY, /* an empty file system in memory */
        CONFINE_PROC,   /* the processes of its own namespace */
} ConfineKind;

typedef struct ConfineStep {
        ConfineKind kind;
        char *target; /* absolute */
        char *source;
        bool is_file;
        bool is_device;
        bool writable;
} ConfineStep;

typedef struct Confinement {
        ConfineStep *steps;
        size_t n_steps;
        const char *root;    /* an empty folder, where the new root is put together; borrowed */
        char uid_map[32];
        char gid_map[32];
        int namespaces;      /* CLONE_NEW… */
        int landlock_abi;    /* 0: the kernel has none */
        bool is_root;        /* outside, too: the kernel's settings in /proc would take root's word */
        const struct sock_fprog *filter; /* borrowed from the launcher */
} Confinement;

/* The filter of system calls, made when it is first needed and kept. */
typedef struct ConfineFilter {
        struct sock_fprog program;
} ConfineFilter;

/*
 * -ENOENT, -EACCES: a path that is not optional. -ELOOP: one that leads through a link of the system. -EINVAL: a
 * relative path, or the root. Strings of wanted are copied, root is not.
 */
int confinement_new(const LaunchConfinement *wanted, const char *root, ConfineFilter *filter,
                    Confinement **ret_confinement);
Confinement *confinement_free(Confinement *confinement);
DEFINE_CLEANUP(Confinement *, confinement_free);

void confine_filter_done(ConfineFilter *filter);

/* The version of Landlock that the kernel speaks, 0 if none. */
int confine_landlock_abi(void);

/*
 * In the child, in the namespaces that it was cloned with. First the view: afterwards only the new root is there.
 * Then, last before exec, what cannot be taken back. Negative errno.
 */
int confine_enter(const Confinement *confinement);
int confine_seal(const Confinement *confinement);
