/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The head of the database: the pages that say which tables there are and where they begin. All of it hangs on them,
 * and they hardly ever change; a copy in a file of its own makes them a loss like any other. docs/store.md, "The
 * head". Of this room only.
 */

#include "store/database.h"

/*
 * After the log was copied into the database: copies the head if it is not that of the copy. Not synced; a copy that
 * is torn is none, and made again. What fails leaves the earlier copy or none.
 */
void head_keep(Database *db);

/* Lays the head that was kept over a copy of the database. -ENOENT: none was kept; other negative errno. */
int head_restore(const char *head, const char *copy);
