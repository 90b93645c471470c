/* SPDX-License-Identifier: MIT */
#pragma once

/* Triggers and registrations, as the other files need them. */

#include "client/client.h"
#include "dbus/reader.h"

struct bgt_trigger {
        atomic_uint n_ref;
        int kind;            /* BGT_TRIGGER_x; 0: one that is not known here */
        bool once_per_boot;
        bool one_shot;
        int system_type;
        uint32_t minutes;
        uint64_t period_usec;
        uint64_t window_usec;
        char *text;          /* id of CustomSystemEvent, calendar expression, files as base/file-watch.h has them */
        pthread_mutex_t lock;
        bgt *b;              /* where it was registered last */
        char task[BGT_ID_SIZE];
        unsigned n_tasks;    /* registered with it by this process */
};

DEFINE_CLEANUP(bgt_trigger *, bgt_trigger_unref);

/* Reads a (sa{sv}). -ENOMEM, -EINVAL. */
int trigger_read(Reader *r, bgt_trigger **ret);
/* Puts one. */
void trigger_write(const bgt_trigger *trigger, Writer *w);
/* Remembers for bgt_trigger_request() that the task was registered with it. */
void trigger_registered(bgt_trigger *trigger, bgt *b, const char *task);
/* What register would refuse, with the error set; 0. */
int trigger_validate(const bgt_trigger *trigger);

struct bgt_registration {
        atomic_uint n_ref;
        bgt *b;
        char id[BGT_ID_SIZE];
        char *package;
        char *name;
        char *group;
        bgt_trigger **triggers;
        size_t n_triggers;
        struct Listener *progress;  /* under the lock of b */
        struct Listener *completed;
};

DEFINE_CLEANUP(bgt_registration *, bgt_registration_unref);

/* Takes references of the triggers; package and group may be NULL. -ENOMEM; nothing is set. */
int registration_new(bgt *b, const char *id, const char *package, const char *name, const char *group,
                     bgt_trigger *const *triggers, size_t n_triggers, bgt_registration **ret);
/* Gives a reference back where the lock is held. */
void registration_unref_locked(bgt_registration *task);
/* A reference, unless the last one is gone already. */
bool registration_try_ref(bgt_registration *task);
