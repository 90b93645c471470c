/* SPDX-License-Identifier: MIT */

/* Levels of conditions, the edges between them, and who listens to events: docs/semantics.md, 4.2, 5.3 and 5.4. */

#include "base/hash.h"
#include "engine/parts.h"

/* The pairs that follow from each other: only the first of each is stored. */
static const uint8_t pairs[][2] = {
        { CONDITION_USER_PRESENT, CONDITION_USER_NOT_PRESENT },
        { CONDITION_INTERNET_AVAILABLE, CONDITION_INTERNET_NOT_AVAILABLE },
        { CONDITION_SESSION_CONNECTED, CONDITION_SESSION_DISCONNECTED },
};

static const struct {
        uint8_t condition;
        uint8_t topic;
} edges[] = {
        { CONDITION_USER_PRESENT, SYSTEM_USER_PRESENT },
        { CONDITION_USER_NOT_PRESENT, SYSTEM_USER_AWAY },
        { CONDITION_INTERNET_AVAILABLE, SYSTEM_INTERNET_AVAILABLE },
        { CONDITION_SESSION_CONNECTED, SYSTEM_SESSION_CONNECTED },
        { CONDITION_SESSION_CONNECTED, TOPIC_LOGIN },
        { LEVEL_BOOT, TOPIC_BOOT },
};

/* The topic of triggers that have no text; 0: there is none. */
static unsigned topic_of(uint8_t kind, uint8_t system_type)
{
        switch (kind) {
        case TRIGGER_SYSTEM:
                return system_type & 15;
        case TRIGGER_BOOT:
                return TOPIC_BOOT;
        case TRIGGER_LOGIN:
                return TOPIC_LOGIN;
        case TRIGGER_RESUME:
                return TOPIC_RESUME;
        default:
                return 0;
        }
}

static uint32_t needs_of(const Task *task)
{
        unsigned topic = topic_of((uint8_t)task->kind, (uint8_t)task->system_type);
        uint32_t needs = task->conditions;

        if (task->kind == TRIGGER_MAINTENANCE)
                needs |= CONDITION_BIT(CONDITION_ON_AC_POWER);
        if (trigger_is_of_device(task->kind))
                needs |= CONDITION_BIT(CONDITION_BATTERY_NOT_LOW);
        for (size_t i = 0; topic && i < ELEMENTSOF(edges); i++)
                if (edges[i].topic == topic && edges[i].condition != LEVEL_BOOT)
                        needs |= CONDITION_BIT(edges[i].condition);
        return needs;
}

void condition_count_needs(Engine *e, const Task *task)
{
        for (uint32_t left = needs_of(task); left; left &= left - 1) {
                unsigned c = (unsigned)__builtin_ctz(left);

                e->n_needs[c]++;
                e->needs |= CONDITION_BIT(c);
        }
}

void condition_discount_needs(Engine *e, const Task *task)
{
        for (uint32_t left = needs_of(task); left; left &= left - 1) {
                unsigned c = (unsigned)__builtin_ctz(left);

                assert(e->n_needs[c] > 0);
                if (--e->n_needs[c] == 0)
                        e->needs &= ~CONDITION_BIT(c);
        }
}

bool spec_has_topic_text(uint8_t kind)
{
        return kind == TRIGGER_CUSTOM_SYSTEM_EVENT || trigger_is_watched(kind);
}

static uint64_t topic_hash(const Engine *e, uint8_t kind, const char *text)
{
        return siphash24(text, strlen(text), e->config.hash_key) + kind;
}

Topic *spec_find_topic(const Engine *e, uint8_t kind, const char *text)
{
        uint64_t hash = topic_hash(e, kind, text);

        for (MapNode *i = map_find(&e->topics_by_text, hash); i; i = map_next(i)) {
                Topic *topic = CONTAINER_OF(i, Topic, node);

                if (topic->kind == kind && strcmp(topic->text, text) == 0)
                        return topic;
        }
        return NULL;
}

