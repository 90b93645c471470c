/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "base/terms.h"
#include "base/utf8.h"
#include "base/uuid.h"
#include "client/builder.h"
#include "client/call.h"
#include "client/error.h"
#include "client/registration.h"

#define NAME_MAX_SIZE 255
#define BATCH 1000

DEFINE_CLEANUP(bgt_builder *, bgt_builder_unref);

bgt_builder *bgt_builder_new(bgt *b, const char *name)
{
        _cleanup_(bgt_builder_unrefp) bgt_builder *builder = calloc(1, sizeof *builder);

        if (!builder) {
                fail(ERROR_NO_MEMORY, NULL);
                return NULL;
        }
        atomic_init(&builder->n_ref, 1);
        builder->b = b ? client_ref(b) : NULL;
        if (client_set_text(&builder->name, name) < 0) {
                fail(ERROR_NO_MEMORY, NULL);
                return NULL;
        }
        return TAKE_PTR(builder);
}

static void drop_triggers(bgt_builder *builder)
{
        for (size_t i = 0; i < ELEMENTSOF(builder->triggers); i++)
                bgt_trigger_unref(TAKE_PTR(builder->triggers[i]));
}

void bgt_builder_unref(bgt_builder *builder)
{
        if (!builder || atomic_fetch_sub_explicit(&builder->n_ref, 1, memory_order_acq_rel) > 1)
                return;
        if (builder->b)
                client_unref(builder->b);
        drop_triggers(builder);
        free(builder->name);
        free(builder->entry_point);
        free(builder->group);
        free(builder->group_name);
        builder_free_command(builder);
        free(builder);
}

void builder_remember(bgt_builder *builder, Error error, const char *format, ...)
{
        va_list args;

        if (builder->error != ERROR_NONE)
                return;
        builder->error = error;
        va_start(args, format);
        vsnprintf(builder->mistake, sizeof builder->mistake, format, args);
        va_end(args);
}

void builder_set_text(bgt_builder *builder, char **p, const char *text)
{
        if (client_set_text(p, text) < 0)
                builder_remember(builder, ERROR_NO_MEMORY, "%s", error_info(ERROR_NO_MEMORY)->sentence);
}

void bgt_builder_set_entry_point_clsid(bgt_builder *builder, const char *clsid)
{
        Uuid uuid;

        if (!builder)
                return;
        if (!clsid || uuid_parse(clsid, &uuid) < 0)
                builder_remember(builder, ERROR_INVALID_ARGUMENT, "'%.100s' is no CLSID: it has the form "
                         "14C5882B-35D3-41BE-86B2-5106269B97E6", clsid ? clsid : "");
        else
                (void)uuid_format(uuid, builder->clsid);
}

void bgt_builder_set_entry_point(bgt_builder *builder, const char *name)
{
        if (builder)
                builder_set_text(builder, &builder->entry_point, name);
}

void bgt_builder_set_trigger(bgt_builder *builder, bgt_trigger *trigger)
{
        if (!builder)
                return;
        (void)bgt_trigger_ref(trigger);
        drop_triggers(builder);
        builder->triggers[0] = trigger;
        if (!trigger)
                builder_remember(builder, ERROR_NO_MEMORY, "there was no memory for the trigger");
}

void bgt_builder_add_trigger(bgt_builder *builder, bgt_trigger *trigger)
{
        size_t n = 0;

        if (!builder)
                return;
        while (n < ELEMENTSOF(builder->triggers) && builder->triggers[n])
                n++;
        if (!trigger)
                builder_remember(builder, ERROR_NO_MEMORY, "there was no memory for the trigger");
        else if (n == ELEMENTSOF(builder->triggers))
                builder_remember(builder, ERROR_INVALID_ARGUMENT, "a task has at most %zu triggers", n);
        else
                builder->triggers[n] = bgt_trigger_ref(trigger);
}

