/* SPDX-License-Identifier: MIT */

/* What a confined process will see, written down as steps. docs/confinement.md is the page. */

#include "launcher/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define LANDLOCK_VERSION 1U

/* Of Linux 6.6; headers and libseccomp may be older. It has the same number everywhere. */
#ifdef __NR_fchmodat2
#define FCHMODAT2 __NR_fchmodat2
#else
#define FCHMODAT2 452
#endif

/*
 * Of the system everyone may see: programs, libraries, and what those read to work at all. No secrets live here, not
 * even such as root alone may read: beside the certificates of /etc/ssl and /etc/pki there are private keys.
 */
static const char *const system_paths[] = {
        "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
        "/etc/alternatives", "/etc/ca-certificates", "/etc/fonts", "/etc/gai.conf", "/etc/group", "/etc/host.conf",
        "/etc/hosts", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/locale.alias",
        "/etc/localtime", "/etc/mime.types", "/etc/nsswitch.conf", "/etc/passwd", "/etc/pki/ca-trust",
        "/etc/pki/tls/cert.pem", "/etc/pki/tls/certs", "/etc/pki/tls/openssl.cnf", "/etc/protocols",
        "/etc/resolv.conf", "/etc/services", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem", "/etc/ssl/certs",
        "/etc/ssl/openssl.cnf", "/etc/timezone", "/etc/xdg", "/sys/devices/system/cpu",
};
static const char *const devices[] = { "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom" };
static const struct {
        const char *name;
        const char *text;
} links[] = {
        { "dev/fd", "/proc/self/fd" },
        { "dev/stdin", "/proc/self/fd/0" },
        { "dev/stdout", "/proc/self/fd/1" },
        { "dev/stderr", "/proc/self/fd/2" },
};
static const char *const memory_folders[] = { "dev/shm", "tmp", "var/tmp" };

Confinement *confinement_free(Confinement *confinement)
{
        if (!confinement)
                return NULL;
        for (size_t i = 0; i < confinement->n_steps; i++) {
                free(confinement->steps[i].target);
                free(confinement->steps[i].source);
        }
        free(confinement->steps);
        free(confinement);
        return NULL;
}

static int add_step(Confinement *c, ConfineKind kind, const char *target, size_t n_target, const char *source,
                    ConfineStep **ret_step)
{
        ConfineStep *steps = reallocarray(c->steps, c->n_steps + 1, sizeof *steps);
        ConfineStep step = { .kind = kind };

        if (!steps)
                return -ENOMEM;
        c->steps = steps;
        if (asprintf(&step.target, "/%.*s", (int)n_target, target) < 0)
                return -ENOMEM;
        step.source = source ? strdup(source) : NULL;
        if (source && !step.source) {
                free(step.target);
                return -ENOMEM;
        }
        steps[c->n_steps++] = step;
        if (ret_step)
                *ret_step = &steps[c->n_steps - 1];
        return 0;
}

static const ConfineStep *find_target(const Confinement *c, const char *target, size_t n)
{
        for (size_t i = 0; i < c->n_steps; i++)
                if (strncmp(c->steps[i].target + 1, target, n) == 0 && !c->steps[i].target[n + 1])
                        return &c->steps[i];
        return NULL;
}

/*
 * The step after those that make the folders on its way. A way through a link is refused: while the view is put
 * together, links still lead into the world outside.
 */
static int add_below(Confinement *c, ConfineKind kind, const char *target, const char *source, ConfineStep **ret_step)
{
        for (const char *slash = strchr(target, '/'); slash; slash = strchr(slash + 1, '/')) {
                const ConfineStep *parent = find_target(c, target, (size_t)(slash - target));
                int r = 0;

                if (parent && parent->kind == CONFINE_LINK)
                        return -ELOOP;
                if (!parent)
                        r = add_step(c, CONFINE_FOLDER, target, (size_t)(slash - target), NULL, NULL);
                if (r < 0)
                        return r;
        }
        return add_step(c, kind, target, strlen(target), source, ret_step);
}

static int add_tree(Confinement *c, const char *source, const char *target, bool writable)
{
        ConfineStep *step;
        struct stat st;
        int r;

        if (source[0] != '/' || target[0] != '/' || strlen(source) >= PATH_MAX)
                return -EINVAL;
        if (stat(source, &st) < 0)
                return -errno;
        /* The root is the view itself: what names it names everything. */
        if (!target[strspn(target, "/")])
                return -EINVAL;
        target += strspn(target, "/");
        r = add_below(c, CONFINE_TREE, target, source, &step);
        if (r < 0)
                return r;
        step->is_file = !S_ISDIR(st.st_mode);
        step->is_device = S_ISCHR(st.st_mode);
        step->writable = writable;
        return 0;
}

/* On merged systems /bin is a link; it stays one. */
static int add_system_path(Confinement *c, const char *path)
{
        char text[PATH_MAX];
        ssize_t n = -1;
        int r;

        if (!strchr(path + 1, '/'))
                n = readlink(path, text, sizeof text - 1);
        if (n >= 0) {
                text[n] = '\0';
                return add_step(c, CONFINE_LINK, path + 1, strlen(path + 1), text, NULL);
        }
        r = add_tree(c, path, path, false);
        return r == -ENOENT || r == -EACCES ? 0 : r;
}

