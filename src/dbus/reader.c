/* SPDX-License-Identifier: MIT */

#include "dbus/reader.h"

#include <errno.h>

#include "dbus/wire.h"

/*
 * Lengths and offsets come out of a body that validate.c has walked with the same signature, so the cursor cannot
 * leave it. The message is still not trusted twice: reader_take() checks the bounds of everything it hands out.
 */

static void reader_fail(Reader *r)
{
        r->error = -EINVAL;
}

void reader_init(Reader *r, const Message *m)
{
        r->message = m;
        r->position = 0;
        r->error = 0;
        r->depth = 0;
        r->frames[0] = (ReaderFrame){ m->signature, strlen(m->signature), m->n_body, 0 };
}

char reader_next_type(const Reader *r)
{
        const ReaderFrame *frame = &r->frames[r->depth];

        if (r->error < 0)
                return 0;
        if (frame->type == 'a')
                return r->position < frame->end ? frame->signature[0] : 0;
        return frame->n_signature > 0 ? frame->signature[0] : 0;
}

bool reader_next_signature(const Reader *r, char ret_signature[static DBUS_SIGNATURE_MAX + 1])
{
        const ReaderFrame *frame = &r->frames[r->depth];
        size_t n = reader_more(r) ? signature_next(frame->signature, frame->n_signature) : 0;

        memcpy(ret_signature, frame->signature, n);
        ret_signature[n] = '\0';
        return n > 0;
}

/* The n bytes at the cursor after alignment; NULL, and the error is set, if they are not there. */
static const uint8_t *reader_take(Reader *r, size_t alignment, size_t n)
{
        size_t position = wire_align(r->position, alignment);

        if (position > r->message->n_body || n > r->message->n_body - position) {
                reader_fail(r);
                return NULL;
        }
        r->position = position + n;
        return r->message->body + position;
}

/* Steps the signature over a type of n characters; in an array every element has the same. */
static void reader_advance(Reader *r, size_t n)
{
        ReaderFrame *frame = &r->frames[r->depth];

        if (frame->type == 'a')
                return;
        frame->signature += n;
        frame->n_signature -= n;
}

static bool reader_expect(Reader *r, char type)
{
        if (r->error == 0 && reader_next_type(r) != type)
                reader_fail(r);
        return r->error == 0;
}

static const uint8_t *reader_fixed(Reader *r, char type, size_t size)
{
        if (!reader_expect(r, type))
                return NULL;
        reader_advance(r, 1);
        return reader_take(r, size, size);
}

static uint32_t reader_length(Reader *r)
{
        const uint8_t *p = reader_take(r, 4, 4);

        return p ? wire_get32(p, r->message->swapped) : 0;
}

static const char *reader_text(Reader *r, char type)
{
        const uint8_t *p;
        size_t n;

        if (!reader_expect(r, type))
                return "";
        reader_advance(r, 1);
        if (type == 'g') {
                p = reader_take(r, 1, 1);
                n = p ? *p : 0;
        } else {
                n = reader_length(r);
        }
        p = r->error == 0 ? reader_take(r, 1, n + 1) : NULL;
        return p ? (const char *)p : "";
}

uint8_t reader_get_byte(Reader *r)
{
        const uint8_t *p = reader_fixed(r, 'y', 1);

        return p ? *p : 0;
}

bool reader_get_bool(Reader *r)
{
        const uint8_t *p = reader_fixed(r, 'b', 4);

        return p && wire_get32(p, r->message->swapped) != 0;
}

#define DEFINE_READER_GET(name, ctype, bits, letter)                            \
        ctype reader_get_##name(Reader *r)                                      \
        {                                                                       \
                const uint8_t *p = reader_fixed(r, letter, bits / 8);           \
                                                                                \
                return p ? (ctype)wire_get##bits(p, r->message->swapped) : 0;   \
        }

DEFINE_READER_GET(int16, int16_t, 16, 'n')
DEFINE_READER_GET(uint16, uint16_t, 16, 'q')
DEFINE_READER_GET(int32, int32_t, 32, 'i')
DEFINE_READER_GET(uint32, uint32_t, 32, 'u')
DEFINE_READER_GET(int64, int64_t, 64, 'x')
DEFINE_READER_GET(uint64, uint64_t, 64, 't')

double reader_get_double(Reader *r)
{
        const uint8_t *p = reader_fixed(r, 'd', 8);
        uint64_t bits = p ? wire_get64(p, r->message->swapped) : 0;
        double value;

        memcpy(&value, &bits, sizeof value);
        return value;
}

const char *reader_get_string(Reader *r)
{
        return reader_text(r, 's');
}

const char *reader_get_path(Reader *r)
{
        return reader_text(r, 'o');
}

const char *reader_get_signature(Reader *r)
{
        return reader_text(r, 'g');
}

