/* SPDX-License-Identifier: MIT */
#pragma once

/* What disk.c notes, for image.c. */

#include <pthread.h>
#include <sqlite3.h>

#include "disk.h"

enum { FDS_MAX = 1024, FILES_MAX = 256, METHODS_MAX = 4 };

typedef enum EventKind { WROTE, CUT, SYNCED, SYNC_FAILED, MADE, RENAMED, DELETED, MARKED } EventKind;

typedef struct DiskEvent {
        EventKind kind;
        int file;         /* WROTE, CUT, SYNCED, SYNC_FAILED, MADE: number of the file */
        uint64_t offset;  /* WROTE; size of CUT; the mark of MARKED */
        size_t size;
        uint8_t *data;
        char *name, *to;  /* MADE, RENAMED, DELETED: without the folder */
} DiskEvent;

typedef struct Name {
        char *name;
        int file;
} Name;

typedef struct Disk {
        pthread_mutex_t mutex;
        pthread_cond_t changed;
        char folder[128];
        DiskEvent *events;
        size_t n_events, n_allocated;
        Name names[FILES_MAX]; /* as the store sees them */
        size_t n_names;
        int n_files;
        int fds[FDS_MAX];      /* file of a descriptor of the store, + 1 */
        DiskFault fault;
        uint32_t n_calls, first, n_failing;
        bool hold;
        unsigned n_waiting;

        sqlite3_vfs vfs;
        sqlite3_vfs *real;
        const sqlite3_io_methods *real_methods[METHODS_MAX];
        sqlite3_io_methods methods[METHODS_MAX];
} Disk;

extern Disk disk;

/* Names of a folder. */
void disk_add_name(Name *names, size_t *n, const char *name, int file);
void disk_drop_name(Name *names, size_t *n, const char *name);
void disk_change_name(Name *names, size_t *n, const char *name, const char *to);
