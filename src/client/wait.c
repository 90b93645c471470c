/* SPDX-License-Identifier: MIT */

/*
 * When a server may exit. It asks the broker when nothing of it is left here, so that no run is sent to a process that
 * is on its way out, and it does not go while the broker may not have heard an outcome.
 */

#include "client/wait.h"

#include <errno.h>
#include <signal.h>

#include "client/call.h"
#include "client/driver.h"
#include "client/error.h"
#include "client/instance.h"
#include "client/link.h"

#define MODE_MASK 0xffu
/* How long outcomes wait for a broker. */
#define GONE_USEC (15 * USEC_PER_SEC)
/* When to ask again if nothing has happened since the broker said no. */
#define ASK_AGAIN_USEC USEC_PER_SEC
#define SERVE_IDLE_MSEC 30000

/* SIGTERM belongs to the process: one connection at a time handles it. */
static bgt *_Atomic signal_owner;
static atomic_bool signal_arrived;
static struct sigaction signal_before;

static uint64_t now_usec(void)
{
        return clock_now_usec(CLOCK_MONOTONIC);
}

static void on_signal(int signal)
{
        int error = errno;
        bgt *b;

        atomic_store(&signal_arrived, true);
        b = atomic_load(&signal_owner);
        if (b)
                driver_wake(b);
        errno = error;
}

static bool install_signal(bgt *b)
{
        struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
        bgt *none = NULL;

        if (!atomic_compare_exchange_strong(&signal_owner, &none, b))
                return false;
        if (sigaction(SIGTERM, NULL, &signal_before) == 0 && !(signal_before.sa_flags & SA_SIGINFO) &&
            signal_before.sa_handler == SIG_DFL) {
                atomic_store(&signal_arrived, false);
                sigemptyset(&action.sa_mask);
                if (sigaction(SIGTERM, &action, NULL) == 0)
                        return true;
        }
        atomic_store(&signal_owner, NULL);
        return false;
}

static void remove_signal(void)
{
        (void)sigaction(SIGTERM, &signal_before, NULL);
        atomic_store(&signal_owner, NULL);
}

void wait_look_for_signal(bgt *b)
{
        if (atomic_load(&signal_owner) != b || !atomic_exchange(&signal_arrived, false))
                return;
        b->terminating = true;
        instance_cancel_all(b, BGT_REASON_TERMINATING);
        driver_changed(b);
}

static void on_idle_job(bgt *b, Job *job)
{
        bgt_idle_handler handler = b->on_idle;
        void *userdata = b->on_idle_userdata;
        bool wanted = b->idle_wanted;

        b->idle_wanted = false;
        if (!handler)
                return;
        client_unlock(b);
        handler(b, wanted, userdata);
        client_lock(b);
}

void wait_tell_idle(bgt *b, bool wanted)
{
        if (!b->on_idle)
                return;
        b->idle_wanted = b->idle_wanted || wanted;
        b->idle_job.run = on_idle_job;
        driver_queue(b, &b->idle_job);
}

void wait_on_instance(bgt *b)
{
        if (b->n_instances == 0)
                wait_tell_idle(b, false);
        driver_ended(b);
}

int bgt_server_on_idle(bgt *b, bgt_idle_handler handler, void *userdata)
{
        int r;

        b = client_use(b);
        if (!b)
                return -bgt_error()->error;
        client_lock(b);
        r = driver_need_threads(b, 1);
        if (r >= 0) {
                b->on_idle = handler;
                b->on_idle_userdata = userdata;
        }
        link_flush(b);
        client_unlock(b);
        return r < 0 ? fail_errno(r, "no thread for the connection") : 0;
}

unsigned bgt_server_busy(bgt *b)
{
        unsigned n;

        b = client_use(b);
        if (!b)
                return 0;
        client_lock(b);
        n = b->n_instances;
        client_unlock(b);
        return n;
}

unsigned bgt_server_add_ref_process(bgt *b)
{
        unsigned n;

        b = client_use(b);
        if (!b)
                return 0;
        client_lock(b);
        b->counted = true;
        n = ++b->n_process_refs;
        client_unlock(b);
        return n;
}

unsigned bgt_server_release_process(bgt *b)
{
        unsigned n;

        b = client_use(b);
        if (!b)
                return 0;
        client_lock(b);
        if (b->n_process_refs > 0)
                b->n_process_refs--;
        n = b->n_process_refs;
        if (n == 0 && b->counted && !b->suspended) {
                b->suspended = b->leave_wanted = true;
                if (b->state == LINK_UP && b->attached) {
                        interface_start_call(&b->writer, CLIENT_PATH, &server1_interface,
                                             SERVER1_METHOD_SUSPEND_CLASSES);
                        writer_set_flags(&b->writer, MESSAGE_NO_REPLY_EXPECTED);
                        (void)connection_send(b->connection, &b->writer);
                }
                wait_tell_idle(b, true);
                driver_changed(b);
        }
        client_unlock(b);
        return n;
}

/* Asks without the lock. 1 go, 0 stay, or an error that is set. */
static int ask_to_go(bgt *b)
{
        _cleanup_(call_done) Call call;
        bool go;
        int r;

        (void)call_init(&call, b, &server1_interface, SERVER1_METHOD_ASK_TO_GO);
        r = call_run(&call);
        if (r < 0)
                return r;
        go = reader_get_bool(&call.answer);
        client_lock(b);
        b->gone = b->gone || go;
        client_unlock(b);
        return go;
}

int bgt_server_leave(bgt *b)
{
        bool busy, gone;

        b = client_use(b);
        if (!b)
                return -bgt_error()->error;
        client_lock(b);
        busy = b->n_instances > 0;
        gone = b->gone || !b->is_server;
        client_unlock(b);
        if (gone)
                return 1;
        return busy ? 0 : ask_to_go(b);
}

