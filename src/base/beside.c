/* SPDX-License-Identifier: MIT */

#include "base/beside.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"

int beside_find_wine(const char *program, const char *name, char **ret_path)
{
        static const char *const places[] = { "wine", "../wine" };
        const char *slash = strrchr(program, '/');

        if (!slash)
                return -EINVAL;
        for (size_t i = 0; i < ELEMENTSOF(places); i++) {
                _cleanup_(freep) char *path = NULL, *real = NULL;

                if (asprintf(&path, "%.*s/%s/%s", (int)(slash - program), program, places[i], name) < 0) {
                        path = NULL;
                        return -ENOMEM;
                }
                real = realpath(path, NULL);
                if (real) {
                        *ret_path = TAKE_PTR(real);
                        return 0;
                }
        }
        return -ENOENT;
}

int beside_find_wine_here(const char *name, char **ret_path)
{
        char self[4096];
        ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

        if (n < 0)
                return -errno;
        self[n] = '\0';
        return beside_find_wine(self, name, ret_path);
}
