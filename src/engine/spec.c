/* SPDX-License-Identifier: MIT */

/* What a registration is made of: the checks of docs/semantics.md, section 2, and the packed form in a Task. */

#include "base/support.h"
#include "base/utf8.h"
#include "engine/parts.h"

#define NAME_MAX_BYTES 255
#define LABEL_MAX_BYTES 64
/* What the other rooms keep with a registration; the bus refuses messages long before. */
#define TEXT_MAX_BYTES (1024 * 1024)

static const uint32_t known_conditions =
        CONDITION_BIT(CONDITION_USER_PRESENT) | CONDITION_BIT(CONDITION_USER_NOT_PRESENT) |
        CONDITION_BIT(CONDITION_INTERNET_AVAILABLE) | CONDITION_BIT(CONDITION_INTERNET_NOT_AVAILABLE) |
        CONDITION_BIT(CONDITION_SESSION_CONNECTED) | CONDITION_BIT(CONDITION_SESSION_DISCONNECTED) |
        CONDITION_BIT(CONDITION_FREE_NETWORK_AVAILABLE) | CONDITION_BIT(CONDITION_BACKGROUND_WORK_COST_NOT_HIGH) |
        CONDITION_BIT(CONDITION_ON_AC_POWER) | CONDITION_BIT(CONDITION_BATTERY_NOT_LOW) |
        CONDITION_BIT(CONDITION_DEVICE_IDLE) | CONDITION_BIT(CONDITION_STORAGE_NOT_LOW) |
        CONDITION_BIT(CONDITION_NO_CPU_PRESSURE) | CONDITION_BIT(CONDITION_NO_MEMORY_PRESSURE) |
        CONDITION_BIT(CONDITION_NO_IO_PRESSURE);

static const uint32_t contradictions[] = {
        CONDITION_BIT(CONDITION_USER_PRESENT) | CONDITION_BIT(CONDITION_USER_NOT_PRESENT),
        CONDITION_BIT(CONDITION_INTERNET_AVAILABLE) | CONDITION_BIT(CONDITION_INTERNET_NOT_AVAILABLE),
        CONDITION_BIT(CONDITION_SESSION_CONNECTED) | CONDITION_BIT(CONDITION_SESSION_DISCONNECTED),
        CONDITION_BIT(CONDITION_FREE_NETWORK_AVAILABLE) | CONDITION_BIT(CONDITION_INTERNET_NOT_AVAILABLE),
};

static bool has_fixed_window(uint8_t kind)
{
        return kind == TRIGGER_TIME || kind == TRIGGER_MAINTENANCE;
}

static bool is_timer(uint8_t kind)
{
        return has_fixed_window(kind) || kind == TRIGGER_INTERVAL || kind == TRIGGER_CALENDAR;
}

static bool is_supported(const Trigger *trigger)
{
        return support_works(TERM_TRIGGER, trigger->kind) &&
               (trigger->kind != TRIGGER_SYSTEM || support_works(TERM_SYSTEM, trigger->system_type));
}

static bool is_known_kind(uint8_t kind)
{
        return (kind >= TRIGGER_TIME && kind <= TRIGGER_USER_NOTIFICATION_CHANGED) ||
               (kind >= TRIGGER_INTERVAL && kind <= TRIGGER_RESUME);
}

static bool name_is_valid(const char *name)
{
        size_t n = name ? strlen(name) : 0;

        return n > 0 && n <= NAME_MAX_BYTES && utf8_is_valid(name, n) && !utf8_has_control(name, n);
}

/* What names a log, a folder and a row of a table: as a family name, or shorter. */
static bool label_is_valid(const char *label)
{
        static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
        size_t n = label ? strlen(label) : 0;

        return n > 0 && n <= LABEL_MAX_BYTES && strspn(label, allowed) == n && label[0] != '.' && label[0] != '-';
}

static bool text_is_valid(const char *text)
{
        size_t n = text ? strlen(text) : 0;

        return n <= TEXT_MAX_BYTES && (n == 0 || utf8_is_valid(text, n));
}

