/* SPDX-License-Identifier: MIT */

/* Tries what a confined process must not be able to do, and prints for each the error that it got, or "done". */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void report(const char *what, long result)
{
        printf("%s: %s\n", what, result < 0 ? strerrorname_np(errno) : "done");
}

/* A folder that leads to this program is there, with nothing else in it: that is as good as none. */
static void report_folder(const char *what, const char *path)
{
        char self[4096];
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
        size_t length = strlen(path);
        DIR *folder = opendir(path);
        const struct dirent *entry;

        if (!folder || n < 0) {
                report(what, -1);
                return;
        }
        self[n] = '\0';
        while ((entry = readdir(folder))) {
                size_t name_length = strlen(entry->d_name);
                bool leads = strncmp(self, path, length) == 0 && self[length] == '/' &&
                        strncmp(self + length + 1, entry->d_name, name_length) == 0 &&
                        self[length + 1 + name_length] == '/';

                if (!leads && strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
                        break;
        }
        errno = ENOENT;
        report(what, entry ? 0 : -1);
        closedir(folder);
}

static void try_modes(void)
{
        int fd = open("/tmp/file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        report("ordinary mode", fchmod(fd, 0750));
        report("as its owner", fchmod(fd, 04755));
        report("as its group", fchmod(fd, 02755));
        report("by name", chmod("/tmp/file", 04755));
        report("by folder", fchmodat(AT_FDCWD, "/tmp/file", 04755, 0));
        report("by folder and flags", syscall(452, AT_FDCWD, "/tmp/file", 04755, 0)); /* fchmodat2(), of Linux 6.6 */
        report("made so", open("/tmp/made", O_RDWR | O_CREAT | O_CLOEXEC, 04755));
        report("nameless", open("/tmp", O_RDWR | O_TMPFILE | O_CLOEXEC, 02755));
        report("not made", open("/tmp/file", O_RDONLY | O_CLOEXEC, 06755));
        report("fifo", mknod("/tmp/fifo", S_IFIFO | 04700, 0));
        report("openat2", syscall(SYS_openat2, AT_FDCWD, "/tmp/file", NULL, 0));
        close(fd);
}

static void try_calls(void)
{
        int pair[2];

        report("mount", mount("tmpfs", "/tmp", "tmpfs", 0, NULL));
        report("umount", umount2("/proc", MNT_DETACH));
        report("chroot", chroot("/tmp"));
        report("setns", setns(0, 0));
        report("unshare", unshare(CLONE_NEWUSER));
        report("clone", syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL));
        report("clone3", syscall(SYS_clone3, NULL, 0));
        report("ptrace", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
        report("process_vm_readv", process_vm_readv(1, NULL, 0, NULL, 0, 0));
        report("bpf", syscall(SYS_bpf, BPF_MAP_CREATE, NULL, 0));
        report("perf", syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0));
        report("keyctl", syscall(SYS_keyctl, 0, 0, 0, 0, 0));
        report("io_uring", syscall(SYS_io_uring_setup, 1, NULL));
        report("userfaultfd", syscall(SYS_userfaultfd, 0));
        report("typing", ioctl(0, TIOCSTI, "x"));
        report("packets", socket(AF_PACKET, SOCK_RAW, 0));
        report("vsock", socket(AF_VSOCK, SOCK_STREAM, 0));
        report("unix", socket(AF_UNIX, SOCK_STREAM, 0));
        report("pair of packets", socketpair(AF_PACKET, SOCK_RAW, 0, pair));
        report("privileges", prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0));
        report_folder("home", "/home");
        report_folder("root's home", "/root");
        report("new file", open("/usr/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        report("new root file", open("/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        report("temporary file", open("/tmp/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        report("null", open("/dev/null", O_RDWR | O_CLOEXEC));
        report("null's mode", chmod("/dev/null", 0666));
        report("private keys", open("/etc/ssl/private", O_RDONLY | O_CLOEXEC));
        report("kernel's settings", open("/proc/sys/kernel/core_pattern", O_WRONLY | O_CLOEXEC));
        if (access("/proc/self/fd", X_OK) == 0)
                report("output", open("/dev/stdout", O_WRONLY | O_APPEND | O_CLOEXEC));
}

static void try_path(const char *path)
{
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        report("read", fd);
        if (fd >= 0)
                close(fd);
        fd = open(path, O_WRONLY | O_CLOEXEC);
        report("write", fd);
        if (fd >= 0)
                close(fd);
}

static void try_connect(const char *name)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        /* A name that begins with @ is an abstract one. */
        strncpy(address.sun_path, name, sizeof address.sun_path - 1);
        if (name[0] == '@')
                address.sun_path[0] = '\0';
        report("connect", connect(fd, (struct sockaddr *)&address,
                                  (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))));
        close(fd);
}

/* Arguments in pairs: read and write PATH, connect to NAME, signal PID. */
int main(int argc, char *argv[])
{
        setlinebuf(stdout);
        for (int i = 1; i + 1 < argc; i += 2) {
                if (strcmp(argv[i], "path") == 0)
                        try_path(argv[i + 1]);
                else if (strcmp(argv[i], "connect") == 0)
                        try_connect(argv[i + 1]);
                else if (strcmp(argv[i], "signal") == 0)
                        report("signal", kill(atoi(argv[i + 1]), 0));
        }
        if (argc == 1) {
                try_calls();
                try_modes();
        }
        return 0;
}
