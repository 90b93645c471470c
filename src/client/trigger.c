/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <string.h>

#include <bgtask/manage.h>

#include "base/device-watch.h"
#include "base/file-watch.h"
#include "base/socket-address.h"
#include "base/terms.h"
#include "client/error.h"
#include "client/registration.h"
#include "dbus/writer-watch.h"

#define MINUTES_MIN 15

static bgt_trigger *trigger_new(int kind, bool one_shot)
{
        bgt_trigger *trigger = calloc(1, sizeof *trigger);

        if (!trigger) {
                fail(ERROR_NO_MEMORY, NULL);
                return NULL;
        }
        atomic_init(&trigger->n_ref, 1);
        pthread_mutex_init(&trigger->lock, NULL);
        trigger->kind = kind;
        trigger->one_shot = one_shot;
        return trigger;
}

static bgt_trigger *new_of_minutes(int kind, uint32_t minutes, bool one_shot)
{
        bgt_trigger *trigger = trigger_new(kind, one_shot);

        if (trigger) {
                trigger->minutes = minutes;
                trigger->period_usec = minutes * USEC_PER_MINUTE;
        }
        return trigger;
}

bgt_trigger *bgt_trigger_time(uint32_t minutes, bool one_shot)
{
        return new_of_minutes(BGT_TRIGGER_TIME, minutes, one_shot);
}

bgt_trigger *bgt_trigger_maintenance(uint32_t minutes, bool one_shot)
{
        return new_of_minutes(BGT_TRIGGER_MAINTENANCE, minutes, one_shot);
}

bgt_trigger *bgt_trigger_interval(uint64_t period_usec, uint64_t window_usec, bool one_shot)
{
        bgt_trigger *trigger = trigger_new(BGT_TRIGGER_INTERVAL, one_shot);

        if (trigger) {
                trigger->period_usec = period_usec;
                trigger->window_usec = window_usec;
        }
        return trigger;
}

bgt_trigger *bgt_trigger_system(int type, bool one_shot)
{
        bgt_trigger *trigger = trigger_new(BGT_TRIGGER_SYSTEM, one_shot);

        if (trigger)
                trigger->system_type = type;
        return trigger;
}

bgt_trigger *bgt_trigger_event(int kind, bool one_shot)
{
        if (kind == BGT_TRIGGER_BOOT || kind == BGT_TRIGGER_LOGIN || kind == BGT_TRIGGER_RESUME)
                return trigger_new(kind, one_shot);
        fail(ERROR_INVALID_ARGUMENT, "%d is no trigger for an event without further properties", kind);
        return NULL;
}

static bgt_trigger *new_of_files(int kind, const char *const *paths, FileWatch watch, bool one_shot)
{
        _cleanup_(bgt_trigger_unrefp) bgt_trigger *trigger = trigger_new(kind, one_shot);
        _cleanup_(buffer_done) Buffer text = { 0 };

        if (!trigger)
                return NULL;
        for (size_t i = 0; paths && paths[i]; i++) {
                const char *problem = file_watch_add(&watch, paths[i]);

                if (problem) {
                        fail(ERROR_INVALID_ARGUMENT, "the path \"%.160s\" %s", paths[i], problem);
                        return NULL;
                }
        }
        if (file_watch_format(&watch, &text) < 0 || client_set_text(&trigger->text, (const char *)text.data) < 0) {
                fail(ERROR_NO_MEMORY, NULL);
                return NULL;
        }
        return TAKE_PTR(trigger);
}

bgt_trigger *bgt_trigger_files(const char *const *paths, bool recursive, uint64_t delay_usec,
                               uint64_t max_delay_usec, bool one_shot)
{
        FileWatch watch = { .recursive = recursive, .delay_usec = delay_usec, .max_delay_usec = max_delay_usec };

        return new_of_files(BGT_TRIGGER_STORAGE_CONTENT_CHANGED, paths, watch, one_shot);
}

bgt_trigger *bgt_trigger_change_tracker(const char *const *paths, bool recursive, uint64_t delay_usec,
                                        uint64_t max_delay_usec, bool one_shot)
{
        FileWatch watch = { .tracker = true, .recursive = recursive, .delay_usec = delay_usec,
                            .max_delay_usec = max_delay_usec };

        return new_of_files(BGT_TRIGGER_STORAGE_CHANGE_TRACKER, paths, watch, one_shot);
}

static bgt_trigger *new_of_devices(int kind, const DeviceWatch *watch, bool one_shot)
{
        _cleanup_(bgt_trigger_unrefp) bgt_trigger *trigger = trigger_new(kind, one_shot);
        _cleanup_(buffer_done) Buffer text = { 0 };

        if (!trigger)
                return NULL;
        if (device_watch_format(watch, &text) < 0 ||
            client_set_text(&trigger->text, (const char *)text.data) < 0) {
                fail(ERROR_NO_MEMORY, NULL);
                return NULL;
        }
        return TAKE_PTR(trigger);
}

