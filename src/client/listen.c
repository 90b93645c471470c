/* SPDX-License-Identifier: MIT */

#include "client/listen.h"

#include <errno.h>
#include <string.h>

#include "client/call.h"
#include "client/driver.h"
#include "client/error.h"
#include "client/link.h"
#include "client/record.h"
#include "client/registration.h"

/* More than this many events that wait for a slow handler, and it must begin again with the lists. */
#define QUEUED_MAX 10000

typedef struct EventJob {
        Job job;
        Listener *listener; /* counted */
        int event;
        bgt_record *record;
} EventJob;

static Listener *listener_unref(Listener *listener)
{
        if (--listener->n_ref > 0)
                return NULL;
        free(listener->package);
        free(listener->task);
        free(listener);
        return NULL;
}

static void event_free(EventJob *event)
{
        listener_unref(event->listener);
        bgt_record_unref(event->record);
        free(event);
}

static void run_event(bgt *b, Job *job)
{
        EventJob *event = CONTAINER_OF(job, EventJob, job);
        Listener *listener = event->listener;
        bgt_registration *owner = listener->owner;

        if (list_is_linked(&listener->node) && (!owner || registration_try_ref(owner))) {
                b->calling = listener;
                client_unlock(b);
                listener->call(listener, event->event, event->record);
                client_lock(b);
                b->calling = NULL;
                driver_changed(b);
                registration_unref_locked(owner);
        }
        event_free(event);
}

/* The job of a progress of the same run that its handler has not seen yet. */
static EventJob *find_older(bgt *b, const Listener *listener, const bgt_record *record)
{
        const char *run = bgt_record_string(record, "run");

        list_for_each(i, &b->jobs) {
                EventJob *event = CONTAINER_OF(list_entry(i, Job, node), EventJob, job);

                if (event->job.run == run_event && event->listener == listener && event->event == BGT_EVENT_PROGRESS &&
                    strcmp(bgt_record_string(event->record, "run"), run) == 0)
                        return event;
        }
        return NULL;
}

static void queue_event(bgt *b, Listener *listener, int kind, bgt_record *record)
{
        EventJob *event = kind == BGT_EVENT_PROGRESS ? find_older(b, listener, record) : NULL;

        if (event) {
                bgt_record_unref(event->record);
                event->record = bgt_record_ref(record);
                return;
        }
        event = calloc(1, sizeof *event);
        if (!event)
                return;
        listener->n_ref++;
        *event = (EventJob){ { .run = run_event }, listener, kind, bgt_record_ref(record) };
        driver_queue(b, &event->job);
}

void listen_drop_queued(bgt *b)
{
        list_for_each_safe(i, &b->jobs) {
                Job *job = list_entry(i, Job, node);

                (void)driver_unqueue(b, job);
                if (job->run == run_event)
                        event_free(CONTAINER_OF(job, EventJob, job));
        }
}

typedef struct SignalKind {
        int event;
        unsigned signal;
        const char *names[6];
} SignalKind;

static const SignalKind kinds[] = {
        { BGT_EVENT_TASK_CHANGED, MANAGER1_SIGNAL_TASK_CHANGED, { "task", "package", "name", "change", NULL } },
        { BGT_EVENT_RUN_CHANGED, MANAGER1_SIGNAL_RUN_CHANGED, { "task", "package", "run", "state", "*", NULL } },
        { BGT_EVENT_PROGRESS, MANAGER1_SIGNAL_PROGRESS, { "task", "package", "run", "progress", NULL } },
        { BGT_EVENT_COMPLETED, MANAGER1_SIGNAL_COMPLETED, { "task", "package", "run", "outcome", "*", NULL } },
};

static bool is_for(const bgt *b, const Listener *listener, int event, const char *task, const char *package)
{
        const char *own = bgt_record_string(b->info, "package");

        if (listener->event != 0 && listener->event != event)
                return false;
        if (*listener->task)
                return strcmp(listener->task, task) == 0;
        if (!*listener->package)
                return own && strcmp(own, package) == 0;
        return strcmp(listener->package, "*") == 0 || strcmp(listener->package, package) == 0;
}

static void on_kind(bgt *b, const SignalKind *kind, Message *m)
{
        _cleanup_(bgt_record_unrefp) bgt_record *record = NULL;
        const char *task, *package;
        Reader r;

        reader_init(&r, m);
        task = reader_get_string(&r);
        package = reader_get_string(&r);
        list_for_each(i, &b->listeners) {
                Listener *listener = list_entry(i, Listener, node);

                if (!is_for(b, listener, kind->event, task, package))
                        continue;
                if (!record) {
                        record = bgt_record_new();
                        reader_init(&r, m);
                        if (!record || record_read_row(record, &r, kind->names) < 0)
                                return;
                }
                queue_event(b, listener, kind->event, record);
        }
}

