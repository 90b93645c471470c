/* SPDX-License-Identifier: MIT */

/*
 * bgtask-command TASK DIRECTORY COMMAND...: the supervisor of one attempt of a command task; docs/semantics.md, 13.
 *
 * It is a task server like any other, whose run is a child process. It outlives the broker, so that the command's end
 * is known whoever asks for it later, and it goes when that is recorded, or when nobody has asked for an hour.
 * Signals do not concern it: they are for the command. Only SIGTERM, which the broker sends to the whole tree at a
 * cancellation, says something to it as well, if it came before the command was there: it stays blocked, and so
 * pending.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/instance.h"

#define PROGRESS_FD 3
/* Longer than the broker waits for anything. */
#define NO_RUN_USEC (2 * USEC_PER_MINUTE)
#define NO_BROKER_USEC USEC_PER_HOUR

typedef struct Supervisor {
        const char *directory;
        char **argv;
        bgt *b;
        bgt_deferral *deferral; /* while the command runs */
        pid_t pid;
        int pid_fd;
        int input_fd;           /* what the command reads: a push message; -1: nothing */
        int progress_fd;        /* the command writes numbers into the other end */
        char line[16];
        size_t n_line;
        bool may_leave;         /* a moment to ask the broker */
        uint64_t give_up_mono_usec;
} Supervisor;

/* What failed in the child before it became the command. */
typedef struct Failure {
        int error;
        bool directory;
} Failure;

static const int ignored_signals[] = { SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2 };

static void block_sigterm(int how)
{
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigprocmask(how, &set, NULL);
}

static bool is_told_to_end(void)
{
        sigset_t set;

        return sigpending(&set) == 0 && sigismember(&set, SIGTERM) == 1;
}

_Noreturn static void become_command(const Supervisor *s, int progress_fd, int failure_fd, pid_t parent)
{
        Failure failure = { 0 };

        for (size_t i = 0; i < ELEMENTSOF(ignored_signals); i++)
                signal(ignored_signals[i], SIG_DFL);
        /* What came since the fork is not lost. */
        block_sigterm(SIG_UNBLOCK);
        /* Without its supervisor nobody would ever know of it. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(EXIT_FAILURE);
        if (s->directory[0] && chdir(s->directory) < 0) {
                failure = (Failure){ errno, true };
        } else if (s->input_fd >= 0 && dup2(s->input_fd, STDIN_FILENO) < 0) {
                failure.error = errno;
        } else if (progress_fd == PROGRESS_FD ? fcntl(progress_fd, F_SETFD, 0) < 0
                                              : dup2(progress_fd, PROGRESS_FD) < 0) {
                failure.error = errno;
        } else {
                execvp(s->argv[0], s->argv);
                failure.error = errno;
        }
        (void)!write(failure_fd, &failure, sizeof failure);
        _exit(EXIT_FAILURE);
}

static int read_failure(const Supervisor *s, int fd)
{
        Failure failure;
        ssize_t n = read(fd, &failure, sizeof failure);

        if (n != sizeof failure)
                return 0;
        fprintf(stderr, "bgtask: cannot %s %s: %s\n", failure.directory ? "change to the folder" : "execute",
                failure.directory ? s->directory : s->argv[0], strerror(failure.error));
        return -failure.error;
}

static int start(Supervisor *s)
{
        _cleanup_(closep) int progress_fd = -1, failure_fd = -1, failure_read = -1;
        pid_t parent = getpid();
        int pair[2], r;

        if (pipe2(pair, O_CLOEXEC) < 0)
                return -errno;
        s->progress_fd = pair[0];
        progress_fd = pair[1];
        if (pipe2(pair, O_CLOEXEC) < 0)
                return -errno;
        failure_read = pair[0];
        /* The number that the command finds its progress at is not to be that of this pipe. */
        failure_fd = fcntl(pair[1], F_DUPFD_CLOEXEC, PROGRESS_FD + 1);
        safe_close(pair[1]);
        if (failure_fd < 0 || fcntl(s->progress_fd, F_SETFL, O_RDONLY | O_NONBLOCK) < 0)
                return -errno;
        s->pid = fork();
        if (s->pid < 0)
                return -errno;
        if (s->pid == 0)
                become_command(s, progress_fd, failure_fd, parent);
        /* Who signalled the tree may not have seen the child yet. From here on it is seen. */
        if (is_told_to_end())
                kill(0, SIGTERM);
        failure_fd = safe_close(failure_fd);
        r = read_failure(s, failure_read);
        if (r >= 0) {
                s->pid_fd = (int)syscall(SYS_pidfd_open, s->pid, 0);
                r = s->pid_fd < 0 ? -errno : 0;
        }
        if (r < 0) {
                kill(s->pid, SIGKILL);
                (void)waitpid(s->pid, NULL, 0);
        }
        return r;
}

