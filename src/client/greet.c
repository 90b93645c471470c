/* SPDX-License-Identifier: MIT */

/*
 * What is said first on a new connection: who we are, and after a restart of the broker what goes on here. The first
 * time nothing waits for the answer of Attach, because a cold start waits for the class that is registered next; the
 * next times everything does, because the broker must know the process before it hears of its runs.
 */

#include <errno.h>
#include <string.h>

#include "client/driver.h"
#include "client/error.h"
#include "client/instance.h"
#include "client/link.h"
#include "client/listen.h"
#include "client/record.h"
#include "client/report.h"
#include "client/server.h"
#include "dbus/interfaces.h"

/* The connection works: the next loss is followed by a quick attempt again. */
static void greeted(bgt *b)
{
        b->retry_delay_usec = 10 * USEC_PER_MSEC;
}

/* Keeps what Open or Attach said, which may be an error. -ENOMEM, -EINVAL if it is nothing that a broker says. */
static int take_info(bgt *b, Message *reply)
{
        bgt_record *info;
        Reader r;
        int e;

        b->refusal = message_unref(b->refusal);
        if (reply->type == MESSAGE_ERROR) {
                b->refusal = message_ref(reply);
        } else {
                reader_init(&r, reply);
                e = record_new_from_options(&r, &info);
                if (e < 0)
                        return e;
                bgt_record_unref(b->info);
                b->info = info;
                greeted(b);
        }
        driver_changed(b);
        return 0;
}

static void on_open(Connection *c, Message *reply, int error, void *userdata)
{
        int r = error == 0 ? take_info(userdata, reply) : 0;

        if (r < 0)
                link_drop(userdata, r);
}

static int send_open(bgt *b)
{
        interface_start_call(&b->writer, CLIENT_PATH, &manager1_interface, MANAGER1_METHOD_OPEN);
        writer_put_string(&b->writer, b->package);
        writer_open_array(&b->writer, "{sv}");
        if (client_program)
                writer_put_option_string(&b->writer, "program", client_program);
        writer_close(&b->writer);
        return connection_call(b->connection, &b->writer, on_open, b, NULL);
}

static void on_announce(Connection *c, Message *reply, int error, void *userdata)
{
        bgt *b = userdata;
        Reader r;

        if (error != 0 || reply->type == MESSAGE_ERROR)
                return;
        reader_init(&r, reply);
        reader_open_array(&r, "(su)");
        while (reader_more(&r)) {
                const char *run;
                uint32_t attempt;

                reader_open_struct(&r, "su");
                run = reader_get_string(&r);
                attempt = reader_get_uint32(&r);
                reader_close(&r);
                if (reader_error(&r) < 0)
                        return;
                instance_forget(b, run, attempt);
        }
}

static int send_announce(bgt *b)
{
        interface_start_call(&b->writer, CLIENT_PATH, &server1_interface, SERVER1_METHOD_ANNOUNCE);
        report_put_all(b, &b->writer);
        return connection_call(b->connection, &b->writer, on_announce, b, NULL);
}

static int send_attach(bgt *b);

static int take_cookie(bgt *b, Message *reply)
{
        const char *key, *type;
        Reader r;
        int e = 0;

        reader_init(&r, reply);
        reader_open_array(&r, "{sv}");
        while (e >= 0 && reader_next_option(&r, &key, &type))
                if (strcmp(key, "cookie") == 0 && strcmp(type, "s") == 0)
                        e = client_set_text(&b->cookie, reader_get_string(&r));
        return e < 0 ? e : reader_error(&r);
}

/* The broker knows the process: what goes on here. */
static int tell_all(bgt *b)
{
        int r;

        b->attached = true;
        r = send_announce(b);
        if (r >= 0)
                r = server_register_all(b);
        if (r >= 0)
                report_again(b);
        driver_changed(b);
        return r;
}

static int take_attach(bgt *b, Message *reply)
{
        int r = 0;

        if (reply->type == MESSAGE_ERROR && b->cookie) {
                /*
                 * This broker does not take the cookie: what was running is lost, and we are a server like any other.
                 */
                free(TAKE_PTR(b->cookie));
                instance_forget_all(b);
                return send_attach(b);
        }
        /* On a connection that was opened, Open has said more. */
        if (b->bare || reply->type == MESSAGE_ERROR)
                r = take_info(b, reply);
        if (r >= 0 && reply->type != MESSAGE_ERROR)
                r = take_cookie(b, reply);
        if (r < 0 || reply->type == MESSAGE_ERROR || b->attached)
                return r;
        return tell_all(b);
}

static void on_attach(Connection *c, Message *reply, int error, void *userdata)
{
        int r = error == 0 ? take_attach(userdata, reply) : 0;

        if (r < 0)
                link_drop(userdata, r);
}

static int send_attach(bgt *b)
{
        interface_start_call(&b->writer, CLIENT_PATH, &server1_interface, SERVER1_METHOD_ATTACH);
        writer_put_string(&b->writer, b->cookie);
        writer_put_string(&b->writer, b->package);
        return connection_call(b->connection, &b->writer, on_attach, b, NULL);
}

int greet(bgt *b)
{
        int r = 0;

        if (!b->bare)
                r = send_open(b);
        if (r >= 0 && (b->bare || b->is_server)) {
                /* The first time nothing has run yet that would have to be announced. */
                b->attached = !b->is_server;
                b->is_server = true;
                /* A launched process registers its class next: what asks for both is sent together. */
                connection_delay(b->connection, b->bare);
                r = send_attach(b);
                connection_delay(b->connection, false);
                b->delayed = b->bare;
        }
        return r < 0 ? r : listen_again(b);
}

int greet_as_server(bgt *b)
{
        int r;

        if (b->is_server)
                return 0;
        r = link_wait(b, usec_add(clock_now_usec(CLOCK_MONOTONIC), CLIENT_LINK_USEC));
        if (r < 0)
                return r;
        if (b->is_server)
                return 0;
        r = send_attach(b);
        if (r == -ENOMEM)
                return fail(ERROR_NO_MEMORY, NULL);
        /* A connection that is ending takes nothing any more; the next one is told. */
        b->is_server = true;
        b->attached = r >= 0;
        return 0;
}
