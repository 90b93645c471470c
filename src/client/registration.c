/* SPDX-License-Identifier: MIT */

#include "client/registration.h"

#include <errno.h>
#include <string.h>

#include <bgtask/manage.h>

#include "base/terms.h"
#include "client/call.h"
#include "client/error.h"
#include "client/listen.h"
#include "client/record.h"

#define PAGE 500

static void free_registration(bgt_registration *task)
{
        for (size_t i = 0; i < task->n_triggers; i++)
                bgt_trigger_unref(task->triggers[i]);
        free(task->triggers);
        free(task->package);
        free(task->name);
        free(task->group);
        client_unref(task->b);
        free(task);
}

int registration_new(bgt *b, const char *id, const char *package, const char *name, const char *group,
                     bgt_trigger *const *triggers, size_t n_triggers, bgt_registration **ret)
{
        bgt_registration *task = calloc(1, sizeof *task);

        if (!task)
                return -ENOMEM;
        atomic_init(&task->n_ref, 1);
        task->b = client_ref(b);
        (void)snprintf(task->id, sizeof task->id, "%s", id);
        task->triggers = calloc(n_triggers, sizeof(bgt_trigger *));
        for (; task->triggers && task->n_triggers < n_triggers; task->n_triggers++)
                task->triggers[task->n_triggers] = bgt_trigger_ref(triggers[task->n_triggers]);
        if (task->n_triggers < n_triggers || client_set_text(&task->package, package) < 0 ||
            client_set_text(&task->name, name) < 0 || client_set_text(&task->group, group) < 0) {
                free_registration(task);
                return -ENOMEM;
        }
        *ret = task;
        return 0;
}

bgt_registration *bgt_registration_ref(bgt_registration *task)
{
        if (task)
                atomic_fetch_add_explicit(&task->n_ref, 1, memory_order_relaxed);
        return task;
}

bool registration_try_ref(bgt_registration *task)
{
        unsigned n = atomic_load(&task->n_ref);

        while (n > 0)
                if (atomic_compare_exchange_weak(&task->n_ref, &n, n + 1))
                        return true;
        return false;
}

static bool is_last(bgt_registration *task)
{
        return task && atomic_fetch_sub_explicit(&task->n_ref, 1, memory_order_acq_rel) == 1;
}

/* No handler can begin after this: whoever calls one takes a reference first, and there is none left. */
static void take_handlers_away(bgt_registration *task)
{
        listen_forget(task->b, TAKE_PTR(task->progress));
        listen_forget(task->b, TAKE_PTR(task->completed));
}

void registration_unref_locked(bgt_registration *task)
{
        if (!is_last(task))
                return;
        take_handlers_away(task);
        free_registration(task);
}

void bgt_registration_unref(bgt_registration *task)
{
        if (!is_last(task))
                return;
        client_lock(task->b);
        take_handlers_away(task);
        client_unlock(task->b);
        free_registration(task);
}

const char *bgt_registration_id(const bgt_registration *task)
{
        return task->id;
}

const char *bgt_registration_name(const bgt_registration *task)
{
        return task->name;
}

const char *bgt_registration_group(const bgt_registration *task)
{
        return task->group;
}

const char *bgt_registration_package(const bgt_registration *task)
{
        return task->package;
}

bgt_trigger *bgt_registration_trigger(const bgt_registration *task)
{
        return bgt_registration_trigger_at(task, 0);
}

size_t bgt_registration_trigger_count(const bgt_registration *task)
{
        return task->n_triggers;
}

bgt_trigger *bgt_registration_trigger_at(const bgt_registration *task, size_t place)
{
        return place < task->n_triggers ? task->triggers[place] : NULL;
}

typedef struct TriggerList {
        bgt_trigger **items;
        size_t n;
} TriggerList;

static void trigger_list_done(TriggerList *list)
{
        for (size_t i = 0; i < list->n; i++)
                bgt_trigger_unref(list->items[i]);
        free(list->items);
}

static int read_trigger(Reader *r, TriggerList *list)
{
        bgt_trigger **grown = realloc(list->items, (list->n + 1) * sizeof(bgt_trigger *));
        int e;

        if (!grown)
                return -ENOMEM;
        list->items = grown;
        e = trigger_read(r, &list->items[list->n]);
        if (e >= 0)
                list->n++;
        return e;
}

static int read_more_triggers(Reader *r, TriggerList *list)
{
        int e = 0;

        reader_open_array(r, "(sa{sv})");
        while (e >= 0 && reader_more(r))
                e = read_trigger(r, list);
        if (e >= 0)
                reader_close(r);
        return e;
}

