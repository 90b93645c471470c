/* SPDX-License-Identifier: MIT */

/* The body of a message that is being written: values and containers, each checked against the signature. */

#include "dbus/writer-internal.h"

#include <errno.h>
#include <fcntl.h>

#include "base/utf8.h"
#include "dbus/wire.h"

/* What the body's signature must go on with, "" if nothing may follow, NULL if that is open. */
static const char *writer_expected(const Writer *w)
{
        return w->expected ? w->expected + w->n_signature : NULL;
}

/* Puts a complete type of n characters into the signature at this place, or sees that it is what stands there. */
static bool writer_expect(Writer *w, const char *type, size_t n)
{
        WriterFrame *frame = &w->frames[w->depth];
        bool fits;

        if (w->error < 0)
                return false;
        if (frame->type == 0) {
                fits = n <= DBUS_SIGNATURE_MAX - w->n_signature &&
                       (!w->expected || strncmp(writer_expected(w), type, n) == 0);
                if (fits)
                        memcpy(w->signature + w->n_signature, type, n);
                w->n_signature += fits ? n : 0;
                w->signature[w->n_signature] = '\0';
        } else if (frame->type == 'a') {
                fits = n == frame->n_signature && memcmp(frame->signature, type, n) == 0;
        } else {
                fits = n <= frame->n_signature && memcmp(frame->signature, type, n) == 0;
                frame->signature += fits ? n : 0;
                frame->n_signature -= fits ? n : 0;
        }
        if (!fits)
                writer_fail(w, -EINVAL);
        return fits;
}

static uint8_t *writer_fixed(Writer *w, char type, size_t size)
{
        return writer_expect(w, &type, 1) ? writer_grow(w, &w->body, size, size) : NULL;
}

void writer_put_byte(Writer *w, uint8_t value)
{
        uint8_t *p = writer_fixed(w, 'y', 1);

        if (p)
                *p = value;
}

#define DEFINE_WRITER_PUT(name, ctype, bits, letter)                            \
        void writer_put_##name(Writer *w, ctype value)                          \
        {                                                                       \
                uint8_t *p = writer_fixed(w, letter, bits / 8);                 \
                                                                                \
                if (p)                                                          \
                        wire_put##bits(p, (uint##bits##_t)value, w->swapped);   \
        }

DEFINE_WRITER_PUT(bool, bool, 32, 'b')
DEFINE_WRITER_PUT(int16, int16_t, 16, 'n')
DEFINE_WRITER_PUT(uint16, uint16_t, 16, 'q')
DEFINE_WRITER_PUT(int32, int32_t, 32, 'i')
DEFINE_WRITER_PUT(uint32, uint32_t, 32, 'u')
DEFINE_WRITER_PUT(int64, int64_t, 64, 'x')
DEFINE_WRITER_PUT(uint64, uint64_t, 64, 't')

void writer_put_double(Writer *w, double value)
{
        uint8_t *p = writer_fixed(w, 'd', 8);
        uint64_t bits;

        memcpy(&bits, &value, sizeof bits);
        if (p)
                wire_put64(p, bits, w->swapped);
}

static void writer_put_checked(Writer *w, char type, const char *value, bool (*is_valid)(const char *s, size_t n))
{
        size_t n;

        value = value ? value : "";
        n = strlen(value);
        if (!is_valid(value, n))
                writer_fail(w, -EINVAL);
        if (!writer_expect(w, &type, 1))
                return;
        if (type == 'g')
                writer_append_signature(w, &w->body, value, n);
        else
                writer_append_text(w, &w->body, value, n);
}

void writer_put_string(Writer *w, const char *value)
{
        writer_put_checked(w, 's', value, utf8_is_valid);
}

void writer_put_path(Writer *w, const char *value)
{
        writer_put_checked(w, 'o', value, object_path_is_valid);
}

void writer_put_signature(Writer *w, const char *value)
{
        writer_put_checked(w, 'g', value, signature_is_valid);
}

void writer_put_fd(Writer *w, int fd)
{
        uint8_t *p = writer_fixed(w, 'h', 4);
        int copy;

        if (!p)
                return;
        if (w->n_fds >= MESSAGE_FDS_MAX) {
                writer_fail(w, -E2BIG);
                return;
        }
        copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (copy < 0) {
                writer_fail(w, -errno);
                return;
        }
        wire_put32(p, w->n_fds, w->swapped);
        w->fds[w->n_fds++] = copy;
}

void writer_put_bytes(Writer *w, const void *data, size_t n)
{
        uint8_t *p;

        if (n > WIRE_ARRAY_MAX)
                writer_fail(w, -EMSGSIZE);
        if (!writer_expect(w, "ay", 2))
                return;
        p = writer_grow(w, &w->body, 4, 4 + n);
        if (!p)
                return;
        wire_put32(p, (uint32_t)n, w->swapped);
        if (n > 0)
                memcpy(p + 4, data, n);
}

