/* SPDX-License-Identifier: MIT */

#include "dbus/writer-internal.h"

#include <errno.h>

#include "dbus/wire.h"

/* A message of a megabyte does not leave a megabyte behind when the writer is used again. */
#define WRITER_KEEP_MAX (64 * 1024)

void writer_fail(Writer *w, int error)
{
        if (w->error == 0)
                w->error = error;
}

void writer_init(Writer *w)
{
        w->header = w->body = (Buffer){ 0 };
        w->n_fields = w->n_signature = w->depth = w->n_fds = 0;
        w->error = -EINVAL; /* nothing is started */
        w->swapped = w->unwanted = false;
        w->expected = NULL;
        w->signature[0] = '\0';
        w->serial = 0;
        w->frames[0] = (WriterFrame){ 0 };
}

static void writer_close_fds(Writer *w)
{
        while (w->n_fds > 0)
                safe_close(w->fds[--w->n_fds]);
}

void writer_release(Writer *w)
{
        writer_close_fds(w);
        w->error = -EINVAL;
}

void writer_done(Writer *w)
{
        writer_release(w);
        buffer_done(&w->header);
        buffer_done(&w->body);
}

uint8_t *writer_grow(Writer *w, Buffer *b, size_t alignment, size_t n)
{
        size_t start = wire_align(b->size, alignment);
        int r;

        if (w->error < 0)
                return NULL;
        /* One more than is needed, so that there is memory to point to even if nothing is. */
        r = buffer_reserve(b, start - b->size + n + 1);
        if (r < 0) {
                writer_fail(w, r);
                return NULL;
        }
        if (start > b->size)
                memset(b->data + b->size, 0, start - b->size);
        b->size = start + n;
        return b->data + start;
}

void writer_append_text(Writer *w, Buffer *b, const char *text, size_t n)
{
        uint8_t *p;

        if (n > WIRE_MESSAGE_MAX) {
                writer_fail(w, -EMSGSIZE);
                return;
        }
        p = writer_grow(w, b, 4, 4 + n + 1);
        if (!p)
                return;
        wire_put32(p, (uint32_t)n, w->swapped);
        memcpy(p + 4, text, n);
        p[4 + n] = '\0';
}

void writer_append_signature(Writer *w, Buffer *b, const char *signature, size_t n)
{
        uint8_t *p = writer_grow(w, b, 1, 1 + n + 1);

        if (!p)
                return;
        p[0] = (uint8_t)n;
        memcpy(p + 1, signature, n);
        p[1 + n] = '\0';
}

/* The struct of one header field up to its value: code and signature. */
static void put_field(Writer *w, uint8_t code, char type)
{
        uint8_t *p = writer_grow(w, &w->header, 8, 4);

        if (p)
                memcpy(p, (uint8_t[]){ code, 1, (uint8_t)type, 0 }, 4);
}

static void put_field_text(Writer *w, uint8_t code, char type, const char *text,
                           bool (*is_valid)(const char *s, size_t n))
{
        size_t n;

        if (!text)
                return;
        n = strlen(text);
        if (!is_valid(text, n))
                writer_fail(w, -EINVAL);
        put_field(w, code, type);
        writer_append_text(w, &w->header, text, n);
}

static void put_field_uint32(Writer *w, uint8_t code, uint32_t value)
{
        uint8_t *p;

        put_field(w, code, 'u');
        p = writer_grow(w, &w->header, 4, 4);
        if (p)
                wire_put32(p, value, w->swapped);
}

static void buffer_reset(Buffer *b)
{
        b->size = 0;
        if (b->allocated > WRITER_KEEP_MAX)
                buffer_done(b);
}

static void writer_start(Writer *w, MessageType type, unsigned flags, const char *expected)
{
        uint8_t *p;

        writer_close_fds(w);
        buffer_reset(&w->header);
        buffer_reset(&w->body);
        w->error = 0;
        w->unwanted = false;
        w->expected = expected;
        w->n_signature = 0;
        w->signature[0] = '\0';
        w->depth = 0;
        w->frames[0].type = 0;
        p = writer_grow(w, &w->header, 1, WIRE_HEADER_SIZE);
        if (!p)
                return;
        memset(p, 0, WIRE_HEADER_SIZE);
        p[0] = w->swapped ? WIRE_FOREIGN : WIRE_NATIVE;
        p[1] = (uint8_t)type;
        p[2] = (uint8_t)flags;
        p[3] = WIRE_VERSION;
}

