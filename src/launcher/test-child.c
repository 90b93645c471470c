/* SPDX-License-Identifier: MIT */

/*
 * The program that the launcher's tests start. Its arguments say what it does, one after the other; "serve" goes on
 * with lines from the socket, and answers each with one.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void print_environment(void)
{
        for (char **e = environ; *e; e++)
                printf("%s\n", *e);
}

static void print_signals(void)
{
        struct sigaction action;
        sigset_t mask;
        int n_other = 0, n_blocked = 0;

        sigprocmask(SIG_SETMASK, NULL, &mask);
        for (int i = 1; i < NSIG; i++) {
                n_other += sigaction(i, NULL, &action) == 0 && action.sa_handler != SIG_DFL;
                n_blocked += sigismember(&mask, i) == 1;
        }
        printf("signals %d not default, %d blocked\n", n_other, n_blocked);
}

static void print_descriptors(void)
{
        DIR *dir = opendir("/proc/self/fd");
        struct dirent *entry;
        bool open[64] = { false };

        while (dir && (entry = readdir(dir)))
                if (entry->d_name[0] != '.' && atoi(entry->d_name) < 64 && atoi(entry->d_name) != dirfd(dir))
                        open[atoi(entry->d_name)] = true;
        printf("descriptors");
        for (int i = 0; i < 64; i++)
                if (open[i])
                        printf(" %d", i);
        printf("\n");
        if (dir)
                closedir(dir);
}

static void print_facts(void)
{
        struct rlimit nofile = { 0 }, data = { 0 };
        char cwd[4096];
        mode_t mask = umask(0);

        umask(mask);
        printf("cwd %s\n", getcwd(cwd, sizeof cwd));
        printf("umask %03o\n", (unsigned)mask);
        printf("session %s\n", getsid(0) == getpid() ? "own" : "other");
        print_signals();
        print_descriptors();
        getrlimit(RLIMIT_NOFILE, &nofile);
        getrlimit(RLIMIT_DATA, &data);
        printf("nofile %lu\n", (unsigned long)nofile.rlim_cur);
        printf("data %ld\n", data.rlim_cur == RLIM_INFINITY ? -1L : (long)data.rlim_cur);
        printf("nice %d\n", getpriority(PRIO_PROCESS, 0));
}

static void print_stdin(void)
{
        struct stat st = { 0 };
        char byte;
        ssize_t n;

        fstat(0, &st);
        fcntl(0, F_SETFL, O_NONBLOCK);
        n = read(0, &byte, 1);
        printf("stdin %s, %s\n", S_ISFIFO(st.st_mode) ? "FIFO" : S_ISCHR(st.st_mode) ? "device" : "other",
               n == 0 ? "ends" : n < 0 && errno == EAGAIN ? "does not end" : "other");
}

static void write_much(long n)
{
        static char line[1000];

        memset(line, 'x', sizeof line);
        line[sizeof line - 1] = '\n';
        for (; n > 0; n -= (long)sizeof line)
                fwrite(line, 1, sizeof line, stdout);
        fflush(stdout);
}

/* A grandchild with a session of its own whose parent is gone; with silent its output goes nowhere. */
static pid_t daemonize(bool silent)
{
        int ends[2];
        pid_t child, grandchild = -1;

        if (pipe(ends) < 0)
                exit(3);
        child = fork();
        if (child == 0) {
                setsid();
                grandchild = fork();
                if (grandchild != 0) {
                        if (write(ends[1], &grandchild, sizeof grandchild) < 0)
                                _exit(1);
                        _exit(0);
                }
                if (silent)
                        for (int fd = 0, null = open("/dev/null", O_RDWR); fd < 3; fd++)
                                dup2(null, fd);
                close(3);
                for (;;)
                        pause();
        }
        waitpid(child, NULL, 0);
        if (read(ends[0], &grandchild, sizeof grandchild) < 0)
                exit(3);
        close(ends[0]);
        close(ends[1]);
        return grandchild;
}

