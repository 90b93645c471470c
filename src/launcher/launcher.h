/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Starts, limits, watches and kills the processes of servers and of command tasks. Mechanism only: when to start, when
 * to stop and with what grace is the broker's business.
 *
 * Everything runs on one Loop and one thread and never waits for a process. A child gets a fixed environment, default
 * signals, a session of its own and no descriptor but its standard ones and, if asked for, one end of a socket pair.
 * What it writes goes through a FIFO that has a name, so that the death of the broker neither kills nor blinds it: the
 * next broker adopts the process by pid and start time and opens the FIFO again.
 *
 * With LauncherConfig.subreaper the launcher owns all children of this process, also those that it did not start:
 * orphans of servers that the kernel hands to us are reaped on SIGCHLD, for which it installs a handler (with
 * SA_RESTART; the signal must not be blocked in every thread). Nobody else in the process may then start children or
 * wait for them, and there is at most one such launcher.
 *
 * Children get all signals at their default, if this process changes the rarer ones (anything but HUP, INT, QUIT,
 * USR1, USR2, PIPE, ALRM, TERM, CHLD and XFSZ) before launcher_new() only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/loop.h"
#include "base/macro.h"

typedef struct Launcher Launcher;
typedef struct Process Process;

/* The descriptor at which a child finds its end of the socket pair; also the value of BGTASK_FD. */
#define LAUNCHER_CHILD_FD 3

/* An id names a FIFO, a log and a cgroup: 1 to 96 of A-Z a-z 0-9 _ - . @ +, not beginning with a dot. */
#define LAUNCHER_ID_MAX 96

typedef enum ProcessState {
        PROCESS_RUNNING,
        PROCESS_EXITED, /* value is the exit status */
        PROCESS_KILLED, /* value is the signal */
        PROCESS_GONE,   /* it ended and nothing more is known: it was adopted and is not our child */
        _PROCESS_STATE_MAX,
} ProcessState;

typedef struct ProcessResult {
        ProcessState state;
        int value;
        bool core_dumped;
        /*
         * 0: unknown. They include the descendants that it waited for; of one that was adopted and had a cgroup all of
         * its tree, of one without a cgroup none, and then only if its parent had not waited for it yet.
         */
        uint64_t cpu_usec;
        uint64_t max_rss_bytes;
} ProcessResult;

/*
 * Called once for each process that has ended, from the loop, after its output was drained. The result stays readable
 * by process_result() until process_free(), which may be called from here. Descendants may still be alive: see
 * process_signal_tree().
 */
typedef void (*ProcessEndedCallback)(Process *process, const ProcessResult *result, void *userdata);

typedef struct LauncherConfig {
        const char *runtime_directory;    /* exists, ours, 0700; FIFOs go to servers/ below it */
        const char *log_directory;        /* exists; one log per server id */
        uint64_t log_max_bytes;           /* per server, both files together; 0: 1 MiB; at least 128 KiB */
        unsigned log_max_servers;         /* logs kept in the directory; 0: 200 */
        char *const *source_environment;  /* where HOME, LANG and XDG_* are looked up; NULL: nowhere */
        uint64_t default_nofile;          /* soft RLIMIT_NOFILE of children; 0: ours as it is at launcher_new() */
        bool use_cgroups;                 /* if one is delegated to us */
        bool cgroup_delegated;            /* the one that we are in is, marked as such or not */
        bool subreaper;                   /* become the reaper of orphaned descendants; see above */
        ProcessEndedCallback ended;       /* must be set */
        uint64_t (*real_usec)(void *userdata); /* the time of what servers print; NULL: CLOCK_REALTIME */
        void *userdata;
} LauncherConfig;

typedef enum LimitMask {
        LIMIT_MEMORY = 1 << 0,
        LIMIT_CPU = 1 << 1,
        LIMIT_TASKS = 1 << 2,
} LimitMask;

/* What could be had. */
typedef struct LauncherStatus {
        bool cgroups;               /* each server has a cgroup of its own, its tree dies at once */
        const char *cgroups_reason; /* if not: why; static */
        unsigned no_controller;     /* with cgroups: LimitMask bits of the limits that they cannot hold */
        bool subreaper;
        size_t n_processes;
} LauncherStatus;

/*
 * Limits; 0 is no limit. Soft where rlimits carry them. Without a cgroup with the controller in question memory
 * becomes RLIMIT_DATA of each process, and whether the tree is over it can be asked (process_is_over_memory());
 * cpu_percent and tasks are not enforced: process_unenforced_limits() says so.
 */