Topic *condition_topic(Engine *e, uint8_t kind, uint8_t system_type, const char *text)
{
        unsigned topic = topic_of(kind, system_type);

        if (topic)
                return &e->system_topics[topic];
        if (spec_has_topic_text(kind) && text)
                return spec_find_topic(e, kind, text);
        return NULL;
}

/* What custom events mean is known only to who raises them; the rest is watched. */
static void tell_watch(Engine *e, const Topic *topic, bool on)
{
        Effect *effect;

        if (topic->kind == TRIGGER_CUSTOM_SYSTEM_EVENT)
                return;
        effect = effect_add(e, EFFECT_WATCH);
        effect->watch.kind = topic->kind;
        effect->watch.text = topic->text;
        effect->watch.on = on;
}

static Topic *take_spare_topic(Engine *e, uint8_t kind, const char *text)
{
        size_t i;

        for (i = 0; i < TRIGGERS_MAX; i++) {
                const Topic *topic = e->spare.topics[i];

                if (topic && topic->kind == kind && strcmp(topic->text, text) == 0)
                        break;
        }
        assert(i < TRIGGERS_MAX);
        return TAKE_PTR(e->spare.topics[i]);
}

void condition_ref_topic(Engine *e, Task *task, const char *text)
{
        Topic *topic = condition_topic(e, (uint8_t)task->kind, (uint8_t)task->system_type, text);

        task->topic_next = task->topic_prev = 0;
        if (!topic && spec_has_topic_text((uint8_t)task->kind) && text) {
                topic = take_spare_topic(e, (uint8_t)task->kind, text);
                map_insert(&e->topics_by_text, &topic->node, topic_hash(e, topic->kind, text));
                tell_watch(e, topic, true);
        }
        if (topic)
                topic->refs++;
        task->topic = topic;
}

void condition_unref_topic(Engine *e, Task *task)
{
        Topic *topic = TAKE_PTR(task->topic);

        if (!topic || --topic->refs > 0 || !spec_has_topic_text((uint8_t)task->kind))
                return;
        map_remove(&e->topics_by_text, &topic->node);
        tell_watch(e, topic, false);
        /* An event on its way finds nobody. */
        list_for_each_safe(i, &e->raises) {
                Raise *raise = list_entry(i, Raise, node);

                if (raise->topic != topic)
                        continue;
                if (raise->token) {
                        raise->topic = NULL;
                        raise->next = raise->last = 0;
                        continue;
                }
                list_remove(&raise->node);
                firing_unref_details(raise->details);
                pool_give(&e->raises_pool, raise);
        }
        topic->node.next = e->dead_topics;
        e->dead_topics = &topic->node;
}

void condition_bury(Engine *e)
{
        while (e->dead_topics) {
                Topic *topic = CONTAINER_OF(e->dead_topics, Topic, node);

                e->dead_topics = topic->node.next;
                free(topic);
        }
}

static void store_level(Engine *e, uint8_t condition, int8_t level, bool primary, bool baseline);

void condition_listen(Engine *e, Task *task)
{
        Topic *topic = task->topic;
        Task *last;

        if (!topic || task->listening)
                return;
        /* A boot trigger that is registered in this boot waits for the next one. */
        if (task->kind == TRIGGER_BOOT && e->started)
                store_level(e, LEVEL_BOOT, 1, true, true);
        last = task_get(e, topic->last);
        task->topic_prev = topic->last;
        task->topic_next = 0;
        if (last)
                last->topic_next = task->index;
        else
                topic->first = task->index;
        topic->last = task->index;
        task->listening = true;
}

void condition_deaf(Engine *e, Task *task)
{
        Topic *topic = task->topic;
        Task *next, *prev;

        if (!topic || !task->listening)
                return;
        list_for_each(i, &e->raises) {
                Raise *raise = list_entry(i, Raise, node);

                if (raise->topic != topic)
                        continue;
                if (raise->next == task->index)
                        raise->next = raise->last == task->index ? 0 : task->topic_next;
                if (raise->last == task->index)
                        raise->last = task->topic_prev;
        }
        next = task_get(e, task->topic_next);
        prev = task_get(e, task->topic_prev);
        if (next)
                next->topic_prev = task->topic_prev;
        else
                topic->last = task->topic_prev;
        if (prev)
                prev->topic_next = task->topic_next;
        else
                topic->first = task->topic_next;
        task->topic_next = task->topic_prev = 0;
        task->listening = false;
}

