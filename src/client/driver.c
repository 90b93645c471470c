/* SPDX-License-Identifier: MIT */

/*
 * Threads of the library are all alike: one drives the loop, the others are parked or execute a run function. The
 * driver that receives a run gives the loop to a parked thread and executes the run itself, so that the first
 * line of the run does not wait for another thread to wake up, and a warm server makes no thread.
 */

#include "client/driver.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

#include "client/call.h"
#include "client/error.h"
#include "client/link.h"
#include "client/report.h"
#include "client/wait.h"

#define STACK_MIN ((size_t)1024 * 1024)
/* Threads beyond this number end when they have nothing to do. */
#define PARKED_MAX 4

int (*driver_start_thread)(void *(*main)(void *), void *userdata);

static uint64_t now_usec(void)
{
        return clock_now_usec(CLOCK_MONOTONIC);
}

void driver_cond_init(pthread_cond_t *cond)
{
        pthread_condattr_t attr;

        pthread_condattr_init(&attr);
        pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
        pthread_cond_init(cond, &attr);
        pthread_condattr_destroy(&attr);
}

void driver_wake(bgt *b)
{
        const uint64_t one = 1;
        ssize_t n = write(b->wake.fd, &one, sizeof one);

        /* It can only fail because the counter is full, and then the loop wakes anyway. */
        (void)n;
}

static void on_wake(LoopSource *source, uint32_t events, void *userdata)
{
        bgt *b = userdata;
        uint64_t count;
        ssize_t n = read(source->fd, &count, sizeof count);

        (void)n;
        client_lock(b);
        wait_look_for_signal(b);
        link_step(b);
        client_unlock(b);
}

static void set_timer(bgt *b)
{
        const bool armed = b->timer_mono_usec != USEC_INFINITY;
        const struct itimerspec spec = {
                .it_value = armed ? timespec_from_usec(MAX(b->timer_mono_usec, UINT64_C(1))) : (struct timespec){ 0 },
        };

        (void)timerfd_settime(b->timer.fd, TFD_TIMER_ABSTIME, &spec, NULL);
}

void driver_arm(bgt *b, uint64_t mono_usec)
{
        if (mono_usec >= b->timer_mono_usec)
                return;
        b->timer_mono_usec = mono_usec;
        set_timer(b);
}

static void on_timer(LoopSource *source, uint32_t events, void *userdata)
{
        bgt *b = userdata;

        client_lock(b);
        /* What is not due yet arms it again. */
        b->timer_mono_usec = USEC_INFINITY;
        set_timer(b);
        link_step(b);
        report_on_timer(b);
        client_unlock(b);
}

int driver_init(bgt *b)
{
        int r, fd;

        b->wake = b->timer = b->watch = LOOP_SOURCE_INIT;
        b->timer_mono_usec = USEC_INFINITY;
        driver_cond_init(&b->changed);
        driver_cond_init(&b->parked);
        r = loop_init(&b->loop);
        if (r < 0)
                return r;
        fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (fd < 0)
                return -errno;
        r = loop_add(&b->loop, &b->wake, fd, EPOLLIN, on_wake, b);
        if (r < 0) {
                safe_close(fd);
                return r;
        }
        fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (fd < 0)
                return -errno;
        r = loop_add(&b->loop, &b->timer, fd, EPOLLIN, on_timer, b);
        if (r < 0)
                safe_close(fd);
        return r;
}

static void source_close(Loop *loop, LoopSource *source)
{
        int fd = source->fd;

        loop_remove(loop, source);
        safe_close(fd);
}

void driver_done(bgt *b)
{
        source_close(&b->loop, &b->wake);
        source_close(&b->loop, &b->timer);
        loop_done(&b->loop);
}

bool driver_is_me(const bgt *b)
{
        return b->driving && pthread_equal(b->driver, pthread_self());
}

void driver_queue(bgt *b, Job *job)
{
        if (list_is_linked(&job->node) || b->state == LINK_CLOSED)
                return;
        list_append(&b->jobs, &job->node);
        b->n_jobs++;
        /* The driver looks when the loop returns. */
        if (!driver_is_me(b))
                driver_wake(b);
}

