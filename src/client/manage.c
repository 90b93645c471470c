/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <string.h>

#include <bgtask/manage.h>

#include "base/uuid.h"
#include "client/call.h"
#include "client/error.h"
#include "client/record.h"

/* What a broker may take to end the runs that it shuts down, and to let a test clock's time pass. */
#define SHUTDOWN_USEC (60 * USEC_PER_SEC)
#define ADVANCE_USEC (10 * USEC_PER_MINUTE)

/* The answer's values by these names as a new record. */
static int answer_record(Call *call, const char *const *names, bgt_record **ret)
{
        _cleanup_(bgt_record_unrefp) bgt_record *record = bgt_record_new();
        int r;

        if (!record)
                return -ENOMEM;
        r = record_read_row(record, &call->answer, names);
        if (r < 0)
                return r == -ENOMEM ? fail(ERROR_NO_MEMORY, NULL) : fail(ERROR_PROTOCOL, NULL);
        if (ret)
                *ret = TAKE_PTR(record);
        return 0;
}

/* A call that names a task or a run, and has one more argument or none: its type is 'b', 'u' or 0. */
static int call_with(Call *call, bgt *b, unsigned method, const char *id, char type, uint32_t argument)
{
        (void)call_init(call, b, &manager1_interface, method);
        writer_put_string(&call->writer, id);
        if (type == 'b')
                writer_put_bool(&call->writer, argument != 0);
        else if (type == 'u')
                writer_put_uint32(&call->writer, argument);
        return call_run(call);
}

static int copy_id(Call *call, char ret_id[BGT_ID_SIZE])
{
        const char *id = reader_get_string(&call->answer);

        if (strlen(id) >= BGT_ID_SIZE)
                return fail(ERROR_PROTOCOL, "the broker named a run '%.100s'", id);
        if (ret_id)
                memcpy(ret_id, id, strlen(id) + 1);
        return 0;
}

int bgt_package_install(bgt *b, const char *folder, const bgt_record *options, bgt_record **ret)
{
        static const char *const names[] = { "package", "*", NULL };
        _cleanup_(call_done) Call call;
        int r;

        (void)call_init(&call, b, &manager1_interface, MANAGER1_METHOD_INSTALL_PACKAGE);
        writer_put_string(&call.writer, folder);
        record_write(options, &call.writer);
        r = call_run(&call);
        return r < 0 ? r : answer_record(&call, names, ret);
}

int bgt_package_remove(bgt *b, const char *package)
{
        _cleanup_(call_done) Call call;

        return call_with(&call, b, MANAGER1_METHOD_REMOVE_PACKAGE, package, 0, 0);
}

int bgt_package_pause(bgt *b, const char *package, bool paused)
{
        _cleanup_(call_done) Call call;

        return call_with(&call, b, MANAGER1_METHOD_PAUSE_PACKAGE, package, 'b', paused);
}

int bgt_task_get(bgt *b, const char *task, bgt_record **ret)
{
        static const char *const names[] = { "package", "name", "*", NULL };
        _cleanup_(bgt_record_unrefp) bgt_record *record = NULL;
        _cleanup_(call_done) Call call;
        int r;

        (void)call_init(&call, b, &manager1_interface, MANAGER1_METHOD_GET_TASK);
        call.reads = true;
        writer_put_string(&call.writer, task);
        r = call_run(&call);
        if (r >= 0)
                r = answer_record(&call, names, &record);
        if (r >= 0)
                r = bgt_record_set_string(record, "task", task);
        if (r >= 0 && ret)
                *ret = TAKE_PTR(record);
        return r;
}

int bgt_task_find(bgt *b, const char *package, const char *id_or_name, bgt_record **ret)
{
        const bgt_record *row = NULL, *other = NULL;
        bgt_list *list;
        char task[BGT_ID_SIZE] = "";
        Uuid id;
        int r;

        if (!id_or_name || !*id_or_name)
                return fail(ERROR_INVALID_NAME, "a task is named by its id or its name");
        if (uuid_parse(id_or_name, &id) >= 0)
                return bgt_task_get(b, uuid_format(id, task), ret);
        r = bgt_list_tasks(b, package, id_or_name, NULL, &list);
        if (r < 0)
                return r;
        r = bgt_list_next(list, &row);
        if (r > 0)
                (void)snprintf(task, sizeof task, "%s", bgt_record_string(row, "task"));
        if (r > 0)
                r = bgt_list_next(list, &other) > 0 ? 2 : 1;
        bgt_list_free(list);
        if (r == 0)
                return fail(ERROR_NO_SUCH_TASK, "there is no task '%.255s'", id_or_name);
        if (r == 2)
                return fail(ERROR_AMBIGUOUS, "there are several tasks '%.255s'", id_or_name);
        return r < 0 ? r : bgt_task_get(b, task, ret);
}

