/* SPDX-License-Identifier: MIT */

/*
 * The further triggers of a task: docs/semantics.md, 3.10. Each is a piece of the kind that tasks are, of which what
 * belongs to a trigger is used, so that timers and topics hold it like a task; its Extra leads back to the task. The
 * few tasks that have any pay for them: a task with one trigger has none of this.
 */

#include "engine/parts.h"

struct Further {
        Further *next; /* in engine.dead_further */
        uint32_t n;
        uint32_t pieces[TRIGGERS_MAX - 1];
        Trigger triggers[TRIGGERS_MAX - 1];
        char texts[]; /* as in a Task, whose first three are empty */
};

#define TEXTS_BEFORE 3

static Further **further_of(const Engine *e, const Task *task)
{
        Extra *extra = task_extra(e, task);

        if (!extra)
                return NULL;
        return extra->shadow == task->index ? &extra->shadow_further : &extra->further;
}

static const Further *get_further(const Engine *e, const Task *task)
{
        Further **further = further_of(e, task);

        return further ? *further : NULL;
}

int trigger_reserve(Engine *e, const TaskSpec *spec)
{
        size_t n = 0;
        Further *further;
        char *p;

        if (spec->n_more == 0)
                return 0;
        for (uint32_t i = 0; i < spec->n_more; i++)
                n += TEXTS_BEFORE + strlen(spec->more[i].text ?: "") + 1;
        further = malloc(sizeof *further + n);
        if (!further)
                return -ENOMEM;
        *further = (Further){ .n = spec->n_more };
        p = further->texts;
        for (uint32_t i = 0; i < spec->n_more; i++) {
                const char *text = spec->more[i].text ?: "";
                size_t length = strlen(text);

                memset(p, 0, TEXTS_BEFORE);
                p = memcpy(p + TEXTS_BEFORE, text, length + 1);
                further->triggers[i] = spec->more[i];
                further->triggers[i].text = *text ? p : NULL;
                p += length + 1;
        }
        e->spare.further = further;
        return 0;
}

void trigger_fill(Engine *e, Task *task, const TaskSpec *spec)
{
        Further *further, **place;
        const char *p;

        if (spec->n_more == 0)
                return;
        task_need_extra(e, task);
        place = further_of(e, task);
        further = *place = TAKE_PTR(e->spare.further);
        assert(further);
        e->n_further += further->n;
        p = further->texts;
        for (uint32_t i = 0; i < further->n; i++) {
                Task *piece = slab_take(&e->tasks, &further->pieces[i]);

                piece->id = task->id;
                piece->index = further->pieces[i];
                piece->extra = task->extra;
                piece->timer = HEAP_NONE;
                piece->state = TASK_FURTHER;
                piece->place = (i + 1) & (TRIGGERS_MAX - 1);
                piece->catch_up = task->catch_up;
                piece->long_text = true;
                memcpy(piece->text, &p, sizeof p);
                p += TEXTS_BEFORE;
                spec_fill_trigger(e, piece, &further->triggers[i]);
                p += strlen(p) + 1;
        }
}

uint32_t trigger_count(const Engine *e, const Task *task)
{
        const Further *further = get_further(e, task);

        return 1 + (further ? further->n : 0);
}

Task *trigger_get(const Engine *e, const Task *task, uint32_t place)
{
        const Further *further = place > 0 ? get_further(e, task) : NULL;

        return task_get(e, further && place <= further->n ? further->pieces[place - 1] : task->index);
}

const Trigger *trigger_more(const Engine *e, const Task *task, uint32_t *ret_n)
{
        const Further *further = get_further(e, task);

        *ret_n = further ? further->n : 0;
        return further ? further->triggers : NULL;
}

Task *trigger_of_requests(const Engine *e, const Task *task)
{
        for (uint32_t i = 0; i < trigger_count(e, task); i++)
                if (trigger_is_requested((int)trigger_get(e, task, i)->kind))
                        return trigger_get(e, task, i);
        return NULL;
}

bool trigger_fires_by_itself(const Engine *e, const Task *task)
{
        for (uint32_t i = 0; i < trigger_count(e, task); i++)
                if (!trigger_is_requested((int)trigger_get(e, task, i)->kind))
                        return true;
        return false;
}

Anchor trigger_anchor(const Engine *e, const Task *trigger)
{
        return (Anchor){
                .boot_id = trigger->foreign ? UUID_NULL : e->config.boot_id,
                .boot_usec = (uint64_t)trigger->anchor_boot_usec,
                .real_usec = trigger->anchor_real_usec,
        };
}

Task *trigger_task(const Engine *e, Task *trigger)
{
        return trigger->state == TASK_FURTHER ? task_extra(e, trigger)->task : trigger;
}

Task *trigger_of_run(const Engine *e, const Run *run)
{
        return trigger_get(e, run->task, run->trigger);
}

Task *trigger_of_kind(const Engine *e, const Task *task, uint8_t kind)
{
        for (uint32_t i = 0; i < trigger_count(e, task); i++)
                if (trigger_get(e, task, i)->kind == kind)
                        return trigger_get(e, task, i);
        return NULL;
}