void bgt_builder_add_condition(bgt_builder *builder, int condition)
{
        if (!builder)
                return;
        if (condition >= CONDITION_MAX || !term_name(TERM_CONDITION, condition))
                builder_remember(builder, ERROR_INVALID_ARGUMENT, "%d is no condition", condition);
        else
                builder->conditions |= CONDITION_BIT(condition);
}

void bgt_builder_set_cancel_on_condition_loss(bgt_builder *builder, bool value)
{
        if (builder)
                builder->cancel_on_condition_loss = value;
}

void bgt_builder_set_network_requested(bgt_builder *builder, bool value)
{
        if (builder)
                builder->network_requested = value;
}

void bgt_builder_set_group(bgt_builder *builder, const char *group)
{
        if (builder)
                builder_set_text(builder, &builder->group, group);
}

void bgt_builder_set_group_name(bgt_builder *builder, const char *name)
{
        if (builder)
                builder_set_text(builder, &builder->group_name, name);
}

static void set_term(bgt_builder *builder, int *p, TermList list, int number, const char *what)
{
        if (!builder)
                return;
        if (!term_name(list, number))
                builder_remember(builder, ERROR_INVALID_ARGUMENT, "%d is no way %s", number, what);
        else
                *p = number;
}

void bgt_builder_set_overlap(bgt_builder *builder, int overlap)
{
        set_term(builder, builder ? &builder->overlap : NULL, TERM_OVERLAP, overlap, "to overlap");
}

void bgt_builder_set_catch_up(bgt_builder *builder, int catch_up, uint64_t window_usec)
{
        set_term(builder, builder ? &builder->catch_up : NULL, TERM_CATCH_UP, catch_up, "to catch up");
        if (builder)
                builder->catch_up_window_usec = window_usec;
}

void bgt_builder_set_rerun(bgt_builder *builder, int rerun)
{
        set_term(builder, builder ? &builder->rerun : NULL, TERM_RERUN, rerun, "to rerun");
}

void bgt_builder_set_retry(bgt_builder *builder, uint32_t maximum, uint64_t backoff_usec)
{
        if (!builder)
                return;
        builder->retry_max = maximum;
        builder->retry_backoff_usec = backoff_usec;
}

void bgt_builder_set_time_limit(bgt_builder *builder, uint64_t usec)
{
        if (builder)
                builder->time_limit_usec = usec;
}

void bgt_builder_set_expiry(bgt_builder *builder, uint64_t usec)
{
        if (builder)
                builder->expires_usec = usec;
}

void bgt_builder_set_deadline(bgt_builder *builder, uint64_t usec)
{
        if (builder)
                builder->deadline_usec = usec;
}

int bgt_builder_validate(bgt_builder *builder)
{
        size_t n;

        if (!builder)
                return fail(ERROR_NO_MEMORY, NULL);
        if (builder->error != ERROR_NONE)
                return fail(builder->error, "%s", builder->mistake);
        n = builder->name ? strlen(builder->name) : 0;
        if (n == 0 || n > NAME_MAX_SIZE)
                return fail(ERROR_INVALID_NAME, "the task's name has %zu bytes", n);
        if (!utf8_is_valid(builder->name, n) || utf8_has_control(builder->name, n))
                return fail(ERROR_INVALID_NAME, "the task's name is not UTF-8 or holds control characters");
        if ((builder->clsid[0] != '\0') + (builder->entry_point && builder->entry_point[0]) +
                    (builder->command != NULL) > 1)
                return fail(ERROR_ENTRY_POINT_CONFLICT, NULL);
        if (!builder->triggers[0])
                return fail(ERROR_NO_TRIGGER, NULL);
        for (n = 0; n < ELEMENTSOF(builder->triggers) && builder->triggers[n]; n++) {
                int r = trigger_validate(builder->triggers[n]);

                if (r < 0)
                        return r;
        }
        return 0;
}

static void put_conditions(const bgt_builder *builder, Writer *w)
{
        writer_open_array(w, NULL);
        for (int i = 0; i < CONDITION_MAX; i++)
                if (builder->conditions & CONDITION_BIT(i))
                        writer_put_string(w, term_name(TERM_CONDITION, i));
        writer_close(w);
}

