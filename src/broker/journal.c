/* SPDX-License-Identifier: MIT */

#include "broker/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/hash.h"

/* The file grows by so much, with its blocks, so that a full disk is an error here and no SIGBUS later. */
#define GROWTH (1024u * 1024)

struct Journal {
        int fd;
        uint8_t *map;           /* JOURNAL_SIZE_MAX, of which `size` may be touched */
        size_t size;
        bool full;
        JournalEntry *last;     /* the entry whose effects are awaited; NULL */
        Buffer bytes;           /* of the event that is being written */
};

static JournalHeader *header_of(const Journal *journal)
{
        return (JournalHeader *)(void *)journal->map;
}

Journal *journal_free(Journal *journal)
{
        if (!journal)
                return NULL;
        if (journal->map)
                munmap(journal->map, JOURNAL_SIZE_MAX);
        safe_close(journal->fd);
        buffer_done(&journal->bytes);
        free(journal);
        return NULL;
}

static int grow(Journal *journal, size_t wanted)
{
        size_t size = MIN((wanted + GROWTH - 1) / GROWTH * GROWTH, (size_t)JOURNAL_SIZE_MAX);
        int r;

        if (wanted <= journal->size)
                return 0;
        if (wanted > JOURNAL_SIZE_MAX)
                return -ENOSPC;
        r = posix_fallocate(journal->fd, (off_t)journal->size, (off_t)(size - journal->size));
        if (r == 0)
                journal->size = size;
        return -r;
}

/* A new file, so that a reader of the one before keeps what it reads. */
static int create(const char *folder, int *ret_fd)
{
        _cleanup_(freep) char *path = NULL, *before = NULL;
        int fd;

        if (asprintf(&path, "%s/" JOURNAL_NAME, folder) < 0)
                path = NULL;
        if (asprintf(&before, "%s/" JOURNAL_NAME_BEFORE, folder) < 0)
                before = NULL;
        if (!path || !before)
                return -ENOMEM;
        if (rename(path, before) < 0 && errno != ENOENT)
                return -errno;
        fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0)
                return -errno;
        *ret_fd = fd;
        return 0;
}

int journal_new(const char *folder, const EngineConfig *config, Journal **ret_journal)
{
        Journal *journal = calloc(1, sizeof *journal);
        JournalHeader *header;
        int r;

        if (!journal)
                return -ENOMEM;
        journal->fd = -1;
        r = create(folder, &journal->fd);
        if (r >= 0)
                r = grow(journal, sizeof(JournalHeader));
        if (r >= 0) {
                void *map = mmap(NULL, JOURNAL_SIZE_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, journal->fd, 0);

                if (map == MAP_FAILED)
                        r = -errno;
                else
                        journal->map = map;
        }
        if (r < 0) {
                journal_free(journal);
                return r;
        }
        header = header_of(journal);
        memcpy(header->magic, JOURNAL_MAGIC, sizeof JOURNAL_MAGIC);
        snprintf(header->version, sizeof header->version, "%s", BGTASK_VERSION);
        header->byte_order = JOURNAL_BYTE_ORDER;
        header->config_size = sizeof *config;
        header->config = *config;
        *ret_journal = journal;
        return 0;
}

bool journal_is_full(const Journal *journal)
{
        return journal && journal->full;
}

uint32_t journal_checksum(uint32_t kind, const void *payload, size_t size)
{
        return crc32c(crc32c(0, &kind, sizeof kind), payload, size);
}

/* Counts it before it can be seen by whoever reads, so that no entry is ever half there. */
static JournalEntry *append(Journal *journal, uint32_t kind, const void *payload, size_t size)
{
        JournalHeader *header = header_of(journal);
        size_t padded = sizeof(JournalEntry) + ((size + 7) & ~(size_t)7);
        JournalEntry *entry;

        if (!journal->full && grow(journal, sizeof *header + header->used + padded) < 0)
                journal->full = true;
        if (journal->full) {
                header->n_left_out++;
                return NULL;
        }
        entry = (JournalEntry *)(void *)(journal->map + sizeof *header + header->used);
        memcpy(entry + 1, payload, size);
        *entry = (JournalEntry){
                .size = (uint32_t)size,
                .checksum = journal_checksum(kind, payload, size),
                .kind = kind,
        };
        __atomic_store_n(&header->used, header->used + padded, __ATOMIC_RELEASE);
        return entry;
}

void journal_put_event(Journal *journal, const Event *event)
{
        if (!journal)
                return;
        journal->last = NULL;
        if (journal->full) {
                header_of(journal)->n_left_out++;
                return;
        }
        journal->bytes.size = 0;
        if (event_write(event, &journal->bytes) < 0)
                journal->full = true;
        journal->last = append(journal, JOURNAL_EVENT, journal->bytes.data, journal->bytes.size);
}

void journal_put_effects(Journal *journal, const Effects *effects)
{
        if (journal && journal->last)
                journal->last->digest = effects_digest(effects);
}

void journal_put_new_server(Journal *journal, uint64_t server)
{
        JournalEntry *entry;

        if (!journal)
                return;
        entry = append(journal, JOURNAL_NEW_SERVER, &server, sizeof server);
        if (entry)
                entry->digest = (uint32_t)server;
}
