/* SPDX-License-Identifier: MIT */

#include <stdlib.h>

#include "client/test-broker-internal.h"

void fake_send(FakeBroker *f, Connection *c)
{
        (void)connection_send(c, &f->writer);
}

static void open_info(FakeBroker *f, Message *m)
{
        char folder[128];

        snprintf(folder, sizeof folder, "%s/data/local", f->folder);
        writer_start_return(&f->writer, m);
        writer_open_array(&f->writer, NULL);
        writer_put_option_string(&f->writer, "package", PACKAGE_1);
        writer_put_option_string(&f->writer, "local-folder", folder);
}

static void answer_empty(void *context, Connection *c, Message *m)
{
        FakeBroker *f = context;

        writer_start_return(&f->writer, m);
        fake_send(f, c);
}

static void on_open(void *context, Connection *c, Message *m)
{
        FakeBroker *f = context;

        open_info(f, m);
        writer_close(&f->writer);
        fake_send(f, c);
}

static void on_attach(void *context, Connection *c, Message *m)
{
        FakeBroker *f = context;

        ((Peer *)connection_userdata(c))->is_server = true;
        open_info(f, m);
        writer_put_option_string(&f->writer, "cookie", "cookie-1");
        writer_close(&f->writer);
        fake_send(f, c);
}

static void on_register_class(void *context, Connection *c, Message *m)
{
        FakeBroker *f = context;
        Reader r;

        reader_init(&r, m);
        snprintf(f->clsid, sizeof f->clsid, "%s", reader_get_string(&r));
        writer_start_return(&f->writer, m);
        writer_put_uint32(&f->writer, ++f->cookie);
        fake_send(f, c);
}

static void on_announce(void *context, Connection *c, Message *m)
{
        FakeBroker *f = context;

        writer_start_return(&f->writer, m);
        writer_open_array(&f->writer, NULL);
        if (f->forget[0]) {
                writer_open_struct(&f->writer, NULL);
                writer_put_string(&f->writer, f->forget);
                writer_put_uint32(&f->writer, f->forget_attempt);
                writer_close(&f->writer);
        }
        writer_close(&f->writer);
        fake_send(f, c);
}

static void on_ask_to_go(void *context, Connection *c, Message *m)
{
        FakeBroker *f = context;
        bool go = true;

        if (f->n_goes > 0) {
                go = f->goes[0];
                memmove(f->goes, f->goes + 1, --f->n_goes * sizeof f->goes[0]);
        }
        writer_start_return(&f->writer, m);
        writer_put_bool(&f->writer, go);
        fake_send(f, c);
}

void fake_put_recorded(FakeBroker *f, const char *run, uint32_t attempt)
{
        interface_start_call(&f->writer, "/org/bgtask", &activation1_interface, ACTIVATION1_METHOD_RECORDED);
        writer_put_string(&f->writer, run);
        writer_put_uint32(&f->writer, attempt);
}

static void on_complete(void *context, Connection *c, Message *m)
{
        FakeBroker *f = context;
        const char *run;
        Reader r;

        if (!f->record_all)
                return;
        reader_init(&r, m);
        run = reader_get_string(&r);
        fake_put_recorded(f, run, reader_get_uint32(&r));
        fake_send(f, c);
}

static void ignore(void *context, Connection *c, Message *m)
{
}

static void on_watch(void *context, Connection *c, Message *m)
{
        ((Peer *)connection_userdata(c))->watches = true;
        answer_empty(context, c, m);
}

static void on_register(void *context, Connection *c, Message *m)
{
        FakeBroker *f = context;

        writer_start_return(&f->writer, m);
        writer_put_string(&f->writer, f->task_id);
        writer_put_bool(&f->writer, f->n_tasks > 0);
        fake_send(f, c);
}

static void put_trigger(Writer *w, unsigned minutes)
{
        writer_open_struct(w, "sa{sv}");
        writer_put_string(w, "TimeTrigger");
        writer_open_array(w, "{sv}");
        writer_put_option_uint32(w, "freshness-minutes", minutes);
        writer_put_option_bool(w, "one-shot", false);
        writer_close(w);
        writer_close(w);
}

static void put_triggers(const FakeBroker *f, Writer *w)
{
        writer_open_option(w, "trigger", "(sa{sv})");
        put_trigger(w, 15);
        writer_close(w);
        writer_close(w);
        if (f->n_more_triggers == 0)
                return;
        writer_open_option(w, "triggers", "a(sa{sv})");
        writer_open_array(w, "(sa{sv})");
        for (unsigned i = 1; i <= f->n_more_triggers; i++)
                put_trigger(w, 15 + i);
        writer_close(w);
        writer_close(w);
        writer_close(w);
}

