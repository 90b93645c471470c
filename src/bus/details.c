/* SPDX-License-Identifier: MIT */

#include "bus/details.h"

#include <errno.h>

static int copy_value(Reader *r, Writer *w);

static int copy_contents(Reader *r, Writer *w)
{
        int result = 0;

        while (result >= 0 && reader_more(r))
                result = copy_value(r, w);
        reader_close(r);
        writer_close(w);
        return result;
}

static int copy_container(char type, Reader *r, Writer *w)
{
        switch (type) {
        case 'a':
                reader_open_array(r, NULL);
                writer_open_array(w, NULL);
                break;
        case '(':
                reader_open_struct(r, NULL);
                writer_open_struct(w, NULL);
                break;
        case '{':
                reader_open_entry(r);
                writer_open_entry(w);
                break;
        default:
                writer_open_variant(w, reader_open_variant(r, NULL));
        }
        return copy_contents(r, w);
}

static int copy_value(Reader *r, Writer *w)
{
        char type = reader_next_type(r);

        switch (type) {
        case 'y':
                writer_put_byte(w, reader_get_byte(r));
                return 0;
        case 'b':
                writer_put_bool(w, reader_get_bool(r));
                return 0;
        case 'n':
                writer_put_int16(w, reader_get_int16(r));
                return 0;
        case 'q':
                writer_put_uint16(w, reader_get_uint16(r));
                return 0;
        case 'i':
                writer_put_int32(w, reader_get_int32(r));
                return 0;
        case 'u':
                writer_put_uint32(w, reader_get_uint32(r));
                return 0;
        case 'x':
                writer_put_int64(w, reader_get_int64(r));
                return 0;
        case 't':
                writer_put_uint64(w, reader_get_uint64(r));
                return 0;
        case 'd':
                writer_put_double(w, reader_get_double(r));
                return 0;
        case 's':
                writer_put_string(w, reader_get_string(r));
                return 0;
        case 'o':
                writer_put_path(w, reader_get_path(r));
                return 0;
        case 'g':
                writer_put_signature(w, reader_get_signature(r));
                return 0;
        case 'a':
        case '(':
        case '{':
        case 'v':
                return copy_container(type, r, w);
        default:
                return -EINVAL;
        }
}

int details_marshal(Reader *r, Buffer *buffer)
{
        struct iovec parts[2];
        Writer w;
        int result;

        writer_init(&w);
        writer_start_signal(&w, "/org/bgtask", "org.bgtask.Details1", "Details");
        writer_open_array(&w, "{sv}");
        reader_open_array(r, "{sv}");
        result = copy_contents(r, &w);
        if (result >= 0)
                result = reader_error(r);
        if (result >= 0)
                result = writer_seal(&w, 1, parts);
        if (result >= 0 && parts[0].iov_len + parts[1].iov_len > DETAILS_MAX)
                result = -EMSGSIZE;
        for (size_t i = 0; i < 2 && result >= 0; i++)
                result = buffer_append(buffer, parts[i].iov_base, parts[i].iov_len);
        writer_done(&w);
        return result;
}

void details_copy(Writer *w, const void *data, size_t size)
{
        _cleanup_(message_unrefp) Message *m = NULL;
        Reader r;

        if (size > DETAILS_MAX || message_new(data, size, NULL, 0, &m) < 0)
                return;
        reader_init(&r, m);
        reader_open_array(&r, "{sv}");
        while (reader_more(&r) && copy_value(&r, w) >= 0)
                ;
}