void writer_start_call(Writer *w, const char *destination, const char *path, const char *interface,
                       const char *member)
{
        writer_start(w, MESSAGE_CALL, 0, NULL);
        put_field_text(w, FIELD_PATH, 'o', path, object_path_is_valid);
        put_field_text(w, FIELD_INTERFACE, 's', interface, interface_name_is_valid);
        put_field_text(w, FIELD_MEMBER, 's', member, member_name_is_valid);
        put_field_text(w, FIELD_DESTINATION, 's', destination, bus_name_is_valid);
        w->n_fields = w->header.size;
}

void writer_start_signal(Writer *w, const char *path, const char *interface, const char *member)
{
        writer_start(w, MESSAGE_SIGNAL, MESSAGE_NO_REPLY_EXPECTED, NULL);
        put_field_text(w, FIELD_PATH, 'o', path, object_path_is_valid);
        put_field_text(w, FIELD_INTERFACE, 's', interface, interface_name_is_valid);
        put_field_text(w, FIELD_MEMBER, 's', member, member_name_is_valid);
        w->n_fields = w->header.size;
}

void writer_start_return_to(Writer *w, uint32_t serial, const char *destination, const char *signature)
{
        writer_start(w, MESSAGE_RETURN, MESSAGE_NO_REPLY_EXPECTED, signature);
        put_field_uint32(w, FIELD_REPLY_SERIAL, serial);
        put_field_text(w, FIELD_DESTINATION, 's', destination, bus_name_is_valid);
        w->n_fields = w->header.size;
}

void writer_start_error_to(Writer *w, uint32_t serial, const char *destination, const char *name,
                           const char *sentence)
{
        writer_start(w, MESSAGE_ERROR, MESSAGE_NO_REPLY_EXPECTED, NULL);
        put_field_text(w, FIELD_ERROR_NAME, 's', name, interface_name_is_valid);
        put_field_uint32(w, FIELD_REPLY_SERIAL, serial);
        put_field_text(w, FIELD_DESTINATION, 's', destination, bus_name_is_valid);
        w->n_fields = w->header.size;
        writer_put_string(w, sentence);
}

void writer_start_return(Writer *w, const Message *call)
{
        writer_start_return_to(w, call->serial, call->sender, call->reply_signature);
        w->unwanted = !message_wants_reply(call);
}

void writer_start_error(Writer *w, const Message *call, const char *name, const char *sentence)
{
        writer_start_error_to(w, call->serial, call->sender, name, sentence);
        w->unwanted = !message_wants_reply(call);
}

void writer_set_flags(Writer *w, unsigned flags)
{
        if (w->error == 0)
                w->header.data[2] |= (uint8_t)flags;
}

bool writer_wants_reply(const Writer *w)
{
        return w->error == 0 && w->header.data[1] == MESSAGE_CALL &&
               !(w->header.data[2] & MESSAGE_NO_REPLY_EXPECTED);
}

void writer_set_sender(Writer *w, const char *sender)
{
        put_field_text(w, FIELD_SENDER, 's', sender, bus_name_is_valid);
        w->n_fields = w->header.size;
}

int writer_seal(Writer *w, uint32_t serial, struct iovec ret_parts[static 2])
{
        size_t n_fields;

        if (w->error < 0)
                return w->error;
        if (w->depth > 0 || (w->expected && w->expected[w->n_signature] != '\0'))
                return -EINVAL;
        w->header.size = w->n_fields;
        if (w->n_signature > 0) {
                put_field(w, FIELD_SIGNATURE, 'g');
                writer_append_signature(w, &w->header, w->signature, w->n_signature);
        }
        if (w->n_fds > 0)
                put_field_uint32(w, FIELD_UNIX_FDS, w->n_fds);
        n_fields = w->header.size - WIRE_HEADER_SIZE;
        (void)writer_grow(w, &w->header, 8, 0);
        if (w->error < 0)
                return w->error;
        if (w->header.size + w->body.size > WIRE_MESSAGE_MAX)
                return -EMSGSIZE;
        wire_put32(w->header.data + 4, (uint32_t)w->body.size, w->swapped);
        wire_put32(w->header.data + 8, serial, w->swapped);
        wire_put32(w->header.data + 12, (uint32_t)n_fields, w->swapped);
        w->serial = serial;
        ret_parts[0] = (struct iovec){ w->header.data, w->header.size };
        ret_parts[1] = (struct iovec){ w->body.data, w->body.size };
        return 0;
}
