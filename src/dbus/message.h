/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A message that arrived. It is validated as a whole before anyone sees it: header, names, text, padding, nesting and
 * every value of the body, so that its users only ask for what they expect. It owns its bytes and its descriptors and
 * is counted: whoever wants it after a callback takes a reference. Not to be changed, except for fds that are taken
 * out.
 *
 *      writer.h   makes messages to send
 *      reader.h   reads the body of one that arrived
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/macro.h"

#define MESSAGE_FDS_MAX 16

typedef enum MessageType {
        MESSAGE_CALL = 1,
        MESSAGE_RETURN,
        MESSAGE_ERROR,
        MESSAGE_SIGNAL,
        _MESSAGE_TYPE_MAX,
} MessageType;

typedef enum MessageFlags {
        MESSAGE_NO_REPLY_EXPECTED = 1 << 0,
        MESSAGE_NO_AUTO_START = 1 << 1,
        MESSAGE_ALLOW_INTERACTIVE_AUTHORIZATION = 1 << 2,
} MessageFlags;

typedef struct Message {
        unsigned n_ref;
        unsigned type;          /* a MessageType; a larger number is a type that came after us and is to be ignored */
        unsigned flags;         /* MessageFlags, unknown ones included */
        bool swapped;           /* the body is in the other byte order */
        uint32_t serial;        /* never 0 */
        uint32_t reply_serial;  /* 0 if the field is absent */
        const char *path;       /* these are NULL if absent */
        const char *interface;
        const char *member;
        const char *error_name;
        const char *destination;
        const char *sender;
        const char *signature;  /* "" if absent */
        const uint8_t *body;
        size_t n_body;
        int fds[MESSAGE_FDS_MAX];
        unsigned n_fds;
        /* What dispatch knows of the call: the signature that its answer must have. NULL: not known. Static. */
        const char *reply_signature;
        uint8_t *data;
        size_t n_data;
        size_t allocated;
} Message;

/*
 * Finds the size of the message that starts at data, of which n bytes are there. Returns 1 and sets *ret_size, 0 if n
 * is too small to tell, -EBADMSG if this is no message, -EMSGSIZE if it would be larger than limit bytes.
 */
int message_peek_size(const uint8_t *data, size_t n, size_t limit, size_t *ret_size);

/*
 * Checks n bytes that are exactly one message and makes a Message of a copy of them. It takes as many descriptors,
 * from the first on, as its header says (then m->n_fds); the others, and all if the call fails, stay the caller's.
 * -EBADMSG if anything is wrong with the bytes or there are too few descriptors, -ENOMEM.
 */
int message_new(const uint8_t *data, size_t n, const int *fds, unsigned n_fds, Message **ret_message);
/* The same into a message that has no other user, whose memory is used again. If it fails the message is empty. */
int message_refill(Message *m, const uint8_t *data, size_t n, const int *fds, unsigned n_fds);

/* Empties a message that has no other user: closes its descriptors and keeps memory for the next message_refill(). */
void message_clear(Message *m);

/* References are atomic: a message may be handed to another thread. */
Message *message_ref(Message *m);
/* NULL is allowed; returns NULL. The last reference closes the descriptors that are still in the message. */
Message *message_unref(Message *m);
DEFINE_CLEANUP(Message *, message_unref);

/* Takes a descriptor out of the message, which loses it. -1 if it has none of this index, or no longer. */
int message_take_fd(Message *m, unsigned index);

bool message_is_call(const Message *m, const char *interface, const char *member);
bool message_is_signal(const Message *m, const char *interface, const char *member);
/* The sentence of an error reply: its first argument if that is text, else "". Never NULL; lives as long as m. */
const char *message_error_text(const Message *m);
static inline bool message_wants_reply(const Message *m)
{
        return m->type == MESSAGE_CALL && !(m->flags & MESSAGE_NO_REPLY_EXPECTED);
}
