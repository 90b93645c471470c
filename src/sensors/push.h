/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Push messages for PushNotificationTrigger, as a connector of UnifiedPush on the session bus: each registration has a
 * token, with which it is registered at the distributor (distributor.h). What that gives back, the endpoint, is where
 * servers send messages to. A message is answered when the broker says that it is stored.
 *
 * The text of a trigger is the token (a UUID), a tab, the package, a tab and the name of the task.
 */

#include "sensors/sensors.h"

/* Of one message; UnifiedPush has no longer ones. */
#define PUSH_MESSAGE_MAX 4096

typedef struct Push Push;

/* config as that of the Sensors, of which it lives no longer. */
int push_new(Loop *loop, const SensorsConfig *config, Push **ret_push);
Push *push_free(Push *push);
DEFINE_CLEANUP(Push *, push_free);

/* -EEXIST, -EINVAL: it has no token, -ENOMEM. */
int push_watch(Push *push, const char *text);
/* The distributor is told that the token is over. */
void push_unwatch(Push *push, const char *text);
bool push_is_empty(const Push *push);

/* The session bus is another one. -ENOMEM: it is not. */
int push_move(Push *push, const char *address);

/* A message that was told of under this token is stored, or is not to come. */
void push_answer(Push *push, uint64_t token, bool stored);
/* NULL: there is none yet. */
const char *push_endpoint(const Push *push, const char *text);
/* Whether messages can come at all, from whom and why not; its words live until the next call. */
SensorReading push_reading(Push *push);
/* Why no message can come, as half a sentence that lives until the next call; NULL if all is well. */
const char *push_problem(Push *push, const char *text);
