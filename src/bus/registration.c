/* SPDX-License-Identifier: MIT */

#include "bus/registration.h"

#include <stdarg.h>
#include <string.h>

#include "base/clock.h"
#include "base/device-watch.h"
#include "base/file-watch.h"
#include "base/socket-address.h"
#include "base/support.h"
#include "bus/settings.h"
#include "dbus/writer-watch.h"

#define TOAST_PATTERN_MAX 200

void refuse(Refusal *refusal, Error error, const char *format, ...)
{
        va_list args;

        if (refusal->error != ERROR_NONE)
                return;
        refusal->error = error;
        va_start(args, format);
        vsnprintf(refusal->sentence, sizeof refusal->sentence, format, args);
        va_end(args);
}

/* Reads the value of an option if it has the type that the option needs. */
static bool expect(const char *key, const char *type, const char *wanted, Refusal *refusal)
{
        if (strcmp(type, wanted) == 0)
                return true;
        refuse(refusal, ERROR_INVALID_ARGUMENT, "the option %.64s must have the type '%s', not '%.16s'", key, wanted,
               type);
        return false;
}

static bool read_bool(Reader *r, const char *key, const char *type, Refusal *refusal)
{
        return expect(key, type, "b", refusal) && reader_get_bool(r);
}

/* A language that has one kind of integers need not choose: either width is read, if the number fits. */
static uint32_t read_uint32(Reader *r, const char *key, const char *type, Refusal *refusal)
{
        uint64_t number;

        if (strcmp(type, "t") != 0)
                return expect(key, type, "u", refusal) ? reader_get_uint32(r) : 0;
        number = reader_get_uint64(r);
        if (number <= UINT32_MAX)
                return (uint32_t)number;
        refuse(refusal, ERROR_INVALID_ARGUMENT, "the option %.64s is larger than %u", key, UINT32_MAX);
        return 0;
}

static uint64_t read_uint64(Reader *r, const char *key, const char *type, Refusal *refusal)
{
        if (strcmp(type, "u") == 0)
                return reader_get_uint32(r);
        return expect(key, type, "t", refusal) ? reader_get_uint64(r) : 0;
}

static const char *read_string(Reader *r, const char *key, const char *type, Refusal *refusal)
{
        return expect(key, type, "s", refusal) ? reader_get_string(r) : "";
}

static uint8_t read_term(Reader *r, TermList list, const char *key, const char *type, Refusal *refusal)
{
        const char *name = read_string(r, key, type, refusal);
        int number = term_number(list, name);

        if (number < 0)
                refuse(refusal, ERROR_INVALID_ARGUMENT, "the option %.64s cannot be \"%.64s\"", key, name);
        return number < 0 ? 0 : (uint8_t)number;
}

/* A window that lets wake-ups be shared where nobody asked for exactness: a tenth of the period, at most a minute. */
static uint64_t default_window(uint64_t period_usec)
{
        return MIN(period_usec / 10, USEC_PER_MINUTE);
}

/* What Windows has and Linux has not; true if it was refused. */
static bool refuse_unsupported(TermList list, const char *name, Refusal *refusal)
{
        char sentence[SUPPORT_SENTENCE_MAX];
        SupportRow row;

        if (!support_find(list, name, &row) || row.source)
                return false;
        support_format_refusal(&row, sentence);
        refuse(refusal, ERROR_TRIGGER_NOT_SUPPORTED, "%s", sentence);
        return true;
}

static void read_trigger_kind(const char *kind, Trigger *trigger, Refusal *refusal)
{
        size_t n = strlen(kind);
        int number = term_number(TERM_TRIGGER, kind);

        if (refuse_unsupported(TERM_TRIGGER, kind, refusal))
                return;
        if (number >= 0)
                trigger->kind = (uint8_t)number;
        else if (n == 0)
                trigger->kind = 0;
        else if (n > 7 && strcmp(kind + n - 7, "Trigger") == 0)
                refuse(refusal, ERROR_TRIGGER_NOT_SUPPORTED, "a %.64s has no meaning here", kind);
        else
                refuse(refusal, ERROR_INVALID_ARGUMENT, "there is no trigger of the kind \"%.64s\"", kind);
}

