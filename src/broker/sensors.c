/* SPDX-License-Identifier: MIT */

/*
 * Sensors and the engine: what the engine needs is watched, what is read becomes its levels and events. With the test
 * clock there are no sensors, and conditions are what they were set to.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/socket-address.h"
#include "broker/broker.h"
#include "broker/confine.h"
#include "dbus/address.h"

/* A ListSensors that waits until everything was read. */
typedef struct Question {
        ListNode node;
        uint64_t token;
} Question;

static void on_read(const SensorReading *reading, void *userdata)
{
        Broker *broker = userdata;
        Event event = broker_event(broker, EVENT_LEVEL, 0);

        event.level.condition = reading->condition;
        event.level.level = reading->level;
        event.level.baseline = reading->baseline;
        broker_feed(broker, &event);
}

static void on_raised(uint8_t what, const char *words, void *userdata)
{
        Broker *broker = userdata;
        Event event = broker_event(broker, EVENT_RAISE, 0);

        if (what == SYSTEM_TIME_ZONE_CHANGE)
                broker_zones_reload(broker);
        event.raise.kind = what == SENSOR_EVENT_RESUME ? TRIGGER_RESUME : TRIGGER_SYSTEM;
        event.raise.system_type = what == SENSOR_EVENT_RESUME ? 0 : what;
        broker_feed(broker, &event);
}

static void on_happened(uint8_t kind, const char *text, const void *details, size_t n_details, void *userdata)
{
        Broker *broker = userdata;
        Event event = broker_event(broker, EVENT_RAISE, 0);

        event.raise.kind = kind;
        event.raise.text = text;
        event.raise.details = details;
        event.raise.n_details = n_details;
        broker_feed(broker, &event);
}

static void on_transferred(Uuid task, const char *details, size_t n_details, void *userdata)
{
        Broker *broker = userdata;
        Event event = broker_event(broker, EVENT_RAISE, 0);

        event.raise.kind = TRIGGER_SOCKET_ACTIVITY;
        event.raise.text = SOCKET_TRANSFERRED;
        event.raise.task = task;
        event.raise.details = details;
        event.raise.n_details = n_details;
        broker_feed(broker, &event);
}

static uint64_t real_usec(void *userdata)
{
        return clock_now(((Broker *)userdata)->clock).real_usec;
}

/* Pairs follow from each other: the first of each is shown. */
static bool is_shown(int condition)
{
        return condition != CONDITION_USER_NOT_PRESENT && condition != CONDITION_INTERNET_NOT_AVAILABLE &&
               condition != CONDITION_SESSION_DISCONNECTED;
}

static void put_reading(Writer *w, const char *name, const SensorReading *reading)
{
        static const char *const levels[] = { "unknown", "false", "true" };

        writer_open_struct(w, "sa{sv}");
        writer_put_string(w, name);
        writer_open_array(w, "{sv}");
        writer_put_option_string(w, "level", levels[reading->level + 1]);
        writer_put_option_string(w, "source", reading->source);
        writer_put_option_string(w, "words", reading->words);
        writer_put_option_uint64(w, "since", reading->since_real_usec);
        writer_put_option_bool(w, "needed", reading->needed);
        writer_close(w);
        writer_close(w);
}

static void answer(Broker *broker, Call *call)
{
        Writer *w = bus_begin_reply(call);
        SensorReading reading;

        writer_open_array(w, "(sa{sv})");
        for (size_t i = 0; term_at(TERM_CONDITION, i) >= 0; i++) {
                int condition = term_at(TERM_CONDITION, i);

                if (!is_shown(condition) || !broker_sensors_get(broker, (uint8_t)condition, &reading))
                        continue;
                put_reading(w, term_name(TERM_CONDITION, condition), &reading);
        }
        if (broker->sensors && sensors_get_push(broker->sensors, &reading))
                put_reading(w, term_name(TERM_TRIGGER, TRIGGER_PUSH_NOTIFICATION), &reading);
        if (broker->sensors && sensors_get_notifications(broker->sensors, &reading))
                put_reading(w, term_name(TERM_TRIGGER, TRIGGER_USER_NOTIFICATION_CHANGED), &reading);
        writer_close(w);
        bus_send_reply(call);
}

