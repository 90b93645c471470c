/* SPDX-License-Identifier: MIT */

/*
 * OnACPower, BatteryNotLow and PowerStateChange. UPower knows batteries that the kernel only guesses at; without it
 * what the kernel shows is enough.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sensors/internal.h"
#include "sensors/service.h"
#include "sensors/supplies.h"
#include "sensors/uevents.h"

/* Below this a battery that is being discharged is low; it is also UPower's mark. */
#define LOW_PERCENT 20
/* UpDeviceLevel of UPower's D-Bus interface. */
enum { UP_LEVEL_NONE = 1, UP_LEVEL_LOW = 3, UP_LEVEL_LAST = 8 };

static const char upower_title[] = "UPower";
static const char kernel_title[] = "power_supply";

typedef struct Power {
        Sensor sensor;
        Service upower;
        Uevents *uevents;
        Supplies supplies;
        bool started;
        bool judged;
        bool has_on_battery;   /* UPower has told these */
        bool on_battery;
        bool has_level;
        uint32_t level;
        int last_ac;           /* what PowerStateChange compares */
        int last_low;
        bool last_discharging;
} Power;

static int judge_kernel_ac(Power *power)
{
        const Supplies *supplies = &power->supplies;
        int level = supplies->external || (!supplies->has_external && !supplies->discharging);
        const char *words = supplies->external       ? "external power is plugged in"
                            : supplies->discharging  ? "the battery is being discharged"
                            : supplies->has_external ? "external power is unplugged"
                            : supplies->has_battery  ? "the battery is not being discharged"
                                                     : "this machine has no battery";

        sensor_report(&power->sensor, CONDITION_ON_AC_POWER, level, kernel_title, "%s", words);
        return level;
}

static int judge_ac(Power *power)
{
        if (power->upower.state != SERVICE_KNOWN || !power->has_on_battery)
                return judge_kernel_ac(power);
        sensor_report(&power->sensor, CONDITION_ON_AC_POWER, !power->on_battery, upower_title,
                      "UPower says that it is %son battery", power->on_battery ? "" : "not ");
        return !power->on_battery;
}

static int judge_kernel_battery(Power *power)
{
        const Supplies *supplies = &power->supplies;
        bool low = supplies->discharging && supplies->charge >= 0 && supplies->charge <= LOW_PERCENT;
        int level = supplies->discharging && supplies->charge < 0 ? -1 : !low;
        char words[WORDS_MAX];

        if (!supplies->has_battery)
                snprintf(words, sizeof words, "this machine has no battery");
        else if (supplies->charge < 0)
                snprintf(words, sizeof words, "the battery does not tell its charge");
        else
                snprintf(words, sizeof words, "the battery is %sat %s%d %%",
                         supplies->discharging ? "being discharged, " : "", low ? "or below " : "",
                         low ? LOW_PERCENT : supplies->charge);
        sensor_report(&power->sensor, CONDITION_BATTERY_NOT_LOW, level, level < 0 ? "" : kernel_title, "%s", words);
        return level;
}

static int judge_battery(Power *power)
{
        bool low = power->level >= UP_LEVEL_LOW;

        if (power->upower.state != SERVICE_KNOWN || !power->has_level || power->level < UP_LEVEL_NONE ||
            power->level > UP_LEVEL_LAST)
                return judge_kernel_battery(power);
        sensor_report(&power->sensor, CONDITION_BATTERY_NOT_LOW, !low, upower_title,
                      low ? "UPower says that the battery is low" : "UPower says that the battery is not low");
        return !low;
}

static void judge(Power *power)
{
        bool discharging = power->supplies.discharging, differs;
        int ac, low;

        if (!power->started || power->upower.state == SERVICE_ASKED)
                return;
        ac = judge_ac(power);
        low = judge_battery(power);
        differs = power->judged &&
                  (ac != power->last_ac || low != power->last_low || discharging != power->last_discharging);
        power->last_ac = ac;
        power->last_low = low;
        power->last_discharging = discharging;
        power->judged = true;
        if (differs)
                sensor_raise(&power->sensor, SYSTEM_POWER_STATE_CHANGE, "%s%s", ac ? "external power" : "battery",
                             low == 0 ? ", low" : "");
}

static void read_supplies(Power *power)
{
        Supplies supplies;

        if (supplies_read(sensor_config(&power->sensor)->sysfs, &supplies) >= 0)
                power->supplies = supplies;
}

static void on_uevent(const Uevent *event, void *userdata)
{
        Power *power = userdata;

        read_supplies(power);
        service_refresh(&power->upower);
        if (power->upower.state != SERVICE_KNOWN)
                judge(power);
}

static void on_manager(Service *service, const Message *m, void *userdata)
{
        Power *power = userdata;
        const char *key, *type;
        Reader r;

        power->has_on_battery = false;
        if (m->type != MESSAGE_RETURN)
                return;
        reader_init(&r, m);
        reader_open_array(&r, "{sv}");
        while (reader_next_option(&r, &key, &type))
                if (service_property_is(key, type, "OnBattery", "b")) {
                        power->on_battery = reader_get_bool(&r);
                        power->has_on_battery = true;
                }
}

static void on_device(Service *service, const Message *m, void *userdata)
{
        Power *power = userdata;
        const char *key, *type;
        Reader r;

        power->has_level = false;
        if (m->type != MESSAGE_RETURN)
                return;
        reader_init(&r, m);
        reader_open_array(&r, "{sv}");
        while (reader_next_option(&r, &key, &type))
                if (service_property_is(key, type, "WarningLevel", "u")) {
                        power->level = reader_get_uint32(&r);
                        power->has_level = true;
                }
}

static void on_ask(Service *service, void *userdata)
{
        service_get_all(service, "/org/freedesktop/UPower", "org.freedesktop.UPower", on_manager);
        service_get_all(service, "/org/freedesktop/UPower/devices/DisplayDevice", "org.freedesktop.UPower.Device",
                        on_device);
}

static void on_upower(Service *service, void *userdata)
{
        judge(userdata);
}

static const ServiceType upower_type = {
        .name = "org.freedesktop.UPower",
        .title = upower_title,
        .match = "path_namespace='/org/freedesktop/UPower'",
        .ask = on_ask,
        .changed = on_upower,
};

static void stop(Sensor *sensor)
{
        Power *power = CONTAINER_OF(sensor, Power, sensor);

        power->started = false;
        service_done(&power->upower);
        uevents_free(power->uevents);
}

static int start(Sensor *sensor)
{
        Power *power = CONTAINER_OF(sensor, Power, sensor);
        int r;

        power->supplies.charge = -1;
        /* Watched first: what changes while it is read is read again. */
        r = uevents_new(sensor_loop(sensor), "power_supply", on_uevent, power, &power->uevents);
        if (r >= 0) {
                read_supplies(power);
                r = service_init(&power->upower, sensor_loop(sensor), sensor_bus(sensor), &upower_type, power);
        }
        if (r < 0)
                return r;
        power->started = true;
        judge(power);
        return 0;
}

const SensorType sensor_power = {
        .name = "power",
        .conditions = CONDITION_BIT(CONDITION_ON_AC_POWER) | CONDITION_BIT(CONDITION_BATTERY_NOT_LOW),
        .events = 1u << SYSTEM_POWER_STATE_CHANGE,
        .size = sizeof(Power),
        .start = start,
        .stop = stop,
};
