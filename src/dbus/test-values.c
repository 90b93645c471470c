/* SPDX-License-Identifier: MIT */

#include <errno.h>

#include "dbus/test-messages.h"

/* A random single type of at most depth containers inside each other. */
static void random_type(uint64_t *seed, unsigned depth, char *type)
{
        static const char basic[] = "ybnqiuxtdsogh";
        unsigned kind = depth > 0 ? next_random(seed) % 6 : 0;
        size_t n = 0;

        switch (kind) {
        case 1:
                type[n++] = 'a';
                random_type(seed, depth - 1, type + n);
                return;
        case 2:
                memcpy(type, "a{", 2);
                type[2] = basic[next_random(seed) % (sizeof basic - 1)];
                random_type(seed, depth - 1, type + 3);
                strcat(type, "}");
                return;
        case 3:
                type[n++] = '(';
                for (unsigned i = 0, n_members = 1 + next_random(seed) % 3; i < n_members; i++) {
                        random_type(seed, depth - 1, type + n);
                        n += strlen(type + n);
                }
                memcpy(type + n, ")", 2);
                return;
        case 4:
                memcpy(type, "v", 2);
                return;
        default:
                type[n++] = basic[next_random(seed) % (sizeof basic - 1)];
                type[n] = '\0';
        }
}

