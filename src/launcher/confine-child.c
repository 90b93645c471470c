/* SPDX-License-Identifier: MIT */

/* The child's part of a confinement, between clone and exec: system calls on what the parent wrote down. */

#include <errno.h>
#include <fcntl.h>
#include <linux/securebits.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "launcher/confine.h"
#include "launcher/spawn.h"

#define MEMORY_OPTIONS "mode=1777,size=25%"
#define ROOT_OPTIONS "mode=755,size=1m"

/* The kernel's struct landlock_ruleset_attr as of its version 6; older ones are a prefix of it. */
typedef struct LandlockRuleset {
        uint64_t handled_files;
        uint64_t handled_network;
        uint64_t scoped;
} LandlockRuleset;

typedef struct __attribute__((packed)) LandlockPath {
        uint64_t allowed;
        int32_t fd;
} LandlockPath;

#define LANDLOCK_BENEATH 1
#define LANDLOCK_EXECUTE UINT64_C(0x1)
#define LANDLOCK_WRITE_FILE UINT64_C(0x2)
#define LANDLOCK_READ_FILE UINT64_C(0x4)
#define LANDLOCK_READ_FOLDER UINT64_C(0x8)
#define LANDLOCK_TRUNCATE UINT64_C(0x4000) /* since version 3 */
#define LANDLOCK_IOCTL UINT64_C(0x8000)    /* since version 5 */
#define LANDLOCK_SCOPED UINT64_C(0x3)      /* abstract sockets and signals, since version 6 */
#define LANDLOCK_READ (LANDLOCK_EXECUTE | LANDLOCK_READ_FILE | LANDLOCK_READ_FOLDER)
#define LANDLOCK_OF_FILES \
        (LANDLOCK_EXECUTE | LANDLOCK_WRITE_FILE | LANDLOCK_READ_FILE | LANDLOCK_TRUNCATE | LANDLOCK_IOCTL)

/* All rights to files that a version knows: 13 at first, then renaming across folders, truncating, device ioctls. */
_bare_ static uint64_t known_rights(int abi)
{
        int bits = 13 + (abi >= 2) + (abi >= 3) + (abi >= 5);

        return (UINT64_C(1) << bits) - 1;
}

_bare_ static int write_file(const char *path, const char *text, size_t n)
{
        int fd, r = 0;

        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        if (write(fd, text, n) < 0)
                r = -errno;
        close(fd);
        return r;
}

_bare_ static size_t length(const char *text)
{
        size_t n = 0;

        while (text[n])
                n++;
        return n;
}

/* We are ourselves in the new user namespace, and nobody else is anyone. */
_bare_ static int map_ids(const Confinement *c)
{
        int r;

        r = write_file("/proc/self/setgroups", "deny", 4);
        if (r >= 0)
                r = write_file("/proc/self/uid_map", c->uid_map, length(c->uid_map));
        return r < 0 ? r : write_file("/proc/self/gid_map", c->gid_map, length(c->gid_map));
}

/*
 * A copy of a tree outside, with what is mounted in it. Its restrictions are added to those that it has. What a device
 * takes can be written where all is read-only; its owner and mode, which are those of the whole machine, cannot.
 */
