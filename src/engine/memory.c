/* SPDX-License-Identifier: MIT */

#include "engine/memory.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <string.h>

#include "base/macro.h"

#define POOL_STOCK 512
#define SCRATCH_MIN 16384
#define SCRATCH_KEEP (1024 * 1024)

/*
 * The room that an event needs is reserved before it changes anything: to fail here is a mistake in the reservation.
 */
static void must(int r)
{
        if (r < 0)
                abort();
}

static uint64_t slab_capacity(const Slab *slab)
{
        return (uint64_t)slab->n_chunks * slab->per_chunk;
}

static int slab_grow(Slab *slab)
{
        uint8_t *chunk;

        if (slab_capacity(slab) + slab->per_chunk >= UINT32_MAX)
                return -ENOMEM;
        if (slab->n_chunks == slab->n_chunks_allocated) {
                uint32_t n = MAX(slab->n_chunks * 2, UINT32_C(8));
                uint8_t **chunks = realloc(slab->chunks, n * sizeof *chunks);

                if (!chunks)
                        return -ENOMEM;
                slab->chunks = chunks;
                slab->n_chunks_allocated = n;
        }
        chunk = malloc(slab->size * slab->per_chunk);
        if (!chunk)
                return -ENOMEM;
        slab->chunks[slab->n_chunks++] = chunk;
        return 0;
}

int slab_reserve(Slab *slab, uint32_t n)
{
        while (slab_capacity(slab) - slab->n_touched + slab->n_free < n) {
                int r = slab_grow(slab);

                if (r < 0)
                        return r;
        }
        return 0;
}

void *slab_get(const Slab *slab, uint32_t index)
{
        if (index == 0)
                return NULL;
        index--;
        return slab->chunks[index / slab->per_chunk] + slab->size * (index % slab->per_chunk);
}

void *slab_take(Slab *slab, uint32_t *ret_index)
{
        uint32_t index;
        void *piece;

        must(slab_reserve(slab, 1));
        if (slab->first_free) {
                index = slab->first_free;
                piece = slab_get(slab, index);
                memcpy(&slab->first_free, piece, sizeof slab->first_free);
                slab->n_free--;
        } else {
                index = ++slab->n_touched;
                piece = slab_get(slab, index);
        }
        memset(piece, 0, slab->size);
        *ret_index = index;
        return piece;
}

void slab_give(Slab *slab, uint32_t index)
{
        memcpy(slab_get(slab, index), &slab->first_free, sizeof slab->first_free);
        slab->first_free = index;
        slab->n_free++;
}

void slab_done(Slab *slab)
{
        for (uint32_t i = 0; i < slab->n_chunks; i++)
                free(slab->chunks[i]);
        free(slab->chunks);
        *slab = SLAB_INIT(slab->size, slab->per_chunk);
}

int pool_reserve(Pool *pool, size_t n)
{
        while (pool->n_free < n) {
                void **piece = malloc(pool->size);

                if (!piece)
                        return -ENOMEM;
                *piece = pool->first_free;
                pool->first_free = piece;
                pool->n_free++;
        }
        return 0;
}

void *pool_take(Pool *pool)
{
        void **piece;

        must(pool_reserve(pool, 1));
        piece = pool->first_free;
        pool->first_free = *piece;
        pool->n_free--;
        return memset(piece, 0, pool->size);
}

void pool_give(Pool *pool, void *piece)
{
        void **p = piece;

        if (pool->n_free >= POOL_STOCK) {
                free(piece);
                return;
        }
        *p = pool->first_free;
        pool->first_free = p;
        pool->n_free++;
}

void pool_done(Pool *pool)
{
        while (pool->first_free) {
                void **piece = pool->first_free;

                pool->first_free = *piece;
                free(piece);
        }
        pool->n_free = 0;
}

struct ScratchChunk {
        ScratchChunk *next;
        size_t size;
        alignas(max_align_t) uint8_t data[];
};

int scratch_reserve(Scratch *scratch, size_t n)
{
        ScratchChunk *chunk;
        size_t size;

        if (scratch->first && scratch->first->size - scratch->used >= n)
                return 0;
        size = MAX(n, (size_t)SCRATCH_MIN);
        chunk = malloc(sizeof *chunk + size);
        if (!chunk)
                return -ENOMEM;
        *chunk = (ScratchChunk){ .next = scratch->first, .size = size };
        scratch->first = chunk;
        scratch->used = 0;
        return 0;
}

void *scratch_take(Scratch *scratch, size_t n)
{
        void *p;

        n = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
        must(scratch_reserve(scratch, n));
        p = scratch->first->data + scratch->used;
        scratch->used += n;
        return memset(p, 0, n);
}

static void scratch_drop(Scratch *scratch, ScratchChunk *chunk)
{
        while (chunk) {
                ScratchChunk *next = chunk->next;

                free(chunk);
                chunk = next;
        }
}

void scratch_reset(Scratch *scratch)
{
        if (!scratch->first)
                return;
        scratch_drop(scratch, TAKE_PTR(scratch->first->next));
        scratch->used = 0;
        if (scratch->first->size > SCRATCH_KEEP)
                scratch_done(scratch);
}

void scratch_done(Scratch *scratch)
{
        scratch_drop(scratch, TAKE_PTR(scratch->first));
        scratch->used = 0;
}