static void read_address(Reader *r, const char *key, const char *type, Trigger *trigger, Refusal *refusal)
{
        const char *text = read_string(r, key, type, refusal), *problem;
        SocketAddress address;

        problem = socket_address_parse(text, &address);
        if (problem)
                refuse(refusal, ERROR_INVALID_ARGUMENT, "\"%.160s\" %s", text, problem);
        trigger->text = text;
}

static void read_trigger_option(Reader *r, const char *key, const char *type, Trigger *trigger, bool *window_set,
                                Refusal *refusal)
{
        bool freshness = trigger->kind == TRIGGER_TIME || trigger->kind == TRIGGER_MAINTENANCE;

        if (strcmp(key, "one-shot") == 0) {
                trigger->one_shot = read_bool(r, key, type, refusal);
        } else if (freshness && strcmp(key, "freshness-minutes") == 0) {
                trigger->period_usec = read_uint32(r, key, type, refusal) * USEC_PER_MINUTE;
        } else if (trigger->kind == TRIGGER_INTERVAL && strcmp(key, "period") == 0) {
                trigger->period_usec = read_uint64(r, key, type, refusal);
        } else if (trigger->kind == TRIGGER_INTERVAL && strcmp(key, "window") == 0) {
                trigger->window_usec = read_uint64(r, key, type, refusal);
                *window_set = true;
        } else if (trigger->kind == TRIGGER_SYSTEM && strcmp(key, "type") == 0) {
                trigger->system_type = read_term(r, TERM_SYSTEM, key, type, refusal);
                if (trigger->system_type > 0)
                        (void)refuse_unsupported(TERM_SYSTEM, term_name(TERM_SYSTEM, trigger->system_type), refusal);
        } else if (trigger->kind == TRIGGER_CUSTOM_SYSTEM_EVENT && strcmp(key, "once-per-boot") == 0) {
                trigger->system_type = read_bool(r, key, type, refusal) ? ONCE_PER_BOOT : 0;
        } else if ((trigger->kind == TRIGGER_CUSTOM_SYSTEM_EVENT && strcmp(key, "id") == 0) ||
                   (trigger->kind == TRIGGER_CALENDAR && strcmp(key, "expression") == 0)) {
                trigger->text = read_string(r, key, type, refusal);
        } else if (trigger->kind == TRIGGER_TOAST_ACTION && strcmp(key, "action") == 0) {
                trigger->text = read_string(r, key, type, refusal);
                if (!trigger->text[0] || strlen(trigger->text) > TOAST_PATTERN_MAX)
                        refuse(refusal, ERROR_INVALID_ARGUMENT, "the pattern of an action has 1 to %d bytes",
                               TOAST_PATTERN_MAX);
        } else if (trigger->kind == TRIGGER_SOCKET_ACTIVITY && strcmp(key, "listen") == 0) {
                read_address(r, key, type, trigger, refusal);
        } else {
                const char *name = term_name(TERM_TRIGGER, trigger->kind);

                refuse(refusal, ERROR_INVALID_ARGUMENT, "a trigger of the kind %s has no property \"%.64s\"",
                       name ? name : "none", key);
        }
}

static void read_paths(Reader *r, const char *key, const char *type, FileWatch *watch, Refusal *refusal)
{
        if (!expect(key, type, "as", refusal))
                return;
        reader_open_array(r, "s");
        while (reader_more(r)) {
                const char *path = reader_get_string(r), *problem = file_watch_add(watch, path);

                if (problem)
                        refuse(refusal, ERROR_INVALID_ARGUMENT, "the path \"%.160s\" %s", path, problem);
        }
        reader_close(r);
}

