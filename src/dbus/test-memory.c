/* SPDX-License-Identifier: MIT */

/*
 * Each allocation of a conversation fails once: handshake, calls with descriptors, answers that wait, introspection.
 * The linker sends the allocations of this program through the functions below.
 */

#include "dbus/test-connections.h"

#include "dbus/dispatch.h"
#include "dbus/test-interface.h"

static size_t n_allocations; /* since the count began */
static size_t fail_at;       /* the allocation that fails; 0: none */

static bool fails(void)
{
        return ++n_allocations == fail_at;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

void *__wrap_malloc(size_t size)
{
        return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
        return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
        return fails() ? NULL : __real_realloc(p, size);
}

typedef struct Talk {
        Loop loop;
        Dispatch dispatch;
        Connection *server;
        Connection *client;
        Writer writer;
        unsigned n_called;
        unsigned n_answers;
        unsigned n_good;
        unsigned n_disconnected;
} Talk;

static Writer server_writer;

static void on_talk_echo(void *context, Connection *c, Message *m)
{
        Reader r;

        reader_init(&r, m);
        writer_start_return(&server_writer, m);
        writer_put_string(&server_writer, reader_get_string(&r));
        (void)connection_reply(c, &server_writer, m);
}

static void on_talk_pass_fds(void *context, Connection *c, Message *m)
{
        Reader r;

        reader_init(&r, m);
        writer_start_return(&server_writer, m);
        writer_put_fd(&server_writer, reader_get_fd(&r, NULL));
        writer_put_fd(&server_writer, reader_get_fd(&r, NULL));
        (void)connection_reply(c, &server_writer, m);
}

static const DispatchHandler talk_handlers[_ECHO1_METHOD_MAX] = {
        [ECHO1_METHOD_ECHO] = on_talk_echo,
        [ECHO1_METHOD_PASS_FDS] = on_talk_pass_fds,
};

static const DispatchObject talk_objects[] = {
        { "/org/test", false, &echo1_interface, talk_handlers, NULL },
};

static void on_talk_message(Connection *c, Message *m, void *userdata)
{
        Talk *talk = userdata;

        (void)dispatch_call(&talk->dispatch, c, m, talk);
}

static void on_talk_end(Connection *c, int reason, void *userdata)
{
        ((Talk *)userdata)->n_disconnected++;
}

static void on_talk_answer(Connection *c, Message *m, int error, void *userdata)
{
        Talk *talk = userdata;

        talk->n_answers++;
        talk->n_good += m && m->type == MESSAGE_RETURN;
}

static void talk_call(Talk *talk)
{
        talk->n_called += connection_call(talk->client, &talk->writer, on_talk_answer, talk, NULL) == 0;
}

static void talk_say(Talk *talk, const char *text)
{
        interface_start_call(&talk->writer, "/org/test", &echo1_interface, ECHO1_METHOD_ECHO);
        writer_put_string(&talk->writer, text);
        talk_call(talk);
}

static void converse(Talk *talk)
{
        static char text[60000];

        memset(text, 'x', sizeof text - 1);
        for (int i = 0; i < 8; i++) {
                talk_say(talk, "short");
                talk_say(talk, text);
                interface_start_call(&talk->writer, "/org/test", &echo1_interface, ECHO1_METHOD_PASS_FDS);
                writer_put_fd(&talk->writer, STDIN_FILENO);
                writer_put_fd(&talk->writer, STDIN_FILENO);
                talk_call(talk);
        }
        writer_start_call(&talk->writer, NULL, "/org/test", "org.freedesktop.DBus.Introspectable", "Introspect");
        talk_call(talk);
        settle(&talk->loop);
}

/* Returns the number of good answers. */
static unsigned run_talk(void)
{
        Talk talk = { 0 };
        ConnectionOptions options = { .role = CONNECTION_SERVER, .on_message = on_talk_message,
                                      .on_disconnected = on_talk_end, .userdata = &talk };
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(loop_init(&talk.loop), 0);
        dispatch_init(&talk.dispatch, talk_objects, ELEMENTSOF(talk_objects), NULL);
        writer_init(&talk.writer);
        writer_init(&server_writer);
        if (connection_new(&talk.loop, fds[0], &options, &talk.server) == 0)
                fds[0] = -1;
        options.role = CONNECTION_CLIENT;
        if (connection_new(&talk.loop, fds[1], &options, &talk.client) == 0) {
                fds[1] = -1;
                converse(&talk);
        }
        talk.server = connection_free(talk.server);
        safe_close(fds[0]);
        settle(&talk.loop);
        assert_true(talk.n_disconnected <= 2);
        assert_int_equal(talk.n_answers, talk.n_called);
        connection_free(talk.client);
        assert_int_equal(talk.n_answers, talk.n_called);
        safe_close(fds[1]);
        dispatch_done(&talk.dispatch);
        writer_done(&talk.writer);
        writer_done(&server_writer);
        loop_done(&talk.loop);
        return talk.n_good;
}

static void whatever_allocation_fails_each_call_is_answered_once_and_nothing_leaks(void **state)
{
        size_t n_fds = count_fds(), n;

        fail_at = 0;
        n_allocations = 0;
        assert_int_equal(run_talk(), 25);
        n = n_allocations;
        assert_true(n > 20);
        for (size_t i = 1; i <= n; i++) {
                fail_at = 0;
                assert_int_equal(count_fds(), n_fds);
                n_allocations = 0;
                fail_at = i;
                (void)run_talk();
        }
        fail_at = 0;
        assert_int_equal(count_fds(), n_fds);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(whatever_allocation_fails_each_call_is_answered_once_and_nothing_leaks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