static void on_peeked(void *userdata)
{
        Broker *broker = userdata;

        while (!list_is_empty(&broker->sensor_questions)) {
                Question *question = list_entry(broker->sensor_questions.next, Question, node);
                Call *call = bus_find_call(broker->bus, question->token);

                list_remove(&question->node);
                free(question);
                if (call)
                        answer(broker, call);
        }
}

void on_list_sensors(Call *call, void *userdata)
{
        Broker *broker = userdata;
        Question *question;

        if (!broker->sensors) {
                answer(broker, call);
                return;
        }
        question = calloc(1, sizeof *question);
        if (!question) {
                bus_reply_error(call, ERROR_NO_MEMORY, NULL);
                return;
        }
        question->token = call_token(call);
        list_append(&broker->sensor_questions, &question->node);
        sensors_peek(broker->sensors);
}

static bool get_by_hand(Broker *broker, uint8_t condition, SensorReading *ret_reading)
{
        uint64_t since;
        int level = engine_get_level(broker->engine, condition, &since);

        *ret_reading = (SensorReading){
                .condition = condition,
                .level = (int8_t)level,
                .source = "test clock",
                .words = level < 0 ? "it was not set" : "it was set by hand",
                .since_real_usec = since,
                .needed = engine_get_needs(broker->engine).conditions & CONDITION_BIT(condition),
        };
        return true;
}

bool broker_sensors_get(Broker *broker, uint8_t condition, SensorReading *ret_reading)
{
        if (!broker->sensors)
                return get_by_hand(broker, condition, ret_reading);
        return sensors_get(broker->sensors, condition, ret_reading);
}

void broker_sensors_update(Broker *broker, bool baseline)
{
        EngineNeeds needs;

        if (!broker->sensors)
                return;
        sensors_awake(broker->sensors, engine_get_counts(broker->engine).n_live > 0);
        needs = engine_get_needs(broker->engine);
        sensors_need(broker->sensors, needs.conditions,
                     needs.system_types | (needs.resume ? 1u << SENSOR_EVENT_RESUME : 0), baseline);
        if (list_is_empty(&broker->sensor_questions))
                sensors_end_peek(broker->sensors);
}

int broker_sensors_open(Broker *broker)
{
        const char *address = getenv("DBUS_SYSTEM_BUS_ADDRESS");
        const SensorsConfig config = {
                .system_bus = address && address[0] ? address : ADDRESS_SYSTEM_BUS,
                .session_bus = broker->session_bus,
                .push_distributor = getenv("UNIFIEDPUSH_DISTRIBUTOR") ?: "",
                .sysfs = "/sys",
                .localtime = "/etc/localtime",
                .storage = broker->paths.state,
                .uid = geteuid(),
                .system = broker->options.paths.system,
                .read = on_read,
                .raised = on_raised,
                .happened = on_happened,
                .pushed = broker_push_came,
                .endpoint = broker_push_endpoint_changed,
                .transferred = on_transferred,
                .peeked = on_peeked,
                .real_usec = real_usec,
                .userdata = broker,
        };
        int r;

        if (broker->options.test_clock)
                return 0;
        r = sensors_new(&broker->loop, &config, &broker->sensors);
        if (r < 0)
                broker_log("cannot prepare the sensors: %s", strerror(-r));
        return r;
}

void broker_sensors_done(Broker *broker)
{
        list_for_each_safe(i, &broker->sensor_questions) {
                Question *question = list_entry(i, Question, node);

                list_remove(i);
                free(question);
        }
        broker->sensors = sensors_free(broker->sensors);
}

void broker_sensors_keep(const Broker *broker)
{
        if (broker->sensors)
                sensors_keep(broker->sensors);
}
