/* SPDX-License-Identifier: MIT */

/*
 * UserPresent, SessionConnected, DeviceIdle and the lock of the screen, from logind or elogind. Without it nobody
 * knows: who is logged in over what, and whether anybody sits there, is written nowhere else that could be watched.
 *
 * The user's broker asks for the user and the session that logind calls its display. The machine's broker has no user;
 * it asks for the sessions of all who may log in. The machine's idle hint, which respects inhibitors, counts for both.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "sensors/internal.h"
#include "sensors/service.h"

#define MANAGER_PATH "/org/freedesktop/login1"
#define MANAGER "org.freedesktop.login1.Manager"
#define PATH_SIZE 256
/* Uids of people: those of services are smaller, those that systemd invents are larger. Root may log in, too. */
#define UID_FIRST 1000
#define UID_LAST 60000

#define NO_ANSWER "logind does not answer this question"

static const char title[] = "logind";

typedef struct Session {
        Sensor sensor;
        Service logind;
        bool started;
        bool has_user;          /* logind knows the user, or has told of the machine */
        bool online;            /* logged in */
        bool active;            /* with a session in the foreground */
        bool idle;
        bool locked;
        bool has_machine;       /* the machine's hint was told */
        bool machine_idle;
        bool judged_lock;       /* last_locked is what was told of */
        bool last_locked;
        char user_path[PATH_SIZE];
        char display_path[PATH_SIZE];
} Session;

static void report(Session *session, int present, int connected, const char *present_words,
                   const char *connected_words)
{
        const char *source = present < 0 ? "" : title;

        sensor_report(&session->sensor, CONDITION_USER_PRESENT, present, source, "%s", present_words);
        sensor_report(&session->sensor, CONDITION_SESSION_CONNECTED, connected, source, "%s", connected_words);
}

static const char *present_words(const Session *session)
{
        if (!session->online)
                return "logind says that nobody is logged in";
        if (!session->active)
                return "logind says that no session of the user is in the foreground";
        if (session->locked)
                return "logind says that the session is locked";
        if (session->idle)
                return "logind says that the session is idle";
        return "logind says that the session is in use";
}

static void judge_lock(Session *session)
{
        bool differs = session->judged_lock && session->locked != session->last_locked;

        if (differs && session->locked)
                sensor_raise(&session->sensor, SYSTEM_LOCK_SCREEN_APPLICATION_ADDED, "the session was locked");
        else if (differs)
                sensor_raise(&session->sensor, SYSTEM_LOCK_SCREEN_APPLICATION_REMOVED, "the session was unlocked");
        session->judged_lock = true;
        session->last_locked = session->locked;
}

static void judge_machine(Session *session)
{
        if (!session->has_machine)
                sensor_report(&session->sensor, CONDITION_DEVICE_IDLE, -1, "", NO_ANSWER);
        else
                sensor_report(&session->sensor, CONDITION_DEVICE_IDLE, session->machine_idle, title, "%s",
                              session->machine_idle ? "logind says that every session is idle"
                                                    : "logind says that the machine is in use");
}

static void judge(Session *session)
{
        char words[WORDS_MAX];
        bool present;

        if (!session->started || session->logind.state == SERVICE_ASKED)
                return;
        if (session->logind.state != SERVICE_KNOWN) {
                service_explain(&session->logind, words, sizeof words);
                report(session, -1, -1, words, words);
                sensor_report(&session->sensor, CONDITION_DEVICE_IDLE, -1, "", "%s", words);
                return;
        }
        judge_machine(session);
        if (!session->has_user) {
                report(session, -1, -1, NO_ANSWER, NO_ANSWER);
                return;
        }
        judge_lock(session);
        present = session->online && session->active && !session->idle && !session->locked;
        report(session, present, session->online, present_words(session),
               session->online ? "logind says that the user is logged in" : "logind says that nobody is logged in");
}

static bool is_person(uint32_t uid)
{
        return uid == 0 || (uid >= UID_FIRST && uid <= UID_LAST);
}

static void on_sessions(Service *service, const Message *m, void *userdata)
{
        Session *session = userdata;
        Reader r;

        session->has_user = m->type == MESSAGE_RETURN;
        session->online = session->active = false;
        reader_init(&r, m);
        if (!session->has_user)
                return;
        reader_open_array(&r, "(susso)");
        while (reader_more(&r)) {
                reader_open_struct(&r, "susso");
                reader_get_string(&r);
                if (is_person(reader_get_uint32(&r)) && reader_error(&r) >= 0)
                        session->online = session->active = true;
                reader_close(&r);
        }
        session->has_user = reader_error(&r) >= 0;
}

