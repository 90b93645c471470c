/* SPDX-License-Identifier: MIT */

#include <errno.h>

#include "dbus/test-messages.h"

static void a_message_cut_off_anywhere_is_refused(void **state)
{
        _cleanup_(freep) uint8_t *bytes = NULL;
        _cleanup_(writer_done) Writer w;
        size_t n, size;

        writer_init(&w);
        for (int swapped = 0; swapped < 2; swapped++) {
                w.swapped = swapped;
                start_rich_call(&w);
                free(bytes);
                bytes = seal(&w, 1, &n);
                for (size_t i = 0; i < n; i++) {
                        _cleanup_(freep) uint8_t *cut = malloc(MAX(i, (size_t)1));
                        Message *m;

                        memcpy(cut, bytes, i);
                        assert_int_equal(message_new(cut, i, NULL, 0, &m), -EBADMSG);
                        assert_int_equal(message_peek_size(cut, i, n, &size), i >= WIRE_HEADER_SIZE);
                }
        }
}

static void no_changed_byte_gets_past_the_checks_and_breaks_a_reader(void **state)
{
        _cleanup_(freep) uint8_t *bytes = NULL;
        _cleanup_(writer_done) Writer w;
        uint64_t seed = 42;
        size_t n;

        writer_init(&w);
        start_rich_call(&w);
        bytes = seal(&w, 1, &n);
        for (size_t i = 0; i < n * 64; i++) {
                _cleanup_(message_unrefp) Message *m = NULL;
                uint8_t old = bytes[i % n];
                Reader r;

                bytes[i % n] = (uint8_t)next_random(&seed);
                if (message_new(bytes, n, NULL, 0, &m) == 0) {
                        reader_init(&r, m);
                        while (reader_more(&r))
                                reader_skip(&r);
                        assert_int_equal(reader_error(&r), 0);
                        assert_int_equal(r.position, m->n_body);
                }
                bytes[i % n] = old;
        }
}

/*
 * A raw message: header fields, each padded to 8 bytes, and a body as bytes, so that any of them can be wrong. What
 * ends the fields is one that nobody knows and that needs no padding.
 */
typedef struct Raw {
        const char *what;
        uint8_t type;
        const char *fields; /* code, signature, value */
        size_t n_fields;
        const char *body;
        size_t n_body;
        int result;
} Raw;

#define F_PATH "\1\1o\0\2\0\0\0/a\0\0\0\0\0\0"
#define F_INTERFACE "\2\1s\0\3\0\0\0a.b\0\0\0\0\0"
#define F_MEMBER "\3\1s\0\1\0\0\0C\0\0\0\0\0\0\0"
#define F_ERROR "\4\1s\0\3\0\0\0a.b\0\0\0\0\0"
#define F_REPLY "\5\1u\0\1\0\0\0"
#define F_SIGNATURE(s) "\x8\1g\0\1" s "\0\0"
#define F(text) text, sizeof(text) - 1