static pid_t start_child(bool own_session)
{
        int ends[2];
        char byte = 0;
        pid_t pid;

        if (pipe(ends) < 0)
                exit(3);
        pid = fork();
        if (pid == 0) {
                if (own_session)
                        setsid();
                if (write(ends[1], &byte, 1) < 0)
                        _exit(1);
                close(3);
                for (;;)
                        pause();
        }
        if (read(ends[0], &byte, 1) < 0)
                exit(3);
        return pid;
}

/* 0, or the errno that the child was refused with. */
static int trace_parent(void)
{
        int ends[2], error = EIO;

        if (pipe2(ends, O_CLOEXEC) < 0)
                return errno;
        if (fork() == 0) {
                error = ptrace(PTRACE_SEIZE, getppid(), NULL, NULL) < 0 ? errno : 0;
                if (write(ends[1], &error, sizeof error) != sizeof error)
                        _exit(1);
                for (;;)
                        pause();
        }
        if (read(ends[0], &error, sizeof error) != sizeof error)
                error = EIO;
        close(ends[0]);
        close(ends[1]);
        return error;
}

static void handle_command(char *line, FILE *answers)
{
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "say ", 4) == 0) {
                printf("%s\n", line + 4);
                fflush(stdout);
                fprintf(answers, "ok\n");
        } else if (strncmp(line, "exit ", 5) == 0)
                _exit(atoi(line + 5));
        else if (strcmp(line, "daemonize") == 0)
                fprintf(answers, "%d\n", (int)daemonize(false));
        else if (strcmp(line, "daemonize silently") == 0)
                fprintf(answers, "%d\n", (int)daemonize(true));
        else if (strcmp(line, "child") == 0)
                fprintf(answers, "%d\n", (int)start_child(false));
        else if (strcmp(line, "session") == 0)
                fprintf(answers, "%d\n", (int)start_child(true));
        else if (strcmp(line, "ignore SIGTERM") == 0) {
                signal(SIGTERM, SIG_IGN);
                fprintf(answers, "ok\n");
        } else if (strcmp(line, "be traceable") == 0) {
                prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
                fprintf(answers, "ok\n");
        } else if (strcmp(line, "be traced by a child") == 0) {
                prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
                fprintf(answers, "%d\n", trace_parent());
        } else
                fprintf(answers, "what?\n");
        fflush(answers);
}

static void serve(void)
{
        FILE *commands = fdopen(3, "r"), *answers = fdopen(dup(3), "w");
        char line[256];

        if (!commands || !answers)
                exit(4);
        while (fgets(line, sizeof line, commands))
                handle_command(line, answers);
        /* The broker is gone; a server goes on. */
        for (;;)
                pause();
}

int main(int argc, char *argv[])
{
        for (int i = 1; i < argc; i++) {
                if (strcmp(argv[i], "environment") == 0)
                        print_environment();
                else if (strcmp(argv[i], "facts") == 0)
                        print_facts();
                else if (strcmp(argv[i], "stdin") == 0)
                        print_stdin();
                else if (strncmp(argv[i], "say=", 4) == 0)
                        printf("%s\n", argv[i] + 4);
                else if (strncmp(argv[i], "mutter=", 7) == 0)
                        printf("%s", argv[i] + 7);
                else if (strncmp(argv[i], "write=", 6) == 0)
                        write_much(atol(argv[i] + 6));
                else if (strncmp(argv[i], "exit=", 5) == 0)
                        return atoi(argv[i] + 5);
                else if (strncmp(argv[i], "kill=", 5) == 0)
                        raise(atoi(argv[i] + 5));
                else if (strcmp(argv[i], "daemonize") == 0)
                        daemonize(false);
                else if (strcmp(argv[i], "serve") == 0)
                        serve();
                fflush(stdout);
        }
        return 0;
}