static void on_machine(Service *service, const Message *m, void *userdata)
{
        Session *session = userdata;
        const char *key, *type;
        Reader r;

        session->has_machine = false;
        if (m->type != MESSAGE_RETURN)
                return;
        reader_init(&r, m);
        reader_open_array(&r, "{sv}");
        while (reader_next_option(&r, &key, &type))
                if (service_property_is(key, type, "IdleHint", "b")) {
                        session->machine_idle = reader_get_bool(&r);
                        session->has_machine = true;
                }
        if (sensor_config(&session->sensor)->system)
                session->idle = session->machine_idle;
}

static void on_display(Service *service, const Message *m, void *userdata)
{
        Session *session = userdata;
        const char *key, *type;
        Reader r;

        if (m->type != MESSAGE_RETURN)
                return;
        reader_init(&r, m);
        reader_open_array(&r, "{sv}");
        while (reader_next_option(&r, &key, &type))
                if (service_property_is(key, type, "LockedHint", "b"))
                        session->locked = reader_get_bool(&r);
}

/* (so): id and path of a session, "" and "/" if there is none. */
static void read_display(Session *session, Reader *r)
{
        const char *id, *path;

        reader_open_struct(r, "so");
        id = reader_get_string(r);
        path = reader_get_path(r);
        reader_close(r);
        if (reader_error(r) >= 0 && id[0] && strlen(path) < sizeof session->display_path)
                snprintf(session->display_path, sizeof session->display_path, "%s", path);
}

static void on_user(Service *service, const Message *m, void *userdata)
{
        Session *session = userdata;
        const char *key, *type, *state = "";
        Reader r;

        session->has_user = true;
        session->online = session->active = session->idle = session->locked = false;
        session->display_path[0] = '\0';
        /* Of a user who has never logged in logind knows nothing; that says enough. */
        if (m->type != MESSAGE_RETURN)
                return;
        reader_init(&r, m);
        reader_open_array(&r, "{sv}");
        while (reader_next_option(&r, &key, &type)) {
                if (service_property_is(key, type, "State", "s"))
                        state = reader_get_string(&r);
                else if (service_property_is(key, type, "IdleHint", "b"))
                        session->idle = reader_get_bool(&r);
                else if (service_property_is(key, type, "Display", "(so)"))
                        read_display(session, &r);
        }
        session->active = strcmp(state, "active") == 0;
        session->online = session->active || strcmp(state, "online") == 0;
        if (session->display_path[0])
                service_get_all(service, session->display_path, "org.freedesktop.login1.Session", on_display);
}

static void on_ask(Service *service, void *userdata)
{
        Session *session = userdata;

        if (sensor_config(&session->sensor)->system)
                service_call(service, MANAGER_PATH, MANAGER, "ListSessions", on_sessions);
        else
                service_get_all(service, session->user_path, "org.freedesktop.login1.User", on_user);
        service_get_all(service, MANAGER_PATH, MANAGER, on_machine);
}

static void on_logind(Service *service, void *userdata)
{
        judge(userdata);
}

static const ServiceType logind_type = {
        .name = "org.freedesktop.login1",
        .title = title,
        .match = "path_namespace='/org/freedesktop/login1'",
        .ask = on_ask,
        .changed = on_logind,
};

static void stop(Sensor *sensor)
{
        Session *session = CONTAINER_OF(sensor, Session, sensor);

        session->started = false;
        service_done(&session->logind);
}

static int start(Sensor *sensor)
{
        Session *session = CONTAINER_OF(sensor, Session, sensor);
        int r;

        snprintf(session->user_path, sizeof session->user_path, "/org/freedesktop/login1/user/_%u",
                 (unsigned)sensor_config(sensor)->uid);
        r = service_init(&session->logind, sensor_loop(sensor), sensor_bus(sensor), &logind_type, session);
        if (r < 0)
                return r;
        session->started = true;
        judge(session);
        return 0;
}

const SensorType sensor_session = {
        .name = "session",
        .conditions = CONDITION_BIT(CONDITION_USER_PRESENT) | CONDITION_BIT(CONDITION_SESSION_CONNECTED) |
                      CONDITION_BIT(CONDITION_DEVICE_IDLE),
        .events = 1u << SYSTEM_LOCK_SCREEN_APPLICATION_ADDED | 1u << SYSTEM_LOCK_SCREEN_APPLICATION_REMOVED,
        .size = sizeof(Session),
        .start = start,
        .stop = stop,
};
