/* SPDX-License-Identifier: MIT */
/*
 * A task server with one thread and a poll loop of its own. The library makes no thread; the loop
 * calls bgt_dispatch(). A run takes a deferral and returns, and the loop does its work: to wait for
 * twenty ticks of a timer.
 */
#include <bgtask.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define CLSID "22439CAF-0B7C-4523-BC18-1381366D09ED"
#define MAX_JOBS 16
#define TICKS 20
#define TICK_NSEC 100000000
#define IDLE_MSEC 10000

struct job {
        bgt_deferral *deferral; /* keeps the instance alive; NULL: this place is free */
        int timer, cancel;
        unsigned ticks;
};

static struct job jobs[MAX_JOBS];
static bool wanted_away;

/* bgt_dispatch() calls this and the next one. */
static int run(bgt_instance *instance, void *object)
{
        const struct itimerspec every_tick = {{0, TICK_NSEC}, {0, TICK_NSEC}};
        struct job *job = jobs;

        while (job->deferral)
                if (++job == jobs + MAX_JOBS)
                        return -EBUSY;
        job->ticks = 0;
        job->cancel = bgt_instance_cancel_fd(instance);
        if (job->cancel < 0)
                return job->cancel;
        job->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
        if (job->timer < 0)
                return -errno;
        timerfd_settime(job->timer, 0, &every_tick, NULL);
        job->deferral = bgt_instance_get_deferral(instance);
        printf("%s begins\n", bgt_registration_name(bgt_instance_task(instance)));
        return 0;
}

/* Nothing runs any more, or the broker wants this process to leave. */
static void idle(bgt *b, bool wanted, void *userdata)
{
        wanted_away |= wanted;
}

static void finish(struct job *job, int result)
{
        printf("%s after %u ticks\n", result < 0 ? "canceled" : "done", job->ticks);
        close(job->timer);
        bgt_deferral_complete(job->deferral, result);
        job->deferral = NULL;
}

static void tick(struct job *job)
{
        uint64_t expired = 0;

        /* Several that came while this process had no time are one. */
        if (read(job->timer, &expired, sizeof(expired)) < 0)
                return;
        job->ticks++;
        bgt_instance_set_progress(bgt_deferral_instance(job->deferral), job->ticks * 100 / TICKS);
        if (job->ticks >= TICKS)
                finish(job, 0);
}

/* One round: waits and does what there is to do. Returns 1 when this process may exit, 0 to go on, or an error. */
static int serve(bgt *b, int sigterm)
{
        struct pollfd fds[2 + 2 * MAX_JOBS] = {{bgt_get_fd(b), POLLIN, 0}, {sigterm, POLLIN, 0}};
        struct signalfd_siginfo info;
        int n, terminated;

        for (int i = 0; i < MAX_JOBS; i++) {
                fds[2 + 2 * i] = (struct pollfd){jobs[i].deferral ? jobs[i].cancel : -1, POLLIN, 0};
                fds[3 + 2 * i] = (struct pollfd){jobs[i].deferral ? jobs[i].timer : -1, POLLIN, 0};
        }
        n = poll(fds, 2 + 2 * MAX_JOBS, IDLE_MSEC);
        terminated = n > 0 && read(sigterm, &info, sizeof(info)) > 0;
        wanted_away |= terminated;
        for (int i = 0; i < MAX_JOBS && n > 0; i++)
                if (fds[2 + 2 * i].revents || (terminated && jobs[i].deferral))
                        finish(&jobs[i], -ECANCELED);
                else if (fds[3 + 2 * i].revents)
                        tick(&jobs[i]);
        if (n > 0 && fds[0].revents)
                bgt_dispatch(b);
        /* The broker decides: if a run is on its way, it is served first. */
        return n == 0 || wanted_away ? bgt_server_leave(b) : 0;
}

int main(void)
{
        const bgt_class class = {.size = sizeof(class), .run = run};
        bgt_server *server = NULL;
        int r, sigterm;
        bgt *b = NULL;
        sigset_t set;

        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigprocmask(SIG_BLOCK, &set, NULL);
        sigterm = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        setlinebuf(stdout);
        r = bgt_open(NULL, BGT_NO_THREADS, &b);
        if (r >= 0)
                r = bgt_server_on_idle(b, idle, NULL);
        if (r >= 0)
                r = bgt_server_register_class(b, CLSID, BGT_REGCLS_MULTIPLEUSE, &class, NULL, &server);
        while (r == 0)
                r = serve(b, sigterm);
        if (r < 0)
                fprintf(stderr, "%s %s\n", bgt_error()->message, bgt_error()->remedy);
        bgt_server_revoke(server);
        bgt_close(b);
        return r < 0 ? 1 : 0;
}
