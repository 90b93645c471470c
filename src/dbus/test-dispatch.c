/* SPDX-License-Identifier: MIT */

#include "dbus/test-connections.h"

#include "dbus/dispatch.h"
#include "dbus/test-interface.h"

/* An object with the test interface, a subtree with it, and a caller at the other end of a socketpair. */
typedef struct Bench {
        Loop loop;
        Dispatch dispatch;
        Connection *server;
        Connection *client;
        Writer writer;
        Message *answer;
        unsigned n_notes;
        bool wrong_answer;
} Bench;

static Writer server_writer;

static void on_echo(void *context, Connection *c, Message *call)
{
        Bench *bench = context;
        Reader r;

        reader_init(&r, call);
        writer_start_return(&server_writer, call);
        if (bench->wrong_answer)
                writer_put_uint32(&server_writer, 1);
        else
                writer_put_string(&server_writer, reader_get_string(&r));
        assert_int_equal(connection_reply(c, &server_writer, call), bench->wrong_answer ? -EINVAL : 0);
}

static void on_note(void *context, Connection *c, Message *call)
{
        Bench *bench = context;

        bench->n_notes++;
        writer_start_return(&server_writer, call);
        assert_int_equal(connection_send(c, &server_writer), 0);
}

static void get_property(void *context, unsigned property, Writer *w)
{
        assert_int_equal(property, ECHO1_PROPERTY_VERSION);
        writer_put_uint32(w, 3);
}

static const DispatchHandler handlers[_ECHO1_METHOD_MAX] = {
        [ECHO1_METHOD_ECHO] = on_echo,
        [ECHO1_METHOD_NOTE] = on_note,
};

static const DispatchObject objects[] = {
        { "/org/test", false, &echo1_interface, handlers, get_property },
        { "/org/tree", true, &echo1_interface, handlers, get_property },
};

static void on_call(Connection *c, Message *m, void *userdata)
{
        Bench *bench = userdata;

        assert_int_equal(dispatch_call(&bench->dispatch, c, m, bench), m->type == MESSAGE_CALL);
}

static int open_bench(void **state)
{
        static Bench bench;
        ConnectionOptions options = { .role = CONNECTION_BARE, .on_message = on_call, .userdata = &bench, .id = 7 };
        int fds[2];

        bench = (Bench){ 0 };
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(loop_init(&bench.loop), 0);
        assert_int_equal(connection_new(&bench.loop, fds[0], &options, &bench.server), 0);
        options.on_message = NULL;
        assert_int_equal(connection_new(&bench.loop, fds[1], &options, &bench.client), 0);
        dispatch_init(&bench.dispatch, objects, ELEMENTSOF(objects), "org.test.Broker");
        writer_init(&bench.writer);
        writer_init(&server_writer);
        *state = &bench;
        return 0;
}

static int close_bench(void **state)
{
        Bench *bench = *state;

        connection_free(bench->server);
        connection_free(bench->client);
        dispatch_done(&bench->dispatch);
        writer_done(&bench->writer);
        writer_done(&server_writer);
        message_unref(bench->answer);
        loop_done(&bench->loop);
        return 0;
}

static void on_reply(Connection *c, Message *m, int error, void *userdata)
{
        Bench *bench = userdata;

        if (m)
                bench->answer = message_ref(m);
}

/* Calls with up to two texts and returns the answer. */
static const Message *ask(Bench *bench, const char *path, const char *interface, const char *member, const char *a,
                          const char *b)
{
        bench->answer = message_unref(bench->answer);
        writer_start_call(&bench->writer, NULL, path, interface, member);
        if (a)
                writer_put_string(&bench->writer, a);
        if (b)
                writer_put_string(&bench->writer, b);
        assert_int_equal(connection_call(bench->client, &bench->writer, on_reply, bench, NULL), 0);
        settle(&bench->loop);
        assert_non_null(bench->answer);
        return bench->answer;
}

static const char *answer_text(const Message *m)
{
        assert_int_equal(m->type, MESSAGE_RETURN);
        assert_string_equal(m->signature, "s");
        return message_error_text(m);
}

static void assert_error(const Message *m, const char *name, const char *sentence)
{
        assert_int_equal(m->type, MESSAGE_ERROR);
        assert_string_equal(m->error_name, name);
        assert_string_equal(message_error_text(m), sentence);
}

