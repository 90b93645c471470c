/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "store/internal.h"

#define KEY_NAME "key"

/* -ENOKEY: there is none that may be used. */
static int key_read(const char *path, uint8_t ret_key[static STORE_KEY_SIZE])
{
        _cleanup_(closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        uint8_t key[STORE_KEY_SIZE];
        struct stat st;

        if (fd < 0)
                return errno == ENOENT || errno == ELOOP ? -ENOKEY : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        /* Others may have read it. */
        if (!S_ISREG(st.st_mode) || st.st_size != sizeof key || st.st_uid != geteuid() || st.st_mode & 077)
                return -ENOKEY;
        if (read(fd, key, sizeof key) != (ssize_t)sizeof key)
                return -ENOKEY;
        memcpy(ret_key, key, sizeof key);
        return 0;
}

static int key_write(const char *path, const uint8_t key[static STORE_KEY_SIZE])
{
        _cleanup_(freep) char *temporary = NULL;
        _cleanup_(closep) int fd = -1;
        ssize_t n;

        if (asprintf(&temporary, "%s.new", path) < 0)
                return -ENOMEM;
        unlink(temporary);
        fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0)
                return -errno;
        n = write(fd, key, STORE_KEY_SIZE);
        if (n != STORE_KEY_SIZE || fsync(fd) < 0 || rename(temporary, path) < 0) {
                int r = n >= 0 && n != STORE_KEY_SIZE ? -ENOSPC : -errno;

                unlink(temporary);
                return r;
        }
        return 0;
}

int key_load(const char *folder, uint8_t ret_key[static STORE_KEY_SIZE])
{
        _cleanup_(freep) char *path = NULL;
        uint8_t key[STORE_KEY_SIZE];
        int r;

        if (asprintf(&path, "%s/" KEY_NAME, folder) < 0)
                return -ENOMEM;
        r = key_read(path, ret_key);
        if (r != -ENOKEY)
                return r;
        if (getrandom(key, sizeof key, 0) != (ssize_t)sizeof key)
                return -EIO;
        r = key_write(path, key);
        if (r == 0)
                memcpy(ret_key, key, sizeof key);
        return r;
}
