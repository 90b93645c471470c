/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A call that waits for its answer:
 *
 *      _cleanup_(call_done) Call call;
 *
 *      r = call_init(&call, b, &manager1_interface, MANAGER1_METHOD_PAUSE);
 *      writer_put_string(&call.writer, task);
 *      writer_put_bool(&call.writer, paused);
 *      return call_run(&call);
 *
 * Without the lock throughout. Errors are set.
 */

#include "client/client.h"
#include "dbus/interfaces.h"
#include "dbus/reader.h"

typedef struct Call {
        bgt *b;
        Writer writer;
        const InterfaceMethod *method;
        bool reads;            /* changes nothing: asked again if the broker was lost meanwhile */
        uint64_t timeout_usec; /* of the answer */
        Reader answer;         /* over the answer's body, when call_run() has returned 0 */

        ListNode node;
        pthread_cond_t cond;
        uint32_t serial;
        bool answered;
        int error;
        Message *reply;
} Call;

/* Finds the connection, opened if need be, and starts the message. Even if it fails call_done() is to be called. */
int call_init(Call *call, bgt *b, const Interface *interface, unsigned method);
void call_done(Call *call);
/*
 * Sends it, after waiting for the broker if there is none, and waits for the answer. 0, or a negative errno; an error
 * of call_init() is returned again.
 */
int call_run(Call *call);

/* With the lock: makes all who wait for answers look again. */
void call_wake_all(bgt *b);