/* True if the option is one of those that say what files are watched. */
static bool read_files_option(Reader *r, const char *key, const char *type, FileWatch *watch, Refusal *refusal)
{
        if (strcmp(key, "paths") == 0)
                read_paths(r, key, type, watch, refusal);
        else if (strcmp(key, "recursive") == 0)
                watch->recursive = read_bool(r, key, type, refusal);
        else if (strcmp(key, "delay") == 0)
                watch->delay_usec = read_uint64(r, key, type, refusal);
        else if (strcmp(key, "maximum-delay") == 0)
                watch->max_delay_usec = read_uint64(r, key, type, refusal);
        else
                return false;
        return true;
}

static void put_files(const FileWatch *watch, Buffer *text, Refusal *refusal)
{
        if (watch->n_paths == 0)
                refuse(refusal, ERROR_INVALID_ARGUMENT, "the trigger needs paths");
        else if (watch->max_delay_usec < watch->delay_usec || watch->max_delay_usec > USEC_PER_DAY)
                refuse(refusal, ERROR_INVALID_ARGUMENT,
                       "the maximum delay is not shorter than the delay, and at most a day");
        else if (file_watch_format(watch, text) < 0)
                refuse(refusal, ERROR_NO_MEMORY, "there is not enough memory");
}

static void read_matches(Reader *r, const char *key, const char *type, DeviceWatch *watch, Refusal *refusal)
{
        if (!expect(key, type, "as", refusal))
                return;
        reader_open_array(r, "s");
        while (reader_more(r)) {
                const char *match = reader_get_string(r), *problem = device_watch_add_match(watch, match);

                if (problem)
                        refuse(refusal, ERROR_INVALID_ARGUMENT, "the match \"%.160s\" %s", match, problem);
        }
        reader_close(r);
}

static void read_device(Reader *r, const char *key, const char *type, DeviceWatch *watch, Refusal *refusal)
{
        const char *path = read_string(r, key, type, refusal), *problem = device_watch_set_device(watch, path);

        if (problem)
                refuse(refusal, ERROR_INVALID_ARGUMENT, "\"%.160s\" %s", path, problem);
}

/* True if the option is one of those that say what devices are watched. */
static bool read_devices_option(Reader *r, uint8_t kind, const char *key, const char *type, DeviceWatch *watch,
                                Refusal *refusal)
{
        if (kind == TRIGGER_DEVICE_WATCHER && strcmp(key, "match") == 0)
                read_matches(r, key, type, watch, refusal);
        else if (kind == TRIGGER_DEVICE_WATCHER && strcmp(key, "changes") == 0)
                watch->changes = read_bool(r, key, type, refusal);
        else if (kind == TRIGGER_DEVICE_CONNECTION_CHANGE && strcmp(key, "device") == 0)
                read_device(r, key, type, watch, refusal);
        else
                return false;
        return true;
}

static void put_devices(const DeviceWatch *watch, uint8_t kind, Buffer *text, Refusal *refusal)
{
        if (kind == TRIGGER_DEVICE_WATCHER && watch->n_matches == 0)
                refuse(refusal, ERROR_INVALID_ARGUMENT, "the trigger needs a match, as SUBSYSTEM=usb");
        else if (kind == TRIGGER_DEVICE_CONNECTION_CHANGE && !watch->device)
                refuse(refusal, ERROR_INVALID_ARGUMENT, "the trigger needs a device");
        else if (device_watch_format(watch, text) < 0)
                refuse(refusal, ERROR_NO_MEMORY, "there is not enough memory");
}