static bool timer_is_valid(const Trigger *trigger)
{
        Calendar calendar;

        if (trigger->kind == TRIGGER_CALENDAR)
                return trigger->period_usec == 0 && trigger->window_usec == 0 && trigger->text &&
                       calendar_parse(trigger->text, &calendar, NULL) >= 0;
        if (trigger->period_usec > SCHEDULE_PERIOD_MAX)
                return false;
        if (trigger->kind != TRIGGER_INTERVAL)
                return true;
        return trigger->period_usec >= SCHEDULE_INTERVAL_MIN && trigger->window_usec <= trigger->period_usec;
}

static bool trigger_is_valid(const Trigger *trigger)
{
        if (!is_known_kind(trigger->kind) || !text_is_valid(trigger->text))
                return false;
        if (is_timer(trigger->kind))
                return timer_is_valid(trigger);
        if (trigger->kind == TRIGGER_SYSTEM)
                return trigger->system_type >= SYSTEM_SMS_RECEIVED &&
                       trigger->system_type <= SYSTEM_DEFAULT_SIGN_IN_ACCOUNT_CHANGE;
        if (trigger->kind == TRIGGER_CUSTOM_SYSTEM_EVENT)
                return name_is_valid(trigger->text) && trigger->system_type <= ONCE_PER_BOOT;
        if (trigger_is_watched(trigger->kind))
                return trigger->text && trigger->text[0];
        return true;
}

static bool choices_are_valid(const TaskSpec *spec)
{
        return spec->overlap <= OVERLAP_PARALLEL && spec->catch_up <= CATCH_UP_ALL && spec->rerun <= RERUN_ONCE &&
               text_is_valid(spec->group) && text_is_valid(spec->options) &&
               spec->catch_up_window_usec <= SCHEDULE_PERIOD_MAX;
}

bool engine_triggers_are_alike(const Trigger *a, const Trigger *b)
{
        return a->kind == b->kind && a->one_shot == b->one_shot && a->system_type == b->system_type &&
               a->period_usec == b->period_usec && (has_fixed_window(a->kind) || a->window_usec == b->window_usec) &&
               strcmp(a->text ?: "", b->text ?: "") == 0;
}

static bool is_repeated(const TaskSpec *spec, uint32_t place)
{
        for (uint32_t i = 0; i < place; i++)
                if (engine_triggers_are_alike(spec_trigger(spec, i), spec_trigger(spec, place)))
                        return true;
        return false;
}

/* The first that cannot be decides about the order of the checks, as if the others were not there. */
static Error check_triggers(const Engine *e, const TaskSpec *spec)
{
        if (spec->n_more >= TRIGGERS_MAX)
                return ERROR_INVALID_ARGUMENT;
        for (uint32_t i = 0; i <= spec->n_more; i++) {
                const Trigger *trigger = spec_trigger(spec, i);

                if (trigger->kind == 0)
                        return ERROR_NO_TRIGGER;
                if (has_fixed_window(trigger->kind) && trigger->period_usec < SCHEDULE_TIME_MIN)
                        return ERROR_TRIGGER_TOO_SHORT;
                if (!trigger_is_valid(trigger) || is_repeated(spec, i))
                        return ERROR_INVALID_ARGUMENT;
                if (!is_supported(trigger) || (spec->command && trigger->kind == TRIGGER_SOCKET_ACTIVITY))
                        return ERROR_TRIGGER_NOT_SUPPORTED;
                if (trigger->kind == TRIGGER_CALENDAR && !dates_comes(e, trigger->text))
                        return ERROR_INVALID_ARGUMENT;
        }
        return ERROR_NONE;
}

static Error check_conditions(uint32_t conditions)
{
        if (conditions & ~known_conditions)
                return ERROR_INVALID_ARGUMENT;
        for (size_t i = 0; i < ELEMENTSOF(contradictions); i++)
                if ((conditions & contradictions[i]) == contradictions[i])
                        return ERROR_CONDITIONS_CONTRADICT;
        return ERROR_NONE;
}

