/* SPDX-License-Identifier: MIT */

/* Calendar triggers: docs/semantics.md, 3.9. src/calendar says what comes next, and the broker reads the zones. */

#include "engine/parts.h"

/* Scheduled times that one firing is known to stand for. */
#define COUNT_MAX 1000
/* What the wall clock may be set back by before that is a correction. */
#define CORRECTION_USEC (3 * USEC_PER_HOUR)

static ZoneEntry *find_entry(const Engine *e, const char *name)
{
        list_for_each(i, &e->zones)
                if (strcmp(list_entry(i, ZoneEntry, node)->name, name) == 0)
                        return list_entry(i, ZoneEntry, node);
        return NULL;
}

static const Zone *find_zone(const Engine *e, const char *name)
{
        const ZoneEntry *entry = find_entry(e, name);

        if (entry && entry->zone)
                return entry->zone;
        return strcmp(name, "UTC") == 0 ? zone_utc() : NULL;
}

/* The expression in its zone; false if that is not known. */
static bool find(const Engine *e, const char *text, Calendar *ret_calendar, const Zone **ret_zone)
{
        if (calendar_parse(text, ret_calendar, NULL) < 0)
                return false;
        *ret_zone = find_zone(e, ret_calendar->zone);
        return *ret_zone;
}

int dates_reserve_zone(Engine *e, const Event *event)
{
        const char *name = event->zone.name;
        ZoneEntry *entry;
        int r;

        if (!name || (*name && !zone_name_is_valid(name)))
                return 0;
        entry = calloc(1, sizeof *entry);
        if (!entry)
                return -ENOMEM;
        memcpy(entry->name, name, strlen(name) + 1);
        e->spare.zone = entry;
        r = event->zone.data ? zone_parse(event->zone.data, event->zone.n, &entry->zone) : 0;
        /* What is no zone is none. */
        return r == -ENOMEM ? r : 0;
}

static void free_entry(ZoneEntry *entry)
{
        if (!entry)
                return;
        zone_free(entry->zone);
        list_remove(&entry->node);
        free(entry);
}

void dates_drop_spare(Engine *e)
{
        free_entry(TAKE_PTR(e->spare.zone));
}

void dates_done(Engine *e)
{
        while (!list_is_empty(&e->zones))
                free_entry(list_entry(e->zones.next, ZoneEntry, node));
}

void dates_zone(Engine *e, const Event *event)
{
        ZoneEntry *entry = TAKE_PTR(e->spare.zone), *before;

        if (!entry)
                return;
        before = find_entry(e, entry->name);
        if (before && before->zone && entry->zone && zone_equal(before->zone, entry->zone)) {
                free_entry(entry);
                return;
        }
        free_entry(before);
        list_append(&e->zones, &entry->node);
        dates_derive(e);
}

static int64_t now_sec(const Engine *e)
{
        return (int64_t)(e->now.real_usec / USEC_PER_SEC);
}

bool dates_comes(const Engine *e, const char *text)
{
        const Zone *zone;
        Calendar calendar;
        int64_t next;

        return find(e, text, &calendar, &zone) && calendar_next(&calendar, zone, now_sec(e), &next);
}

/* What scheduled times count from. */
static int64_t base_sec(const Engine *e, const Task *task)
{
        uint64_t anchor = task->anchor_real_usec;

        if (anchor > e->now.real_usec && anchor >= usec_add(e->derived_real_usec, CORRECTION_USEC))
                anchor = e->derived_real_usec;
        return (int64_t)(anchor / USEC_PER_SEC);
}

static uint64_t to_usec(int64_t sec)
{
        return (uint64_t)sec * USEC_PER_SEC;
}

uint64_t dates_next_usec(const Engine *e, const Task *task)
{
        const Zone *zone;
        Calendar calendar;
        int64_t next;

        if (!find(e, spec_trigger_text(task), &calendar, &zone) ||
            !calendar_next(&calendar, zone, base_sec(e, task), &next))
                return USEC_INFINITY;
        return to_usec(next);
}

static uint64_t key_of(void *userdata, uint32_t value)
{
        Engine *e = userdata;

        return dates_next_usec(e, task_get(e, value));
}

void dates_derive(Engine *e)
{
        heap_rekey_all(&e->dates, key_of);
}

