/* SPDX-License-Identifier: MIT */

/* The launcher itself, and the three ways in which it comes to a process: launching, adopting, watching. */

#include "launcher/launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "launcher/internal.h"
#include "launcher/procfs.h"

bool launcher_id_is_valid(const char *id)
{
        static const char allowed[] =
                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-.@+";
        size_t n = strlen(id);

        return n > 0 && n <= LAUNCHER_ID_MAX && id[0] != '.' && strspn(id, allowed) == n;
}

static int open_servers(const char *runtime_directory, int *ret_fd)
{
        _cleanup_(closep) int parent = -1;
        int fd;

        parent = open(runtime_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (parent < 0)
                return -errno;
        if (mkdirat(parent, "servers", 0700) < 0 && errno != EEXIST)
                return -errno;
        fd = openat(parent, "servers", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        *ret_fd = fd;
        return 0;
}

static uint64_t soft_nofile(void)
{
        struct rlimit limit;

        return getrlimit(RLIMIT_NOFILE, &limit) < 0 ? 1024 : limit.rlim_cur;
}

static bool is_known(const char *id, void *userdata)
{
        return launcher_find(userdata, id) != NULL;
}

/* What happened to which of them does not matter: all are tried. */
static void handle_emptied(LoopSource *source, uint32_t events, void *userdata)
{
        Launcher *launcher = userdata;
        char event[4096];

        while (read(launcher->cgroups.emptied_fd, event, sizeof event) > 0)
                ;
        cgroup_collect(&launcher->cgroups, is_known, launcher);
}

static int set_up(Launcher *launcher, const LauncherConfig *config)
{
        uint64_t log_max_bytes = config->log_max_bytes ? config->log_max_bytes : LOG_BYTES_DEFAULT;
        int r;

        r = environment_init(&launcher->environment, config->source_environment);
        if (r < 0)
                return r;
        r = open_servers(config->runtime_directory, &launcher->servers_fd);
        if (r < 0)
                return r;
        if (asprintf(&launcher->servers_path, "%s/servers", config->runtime_directory) < 0)
                return -ENOMEM;
        launcher->spares.folder_fd = launcher->servers_fd;
        r = output_fill_spares(&launcher->spares);
        if (r < 0)
                return r;
        r = log_folder_init(&launcher->logs, config->log_directory, MAX(log_max_bytes, (uint64_t)LOG_BYTES_MIN),
                            config->log_max_servers ? config->log_max_servers : LOG_SERVERS_DEFAULT);
        if (r < 0)
                return r;
        launcher->logs.real_usec = config->real_usec;
        launcher->logs.userdata = config->userdata;
        /* Without it output still reaches the log, and only a broker that is killed can lose some. */
        (void)log_folder_use_spool(&launcher->logs, launcher->servers_fd);
        r = spawner_init(&launcher->spawner);
        if (r < 0)
                return r;
        if (config->subreaper) {
                r = reaper_init(launcher);
                if (r < 0)
                        return r;
        }
        cgroup_root_init(&launcher->cgroups, config->use_cgroups, config->cgroup_delegated,
                         config->runtime_directory);
        if (launcher->cgroups.emptied_fd < 0)
                return 0;
        return loop_add(launcher->loop, &launcher->emptied, launcher->cgroups.emptied_fd, EPOLLIN, handle_emptied,
                        launcher);
}

int launcher_new(Loop *loop, const LauncherConfig *config, Launcher **ret_launcher)
{
        _cleanup_(launcher_freep) Launcher *launcher = NULL;
        int r;

        if (!config->ended || !config->runtime_directory || !config->log_directory)
                return -EINVAL;
        launcher = calloc(1, sizeof *launcher);
        if (!launcher)
                return -ENOMEM;
        *launcher = (Launcher){
                .loop = loop,
                .servers_fd = -1,
                .spares = OUTPUT_SPARES_INIT,
                .default_nofile = config->default_nofile ? config->default_nofile : soft_nofile(),
                .has_autogroups = access("/proc/self/autogroup", F_OK) >= 0,
                .ended = config->ended,
                .userdata = config->userdata,
                .logs.fd = -1,
                .cgroups = { .fd = -1, .emptied_fd = -1 },
                .emptied = LOOP_SOURCE_INIT,
                .reaper = { .event_fd = -1, .source = LOOP_SOURCE_INIT },
        };
        list_init(&launcher->processes);
        r = set_up(launcher, config);
        if (r < 0)
                return r;
        *ret_launcher = TAKE_PTR(launcher);
        return 0;
}

Launcher *launcher_free(Launcher *launcher)
{
        if (!launcher)
                return NULL;
        while (!list_is_empty(&launcher->processes))
                process_free(list_entry(launcher->processes.next, Process, node));
        reaper_done(launcher);
        loop_drop_job(&launcher->spares_job);
        loop_remove(launcher->loop, &launcher->emptied);
        cgroup_root_done(&launcher->cgroups);
        spawner_done(&launcher->spawner);
        log_folder_done(&launcher->logs);
        output_spares_done(&launcher->spares);
        safe_close(launcher->servers_fd);
        free(launcher->servers_path);
        confine_filter_done(&launcher->filter);
        environment_done(&launcher->environment);
        free(launcher);
        return NULL;
}

void launcher_get_status(const Launcher *launcher, LauncherStatus *ret_status)
{
        *ret_status = (LauncherStatus){
                .cgroups = launcher->cgroups.fd >= 0,
                .cgroups_reason = launcher->cgroups.fd >= 0 ? NULL : launcher->cgroups.reason,
                .no_controller = cgroup_missing_controllers(&launcher->cgroups),
                .subreaper = launcher->reaper.active,
                .n_processes = launcher->n_processes,
        };
}

int launcher_import_environment(Launcher *launcher, const char *name, const char *value)
{
        if (strncmp(name, "BGTASK_", strlen("BGTASK_")) == 0)
                return -EINVAL;
        return environment_set(&launcher->environment, name, value);
}

const char *launcher_get_environment(const Launcher *launcher, const char *name)
{
        return environment_get(&launcher->environment, name);
}

int launcher_find_executable(const Launcher *launcher, const char *name, const char *cwd, char **ret_path)
{
        return environment_find_executable(&launcher->environment, name, cwd, ret_path);
}

static int attach(Process *process, pid_t pid, uint64_t start_time)
{
        ProcStat stat;
        int r;

        if (pid <= 0)
                return -EINVAL;
        r = pidfd_open_cloexec(pid);
        if (r < 0)
                return r;
        process->pidfd = r;
        /* Read after the pidfd was opened: if the pid has been given anew since, the start time tells. */
        r = proc_read_stat(pid, &stat);
        if (r < 0)
                return r;
        if (start_time != 0 && stat.start_time != start_time)
                return -ESRCH;
        process->start_time = stat.start_time;
        process->pid = pid;
        return process_watch(process);
}

/* A runtime folder that was cleaned costs the output, not the server. */
static int open_output(Launcher *launcher, Process *process)
{
        int r = output_open(&process->output, launcher->loop, launcher->servers_fd, &launcher->logs, process->id);

        return r == -ENOENT || r == -EEXIST ? 0 : r;
}

/* Whom a broker started that was killed before it could write down whom. */
static int find_nameless(const Process *process, pid_t *ret_pid, uint64_t *ret_start_time)
{
        _cleanup_(freep) ProcStat *stats = NULL;
        size_t n = 0;
        int r;

        r = proc_list(&stats, &n);
        for (size_t i = 0; r >= 0 && i < n; i++) {
                if (stats[i].session != stats[i].pid || launcher_find_pid(process->launcher, stats[i].pid) ||
                    !process_prints_here(process, stats[i].pid))
                        continue;
                *ret_pid = stats[i].pid;
                *ret_start_time = stats[i].start_time;
                return 0;
        }
        return r < 0 ? r : -ESRCH;
}

int launcher_adopt(Launcher *launcher, const char *id, pid_t pid, uint64_t start_time, void *userdata,
                   Process **ret_process)
{
        _cleanup_(process_freep) Process *process = NULL;
        int r;

        if ((start_time == 0) != (pid == 0))
                return -EINVAL;
        r = process_new(launcher, id, userdata, &process);
        if (r < 0)
                return r;
        r = open_output(launcher, process);
        if (r >= 0 && pid == 0)
                r = find_nameless(process, &pid, &start_time);
        if (r < 0)
                return r;
        r = attach(process, pid, start_time);
        if (r < 0) {
                /* Children that still hold it have kept its last words. */
                output_drain(&process->output);
                return r;
        }
        process->descends = process->is_launched = true;
        (void)cgroup_open(&launcher->cgroups, id, &process->cgroup_fd);
        r = process->output.fifo_fd >= 0 ? output_watch(&process->output) : 0;
        if (r < 0)
                return r;
        *ret_process = TAKE_PTR(process);
        return 0;
}

int launcher_watch(Launcher *launcher, const char *id, pid_t pid, uint64_t start_time, void *userdata,
                   Process **ret_process)
{
        _cleanup_(process_freep) Process *process = NULL;
        int r;

        r = process_new(launcher, id, userdata, &process);
        if (r < 0)
                return r;
        r = attach(process, pid, start_time);
        if (r < 0)
                return r;
        *ret_process = TAKE_PTR(process);
        return 0;
}

void launcher_collect_leftovers(Launcher *launcher)
{
        output_collect(launcher->servers_fd, is_known, launcher);
        cgroup_collect(&launcher->cgroups, is_known, launcher);
}
