/* SPDX-License-Identifier: MIT */

#include "ends.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"

static char root[64];
char ends_folder[80], ends_image[80];

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
        return remove(path);
}

void ends_empty(const char *path)
{
        nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        assert_int_equal(mkdir(path, 0700), 0);
}

int ends_make_root(void **state)
{
        strcpy(root, "/dev/shm/bgtask-power-XXXXXX");
        if (!mkdtemp(root)) {
                strcpy(root, "/tmp/bgtask-power-XXXXXX");
                assert_non_null(mkdtemp(root));
        }
        snprintf(ends_folder, sizeof ends_folder, "%s/state", root);
        snprintf(ends_image, sizeof ends_image, "%s/image", root);
        return 0;
}

int ends_remove_root(void **state)
{
        disk_leave();
        nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
        return 0;
}

Work *ends_begin(void)
{
        ends_empty(ends_folder);
        disk_watch(ends_folder);
        return work_new(ends_folder);
}

bool ends_is_one_of(const Work *w, uint64_t digest, uint64_t first, bool in_turn)
{
        uint64_t doubtful = first;

        while (in_turn && doubtful > 0 && w->failed[doubtful])
                doubtful--;
        for (size_t i = doubtful + 1; i <= first; i++)
                if (w->unanswered[i] == digest)
                        return true;
        for (size_t i = first; i <= w->n_answered; i++)
                if (w->digests[i] == digest || (i > first && w->unanswered[i] == digest))
                        return true;
        return false;
}

static void path_in(const char *folder, const char *name, char path[static 256])
{
        snprintf(path, 256, "%s/%s", folder, name);
}

uint8_t *ends_read(const char *folder, const char *name, size_t *ret_size)
{
        char path[256];
        struct stat st;
        uint8_t *data;
        int fd;

        path_in(folder, name, path);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return NULL;
        assert_int_equal(fstat(fd, &st), 0);
        data = malloc((size_t)st.st_size + 1);
        assert_non_null(data);
        assert_int_equal(read(fd, data, (size_t)st.st_size), st.st_size);
        close(fd);
        *ret_size = (size_t)st.st_size;
        return data;
}

void ends_write(const char *folder, const char *name, const void *data, size_t size)
{
        char path[256];
        int fd;

        path_in(folder, name, path);
        fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, data, size), size);
        close(fd);
}

void ends_copy(const char *from, const char *to)
{
        struct dirent *entry;
        DIR *dir;

        ends_empty(to);
        dir = opendir(from);
        assert_non_null(dir);
        while ((entry = readdir(dir))) {
                uint8_t *data;
                size_t size;

                if (entry->d_type != DT_REG)
                        continue;
                data = ends_read(from, entry->d_name, &size);
                ends_write(to, entry->d_name, data, size);
                free(data);
        }
        closedir(dir);
}