static const Raw raws[] = {
        { "a call", 1, F(F_PATH F_MEMBER), F(""), 0 },
        { "a call with an interface", 1, F(F_PATH F_INTERFACE F_MEMBER), F(""), 0 },
        { "a return", 2, F(F_REPLY), F(""), 0 },
        { "an error", 3, F(F_REPLY F_ERROR), F(""), 0 },
        { "a signal", 4, F(F_PATH F_INTERFACE F_MEMBER), F(""), 0 },
        { "a type of the future", 5, F(""), F(""), 0 },
        { "a field of the future", 1, F(F_PATH F_MEMBER "\xc8\1u\0\1\0\0\0"), F(""), 0 },
        { "one byte of body", 1, F(F_PATH F_MEMBER F_SIGNATURE("y")), F("x"), 0 },
        { "type 0", 0, F(F_PATH F_MEMBER), F(""), -EBADMSG },
        { "a call without path", 1, F(F_MEMBER), F(""), -EBADMSG },
        { "a call without member", 1, F(F_PATH), F(""), -EBADMSG },
        { "a return without serial", 2, F(F_PATH F_MEMBER), F(""), -EBADMSG },
        { "a return to serial 0", 2, F("\5\1u\0\0\0\0\0"), F(""), -EBADMSG },
        { "an error without name", 3, F(F_REPLY), F(""), -EBADMSG },
        { "an error without serial", 3, F(F_ERROR), F(""), -EBADMSG },
        { "a signal without path", 4, F(F_INTERFACE F_MEMBER), F(""), -EBADMSG },
        { "a signal without interface", 4, F(F_PATH F_MEMBER), F(""), -EBADMSG },
        { "a signal without member", 4, F(F_PATH F_INTERFACE), F(""), -EBADMSG },
        { "field 0", 1, F(F_PATH F_MEMBER "\0\1u\0\1\0\0\0"), F(""), -EBADMSG },
        { "a field twice", 1, F(F_PATH F_MEMBER F_MEMBER), F(""), -EBADMSG },
        { "a path of type s", 1, F("\1\1s\0\2\0\0\0/a\0\0\0\0\0\0" F_MEMBER), F(""), -EBADMSG },
        { "a member of type o", 1, F(F_PATH "\3\1o\0\2\0\0\0/a\0\0\0\0\0\0"), F(""), -EBADMSG },
        { "a serial of type i", 2, F("\5\1i\0\1\0\0\0"), F(""), -EBADMSG },
        { "a field with two values", 1, F(F_PATH F_MEMBER "\x64\2yy\0yy\0"), F(""), -EBADMSG },
        { "a field without value", 1, F(F_PATH F_MEMBER "\x64\0\0\0\0\0\0\0"), F(""), -EBADMSG },
        { "an invalid path", 1, F("\1\1o\0\2\0\0\0a/\0\0\0\0\0\0" F_MEMBER), F(""), -EBADMSG },
        { "an invalid interface", 1, F(F_PATH F_MEMBER "\2\1s\0\3\0\0\0abc\0\0\0\0\0"), F(""), -EBADMSG },
        { "an invalid member", 1, F(F_PATH "\3\1s\0\1\0\0\0.\0\0\0\0\0\0\0"), F(""), -EBADMSG },
        { "an invalid error name", 3, F(F_REPLY "\4\1s\0\3\0\0\0abc\0\0\0\0\0"), F(""), -EBADMSG },
        { "an invalid destination", 1, F(F_PATH F_MEMBER "\6\1s\0\3\0\0\0abc\0\0\0\0\0"), F(""), -EBADMSG },
        { "an invalid sender", 1, F(F_PATH F_MEMBER "\7\1s\0\3\0\0\0abc\0\0\0\0\0"), F(""), -EBADMSG },
        { "an invalid signature", 1, F(F_PATH F_MEMBER F_SIGNATURE("a")), F(""), -EBADMSG },
        { "padding that is not zero", 1,
          F(F_PATH "\3\1s\0\1\0\0\0C\0\0\0\0\0\1\0" F_SIGNATURE("y")), F("x"), -EBADMSG },
        { "text without end", 1, F(F_PATH "\3\1s\0\1\0\0\0CD\0\0\0\0\0\0"), F(""), -EBADMSG },
        { "text longer than the fields", 1, F(F_PATH "\3\1s\0\xff\0\0\0C\0\0\0\0\0\0\0"), F(""), -EBADMSG },
        { "text far too long", 1, F(F_PATH "\3\1s\0\xff\xff\xff\xff" "C\0\0\0\0\0\0\0"), F(""), -EBADMSG },
        { "descriptors that did not come", 1, F(F_PATH F_MEMBER "\x9\1u\0\1\0\0\0"), F(""), -EBADMSG },
        { "the library's own interface", 4,
          F(F_PATH F_MEMBER "\2\1s\0\x1a\0\0\0org.freedesktop.DBus.Local\0\0\0\0\0\0"), F(""), -EBADMSG },
        { "the library's own path", 4,
          F(F_INTERFACE F_MEMBER "\1\1o\0\x1b\0\0\0/org/freedesktop/DBus/Local\0\0\0\0\0"), F(""), -EBADMSG },
        { "a body without signature", 1, F(F_PATH F_MEMBER), F("x"), -EBADMSG },
        { "a signature without body", 1, F(F_PATH F_MEMBER F_SIGNATURE("y")), F(""), -EBADMSG },
        { "more body than the signature", 1, F(F_PATH F_MEMBER F_SIGNATURE("y")), F("xy"), -EBADMSG },
};

#define F_LAST "\xc9\1y\0\7"

