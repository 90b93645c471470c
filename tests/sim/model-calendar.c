/* SPDX-License-Identifier: MIT */

/* docs/semantics.md, 3.9: the times of a calendar trigger, one after the other. */

#include <string.h>

#include "calendar/calendar.h"
#include "model.h"

static bool find(World *w, const char *text, Calendar *ret_calendar, const Zone **ret_zone)
{
        if (calendar_parse(text, ret_calendar, NULL) < 0)
                return false;
        *ret_zone = world_zone(w, ret_calendar->zone);
        return *ret_zone;
}

bool calendar_comes(World *w, const char *text)
{
        const Zone *zone;
        Calendar c;
        int64_t next;

        return text && find(w, text, &c, &zone) && calendar_next(&c, zone, w->now.real_usec / USEC_PER_SEC, &next);
}

/* The anchor, unless the clock was set back behind it by so much that this was a correction. */
static int64_t count_from(World *w, const MTrigger *t)
{
        uint64_t set_to = w->model->derived.real_usec, anchor = t->anchor.real_usec;
        bool ahead = anchor > w->now.real_usec;

        return (ahead && anchor - set_to >= 3 * USEC_PER_HOUR ? set_to : anchor) / USEC_PER_SEC;
}

uint64_t calendar_next_real(World *w, const MTask *t, size_t place)
{
        const Zone *zone;
        Calendar c;
        int64_t next;

        if (!find(w, trigger_of(&t->spec, place)->text, &c, &zone) ||
            !calendar_next(&c, zone, count_from(w, &t->triggers[place]), &next))
                return USEC_INFINITY;
        return next * USEC_PER_SEC;
}

void calendar_due(World *w, const MTask *t, size_t place, CalendarDue *ret_due)
{
        uint64_t since = usec_sub(w->now.real_usec / USEC_PER_SEC * USEC_PER_SEC, t->spec.catch_up_window_usec);
        int64_t at = count_from(w, &t->triggers[place]);
        const Zone *zone;
        Calendar c;

        *ret_due = (CalendarDue){ 0 };
        if (!find(w, trigger_of(&t->spec, place)->text, &c, &zone))
                return;
        while (calendar_next(&c, zone, at, &at) && at * USEC_PER_SEC <= w->now.real_usec) {
                uint64_t time = at * USEC_PER_SEC;

                if (ret_due->count == 0)
                        ret_due->first = time;
                ret_due->last = time;
                ret_due->count += ret_due->count < 1000;
                if (time >= since) {
                        if (ret_due->n_newest == ELEMENTSOF(ret_due->newest))
                                memmove(ret_due->newest, ret_due->newest + 1,
                                        --ret_due->n_newest * sizeof ret_due->newest[0]);
                        ret_due->newest[ret_due->n_newest++] = time;
                }
                if (trigger_of(&t->spec, place)->one_shot)
                        break;
        }
}
