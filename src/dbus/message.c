/* SPDX-License-Identifier: MIT */

#include "dbus/message.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "dbus/names.h"
#include "dbus/validate.h"
#include "dbus/wire.h"

/* Names that stand for the library itself: no peer may send them. */
#define LOCAL_PATH "/org/freedesktop/DBus/Local"
#define LOCAL_INTERFACE "org.freedesktop.DBus.Local"

/* A message of a megabyte does not leave a megabyte behind when its memory is used again. */
#define MESSAGE_KEEP_MAX (64 * 1024)

static const struct {
        char type;
        size_t offset; /* of the const char * in Message; 0 for the numbers */
        bool (*is_valid)(const char *s, size_t n);
} fields[_FIELD_MAX] = {
        [FIELD_PATH] = { 'o', offsetof(Message, path), object_path_is_valid },
        [FIELD_INTERFACE] = { 's', offsetof(Message, interface), interface_name_is_valid },
        [FIELD_MEMBER] = { 's', offsetof(Message, member), member_name_is_valid },
        [FIELD_ERROR_NAME] = { 's', offsetof(Message, error_name), interface_name_is_valid },
        [FIELD_REPLY_SERIAL] = { 'u', 0, NULL },
        [FIELD_DESTINATION] = { 's', offsetof(Message, destination), bus_name_is_valid },
        [FIELD_SENDER] = { 's', offsetof(Message, sender), bus_name_is_valid },
        [FIELD_SIGNATURE] = { 'g', offsetof(Message, signature), signature_is_valid },
        [FIELD_UNIX_FDS] = { 'u', 0, NULL },
};

int message_peek_size(const uint8_t *data, size_t n, size_t limit, size_t *ret_size)
{
        uint32_t n_fields, n_body;
        uint64_t size;
        bool swapped;

        if (n > 0 && data[0] != WIRE_NATIVE && data[0] != WIRE_FOREIGN)
                return -EBADMSG;
        if (n < WIRE_HEADER_SIZE)
                return 0;
        swapped = data[0] == WIRE_FOREIGN;
        n_body = wire_get32(data + 4, swapped);
        n_fields = wire_get32(data + 12, swapped);
        if (data[3] != WIRE_VERSION || n_fields > WIRE_ARRAY_MAX)
                return -EBADMSG;
        size = wire_align(WIRE_HEADER_SIZE + (size_t)n_fields, 8) + (uint64_t)n_body;
        if (size > WIRE_MESSAGE_MAX)
                return -EBADMSG;
        if (size > limit)
                return -EMSGSIZE;
        *ret_size = size;
        return 1;
}

static bool parse_number(Message *m, Scan *scan, unsigned code, uint32_t *n_unix_fds)
{
        uint32_t value;

        if (!scan_align(scan, 4) || scan->size - scan->position < 4)
                return false;
        value = wire_get32(scan->data + scan->position, scan->swapped);
        scan->position += 4;
        if (code == FIELD_UNIX_FDS) {
                *n_unix_fds = value;
                return true;
        }
        m->reply_serial = value;
        return value != 0;
}

static bool parse_field(Message *m, Scan *scan, unsigned *seen, uint32_t *n_unix_fds)
{
        const char *signature, *text;
        size_t n_signature, n;
        unsigned code;

        if (!scan_align(scan, 8) || scan->position >= scan->size)
                return false;
        code = scan->data[scan->position++];
        if (!scan_signature(scan, &signature, &n_signature) || !signature_is_single(signature, n_signature))
                return false;
        if (code == 0)
                return false;
        if (code >= _FIELD_MAX) /* the array, the struct and the variant around it */
                return scan_values(scan, signature, n_signature, 3);
        if (n_signature != 1 || signature[0] != fields[code].type || (*seen & 1U << code))
                return false;
        *seen |= 1U << code;
        if (!fields[code].is_valid)
                return parse_number(m, scan, code, n_unix_fds);
        if (!(fields[code].type == 'g' ? scan_signature(scan, &text, &n) : scan_text(scan, &text, &n)))
                return false;
        memcpy((char *)m + fields[code].offset, &text, sizeof text);
        return fields[code].is_valid(text, n);
}

static bool has_required_fields(const Message *m)
{
        switch (m->type) {
        case MESSAGE_CALL:
                return m->path && m->member;
        case MESSAGE_RETURN:
                return m->reply_serial != 0;
        case MESSAGE_ERROR:
                return m->error_name && m->reply_serial != 0;
        case MESSAGE_SIGNAL:
                return m->path && m->interface && m->member;
        default:
                return m->type != 0;
        }
}

