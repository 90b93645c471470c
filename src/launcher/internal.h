/* SPDX-License-Identifier: MIT */
#pragma once

/* What the files of the launcher share. */

#include <signal.h>

#include "base/list.h"
#include "base/loop.h"
#include "launcher/cgroup.h"
#include "launcher/confine.h"
#include "launcher/environment.h"
#include "launcher/launcher.h"
#include "launcher/log-writer.h"
#include "launcher/output.h"
#include "launcher/spawn.h"

typedef struct Reaper {
        bool active;
        int event_fd;
        LoopSource source;
        struct sigaction previous_action;
        int previous_subreaper;
} Reaper;

struct Launcher {
        Loop *loop;
        ListNode processes; /* of Process.node */
        size_t n_processes;
        int servers_fd; /* servers/ in the runtime folder */
        char *servers_path; /* a confined process puts its view together on top of it */
        ConfineFilter filter;
        OutputSpares spares;
        LoopJob spares_job;
        uint64_t default_nofile;
        bool has_autogroups;
        ProcessEndedCallback ended;
        void *userdata;
        Environment environment;
        LogFolder logs;
        CgroupRoot cgroups;
        LoopSource emptied; /* of cgroups */
        Spawner spawner;
        Reaper reaper;
};

struct Process {
        Launcher *launcher;
        ListNode node;
        char *id;
        pid_t pid; /* 0: not started */
        int pidfd;
        uint64_t start_time; /* 0: not read yet, see process_start_time() */
        LoopSource source;
        LoopJob polite_job; /* lowers its autogroup */
        void *userdata;
        int socket_fd;
        int cgroup_fd;
        Output output;
        bool descends;     /* from a broker: it has a session of its own, orphans may be its */
        bool is_launched;  /* and it was not released */
        bool low_priority;
        bool settled;      /* what was put off until it had started has been seen to */
        bool limits_data;  /* RLIMIT_DATA is set */
        uint64_t memory_max; /* of its tree; 0: not limited */
        unsigned unenforced;
        bool ended;        /* result is known, perhaps not told yet */
        ProcessResult result;
};

/* Links an empty process object. -EINVAL, -EEXIST, -ENOMEM. */
int process_new(Launcher *launcher, const char *id, void *userdata, Process **ret_process);
/* Watches the pidfd. */
int process_watch(Process *process);
/* Waits for it if it can be had without waiting; true if its result is known. */
bool process_collect(Process *process);
Process *launcher_find(Launcher *launcher, const char *id);
/* True if descriptor 1 or 2 of a process is the FIFO of this one. */
bool process_prints_here(const Process *process, pid_t pid);
Process *launcher_find_pid(Launcher *launcher, pid_t pid);

/* -EBUSY: another launcher is it. */
int reaper_init(Launcher *launcher);
void reaper_done(Launcher *launcher);
