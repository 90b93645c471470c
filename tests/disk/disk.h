/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A disk under the store. Everything that SQLite (through a VFS) and the room store/ itself (through functions that
 * the linker wraps) write, sync, truncate, make, rename and delete goes through here: it is carried out, so that the
 * store sees it, and noted, so that it can be told afterwards what a disk held after a power cut at any moment. A
 * call can be made to fail, and a sync to wait.
 *
 * What a power cut keeps: everything of a file up to its last successful sync. Of what came later any subset of
 * sectors, in any order; what was dropped reads as it was before, or as nonsense where there was nothing. Names are
 * kept in the order in which they were made, those from before the last sync of any file at least, as file systems
 * with a journal do. A sync that failed makes nothing durable, and no later one makes up for it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DISK_SECTOR 512

/* How a call fails. */
typedef enum DiskFault {
        DISK_FAULT_NONE,
        DISK_FAULT_DONE,    /* it was carried out, and says that it was not */
        DISK_FAULT_NOTHING, /* nothing was done */
        DISK_FAULT_SHORT,   /* half of it was done */
        DISK_FAULT_FULL,    /* half of it was done, because there is no more room; syncs and deletes succeed */
        _DISK_FAULT_MAX,
} DiskFault;

typedef enum DiskKeep {
        DISK_KEEP_ALL,      /* a kill, not a power cut */
        DISK_KEEP_NONE,     /* only what was synced */
        DISK_KEEP_SOME,     /* each sector that was not with the same chance, which the seed chooses */
        DISK_KEEP_TORN,     /* what was written last, in part, all before it in full */
        DISK_KEEP_LAST,     /* nearly nothing but what was written last */
        _DISK_KEEP_MAX,
} DiskKeep;

/*
 * Puts itself under SQLite, once, and forgets what was noted. Files in `folder` are watched; those that are there were
 * synced, which is what the first disk_n_events() events say.
 */
void disk_watch(const char *folder);
/* Nothing is watched, noted or failed any more; what was noted stays until the next disk_watch(). */
void disk_leave(void);

/* From the call number `first` on (1: the next one), n_calls fail. 0 calls: none. Counting starts anew. */
void disk_fail(DiskFault fault, uint32_t first, uint32_t n_calls);
/* Calls since disk_fail() or disk_watch() that could have failed. */
uint32_t disk_n_calls(void);

/* Syncs wait until they are let go. */
void disk_hold_syncs(bool hold);
/* Waits until a sync waits. */
void disk_wait_for_sync(void);

/* Notes that a caller was told something now: a mark among the events. */
void disk_mark(uint64_t mark);
/* Events so far; a power cut has its place between two of them. */
size_t disk_n_events(void);
/* The highest mark before the place. */
uint64_t disk_last_mark(size_t place);
/* What the event behind the place is, for people. */
const char *disk_describe(size_t place);

/* Writes into the folder `to`, which is empty, what the disk holds after an end at a place. */
void disk_make_image(size_t place, DiskKeep keep, uint64_t seed, const char *to);