/*
 * The type of the container that is to be opened here: from its contents if they are given, else from what must stand
 * at this place. Sets *ret_contents to what is in it; false, and the error is set, if it is nothing valid.
 */
static bool writer_enter(Writer *w, char open, char close, const char *contents, const char **ret_contents,
                         size_t *ret_n)
{
        const WriterFrame *frame = &w->frames[w->depth];
        const char *known = frame->type == 0 ? writer_expected(w) : frame->signature;
        size_t n_known = frame->type != 0 ? frame->n_signature : known ? strlen(known) : 0;
        size_t n_brackets = close ? 2 : 1, n;
        char type[DBUS_SIGNATURE_MAX + 3] = { open };

        if (w->error < 0)
                return false;
        if (contents) {
                n = strnlen(contents, DBUS_SIGNATURE_MAX);
                memcpy(type + 1, contents, n);
                type[1 + n] = close;
                n += n_brackets;
                if (open != '{' && !signature_is_single(type, n)) {
                        writer_fail(w, -EINVAL);
                        return false;
                }
        } else {
                n = signature_next(known, n_known);
                if (n == 0 || known[0] != open) {
                        writer_fail(w, -EINVAL);
                        return false;
                }
                memcpy(type, known, n);
                contents = known + 1;
        }
        *ret_contents = contents;
        *ret_n = n - n_brackets;
        return writer_expect(w, type, n);
}

static WriterFrame *writer_push(Writer *w, char type, const char *signature, size_t n)
{
        WriterFrame *frame;

        if (w->error < 0)
                return NULL;
        if (w->depth >= DBUS_DEPTH_MAX) {
                writer_fail(w, -EINVAL);
                return NULL;
        }
        frame = &w->frames[++w->depth];
        *frame = (WriterFrame){ .signature = signature, .n_signature = n, .type = type };
        return frame;
}

void writer_open_array(Writer *w, const char *contents)
{
        WriterFrame *frame;
        size_t n, length_at;

        if (!writer_enter(w, 'a', '\0', contents, &contents, &n))
                return;
        if (!writer_grow(w, &w->body, 4, 4))
                return;
        length_at = w->body.size - 4;
        (void)writer_grow(w, &w->body, type_alignment(contents[0]), 0);
        frame = writer_push(w, 'a', contents, n);
        if (!frame)
                return;
        frame->length_at = length_at;
        frame->start = w->body.size;
}

static void writer_open_members(Writer *w, char open, char close, const char *contents)
{
        size_t n;

        if (!writer_enter(w, open, close, contents, &contents, &n))
                return;
        (void)writer_grow(w, &w->body, 8, 0);
        (void)writer_push(w, open, contents, n);
}

void writer_open_struct(Writer *w, const char *contents)
{
        writer_open_members(w, '(', ')', contents);
}

void writer_open_entry(Writer *w)
{
        writer_open_members(w, '{', '}', NULL);
}

void writer_open_variant(Writer *w, const char *contents)
{
        size_t n = strlen(contents);

        if (!signature_is_single(contents, n))
                writer_fail(w, -EINVAL);
        if (!writer_expect(w, "v", 1))
                return;
        writer_append_signature(w, &w->body, contents, n);
        (void)writer_push(w, 'v', contents, n);
}

void writer_close(Writer *w)
{
        WriterFrame *frame = &w->frames[w->depth];
        size_t length;

        if (w->error < 0)
                return;
        if (frame->type == 0 || (frame->type != 'a' && frame->n_signature > 0)) {
                writer_fail(w, -EINVAL);
                return;
        }
        w->depth--;
        if (frame->type != 'a')
                return;
        length = w->body.size - frame->start;
        if (length > WIRE_ARRAY_MAX)
                writer_fail(w, -EMSGSIZE);
        else
                wire_put32(w->body.data + frame->length_at, (uint32_t)length, w->swapped);
}

void writer_open_option(Writer *w, const char *key, const char *type)
{
        writer_open_entry(w);
        writer_put_string(w, key);
        writer_open_variant(w, type);
}

#define DEFINE_WRITER_OPTION(name, ctype, letter)                                       \
        void writer_put_option_##name(Writer *w, const char *key, ctype value)          \
        {                                                                               \
                writer_open_option(w, key, letter);                                     \
                writer_put_##name(w, value);                                            \
                writer_close(w);                                                        \
                writer_close(w);                                                        \
        }

DEFINE_WRITER_OPTION(string, const char *, "s")
DEFINE_WRITER_OPTION(bool, bool, "b")
DEFINE_WRITER_OPTION(int32, int32_t, "i")
DEFINE_WRITER_OPTION(uint32, uint32_t, "u")
DEFINE_WRITER_OPTION(uint64, uint64_t, "t")

void writer_put_option_strings(Writer *w, const char *key, const char *const *values, size_t n)
{
        writer_open_option(w, key, "as");
        writer_open_array(w, "s");
        for (size_t i = 0; i < n; i++)
                writer_put_string(w, values[i]);
        writer_close(w);
        writer_close(w);
        writer_close(w);
}