static const char *random_text(uint64_t *seed, char type)
{
        static const char *const strings[] = { "", "a", "seven77", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x8e\x89" };
        static const char *const paths[] = { "/", "/a", "/org/bgtask/Broker1" };
        static const char *const signatures[] = { "", "s", "a{sv}", "(ii)a(sa{sv})" };

        if (type == 's')
                return strings[next_random(seed) % ELEMENTSOF(strings)];
        if (type == 'o')
                return paths[next_random(seed) % ELEMENTSOF(paths)];
        return signatures[next_random(seed) % ELEMENTSOF(signatures)];
}

/* Both walk the same type with the same seed: one writes, the other compares. */
static void write_value(uint64_t *seed, Writer *w, const char *type, size_t n_type, unsigned depth);
static void check_value(uint64_t *seed, Reader *r, const char *type, size_t n_type, unsigned depth);

static void write_values(uint64_t *seed, Writer *w, const char *type, size_t n_type, unsigned depth)
{
        for (size_t i = 0, n; i < n_type; i += n) {
                n = signature_next(type + i, n_type - i);
                write_value(seed, w, type + i, n, depth);
        }
}

static void write_value(uint64_t *seed, Writer *w, const char *type, size_t n_type, unsigned depth)
{
        char inner[DBUS_SIGNATURE_MAX + 1];
        double d;

        switch (type[0]) {
        case 'y': writer_put_byte(w, (uint8_t)next_random(seed)); return;
        case 'b': writer_put_bool(w, next_random(seed) & 1); return;
        case 'n': writer_put_int16(w, (int16_t)next_random(seed)); return;
        case 'q': writer_put_uint16(w, (uint16_t)next_random(seed)); return;
        case 'i': writer_put_int32(w, (int32_t)next_random(seed)); return;
        case 'u': writer_put_uint32(w, (uint32_t)next_random(seed)); return;
        case 'x': writer_put_int64(w, (int64_t)next_random(seed)); return;
        case 't': writer_put_uint64(w, next_random(seed)); return;
        case 'd':
                d = (double)(int64_t)next_random(seed);
                writer_put_double(w, d);
                return;
        case 's': writer_put_string(w, random_text(seed, 's')); return;
        case 'o': writer_put_path(w, random_text(seed, 'o')); return;
        case 'g': writer_put_signature(w, random_text(seed, 'g')); return;
        case 'h':
                if (w->n_fds < MESSAGE_FDS_MAX)
                        writer_put_fd(w, STDIN_FILENO);
                else
                        w->error = -E2BIG;
                return;
        case 'v':
                random_type(seed, depth > 0 ? depth - 1 : 0, inner);
                writer_open_variant(w, inner);
                write_values(seed, w, inner, strlen(inner), depth > 0 ? depth - 1 : 0);
                writer_close(w);
                return;
        case 'a':
                memcpy(inner, type + 1, n_type - 1);
                inner[n_type - 1] = '\0';
                writer_open_array(w, next_random(seed) & 1 || w->depth == 0 ? inner : NULL);
                for (unsigned i = 0, n = next_random(seed) % 4; i < n; i++)
                        write_value(seed, w, inner, n_type - 1, depth);
                writer_close(w);
                return;
        default:
                memcpy(inner, type + 1, n_type - 2);
                inner[n_type - 2] = '\0';
                if (type[0] == '{')
                        writer_open_entry(w);
                else
                        writer_open_struct(w, inner);
                write_values(seed, w, inner, n_type - 2, depth);
                writer_close(w);
        }
}

static void check_values(uint64_t *seed, Reader *r, const char *type, size_t n_type, unsigned depth)
{
        for (size_t i = 0, n; i < n_type; i += n) {
                n = signature_next(type + i, n_type - i);
                assert_int_equal(reader_next_type(r), type[i]);
                check_value(seed, r, type + i, n, depth);
        }
}

static void check_value(uint64_t *seed, Reader *r, const char *type, size_t n_type, unsigned depth)
{
        char inner[DBUS_SIGNATURE_MAX + 1];

        switch (type[0]) {
        case 'y': assert_int_equal(reader_get_byte(r), (uint8_t)next_random(seed)); return;
        case 'b': assert_int_equal(reader_get_bool(r), next_random(seed) & 1); return;
        case 'n': assert_int_equal(reader_get_int16(r), (int16_t)next_random(seed)); return;
        case 'q': assert_int_equal(reader_get_uint16(r), (uint16_t)next_random(seed)); return;
        case 'i': assert_int_equal(reader_get_int32(r), (int32_t)next_random(seed)); return;
        case 'u': assert_int_equal(reader_get_uint32(r), (uint32_t)next_random(seed)); return;
        case 'x': assert_true(reader_get_int64(r) == (int64_t)next_random(seed)); return;
        case 't': assert_true(reader_get_uint64(r) == next_random(seed)); return;
        case 'd': assert_true(reader_get_double(r) == (double)(int64_t)next_random(seed)); return;
        case 's': assert_string_equal(reader_get_string(r), random_text(seed, 's')); return;
        case 'o': assert_string_equal(reader_get_path(r), random_text(seed, 'o')); return;
        case 'g': assert_string_equal(reader_get_signature(r), random_text(seed, 'g')); return;
        case 'h': assert_true(reader_get_fd(r, NULL) >= 0); return;
        case 'v':
                random_type(seed, depth > 0 ? depth - 1 : 0, inner);
                assert_string_equal(reader_open_variant(r, NULL), inner);
                check_values(seed, r, inner, strlen(inner), depth > 0 ? depth - 1 : 0);
                assert_false(reader_more(r));
                reader_close(r);
                return;
        case 'a':
                memcpy(inner, type + 1, n_type - 1);
                inner[n_type - 1] = '\0';
                reader_open_array(r, inner);
                (void)next_random(seed);
                for (unsigned i = 0, n = next_random(seed) % 4; i < n; i++) {
                        assert_true(reader_more(r));
                        check_value(seed, r, inner, n_type - 1, depth);
                }
                assert_false(reader_more(r));
                reader_close(r);
                return;
        default:
                memcpy(inner, type + 1, n_type - 2);
                inner[n_type - 2] = '\0';
                if (type[0] == '{')
                        reader_open_entry(r);
                else
                        reader_open_struct(r, inner);
                check_values(seed, r, inner, n_type - 2, depth);
                reader_close(r);
        }
}

static void random_signature(uint64_t *seed, char *signature)
{
        size_t n = 0;

        do {
                signature[0] = '\0';
                n = 0;
                for (unsigned i = 0, n_types = next_random(seed) % 5; i < n_types; i++) {
                        random_type(seed, 3, signature + n);
                        n += strlen(signature + n);
                }
        } while (n > 200);
        assert_true(signature_is_valid(signature, n));
}

/* Both ways of getting at the same values, and the one that looks at none. */
static void check_message(const Message *m, const char *signature, uint64_t seed)
{
        Reader r;

        assert_string_equal(m->signature, signature);
        reader_init(&r, m);
        check_values(&seed, &r, signature, strlen(signature), 3);
        assert_false(reader_more(&r));
        assert_int_equal(reader_error(&r), 0);
        assert_int_equal(r.position, m->n_body);
        reader_init(&r, m);
        while (reader_more(&r))
                reader_skip(&r);
        assert_int_equal(reader_error(&r), 0);
        assert_int_equal(r.position, m->n_body);
}

static void any_values_arrive_as_they_were_written_in_both_byte_orders(void **state)
{
        Writer w;

        writer_init(&w);
        for (uint64_t i = 1; i <= 4000; i++) {
                _cleanup_(message_unrefp) Message *m = NULL;
                uint64_t seed = i * 0x9e3779b97f4a7c15, values;
                char signature[2048];

                random_signature(&seed, signature);
                values = seed;
                w.swapped = i & 1;
                writer_start_signal(&w, "/a", "a.b", "C");
                w.expected = i & 2 ? signature : NULL;
                write_values(&seed, &w, signature, strlen(signature), 3);
                if (w.error == -E2BIG)
                        continue;
                assert_int_equal(w.error, 0);
                m = pass(&w);
                assert_int_equal(m->swapped, w.swapped);
                check_message(m, signature, values);
        }
        writer_done(&w);
}

static void the_fields_and_options_of_a_call_are_read_by_name(void **state)
{
        _cleanup_(message_unrefp) Message *m = NULL;
        _cleanup_(writer_done) Writer w;
        const char *key, *type;
        const uint8_t *bytes;
        unsigned n_options = 0;
        uint64_t window = 0;
        size_t n;
        Reader r;

        writer_init(&w);
        start_rich_call(&w);
        writer_set_flags(&w, MESSAGE_NO_AUTO_START);
        writer_set_sender(&w, ":1.9");
        m = pass(&w);
        assert_int_equal(m->type, MESSAGE_CALL);
        assert_int_equal(m->flags, MESSAGE_NO_AUTO_START);
        assert_true(message_wants_reply(m));
        assert_true(message_is_call(m, "org.bgtask.Control1", "Register"));
        assert_false(message_is_signal(m, "org.bgtask.Control1", "Register"));
        assert_string_equal(m->path, "/org/bgtask");
        assert_string_equal(m->destination, "org.bgtask.Broker");
        assert_string_equal(m->sender, ":1.9");
        assert_string_equal(m->signature, "sa{sv}ay(bdo)g");
        reader_init(&r, m);
        assert_string_equal(reader_get_string(&r), "primes");
        reader_open_array(&r, "{sv}");
        while (reader_next_option(&r, &key, &type)) {
                n_options++;
                if (strcmp(key, "Window") == 0)
                        window = reader_get_uint64(&r);
        }
        reader_close(&r);
        assert_int_equal(n_options, 4);
        assert_int_equal(window, 900000000);
        bytes = reader_get_bytes(&r, &n);
        assert_int_equal(n, 3);
        assert_memory_equal(bytes, "\1\2\3", 3);
        reader_skip(&r);
        assert_string_equal(reader_get_signature(&r), "a{sv}");
        assert_int_equal(reader_error(&r), 0);
}

static void reading_something_else_is_an_error_that_stays(void **state)
{
        _cleanup_(message_unrefp) Message *m = NULL;
        _cleanup_(writer_done) Writer w;
        size_t n;
        Reader r;

        writer_init(&w);
        start_rich_call(&w);
        m = pass(&w);
        reader_init(&r, m);
        assert_int_equal(reader_get_uint32(&r), 0);
        assert_int_equal(reader_error(&r), -EINVAL);
        assert_string_equal(reader_get_string(&r), "");
        assert_int_equal(reader_get_fd(&r, NULL), -1);
        (void)reader_get_bytes(&r, &n);
        assert_int_equal(n, 0);
        assert_false(reader_more(&r));
        reader_close(&r);
        reader_skip(&r);
        reader_init(&r, m);
        reader_close(&r);
        assert_int_equal(reader_error(&r), -EINVAL);
        reader_init(&r, m);
        reader_skip(&r);
        reader_open_array(&r, "{ss}");
        assert_int_equal(reader_error(&r), -EINVAL);
}

static void the_writer_keeps_its_first_mistake(void **state)
{
        _cleanup_(writer_done) Writer w;
        struct iovec parts[2];

        writer_init(&w);
        assert_int_equal(writer_seal(&w, 1, parts), -EINVAL);
        writer_start_call(&w, NULL, "/a", NULL, "C");
        writer_put_fd(&w, -1);
        assert_int_equal(w.error, -EBADF);
        writer_put_string(&w, "\xff");
        writer_close(&w);
        assert_int_equal(writer_seal(&w, 1, parts), -EBADF);
        writer_start_call(&w, NULL, "/a", NULL, "C");
        assert_int_equal(writer_seal(&w, 1, parts), 0);
}

#define assert_mistake(statements)                                      \
        do {                                                            \
                writer_start_call(&w, NULL, "/a", "a.b", "C");          \
                statements;                                             \
                assert_int_equal(writer_seal(&w, 1, parts), -EINVAL);   \
        } while (0)

static void the_writer_refuses_what_does_not_fit(void **state)
{
        _cleanup_(writer_done) Writer w;
        struct iovec parts[2];

        writer_init(&w);
        assert_mistake(writer_put_string(&w, "\xc0\x80"));
        assert_mistake(writer_put_path(&w, "a"));
        assert_mistake(writer_put_path(&w, NULL));
        assert_mistake(writer_put_signature(&w, "a"));
        assert_mistake(writer_open_array(&w, "s"));
        assert_mistake(writer_close(&w));
        assert_mistake(writer_open_array(&w, "ss"));
        assert_mistake(writer_open_array(&w, NULL));
        assert_mistake(writer_open_struct(&w, ""));
        assert_mistake(writer_open_entry(&w));
        assert_mistake(writer_open_variant(&w, ""));
        assert_mistake(writer_open_variant(&w, "ss"));
        assert_mistake(writer_open_array(&w, "s"); writer_put_uint32(&w, 1); writer_close(&w));
        assert_mistake(writer_open_struct(&w, "su"); writer_put_string(&w, ""); writer_close(&w));
        assert_mistake(writer_open_variant(&w, "s"); writer_put_string(&w, ""); writer_put_string(&w, ""));
        assert_mistake(w.expected = "su"; writer_put_string(&w, ""));
        assert_mistake(w.expected = "su"; writer_put_uint32(&w, 1));
        assert_mistake(w.expected = "s"; writer_put_string(&w, ""); writer_put_uint32(&w, 1));
        assert_mistake(w.expected = "a{sv}"; writer_open_array(&w, "s"));
        assert_mistake(for (int i = 0; i < 256; i++) writer_put_byte(&w, 1));
        writer_start_call(&w, NULL, "a", NULL, "C");
        assert_int_equal(writer_seal(&w, 1, parts), -EINVAL);
        writer_start_call(&w, "x", "/a", NULL, "C");
        assert_int_equal(writer_seal(&w, 1, parts), -EINVAL);
}

static void a_message_closes_the_descriptors_that_were_not_taken(void **state)
{
        Message *m;
        int fds[2], first, taken;
        Writer w;
        Reader r;

        writer_init(&w);
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        writer_start_call(&w, NULL, "/a", NULL, "C");
        writer_put_fd(&w, fds[0]);
        writer_put_fd(&w, fds[1]);
        m = pass(&w);
        writer_done(&w);
        close(fds[0]);
        close(fds[1]);
        reader_init(&r, m);
        first = reader_get_fd(&r, NULL);
        assert_true(fcntl(first, F_GETFD) & FD_CLOEXEC);
        taken = message_take_fd(m, 1);
        assert_int_equal(message_take_fd(m, 1), -1);
        assert_int_equal(message_take_fd(m, 2), -1);
        assert_int_equal(reader_get_fd(&r, NULL), -1);
        m = message_unref(m);
        assert_int_equal(fcntl(first, F_GETFD), -1);
        assert_true(fcntl(taken, F_GETFD) >= 0);
        close(taken);
}

static void answers_go_to_the_call_that_they_answer(void **state)
{
        _cleanup_(message_unrefp) Message *call = NULL, *answer = NULL, *error = NULL, *silent = NULL;
        _cleanup_(writer_done) Writer w;

        writer_init(&w);
        writer_start_call(&w, NULL, "/a", NULL, "C");
        writer_set_sender(&w, ":1.2");
        assert_true(writer_wants_reply(&w));
        call = pass(&w);
        call->reply_signature = "s";
        writer_start_return(&w, call);
        assert_false(writer_wants_reply(&w));
        assert_false(w.unwanted);
        writer_put_string(&w, "x");
        answer = pass(&w);
        assert_int_equal(answer->type, MESSAGE_RETURN);
        assert_int_equal(answer->reply_serial, call->serial);
        assert_string_equal(answer->destination, ":1.2");
        assert_string_equal(message_error_text(answer), "x");
        writer_start_error(&w, call, "org.bgtask.Error.Failed", "no luck");
        error = pass(&w);
        assert_int_equal(error->type, MESSAGE_ERROR);
        assert_string_equal(error->error_name, "org.bgtask.Error.Failed");
        assert_string_equal(message_error_text(error), "no luck");
        writer_start_call(&w, NULL, "/a", NULL, "C");
        writer_set_flags(&w, MESSAGE_NO_REPLY_EXPECTED);
        silent = pass(&w);
        assert_false(message_wants_reply(silent));
        assert_string_equal(message_error_text(silent), "");
        writer_start_return(&w, silent);
        assert_true(w.unwanted);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(any_values_arrive_as_they_were_written_in_both_byte_orders),
                cmocka_unit_test(the_fields_and_options_of_a_call_are_read_by_name),
                cmocka_unit_test(reading_something_else_is_an_error_that_stays),
                cmocka_unit_test(the_writer_keeps_its_first_mistake),
                cmocka_unit_test(the_writer_refuses_what_does_not_fit),
                cmocka_unit_test(a_message_closes_the_descriptors_that_were_not_taken),
                cmocka_unit_test(answers_go_to_the_call_that_they_answer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
