/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Notifications that any program shows on the desktop, and their end. Nobody is told of the first, so they are heard
 * on a connection of its own to the bus of the session that becomes a monitor of it and does nothing else. Of what
 * passes there only calls that show a notification, answers of the notification service and its signal of the end are
 * let through; of those only the id and the name of the program are read, and nothing else is kept.
 */

#include <stdbool.h>
#include <stddef.h>

#include "sensors/sensors.h"

typedef struct Notifications Notifications;

/*
 * From now on config->happened is told, from the loop only: TRIGGER_USER_NOTIFICATION_CHANGED, text
 * NOTIFICATIONS_TEXT, and entries, each with its NUL: a number that grows, the notification's id, "added" or
 * "removed", and the name of the program, "" where it is not known, with tabs between. A NUL alone: notifications may
 * have come or gone of which nothing is known. Negative errno; a bus that is not there is no error.
 */
int notifications_new(Loop *loop, const SensorsConfig *config, Notifications **ret_notifications);
Notifications *notifications_free(Notifications *notifications);
DEFINE_CLEANUP(Notifications *, notifications_free);

/* The session bus is another one. -ENOMEM: it is not. */
int notifications_move(Notifications *notifications, const char *address);

#define NOTIFICATIONS_TEXT "*"

/* Why nothing can be heard now, as a sentence; NULL if all is well. It lives until the next call. */
const char *notifications_problem(Notifications *notifications);
/* The same for those who want to see all sensors. */
SensorReading notifications_reading(Notifications *notifications);