bgt_trigger *bgt_trigger_device(const char *path, bool one_shot)
{
        DeviceWatch watch = { 0 };
        const char *problem = device_watch_set_device(&watch, path);

        if (!problem)
                return new_of_devices(BGT_TRIGGER_DEVICE_CONNECTION_CHANGE, &watch, one_shot);
        fail(ERROR_INVALID_ARGUMENT, "\"%.160s\" %s", path, problem);
        return NULL;
}

bgt_trigger *bgt_trigger_devices(const char *const *matches, bool changes, bool one_shot)
{
        DeviceWatch watch = { .changes = changes };

        for (size_t i = 0; matches && matches[i]; i++) {
                const char *problem = device_watch_add_match(&watch, matches[i]);

                if (problem) {
                        fail(ERROR_INVALID_ARGUMENT, "the match \"%.160s\" %s", matches[i], problem);
                        return NULL;
                }
        }
        return new_of_devices(BGT_TRIGGER_DEVICE_WATCHER, &watch, one_shot);
}

bgt_trigger *bgt_trigger_application(void)
{
        return trigger_new(BGT_TRIGGER_APPLICATION, false);
}

bgt_trigger *bgt_trigger_media_processing(void)
{
        return trigger_new(BGT_TRIGGER_MEDIA_PROCESSING, false);
}

bgt_trigger *bgt_trigger_device_use(void)
{
        return trigger_new(BGT_TRIGGER_DEVICE_USE, false);
}

bgt_trigger *bgt_trigger_device_servicing(void)
{
        return trigger_new(BGT_TRIGGER_DEVICE_SERVICING, false);
}

static bgt_trigger *new_of_text(int kind, const char *text, bool one_shot)
{
        _cleanup_(bgt_trigger_unrefp) bgt_trigger *trigger = trigger_new(kind, one_shot);

        if (trigger && client_set_text(&trigger->text, text) < 0) {
                fail(ERROR_NO_MEMORY, NULL);
                return NULL;
        }
        return TAKE_PTR(trigger);
}

bgt_trigger *bgt_trigger_custom_system_event(const char *id, bool one_shot)
{
        return new_of_text(BGT_TRIGGER_CUSTOM_SYSTEM_EVENT, id, one_shot);
}

bgt_trigger *bgt_trigger_custom_system_event_per_boot(const char *id)
{
        bgt_trigger *trigger = new_of_text(BGT_TRIGGER_CUSTOM_SYSTEM_EVENT, id, false);

        if (trigger)
                trigger->once_per_boot = true;
        return trigger;
}

bgt_trigger *bgt_trigger_socket(const char *address, bool one_shot)
{
        SocketAddress parsed;
        const char *problem = address ? socket_address_parse(address, &parsed) : NULL;

        if (!address)
                return trigger_new(BGT_TRIGGER_SOCKET_ACTIVITY, one_shot);
        if (!problem)
                return new_of_text(BGT_TRIGGER_SOCKET_ACTIVITY, address, one_shot);
        fail(ERROR_INVALID_ARGUMENT, "\"%.160s\" %s", address, problem);
        return NULL;
}

bgt_trigger *bgt_trigger_toast_action(const char *action, bool one_shot)
{
        return new_of_text(BGT_TRIGGER_TOAST_ACTION, action ? action : "*", one_shot);
}

bgt_trigger *bgt_trigger_toast_history_changed(bool one_shot)
{
        return trigger_new(BGT_TRIGGER_TOAST_HISTORY_CHANGED, one_shot);
}

bgt_trigger *bgt_trigger_user_notification_changed(bool one_shot)
{
        return trigger_new(BGT_TRIGGER_USER_NOTIFICATION_CHANGED, one_shot);
}

bgt_trigger *bgt_trigger_push_notification(bool one_shot)
{
        return trigger_new(BGT_TRIGGER_PUSH_NOTIFICATION, one_shot);
}

bgt_trigger *bgt_trigger_calendar(const char *expression, bool one_shot)
{
        return new_of_text(BGT_TRIGGER_CALENDAR, expression, one_shot);
}

bgt_trigger *bgt_trigger_ref(bgt_trigger *trigger)
{
        if (trigger)
                atomic_fetch_add_explicit(&trigger->n_ref, 1, memory_order_relaxed);
        return trigger;
}

void bgt_trigger_unref(bgt_trigger *trigger)
{
        if (!trigger || atomic_fetch_sub_explicit(&trigger->n_ref, 1, memory_order_acq_rel) > 1)
                return;
        if (trigger->b)
                client_unref(trigger->b);
        pthread_mutex_destroy(&trigger->lock);
        free(trigger->text);
        free(trigger);
}

