/* SPDX-License-Identifier: MIT */

#include "launcher/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macro.h"

/* No id begins with a dot. */
#define SPOOL_NAME ".spool"
#define HEAD_SIZE 4096

struct SpoolHead {
        uint64_t position; /* bytes that are done: 16 bits, size of the log: 48; one store changes both */
        uint64_t real_usec;
        char id[LAUNCHER_ID_MAX + 1];
};
_Static_assert(sizeof(struct SpoolHead) <= HEAD_SIZE, "the head is a page");

static const char *data_of(const Spool *spool)
{
        return (const char *)spool->head + HEAD_SIZE;
}

static int check_file(int fd)
{
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_uid != geteuid())
                return -EEXIST;
        /* Room is allocated before it is mapped: a write to a mapping that finds the disk full is a SIGBUS. */
        return -posix_fallocate(fd, 0, HEAD_SIZE);
}

int spool_open(Spool *spool, int folder_fd)
{
        _cleanup_(closep) int fd = -1;
        void *map;
        int r;

        *spool = SPOOL_INIT;
        fd = openat(folder_fd, SPOOL_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
        if (fd < 0)
                return -errno;
        r = check_file(fd);
        if (r < 0)
                return r;
        map = mmap(NULL, HEAD_SIZE + SPOOL_MAX, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (map == MAP_FAILED)
                return -errno;
        spool->head = map;
        spool->fd = TAKE_FD(fd);
        return 0;
}

void spool_close(Spool *spool)
{
        if (spool->head)
                munmap(spool->head, HEAD_SIZE + SPOOL_MAX);
        safe_close(spool->fd);
        *spool = SPOOL_INIT;
}

int spool_read_rest(const Spool *spool, SpoolRest *ret_rest)
{
        const SpoolHead *head = spool->head;
        SpoolRest rest = { .real_usec = head->real_usec, .log_size = head->position & SPOOL_SIZE_UNKNOWN,
                           .n_done = (size_t)(head->position >> 48), .data = data_of(spool) };
        struct stat st;

        if (fstat(spool->fd, &st) < 0)
                return -errno;
        rest.n = (size_t)st.st_size - HEAD_SIZE;
        memcpy(rest.id, head->id, sizeof rest.id - 1);
        if (rest.n > 0 && (rest.n > SPOOL_MAX || rest.n_done > rest.n || !launcher_id_is_valid(rest.id)))
                return -EBADMSG;
        *ret_rest = rest;
        return 0;
}

ssize_t spool_take(Spool *spool, int fifo_fd, size_t max, const char *id, size_t n_id, uint64_t real_usec,
                   uint64_t log_size, const char **ret_data)
{
        SpoolHead *head = spool->head;
        off_t offset = HEAD_SIZE;
        ssize_t n;

        if (spool->fd < 0)
                return -EBADF;
        head->real_usec = real_usec;
        n_id = MIN(n_id, (size_t)LAUNCHER_ID_MAX);
        memcpy(head->id, id, n_id);
        head->id[n_id] = '\0';
        spool_note(spool, 0, log_size);
        /* Whenever we are killed, what has left the FIFO is in the file. */
        n = splice(fifo_fd, NULL, spool->fd, &offset, MIN(max, (size_t)SPOOL_MAX), SPLICE_F_NONBLOCK);
        if (n < 0)
                return errno == EAGAIN ? 0 : -errno;
        *ret_data = data_of(spool);
        return n;
}

void spool_note(Spool *spool, size_t n_done, uint64_t log_size)
{
        __atomic_store_n(&spool->head->position, (uint64_t)n_done << 48 | MIN(log_size, SPOOL_SIZE_UNKNOWN),
                         __ATOMIC_SEQ_CST);
}

void spool_clear(Spool *spool)
{
        /* If that fails, nothing can be taken any more without mixing it up with what is there. */
        if (spool->fd >= 0 && ftruncate(spool->fd, HEAD_SIZE) < 0)
                spool_close(spool);
}
