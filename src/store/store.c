/* SPDX-License-Identifier: MIT */

/* The caller's side: opening and closing, handing units to the writer and answers back. */

#include "store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "store/internal.h"

#define HISTORY_PER_TASK 100
#define HISTORY_TOTAL 100000
#define QUEUE_MAX ((size_t)64 * 1024 * 1024)
#define LOG_PAGES 1000

Error store_error(int error)
{
        switch (error) {
        case 0:
                return ERROR_NONE;
        case -ENOMEM:
                return ERROR_NO_MEMORY;
        case -ENOSPC:
        case -EDQUOT:
                return ERROR_STORE_FULL;
        case -EROFS:
        case -EACCES:
        case -EPERM:
                return ERROR_STORE_READ_ONLY;
        case -EBUSY:
                return ERROR_STORE_BUSY;
        case -EOPNOTSUPP:
                return ERROR_NOT_SUPPORTED;
        case -E2BIG:
        case -EINVAL:
                return ERROR_INVALID_ARGUMENT;
        default:
                return ERROR_STORE_FAILED;
        }
}

/* A folder that was made is there after a power loss. */
static int make_one_folder(const char *path)
{
        _cleanup_(freep) char *parent = NULL;
        _cleanup_(closep) int fd = -1;

        if (mkdir(path, 0700) < 0)
                return errno == EEXIST ? 0 : -errno;
        if (asprintf(&parent, "%s/..", path) < 0)
                return -ENOMEM;
        fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0)
                fsync(fd);
        return 0;
}

static int make_folder(const char *folder)
{
        _cleanup_(freep) char *path = strdup(folder);
        char *p = path;
        struct stat st;
        int r;

        if (!path)
                return -ENOMEM;
        do {
                p = strchrnul(p + 1, '/');
                if (!*p)
                        p = NULL;
                else
                        *p = '\0';
                r = make_one_folder(path);
                if (r < 0)
                        return r;
                if (p)
                        *p = '/';
        } while (p && p[1]);
        if (stat(folder, &st) < 0)
                return -errno;
        if (!S_ISDIR(st.st_mode))
                return -ENOTDIR;
        return access(folder, W_OK | X_OK) < 0 ? -errno : 0;
}

static int take_lock(Store *store)
{
        _cleanup_(freep) char *path = NULL;

        if (asprintf(&path, "%s/" DATABASE_LOCK_NAME, store->config.folder) < 0)
                return -ENOMEM;
        store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (store->lock_fd < 0)
                return -errno;
        if (flock(store->lock_fd, LOCK_EX | LOCK_NB) < 0)
                return errno == EWOULDBLOCK ? -EBUSY : -errno;
        return 0;
}

void store_tell(StoreReport *report, const char *format, ...)
{
        size_t n = strlen(report->sentence);
        va_list args;

        if (n > 0)
                n += (size_t)snprintf(report->sentence + n, sizeof report->sentence - n, "; ");
        if (n >= sizeof report->sentence)
                return;
        va_start(args, format);
        vsnprintf(report->sentence + n, sizeof report->sentence - n, format, args);
        va_end(args);
}

static int open_database(Store *store, StoreReport *report)
{
        uint64_t n_rows = 0;
        uint32_t schema = 0;
        int r;

        r = store_resume_repair(store, report);
        if (r == 0)
                r = log_check(store, report);
        if (r == 0)
                r = database_open(&store->db, store->path, store->mark_path, store->head_path, &schema);
        if (r == -EUCLEAN) {
                r = store_replace(store, (StoreTold){ 0 }, &n_rows, report);
                schema = n_rows > 0 ? database_schema : 0;
                if (r == 0)
                        store_tell(report, "the database could not be read: it was set aside as %s, and %s",
                                   report->set_aside,
                                   n_rows > 0 ? "what could be found of it was taken over" : "an empty one was made");
        }
        if (r < 0)
                return r;
        report->created = schema == 0;
        if (store->db.mended && schema == database_schema)
                store_tell(report, "the text of the database's schema was damaged, and was mended");
        if (schema != 0 && schema < database_schema)
                report->upgraded_from = schema;
        return 0;
}

static int open_all(Store *store, StoreReport *report)
{
        int r;

        r = make_folder(store->config.folder);
        if (r == 0)
                r = take_lock(store);
        if (r == 0)
                r = open_database(store, report);
        if (r == 0)
                r = key_load(store->config.folder, store->key);
        return r;
}