static void calls_reach_the_handler_of_their_method(void **state)
{
        Bench *bench = *state;

        assert_string_equal(answer_text(ask(bench, "/org/test", "org.test.Echo1", "Echo", "hi", NULL)), "hi");
        assert_string_equal(answer_text(ask(bench, "/org/test", NULL, "Echo", "no interface", NULL)), "no interface");
        assert_string_equal(answer_text(ask(bench, "/org/tree", NULL, "Echo", "x", NULL)), "x");
        assert_string_equal(answer_text(ask(bench, "/org/tree/a/b", NULL, "Echo", "y", NULL)), "y");
}

static void calls_that_reach_nothing_are_refused_with_a_sentence(void **state)
{
        Bench *bench = *state;

        assert_error(ask(bench, "/org/test/x", "org.test.Echo1", "Echo", "", NULL), DISPATCH_ERROR "UnknownObject",
                     "there is no object at '/org/test/x'");
        assert_error(ask(bench, "/org/testx", NULL, "Echo", "", NULL), DISPATCH_ERROR "UnknownObject",
                     "there is no object at '/org/testx'");
        assert_error(ask(bench, "/org/test", "org.test.Other", "Echo", "", NULL), DISPATCH_ERROR "UnknownInterface",
                     "the object at '/org/test' has no interface 'org.test.Other'");
        assert_error(ask(bench, "/org/test", "org.test.Echo1", "Ekko", "", NULL), DISPATCH_ERROR "UnknownMethod",
                     "the object at '/org/test' has no method 'Ekko' in the interface org.test.Echo1");
        assert_error(ask(bench, "/org/test", NULL, "Ekko", "", NULL), DISPATCH_ERROR "UnknownMethod",
                     "the object at '/org/test' has no method 'Ekko'");
        assert_error(ask(bench, "/org/test", "org.test.Echo1", "Echo", NULL, NULL), DISPATCH_ERROR "InvalidArgs",
                     "the method 'Echo' takes (s), not ()");
        assert_error(ask(bench, "/org/test", "org.test.Echo1", "Put", NULL, NULL), DISPATCH_ERROR "InvalidArgs",
                     "the method 'Put' takes (ay), not ()");
        assert_error(ask(bench, "/org", "org.freedesktop.DBus.Peer", "Pong", NULL, NULL),
                     DISPATCH_ERROR "UnknownMethod",
                     "the object at '/org' has no method 'Pong' in the interface org.freedesktop.DBus.Peer");
        assert_error(ask(bench, "/nowhere", "org.freedesktop.DBus.Properties", "GetAll", "", NULL),
                     DISPATCH_ERROR "UnknownObject", "there is no object at '/nowhere'");
}

static void a_method_without_handler_is_unknown(void **state)
{
        Bench *bench = *state;

        assert_error(ask(bench, "/org/test", "org.test.Echo1", "Count", NULL, NULL), DISPATCH_ERROR "UnknownMethod",
                     "the object at '/org/test' has no method 'Count' in the interface org.test.Echo1");
}

static void a_method_that_wants_no_reply_is_called_without(void **state)
{
        Bench *bench = *state;

        interface_start_call(&bench->writer, "/org/test", &echo1_interface, ECHO1_METHOD_NOTE);
        writer_put_string(&bench->writer, "x");
        assert_false(writer_wants_reply(&bench->writer));
        assert_int_equal(connection_send(bench->client, &bench->writer), 0);
        settle(&bench->loop);
        assert_int_equal(bench->n_notes, 1);
        interface_start_call(&bench->writer, "/org/test", &echo1_interface, ECHO1_METHOD_ECHO);
        writer_put_uint32(&bench->writer, 1);
        assert_int_equal(connection_send(bench->client, &bench->writer), -EINVAL);
}

static void an_answer_that_is_not_the_xmls_becomes_an_error(void **state)
{
        Bench *bench = *state;

        bench->wrong_answer = true;
        assert_error(ask(bench, "/org/test", NULL, "Echo", "x", NULL), DISPATCH_ERROR "Failed",
                     "the answer cannot be written as a message");
}

static void every_object_answers_ping(void **state)
{
        Bench *bench = *state;
        const char *id;

        assert_int_equal(ask(bench, "/any", "org.freedesktop.DBus.Peer", "Ping", NULL, NULL)->type, MESSAGE_RETURN);
        ask(bench, "/org/test", "org.freedesktop.DBus.Peer", "GetMachineId", NULL, NULL);
        id = message_error_text(bench->answer);
        assert_true(bench->answer->type == MESSAGE_ERROR || strspn(id, "0123456789abcdef") == 32);
}

