/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * One service on the system bus: whether it is there, what it answers, and that it does not. Its user puts questions
 * when it is told to ask, and judges when it is told that something has changed. Questions are put anew when the
 * service appears, when it sends a signal that matches, and when service_refresh() is called; while a round is under
 * way the next one waits for its end.
 */

#include "dbus/names.h"
#include "dbus/reader.h"
#include "base/delay.h"
#include "sensors/system-bus.h"

#define SERVICE_QUESTIONS_MAX 4

typedef struct Service Service;

typedef enum ServiceState {
        SERVICE_ABSENT, /* nobody has the name, or there is no bus */
        SERVICE_ASKED,  /* it is there and has not answered yet */
        SERVICE_KNOWN,  /* the last round was answered; the next one may be under way */
        SERVICE_SILENT, /* it was asked and does not answer */
} ServiceState;

/* The answer or an error, borrowed; for an error m->type is MESSAGE_ERROR. It may put further questions. */
typedef void (*ServiceAnswer)(Service *service, const Message *m, void *userdata);

typedef struct ServiceType {
        const char *name;  /* "org.freedesktop.NetworkManager" */
        const char *title; /* as words have it */
        /* "path='/org/freedesktop/NetworkManager'": which of its signals to see; NULL: none. Static. */
        const char *match;
        void (*ask)(Service *service, void *userdata);
        /* The state is another one, or a round of questions was answered. */
        void (*changed)(Service *service, void *userdata);
        /* Such a signal has come; NULL: the questions are put anew, and nothing else. */
        void (*signal)(Service *service, const Message *m, void *userdata);
} ServiceType;

struct Service {
        BusUser user;
        SystemBus *bus;
        const ServiceType *type;
        void *userdata;
        ServiceState state;
        bool has_bus;
        bool stale;             /* another round is due after this one */
        uint32_t owner_call;
        struct {
                Service *service;
                uint32_t serial; /* 0: free */
                ServiceAnswer answer;
        } questions[SERVICE_QUESTIONS_MAX];
        unsigned n_questions;
        Delay patience;
        char owner[DBUS_NAME_MAX + 1];
};

int service_init(Service *service, Loop *loop, SystemBus *bus, const ServiceType *type, void *userdata);
/* Also for one that is zero-initialised. */
void service_done(Service *service);
/* Asks again, if it is there. */
void service_refresh(Service *service);

/* From ask() or an answer. What cannot be asked is answered by silence. */
void service_get_all(Service *service, const char *path, const char *interface, ServiceAnswer answer);
void service_call(Service *service, const char *path, const char *interface, const char *member,
                  ServiceAnswer answer);

/* Why it says nothing, as half a sentence: "NetworkManager is not running"; never for one that is known. */
const char *service_explain(const Service *service, char *buf, size_t size);

/* Whether an entry of a{sv} is this one; one of another type is as if it were absent. */
bool service_property_is(const char *key, const char *type, const char *wanted_key, const char *wanted_type);