void builder_put_text(Writer *w, const char *key, const char *text)
{
        if (text && *text)
                writer_put_option_string(w, key, text);
}

static void put_term(Writer *w, const char *key, TermList list, int number)
{
        if (number != 0)
                writer_put_option_string(w, key, term_name(list, number));
}

void builder_put_number(Writer *w, const char *key, uint64_t number)
{
        if (number != 0)
                writer_put_option_uint64(w, key, number);
}

static void put_more_triggers(const bgt_builder *builder, Writer *w)
{
        if (!builder->triggers[1])
                return;
        writer_open_option(w, "triggers", "a(sa{sv})");
        writer_open_array(w, "(sa{sv})");
        for (size_t i = 1; i < ELEMENTSOF(builder->triggers) && builder->triggers[i]; i++)
                trigger_write(builder->triggers[i], w);
        writer_close(w);
        writer_close(w);
        writer_close(w);
}

static void put_options(const bgt_builder *builder, Writer *w)
{
        writer_open_array(w, NULL);
        builder_put_text(w, "clsid", builder->clsid);
        builder_put_text(w, "entry-point", builder->entry_point);
        builder_put_text(w, "group", builder->group);
        builder_put_text(w, "group-name", builder->group_name);
        if (builder->cancel_on_condition_loss)
                writer_put_option_bool(w, "cancel-on-condition-loss", true);
        if (builder->network_requested)
                writer_put_option_bool(w, "network-requested", true);
        put_term(w, "overlap", TERM_OVERLAP, builder->overlap);
        put_term(w, "catch-up", TERM_CATCH_UP, builder->catch_up);
        builder_put_number(w, "catch-up-window", builder->catch_up_window_usec);
        put_term(w, "rerun", TERM_RERUN, builder->rerun);
        if (builder->retry_max != 0)
                writer_put_option_uint32(w, "retry-max", builder->retry_max);
        builder_put_number(w, "retry-backoff", builder->retry_backoff_usec);
        builder_put_number(w, "time-limit", builder->time_limit_usec);
        builder_put_number(w, "expires", builder->expires_usec);
        builder_put_number(w, "deadline", builder->deadline_usec);
        put_more_triggers(builder, w);
        builder_put_command(builder, w);
        writer_close(w);
}

static void put_task(const bgt_builder *builder, Writer *w)
{
        writer_put_string(w, builder->name);
        trigger_write(builder->triggers[0], w);
        put_conditions(builder, w);
        put_options(builder, w);
}

static int check_policy(int if_exists)
{
        return term_name(TERM_IF_EXISTS, if_exists) ? 0 :
                fail(ERROR_INVALID_ARGUMENT, "%d says not what to do if the task exists", if_exists);
}

/* Who registers a command and names no package has it under that of the connection, or of none. */
static const char *package_of(const bgt_builder *builder, bgt *b)
{
        const char *package = bgt_package(b);

        if (builder->label)
                return builder->label;
        return builder->command && (!package || !package[0]) ? "commands" : package;
}

static void note_registered(bgt_builder *builder, bgt *b, const char *task)
{
        for (size_t i = 0; i < ELEMENTSOF(builder->triggers) && builder->triggers[i]; i++)
                trigger_registered(builder->triggers[i], b, task);
}

static size_t count_triggers(const bgt_builder *builder)
{
        size_t n = 0;

        while (n < ELEMENTSOF(builder->triggers) && builder->triggers[n])
                n++;
        return n;
}

