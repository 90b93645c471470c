/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A 4-ary heap of (key, value) pairs, smallest key first, 12 bytes each. Its owner is told the position of each value
 * whenever it moves, so that any value can be re-keyed or removed in O(log n). Memory is reserved apart from its use:
 * heap_push() never fails.
 */

#include <stddef.h>
#include <stdint.h>

#define HEAP_NONE UINT32_MAX

/* Tells the owner that value is at this position (HEAP_NONE: in the heap no longer). */
typedef void (*HeapMoved)(void *userdata, uint32_t value, uint32_t position);

typedef struct Heap {
        uint64_t *keys;
        uint32_t *values;
        uint32_t n;
        uint32_t n_allocated;
        HeapMoved moved;
        void *userdata;
} Heap;

#define HEAP_INIT(moved_, userdata_) ((Heap){ .moved = (moved_), .userdata = (userdata_) })

/* Makes room for n more values. -ENOMEM changes nothing. */
int heap_reserve(Heap *heap, uint32_t n);
void heap_done(Heap *heap);

/* The room for it must have been reserved. */
void heap_push(Heap *heap, uint64_t key, uint32_t value);
void heap_remove(Heap *heap, uint32_t position);
void heap_rekey(Heap *heap, uint32_t position, uint64_t key);

/* Gives every value the key that the function computes for it, and restores the order in O(n). */
void heap_rekey_all(Heap *heap, uint64_t (*key_of)(void *userdata, uint32_t value));

/*
 * Finds the smallest latest_of(value), which must not be smaller than the value's key, by walking only those parts of
 * the heap that can hold it. Returns the position, HEAP_NONE if the heap is empty.
 */
uint32_t heap_find_latest(const Heap *heap, uint64_t (*latest_of)(void *userdata, uint32_t value),
                          uint64_t *ret_latest);
