/* SPDX-License-Identifier: MIT */

#include "store/mark.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/macro.h"

#define MARK_NAME "bgtmark1"

static int read_mark(int fd, Mark *ret_mark)
{
        Mark mark;
        ssize_t n = pread(fd, &mark, sizeof mark, 0);

        if (n < 0)
                return -errno;
        if (n != (ssize_t)sizeof mark || memcmp(mark.name, MARK_NAME, sizeof mark.name) != 0 ||
            mark.crc != crc32c(0, &mark, offsetof(Mark, crc)))
                return -ENOENT;
        *ret_mark = mark;
        return 0;
}

int mark_read(const char *path, Mark *ret_mark)
{
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

        return fd < 0 ? -errno : read_mark(fd, ret_mark);
}

static int write_mark(int fd, const Mark *mark)
{
        Mark full = *mark;
        ssize_t n;

        memcpy(full.name, MARK_NAME, sizeof full.name);
        full.crc = crc32c(0, &full, offsetof(Mark, crc));
        n = pwrite(fd, &full, sizeof full, 0);
        return n == (ssize_t)sizeof full ? 0 : n < 0 ? -errno : -ENOSPC;
}

int mark_open(Database *db, const char *path)
{
        Mark mark;

        db->mark_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
        if (db->mark_fd < 0)
                return -errno;
        db->marked = true;
        db->mark_ended = read_mark(db->mark_fd, &mark) < 0 || mark.may_be_gone;
        return 0;
}

static bool read_log(sqlite3_file *log, void *data, size_t size, sqlite3_int64 offset)
{
        return log->pMethods->xRead(log, data, (int)size, offset) == SQLITE_OK;
}

void mark_commit(Database *db, int n_frames)
{
        Mark mark = { .n_frames = (uint32_t)n_frames };
        sqlite3_int64 frame, before;
        sqlite3_file *log = NULL;
        uint8_t start[12];

        if (!db->marked || n_frames <= 0)
                return;
        sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
        if (!log || !log->pMethods || !read_log(log, start, sizeof start, 0))
                return;
        mark.log_magic = read_be32(start);
        mark.page_size = read_be32(start + LOG_PAGE_SIZE_AT);
        frame = LOG_HEADER + (sqlite3_int64)(n_frames - 1) * (LOG_FRAME_HEADER + mark.page_size);
        before = n_frames == 1 ? LOG_SUM_AT : frame - LOG_FRAME_HEADER - mark.page_size + LOG_FRAME_SUM_AT;
        if (!read_log(log, mark.seed, sizeof mark.seed, before) ||
            !read_log(log, mark.frame, sizeof mark.frame, frame))
                return;
        db->mark_ended = false;
        write_mark(db->mark_fd, &mark);
}

int mark_end(Database *db)
{
        Mark mark = { 0 };
        int r;

        if (!db->marked || db->mark_ended)
                return 0;
        /* One that was written in half knows nothing. */
        if (read_mark(db->mark_fd, &mark) < 0)
                mark = (Mark){ 0 };
        mark.may_be_gone = true;
        r = write_mark(db->mark_fd, &mark);
        if (r == 0 && fdatasync(db->mark_fd) < 0)
                r = -errno;
        db->mark_ended = r == 0;
        return r;
}