int bgt_task_unregister(bgt *b, const char *task, bool cancel_running)
{
        _cleanup_(call_done) Call call;

        return call_with(&call, b, MANAGER1_METHOD_UNREGISTER, task, 'b', cancel_running);
}

int bgt_task_run(bgt *b, const char *task, bool satisfied, char ret_run[BGT_ID_SIZE])
{
        _cleanup_(call_done) Call call;
        int r;

        (void)call_init(&call, b, &manager1_interface, MANAGER1_METHOD_RUN);
        writer_put_string(&call.writer, task);
        writer_open_array(&call.writer, NULL);
        if (satisfied)
                writer_put_option_bool(&call.writer, "satisfied", true);
        writer_close(&call.writer);
        r = call_run(&call);
        return r < 0 ? r : copy_id(&call, ret_run);
}

int bgt_task_request(bgt *b, const char *task, const bgt_record *arguments, int *ret_result, char ret_run[BGT_ID_SIZE])
{
        _cleanup_(call_done) Call call;
        uint32_t result;
        int r;

        (void)call_init(&call, b, &manager1_interface, MANAGER1_METHOD_REQUEST);
        writer_put_string(&call.writer, task);
        record_write(arguments, &call.writer);
        r = call_run(&call);
        if (r < 0)
                return r;
        result = reader_get_uint32(&call.answer);
        if (ret_result)
                *ret_result = result <= BGT_REQUEST_UNKNOWN_ERROR ? (int)result : BGT_REQUEST_UNKNOWN_ERROR;
        return copy_id(&call, ret_run);
}

int bgt_raise(bgt *b, const char *id, const bgt_record *details, unsigned *ret_listeners)
{
        _cleanup_(call_done) Call call;
        int r;

        (void)call_init(&call, b, &manager1_interface, MANAGER1_METHOD_RAISE);
        writer_put_string(&call.writer, id);
        record_write(details, &call.writer);
        r = call_run(&call);
        if (r >= 0 && ret_listeners)
                *ret_listeners = reader_get_uint32(&call.answer);
        return r;
}

int bgt_task_cancel(bgt *b, const char *task, int reason, unsigned *ret_n)
{
        _cleanup_(call_done) Call call;
        int r;

        r = call_with(&call, b, MANAGER1_METHOD_CANCEL, task, 'u', (uint32_t)reason);
        if (r >= 0 && ret_n)
                *ret_n = reader_get_uint32(&call.answer);
        return r;
}

int bgt_task_pause(bgt *b, const char *task, bool paused)
{
        _cleanup_(call_done) Call call;

        return call_with(&call, b, MANAGER1_METHOD_PAUSE, task, 'b', paused);
}

int bgt_task_skip(bgt *b, const char *task, bool skip)
{
        _cleanup_(call_done) Call call;

        return call_with(&call, b, MANAGER1_METHOD_SKIP, task, 'b', skip);
}

int bgt_run_cancel(bgt *b, const char *run, int reason)
{
        _cleanup_(call_done) Call call;

        return call_with(&call, b, MANAGER1_METHOD_CANCEL_RUN, run, 'u', (uint32_t)reason);
}

int bgt_status(bgt *b, bgt_record **ret)
{
        static const char *const names[] = { "*", NULL };
        _cleanup_(call_done) Call call;
        int r;

        (void)call_init(&call, b, &manager1_interface, MANAGER1_METHOD_STATUS);
        call.reads = true;
        r = call_run(&call);
        return r < 0 ? r : answer_record(&call, names, ret);
}

int bgt_import_environment(bgt *b, const bgt_record *variables)
{
        _cleanup_(call_done) Call call;
        const char *name;

        (void)call_init(&call, b, &manager1_interface, MANAGER1_METHOD_IMPORT_ENVIRONMENT);
        writer_open_array(&call.writer, NULL);
        for (size_t i = 0; (name = bgt_record_key(variables, i)); i++) {
                const char *value = bgt_record_string(variables, name);

                if (!value)
                        continue;
                writer_open_entry(&call.writer);
                writer_put_string(&call.writer, name);
                writer_put_string(&call.writer, value);
                writer_close(&call.writer);
        }
        writer_close(&call.writer);
        writer_open_array(&call.writer, NULL);
        for (size_t i = 0; (name = bgt_record_key(variables, i)); i++)
                if (!bgt_record_string(variables, name))
                        writer_put_string(&call.writer, name);
        writer_close(&call.writer);
        return call_run(&call);
}

static void put_levels(const bgt_record *levels, Writer *w)
{
        const char *key, *level;

        writer_open_option(w, "assume", "a{ss}");
        writer_open_array(w, "{ss}");
        for (size_t i = 0; (key = bgt_record_key(levels, i)); i++) {
                level = bgt_record_string(levels, key);
                writer_open_entry(w);
                writer_put_string(w, key);
                writer_put_string(w, level ? level : "");
                writer_close(w);
        }
        writer_close(w);
        writer_close(w);
        writer_close(w);
}

