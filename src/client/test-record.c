/* SPDX-License-Identifier: MIT */

/* Records: made by hand, written into messages, read from messages. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "client/record.h"

static void values_keep_their_order_and_type(void **state)
{
        bgt_record *record = bgt_record_new();

        assert_int_equal(bgt_record_set_string(record, "b", "text"), 0);
        assert_int_equal(bgt_record_set_int(record, "a", -5), 0);
        assert_int_equal(bgt_record_set_uint(record, "c", UINT64_MAX), 0);
        assert_int_equal(bgt_record_set_bool(record, "d", true), 0);
        assert_int_equal(bgt_record_set_double(record, "e", 0.5), 0);
        assert_int_equal(bgt_record_size(record), 5);
        assert_string_equal(bgt_record_key(record, 0), "b");
        assert_string_equal(bgt_record_key(record, 1), "a");
        assert_null(bgt_record_key(record, 5));
        assert_int_equal(bgt_record_type(record, "c"), BGT_TYPE_UINT);
        assert_string_equal(bgt_record_string(record, "b"), "text");
        assert_int_equal(bgt_record_int(record, "a", 0), -5);
        assert_true(bgt_record_uint(record, "c", 0) == UINT64_MAX);
        assert_true(bgt_record_bool(record, "d", false));
        assert_true(bgt_record_double(record, "e", 0) == 0.5);
        bgt_record_unref(record);
}

static void a_value_is_replaced_in_its_place(void **state)
{
        bgt_record *record = bgt_record_new();

        assert_int_equal(bgt_record_set_string(record, "a", "1"), 0);
        assert_int_equal(bgt_record_set_string(record, "b", "2"), 0);
        assert_int_equal(bgt_record_set_uint(record, "a", 3), 0);
        assert_int_equal(bgt_record_size(record), 2);
        assert_string_equal(bgt_record_key(record, 0), "a");
        assert_int_equal(bgt_record_uint(record, "a", 0), 3);
        bgt_record_unref(record);
}

static void what_is_not_there_reads_as_the_default(void **state)
{
        bgt_record *record = bgt_record_new();
        size_t n = 9;

        assert_int_equal(bgt_record_set_int(record, "negative", -1), 0);
        assert_int_equal(bgt_record_set_uint(record, "large", UINT64_MAX), 0);
        assert_int_equal(bgt_record_uint(record, "negative", 7), 7);
        assert_int_equal(bgt_record_int(record, "large", 7), 7);
        assert_int_equal(bgt_record_int(record, "missing", 7), 7);
        assert_int_equal(bgt_record_type(record, "missing"), BGT_TYPE_NONE);
        assert_null(bgt_record_string(record, "large"));
        assert_null(bgt_record_strings(record, "large", &n));
        assert_int_equal(n, 0);
        assert_null(bgt_record_records(record, "large", NULL));
        assert_null(bgt_record_record(record, "large"));
        assert_int_equal(bgt_record_size(NULL), 0);
        assert_null(bgt_record_string(NULL, "a"));
        bgt_record_unref(record);
        bgt_record_unref(NULL);
}

static void lists_and_records_are_values_too(void **state)
{
        bgt_record *record = bgt_record_new(), *child = bgt_record_new();
        size_t n;

        assert_int_equal(bgt_record_set_strings(record, "list", (const char *const[]){ "a", "" }, 2), 0);
        assert_string_equal(bgt_record_strings(record, "list", &n)[0], "a");
        assert_int_equal(n, 2);
        assert_null(bgt_record_strings(record, "list", NULL)[2]);
        assert_int_equal(bgt_record_set_strings(record, "list", NULL, 0), 0);
        assert_null(bgt_record_strings(record, "list", &n)[0]);
        assert_int_equal(bgt_record_set_strings(record, "list", (const char *const[]){ "a", "\xff" }, 2), -EINVAL);
        assert_int_equal(bgt_record_set_string(child, "key", "value"), 0);
        assert_int_equal(bgt_record_set_record(record, "child", child), 0);
        bgt_record_unref(child);
        assert_string_equal(bgt_record_string(bgt_record_record(record, "child"), "key"), "value");
        assert_int_equal(bgt_record_set_record(record, "self", record), -EINVAL);
        assert_int_equal(bgt_record_set_record(record, "none", NULL), -EINVAL);
        assert_int_equal(bgt_record_size(record), 2);
        bgt_record_unref(record);
}

static void records_nest_only_as_deep_as_messages_carry_them(void **state)
{
        bgt_record *inner = bgt_record_new();
        int r = 0, depth = 0;

        while (r == 0) {
                bgt_record *outer = bgt_record_new();

                r = bgt_record_set_record(outer, "inner", inner);
                bgt_record_unref(inner);
                inner = outer;
                depth++;
        }
        assert_int_equal(r, -EINVAL);
        assert_int_equal(depth, RECORD_DEPTH_MAX);
        bgt_record_unref(inner);
}

static void a_record_has_limits(void **state)
{
        bgt_record *record = bgt_record_new();
        char key[300];

        memset(key, 'k', sizeof key);
        key[256] = '\0';
        assert_int_equal(bgt_record_set_bool(record, key, true), -EINVAL);
        assert_int_equal(bgt_record_set_bool(record, "", true), -EINVAL);
        assert_int_equal(bgt_record_set_bool(record, "\xff", true), -EINVAL);
        assert_int_equal(bgt_record_set_string(record, "a", "\xff"), -EINVAL);
        assert_int_equal(bgt_record_set_string(record, "a", NULL), -EINVAL);
        for (int i = 0; i < 1000; i++) {
                snprintf(key, sizeof key, "%d", i);
                assert_int_equal(bgt_record_set_int(record, key, i), 0);
        }
        assert_int_equal(bgt_record_set_int(record, "one more", 1), -E2BIG);
        assert_int_equal(bgt_record_set_int(record, "0", 5), 0);
        bgt_record_unref(record);
}

/* The message that the writer holds. */
static Message *message_of(Writer *w)
{
        struct iovec parts[2];
        Buffer b = { 0 };
        Message *m;

        assert_int_equal(writer_seal(w, 1, parts), 0);
        assert_int_equal(buffer_append(&b, parts[0].iov_base, parts[0].iov_len), 0);
        assert_int_equal(buffer_append(&b, parts[1].iov_base, parts[1].iov_len), 0);
        assert_int_equal(message_new(b.data, b.size, NULL, 0, &m), 0);
        buffer_done(&b);
        writer_done(w);
        return m;
}