typedef struct Wait {
        bgt *b;
        unsigned mode;
        uint64_t idle_usec;
        uint64_t asked_mono_usec; /* when the broker said no last; 0: not since something happened */
        uint64_t asked_ended;     /* how many had ended then */
} Wait;

/* True when it is time to leave as soon as nothing runs; else *ret_until is when to look again. */
static bool is_over(const Wait *w, uint64_t *ret_until)
{
        const bgt *b = w->b;
        uint64_t idle_until = usec_add(b->idle_mono_usec, w->idle_usec);

        *ret_until = USEC_INFINITY;
        if (b->leave_wanted || b->terminating || b->gone || list_is_empty(&b->servers))
                return true;
        switch (w->mode & MODE_MASK) {
        case BGT_WAIT_ONE:
                return b->n_ended > b->n_ended_seen;
        case BGT_WAIT_IDLE:
                /* What ends later than now cannot have been idle for long enough before that. */
                if (b->n_live > 0 || b->n_process_refs > 0)
                        idle_until = usec_add(now_usec(), w->idle_usec);
                *ret_until = idle_until;
                return now_usec() >= idle_until && b->n_live == 0 && b->n_process_refs == 0;
        default:
                return false;
        }
}

/* 1: leave, 0: look again; or an error that is set. A broker that is lost meanwhile says nothing. */
static int ask_and_note(Wait *w)
{
        bgt *b = w->b;
        int r;

        client_unlock(b);
        r = ask_to_go(b);
        client_lock(b);
        w->asked_mono_usec = now_usec();
        w->asked_ended = b->n_ended;
        return r == -ECONNRESET || r == -ECONNREFUSED ? 0 : r;
}

/* Waits for something to happen; the ends of instances count only for those who wait for them. */
static void sleep_until(Wait *w, bool ends, uint64_t until)
{
        w->b->n_end_waiters += ends;
        driver_serve(w->b, until);
        w->b->n_end_waiters -= ends;
}

/* Nothing lives here any more. 1: leave, 0: look again, after waiting; or an error that is set. */
static int try_to_leave(Wait *w)
{
        bgt *b = w->b;
        uint64_t gone_until = usec_add(b->down_mono_usec, GONE_USEC);
        uint64_t ask_until = usec_add(w->asked_mono_usec, ASK_AGAIN_USEC);

        if (b->gone || !b->is_server)
                return 1;
        if (b->n_instances == 0 && b->state != LINK_UP)
                return 1;
        if (b->state != LINK_UP && now_usec() >= gone_until)
                return fail(ERROR_NO_BROKER, "no broker came to hear of %u outcomes", b->n_instances);
        if (b->n_instances > 0) {
                sleep_until(w, true, b->state != LINK_UP ? gone_until : USEC_INFINITY);
                return 0;
        }
        if (w->asked_mono_usec > 0 && w->asked_ended == b->n_ended && now_usec() < ask_until) {
                sleep_until(w, true, ask_until);
                return 0;
        }
        return ask_and_note(w);
}

static int wait_locked(Wait *w)
{
        bgt *b = w->b;
        bool one = (w->mode & MODE_MASK) == BGT_WAIT_ONE;
        uint64_t until;
        int r;

        for (;;) {
                if (b->state == LINK_CLOSED)
                        return fail(ERROR_SHUTTING_DOWN, "the connection was closed");
                if (!is_over(w, &until)) {
                        sleep_until(w, one, until);
                } else if (b->n_live > 0) {
                        sleep_until(w, true, USEC_INFINITY);
                } else {
                        r = try_to_leave(w);
                        if (r != 0)
                                return MIN(r, 0);
                }
        }
}

int bgt_server_wait(bgt *b, unsigned mode, int64_t idle_ms)
{
        Wait w = { .mode = mode };
        bool signals = false;
        int r;

        if ((mode & MODE_MASK) < BGT_WAIT_ONE || (mode & MODE_MASK) > BGT_WAIT_FOREVER ||
            (mode & ~(MODE_MASK | BGT_WAIT_NO_SIGNALS)) != 0)
                return fail(ERROR_INVALID_ARGUMENT, "%#x says not what to wait for", mode);
        if ((mode & MODE_MASK) == BGT_WAIT_IDLE && idle_ms < 0)
                return fail(ERROR_INVALID_ARGUMENT, "a time cannot be negative");
        w.b = b = client_use(b);
        if (!b)
                return -bgt_error()->error;
        w.idle_usec = (uint64_t)idle_ms * USEC_PER_MSEC;
        client_lock(b);
        if (driver_is_me(b) || instance_current()) {
                client_unlock(b);
                return fail_errno(-EDEADLK, "bgt_server_wait() was called from a run or a handler");
        }
        /* A handler may close the connection meanwhile. */
        (void)client_ref(b);
        if (!(mode & BGT_WAIT_NO_SIGNALS))
                signals = install_signal(b);
        b->idle_mono_usec = MAX(b->idle_mono_usec, now_usec());
        r = wait_locked(&w);
        b->n_ended_seen = b->n_ended;
        client_unlock(b);
        if (signals)
                remove_signal();
        client_unref(b);
        return r;
}

int bgt_serve(const char *clsid, unsigned regcls, int (*run)(bgt_instance *instance, void *userdata), void *userdata)
{
        const bgt_class class_ = { .size = sizeof class_, .run = run };
        bgt_server *server;
        int r;

        r = bgt_server_register_class(NULL, clsid, regcls, &class_, userdata, &server);
        if (r < 0)
                return r;
        r = bgt_server_wait(NULL, BGT_WAIT_IDLE, SERVE_IDLE_MSEC);
        bgt_server_revoke(server);
        return r;
}
