/* SPDX-License-Identifier: MIT */

/* Which sensors run, what they have read last, and who is told. */

#include "base/socket-address.h"
#include "sensors/sensors.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/file-watch.h"
#include "sensors/devices.h"
#include "sensors/files.h"
#include "sensors/internal.h"
#include "sensors/notifications.h"
#include "sensors/push.h"
#include "sensors/sockets.h"
#include "sensors/transfers.h"
#include "sensors/toasts.h"

static const SensorType *const types[] = {
        &sensor_network,  &sensor_power,   &sensor_session, &sensor_cost,
        &sensor_pressure, &sensor_storage, &sensor_sleep,   &sensor_timezone,
};

/* Pairs that follow from each other: only the first is read. */
static const uint8_t pairs[][2] = {
        { CONDITION_USER_PRESENT, CONDITION_USER_NOT_PRESENT },
        { CONDITION_INTERNET_AVAILABLE, CONDITION_INTERNET_NOT_AVAILABLE },
        { CONDITION_SESSION_CONNECTED, CONDITION_SESSION_DISCONNECTED },
};

typedef struct Last {
        int8_t level;
        bool known;    /* its sensor has reported since it was started */
        bool baseline; /* its next reading is the first one */
        const char *source;
        uint64_t since_real_usec;
        char words[WORDS_MAX];
} Last;

struct Sensors {
        Loop *loop;
        SensorsConfig config;
        char *session_bus;     /* that of config */
        SystemBus *bus;
        Files *files;          /* NULL: none are watched */
        int files_error;       /* why there are none although some should be */
        Toasts *toasts;
        int toasts_error;
        Notifications *notifications;
        int notifications_error;
        Push *push;
        int push_error;
        Sockets *sockets;
        int sockets_error;
        Transfers *transfers;
        Devices *devices;
        int devices_error;
        Sensor *running[ELEMENTSOF(types)];
        uint32_t conditions;   /* that are needed, pairs as their first */
        uint32_t events;
        bool peeking;
        bool peek_told;
        Last last[CONDITION_MAX];
};

static uint8_t first_of_pair(uint8_t condition, bool *ret_inverse)
{
        *ret_inverse = false;
        for (size_t i = 0; i < ELEMENTSOF(pairs); i++)
                if (pairs[i][1] == condition) {
                        *ret_inverse = true;
                        return pairs[i][0];
                }
        return condition;
}

static SensorReading reading_of(const Sensors *sensors, uint8_t condition)
{
        const Last *last = &sensors->last[condition];

        return (SensorReading){
                .condition = condition,
                .level = last->level,
                .source = last->source,
                .words = last->words,
                .since_real_usec = last->since_real_usec,
                .needed = sensors->conditions & CONDITION_BIT(condition),
                .baseline = last->baseline,
        };
}

/* The first time that a needed condition is told of may be a baseline; after that it is not. */
static void tell(Sensors *sensors, uint8_t condition)
{
        SensorReading reading = reading_of(sensors, condition);

        if (!reading.needed || !sensors->last[condition].known)
                return;
        /* Until something is known there is nothing that it could have changed from. */
        if (reading.level >= 0)
                sensors->last[condition].baseline = false;
        sensors->config.read(&reading, sensors->config.userdata);
}

static void check_peek(Sensors *sensors)
{
        if (!sensors->peeking || sensors->peek_told)
                return;
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                for (uint32_t left = types[i]->conditions; left; left &= left - 1)
                        if (!sensors->last[__builtin_ctz(left)].known)
                                return;
        sensors->peek_told = true;
        sensors->config.peeked(sensors->config.userdata);
}

static void tell_dependents(Sensors *sensors, uint8_t condition)
{
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (sensors->running[i] && (types[i]->inputs & CONDITION_BIT(condition)))
                        types[i]->input(sensors->running[i]);
}

static void set(Sensors *sensors, uint8_t condition, int level, const char *source, const char *words)
{
        Last *last = &sensors->last[condition];

        if (last->known && last->level == level && strcmp(last->source, source) == 0 &&
            strcmp(last->words, words) == 0)
                return;
        last->known = true;
        last->level = (int8_t)level;
        last->source = source;
        last->since_real_usec = sensors->config.real_usec(sensors->config.userdata);
        snprintf(last->words, sizeof last->words, "%s", words);
        tell(sensors, condition);
        tell_dependents(sensors, condition);
        check_peek(sensors);
}