int bgt_plan(bgt *b, uint64_t horizon_usec, const char *package, const char *task, const bgt_record *levels,
             uint32_t limit, bgt_record **ret)
{
        _cleanup_(bgt_record_unrefp) bgt_record *record = bgt_record_new();
        _cleanup_(call_done) Call call;
        int r;

        (void)call_init(&call, b, &manager1_interface, MANAGER1_METHOD_PLAN);
        call.reads = true;
        writer_put_uint64(&call.writer, horizon_usec);
        writer_open_array(&call.writer, NULL);
        if (package)
                writer_put_option_string(&call.writer, "package", package);
        if (task)
                writer_put_option_string(&call.writer, "task", task);
        if (levels)
                put_levels(levels, &call.writer);
        writer_put_option_uint32(&call.writer, "limit", limit);
        writer_close(&call.writer);
        r = record ? call_run(&call) : fail(ERROR_NO_MEMORY, NULL);
        if (r < 0)
                return r;
        r = record_read_list(record, "steps", &call.answer, "a(tsssa{sv})");
        if (r >= 0)
                r = bgt_record_set_bool(record, "complete", reader_get_bool(&call.answer));
        if (r < 0)
                return r == -ENOMEM ? fail(ERROR_NO_MEMORY, NULL) : fail(ERROR_PROTOCOL, NULL);
        *ret = TAKE_PTR(record);
        return 0;
}

int bgt_shutdown(bgt *b, int reason)
{
        _cleanup_(call_done) Call call;

        (void)call_init(&call, b, &manager1_interface, MANAGER1_METHOD_SHUTDOWN);
        call.timeout_usec = SHUTDOWN_USEC;
        writer_put_uint32(&call.writer, (uint32_t)reason);
        return call_run(&call);
}

/* On other brokers the interface is not there. */
static int run_on_test_clock(Call *call)
{
        int r;

        call->timeout_usec = ADVANCE_USEC;
        r = call_run(call);
        return r == -EOPNOTSUPP ? fail(ERROR_TEST_CLOCK_ONLY, NULL) : r;
}

static int move_clock(bgt *b, unsigned method, uint64_t usec)
{
        _cleanup_(call_done) Call call;

        (void)call_init(&call, b, &test_clock1_interface, method);
        writer_put_uint64(&call.writer, usec);
        return run_on_test_clock(&call);
}

int bgt_test_clock_advance(bgt *b, uint64_t usec)
{
        return move_clock(b, TEST_CLOCK1_METHOD_ADVANCE, usec);
}

int bgt_test_clock_suspend(bgt *b, uint64_t usec)
{
        return move_clock(b, TEST_CLOCK1_METHOD_SUSPEND, usec);
}

int bgt_test_clock_set_patience(bgt *b, uint64_t usec)
{
        return move_clock(b, TEST_CLOCK1_METHOD_SET_PATIENCE, usec);
}

int bgt_test_clock_step(bgt *b, int64_t usec)
{
        _cleanup_(call_done) Call call;

        (void)call_init(&call, b, &test_clock1_interface, TEST_CLOCK1_METHOD_STEP);
        writer_put_int64(&call.writer, usec);
        return run_on_test_clock(&call);
}

int bgt_test_clock_get(bgt *b, uint64_t *ret_boot_usec, uint64_t *ret_mono_usec, uint64_t *ret_real_usec)
{
        uint64_t *const rets[] = { ret_boot_usec, ret_mono_usec, ret_real_usec };
        _cleanup_(call_done) Call call;
        int r;

        (void)call_init(&call, b, &test_clock1_interface, TEST_CLOCK1_METHOD_GET);
        call.reads = true;
        r = run_on_test_clock(&call);
        for (size_t i = 0; i < ELEMENTSOF(rets) && r >= 0; i++) {
                uint64_t usec = reader_get_uint64(&call.answer);

                if (rets[i])
                        *rets[i] = usec;
        }
        return r;
}

int bgt_test_set_condition(bgt *b, const char *condition, const char *level)
{
        _cleanup_(call_done) Call call;

        (void)call_init(&call, b, &test_clock1_interface, TEST_CLOCK1_METHOD_SET_CONDITION);
        writer_put_string(&call.writer, condition);
        writer_put_string(&call.writer, level);
        return run_on_test_clock(&call);
}

int bgt_test_fire(bgt *b, const char *task, unsigned trigger, const bgt_record *details)
{
        _cleanup_(call_done) Call call;

        (void)call_init(&call, b, &test_clock1_interface, TEST_CLOCK1_METHOD_FIRE);
        writer_put_string(&call.writer, task);
        writer_put_uint32(&call.writer, trigger);
        record_write(details, &call.writer);
        return run_on_test_clock(&call);
}
