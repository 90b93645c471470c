/* SPDX-License-Identifier: MIT */

#include "base/heap.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/macro.h"

int heap_reserve(Heap *heap, uint32_t n)
{
        uint64_t needed = (uint64_t)heap->n + n, wanted;
        void *p;

        if (needed <= heap->n_allocated)
                return 0;
        /* An eighth more than needed: a million entries must not carry another million empty ones. */
        wanted = MAX(needed + needed / 8, UINT64_C(16));
        if (wanted >= HEAP_NONE)
                return -ENOMEM;
        p = realloc(heap->keys, wanted * sizeof *heap->keys);
        if (!p)
                return -ENOMEM;
        heap->keys = p;
        p = realloc(heap->values, wanted * sizeof *heap->values);
        if (!p)
                return -ENOMEM;
        heap->values = p;
        heap->n_allocated = (uint32_t)wanted;
        return 0;
}

void heap_done(Heap *heap)
{
        free(heap->keys);
        free(heap->values);
        *heap = HEAP_INIT(heap->moved, heap->userdata);
}

static void heap_put(Heap *heap, uint32_t position, uint64_t key, uint32_t value)
{
        heap->keys[position] = key;
        heap->values[position] = value;
        heap->moved(heap->userdata, value, position);
}

static void heap_up(Heap *heap, uint32_t position, uint64_t key, uint32_t value)
{
        while (position > 0) {
                uint32_t parent = (position - 1) / 4;

                if (heap->keys[parent] <= key)
                        break;
                heap_put(heap, position, heap->keys[parent], heap->values[parent]);
                position = parent;
        }
        heap_put(heap, position, key, value);
}

static void heap_down(Heap *heap, uint32_t position, uint64_t key, uint32_t value)
{
        for (;;) {
                uint64_t first = (uint64_t)position * 4 + 1;
                uint32_t least, end;

                if (first >= heap->n)
                        break;
                end = (uint32_t)MIN(first + 4, (uint64_t)heap->n);
                least = (uint32_t)first;
                for (uint32_t i = least + 1; i < end; i++)
                        if (heap->keys[i] < heap->keys[least])
                                least = i;
                if (heap->keys[least] >= key)
                        break;
                heap_put(heap, position, heap->keys[least], heap->values[least]);
                position = least;
        }
        heap_put(heap, position, key, value);
}

void heap_push(Heap *heap, uint64_t key, uint32_t value)
{
        assert(heap->n < heap->n_allocated);
        heap_up(heap, heap->n++, key, value);
}

void heap_rekey(Heap *heap, uint32_t position, uint64_t key)
{
        uint32_t value;

        assert(position < heap->n);
        value = heap->values[position];
        if (key < heap->keys[position])
                heap_up(heap, position, key, value);
        else
                heap_down(heap, position, key, value);
}

void heap_remove(Heap *heap, uint32_t position)
{
        uint32_t last;

        assert(position < heap->n);
        heap->moved(heap->userdata, heap->values[position], HEAP_NONE);
        last = --heap->n;
        if (position == last)
                return;
        if (position > 0 && heap->keys[last] < heap->keys[(position - 1) / 4])
                heap_up(heap, position, heap->keys[last], heap->values[last]);
        else
                heap_down(heap, position, heap->keys[last], heap->values[last]);
}

void heap_rekey_all(Heap *heap, uint64_t (*key_of)(void *userdata, uint32_t value))
{
        for (uint32_t i = 0; i < heap->n; i++)
                heap->keys[i] = key_of(heap->userdata, heap->values[i]);
        for (uint32_t i = heap->n; i-- > 0;)
                heap_down(heap, i, heap->keys[i], heap->values[i]);
}

uint32_t heap_find_latest(const Heap *heap, uint64_t (*latest_of)(void *userdata, uint32_t value),
                          uint64_t *ret_latest)
{
        uint32_t best = HEAP_NONE, i = 0;
        uint64_t best_latest = UINT64_MAX;

        /* In depth-first order without a stack: what lies below a key that is too late cannot be better. */
        while (heap->n > 0) {
                if (best == HEAP_NONE || heap->keys[i] < best_latest) {
                        uint64_t latest = latest_of(heap->userdata, heap->values[i]);

                        if (best == HEAP_NONE || latest < best_latest) {
                                best = i;
                                best_latest = latest;
                        }
                        if ((uint64_t)i * 4 + 1 < heap->n) {
                                i = i * 4 + 1;
                                continue;
                        }
                }
                while (i > 0 && (i % 4 == 0 || i + 1 >= heap->n))
                        i = (i - 1) / 4;
                if (i == 0)
                        break;
                i++;
        }
        if (best != HEAP_NONE)
                *ret_latest = best_latest;
        return best;
}
