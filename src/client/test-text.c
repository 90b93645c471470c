/* SPDX-License-Identifier: MIT */

#include "client/test-text.h"

#include <inttypes.h>
#include <stdarg.h>

#include "dbus/reader.h"

typedef struct Out {
        char *buf;
        size_t size;
        size_t n;
} Out;

static void out(Out *o, const char *format, ...) _printf_(2, 3);

static void out(Out *o, const char *format, ...)
{
        va_list args;
        int n;

        va_start(args, format);
        n = vsnprintf(o->buf + o->n, o->size - o->n, format, args);
        va_end(args);
        o->n = MIN(o->n + (size_t)n, o->size - 1);
}

static void out_value(Out *o, Reader *r);

static void out_members(Out *o, Reader *r, const char *between)
{
        for (const char *comma = ""; reader_more(r); comma = between) {
                out(o, "%s", comma);
                out_value(o, r);
        }
}

static void out_array(Out *o, Reader *r)
{
        char type[DBUS_SIGNATURE_MAX + 1];
        bool entries;

        entries = reader_next_signature(r, type) && type[1] == '{';
        reader_open_array(r, NULL);
        out(o, "%c", entries ? '{' : '[');
        out_members(o, r, ", ");
        out(o, "%c", entries ? '}' : ']');
        reader_close(r);
}

static void out_value(Out *o, Reader *r)
{
        switch (reader_next_type(r)) {
        case 's':
                out(o, "%s", reader_get_string(r));
                break;
        case 'b':
                out(o, "%s", reader_get_bool(r) ? "true" : "false");
                break;
        case 'i':
                out(o, "%" PRIi32, reader_get_int32(r));
                break;
        case 'x':
                out(o, "%" PRIi64, reader_get_int64(r));
                break;
        case 'u':
                out(o, "%" PRIu32, reader_get_uint32(r));
                break;
        case 't':
                out(o, "%" PRIu64, reader_get_uint64(r));
                break;
        case 'd':
                out(o, "%g", reader_get_double(r));
                break;
        case 'a':
                out_array(o, r);
                break;
        case 'v':
                (void)reader_open_variant(r, NULL);
                out_value(o, r);
                reader_close(r);
                break;
        case '{':
                reader_open_entry(r);
                out_members(o, r, "=");
                reader_close(r);
                break;
        case '(':
                reader_open_struct(r, NULL);
                out(o, "(");
                out_members(o, r, ", ");
                out(o, ")");
                reader_close(r);
                break;
        default:
                out(o, "?");
                reader_skip(r);
        }
}

void text_of_call(const Message *m, char *buf, size_t size)
{
        Out o = { buf, size, 0 };
        Reader r;

        reader_init(&r, m);
        out(&o, "%s(", m->member);
        out_members(&o, &r, ", ");
        out(&o, ")");
}
