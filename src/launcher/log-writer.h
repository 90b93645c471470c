/* SPDX-License-Identifier: MIT */
#pragma once

/* Writes what launcher/log.h describes. All logs of a launcher share a folder, a limit, two buffers and a spool. */

#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "launcher/spool.h"

#define LOG_BYTES_MIN (128 * 1024)
#define LOG_BYTES_DEFAULT (1024 * 1024)
#define LOG_SERVERS_DEFAULT 200
#define LOG_CHUNK_SIZE (32 * 1024)

typedef struct LogFolder {
        int fd;
        uint64_t max_bytes;
        size_t max_logs;
        size_t n_logs; /* about: other brokers may share the folder */
        ListNode open; /* of LogWriter.node */
        uint64_t (*real_usec)(void *userdata); /* NULL: CLOCK_REALTIME */
        void *userdata;
        Spool spool;   /* hears how far a log has come */
        char *in;      /* LOG_CHUNK_SIZE each */
        char *out;
} LogFolder;

typedef struct LogWriter {
        LogFolder *folder;
        ListNode node;
        char *name; /* "ID.log" */
        size_t n_id;
        int fd;
        uint64_t size;
        uint64_t n_lost; /* records that could not be written */
        int lost_errno;  /* and why; positive */
} LogWriter;

int log_folder_init(LogFolder *folder, const char *path, uint64_t max_bytes, size_t max_logs);
void log_folder_done(LogFolder *folder);

/* From now on output takes its way over a spool in this folder; what an earlier broker left there is written first. */
int log_folder_use_spool(LogFolder *folder, int runtime_fd);

/* The time that is written beside a line. */
uint64_t log_folder_now(const LogFolder *folder);

/* Touches no file: that happens with the first output. */
int log_writer_init(LogWriter *writer, LogFolder *folder, const char *id);
void log_writer_done(LogWriter *writer);

/* The size of the file, which is made if it is not there; SPOOL_SIZE_UNKNOWN if it cannot be opened. */
uint64_t log_writer_size(LogWriter *writer);

/* Never fails: what cannot be written is counted, and the count is written when that is possible again. */
void log_writer_feed(LogWriter *writer, uint64_t real_usec, const char *data, size_t size);