static void read_trigger(Reader *r, Trigger *trigger, Buffer *text, Refusal *refusal)
{
        FileWatch files = { .recursive = true, .delay_usec = FILE_WATCH_DELAY_USEC,
                            .max_delay_usec = FILE_WATCH_MAX_DELAY_USEC };
        DeviceWatch devices = { 0 };
        const char *key, *type;
        bool window_set = false, has_text = false;

        reader_open_struct(r, "sa{sv}");
        read_trigger_kind(reader_get_string(r), trigger, refusal);
        reader_open_array(r, "{sv}");
        while (reader_next_option(r, &key, &type))
                if ((!trigger_is_files(trigger->kind) ||
                     !read_files_option(r, key, type, &files, refusal)) &&
                    !read_devices_option(r, trigger->kind, key, type, &devices, refusal))
                        read_trigger_option(r, key, type, trigger, &window_set, refusal);
        files.tracker = trigger->kind == TRIGGER_STORAGE_CHANGE_TRACKER;
        if (trigger_is_files(trigger->kind))
                put_files(&files, text, refusal);
        else if (trigger->kind == TRIGGER_DEVICE_CONNECTION_CHANGE || trigger->kind == TRIGGER_DEVICE_WATCHER)
                put_devices(&devices, trigger->kind, text, refusal);
        else
                has_text = true;
        if ((trigger->kind == TRIGGER_TOAST_ACTION || trigger->kind == TRIGGER_TOAST_HISTORY_CHANGED ||
             trigger->kind == TRIGGER_USER_NOTIFICATION_CHANGED) &&
            !trigger->text)
                trigger->text = "*";
        if (trigger->kind == TRIGGER_SOCKET_ACTIVITY && !trigger->text)
                trigger->text = SOCKET_TRANSFERRED;
        if (!has_text)
                trigger->text = (const char *)text->data;
        reader_close(r);
        reader_close(r);
        if (trigger->kind == TRIGGER_INTERVAL && !window_set)
                trigger->window_usec = default_window(trigger->period_usec);
}

static void read_conditions(Reader *r, TaskSpec *spec, Refusal *refusal)
{
        reader_open_array(r, "s");
        while (reader_more(r)) {
                const char *name = reader_get_string(r);
                int condition = term_number(TERM_CONDITION, name);

                if (condition < 0)
                        refuse(refusal, ERROR_INVALID_ARGUMENT, "there is no condition \"%.64s\"", name);
                else
                        spec->conditions |= CONDITION_BIT(condition);
        }
        reader_close(r);
}

static void read_option(Reader *r, const char *key, const char *type, TaskSpec *spec, Buffer *settings,
                        Refusal *refusal)
{
        if (bus_settings_read(r, key, type, spec, settings, refusal)) {
                return;
        } else if (strcmp(key, "clsid") == 0) {
                const char *text = read_string(r, key, type, refusal);

                if (text[0] && uuid_parse(text, &spec->clsid) < 0)
                        refuse(refusal, ERROR_INVALID_ARGUMENT, "\"%.64s\" is no CLSID: it must have the form "
                               "14C5882B-35D3-41BE-86B2-5106269B97E6", text);
        } else if (strcmp(key, "entry-point") == 0) {
                spec->has_entry_point = read_string(r, key, type, refusal)[0] != '\0';
        } else if (strcmp(key, "group") == 0) {
                spec->group = read_string(r, key, type, refusal);
        } else if (strcmp(key, "cancel-on-condition-loss") == 0) {
                spec->cancel_on_condition_loss = read_bool(r, key, type, refusal);
        } else if (strcmp(key, "network-requested") == 0) {
                spec->network_requested = read_bool(r, key, type, refusal);
        } else if (strcmp(key, "overlap") == 0) {
                spec->overlap = read_term(r, TERM_OVERLAP, key, type, refusal);
        } else if (strcmp(key, "catch-up") == 0) {
                spec->catch_up = read_term(r, TERM_CATCH_UP, key, type, refusal);
        } else if (strcmp(key, "catch-up-window") == 0) {
                spec->catch_up_window_usec = read_uint64(r, key, type, refusal);
        } else if (strcmp(key, "rerun") == 0) {
                spec->rerun = read_term(r, TERM_RERUN, key, type, refusal);
        } else if (strcmp(key, "retry-max") == 0) {
                spec->retry_max = read_uint32(r, key, type, refusal);
        } else if (strcmp(key, "retry-backoff") == 0) {
                spec->retry_backoff_usec = read_uint64(r, key, type, refusal);
        } else if (strcmp(key, "time-limit") == 0) {
                spec->time_limit_usec = read_uint64(r, key, type, refusal);
        } else if (strcmp(key, "expires") == 0) {
                spec->expires_usec = read_uint64(r, key, type, refusal);
        } else if (strcmp(key, "deadline") == 0) {
                spec->deadline_usec = read_uint64(r, key, type, refusal);
        } else {
                refuse(refusal, ERROR_INVALID_ARGUMENT, "there is no option \"%.64s\"", key);
        }
}