void sensor_report(Sensor *sensor, uint8_t condition, int level, const char *source, const char *format, ...)
{
        char words[WORDS_MAX];
        va_list args;

        va_start(args, format);
        vsnprintf(words, sizeof words, format, args);
        va_end(args);
        set(sensor->sensors, condition, level, source, words);
}

void sensor_raise(Sensor *sensor, uint8_t event, const char *format, ...)
{
        Sensors *sensors = sensor->sensors;
        char words[WORDS_MAX];
        va_list args;

        if (!(sensors->events & 1u << event))
                return;
        va_start(args, format);
        vsnprintf(words, sizeof words, format, args);
        va_end(args);
        sensors->config.raised(event, words, sensors->config.userdata);
}

bool sensor_get_input(const Sensor *sensor, uint8_t condition, SensorReading *ret_reading)
{
        *ret_reading = reading_of(sensor->sensors, condition);
        return sensor->sensors->last[condition].known;
}

const SensorsConfig *sensor_config(const Sensor *sensor)
{
        return &sensor->sensors->config;
}

Loop *sensor_loop(const Sensor *sensor)
{
        return sensor->sensors->loop;
}

SystemBus *sensor_bus(const Sensor *sensor)
{
        return sensor->sensors->bus;
}

static void end(Sensor *sensor)
{
        if (sensor->type->stop)
                sensor->type->stop(sensor);
        free(sensor);
}

static int begin(Sensors *sensors, size_t i)
{
        Sensor *sensor = calloc(1, types[i]->size);
        int r;

        if (!sensor)
                return -ENOMEM;
        *sensor = (Sensor){ .type = types[i], .sensors = sensors };
        sensors->running[i] = sensor;
        r = types[i]->start(sensor);
        if (r < 0)
                end(TAKE_PTR(sensors->running[i]));
        return r;
}

static void start(Sensors *sensors, size_t i)
{
        int r = begin(sensors, i);

        for (uint32_t left = types[i]->conditions; r < 0 && left; left &= left - 1) {
                char words[WORDS_MAX];

                snprintf(words, sizeof words, "it cannot be watched: %s", strerror(-r));
                set(sensors, (uint8_t)__builtin_ctz(left), -1, "", words);
        }
}

static void forget(Sensors *sensors, uint8_t condition)
{
        sensors->last[condition] = (Last){ .level = -1, .source = "" };
}

static void stop(Sensors *sensors, size_t i)
{
        if (sensors->running[i])
                end(TAKE_PTR(sensors->running[i]));
        for (uint32_t left = types[i]->conditions; left; left &= left - 1)
                forget(sensors, (uint8_t)__builtin_ctz(left));
}

static bool is_wanted(const Sensors *sensors, const SensorType *type, uint32_t conditions)
{
        return sensors->peeking || (type->conditions & conditions) || (type->events & sensors->events);
}

/* Starts and stops what the needs ask for, and what that is made of. */
static void update(Sensors *sensors)
{
        uint32_t conditions = sensors->conditions;

        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (is_wanted(sensors, types[i], conditions))
                        conditions |= types[i]->inputs;
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (!is_wanted(sensors, types[i], conditions))
                        stop(sensors, i);
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (is_wanted(sensors, types[i], conditions) && !sensors->running[i])
                        start(sensors, i);
}

static uint32_t normalize(uint32_t conditions)
{
        for (size_t i = 0; i < ELEMENTSOF(pairs); i++)
                if (conditions & CONDITION_BIT(pairs[i][1]))
                        conditions = (conditions & ~CONDITION_BIT(pairs[i][1])) | CONDITION_BIT(pairs[i][0]);
        return conditions;
}

static void tell_unneeded(Sensors *sensors, uint32_t conditions)
{
        for (uint32_t left = conditions; left; left &= left - 1) {
                const SensorReading reading = {
                        .condition = (uint8_t)__builtin_ctz(left),
                        .level = -1,
                        .source = "",
                        .words = "no task needs it",
                };

                sensors->config.read(&reading, sensors->config.userdata);
        }
}