/* The triggers, of which brokers send the first before the others, and the group, which is the message's. */
static int read_properties(Reader *r, TriggerList *triggers, const char **ret_group)
{
        const char *key, *type;
        int e = 0;

        reader_open_array(r, "{sv}");
        while (e >= 0 && reader_next_option(r, &key, &type))
                if (triggers->n == 0 && strcmp(key, "trigger") == 0 && strcmp(type, "(sa{sv})") == 0)
                        e = read_trigger(r, triggers);
                else if (triggers->n == 1 && strcmp(key, "triggers") == 0 && strcmp(type, "a(sa{sv})") == 0)
                        e = read_more_triggers(r, triggers);
                else if (strcmp(key, "group") == 0 && strcmp(type, "s") == 0)
                        *ret_group = reader_get_string(r);
        if (e < 0)
                return e;
        reader_close(r);
        return reader_error(r);
}

static int read_registration(bgt *b, Reader *r, bgt_registration **ret)
{
        _cleanup_(trigger_list_done) TriggerList triggers = { 0 };
        const char *id, *package, *name, *group = NULL;
        int e;

        reader_open_struct(r, NULL);
        id = reader_get_string(r);
        package = reader_get_string(r);
        name = reader_get_string(r);
        e = read_properties(r, &triggers, &group);
        if (e < 0)
                return e;
        reader_close(r);
        e = reader_error(r);
        return e < 0 ? e : registration_new(b, id, package, name, group, triggers.items, triggers.n, ret);
}

typedef struct TaskList {
        bgt_registration **items;
        size_t n;
        size_t allocated;
} TaskList;

static void list_done(TaskList *list)
{
        bgt_registrations_free(list->items, list->n);
}

static int list_add(TaskList *list, bgt_registration *task)
{
        bgt_registration **grown;
        size_t n = MAX(2 * list->allocated, 16u);

        if (list->n == list->allocated) {
                grown = realloc(list->items, n * sizeof(*grown));
                if (!grown) {
                        bgt_registration_unref(task);
                        return -ENOMEM;
                }
                list->items = grown;
                list->allocated = n;
        }
        list->items[list->n++] = task;
        return 0;
}

static int read_page(bgt *b, Reader *r, TaskList *list)
{
        bgt_registration *task;
        int e = 0;

        reader_open_array(r, NULL);
        while (e >= 0 && reader_more(r)) {
                e = read_registration(b, r, &task);
                if (e >= 0)
                        e = list_add(list, task);
        }
        if (e < 0)
                return e;
        reader_close(r);
        return reader_error(r);
}

/* One page of ListTasks. *cursor is where the next one begins, "" after the last. */
static int fetch_page(bgt *b, const char *name, const char *group, char **cursor, TaskList *list)
{
        _cleanup_(call_done) Call call;
        int r;

        (void)call_init(&call, b, &manager1_interface, MANAGER1_METHOD_LIST_TASKS);
        call.reads = true;
        writer_put_string(&call.writer, "");
        writer_put_string(&call.writer, name);
        writer_open_array(&call.writer, NULL);
        if (group)
                writer_put_option_string(&call.writer, "group", group);
        writer_close(&call.writer);
        writer_put_string(&call.writer, *cursor);
        writer_put_uint32(&call.writer, PAGE);
        r = call_run(&call);
        if (r < 0)
                return r;
        r = read_page(call.b, &call.answer, list);
        if (r >= 0)
                r = client_set_text(cursor, reader_get_string(&call.answer));
        if (r == -ENOMEM)
                return fail(ERROR_NO_MEMORY, NULL);
        return r < 0 ? fail(ERROR_PROTOCOL, "the broker's list of tasks cannot be read") : 0;
}

static int fetch(bgt *b, const char *name, const char *group, bgt_registration ***ret_list, size_t *ret_n)
{
        _cleanup_(list_done) TaskList list = { 0 };
        _cleanup_(freep) char *cursor = NULL;
        int r;

        do {
                size_t before = list.n;

                r = fetch_page(b, name, group, &cursor, &list);
                if (r < 0)
                        return r;
                if (*cursor && list.n == before)
                        return fail(ERROR_PROTOCOL, "the broker's list of tasks does not end");
        } while (*cursor);
        if (ret_n)
                *ret_n = list.n;
        if (ret_list) {
                *ret_list = TAKE_PTR(list.items);
                list.n = 0;
        }
        return 0;
}

int bgt_all_tasks(bgt *b, bgt_registration ***ret_list, size_t *ret_n)
{
        return fetch(b, "", "", ret_list, ret_n);
}

int bgt_group_all_tasks(bgt *b, const char *group, bgt_registration ***ret_list, size_t *ret_n)
{
        if (!group || !*group)
                return fail(ERROR_INVALID_ARGUMENT, "a group has an id");
        return fetch(b, "", group, ret_list, ret_n);
}

void bgt_registrations_free(bgt_registration **list, size_t n)
{
        for (size_t i = 0; i < n; i++)
                bgt_registration_unref(list[i]);
        free(list);
}

int bgt_find_task(bgt *b, const char *name, bgt_registration **ret)
{
        bgt_registration **list;
        size_t n;
        int r;

        if (!name || !*name)
                return fail(ERROR_INVALID_NAME, NULL);
        r = fetch(b, name, NULL, &list, &n);
        if (r < 0)
                return r;
        if (n == 0)
                r = fail(ERROR_NO_SUCH_TASK, "the package has no task '%s'", name);
        else if (n > 1)
                r = fail(ERROR_AMBIGUOUS, "the package has %zu tasks '%s'", n, name);
        else if (ret)
                *ret = bgt_registration_ref(list[0]);
        bgt_registrations_free(list, n);
        return r;
}

