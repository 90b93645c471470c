/* SPDX-License-Identifier: MIT */

#include "base/map.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/macro.h"

#define N_BUCKETS_FIRST 16

int map_init(Map *map)
{
        MapNode **buckets = calloc(N_BUCKETS_FIRST, sizeof *buckets);

        if (!buckets)
                return -ENOMEM;
        *map = (Map){ .buckets = buckets, .n_buckets = N_BUCKETS_FIRST };
        return 0;
}

void map_done(Map *map)
{
        free(map->buckets);
        *map = (Map){ 0 };
}

static MapNode **bucket(const Map *map, uint64_t hash)
{
        return &map->buckets[hash & (map->n_buckets - 1)];
}

static void grow(Map *map)
{
        Map larger = { .n_buckets = map->n_buckets * 2 };

        larger.buckets = calloc(larger.n_buckets, sizeof *larger.buckets);
        if (!larger.buckets)
                return;
        for (size_t i = 0; i < map->n_buckets; i++)
                for (MapNode *node = map->buckets[i], *next; node; node = next) {
                        MapNode **b = bucket(&larger, node->hash);

                        next = node->next;
                        node->next = *b;
                        *b = node;
                }
        free(map->buckets);
        map->buckets = larger.buckets;
        map->n_buckets = larger.n_buckets;
        map->first = 0;
}

void map_insert(Map *map, MapNode *node, uint64_t hash)
{
        MapNode **b;

        if (map->n >= map->n_buckets)
                grow(map);
        b = bucket(map, hash);
        map->first = MIN(map->first, (size_t)(b - map->buckets));
        *node = (MapNode){ .next = *b, .hash = hash };
        *b = node;
        map->n++;
}

void map_remove(Map *map, MapNode *node)
{
        MapNode **p = bucket(map, node->hash);

        while (*p != node) {
                assert(*p);
                p = &(*p)->next;
        }
        *p = node->next;
        node->next = NULL;
        map->n--;
}

static MapNode *same_hash(MapNode *node, uint64_t hash)
{
        while (node && node->hash != hash)
                node = node->next;
        return node;
}

MapNode *map_find(const Map *map, uint64_t hash)
{
        return same_hash(*bucket(map, hash), hash);
}

MapNode *map_next(const MapNode *node)
{
        return same_hash(node->next, node->hash);
}

MapNode *map_any(Map *map)
{
        if (map->n == 0)
                return NULL;
        while (!map->buckets[map->first])
                map->first++;
        return map->buckets[map->first];
}
