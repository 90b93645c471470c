/* SPDX-License-Identifier: MIT */

/* Sockets that the broker holds for a task. */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "client/call.h"
#include "client/error.h"
#include "client/registration.h"

int bgt_registration_transfer_socket(bgt_registration *task, const char *id, int fd, uint64_t keep_alive_usec)
{
        _cleanup_(call_done) Call call;
        int r;

        if (!id || fd < 0)
                return fail(ERROR_INVALID_ARGUMENT, "a socket and an id for it are needed");
        (void)call_init(&call, task->b, &manager1_interface, MANAGER1_METHOD_TRANSFER_SOCKET);
        writer_put_string(&call.writer, task->id);
        writer_put_string(&call.writer, id);
        writer_put_fd(&call.writer, fd);
        writer_open_array(&call.writer, NULL);
        if (keep_alive_usec > 0)
                writer_put_option_uint64(&call.writer, "keep-alive", keep_alive_usec);
        writer_close(&call.writer);
        r = call_run(&call);
        if (r < 0)
                return r;
        (void)close(fd);
        return 0;
}

static int read_ids(Reader *r, char ***ret_ids, size_t *ret_n)
{
        char **ids = NULL, **grown;
        size_t n = 0;

        reader_open_array(r, "s");
        while (reader_more(r)) {
                grown = realloc(ids, (n + 1) * sizeof *ids);
                if (grown) {
                        ids = grown;
                        ids[n] = strdup(reader_get_string(r));
                }
                if (!grown || !ids[n]) {
                        bgt_groups_free(ids, n);
                        return -ENOMEM;
                }
                n++;
        }
        reader_close(r);
        *ret_ids = ids;
        *ret_n = n;
        return 0;
}

int bgt_registration_list_sockets(bgt_registration *task, char ***ret_ids, size_t *ret_n)
{
        _cleanup_(call_done) Call call;
        char **ids;
        size_t n;
        int r;

        (void)call_init(&call, task->b, &manager1_interface, MANAGER1_METHOD_LIST_SOCKETS);
        call.reads = true;
        writer_put_string(&call.writer, task->id);
        r = call_run(&call);
        if (r < 0)
                return r;
        if (read_ids(&call.answer, &ids, &n) < 0)
                return fail(ERROR_NO_MEMORY, NULL);
        if (ret_n)
                *ret_n = n;
        if (ret_ids)
                *ret_ids = ids;
        else
                bgt_groups_free(ids, n);
        return 0;
}
