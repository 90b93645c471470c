/* SPDX-License-Identifier: MIT */

/*
 * Push messages: what a trigger is called by sensors and engine, what becomes of a message, and where messages are to
 * be sent to. The text of a trigger, which sensors/push.h describes, is made here: its token is one of chance, and
 * stays with the name of the task as long as there is one of this name.
 */

#include <stdio.h>
#include <string.h>

#include "broker/broker.h"

static const Trigger *find_trigger(const TaskSpec *spec)
{
        for (uint32_t i = 0; i <= spec->n_more; i++)
                if (spec_trigger(spec, i)->kind == TRIGGER_PUSH_NOTIFICATION)
                        return spec_trigger(spec, i);
        return NULL;
}

static void make_text(const Broker *broker, const TaskSpec *spec, uint8_t if_exists,
                      char text[static PUSH_TEXT_MAX])
{
        const Trigger *before = NULL;
        char token[UUID_STRING_MAX];
        TaskInfo info;

        if (if_exists != IF_EXISTS_DUPLICATE &&
            engine_list_tasks(broker->engine, spec->package, spec->name, NULL, UUID_NULL, &info, 1) == 1)
                before = find_trigger(&info.row.spec);
        if (before)
                snprintf(text, PUSH_TEXT_MAX, "%s", before->text);
        else
                snprintf(text, PUSH_TEXT_MAX, "%s\t%.128s\t%.255s", uuid_format(uuid_random(), token), spec->package,
                         spec->name);
}

static void fill(Trigger *trigger, const char *text)
{
        if (trigger->kind == TRIGGER_PUSH_NOTIFICATION)
                trigger->text = text;
}

void broker_push_fill(const Broker *broker, TaskSpec *spec, uint8_t if_exists, PushTexts *texts)
{
        if (!find_trigger(spec) || spec->n_more > TRIGGERS_MAX || !spec->name || !spec->package)
                return;
        make_text(broker, spec, if_exists, texts->text);
        for (uint32_t i = 0; i < spec->n_more; i++) {
                texts->more[i] = spec->more[i];
                fill(&texts->more[i], texts->text);
        }
        fill(&spec->trigger, texts->text);
        spec->more = texts->more;
}

void broker_push_came(const char *text, const void *message, size_t n_message, uint64_t token, void *userdata)
{
        Broker *broker = userdata;
        Event event = broker_event(broker, EVENT_RAISE, PUSH_BIT | token);

        event.raise.kind = TRIGGER_PUSH_NOTIFICATION;
        event.raise.text = text;
        event.raise.details = message;
        event.raise.n_details = n_message;
        broker_feed(broker, &event);
}

void broker_push_answered(const Broker *broker, uint64_t token, Error error)
{
        if (broker->sensors)
                sensors_answer_push(broker->sensors, token & ~PUSH_BIT, error == ERROR_NONE);
}

const char *broker_push_endpoint(const Broker *broker, const TaskInfo *task)
{
        const Trigger *trigger = find_trigger(&task->row.spec);

        return trigger && broker->sensors ? sensors_get_endpoint(broker->sensors, trigger->text) : NULL;
}

/* Several tasks may have one name, and another token each. */
void broker_push_endpoint_changed(const char *text, void *userdata)
{
        const char *family = strchr(text, '\t') + 1, *name = strrchr(text, '\t') + 1;
        Broker *broker = userdata;
        char package[PUSH_TEXT_MAX];
        TaskInfo info = { 0 };

        snprintf(package, sizeof package, "%.*s", (int)(name - family - 1), family);
        while (engine_list_tasks(broker->engine, package, name, NULL, info.row.id, &info, 1) == 1) {
                const Trigger *trigger = find_trigger(&info.row.spec);

                if (trigger && strcmp(trigger->text, text) == 0)
                        bus_signal_task_changed(broker->bus, info.row.id, package, name, "endpoint");
        }
}