void listen_on_signal(bgt *b, Message *m)
{
        for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
                if (interface_is_signal(&manager1_interface, kinds[i].signal, m))
                        on_kind(b, &kinds[i], m);
        if (b->n_jobs > QUEUED_MAX)
                link_drop(b, -ENOBUFS);
}

void listen_on_link(bgt *b, int event)
{
        _cleanup_(bgt_record_unrefp) bgt_record *record = bgt_record_new();

        list_for_each(i, &b->listeners) {
                Listener *listener = list_entry(i, Listener, node);

                if (record && listener->event == 0)
                        queue_event(b, listener, event, record);
        }
}

static void put_subscription(const Listener *listener, Writer *w)
{
        writer_put_string(w, *listener->task ? "" : listener->package);
        writer_put_string(w, listener->task);
}

static int tell(bgt *b, const Listener *listener, unsigned method)
{
        interface_start_call(&b->writer, CLIENT_PATH, &manager1_interface, method);
        writer_set_flags(&b->writer, MESSAGE_NO_REPLY_EXPECTED);
        put_subscription(listener, &b->writer);
        return connection_send(b->connection, &b->writer);
}

int listen_again(bgt *b)
{
        int r = 0;

        for (ListNode *i = b->listeners.next; i != &b->listeners && r >= 0; i = i->next)
                r = tell(b, list_entry(i, Listener, node), MANAGER1_METHOD_WATCH);
        return r;
}

static bool is_same(const Listener *a, const Listener *b)
{
        return strcmp(a->task, b->task) == 0 && (*a->task || strcmp(a->package, b->package) == 0);
}

void listen_forget(bgt *b, Listener *listener)
{
        bool used = false;

        if (!listener)
                return;
        list_remove(&listener->node);
        list_for_each(i, &b->listeners)
                used = used || is_same(list_entry(i, Listener, node), listener);
        if (!used && b->state == LINK_UP)
                (void)tell(b, listener, MANAGER1_METHOD_UNWATCH);
        listener_unref(listener);
}

void listen_forget_and_wait(bgt *b, Listener *listener)
{
        if (!listener)
                return;
        listener->n_ref++;
        listen_forget(b, listener);
        while (b->calling == listener && !driver_is_me(b))
                pthread_cond_wait(&b->changed, &b->lock);
        listener_unref(listener);
}

static int copy(const Listener *template, Listener **ret)
{
        Listener *listener = calloc(1, sizeof *listener);

        if (!listener)
                return fail(ERROR_NO_MEMORY, NULL);
        *listener = *template;
        listener->n_ref = 1;
        listener->package = strdup(template->package ? template->package : "");
        listener->task = strdup(template->task ? template->task : "");
        if (!listener->package || !listener->task) {
                listener_unref(listener);
                return fail(ERROR_NO_MEMORY, NULL);
        }
        *ret = listener;
        return 0;
}

int listen_new(bgt *b, const Listener *template, Listener **ret)
{
        _cleanup_(call_done) Call call;
        Listener *listener = NULL;
        int r;

        if (call_init(&call, b, &manager1_interface, MANAGER1_METHOD_WATCH) < 0)
                return call_run(&call);
        r = copy(template, &listener);
        if (r < 0)
                return r;
        /* On the list before the broker answers: the first signal may come right behind the answer. */
        client_lock(call.b);
        list_append(&call.b->listeners, &listener->node);
        client_unlock(call.b);
        call.reads = true;
        put_subscription(listener, &call.writer);
        r = call_run(&call);
        if (r < 0) {
                client_lock(call.b);
                listen_forget(call.b, listener);
                client_unlock(call.b);
                return r;
        }
        *ret = listener;
        return 0;
}

struct bgt_watch {
        bgt *b;
        Listener *listener;
};

static void on_watch(Listener *listener, int event, const bgt_record *record)
{
        ((bgt_watch_handler)listener->handler)(event, record, listener->userdata);
}

int bgt_watch_new(bgt *b, const char *package, const char *task, bgt_watch_handler handler, void *userdata,
                  bgt_watch **ret)
{
        const Listener template = {
                .package = (char *)package, .task = (char *)task, .call = on_watch, .userdata = userdata,
                .handler = (void (*)(void))handler,
        };
        bgt_watch *watch;
        int r;

        if (!handler || !ret)
                return fail(ERROR_INVALID_ARGUMENT, "a watch needs a handler");
        b = client_use(b);
        if (!b)
                return -bgt_error()->error;
        watch = calloc(1, sizeof *watch);
        if (!watch)
                return fail(ERROR_NO_MEMORY, NULL);
        r = listen_new(b, &template, &watch->listener);
        if (r < 0) {
                free(watch);
                return r;
        }
        watch->b = client_ref(b);
        *ret = watch;
        return 0;
}

void bgt_watch_free(bgt_watch *watch)
{
        if (!watch)
                return;
        if (client_is_ours(watch->b)) {
                client_lock(watch->b);
                listen_forget_and_wait(watch->b, watch->listener);
                client_unlock(watch->b);
        }
        client_unref(watch->b);
        free(watch);
}