typedef struct LaunchLimits {
        uint64_t memory_bytes; /* of the whole tree */
        unsigned cpu_percent;  /* of one CPU: 150 is one and a half */
        uint64_t tasks;        /* processes and threads of the tree */
        uint64_t nofile;       /* descriptors of each process; 0: LauncherConfig.default_nofile */
        bool low_priority;     /* nice 10, lowest best-effort I/O priority, the same for its autogroup */
} LaunchLimits;

/* A file or folder that a confined process may have. */
typedef struct LaunchPath {
        const char *path;    /* absolute */
        const char *seen_as; /* absolute; NULL: under its own name */
        bool writable;       /* else it is read-only; programs in it may be executed in any case */
        bool optional;       /* one that does not exist is left out, else the launch fails */
} LaunchPath;

/*
 * For a process that is not trusted with its user's things. It sees the system's programs and libraries, these paths,
 * a private /tmp, its own processes, and nothing else; it keeps no privilege and can get none. In its PID namespace it
 * is process 1: what it leaves behind ends with it, and signals reach it only if it handles them;
 * process_signal_tree() kills it where the signal would have ended any other.
 */
typedef struct LaunchConfinement {
        const LaunchPath *paths;
        size_t n_paths;
        bool network; /* the machine's; else none, not even a loopback that is up */
} LaunchConfinement;

typedef struct LaunchSpec {
        const char *id;
        const char *executable;         /* absolute path; never searched for, see launcher_find_executable() */
        char *const *argv;              /* NULL-terminated, at least one */
        const char *cwd;                /* NULL: HOME, or / if there is no such folder */
        const char *const *environment; /* "NAME=value", NULL-terminated or NULL; wins over the fixed list */
        bool null_stdin;                /* commands: /dev/null; servers: a FIFO that never reaches its end */
        bool socket;                    /* make a socket pair: BGTASK_FD=3 there, process_take_fd() here */
        LaunchLimits limits;
        const LaunchConfinement *confinement; /* NULL: it may do what we may */
        void *userdata;
} LaunchSpec;

/* The step at which a launch failed: errno alone does not say which path was meant. */
typedef enum LaunchStep {
        LAUNCH_STEP_PREPARE, /* descriptors, FIFOs, memory, the log's folder */
        LAUNCH_STEP_SPAWN,   /* a new process */
        LAUNCH_STEP_CONFINE, /* LaunchSpec.confinement: a path, or what the kernel does not allow us */
        LAUNCH_STEP_CGROUP,
        LAUNCH_STEP_CHDIR,   /* LaunchSpec.cwd */
        LAUNCH_STEP_LIMITS,
        LAUNCH_STEP_EXEC,    /* LaunchSpec.executable */
        _LAUNCH_STEP_MAX,
} LaunchStep;

/* A few words for people: "change to its folder". */
const char *launch_step_to_string(LaunchStep step);

/*
 * -EINVAL: a bad configuration. -EBUSY: another launcher of this process is the subreaper. -ENAMETOOLONG, and whatever
 * the two directories answer. Strings are copied. The loop must outlive the launcher.
 */
int launcher_new(Loop *loop, const LauncherConfig *config, Launcher **ret_launcher);

/*
 * Frees every process object and lets the processes be: running ones go on, their FIFOs keep their names for the next
 * broker. Takes NULL, returns NULL.
 */
Launcher *launcher_free(Launcher *launcher);
DEFINE_CLEANUP(Launcher *, launcher_free);

void launcher_get_status(const Launcher *launcher, LauncherStatus *ret_status);

/* True if the text may be an id. */
bool launcher_id_is_valid(const char *id);

/*
 * Sets a variable for all later launches, value NULL: forgets an imported one. It wins over the fixed list.
 * -EINVAL: not a name, or one of BGTASK_*. -E2BIG: value over 64 KiB, or over 256 variables or 256 KiB in all.
 */
int launcher_import_environment(Launcher *launcher, const char *name, const char *value);

/* The value that a child would get, NULL if none. Valid until the next import. */
const char *launcher_get_environment(const Launcher *launcher, const char *name);

/*
 * Finds what a shell would start for name: itself if it contains a slash (made absolute with cwd, or HOME if that is
 * NULL), else the first executable file in the PATH of the children. The caller frees the path. -ENOENT, or -EACCES if
 * only files without the right to execute were found.
 */
int launcher_find_executable(const Launcher *launcher, const char *name, const char *cwd, char **ret_path);

/*
 * Starts a process. Returns when exec has succeeded, or has failed: its errno comes back as it was (-ENOENT, -EACCES,
 * -ENOEXEC …). -EEXIST: a process object of this id exists. -EMFILE, -ENFILE, -EAGAIN, -ENOMEM: nothing was started
 * and nothing leaks. ret_step, unless NULL, is set on failure only. Strings are not kept.
 */
