/* SPDX-License-Identifier: MIT */

#include "launcher/cgroup-find.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "base/buffer.h"
#include "base/macro.h"

#define FILE_MAX (1024 * 1024)

int cgroup_parse_membership(const char *text, char **ret_path)
{
        const char *line = text;
        char *path;

        while (strncmp(line, "0::", 3) != 0) {
                line = strchr(line, '\n');
                if (!line)
                        return -ENOENT;
                line++;
        }
        line += 3;
        if (*line != '/')
                return -ENOENT;
        path = strndup(line, strcspn(line, "\n"));
        if (!path)
                return -ENOMEM;
        *ret_path = path;
        return 0;
}

/* mountinfo writes blanks, newlines and backslashes as three octal digits. */
static void unescape(char *text)
{
        char *to = text;

        for (; *text; text++) {
                if (text[0] == '\\' && strspn(text + 1, "01234567") >= 3) {
                        *to++ = (char)((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0'));
                        text += 3;
                } else
                        *to++ = *text;
        }
        *to = '\0';
}

/* "36 35 98:0 ROOT POINT options optional-fields - TYPE source options" */
static int parse_mount(const char *line, size_t n, char **ret_root, char **ret_point)
{
        _cleanup_(freep) char *copy = strndup(line, n), *root = NULL, *point = NULL;
        char *separator, *save = NULL, *field;
        int i = 0;

        if (!copy)
                return -ENOMEM;
        separator = strstr(copy, " - ");
        if (!separator || strncmp(separator + 3, "cgroup2 ", strlen("cgroup2 ")) != 0)
                return -ENOENT;
        for (field = strtok_r(copy, " ", &save); field && i < 5; field = strtok_r(NULL, " ", &save), i++) {
                if (i == 3)
                        root = strdup(field);
                if (i == 4)
                        point = strdup(field);
        }
        if (!root || !point)
                return i < 5 ? -ENOENT : -ENOMEM;
        unescape(root);
        unescape(point);
        *ret_root = TAKE_PTR(root);
        *ret_point = TAKE_PTR(point);
        return 0;
}

/* The part of path below root, NULL if it is not there. */
static const char *path_below(const char *path, const char *root)
{
        size_t n = strlen(root);

        if (strcmp(root, "/") == 0)
                return path + 1;
        if (strncmp(path, root, n) != 0)
                return NULL;
        if (path[n] == '/')
                return path + n + 1;
        return path[n] ? NULL : path + n;
}

int cgroup_parse_mounts(const char *text, const char *path, char **ret_folder)
{
        for (const char *line = text, *next; *line; line = next) {
                _cleanup_(freep) char *root = NULL, *point = NULL;
                size_t n = strcspn(line, "\n");
                const char *below;
                char *folder;
                int r;

                next = line + n + (line[n] == '\n');
                r = parse_mount(line, n, &root, &point);
                if (r == -ENOENT)
                        continue;
                if (r < 0)
                        return r;
                below = path_below(path, root);
                if (!below)
                        continue;
                if (asprintf(&folder, "%s%s%s", point, *below ? "/" : "", below) < 0)
                        return -ENOMEM;
                *ret_folder = folder;
                return 0;
        }
        return -ENOENT;
}

static int read_file(const char *path, Buffer *buffer)
{
        _cleanup_(closep) int fd = -1;
        ssize_t n;
        int r;

        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        do {
                r = buffer_reserve(buffer, 4097);
                if (r < 0)
                        return r;
                n = read(fd, buffer->data + buffer->size, 4096);
                if (n < 0)
                        return -errno;
                buffer->size += (size_t)n;
        } while (n > 0 && buffer->size < FILE_MAX);
        buffer->data[buffer->size] = '\0';
        return 0;
}

static bool is_marked(const char *folder)
{
        char value[4];

        return (getxattr(folder, "user.delegate", value, sizeof value) == 1 && value[0] == '1') ||
               (getxattr(folder, "trusted.delegate", value, sizeof value) == 1 && value[0] == '1');
}

static bool has_file(const char *folder, const char *name, int mode)
{
        char path[4096];

        return snprintf(path, sizeof path, "%s/%s", folder, name) < (int)sizeof path && access(path, mode) >= 0;
}

static bool is_ours(const char *folder)
{
        return access(folder, W_OK) >= 0 && has_file(folder, "cgroup.procs", W_OK);
}

/* The true root of the hierarchy has no type: a root with one is that of a namespace. */
static bool is_delegated(const char *folder, const char *path, bool told)
{
        return is_ours(folder) &&
               (told || is_marked(folder) || (strcmp(path, "/") == 0 && has_file(folder, "cgroup.type", F_OK)));
}

/* Cuts the last component off; false at the root. */
static bool go_up(char *path)
{
        char *slash = strrchr(path, '/');

        if (!slash || !slash[1])
                return false;
        slash[slash == path] = '\0';
        return true;
}

static int find_folder(const char *path, char **ret_folder)
{
        Buffer mounts = { 0 };
        int r;

        r = read_file("/proc/self/mountinfo", &mounts);
        if (r >= 0)
                r = cgroup_parse_mounts((const char *)mounts.data, path, ret_folder);
        buffer_done(&mounts);
        return r;
}

/* After a restart, or with DelegateSubgroup=, we are in the leaf already: its parent, NULL if we are not. */
static char *find_above_leaf(const char *leaf, bool told)
{
        _cleanup_(freep) char *path = strdup(leaf), *folder = NULL;
        const char *name = strrchr(leaf, '/');

        if (!path || !name || strcmp(name, "/broker") != 0 || !go_up(path) || find_folder(path, &folder) < 0 ||
            !is_delegated(folder, path, told))
                return NULL;
        return TAKE_PTR(folder);
}

const char *cgroup_find_delegated(bool told, char **ret_path, bool *ret_in_leaf)
{
        _cleanup_(freep) char *path = NULL, *folder = NULL, *above = NULL;
        Buffer membership = { 0 };
        int r;

        r = read_file("/proc/self/cgroup", &membership);
        if (r >= 0)
                r = cgroup_parse_membership((const char *)membership.data, &path);
        buffer_done(&membership);
        if (r < 0)
                return "this process is in no cgroup of version 2";
        if (find_folder(path, &folder) < 0)
                return "no cgroup file system of version 2 is mounted";
        above = find_above_leaf(path, told);
        if (!above && !is_delegated(folder, path, told))
                return "no cgroup is delegated to the broker (systemd: Delegate=yes)";
        *ret_in_leaf = above != NULL;
        *ret_path = above ? TAKE_PTR(above) : TAKE_PTR(folder);
        return NULL;
}