static bool is_local(const Message *m)
{
        return (m->path && strcmp(m->path, LOCAL_PATH) == 0) ||
               (m->interface && strcmp(m->interface, LOCAL_INTERFACE) == 0);
}

/* The bytes in m->data, which are as many as their header says. */
static bool message_parse(Message *m, unsigned n_fds_available)
{
        uint32_t n_fields, n_fds = 0;
        unsigned seen = 0;
        Scan scan;

        m->swapped = m->data[0] == WIRE_FOREIGN;
        m->type = m->data[1];
        m->flags = m->data[2];
        m->n_body = wire_get32(m->data + 4, m->swapped);
        m->serial = wire_get32(m->data + 8, m->swapped);
        n_fields = wire_get32(m->data + 12, m->swapped);
        m->signature = "";
        if (m->serial == 0)
                return false;
        scan = (Scan){ m->data, WIRE_HEADER_SIZE + n_fields, WIRE_HEADER_SIZE, m->swapped, 0 };
        while (scan.position < scan.size)
                if (!parse_field(m, &scan, &seen, &n_fds))
                        return false;
        scan.size = m->n_data;
        if (!scan_align(&scan, 8) || !has_required_fields(m) || is_local(m))
                return false;
        if (n_fds > n_fds_available || n_fds > MESSAGE_FDS_MAX)
                return false;
        m->body = m->data + scan.position;
        scan = (Scan){ m->body, m->n_body, 0, m->swapped, n_fds };
        if (!scan_values(&scan, m->signature, strlen(m->signature), 0) || scan.position != scan.size)
                return false;
        m->n_fds = n_fds;
        return true;
}

void message_clear(Message *m)
{
        Message kept = { .n_ref = m->n_ref, .data = m->data, .allocated = m->allocated };

        for (unsigned i = 0; i < m->n_fds; i++)
                safe_close(m->fds[i]);
        if (kept.allocated > MESSAGE_KEEP_MAX) {
                free(kept.data);
                kept.data = NULL;
                kept.allocated = 0;
        }
        kept.signature = "";
        *m = kept;
}

static int message_make_room(Message *m, size_t n)
{
        uint8_t *data;

        if (n <= m->allocated)
                return 0;
        n = MAX(n, (size_t)256);
        data = malloc(n);
        if (!data)
                return -ENOMEM;
        free(m->data);
        m->data = data;
        m->allocated = n;
        return 0;
}

int message_refill(Message *m, const uint8_t *data, size_t n, const int *fds, unsigned n_fds)
{
        size_t size;
        int r;

        message_clear(m);
        r = message_peek_size(data, n, WIRE_MESSAGE_MAX, &size);
        if (r < 0)
                return r;
        if (r == 0 || size != n)
                return -EBADMSG;
        r = message_make_room(m, n);
        if (r < 0)
                return r;
        memcpy(m->data, data, n);
        m->n_data = n;
        if (!message_parse(m, n_fds)) {
                message_clear(m);
                return -EBADMSG;
        }
        if (m->n_fds > 0)
                memcpy(m->fds, fds, m->n_fds * sizeof *fds);
        return 0;
}

int message_new(const uint8_t *data, size_t n, const int *fds, unsigned n_fds, Message **ret_message)
{
        _cleanup_(message_unrefp) Message *m = NULL;
        int r;

        m = calloc(1, sizeof *m);
        if (!m)
                return -ENOMEM;
        m->n_ref = 1;
        r = message_refill(m, data, n, fds, n_fds);
        if (r < 0)
                return r;
        *ret_message = TAKE_PTR(m);
        return 0;
}

Message *message_ref(Message *m)
{
        __atomic_add_fetch(&m->n_ref, 1, __ATOMIC_RELAXED);
        return m;
}

Message *message_unref(Message *m)
{
        if (!m || __atomic_sub_fetch(&m->n_ref, 1, __ATOMIC_ACQ_REL) > 0)
                return NULL;
        message_clear(m);
        free(m->data);
        free(m);
        return NULL;
}

int message_take_fd(Message *m, unsigned index)
{
        return index < m->n_fds ? TAKE_FD(m->fds[index]) : -1;
}

static bool is_of(const Message *m, unsigned type, const char *interface, const char *member)
{
        return m->type == type && m->interface && strcmp(m->interface, interface) == 0 &&
               strcmp(m->member, member) == 0;
}

bool message_is_call(const Message *m, const char *interface, const char *member)
{
        return is_of(m, MESSAGE_CALL, interface, member);
}

bool message_is_signal(const Message *m, const char *interface, const char *member)
{
        return is_of(m, MESSAGE_SIGNAL, interface, member);
}

const char *message_error_text(const Message *m)
{
        return m->signature[0] == 's' ? (const char *)m->body + 4 : "";
}
