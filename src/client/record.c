/* SPDX-License-Identifier: MIT */

#include "client/record.h"

#include <errno.h>
#include <string.h>

#include "base/utf8.h"
#include "client/error.h"

bgt_record *bgt_record_new(void)
{
        bgt_record *record = calloc(1, sizeof *record);

        if (!record) {
                fail(ERROR_NO_MEMORY, NULL);
                return NULL;
        }
        atomic_init(&record->n_ref, 1);
        return record;
}

bgt_record *bgt_record_ref(bgt_record *record)
{
        if (record)
                atomic_fetch_add_explicit(&record->n_ref, 1, memory_order_relaxed);
        return record;
}

void record_field_done(Field *field)
{
        free(field->key);
        switch (field->type) {
        case BGT_TYPE_STRING:
                free(field->string);
                break;
        case BGT_TYPE_BYTES:
                free(field->bytes);
                break;
        case BGT_TYPE_STRINGS:
                for (size_t i = 0; i < field->n; i++)
                        free(field->strings[i]);
                free(field->strings);
                break;
        case BGT_TYPE_RECORD:
                bgt_record_unref(field->record);
                break;
        case BGT_TYPE_RECORDS:
                for (size_t i = 0; i < field->n; i++)
                        bgt_record_unref(field->records[i]);
                free(field->records);
                break;
        }
        *field = (Field){ 0 };
}

void bgt_record_unref(bgt_record *record)
{
        if (!record || atomic_fetch_sub_explicit(&record->n_ref, 1, memory_order_acq_rel) > 1)
                return;
        for (size_t i = 0; i < record->n_fields; i++)
                record_field_done(&record->fields[i]);
        free(record->fields);
        free(record);
}

static Field *find(const bgt_record *record, const char *key)
{
        for (size_t i = 0; record && key && i < record->n_fields; i++)
                if (strcmp(record->fields[i].key, key) == 0)
                        return &record->fields[i];
        return NULL;
}

int record_put(bgt_record *record, const char *key, Field value)
{
        Field *field = find(record, key), *grown;
        size_t n = MAX(2 * record->allocated, 8u);

        value.key = strdup(key);
        if (!value.key)
                goto no_memory;
        if (field) {
                record_field_done(field);
                *field = value;
                return 0;
        }
        if (record->n_fields == record->allocated) {
                grown = realloc(record->fields, n * sizeof *grown);
                if (!grown)
                        goto no_memory;
                record->fields = grown;
                record->allocated = n;
        }
        record->fields[record->n_fields++] = value;
        return 0;
no_memory:
        record_field_done(&value);
        return -ENOMEM;
}

static int set(bgt_record *record, const char *key, Field value)
{
        int r;

        if (!record || !key || !*key || strlen(key) > RECORD_KEY_MAX || !utf8_is_valid(key, strlen(key))) {
                record_field_done(&value);
                return fail(ERROR_INVALID_ARGUMENT, "a key is 1 to 255 bytes of UTF-8");
        }
        if (record->n_fields == RECORD_FIELDS_MAX && !find(record, key)) {
                record_field_done(&value);
                fail(ERROR_INVALID_ARGUMENT, "a record holds at most %d values", RECORD_FIELDS_MAX);
                return -E2BIG;
        }
        r = record_put(record, key, value);
        return r < 0 ? fail(ERROR_NO_MEMORY, NULL) : 0;
}

int bgt_record_set_bool(bgt_record *record, const char *key, bool value)
{
        return set(record, key, (Field){ .type = BGT_TYPE_BOOL, .boolean = value });
}

int bgt_record_set_int(bgt_record *record, const char *key, int64_t value)
{
        return set(record, key, (Field){ .type = BGT_TYPE_INT, .signed_ = value });
}

int bgt_record_set_uint(bgt_record *record, const char *key, uint64_t value)
{
        return set(record, key, (Field){ .type = BGT_TYPE_UINT, .unsigned_ = value });
}

int bgt_record_set_double(bgt_record *record, const char *key, double value)
{
        return set(record, key, (Field){ .type = BGT_TYPE_DOUBLE, .real = value });
}

int bgt_record_set_string(bgt_record *record, const char *key, const char *value)
{
        char *copy;

        if (!value || !utf8_is_valid(value, strlen(value)))
                return fail(ERROR_INVALID_ARGUMENT, "the value of '%s' is not UTF-8", key ? key : "");
        copy = strdup(value);
        if (!copy)
                return fail(ERROR_NO_MEMORY, NULL);
        return set(record, key, (Field){ .type = BGT_TYPE_STRING, .string = copy });
}

int bgt_record_set_bytes(bgt_record *record, const char *key, const void *value, size_t n)
{
        char *copy = malloc(n + 1);

        if (!copy)
                return fail(ERROR_NO_MEMORY, NULL);
        if (n > 0)
                memcpy(copy, value, n);
        copy[n] = '\0';
        return set(record, key, (Field){ .type = BGT_TYPE_BYTES, .bytes = copy, .n = n });
}