static int add_system(Confinement *c)
{
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(system_paths) && r >= 0; i++)
                r = add_system_path(c, system_paths[i]);
        for (size_t i = 0; i < ELEMENTSOF(devices) && r >= 0; i++)
                r = add_tree(c, devices[i], devices[i], true);
        for (size_t i = 0; i < ELEMENTSOF(links) && r >= 0; i++)
                r = add_below(c, CONFINE_LINK, links[i].name, links[i].text, NULL);
        for (size_t i = 0; i < ELEMENTSOF(memory_folders) && r >= 0; i++)
                r = add_below(c, CONFINE_MEMORY, memory_folders[i], NULL, NULL);
        return r < 0 ? r : add_below(c, CONFINE_PROC, "proc", NULL, NULL);
}

static int add_wanted(Confinement *c, const LaunchConfinement *wanted)
{
        for (size_t i = 0; i < wanted->n_paths; i++) {
                const LaunchPath *path = &wanted->paths[i];
                int r = add_tree(c, path->path, path->seen_as ? path->seen_as : path->path, path->writable);

                if (r < 0 && !(path->optional && (r == -ENOENT || r == -EACCES)))
                        return r;
        }
        return 0;
}

/* What reaches the kernel beyond this process, or has been a way out of sandboxes; none of it is a task's business. */
static const int refused_calls[] = {
        SCMP_SYS(acct), SCMP_SYS(add_key), SCMP_SYS(adjtimex), SCMP_SYS(bpf), SCMP_SYS(chroot),
        SCMP_SYS(clock_adjtime), SCMP_SYS(clock_settime), SCMP_SYS(delete_module), SCMP_SYS(finit_module),
        SCMP_SYS(fsconfig), SCMP_SYS(fsmount), SCMP_SYS(fsopen), SCMP_SYS(fspick), SCMP_SYS(init_module),
        SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register), SCMP_SYS(io_uring_setup), SCMP_SYS(ioperm),
        SCMP_SYS(iopl), SCMP_SYS(kcmp), SCMP_SYS(kexec_file_load), SCMP_SYS(kexec_load), SCMP_SYS(keyctl),
        SCMP_SYS(lookup_dcookie), SCMP_SYS(mount), SCMP_SYS(mount_setattr), SCMP_SYS(move_mount),
        SCMP_SYS(name_to_handle_at), SCMP_SYS(nfsservctl), SCMP_SYS(open_by_handle_at), SCMP_SYS(open_tree),
        SCMP_SYS(perf_event_open), SCMP_SYS(personality), SCMP_SYS(pivot_root), SCMP_SYS(process_madvise),
        SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev), SCMP_SYS(ptrace), SCMP_SYS(quotactl),
        SCMP_SYS(quotactl_fd), SCMP_SYS(reboot), SCMP_SYS(request_key), SCMP_SYS(setdomainname),
        SCMP_SYS(sethostname), SCMP_SYS(setns), SCMP_SYS(settimeofday), SCMP_SYS(stime), SCMP_SYS(swapoff),
        SCMP_SYS(swapon), SCMP_SYS(syslog), SCMP_SYS(umount), SCMP_SYS(umount2), SCMP_SYS(unshare),
        SCMP_SYS(uselib), SCMP_SYS(userfaultfd), SCMP_SYS(vhangup),
};
/* New namespaces are new kernel code to attack. CLONE_NEWTIME is no flag of clone(). */
static const unsigned long namespace_flags[] = { CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS,
                                                 CLONE_NEWPID, CLONE_NEWUSER, CLONE_NEWUTS };
/* A terminal would do what it is told as if its user had typed it. TIOCLINUX pastes. */
static const unsigned long terminal_requests[] = { TIOCSTI, TIOCLINUX };
/* In the order of their numbers. */
static const int socket_families[] = { AF_UNIX, AF_INET, AF_INET6, AF_NETLINK };

static int refuse_families(scmp_filter_ctx context, int call)
{
        int next = 0, r = 0;

        /* Those between the ones that are allowed, one by one: a rule can only compare with a value. */
        for (size_t i = 0; i < ELEMENTSOF(socket_families); i++) {
                for (; next < socket_families[i] && r >= 0; next++)
                        r = seccomp_rule_add(context, SCMP_ACT_ERRNO(EAFNOSUPPORT), call, 1,
                                             SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)next));
                next++;
        }
        if (r >= 0)
                r = seccomp_rule_add(context, SCMP_ACT_ERRNO(EAFNOSUPPORT), call, 1,
                                     SCMP_A0(SCMP_CMP_GE, (scmp_datum_t)next));
        return r;
}

/*
 * A file of ours that runs as us for whoever starts it would be a way out with the help of any other user: our folders
 * exist outside, too, where nothing says "nosuid". creating: the argument in which flags must say that a file is made,
 * or -1.
 */
