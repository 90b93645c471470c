/* SPDX-License-Identifier: MIT */

/*
 * A root (a path that somebody named) that is a folder has a tree of watches. Any other has an anchor: a watch of the
 * nearest folder above it that exists, which tells when the root or what leads to it comes and goes. When a root comes
 * or goes, or something on the way to it, its watches are thrown away and made anew.
 *
 * The same folder may be watched for several roots. The kernel has one watch for it then, and several Folders share
 * its number.
 */

#include "sensors/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file-watch.h"
#include "base/list.h"
#include "base/map.h"
#include "base/utf8.h"
#include "base/delay.h"
#include "sensors/watched.h"

#define CHANGES (IN_CREATE | IN_DELETE | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO)
#define MASK (CHANGES | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
/* More than this is told as "everything". */
#define PATHS_MAX ((size_t)60 * 1024)
#define EVENTS_SIZE 65536
/* Entries of a folder that are read at a time. */
#define SCAN_MAX 256
/* Watchers that are told of, or found anew, in one go. */
#define WATCHERS_MAX 64

typedef struct Watcher Watcher;

typedef struct Folder {
        MapNode by_wd;
        ListNode node;      /* of its watcher */
        ListNode scan_node; /* of those whose entries are still to be read */
        Watcher *watcher;
        size_t root;        /* index of the path that it is watched for */
        int wd;
        uint64_t seen;      /* the event that it has had */
        bool is_anchor;
        bool is_new;        /* it came after its root: what is in it has changed */
        const char *only;   /* of an anchor: the name that counts; points into the path of the root */
        size_t n_only;
        char path[];
} Folder;

struct Watcher {
        Watched watched;
        ListNode node;
        ListNode dirty_node;
        ListNode lost_node; /* of those whose folders are still to be found anew */
        Files *files;
        char *text;
        char *parsed;       /* what spec points into */
        FileWatch spec;
        ListNode folders;
        Buffer changes;
        bool everything;
        uint64_t first_mono_usec;
        uint64_t due_mono_usec;
        char *problem;      /* NULL: none */
};

struct Files {
        Loop *loop;
        FilesChanged changed;
        void *userdata;
        int fd;
        LoopSource source;
        LoopJob scan_job, tell_job, lost_job;
        DIR *scan_dir;      /* of the first folder that is to be scanned */
        ListNode scans;
        Map by_wd;
        WatchedMap by_text;
        ListNode watchers;
        ListNode dirty;
        ListNode lost;
        Delay pause;
        uint64_t pause_until_mono_usec;
        uint64_t n_events;
        uint8_t *events;
};

/* ---- changes ---- */

static bool has_path(const Buffer *changes, const char *path, size_t n)
{
        for (size_t at = 0; at < changes->size; at += strlen((const char *)changes->data + at) + 1)
                if (memcmp(changes->data + at, path, MIN(n, changes->size - at)) == 0)
                        return true;
        return false;
}

static void wait_until(Files *files, uint64_t due, uint64_t now)
{
        if (delay_is_running(&files->pause) && files->pause_until_mono_usec <= due)
                return;
        files->pause_until_mono_usec = due;
        delay_start(&files->pause, MAX(usec_sub(due, now), (uint64_t)1));
}

static void note_dirty(Watcher *watcher)
{
        uint64_t now = clock_now_usec(CLOCK_MONOTONIC);

        if (!list_is_linked(&watcher->dirty_node)) {
                watcher->first_mono_usec = now;
                list_append(&watcher->files->dirty, &watcher->dirty_node);
        }
        watcher->due_mono_usec = MIN(now + watcher->spec.delay_usec,
                                     watcher->first_mono_usec + watcher->spec.max_delay_usec);
        wait_until(watcher->files, watcher->due_mono_usec, now);
}

static void note_everything(Watcher *watcher)
{
        watcher->everything = true;
        buffer_done(&watcher->changes);
        note_dirty(watcher);
}

/* A name that is no text is told by the folder that it is in. */
static void note_change(Watcher *watcher, const char *folder, const char *name)
{
        char path[PATH_MAX + NAME_MAX + 2];
        size_t n;

        if (name[0] && !utf8_is_valid(name, strlen(name)))
                name = "";
        snprintf(path, sizeof path, "%s%s%s", folder, name[0] && strcmp(folder, "/") != 0 ? "/" : "", name);
        n = strlen(path) + 1;
        if (!utf8_is_valid(path, n - 1)) {
                note_everything(watcher);
                return;
        }
        if (!watcher->everything && !has_path(&watcher->changes, path, n) &&
            (watcher->changes.size + n > PATHS_MAX || buffer_append(&watcher->changes, path, n) < 0)) {
                note_everything(watcher);
                return;
        }
        note_dirty(watcher);
}