static size_t raw_build(const Raw *raw, uint8_t *bytes)
{
        size_t n_last = sizeof F_LAST - 1, n = WIRE_HEADER_SIZE + raw->n_fields;

        memset(bytes, 0, n + 8);
        bytes[0] = 'l';
        bytes[1] = raw->type;
        bytes[3] = WIRE_VERSION;
        bytes[4] = (uint8_t)raw->n_body;
        bytes[8] = 1;
        bytes[12] = (uint8_t)(raw->n_fields + n_last);
        memcpy(bytes + WIRE_HEADER_SIZE, raw->fields, raw->n_fields);
        memcpy(bytes + n, F_LAST, n_last);
        n = wire_align(n + n_last, 8);
        memcpy(bytes + n, raw->body, raw->n_body);
        return n + raw->n_body;
}

static void every_wrong_header_field_is_refused(void **state)
{
        for (size_t i = 0; i < ELEMENTSOF(raws); i++) {
                _cleanup_(message_unrefp) Message *m = NULL;
                _cleanup_(freep) uint8_t *exact = NULL;
                uint8_t bytes[1024];
                size_t n = raw_build(&raws[i], bytes);
                int r;

                exact = malloc(n);
                memcpy(exact, bytes, n);
                r = message_new(exact, n, NULL, 0, &m);
                if (r != raws[i].result)
                        fail_msg("%s: %d", raws[i].what, r);
        }
}

static void a_wrong_fixed_header_is_refused(void **state)
{
        uint8_t bytes[64] = { 'l', 1, 0, 1, [8] = 1 };
        size_t size;

        assert_int_equal(message_peek_size(bytes, 15, 1024, &size), 0);
        assert_int_equal(message_peek_size(bytes, 16, 1024, &size), 1);
        assert_int_equal(size, 16);
        bytes[12] = 1;
        assert_int_equal(message_peek_size(bytes, 16, 24, &size), 1);
        assert_int_equal(size, 24);
        assert_int_equal(message_peek_size(bytes, 16, 23, &size), -EMSGSIZE);
        bytes[4] = 1;
        assert_int_equal(message_peek_size(bytes, 16, 1024, &size), 1);
        assert_int_equal(size, 25);
        bytes[7] = 0xff;
        assert_int_equal(message_peek_size(bytes, 16, SIZE_MAX, &size), -EBADMSG);
        bytes[7] = 0;
        bytes[15] = 0x04;
        assert_int_equal(message_peek_size(bytes, 16, SIZE_MAX, &size), -EBADMSG);
        bytes[15] = 0;
        bytes[3] = 2;
        assert_int_equal(message_peek_size(bytes, 16, 1024, &size), -EBADMSG);
        bytes[0] = 'x';
        assert_int_equal(message_peek_size(bytes, 1, 1024, &size), -EBADMSG);
}

/* A body under a signature of its own, little-endian, and whether it is valid. */
typedef struct Body {
        const char *signature;
        const char *bytes;
        size_t n;
        bool valid;
} Body;

static const Body bodies[] = {
        { "b", F("\0\0\0\0"), true },
        { "b", F("\1\0\0\0"), true },
        { "b", F("\2\0\0\0"), false },
        { "b", F("\0\0\0\1"), false },
        { "ab", F("\4\0\0\0\2\0\0\0"), false },
        { "yu", F("\1\0\0\0\5\0\0\0"), true },
        { "yu", F("\1\0\1\0\5\0\0\0"), false },
        { "s", F("\1\0\0\0a\0"), true },
        { "s", F("\1\0\0\0a\1"), false },
        { "s", F("\1\0\0\0\0\0"), false },
        { "s", F("\1\0\0\0\x80\0"), false },
        { "s", F("\3\0\0\0\xed\xa0\x80\0"), false },
        { "s", F("\0\0\0\0"), false },
        { "s", F("\xfe\xff\xff\xff\0"), false },
        { "o", F("\1\0\0\0/\0"), true },
        { "o", F("\1\0\0\0a\0"), false },
        { "g", F("\1i\0"), true },
        { "g", F("\1a\0"), false },
        { "g", F("\2i\0"), false },
        { "v", F("\1y\0x"), true },
        { "v", F("\2yy\0xx"), false },
        { "v", F("\0\0"), false },
        { "v", F("\1u\0\0\1\0\0\0"), true },
        { "v", F("\1u\0\1\1\0\0\0"), false },
        { "ay", F("\3\0\0\0abc"), true },
        { "ay", F("\4\0\0\0abc"), false },
        { "au", F("\4\0\0\0\1\0\0\0"), true },
        { "au", F("\3\0\0\0\1\0\0"), false },
        { "ax", F("\0\0\0\0\0\0\0\0"), true },
        { "ax", F("\0\0\0\0"), false },
        { "ax", F("\0\0\0\0\0\0\0\1"), false },
        { "ay", F("\1\0\0\4a"), false },
        { "as", F("\6\0\0\0\1\0\0\0a\0"), true },
        { "as", F("\5\0\0\0\1\0\0\0a\0"), false },
        { "asy", F("\7\0\0\0\1\0\0\0a\0\0"), false },
        { "(y)", F("x"), true },
        { "y(y)", F("x\0\0\0\0\0\0\0y"), true },
        { "y(y)", F("x\0\0\0\0\0\1\0y"), false },
        { "a{yy}", F("\2\0\0\0\0\0\0\0ab"), true },
        { "a{yy}", F("\1\0\0\0\0\0\0\0a"), false },
        { "h", F("\0\0\0\0"), false },
};

