/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Logs of servers: one text file per server id, "ID.log", and its predecessor "ID.log.1"; both together stay under the
 * limit. A line is a record:
 *
 *   2026-01-31T12:34:56.123456Z text        a line, or its last piece
 *   2026-01-31T12:34:56.123456Z+text        a piece, the line goes on in the next record
 *   2026-01-31T12:34:56.123456Z!text        said by the log itself, for instance how many lines a full disk has cost
 *
 * The time is that at which the broker read the text, in UTC. Pieces are at most LOG_TEXT_MAX bytes. Text is what the
 * server wrote, newline excepted: whoever shows it on a terminal must take out what a terminal obeys.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_TEXT_MAX 4096

typedef enum LogKind {
        LOG_LINE,
        LOG_PIECE,
        LOG_NOTE,
        _LOG_KIND_MAX,
} LogKind;

/* The text is not terminated and lives until the callback returns. Anything but 0 ends the reading. */
typedef int (*LogCallback)(uint64_t real_usec, LogKind kind, const char *text, size_t size, void *userdata);

/*
 * Reads the records of a server with from <= time <= to, oldest first as written. Lines that are no records are passed
 * over. Returns 0, what the callback returned, -ENOENT if the server has no log, -EINVAL for an invalid id. Reads at
 * most the limit of a log; touches nothing and may run beside a writer.
 */
int log_read(const char *log_directory, const char *id, uint64_t from_real_usec, uint64_t to_real_usec,
             LogCallback callback, void *userdata);