/* A file without a name, so that it can be read at any pace, twice and to its end. */
static int open_input(Supervisor *s, bgt_instance *instance)
{
        const char *message;
        size_t n, at = 0;

        message = bgt_record_bytes(bgt_instance_details(instance), "message", &n);
        if (!message)
                return 0;
        s->input_fd = memfd_create("bgtask-message", MFD_CLOEXEC);
        if (s->input_fd < 0)
                return -errno;
        while (at < n) {
                ssize_t written = write(s->input_fd, message + at, n - at);

                if (written < 0)
                        return -errno;
                at += (size_t)written;
        }
        return lseek(s->input_fd, 0, SEEK_SET) < 0 ? -errno : 0;
}

static void set_number(const char *name, unsigned long number)
{
        char text[24];

        snprintf(text, sizeof text, "%lu", number);
        setenv(name, text, true);
}

static int run(bgt_instance *instance, void *userdata)
{
        Supervisor *s = userdata;
        int r;

        /* It was told to end before it began. */
        if (bgt_instance_is_canceled(instance) || is_told_to_end())
                return -ECANCELED;
        setenv("BGTASK_RUN", bgt_instance_id(instance), true);
        set_number("BGTASK_ATTEMPT", bgt_instance_attempt(instance));
        set_number("BGTASK_PROGRESS_FD", PROGRESS_FD);
        r = open_input(s, instance);
        if (r >= 0)
                r = start(s);
        s->input_fd = safe_close(s->input_fd);
        if (r < 0)
                return r;
        s->deferral = bgt_instance_get_deferral(instance);
        return s->deferral ? 0 : -ENOMEM;
}

static void take_progress(Supervisor *s, char c)
{
        if (c != '\n') {
                /* What is too long to be a number is none. */
                if (s->n_line < sizeof s->line)
                        s->line[s->n_line++] = c;
                return;
        }
        if (s->n_line > 0 && s->n_line < 11 && strspn(s->line, "0123456789") >= s->n_line) {
                s->line[s->n_line] = '\0';
                bgt_instance_set_progress(bgt_deferral_instance(s->deferral),
                                          (uint32_t)MIN(strtoull(s->line, NULL, 10), (unsigned long long)UINT32_MAX));
        }
        s->n_line = 0;
        memset(s->line, 0, sizeof s->line);
}

static void read_progress(Supervisor *s)
{
        char buf[4096];
        ssize_t n;

        while ((n = read(s->progress_fd, buf, sizeof buf)) > 0)
                for (ssize_t i = 0; i < n; i++)
                        take_progress(s, buf[i]);
        /* Nobody has the other end any more. */
        if (n == 0)
                s->progress_fd = safe_close(s->progress_fd);
}

static uint64_t to_usec(struct timeval time)
{
        return (uint64_t)time.tv_sec * USEC_PER_SEC + (uint64_t)time.tv_usec;
}

