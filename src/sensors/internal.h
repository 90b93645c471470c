/* SPDX-License-Identifier: MIT */
#pragma once

/* What the files of this room share: what a sensor is, and how it says what it has read. */

#include "base/list.h"
#include "sensors/sensors.h"
#include "sensors/system-bus.h"

#define WORDS_MAX 200

typedef struct Sensor Sensor;

/* One thing that is watched; a row of the table in sensors.c. */
typedef struct SensorType {
        const char *name;
        uint32_t conditions;   /* that it reads; each must be reported soon after the start */
        uint32_t events;       /* that it raises */
        uint32_t inputs;       /* conditions of other sensors that it is made of */
        size_t size;           /* of what it keeps, which is zeroed before the start and freed after the end */
        /* Starts watching. It may report at once, but does not have to. Negative errno. */
        int (*start)(Sensor *sensor);
        /* Gives back what start() got, also of a start that failed. NULL: nothing is to be given back. */
        void (*stop)(Sensor *sensor);
        /* One of its inputs has been read anew. */
        void (*input)(Sensor *sensor);
        /* The broker is awake, and will judge what has happened after this. NULL: not interested. */
        void (*awake)(Sensor *sensor, bool busy);
} SensorType;

/* First member of whatever a sensor keeps. */
struct Sensor {
        const SensorType *type;
        Sensors *sensors;
};

extern const SensorType sensor_cost, sensor_network, sensor_power, sensor_pressure, sensor_session, sensor_sleep,
        sensor_storage, sensor_timezone;

const SensorsConfig *sensor_config(const Sensor *sensor);
Loop *sensor_loop(const Sensor *sensor);
SystemBus *sensor_bus(const Sensor *sensor);

/* Whoever is interested is told if the level or the words differ from the last ones. source is static. */
void sensor_report(Sensor *sensor, uint8_t condition, int level, const char *source, const char *format, ...)
        _printf_(5, 6);
/* Something has happened, just now. */
void sensor_raise(Sensor *sensor, uint8_t event, const char *format, ...) _printf_(3, 4);
/* The last level of a condition of another sensor; false: not read yet. */
bool sensor_get_input(const Sensor *sensor, uint8_t condition, SensorReading *ret_reading);
