/* SPDX-License-Identifier: MIT */

/*
 * BackgroundWorkCostNotHigh and BackgroundWorkCostChange, which Windows derives from power and the user: low on
 * external power, medium on battery while somebody is there, high on battery while nobody is.
 */

#include <errno.h>

#include "sensors/internal.h"

typedef enum WorkCost {
        WORK_COST_UNKNOWN = -1,
        WORK_COST_LOW, /* as BackgroundWorkCostValue has them */
        WORK_COST_MEDIUM,
        WORK_COST_HIGH,
} WorkCost;

static const char title[] = "power and user";

typedef struct Cost {
        Sensor sensor;
        WorkCost last;
} Cost;

static void tell(Cost *cost, WorkCost now, const char *words)
{
        bool differs = cost->last != WORK_COST_UNKNOWN && now != WORK_COST_UNKNOWN && cost->last != now;

        sensor_report(&cost->sensor, CONDITION_BACKGROUND_WORK_COST_NOT_HIGH,
                      now == WORK_COST_UNKNOWN ? -1 : now != WORK_COST_HIGH, now == WORK_COST_UNKNOWN ? "" : title,
                      "%s", words);
        /* Not knowing for a while is no change. */
        if (now != WORK_COST_UNKNOWN)
                cost->last = now;
        if (differs)
                sensor_raise(&cost->sensor, SYSTEM_BACKGROUND_WORK_COST_CHANGE, "%s", words);
}

static void judge(Sensor *sensor)
{
        Cost *cost = CONTAINER_OF(sensor, Cost, sensor);
        SensorReading power, user;
        char words[WORDS_MAX];

        if (!sensor_get_input(sensor, CONDITION_ON_AC_POWER, &power))
                return;
        if (power.level > 0) {
                tell(cost, WORK_COST_LOW, "low, on external power");
                return;
        }
        if (!sensor_get_input(sensor, CONDITION_USER_PRESENT, &user))
                return;
        if (user.level < 0 || power.level < 0) {
                snprintf(words, sizeof words, "%.190s", power.level < 0 ? power.words : user.words);
                tell(cost, WORK_COST_UNKNOWN, words);
        } else if (user.level > 0) {
                tell(cost, WORK_COST_MEDIUM, "medium, on battery while the user is present");
        } else {
                tell(cost, WORK_COST_HIGH, "high, on battery while the user is away");
        }
}

static int start(Sensor *sensor)
{
        CONTAINER_OF(sensor, Cost, sensor)->last = WORK_COST_UNKNOWN;
        judge(sensor);
        return 0;
}

const SensorType sensor_cost = {
        .name = "cost",
        .conditions = CONDITION_BIT(CONDITION_BACKGROUND_WORK_COST_NOT_HIGH),
        .events = 1u << SYSTEM_BACKGROUND_WORK_COST_CHANGE,
        .inputs = CONDITION_BIT(CONDITION_ON_AC_POWER) | CONDITION_BIT(CONDITION_USER_PRESENT),
        .size = sizeof(Cost),
        .start = start,
        .input = judge,
};
