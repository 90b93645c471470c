/* SPDX-License-Identifier: MIT */

/* Subscriptions and the signals that they bring. Without a subscription nothing is written at all. */

#include <errno.h>
#include <string.h>

#include "bus/bus-internal.h"

#define WATCHES_MAX 1000

typedef struct Watch {
        ListNode node;
        Peer *peer;
        Uuid task;     /* null: every task of the package */
        char package[]; /* "*": all */
} Watch;

static Watch *find_watch(Peer *peer, const char *package, Uuid task)
{
        list_for_each(i, &peer->bus->watches) {
                Watch *watch = list_entry(i, Watch, node);

                if (watch->peer == peer && uuid_equal(watch->task, task) && strcmp(watch->package, package) == 0)
                        return watch;
        }
        return NULL;
}

static void watch_free(Watch *watch)
{
        watch->peer->n_watches--;
        list_remove(&watch->node);
        free(watch);
}

int bus_watch(Peer *peer, const char *package, Uuid task)
{
        size_t n = strlen(package) + 1;
        Watch *watch;

        if (find_watch(peer, package, task))
                return 0;
        if (peer->n_watches >= WATCHES_MAX)
                return -EDQUOT;
        watch = calloc(1, sizeof *watch + n);
        if (!watch)
                return -ENOMEM;
        watch->peer = peer;
        watch->task = task;
        memcpy(watch->package, package, n);
        list_append(&peer->bus->watches, &watch->node);
        peer->n_watches++;
        return 0;
}

void bus_unwatch(Peer *peer, const char *package, Uuid task)
{
        Watch *watch = find_watch(peer, package, task);

        if (watch)
                watch_free(watch);
}

void watches_drop_peer(Peer *peer)
{
        if (peer->n_watches == 0)
                return;
        list_for_each_safe(i, &peer->bus->watches) {
                Watch *watch = list_entry(i, Watch, node);

                if (watch->peer == peer)
                        watch_free(watch);
        }
}

static bool matches(const Watch *watch, Uuid task, const char *package)
{
        if (!uuid_is_null(watch->task))
                return uuid_equal(watch->task, task);
        return strcmp(watch->package, "*") == 0 || strcmp(watch->package, package) == 0;
}

/* One copy for each peer, whatever the number of its subscriptions that fit: a peer's need not be neighbours. */
static bool is_first_match(Bus *bus, const Watch *watch, Uuid task, const char *package)
{
        list_for_each(i, &bus->watches) {
                const Watch *other = list_entry(i, Watch, node);

                if (other == watch)
                        return true;
                if (other->peer == watch->peer && matches(other, task, package))
                        return false;
        }
        return true;
}

static void send_signal(Bus *bus, Uuid task, const char *package)
{
        list_for_each(i, &bus->watches) {
                Watch *watch = list_entry(i, Watch, node);

                /* A peer that does not read is disconnected by its connection, later and from the loop. */
                if (matches(watch, task, package) && is_first_match(bus, watch, task, package))
                        peer_send(watch->peer, &bus->signal_writer);
        }
}

static Writer *begin_signal(Bus *bus, unsigned signal, Uuid task)
{
        char text[UUID_STRING_MAX];

        if (list_is_empty(&bus->watches))
                return NULL;
        interface_start_signal(&bus->signal_writer, BUS_PATH, &manager1_interface, signal);
        if (!uuid_is_null(task))
                writer_put_string(&bus->signal_writer, uuid_format(task, text));
        return &bus->signal_writer;
}

void bus_signal_task_changed(Bus *bus, Uuid task, const char *package, const char *name, const char *change)
{
        Writer *w = begin_signal(bus, MANAGER1_SIGNAL_TASK_CHANGED, task);

        if (!w)
                return;
        writer_put_string(w, package);
        writer_put_string(w, name);
        writer_put_string(w, change);
        send_signal(bus, task, package);
}

void bus_signal_run_changed(Bus *bus, const RunInfo *run)
{
        Writer *w = begin_signal(bus, MANAGER1_SIGNAL_RUN_CHANGED, run->task);
        char text[UUID_STRING_MAX];

        if (!w)
                return;
        writer_put_string(w, run->package);
        writer_put_string(w, uuid_format(run->run, text));
        writer_put_string(w, term_name(TERM_RUN_STATE, run->state));
        writer_open_array(w, "{sv}");
        writer_put_option_string(w, "name", run->name);
        writer_put_option_uint32(w, "attempt", run->attempt);
        if (run->state == RUN_STOPPING)
                writer_put_option_string(w, "reason", term_name(TERM_REASON, run->reason));
        writer_put_option_uint64(w, "server", run->server);
        writer_close(w);
        send_signal(bus, run->task, run->package);
}

void bus_signal_progress(Bus *bus, const RunInfo *run)
{
        Writer *w = begin_signal(bus, MANAGER1_SIGNAL_PROGRESS, run->task);
        char text[UUID_STRING_MAX];

        if (!w)
                return;
        writer_put_string(w, run->package);
        writer_put_string(w, uuid_format(run->run, text));
        writer_put_uint32(w, run->progress);
        send_signal(bus, run->task, run->package);
}

void bus_signal_completed(Bus *bus, const RunRow *row)
{
        Writer *w = begin_signal(bus, MANAGER1_SIGNAL_COMPLETED, UUID_NULL);

        if (!w)
                return;
        bus_put_record(w, row, false);
        send_signal(bus, row->task, row->package);
}