int bgt_record_set_strings(bgt_record *record, const char *key, const char *const *values, size_t n)
{
        Field field = { .type = BGT_TYPE_STRINGS };
        bool valid = true;

        field.strings = calloc(n + 1, sizeof *field.strings);
        for (size_t i = 0; field.strings && i < n && valid; i++) {
                valid = values[i] && utf8_is_valid(values[i], strlen(values[i]));
                field.strings[i] = valid ? strdup(values[i]) : NULL;
                if (!field.strings[i])
                        break;
                field.n++;
        }
        if (field.strings && field.n == n)
                return set(record, key, field);
        record_field_done(&field);
        return valid ? fail(ERROR_NO_MEMORY, NULL) :
                       fail(ERROR_INVALID_ARGUMENT, "a value of '%s' is not UTF-8", key ? key : "");
}

/* How many records stand in each other, at most. */
static unsigned depth_of(const bgt_record *record)
{
        unsigned depth = 0;

        for (size_t i = 0; i < record->n_fields; i++) {
                const Field *field = &record->fields[i];

                if (field->type == BGT_TYPE_RECORD)
                        depth = MAX(depth, depth_of(field->record));
                for (size_t j = 0; field->type == BGT_TYPE_RECORDS && j < field->n; j++)
                        depth = MAX(depth, depth_of(field->records[j]));
        }
        return depth + 1;
}

int bgt_record_set_record(bgt_record *record, const char *key, bgt_record *value)
{
        if (!value || value == record || depth_of(value) >= RECORD_DEPTH_MAX)
                return fail(ERROR_INVALID_ARGUMENT, "a record holds others, not itself, to a depth of %d",
                            RECORD_DEPTH_MAX);
        return set(record, key, (Field){ .type = BGT_TYPE_RECORD, .record = bgt_record_ref(value) });
}

int bgt_record_set_records(bgt_record *record, const char *key, bgt_record *const *values, size_t n)
{
        Field value = { .type = BGT_TYPE_RECORDS, .records = calloc(n + 1, sizeof(bgt_record *)) };

        if (!value.records)
                return fail(ERROR_NO_MEMORY, NULL);
        for (size_t i = 0; i < n; i++) {
                if (!values[i] || values[i] == record || depth_of(values[i]) >= RECORD_DEPTH_MAX) {
                        record_field_done(&value);
                        return fail(ERROR_INVALID_ARGUMENT, "a record holds others, not itself, to a depth of %d",
                                    RECORD_DEPTH_MAX);
                }
                value.records[value.n++] = bgt_record_ref(values[i]);
        }
        return set(record, key, value);
}

size_t bgt_record_size(const bgt_record *record)
{
        return record ? record->n_fields : 0;
}

const char *bgt_record_key(const bgt_record *record, size_t i)
{
        return i < bgt_record_size(record) ? record->fields[i].key : NULL;
}

int bgt_record_type(const bgt_record *record, const char *key)
{
        const Field *field = find(record, key);

        return field ? field->type : BGT_TYPE_NONE;
}

bool bgt_record_bool(const bgt_record *record, const char *key, bool otherwise)
{
        const Field *field = find(record, key);

        return field && field->type == BGT_TYPE_BOOL ? field->boolean : otherwise;
}

int64_t bgt_record_int(const bgt_record *record, const char *key, int64_t otherwise)
{
        const Field *field = find(record, key);

        if (field && field->type == BGT_TYPE_INT)
                return field->signed_;
        if (field && field->type == BGT_TYPE_UINT && field->unsigned_ <= INT64_MAX)
                return (int64_t)field->unsigned_;
        return otherwise;
}

uint64_t bgt_record_uint(const bgt_record *record, const char *key, uint64_t otherwise)
{
        const Field *field = find(record, key);

        if (field && field->type == BGT_TYPE_UINT)
                return field->unsigned_;
        if (field && field->type == BGT_TYPE_INT && field->signed_ >= 0)
                return (uint64_t)field->signed_;
        return otherwise;
}

double bgt_record_double(const bgt_record *record, const char *key, double otherwise)
{
        const Field *field = find(record, key);

        return field && field->type == BGT_TYPE_DOUBLE ? field->real : otherwise;
}

const char *bgt_record_string(const bgt_record *record, const char *key)
{
        const Field *field = find(record, key);

        return field && field->type == BGT_TYPE_STRING ? field->string : NULL;
}

const void *bgt_record_bytes(const bgt_record *record, const char *key, size_t *ret_n)
{
        const Field *field = find(record, key);
        bool found = field && field->type == BGT_TYPE_BYTES;

        if (ret_n)
                *ret_n = found ? field->n : 0;
        return found ? field->bytes : NULL;
}

const char *const *bgt_record_strings(const bgt_record *record, const char *key, size_t *ret_n)
{
        const Field *field = find(record, key);
        bool found = field && field->type == BGT_TYPE_STRINGS;

        if (ret_n)
                *ret_n = found ? field->n : 0;
        return found ? (const char *const *)field->strings : NULL;
}

const bgt_record *bgt_record_record(const bgt_record *record, const char *key)
{
        const Field *field = find(record, key);

        return field && field->type == BGT_TYPE_RECORD ? field->record : NULL;
}

const bgt_record *const *bgt_record_records(const bgt_record *record, const char *key, size_t *ret_n)
{
        const Field *field = find(record, key);
        bool found = field && field->type == BGT_TYPE_RECORDS;

        if (ret_n)
                *ret_n = found ? field->n : 0;
        return found ? (const bgt_record *const *)field->records : NULL;
}
