/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Named values in an order: the arguments of a request (ValueSet), the details of a firing, a row
 * of a list, the answer to a question. A record that the library hands out is never changed by it;
 * one that the caller made is the caller's to fill, by one thread, before it is passed on.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct bgt_record bgt_record;

enum bgt_type {
        BGT_TYPE_NONE = 0,     /* there is no such value */
        BGT_TYPE_BOOL = 1,
        BGT_TYPE_INT = 2,      /* signed, 64 bits */
        BGT_TYPE_UINT = 3,     /* unsigned, 64 bits */
        BGT_TYPE_STRING = 4,
        BGT_TYPE_STRINGS = 5,  /* a list of text */
        BGT_TYPE_RECORD = 6,
        BGT_TYPE_RECORDS = 7,  /* a list of records */
        BGT_TYPE_DOUBLE = 8,
        BGT_TYPE_BYTES = 9
};

/* An empty record; NULL if there is no memory. */
bgt_record *bgt_record_new(void);
bgt_record *bgt_record_ref(bgt_record *record);
void bgt_record_unref(bgt_record *record);

/*
 * Set a value, in the place of one of that key or at the end. key: 1 to 255 bytes. -EINVAL if key
 * or text are not valid UTF-8, -E2BIG if the record would hold more than 1000 values, -ENOMEM; the
 * record is then unchanged.
 */
int bgt_record_set_bool(bgt_record *record, const char *key, bool value);
int bgt_record_set_int(bgt_record *record, const char *key, int64_t value);
int bgt_record_set_uint(bgt_record *record, const char *key, uint64_t value);
int bgt_record_set_double(bgt_record *record, const char *key, double value);
int bgt_record_set_string(bgt_record *record, const char *key, const char *value);
int bgt_record_set_bytes(bgt_record *record, const char *key, const void *value, size_t n);
int bgt_record_set_strings(bgt_record *record, const char *key, const char *const *values, size_t n);
/* Keeps a reference to the value, which must not be changed afterwards. -EINVAL: nested deeper than 8. */
int bgt_record_set_record(bgt_record *record, const char *key, bgt_record *value);
/* The same with a list of n records. */
int bgt_record_set_records(bgt_record *record, const char *key, bgt_record *const *values, size_t n);

/* How many values it holds; 0 for NULL. */
size_t bgt_record_size(const bgt_record *record);
/* The key of the i-th value, in order; NULL past the end. */
const char *bgt_record_key(const bgt_record *record, size_t i);

/*
 * Look a value up by its key. record may be NULL, which holds nothing. A value that is not there,
 * or of another type, reads as the given default, NULL or nothing. BGT_TYPE_INT and _UINT read as
 * each other where the number fits. Text and lists belong to the record and live as long as it
 * does.
 */
int bgt_record_type(const bgt_record *record, const char *key);
bool bgt_record_bool(const bgt_record *record, const char *key, bool otherwise);
int64_t bgt_record_int(const bgt_record *record, const char *key, int64_t otherwise);
uint64_t bgt_record_uint(const bgt_record *record, const char *key, uint64_t otherwise);
double bgt_record_double(const bgt_record *record, const char *key, double otherwise);
const char *bgt_record_string(const bgt_record *record, const char *key);
/* *ret_n, if wanted, is their number, which may be 0. A 0 that does not count follows them. */
const void *bgt_record_bytes(const bgt_record *record, const char *key, size_t *ret_n);
/* *ret_n, if wanted, is the length of the list; the list also ends with NULL. */
const char *const *bgt_record_strings(const bgt_record *record, const char *key, size_t *ret_n);
const bgt_record *bgt_record_record(const bgt_record *record, const char *key);
const bgt_record *const *bgt_record_records(const bgt_record *record, const char *key, size_t *ret_n);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