static void tell(Watcher *watcher)
{
        Buffer changes = watcher->changes;
        bool everything = watcher->everything;

        list_remove(&watcher->dirty_node);
        watcher->changes = (Buffer){ 0 };
        watcher->everything = false;
        if (everything)
                watcher->files->changed(watcher->text, "", 1, watcher->files->userdata);
        else
                watcher->files->changed(watcher->text, changes.data, changes.size, watcher->files->userdata);
        buffer_done(&changes);
}

/* Some of those that are due; the others have their turn when nothing else is to do. */
static void tell_some(void *userdata)
{
        Files *files = userdata;
        uint64_t now = clock_now_usec(CLOCK_MONOTONIC), next = USEC_INFINITY;
        int n = 0;

        list_for_each_safe(i, &files->dirty) {
                Watcher *watcher = list_entry(i, Watcher, dirty_node);

                if (watcher->due_mono_usec > now) {
                        next = MIN(next, watcher->due_mono_usec);
                } else if (n++ < WATCHERS_MAX) {
                        tell(watcher);
                } else {
                        loop_put_off(files->loop, &files->tell_job, LOOP_IDLE, tell_some, files);
                        return;
                }
        }
        if (next != USEC_INFINITY)
                wait_until(files, next, now);
}

static void on_pause_over(Delay *delay, void *userdata)
{
        tell_some(userdata);
}

/* ---- folders ---- */

static Folder *find_wd(const Files *files, int wd)
{
        MapNode *node = map_find(&files->by_wd, (uint64_t)wd);

        return node ? CONTAINER_OF(node, Folder, by_wd) : NULL;
}

static void stop_scan(Files *files, Folder *folder)
{
        if (!list_is_linked(&folder->scan_node))
                return;
        if (files->scans.next == &folder->scan_node && files->scan_dir) {
                closedir(files->scan_dir);
                files->scan_dir = NULL;
        }
        list_remove(&folder->scan_node);
}

/* keep_watch: the kernel has taken it away already. */
static void drop_folder(Files *files, Folder *folder, bool keep_watch)
{
        stop_scan(files, folder);
        list_remove(&folder->node);
        map_remove(&files->by_wd, &folder->by_wd);
        if (!keep_watch && !find_wd(files, folder->wd))
                (void)inotify_rm_watch(files->fd, folder->wd);
        free(folder);
}

static void note_problem(Watcher *watcher, const char *path, int error)
{
        const char *why = error == ENOSPC ? "there are no inotify watches left (fs.inotify.max_user_watches)"
                                          : strerror(error);
        char *problem;

        if (asprintf(&problem, "%s is not watched: %s", path, why) < 0)
                return;
        free(watcher->problem);
        watcher->problem = problem;
}

static bool is_watched_already(const Watcher *watcher, int wd, size_t root)
{
        for (MapNode *i = map_find(&watcher->files->by_wd, (uint64_t)wd); i; i = map_next(i)) {
                const Folder *folder = CONTAINER_OF(i, Folder, by_wd);

                if (folder->watcher == watcher && folder->root == root && !folder->is_anchor)
                        return true;
        }
        return false;
}

/* NULL: it is gone already, is watched already, or cannot be watched, which is noted. */
static Folder *add_folder(Watcher *watcher, size_t root, const char *path, bool is_anchor, uint32_t more)
{
        Files *files = watcher->files;
        size_t n = strlen(path) + 1;
        Folder *folder;
        int wd;

        wd = inotify_add_watch(files->fd, path, MASK | more);
        if (wd < 0) {
                if (errno != ENOENT && errno != ENOTDIR)
                        note_problem(watcher, path, errno);
                return NULL;
        }
        if (!is_anchor && is_watched_already(watcher, wd, root))
                return NULL;
        folder = calloc(1, sizeof *folder + n);
        if (!folder) {
                note_problem(watcher, path, ENOMEM);
                return NULL;
        }
        memcpy(folder->path, path, n);
        folder->watcher = watcher;
        folder->root = root;
        folder->wd = wd;
        folder->is_anchor = is_anchor;
        /* The event that brought it about is not for it. */
        folder->seen = files->n_events;
        list_append(&watcher->folders, &folder->node);
        map_insert(&files->by_wd, &folder->by_wd, (uint64_t)wd);
        return folder;
}

