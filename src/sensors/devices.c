/* SPDX-License-Identifier: MIT */

#include "sensors/devices.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/delay.h"
#include "base/device-watch.h"
#include "base/list.h"
#include "base/utf8.h"
#include "sensors/uevents.h"
#include "sensors/watched.h"

/* What comes together is told together: when nothing has come for so long, at the latest after the maximum. */
#define PAUSE_USEC (100 * USEC_PER_MSEC)
#define PAUSE_MAX_USEC (2 * USEC_PER_SEC)
/* More than this is told as "everything". */
#define ENTRIES_MAX ((size_t)60 * 1024)

typedef struct Watcher {
        Watched watched;
        ListNode node;
        Devices *devices;
        char *text;
        char *parsed;       /* what watch points into */
        DeviceWatch watch;
        Buffer entries;
        bool dirty;         /* there is something to tell */
        bool everything;
} Watcher;

struct Devices {
        Loop *loop;
        Uevents *uevents;
        DevicesHappened happened;
        void *userdata;
        WatchedMap by_text;
        ListNode watchers;
        Delay pause;        /* runs while there is something to tell */
        uint64_t first_mono_usec;
};

static Watcher *watcher_free(Watcher *watcher)
{
        if (!watcher)
                return NULL;
        list_remove(&watcher->node);
        watched_remove(&watcher->devices->by_text, &watcher->watched);
        buffer_done(&watcher->entries);
        free(watcher->text);
        free(watcher->parsed);
        free(watcher);
        return NULL;
}
DEFINE_CLEANUP(Watcher *, watcher_free);

/* ---- what an event is to a watcher ---- */

/* Whether a list of words has this one; what udev links a device by. */
static bool has_word(const char *words, const char *word)
{
        size_t n = strlen(word);

        while (words && *words) {
                size_t n_word = strcspn(words, " ");

                if (n_word == n && memcmp(words, word, n) == 0)
                        return true;
                words += n_word + strspn(words + n_word, " ");
        }
        return false;
}

static bool is_device(const DeviceWatch *watch, const Uevent *event, const char *node)
{
        if (strncmp(watch->device, "/sys/", 5) == 0)
                return strcmp(watch->device + 4, event->path) == 0;
        return strcmp(watch->device, node) == 0 || has_word(uevent_get(event, "DEVLINKS"), watch->device);
}

static bool fits(const char *match, const Uevent *event)
{
        const char *pattern = strchr(match, '=') + 1, *value;
        char key[1100];
        size_t n = (size_t)(pattern - 1 - match);

        if (n >= sizeof key)
                return false;
        memcpy(key, match, n);
        key[n] = '\0';
        value = uevent_get(event, key);
        return value && fnmatch(pattern, value, 0) == 0;
}

static bool concerns(const DeviceWatch *watch, const Uevent *event, const char *node)
{
        bool comes_or_goes = strcmp(event->action, "add") == 0 || strcmp(event->action, "remove") == 0;

        if (!comes_or_goes && !watch->changes)
                return false;
        if (watch->device)
                return is_device(watch, event, node);
        for (size_t i = 0; i < watch->n_matches; i++)
                if (!fits(watch->matches[i], event))
                        return false;
        return true;
}

/* ---- telling ---- */

static void tell(Devices *devices, Watcher *watcher)
{
        Buffer entries = watcher->entries;
        bool everything = watcher->everything;

        watcher->entries = (Buffer){ 0 };
        watcher->dirty = watcher->everything = false;
        if (everything)
                devices->happened(watcher->watched.kind, watcher->text, "", 1, devices->userdata);
        else
                devices->happened(watcher->watched.kind, watcher->text, entries.data, entries.size, devices->userdata);
        buffer_done(&entries);
}

static void on_pause_over(Delay *delay, void *userdata)
{
        Devices *devices = userdata;

        list_for_each_safe(i, &devices->watchers) {
                Watcher *watcher = list_entry(i, Watcher, node);

                if (watcher->dirty)
                        tell(devices, watcher);
        }
}