static void introspection_shows_interfaces_comments_and_children(void **state)
{
        static const char interface[] = "org.freedesktop.DBus.Introspectable";
        Bench *bench = *state;
        const char *xml;

        xml = answer_text(ask(bench, "/org/test", interface, "Introspect", NULL, NULL));
        assert_non_null(strstr(xml, "<interface name=\"org.test.Echo1\">"));
        assert_non_null(strstr(xml, "<!-- Returns what it is given: \"quoted\", with a \\ in it. -->"));
        assert_non_null(strstr(xml, "org.freedesktop.DBus.Method.NoReply"));
        assert_non_null(strstr(xml, "<interface name=\"org.freedesktop.DBus.Properties\">"));
        assert_null(strstr(xml, "<node name="));
        xml = answer_text(ask(bench, "/", interface, "Introspect", NULL, NULL));
        assert_non_null(strstr(xml, "  <node name=\"org\"/>\n</node>"));
        assert_null(strstr(xml, "org.test.Echo1"));
        xml = answer_text(ask(bench, "/org", interface, "Introspect", NULL, NULL));
        assert_non_null(
                strstr(xml, "  <node name=\"test\"/>\n  <node name=\"tree\"/>\n  <node name=\"freedesktop\"/>\n"));
        xml = answer_text(ask(bench, "/org/freedesktop/DBus", interface, "Introspect", NULL, NULL));
        assert_non_null(strstr(xml, "<interface name=\"org.freedesktop.DBus\">"));
        assert_int_equal(ask(bench, "/nowhere", interface, "Introspect", NULL, NULL)->type, MESSAGE_ERROR);
}

static void properties_are_read_by_name_and_together(void **state)
{
        static const char interface[] = "org.freedesktop.DBus.Properties";
        const char *key, *type;
        Bench *bench = *state;
        Reader r;

        reader_init(&r, ask(bench, "/org/test", interface, "Get", "org.test.Echo1", "Version"));
        assert_string_equal(reader_open_variant(&r, NULL), "u");
        assert_int_equal(reader_get_uint32(&r), 3);
        assert_int_equal(ask(bench, "/org/test", interface, "Get", "", "Version")->type, MESSAGE_RETURN);
        assert_error(ask(bench, "/org/test", interface, "Get", "org.test.Echo1", "Nothing"),
                     DISPATCH_ERROR "UnknownProperty", "the object has no property 'Nothing'");
        assert_error(ask(bench, "/org/test", interface, "Get", "org.test.Other", "Version"),
                     DISPATCH_ERROR "UnknownInterface", "the object has no interface 'org.test.Other'");
        reader_init(&r, ask(bench, "/org/test", interface, "GetAll", "org.test.Echo1", NULL));
        reader_open_array(&r, "{sv}");
        assert_true(reader_next_option(&r, &key, &type));
        assert_string_equal(key, "Version");
        assert_int_equal(reader_get_uint32(&r), 3);
        assert_false(reader_next_option(&r, &key, &type));
        assert_int_equal(reader_error(&r), 0);
        bench->answer = message_unref(bench->answer);
        writer_start_call(&bench->writer, NULL, "/org/test", interface, "Set");
        writer_put_string(&bench->writer, "org.test.Echo1");
        writer_put_string(&bench->writer, "Version");
        writer_open_variant(&bench->writer, "u");
        writer_put_uint32(&bench->writer, 4);
        writer_close(&bench->writer);
        assert_int_equal(connection_call(bench->client, &bench->writer, on_reply, bench, NULL), 0);
        settle(&bench->loop);
        assert_error(bench->answer, DISPATCH_ERROR "PropertyReadOnly", "the property 'Version' cannot be set");
}

#define EUROS "\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac\u20ac"
#define BUS "/org/freedesktop/DBus", "org.freedesktop.DBus"

