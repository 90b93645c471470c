/* SPDX-License-Identifier: MIT */

#include "launcher/log-writer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/folder.h"
#include "base/macro.h"
#include "launcher/log-format.h"
#include "launcher/log.h"

static bool is_log_name(const char *name)
{
        size_t n = strlen(name);

        return n > strlen(".log") && strcmp(name + n - strlen(".log"), ".log") == 0;
}

static int count_logs(LogFolder *folder)
{
        _cleanup_(closedirp) DIR *dir = NULL;
        struct dirent *entry;
        int r;

        r = folder_open(folder->fd, ".", &dir);
        if (r < 0)
                return r;
        folder->n_logs = 0;
        while ((entry = readdir(dir)))
                folder->n_logs += is_log_name(entry->d_name);
        return 0;
}

int log_folder_init(LogFolder *folder, const char *path, uint64_t max_bytes, size_t max_logs)
{
        int r;

        *folder = (LogFolder){ .fd = -1, .max_bytes = max_bytes, .max_logs = max_logs, .spool = SPOOL_INIT };
        list_init(&folder->open);
        folder->in = malloc(LOG_CHUNK_SIZE);
        folder->out = malloc(LOG_CHUNK_SIZE);
        if (!folder->in || !folder->out)
                return -ENOMEM;
        folder->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder->fd < 0)
                return -errno;
        r = count_logs(folder);
        return r;
}

uint64_t log_folder_now(const LogFolder *folder)
{
        return folder->real_usec ? folder->real_usec(folder->userdata) : clock_now_usec(CLOCK_REALTIME);
}

void log_folder_done(LogFolder *folder)
{
        free(folder->in);
        free(folder->out);
        folder->in = folder->out = NULL;
        spool_close(&folder->spool);
        folder->fd = safe_close(folder->fd);
}

typedef struct LogAge {
        char name[LOG_NAME_MAX];
        struct timespec modified;
} LogAge;

static int compare_ages(const void *a, const void *b)
{
        const LogAge *x = a, *y = b;

        if (x->modified.tv_sec != y->modified.tv_sec)
                return x->modified.tv_sec < y->modified.tv_sec ? -1 : 1;
        if (x->modified.tv_nsec != y->modified.tv_nsec)
                return x->modified.tv_nsec < y->modified.tv_nsec ? -1 : 1;
        return strcmp(x->name, y->name);
}

static bool is_open(const LogFolder *folder, const char *name)
{
        list_for_each(i, &folder->open)
                if (strcmp(list_entry(i, LogWriter, node)->name, name) == 0)
                        return true;
        return false;
}

