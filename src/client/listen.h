/* SPDX-License-Identifier: MIT */
#pragma once

/* Signals of the broker to the handlers that were set for them. With the lock wherever nothing else is said. */

#include <bgtask/manage.h>

#include "client/client.h"

typedef struct Listener Listener;

struct Listener {
        unsigned n_ref;
        ListNode node;       /* in b->listeners; in none: it was taken away, and is not called any more */
        char *package;
        char *task;          /* "": all of the package */
        int event;           /* BGT_EVENT_x; 0: all */
        void (*call)(Listener *listener, int event, const bgt_record *record); /* without the lock */
        void (*handler)(void);
        void *userdata;
        bgt_registration *owner; /* gets a reference while it is called; NULL if the listener has none */
};

/*
 * Starts to listen with a copy of what is in the template, and returns when the broker has taken the subscription.
 * Without the lock; errors are set.
 */
int listen_new(bgt *b, const Listener *template, Listener **ret);
/* Takes it away; no call of it begins after this. NULL is allowed. */
void listen_forget(bgt *b, Listener *listener);
/* The same, and waits until no call of it goes on, unless this is that call. */
void listen_forget_and_wait(bgt *b, Listener *listener);

void listen_on_signal(bgt *b, Message *m);
/* BGT_EVENT_DISCONNECTED or _RECONNECTED. */
void listen_on_link(bgt *b, int event);
/* Subscribes everything again, on a new connection. Negative errno. */
int listen_again(bgt *b);
/* Drops what is queued; the connection is closed. */
void listen_drop_queued(bgt *b);
