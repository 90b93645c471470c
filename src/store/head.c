/* SPDX-License-Identifier: MIT */

#include "store/head.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/macro.h"
#include "store/format.h"

#define HEAD_NAME "bgthead1"
#define PAGES_MAX 16
#define PAGE_SIZE_MAX 65536

/* In the file: this, then each page behind its number (4 bytes), then the CRC32C of all before it. */
typedef struct HeadStart {
        char name[8];
        uint32_t page_size;
        uint32_t n_pages;
} HeadStart;

typedef struct Gather {
        sqlite3_file *file;
        HeadStart start;
        Buffer bytes;
} Gather;

/* What changes with every commit, and is not worth a copy. What is left out of it is what SQLite can do without. */
static void leave_out_counters(uint8_t *page)
{
        memset(page + FORMAT_CHANGES_AT, 0, 4);
        memset(page + FORMAT_N_PAGES_AT, 0, 4);
        memset(page + FORMAT_FREE_PAGES_AT, 0, 8);
        memset(page + FORMAT_VALID_FOR_AT, 0, 4);
        memset(page + FORMAT_VERSION_AT, 0, 4);
}

/* The page, and those below it. -EUCLEAN: it is not of the tree of a table. */
static int gather(Gather *g, uint32_t number)
{
        size_t at = g->bytes.size, size = g->start.page_size;
        const uint8_t *tree;
        uint8_t *page;
        int r;

        if (number == 0 || g->start.n_pages++ >= PAGES_MAX)
                return -EUCLEAN;
        r = buffer_append(&g->bytes, &number, sizeof number);
        if (r == 0)
                r = buffer_reserve(&g->bytes, size);
        if (r < 0)
                return r;
        page = g->bytes.data + g->bytes.size;
        if (g->file->pMethods->xRead(g->file, page, (int)size, (sqlite3_int64)(number - 1) * size) != SQLITE_OK)
                return -EIO;
        g->bytes.size += size;
        if (number == 1)
                leave_out_counters(page);
        tree = page + (number == 1 ? FORMAT_HEADER : 0);
        if (*tree == FORMAT_TABLE_LEAF)
                return 0;
        if (*tree != FORMAT_TABLE_INTERIOR)
                return -EUCLEAN;
        r = gather(g, read_be32(tree + FORMAT_RIGHT_AT));
        for (unsigned i = 0; r == 0; i++) {
                unsigned cell;

                /* The buffer moves while it grows. */
                page = g->bytes.data + at + sizeof number;
                tree = page + (number == 1 ? FORMAT_HEADER : 0);
                if (i >= read_be16(tree + FORMAT_N_CELLS_AT) || i >= PAGES_MAX)
                        break;
                cell = read_be16(tree + FORMAT_INTERIOR_CELLS_AT + 2 * (size_t)i);
                r = cell + 4 > size ? -EUCLEAN : gather(g, read_be32(page + cell));
        }
        return r;
}

static int read_head(Gather *g)
{
        uint8_t size[2];
        uint32_t crc;
        int r;

        if (g->file->pMethods->xRead(g->file, size, sizeof size, FORMAT_PAGE_SIZE_AT) != SQLITE_OK)
                return -EIO;
        memcpy(g->start.name, HEAD_NAME, sizeof g->start.name);
        g->start.page_size = format_page_size(size);
        if (g->start.page_size == 0)
                return -EUCLEAN;
        r = buffer_append(&g->bytes, &g->start, sizeof g->start);
        if (r == 0)
                r = gather(g, 1);
        if (r < 0)
                return r;
        memcpy(g->bytes.data, &g->start, sizeof g->start);
        crc = crc32c(0, g->bytes.data, g->bytes.size);
        return buffer_append(&g->bytes, &crc, sizeof crc);
}

/* The kept head, whole; empty if there is none. Negative errno. */
static int read_kept(const char *path, Buffer *ret_bytes)
{
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        const size_t max = sizeof(HeadStart) + PAGES_MAX * (4 + PAGE_SIZE_MAX) + 4;
        ssize_t n;
        int r;

        if (fd < 0)
                return -errno;
        do {
                r = buffer_reserve(ret_bytes, 16384);
                if (r < 0)
                        return r;
                n = read(fd, ret_bytes->data + ret_bytes->size, 16384);
                if (n < 0)
                        return -errno;
                ret_bytes->size += (size_t)n;
        } while (n > 0 && ret_bytes->size <= max);
        return 0;
}

static bool is_kept(const char *path, const Buffer *bytes)
{
        _cleanup_(buffer_done) Buffer kept = { 0 };

        return read_kept(path, &kept) == 0 && kept.size == bytes->size &&
               memcmp(kept.data, bytes->data, bytes->size) == 0;
}

void head_keep(Database *db)
{
        Gather g = { 0 };

        /* Through SQLite's own descriptor: closing another one would give up its locks. */
        if (!db->head || sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_FILE_POINTER, &g.file) != SQLITE_OK ||
            !g.file->pMethods)
                return;
        if (read_head(&g) == 0 && !is_kept(db->head, &g.bytes))
                replace_file(db->head, g.bytes.data, g.bytes.size, false);
        buffer_done(&g.bytes);
}

/* The pages of the kept head over those of the file. */
static int lay_over(const Buffer *kept, const char *path)
{
        _cleanup_(closep) int fd = -1;
        HeadStart start;
        const uint8_t *p;
        uint32_t crc;

        if (kept->size < sizeof start + sizeof crc)
                return -ENOENT;
        memcpy(&start, kept->data, sizeof start);
        memcpy(&crc, kept->data + kept->size - sizeof crc, sizeof crc);
        if (memcmp(start.name, HEAD_NAME, sizeof start.name) != 0 || start.page_size < 512 ||
            kept->size != sizeof start + start.n_pages * (size_t)(4 + start.page_size) + sizeof crc ||
            crc != crc32c(0, kept->data, kept->size - sizeof crc))
                return -ENOENT;
        fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        p = kept->data + sizeof start;
        for (uint32_t i = 0; i < start.n_pages; i++, p += start.page_size) {
                uint32_t number;
                ssize_t n;

                memcpy(&number, p, sizeof number);
                p += sizeof number;
                n = pwrite(fd, p, start.page_size, (off_t)(number - 1) * start.page_size);
                if (n != (ssize_t)start.page_size)
                        return n < 0 ? -errno : -ENOSPC;
        }
        return 0;
}

int head_restore(const char *head, const char *copy)
{
        _cleanup_(buffer_done) Buffer kept = { 0 };
        int r;

        r = read_kept(head, &kept);
        return r < 0 ? r : lay_over(&kept, copy);
}
