/* SPDX-License-Identifier: MIT */

#include "dbus/auth.h"

#include <errno.h>
#include <string.h>

#include "base/hex.h"

/* A line without its end, as words. */
typedef struct Line {
        const char *command;
        size_t n_command;
        const char *rest;
        size_t n_rest;
} Line;

static Line line_split(const char *s, size_t n)
{
        const char *space = memchr(s, ' ', n);
        size_t n_command = space ? (size_t)(space - s) : n;
        Line line = { s, n_command, s + n_command, n - n_command };

        while (line.n_rest > 0 && line.rest[0] == ' ') {
                line.rest++;
                line.n_rest--;
        }
        return line;
}

static bool word_is(const char *s, size_t n, const char *word)
{
        return n == strlen(word) && memcmp(s, word, n) == 0;
}

/* The uid as decimal digits as hexadecimal bytes; nothing at all stands for who the kernel says that it is. */
static bool uid_matches(const char *hex, size_t n, uid_t uid)
{
        uint64_t value = 0;

        if (n == 0)
                return true;
        if (n % 2 != 0 || n > 20)
                return false;
        for (size_t i = 0; i < n; i += 2) {
                int digit = hex_digit(hex[i]) * 16 + hex_digit(hex[i + 1]) - '0';

                if (hex_digit(hex[i]) < 0 || hex_digit(hex[i + 1]) < 0 || digit < 0 || digit > 9)
                        return false;
                value = value * 10 + (uint64_t)digit;
        }
        return value == uid;
}

static int append(Buffer *out, const char *text)
{
        return buffer_append(out, text, strlen(text));
}

static int refuse(Auth *auth, Buffer *out)
{
        auth->state = AUTH_AUTH;
        return append(out, "REJECTED EXTERNAL\r\n");
}

static int try_external(Auth *auth, const char *hex, size_t n, Buffer *out)
{
        char guid[UUID_STRING_MAX], digits[33];
        size_t n_digits = 0;

        if (!uid_matches(hex, n, auth->uid))
                return refuse(auth, out);
        uuid_format(auth->guid, guid);
        for (const char *p = guid; *p; p++)
                if (*p != '-')
                        digits[n_digits++] = *p;
        digits[n_digits] = '\0';
        auth->state = AUTH_BEGIN;
        return buffer_printf(out, "OK %s\r\n", digits);
}

static int on_auth(Auth *auth, const Line *line, Buffer *out)
{
        Line mechanism = line_split(line->rest, line->n_rest);

        if (!word_is(mechanism.command, mechanism.n_command, "EXTERNAL"))
                return refuse(auth, out);
        if (mechanism.n_rest > 0)
                return try_external(auth, mechanism.rest, mechanism.n_rest, out);
        auth->state = AUTH_DATA;
        return append(out, "DATA\r\n");
}

static int on_data(Auth *auth, const Line *line, Buffer *out)
{
        return try_external(auth, line->rest, line->n_rest, out);
}

static int on_cancel(Auth *auth, const Line *line, Buffer *out)
{
        return refuse(auth, out);
}

static int on_negotiate(Auth *auth, const Line *line, Buffer *out)
{
        auth->can_fds = true;
        return append(out, "AGREE_UNIX_FD\r\n");
}

static int on_begin(Auth *auth, const Line *line, Buffer *out)
{
        auth->state = AUTH_DONE;
        return 1;
}

static int on_out_of_turn(Auth *auth, const Line *line, Buffer *out)
{
        return append(out, "ERROR\r\n");
}

/* BEGIN from someone who is not authenticated ends the connection, as the specification has it. */
static int on_early_begin(Auth *auth, const Line *line, Buffer *out)
{
        return -EPROTO;
}

typedef int (*AuthAction)(Auth *auth, const Line *line, Buffer *out);

