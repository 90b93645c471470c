/* SPDX-License-Identifier: MIT */

#include "dbus/address.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/macro.h"

/* Writes the value of n characters without its %XX; -EINVAL if it is empty, too long or holds a NUL. */
static int unescape(const char *value, size_t n, char *buf, size_t size)
{
        size_t length = 0;

        for (size_t i = 0; i < n; i++) {
                int c = (unsigned char)value[i];

                if (c == '%') {
                        if (n - i < 3 || hex_digit(value[i + 1]) < 0 || hex_digit(value[i + 2]) < 0)
                                return -EINVAL;
                        c = hex_digit(value[i + 1]) << 4 | hex_digit(value[i + 2]);
                        i += 2;
                }
                if (c == '\0' || length + 1 >= size)
                        return -EINVAL;
                buf[length++] = (char)c;
        }
        buf[length] = '\0';
        return length > 0 ? (int)length : -EINVAL;
}

/* The value of a key among the n characters "key=value,key=value". */
static const char *find_value(const char *s, size_t n, const char *key, size_t *ret_n)
{
        size_t n_key = strlen(key);

        for (const char *end = s + n; s < end;) {
                const char *comma = memchr(s, ',', (size_t)(end - s));
                size_t length = (size_t)((comma ? comma : end) - s);

                if (length > n_key && memcmp(s, key, n_key) == 0 && s[n_key] == '=') {
                        *ret_n = length - n_key - 1;
                        return s + n_key + 1;
                }
                s += length + 1;
        }
        return NULL;
}

static int parse_entry(const char *entry, size_t n, struct sockaddr_un *ret_address, socklen_t *ret_size)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        const char *value;
        size_t n_value;
        int r;

        if (n < 5 || memcmp(entry, "unix:", 5) != 0)
                return -EINVAL;
        value = find_value(entry + 5, n - 5, "path", &n_value);
        if (value) {
                r = unescape(value, n_value, address.sun_path, sizeof address.sun_path);
        } else {
                value = find_value(entry + 5, n - 5, "abstract", &n_value);
                r = value ? unescape(value, n_value, address.sun_path + 1, sizeof address.sun_path - 1) : -EINVAL;
        }
        if (r < 0)
                return r;
        *ret_address = address;
        /* Either the path and its end, or the zero byte in front and the name. */
        *ret_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)r + 1);
        return 0;
}

static int connect_entry(const char *entry, size_t n, int *ret_fd)
{
        _cleanup_(closep) int fd = -1;
        struct sockaddr_un address;
        socklen_t size;
        int r;

        r = parse_entry(entry, n, &address, &size);
        if (r < 0)
                return r;
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, size) < 0)
                return -errno;
        *ret_fd = TAKE_FD(fd);
        return 0;
}

/* Who listened is who is asked: the creator of the socket. */
static bool is_own(int fd)
{
        struct ucred peer;
        socklen_t size = sizeof peer;

        return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) >= 0 &&
               (peer.uid == geteuid() || peer.uid == 0);
}

bool address_may_answer_soon(int error)
{
        return error == -ECONNREFUSED || error == -EAGAIN;
}

static int connect_first(const char *address, bool own, int *ret_fd, const char **ret_entry)
{
        int r = -EINVAL;

        for (; *address; address = address_next(address)) {
                _cleanup_(closep) int fd = -1;
                int q = connect_entry(address, strcspn(address, ";"), &fd);

                if (q >= 0 && own && !is_own(fd))
                        q = -EPERM;
                if (q >= 0) {
                        *ret_fd = TAKE_FD(fd);
                        *ret_entry = address;
                        return 0;
                }
                /* An entry that is not for us says nothing about the one that is, nor does a later one about one that
                 * may answer soon. */
                if (q != -EINVAL && !address_may_answer_soon(r))
                        r = q;
        }
        return r;
}

int address_connect(const char *address, int *ret_fd)
{
        const char *entry;

        return connect_first(address, false, ret_fd, &entry);
}

int address_connect_own(const char *address, int *ret_fd, const char **ret_entry)
{
        return connect_first(address, true, ret_fd, ret_entry);
}

const char *address_next(const char *address)
{
        size_t n = strcspn(address, ";");

        return address + n + (address[n] == ';');
}

int address_get_path(const char *address, char *buf, size_t size)
{
        for (; *address; address = address_next(address)) {
                struct sockaddr_un entry;
                socklen_t unused;

                if (parse_entry(address, strcspn(address, ";"), &entry, &unused) >= 0 && entry.sun_path[0] != '\0') {
                        size_t length = strnlen(entry.sun_path, sizeof entry.sun_path);

                        if (length >= size)
                                return -ENAMETOOLONG;
                        memcpy(buf, entry.sun_path, length);
                        buf[length] = '\0';
                        return 0;
                }
        }
        return -ENOENT;
}
