/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Makes a message to send. A Writer is made for being used again: each writer_start_…() begins a new message in the
 * memory of the one before. Nothing fails on the way: the first mistake (a value that the signature does not have
 * here, text that is not UTF-8, no memory) is remembered, later calls do nothing, and connection_send() returns it.
 *
 *      writer_start_return(w, call);
 *      writer_put_string(w, "hello");
 *      writer_open_array(w, "{sv}");
 *      writer_put_option_uint32(w, "Progress", 10);
 *      writer_close(w);
 *      connection_reply(connection, w, call);
 *
 * Where a signature is known beforehand (started from an interface, see dispatch.h, or as the answer to a call that
 * went through dispatch) every value is checked against it as it is put.
 */

#include <sys/uio.h>

#include "base/buffer.h"
#include "dbus/message.h"
#include "dbus/names.h"

typedef struct WriterFrame {
        const char *signature; /* of what is still to come; of the element in an array */
        size_t n_signature;
        size_t start;          /* of an array: where its elements begin in the body, and where its length stands */
        size_t length_at;
        char type;             /* 'a', 'v', '(' or '{'; 0 for the body itself */
} WriterFrame;

typedef struct Writer {
        Buffer header; /* the fields that are known at the start; the rest follows when the message is sealed */
        Buffer body;
        size_t n_fields;
        int error;
        bool swapped;  /* write the other byte order */
        bool unwanted; /* the answer to a call that asked for none: sending it does nothing */
        const char *expected; /* signature that the body must have; NULL: any */
        char signature[DBUS_SIGNATURE_MAX + 1];
        size_t n_signature;
        int fds[MESSAGE_FDS_MAX]; /* owned */
        unsigned n_fds;
        uint32_t serial; /* of the last sealing */
        unsigned depth;
        WriterFrame frames[DBUS_DEPTH_MAX + 1];
} Writer;

void writer_init(Writer *w);
void writer_done(Writer *w);
/* Closes the message's descriptors; it can no longer be sent, and the next one may be started. */
void writer_release(Writer *w);

/* Start a message. Names are checked; destination and interface may be NULL where there is none (peer to peer). */
void writer_start_call(Writer *w, const char *destination, const char *path, const char *interface,
                       const char *member);
void writer_start_signal(Writer *w, const char *path, const char *interface, const char *member);
void writer_start_return(Writer *w, const Message *call);
/* Puts the sentence as the error's first argument. */
void writer_start_error(Writer *w, const Message *call, const char *name, const char *sentence);
/*
 * The same for who answers later and kept of the call only its serial and, on a bus, its sender (else NULL). Not to be
 * used for calls that want no reply. The signature may be NULL.
 */
void writer_start_return_to(Writer *w, uint32_t serial, const char *destination, const char *signature);
void writer_start_error_to(Writer *w, uint32_t serial, const char *destination, const char *name,
                           const char *sentence);
/* Adds MessageFlags, before the message is sent. */
void writer_set_flags(Writer *w, unsigned flags);
/* True for a call without MESSAGE_NO_REPLY_EXPECTED. */
bool writer_wants_reply(const Writer *w);
/* Adds the sender field, which only a bus does. */
void writer_set_sender(Writer *w, const char *sender);

void writer_put_byte(Writer *w, uint8_t value);
void writer_put_bool(Writer *w, bool value);
void writer_put_int16(Writer *w, int16_t value);
void writer_put_uint16(Writer *w, uint16_t value);
void writer_put_int32(Writer *w, int32_t value);
void writer_put_uint32(Writer *w, uint32_t value);
void writer_put_int64(Writer *w, int64_t value);
void writer_put_uint64(Writer *w, uint64_t value);
void writer_put_double(Writer *w, double value);
/* NULL is written as "". */
void writer_put_string(Writer *w, const char *value);
void writer_put_path(Writer *w, const char *value);
void writer_put_signature(Writer *w, const char *value);
/* The message gets a duplicate; the descriptor stays the caller's. */
void writer_put_fd(Writer *w, int fd);
/* A whole 'ay' at once. */
void writer_put_bytes(Writer *w, const void *data, size_t n);

/*
 * Open a container. The contents' signature ("{sv}" for a{sv}, "su" for (su)) must live until it is closed; inside
 * another container, or where the signature is known beforehand, it may be NULL. A variant always needs one.
 */
void writer_open_array(Writer *w, const char *contents);
void writer_open_struct(Writer *w, const char *contents);
void writer_open_entry(Writer *w);
void writer_open_variant(Writer *w, const char *contents);
void writer_close(Writer *w);

/* One {sv} entry. */
void writer_put_option_string(Writer *w, const char *key, const char *value);
void writer_put_option_bool(Writer *w, const char *key, bool value);
void writer_put_option_int32(Writer *w, const char *key, int32_t value);
void writer_put_option_uint32(Writer *w, const char *key, uint32_t value);
void writer_put_option_uint64(Writer *w, const char *key, uint64_t value);
void writer_put_option_strings(Writer *w, const char *key, const char *const *values, size_t n);
/* Opens the entry and its variant for any other value; writer_close() twice afterwards. */
void writer_open_option(Writer *w, const char *key, const char *type);

/*
 * Completes the message for the wire: *ret_parts are its bytes until the next call on w. It may be sealed again with
 * another serial, to be sent to several peers. Negative errno: the first mistake, or -EINVAL if a container is open or
 * a value is missing, -EMSGSIZE over 128 MiB.
 */
int writer_seal(Writer *w, uint32_t serial, struct iovec ret_parts[static 2]);