static void on_ended(Supervisor *s)
{
        bgt_instance *instance = bgt_deferral_instance(s->deferral);
        int status, result = 0;
        struct rusage usage;

        if (wait4(s->pid, &status, WNOHANG, &usage) != s->pid)
                return;
        instance_set_usage(instance, to_usec(usage.ru_utime) + to_usec(usage.ru_stime),
                           (uint64_t)usage.ru_maxrss * 1024);
        read_progress(s);
        if (WIFEXITED(status) && WEXITSTATUS(status) > 0)
                result = instance_set_exit(instance, INSTANCE_EXIT_STATUS, WEXITSTATUS(status));
        else if (WIFSIGNALED(status))
                result = instance_set_exit(instance, INSTANCE_EXIT_SIGNAL, WTERMSIG(status));
        s->pid_fd = safe_close(s->pid_fd);
        s->progress_fd = safe_close(s->progress_fd);
        s->give_up_mono_usec = usec_add(clock_now_usec(CLOCK_MONOTONIC), NO_BROKER_USEC);
        bgt_deferral_complete(TAKE_PTR(s->deferral), result);
}

static void on_idle(bgt *b, bool wanted, void *userdata)
{
        Supervisor *s = userdata;

        s->may_leave = true;
}

static int timeout_ms(const Supervisor *s)
{
        uint64_t left = usec_sub(s->give_up_mono_usec, clock_now_usec(CLOCK_MONOTONIC));

        return s->deferral ? -1 : (int)MIN(left / USEC_PER_MSEC + 1, UINT64_C(1000000));
}

/* 1: it is over, 0: go on, or a negative errno. */
static int serve(Supervisor *s)
{
        struct pollfd fds[] = {
                { bgt_get_fd(s->b), POLLIN, 0 },
                { s->deferral ? s->pid_fd : -1, POLLIN, 0 },
                { s->deferral ? s->progress_fd : -1, POLLIN, 0 },
        };
        int r = poll(fds, ELEMENTSOF(fds), timeout_ms(s));

        if (r < 0)
                return errno == EINTR ? 0 : -errno;
        if (fds[2].revents)
                read_progress(s);
        if (fds[1].revents)
                on_ended(s);
        if (fds[0].revents)
                bgt_dispatch(s->b);
        if (!s->deferral && clock_now_usec(CLOCK_MONOTONIC) >= s->give_up_mono_usec)
                return bgt_server_busy(s->b) > 0 ? 1 : bgt_server_leave(s->b);
        if (!s->may_leave || s->deferral)
                return 0;
        s->may_leave = false;
        return bgt_server_leave(s->b);
}

int main(int argc, char *argv[])
{
        Supervisor s = { .pid_fd = -1, .input_fd = -1, .progress_fd = -1 };
        const bgt_class class = { .size = sizeof class, .run = run };
        bgt_server *server = NULL;
        int r;

        if (argc < 4) {
                fputs("bgtask-command is started by the broker, for tasks that are commands\n", stderr);
                return 2;
        }
        s.directory = argv[2];
        s.argv = argv + 3;
        s.give_up_mono_usec = usec_add(clock_now_usec(CLOCK_MONOTONIC), NO_RUN_USEC);
        for (size_t i = 0; i < ELEMENTSOF(ignored_signals); i++)
                signal(ignored_signals[i], SIG_IGN);
        block_sigterm(SIG_BLOCK);
        r = bgt_open(NULL, BGT_NO_THREADS, &s.b);
        if (r >= 0)
                r = bgt_server_on_idle(s.b, on_idle, &s);
        if (r >= 0)
                r = bgt_server_register_class(s.b, argv[1], BGT_REGCLS_SINGLEUSE, &class, &s, &server);
        if (r < 0)
                fprintf(stderr, "bgtask: %s\n", bgt_error()->message);
        while (r == 0)
                r = serve(&s);
        bgt_server_revoke(server);
        bgt_close(s.b);
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
