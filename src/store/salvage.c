/* SPDX-License-Identifier: MIT */

#include "store/salvage.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "store/format.h"

typedef struct Salvage {
        Database db;
        sqlite3_file *file;
        sqlite3_stmt *point;
        uint32_t page_size, n_pages;
        uint8_t *is_free; /* one for each page */
        uint8_t *page;
        SalvagedRow row;
        void *userdata;
        Table table;
} Salvage;

static int read_page(const Salvage *s, uint32_t number)
{
        sqlite3_int64 at = (sqlite3_int64)(number - 1) * s->page_size;

        return s->file->pMethods->xRead(s->file, s->page, (int)s->page_size, at) == SQLITE_OK ? 0 : -EIO;
}

static int prepare(Salvage *s)
{
        /* The log would grow by a page for each that is read. */
        static const char settle[] =
                "PRAGMA synchronous = OFF; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA wal_autocheckpoint = 1000";
        static const char point[] = "UPDATE sqlite_schema SET rootpage = ?1 WHERE type = 'table' AND name = ?2";
        sqlite3_int64 size;
        uint8_t start[2];
        int r;

        /* From here on all of it is in one file. */
        r = database_execute(&s->db, settle);
        if (r < 0)
                return r;
        sqlite3_db_config(s->db.handle, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
        sqlite3_db_config(s->db.handle, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);
        r = database_errno(&s->db, sqlite3_prepare_v2(s->db.handle, point, -1, &s->point, NULL));
        if (r < 0)
                return r;
        sqlite3_file_control(s->db.handle, "main", SQLITE_FCNTL_FILE_POINTER, &s->file);
        if (!s->file || !s->file->pMethods || s->file->pMethods->xFileSize(s->file, &size) != SQLITE_OK ||
            s->file->pMethods->xRead(s->file, start, sizeof start, FORMAT_PAGE_SIZE_AT) != SQLITE_OK)
                return -EIO;
        s->page_size = format_page_size(start);
        if (s->page_size == 0)
                return -EUCLEAN;
        s->n_pages = (uint32_t)MIN(size / s->page_size, (sqlite3_int64)UINT32_MAX - 1);
        s->is_free = calloc(s->n_pages + 1, 1);
        s->page = malloc(s->page_size);
        return s->is_free && s->page ? 0 : -ENOMEM;
}

static bool take_as_free(Salvage *s, uint32_t number)
{
        if (number < 2 || number > s->n_pages || s->is_free[number])
                return false;
        s->is_free[number] = 1;
        return true;
}

/* 0: all free pages are known. */
static int read_free_list(Salvage *s)
{
        uint32_t trunk, n, n_found = 0;

        if (read_page(s, 1) < 0)
                return -EIO;
        trunk = read_be32(s->page + FORMAT_FREE_PAGES_AT);
        n = read_be32(s->page + FORMAT_FREE_PAGES_AT + 4);
        while (trunk != 0) {
                uint32_t n_leaves;

                if (!take_as_free(s, trunk) || read_page(s, trunk) < 0)
                        return -EUCLEAN;
                n_leaves = read_be32(s->page + 4);
                if (n_leaves > s->page_size / 4 - 2)
                        return -EUCLEAN;
                for (uint32_t i = 0; i < n_leaves; i++)
                        if (!take_as_free(s, read_be32(s->page + 8 + 4 * (size_t)i)))
                                return -EUCLEAN;
                n_found += 1 + n_leaves;
                trunk = read_be32(s->page);
        }
        return n_found == n ? 0 : -EUCLEAN;
}

static const uint8_t *skip_varint(const uint8_t *p, const uint8_t *end)
{
        for (int i = 0; i < 8 && p < end && *p & 0x80; i++)
                p++;
        return p < end ? p + 1 : end;
}

/* The number of columns that the first row of the page has. 0: it is no page of rows. */
static int count_columns(const Salvage *s)
{
        const uint8_t *end = s->page + s->page_size, *p;
        size_t cell = read_be16(s->page + FORMAT_LEAF_CELLS_AT);
        int n = 0;

        if (*s->page != FORMAT_TABLE_LEAF || read_be16(s->page + FORMAT_N_CELLS_AT) == 0 || cell >= s->page_size)
                return 0;
        p = skip_varint(skip_varint(s->page + cell, end), end);
        /* No row of ours has a header of more than 127 bytes. */
        if (p >= end || *p >= 0x80 || *p > end - p)
                return 0;
        for (end = p + *p, p++; p < end; n++)
                p = skip_varint(p, end);
        return n;
}

static int salvage_row(sqlite3_stmt *statement, void *userdata)
{
        Salvage *s = userdata;

        return s->row(s->table, statement, s->userdata);
}

/* The page alone becomes the table. */
static int read_as(Salvage *s, uint32_t page, Table table)
{
        int r;

        sqlite3_bind_int64(s->point, 1, page);
        sqlite3_bind_text(s->point, 2, table_infos[table].name, -1, SQLITE_STATIC);
        r = database_errno(&s->db, sqlite3_step(s->point));
        sqlite3_reset(s->point);
        if (r == 0)
                r = database_execute(&s->db, "PRAGMA writable_schema = RESET");
        if (r < 0)
                return r;
        sqlite3_db_config(s->db.handle, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);
        s->table = table;
        return table_scan_around(&s->db, table, salvage_row, s);
}

static int read_pages(Salvage *s)
{
        int r = 0;

        for (uint32_t number = 2; r == 0 && number <= s->n_pages; number++) {
                int n_columns;

                if (s->is_free[number])
                        continue;
                r = read_page(s, number);
                n_columns = r == 0 ? count_columns(s) : 0;
                for (Table table = 0; r == 0 && table < _TABLE_MAX; table++)
                        if (table_infos[table].n_columns - (table == TABLE_LEVEL) == n_columns)
                                r = read_as(s, number, table);
        }
        return r;
}

int salvage(const char *copy, SalvagedRow row, void *userdata)
{
        Salvage s = { .row = row, .userdata = userdata };
        int r;

        r = database_open_as_it_is(&s.db, copy);
        if (r == 0)
                r = prepare(&s);
        if (r == 0)
                r = read_free_list(&s);
        if (r == 0)
                r = read_pages(&s);
        sqlite3_finalize(s.point);
        database_close(&s.db);
        free(s.is_free);
        free(s.page);
        return r == -EUCLEAN || r == -EROFS ? 0 : r;
}