void sensors_need(Sensors *sensors, uint32_t conditions, uint32_t events, bool baseline)
{
        uint32_t before = sensors->conditions, more, less;

        conditions = normalize(conditions);
        if (conditions == before && events == sensors->events)
                return;
        more = conditions & ~before;
        less = before & ~conditions;
        sensors->conditions = conditions;
        sensors->events = events;
        for (uint32_t left = more; left; left &= left - 1)
                sensors->last[__builtin_ctz(left)].baseline = baseline;
        tell_unneeded(sensors, less);
        /* What a running sensor knows already is told at once, what others find when they find it. */
        for (uint32_t left = more; left; left &= left - 1)
                tell(sensors, (uint8_t)__builtin_ctz(left));
        update(sensors);
}

static void on_files_changed(const char *text, const void *paths, size_t n_paths, void *userdata)
{
        const SensorsConfig *config = &((Sensors *)userdata)->config;

        config->happened(file_watch_is_tracker(text) ? TRIGGER_STORAGE_CHANGE_TRACKER
                                                     : TRIGGER_STORAGE_CONTENT_CHANGED,
                         text, paths, n_paths, config->userdata);
}

static void watch_files(Sensors *sensors, const char *text, bool on)
{
        if (!on) {
                if (sensors->files)
                        files_unwatch(sensors->files, text);
                if (sensors->files && files_is_empty(sensors->files))
                        sensors->files = files_free(sensors->files);
                return;
        }
        if (!sensors->files)
                sensors->files_error = files_new(sensors->loop, on_files_changed, sensors, &sensors->files);
        if (sensors->files)
                sensors->files_error = files_watch(sensors->files, text);
}

static void watch_devices(Sensors *sensors, uint8_t kind, const char *text, bool on)
{
        if (!on) {
                if (sensors->devices)
                        devices_unwatch(sensors->devices, kind, text);
                if (sensors->devices && devices_is_empty(sensors->devices))
                        sensors->devices = devices_free(sensors->devices);
                return;
        }
        if (!sensors->devices)
                sensors->devices_error = devices_new(sensors->loop, sensors->config.happened,
                                                     sensors->config.userdata, &sensors->devices);
        if (sensors->devices)
                sensors->devices_error = devices_watch(sensors->devices, kind, text);
}

static void on_socket_ready(const char *text, void *userdata)
{
        const SensorsConfig *config = &((Sensors *)userdata)->config;
        char entry[256];
        int n;

        n = snprintf(entry, sizeof entry, "%.200s\t%s", text,
                     strncmp(text, "udp:", 4) == 0 ? "SocketActivity" : "ConnectionAccepted");
        config->happened(TRIGGER_SOCKET_ACTIVITY, text, entry, (size_t)n + 1, config->userdata);
}

static void watch_socket(Sensors *sensors, const char *text, bool on)
{
        if (strcmp(text, SOCKET_TRANSFERRED) == 0)
                return;
        if (!on) {
                if (sensors->sockets)
                        sockets_unwatch(sensors->sockets, text);
                if (sensors->sockets && sockets_is_empty(sensors->sockets))
                        sensors->sockets = sockets_free(sensors->sockets);
                return;
        }
        if (!sensors->sockets)
                sensors->sockets_error = sockets_new(sensors->loop, on_socket_ready, sensors, &sensors->sockets);
        if (sensors->sockets)
                sensors->sockets_error = sockets_watch(sensors->sockets, text);
}

static void watch_toasts(Sensors *sensors, uint8_t kind, const char *text, bool on)
{
        if (!on) {
                if (sensors->toasts)
                        toasts_unwatch(sensors->toasts, kind, text);
                if (sensors->toasts && toasts_is_empty(sensors->toasts))
                        sensors->toasts = toasts_free(sensors->toasts);
                return;
        }
        if (!sensors->toasts)
                sensors->toasts_error = toasts_new(sensors->loop, sensors->config.session_bus,
                                                   sensors->config.happened, sensors->config.userdata,
                                                   &sensors->toasts);
        if (sensors->toasts)
                sensors->toasts_error = toasts_watch(sensors->toasts, kind, text);
}

static void watch_notifications(Sensors *sensors, bool on)
{
        sensors->notifications = notifications_free(sensors->notifications);
        sensors->notifications_error = 0;
        if (on)
                sensors->notifications_error = notifications_new(sensors->loop, &sensors->config,
                                                                 &sensors->notifications);
}