uint32_t trigger_first_due(Engine *e, const Heap *heap)
{
        const Task *top = task_get(e, heap->values[0]);
        const Task *task = trigger_task(e, task_get(e, heap->values[0])), *first = NULL;
        bool calendar = spec_is_calendar(top);
        uint64_t now = calendar ? e->now.real_usec : e->now.boot_usec;
        int64_t first_usec = INT64_MAX;

        if (trigger_count(e, task) == 1)
                return top->index;
        /* The keys may be those of moments to which they were put off, or from before the wall clock was set. */
        for (uint32_t i = 0; i < trigger_count(e, task); i++) {
                const Task *trigger = trigger_get(e, task, i);
                int64_t at;

                if (!spec_is_timer(trigger) || spec_is_calendar(trigger) != calendar || trigger->timer == HEAP_NONE ||
                    heap->keys[trigger->timer] > now)
                        continue;
                at = timer_next_usec(e, trigger);
                if (!first || at < first_usec) {
                        first = trigger;
                        first_usec = at;
                }
        }
        return first ? first->index : top->index;
}

void trigger_arm_all(Engine *e, Task *task)
{
        for (uint32_t i = 0; i < trigger_count(e, task); i++) {
                Task *trigger = trigger_get(e, task, i);

                if (spec_is_timer(trigger) && trigger->timer == HEAP_NONE)
                        timer_arm(e, trigger, 0);
        }
}

void trigger_disarm_all(Engine *e, Task *task)
{
        for (uint32_t i = 0; i < trigger_count(e, task); i++)
                timer_disarm(e, trigger_get(e, task, i));
}

void trigger_rest_all(Engine *e, Task *task)
{
        for (uint32_t i = 0; i < trigger_count(e, task); i++)
                timer_rest(e, trigger_get(e, task, i));
}

void trigger_enter(Engine *e, Task *task)
{
        for (uint32_t i = 0; i < trigger_count(e, task); i++) {
                Task *trigger = trigger_get(e, task, i);

                if (spec_is_timer(trigger))
                        timer_arm(e, trigger, 0);
                else
                        condition_listen(e, trigger);
        }
}

static void deaf(Engine *e, Task *trigger)
{
        timer_disarm(e, trigger);
        if (!spec_is_timer(trigger))
                condition_deaf(e, trigger);
}

void trigger_deaf_all(Engine *e, Task *task)
{
        for (uint32_t i = 0; i < trigger_count(e, task); i++)
                deaf(e, trigger_get(e, task, i));
}

void trigger_unref_topics(Engine *e, Task *task)
{
        for (uint32_t i = 0; i < trigger_count(e, task); i++)
                if (!spec_is_timer(trigger_get(e, task, i)))
                        condition_unref_topic(e, trigger_get(e, task, i));
}

void trigger_drop(Engine *e, Task *task)
{
        Further **place = further_of(e, task), *further = place ? TAKE_PTR(*place) : NULL;

        if (!further)
                return;
        for (uint32_t i = 0; i < further->n; i++) {
                Task *piece = task_get(e, further->pieces[i]);

                deaf(e, piece);
                if (!spec_is_timer(piece))
                        condition_unref_topic(e, piece);
                condition_discount_needs(e, piece);
                piece->state = TASK_GONE;
                piece->timer = e->dead_task;
                e->dead_task = piece->index;
        }
        e->n_further -= further->n;
        further->next = e->dead_further;
        e->dead_further = further;
}

void trigger_bury(Engine *e)
{
        while (e->dead_further) {
                Further *further = e->dead_further;

                e->dead_further = further->next;
                free(further);
        }
}

void trigger_free_all(Extra *extra)
{
        free(TAKE_PTR(extra->further));
        free(TAKE_PTR(extra->shadow_further));
}

bool trigger_ends_task(const Engine *e, const Run *run)
{
        return ending_is_of_trigger(run) && trigger_of_run(e, run)->one_shot;
}

static bool ends_task(const Engine *e, const ListNode *list, bool ended)
{
        list_for_each(i, list) {
                const Run *run = list_entry(i, Run, task_node);

                if ((!ended || (run->last && (run->held || run->removes_task))) && trigger_ends_task(e, run))
                        return true;
        }
        return false;
}

bool trigger_is_spent(const Engine *e, const Task *task)
{
        const Extra *extra = task_extra(e, task);

        return extra && (ends_task(e, &extra->queue, false) || ends_task(e, &extra->live, false) ||
                         ends_task(e, &extra->ended, true));
}

static bool is_equal(const Task *a, const Task *b)
{
        return a->kind == b->kind && a->system_type == b->system_type && a->one_shot == b->one_shot &&
               (!spec_is_timer(a) || (a->period_usec == b->period_usec && a->window_usec == b->window_usec)) &&
               strcmp(spec_trigger_text(a), spec_trigger_text(b)) == 0;
}

static uint32_t find_equal(const Engine *e, const Task *task, const Task *trigger)
{
        uint32_t n = trigger_count(e, task), i;

        for (i = 0; i < n && !is_equal(trigger_get(e, task, i), trigger); i++)
                ;
        return i;
}

/* The trigger that one of the new ones continues; NULL: it is new. */
static const Task *trigger_before(const Engine *e, const Task *old, const Task *new, uint32_t place)
{
        const Task *trigger = trigger_get(e, new, place), *before;
        uint32_t equal = find_equal(e, old, trigger);

        if (equal < trigger_count(e, old))
                return trigger_get(e, old, equal);
        if (place >= trigger_count(e, old))
                return NULL;
        before = trigger_get(e, old, place);
        /* It may go on at another place. */
        if (before->kind != trigger->kind || find_equal(e, new, before) < trigger_count(e, new))
                return NULL;
        return before;
}

void trigger_keep_phases(Engine *e, const Task *old, Task *new, bool begin)
{
        for (uint32_t i = 0; i < trigger_count(e, new); i++) {
                const Task *before = trigger_before(e, old, new, i);

                if (before)
                        timer_keep_phase(e, trigger_get(e, new, i), before);
                else if (begin)
                        timer_anchor_new(e, trigger_get(e, new, i));
        }
}
