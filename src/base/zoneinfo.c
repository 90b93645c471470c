/* SPDX-License-Identifier: MIT */

#include "base/zoneinfo.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macro.h"

#define ZONEINFO "/usr/share/zoneinfo"
#define PATH_SIZE 512

bool zone_name_is_valid(const char *name)
{
        size_t part = 0;

        if (strlen(name) > ZONE_NAME_MAX)
                return false;
        for (const char *p = name;; p++) {
                if (*p == '/' || *p == '\0') {
                        if (part == 0)
                                return false;
                        part = 0;
                        if (*p == '\0')
                                return true;
                        continue;
                }
                if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-", *p))
                        return false;
                part++;
        }
}

int zoneinfo_read_file(const char *path, void **ret_data, size_t *ret_size)
{
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        _cleanup_(freep) char *data = NULL;
        struct stat st;
        ssize_t n;

        if (fd < 0 || fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_size > (off_t)ZONE_FILE_MAX)
                return -EINVAL;
        data = malloc((size_t)st.st_size + 1);
        if (!data)
                return -ENOMEM;
        n = read(fd, data, (size_t)st.st_size);
        if (n < 0)
                return -errno;
        *ret_data = TAKE_PTR(data);
        *ret_size = (size_t)n;
        return 0;
}

static int read_named(const char *name, void **ret_data, size_t *ret_size)
{
        const char *folder = getenv("TZDIR");
        char path[PATH_SIZE];
        int n;

        if (!zone_name_is_valid(name))
                return -EINVAL;
        n = snprintf(path, sizeof path, "%s/%s", folder && folder[0] == '/' ? folder : ZONEINFO, name);
        return n < PATH_SIZE ? zoneinfo_read_file(path, ret_data, ret_size) : -ENAMETOOLONG;
}

int zoneinfo_read(const char *name, void **ret_data, size_t *ret_size)
{
        const char *local = getenv("TZ");
        int r;

        if (name[0])
                return read_named(name, ret_data, ret_size);
        if (local) {
                local += local[0] == ':';
                return read_named(local[0] ? local : "UTC", ret_data, ret_size);
        }
        r = zoneinfo_read_file("/etc/localtime", ret_data, ret_size);
        return r >= 0 ? r : read_named("UTC", ret_data, ret_size);
}