int reader_get_fd(Reader *r, unsigned *ret_index)
{
        const uint8_t *p = reader_fixed(r, 'h', 4);
        uint32_t index = p ? wire_get32(p, r->message->swapped) : 0;

        if (!p)
                return -1;
        if (index >= r->message->n_fds) {
                reader_fail(r);
                return -1;
        }
        if (ret_index)
                *ret_index = index;
        return r->message->fds[index];
}

const uint8_t *reader_get_bytes(Reader *r, size_t *ret_n)
{
        const uint8_t *p;

        *ret_n = 0;
        reader_open_array(r, "y");
        if (r->error < 0)
                return (const uint8_t *)"";
        p = r->message->body + r->position;
        *ret_n = r->frames[r->depth].end - r->position;
        reader_close(r);
        return p;
}

static void reader_push(Reader *r, char type, const char *signature, size_t n, size_t end)
{
        if (r->depth >= DBUS_DEPTH_MAX) {
                reader_fail(r);
                return;
        }
        r->frames[++r->depth] = (ReaderFrame){ signature, n, end, type };
}

static bool contents_match(const char *contents, const char *signature, size_t n)
{
        return !contents || (strncmp(contents, signature, n) == 0 && contents[n] == '\0');
}

/*
 * Steps over the type of the container at the cursor and gives the signature of what is in it. A type of n characters
 * holds n - 1 of contents after an 'a' and n - 2 between brackets.
 */
static const char *reader_enter(Reader *r, char type, const char *contents, size_t n_brackets, size_t *ret_n)
{
        const ReaderFrame *frame = &r->frames[r->depth];
        const char *signature = frame->signature;
        size_t n;

        if (!reader_expect(r, type))
                return NULL;
        n = signature_next(signature, frame->n_signature);
        if (!contents_match(contents, signature + 1, n - n_brackets)) {
                reader_fail(r);
                return NULL;
        }
        reader_advance(r, n);
        *ret_n = n - n_brackets;
        return signature + 1;
}

void reader_open_array(Reader *r, const char *contents)
{
        const char *signature;
        size_t n, length;

        signature = reader_enter(r, 'a', contents, 1, &n);
        if (!signature)
                return;
        length = reader_length(r);
        (void)reader_take(r, type_alignment(signature[0]), 0);
        if (r->error == 0 && length > r->message->n_body - r->position)
                reader_fail(r);
        if (r->error == 0)
                reader_push(r, 'a', signature, n, r->position + length);
}

static void reader_open_members(Reader *r, char type, const char *contents)
{
        const char *signature;
        size_t n;

        signature = reader_enter(r, type, contents, 2, &n);
        if (signature && reader_take(r, 8, 0))
                reader_push(r, type, signature, n, 0);
}

void reader_open_struct(Reader *r, const char *contents)
{
        reader_open_members(r, '(', contents);
}

void reader_open_entry(Reader *r)
{
        reader_open_members(r, '{', NULL);
}

const char *reader_open_variant(Reader *r, const char *contents)
{
        const char *signature;
        const uint8_t *p;

        if (!reader_expect(r, 'v'))
                return "";
        reader_advance(r, 1);
        p = reader_take(r, 1, 1);
        signature = p ? (const char *)reader_take(r, 1, (size_t)*p + 1) : NULL;
        if (!signature)
                return "";
        if (!contents_match(contents, signature, *p)) {
                reader_fail(r);
                return "";
        }
        reader_push(r, 'v', signature, *p, 0);
        return r->error == 0 ? signature : "";
}

void reader_close(Reader *r)
{
        ReaderFrame *frame = &r->frames[r->depth];

        if (r->error < 0)
                return;
        if (frame->type == 0) {
                reader_fail(r);
                return;
        }
        if (frame->type == 'a')
                r->position = frame->end;
        else
                while (reader_more(r))
                        reader_skip(r);
        r->depth--;
}

void reader_skip(Reader *r)
{
        char type = reader_next_type(r);

        switch (type) {
        case 0:
                reader_fail(r);
                return;
        case 's':
        case 'o':
        case 'g':
                (void)reader_text(r, type);
                return;
        case 'a':
                reader_open_array(r, NULL);
                break;
        case 'v':
                (void)reader_open_variant(r, NULL);
                break;
        case '(':
        case '{':
                reader_open_members(r, type, NULL);
                break;
        default:
                (void)reader_fixed(r, type, type_fixed_size(type));
                return;
        }
        reader_close(r);
}

bool reader_next_option(Reader *r, const char **ret_key, const char **ret_type)
{
        if (r->error == 0 && r->frames[r->depth].type == 'v' && r->depth > 0 &&
            r->frames[r->depth - 1].type == '{') {
                reader_close(r);
                reader_close(r);
        }
        if (!reader_more(r))
                return false;
        reader_open_entry(r);
        *ret_key = reader_get_string(r);
        *ret_type = reader_open_variant(r, NULL);
        return r->error == 0;
}
