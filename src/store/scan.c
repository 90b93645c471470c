/* SPDX-License-Identifier: MIT */

#include "store/scan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/macro.h"

const TableInfo table_infos[_TABLE_MAX] = {
        [TABLE_PACKAGE] = { "package",
                            "key, name, folder, external_location, target_name, version, content, "
                            "installed_real_usec, manifest, crc", 10 },
        [TABLE_PAUSED] = { "paused", "key, package, since_real_usec, crc", 4 },
        [TABLE_WINE_PREFIX] = { "wine_prefix", "key, package, prefix, crc", 4 },
        [TABLE_TASK] = { "task", "key, id, package, name, spec, state", 6 },
        [TABLE_PENDING] = { "pending",
                            "key, task, number, accepted_real_usec, scheduled_real_usec, first_scheduled_real_usec, "
                            "count, attempts, fired_by, forced, rerun, details, crc", 13 },
        /* The condition is the key, and a part of what the checksum covers. */
        [TABLE_LEVEL] = { "level", "condition AS key, condition, level, boot_id, crc", 5 },
        [TABLE_RUN] = { "run",
                        "key, id, task, package, name, number, server, accepted_real_usec, scheduled_real_usec, "
                        "first_scheduled_real_usec, started_real_usec, ended_real_usec, count, attempts, progress, "
                        "fired_by, outcome, reason, detail, result, cpu_usec, memory_bytes, crc", 23 },
};

/*
 * What the result of SQLite's means for a scan. A row longer than any that was written has a damaged length; SQLite
 * also says that there is no memory for lengths that make no sense, so it is asked whether there is some.
 */
static int judge(Database *db, int result)
{
        int r = database_errno(db, result);

        if (r == -ENOMEM)
                return database_has_memory() ? SCAN_E_TORN : -ENOMEM;
        return r == -EUCLEAN || r == -EIO || r == -E2BIG ? SCAN_E_TORN : r;
}

/*
 * Rows up to *last are left out in both directions; upwards *last follows. Pages that are linked wrongly show
 * themselves by keys that are out of order, and would show the same row twice.
 */
static int scan(Database *db, Table table, bool up, sqlite3_int64 *last, TableRow row, void *userdata)
{
        sqlite3_int64 after = *last, before = INT64_MAX, key;
        int r = 0, result = SQLITE_OK;
        sqlite3_stmt *s = NULL;
        char sql[512];

        snprintf(sql, sizeof sql, "SELECT %s FROM %s WHERE %s > ?1 ORDER BY 1 %s", table_infos[table].columns,
                 table_infos[table].name, table == TABLE_LEVEL ? "condition" : "key", up ? "ASC" : "DESC");
        result = sqlite3_prepare_v2(db->handle, sql, -1, &s, NULL);
        if (result != SQLITE_OK)
                return judge(db, result);
        sqlite3_bind_int64(s, 1, after);
        while (r == 0 && (result = sqlite3_step(s)) == SQLITE_ROW) {
                key = sqlite3_column_int64(s, 0);
                if (key <= after || key >= before) {
                        result = SQLITE_CORRUPT;
                        break;
                }
                if (up)
                        *last = after = key;
                else
                        before = key;
                r = row(s, userdata);
        }
        if (r == 0)
                r = judge(db, result);
        sqlite3_finalize(s);
        return r;
}

int table_scan(Database *db, Table table, sqlite3_int64 *last, TableRow row, void *userdata)
{
        return scan(db, table, true, last, row, userdata);
}

int table_scan_around(Database *db, Table table, TableRow row, void *userdata)
{
        sqlite3_int64 last = INT64_MIN;
        int r;

        r = scan(db, table, true, &last, row, userdata);
        if (r == SCAN_E_TORN)
                r = scan(db, table, false, &last, row, userdata);
        return r == SCAN_E_TORN ? 0 : r;
}
