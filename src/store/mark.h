/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The mark: how far the log of the database was committed, in a small file of its own. SQLite takes the first damaged
 * frame of its log for the log's end; the mark knows better. It is written after each commit and not synced: a kill
 * leaves the right one, a power cut that or an earlier one, and each was true. docs/store.md, "The mark". Of this room
 * only.
 */

#include <stdbool.h>
#include <stdint.h>

#include "store/database.h"
#include "store/format.h"

typedef struct Mark {
        char name[8];
        uint32_t log_magic;    /* tells the order of bytes of checksums */
        uint32_t page_size;
        uint32_t n_frames;     /* all up to this one were committed and synced; 0: none is known */
        uint32_t may_be_gone;  /* the log was to be copied into the database and cut off or deleted */
        uint8_t seed[8];       /* checksum of the frame before the last, or of the log's header, as it is stored */
        uint8_t frame[LOG_FRAME_HEADER]; /* header of the last frame */
        uint32_t crc;          /* CRC32C of all before */
} Mark;

/* -ENOENT: there is none, or a damaged one. */
int mark_read(const char *path, Mark *ret_mark);

/* Opens or creates the mark of a database that is about to be opened. Negative errno. */
int mark_open(Database *db, const char *path);
/* Notes a commit that is on the disk, as the hook of the log tells it. What fails leaves an earlier mark. */
void mark_commit(Database *db, int n_frames);
/* Notes, and syncs, that from now on the log may be cut off or deleted. Negative errno: then it must not be. */
int mark_end(Database *db);