int bgt_trigger_kind(const bgt_trigger *trigger)
{
        return trigger ? trigger->kind : 0;
}

bool bgt_trigger_one_shot(const bgt_trigger *trigger)
{
        return trigger ? trigger->one_shot : false;
}

uint32_t bgt_trigger_minutes(const bgt_trigger *trigger)
{
        return trigger ? trigger->minutes : 0;
}

uint64_t bgt_trigger_period_usec(const bgt_trigger *trigger)
{
        return trigger ? trigger->period_usec : 0;
}

const char *bgt_trigger_id(const bgt_trigger *trigger)
{
        const char *line = trigger && trigger->text && trigger->kind == BGT_TRIGGER_DEVICE_CONNECTION_CHANGE ?
                strchr(trigger->text, '\n') : NULL;

        if (line)
                return line + 1;
        return trigger && trigger->kind == BGT_TRIGGER_CUSTOM_SYSTEM_EVENT ? trigger->text : NULL;
}

bool bgt_trigger_once_per_boot(const bgt_trigger *trigger)
{
        return trigger ? trigger->once_per_boot : false;
}

const char *bgt_trigger_expression(const bgt_trigger *trigger)
{
        return trigger && trigger->kind == BGT_TRIGGER_CALENDAR ? trigger->text : NULL;
}

int bgt_trigger_system_type(const bgt_trigger *trigger)
{
        return trigger ? trigger->system_type : 0;
}

/* What is no device is left out. */
static void read_device(bgt_trigger *trigger, const char *path)
{
        _cleanup_(buffer_done) Buffer text = { 0 };
        DeviceWatch watch = { 0 };

        if (!device_watch_set_device(&watch, path) && device_watch_format(&watch, &text) >= 0)
                (void)client_set_text(&trigger->text, (const char *)text.data);
}

static void read_property(bgt_trigger *trigger, Reader *r, const char *key, const char *type)
{
        if (strcmp(key, "one-shot") == 0 && *type == 'b')
                trigger->one_shot = reader_get_bool(r);
        else if (strcmp(key, "once-per-boot") == 0 && *type == 'b')
                trigger->once_per_boot = reader_get_bool(r);
        else if (strcmp(key, "freshness-minutes") == 0 && *type == 'u')
                trigger->minutes = reader_get_uint32(r);
        else if (strcmp(key, "period") == 0 && *type == 't')
                trigger->period_usec = reader_get_uint64(r);
        else if (strcmp(key, "window") == 0 && *type == 't')
                trigger->window_usec = reader_get_uint64(r);
        else if (strcmp(key, "type") == 0 && *type == 's')
                trigger->system_type = MAX(term_number(TERM_SYSTEM, reader_get_string(r)), 0);
        else if ((strcmp(key, "id") == 0 || strcmp(key, "expression") == 0) && *type == 's')
                (void)client_set_text(&trigger->text, reader_get_string(r));
        else if (strcmp(key, "device") == 0 && *type == 's')
                read_device(trigger, reader_get_string(r));
}

int trigger_read(Reader *r, bgt_trigger **ret)
{
        _cleanup_(bgt_trigger_unrefp) bgt_trigger *trigger = trigger_new(0, false);
        const char *key, *type;

        if (!trigger)
                return -ENOMEM;
        reader_open_struct(r, "sa{sv}");
        trigger->kind = MAX(term_number(TERM_TRIGGER, reader_get_string(r)), 0);
        reader_open_array(r, "{sv}");
        while (reader_next_option(r, &key, &type))
                read_property(trigger, r, key, type);
        reader_close(r);
        reader_close(r);
        if (trigger->minutes > 0)
                trigger->period_usec = trigger->minutes * USEC_PER_MINUTE;
        if (reader_error(r) < 0)
                return reader_error(r);
        *ret = TAKE_PTR(trigger);
        return 0;
}

