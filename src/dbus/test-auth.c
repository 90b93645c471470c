/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dbus/auth.h"

#define GUID "00112233445566778899aabbccddeeff"
#define OK "OK " GUID "\r\n"

static const Uuid guid = {
        { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff },
};

/* One dialogue with a server whose peer has uid 1000; the bytes in are given in pieces of n_piece. */
typedef struct Dialogue {
        const char *in;
        size_t n_in;
        const char *out;
        int result;
        size_t n_left; /* bytes that the handshake does not touch */
        bool can_fds;
} Dialogue;

#define IN(text) (text), sizeof(text) - 1

static const Dialogue dialogues[] = {
        /* the uid, and nothing else */
        { IN("\0AUTH EXTERNAL 31303030\r\nBEGIN\r\n"), OK, 1, 0, false },
        { IN("\0AUTH EXTERNAL 31303030\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n"), OK "AGREE_UNIX_FD\r\n", 1, 0, true },
        /* what follows BEGIN is the first message (trap T1) */
        { IN("\0AUTH EXTERNAL 31303030\r\nBEGIN\r\nl\1\0\1"), OK, 1, 4, false },
        { IN("\0AUTH EXTERNAL 31303030\r\nBEGIN\r\n\r\nAUTH\r\n"), OK, 1, 8, false },
        /* no uid: the kernel knows it */
        { IN("\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n"), "DATA\r\n" OK, 1, 0, false },
        { IN("\0AUTH EXTERNAL \r\nDATA \r\nBEGIN\r\n"), "DATA\r\n" OK, 1, 0, false },
        { IN("\0AUTH EXTERNAL\r\nDATA 31303030\r\nBEGIN\r\n"), "DATA\r\n" OK, 1, 0, false },
        { IN("\0AUTH EXTERNAL\r\nDATA 31303031\r\n"), "DATA\r\nREJECTED EXTERNAL\r\n", 0, 0, false },
        { IN("\0AUTH EXTERNAL\r\nCANCEL\r\nAUTH EXTERNAL 31303030\r\nBEGIN\r\n"),
          "DATA\r\nREJECTED EXTERNAL\r\n" OK, 1, 0, false },
        /* another uid */
        { IN("\0AUTH EXTERNAL 30\r\n"), "REJECTED EXTERNAL\r\n", 0, 0, false },
        { IN("\0AUTH EXTERNAL 31303030\r\nCANCEL\r\nBEGIN\r\n"), OK "REJECTED EXTERNAL\r\n", -EPROTO, 0, false },
        /* no uids at all */
        { IN("\0AUTH EXTERNAL 3130303\r\n"), "REJECTED EXTERNAL\r\n", 0, 0, false },
        { IN("\0AUTH EXTERNAL 3130303g\r\n"), "REJECTED EXTERNAL\r\n", 0, 0, false },
        { IN("\0AUTH EXTERNAL 2d31\r\n"), "REJECTED EXTERNAL\r\n", 0, 0, false },
        { IN("\0AUTH EXTERNAL 3432393439363832393600\r\n"), "REJECTED EXTERNAL\r\n", 0, 0, false },
        { IN("\0AUTH EXTERNAL 34323934393638323936\r\n"), "REJECTED EXTERNAL\r\n", 0, 0, false },
        /* other mechanisms */
        { IN("\0AUTH\r\n"), "REJECTED EXTERNAL\r\n", 0, 0, false },
        { IN("\0AUTH ANONYMOUS 72\r\nAUTH DBUS_COOKIE_SHA1 31\r\nAUTH EXTERNAL 31303030\r\nBEGIN\r\n"),
          "REJECTED EXTERNAL\r\nREJECTED EXTERNAL\r\n" OK, 1, 0, false },
        { IN("\0ERROR\r\n"), "REJECTED EXTERNAL\r\n", 0, 0, false },
        /* out of turn */
        { IN("\0DATA\r\nCANCEL\r\nNEGOTIATE_UNIX_FD\r\nHELLO\r\n\r\n"),
          "ERROR\r\nERROR\r\nERROR\r\nERROR\r\nERROR\r\n", 0, 0, false },
        { IN("\0AUTH EXTERNAL 31303030\r\nAUTH EXTERNAL\r\nBEGIN\r\n"), OK "ERROR\r\n", 1, 0, false },
        { IN("\0BEGIN\r\n"), "", -EPROTO, 0, false },
        { IN("\0AUTH EXTERNAL\r\nBEGIN\r\n"), "DATA\r\n", -EPROTO, 0, false },
        { IN("AUTH EXTERNAL 31303030\r\n"), "", -EPROTO, 0, false },
        /* not finished */
        { IN(""), "", 0, 0, false },
        { IN("\0"), "", 0, 0, false },
        { IN("\0AUTH EXTERNAL 31303030\r\nBEGIN\r"), OK, 0, 6, false },
        { IN("\0AUTH EXTERNAL 31303030\nBEGIN\n"), "", 0, 29, false },
        { IN("\0AUTH\0 EXTERNAL\r\n"), "ERROR\r\n", 0, 0, false },
};

static int play(const Dialogue *d, size_t n_piece, Auth *auth, Buffer *out, size_t *ret_used)
{
        size_t used_all = 0;
        int r = 0;

        auth_init_server(auth, 1000, guid);
        for (size_t n = 0; r == 0 && n < d->n_in;) {
                size_t used;

                n = MIN(n + n_piece, d->n_in);
                /* A copy of the exact size shows every look past the end to the sanitizers. */
                _cleanup_(freep) uint8_t *copy = malloc(MAX(n - used_all, (size_t)1));
                memcpy(copy, d->in + used_all, n - used_all);
                r = auth_feed_server(auth, copy, n - used_all, &used, out);
                if (r >= 0)
                        used_all += used;
        }
        *ret_used = used_all;
        return r;
}

