/* SPDX-License-Identifier: MIT */

/*
 * Any bytes as one message. What is accepted can be read value by value, and writing what was read gives the same body
 * again: there is only one way to write a value.
 */

#include <stdlib.h>
#include <string.h>

#include "dbus/reader.h"
#include "dbus/writer.h"

/* Every value is written twice over containers of containers: longer inputs only take longer. */
#define INPUT_MAX 65536

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stops the fuzzer where an assertion would be compiled out. */
static void require(bool condition)
{
        if (!condition)
                abort();
}

static void copy_values(Reader *r, Writer *w);

static void copy_container(Reader *r, Writer *w, char type)
{
        const ReaderFrame *frame = &r->frames[r->depth];
        char contents[DBUS_SIGNATURE_MAX + 1] = "";
        const char *variant;
        size_t n;

        n = signature_next(frame->signature, frame->n_signature);
        switch (type) {
        case 'a':
                memcpy(contents, frame->signature + 1, n - 1);
                reader_open_array(r, contents);
                writer_open_array(w, contents);
                break;
        case 'v':
                variant = reader_open_variant(r, NULL);
                writer_open_variant(w, variant);
                break;
        case '(':
                memcpy(contents, frame->signature + 1, n - 2);
                reader_open_struct(r, contents);
                writer_open_struct(w, contents);
                break;
        default:
                reader_open_entry(r);
                writer_open_entry(w);
        }
        copy_values(r, w);
        reader_close(r);
        writer_close(w);
}

static void copy_value(Reader *r, Writer *w, char type)
{
        switch (type) {
        case 'y':
                writer_put_byte(w, reader_get_byte(r));
                break;
        case 'b':
                writer_put_bool(w, reader_get_bool(r));
                break;
        case 'n':
                writer_put_int16(w, reader_get_int16(r));
                break;
        case 'q':
                writer_put_uint16(w, reader_get_uint16(r));
                break;
        case 'i':
                writer_put_int32(w, reader_get_int32(r));
                break;
        case 'u':
                writer_put_uint32(w, reader_get_uint32(r));
                break;
        case 'x':
                writer_put_int64(w, reader_get_int64(r));
                break;
        case 't':
                writer_put_uint64(w, reader_get_uint64(r));
                break;
        case 'd':
                writer_put_double(w, reader_get_double(r));
                break;
        case 's':
                writer_put_string(w, reader_get_string(r));
                break;
        case 'o':
                writer_put_path(w, reader_get_path(r));
                break;
        case 'g':
                writer_put_signature(w, reader_get_signature(r));
                break;
        case 'h':
                /* There are no descriptors here to be duplicated. */
                require(reader_get_fd(r, NULL) == -1);
                w->error = -1;
                break;
        default:
                copy_container(r, w, type);
        }
}

static void copy_values(Reader *r, Writer *w)
{
        char type;

        while ((type = reader_next_type(r)))
                copy_value(r, w, type);
}

static void check_skipping(const Message *m)
{
        Reader r;

        reader_init(&r, m);
        while (reader_more(&r))
                reader_skip(&r);
        require(reader_error(&r) == 0 && r.position == m->n_body);
}

static void check_copy(const Message *m)
{
        struct iovec parts[2];
        Writer w;
        Reader r;

        writer_init(&w);
        w.swapped = m->swapped;
        writer_start_signal(&w, "/a", "a.b", "C");
        reader_init(&r, m);
        copy_values(&r, &w);
        require(reader_error(&r) == 0 && r.position == m->n_body);
        if (w.error == 0) {
                require(writer_seal(&w, 1, parts) == 0);
                require(parts[1].iov_len == m->n_body && strcmp(w.signature, m->signature) == 0);
                require(m->n_body == 0 || memcmp(parts[1].iov_base, m->body, m->n_body) == 0);
        }
        writer_done(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static const int no_fds[MESSAGE_FDS_MAX] = { -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 };
        Message *m;
        size_t n;

        if (size > INPUT_MAX)
                return 0;
        if (message_peek_size(data, size, INPUT_MAX, &n) == 1)
                require(n >= 16 && n <= INPUT_MAX);
        if (message_new(data, size, no_fds, MESSAGE_FDS_MAX, &m) < 0)
                return 0;
        check_skipping(m);
        check_copy(m);
        message_unref(m);
        return 0;
}
