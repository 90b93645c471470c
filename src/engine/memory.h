/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Memory that is reserved before it is needed. What is taken within a reservation cannot fail; taking more than was
 * reserved allocates, and gives up the process if that fails, since by then the event has begun to change things.
 */

#include <stddef.h>
#include <stdint.h>

/* Equal pieces, by index and at a fixed address; index 0 is none. Memory goes back when the slab is done. */
typedef struct Slab {
        size_t size;
        uint32_t per_chunk;
        uint8_t **chunks;
        uint32_t n_chunks;
        uint32_t n_chunks_allocated;
        uint32_t n_touched; /* pieces that were ever taken */
        uint32_t first_free;
        uint32_t n_free;
} Slab;

#define SLAB_INIT(size_, per_chunk_) ((Slab){ .size = (size_), .per_chunk = (per_chunk_) })

int slab_reserve(Slab *slab, uint32_t n);
/* Zeroed. */
void *slab_take(Slab *slab, uint32_t *ret_index);
void slab_give(Slab *slab, uint32_t index);
/* NULL for index 0. */
void *slab_get(const Slab *slab, uint32_t index);
void slab_done(Slab *slab);

/* Equal pieces, by pointer; those above a small stock go back to malloc. */
typedef struct Pool {
        size_t size;
        void *first_free;
        size_t n_free;
} Pool;

#define POOL_INIT(size_) ((Pool){ .size = (size_) })

int pool_reserve(Pool *pool, size_t n);
/* Zeroed. */
void *pool_take(Pool *pool);
void pool_give(Pool *pool, void *piece);
void pool_done(Pool *pool);

/* Bytes of any size that live until the next reset. */
typedef struct ScratchChunk ScratchChunk;

typedef struct Scratch {
        ScratchChunk *first;
        size_t used; /* of the first chunk */
} Scratch;

int scratch_reserve(Scratch *scratch, size_t n);
/* Zeroed and aligned for any type. */
void *scratch_take(Scratch *scratch, size_t n);
void scratch_reset(Scratch *scratch);
void scratch_done(Scratch *scratch);
