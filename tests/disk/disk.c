/* SPDX-License-Identifier: MIT */

#include "disk-internal.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macro.h"

static const char *const kind_names[] = {
        [WROTE] = "write", [CUT] = "truncate", [SYNCED] = "sync", [SYNC_FAILED] = "failed sync", [MADE] = "create",
        [RENAMED] = "rename", [DELETED] = "delete", [MARKED] = "answer",
};

Disk disk = { .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static DiskEvent *add_event(EventKind kind, int file)
{
        if (disk.n_events == disk.n_allocated) {
                disk.n_allocated = disk.n_allocated * 2 + 256;
                disk.events = realloc(disk.events, disk.n_allocated * sizeof *disk.events);
                assert(disk.events);
        }
        disk.events[disk.n_events] = (DiskEvent){ .kind = kind, .file = file };
        return &disk.events[disk.n_events++];
}

/* The path below the watched folder, or NULL. */
static const char *inside(const char *path)
{
        size_t n = strlen(disk.folder);

        if (n == 0 || !path || strncmp(path, disk.folder, n) != 0 || path[n] != '/')
                return NULL;
        return path + n + 1;
}

static Name *find_name(Name *names, size_t n, const char *name)
{
        for (size_t i = 0; i < n; i++)
                if (strcmp(names[i].name, name) == 0)
                        return &names[i];
        return NULL;
}

void disk_add_name(Name *names, size_t *n, const char *name, int file)
{
        assert(*n < FILES_MAX);
        names[(*n)++] = (Name){ strdup(name), file };
}

void disk_drop_name(Name *names, size_t *n, const char *name)
{
        Name *found = find_name(names, *n, name);

        if (!found)
                return;
        free(found->name);
        *found = names[--*n];
}

void disk_change_name(Name *names, size_t *n, const char *name, const char *to)
{
        Name *found = find_name(names, *n, name);
        int file;

        if (!found)
                return;
        file = found->file;
        disk_drop_name(names, n, name);
        disk_drop_name(names, n, to);
        disk_add_name(names, n, to, file);
}

/* The number of a file that is open; it is noted when it is new. With the mutex. */
static int note_open(const char *name)
{
        Name *found = find_name(disk.names, disk.n_names, name);
        DiskEvent *event;

        if (found)
                return found->file;
        event = add_event(MADE, disk.n_files);
        event->name = strdup(name);
        disk_add_name(disk.names, &disk.n_names, name, disk.n_files);
        return disk.n_files++;
}

static void note_write(int file, const void *data, size_t size, uint64_t offset)
{
        DiskEvent *event;

        if (size == 0)
                return;
        event = add_event(WROTE, file);
        event->offset = offset;
        event->size = size;
        event->data = malloc(size);
        assert(event->data);
        memcpy(event->data, data, size);
}

/* How the call that is being made fails. With the mutex. */
static DiskFault next_fault(bool needs_room)
{
        disk.n_calls++;
        if (disk.n_failing == 0 || disk.n_calls < disk.first || disk.n_calls - disk.first >= disk.n_failing)
                return DISK_FAULT_NONE;
        return disk.fault == DISK_FAULT_FULL && !needs_room ? DISK_FAULT_NONE : disk.fault;
}

/* ---- below SQLite ---- */

static const sqlite3_io_methods *real_of(const sqlite3_file *file)
{
        return disk.real_methods[file->pMethods - disk.methods];
}

/* Our number of the file lies behind what the real layer keeps of it. */
static int *number_of(sqlite3_file *file)
{
        return (int *)((char *)file + disk.real->szOsFile);
}

static int disk_write(sqlite3_file *file, const void *data, int n, sqlite3_int64 offset)
{
        int part = n, r = SQLITE_OK;
        DiskFault fault;

        pthread_mutex_lock(&disk.mutex);
        fault = *number_of(file) < 0 ? DISK_FAULT_NONE : next_fault(true);
        if (fault == DISK_FAULT_NOTHING)
                part = 0;
        else if (fault == DISK_FAULT_SHORT || fault == DISK_FAULT_FULL)
                part = n / 2;
        if (part > 0)
                r = real_of(file)->xWrite(file, data, part, offset);
        if (*number_of(file) >= 0)
                note_write(*number_of(file), data, (size_t)part, (uint64_t)offset);
        pthread_mutex_unlock(&disk.mutex);
        return fault == DISK_FAULT_NONE ? r : fault == DISK_FAULT_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int disk_truncate(sqlite3_file *file, sqlite3_int64 size)
{
        DiskFault fault;
        int r = SQLITE_OK;

        pthread_mutex_lock(&disk.mutex);
        fault = *number_of(file) < 0 ? DISK_FAULT_NONE : next_fault(false);
        if (fault == DISK_FAULT_NONE || fault == DISK_FAULT_DONE) {
                r = real_of(file)->xTruncate(file, size);
                if (*number_of(file) >= 0)
                        add_event(CUT, *number_of(file))->offset = (uint64_t)size;
        }
        pthread_mutex_unlock(&disk.mutex);
        return fault == DISK_FAULT_NONE ? r : SQLITE_IOERR_TRUNCATE;
}

static void wait_if_held(void)
{
        disk.n_waiting++;
        pthread_cond_broadcast(&disk.changed);
        while (disk.hold)
                pthread_cond_wait(&disk.changed, &disk.mutex);
        disk.n_waiting--;
}

static int disk_sync(sqlite3_file *file, int flags)
{
        DiskFault fault;

        pthread_mutex_lock(&disk.mutex);
        wait_if_held();
        fault = *number_of(file) < 0 ? DISK_FAULT_NONE : next_fault(false);
        if (*number_of(file) >= 0)
                add_event(fault == DISK_FAULT_NONE ? SYNCED : SYNC_FAILED, *number_of(file));
        pthread_mutex_unlock(&disk.mutex);
        return fault == DISK_FAULT_NONE ? SQLITE_OK : SQLITE_IOERR_FSYNC;
}

static int disk_open(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
        const char *name = inside(path);
        size_t i = 0;
        int r;

        r = disk.real->xOpen(disk.real, path, file, flags, ret_flags);
        if (!file->pMethods)
                return r;
        pthread_mutex_lock(&disk.mutex);
        *number_of(file) = r == SQLITE_OK && name ? note_open(name) : -1;
        while (disk.real_methods[i] && disk.real_methods[i] != file->pMethods)
                i++;
        assert(i < METHODS_MAX);
        disk.real_methods[i] = file->pMethods;
        disk.methods[i] = *file->pMethods;
        disk.methods[i].xWrite = disk_write;
        disk.methods[i].xSync = disk_sync;
        disk.methods[i].xTruncate = disk_truncate;
        file->pMethods = &disk.methods[i];
        pthread_mutex_unlock(&disk.mutex);
        return r;
}

/* What is deleted with `sync` is deleted for good, and so is every change of a name before it. */
static int disk_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
        const char *name = inside(path);
        DiskFault fault;
        int r = SQLITE_OK;

        pthread_mutex_lock(&disk.mutex);
        fault = name ? next_fault(false) : DISK_FAULT_NONE;
        if (fault == DISK_FAULT_NONE || fault == DISK_FAULT_DONE)
                r = disk.real->xDelete(disk.real, path, 0);
        if (name && r == SQLITE_OK && (fault == DISK_FAULT_NONE || fault == DISK_FAULT_DONE)) {
                add_event(DELETED, -1)->name = strdup(name);
                disk_drop_name(disk.names, &disk.n_names, name);
                if (sync && fault == DISK_FAULT_NONE)
                        add_event(SYNCED, -1);
        }
        pthread_mutex_unlock(&disk.mutex);
        return fault == DISK_FAULT_NONE ? r : SQLITE_IOERR_DELETE;
}

/* ---- below the room's own files ---- */

int __real_open(const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *data, size_t size);
int __real_fsync(int fd);
int __real_close(int fd);
int __real_fdatasync(int fd);
ssize_t __real_pwrite(int fd, const void *data, size_t size, off_t offset);
int __real_link(const char *from, const char *to);
int __real_rename(const char *from, const char *to);
int __real_unlink(const char *path);
int __wrap_open(const char *path, int flags, ...);
/* What the C library makes of open() and pwrite() where files may be longer than 2 GiB. */
int __wrap_open64(const char *path, int flags, ...) __attribute__((alias("__wrap_open")));
ssize_t __wrap_pwrite64(int fd, const void *data, size_t size, off_t offset) __attribute__((alias("__wrap_pwrite")));
ssize_t __wrap_write(int fd, const void *data, size_t size);
ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t offset);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_close(int fd);
int __wrap_link(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
int __wrap_unlink(const char *path);

int __wrap_open(const char *path, int flags, ...)
{
        const char *name = inside(path);
        unsigned mode = 0;
        va_list args;
        int fd;

        va_start(args, flags);
        if (flags & O_CREAT)
                mode = va_arg(args, unsigned);
        va_end(args);
        fd = __real_open(path, flags, mode);
        if (fd < 0 || fd >= FDS_MAX || !name || (flags & O_DIRECTORY))
                return fd;
        pthread_mutex_lock(&disk.mutex);
        disk.fds[fd] = note_open(name) + 1;
        pthread_mutex_unlock(&disk.mutex);
        return fd;
}

static bool is_watched(int fd)
{
        return fd >= 0 && fd < FDS_MAX && disk.fds[fd] != 0;
}

ssize_t __wrap_pwrite(int fd, const void *data, size_t size, off_t offset)
{
        DiskFault fault;
        ssize_t n = 0;

        if (!is_watched(fd))
                return __real_pwrite(fd, data, size, offset);
        pthread_mutex_lock(&disk.mutex);
        fault = next_fault(true);
        if (fault == DISK_FAULT_SHORT || fault == DISK_FAULT_FULL)
                size /= 2;
        if (fault != DISK_FAULT_NOTHING)
                n = __real_pwrite(fd, data, size, offset);
        if (n > 0)
                note_write(disk.fds[fd] - 1, data, (size_t)n, (uint64_t)offset);
        pthread_mutex_unlock(&disk.mutex);
        errno = EIO;
        return fault == DISK_FAULT_DONE || fault == DISK_FAULT_NOTHING ? -1 : n;
}

ssize_t __wrap_write(int fd, const void *data, size_t size)
{
        off_t at;
        ssize_t n;

        if (!is_watched(fd))
                return __real_write(fd, data, size);
        at = lseek(fd, 0, SEEK_CUR);
        n = __wrap_pwrite(fd, data, size, at);
        if (n > 0)
                lseek(fd, at + n, SEEK_SET);
        return n;
}

int __wrap_fsync(int fd)
{
        DiskFault fault;

        if (!is_watched(fd))
                return __real_fsync(fd);
        pthread_mutex_lock(&disk.mutex);
        fault = next_fault(false);
        add_event(fault == DISK_FAULT_NONE ? SYNCED : SYNC_FAILED, disk.fds[fd] - 1);
        pthread_mutex_unlock(&disk.mutex);
        errno = EIO;
        return fault == DISK_FAULT_NONE ? 0 : -1;
}

int __wrap_fdatasync(int fd)
{
        return is_watched(fd) ? __wrap_fsync(fd) : __real_fdatasync(fd);
}

int __wrap_close(int fd)
{
        if (fd >= 0 && fd < FDS_MAX)
                disk.fds[fd] = 0;
        return __real_close(fd);
}

static bool is_done(DiskFault fault)
{
        return fault == DISK_FAULT_NONE || fault == DISK_FAULT_DONE;
}

/* A call that gives a file of the folder another name in it, or one more. */
static int name_again(const char *from, const char *to, int (*call)(const char *from, const char *to),
                      void (*note)(const char *name, const char *other))
{
        const char *name = inside(from), *other = inside(to);
        DiskFault fault = DISK_FAULT_NONE;
        int r = 0;

        pthread_mutex_lock(&disk.mutex);
        if (name && other)
                fault = next_fault(false);
        if (is_done(fault))
                r = call(from, to);
        if (name && other && r == 0 && is_done(fault))
                note(name, other);
        pthread_mutex_unlock(&disk.mutex);
        if (fault == DISK_FAULT_NONE)
                return r;
        errno = EIO;
        return -1;
}

static void note_rename(const char *name, const char *other)
{
        DiskEvent *event = add_event(RENAMED, -1);

        event->name = strdup(name);
        event->to = strdup(other);
        disk_change_name(disk.names, &disk.n_names, name, other);
}

int __wrap_rename(const char *from, const char *to)
{
        return name_again(from, to, __real_rename, note_rename);
}

static void note_link(const char *name, const char *other)
{
        DiskEvent *event = add_event(MADE, find_name(disk.names, disk.n_names, name)->file);

        event->name = strdup(other);
        disk_add_name(disk.names, &disk.n_names, other, event->file);
}

int __wrap_link(const char *from, const char *to)
{
        return name_again(from, to, __real_link, note_link);
}

int __wrap_unlink(const char *path)
{
        const char *name = inside(path);
        int r = __real_unlink(path);

        if (name && r == 0) {
                pthread_mutex_lock(&disk.mutex);
                add_event(DELETED, -1)->name = strdup(name);
                disk_drop_name(disk.names, &disk.n_names, name);
                pthread_mutex_unlock(&disk.mutex);
        }
        return r;
}

/* ---- what a test says and asks ---- */

static void forget_events(void)
{
        for (size_t i = 0; i < disk.n_events; i++) {
                free(disk.events[i].data);
                free(disk.events[i].name);
                free(disk.events[i].to);
        }
        free(disk.events);
        disk.events = NULL;
        disk.n_events = disk.n_allocated = 0;
}

static void register_layer(void)
{
        if (disk.real)
                return;
        disk.real = sqlite3_vfs_find(NULL);
        disk.vfs = *disk.real;
        disk.vfs.zName = "disk";
        disk.vfs.szOsFile += (int)sizeof(sqlite3_int64);
        disk.vfs.xOpen = disk_open;
        disk.vfs.xDelete = disk_delete;
        sqlite3_vfs_register(&disk.vfs, 1);
}

/* What is there counts as written and synced long ago. With the mutex. */
static void note_present(const char *path, const char *name)
{
        int fd = __real_open(path, O_RDONLY | O_CLOEXEC), file;
        struct stat st;
        uint8_t *data;

        assert(fd >= 0 && fstat(fd, &st) == 0);
        file = note_open(name);
        data = malloc((size_t)st.st_size + 1);
        assert(data && read(fd, data, (size_t)st.st_size) == st.st_size);
        note_write(file, data, (size_t)st.st_size, 0);
        add_event(SYNCED, file);
        free(data);
        __real_close(fd);
}

static void note_folder(void)
{
        DIR *dir = opendir(disk.folder);
        struct dirent *entry;
        char path[512];

        assert(dir);
        while ((entry = readdir(dir))) {
                snprintf(path, sizeof path, "%s/%s", disk.folder, entry->d_name);
                if (entry->d_type == DT_REG)
                        note_present(path, entry->d_name);
        }
        closedir(dir);
}

void disk_watch(const char *folder)
{
        register_layer();
        pthread_mutex_lock(&disk.mutex);
        forget_events();
        while (disk.n_names > 0)
                free(disk.names[--disk.n_names].name);
        disk.n_files = 0;
        memset(disk.fds, 0, sizeof disk.fds);
        snprintf(disk.folder, sizeof disk.folder, "%s", folder);
        note_folder();
        disk.n_calls = disk.n_failing = 0;
        pthread_mutex_unlock(&disk.mutex);
}

void disk_leave(void)
{
        pthread_mutex_lock(&disk.mutex);
        disk.folder[0] = '\0';
        disk.n_failing = 0;
        pthread_mutex_unlock(&disk.mutex);
}

void disk_fail(DiskFault fault, uint32_t first, uint32_t n_calls)
{
        pthread_mutex_lock(&disk.mutex);
        disk.fault = fault;
        disk.first = first;
        disk.n_failing = n_calls;
        disk.n_calls = 0;
        pthread_mutex_unlock(&disk.mutex);
}

uint32_t disk_n_calls(void)
{
        uint32_t n;

        pthread_mutex_lock(&disk.mutex);
        n = disk.n_calls;
        pthread_mutex_unlock(&disk.mutex);
        return n;
}

void disk_hold_syncs(bool hold)
{
        pthread_mutex_lock(&disk.mutex);
        disk.hold = hold;
        pthread_cond_broadcast(&disk.changed);
        pthread_mutex_unlock(&disk.mutex);
}

void disk_wait_for_sync(void)
{
        pthread_mutex_lock(&disk.mutex);
        while (disk.n_waiting == 0)
                pthread_cond_wait(&disk.changed, &disk.mutex);
        pthread_mutex_unlock(&disk.mutex);
}

void disk_mark(uint64_t mark)
{
        pthread_mutex_lock(&disk.mutex);
        if (disk.folder[0])
                add_event(MARKED, -1)->offset = mark;
        pthread_mutex_unlock(&disk.mutex);
}

size_t disk_n_events(void)
{
        size_t n;

        pthread_mutex_lock(&disk.mutex);
        n = disk.n_events;
        pthread_mutex_unlock(&disk.mutex);
        return n;
}

uint64_t disk_last_mark(size_t place)
{
        uint64_t mark = 0;

        for (size_t i = 0; i < place; i++)
                if (disk.events[i].kind == MARKED)
                        mark = MAX(mark, disk.events[i].offset);
        return mark;
}

const char *disk_describe(size_t place)
{
        static char text[96];
        const DiskEvent *event = &disk.events[place];

        if (place >= disk.n_events)
                return "the end";
        snprintf(text, sizeof text, "%s of file %d, %zu bytes at %llu", kind_names[event->kind], event->file,
                 event->size, (unsigned long long)event->offset);
        return text;
}
