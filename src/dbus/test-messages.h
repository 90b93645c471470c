/* SPDX-License-Identifier: MIT */
#pragma once

/* Shared by the tests of messages: random numbers, and the way of a message over the wire without a wire. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dbus/message.h"
#include "dbus/reader.h"
#include "dbus/wire.h"
#include "dbus/writer.h"

/* xorshift: the same numbers on every machine, so that a seed that fails fails everywhere. */
static inline uint64_t next_random(uint64_t *seed)
{
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        return *seed;
}

/* The message's bytes in memory of their exact size. */
static inline uint8_t *seal(Writer *w, uint32_t serial, size_t *ret_n)
{
        struct iovec parts[2];
        uint8_t *bytes;

        assert_int_equal(writer_seal(w, serial, parts), 0);
        *ret_n = parts[0].iov_len + parts[1].iov_len;
        bytes = malloc(*ret_n);
        assert_non_null(bytes);
        memcpy(bytes, parts[0].iov_base, parts[0].iov_len);
        if (parts[1].iov_len > 0)
                memcpy(bytes + parts[0].iov_len, parts[1].iov_base, parts[1].iov_len);
        return bytes;
}

static inline Message *pass(Writer *w)
{
        _cleanup_(freep) uint8_t *bytes = NULL;
        int fds[MESSAGE_FDS_MAX];
        Message *m = NULL;
        size_t n, size;

        bytes = seal(w, 7, &n);
        assert_int_equal(message_peek_size(bytes, n, n, &size), 1);
        assert_int_equal(size, n);
        for (unsigned i = 0; i < w->n_fds; i++)
                fds[i] = fcntl(w->fds[i], F_DUPFD_CLOEXEC, 3);
        assert_int_equal(message_new(bytes, n, fds, w->n_fds, &m), 0);
        assert_int_equal(m->n_fds, w->n_fds);
        return m;
}

/* A call with every kind of container in it. */
static inline void start_rich_call(Writer *w)
{
        writer_start_call(w, "org.bgtask.Broker", "/org/bgtask", "org.bgtask.Control1", "Register");
        writer_put_string(w, "primes");
        writer_open_array(w, "{sv}");
        writer_put_option_string(w, "Entry", "x");
        writer_put_option_bool(w, "Once", true);
        writer_put_option_uint64(w, "Window", 900000000);
        writer_open_option(w, "List", "as");
        writer_open_array(w, NULL);
        writer_put_string(w, "one");
        writer_put_string(w, "two");
        writer_close(w);
        writer_close(w);
        writer_close(w);
        writer_close(w);
        writer_put_bytes(w, "\1\2\3", 3);
        writer_open_struct(w, "bdo");
        writer_put_bool(w, false);
        writer_put_double(w, 0.5);
        writer_put_path(w, "/p");
        writer_close(w);
        writer_put_signature(w, "a{sv}");
}