static void bodies_are_checked_to_the_last_byte(void **state)
{
        for (size_t i = 0; i < ELEMENTSOF(bodies); i++) {
                _cleanup_(message_unrefp) Message *m = NULL;
                uint8_t bytes[256], *p = bytes;
                size_t n_signature = strlen(bodies[i].signature), n_fields = 32 + 5 + n_signature + 1, n;
                Raw raw = { "", 1, F(F_PATH F_MEMBER), bodies[i].bytes, bodies[i].n, 0 };
                int r;

                (void)raw_build(&raw, bytes);
                p += WIRE_HEADER_SIZE + 32;
                memset(p, 0, 64);
                memcpy(p, "\x8\1g\0", 4);
                p[4] = (uint8_t)n_signature;
                memcpy(p + 5, bodies[i].signature, n_signature);
                bytes[12] = (uint8_t)n_fields;
                n = wire_align(WIRE_HEADER_SIZE + n_fields, 8);
                memcpy(bytes + n, bodies[i].bytes, bodies[i].n);
                r = message_new(bytes, n + bodies[i].n, NULL, 0, &m);
                if (r != (bodies[i].valid ? 0 : -EBADMSG))
                        fail_msg("%zu (%s): %d", i, bodies[i].signature, r);
        }
}

static void variants_are_nested_64_deep_and_no_deeper(void **state)
{
        _cleanup_(writer_done) Writer w;
        struct iovec parts[2];

        writer_init(&w);
        for (unsigned depth = 63; depth <= 65; depth++) {
                _cleanup_(message_unrefp) Message *m = NULL;

                writer_start_signal(&w, "/a", "a.b", "C");
                for (unsigned i = 0; i < depth; i++)
                        writer_open_variant(&w, i + 1 < depth ? "v" : "y");
                writer_put_byte(&w, 1);
                for (unsigned i = 0; i < depth; i++)
                        writer_close(&w);
                if (depth > DBUS_DEPTH_MAX) {
                        assert_int_equal(writer_seal(&w, 1, parts), -EINVAL);
                } else {
                        m = pass(&w);
                        assert_int_equal(m->n_body, depth * 3 + 1);
                }
        }
}

static void a_body_nested_deeper_than_64_is_refused(void **state)
{
        _cleanup_(freep) uint8_t *bytes = NULL;
        _cleanup_(writer_done) Writer w;
        uint8_t *deeper;
        Message *m;
        size_t n;

        writer_init(&w);
        writer_start_signal(&w, "/a", "a.b", "C");
        for (unsigned i = 0; i < 64; i++)
                writer_open_variant(&w, i + 1 < 64 ? "v" : "y");
        writer_put_byte(&w, 1);
        for (unsigned i = 0; i < 64; i++)
                writer_close(&w);
        bytes = seal(&w, 1, &n);
        deeper = realloc(bytes, n + 3);
        assert_non_null(deeper);
        bytes = deeper;
        memmove(bytes + n - 193 + 3, bytes + n - 193, 193);
        memcpy(bytes + n - 193, "\1v", 3);
        wire_put32(bytes + 4, 196, false);
        assert_int_equal(message_new(bytes, n + 3, NULL, 0, &m), -EBADMSG);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_message_cut_off_anywhere_is_refused),
                cmocka_unit_test(no_changed_byte_gets_past_the_checks_and_breaks_a_reader),
                cmocka_unit_test(every_wrong_header_field_is_refused),
                cmocka_unit_test(a_wrong_fixed_header_is_refused),
                cmocka_unit_test(bodies_are_checked_to_the_last_byte),
                cmocka_unit_test(variants_are_nested_64_deep_and_no_deeper),
                cmocka_unit_test(a_body_nested_deeper_than_64_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
