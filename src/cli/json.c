/* SPDX-License-Identifier: MIT */

/* Records as JSON. */

#include <errno.h>
#include <string.h>

#include "cli/json.h"

static json_t *strings_to_json(const char *const *strings)
{
        json_t *array = json_array();

        for (size_t i = 0; strings && strings[i]; i++)
                json_array_append_new(array, json_string(strings[i]));
        return array;
}

static json_t *records_to_json(const bgt_record *const *records)
{
        json_t *array = json_array();

        for (size_t i = 0; records && records[i]; i++)
                json_array_append_new(array, json_of_record(records[i]));
        return array;
}

static json_t *value_to_json(const bgt_record *record, const char *key)
{
        switch (bgt_record_type(record, key)) {
        case BGT_TYPE_BOOL:
                return json_boolean(bgt_record_bool(record, key, false));
        case BGT_TYPE_INT:
                return json_integer(bgt_record_int(record, key, 0));
        case BGT_TYPE_UINT:
                return json_integer((json_int_t)bgt_record_uint(record, key, 0));
        case BGT_TYPE_DOUBLE:
                return json_real(bgt_record_double(record, key, 0));
        case BGT_TYPE_STRING:
                return json_string(bgt_record_string(record, key));
        case BGT_TYPE_STRINGS:
                return strings_to_json(bgt_record_strings(record, key, NULL));
        case BGT_TYPE_RECORD:
                return json_of_record(bgt_record_record(record, key));
        case BGT_TYPE_RECORDS:
                return records_to_json(bgt_record_records(record, key, NULL));
        default:
                return json_null();
        }
}

json_t *json_of_record(const bgt_record *record)
{
        json_t *object = json_object();
        const char *key;

        for (size_t i = 0; (key = bgt_record_key(record, i)); i++)
                json_object_set_new(object, key, value_to_json(record, key));
        return object;
}

static void print(json_t *json, size_t flags)
{
        if (!json || json_dumpf(json, stdout, flags) < 0)
                fputs("bgtask: out of memory\n", stderr);
        putchar('\n');
        json_decref(json);
}

void json_print_record(const bgt_record *record)
{
        print(json_of_record(record), JSON_INDENT(2));
}

void json_print_line(const bgt_record *record)
{
        print(json_of_record(record), JSON_COMPACT);
        fflush(stdout);
}

static int put_strings(bgt_record *record, const char *key, const json_t *array)
{
        size_t n = json_array_size(array);
        _cleanup_(freep) const char **strings = calloc(n + 1, sizeof *strings);

        if (!strings)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                strings[i] = json_string_value(json_array_get(array, i));
                if (!strings[i])
                        return -EINVAL;
        }
        return bgt_record_set_strings(record, key, strings, n);
}

static int put_object(bgt_record *record, const char *key, json_t *object)
{
        bgt_record *child = NULL;
        int r = json_to_record(object, &child);

        if (r >= 0)
                r = bgt_record_set_record(record, key, child);
        bgt_record_unref(child);
        return r;
}

static int put_objects(bgt_record *record, const char *key, const json_t *array)
{
        size_t n = json_array_size(array);
        _cleanup_(freep) bgt_record **records = calloc(n + 1, sizeof *records);
        int r = records ? 0 : -ENOMEM;

        for (size_t i = 0; i < n && r >= 0; i++)
                r = json_to_record(json_array_get(array, i), &records[i]);
        if (r >= 0)
                r = bgt_record_set_records(record, key, records, n);
        for (size_t i = 0; records && i < n; i++)
                bgt_record_unref(records[i]);
        return r;
}

static int put_json(bgt_record *record, const char *key, json_t *value)
{
        switch (json_typeof(value)) {
        case JSON_STRING:
                return bgt_record_set_string(record, key, json_string_value(value));
        case JSON_INTEGER:
                if (json_integer_value(value) < 0)
                        return bgt_record_set_int(record, key, json_integer_value(value));
                return bgt_record_set_uint(record, key, (uint64_t)json_integer_value(value));
        case JSON_REAL:
                return bgt_record_set_double(record, key, json_real_value(value));
        case JSON_TRUE:
        case JSON_FALSE:
                return bgt_record_set_bool(record, key, json_is_true(value));
        case JSON_ARRAY:
                return json_is_object(json_array_get(value, 0)) ? put_objects(record, key, value)
                                                                : put_strings(record, key, value);
        case JSON_OBJECT:
                return put_object(record, key, value);
        default:
                return -EINVAL;
        }
}

int json_to_record(json_t *json, bgt_record **ret_record)
{
        bgt_record *record;
        const char *key;
        json_t *value;
        int r = 0;

        if (!json_is_object(json))
                return -EINVAL;
        record = bgt_record_new();
        if (!record)
                return -ENOMEM;
        json_object_foreach(json, key, value) {
                r = put_json(record, key, value);
                if (r < 0) {
                        bgt_record_unref(record);
                        return r;
                }
        }
        *ret_record = record;
        return 0;
}

int json_put_text(bgt_record *record, const char *key, const char *text)
{
        json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
        int r = value ? put_json(record, key, value) : -EINVAL;

        json_decref(value);
        return r;
}

void json_print_pair(const char *key, const char *value)
{
        print(json_pack("{s:s}", key, value), 0);
}

void json_print_event(const char *event, const bgt_record *record)
{
        print(json_pack("{s:s, s:o}", "event", event, "record", record ? json_of_record(record) : json_null()),
              JSON_COMPACT);
        fflush(stdout);
}

/* Row by row, so that a long list needs no more memory than a short one. */
int json_print_list(bgt_list *list)
{
        const bgt_record *row;
        const char *separator = "";
        int r;

        putchar('[');
        while ((r = bgt_list_next(list, &row)) > 0) {
                json_t *json = json_of_record(row);

                printf("%s\n", separator);
                json_dumpf(json, stdout, JSON_COMPACT);
                json_decref(json);
                separator = ",";
        }
        puts("\n]");
        return r;
}
