/* SPDX-License-Identifier: MIT */

/* Lists of the broker, fetched a page at a time. */

#include <errno.h>
#include <string.h>

#include <bgtask/manage.h>

#include "client/call.h"
#include "client/error.h"
#include "client/record.h"

#define PAGE 200
#define ARGUMENTS_MAX 2

struct bgt_list {
        bgt *b;
        unsigned method;
        const char *const *names;
        bool paged;
        char *arguments[ARGUMENTS_MAX]; /* text that comes before the cursor */
        unsigned n_arguments;
        bool has_filter;                /* an a{sv} after them, which holds this group */
        char *group;

        bgt_record **rows;              /* of the page */
        size_t n_rows;
        size_t position;
        char *cursor;
        bool fetched_last;
};

static void drop_rows(bgt_list *list)
{
        for (size_t i = 0; i < list->n_rows; i++)
                bgt_record_unref(list->rows[i]);
        free(list->rows);
        list->rows = NULL;
        list->n_rows = list->position = 0;
}

void bgt_list_free(bgt_list *list)
{
        if (!list)
                return;
        drop_rows(list);
        for (unsigned i = 0; i < list->n_arguments; i++)
                free(list->arguments[i]);
        free(list->group);
        free(list->cursor);
        if (list->b)
                client_unref(list->b);
        free(list);
}
DEFINE_CLEANUP(bgt_list *, bgt_list_free);

static int read_row(bgt_list *list, Reader *r)
{
        bgt_record **grown, *row;
        int e;

        grown = realloc(list->rows, (list->n_rows + 1) * sizeof(*grown));
        if (!grown)
                return -ENOMEM;
        list->rows = grown;
        row = bgt_record_new();
        if (!row)
                return -ENOMEM;
        list->rows[list->n_rows++] = row;
        reader_open_struct(r, NULL);
        e = record_read_row(row, r, list->names);
        reader_close(r);
        return e < 0 ? e : reader_error(r);
}

static int read_page(bgt_list *list, Reader *r)
{
        int e = 0;

        reader_open_array(r, NULL);
        while (e >= 0 && reader_more(r))
                e = read_row(list, r);
        if (e < 0)
                return e;
        reader_close(r);
        if (!list->paged) {
                list->fetched_last = true;
                return reader_error(r);
        }
        e = client_set_text(&list->cursor, reader_get_string(r));
        list->fetched_last = e >= 0 && !*list->cursor;
        /* Empty pages without an end would keep us here for ever. */
        if (e >= 0 && list->n_rows == 0 && !list->fetched_last)
                return -EINVAL;
        return e < 0 ? e : reader_error(r);
}

static int fetch(bgt_list *list)
{
        _cleanup_(call_done) Call call;
        int r;

        drop_rows(list);
        (void)call_init(&call, list->b, &manager1_interface, list->method);
        call.reads = true;
        for (unsigned i = 0; i < list->n_arguments; i++)
                writer_put_string(&call.writer, list->arguments[i]);
        if (list->has_filter) {
                writer_open_array(&call.writer, NULL);
                if (list->group)
                        writer_put_option_string(&call.writer, "group", list->group);
                writer_close(&call.writer);
        }
        if (list->paged) {
                writer_put_string(&call.writer, list->cursor);
                writer_put_uint32(&call.writer, PAGE);
        }
        r = call_run(&call);
        if (r < 0)
                return r;
        r = read_page(list, &call.answer);
        if (r >= 0)
                return 0;
        return r == -ENOMEM ? fail(ERROR_NO_MEMORY, NULL) : fail(ERROR_PROTOCOL, "the broker's list cannot be read");
}

int bgt_list_next(bgt_list *list, const bgt_record **ret_row)
{
        int r;

        if (list->position == list->n_rows && !list->fetched_last) {
                r = fetch(list);
                if (r < 0)
                        return r;
        }
        if (list->position == list->n_rows)
                return 0;
        *ret_row = list->rows[list->position++];
        return 1;
}

/* Copies the template, its arguments, and fetches the first page, so that mistakes are told at once. */
static int list_new(bgt *b, const bgt_list *template, bgt_list **ret)
{
        _cleanup_(bgt_list_freep) bgt_list *list = calloc(1, sizeof *list);
        int r = 0;

        if (!list)
                return fail(ERROR_NO_MEMORY, NULL);
        *list = *template;
        list->group = NULL;
        for (unsigned i = 0; i < list->n_arguments; i++) {
                list->arguments[i] = strdup(template->arguments[i] ? template->arguments[i] : "");
                if (!list->arguments[i])
                        r = -ENOMEM;
        }
        if (r >= 0 && template->group)
                r = client_set_text(&list->group, template->group);
        if (r < 0)
                return fail(ERROR_NO_MEMORY, NULL);
        b = client_use(b);
        if (!b)
                return -bgt_error()->error;
        list->b = client_ref(b);
        r = fetch(list);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(list);
        return 0;
}

int bgt_list_packages(bgt *b, bgt_list **ret)
{
        static const char *const names[] = { "package", "*", NULL };
        const bgt_list template = { .method = MANAGER1_METHOD_LIST_PACKAGES, .names = names, .paged = true };

        return list_new(b, &template, ret);
}

int bgt_list_tasks(bgt *b, const char *package, const char *name, const char *group, bgt_list **ret)
{
        static const char *const names[] = { "task", "package", "name", "*", NULL };
        const bgt_list template = {
                .method = MANAGER1_METHOD_LIST_TASKS, .names = names, .paged = true,
                .arguments = { (char *)package, (char *)name }, .n_arguments = 2, .has_filter = true,
                .group = (char *)group,
        };

        return list_new(b, &template, ret);
}

int bgt_list_runs(bgt *b, const char *task, bgt_list **ret)
{
        static const char *const names[] = { "run", "task", "state", "*", NULL };
        const bgt_list template = {
                .method = MANAGER1_METHOD_LIST_RUNS, .names = names, .paged = true, .arguments = { (char *)task },
                .n_arguments = 1,
        };

        return list_new(b, &template, ret);
}

int bgt_list_history(bgt *b, const char *package, const char *task, bgt_list **ret)
{
        static const char *const names[] = { "run", "task", "outcome", "*", NULL };
        const bgt_list template = {
                .method = MANAGER1_METHOD_HISTORY, .names = names, .paged = true,
                .arguments = { (char *)package, (char *)task }, .n_arguments = 2,
        };

        return list_new(b, &template, ret);
}

int bgt_list_why(bgt *b, const char *task, bgt_list **ret)
{
        static const char *const names[] = { "code", "text", "since", "remedy", "details", NULL };
        const bgt_list template = {
                .method = MANAGER1_METHOD_WHY, .names = names, .arguments = { (char *)task }, .n_arguments = 1,
        };

        return list_new(b, &template, ret);
}

int bgt_list_sensors(bgt *b, bgt_list **ret)
{
        static const char *const names[] = { "condition", "*", NULL };
        const bgt_list template = { .method = MANAGER1_METHOD_LIST_SENSORS, .names = names };

        return list_new(b, &template, ret);
}

int bgt_list_log(bgt *b, const char *task, const char *run, bgt_list **ret)
{
        static const char *const names[] = { "time", "text", NULL };
        const bgt_list template = {
                .method = MANAGER1_METHOD_READ_LOG, .names = names, .paged = true,
                .arguments = { (char *)task, (char *)run }, .n_arguments = 2,
        };

        return list_new(b, &template, ret);
}