static int list_ages(LogFolder *folder, LogAge **ret_ages, size_t *ret_n)
{
        _cleanup_(closedirp) DIR *dir = NULL;
        _cleanup_(freep) LogAge *ages = NULL;
        struct dirent *entry;
        size_t n = 0, n_allocated = 0;
        int r;

        r = folder_open(folder->fd, ".", &dir);
        if (r < 0)
                return r;
        while ((entry = readdir(dir))) {
                struct stat st;

                if (!is_log_name(entry->d_name) || strlen(entry->d_name) >= LOG_NAME_MAX ||
                    is_open(folder, entry->d_name) ||
                    fstatat(folder->fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
                        continue;
                if (n == n_allocated) {
                        size_t wanted = n_allocated ? 2 * n_allocated : 256;
                        LogAge *grown = reallocarray(ages, wanted, sizeof *ages);

                        if (!grown)
                                return -ENOMEM;
                        ages = grown;
                        n_allocated = wanted;
                }
                snprintf(ages[n].name, sizeof ages[n].name, "%s", entry->d_name);
                ages[n++].modified = st.st_mtim;
        }
        *ret_ages = TAKE_PTR(ages);
        *ret_n = n;
        return 0;
}

/* Makes room for one log. An eighth goes at a time, so that the folder is not read for every new server. */
static void remove_oldest(LogFolder *folder)
{
        _cleanup_(freep) LogAge *ages = NULL;
        size_t n = 0, n_remove;

        if (count_logs(folder) < 0 || folder->n_logs < folder->max_logs || list_ages(folder, &ages, &n) < 0)
                return;
        n_remove = folder->n_logs + 1 - folder->max_logs + folder->max_logs / 8;
        if (n > 1)
                qsort(ages, n, sizeof *ages, compare_ages);
        for (size_t i = 0; i < n && i < n_remove; i++) {
                char older[LOG_NAME_MAX + 2];

                snprintf(older, sizeof older, "%s.1", ages[i].name);
                (void)unlinkat(folder->fd, older, 0);
                if (unlinkat(folder->fd, ages[i].name, 0) >= 0)
                        folder->n_logs--;
        }
}

int log_writer_init(LogWriter *writer, LogFolder *folder, const char *id)
{
        *writer = (LogWriter){ .folder = folder, .fd = -1 };
        list_init(&writer->node);
        writer->n_id = strlen(id);
        if (asprintf(&writer->name, "%s.log", id) < 0) {
                writer->name = NULL;
                return -ENOMEM;
        }
        list_append(&folder->open, &writer->node);
        return 0;
}

void log_writer_done(LogWriter *writer)
{
        list_remove(&writer->node);
        free(writer->name);
        writer->name = NULL;
        writer->fd = safe_close(writer->fd);
}

/* A broker that was killed, or a full disk, may have left half a line. */
static void end_last_line(LogWriter *writer)
{
        char last;

        if (writer->size > 0 && pread(writer->fd, &last, 1, (off_t)writer->size - 1) == 1 && last != '\n' &&
            write(writer->fd, "\n", 1) == 1)
                writer->size++;
}

static int open_file(LogWriter *writer)
{
        const int flags = O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
        LogFolder *folder = writer->folder;
        _cleanup_(closep) int fd = -1;
        struct stat st;

        fd = openat(folder->fd, writer->name, flags);
        if (fd < 0 && errno == ENOENT) {
                if (folder->n_logs >= folder->max_logs)
                        remove_oldest(folder);
                fd = openat(folder->fd, writer->name, flags | O_CREAT, 0600);
                if (fd >= 0)
                        folder->n_logs++;
        }
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EEXIST;
        writer->fd = TAKE_FD(fd);
        writer->size = (uint64_t)st.st_size;
        end_last_line(writer);
        return 0;
}

static int rotate(LogWriter *writer)
{
        char older[LOG_NAME_MAX + 2];

        snprintf(older, sizeof older, "%s.1", writer->name);
        writer->fd = safe_close(writer->fd);
        /* The count stays right: the file that open_file() makes takes the place of the one renamed here. */
        if (renameat(writer->folder->fd, writer->name, writer->folder->fd, older) < 0)
                return -errno;
        writer->folder->n_logs--;
        return open_file(writer);
}

uint64_t log_writer_size(LogWriter *writer)
{
        return writer->fd < 0 && open_file(writer) < 0 ? SPOOL_SIZE_UNKNOWN : writer->size;
}

/* Appends whole records. What was written of a record that did not fit is cut off again. */
static int append(LogWriter *writer, const char *data, size_t size)
{
        int r;

        if (writer->fd < 0) {
                r = open_file(writer);
                if (r < 0)
                        return r;
        }
        if (writer->size + size > writer->folder->max_bytes / 2 && writer->size > 0) {
                r = rotate(writer);
                if (r < 0)
                        return r;
        }
        r = write_all(writer->fd, data, size);
        if (r >= 0) {
                writer->size += size;
                return 0;
        }
        /* If that fails too, opening it again finds and ends the torn line. */
        (void)!ftruncate(writer->fd, (off_t)writer->size);
        writer->fd = safe_close(writer->fd);
        return r;
}

/* Records that are written at a time. */
typedef struct Batch {
        size_t size;
        uint64_t n_records;
        size_t n_done; /* bytes of the output that are in these records and in those before */
} Batch;

static void note(LogWriter *writer, size_t n_done)
{
        if (writer->folder->spool.fd >= 0)
                spool_note(&writer->folder->spool, n_done, log_writer_size(writer));
}

static void flush_batch(LogWriter *writer, Batch *batch)
{
        int r;

        if (batch->n_records > 0) {
                r = append(writer, writer->folder->out, batch->size);
                if (r < 0) {
                        writer->n_lost += batch->n_records;
                        writer->lost_errno = -r;
                }
                note(writer, batch->n_done);
        }
        batch->size = batch->n_records = 0;
}

static void add_record(LogWriter *writer, Batch *batch, const char *time, char kind, const char *text, size_t size)
{
        char *out = writer->folder->out;

        if (batch->size + LOG_TIME_SIZE + 1 + size + 1 > LOG_CHUNK_SIZE)
                flush_batch(writer, batch);
        memcpy(out + batch->size, time, LOG_TIME_SIZE);
        batch->size += LOG_TIME_SIZE;
        out[batch->size++] = kind;
        memcpy(out + batch->size, text, size);
        batch->size += size;
        out[batch->size++] = '\n';
        batch->n_records++;
}

/* Tells first of what was lost: if that cannot be written either, nothing can. */
static bool report_lost(LogWriter *writer, const char *time, size_t n_done)
{
        char line[LOG_TIME_SIZE + 128];
        int n;

        if (writer->n_lost == 0)
                return true;
        n = snprintf(line, sizeof line, "%.*s!%" PRIu64 " lines of output were lost: %.60s\n", LOG_TIME_SIZE, time,
                     writer->n_lost, strerror(writer->lost_errno));
        if (append(writer, line, (size_t)n) < 0)
                return false;
        writer->n_lost = 0;
        note(writer, n_done);
        return true;
}

/* All but the first n_done bytes, which are in the log. */
static void feed(LogWriter *writer, uint64_t real_usec, const char *data, size_t size, size_t n_done)
{
        char time[LOG_TIME_SIZE + 1];
        Batch batch = { .n_done = n_done };
        bool writable;

        data += n_done;
        size -= n_done;
        log_format_time(real_usec, time);
        writable = report_lost(writer, time, n_done);
        while (size > 0) {
                const char *newline = memchr(data, '\n', MIN(size, (size_t)LOG_TEXT_MAX + 1));
                size_t n = newline ? (size_t)(newline - data) : MIN(size, (size_t)LOG_TEXT_MAX);

                if (writable)
                        add_record(writer, &batch, time, newline ? ' ' : '+', data, n);
                else
                        writer->n_lost++;
                n += newline != NULL;
                batch.n_done += n;
                data += n;
                size -= n;
        }
        flush_batch(writer, &batch);
}

void log_writer_feed(LogWriter *writer, uint64_t real_usec, const char *data, size_t size)
{
        feed(writer, real_usec, data, size, 0);
}

/*
 * Cuts off what was written after the place that was noted. A file that ends before it is the one after: since a log
 * is longer than what is written at a time when another takes its place, there is nothing in it yet that was noted.
 */
static void cut(LogWriter *writer, uint64_t size)
{
        if (log_writer_size(writer) == SPOOL_SIZE_UNKNOWN || size == SPOOL_SIZE_UNKNOWN)
                return;
        if (writer->size < size)
                size = 0;
        if (writer->size > size && ftruncate(writer->fd, (off_t)size) >= 0)
                writer->size = size;
}

static int write_rest(LogFolder *folder)
{
        LogWriter writer;
        SpoolRest rest;
        int r;

        r = spool_read_rest(&folder->spool, &rest);
        if (r < 0 || rest.n == 0)
                return r == -EBADMSG ? 0 : r;
        r = log_writer_init(&writer, folder, rest.id);
        if (r < 0)
                return r;
        cut(&writer, rest.log_size);
        feed(&writer, rest.real_usec, rest.data, rest.n, rest.n_done);
        log_writer_done(&writer);
        return 0;
}

int log_folder_use_spool(LogFolder *folder, int runtime_fd)
{
        int r;

        r = spool_open(&folder->spool, runtime_fd);
        if (r < 0)
                return r;
        r = write_rest(folder);
        if (r >= 0)
                spool_clear(&folder->spool);
        return r;
}
