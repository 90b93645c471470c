/* SPDX-License-Identifier: MIT */

/*
 * Runs a fuzz target once over each file of a corpus: what the fuzzer has ever found stays found, without a fuzzer.
 * Usage: replay-x FOLDER
 */

#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A block of exactly the file's size lets a sanitizer see a read behind it. */
static uint8_t *read_file(const char *path, size_t *ret_size)
{
        FILE *f = fopen(path, "r");
        uint8_t *data = NULL;
        long size;

        if (!f)
                return NULL;
        if (fseek(f, 0, SEEK_END) == 0 && (size = ftell(f)) >= 0 && (data = malloc(size > 0 ? (size_t)size : 1))) {
                rewind(f);
                *ret_size = fread(data, 1, (size_t)size, f);
        }
        fclose(f);
        return data;
}

int main(int argc, char *argv[])
{
        struct dirent **entries = NULL;
        unsigned n_run = 0;
        int n;

        n = argc == 2 ? scandir(argv[1], &entries, NULL, alphasort) : -1;
        if (n < 0) {
                printf("Bail out! usage: %s FOLDER: %s\n", argv[0], argc == 2 ? strerror(errno) : "no folder");
                return EXIT_FAILURE;
        }
        for (int i = 0; i < n; i++) {
                char path[4096];
                uint8_t *data;
                size_t size;

                if (entries[i]->d_name[0] == '.') {
                        free(entries[i]);
                        continue;
                }
                snprintf(path, sizeof path, "%s/%s", argv[1], entries[i]->d_name);
                data = read_file(path, &size);
                printf("# %s\n", entries[i]->d_name);
                fflush(stdout);
                if (data)
                        LLVMFuzzerTestOneInput(data, size);
                printf("%s %u - %s\n", data ? "ok" : "not ok", ++n_run, entries[i]->d_name);
                free(data);
                free(entries[i]);
        }
        free(entries);
        printf("1..%u\n", n_run);
        return n_run > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
