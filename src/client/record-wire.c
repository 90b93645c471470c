/* SPDX-License-Identifier: MIT */

/* Records in messages. */

#include <errno.h>
#include <string.h>

#include "client/record.h"

/* Values that are structs, by their key: what their members are called. */
static const char *const trigger_names[] = { "kind", "*", NULL };
static const char *const class_names[] = { "clsid", "executable", NULL };
static const char *const server_names[] = { "path", "arguments", "classes", NULL };
static const char *const step_names[] = { "time", "task", "package", "name", "*", NULL };
static const char *const no_names[] = { NULL };

static const char *const *member_names(const char *key)
{
        if (strcmp(key, "trigger") == 0 || strcmp(key, "triggers") == 0)
                return trigger_names;
        if (strcmp(key, "servers") == 0)
                return server_names;
        if (strcmp(key, "steps") == 0)
                return step_names;
        return strcmp(key, "classes") == 0 ? class_names : no_names;
}

static int read_value(bgt_record *record, const char *key, Reader *r, const char *type, unsigned depth);

static int read_options(bgt_record *record, Reader *r, unsigned depth)
{
        const char *key, *type;
        int e = 0;

        reader_open_array(r, "{sv}");
        while (e >= 0 && reader_next_option(r, &key, &type))
                e = read_value(record, key, r, type, depth);
        if (e < 0)
                return e;
        reader_close(r);
        return reader_error(r);
}

static int read_members(bgt_record *record, Reader *r, const char *const *names, unsigned depth)
{
        char type[DBUS_SIGNATURE_MAX + 1];
        int e = 0;

        for (; *names && e >= 0; names++) {
                if (!reader_next_signature(r, type))
                        return -EINVAL;
                if (strcmp(*names, "*") == 0)
                        e = read_options(record, r, depth);
                else
                        e = read_value(record, *names, r, type, depth);
        }
        while (e >= 0 && reader_more(r) && reader_error(r) == 0)
                reader_skip(r);
        return e < 0 ? e : reader_error(r);
}

/* One struct or a{sv} as a record. */
static int read_record(Reader *r, const char *type, const char *key, unsigned depth, bgt_record **ret)
{
        _cleanup_(bgt_record_unrefp) bgt_record *record = bgt_record_new();
        int e;

        if (!record)
                return -ENOMEM;
        if (*type == '(') {
                reader_open_struct(r, NULL);
                e = read_members(record, r, member_names(key), depth + 1);
                if (e >= 0)
                        reader_close(r);
        } else {
                e = read_options(record, r, depth + 1);
        }
        if (e < 0)
                return e;
        *ret = TAKE_PTR(record);
        return 0;
}

/* Room for one more pointer and the NULL behind it. */
static int grow_list(void **list, size_t n)
{
        void *grown;

        if ((n & (n + 1)) != 0)
                return 0;
        grown = realloc(*list, 2 * (n + 1) * sizeof(void *));
        if (!grown)
                return -ENOMEM;
        *list = grown;
        return 0;
}

static int read_list(bgt_record *record, const char *key, Reader *r, const char *type, unsigned depth)
{
        bool strings = type[1] == 's' || type[1] == 'o';
        Field value = { .type = strings ? BGT_TYPE_STRINGS : BGT_TYPE_RECORDS };
        void *list = NULL;
        int e = grow_list(&list, 0);

        reader_open_array(r, NULL);
        while (e >= 0 && reader_more(r) && reader_error(r) == 0) {
                bgt_record *row = NULL;
                char *text = NULL;

                e = grow_list(&list, value.n);
                if (e < 0)
                        break;
                if (strings) {
                        text = strdup(type[1] == 'o' ? reader_get_path(r) : reader_get_string(r));
                        e = text ? 0 : -ENOMEM;
                } else {
                        e = read_record(r, type + 1, key, depth, &row);
                }
                if (e >= 0)
                        ((void **)list)[value.n++] = strings ? (void *)text : (void *)row;
        }
        if (list)
                ((void **)list)[value.n] = NULL;
        if (strings)
                value.strings = list;
        else
                value.records = list;
        if (e >= 0)
                reader_close(r);
        if (e < 0 || reader_error(r) < 0) {
                record_field_done(&value);
                return e < 0 ? e : reader_error(r);
        }
        return record_put(record, key, value);
}

static int read_text(bgt_record *record, const char *key, Reader *r, char type)
{
        const char *text = type == 's' ? reader_get_string(r) :
                type == 'o' ? reader_get_path(r) : reader_get_signature(r);
        char *copy = strdup(text);

        return copy ? record_put(record, key, (Field){ .type = BGT_TYPE_STRING, .string = copy }) : -ENOMEM;
}

static int read_bytes(bgt_record *record, const char *key, Reader *r)
{
        size_t n;
        const uint8_t *bytes = reader_get_bytes(r, &n);
        char *copy = malloc(n + 1);

        if (!copy)
                return -ENOMEM;
        if (n > 0)
                memcpy(copy, bytes, n);
        copy[n] = '\0';
        return record_put(record, key, (Field){ .type = BGT_TYPE_BYTES, .bytes = copy, .n = n });
}