void dates_arm(Engine *e, Task *task, uint64_t delay_usec)
{
        uint64_t key = key_of(e, task->index);

        if (delay_usec)
                key = MAX(key, usec_add(e->now.real_usec, delay_usec));
        if (task->timer != HEAP_NONE) {
                heap_rekey(&e->dates, task->timer, key);
                return;
        }
        if (heap_reserve(&e->dates, 1) < 0)
                abort();
        heap_push(&e->dates, key, task->index);
}

bool dates_is_due(const Engine *e)
{
        return e->dates.n > 0 && e->dates.keys[0] <= e->now.real_usec;
}

static Undo move_anchor(Engine *e, Task *task, int64_t sec)
{
        Undo undo = firing_undo(e, task);

        task->anchor_boot_usec = (int64_t)e->now.boot_usec;
        task->anchor_real_usec = to_usec(sec);
        task->foreign = false;
        trigger_task(e, task)->state_dirty = true;
        return undo;
}

static void fire_once(Engine *e, Task *task, int64_t first, int64_t last, uint64_t count)
{
        Undo undo = move_anchor(e, task, last);

        timer_fire(e, task, &undo, to_usec(last), to_usec(first), count);
}

static void skip(Engine *e, Task *task, int64_t first, int64_t last)
{
        Undo undo = move_anchor(e, task, last);

        timer_skip(e, task, &undo, to_usec(last), to_usec(first));
}

/* The newest times of those that are due, each by itself, as far as the event's share of work goes. */
static void fire_each(Engine *e, Task *task, const Calendar *c, const Zone *zone, int64_t first, int64_t last)
{
        int64_t window = (int64_t)(spec_options(e, task)->catch_up_window_usec / USEC_PER_SEC);
        int64_t times[SCHEDULE_ALL_MAX], since = MAX(first - 1, now_sec(e) - window - 1);
        bool several = trigger_count(e, trigger_task(e, task)) > 1;
        size_t n = 0;

        for (int64_t at = last; n < ELEMENTSOF(times) && calendar_last(c, zone, since, at, &at); at--)
                times[n++] = at;
        if (n == 0)
                skip(e, task, first, last);
        for (size_t i = n; i > 0; i--) {
                fire_once(e, task, times[i - 1], times[i - 1], 1);
                if (e->work == 0 || several)
                        break;
                if (i > 1)
                        e->work--;
        }
}

static void fire_due(Engine *e, Task *task, const Calendar *c, const Zone *zone)
{
        int64_t base = base_sec(e, task), now = now_sec(e), first, last;
        uint32_t count = task->one_shot ? 1 : calendar_count(c, zone, base, now, COUNT_MAX);
        bool late;

        if (!calendar_next(c, zone, base, &first) || first > now)
                return;
        if (trigger_task(e, task)->skip_next) {
                /* What is due behind that time is another piece of work. */
                (void)move_anchor(e, task, first);
                timer_skip_next(e, task, to_usec(first));
                return;
        }
        last = first;
        if (count > 1 && !calendar_last(c, zone, first, now, &last))
                return;
        late = e->now.real_usec > usec_add(to_usec(last), SCHEDULE_LATENESS);
        if (task->catch_up == CATCH_UP_NONE && late)
                skip(e, task, first, last);
        else if (task->catch_up == CATCH_UP_NONE || (task->catch_up == CATCH_UP_ALL && count == 1 && !late))
                fire_once(e, task, last, last, 1);
        else if (task->catch_up == CATCH_UP_ALL)
                fire_each(e, task, c, zone, first, last);
        else
                fire_once(e, task, first, last, count);
}

static void fire_task(Engine *e, Task *task)
{
        const Zone *zone;
        Calendar calendar;

        if (trigger_is_spent(e, trigger_task(e, task))) {
                timer_disarm(e, task);
                return;
        }
        if (find(e, spec_trigger_text(task), &calendar, &zone))
                fire_due(e, task, &calendar, zone);
        timer_fired(e, task);
}

void dates_fire_due(Engine *e)
{
        while (e->work > 0 && dates_is_due(e)) {
                e->work--;
                fire_task(e, task_get(e, trigger_first_due(e, &e->dates)));
        }
}