_bare_ static int attach_tree(const ConfineStep *step, const char *target)
{
        struct mount_attr attributes = {
                .attr_set = MOUNT_ATTR_NOSUID | (step->is_device ? MOUNT_ATTR_NOEXEC : MOUNT_ATTR_NODEV) |
                            (step->writable && !step->is_device ? 0 : MOUNT_ATTR_RDONLY),
        };
        int fd, r = 0;

        if (step->is_file)
                fd = open(target, O_WRONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
        else
                fd = mkdir(target, 0755);
        if (fd < 0 && errno != EEXIST && errno != EROFS)
                return -errno;
        if (step->is_file && fd >= 0)
                close(fd);
        fd = (int)syscall(SYS_open_tree, AT_FDCWD, step->source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
        if (fd < 0)
                return -errno;
        if (syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attributes, sizeof attributes) < 0 ||
            syscall(SYS_move_mount, fd, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
                r = -errno;
        close(fd);
        return r;
}

_bare_ static int take_step(const Confinement *c, const ConfineStep *step)
{
        unsigned long proc = MS_NOSUID | MS_NODEV | MS_NOEXEC | (c->is_root ? MS_RDONLY : 0);
        const char *target = step->target + 1; /* below the new root, in which we stand */
        int r = 0;

        if (step->kind == CONFINE_TREE)
                return attach_tree(step, target);
        if (step->kind == CONFINE_LINK)
                return symlink(step->source, target) < 0 ? -errno : 0;
        if (mkdir(target, 0755) < 0 && errno != EEXIST)
                return -errno;
        if (step->kind == CONFINE_MEMORY)
                r = mount("tmpfs", target, "tmpfs", MS_NOSUID | MS_NODEV, MEMORY_OPTIONS);
        /* Where parts of /proc are hidden, as in containers, the kernel gives no new one. Then it has none. */
        if (step->kind == CONFINE_PROC && mount("proc", target, "proc", proc, NULL) < 0 && errno != EPERM)
                r = -1;
        return r < 0 ? -errno : 0;
}

/* Puts "." over "/" and lets the old root go. */
_bare_ static int change_root(void)
{
        struct mount_attr read_only = { .attr_set = MOUNT_ATTR_RDONLY };

        if (syscall(SYS_mount_setattr, AT_FDCWD, ".", 0, &read_only, sizeof read_only) < 0 ||
            syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
                return -errno;
        return 0;
}

_bare_ int confine_enter(const Confinement *c)
{
        int r;

        r = map_ids(c);
        if (r < 0)
                return r;
        if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
            mount("tmpfs", c->root, "tmpfs", MS_NOSUID | MS_NODEV, ROOT_OPTIONS) < 0 || chdir(c->root) < 0)
                return -errno;
        for (size_t i = 0; i < c->n_steps; i++) {
                r = take_step(c, &c->steps[i]);
                if (r < 0)
                        return r;
        }
        return change_root();
}

_bare_ static int allow_fd(int ruleset, int fd, uint64_t rights)
{
        LandlockPath rule = { .allowed = rights, .fd = fd };

        return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_BENEATH, &rule, 0) < 0 ? -errno : 0;
}

_bare_ static int allow(int ruleset, const char *path, uint64_t rights)
{
        int fd, r;

        fd = open(path, O_PATH | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        r = allow_fd(ruleset, fd, rights);
        close(fd);
        return r;
}

/* The view holds only what is allowed; this says it a second time, to another part of the kernel. */
_bare_ static int allow_step(int ruleset, const Confinement *c, const ConfineStep *step, uint64_t known)
{
        uint64_t rights = LANDLOCK_READ;

        if (step->kind == CONFINE_FOLDER || step->kind == CONFINE_LINK)
                return 0;
        if (step->kind == CONFINE_MEMORY || step->writable)
                rights = known;
        else if (step->kind == CONFINE_PROC && !c->is_root)
                rights |= LANDLOCK_WRITE_FILE | (LANDLOCK_TRUNCATE & known);
        if (step->is_file)
                rights &= LANDLOCK_OF_FILES;
        return allow(ruleset, step->target, rights);
}

_bare_ static int landlock(const Confinement *c)
{
        uint64_t known = known_rights(c->landlock_abi);
        LandlockRuleset ruleset = { .handled_files = known, .scoped = LANDLOCK_SCOPED };
        size_t size = c->landlock_abi >= 6 ? sizeof ruleset : sizeof ruleset.handled_files;
        int fd, r;

        fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, size, 0);
        if (fd < 0)
                return -errno;
        r = allow(fd, "/", LANDLOCK_READ_FOLDER);
        for (size_t i = 0; i < c->n_steps && r >= 0; i++)
                r = allow_step(fd, c, &c->steps[i], known);
        /* Its output may be opened once more, as by a shell's "> /dev/stderr". What is no file needs no right. */
        if (r >= 0)
                (void)allow_fd(fd, STDOUT_FILENO, known & (LANDLOCK_WRITE_FILE | LANDLOCK_TRUNCATE));
        if (r >= 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
                r = -errno;
        close(fd);
        return r;
}

_bare_ int confine_seal(const Confinement *c)
{
        int r = 0;

        /* Being uid 0 is worth nothing from the next exec on. */
        if (prctl(PR_SET_SECUREBITS, SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE |
                                             SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED) < 0 ||
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                return -errno;
        if (c->landlock_abi > 0)
                r = landlock(c);
        if (r >= 0 && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, c->filter) < 0)
                r = -errno;
        return r;
}
