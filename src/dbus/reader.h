/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A cursor over the body of a message. The message is valid, so the only thing that can go wrong is that it holds
 * something else than was asked for: then the reader remembers -EINVAL, every later call gives zero, "" or nothing,
 * and the caller looks once, with reader_error(). Text and bytes live as long as the message.
 *
 *      Reader r;
 *      const char *key, *type;
 *
 *      reader_init(&r, m);                                        s a{sv}
 *      name = reader_get_string(&r);
 *      reader_open_array(&r, "{sv}");
 *      while (reader_next_option(&r, &key, &type))                 type is the value's signature
 *              if (strcmp(key, "Window") == 0)
 *                      window = reader_get_uint64(&r);             -EINVAL if the value is no 't'
 *      reader_close(&r);
 *      if (reader_error(&r) < 0) …
 */

#include "dbus/message.h"
#include "dbus/names.h"

typedef struct ReaderFrame {
        const char *signature; /* of what is still to come; of the element in an array */
        size_t n_signature;
        size_t end;            /* in the body, of an array */
        char type;             /* 'a', 'v', '(' or '{'; 0 for the body itself */
} ReaderFrame;

typedef struct Reader {
        const Message *message;
        size_t position;
        int error;
        unsigned depth;
        ReaderFrame frames[DBUS_DEPTH_MAX + 1];
} Reader;

void reader_init(Reader *r, const Message *m);
/* 0, or -EINVAL after the first call that asked for what is not there. */
static inline int reader_error(const Reader *r)
{
        return r->error;
}

/* First character of the next value's type ('a', '(', '{' and 'v' included), 0 at the end of the container. */
char reader_next_type(const Reader *r);
static inline bool reader_more(const Reader *r)
{
        return reader_next_type(r) != 0;
}
/* Copies the whole signature of the next value; false at the end of the container and on error. */
bool reader_next_signature(const Reader *r, char ret_signature[static DBUS_SIGNATURE_MAX + 1]);

uint8_t reader_get_byte(Reader *r);
bool reader_get_bool(Reader *r);
int16_t reader_get_int16(Reader *r);
uint16_t reader_get_uint16(Reader *r);
int32_t reader_get_int32(Reader *r);
uint32_t reader_get_uint32(Reader *r);
int64_t reader_get_int64(Reader *r);
uint64_t reader_get_uint64(Reader *r);
double reader_get_double(Reader *r);
/* Never NULL; UTF-8 without NUL. */
const char *reader_get_string(Reader *r);
const char *reader_get_path(Reader *r);
const char *reader_get_signature(Reader *r);
/* Borrowed from the message: -1 on error or if it was taken. *ret_index, if wanted, is for message_take_fd(). */
int reader_get_fd(Reader *r, unsigned *ret_index);
/* The whole of an 'ay' at once; never NULL. */
const uint8_t *reader_get_bytes(Reader *r, size_t *ret_n);

/*
 * Enter a container. The contents' signature ("{sv}" for a{sv}) is checked; NULL takes any. reader_close() leaves the
 * innermost one and skips what was not read.
 */
void reader_open_array(Reader *r, const char *contents);
void reader_open_struct(Reader *r, const char *contents);
void reader_open_entry(Reader *r);
/* Returns the signature of the value inside, "" on error. */
const char *reader_open_variant(Reader *r, const char *contents);
void reader_close(Reader *r);
/* Skips one value of any type. */
void reader_skip(Reader *r);

/*
 * Steps through an array of {sv} that was opened: closes the entry before, enters the next and its variant, where the
 * value may be read or not. False at the end and on error.
 */
bool reader_next_option(Reader *r, const char **ret_key, const char **ret_type);
