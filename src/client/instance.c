/* SPDX-License-Identifier: MIT */

#include "client/instance.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "client/call.h"
#include "client/driver.h"
#include "client/error.h"
#include "client/record.h"
#include "client/registration.h"
#include "client/report.h"
#include "client/wait.h"

bool instance_tells_first;

static _Thread_local bgt_instance *current;

bgt_instance *instance_current(void)
{
        return current;
}

static void on_run_job(bgt *b, Job *job);
static void on_cancel_job(bgt *b, Job *job);

int instance_new(bgt *b, bgt_server *server, const char *id, uint32_t attempt, bgt_instance **ret)
{
        bgt_instance *instance = calloc(1, sizeof *instance);

        if (!instance)
                return -ENOMEM;
        atomic_init(&instance->n_ref, 1);
        atomic_init(&instance->reason, -1);
        atomic_init(&instance->cancel_fd, -1);
        instance->b = client_ref(b);
        instance->server = server_ref(server);
        instance->run_job.run = on_run_job;
        instance->cancel_job.run = on_cancel_job;
        instance->attempt = attempt;
        (void)snprintf(instance->id, sizeof instance->id, "%s", id);
        *ret = instance;
        return 0;
}

bgt_instance *bgt_instance_ref(bgt_instance *instance)
{
        if (instance)
                atomic_fetch_add_explicit(&instance->n_ref, 1, memory_order_relaxed);
        return instance;
}

static void free_instance(bgt_instance *instance)
{
        safe_close(atomic_load(&instance->cancel_fd));
        if (instance->server)
                server_unref(instance->server);
        bgt_record_unref(instance->details);
        bgt_record_unref(instance->firing);
        client_unref(instance->b);
        free(instance);
}

static bool is_last(bgt_instance *instance)
{
        return instance && atomic_fetch_sub_explicit(&instance->n_ref, 1, memory_order_acq_rel) == 1;
}

void bgt_instance_unref(bgt_instance *instance)
{
        if (!is_last(instance))
                return;
        bgt_registration_unref(instance->task);
        free_instance(instance);
}

void instance_unref_locked(bgt_instance *instance)
{
        if (!is_last(instance))
                return;
        registration_unref_locked(instance->task);
        free_instance(instance);
}

void instance_start(bgt_instance *instance)
{
        bgt *b = instance->b;

        (void)bgt_instance_ref(instance);
        list_append(&b->instances, &instance->node);
        b->n_instances++;
        b->n_live++;
        instance->server->n_live++;
        if (b->flags & BGT_NO_THREADS) {
                driver_queue(b, &instance->run_job);
        } else {
                list_append(&b->runs, &instance->run_node);
                instance->has_thread = true;
                b->n_busy++;
        }
}

bgt_instance *instance_take_run(bgt *b)
{
        bgt_instance *instance = list_entry(b->runs.next, bgt_instance, run_node);

        list_remove(&instance->run_node);
        return instance;
}

bgt_instance *instance_find(bgt *b, const char *id, uint32_t attempt)
{
        list_for_each(i, &b->instances) {
                bgt_instance *instance = list_entry(i, bgt_instance, node);

                if (instance->attempt == attempt && strcmp(instance->id, id) == 0)
                        return instance;
        }
        return NULL;
}

/* The first negative result stands, else the first that says anything. */
static void add_result(bgt_instance *instance, int result)
{
        if (instance->result == 0 || (instance->result > 0 && result < 0))
                instance->result = result;
}

/* Its thread is as good as free: before the result is told, so that the next run finds it. */
static void release_thread(bgt_instance *instance)
{
        instance->b->n_busy -= instance->has_thread;
        instance->has_thread = false;
}

/* Takes it out of the list of instances, which has a reference. */
static void drop(bgt_instance *instance)
{
        bgt *b = instance->b;

        instance->state = INSTANCE_RECORDED;
        list_remove(&instance->node);
        b->n_instances--;
        wait_on_instance(b);
        instance_unref_locked(instance);
}