/* For the triggers from first to last of those that listen; 0: there are none. */
static void add_raise(Engine *e, const Raise *what, uint64_t token)
{
        Raise *raise;

        if (!what->next || e->shutting_down) {
                effect_reply_result(e, token, ERROR_NO_SUCH_TASK, RESULT_UNKNOWN_ERROR, UUID_NULL);
                return;
        }
        raise = pool_take(&e->raises_pool);
        *raise = *what;
        raise->token = token;
        if (raise->details)
                raise->details->refs++;
        list_append(&e->raises, &raise->node);
}

void condition_raise_topic(Engine *e, Topic *topic, Package *package, Details *details, uint64_t token)
{
        const Raise what = { .topic = topic, .package = package, .next = topic ? topic->first : 0,
                             .last = topic ? topic->last : 0, .details = details };

        add_raise(e, &what, token);
}

static bool hears(const Engine *e, const Raise *raise, Task *trigger)
{
        const Task *task = trigger_task(e, trigger);

        return gate_missing_capabilities(e, trigger) == 0 &&
                (!raise->package || task_package(e, task) == raise->package) &&
                (uuid_is_null(raise->task) || uuid_equal(task->id, raise->task));
}

void condition_drain(Engine *e)
{
        while (e->work > 0 && !list_is_empty(&e->raises)) {
                Raise *raise = list_entry(e->raises.next, Raise, node);
                Task *task = task_get(e, raise->next);

                e->work--;
                if (task) {
                        raise->next = raise->next == raise->last ? 0 : task->topic_next;
                        if (hears(e, raise, task))
                                firing_event(e, task, raise->details, &raise->token);
                }
                if (raise->next)
                        continue;
                effect_reply_result(e, raise->token, ERROR_NO_SUCH_TASK, RESULT_UNKNOWN_ERROR, UUID_NULL);
                list_remove(&raise->node);
                firing_unref_details(raise->details);
                pool_give(&e->raises_pool, raise);
        }
}

/* For one task: as if its trigger were the only one that listens. It seldom has two that hear the same. */
static void raise_for_task(Engine *e, Topic *topic, Uuid id, Details *details, uint64_t token)
{
        Raise what = { .topic = topic, .task = id, .details = details };
        const Task *task = task_find(e, id);

        for (uint32_t i = 0; task && i < trigger_count(e, task); i++) {
                const Task *trigger = trigger_get(e, task, i);

                if (trigger->topic != topic || !trigger->listening)
                        continue;
                what.last = what.next ? topic->last : trigger->index;
                what.next = what.next ? topic->first : trigger->index;
        }
        add_raise(e, &what, token);
}

void condition_raise(Engine *e, const Event *event)
{
        Topic *topic = condition_topic(e, event->raise.kind, event->raise.system_type, event->raise.text);
        Details *details = firing_take_details(e);

        if (topic && !uuid_is_null(event->raise.task))
                raise_for_task(e, topic, event->raise.task, details, event->token);
        else
                condition_raise_topic(e, topic, NULL, details, event->token);
        firing_unref_details(details);
}

static void set_level(Engine *e, uint8_t condition, int8_t level)
{
        Level *l = &e->levels[condition];

        if (l->now == level)
                return;
        /* Unknown counts as not true: from false to unknown nothing is lost that was not lost before. */
        if (l->now == 1)
                l->since_mono_usec = e->now.mono_usec;
        l->now = level;
        l->since_real_usec = e->now.real_usec;
        if (level == 1)
                gate_open(e, &e->conditions[condition]);
        else
                gate_close(&e->conditions[condition]);
}

/*
 * The stored level follows every true and false; a true one that was not stored before is an edge, unless it is what
 * a sensor found when it began to watch.
 */
