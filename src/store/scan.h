/* SPDX-License-Identifier: MIT */
#pragma once

/* Reads whole tables, around damage. Of this room only. */

#include "store/database.h"

typedef enum Table {
        TABLE_PACKAGE,
        TABLE_PAUSED,
        TABLE_WINE_PREFIX,
        TABLE_TASK,
        TABLE_PENDING,
        TABLE_LEVEL,
        TABLE_RUN,
        _TABLE_MAX,
} Table;

typedef struct TableInfo {
        const char *name;
        const char *columns; /* the key, then those that a row is made of */
        int n_columns;
} TableInfo;

extern const TableInfo table_infos[_TABLE_MAX];

/* Column 0 of the statement is the key. A negative result ends the scan and is its result. */
typedef int (*TableRow)(sqlite3_stmt *statement, void *userdata);

/* The structure of the file is damaged, or the disk cannot be read. */
#define SCAN_E_TORN 1

/*
 * Calls back for each row whose key is greater than *last, in the order of the keys, and leaves in *last the key of
 * the last one. SCAN_E_TORN, negative errno.
 */
int table_scan(Database *db, Table table, sqlite3_int64 *last, TableRow row, void *userdata);

/* All rows that SQLite can reach: where it cannot go on, the others are read from the end of the table. */
int table_scan_around(Database *db, Table table, TableRow row, void *userdata);
