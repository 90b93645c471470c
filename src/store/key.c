/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/file.h"
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
        r = replace_file(path, key, sizeof key, true);
        if (r == 0)
                memcpy(ret_key, key, sizeof key);
        return r;
}
