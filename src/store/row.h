/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Rows as bytes. A value is a tag and its bytes; a statement with its values waits in that form for the writer, and
 * the checksum of a row is the CRC32C of its values in that form. Tasks have two packed columns with a checksum each.
 * Of this room only.
 */

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/rows.h"

/* Appends one value. -ENOMEM changes nothing, -E2BIG: longer than max. NULL is the empty text or blob. */
int value_put_int(Buffer *b, uint64_t x);
int value_put_text(Buffer *b, const char *text, size_t max);
int value_put_blob(Buffer *b, const void *data, size_t size, size_t max);

/* Binds the values from *position on to parameters 1 to n_values; the bytes outlive the step. SQLite's result. */
int value_bind_all(sqlite3_stmt *statement, const uint8_t **position, unsigned n_values);

/* The checksum of columns first to last - 1 of the current row. */
uint32_t row_checksum(sqlite3_stmt *statement, int first, int last);

/*
 * Reads columns in turn. What does not fit the type that was asked for sets bad and reads as 0 or "", so that a row
 * is judged once, at its end.
 */
typedef struct RowReader {
        sqlite3_stmt *statement;
        int column;
        bool bad;
} RowReader;

uint64_t row_u64(RowReader *r);
/* A number of at most max. */
uint32_t row_u32(RowReader *r, uint32_t max);
int32_t row_i32(RowReader *r);
Uuid row_uuid(RowReader *r);
/* Text without NUL inside; valid until the next step. */
const char *row_text(RowReader *r);
const void *row_blob(RowReader *r, size_t *ret_size);
/* The checksum column, against the columns from first to the one before it. */
void row_check(RowReader *r, int first);

/* The packed columns of a task, appended as values; package and name are set. -ENOMEM. */
int task_put_spec(Buffer *b, const TaskRow *row);
int task_put_state(Buffer *b, const TaskRow *row);

/*
 * Who fired, in one number: FIRED_BY_x in the lowest four bits, the place of the trigger in the next four, its kind
 * above. Earlier versions wrote the first alone.
 */
static inline uint32_t fired_by_pack(uint8_t fired_by, uint8_t trigger, uint8_t kind)
{
        return (uint32_t)(fired_by & 15) | (uint32_t)(trigger & 15) << 4 | (uint32_t)kind << 8;
}

static inline void fired_by_unpack(uint32_t packed, uint8_t *ret_fired_by, uint8_t *ret_trigger, uint8_t *ret_kind)
{
        *ret_fired_by = packed & 15;
        *ret_trigger = packed >> 4 & 15;
        if (ret_kind)
                *ret_kind = (uint8_t)(packed >> 8);
}

/*
 * The columns id, package, name, spec, state from r on. 0: the row is damaged, 1: it is whole, and its pointers are
 * valid until the next step or the next use of scratch. -ENOMEM.
 */
int task_read(RowReader *r, Buffer *scratch, TaskRow *ret_row);
