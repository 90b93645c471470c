/* SPDX-License-Identifier: MIT */

#include "launcher/output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/folder.h"
#include "launcher/launcher.h"
#include "launcher/spawn.h"

/* The most that a pipe holds unless root has raised it (fs.pipe-max-size). */
#define DRAIN_MAX (1024 * 1024)

#define SUFFIX ".out"

/* No id begins with a dot. */
#define SPARE_NAME ".spare"

/* Opens the spare FIFO away from the numbers that dup2() will overwrite in the child. */
static int open_spare(int folder_fd, int flags, int *ret_fd)
{
        int fd, lifted;

        fd = openat(folder_fd, SPARE_NAME, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags);
        if (fd < 0)
                return -errno;
        if (fd < SPAWN_FD_FLOOR) {
                lifted = spawn_lift_fd(fd);
                safe_close(fd);
                fd = lifted;
        }
        if (fd < 0)
                return fd;
        *ret_fd = fd;
        return 0;
}

static int make_spare_fifo(int folder_fd)
{
        (void)unlinkat(folder_fd, SPARE_NAME, 0);
        return mkfifoat(folder_fd, SPARE_NAME, 0600) < 0 ? -errno : 0;
}

int output_fill_spares(OutputSpares *spares)
{
        _cleanup_(closep) int ours = -1, theirs = -1;
        int r;

        if (spares->silent < 0) {
                /* Before the other one, which keeps the name. */
                output_spares_done(spares);
                r = make_spare_fifo(spares->folder_fd);
                if (r >= 0)
                        r = open_spare(spares->folder_fd, 0, &spares->silent);
                (void)unlinkat(spares->folder_fd, SPARE_NAME, 0);
                if (r < 0)
                        return r;
        }
        if (spares->ours >= 0)
                return 0;
        r = make_spare_fifo(spares->folder_fd);
        if (r >= 0)
                r = open_spare(spares->folder_fd, O_NONBLOCK, &ours);
        if (r >= 0)
                r = open_spare(spares->folder_fd, 0, &theirs);
        if (r < 0) {
                (void)unlinkat(spares->folder_fd, SPARE_NAME, 0);
                return r;
        }
        spares->ours = TAKE_FD(ours);
        spares->theirs = TAKE_FD(theirs);
        return 0;
}

void output_spares_done(OutputSpares *spares)
{
        if (spares->ours >= 0)
                (void)unlinkat(spares->folder_fd, SPARE_NAME, 0);
        spares->ours = safe_close(spares->ours);
        spares->theirs = safe_close(spares->theirs);
        spares->silent = safe_close(spares->silent);
}

static int open_fifo(Output *output)
{
        _cleanup_(closep) int fd = -1;
        struct stat st;

        fd = openat(output->folder_fd, output->name, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
        if (fd < 0)
                return errno == ELOOP || errno == EISDIR ? -EEXIST : -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISFIFO(st.st_mode) || st.st_uid != geteuid())
                return -EEXIST;
        output->device = st.st_dev;
        output->inode = st.st_ino;
        output->fifo_fd = TAKE_FD(fd);
        return 0;
}

static int prepare(Output *output, Loop *loop, int folder_fd, LogFolder *logs, const char *id)
{
        int r;

        *output = OUTPUT_INIT;
        output->loop = loop;
        output->folder_fd = folder_fd;
        r = log_writer_init(&output->log, logs, id);
        if (r < 0)
                return r;
        if (asprintf(&output->name, "%s%s", id, SUFFIX) < 0) {
                output->name = NULL;
                output_close(output, false);
                return -ENOMEM;
        }
        return 0;
}

static int name_spare(const OutputSpares *spares, const char *name)
{
        return renameat(spares->folder_fd, SPARE_NAME, spares->folder_fd, name) < 0 ? -errno : 0;
}

