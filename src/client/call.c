/* SPDX-License-Identifier: MIT */

#include "client/call.h"

#include <errno.h>
#include <string.h>

#include "client/driver.h"
#include "client/error.h"
#include "client/link.h"
#include "client/report.h"

#define ATTEMPTS_MAX 3

int call_init(Call *call, bgt *b, const Interface *interface, unsigned method)
{
        *call = (Call){ .timeout_usec = CLIENT_ANSWER_USEC };
        writer_init(&call->writer);
        driver_cond_init(&call->cond);
        call->b = client_use(b);
        if (!call->b) {
                call->error = -bgt_error()->error;
                return call->error;
        }
        client_ref(call->b);
        call->method = &interface->methods[method];
        interface_start_call(&call->writer, CLIENT_PATH, interface, method);
        return 0;
}

void call_done(Call *call)
{
        message_unref(call->reply);
        writer_done(&call->writer);
        pthread_cond_destroy(&call->cond);
        if (call->b)
                client_unref(call->b);
}

static void on_reply(Connection *c, Message *reply, int error, void *userdata)
{
        Call *call = userdata;

        call->answered = true;
        call->error = error;
        call->reply = reply ? message_ref(reply) : NULL;
        pthread_cond_signal(&call->cond);
}

void call_wake_all(bgt *b)
{
        list_for_each(i, &b->calls)
                pthread_cond_signal(&list_entry(i, Call, node)->cond);
}

static int timed_out(Call *call)
{
        if (call->b->connection)
                (void)connection_cancel_call(call->b->connection, call->serial);
        return fail(ERROR_TIMED_OUT, "the broker did not answer within %u seconds",
                    (unsigned)(call->timeout_usec / USEC_PER_SEC));
}

/* One attempt. -ECONNRESET if the connection ended meanwhile, -EPIPE if it had ended before and nothing was sent. */
static int send_and_wait(Call *call)
{
        bgt *b = call->b;
        uint64_t until;
        int r;

        call->answered = false;
        /* A run that calls has begun. */
        report_acknowledge_all(b);
        r = connection_call(b->connection, &call->writer, on_reply, call, &call->serial);
        if (r == -EINVAL)
                return fail(ERROR_INVALID_ARGUMENT, "text that was given is not UTF-8");
        if (r == -ENOMEM || r == -EMSGSIZE)
                return fail_errno(r, "the request could not be sent");
        if (r < 0)
                return -EPIPE;
        until = usec_add(clock_now_usec(CLOCK_MONOTONIC), call->timeout_usec);
        list_append(&b->calls, &call->node);
        while (!call->answered && r >= 0) {
                r = driver_wait(b, &call->cond, until);
                if (!call->answered && r >= 0 && clock_now_usec(CLOCK_MONOTONIC) >= until)
                        r = -ETIMEDOUT;
        }
        list_remove(&call->node);
        if (call->answered)
                return call->error < 0 ? -ECONNRESET : 0;
        return r == -ETIMEDOUT ? timed_out(call) : r;
}

/* Until the driver knows as well that the connection is over. */
static int wait_for_end(bgt *b)
{
        const Connection *over = b->connection;
        int r = 0;

        while (r >= 0 && b->connection && b->connection == over)
                r = driver_wait(b, &b->changed, usec_add(clock_now_usec(CLOCK_MONOTONIC), CLIENT_LINK_USEC));
        return r;
}

static int run_locked(Call *call)
{
        bgt *b = call->b;
        int r;

        r = driver_need_threads(b, 1);
        if (r < 0)
                return fail_errno(r, "no thread for the connection");
        for (unsigned attempt = 0;; attempt++) {
                r = link_wait(b, usec_add(clock_now_usec(CLOCK_MONOTONIC), CLIENT_LINK_USEC));
                if (r < 0)
                        return r;
                r = send_and_wait(call);
                /* What no broker has heard can be said to the next one, whatever it is. */
                if (r == -EPIPE && attempt < ATTEMPTS_MAX) {
                        r = wait_for_end(b);
                        if (r < 0)
                                return r;
                        continue;
                }
                if (r != -ECONNRESET && r != -EPIPE)
                        return r;
                if (b->state == LINK_CLOSED)
                        return fail(ERROR_SHUTTING_DOWN, "the connection was closed");
                if (!call->reads || attempt > 0)
                        return fail(ERROR_DISCONNECTED, NULL);
        }
}

int call_run(Call *call)
{
        bgt *b = call->b;
        int r;

        if (!b)
                return call->error;
        client_lock(b);
        r = run_locked(call);
        driver_end_wait(b);
        client_unlock(b);
        if (r == -ESHUTDOWN)
                return fail(ERROR_SHUTTING_DOWN, "the connection was closed");
        if (r < 0)
                return r;
        if (call->reply->type == MESSAGE_ERROR)
                return fail_reply(call->reply);
        if (strcmp(call->reply->signature, call->method->out) != 0)
                return fail(ERROR_PROTOCOL, "the answer to %s is '%s' instead of '%s'", call->method->name,
                            call->reply->signature, call->method->out);
        reader_init(&call->answer, call->reply);
        return 0;
}
