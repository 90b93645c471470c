/* SPDX-License-Identifier: MIT */

/*
 * Packages that nobody installs by a command: a distribution puts their folders into bgtask/packages below one of
 * XDG_DATA_DIRS (system-packages for the machine's own broker), and they are in force as long as they are there.
 * docs/semantics.md, section 9, has the rules.
 */

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include "broker/broker.h"

#define FOLDERS_MAX 1000
#define QUIET_USEC (300 * USEC_PER_MSEC) /* after the last change: who unpacks a package is probably done */
#define AGAIN_USEC (10 * USEC_PER_SEC)  /* a program may be put beside its manifest later, and elsewhere */
#define AGAIN_MAX 6
#define START_USEC (5 * USEC_PER_SEC)   /* the longest that the broker's start waits for their commits */
#define CHANGES (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF)

struct Found {
        Broker *broker;
        char *folders[FOUND_ROOTS_MAX]; /* that hold packages, there or not */
        size_t n_folders;
        LoopSource watch, timer;
        int watch_fd, timer_fd;
        uint64_t last_token;
        unsigned n_again;
        char **families; /* seen by the scan that goes on */
        size_t n_families;
        size_t n_broken;
        char **problems; /* of the last scan */
        size_t n_problems;
};

static void clear(char ***strings, size_t *n)
{
        for (size_t i = 0; i < *n; i++)
                free((*strings)[i]);
        free(*strings);
        *strings = NULL;
        *n = 0;
}

static void append(char ***strings, size_t *n, char *string)
{
        char **grown = string ? realloc(*strings, (*n + 1) * sizeof **strings) : NULL;

        if (!grown) {
                free(string);
                return;
        }
        *strings = grown;
        grown[(*n)++] = string;
}

static void complain(Found *f, const char *format, ...) _printf_(2, 3);

static void complain(Found *f, const char *format, ...)
{
        va_list args;
        char *text;

        va_start(args, format);
        text = broker_log_problem(format, args);
        va_end(args);
        if (text)
                append(&f->problems, &f->n_problems, text);
}

bool found_is_below(const Found *f, const char *folder)
{
        const char *slash = strrchr(folder, '/');

        for (size_t i = 0; f && slash && i < f->n_folders; i++)
                if (strlen(f->folders[i]) == (size_t)(slash - folder) &&
                    strncmp(f->folders[i], folder, (size_t)(slash - folder)) == 0)
                        return true;
        return false;
}

bool found_is_there(const Found *f, const Package *package)
{
        return found_is_below(f, package->folder) && access(package->folder, F_OK) == 0;
}

const char *found_problem(const Found *f, size_t i)
{
        return f && i < f->n_problems ? f->problems[i] : NULL;
}

static void set_timer(Found *f, uint64_t usec)
{
        const struct itimerspec when = { .it_value = timespec_from_usec(usec) };

        (void)timerfd_settime(f->timer_fd, 0, &when, NULL);
}

static bool has_family(const Found *f, const char *family)
{
        for (size_t i = 0; i < f->n_families; i++)
                if (strcmp(f->families[i], family) == 0)
                        return true;
        return false;
}

/* Puts a package into force unless another one of that family comes first, or it is in force already. */
static void look_at_package(Found *f, const char *folder)
{
        Package *package = NULL, *before;
        char sentence[1024];

        if (broker_package_stage(f->broker, folder, FOUND_BIT | ++f->last_token, &package, sentence, sizeof sentence) <
            0) {
                f->n_broken++;
                complain(f, "the package in %s is not installed: %s", folder, sentence);
                return;
        }
        before = broker_package_find(f->broker, package->family);
        if (has_family(f, package->family)) {
                complain(f, "the package %s in %s is left out: one of that name was found before it", package->family,
                         folder);
        } else if (before && !found_is_below(f, before->folder)) {
                complain(f, "the package %s in %s is left out: it was installed by hand from %s", package->family,
                         folder, before->folder);
        } else {
                append(&f->families, &f->n_families, strdup(package->family));
                if (!before || !uuid_equal(before->content, package->content)) {
                        broker_package_begin(f->broker, package);
                        return;
                }
        }
        broker_package_free(package);
}

static int is_visible(const struct dirent *entry)
{
        return entry->d_name[0] != '.';
}

static void look_at_folder(Found *f, const char *folder)
{
        struct dirent **entries = NULL;
        int n = scandir(folder, &entries, is_visible, alphasort);

        for (int i = 0; i < n; i++) {
                char path[4096];
                struct stat st;

                if (i == FOLDERS_MAX)
                        complain(f, "%s holds more than %d packages; the others are left out", folder, FOLDERS_MAX);
                if (i < FOLDERS_MAX && snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name) <
                            (int)sizeof path && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
                        look_at_package(f, path);
                        (void)inotify_add_watch(f->watch_fd, path, CHANGES | IN_CLOSE_WRITE | IN_ATTRIB | IN_ONLYDIR);
                }
                free(entries[i]);
        }
        free(entries);
}

/* The folder, or the deepest one that is there on the way to it. */
static void watch_folder(Found *f, const char *folder)
{
        _cleanup_(freep) char *path = strdup(folder);

        while (path && path[0]) {
                if (inotify_add_watch(f->watch_fd, path, CHANGES | IN_ONLYDIR) >= 0)
                        return;
                *strrchr(path, '/') = '\0';
        }
}