static void a_record_passes_through_a_message(void **state)
{
        bgt_record *record = bgt_record_new(), *copy;
        Message *m;
        Writer w;
        Reader r;
        size_t n;

        assert_int_equal(bgt_record_set_string(record, "s", "text"), 0);
        assert_int_equal(bgt_record_set_int(record, "i", -5), 0);
        assert_int_equal(bgt_record_set_uint(record, "u", 6), 0);
        assert_int_equal(bgt_record_set_bool(record, "b", true), 0);
        assert_int_equal(bgt_record_set_double(record, "d", 0.5), 0);
        assert_int_equal(bgt_record_set_bytes(record, "b2", "\0\1", 2), 0);
        writer_init(&w);
        writer_start_signal(&w, "/a", "a.b", "C");
        record_write(record, &w);
        m = message_of(&w);
        reader_init(&r, m);
        assert_int_equal(record_new_from_options(&r, &copy), 0);
        assert_int_equal(bgt_record_size(copy), 6);
        assert_memory_equal(bgt_record_bytes(copy, "b2", &n), "\0\1", 2);
        assert_int_equal(n, 2);
        for (size_t i = 0; i < 6; i++)
                assert_int_equal(bgt_record_type(copy, bgt_record_key(copy, i)),
                                 bgt_record_type(record, bgt_record_key(copy, i)));
        assert_int_equal(bgt_record_int(copy, "i", 0), -5);
        bgt_record_unref(copy);
        bgt_record_unref(record);
        message_unref(m);
}

static void put_class(Writer *w, const char *clsid, const char *executable)
{
        writer_open_struct(w, "ss");
        writer_put_string(w, clsid);
        writer_put_string(w, executable);
        writer_close(w);
}

