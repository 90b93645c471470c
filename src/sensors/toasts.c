/* SPDX-License-Identifier: MIT */

#include "sensors/toasts.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/terms.h"
#include "base/utf8.h"
#include "sensors/service.h"
#include "sensors/watched.h"

#define NAME "org.freedesktop.Notifications"
#define PATH "/org/freedesktop/Notifications"
/* Of the key of an action: what is longer is cut. */
#define ACTION_MAX 200

typedef struct Watcher {
        Watched watched;
        ListNode node;
        char text[];
} Watcher;

struct Toasts {
        SystemBus *bus;
        Service service;
        ToastsHappened happened;
        void *userdata;
        WatchedMap by_text;
        ListNode watchers;
        uint64_t n_entries;
        char problem[120];
};

static void on_answer(Service *service, const Message *m, void *userdata)
{
}

/* What it answers does not matter, but that it does. */
static void ask(Service *service, void *userdata)
{
        service_call(service, PATH, NAME, "GetServerInformation", on_answer);
}

static void on_changed(Service *service, void *userdata)
{
}

static void tell(Toasts *toasts, uint8_t kind, uint32_t id, const char *what)
{
        char entry[ACTION_MAX + 64];
        int n = snprintf(entry, sizeof entry, "%llu\t%u\t%s", (unsigned long long)++toasts->n_entries, id, what);

        list_for_each_safe(i, &toasts->watchers) {
                Watcher *watcher = list_entry(i, Watcher, node);

                if (watcher->watched.kind == kind &&
                    (kind != TRIGGER_TOAST_ACTION || fnmatch(watcher->text, what, 0) == 0))
                        toasts->happened(kind, watcher->text, entry, (size_t)n + 1, toasts->userdata);
        }
}

static void on_action(Toasts *toasts, Reader *r)
{
        uint32_t id = reader_get_uint32(r);
        const char *key = reader_get_string(r);
        size_t n = strlen(key);

        if (reader_error(r) >= 0 && n <= ACTION_MAX && !utf8_has_control(key, n))
                tell(toasts, TRIGGER_TOAST_ACTION, id, key);
}

static void on_closed(Toasts *toasts, Reader *r)
{
        static const char *const reasons[] = { "undefined", "expired", "dismissed", "closed" };
        uint32_t id = reader_get_uint32(r), reason = reader_get_uint32(r);

        if (reader_error(r) >= 0)
                tell(toasts, TRIGGER_TOAST_HISTORY_CHANGED, id,
                     reasons[reason < ELEMENTSOF(reasons) ? reason : 0]);
}

static void on_signal(Service *service, const Message *m, void *userdata)
{
        Reader r;

        reader_init(&r, m);
        if (message_is_signal(m, NAME, "ActionInvoked") && strcmp(m->signature, "us") == 0)
                on_action(userdata, &r);
        else if (message_is_signal(m, NAME, "NotificationClosed") && strcmp(m->signature, "uu") == 0)
                on_closed(userdata, &r);
}

static const ServiceType notifications = {
        .name = NAME,
        .title = "the desktop's notification service",
        .match = "interface='" NAME "'",
        .ask = ask,
        .changed = on_changed,
        .signal = on_signal,
};

static Watcher *find(const Toasts *toasts, uint8_t kind, const char *text)
{
        Watched *watched = watched_find(&toasts->by_text, kind, text);

        return watched ? CONTAINER_OF(watched, Watcher, watched) : NULL;
}

int toasts_watch(Toasts *toasts, uint8_t kind, const char *text)
{
        size_t n = strlen(text) + 1;
        Watcher *watcher;

        if (find(toasts, kind, text))
                return -EEXIST;
        watcher = calloc(1, sizeof *watcher + n);
        if (!watcher)
                return -ENOMEM;
        memcpy(watcher->text, text, n);
        watched_add(&toasts->by_text, &watcher->watched, kind, watcher->text);
        list_append(&toasts->watchers, &watcher->node);
        return 0;
}

void toasts_unwatch(Toasts *toasts, uint8_t kind, const char *text)
{
        Watcher *watcher = find(toasts, kind, text);

        if (!watcher)
                return;
        watched_remove(&toasts->by_text, &watcher->watched);
        list_remove(&watcher->node);
        free(watcher);
}

bool toasts_is_empty(const Toasts *toasts)
{
        return list_is_empty(&toasts->watchers);
}

const char *toasts_problem(Toasts *toasts)
{
        if (!toasts->bus || !toasts->service.has_bus)
                return "there is no session bus";
        if (toasts->service.state == SERVICE_KNOWN || toasts->service.state == SERVICE_ASKED)
                return NULL;
        return service_explain(&toasts->service, toasts->problem, sizeof toasts->problem);
}

int toasts_new(Loop *loop, const char *address, ToastsHappened happened, void *userdata, Toasts **ret_toasts)
{
        _cleanup_(toasts_freep) Toasts *toasts = calloc(1, sizeof *toasts);
        int r;

        if (!toasts)
                return -ENOMEM;
        toasts->happened = happened;
        toasts->userdata = userdata;
        list_init(&toasts->watchers);
        r = watched_init(&toasts->by_text);
        if (r >= 0 && address[0])
                r = system_bus_new(loop, address, true, &toasts->bus);
        if (r >= 0 && toasts->bus)
                r = service_init(&toasts->service, loop, toasts->bus, &notifications, toasts);
        if (r < 0)
                return r;
        *ret_toasts = TAKE_PTR(toasts);
        return 0;
}

int toasts_move(Toasts *toasts, const char *address)
{
        return toasts->bus ? system_bus_move(toasts->bus, address) : 0;
}

Toasts *toasts_free(Toasts *toasts)
{
        if (!toasts)
                return NULL;
        list_for_each_safe(i, &toasts->watchers) {
                list_remove(i);
                free(list_entry(i, Watcher, node));
        }
        watched_done(&toasts->by_text);
        service_done(&toasts->service);
        system_bus_free(toasts->bus);
        free(toasts);
        return NULL;
}
