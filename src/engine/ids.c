/* SPDX-License-Identifier: MIT */

#include "engine/ids.h"

#include <errno.h>
#include <string.h>

#include "base/macro.h"

#define CHUNK_MAX 256

typedef struct IdsEntry {
        uint32_t prefix;
        uint32_t task;
} IdsEntry;

struct IdsChunk {
        uint32_t n;
        IdsEntry entries[CHUNK_MAX];
};

static uint32_t prefix_of(Uuid id)
{
        return (uint32_t)id.bytes[0] << 24 | (uint32_t)id.bytes[1] << 16 | (uint32_t)id.bytes[2] << 8 | id.bytes[3];
}

static int compare(const Ids *ids, Uuid id, uint32_t prefix, const IdsEntry *entry)
{
        const Uuid *other;

        if (prefix != entry->prefix)
                return prefix < entry->prefix ? -1 : 1;
        other = slab_get(ids->tasks, entry->task);
        return uuid_compare(id, *other);
}

/* The place of the first entry that is not before id; true if it is id's. */
static bool locate(const Ids *ids, Uuid id, IdsPosition *ret_position)
{
        uint32_t prefix = prefix_of(id), low = 0, high = ids->n_chunks;
        IdsPosition position;

        /* At start they come in their order: behind the last one. */
        if (high > 0) {
                const IdsChunk *last = ids->chunks[high - 1];

                if (last->n > 0 && compare(ids, id, prefix, &last->entries[last->n - 1]) > 0) {
                        *ret_position = (IdsPosition){ .chunk = high - 1, .entry = last->n };
                        return false;
                }
        }

        /* The last chunk that begins at or before id. */
        while (high - low > 1) {
                uint32_t middle = low + (high - low) / 2;

                if (compare(ids, id, prefix, &ids->chunks[middle]->entries[0]) < 0)
                        high = middle;
                else
                        low = middle;
        }
        position = (IdsPosition){ .chunk = low };
        high = ids->n_chunks > 0 ? ids->chunks[low]->n : 0;
        for (low = 0; low < high;) {
                uint32_t middle = low + (high - low) / 2;
                int c = compare(ids, id, prefix, &ids->chunks[position.chunk]->entries[middle]);

                if (c == 0) {
                        position.entry = middle;
                        *ret_position = position;
                        return true;
                }
                if (c < 0)
                        high = middle;
                else
                        low = middle + 1;
        }
        position.entry = low;
        *ret_position = position;
        return false;
}

int ids_reserve(Ids *ids)
{
        if (ids->n_chunks == ids->n_chunks_allocated) {
                uint32_t n = MAX(ids->n_chunks * 2, UINT32_C(4));
                IdsChunk **chunks = realloc(ids->chunks, n * sizeof *chunks);

                if (!chunks)
                        return -ENOMEM;
                ids->chunks = chunks;
                ids->n_chunks_allocated = n;
        }
        if (!ids->spare)
                ids->spare = malloc(sizeof *ids->spare);
        return ids->spare ? 0 : -ENOMEM;
}

static void add_chunk(Ids *ids, uint32_t at)
{
        IdsChunk *chunk;

        if (ids_reserve(ids) < 0)
                abort();
        chunk = TAKE_PTR(ids->spare);
        chunk->n = 0;
        memmove(&ids->chunks[at + 1], &ids->chunks[at], (ids->n_chunks - at) * sizeof *ids->chunks);
        ids->chunks[at] = chunk;
        ids->n_chunks++;
}

static void split(Ids *ids, IdsPosition *position)
{
        IdsChunk *chunk = ids->chunks[position->chunk];
        /* What arrives in order, as at start, fills the chunks; anything else finds them half full. */
        uint32_t keep = position->entry == CHUNK_MAX && position->chunk + 1 == ids->n_chunks ? CHUNK_MAX
                                                                                             : CHUNK_MAX / 2;
        IdsChunk *upper;

        add_chunk(ids, position->chunk + 1);
        upper = ids->chunks[position->chunk + 1];
        upper->n = chunk->n - keep;
        memcpy(upper->entries, &chunk->entries[keep], upper->n * sizeof *upper->entries);
        chunk->n = keep;
        if (position->entry >= keep) {
                position->chunk++;
                position->entry -= keep;
        }
}

void ids_insert(Ids *ids, uint32_t task)
{
        const Uuid *id = slab_get(ids->tasks, task);
        IdsPosition position;
        IdsChunk *chunk;

        if (ids->n_chunks == 0)
                add_chunk(ids, 0);
        locate(ids, *id, &position);
        if (ids->chunks[position.chunk]->n == CHUNK_MAX)
                split(ids, &position);
        chunk = ids->chunks[position.chunk];
        memmove(&chunk->entries[position.entry + 1], &chunk->entries[position.entry],
                (chunk->n - position.entry) * sizeof *chunk->entries);
        chunk->entries[position.entry] = (IdsEntry){ .prefix = prefix_of(*id), .task = task };
        chunk->n++;
        ids->n++;
}

void ids_remove(Ids *ids, uint32_t task)
{
        const Uuid *id = slab_get(ids->tasks, task);
        IdsPosition position;
        IdsChunk *chunk;

        if (!locate(ids, *id, &position))
                return;
        chunk = ids->chunks[position.chunk];
        chunk->n--;
        memmove(&chunk->entries[position.entry], &chunk->entries[position.entry + 1],
                (chunk->n - position.entry) * sizeof *chunk->entries);
        ids->n--;
        if (chunk->n > 0)
                return;
        free(chunk);
        ids->n_chunks--;
        memmove(&ids->chunks[position.chunk], &ids->chunks[position.chunk + 1],
                (ids->n_chunks - position.chunk) * sizeof *ids->chunks);
}

uint32_t ids_find(const Ids *ids, Uuid id)
{
        IdsPosition position;

        return locate(ids, id, &position) ? ids->chunks[position.chunk]->entries[position.entry].task : 0;
}

static uint32_t at(const Ids *ids, IdsPosition *position)
{
        if (position->chunk < ids->n_chunks && position->entry >= ids->chunks[position->chunk]->n)
                *position = (IdsPosition){ .chunk = position->chunk + 1 };
        if (position->chunk >= ids->n_chunks)
                return 0;
        return ids->chunks[position->chunk]->entries[position->entry].task;
}

uint32_t ids_first_after(const Ids *ids, Uuid after, IdsPosition *ret_position)
{
        if (locate(ids, after, ret_position))
                ret_position->entry++;
        return at(ids, ret_position);
}

uint32_t ids_next(const Ids *ids, IdsPosition *position)
{
        position->entry++;
        return at(ids, position);
}

void ids_done(Ids *ids)
{
        for (uint32_t i = 0; i < ids->n_chunks; i++)
                free(ids->chunks[i]);
        free(ids->chunks);
        free(ids->spare);
        *ids = (Ids){ .tasks = ids->tasks };
}