int launcher_spawn(Launcher *launcher, const LaunchSpec *spec, Process **ret_process, LaunchStep *ret_step);

/*
 * Takes over a process that an earlier broker launched: verifies that pid still has this start time, and opens its
 * FIFO again if it is there. Both 0: that broker was killed before it could write them down; it is then the process
 * that prints into the FIFO of this id and leads its session. -ESRCH: it is gone, or the pid belongs to another. Its
 * result will be PROCESS_GONE.
 */
int launcher_adopt(Launcher *launcher, const char *id, pid_t pid, uint64_t start_time, void *userdata,
                   Process **ret_process);

/*
 * Watches a process that nobody launched (a server started by hand): told when it ends, never signalled, never
 * limited. start_time 0: whoever has the pid. -ESRCH as above.
 */
int launcher_watch(Launcher *launcher, const char *id, pid_t pid, uint64_t start_time, void *userdata,
                   Process **ret_process);

/*
 * Removes the FIFOs and empty cgroups of servers that have no process object: to be called once, when everything of
 * the ledger was adopted or found gone.
 */
void launcher_collect_leftovers(Launcher *launcher);

/*
 * Forgets the process. A running one goes on, its FIFO stays for another adoption; after the end the FIFO and the
 * cgroup go. As long as descendants write into the FIFO, somebody should read it: keep the object until
 * process_signal_tree() finds none. Takes NULL, returns NULL.
 */
Process *process_free(Process *process);
DEFINE_CLEANUP(Process *, process_free);

const char *process_id(const Process *process);
pid_t process_pid(const Process *process);
/*
 * Field 22 of /proc/PID/stat: clock ticks since boot. With the boot id and the pid it names a process for ever. Read
 * when it is first asked for (10 µs, better spent while the child is starting); 0 only if /proc is not there.
 */
uint64_t process_start_time(Process *process);
/* CPU time of all threads so far, without what it waited for; 0 if that is not known. */
uint64_t process_cpu_usec(const Process *process);
/* Borrowed; readable when the process has ended. */
int process_pidfd(const Process *process);
void *process_userdata(const Process *process);
void process_set_userdata(Process *process, void *userdata);
const ProcessResult *process_result(const Process *process);
/* Our end of the socket pair, non-blocking, for the caller to keep; -1 if there is none or it was taken. */
int process_take_fd(Process *process);
/* LimitMask bits of the limits that were asked for and that nothing enforces here. */
unsigned process_unenforced_limits(const Process *process);

/* Bytes to which LaunchLimits limited the memory of its tree; 0: no limit, or it was adopted and nobody has said. */
uint64_t process_memory_limit(const Process *process);
/* What process_memory_limit() was with the broker that launched one that was adopted. It limits nothing anew. */
void process_remember_memory_limit(Process *process, uint64_t bytes);
/*
 * Whether it went over that limit: with a cgroup, if the kernel has killed one of its tree for it; without one, if the
 * anonymous memory of its tree is more than it at this moment, which takes a look at all processes. Works after the
 * end, too.
 */
bool process_is_over_memory(Process *process);

/* True if we or an earlier broker launched it and it was not released. Others are never signalled. */
bool process_is_launched(const Process *process);
/*
 * The process has become somebody else's (a server that became an app): lifts its limits and never signals it again.
 */
void process_release(Process *process);

/*
 * Whether a debugger holds it: 1, 0, -ESRCH if it is gone. A process of its own tree is none: what ends a launched
 * process would wait for ever for one that traces itself.
 */
int process_is_traced(const Process *process);

/*
 * Sends a signal to the process and all its living descendants, also those that daemonized, and returns how many
 * got it; 0 if none is left. Still works after the end of the process itself, until process_free().
 * Without a cgroup the tree is what descends from the process, shares a session with what does, or holds its log on
 * descriptor 1 or 2; an orphan that hides all three is found only while its server is the only one it can stem from.
 * -EPERM: the process was not launched, or was released. -EINVAL: no such signal.
 * With signal 0 nothing is sent: it counts.
 */
int process_signal_tree(Process *process, int signal);

/*
 * The process has got what it was started for: what could wait for that is done as soon as nothing else is ready, so
 * that it takes no time from the start. Harmless if it was said before. Of a command (null_stdin) the launcher says
 * it itself.
 */
void process_settle(Process *process);

/* Reads what is in the FIFO into the log, so that it lies in the time range of a run that ends at this moment. */
void process_drain_output(Process *process);