bool driver_unqueue(bgt *b, Job *job)
{
        if (!list_is_linked(&job->node))
                return false;
        list_remove(&job->node);
        b->n_jobs--;
        return true;
}

/* Calls everything that is queued; the caller is the driver. Returns how many. */
static int run_jobs(bgt *b)
{
        int n = 0;

        while (!list_is_empty(&b->jobs) && b->state != LINK_CLOSED) {
                Job *job = list_entry(b->jobs.next, Job, node);

                (void)driver_unqueue(b, job);
                job->run(b, job);
                n++;
        }
        return n;
}

void driver_ended(bgt *b)
{
        if (b->n_end_waiters > 0)
                driver_changed(b);
}

void driver_changed(bgt *b)
{
        pthread_cond_broadcast(&b->changed);
        if (b->n_driving > 0 && !driver_is_me(b))
                driver_wake(b);
}

static void take_loop(bgt *b)
{
        b->driving = true;
        b->driver = pthread_self();
}

/* Somebody else may drive now. */
static void leave_loop(bgt *b)
{
        b->driving = false;
        if (b->flags & BGT_NO_THREADS)
                call_wake_all(b);
        if ((b->flags & BGT_NO_THREADS) || b->state == LINK_CLOSED)
                driver_changed(b);
}

static int timeout_until(uint64_t until)
{
        uint64_t now = now_usec(), left = usec_sub(until, now);

        if (until == USEC_INFINITY)
                return -1;
        return (int)MIN((left + USEC_PER_MSEC - 1) / USEC_PER_MSEC, (uint64_t)INT_MAX);
}

/* One turn of the loop, without the lock while it waits. */
static void turn(bgt *b, uint64_t until)
{
        b->n_driving++;
        link_flush(b);
        client_unlock(b);
        (void)loop_dispatch(&b->loop, timeout_until(until));
        client_lock(b);
        b->n_driving--;
}

static void drive(bgt *b, uint64_t until)
{
        bool nested = driver_is_me(b);

        if (!nested)
                take_loop(b);
        turn(b, until);
        if (!nested)
                leave_loop(b);
}

void driver_end_wait(bgt *b)
{
        /* What was queued meanwhile is for bgt_dispatch(), and the wait has used the wake-up for it. */
        if ((b->flags & BGT_NO_THREADS) && !list_is_empty(&b->jobs) && !driver_is_me(b))
                driver_wake(b);
}

void driver_serve(bgt *b, uint64_t until)
{
        if (b->state == LINK_CLOSED || b->driving || !(b->flags & BGT_NO_THREADS)) {
                (void)driver_wait(b, &b->changed, until);
                return;
        }
        take_loop(b);
        turn(b, until);
        (void)run_jobs(b);
        leave_loop(b);
}

int driver_wait(bgt *b, pthread_cond_t *cond, uint64_t until)
{
        struct timespec ts = timespec_from_usec(until);

        if (b->state == LINK_CLOSED)
                return -ESHUTDOWN;
        if (driver_is_me(b) || ((b->flags & BGT_NO_THREADS) && !b->driving))
                drive(b, until);
        else if (until == USEC_INFINITY)
                pthread_cond_wait(cond, &b->lock);
        else
                (void)pthread_cond_timedwait(cond, &b->lock, &ts);
        return b->state == LINK_CLOSED ? -ESHUTDOWN : 0;
}

/* One turn of a thread that has the loop. */
static void thread_drive(bgt *b)
{
        while (b->state != LINK_CLOSED && list_is_empty(&b->runs)) {
                link_flush(b);
                client_unlock(b);
                (void)loop_dispatch(&b->loop, -1);
                client_lock(b);
                /* A run has its own thread already; it does not wait for handlers. */
                if (list_is_empty(&b->runs))
                        (void)run_jobs(b);
        }
}

