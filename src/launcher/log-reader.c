/* SPDX-License-Identifier: MIT */

#include "launcher/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/macro.h"
#include "launcher/log-format.h"

/* More than a record is garbage; it is passed over piece by piece. */
#define WINDOW (64 * 1024)

typedef struct Reader {
        uint64_t from;
        uint64_t to;
        LogCallback callback;
        void *userdata;
} Reader;

static int handle_line(const Reader *reader, const char *line, size_t n)
{
        uint64_t time;
        LogKind kind;

        if (n < LOG_TIME_SIZE + 1 || !log_parse_time(line, &time) || time < reader->from || time > reader->to)
                return 0;
        switch (line[LOG_TIME_SIZE]) {
        case ' ':
                kind = LOG_LINE;
                break;
        case '+':
                kind = LOG_PIECE;
                break;
        case '!':
                kind = LOG_NOTE;
                break;
        default:
                return 0;
        }
        line += LOG_TIME_SIZE + 1;
        n -= LOG_TIME_SIZE + 1;
        if (n > LOG_TEXT_MAX)
                return 0;
        return reader->callback(time, kind, line, n, reader->userdata);
}

/* A last line without its end is still being written, or was torn off: both are passed over. */
static int read_all(const Reader *reader, int fd, char *window)
{
        size_t n = 0;

        for (;;) {
                char *line = window, *newline;
                ssize_t more;
                int r;

                more = read(fd, window + n, WINDOW - n);
                if (more < 0 && errno == EINTR)
                        continue;
                if (more <= 0)
                        return more < 0 ? -errno : 0;
                n += (size_t)more;
                while ((newline = memchr(line, '\n', n))) {
                        r = handle_line(reader, line, (size_t)(newline - line));
                        if (r != 0)
                                return r;
                        n -= (size_t)(newline + 1 - line);
                        line = newline + 1;
                }
                if (n == WINDOW)
                        n = 0;
                memmove(window, line, n);
        }
}

static int open_one(int folder_fd, const char *name)
{
        struct stat st;
        int fd;

        fd = openat(folder_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) >= 0 && S_ISREG(st.st_mode))
                return fd;
        safe_close(fd);
        return -ENOENT;
}

static bool same_file(int a, int b)
{
        struct stat x, y;

        return fstat(a, &x) >= 0 && fstat(b, &y) >= 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

/* The newer first: if it becomes the older one before that is opened, both are the same file and it is tried again. */
static int open_both(const char *log_directory, const char *id, int *ret_older, int *ret_newer)
{
        char name[LOG_NAME_MAX];
        _cleanup_(closep) int folder_fd = -1;

        folder_fd = open(log_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder_fd < 0)
                return -errno;
        for (int i = 0; i < 4; i++) {
                _cleanup_(closep) int older = -1, newer = -1;

                snprintf(name, sizeof name, "%s.log", id);
                newer = open_one(folder_fd, name);
                snprintf(name, sizeof name, "%s.log.1", id);
                older = open_one(folder_fd, name);
                if (newer < 0 && older < 0)
                        return newer;
                if (newer >= 0 && older >= 0 && same_file(newer, older))
                        continue;
                *ret_older = TAKE_FD(older);
                *ret_newer = TAKE_FD(newer);
                return 0;
        }
        return -EAGAIN;
}

int log_read(const char *log_directory, const char *id, uint64_t from_real_usec, uint64_t to_real_usec,
             LogCallback callback, void *userdata)
{
        const Reader reader = { from_real_usec, to_real_usec, callback, userdata };
        _cleanup_(closep) int older = -1, newer = -1;
        _cleanup_(freep) char *window = NULL;
        int r;

        if (!launcher_id_is_valid(id))
                return -EINVAL;
        r = open_both(log_directory, id, &older, &newer);
        if (r < 0)
                return r;
        window = malloc(WINDOW);
        if (!window)
                return -ENOMEM;
        r = older >= 0 ? read_all(&reader, older, window) : 0;
        if (r == 0 && newer >= 0)
                r = read_all(&reader, newer, window);
        return r;
}