static void watch_push(Sensors *sensors, const char *text, bool on)
{
        if (!on) {
                if (sensors->push)
                        push_unwatch(sensors->push, text);
                if (sensors->push && push_is_empty(sensors->push))
                        sensors->push = push_free(sensors->push);
                return;
        }
        if (!sensors->push)
                sensors->push_error = push_new(sensors->loop, &sensors->config, &sensors->push);
        if (sensors->push)
                sensors->push_error = push_watch(sensors->push, text);
}

void sensors_answer_push(Sensors *sensors, uint64_t token, bool stored)
{
        if (sensors->push)
                push_answer(sensors->push, token, stored);
}

const char *sensors_get_endpoint(const Sensors *sensors, const char *text)
{
        return sensors->push ? push_endpoint(sensors->push, text) : NULL;
}

bool sensors_get_push(Sensors *sensors, SensorReading *ret_reading)
{
        if (sensors->push)
                *ret_reading = push_reading(sensors->push);
        return sensors->push;
}

bool sensors_get_notifications(Sensors *sensors, SensorReading *ret_reading)
{
        if (sensors->notifications)
                *ret_reading = notifications_reading(sensors->notifications);
        return sensors->notifications;
}

void sensors_settle(Sensors *sensors, const char *text)
{
        if (sensors->sockets)
                sockets_settle(sensors->sockets, text);
}

int sensors_take_socket(Sensors *sensors, const char *text)
{
        return sensors->sockets ? sockets_take(sensors->sockets, text) : -1;
}

void sensors_each_socket(const Sensors *sensors, void (*each)(const char *text, void *userdata), void *userdata)
{
        if (sensors->sockets)
                sockets_each(sensors->sockets, each, userdata);
}

int sensors_transfer(Sensors *sensors, Uuid task, const char *id, int fd, uint64_t keep_alive_usec)
{
        return transfers_add(sensors->transfers, task, id, fd, keep_alive_usec);
}

int sensors_take_transferred(Sensors *sensors, Uuid task, const char *id)
{
        return transfers_take(sensors->transfers, task, id);
}

void sensors_settle_transferred(Sensors *sensors, Uuid task)
{
        transfers_settle(sensors->transfers, task);
}

void sensors_drop_transferred(Sensors *sensors, Uuid task)
{
        transfers_drop(sensors->transfers, task);
}

void sensors_each_transferred(Sensors *sensors, void (*each)(Uuid task, const char *id, void *userdata),
                              void *userdata)
{
        transfers_each(sensors->transfers, each, userdata);
}

void sensors_keep(const Sensors *sensors)
{
        transfers_keep(sensors->transfers);
        if (sensors->sockets)
                sockets_keep(sensors->sockets);
}

void sensors_watch(Sensors *sensors, uint8_t kind, const char *text, bool on)
{
        switch (kind) {
        case TRIGGER_STORAGE_CONTENT_CHANGED:
        case TRIGGER_STORAGE_CHANGE_TRACKER:
                watch_files(sensors, text, on);
                break;
        case TRIGGER_DEVICE_CONNECTION_CHANGE:
        case TRIGGER_DEVICE_WATCHER:
                watch_devices(sensors, kind, text, on);
                break;
        case TRIGGER_SOCKET_ACTIVITY:
                watch_socket(sensors, text, on);
                break;
        case TRIGGER_TOAST_ACTION:
        case TRIGGER_TOAST_HISTORY_CHANGED:
                watch_toasts(sensors, kind, text, on);
                break;
        case TRIGGER_USER_NOTIFICATION_CHANGED:
                watch_notifications(sensors, on);
                break;
        case TRIGGER_PUSH_NOTIFICATION:
                watch_push(sensors, text, on);
                break;
        }
}

