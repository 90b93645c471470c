/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The UnifiedPush distributor that is used: which of those on the session bus, what it is called by there, and whether
 * it may call us, which it can as soon as the connector's name is ours. docs/sensors.md says how one is chosen.
 */

#include <stdbool.h>

#include "base/delay.h"
#include "dbus/names.h"
#include "dbus/reader.h"
#include "sensors/system-bus.h"

#define CONNECTOR_NAME "org.bgtask.Push"
#define CONNECTOR_PATH "/org/unifiedpush/Connector"
#define DISTRIBUTOR_PATH "/org/unifiedpush/Distributor"
#define DISTRIBUTORS_MAX 16
/* What it refused, or what failed, is tried again after this, then after twice as long … */
#define DISTRIBUTOR_RETRY_MIN USEC_PER_MINUTE
#define DISTRIBUTOR_RETRY_MAX USEC_PER_HOUR

typedef struct Distributor Distributor;

typedef struct DistributorType {
        /* It has become usable, another one, or not usable: what was asked of the one before is void. */
        void (*changed)(void *userdata);
        /* It calls the connector. Only it gets this far. */
        void (*called)(Message *call, void *userdata);
        /* Some time has gone by since distributor_retry(). */
        void (*retry)(void *userdata);
} DistributorType;

struct Distributor {
        BusUser user;
        SystemBus *bus;
        const DistributorType *type;
        void *userdata;
        const char *wanted;     /* the name or its end that a person has chosen; "": none */
        struct {
                char name[DBUS_NAME_MAX + 1];
                bool running;
                bool activatable;
        } known[DISTRIBUTORS_MAX];
        unsigned n_known;
        char chosen[DBUS_NAME_MAX + 1]; /* "": none */
        char owner[DBUS_NAME_MAX + 1];  /* who has that name; "": nobody */
        char failure[120];      /* why it cannot be started */
        bool has_bus;
        bool listed;            /* known is complete */
        bool is_asked;          /* for our name */
        bool has_name;
        bool is_starting;
        uint32_t owner_call;
        Delay delay;
        uint64_t retry_usec;
};

/* address "": there is no session bus. */
int distributor_init(Distributor *distributor, Loop *loop, const char *address, const char *wanted,
                     const DistributorType *type, void *userdata);
/* Also for one that is zero-initialised. */
void distributor_done(Distributor *distributor);

/* Calls to the owner reach it, and its calls reach us. */
static inline bool distributor_is_usable(const Distributor *distributor)
{
        return distributor->has_name && distributor->owner[0];
}

/* Calls retry() later, each time after a longer while, until distributor_praise(). */
void distributor_retry(Distributor *distributor);
/* It does what it was asked. */
void distributor_praise(Distributor *distributor);

/* Why it is not usable, as half a sentence; NULL if it is. */
const char *distributor_explain(const Distributor *distributor, char *buf, size_t size);