static const struct {
        const char *command;
        AuthAction actions[_AUTH_STATE_MAX];
} server_table[] = {
        /* in state             AUTH                  DATA                  BEGIN */
        { "AUTH", { [AUTH_AUTH] = on_auth, on_out_of_turn, on_out_of_turn } },
        { "DATA", { [AUTH_AUTH] = on_out_of_turn, on_data, on_out_of_turn } },
        { "CANCEL", { [AUTH_AUTH] = on_out_of_turn, on_cancel, on_cancel } },
        { "ERROR", { [AUTH_AUTH] = on_cancel, on_cancel, on_cancel } },
        { "NEGOTIATE_UNIX_FD", { [AUTH_AUTH] = on_out_of_turn, on_out_of_turn, on_negotiate } },
        { "BEGIN", { [AUTH_AUTH] = on_early_begin, on_early_begin, on_begin } },
};

static int server_line(Auth *auth, const char *s, size_t n, Buffer *out)
{
        Line line = line_split(s, n);

        for (size_t i = 0; i < ELEMENTSOF(server_table); i++)
                if (word_is(line.command, line.n_command, server_table[i].command))
                        return server_table[i].actions[auth->state](auth, &line, out);
        return on_out_of_turn(auth, &line, out);
}

static int client_line(Auth *auth, const char *s, size_t n)
{
        Line line = line_split(s, n);
        char guid[33];

        if (auth->state == AUTH_AUTH) {
                if (word_is(line.command, line.n_command, "DATA"))
                        return 0;
                if (word_is(line.command, line.n_command, "REJECTED"))
                        return -EACCES;
                if (!word_is(line.command, line.n_command, "OK") || line.n_rest != 32)
                        return -EPROTO;
                memcpy(guid, line.rest, 32);
                for (size_t i = 0; i < sizeof auth->guid.bytes; i++) {
                        int high = hex_digit(guid[2 * i]), low = hex_digit(guid[2 * i + 1]);

                        if (high < 0 || low < 0)
                                return -EPROTO;
                        auth->guid.bytes[i] = (uint8_t)(high << 4 | low);
                }
                auth->state = AUTH_BEGIN;
                return 0;
        }
        auth->can_fds = word_is(line.command, line.n_command, "AGREE_UNIX_FD");
        if (!auth->can_fds && !word_is(line.command, line.n_command, "ERROR"))
                return -EPROTO;
        auth->state = AUTH_DONE;
        return 1;
}

void auth_init_server(Auth *auth, uid_t peer_uid, Uuid guid)
{
        *auth = (Auth){ .state = AUTH_NUL, .uid = peer_uid, .guid = guid };
}

int auth_init_client(Auth *auth, Buffer *out)
{
        /* Without a uid, because in a user namespace ours is not the one that the server sees. */
        static const char lines[] = "\0AUTH EXTERNAL\r\nDATA\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n";

        *auth = (Auth){ .state = AUTH_AUTH, .can_fds = true };
        return buffer_append(out, lines, sizeof lines - 1);
}

/* Length of the line at s without its end, negative if its end has not come. */
static int next_line(const uint8_t *s, size_t n, size_t *ret_length)
{
        const uint8_t *end = memmem(s, n, "\r\n", 2);

        if (end && end - s <= AUTH_LINE_MAX) {
                *ret_length = (size_t)(end - s);
                return 1;
        }
        return end || n > AUTH_LINE_MAX ? -EPROTO : 0;
}

static int feed(Auth *auth, const uint8_t *data, size_t n, size_t *ret_used, Buffer *out, bool server)
{
        size_t used = 0, length;
        int r = 0;

        if (n > 0 && auth->state == AUTH_NUL) {
                if (data[used++] != 0)
                        return -EPROTO;
                auth->state = AUTH_AUTH;
        }
        while (r == 0 && auth->state != AUTH_DONE) {
                r = next_line(data + used, n - used, &length);
                if (r <= 0)
                        break;
                if (++auth->n_lines > AUTH_LINES_MAX)
                        return -EPROTO;
                if (server)
                        r = server_line(auth, (const char *)data + used, length, out);
                else
                        r = client_line(auth, (const char *)data + used, length);
                used += length + 2;
        }
        if (r < 0)
                return r;
        *ret_used = used;
        return auth->state == AUTH_DONE;
}

int auth_feed_server(Auth *auth, const uint8_t *data, size_t n, size_t *ret_used, Buffer *out)
{
        return feed(auth, data, n, ret_used, out, true);
}

int auth_feed_client(Auth *auth, const uint8_t *data, size_t n, size_t *ret_used)
{
        return feed(auth, data, n, ret_used, NULL, false);
}