static int send_register(bgt_builder *builder, int if_exists, bgt_registration **ret)
{
        _cleanup_(call_done) Call call;
        const char *task;
        bool existed;
        int r;

        (void)call_init(&call, builder->b, &manager1_interface, MANAGER1_METHOD_REGISTER);
        writer_put_string(&call.writer, builder->label ? builder->label : "");
        put_task(builder, &call.writer);
        writer_put_string(&call.writer, term_name(TERM_IF_EXISTS, if_exists));
        r = call_run(&call);
        if (r < 0)
                return r;
        task = reader_get_string(&call.answer);
        existed = reader_get_bool(&call.answer);
        note_registered(builder, call.b, task);
        if (!ret)
                return existed;
        /* What is kept may have another trigger. */
        if (existed && bgt_get_task(call.b, task, ret) >= 0)
                return 1;
        r = registration_new(call.b, task, package_of(builder, call.b), builder->name, builder->group,
                             builder->triggers, count_triggers(builder), ret);
        return r < 0 ? fail(ERROR_NO_MEMORY, NULL) : existed;
}

int bgt_builder_register(bgt_builder *builder, int if_exists, bgt_registration **ret)
{
        int r;

        r = bgt_builder_validate(builder);
        if (r >= 0)
                r = check_policy(if_exists);
        return r < 0 ? r : send_register(builder, if_exists, ret);
}

static int read_results(Reader *r, bgt_builder *const *builders, bgt *b, size_t n, bgt_register_result *results)
{
        int n_failed = 0;

        reader_open_array(r, NULL);
        for (size_t i = 0; i < n; i++) {
                const char *task, *error, *sentence;

                reader_open_struct(r, NULL);
                task = reader_get_string(r);
                (void)snprintf(results[i].task, sizeof results[i].task, "%s", task);
                results[i].existed = reader_get_bool(r);
                error = reader_get_string(r);
                sentence = reader_get_string(r);
                reader_close(r);
                if (reader_error(r) < 0)
                        return fail(ERROR_PROTOCOL, "the broker answered for fewer tasks than it was given");
                results[i].error = *error ? fail_named(error, sentence, "") : 0;
                if (*error)
                        n_failed++;
                else
                        note_registered(builders[i], b, results[i].task);
        }
        return n_failed;
}

/* One message of those that are valid, up to BATCH; their results go to where they stand. */
static int register_batch(bgt *b, bgt_builder *const *builders, size_t n, int if_exists, bgt_register_result *results)
{
        _cleanup_(call_done) Call call;
        int r;

        (void)call_init(&call, b, &manager1_interface, MANAGER1_METHOD_REGISTER_BATCH);
        writer_put_string(&call.writer, builders[0]->label ? builders[0]->label : "");
        writer_open_array(&call.writer, NULL);
        for (size_t i = 0; i < n; i++) {
                writer_open_struct(&call.writer, NULL);
                put_task(builders[i], &call.writer);
                writer_put_string(&call.writer, term_name(TERM_IF_EXISTS, if_exists));
                writer_close(&call.writer);
        }
        writer_close(&call.writer);
        r = call_run(&call);
        return r < 0 ? r : read_results(&call.answer, builders, call.b, n, results);
}

/* Into one message. */
static bool goes_with(const bgt_builder *builder, const bgt_builder *first)
{
        const char *a = builder->label ? builder->label : "", *b = first->label ? first->label : "";

        return builder->b == first->b && strcmp(a, b) == 0;
}

int bgt_builder_register_many(bgt_builder *const *builders, size_t n, int if_exists, bgt_register_result *results)
{
        int n_failed = 0, r = check_policy(if_exists);
        size_t n_sent;

        for (size_t i = 0; i < n; i++)
                results[i] = (bgt_register_result){ 0 };
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i += n_sent) {
                n_sent = 0;
                while (i + n_sent < n && n_sent < BATCH && bgt_builder_validate(builders[i + n_sent]) >= 0 &&
                       goes_with(builders[i + n_sent], builders[i]))
                        n_sent++;
                if (n_sent == 0) {
                        results[i].error = -bgt_error()->error;
                        n_failed++;
                        n_sent = 1;
                        continue;
                }
                r = register_batch(builders[i]->b, builders + i, n_sent, if_exists, results + i);
                if (r < 0)
                        return r;
                n_failed += r;
        }
        return n_failed;
}
