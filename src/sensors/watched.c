/* SPDX-License-Identifier: MIT */

#include "sensors/watched.h"

#include <stddef.h>
#include <string.h>

#include "base/hash.h"
#include "base/macro.h"
#include "base/uuid.h"

static uint64_t hash_of(const WatchedMap *map, uint8_t kind, const char *text)
{
        return siphash24(text, strlen(text), map->key) + kind;
}

int watched_init(WatchedMap *map)
{
        Uuid key = uuid_random();

        memcpy(map->key, key.bytes, sizeof map->key);
        return map_init(&map->map);
}

void watched_done(WatchedMap *map)
{
        map_done(&map->map);
}

void watched_add(WatchedMap *map, Watched *watched, uint8_t kind, const char *text)
{
        watched->kind = kind;
        watched->text = text;
        map_insert(&map->map, &watched->node, hash_of(map, kind, text));
}

void watched_remove(WatchedMap *map, Watched *watched)
{
        if (!watched->text)
                return;
        map_remove(&map->map, &watched->node);
        watched->text = NULL;
}

Watched *watched_find(const WatchedMap *map, uint8_t kind, const char *text)
{
        for (MapNode *i = map_find(&map->map, hash_of(map, kind, text)); i; i = map_next(i)) {
                Watched *watched = CONTAINER_OF(i, Watched, node);

                if (watched->kind == kind && strcmp(watched->text, text) == 0)
                        return watched;
        }
        return NULL;
}