/* Packages whose folders are gone stay, without classes: what was registered waits until they are back. */
static void look_for_gone(Found *f)
{
        list_for_each_safe(i, &f->broker->packages) {
                Package *package = list_entry(i, Package, node);

                if (package->token != 0 || !found_is_below(f, package->folder) || access(package->folder, F_OK) == 0)
                        continue;
                complain(f, "the package %s is gone from %s: its tasks wait until it is back, or is removed",
                         package->family, package->folder);
                if (package->manifest)
                        broker_package_begin_gone(f->broker, package, FOUND_BIT | ++f->last_token);
        }
}

static void on_change(LoopSource *source, uint32_t events, void *userdata);

/* From scratch, so that nothing that has become beside the way is watched any more. */
static void watch_anew(Found *f)
{
        loop_remove(&f->broker->loop, &f->watch);
        safe_close(f->watch_fd);
        f->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (f->watch_fd < 0 || loop_add(&f->broker->loop, &f->watch, f->watch_fd, EPOLLIN, on_change, f) < 0)
                complain(f, "folders of packages cannot be watched: %s; SIGHUP lets the broker look", strerror(errno));
}

static void on_change(LoopSource *source, uint32_t events, void *userdata)
{
        char buf[4096] __attribute__((aligned(8)));
        Found *f = userdata;

        while (read(f->watch_fd, buf, sizeof buf) > 0)
                ;
        f->n_again = 0;
        set_timer(f, QUIET_USEC);
}

void found_look(Found *f)
{
        if (!f)
                return;
        clear(&f->problems, &f->n_problems);
        f->n_broken = 0;
        watch_anew(f);
        for (size_t i = 0; i < f->n_folders; i++) {
                watch_folder(f, f->folders[i]);
                look_at_folder(f, f->folders[i]);
        }
        look_for_gone(f);
        clear(&f->families, &f->n_families);
        if (f->n_broken > 0 && f->n_again++ < AGAIN_MAX)
                set_timer(f, AGAIN_USEC);
}

static void on_quiet(LoopSource *source, uint32_t events, void *userdata)
{
        Found *f = userdata;
        uint64_t n;

        if (read(f->timer_fd, &n, sizeof n) > 0)
                found_look(f);
}

static int add_root(Found *f, const char *root, size_t n)
{
        const char *name = f->broker->options.paths.system ? "system-packages" : "packages";
        char **folder = &f->folders[f->n_folders];

        while (n > 1 && root[n - 1] == '/')
                n--;
        if (n == 0 || root[0] != '/' || f->n_folders == FOUND_ROOTS_MAX)
                return 0;
        if (asprintf(folder, "%.*s/bgtask/%s", (int)n, root, name) < 0) {
                *folder = NULL;
                return -ENOMEM;
        }
        f->n_folders++;
        return 0;
}

static bool is_any_staged(const Broker *broker)
{
        list_for_each(i, &broker->packages)
                if (list_entry(i, Package, node)->token & FOUND_BIT)
                        return true;
        return false;
}

/* Whoever connects finds them in force: the first use of an app may be what started the broker. */
static int wait_for_commits(Broker *broker)
{
        uint64_t end = usec_add(clock_now_usec(CLOCK_MONOTONIC), START_USEC);
        int r = 0;

        broker_settle(broker);
        while (r >= 0 && is_any_staged(broker) && clock_now_usec(CLOCK_MONOTONIC) < end) {
                r = loop_dispatch(&broker->loop, broker->unsettled ? 0 : 100);
                broker_settle(broker);
        }
        return MIN(r, 0);
}

int found_new(Broker *broker, Found **ret)
{
        _cleanup_(found_freep) Found *f = calloc(1, sizeof *f);
        const char *list = getenv("XDG_DATA_DIRS");
        int r = 0;

        if (!f)
                return -ENOMEM;
        *f = (Found){ .broker = broker, .watch = LOOP_SOURCE_INIT, .timer = LOOP_SOURCE_INIT,
                      .watch_fd = -1, .timer_fd = -1 };
        f->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (f->timer_fd < 0)
                return -errno;
        if (!list || !list[0])
                list = "/usr/local/share:/usr/share";
        for (size_t n; r >= 0 && *list; list += n + (list[n] == ':')) {
                n = strcspn(list, ":");
                r = add_root(f, list, n);
        }
        if (r >= 0)
                r = loop_add(&broker->loop, &f->timer, f->timer_fd, EPOLLIN, on_quiet, f);
        if (r < 0)
                return r;
        found_look(f);
        r = wait_for_commits(broker);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(f);
        return 0;
}

Found *found_free(Found *f)
{
        if (!f)
                return NULL;
        loop_remove(&f->broker->loop, &f->watch);
        loop_remove(&f->broker->loop, &f->timer);
        safe_close(f->watch_fd);
        safe_close(f->timer_fd);
        for (size_t i = 0; i < f->n_folders; i++)
                free(f->folders[i]);
        clear(&f->families, &f->n_families);
        clear(&f->problems, &f->n_problems);
        free(f);
        return NULL;
}