static void put_task(FakeBroker *f, unsigned i)
{
        Writer *w = &f->writer;
        char id[BGT_ID_SIZE];

        snprintf(id, sizeof id, "aaaaaaaa-aaaa-4aaa-8aaa-%012u", i);
        writer_open_struct(w, NULL);
        writer_put_string(w, i == 0 ? TASK_1 : id);
        writer_put_string(w, PACKAGE_1);
        writer_put_string(w, f->task_name);
        writer_open_array(w, NULL);
        put_triggers(f, w);
        writer_put_option_uint32(w, "pending", i);
        writer_close(w);
        writer_close(w);
}

/* Pages of at most 100 rows, whatever was asked for; the cursor is the index of the next. */
static void on_list_tasks(void *context, Connection *c, Message *m)
{
        FakeBroker *f = context;
        Writer *w = &f->writer;
        char cursor[16] = "";
        unsigned i, end;
        Reader r;

        reader_init(&r, m);
        for (i = 0; i < 2; i++)
                reader_skip(&r);
        reader_skip(&r);
        i = (unsigned)atoi(reader_get_string(&r));
        end = MIN(i + 100, f->n_tasks);
        writer_start_return(w, m);
        writer_open_array(w, NULL);
        for (; i < end; i++)
                put_task(f, i);
        writer_close(w);
        if (end < f->n_tasks)
                snprintf(cursor, sizeof cursor, "%u", end);
        writer_put_string(w, cursor);
        fake_send(f, c);
}

static void on_get_task(void *context, Connection *c, Message *m)
{
        FakeBroker *f = context;
        Writer *w = &f->writer;

        writer_start_return(w, m);
        writer_put_string(w, PACKAGE_1);
        writer_put_string(w, f->task_name);
        writer_open_array(w, NULL);
        put_triggers(f, w);
        writer_close(w);
        fake_send(f, c);
}

static void on_request(void *context, Connection *c, Message *m)
{
        FakeBroker *f = context;

        writer_start_return(&f->writer, m);
        writer_put_uint32(&f->writer, BGT_REQUEST_CURRENTLY_RUNNING);
        writer_put_string(&f->writer, "");
        fake_send(f, c);
}

static void on_status(void *context, Connection *c, Message *m)
{
        FakeBroker *f = context;
        Writer *w = &f->writer;

        writer_start_return(w, m);
        writer_open_array(w, NULL);
        writer_put_option_string(w, "version", "1.2.3");
        writer_put_option_uint32(w, "pid", 7);
        writer_put_option_bool(w, "system", false);
        writer_open_option(w, "problems", "as");
        writer_open_array(w, NULL);
        writer_put_string(w, "one");
        writer_put_string(w, "two");
        writer_close(w);
        writer_close(w);
        writer_close(w);
        writer_close(w);
        fake_send(f, c);
}

static const DispatchHandler manager_handlers[_MANAGER1_METHOD_MAX] = {
        [MANAGER1_METHOD_OPEN] = on_open,
        [MANAGER1_METHOD_REGISTER] = on_register,
        [MANAGER1_METHOD_UNREGISTER] = answer_empty,
        [MANAGER1_METHOD_LIST_TASKS] = on_list_tasks,
        [MANAGER1_METHOD_GET_TASK] = on_get_task,
        [MANAGER1_METHOD_REQUEST] = on_request,
        [MANAGER1_METHOD_PAUSE] = answer_empty,
        [MANAGER1_METHOD_WATCH] = on_watch,
        [MANAGER1_METHOD_UNWATCH] = answer_empty,
        [MANAGER1_METHOD_STATUS] = on_status,
};

static const DispatchHandler server_handlers[_SERVER1_METHOD_MAX] = {
        [SERVER1_METHOD_ATTACH] = on_attach,
        [SERVER1_METHOD_ANNOUNCE] = on_announce,
        [SERVER1_METHOD_REGISTER_CLASS] = on_register_class,
        [SERVER1_METHOD_REVOKE_CLASS] = answer_empty,
        [SERVER1_METHOD_SUSPEND_CLASSES] = answer_empty,
        [SERVER1_METHOD_RESUME_CLASSES] = answer_empty,
        [SERVER1_METHOD_BECOME_APP] = answer_empty,
        [SERVER1_METHOD_ASK_TO_GO] = on_ask_to_go,
        [SERVER1_METHOD_PROGRESS] = ignore,
        [SERVER1_METHOD_COMPLETE] = on_complete,
};

const DispatchObject fake_objects[] = {
        { "/org/bgtask", false, &manager1_interface, manager_handlers, NULL },
        { "/org/bgtask", false, &server1_interface, server_handlers, NULL },
};
const size_t fake_n_objects = ELEMENTSOF(fake_objects);
