/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Output on its way from a FIFO into a log. The kernel moves it in one step into a file of the runtime folder; from
 * there it is written into the log, and only then forgotten. So a broker that is killed at any instruction neither
 * loses nor repeats a line: the next one finds here what was on its way, and how far the log had come.
 *
 * The file is a page with the head, mapped, and behind it the output of one server, which is empty between two chunks.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "launcher/launcher.h"

/* The log's size is not known: nothing of it is cut off. */
#define SPOOL_SIZE_UNKNOWN ((UINT64_C(1) << 48) - 1)
/* The most that is on its way at a time. */
#define SPOOL_MAX 65535

typedef struct SpoolHead SpoolHead;

typedef struct Spool {
        int fd; /* -1: there is none */
        SpoolHead *head;
} Spool;

#define SPOOL_INIT ((Spool){ .fd = -1 })

/* What a broker that was killed has left. */
typedef struct SpoolRest {
        char id[LAUNCHER_ID_MAX + 1]; /* of the log */
        uint64_t real_usec;           /* when it was read */
        uint64_t log_size;            /* of the log with the first n_done bytes in it */
        size_t n_done;
        size_t n;                     /* bytes in all; 0: nothing was on its way */
        const char *data;             /* until the spool changes */
} SpoolRest;

/* Opens the file, or makes it. The folder is ours. */
int spool_open(Spool *spool, int folder_fd);
void spool_close(Spool *spool);

/* -EBADMSG: no broker can have left this. */
int spool_read_rest(const Spool *spool, SpoolRest *ret_rest);

/*
 * Moves up to max bytes out of a FIFO into the spool, which must be empty, and returns how many; they can be read
 * until it is cleared. The id need not be terminated. 0: the FIFO is empty. A negative errno: nothing was moved, and
 * the FIFO has to be read in the usual way.
 */
ssize_t spool_take(Spool *spool, int fifo_fd, size_t max, const char *id, size_t n_id, uint64_t real_usec,
                   uint64_t log_size, const char **ret_data);

/* So many bytes are in the log, which has this size. */
void spool_note(Spool *spool, size_t n_done, uint64_t log_size);

/* Everything is in the log. */
void spool_clear(Spool *spool);
