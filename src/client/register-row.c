/* SPDX-License-Identifier: MIT */

/* Registering what a list of tasks showed: the keys of a row are those of Register, and some that it must not get. */

#include <errno.h>
#include <string.h>

#include <bgtask/manage.h>

#include "base/terms.h"
#include "client/call.h"
#include "client/error.h"
#include "client/record.h"

/* What a row has beside the options: arguments of their own, and the state of the task. */
static const char *const no_options[] = {
        "task", "package", "name", "trigger", "triggers", "conditions", "registered", "paused", "package-paused-since",
        "skip-next", "state", "pending", "live", "next-trigger", "next-earliest", "next-latest", "last-fired",
        "endpoint",
};

static bool is_option(const char *key)
{
        for (size_t i = 0; i < ELEMENTSOF(no_options); i++)
                if (strcmp(key, no_options[i]) == 0)
                        return false;
        return true;
}

static void put_fields(const bgt_record *record, const char *left_out, Writer *w)
{
        for (size_t i = 0; record && i < record->n_fields; i++) {
                const Field *field = &record->fields[i];

                if (left_out ? strcmp(field->key, left_out) != 0 : is_option(field->key))
                        record_write_field(field, w);
        }
}

static void put_trigger(const bgt_record *trigger, Writer *w)
{
        const char *kind = bgt_record_string(trigger, "kind");

        writer_open_struct(w, NULL);
        writer_put_string(w, kind ? kind : "");
        writer_open_array(w, NULL);
        put_fields(trigger, "kind", w);
        writer_close(w);
        writer_close(w);
}

static void put_options(const bgt_record *row, Writer *w)
{
        const bgt_record *const *more = bgt_record_records(row, "triggers", NULL);

        writer_open_array(w, NULL);
        put_fields(row, NULL, w);
        if (more && more[0]) {
                writer_open_option(w, "triggers", "a(sa{sv})");
                writer_open_array(w, "(sa{sv})");
                for (size_t i = 0; more[i]; i++)
                        put_trigger(more[i], w);
                writer_close(w);
                writer_close(w);
                writer_close(w);
        }
        writer_close(w);
}

static void put_row(const bgt_record *row, Writer *w)
{
        const char *name = bgt_record_string(row, "name");
        const bgt_record *trigger = bgt_record_record(row, "trigger");
        const char *const *conditions = bgt_record_strings(row, "conditions", NULL);

        writer_put_string(w, name ? name : "");
        put_trigger(trigger, w);
        writer_open_array(w, NULL);
        for (size_t i = 0; conditions && conditions[i]; i++)
                writer_put_string(w, conditions[i]);
        writer_close(w);
        put_options(row, w);
}

int bgt_task_register(bgt *b, const char *package, const bgt_record *row, int if_exists, char ret_task[BGT_ID_SIZE])
{
        const char *policy = term_name(TERM_IF_EXISTS, if_exists), *task;
        _cleanup_(call_done) Call call;
        int r;

        (void)call_init(&call, b, &manager1_interface, MANAGER1_METHOD_REGISTER);
        if (!policy)
                return fail(ERROR_INVALID_ARGUMENT, "%d says not what to do if the task exists", if_exists);
        writer_put_string(&call.writer, package ? package : "");
        put_row(row, &call.writer);
        writer_put_string(&call.writer, policy);
        r = call_run(&call);
        if (r < 0)
                return r;
        task = reader_get_string(&call.answer);
        if (strlen(task) >= BGT_ID_SIZE)
                return fail(ERROR_PROTOCOL, "the broker named a task '%.100s'", task);
        if (ret_task)
                memcpy(ret_task, task, strlen(task) + 1);
        return reader_get_bool(&call.answer) ? 1 : 0;
}
