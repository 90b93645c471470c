/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Everything that the engine is told, in the state folder, so that what it did can be seen again: bgtaskd --replay
 * feeds a journal to a new engine and finds the same effects. A journal starts with the broker and is bounded: when it
 * is full the rest is left out, and it says so. The one before is kept beside it. It is a mapped file, so that an
 * entry costs a copy, and a broker that is killed loses none.
 */

#include <stdint.h>

#include "engine/event-bytes.h"

#define JOURNAL_SIZE_MAX (32u * 1024 * 1024)
#define JOURNAL_NAME "journal"
#define JOURNAL_NAME_BEFORE "journal.1"

typedef struct Journal Journal;

typedef enum JournalKind {
        JOURNAL_EVENT = 1,
        JOURNAL_NEW_SERVER = 2, /* engine_new_server() was called */
} JournalKind;

/* What stands before everything. Numbers are as the machine has them. */
typedef struct JournalHeader {
        char magic[16];
        char version[32];
        uint32_t byte_order;    /* 0x01020304 */
        uint32_t config_size;   /* of EngineConfig as that build had it */
        uint64_t used;          /* bytes of entries behind the header */
        uint64_t n_left_out;    /* entries that did not fit */
        EngineConfig config;
} JournalHeader;

typedef struct JournalEntry {
        uint32_t size;          /* of the payload, which follows, padded to 8 bytes */
        uint32_t checksum;      /* CRC32C of kind and payload */
        uint32_t kind;
        uint32_t digest;        /* of the effects; of JOURNAL_NEW_SERVER: the id's lower bits */
} JournalEntry;

#define JOURNAL_MAGIC "bgtask-journal\n"
#define JOURNAL_BYTE_ORDER 0x01020304u

/* Begins a journal in the folder. Negative errno: there will be none; the broker can do without. */
int journal_new(const char *folder, const EngineConfig *config, Journal **ret_journal);
Journal *journal_free(Journal *journal);

/* Before the engine is fed, so that an event which it does not survive is the last one. NULL is no journal. */
void journal_put_event(Journal *journal, const Event *event);
/* After it: what came of the last event. */
void journal_put_effects(Journal *journal, const Effects *effects);
void journal_put_new_server(Journal *journal, uint64_t server);

/* Entries are left out from now on: it has reached its size, or the disk is full. */
bool journal_is_full(const Journal *journal);

/* The checksum that an entry must have. */
uint32_t journal_checksum(uint32_t kind, const void *payload, size_t size);

/* replay.c: prints what a journal holds. Exit status: 0, or 1 if it cannot be read or other effects were found. */
int replay_file(const char *path, bool json);