static void note(Devices *devices, Watcher *watcher, const char *entry)
{
        size_t n = strlen(entry) + 1;
        uint64_t now = clock_now_usec(CLOCK_MONOTONIC);

        if (!entry[0] || watcher->entries.size + n > ENTRIES_MAX || buffer_append(&watcher->entries, entry, n) < 0) {
                watcher->everything = true;
                buffer_done(&watcher->entries);
        }
        watcher->dirty = true;
        if (!delay_is_running(&devices->pause))
                devices->first_mono_usec = now;
        if (now < devices->first_mono_usec + PAUSE_MAX_USEC - PAUSE_USEC || !delay_is_running(&devices->pause))
                delay_start(&devices->pause, PAUSE_USEC);
}

static void note_everything(Devices *devices)
{
        list_for_each(i, &devices->watchers)
                note(devices, list_entry(i, Watcher, node), "");
}

static void on_event(const Uevent *event, void *userdata)
{
        Devices *devices = userdata;
        char node[1024] = "", entry[8192];
        const char *name, *number;
        int n;

        if (!event) {
                note_everything(devices);
                return;
        }
        name = uevent_get(event, "DEVNAME");
        number = uevent_get(event, "SEQNUM");
        if (name)
                snprintf(node, sizeof node, "%s%s", name[0] == '/' ? "" : "/dev/", name);
        n = snprintf(entry, sizeof entry, "%s\t%s\t%s\t%s", number ? number : "0", event->action, event->path, node);
        /* What is no text is told as what it is not. */
        if (n >= (int)sizeof entry || !utf8_is_valid(entry, (size_t)n))
                entry[0] = '\0';
        list_for_each(i, &devices->watchers) {
                Watcher *watcher = list_entry(i, Watcher, node);

                if (concerns(&watcher->watch, event, node))
                        note(devices, watcher, entry);
        }
}

/* ---- who watches ---- */

static Watcher *find(const Devices *devices, uint8_t kind, const char *text)
{
        Watched *watched = watched_find(&devices->by_text, kind, text);

        return watched ? CONTAINER_OF(watched, Watcher, watched) : NULL;
}

int devices_watch(Devices *devices, uint8_t kind, const char *text)
{
        _cleanup_(watcher_freep) Watcher *watcher = NULL;

        if (find(devices, kind, text))
                return -EEXIST;
        watcher = calloc(1, sizeof *watcher);
        if (!watcher)
                return -ENOMEM;
        list_init(&watcher->node);
        watcher->devices = devices;
        watcher->text = strdup(text);
        watcher->parsed = strdup(text);
        if (!watcher->text || !watcher->parsed)
                return -ENOMEM;
        if (device_watch_parse(watcher->parsed, &watcher->watch) < 0)
                return -EINVAL;
        list_append(&devices->watchers, &watcher->node);
        watched_add(&devices->by_text, &watcher->watched, kind, watcher->text);
        TAKE_PTR(watcher);
        return 0;
}

void devices_unwatch(Devices *devices, uint8_t kind, const char *text)
{
        watcher_free(find(devices, kind, text));
}

bool devices_is_empty(const Devices *devices)
{
        return list_is_empty(&devices->watchers);
}

int devices_new(Loop *loop, DevicesHappened happened, void *userdata, Devices **ret_devices)
{
        _cleanup_(devices_freep) Devices *devices = calloc(1, sizeof *devices);
        int r;

        if (!devices)
                return -ENOMEM;
        *devices = (Devices){ .loop = loop, .happened = happened, .userdata = userdata, .pause = DELAY_INIT };
        list_init(&devices->watchers);
        r = watched_init(&devices->by_text);
        if (r >= 0)
                r = delay_init(&devices->pause, loop, on_pause_over, devices);
        if (r >= 0)
                r = uevents_new(loop, NULL, on_event, devices, &devices->uevents);
        if (r < 0)
                return r;
        *ret_devices = TAKE_PTR(devices);
        return 0;
}

Devices *devices_free(Devices *devices)
{
        if (!devices)
                return NULL;
        list_for_each_safe(i, &devices->watchers)
                watcher_free(list_entry(i, Watcher, node));
        uevents_free(devices->uevents);
        delay_done(&devices->pause);
        watched_done(&devices->by_text);
        free(devices);
        return NULL;
}
