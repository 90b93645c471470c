/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What tasks watch, found by the kind of its trigger and its text in a time that does not depend on how much there is.
 * Tasks choose the texts, so that each map hashes with a key of its own. A Watched is a member of what is kept.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/map.h"

typedef struct Watched {
        MapNode node;
        uint8_t kind;
        const char *text; /* borrowed as long as it is in a map; NULL: it is in none */
} Watched;

typedef struct WatchedMap {
        Map map;
        uint64_t key[2];
} WatchedMap;

/* Returns 0 or -ENOMEM. */
int watched_init(WatchedMap *map);
/* What is in it belongs to the caller. Harmless on a map that is all zeros. */
void watched_done(WatchedMap *map);

void watched_add(WatchedMap *map, Watched *watched, uint8_t kind, const char *text);
/* Harmless for one that is in no map. To be called before its text is freed. */
void watched_remove(WatchedMap *map, Watched *watched);
/* NULL: there is none. */
Watched *watched_find(const WatchedMap *map, uint8_t kind, const char *text);
