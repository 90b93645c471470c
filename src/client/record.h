/* SPDX-License-Identifier: MIT */
#pragma once

/* Records: filled from messages, and written into them. */

#include <stdatomic.h>

#include <bgtask/record.h>

#include "base/macro.h"
#include "dbus/reader.h"
#include "dbus/writer.h"

#define RECORD_FIELDS_MAX 1000
#define RECORD_KEY_MAX 255
/* Records in records. What a message nests deeper is left out. */
#define RECORD_DEPTH_MAX 8

typedef struct Field {
        char *key;
        int type;
        size_t n; /* of a list */
        union {
                bool boolean;
                int64_t signed_;
                uint64_t unsigned_;
                double real;
                char *string;
                void *bytes; /* n of them */
                char **strings;
                bgt_record *record;
                bgt_record **records;
        };
} Field;

struct bgt_record {
        atomic_uint n_ref;
        Field *fields;
        size_t n_fields;
        size_t allocated;
};

DEFINE_CLEANUP(bgt_record *, bgt_record_unref);

void record_field_done(Field *field);
/* Sets a value whose key is not filled in. Takes what it owns, in any case. -ENOMEM changes nothing. */
int record_put(bgt_record *record, const char *key, Field value);

/*
 * Reads one struct of a row, which has been opened or is the message's body itself. names has the key of each member
 * in order and ends with NULL; "*" takes an a{sv} whose entries belong to the row itself. Members without a name, and
 * values that a record cannot hold, are skipped. -ENOMEM, -EINVAL if a member is missing.
 */
int record_read_row(bgt_record *record, Reader *r, const char *const *names);
/* Reads the entries of one a{sv}. */
int record_read_options(bgt_record *record, Reader *r);
/* Sets key to an array of structs or of text, of this type. */
int record_read_list(bgt_record *record, const char *key, Reader *r, const char *type);
/* A new record of an a{sv}. */
int record_new_from_options(Reader *r, bgt_record **ret);
/* Puts one entry into an open {sv} array. */
void record_write_field(const Field *field, Writer *w);
/* Puts an a{sv}. record may be NULL. */
void record_write(const bgt_record *record, Writer *w);