static int refuse_special_mode(scmp_filter_ctx context, int call, unsigned mode, int creating)
{
        static const unsigned long creates[] = { O_CREAT, O_TMPFILE };
        static const unsigned long bits[] = { S_ISUID, S_ISGID };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(bits) && r >= 0; i++) {
                struct scmp_arg_cmp special = SCMP_CMP(mode, SCMP_CMP_MASKED_EQ, bits[i], bits[i]);

                if (creating < 0)
                        r = seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), call, 1, special);
                for (size_t j = 0; creating >= 0 && j < ELEMENTSOF(creates) && r >= 0; j++)
                        r = seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), call, 2, special,
                                             SCMP_CMP((unsigned)creating, SCMP_CMP_MASKED_EQ, creates[j],
                                                      creates[j]));
        }
        return r;
}

static int refuse_special_modes(scmp_filter_ctx context)
{
        static const struct {
                int call;
                unsigned mode;
                int creating;
        } calls[] = {
                { SCMP_SYS(chmod), 1, -1 }, { SCMP_SYS(fchmod), 1, -1 }, { SCMP_SYS(fchmodat), 2, -1 },
                { FCHMODAT2, 2, -1 }, { SCMP_SYS(creat), 1, -1 }, { SCMP_SYS(mknod), 1, -1 },
                { SCMP_SYS(mknodat), 2, -1 }, { SCMP_SYS(open), 2, 1 }, { SCMP_SYS(openat), 3, 2 },
        };
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(calls) && r >= 0; i++)
                r = refuse_special_mode(context, calls[i].call, calls[i].mode, calls[i].creating);
        /* As clone3(): who does not find it uses openat(). */
        return r < 0 ? r : seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(openat2), 0);
}

static int add_rules(scmp_filter_ctx context)
{
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(refused_calls) && r >= 0; i++)
                r = seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), refused_calls[i], 0);
        for (size_t i = 0; i < ELEMENTSOF(namespace_flags) && r >= 0; i++)
                r = seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
                                     SCMP_A0(SCMP_CMP_MASKED_EQ, namespace_flags[i], namespace_flags[i]));
        /* Its flags are in memory, where a filter cannot look. C libraries then use clone(). */
        if (r >= 0)
                r = seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
        for (size_t i = 0; i < ELEMENTSOF(terminal_requests) && r >= 0; i++)
                r = seccomp_rule_add(context, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(ioctl), 1,
                                     SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, terminal_requests[i]));
        if (r >= 0)
                r = refuse_special_modes(context);
        /* A pair of a family that knows none loads its module all the same. */
        if (r >= 0)
                r = refuse_families(context, SCMP_SYS(socketpair));
        return r < 0 ? r : refuse_families(context, SCMP_SYS(socket));
}

static int read_program(int fd, struct sock_fprog *ret_program)
{
        _cleanup_(freep) struct sock_filter *code = NULL;
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        code = malloc((size_t)st.st_size);
        if (!code)
                return -ENOMEM;
        if (pread(fd, code, (size_t)st.st_size, 0) != (ssize_t)st.st_size)
                return -EIO;
        *ret_program = (struct sock_fprog){ .len = (unsigned short)((size_t)st.st_size / sizeof *code) };
        ret_program->filter = TAKE_PTR(code);
        return 0;
}

/* A call of another architecture, as 32-bit programs make, kills the process: its numbers mean other calls. */
static int make_filter(ConfineFilter *filter)
{
        _cleanup_(closep) int fd = -1;
        scmp_filter_ctx context;
        int r;

        if (filter->program.filter)
                return 0;
        context = seccomp_init(SCMP_ACT_ALLOW);
        if (!context)
                return -ENOMEM;
        fd = memfd_create("filter", MFD_CLOEXEC);
        r = fd < 0 ? -errno : add_rules(context);
        if (r >= 0)
                r = seccomp_export_bpf(context, fd);
        seccomp_release(context);
        return r < 0 ? r : read_program(fd, &filter->program);
}

void confine_filter_done(ConfineFilter *filter)
{
        free(filter->program.filter);
        *filter = (ConfineFilter){ 0 };
}

int confine_landlock_abi(void)
{
        long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_VERSION);

        return abi < 0 ? 0 : (int)abi;
}

int confinement_new(const LaunchConfinement *wanted, const char *root, ConfineFilter *filter,
                    Confinement **ret_confinement)
{
        _cleanup_(confinement_freep) Confinement *c = calloc(1, sizeof *c);
        int r;

        if (!c)
                return -ENOMEM;
        r = make_filter(filter);
        if (r >= 0)
                r = add_system(c);
        if (r >= 0)
                r = add_wanted(c, wanted);
        if (r < 0)
                return r;
        c->root = root;
        snprintf(c->uid_map, sizeof c->uid_map, "%u %u 1\n", geteuid(), geteuid());
        snprintf(c->gid_map, sizeof c->gid_map, "%u %u 1\n", getegid(), getegid());
        c->namespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |
                        (wanted->network ? 0 : CLONE_NEWNET);
        c->landlock_abi = confine_landlock_abi();
        c->is_root = geteuid() == 0;
        c->filter = &filter->program;
        *ret_confinement = TAKE_PTR(c);
        return 0;
}
