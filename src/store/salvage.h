/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Rows of a database whose pages do not lead to them any more. Every page that holds rows of a table says so itself;
 * what is not free is looked at, one page after the other. docs/store.md, "A repair". Of this room only.
 */

#include "store/scan.h"

typedef int (*SalvagedRow)(Table table, sqlite3_stmt *statement, void *userdata);

/*
 * Calls back for each row that such a page of the database holds; most of them are also found in other ways. `copy` is
 * the path of a copy of the database and its log, which is changed. Nothing if that cannot be read at all, or if it is
 * not known which pages are free: they hold what was deleted. -ENOMEM, -EIO, and what the callback returns.
 */
int salvage(const char *copy, SalvagedRow row, void *userdata);
