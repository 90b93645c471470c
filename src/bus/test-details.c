/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bus/details.h"
#include "bus/registration.h"

/* A message with this body, as it would have arrived. */
static Message *arrive(Writer *w)
{
        Buffer bytes = { 0 };
        struct iovec parts[2];
        Message *m = NULL;

        assert_int_equal(writer_seal(w, 7, parts), 0);
        for (size_t i = 0; i < 2; i++)
                assert_int_equal(buffer_append(&bytes, parts[i].iov_base, parts[i].iov_len), 0);
        assert_int_equal(message_new(bytes.data, bytes.size, NULL, 0, &m), 0);
        buffer_done(&bytes);
        return m;
}

static void put_arguments(Writer *w)
{
        writer_open_array(w, "{sv}");
        writer_put_option_string(w, "name", "x");
        writer_put_option_uint64(w, "size", UINT64_MAX);
        writer_open_option(w, "list", "a(sa{sv})");
        writer_open_array(w, "(sa{sv})");
        writer_open_struct(w, "sa{sv}");
        writer_put_string(w, "inner");
        writer_open_array(w, "{sv}");
        writer_put_option_bool(w, "deep", true);
        writer_close(w);
        writer_close(w);
        writer_close(w);
        writer_close(w);
        writer_close(w);
        writer_close(w);
}

static void check_arguments(const Message *m)
{
        const char *key, *type;
        unsigned n = 0;
        Reader r;

        reader_init(&r, m);
        reader_open_array(&r, "{sv}");
        while (reader_next_option(&r, &key, &type)) {
                n++;
                if (strcmp(key, "name") == 0)
                        assert_string_equal(reader_get_string(&r), "x");
                else if (strcmp(key, "size") == 0)
                        assert_true(reader_get_uint64(&r) == UINT64_MAX);
                else
                        assert_string_equal(type, "a(sa{sv})");
        }
        assert_int_equal(reader_error(&r), 0);
        assert_int_equal(n, 3);
}

static void details_come_back_as_they_were_from_either_byte_order(void **state)
{
        for (int swapped = 0; swapped < 2; swapped++) {
                Buffer stored = { 0 };
                Message *request, *again;
                Reader r;
                Writer w;

                writer_init(&w);
                w.swapped = swapped;
                writer_start_signal(&w, "/x", "a.b", "C");
                put_arguments(&w);
                request = arrive(&w);
                reader_init(&r, request);
                assert_int_equal(details_marshal(&r, &stored), 0);
                w.swapped = false;
                writer_start_signal(&w, "/x", "a.b", "C");
                writer_open_array(&w, "{sv}");
                details_copy(&w, stored.data, stored.size);
                writer_close(&w);
                again = arrive(&w);
                check_arguments(again);
                message_unref(again);
                message_unref(request);
                buffer_done(&stored);
                writer_done(&w);
        }
}

static void damaged_details_give_no_entries(void **state)
{
        static const uint8_t garbage[] = "l\1\0\1not a message at all, but long enough";
        Message *m;
        Reader r;
        Writer w;

        writer_init(&w);
        writer_start_signal(&w, "/x", "a.b", "C");
        writer_open_array(&w, "{sv}");
        details_copy(&w, garbage, sizeof garbage);
        details_copy(&w, "", 0);
        writer_close(&w);
        m = arrive(&w);
        reader_init(&r, m);
        reader_open_array(&r, "{sv}");
        assert_false(reader_more(&r));
        message_unref(m);
        writer_done(&w);
}

static void details_over_the_limit_are_refused(void **state)
{
        char *large = malloc(DETAILS_MAX + 1);
        Buffer stored = { 0 };
        Message *m;
        Reader r;
        Writer w;

        memset(large, 'x', DETAILS_MAX);
        large[DETAILS_MAX] = '\0';
        writer_init(&w);
        writer_start_signal(&w, "/x", "a.b", "C");
        writer_open_array(&w, "{sv}");
        writer_put_option_string(&w, "large", large);
        writer_close(&w);
        m = arrive(&w);
        reader_init(&r, m);
        assert_int_equal(details_marshal(&r, &stored), -EMSGSIZE);
        message_unref(m);
        buffer_done(&stored);
        writer_done(&w);
        free(large);
}

typedef struct Example {
        const char *kind;
        const char *key;
        uint64_t value;
        Error error;
        const char *sentence; /* part of it */
} Example;

static void put_example(Writer *w, const Example *example)
{
        writer_start_signal(w, "/x", "a.b", "C");
        writer_open_struct(w, "sa{sv}");
        writer_put_string(w, example->kind);
        writer_open_array(w, "{sv}");
        if (example->key && strcmp(example->key, "freshness-minutes") == 0)
                writer_put_option_uint32(w, example->key, (uint32_t)example->value);
        else if (example->key)
                writer_put_option_uint64(w, example->key, example->value);
        writer_close(w);
        writer_close(w);
        writer_open_array(w, "s");
        writer_put_string(w, "internetavailable");
        writer_close(w);
        writer_open_array(w, "{sv}");
        writer_put_option_string(w, "overlap", "parallel");
        writer_close(w);
}

static void a_trigger_is_read_or_refused_with_a_sentence(void **state)
{
        static const Example examples[] = {
                { "TimeTrigger", "freshness-minutes", 15, ERROR_NONE, "" },
                { "interval", "period", 1000000, ERROR_NONE, "" },
                { "", NULL, 0, ERROR_NONE, "" },
                { "interval", "freshness-minutes", 15, ERROR_INVALID_ARGUMENT, "no property \"freshness-minutes\"" },
                { "interval", "periods", 15, ERROR_INVALID_ARGUMENT, "no property \"periods\"" },
                { "interwal", "period", 15, ERROR_INVALID_ARGUMENT, "no trigger of the kind \"interwal\"" },
                { "GeovisitTrigger", NULL, 0, ERROR_TRIGGER_NOT_SUPPORTED, "GeovisitTrigger cannot fire here:" },
                { "PigeonTrigger", NULL, 0, ERROR_TRIGGER_NOT_SUPPORTED, "a PigeonTrigger has no meaning here" },
                { "TimeTrigger", "one-shot", 1, ERROR_INVALID_ARGUMENT, "must have the type 'b'" },
        };

        for (size_t i = 0; i < ELEMENTSOF(examples); i++) {
                TaskSpec spec = { 0 };
                Refusal refusal = { 0 };
                BusRegistrationMemory memory = { 0 };
                Message *m;
                Reader r;
                Writer w;

                writer_init(&w);
                put_example(&w, &examples[i]);
                m = arrive(&w);
                reader_init(&r, m);
                registration_read(&r, &spec, &memory, &refusal);
                assert_int_equal(reader_error(&r), 0);
                assert_int_equal(refusal.error, examples[i].error);
                assert_non_null(strstr(refusal.sentence, examples[i].sentence));
                assert_int_equal(spec.conditions, CONDITION_BIT(CONDITION_INTERNET_AVAILABLE));
                registration_done(&memory);
                assert_int_equal(spec.overlap, OVERLAP_PARALLEL);
                message_unref(m);
                writer_done(&w);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(details_come_back_as_they_were_from_either_byte_order),
                cmocka_unit_test(damaged_details_give_no_entries),
                cmocka_unit_test(details_over_the_limit_are_refused),
                cmocka_unit_test(a_trigger_is_read_or_refused_with_a_sentence),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