static void on_scan(void *userdata);

static bool add_tree(Watcher *watcher, size_t root, const char *path, bool is_new, uint32_t more)
{
        Folder *folder = add_folder(watcher, root, path, false, more);

        if (!folder || (!watcher->spec.recursive && !is_new))
                return folder;
        folder->is_new = is_new;
        list_append(&watcher->files->scans, &folder->scan_node);
        loop_put_off(watcher->files->loop, &watcher->files->scan_job, LOOP_IDLE, on_scan, watcher->files);
        return true;
}

/* The nearest folder above the root that is there, and the name in it that leads to the root. */
static void add_anchor(Watcher *watcher, size_t root)
{
        const char *path = watcher->spec.paths[root];
        char above[PATH_MAX];
        size_t n = strlen(path);

        memcpy(above, path, n + 1);
        while (n > 1) {
                Folder *folder;
                char *slash;

                above[n] = '\0';
                slash = strrchr(above, '/');
                n = (size_t)(slash - above);
                above[MAX(n, (size_t)1)] = '\0';
                folder = add_folder(watcher, root, above, true, 0);
                if (!folder)
                        continue;
                folder->only = path + n + 1;
                folder->n_only = strcspn(folder->only, "/");
                return;
        }
}

static void drop_root(Watcher *watcher, size_t root, bool anchors_only)
{
        list_for_each_safe(i, &watcher->folders) {
                Folder *folder = list_entry(i, Folder, node);

                if (folder->root == root && (folder->is_anchor || !anchors_only))
                        drop_folder(watcher->files, folder, false);
        }
}

static bool add_root(Watcher *watcher, size_t root, bool is_new)
{
        const char *path = watcher->spec.paths[root];
        struct stat status;

        return stat(path, &status) >= 0 && S_ISDIR(status.st_mode) && add_tree(watcher, root, path, is_new, 0);
}

/*
 * A folder tells itself when it goes, and needs no anchor; to set one and take it away again would cost the kernel a
 * walk through all that is in the folder above. With an anchor we look again: what comes while we do is seen.
 */
static void resolve(Watcher *watcher, size_t root, bool is_new)
{
        const char *path = watcher->spec.paths[root];

        drop_root(watcher, root, false);
        if (!add_root(watcher, root, is_new)) {
                add_anchor(watcher, root);
                if (add_root(watcher, root, is_new))
                        drop_root(watcher, root, true);
        }
        if (is_new && access(path, F_OK) >= 0)
                note_change(watcher, path, "");
}

static void drop_below(Watcher *watcher, const char *path)
{
        size_t n = strlen(path);

        list_for_each_safe(i, &watcher->folders) {
                Folder *folder = list_entry(i, Folder, node);

                if (!folder->is_anchor && strncmp(folder->path, path, n) == 0 &&
                    (folder->path[n] == '\0' || folder->path[n] == '/'))
                        drop_folder(watcher->files, folder, false);
        }
}

/* ---- reading folders ---- */

static bool is_folder(DIR *dir, const struct dirent *entry)
{
        struct stat status;

        if (entry->d_type != DT_UNKNOWN)
                return entry->d_type == DT_DIR;
        return fstatat(dirfd(dir), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) >= 0 && S_ISDIR(status.st_mode);
}

static void scan_entry(Folder *folder, DIR *dir, const struct dirent *entry)
{
        char path[PATH_MAX + NAME_MAX + 2];

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
                return;
        if (folder->is_new)
                note_change(folder->watcher, folder->path, entry->d_name);
        if (!folder->watcher->spec.recursive || !is_folder(dir, entry))
                return;
        snprintf(path, sizeof path, "%s/%s", strcmp(folder->path, "/") == 0 ? "" : folder->path, entry->d_name);
        if (strlen(path) < PATH_MAX)
                (void)add_tree(folder->watcher, folder->root, path, folder->is_new, IN_DONT_FOLLOW);
}