static bool read_number(Reader *r, char type, Field *value)
{
        switch (type) {
        case 'b':
                *value = (Field){ .type = BGT_TYPE_BOOL, .boolean = reader_get_bool(r) };
                return true;
        case 'y':
                *value = (Field){ .type = BGT_TYPE_UINT, .unsigned_ = reader_get_byte(r) };
                return true;
        case 'q':
                *value = (Field){ .type = BGT_TYPE_UINT, .unsigned_ = reader_get_uint16(r) };
                return true;
        case 'u':
                *value = (Field){ .type = BGT_TYPE_UINT, .unsigned_ = reader_get_uint32(r) };
                return true;
        case 't':
                *value = (Field){ .type = BGT_TYPE_UINT, .unsigned_ = reader_get_uint64(r) };
                return true;
        case 'n':
                *value = (Field){ .type = BGT_TYPE_INT, .signed_ = reader_get_int16(r) };
                return true;
        case 'i':
                *value = (Field){ .type = BGT_TYPE_INT, .signed_ = reader_get_int32(r) };
                return true;
        case 'x':
                *value = (Field){ .type = BGT_TYPE_INT, .signed_ = reader_get_int64(r) };
                return true;
        case 'd':
                *value = (Field){ .type = BGT_TYPE_DOUBLE, .real = reader_get_double(r) };
                return true;
        default:
                return false;
        }
}

static int read_value(bgt_record *record, const char *key, Reader *r, const char *type, unsigned depth)
{
        bgt_record *child;
        Field value;
        int e;

        if (depth > RECORD_DEPTH_MAX || record->n_fields >= RECORD_FIELDS_MAX || !*key ||
            strlen(key) > RECORD_KEY_MAX) {
                reader_skip(r);
                return 0;
        }
        if (read_number(r, *type, &value))
                return record_put(record, key, value);
        if (*type == 's' || *type == 'o' || *type == 'g')
                return read_text(record, key, r, *type);
        if (strcmp(type, "ay") == 0)
                return read_bytes(record, key, r);
        if (*type == '(' || strcmp(type, "a{sv}") == 0) {
                e = read_record(r, type, key, depth, &child);
                return e < 0 ? e : record_put(record, key, (Field){ .type = BGT_TYPE_RECORD, .record = child });
        }
        if (strcmp(type, "as") == 0 || strcmp(type, "ao") == 0 || strncmp(type, "a(", 2) == 0 ||
            strcmp(type, "aa{sv}") == 0)
                return read_list(record, key, r, type, depth);
        reader_skip(r);
        return 0;
}

int record_read_row(bgt_record *record, Reader *r, const char *const *names)
{
        return read_members(record, r, names, 0);
}

int record_read_options(bgt_record *record, Reader *r)
{
        return read_options(record, r, 0);
}

int record_read_list(bgt_record *record, const char *key, Reader *r, const char *type)
{
        return read_list(record, key, r, type, 0);
}

int record_new_from_options(Reader *r, bgt_record **ret)
{
        return read_record(r, "a{sv}", "", 0, ret);
}

static void write_strings(const Field *field, Writer *w)
{
        writer_open_option(w, field->key, "as");
        writer_open_array(w, "s");
        for (size_t i = 0; i < field->n; i++)
                writer_put_string(w, field->strings[i]);
        writer_close(w);
        writer_close(w);
        writer_close(w);
}

void record_write_field(const Field *field, Writer *w)
{
        switch (field->type) {
        case BGT_TYPE_BOOL:
                writer_put_option_bool(w, field->key, field->boolean);
                return;
        case BGT_TYPE_UINT:
                writer_put_option_uint64(w, field->key, field->unsigned_);
                return;
        case BGT_TYPE_STRING:
                writer_put_option_string(w, field->key, field->string);
                return;
        case BGT_TYPE_STRINGS:
                write_strings(field, w);
                return;
        case BGT_TYPE_BYTES:
                writer_open_option(w, field->key, "ay");
                writer_put_bytes(w, field->bytes, field->n);
                break;
        case BGT_TYPE_INT:
                writer_open_option(w, field->key, "x");
                writer_put_int64(w, field->signed_);
                break;
        case BGT_TYPE_DOUBLE:
                writer_open_option(w, field->key, "d");
                writer_put_double(w, field->real);
                break;
        case BGT_TYPE_RECORD:
                writer_open_option(w, field->key, "a{sv}");
                record_write(field->record, w);
                break;
        default:
                return;
        }
        writer_close(w);
        writer_close(w);
}

void record_write(const bgt_record *record, Writer *w)
{
        writer_open_array(w, "{sv}");
        for (size_t i = 0; record && i < record->n_fields; i++)
                record_write_field(&record->fields[i], w);
        writer_close(w);
}