void trigger_write(const bgt_trigger *trigger, Writer *w)
{
        const char *kind = term_name(TERM_TRIGGER, trigger->kind);

        writer_open_struct(w, "sa{sv}");
        writer_put_string(w, kind);
        writer_open_array(w, "{sv}");
        switch (trigger->kind) {
        case BGT_TRIGGER_TIME:
        case BGT_TRIGGER_MAINTENANCE:
                writer_put_option_uint32(w, "freshness-minutes", trigger->minutes);
                break;
        case BGT_TRIGGER_INTERVAL:
                writer_put_option_uint64(w, "period", trigger->period_usec);
                writer_put_option_uint64(w, "window", trigger->window_usec);
                break;
        case BGT_TRIGGER_SYSTEM:
                writer_put_option_string(w, "type", term_name(TERM_SYSTEM, trigger->system_type));
                break;
        case BGT_TRIGGER_CUSTOM_SYSTEM_EVENT:
                writer_put_option_string(w, "id", trigger->text);
                if (trigger->once_per_boot)
                        writer_put_option_bool(w, "once-per-boot", true);
                break;
        case BGT_TRIGGER_TOAST_ACTION:
                writer_put_option_string(w, "action", trigger->text);
                break;
        case BGT_TRIGGER_SOCKET_ACTIVITY:
                if (trigger->text)
                        writer_put_option_string(w, "listen", trigger->text);
                break;
        case BGT_TRIGGER_CALENDAR:
                writer_put_option_string(w, "expression", trigger->text);
                break;
        case BGT_TRIGGER_STORAGE_CONTENT_CHANGED:
        case BGT_TRIGGER_STORAGE_CHANGE_TRACKER:
                /* One that was read from the broker has no text: it is not registered again. */
                writer_put_file_watch(w, trigger->text ?: "");
                break;
        case BGT_TRIGGER_DEVICE_CONNECTION_CHANGE:
        case BGT_TRIGGER_DEVICE_WATCHER:
                writer_put_device_watch(w, trigger->text ?: "");
                break;
        }
        if (!trigger_is_requested(trigger->kind))
                writer_put_option_bool(w, "one-shot", trigger->one_shot);
        writer_close(w);
        writer_close(w);
}

int trigger_validate(const bgt_trigger *trigger)
{
        if ((trigger->kind == BGT_TRIGGER_TIME || trigger->kind == BGT_TRIGGER_MAINTENANCE) &&
            trigger->minutes < MINUTES_MIN)
                return fail(ERROR_TRIGGER_TOO_SHORT, "%s needs at least %d minutes, and has %u",
                            term_name(TERM_TRIGGER, trigger->kind), MINUTES_MIN, (unsigned)trigger->minutes);
        if (trigger->kind == BGT_TRIGGER_SYSTEM && !term_name(TERM_SYSTEM, trigger->system_type))
                return fail(ERROR_INVALID_ARGUMENT, "%d is no SystemTriggerType", trigger->system_type);
        return 0;
}

void trigger_registered(bgt_trigger *trigger, bgt *b, const char *task)
{
        bgt *old = NULL;

        pthread_mutex_lock(&trigger->lock);
        if (trigger->n_tasks == 0 || strcmp(trigger->task, task) != 0)
                trigger->n_tasks++;
        if (trigger->b != b) {
                old = trigger->b;
                trigger->b = client_ref(b);
        }
        (void)snprintf(trigger->task, sizeof trigger->task, "%s", task);
        pthread_mutex_unlock(&trigger->lock);
        if (old)
                client_unref(old);
}

int bgt_trigger_request(bgt_trigger *trigger, const bgt_record *arguments, int *ret_result)
{
        char task[BGT_ID_SIZE];
        unsigned n_tasks;
        bgt *b;
        int r;

        if (!trigger || !trigger_is_requested(trigger->kind))
                return fail(ERROR_INVALID_ARGUMENT, "only an ApplicationTrigger, a MediaProcessingTrigger and those "
                            "for the use and servicing of a device can be requested");
        pthread_mutex_lock(&trigger->lock);
        n_tasks = trigger->n_tasks;
        memcpy(task, trigger->task, sizeof task);
        /* Another thread may register the trigger over another connection meanwhile. */
        b = trigger->b ? client_ref(trigger->b) : NULL;
        pthread_mutex_unlock(&trigger->lock);
        if (n_tasks == 0)
                r = fail(ERROR_NO_SUCH_TASK, "the trigger was not registered with a task by this process");
        else if (n_tasks > 1)
                r = fail(ERROR_AMBIGUOUS, "the trigger was registered with %u tasks", n_tasks);
        else
                r = bgt_task_request(b, task, arguments, ret_result, NULL);
        if (b)
                client_unref(b);
        return r;
}

int bgt_trigger_request_device(bgt_trigger *trigger, const char *device_id, uint64_t expected_usec,
                               const char *arguments, int *ret_result)
{
        bgt_record *record;
        int r;

        if (!trigger || !trigger_is_of_device(trigger->kind) || !device_id)
                return fail(ERROR_INVALID_ARGUMENT, "a DeviceUseTrigger or DeviceServicingTrigger and the id of a "
                            "device are needed");
        record = bgt_record_new();
        r = record ? bgt_record_set_string(record, "device-id", device_id) : -ENOMEM;
        if (r >= 0 && arguments)
                r = bgt_record_set_string(record, "arguments", arguments);
        if (r >= 0 && expected_usec > 0)
                r = bgt_record_set_uint(record, "expected-duration", expected_usec);
        if (r >= 0)
                r = bgt_trigger_request(trigger, record, ret_result);
        bgt_record_unref(record);
        return r;
}