/* A piece of one folder; what is left has its turn when nothing else is to do. */
static void on_scan(void *userdata)
{
        Files *files = userdata;
        Folder *folder;

        if (list_is_empty(&files->scans))
                return;
        folder = list_entry(files->scans.next, Folder, scan_node);
        if (!files->scan_dir)
                files->scan_dir = opendir(folder->path);
        for (int i = 0; files->scan_dir && i < SCAN_MAX; i++) {
                const struct dirent *entry = readdir(files->scan_dir);

                if (!entry) {
                        closedir(files->scan_dir);
                        files->scan_dir = NULL;
                        break;
                }
                scan_entry(folder, files->scan_dir, entry);
        }
        if (!files->scan_dir)
                list_remove(&folder->scan_node);
        if (!list_is_empty(&files->scans))
                loop_put_off(files->loop, &files->scan_job, LOOP_IDLE, on_scan, files);
}

/* ---- events ---- */

static void on_anchor_event(Folder *folder, const struct inotify_event *event)
{
        Watcher *watcher = folder->watcher;
        const char *path = watcher->spec.paths[folder->root];
        bool is_root = folder->only[folder->n_only] == '\0';
        size_t root = folder->root;

        if (strlen(event->name) != folder->n_only || strncmp(event->name, folder->only, folder->n_only) != 0)
                return;
        if (is_root)
                note_change(watcher, path, "");
        /* A folder on the way has come, or the root itself has as one: what it leads to is found anew. */
        if ((event->mask & IN_ISDIR) || !is_root)
                resolve(watcher, root, event->mask & (IN_CREATE | IN_MOVED_TO));
}

static void on_tree_event(Folder *folder, const struct inotify_event *event)
{
        const uint32_t coming = IN_CREATE | IN_MOVED_TO;
        Watcher *watcher = folder->watcher;
        char path[PATH_MAX + NAME_MAX + 2];
        size_t root = folder->root;

        note_change(watcher, folder->path, event->name);
        if (!(event->mask & IN_ISDIR) || !watcher->spec.recursive)
                return;
        snprintf(path, sizeof path, "%s/%s", strcmp(folder->path, "/") == 0 ? "" : folder->path, event->name);
        if (strlen(path) >= PATH_MAX)
                return;
        /* It may be another one of the same name. */
        drop_below(watcher, path);
        if (event->mask & coming)
                (void)add_tree(watcher, root, path, true, IN_DONT_FOLLOW);
}

static void on_folder_event(Files *files, Folder *folder, const struct inotify_event *event)
{
        Watcher *watcher = folder->watcher;
        bool is_top = !folder->is_anchor && strcmp(folder->path, watcher->spec.paths[folder->root]) == 0;

        if (event->mask & IN_IGNORED) {
                drop_folder(files, folder, true);
        } else if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF)) {
                if (is_top)
                        note_change(watcher, folder->path, "");
                if (is_top || folder->is_anchor)
                        resolve(watcher, folder->root, false);
        } else if (event->mask & CHANGES) {
                if (folder->is_anchor)
                        on_anchor_event(folder, event);
                else
                        on_tree_event(folder, event);
        }
}

static void find_lost(void *userdata)
{
        Files *files = userdata;

        for (int n = 0; n < WATCHERS_MAX && !list_is_empty(&files->lost); n++) {
                Watcher *watcher = list_entry(files->lost.next, Watcher, lost_node);

                list_remove(&watcher->lost_node);
                /* It is told when the folders are found: what has changed until then needs no event. */
                note_everything(watcher);
                for (size_t root = 0; root < watcher->spec.n_paths; root++)
                        resolve(watcher, root, false);
        }
        if (!list_is_empty(&files->lost))
                loop_put_off(files->loop, &files->lost_job, LOOP_IDLE, find_lost, files);
}

static void on_overflow(Files *files)
{
        list_for_each(i, &files->watchers) {
                Watcher *watcher = list_entry(i, Watcher, node);

                if (!list_is_linked(&watcher->lost_node))
                        list_append(&files->lost, &watcher->lost_node);
        }
        loop_put_off(files->loop, &files->lost_job, LOOP_IDLE, find_lost, files);
}

/* Handling an event may add and drop folders: each that shares the watch has it once, whatever the order. */
static void on_event(Files *files, const struct inotify_event *event)
{
        Folder *folder;

        if (event->mask & IN_Q_OVERFLOW) {
                on_overflow(files);
                return;
        }
        files->n_events++;
        do {
                folder = NULL;
                for (MapNode *i = map_find(&files->by_wd, (uint64_t)event->wd); i && !folder; i = map_next(i))
                        if (CONTAINER_OF(i, Folder, by_wd)->seen < files->n_events)
                                folder = CONTAINER_OF(i, Folder, by_wd);
                if (folder) {
                        folder->seen = files->n_events;
                        on_folder_event(files, folder, event);
                }
        } while (folder);
}