void store_explain(const char *folder, int error, StoreReport *report)
{
        const char *text;

        /* At open a permission that is missing is a folder that cannot be written, and a wrong path is a mistake. */
        report->error = error == -EINVAL ? ERROR_STORE_FAILED : store_error(error);
        switch (report->error) {
        case ERROR_STORE_BUSY:
                text = "another broker, or a program that has the database open, uses it";
                break;
        case ERROR_STORE_READ_ONLY:
                text = "it cannot be written";
                break;
        case ERROR_STORE_FULL:
                text = "its disk is full";
                break;
        case ERROR_NOT_SUPPORTED:
                text = "it was written by a newer version of bgtask";
                break;
        default:
                text = strerror(-error);
                break;
        }
        snprintf(report->sentence, sizeof report->sentence, "the state folder %.300s cannot be used: %s", folder,
                 text);
}

static int store_new(const StoreConfig *config, Store **ret_store)
{
        _cleanup_(store_freep) Store *store = calloc(1, sizeof *store);
        pthread_condattr_t attributes;

        if (!store)
                return -ENOMEM;
        store->config = *config;
        store->config.folder = NULL;
        store->lock_fd = store->event_fd = -1;
        list_init(&store->begun);
        list_init(&store->queue);
        list_init(&store->queries);
        list_init(&store->written);
        list_init(&store->answered);
        pthread_mutex_init(&store->mutex, NULL);
        pthread_cond_init(&store->work, NULL);
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&store->idle, &attributes);
        pthread_condattr_destroy(&attributes);
        if (store->config.history_per_task == 0)
                store->config.history_per_task = HISTORY_PER_TASK;
        if (store->config.history_total == 0)
                store->config.history_total = HISTORY_TOTAL;
        if (store->config.queue_max == 0)
                store->config.queue_max = QUEUE_MAX;
        if (store->config.log_pages == 0)
                store->config.log_pages = LOG_PAGES;
        store->config.folder = strdup(config->folder);
        if (!store->config.folder ||
            asprintf(&store->path, "%s/" DATABASE_NAME, config->folder) < 0 ||
            asprintf(&store->suspect_path, "%s/" DATABASE_SUSPECT_NAME, config->folder) < 0 ||
            asprintf(&store->mark_path, "%s/" DATABASE_MARK_NAME, config->folder) < 0 ||
            asprintf(&store->head_path, "%s/" DATABASE_HEAD_NAME, config->folder) < 0)
                return -ENOMEM;
        store->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (store->event_fd < 0)
                return -errno;
        *ret_store = TAKE_PTR(store);
        return 0;
}

int store_open(const StoreConfig *config, Store **ret_store, StoreReport *ret_report)
{
        _cleanup_(store_freep) Store *store = NULL;
        int r;

        *ret_report = (StoreReport){ 0 };
        r = store_new(config, &store);
        if (r == 0)
                r = open_all(store, ret_report);
        if (r < 0) {
                store_explain(config->folder, r, ret_report);
                return r == -EACCES || r == -EPERM ? -EROFS : r;
        }
        *ret_store = TAKE_PTR(store);
        return 0;
}

static void free_units(ListNode *list)
{
        list_for_each_safe(i, list)
                unit_free(list_entry(i, Unit, link));
}

static void free_queries(ListNode *list)
{
        list_for_each_safe(i, list)
                query_free(list_entry(i, Query, link));
}

Store *store_free(Store *store)
{
        if (!store)
                return NULL;
        writer_stop(store);
        free_units(&store->begun);
        free_units(&store->queue);
        free_units(&store->written);
        free_queries(&store->queries);
        free_queries(&store->answered);
        database_close(&store->db);
        pthread_cond_destroy(&store->idle);
        pthread_cond_destroy(&store->work);
        pthread_mutex_destroy(&store->mutex);
        safe_close(store->event_fd);
        safe_close(store->lock_fd);
        free((char *)store->config.folder);
        free(store->path);
        free(store->suspect_path);
        free(store->mark_path);
        free(store->head_path);
        free(store);
        return NULL;
}

int store_get_fd(const Store *store)
{
        return store->event_fd;
}