const char *sensors_get_problem(const Sensors *sensors, uint8_t kind, const char *text)
{
        switch (kind) {
        case TRIGGER_STORAGE_CONTENT_CHANGED:
        case TRIGGER_STORAGE_CHANGE_TRACKER:
                if (!sensors->files)
                        return sensors->files_error < 0 ? strerror(-sensors->files_error) : NULL;
                return files_problem(sensors->files, text);
        case TRIGGER_DEVICE_CONNECTION_CHANGE:
        case TRIGGER_DEVICE_WATCHER:
                return sensors->devices_error < 0 ? strerror(-sensors->devices_error) : NULL;
        case TRIGGER_SOCKET_ACTIVITY:
                if (sensors->sockets_error < 0)
                        return strerror(-sensors->sockets_error);
                return sensors->sockets ? sockets_problem(sensors->sockets, text) : NULL;
        case TRIGGER_TOAST_ACTION:
        case TRIGGER_TOAST_HISTORY_CHANGED:
                if (sensors->toasts_error < 0)
                        return strerror(-sensors->toasts_error);
                return sensors->toasts ? toasts_problem(sensors->toasts) : NULL;
        case TRIGGER_USER_NOTIFICATION_CHANGED:
                if (sensors->notifications_error < 0)
                        return strerror(-sensors->notifications_error);
                return sensors->notifications ? notifications_problem(sensors->notifications) : NULL;
        case TRIGGER_PUSH_NOTIFICATION:
                if (sensors->push_error < 0)
                        return strerror(-sensors->push_error);
                return sensors->push ? push_problem(sensors->push, text) : NULL;
        default:
                return NULL;
        }
}

void sensors_awake(Sensors *sensors, bool busy)
{
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                if (sensors->running[i] && types[i]->awake)
                        types[i]->awake(sensors->running[i], busy);
}

void sensors_peek(Sensors *sensors)
{
        bool started = sensors->peeking;

        sensors->peeking = true;
        sensors->peek_told = false;
        if (!started)
                update(sensors);
        check_peek(sensors);
}

void sensors_end_peek(Sensors *sensors)
{
        if (!sensors->peeking)
                return;
        sensors->peeking = false;
        update(sensors);
}

bool sensors_get(const Sensors *sensors, uint8_t condition, SensorReading *ret_reading)
{
        bool inverse;
        uint8_t first = first_of_pair(condition, &inverse);

        for (size_t i = 0; i < ELEMENTSOF(types); i++) {
                if (!(types[i]->conditions & CONDITION_BIT(first)))
                        continue;
                *ret_reading = reading_of(sensors, first);
                ret_reading->condition = condition;
                if (inverse && ret_reading->level >= 0)
                        ret_reading->level = !ret_reading->level;
                return true;
        }
        return false;
}

int sensors_new(Loop *loop, const SensorsConfig *config, Sensors **ret_sensors)
{
        _cleanup_(sensors_freep) Sensors *sensors = calloc(1, sizeof *sensors);
        int r;

        if (!sensors)
                return -ENOMEM;
        sensors->loop = loop;
        sensors->config = *config;
        sensors->config.session_bus = sensors->session_bus = strdup(config->session_bus);
        if (!sensors->session_bus)
                return -ENOMEM;
        for (uint8_t i = 0; i < CONDITION_MAX; i++)
                forget(sensors, i);
        r = system_bus_new(loop, config->system_bus, false, &sensors->bus);
        if (r >= 0)
                r = transfers_new(loop, config->transferred, config->userdata, &sensors->transfers);
        if (r < 0)
                return r;
        *ret_sensors = TAKE_PTR(sensors);
        return 0;
}

int sensors_move_session(Sensors *sensors, const char *address)
{
        char *copy = strdup(address);
        int r = 0;

        if (!copy)
                return -ENOMEM;
        free(sensors->session_bus);
        sensors->config.session_bus = sensors->session_bus = copy;
        if (sensors->toasts)
                r = toasts_move(sensors->toasts, copy);
        if (r >= 0 && sensors->notifications)
                r = notifications_move(sensors->notifications, copy);
        if (r >= 0 && sensors->push)
                r = push_move(sensors->push, copy);
        return r;
}

Sensors *sensors_free(Sensors *sensors)
{
        if (!sensors)
                return NULL;
        for (size_t i = 0; i < ELEMENTSOF(types); i++)
                stop(sensors, i);
        files_free(sensors->files);
        devices_free(sensors->devices);
        sockets_free(sensors->sockets);
        transfers_free(sensors->transfers);
        toasts_free(sensors->toasts);
        notifications_free(sensors->notifications);
        push_free(sensors->push);
        system_bus_free(sensors->bus);
        free(sensors->session_bus);
        free(sensors);
        return NULL;
}