static void finish(bgt_instance *instance)
{
        bgt *b = instance->b;

        instance->state = INSTANCE_ENDED;
        release_thread(instance);
        b->n_live--;
        b->n_ended++;
        if (b->n_live == 0)
                b->idle_mono_usec = clock_now_usec(CLOCK_MONOTONIC);
        instance->server->n_live--;
        server_unref(TAKE_PTR(instance->server));
        if (instance->forgotten)
                drop(instance);
        else
                report_complete(instance);
        wait_on_instance(b);
}

static void destroy_object(bgt *b, void (*destroy)(void *), void *object)
{
        if (!destroy)
                return;
        client_unlock(b);
        destroy(object);
        client_lock(b);
}

/*
 * Ends the instance if nothing of it is left. The object goes before the result is told: what its destructor still
 * writes belongs to the run. May let go of the lock.
 */
static void check_end(bgt_instance *instance)
{
        void *object = instance->object;
        bgt *b = instance->b;
        void (*destroy)(void *);

        if (instance->state != INSTANCE_RUNNING || !instance->returned || instance->n_deferrals > 0 ||
            instance->in_handler)
                return;
        instance->state = INSTANCE_ENDING;
        (void)driver_unqueue(b, &instance->cancel_job);
        destroy = instance->has_object ? instance->server->class_.destroy : NULL;
        if (!instance_tells_first)
                destroy_object(b, destroy, object);
        finish(instance);
        if (instance_tells_first)
                destroy_object(b, destroy, object);
}

static bool make_object(bgt_instance *instance)
{
        const bgt_class *class_ = &instance->server->class_;
        void *object = instance->server->factory;

        if (class_->create)
                object = class_->create(object);
        if (class_->create && !object)
                return false;
        client_lock(instance->b);
        instance->object = object;
        instance->has_object = true;
        if (atomic_load(&instance->reason) >= 0)
                driver_queue(instance->b, &instance->cancel_job);
        client_unlock(instance->b);
        return true;
}

void instance_execute(bgt_instance *instance)
{
        bgt_instance *outer = current;
        bgt *b = instance->b;
        int result = -ENOMEM;

        (void)bgt_instance_ref(instance);
        client_lock(b);
        instance->state = INSTANCE_RUNNING;
        client_unlock(b);
        current = instance;
        if (make_object(instance))
                result = instance->server->class_.run(instance, instance->object);
        current = outer;
        client_lock(b);
        instance->returned = true;
        add_result(instance, result);
        check_end(instance);
        release_thread(instance);
        client_unlock(b);
        bgt_instance_unref(instance);
}

static void on_run_job(bgt *b, Job *job)
{
        client_unlock(b);
        instance_execute(list_entry(job, bgt_instance, run_job));
        client_lock(b);
}

/* Calls the class's and the instance's own handler, each once. */
static void on_cancel_job(bgt *b, Job *job)
{
        bgt_instance *instance = bgt_instance_ref(list_entry(job, bgt_instance, cancel_job));
        bgt_canceled_handler handler = instance->handler;
        void *userdata = instance->handler_userdata;
        int reason = atomic_load(&instance->reason);
        bool running = instance->state == INSTANCE_RUNNING, tell_class, tell_handler;

        tell_class = running && instance->has_object && !instance->class_told && instance->server->class_.canceled;
        tell_handler = running && handler && !instance->handler_told;
        if (tell_class || tell_handler) {
                instance->class_told = instance->class_told || tell_class;
                instance->handler_told = instance->handler_told || tell_handler;
                instance->in_handler = true;
                client_unlock(b);
                if (tell_class)
                        instance->server->class_.canceled(instance, reason, instance->object);
                if (tell_handler)
                        handler(instance, reason, userdata);
                client_lock(b);
                instance->in_handler = false;
                check_end(instance);
        }
        instance_unref_locked(instance);
}

