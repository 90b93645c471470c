/* SPDX-License-Identifier: MIT */

#include "dbus/calls.h"

#include <errno.h>

/* Serials are given out in order, so their low bits spread them without further hashing. */
static size_t calls_home(const Calls *calls, uint32_t serial)
{
        return serial & (calls->n_slots - 1);
}

static size_t calls_next(const Calls *calls, size_t slot)
{
        return (slot + 1) & (calls->n_slots - 1);
}

void calls_add(Calls *calls, PendingCall call)
{
        size_t slot = calls_home(calls, call.serial);

        while (calls->slots[slot].serial != 0)
                slot = calls_next(calls, slot);
        calls->slots[slot] = call;
        calls->n_used++;
}

static int calls_grow(Calls *calls)
{
        Calls grown = { .n_slots = MAX(calls->n_slots * 2, (size_t)8) };

        grown.slots = calloc(grown.n_slots, sizeof *grown.slots);
        if (!grown.slots)
                return -ENOMEM;
        for (size_t i = 0; i < calls->n_slots; i++)
                if (calls->slots[i].serial != 0)
                        calls_add(&grown, calls->slots[i]);
        free(calls->slots);
        *calls = grown;
        return 0;
}

int calls_reserve(Calls *calls)
{
        return calls->n_used + 1 > calls->n_slots / 4 * 3 ? calls_grow(calls) : 0;
}

static bool calls_find(const Calls *calls, uint32_t serial, size_t *ret_slot)
{
        if (calls->n_used == 0 || serial == 0)
                return false;
        for (size_t slot = calls_home(calls, serial); calls->slots[slot].serial != 0;
             slot = calls_next(calls, slot))
                if (calls->slots[slot].serial == serial) {
                        *ret_slot = slot;
                        return true;
                }
        return false;
}

bool calls_contain(const Calls *calls, uint32_t serial)
{
        size_t slot;

        return calls_find(calls, serial, &slot);
}

/* Closes the gap, so that whatever was pushed past it by a collision is still found. */
static void calls_remove(Calls *calls, size_t gap)
{
        size_t mask = calls->n_slots - 1;

        for (size_t slot = calls_next(calls, gap); calls->slots[slot].serial != 0; slot = calls_next(calls, slot)) {
                size_t home = calls_home(calls, calls->slots[slot].serial);

                if (((slot - home) & mask) < ((slot - gap) & mask))
                        continue;
                calls->slots[gap] = calls->slots[slot];
                gap = slot;
        }
        calls->slots[gap] = (PendingCall){ 0 };
        calls->n_used--;
}

bool calls_take(Calls *calls, uint32_t serial, PendingCall *ret_call)
{
        size_t slot;

        if (!calls_find(calls, serial, &slot))
                return false;
        *ret_call = calls->slots[slot];
        calls_remove(calls, slot);
        return true;
}

bool calls_take_oldest(Calls *calls, PendingCall *ret_call)
{
        uint32_t oldest = 0;

        for (size_t i = 0; i < calls->n_slots; i++) {
                uint32_t serial = calls->slots[i].serial;

                /* Serials wrap: the distance tells which of two is older. */
                if (serial != 0 && (oldest == 0 || (int32_t)(serial - oldest) < 0))
                        oldest = serial;
        }
        return calls_take(calls, oldest, ret_call);
}

void calls_done(Calls *calls)
{
        free(calls->slots);
        *calls = (Calls){ 0 };
}