int output_create(Output *output, Loop *loop, OutputSpares *spares, LogFolder *logs, const char *id,
                  int *ret_server_fd)
{
        struct stat st;
        int r;

        r = prepare(output, loop, spares->folder_fd, logs, id);
        if (r < 0)
                return r;
        r = output_fill_spares(spares);
        if (r >= 0) {
                r = name_spare(spares, output->name);
                if (r == -ENOENT) {
                        /* Somebody has cleaned the folder. */
                        output_spares_done(spares);
                        r = output_fill_spares(spares);
                        if (r >= 0)
                                r = name_spare(spares, output->name);
                }
        }
        if (r >= 0 && fstat(spares->ours, &st) < 0)
                r = -errno;
        if (r < 0) {
                output_close(output, false);
                return r;
        }
        output->device = st.st_dev;
        output->inode = st.st_ino;
        output->fifo_fd = TAKE_FD(spares->ours);
        *ret_server_fd = TAKE_FD(spares->theirs);
        return 0;
}

int output_open(Output *output, Loop *loop, int folder_fd, LogFolder *logs, const char *id)
{
        int r;

        r = prepare(output, loop, folder_fd, logs, id);
        if (r < 0)
                return r;
        r = open_fifo(output);
        if (r < 0)
                output_close(output, false);
        return r;
}

/* One chunk; false when there was none. */
static bool read_chunk(Output *output, size_t max)
{
        LogWriter *log = &output->log;
        LogFolder *folder = log->folder;
        uint64_t now = log_folder_now(folder);
        const char *data = folder->in;
        ssize_t n;

        max = MIN(max, (size_t)LOG_CHUNK_SIZE);
        n = spool_take(&folder->spool, output->fifo_fd, max, log->name, log->n_id, now, log_writer_size(log), &data);
        if (n < 0)
                n = read(output->fifo_fd, folder->in, max);
        if (n <= 0)
                return false;
        log_writer_feed(log, now, data, (size_t)n);
        spool_clear(&folder->spool);
        return true;
}

/* One chunk per round: whoever writes without end takes turns with all others. */
static void handle_output(LoopSource *source, uint32_t events, void *userdata)
{
        (void)read_chunk(userdata, LOG_CHUNK_SIZE);
}

int output_watch(Output *output)
{
        return loop_add(output->loop, &output->source, output->fifo_fd, EPOLLIN, handle_output, output);
}

void output_drain(Output *output)
{
        int n_waiting = 0;

        if (output->fifo_fd < 0 || ioctl(output->fifo_fd, FIONREAD, &n_waiting) < 0)
                return;
        n_waiting = MIN(n_waiting, DRAIN_MAX);
        while (n_waiting > 0) {
                if (!read_chunk(output, (size_t)n_waiting))
                        return;
                n_waiting -= MIN(n_waiting, LOG_CHUNK_SIZE);
        }
}

bool output_is_same_file(const Output *output, dev_t device, ino_t inode)
{
        return output->fifo_fd >= 0 && output->device == device && output->inode == inode;
}

void output_close(Output *output, bool remove)
{
        if (output->loop)
                loop_remove(output->loop, &output->source);
        output->fifo_fd = safe_close(output->fifo_fd);
        if (remove && output->name)
                (void)unlinkat(output->folder_fd, output->name, 0);
        free(output->name);
        output->name = NULL;
        if (output->log.folder)
                log_writer_done(&output->log);
        *output = OUTPUT_INIT;
}

void output_collect(int folder_fd, bool (*keep)(const char *id, void *userdata), void *userdata)
{
        _cleanup_(closedirp) DIR *dir = NULL;
        struct dirent *entry;

        if (folder_open(folder_fd, ".", &dir) < 0)
                return;
        while ((entry = readdir(dir))) {
                char id[LAUNCHER_ID_MAX + 1];
                size_t n = strlen(entry->d_name);

                if (n <= strlen(SUFFIX) || n - strlen(SUFFIX) > LAUNCHER_ID_MAX ||
                    strcmp(entry->d_name + n - strlen(SUFFIX), SUFFIX) != 0)
                        continue;
                snprintf(id, sizeof id, "%.*s", (int)(n - strlen(SUFFIX)), entry->d_name);
                if (!keep(id, userdata))
                        (void)unlinkat(folder_fd, entry->d_name, 0);
        }
}