/* A request of a device runs as long as on Windows, unless the task says otherwise. */
static void limit_device(TaskSpec *spec)
{
        for (uint32_t i = 0; i <= spec->n_more && spec->time_limit_usec == 0; i++) {
                uint8_t kind = spec_trigger(spec, i)->kind;

                if (kind == TRIGGER_DEVICE_USE)
                        spec->time_limit_usec = 10 * USEC_PER_MINUTE;
                else if (kind == TRIGGER_DEVICE_SERVICING)
                        spec->time_limit_usec = 30 * USEC_PER_MINUTE;
        }
}

/* The further triggers, a(sa{sv}). */
static void read_more(Reader *r, const char *key, const char *type, TaskSpec *spec, BusRegistrationMemory *memory,
                      Refusal *refusal)
{
        if (!expect(key, type, "a(sa{sv})", refusal))
                return;
        reader_open_array(r, "(sa{sv})");
        while (reader_more(r)) {
                uint32_t n = spec->n_more;

                if (n == ELEMENTSOF(memory->more)) {
                        refuse(refusal, ERROR_INVALID_ARGUMENT, "a task has at most %u triggers",
                               (unsigned)TRIGGERS_MAX);
                        break;
                }
                read_trigger(r, &memory->more[n], &memory->texts[n + 1], refusal);
                spec->n_more++;
        }
        reader_close(r);
        spec->more = memory->more;
}

void registration_read(Reader *r, TaskSpec *spec, BusRegistrationMemory *memory, Refusal *refusal)
{
        const char *key, *type;

        read_trigger(r, &spec->trigger, &memory->texts[0], refusal);
        read_conditions(r, spec, refusal);
        reader_open_array(r, "{sv}");
        while (reader_next_option(r, &key, &type))
                if (strcmp(key, "triggers") == 0 && spec->n_more == 0)
                        read_more(r, key, type, spec, memory, refusal);
                else
                        read_option(r, key, type, spec, &memory->settings, refusal);
        reader_close(r);
        limit_device(spec);
        bus_settings_finish(spec, &memory->settings, refusal);
}

void registration_done(BusRegistrationMemory *memory)
{
        buffer_done(&memory->settings);
        for (size_t i = 0; i < ELEMENTSOF(memory->texts); i++)
                buffer_done(&memory->texts[i]);
}

