/* SPDX-License-Identifier: MIT */

#include "client/report.h"

#include <errno.h>

#include "client/driver.h"
#include "client/link.h"
#include "dbus/interfaces.h"

#define PROGRESS_USEC (100 * USEC_PER_MSEC)
#define AGAIN_USEC (100 * USEC_PER_MSEC)

static bool can_send(const bgt *b)
{
        return b->state == LINK_UP && b->attached;
}

void report_acknowledge_later(bgt_instance *instance, const Message *call)
{
        instance->call_serial = call->serial;
        instance->b->n_unacknowledged++;
}

void report_acknowledge(bgt_instance *instance)
{
        bgt *b = instance->b;
        uint32_t serial = instance->call_serial;

        if (serial == 0)
                return;
        instance->call_serial = 0;
        b->n_unacknowledged--;
        writer_start_return_to(&b->writer, serial, NULL, NULL);
        /* Without an answer the broker would give the run up: on the next connection it is announced. */
        if (b->connection && connection_reply_to(b->connection, &b->writer, serial, NULL) == -ENOMEM)
                link_break(b);
}

void report_acknowledge_all(bgt *b)
{
        for (ListNode *i = b->instances.next; i != &b->instances && b->n_unacknowledged > 0; i = i->next)
                report_acknowledge(list_entry(i, bgt_instance, node));
}

void report_forget_calls(bgt *b)
{
        list_for_each(i, &b->instances)
                list_entry(i, bgt_instance, node)->call_serial = 0;
        b->n_unacknowledged = 0;
}

/* The answer to Run waits for what is sent next. */
static void acknowledge_with_next(bgt_instance *instance)
{
        if (instance->call_serial == 0)
                return;
        connection_delay(instance->b->connection, true);
        report_acknowledge(instance);
        connection_delay(instance->b->connection, false);
}

static void start(bgt_instance *instance, unsigned method)
{
        Writer *w = &instance->b->writer;

        acknowledge_with_next(instance);
        interface_start_call(w, CLIENT_PATH, &server1_interface, method);
        writer_put_string(w, instance->id);
        writer_put_uint32(w, instance->attempt);
}

static void send_progress(bgt_instance *instance, uint64_t now)
{
        bgt *b = instance->b;
        uint32_t progress;

        /* First the flag: whoever sets a value after this comes here again. */
        atomic_store(&instance->progress_waiting, false);
        progress = atomic_load(&instance->progress);
        if (instance->has_progress && progress == instance->sent_progress)
                return;
        /* It still waits: it is told as soon as there is somebody to tell. */
        if (!can_send(b)) {
                atomic_store(&instance->progress_waiting, true);
                return;
        }
        start(instance, SERVER1_METHOD_PROGRESS);
        writer_put_uint32(&b->writer, progress);
        if (connection_send(b->connection, &b->writer) < 0) {
                (void)connection_flush(b->connection);
                atomic_store(&instance->progress_waiting, true);
                driver_arm(b, usec_add(now, AGAIN_USEC));
                return;
        }
        instance->has_progress = true;
        instance->sent_progress = progress;
        instance->progress_mono_usec = usec_add(now, PROGRESS_USEC);
}

void bgt_instance_set_progress(bgt_instance *instance, uint32_t progress)
{
        bgt *b = instance->b;
        uint64_t now;

        atomic_store(&instance->progress, progress);
        if (atomic_exchange(&instance->progress_waiting, true) || !client_is_ours(b))
                return;
        now = clock_now_usec(CLOCK_MONOTONIC);
        client_lock(b);
        if (instance->state > INSTANCE_RUNNING)
                ;
        else if (now >= instance->progress_mono_usec)
                send_progress(instance, now);
        else
                driver_arm(b, instance->progress_mono_usec);
        client_unlock(b);
}

uint32_t bgt_instance_progress(const bgt_instance *instance)
{
        return atomic_load(&instance->progress);
}

static void send_complete(bgt_instance *instance)
{
        bgt *b = instance->b;
        Writer *w = &b->writer;

        if (!can_send(b))
                return;
        acknowledge_with_next(instance);
        connection_delay(b->connection, true);
        send_progress(instance, clock_now_usec(CLOCK_MONOTONIC));
        connection_delay(b->connection, false);
        start(instance, SERVER1_METHOD_COMPLETE);
        writer_put_int32(w, instance->result);
        writer_open_array(w, "{sv}");
        if (instance->retry_after_usec > 0)
                writer_put_option_uint64(w, "retry-after", instance->retry_after_usec);
        if (instance->cpu_usec > 0)
                writer_put_option_uint64(w, "cpu", instance->cpu_usec);
        if (instance->memory_bytes > 0)
                writer_put_option_uint64(w, "memory", instance->memory_bytes);
        if (instance->exit != INSTANCE_EXIT_NONE)
                writer_put_option_int32(w, instance->exit == INSTANCE_EXIT_STATUS ? "exit-status" : "exit-signal",
                                        instance->exit_value);
        writer_close(w);
        instance->complete_sent = connection_send(b->connection, w) >= 0;
        /* On a connection that is about to end this does nothing, and the next one is told anyway. */
        if (!instance->complete_sent) {
                (void)connection_flush(b->connection);
                driver_arm(b, usec_add(clock_now_usec(CLOCK_MONOTONIC), AGAIN_USEC));
        }
}

void report_complete(bgt_instance *instance)
{
        atomic_store(&instance->progress_waiting, false);
        send_complete(instance);
}

void report_put_all(bgt *b, Writer *w)
{
        writer_open_array(w, "(su)");
        list_for_each(i, &b->instances) {
                const bgt_instance *instance = list_entry(i, bgt_instance, node);

                if (instance->forgotten)
                        continue;
                writer_open_struct(w, "su");
                writer_put_string(w, instance->id);
                writer_put_uint32(w, instance->attempt);
                writer_close(w);
        }
        writer_close(w);
}

void report_again(bgt *b)
{
        uint64_t now = clock_now_usec(CLOCK_MONOTONIC);

        list_for_each(i, &b->instances) {
                bgt_instance *instance = list_entry(i, bgt_instance, node);
                bool told = instance->has_progress || atomic_load(&instance->progress_waiting);

                if (instance->forgotten)
                        continue;
                /* What the last broker was told, this one may not have heard. */
                instance->has_progress = false;
                if (instance->state == INSTANCE_ENDED)
                        send_complete(instance);
                else if (told)
                        send_progress(instance, now);
        }
}

void report_on_timer(bgt *b)
{
        uint64_t now = clock_now_usec(CLOCK_MONOTONIC);

        list_for_each(i, &b->instances) {
                bgt_instance *instance = list_entry(i, bgt_instance, node);

                if (instance->forgotten || !can_send(b))
                        continue;
                if (instance->state == INSTANCE_ENDED && !instance->complete_sent)
                        send_complete(instance);
                else if (instance->state > INSTANCE_RUNNING || !atomic_load(&instance->progress_waiting))
                        continue;
                else if (now >= instance->progress_mono_usec)
                        send_progress(instance, now);
                else
                        driver_arm(b, instance->progress_mono_usec);
        }
}
