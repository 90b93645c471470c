/* SPDX-License-Identifier: MIT */

#include "launcher/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "base/folder.h"
#include "base/hash.h"
#include "base/macro.h"
#include "launcher/cgroup-find.h"

#define DEPTH_MAX 8
#define PIDS_MAX 65536

static int write_at(int dir_fd, const char *name, const char *text)
{
        _cleanup_(closep) int fd = -1;

        fd = openat(dir_fd, name, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        return write(fd, text, strlen(text)) < 0 ? -errno : 0;
}

static int move_into(int root_fd, const char *leaf)
{
        _cleanup_(closep) int fd = -1;

        if (mkdirat(root_fd, leaf, 0755) < 0 && errno != EEXIST)
                return -errno;
        fd = openat(root_fd, leaf, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        return write_at(fd, "cgroup.procs", "0");
}

void cgroup_root_init(CgroupRoot *root, bool use, bool told, const char *tag_source)
{
        _cleanup_(freep) char *path = NULL;
        _cleanup_(closep) int fd = -1;
        bool in_leaf = false;

        *root = (CgroupRoot){ .fd = -1, .emptied_fd = -1, .reason = "they are switched off" };
        snprintf(root->tag, sizeof root->tag, "%08" PRIx32, crc32c(0, tag_source, strlen(tag_source)));
        if (!use)
                return;
        root->reason = cgroup_find_delegated(told, &path, &in_leaf);
        if (root->reason)
                return;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) {
                root->reason = "the delegated cgroup cannot be opened";
                return;
        }
        if (!in_leaf && move_into(fd, "broker") < 0) {
                root->reason = "the broker cannot move to a leaf of the delegated cgroup";
                return;
        }
        root->fd = TAKE_FD(fd);
        root->emptied_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
}

void cgroup_root_done(CgroupRoot *root)
{
        root->fd = safe_close(root->fd);
        root->emptied_fd = safe_close(root->emptied_fd);
}

static void make_name(const CgroupRoot *root, const char *id, char name[static NAME_MAX])
{
        snprintf(name, NAME_MAX, "server-%s-%s", root->tag, id);
}

static bool has_controller(CgroupRoot *root, LimitMask limit, const char *enable)
{
        if (root->enabled & limit)
                return true;
        if (root->refused & limit)
                return false;
        if (write_at(root->fd, "cgroup.subtree_control", enable) >= 0)
                root->enabled |= limit;
        else
                root->refused |= limit;
        return root->enabled & limit;
}

static unsigned set_limits(CgroupRoot *root, int fd, const LaunchLimits *limits)
{
        unsigned enforced = 0;
        char text[64];

        if (limits->memory_bytes && has_controller(root, LIMIT_MEMORY, "+memory")) {
                snprintf(text, sizeof text, "%" PRIu64, limits->memory_bytes);
                if (write_at(fd, "memory.max", text) >= 0)
                        enforced |= LIMIT_MEMORY;
                /* What is left of a tree that has lost a part of itself is of no use. */
                (void)write_at(fd, "memory.oom.group", "1");
        }
        if (limits->cpu_percent && has_controller(root, LIMIT_CPU, "+cpu")) {
                snprintf(text, sizeof text, "%" PRIu64 " 100000", (uint64_t)limits->cpu_percent * 1000);
                if (write_at(fd, "cpu.max", text) >= 0)
                        enforced |= LIMIT_CPU;
        }
        if (limits->tasks && has_controller(root, LIMIT_TASKS, "+pids")) {
                snprintf(text, sizeof text, "%" PRIu64, limits->tasks);
                if (write_at(fd, "pids.max", text) >= 0)
                        enforced |= LIMIT_TASKS;
        }
        return enforced;
}

void cgroup_lift_limits(int cgroup_fd)
{
        (void)write_at(cgroup_fd, "memory.max", "max");
        (void)write_at(cgroup_fd, "cpu.max", "max");
        (void)write_at(cgroup_fd, "pids.max", "max");
}

static bool read_at(int dir_fd, const char *name, char *text, size_t size)
{
        _cleanup_(closep) int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
        ssize_t n;

        n = fd < 0 ? -1 : read(fd, text, size - 1);
        if (n <= 0)
                return false;
        text[n] = '\0';
        return true;
}

unsigned cgroup_missing_controllers(const CgroupRoot *root)
{
        unsigned missing = LIMIT_MEMORY | LIMIT_CPU | LIMIT_TASKS;
        char text[512], *save = NULL;

        if (root->fd < 0 || !read_at(root->fd, "cgroup.controllers", text, sizeof text))
                return missing;
        for (const char *word = strtok_r(text, " \n", &save); word; word = strtok_r(NULL, " \n", &save)) {
                if (strcmp(word, "memory") == 0)
                        missing &= ~(unsigned)LIMIT_MEMORY;
                if (strcmp(word, "cpu") == 0)
                        missing &= ~(unsigned)LIMIT_CPU;
                if (strcmp(word, "pids") == 0)
                        missing &= ~(unsigned)LIMIT_TASKS;
        }
        return missing;
}

bool cgroup_limits_memory(int cgroup_fd)
{
        char text[64];

        return read_at(cgroup_fd, "memory.max", text, sizeof text) && strcmp(text, "max\n") != 0;
}

bool cgroup_ran_out_of_memory(int cgroup_fd)
{
        char text[512];
        const char *kills;

        if (!read_at(cgroup_fd, "memory.events", text, sizeof text))
                return false;
        kills = strstr(text, "oom_kill ");
        return kills && strtoull(kills + strlen("oom_kill "), NULL, 10) > 0;
}

void cgroup_get_usage(int cgroup_fd, uint64_t *ret_cpu_usec, uint64_t *ret_peak_bytes)
{
        char text[1024];
        const char *used = NULL;

        if (read_at(cgroup_fd, "cpu.stat", text, sizeof text))
                used = strstr(text, "usage_usec ");
        *ret_cpu_usec = used ? strtoull(used + strlen("usage_usec "), NULL, 10) : 0;
        *ret_peak_bytes = read_at(cgroup_fd, "memory.peak", text, sizeof text) ? strtoull(text, NULL, 10) : 0;
}

int cgroup_open(CgroupRoot *root, const char *id, int *ret_fd)
{
        char name[NAME_MAX];
        int fd;

        if (root->fd < 0)
                return -ENOENT;
        make_name(root, id, name);
        fd = openat(root->fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        *ret_fd = fd;
        return 0;
}

int cgroup_create(CgroupRoot *root, const char *id, const LaunchLimits *limits, int *ret_fd, unsigned *ret_enforced)
{
        char name[NAME_MAX];
        int r, fd = -1;

        make_name(root, id, name);
        /* What an earlier server of this name has left may carry its limits. */
        if (mkdirat(root->fd, name, 0755) < 0) {
                if (errno != EEXIST)
                        return -errno;
                if (unlinkat(root->fd, name, AT_REMOVEDIR) < 0 || mkdirat(root->fd, name, 0755) < 0)
                        return -errno;
        }
        r = cgroup_open(root, id, &fd);
        if (r < 0) {
                cgroup_remove(root, id);
                return r;
        }
        *ret_enforced = set_limits(root, fd, limits);
        *ret_fd = fd;
        return 0;
}

/* A server may have made cgroups below its own: they go first. False if somebody is in it. */
static bool remove_tree(int parent_fd, const char *name, unsigned depth)
{
        _cleanup_(closedirp) DIR *dir = NULL;
        struct dirent *entry;

        if (unlinkat(parent_fd, name, AT_REMOVEDIR) >= 0)
                return true;
        if (errno != EBUSY || depth == 0 || folder_open(parent_fd, name, &dir) < 0)
                return errno != EBUSY;
        while ((entry = readdir(dir)))
                if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
                        (void)remove_tree(dirfd(dir), entry->d_name, depth - 1);
        return unlinkat(parent_fd, name, AT_REMOVEDIR) >= 0 || errno != EBUSY;
}

/* Who is in it may be nobody's child that we would hear of, and may have died but not be gone yet. */
static void remove_or_wait(CgroupRoot *root, const char *name)
{
        char events[sizeof "/proc/self/fd//cgroup.events" + 12 + NAME_MAX];

        if (remove_tree(root->fd, name, DEPTH_MAX))
                return;
        snprintf(events, sizeof events, "/proc/self/fd/%d/%s/cgroup.events", root->fd, name);
        /* The last one may have left before somebody watched. */
        if (root->emptied_fd >= 0 && inotify_add_watch(root->emptied_fd, events, IN_MODIFY) >= 0)
                (void)remove_tree(root->fd, name, DEPTH_MAX);
}

void cgroup_remove(CgroupRoot *root, const char *id)
{
        char name[NAME_MAX];

        if (root->fd < 0)
                return;
        make_name(root, id, name);
        remove_or_wait(root, name);
}

void cgroup_collect(CgroupRoot *root, bool (*keep)(const char *id, void *userdata), void *userdata)
{
        _cleanup_(closedirp) DIR *dir = NULL;
        char prefix[32];
        struct dirent *entry;

        if (root->fd < 0 || folder_open(root->fd, ".", &dir) < 0)
                return;
        snprintf(prefix, sizeof prefix, "server-%s-", root->tag);
        while ((entry = readdir(dir)))
                if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0 &&
                    !keep(entry->d_name + strlen(prefix), userdata))
                        remove_or_wait(root, entry->d_name);
}

typedef struct PidList {
        pid_t *pids;
        size_t n;
        size_t n_allocated;
} PidList;

static int add_pid(PidList *list, pid_t pid)
{
        if (list->n == PIDS_MAX)
                return -E2BIG;
        if (list->n == list->n_allocated) {
                size_t wanted = list->n_allocated ? 2 * list->n_allocated : 32;
                pid_t *grown = reallocarray(list->pids, wanted, sizeof *grown);

                if (!grown)
                        return -ENOMEM;
                list->pids = grown;
                list->n_allocated = wanted;
        }
        list->pids[list->n++] = pid;
        return 0;
}

static int list_one(int cgroup_fd, PidList *list)
{
        _cleanup_(fclosep) FILE *file = NULL;
        _cleanup_(closep) int fd = -1;
        int pid, r;

        fd = openat(cgroup_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        file = fdopen(fd, "re");
        if (!file)
                return -errno;
        TAKE_FD(fd);
        while (fscanf(file, "%d", &pid) == 1) {
                r = pid > 0 ? add_pid(list, pid) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

static int list_tree(int cgroup_fd, PidList *list, unsigned depth)
{
        _cleanup_(closedirp) DIR *dir = NULL;
        struct dirent *entry;
        int r;

        r = list_one(cgroup_fd, list);
        if (r < 0 || depth == 0)
                return r;
        r = folder_open(cgroup_fd, ".", &dir);
        while (r >= 0 && (entry = readdir(dir))) {
                _cleanup_(closep) int child_fd = -1;

                if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
                        continue;
                child_fd = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
                if (child_fd >= 0)
                        r = list_tree(child_fd, list, depth - 1);
        }
        return r;
}

int cgroup_list(int cgroup_fd, pid_t **ret_pids, size_t *ret_n_pids)
{
        PidList list = { 0 };
        int r;

        r = list_tree(cgroup_fd, &list, DEPTH_MAX);
        if (r < 0) {
                free(list.pids);
                return r;
        }
        *ret_pids = list.pids;
        *ret_n_pids = list.n;
        return 0;
}

int cgroup_kill(int cgroup_fd)
{
        return write_at(cgroup_fd, "cgroup.kill", "1");
}