void store_key(const Store *store, uint8_t ret_key[static STORE_KEY_SIZE])
{
        memcpy(ret_key, store->key, STORE_KEY_SIZE);
}

/* Numbers rise as a rule: nearly each is that of the last unit, or of none. */
static Unit *find_begun(const Store *store, uint64_t commit)
{
        if (commit > store->newest_begun)
                return NULL;
        for (ListNode *i = store->begun.prev; i != &store->begun; i = i->prev)
                if (list_entry(i, Unit, link)->commit == commit)
                        return list_entry(i, Unit, link);
        return NULL;
}

int store_begin(Store *store, uint64_t commit)
{
        Unit *unit = find_begun(store, commit);

        if (unit) {
                store->current = unit;
                return 0;
        }
        unit = calloc(1, sizeof *unit);
        if (!unit)
                return -ENOMEM;
        unit->commit = commit;
        store->newest_begun = MAX(store->newest_begun, commit);
        list_append(&store->begun, &unit->link);
        store->current = unit;
        return 0;
}

static void fail_without_writer(ListNode *units, int error)
{
        list_for_each(i, units)
                if (list_entry(i, Unit, link)->error == 0)
                        list_entry(i, Unit, link)->error = error;
}

void store_end(Store *store)
{
        int r = writer_start(store);
        bool wake = false, answered = false;

        if (r < 0)
                fail_without_writer(&store->begun, r);
        pthread_mutex_lock(&store->mutex);
        list_for_each_safe(i, &store->begun) {
                Unit *unit = list_entry(i, Unit, link);

                if (unit->error == 0 && unit->charged + store->n_queued > store->config.queue_max)
                        unit->error = -ENOBUFS;
                list_remove(&unit->link);
                if (unit->error == 0) {
                        store->n_queued += unit->charged;
                        store->counts.n_waiting++;
                        list_append(&store->queue, &unit->link);
                        wake = true;
                } else {
                        buffer_done(&unit->statements);
                        store->counts.n_failed++;
                        list_append(&store->written, &unit->link);
                        answered = true;
                }
        }
        pthread_mutex_unlock(&store->mutex);
        /* Not before: the writer would wake up only to wait for the mutex. */
        if (wake)
                pthread_cond_signal(&store->work);
        store->current = NULL;
        store->n_begun_bytes = 0;
        if (answered)
                eventfd_write(store->event_fd, 1);
}

static void take_all(ListNode *from, ListNode *to)
{
        list_for_each_safe(i, from) {
                list_remove(i);
                list_append(to, i);
        }
}

void store_dispatch(Store *store)
{
        ListNode written = LIST_INIT(written), answered = LIST_INIT(answered);
        eventfd_t count;

        eventfd_read(store->event_fd, &count);
        pthread_mutex_lock(&store->mutex);
        take_all(&store->written, &written);
        take_all(&store->answered, &answered);
        list_for_each(i, &answered)
                store->n_queries--;
        pthread_mutex_unlock(&store->mutex);
        while (!list_is_empty(&written)) {
                _cleanup_(unit_freep) Unit *unit = list_entry(written.next, Unit, link);

                list_remove(&unit->link);
                if (store->config.committed)
                        store->config.committed(unit->commit, unit->error, store->config.userdata);
        }
        while (!list_is_empty(&answered)) {
                _cleanup_(query_freep) Query *query = list_entry(answered.next, Query, link);

                list_remove(&query->link);
                if (store->config.history_read)
                        store->config.history_read(&query->page, store->config.userdata);
        }
}

int store_flush(Store *store, uint64_t timeout_usec)
{
        struct timespec until = timespec_from_usec(usec_add(clock_now_usec(CLOCK_MONOTONIC), timeout_usec));
        int r = 0;

        pthread_mutex_lock(&store->mutex);
        while (r == 0 && (store->busy || !list_is_empty(&store->queue)))
                r = pthread_cond_timedwait(&store->idle, &store->mutex, &until);
        pthread_mutex_unlock(&store->mutex);
        return -r;
}

StoreCounts store_get_counts(Store *store)
{
        StoreCounts counts;

        pthread_mutex_lock(&store->mutex);
        counts = store->counts;
        counts.n_queued = store->n_queued;
        pthread_mutex_unlock(&store->mutex);
        return counts;
}
