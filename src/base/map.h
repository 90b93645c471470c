/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * An intrusive hash map: nodes are members of what is kept, the caller computes the hash (siphash24() if a peer
 * chooses the key) and compares keys. Only the array of buckets is allocated, and a map that cannot get a larger one
 * goes on with longer chains: map_insert() never fails once map_init() has succeeded.
 */

#include <stddef.h>
#include <stdint.h>

typedef struct MapNode MapNode;

struct MapNode {
        MapNode *next;
        uint64_t hash;
};

typedef struct Map {
        MapNode **buckets;
        size_t n_buckets; /* a power of two */
        size_t n;
        size_t first;     /* no node is in a bucket before this one */
} Map;

int map_init(Map *map);
/* The nodes belong to the caller. */
void map_done(Map *map);

void map_insert(Map *map, MapNode *node, uint64_t hash);
/* The node must be in the map. */
void map_remove(Map *map, MapNode *node);

/* The first node with this hash, NULL if there is none; map_next() gives the next one with the same hash. */
MapNode *map_find(const Map *map, uint64_t hash);
MapNode *map_next(const MapNode *node);

/* Any node, NULL if the map is empty: to empty a map at its end. */
MapNode *map_any(Map *map);