/* Does first what the thread before has left, if it went to execute a run. */
static void thread_serve(bgt *b)
{
        bgt_instance *instance = NULL;

        take_loop(b);
        report_acknowledge_all(b);
        if (list_is_empty(&b->runs))
                (void)run_jobs(b);
        thread_drive(b);
        if (!list_is_empty(&b->runs) && b->state != LINK_CLOSED)
                instance = instance_take_run(b);
        leave_loop(b);
        client_unlock(b);
        /* Without the lock, which whoever is woken takes first. */
        pthread_cond_signal(&b->parked);
        if (instance)
                instance_execute(instance);
        client_lock(b);
}

static void *thread_main(void *userdata)
{
        bgt *b = userdata;

        (void)pthread_setname_np(pthread_self(), "bgtask");
        client_lock(b);
        while (b->state != LINK_CLOSED) {
                if (!b->driving) {
                        thread_serve(b);
                } else if (b->n_threads <= b->n_busy + 1 + PARKED_MAX) {
                        pthread_cond_wait(&b->parked, &b->lock);
                } else {
                        break;
                }
        }
        b->n_threads--;
        driver_changed(b);
        client_unlock(b);
        client_unref(b);
        return NULL;
}

static int thread_attr_init(pthread_attr_t *attr)
{
        size_t size = 0;
        int r;

        r = pthread_attr_init(attr);
        if (r != 0)
                return -r;
        pthread_attr_setdetachstate(attr, PTHREAD_CREATE_DETACHED);
        if (pthread_attr_getstacksize(attr, &size) != 0 || size < STACK_MIN)
                pthread_attr_setstacksize(attr, STACK_MIN);
        return 0;
}

static int start_plain_thread(void *(*main)(void *), void *userdata)
{
        pthread_attr_t attr;
        sigset_t all, old;
        pthread_t thread;
        int r;

        r = thread_attr_init(&attr);
        if (r < 0)
                return r;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        r = pthread_create(&thread, &attr, main, userdata);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        pthread_attr_destroy(&attr);
        return -r;
}

static int thread_new(bgt *b)
{
        int r;

        r = (driver_start_thread ? driver_start_thread : start_plain_thread)(thread_main, client_ref(b));
        if (r < 0) {
                client_unref(b);
                return r;
        }
        b->n_threads++;
        return 0;
}

int driver_need_threads(bgt *b, unsigned n)
{
        int r = 0;

        if (b->flags & BGT_NO_THREADS)
                return 0;
        while (r >= 0 && b->n_threads < b->n_busy + n)
                r = thread_new(b);
        return r;
}

void driver_stop(bgt *b)
{
        pthread_cond_broadcast(&b->parked);
        call_wake_all(b);
        driver_changed(b);
        driver_wake(b);
        while (b->driving && !driver_is_me(b))
                pthread_cond_wait(&b->changed, &b->lock);
}

int bgt_get_fd(bgt *b)
{
        b = client_use(b);
        if (!b)
                return -bgt_error()->error;
        if (!(b->flags & BGT_NO_THREADS))
                return fail(ERROR_INVALID_ARGUMENT, "the connection has threads of its own");
        return b->loop.epoll_fd;
}

int bgt_dispatch(bgt *b)
{
        int n = 0;

        b = client_use(b);
        if (!b)
                return -bgt_error()->error;
        if (!(b->flags & BGT_NO_THREADS))
                return fail(ERROR_INVALID_ARGUMENT, "the connection has threads of its own");
        client_ref(b);
        client_lock(b);
        if (driver_is_me(b)) {
                n = fail_errno(-EDEADLK, "bgt_dispatch() was called from a handler");
        } else if (!b->driving) {
                take_loop(b);
                link_flush(b);
                client_unlock(b);
                n = loop_dispatch(&b->loop, 0);
                client_lock(b);
                n = n < 0 ? fail_errno(n, "the loop failed") : run_jobs(b);
                leave_loop(b);
        }
        client_unlock(b);
        client_unref(b);
        return n;
}
