/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The file of the ledger: records of a kind, found by a key, with a tail of any length. It is mapped into memory, and
 * whatever instruction its process is killed at, a record is there as it was or as it was to be. Of this room only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"
#include "base/uuid.h"

#define SLOT_BODY_SIZE ((size_t)232)
#define SLOT_KIND_MAX 254 /* kinds are 1 to this */

typedef struct Slots Slots;

/* body is SLOT_BODY_SIZE bytes. A negative result ends the walk and is its result. */
typedef int (*SlotsVisit)(const void *body, const uint8_t *tail, size_t n_tail, void *userdata);

/* As ledger_open(). No tail is longer than tail_max. */
int slots_open(const char *path, Uuid boot_id, size_t size_max, size_t tail_max, Slots **ret_slots,
               bool *ret_discarded);
Slots *slots_free(Slots *slots);
DEFINE_CLEANUP(Slots *, slots_free);

/* The key is the first n_key (at least 8) bytes of the body. Replaces the record of that key. -ENOSPC. */
int slots_put(Slots *slots, uint8_t kind, size_t n_key, const void *body, size_t n_body, const void *tail,
              size_t n_tail);
void slots_remove(Slots *slots, uint8_t kind, size_t n_key, const void *key);
/* Calls back for the record of a key; its result, or -ENOENT. */
int slots_visit(Slots *slots, uint8_t kind, size_t n_key, const void *key, SlotsVisit visit, void *userdata);
/* Calls back for every record of a kind, in the order in which they were put; it may put and remove. -ENOMEM. */
int slots_visit_all(Slots *slots, uint8_t kind, SlotsVisit visit, void *userdata);