int bgt_get_task(bgt *b, const char *id, bgt_registration **ret)
{
        _cleanup_(trigger_list_done) TriggerList triggers = { 0 };
        _cleanup_(call_done) Call call;
        const char *package, *name, *group = NULL;
        int r;

        (void)call_init(&call, b, &manager1_interface, MANAGER1_METHOD_GET_TASK);
        call.reads = true;
        writer_put_string(&call.writer, id);
        r = call_run(&call);
        if (r < 0)
                return r;
        package = reader_get_string(&call.answer);
        name = reader_get_string(&call.answer);
        r = read_properties(&call.answer, &triggers, &group);
        if (r < 0)
                return r == -ENOMEM ? fail(ERROR_NO_MEMORY, NULL) : fail(ERROR_PROTOCOL, NULL);
        if (!ret)
                return 0;
        r = registration_new(call.b, id, package, name, group, triggers.items, triggers.n, ret);
        return r < 0 ? fail(ERROR_NO_MEMORY, NULL) : 0;
}

int bgt_registration_unregister(bgt_registration *task, bool cancel_running)
{
        return bgt_task_unregister(task->b, task->id, cancel_running);
}

int bgt_registration_request(bgt_registration *task, const bgt_record *arguments, int *ret_result)
{
        return bgt_task_request(task->b, task->id, arguments, ret_result, NULL);
}

static void on_progress(Listener *listener, int event, const bgt_record *record)
{
        ((bgt_progress_handler)listener->handler)(listener->owner, bgt_record_string(record, "run"),
                                                  (uint32_t)bgt_record_uint(record, "progress", 0),
                                                  listener->userdata);
}

/* What CheckResult() would say. */
static int result_of(const bgt_record *record)
{
        const char *outcome = bgt_record_string(record, "outcome");
        int64_t result = bgt_record_int(record, "result", 0);

        switch (outcome ? term_number(TERM_OUTCOME, outcome) : -1) {
        case BGT_OUTCOME_COMPLETED:
                return result > 0 && result <= INT32_MAX ? (int)result : 0;
        case BGT_OUTCOME_FAILED:
                return result < 0 && result >= INT32_MIN ? (int)result : -EIO;
        case BGT_OUTCOME_CANCELED:
                return -ECANCELED;
        case BGT_OUTCOME_ABANDONED:
                return -ECONNRESET;
        case BGT_OUTCOME_TIMED_OUT:
                return -ETIMEDOUT;
        case BGT_OUTCOME_NOT_STARTED:
                return -ENOEXEC;
        case BGT_OUTCOME_EXPIRED:
                return -ESTALE;
        default:
                return -EPROTO;
        }
}

static void on_completed(Listener *listener, int event, const bgt_record *record)
{
        ((bgt_completed_handler)listener->handler)(listener->owner, bgt_record_string(record, "run"),
                                                   result_of(record), record, listener->userdata);
}

static int set_handler(bgt_registration *task, Listener **slot, const Listener *template)
{
        Listener *listener = NULL, *old;
        int r;

        if (!client_is_ours(task->b))
                return fail_errno(-ECHILD, "the connection belongs to the parent process");
        if (template->handler) {
                r = listen_new(task->b, template, &listener);
                if (r < 0)
                        return r;
        }
        client_lock(task->b);
        old = *slot;
        *slot = listener;
        listen_forget_and_wait(task->b, old);
        client_unlock(task->b);
        return 0;
}

int bgt_registration_on_progress(bgt_registration *task, bgt_progress_handler handler, void *userdata)
{
        const Listener template = {
                .task = task->id, .event = BGT_EVENT_PROGRESS, .call = on_progress, .owner = task,
                .handler = (void (*)(void))handler, .userdata = userdata,
        };

        return set_handler(task, &task->progress, &template);
}

int bgt_registration_on_completed(bgt_registration *task, bgt_completed_handler handler, void *userdata)
{
        const Listener template = {
                .task = task->id, .event = BGT_EVENT_COMPLETED, .call = on_completed, .owner = task,
                .handler = (void (*)(void))handler, .userdata = userdata,
        };

        return set_handler(task, &task->completed, &template);
}

int bgt_registration_endpoint(bgt_registration *task, char **ret_endpoint)
{
        _cleanup_(bgt_record_unrefp) bgt_record *record = NULL;
        const char *endpoint;
        char *copy;
        int r = bgt_task_get(task->b, task->id, &record);

        if (r < 0)
                return r;
        endpoint = bgt_record_string(record, "endpoint");
        if (!endpoint)
                return fail_errno(-ENODATA, "no endpoint for push messages is known of the task");
        copy = strdup(endpoint);
        if (!copy)
                return fail(ERROR_NO_MEMORY, NULL);
        *ret_endpoint = copy;
        return 0;
}