Error spec_check(const Engine *e, const TaskSpec *spec, const Package **ret_package)
{
        const Package *package;
        const Class *class_;
        Error error;

        if (!name_is_valid(spec->name))
                return ERROR_INVALID_NAME;
        package = spec->package ? package_find(e, spec->package) : NULL;
        if (spec->command ? !label_is_valid(spec->package) : !package || !package_is_installed(package))
                return spec->command ? ERROR_INVALID_LABEL : ERROR_NO_SUCH_PACKAGE;
        if (spec->has_entry_point || (spec->command && !uuid_is_null(spec->clsid)))
                return ERROR_ENTRY_POINT_CONFLICT;
        error = check_triggers(e, spec);
        if (!error && !choices_are_valid(spec))
                error = ERROR_INVALID_ARGUMENT;
        if (error)
                return error;
        error = check_conditions(spec->conditions);
        if (error)
                return error;
        class_ = package ? class_find(e, package, spec->clsid) : NULL;
        if (!uuid_is_null(spec->clsid) && (!class_ || !class_->declared || class_->command))
                return ERROR_CLASS_NOT_REGISTERED;
        *ret_package = package;
        return ERROR_NONE;
}

static bool trigger_is_possible(const Trigger *trigger)
{
        return trigger_is_valid(trigger) && (!is_timer(trigger->kind) || trigger->kind == TRIGGER_CALENDAR ||
                                             trigger->period_usec >= SCHEDULE_INTERVAL_MIN);
}

bool spec_check_row(const TaskRow *row)
{
        const TaskSpec *spec = &row->spec;
        bool possible = spec->n_more < TRIGGERS_MAX;

        for (uint32_t i = 0; possible && i <= spec->n_more; i++)
                possible = trigger_is_possible(spec_trigger(spec, i));
        return possible && !uuid_is_null(row->id) && spec->package && *spec->package && name_is_valid(spec->name) &&
               choices_are_valid(spec);
}

static size_t text_size(const char *text)
{
        return text ? strlen(text) + 1 : 1;
}

size_t spec_text_size(const TaskSpec *spec)
{
        return text_size(spec->name) + text_size(spec->group) + text_size(spec->options) +
               text_size(spec->trigger.text);
}

static char *append(char *p, const char *text)
{
        size_t n = text_size(text);

        if (n > 1)
                memcpy(p, text, n);
        else
                *p = '\0';
        return p + n;
}

static const char *text_of(const Task *task)
{
        const char *p;

        if (!task->long_text)
                return task->text;
        memcpy(&p, task->text, sizeof p);
        return p;
}

static void fill_text(Engine *e, Task *task, const TaskSpec *spec)
{
        char *p = task->text;

        if (spec_text_size(spec) > sizeof task->text) {
                p = TAKE_PTR(e->spare.text);
                assert(p);
                memcpy(task->text, &p, sizeof p);
                task->long_text = true;
        }
        append(append(append(append(p, spec->name), spec->group), spec->options), spec->trigger.text);
}

static uint8_t default_overlap(uint8_t kind)
{
        if (kind == TRIGGER_PUSH_NOTIFICATION)
                return OVERLAP_BUFFER_ALL;
        return is_timer(kind) || trigger_is_requested(kind) ? OVERLAP_SKIP : OVERLAP_BUFFER_ONE;
}

void spec_fill_trigger(Engine *e, Task *trigger, const Trigger *spec)
{
        trigger->kind = spec->kind;
        trigger->one_shot = spec->one_shot;
        trigger->system_type = spec->system_type & 15;
        if (is_timer(trigger->kind)) {
                trigger->period_usec = spec->period_usec;
                trigger->window_usec = has_fixed_window(trigger->kind) ? SCHEDULE_TIME_MIN : spec->window_usec;
        } else {
                condition_ref_topic(e, trigger, spec->text);
        }
        condition_count_needs(e, trigger);
}

