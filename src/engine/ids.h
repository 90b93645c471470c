/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The registrations in the order of their ids: found by id, and listed page by page without copying or sorting. Sorted
 * chunks of (first bytes of the id, index of the task); full chunks are split.
 */

#include <stdint.h>

#include "base/uuid.h"
#include "engine/memory.h"

typedef struct IdsChunk IdsChunk;

typedef struct Ids {
        IdsChunk **chunks;
        uint32_t n_chunks;
        uint32_t n_chunks_allocated;
        uint32_t n;
        IdsChunk *spare;   /* what splitting the fullest chunk needs */
        const Slab *tasks; /* of pieces that begin with a Uuid */
} Ids;

typedef struct IdsPosition {
        uint32_t chunk;
        uint32_t entry;
} IdsPosition;

/* Makes room for one more. */
int ids_reserve(Ids *ids);
/* No two have the same id. */
void ids_insert(Ids *ids, uint32_t task);
void ids_remove(Ids *ids, uint32_t task);
/* The index of the task, 0 if there is none. */
uint32_t ids_find(const Ids *ids, Uuid id);
/* Walks: the first after an id (UUID_NULL: the very first), and what follows; 0 past the end. */
uint32_t ids_first_after(const Ids *ids, Uuid after, IdsPosition *ret_position);
uint32_t ids_next(const Ids *ids, IdsPosition *position);
void ids_done(Ids *ids);