static void the_server_plays_every_dialogue_in_pieces_of_any_size(void **state)
{
        for (size_t i = 0; i < ELEMENTSOF(dialogues); i++) {
                const Dialogue *d = &dialogues[i];

                for (size_t n_piece = 1; n_piece <= d->n_in + 1; n_piece++) {
                        Buffer out = { 0 };
                        size_t used;
                        Auth auth;

                        assert_int_equal(play(d, n_piece, &auth, &out, &used), d->result);
                        assert_int_equal(out.size, strlen(d->out));
                        assert_memory_equal(out.data ? out.data : (const uint8_t *)"", d->out, out.size);
                        assert_int_equal(auth.can_fds, d->can_fds);
                        if (d->result == 0)
                                assert_int_equal(d->n_in - used, d->n_left);
                        if (d->result == 1 && n_piece > d->n_in)
                                assert_int_equal(d->n_in - used, d->n_left);
                        buffer_done(&out);
                }
        }
}

static void a_handshake_without_end_is_cut_off(void **state)
{
        _cleanup_(buffer_done) Buffer in = { 0 }, out = { 0 };
        size_t used;
        Auth auth;

        auth_init_server(&auth, 0, guid);
        assert_int_equal(buffer_append(&in, "\0", 1), 0);
        for (int i = 0; i < AUTH_LINES_MAX; i++)
                assert_int_equal(buffer_append(&in, "NO\r\n", 4), 0);
        assert_int_equal(auth_feed_server(&auth, in.data, in.size, &used, &out), 0);
        assert_int_equal(auth_feed_server(&auth, (const uint8_t *)"NO\r\n", 4, &used, &out), -EPROTO);
}

static void a_line_without_end_is_cut_off(void **state)
{
        _cleanup_(freep) uint8_t *line = calloc(1, AUTH_LINE_MAX + 4);
        _cleanup_(buffer_done) Buffer out = { 0 };
        size_t used;
        Auth auth;

        memset(line + 1, 'x', AUTH_LINE_MAX + 3);
        auth_init_server(&auth, 0, guid);
        assert_int_equal(auth_feed_server(&auth, line, AUTH_LINE_MAX + 1, &used, &out), 0);
        assert_int_equal(used, 1);
        assert_int_equal(auth_feed_server(&auth, line + 1, AUTH_LINE_MAX + 1, &used, &out), -EPROTO);
        memcpy(line + 1 + AUTH_LINE_MAX, "\r\n", 2);
        assert_int_equal(auth_feed_server(&auth, line + 1, AUTH_LINE_MAX + 2, &used, &out), 0);
}

typedef struct Answer {
        const char *text;
        int result;
        size_t n_left;
        bool can_fds;
} Answer;

static void the_client_understands_what_servers_answer(void **state)
{
        static const Answer answers[] = {
                { "DATA\r\n" OK "AGREE_UNIX_FD\r\n", 1, 0, true },
                { OK "AGREE_UNIX_FD\r\nl", 1, 1, true },
                { OK "ERROR not here\r\n", 1, 0, false },
                { "REJECTED EXTERNAL\r\n", -EACCES, 0, true },
                { "DATA\r\nREJECTED\r\n", -EACCES, 0, true },
                { "OK short\r\n", -EPROTO, 0, true },
                { "OK 0011223344556677 899aabbccddeeff\r\n", -EPROTO, 0, true },
                { "HTTP/1.1 400 Bad Request\r\n", -EPROTO, 0, true },
                { OK "OK\r\n", -EPROTO, 0, false },
                { OK, 0, 0, true },
                { "", 0, 0, true },
        };

        for (size_t i = 0; i < ELEMENTSOF(answers); i++) {
                _cleanup_(buffer_done) Buffer out = { 0 };
                size_t n = strlen(answers[i].text), used = 0;
                Auth auth;
                int r;

                assert_int_equal(auth_init_client(&auth, &out), 0);
                r = auth_feed_client(&auth, (const uint8_t *)answers[i].text, n, &used);
                assert_int_equal(r, answers[i].result);
                assert_int_equal(auth.can_fds, answers[i].can_fds);
                if (r >= 0)
                        assert_int_equal(n - used, answers[i].n_left);
                if (r == 1)
                        assert_true(uuid_equal(auth.guid, guid));
        }
}

static void our_client_and_our_server_understand_each_other(void **state)
{
        _cleanup_(buffer_done) Buffer out = { 0 }, in = { 0 };
        Auth client, server;
        size_t used;

        assert_int_equal(auth_init_client(&client, &out), 0);
        auth_init_server(&server, 1234, guid);
        assert_int_equal(auth_feed_server(&server, out.data, out.size, &used, &in), 1);
        assert_int_equal(used, out.size);
        assert_int_equal(auth_feed_client(&client, in.data, in.size, &used), 1);
        assert_int_equal(used, in.size);
        assert_true(client.can_fds);
        assert_true(server.can_fds);
        assert_true(uuid_equal(client.guid, guid));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_server_plays_every_dialogue_in_pieces_of_any_size),
                cmocka_unit_test(a_handshake_without_end_is_cut_off),
                cmocka_unit_test(a_line_without_end_is_cut_off),
                cmocka_unit_test(the_client_understands_what_servers_answer),
                cmocka_unit_test(our_client_and_our_server_understand_each_other),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