void spec_fill(Engine *e, Task *task, const TaskSpec *spec, Options *ret_options, bool *ret_has_options)
{
        Options options = {
                .retry_max = spec->retry_max,
                .catch_up_window_usec = spec->catch_up_window_usec,
                .retry_backoff_usec = spec->retry_backoff_usec,
                .time_limit_usec = spec->time_limit_usec,
                .expires_usec = spec->expires_usec,
                .deadline_usec = spec->deadline_usec,
        };

        task->conditions = spec->conditions & known_conditions;
        task->cancel_on_condition_loss = spec->cancel_on_condition_loss;
        task->network_requested = spec->network_requested;
        task->overlap = spec->overlap;
        task->catch_up = spec->catch_up;
        task->rerun = spec->rerun;
        fill_text(e, task, spec);
        spec_fill_trigger(e, task, &spec->trigger);
        trigger_fill(e, task, spec);
        *ret_options = options;
        *ret_has_options = options.retry_max || options.catch_up_window_usec || options.retry_backoff_usec ||
                           options.time_limit_usec || options.expires_usec || options.deadline_usec;
}

void spec_read(const Engine *e, const Task *task, TaskSpec *ret_spec)
{
        const Class *class_ = slab_get(&e->classes, task->class_);
        const Options *options = spec_options(e, task);
        const char *name = text_of(task), *group = name + strlen(name) + 1;
        const char *opaque = group + strlen(group) + 1, *text = spec_trigger_text(task);
        bool timer = is_timer(task->kind);

        *ret_spec = (TaskSpec){
                .package = class_->package->name,
                .name = name,
                .group = group,
                .options = opaque,
                .trigger.kind = task->kind,
                .trigger.one_shot = task->one_shot,
                .trigger.system_type = task->system_type,
                .trigger.period_usec = timer ? task->period_usec : 0,
                .trigger.window_usec = timer ? task->window_usec : 0,
                .trigger.text = *text ? text : NULL,
                .clsid = class_->command ? UUID_NULL : class_->clsid,
                .command = class_->command,
                .conditions = task->conditions,
                .cancel_on_condition_loss = task->cancel_on_condition_loss,
                .network_requested = task->network_requested,
                .overlap = task->overlap,
                .catch_up = task->catch_up,
                .rerun = task->rerun,
                .retry_max = options->retry_max,
                .catch_up_window_usec = options->catch_up_window_usec,
                .retry_backoff_usec = options->retry_backoff_usec,
                .time_limit_usec = options->time_limit_usec,
                .expires_usec = options->expires_usec,
                .deadline_usec = options->deadline_usec,
        };
        ret_spec->more = trigger_more(e, task, &ret_spec->n_more);
}

void spec_free_text(Task *task)
{
        if (task->long_text)
                free((char *)text_of(task));
        task->long_text = false;
        task->text[0] = '\0';
}

bool spec_is_calendar(const Task *task)
{
        return task->kind == TRIGGER_CALENDAR;
}

bool spec_is_once_per_boot(const Task *task)
{
        return task->kind == TRIGGER_CUSTOM_SYSTEM_EVENT && task->system_type == ONCE_PER_BOOT;
}

const char *spec_trigger_text(const Task *task)
{
        const char *text = text_of(task);

        for (unsigned i = 0; i < 3; i++)
                text += strlen(text) + 1;
        return text;
}

const char *spec_name(const Task *task)
{
        return text_of(task);
}

bool spec_is_timer(const Task *task)
{
        return is_timer(task->kind);
}

bool spec_needs_power(const Engine *e, const Task *task)
{
        return trigger_of_kind(e, task, TRIGGER_MAINTENANCE);
}

uint32_t spec_conditions(const Engine *e, const Task *task)
{
        return task->conditions | (spec_needs_power(e, task) ? CONDITION_BIT(CONDITION_ON_AC_POWER) : 0);
}

uint8_t spec_overlap(const Task *task, const Task *trigger)
{
        return task->overlap == OVERLAP_DEFAULT ? default_overlap(trigger->kind) : task->overlap;
}

bool spec_is_parallel(const Task *task)
{
        return task->overlap == OVERLAP_PARALLEL;
}

const Options *spec_options(const Engine *e, const Task *task)
{
        static const Options none = { 0 };
        const Extra *extra = slab_get(&e->extras, task->extra);

        if (!extra)
                return &none;
        if (extra->shadow && slab_get(&e->tasks, extra->shadow) == task)
                return &extra->shadow_options;
        return &extra->options;
}