static void tools_find_as_much_of_a_bus_as_they_ask_for(void **state)
{
        static char long_name[] = "x" EUROS EUROS EUROS EUROS EUROS EUROS EUROS EUROS;
        Bench *bench = *state;
        Reader r;

        assert_string_equal(answer_text(ask(bench, BUS, "Hello", NULL, NULL)), ":1.7");
        assert_int_equal(ask(bench, BUS, "AddMatch", "type='signal'", NULL)->type, MESSAGE_RETURN);
        assert_int_equal(ask(bench, BUS, "RemoveMatch", "type='signal'", NULL)->type, MESSAGE_RETURN);
        assert_string_equal(answer_text(ask(bench, BUS, "GetNameOwner", "org.test.Broker", NULL)), ":1.0");
        assert_string_equal(answer_text(ask(bench, BUS, "GetNameOwner", ":1.0", NULL)), ":1.0");
        assert_string_equal(answer_text(ask(bench, BUS, "GetNameOwner", ":1.7", NULL)), ":1.7");
        assert_string_equal(answer_text(ask(bench, BUS, "GetNameOwner", "org.freedesktop.DBus", NULL)),
                            "org.freedesktop.DBus");
        assert_error(ask(bench, BUS, "GetNameOwner", ":1.8", NULL), DISPATCH_ERROR "NameHasNoOwner",
                     "nobody here has the name ':1.8'");
        reader_init(&r, ask(bench, BUS, "NameHasOwner", "org.test.Broker", NULL));
        assert_true(reader_get_bool(&r));
        reader_init(&r, ask(bench, BUS, "NameHasOwner", "org.test.Other", NULL));
        assert_false(reader_get_bool(&r));
        assert_int_equal(ask(bench, BUS, "ListNames", NULL, NULL)->type, MESSAGE_RETURN);
        assert_string_equal(bench->answer->signature, "as");
        assert_string_equal(answer_text(ask(bench, BUS, "GetId", NULL, NULL)), "00000000000000000000000000000000");
        reader_init(&r, ask(bench, BUS, "GetConnectionUnixUser", ":1.7", NULL));
        assert_int_equal(reader_get_uint32(&r), getuid());
        reader_init(&r, ask(bench, BUS, "GetConnectionUnixProcessID", ":1.0", NULL));
        assert_int_equal(reader_get_uint32(&r), getpid());
        assert_error(ask(bench, BUS, "GetConnectionUnixProcessID", "a.b", NULL), DISPATCH_ERROR "NameHasNoOwner",
                     "nobody here has the name 'a.b'");
        ask(bench, BUS, "GetNameOwner", long_name, NULL);
        assert_string_equal(bench->answer->error_name, DISPATCH_ERROR "NameHasNoOwner");
        assert_string_equal(ask(bench, BUS, "GetConnectionCredentials", ":1.7", NULL)->signature, "a{sv}");
        assert_string_equal(ask(bench, BUS, "ListActivatableNames", NULL, NULL)->signature, "as");
        assert_int_equal(ask(bench, BUS, "GetNameOwner", NULL, NULL)->type, MESSAGE_ERROR);
}

static void nobody_owns_names_on_what_is_no_bus(void **state)
{
        Bench *bench = *state;

        writer_start_call(&bench->writer, NULL, BUS, "RequestName");
        writer_put_string(&bench->writer, "org.test.Mine");
        writer_put_uint32(&bench->writer, 0);
        assert_int_equal(connection_call(bench->client, &bench->writer, on_reply, bench, NULL), 0);
        settle(&bench->loop);
        assert_error(bench->answer, DISPATCH_ERROR "AccessDenied",
                     "nobody can own a name here: this is no message bus");
}

static void signals_carry_what_the_xml_says(void **state)
{
        Bench *bench = *state;
        struct iovec parts[2];

        interface_start_signal(&bench->writer, "/org/test", &echo1_interface, ECHO1_SIGNAL_TICK);
        writer_put_uint64(&bench->writer, 1);
        assert_int_equal(writer_seal(&bench->writer, 1, parts), 0);
        interface_start_signal(&bench->writer, "/org/test", &echo1_interface, ECHO1_SIGNAL_TICK);
        assert_int_equal(writer_seal(&bench->writer, 1, parts), -EINVAL);
}

#define dispatch_test(name) cmocka_unit_test_setup_teardown(name, open_bench, close_bench)

int main(void)
{
        const struct CMUnitTest tests[] = {
                dispatch_test(calls_reach_the_handler_of_their_method),
                dispatch_test(calls_that_reach_nothing_are_refused_with_a_sentence),
                dispatch_test(a_method_without_handler_is_unknown),
                dispatch_test(a_method_that_wants_no_reply_is_called_without),
                dispatch_test(an_answer_that_is_not_the_xmls_becomes_an_error),
                dispatch_test(every_object_answers_ping),
                dispatch_test(introspection_shows_interfaces_comments_and_children),
                dispatch_test(properties_are_read_by_name_and_together),
                dispatch_test(tools_find_as_much_of_a_bus_as_they_ask_for),
                dispatch_test(nobody_owns_names_on_what_is_no_bus),
                dispatch_test(signals_carry_what_the_xml_says),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