static void store_level(Engine *e, uint8_t condition, int8_t level, bool primary, bool baseline)
{
        Level *l = &e->levels[condition];

        if (level < 0 || l->stored == level)
                return;
        for (size_t i = 0; level == 1 && e->started && !baseline && i < ELEMENTSOF(edges); i++)
                if (edges[i].condition == condition)
                        condition_raise_topic(e, &e->system_topics[edges[i].topic], NULL, NULL, 0);
        l->stored = level;
        if (primary && e->started)
                l->dirty = e->levels_dirty = true;
}

/* The pair of a condition: which of the two is stored, and its inverse; false if it has none. */
static bool find_pair(uint8_t condition, const uint8_t **ret_pair)
{
        for (size_t i = 0; i < ELEMENTSOF(pairs); i++)
                if (pairs[i][0] == condition || pairs[i][1] == condition) {
                        *ret_pair = pairs[i];
                        return true;
                }
        return false;
}

static int8_t inverse(int8_t level)
{
        return level < 0 ? level : (int8_t)!level;
}

void condition_level(Engine *e, const Event *event)
{
        uint8_t condition = event->level.condition;
        int8_t level = event->level.level < 0 ? -1 : event->level.level > 0;
        bool baseline = event->level.baseline;
        const uint8_t *pair;

        if (condition >= CONDITION_MAX)
                return;
        if (!find_pair(condition, &pair)) {
                set_level(e, condition, level);
        } else {
                if (condition == pair[1])
                        level = inverse(level);
                set_level(e, pair[0], level);
                set_level(e, pair[1], inverse(level));
                store_level(e, pair[0], level, true, baseline);
                store_level(e, pair[1], inverse(level), false, baseline);
        }
        list_for_each(i, &e->live)
                run_arm(e, list_entry(i, Run, live_node));
}

void condition_boot(Engine *e)
{
        if (e->system_topics[TOPIC_BOOT].first)
                store_level(e, LEVEL_BOOT, 1, true, false);
}

void condition_restore(Engine *e, const Event *event)
{
        uint8_t condition = event->level.condition;
        int8_t level = event->level.level;
        const uint8_t *pair;

        if (condition == LEVEL_BOOT)
                e->levels[LEVEL_BOOT].stored = level == 1 ? 1 : -1;
        if (condition >= CONDITION_MAX || (level != 0 && level != 1) || !find_pair(condition, &pair))
                return;
        e->levels[condition].stored = level;
        e->levels[condition == pair[0] ? pair[1] : pair[0]].stored = inverse(level);
}

void condition_watch(const Engine *e, Run *run)
{
        const Task *task = run->task;

        run->watched_conditions = task->cancel_on_condition_loss ? task->conditions : 0;
        run->watched_power = spec_needs_power(e, task) ? CONDITION_BIT(CONDITION_ON_AC_POWER) : 0;
}

/* What a run is told that is canceled because this condition was lost. */
static uint8_t loss_reason(unsigned condition, bool maintenance)
{
        if (maintenance)
                return REASON_ABORT;
        return condition == CONDITION_BACKGROUND_WORK_COST_NOT_HIGH ? REASON_ENERGY_SAVER : REASON_CONDITION_LOSS;
}

uint64_t condition_loss_mono_usec(const Engine *e, const Run *run, uint8_t *ret_reason)
{
        uint32_t watched = run->watched_conditions, power = run->watched_power;
        uint64_t first = USEC_INFINITY;

        if (run->unconfirmed || run->forced || run->deadline_boot_usec <= e->now.boot_usec)
                return USEC_INFINITY;
        for (uint32_t left = watched | power; left; left &= left - 1) {
                unsigned c = (unsigned)__builtin_ctz(left);
                uint64_t loss;

                if (e->levels[c].now == 1)
                        continue;
                loss = usec_add(MAX(e->levels[c].since_mono_usec, run->running_mono_usec), DEBOUNCE_USEC);
                if (loss < first) {
                        first = loss;
                        *ret_reason = loss_reason(c, CONDITION_BIT(c) & power);
                }
        }
        return first;
}
