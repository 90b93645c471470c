/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the broker watches of the machine: docs/sensors.md. Sensors are started when something needs them, tell what
 * they read through callbacks, and hold nothing while nobody needs them. Nothing here blocks, and nothing is polled.
 *
 * One thread, on one Loop. Callbacks come from the loop, from sensors_need() and from sensors_peek(); they may not
 * free the Sensors.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/loop.h"
#include "base/terms.h"
#include "base/uuid.h"

typedef struct Sensors Sensors;

/* What sensors raise besides the types of SystemTrigger. */
enum {
        SENSOR_EVENT_RESUME = 16, /* the machine was suspended, and goes on */
};

/* Further ones are a problem. */
#define SENSORS_SOCKETS_MAX 256

/* The text lives until the next reading of that condition. */
typedef struct SensorReading {
        uint8_t condition;        /* CONDITION_x, of an inverse pair the first */
        int8_t level;             /* 1 true, 0 false, -1 unknown */
        const char *source;       /* "NetworkManager", "rtnetlink" …; "" if there is none */
        const char *words;        /* what the source says, as half a sentence */
        uint64_t since_real_usec; /* it has said so; 0: nothing was read yet */
        bool needed;              /* a registration depends on it */
        bool baseline;            /* the first one after a registration started its sensor */
} SensorReading;

typedef struct SensorsConfig {
        const char *session_bus;  /* D-Bus address; "": there is none */
        /* These five live as long as the Sensors. */
        const char *system_bus;   /* the same */
        const char *push_distributor; /* that a person has chosen; "": any */
        const char *sysfs;        /* "/sys" */
        const char *localtime;    /* "/etc/localtime" */
        const char *storage;      /* a folder of the file system whose space counts */
        uid_t uid;                /* whose sessions count; ignored if system */
        bool system;              /* those of all users */
        /* A level that is needed has been read, or is not needed (then unknown) any more. */
        void (*read)(const SensorReading *reading, void *userdata);
        /* A SYSTEM_x or SENSOR_EVENT_x that is needed has happened; words say what, as half a sentence. */
        void (*raised)(uint8_t event, const char *words, void *userdata);
        /* What a trigger with this text listens to has happened; details as files.h and devices.h have them. */
        void (*happened)(uint8_t kind, const char *text, const void *details, size_t n_details, void *userdata);
        /* A push message has come for such a text; sensors_answer_push() says what became of it. */
        void (*pushed)(const char *text, const void *message, size_t n_message, uint64_t token, void *userdata);
        /* sensors_get_endpoint() of this text is another one. */
        void (*endpoint)(const char *text, void *userdata);
        /* The same of a socket that was handed over for this task; as sockets of transfers.h. */
        void (*transferred)(Uuid task, const char *details, size_t n_details, void *userdata);
        /* What sensors_peek() asked for is read. */
        void (*peeked)(void *userdata);
        uint64_t (*real_usec)(void *userdata);
        void *userdata;
} SensorsConfig;

int sensors_new(Loop *loop, const SensorsConfig *config, Sensors **ret_sensors);
Sensors *sensors_free(Sensors *sensors);
DEFINE_CLEANUP(Sensors *, sensors_free);

/*
 * The session bus is at another address from now on; the Sensors must have had one. -ENOMEM: some sensors still use
 * the one before.
 */
int sensors_move_session(Sensors *sensors, const char *address);

/*
 * What is needed from now on: CONDITION_BITs, and 1 << SYSTEM_x or SENSOR_EVENT_x. What is not needed any more is told
 * once as unknown. baseline: first readings of what was not needed before are no news. A sensor that cannot be started
 * reads unknown.
 */
void sensors_need(Sensors *sensors, uint32_t conditions, uint32_t events, bool baseline);

/*
 * Begins or ends to watch what a trigger of this kind listens to; its text is that of the registration. What cannot be
 * watched, or not in whole, is a problem and no error.
 */
void sensors_watch(Sensors *sensors, uint8_t kind, const char *text, bool on);
/* A sentence about such a text, NULL if all is well. */
const char *sensors_get_problem(const Sensors *sensors, uint8_t kind, const char *text);

/*
 * Of sockets: a run that was told of it is over, and what there is left may be told of again; the descriptor, which
 * stays here, -1: none; and before an exec, so that the next program's Sensors go on with them.
 */
void sensors_settle(Sensors *sensors, const char *text);
int sensors_take_socket(Sensors *sensors, const char *text);
/* Each text that is listened for. */
void sensors_each_socket(const Sensors *sensors, void (*each)(const char *text, void *userdata), void *userdata);
void sensors_keep(const Sensors *sensors);

/* Of push messages: one is stored or will not be; and where they are to be sent to, NULL: that is not known. */
void sensors_answer_push(Sensors *sensors, uint64_t token, bool stored);
const char *sensors_get_endpoint(const Sensors *sensors, const char *text);
/* Whether they can come at all, which is no condition; false if no task needs to know. */
bool sensors_get_push(Sensors *sensors, SensorReading *ret_reading);
/* The same of notifications on the desktop. */
bool sensors_get_notifications(Sensors *sensors, SensorReading *ret_reading);

/* Sockets that were handed over: transfers.h says what these do. */
int sensors_transfer(Sensors *sensors, Uuid task, const char *id, int fd, uint64_t keep_alive_usec);
int sensors_take_transferred(Sensors *sensors, Uuid task, const char *id);
void sensors_settle_transferred(Sensors *sensors, Uuid task);
void sensors_drop_transferred(Sensors *sensors, Uuid task);
void sensors_each_transferred(Sensors *sensors, void (*each)(Uuid task, const char *id, void *userdata),
                              void *userdata);

/*
 * The broker is awake, for whatever reason: what nobody tells of is looked at before anything is judged. busy: runs
 * are alive. Cheap, to be called in every round of the loop.
 */
void sensors_awake(Sensors *sensors, bool busy);

/* Starts every sensor until sensors_end_peek(); peeked is called once, soon, when all have read something. */
void sensors_peek(Sensors *sensors);
void sensors_end_peek(Sensors *sensors);

/* The last reading of a condition, that of its pair turned round; false if there is no sensor for it. */
bool sensors_get(const Sensors *sensors, uint8_t condition, SensorReading *ret_reading);