void instance_cancel(bgt_instance *instance, int reason)
{
        const uint64_t one = 1;
        int none = -1, fd;

        if (instance->state >= INSTANCE_ENDING || !atomic_compare_exchange_strong(&instance->reason, &none, reason))
                return;
        fd = atomic_load(&instance->cancel_fd);
        if (fd >= 0)
                (void)!write(fd, &one, sizeof one);
        if (instance->has_object)
                driver_queue(instance->b, &instance->cancel_job);
}

void instance_cancel_all(bgt *b, int reason)
{
        list_for_each(i, &b->instances)
                instance_cancel(list_entry(i, bgt_instance, node), reason);
}

void instance_recorded(bgt_instance *instance)
{
        if (instance->state == INSTANCE_ENDED)
                drop(instance);
}

static void forget(bgt_instance *instance)
{
        instance->forgotten = true;
        if (instance->state == INSTANCE_ENDED)
                drop(instance);
        else
                instance_cancel(instance, BGT_REASON_ABORT);
}

void instance_forget(bgt *b, const char *id, uint32_t attempt)
{
        bgt_instance *instance = instance_find(b, id, attempt);

        if (instance)
                forget(instance);
}

void instance_forget_all(bgt *b)
{
        list_for_each_safe(i, &b->instances)
                forget(list_entry(i, bgt_instance, node));
}

/* One that has not begun never will. */
static void abandon(bgt_instance *instance)
{
        list_remove(&instance->run_node);
        instance->returned = true;
        finish(instance);
}

void instance_close_all(bgt *b)
{
        list_for_each_safe(i, &b->instances) {
                bgt_instance *instance = list_entry(i, bgt_instance, node);

                instance->forgotten = true;
                if (instance->state == INSTANCE_ENDED)
                        drop(instance);
                else if (instance->state == INSTANCE_WAITING)
                        abandon(instance);
        }
}

const char *bgt_instance_id(const bgt_instance *instance)
{
        return instance->id;
}

uint32_t bgt_instance_attempt(const bgt_instance *instance)
{
        return instance->attempt;
}

bgt_registration *bgt_instance_task(const bgt_instance *instance)
{
        return instance->task;
}

const bgt_record *bgt_instance_details(const bgt_instance *instance)
{
        return instance->details;
}

/* id NULL: that at which the broker listens. */
static int take_socket(bgt_instance *instance, unsigned method, const char *id)
{
        _cleanup_(call_done) Call call;
        unsigned index;
        int r;

        (void)call_init(&call, instance->b, &server1_interface, method);
        writer_put_string(&call.writer, instance->id);
        writer_put_uint32(&call.writer, instance->attempt);
        if (id)
                writer_put_string(&call.writer, id);
        r = call_run(&call);
        if (r < 0)
                return r;
        if (reader_get_fd(&call.answer, &index) < 0)
                return fail(ERROR_PROTOCOL, NULL);
        return message_take_fd(call.reply, index);
}

int bgt_instance_take_socket(bgt_instance *instance)
{
        return take_socket(instance, SERVER1_METHOD_TAKE_SOCKET, NULL);
}

int bgt_instance_take_transferred_socket(bgt_instance *instance, const char *id)
{
        if (!id)
                return fail(ERROR_INVALID_ARGUMENT, "a socket that was transferred has an id");
        return take_socket(instance, SERVER1_METHOD_TAKE_TRANSFERRED_SOCKET, id);
}

const bgt_record *bgt_instance_firing(const bgt_instance *instance)
{
        return instance->firing;
}

bool bgt_instance_is_canceled(const bgt_instance *instance)
{
        return atomic_load_explicit(&instance->reason, memory_order_acquire) >= 0;
}

int bgt_instance_cancel_reason(const bgt_instance *instance)
{
        return atomic_load(&instance->reason);
}

