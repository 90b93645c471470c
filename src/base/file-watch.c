/* SPDX-License-Identifier: MIT */

#include "base/file-watch.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* "." and ".." would make two names of one file, and none of a file that moves. */
static bool has_dots(const char *path)
{
        for (const char *p = path; (p = strstr(p, "/.")); p++)
                if (p[2] == '\0' || p[2] == '/' || (p[2] == '.' && (p[3] == '\0' || p[3] == '/')))
                        return true;
        return false;
}

const char *file_watch_add(FileWatch *watch, const char *path)
{
        size_t n = strlen(path);

        if (watch->n_paths == FILE_WATCH_PATHS_MAX)
                return "is one more than the 64 that a trigger watches";
        if (path[0] != '/')
                return "is not an absolute path";
        if (n >= PATH_MAX)
                return "is too long";
        if (!utf8_is_valid(path, n) || utf8_has_control(path, n))
                return "has characters that no path here may have";
        if (has_dots(path) || strstr(path, "//") || (n > 1 && path[n - 1] == '/'))
                return "is not in its shortest form, without '.', '..', '//' and '/' at the end";
        watch->paths[watch->n_paths++] = path;
        return NULL;
}

/* By tracker and recursive. */
static const char letters[2][3] = { "FR", "GT" };

int file_watch_format(const FileWatch *watch, Buffer *buffer)
{
        int r = buffer_printf(buffer, "%c %" PRIu64 " %" PRIu64, letters[watch->tracker][watch->recursive],
                              watch->delay_usec, watch->max_delay_usec);

        for (size_t i = 0; r >= 0 && i < watch->n_paths; i++)
                r = buffer_printf(buffer, "\n%s", watch->paths[i]);
        return r;
}

int file_watch_parse(char *text, FileWatch *ret_watch)
{
        FileWatch watch = { 0 };
        char *line = text, *next, kind;

        next = strchr(line, '\n');
        if (!next || sscanf(line, "%c %" SCNu64 " %" SCNu64, &kind, &watch.delay_usec, &watch.max_delay_usec) != 3 ||
            !strchr("FRGT", kind) || watch.max_delay_usec < watch.delay_usec)
                return -EINVAL;
        watch.tracker = file_watch_is_tracker(text);
        watch.recursive = kind == letters[watch.tracker][1];
        while (next) {
                line = next + 1;
                next = strchr(line, '\n');
                if (next)
                        *next = '\0';
                if (file_watch_add(&watch, line))
                        return -EINVAL;
        }
        *ret_watch = watch;
        return 0;
}

bool file_watch_is_tracker(const char *text)
{
        return text[0] == letters[1][0] || text[0] == letters[1][1];
}