static void lists_and_records_in_records_are_read(void **state)
{
        static const char *const names[] = { "package", "*", NULL };
        bgt_record *record = bgt_record_new();
        const bgt_record *const *classes;
        Message *m;
        Writer w;
        Reader r;
        size_t n;

        writer_init(&w);
        writer_start_signal(&w, "/a", "a.b", "C");
        writer_put_string(&w, "App_x");
        writer_open_array(&w, "{sv}");
        writer_open_option(&w, "classes", "a(ss)");
        writer_open_array(&w, "(ss)");
        put_class(&w, "c1", "e1");
        put_class(&w, "c2", "e2");
        put_class(&w, "c3", "e3");
        writer_close(&w);
        writer_close(&w);
        writer_close(&w);
        writer_open_option(&w, "bytes", "ay");
        writer_put_bytes(&w, "xyz", 3);
        writer_close(&w);
        writer_close(&w);
        writer_open_option(&w, "none", "as");
        writer_open_array(&w, "s");
        writer_close(&w);
        writer_close(&w);
        writer_close(&w);
        writer_put_option_uint32(&w, "", 1);
        writer_put_option_uint32(&w, "tasks", 4);
        writer_close(&w);
        m = message_of(&w);
        reader_init(&r, m);
        assert_int_equal(record_read_row(record, &r, names), 0);
        /* What a record cannot hold, or has no name, is left out. */
        assert_int_equal(bgt_record_size(record), 5);
        assert_memory_equal(bgt_record_bytes(record, "bytes", &n), "xyz", 3);
        assert_int_equal(n, 3);
        assert_null(bgt_record_bytes(record, "tasks", NULL));
        classes = bgt_record_records(record, "classes", &n);
        assert_int_equal(n, 3);
        assert_string_equal(bgt_record_string(classes[2], "clsid"), "c3");
        assert_string_equal(bgt_record_string(classes[2], "executable"), "e3");
        assert_null(classes[3]);
        assert_non_null(bgt_record_strings(record, "none", &n));
        assert_int_equal(n, 0);
        assert_int_equal(bgt_record_uint(record, "tasks", 0), 4);
        bgt_record_unref(record);
        message_unref(m);
}

static void a_row_that_is_too_short_is_an_error(void **state)
{
        static const char *const names[] = { "a", "b", NULL };
        bgt_record *record = bgt_record_new();
        Message *m;
        Writer w;
        Reader r;

        writer_init(&w);
        writer_start_signal(&w, "/a", "a.b", "C");
        writer_put_string(&w, "only one");
        m = message_of(&w);
        reader_init(&r, m);
        assert_int_equal(record_read_row(record, &r, names), -EINVAL);
        bgt_record_unref(record);
        message_unref(m);
}

static void open_nested(Writer *w, unsigned depth)
{
        writer_open_option(w, "inner", "a{sv}");
        writer_open_array(w, "{sv}");
        if (depth > 0)
                open_nested(w, depth - 1);
        writer_close(w);
        writer_close(w);
        writer_close(w);
}

static void records_in_records_end_somewhere(void **state)
{
        const bgt_record *inner;
        bgt_record *record;
        unsigned depth = 0;
        Message *m;
        Writer w;
        Reader r;

        writer_init(&w);
        writer_start_signal(&w, "/a", "a.b", "C");
        writer_open_array(&w, "{sv}");
        open_nested(&w, 18);
        writer_close(&w);
        m = message_of(&w);
        reader_init(&r, m);
        assert_int_equal(record_new_from_options(&r, &record), 0);
        for (inner = record; inner; inner = bgt_record_record(inner, "inner"))
                depth++;
        assert_in_range(depth, 2, 12);
        bgt_record_unref(record);
        message_unref(m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(values_keep_their_order_and_type),
                cmocka_unit_test(a_value_is_replaced_in_its_place),
                cmocka_unit_test(what_is_not_there_reads_as_the_default),
                cmocka_unit_test(lists_and_records_are_values_too),
                cmocka_unit_test(records_nest_only_as_deep_as_messages_carry_them),
                cmocka_unit_test(a_record_has_limits),
                cmocka_unit_test(a_record_passes_through_a_message),
                cmocka_unit_test(lists_and_records_in_records_are_read),
                cmocka_unit_test(a_row_that_is_too_short_is_an_error),
                cmocka_unit_test(records_in_records_end_somewhere),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