void registration_put_trigger(Writer *w, const Trigger *t)
{
        const char *kind = term_name(TERM_TRIGGER, t->kind);

        writer_open_struct(w, "sa{sv}");
        writer_put_string(w, kind);
        writer_open_array(w, "{sv}");
        if (t->kind == TRIGGER_TIME || t->kind == TRIGGER_MAINTENANCE) {
                writer_put_option_uint32(w, "freshness-minutes", (uint32_t)(t->period_usec / USEC_PER_MINUTE));
        } else if (t->kind == TRIGGER_INTERVAL) {
                writer_put_option_uint64(w, "period", t->period_usec);
                writer_put_option_uint64(w, "window", t->window_usec);
        } else if (t->kind == TRIGGER_SYSTEM) {
                writer_put_option_string(w, "type", term_name(TERM_SYSTEM, t->system_type));
        } else if (t->kind == TRIGGER_CUSTOM_SYSTEM_EVENT) {
                writer_put_option_string(w, "id", t->text);
                if (t->system_type == ONCE_PER_BOOT)
                        writer_put_option_bool(w, "once-per-boot", true);
        } else if (t->kind == TRIGGER_CALENDAR) {
                writer_put_option_string(w, "expression", t->text);
        } else if (trigger_is_files(t->kind)) {
                writer_put_file_watch(w, t->text);
        } else if (t->kind == TRIGGER_DEVICE_CONNECTION_CHANGE || t->kind == TRIGGER_DEVICE_WATCHER) {
                writer_put_device_watch(w, t->text);
        } else if (t->kind == TRIGGER_SOCKET_ACTIVITY && strcmp(t->text, SOCKET_TRANSFERRED) != 0) {
                writer_put_option_string(w, "listen", t->text);
        } else if (t->kind == TRIGGER_TOAST_ACTION) {
                writer_put_option_string(w, "action", t->text);
        }
        if (!trigger_is_requested(t->kind))
                writer_put_option_bool(w, "one-shot", t->one_shot);
        writer_close(w);
        writer_close(w);
}

static void put_set(Writer *w, const char *key, uint64_t value)
{
        if (value > 0)
                writer_put_option_uint64(w, key, value);
}

static void put_term(Writer *w, const char *key, TermList list, uint8_t value)
{
        if (value > 0)
                writer_put_option_string(w, key, term_name(list, value));
}

static void put_more(Writer *w, const TaskSpec *spec)
{
        writer_open_option(w, "triggers", "a(sa{sv})");
        writer_open_array(w, "(sa{sv})");
        for (uint32_t i = 0; i < spec->n_more; i++)
                registration_put_trigger(w, &spec->more[i]);
        writer_close(w);
        writer_close(w);
        writer_close(w);
}

void registration_put_properties(Writer *w, const TaskSpec *spec)
{
        char clsid[UUID_STRING_MAX];

        writer_open_option(w, "trigger", "(sa{sv})");
        registration_put_trigger(w, &spec->trigger);
        writer_close(w);
        writer_close(w);
        if (spec->n_more > 0)
                put_more(w, spec);
        writer_open_option(w, "conditions", "as");
        writer_open_array(w, "s");
        for (int i = 0; i < CONDITION_MAX; i++)
                if (spec->conditions & CONDITION_BIT(i))
                        writer_put_string(w, term_name(TERM_CONDITION, i));
        writer_close(w);
        writer_close(w);
        writer_close(w);
        if (!uuid_is_null(spec->clsid))
                writer_put_option_string(w, "clsid", uuid_format(spec->clsid, clsid));
        if (spec->group && spec->group[0])
                writer_put_option_string(w, "group", spec->group);
        if (spec->cancel_on_condition_loss)
                writer_put_option_bool(w, "cancel-on-condition-loss", true);
        if (spec->network_requested)
                writer_put_option_bool(w, "network-requested", true);
        put_term(w, "overlap", TERM_OVERLAP, spec->overlap);
        put_term(w, "catch-up", TERM_CATCH_UP, spec->catch_up);
        put_set(w, "catch-up-window", spec->catch_up_window_usec);
        put_term(w, "rerun", TERM_RERUN, spec->rerun);
        if (spec->retry_max > 0)
                writer_put_option_uint32(w, "retry-max", spec->retry_max);
        put_set(w, "retry-backoff", spec->retry_backoff_usec);
        put_set(w, "time-limit", spec->time_limit_usec);
        put_set(w, "expires", spec->expires_usec);
        put_set(w, "deadline", spec->deadline_usec);
        bus_settings_put(w, spec->options);
}