/* One buffer at a time, so that a storm leaves the loop to others. */
static void on_readable(LoopSource *source, uint32_t events, void *userdata)
{
        Files *files = userdata;
        ssize_t n = read(files->fd, files->events, EVENTS_SIZE);

        for (ssize_t at = 0; at < n;) {
                const struct inotify_event *event = (const struct inotify_event *)(const void *)(files->events + at);

                on_event(files, event);
                at += (ssize_t)(sizeof *event + event->len);
        }
}

/* ---- watchers ---- */

static Watcher *find_watcher(const Files *files, const char *text)
{
        Watched *watched = watched_find(&files->by_text, 0, text);

        return watched ? CONTAINER_OF(watched, Watcher, watched) : NULL;
}

static void free_watcher(Watcher *watcher)
{
        list_for_each_safe(i, &watcher->folders)
                drop_folder(watcher->files, list_entry(i, Folder, node), false);
        list_remove(&watcher->node);
        list_remove(&watcher->dirty_node);
        list_remove(&watcher->lost_node);
        watched_remove(&watcher->files->by_text, &watcher->watched);
        buffer_done(&watcher->changes);
        free(watcher->text);
        free(watcher->parsed);
        free(watcher->problem);
        free(watcher);
}
DEFINE_CLEANUP(Watcher *, free_watcher);

int files_watch(Files *files, const char *text)
{
        _cleanup_(free_watcherp) Watcher *watcher = NULL;
        int r;

        if (find_watcher(files, text))
                return -EEXIST;
        watcher = calloc(1, sizeof *watcher);
        if (!watcher)
                return -ENOMEM;
        watcher->files = files;
        list_init(&watcher->folders);
        list_init(&watcher->node);
        list_init(&watcher->dirty_node);
        list_init(&watcher->lost_node);
        watcher->text = strdup(text);
        watcher->parsed = strdup(text);
        if (!watcher->text || !watcher->parsed)
                return -ENOMEM;
        r = file_watch_parse(watcher->parsed, &watcher->spec);
        if (r < 0)
                return r;
        for (size_t root = 0; root < watcher->spec.n_paths; root++)
                resolve(watcher, root, false);
        list_append(&files->watchers, &watcher->node);
        watched_add(&files->by_text, &watcher->watched, 0, watcher->text);
        TAKE_PTR(watcher);
        return 0;
}

void files_unwatch(Files *files, const char *text)
{
        Watcher *watcher = find_watcher(files, text);

        if (watcher)
                free_watcher(watcher);
}

bool files_is_empty(const Files *files)
{
        return list_is_empty(&files->watchers);
}

const char *files_problem(const Files *files, const char *text)
{
        const Watcher *watcher = find_watcher(files, text);

        return watcher ? watcher->problem : NULL;
}

int files_new(Loop *loop, FilesChanged changed, void *userdata, Files **ret_files)
{
        _cleanup_(files_freep) Files *files = calloc(1, sizeof *files);
        int r;

        if (!files)
                return -ENOMEM;
        *files = (Files){ .loop = loop, .changed = changed, .userdata = userdata, .fd = -1,
                          .source = LOOP_SOURCE_INIT, .pause = DELAY_INIT };
        list_init(&files->watchers);
        list_init(&files->dirty);
        list_init(&files->lost);
        list_init(&files->scans);
        files->events = malloc(EVENTS_SIZE);
        r = files->events ? map_init(&files->by_wd) : -ENOMEM;
        if (r >= 0)
                r = watched_init(&files->by_text);
        if (r < 0)
                return r;
        files->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (files->fd < 0)
                return -errno;
        r = delay_init(&files->pause, loop, on_pause_over, files);
        if (r >= 0)
                r = loop_add(loop, &files->source, files->fd, EPOLLIN, on_readable, files);
        if (r < 0)
                return r;
        *ret_files = TAKE_PTR(files);
        return 0;
}

Files *files_free(Files *files)
{
        if (!files)
                return NULL;
        list_for_each_safe(i, &files->watchers)
                free_watcher(list_entry(i, Watcher, node));
        loop_drop_job(&files->scan_job);
        loop_drop_job(&files->tell_job);
        loop_drop_job(&files->lost_job);
        loop_remove(files->loop, &files->source);
        safe_close(files->fd);
        delay_done(&files->pause);
        map_done(&files->by_wd);
        watched_done(&files->by_text);
        free(files->events);
        free(files);
        return NULL;
}
