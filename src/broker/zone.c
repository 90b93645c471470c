/* SPDX-License-Identifier: MIT */

/* The rules of time zones: read from zoneinfo when an expression names one, and told to the engine. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/broker.h"
#include "calendar/calendar.h"

typedef struct ZoneFile {
        ListNode node;
        void *data; /* NULL: there is no such file, or it cannot be read */
        size_t size;
        char name[ZONE_NAME_MAX + 1];
} ZoneFile;

static ZoneFile *find(Broker *broker, const char *name)
{
        list_for_each(i, &broker->zones)
                if (strcmp(list_entry(i, ZoneFile, node)->name, name) == 0)
                        return list_entry(i, ZoneFile, node);
        return NULL;
}

static void feed(Broker *broker, const ZoneFile *file)
{
        Event event = broker_event(broker, EVENT_ZONE, 0);

        event.zone.name = file->name;
        event.zone.data = file->data;
        event.zone.n = file->size;
        broker_feed(broker, &event);
}

static void load(Broker *broker, ZoneFile *file)
{
        int r;

        free(TAKE_PTR(file->data));
        file->size = 0;
        r = zoneinfo_read(file->name, &file->data, &file->size);
        if (r < 0)
                broker_log("the rules of the zone %s cannot be read: %s", file->name[0] ? file->name : "(local)",
                           strerror(-r));
        feed(broker, file);
}

bool broker_zone_need(Broker *broker, const char *expression)
{
        Calendar calendar;
        ZoneFile *file;

        if (!expression || calendar_parse(expression, &calendar, NULL) < 0 || strcmp(calendar.zone, "UTC") == 0)
                return true;
        file = find(broker, calendar.zone);
        if (file && file->data)
                return true;
        if (!file) {
                file = calloc(1, sizeof *file);
                if (!file)
                        return true;
                memcpy(file->name, calendar.zone, strlen(calendar.zone) + 1);
                list_append(&broker->zones, &file->node);
        }
        load(broker, file);
        if (file->data)
                return true;
        /* Names that nobody has are not collected. */
        list_remove(&file->node);
        free(file);
        return false;
}

void broker_zones_reload(Broker *broker)
{
        list_for_each(i, &broker->zones)
                load(broker, list_entry(i, ZoneFile, node));
}

int broker_zones_tell(Broker *broker, int (*tell)(void *userdata, const Event *event), void *userdata)
{
        int r = 0;

        list_for_each(i, &broker->zones) {
                const ZoneFile *file = list_entry(i, ZoneFile, node);
                Event event = broker_event(broker, EVENT_ZONE, 0);

                event.zone.name = file->name;
                event.zone.data = file->data;
                event.zone.n = file->size;
                if (r >= 0)
                        r = tell(userdata, &event);
        }
        return r;
}

void broker_zones_done(Broker *broker)
{
        list_for_each_safe(i, &broker->zones) {
                ZoneFile *file = list_entry(i, ZoneFile, node);

                list_remove(i);
                free(file->data);
                free(file);
        }
}
