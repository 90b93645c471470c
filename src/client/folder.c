/* SPDX-License-Identifier: MIT */

/* The folder where a package keeps its data. */

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "client/driver.h"
#include "client/error.h"
#include "client/link.h"

/* Makes the folder and those above it that are not there. */
static int make_folder(const char *path)
{
        _cleanup_(freep) char *copy = NULL;
        struct stat st;

        if (stat(path, &st) >= 0)
                return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
        copy = strdup(path);
        if (!copy)
                return -ENOMEM;
        for (char *p = strchr(copy + 1, '/'); p; p = strchr(p + 1, '/')) {
                *p = '\0';
                if (mkdir(copy, 0700) < 0 && errno != EEXIST)
                        return -errno;
                *p = '/';
        }
        if (mkdir(copy, 0700) < 0 && errno != EEXIST)
                return -errno;
        return stat(copy, &st) < 0 ? -errno : S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

/* With the lock. */
static int find_folder(bgt *b)
{
        const char *folder = getenv("BGTASK_LOCAL_FOLDER");
        int r;

        if (!folder || folder[0] != '/') {
                r = link_wait_info(b);
                if (r < 0)
                        return r;
                folder = bgt_record_string(b->info, "local-folder");
        }
        if (!folder || folder[0] != '/')
                return fail(ERROR_NO_IDENTITY, NULL);
        r = make_folder(folder);
        if (r < 0)
                return fail_errno(r, "the local folder %s cannot be made", folder);
        return client_set_text(&b->local_folder, folder) < 0 ? fail(ERROR_NO_MEMORY, NULL) : 0;
}

const char *bgt_local_folder(bgt *b)
{
        int r = 0;

        b = client_use(b);
        if (!b)
                return NULL;
        client_lock(b);
        if (!b->local_folder)
                r = find_folder(b);
        driver_end_wait(b);
        client_unlock(b);
        return r < 0 ? NULL : b->local_folder;
}