int bgt_instance_cancel_fd(bgt_instance *instance)
{
        int fd, none = -1;

        fd = atomic_load(&instance->cancel_fd);
        if (fd >= 0)
                return fd;
        fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        if (fd < 0)
                return fail_errno(-errno, "no descriptor for the cancellation");
        client_lock(instance->b);
        if (atomic_compare_exchange_strong(&instance->cancel_fd, &none, fd)) {
                if (bgt_instance_is_canceled(instance))
                        (void)!write(fd, &(const uint64_t){ 1 }, sizeof(uint64_t));
        } else {
                safe_close(fd);
                fd = none;
        }
        client_unlock(instance->b);
        return fd;
}

void bgt_instance_on_canceled(bgt_instance *instance, bgt_canceled_handler handler, void *userdata)
{
        bgt *b = instance->b;

        if (!client_is_ours(b))
                return;
        client_lock(b);
        instance->handler = handler;
        instance->handler_userdata = userdata;
        instance->handler_told = false;
        if (handler && instance->state == INSTANCE_RUNNING && atomic_load(&instance->reason) >= 0)
                driver_queue(b, &instance->cancel_job);
        client_unlock(b);
}

void bgt_instance_set_retry_after(bgt_instance *instance, uint64_t usec)
{
        client_lock(instance->b);
        instance->retry_after_usec = usec;
        client_unlock(instance->b);
}

int instance_set_exit(bgt_instance *instance, InstanceExit exit, int value)
{
        client_lock(instance->b);
        instance->exit = exit;
        instance->exit_value = value;
        client_unlock(instance->b);
        return -EIO;
}

void instance_set_usage(bgt_instance *instance, uint64_t cpu_usec, uint64_t memory_bytes)
{
        client_lock(instance->b);
        instance->cpu_usec = cpu_usec;
        instance->memory_bytes = memory_bytes;
        client_unlock(instance->b);
}

struct bgt_deferral {
        atomic_uint n_ref;
        bgt_instance *instance;
        bool complete; /* under the lock of the instance's connection */
};

bgt_deferral *bgt_instance_get_deferral(bgt_instance *instance)
{
        bgt_deferral *deferral = calloc(1, sizeof *deferral);
        bool late;

        if (!deferral) {
                fail(ERROR_NO_MEMORY, NULL);
                return NULL;
        }
        atomic_init(&deferral->n_ref, 1);
        client_lock(instance->b);
        late = instance->state >= INSTANCE_ENDING;
        if (!late)
                instance->n_deferrals++;
        client_unlock(instance->b);
        if (late) {
                free(deferral);
                fail(ERROR_NOT_RUNNING, "the instance has ended");
                return NULL;
        }
        deferral->instance = bgt_instance_ref(instance);
        return deferral;
}

bgt_deferral *bgt_deferral_ref(bgt_deferral *deferral)
{
        if (deferral)
                atomic_fetch_add_explicit(&deferral->n_ref, 1, memory_order_relaxed);
        return deferral;
}

bgt_instance *bgt_deferral_instance(bgt_deferral *deferral)
{
        return deferral ? deferral->instance : NULL;
}

static void complete(bgt_deferral *deferral, int result)
{
        bgt_instance *instance = deferral->instance;

        if (!client_is_ours(instance->b))
                return;
        client_lock(instance->b);
        if (!deferral->complete) {
                deferral->complete = true;
                instance->n_deferrals--;
                add_result(instance, result);
                check_end(instance);
        }
        client_unlock(instance->b);
}

void bgt_deferral_complete(bgt_deferral *deferral, int result)
{
        if (!deferral)
                return;
        complete(deferral, result);
        bgt_deferral_unref(deferral);
}

void bgt_deferral_unref(bgt_deferral *deferral)
{
        if (!deferral || atomic_fetch_sub_explicit(&deferral->n_ref, 1, memory_order_acq_rel) > 1)
                return;
        complete(deferral, -ECANCELED);
        bgt_instance_unref(deferral->instance);
        free(deferral);
}
