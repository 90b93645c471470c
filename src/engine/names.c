/* SPDX-License-Identifier: MIT */

/*
 * Registrations by package and name: a table of 4-byte slots, since there are a million of them, and a byte of each
 * hash, which saves looking at most of those that are not meant. A slot holds the oldest registration of its name; the
 * others of that name are a ring in their extras.
 */

#include "base/big.h"
#include "base/hash.h"
#include "engine/parts.h"

#define SLOTS_MAX (UINT32_C(1) << 30)

uint64_t names_hash(const Engine *e, const Package *package, const char *name)
{
        return siphash24(name, strlen(name), e->config.hash_key) ^ package->node.hash;
}

static uint64_t hash_of(const Engine *e, const Task *task)
{
        return names_hash(e, task_package(e, task), spec_name(task));
}

static bool is_named(const Engine *e, const Task *task, const Package *package, const char *name)
{
        return strcmp(spec_name(task), name) == 0 && task_package(e, task) == package;
}

static uint8_t tag_of(uint64_t hash)
{
        return (uint8_t)(hash >> 56);
}

static void put(const Engine *e, NameTable *names, uint32_t task)
{
        uint64_t hash = hash_of(e, task_get(e, task));
        uint32_t i = (uint32_t)hash & (names->n_slots - 1);

        while (names->slots[i])
                i = (i + 1) & (names->n_slots - 1);
        names->slots[i] = task;
        names->tags[i] = tag_of(hash);
}

/* The registrations lie far apart: the memory is asked for some slots ahead. */
static void put_all(const Engine *e, const NameTable *from, NameTable *to)
{
        for (uint32_t i = 0; i < from->n_slots; i++) {
                const char *ahead = i + 16 < from->n_slots ? slab_get(&e->tasks, from->slots[i + 16]) : NULL;

                if (ahead) {
                        __builtin_prefetch(ahead);
                        __builtin_prefetch(ahead + sizeof(Task) - 1);
                }
                if (from->slots[i])
                        put(e, to, from->slots[i]);
        }
}

/* At most three of four slots are used. */
static bool has_room(uint32_t n_slots, uint64_t n)
{
        return n * 4 <= (uint64_t)n_slots * 3;
}

int names_reserve(Engine *e, uint32_t n)
{
        NameTable *names = &e->names, larger;

        if (has_room(names->n_slots, (uint64_t)names->n + n))
                return 0;
        larger = (NameTable){ .n_slots = MAX(names->n_slots * 2, UINT32_C(64)), .n = names->n };
        while (!has_room(larger.n_slots, (uint64_t)names->n + n) && larger.n_slots < SLOTS_MAX)
                larger.n_slots *= 2;
        if (larger.n_slots > SLOTS_MAX)
                return -ENOMEM;
        /* One piece of memory: the slots, and behind them their tags. */
        larger.slots = big_calloc(larger.n_slots, sizeof *larger.slots + sizeof *larger.tags);
        if (!larger.slots)
                return -ENOMEM;
        larger.tags = (uint8_t *)(larger.slots + larger.n_slots);
        put_all(e, names, &larger);
        free(names->slots);
        *names = larger;
        return 0;
}

/* The slot of the name, or the empty one where it would be; the table is never full. */
static bool find_slot(const Engine *e, const Package *package, const char *name, uint64_t hash,
                      uint32_t *ret_slot)
{
        const NameTable *names = &e->names;
        uint32_t i = (uint32_t)hash & (names->n_slots - 1);
        uint8_t tag = tag_of(hash);

        while (names->slots[i] &&
               (names->tags[i] != tag || !is_named(e, task_get(e, names->slots[i]), package, name)))
                i = (i + 1) & (names->n_slots - 1);
        *ret_slot = i;
        return names->slots[i];
}

Task *names_find(const Engine *e, const Package *package, const char *name)
{
        uint32_t slot;

        if (e->names.n_slots == 0 || !find_slot(e, package, name, names_hash(e, package, name), &slot))
                return NULL;
        return task_get(e, e->names.slots[slot]);
}

Task *names_find_committing(const Engine *e, const Package *package, const char *name)
{
        for (MapNode *i = map_find(&e->committing, names_hash(e, package, name)); i; i = map_next(i)) {
                Extra *extra = CONTAINER_OF(i, Extra, committing_node);

                if (is_named(e, extra->task, package, name))
                        return extra->task;
        }
        return NULL;
}

uint64_t names_prefetch(const Engine *e, const Package *package, const char *name)
{
        uint64_t hash = names_hash(e, package, name);
        uint32_t i = (uint32_t)hash & (e->names.n_slots - 1);

        __builtin_prefetch(&e->names.slots[i]);
        __builtin_prefetch(&e->names.tags[i]);
        return hash;
}

void names_add(Engine *e, Task *task, uint64_t hash)
{
        uint32_t slot;

        if (names_reserve(e, 1) < 0)
                abort();
        if (find_slot(e, task_package(e, task), spec_name(task), hash, &slot)) {
                Task *oldest = task_get(e, e->names.slots[slot]);

                list_append(&task_need_extra(e, oldest)->same, &task_need_extra(e, task)->same);
                return;
        }
        e->names.slots[slot] = task->index;
        e->names.tags[slot] = tag_of(hash);
        e->names.n++;
}

static void remove_slot(Engine *e, uint32_t hole)
{
        NameTable *names = &e->names;
        uint32_t mask = names->n_slots - 1;

        names->slots[hole] = 0;
        names->n--;
        for (uint32_t i = (hole + 1) & mask; names->slots[i]; i = (i + 1) & mask) {
                uint32_t home = (uint32_t)hash_of(e, task_get(e, names->slots[i])) & mask;

                /* What would no longer be found from its home moves into the hole. */
                if (((i - home) & mask) >= ((i - hole) & mask)) {
                        names->slots[hole] = names->slots[i];
                        names->tags[hole] = names->tags[i];
                        names->slots[i] = 0;
                        hole = i;
                }
        }
}

void names_remove(Engine *e, Task *task)
{
        Extra *extra = task_extra(e, task);
        bool alone = !extra || list_is_empty(&extra->same);
        Task *other;
        uint32_t slot;

        if (e->names.n_slots == 0 ||
            !find_slot(e, task_package(e, task), spec_name(task), hash_of(e, task), &slot))
                return;
        if (alone) {
                if (e->names.slots[slot] == task->index)
                        remove_slot(e, slot);
                return;
        }
        other = list_entry(extra->same.next, Extra, same)->task;
        if (e->names.slots[slot] == task->index)
                e->names.slots[slot] = other->index;
        list_remove(&extra->same);
        task_drop_extra(e, other);
}

Task *names_next(const Engine *e, const Task *task)
{
        const Extra *extra = task_extra(e, task);

        return extra ? list_entry(extra->same.next, Extra, same)->task : (Task *)task;
}
