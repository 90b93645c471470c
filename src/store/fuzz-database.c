/* SPDX-License-Identifier: MIT */

/*
 * A database with any damage. The input is a list of changes: 4 bytes of a position in the file, 1 byte of a length,
 * and so many bytes. However it is damaged, it is opened, what is told of it is what is there from then on, and after
 * a second start at the latest the store can be written. Of an input of an even length there is a copy of the
 * head: if nothing but the first page is damaged, nothing is lost.
 */

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "store/store.h"

#define N_TASKS 120

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[64];

/* Stops the fuzzer, also where an assertion would be compiled out. */
#define require(condition)                                                              \
        do {                                                                            \
                if (!(condition)) {                                                     \
                        fprintf(stderr, "line %d: %s\n", __LINE__, #condition);         \
                        abort();                                                        \
                }                                                                       \
        } while (0)

typedef struct Counts {
        uint64_t n_tasks;
        uint64_t n_pending;
        uint64_t n_packages;
} Counts;

static int check_task(const TaskRow *row, void *userdata)
{
        require(row->spec.package && row->spec.name && row->spec.options);
        ((Counts *)userdata)->n_tasks++;
        return 0;
}

static int check_pending(const PendingRow *row, void *userdata)
{
        ((Counts *)userdata)->n_pending++;
        return 0;
}

static int check_package(const StorePackage *row, void *userdata)
{
        require(row->name && row->folder && row->external_location && row->target_name && row->version);
        ((Counts *)userdata)->n_packages++;
        return 0;
}

static void remember(uint64_t commit, int error, void *userdata)
{
        *(int *)userdata = error;
}

static Store *start(int *result, Counts *counts)
{
        StoreConfig config = { .folder = folder, .committed = remember, .userdata = result };
        StoreLoader loader = { .package = check_package, .task = check_task, .pending = check_pending,
                               .userdata = counts };
        StoreReport report;
        Store *store;

        *counts = (Counts){ 0 };
        if (store_open(&config, &store, &report) < 0 || store_load(store, &loader, &report) < 0) {
                fprintf(stderr, "%s\n", report.sentence);
                abort();
        }
        return store;
}

static int commit(Store *store, int *result, uint32_t first, uint32_t n)
{
        struct pollfd p = { .fd = store_get_fd(store), .events = POLLIN };

        *result = 1;
        store_begin(store, 1);
        for (uint32_t i = first; i < first + n; i++) {
                TaskRow task = { .id = { { (uint8_t)i, (uint8_t)(i * 91), 1 } },
                                 .spec = { .package = "package", .name = "task" } };

                store_put_task(store, &task);
                store_put_pending(store, &(PendingRow){ .task = task.id, .number = i });
                store_append_run(store, &(RunRow){ .task = task.id, .number = i });
        }
        store_put_package(store, &(StorePackage){ .name = "package" });
        store_end(store);
        while (*result == 1) {
                poll(&p, 1, -1);
                store_dispatch(store);
        }
        return *result;
}

static const char *path_of(const char *name)
{
        static char path[128];

        snprintf(path, sizeof path, "%s/%s", folder, name);
        return path;
}

static void clean(void)
{
        char command[160];

        snprintf(command, sizeof command, "rm -rf %s/*", folder);
        require(system(command) == 0);
}

static void remove_all(void)
{
        clean();
        rmdir(folder);
}

static void read_file(const char *name, Buffer *ret)
{
        int fd = open(path_of(name), O_RDONLY | O_CLOEXEC);
        uint8_t part[4096];
        ssize_t n;

        require(fd >= 0);
        while ((n = read(fd, part, sizeof part)) > 0)
                require(buffer_append(ret, part, (size_t)n) == 0);
        close(fd);
}

/* Returns its descriptor. */
static int write_file(const char *name, const Buffer *bytes)
{
        int fd = open(path_of(name), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        require(write(fd, bytes->data, bytes->size) == (ssize_t)bytes->size);
        return fd;
}

static Buffer file, head; /* of the database, as it is before it is damaged */

static void make_database(void)
{
        Counts counts;
        int result;

        if (file.size > 0)
                return;
        /* In memory if there is such a place: a disk makes it ten times slower. */
        strcpy(folder, access("/dev/shm", W_OK) == 0 ? "/dev/shm/bgtask-fuzz-XXXXXX" : "/tmp/bgtask-fuzz-XXXXXX");
        require(mkdtemp(folder) != NULL && atexit(remove_all) == 0);
        {
                _cleanup_(store_freep) Store *store = start(&result, &counts);

                require(commit(store, &result, 0, N_TASKS) == 0);
        }
        read_file("state.db", &file);
        read_file("state.head", &head);
}

/* True: the damage is in the first page only, and there is the copy of it. */
static bool write_damaged(const uint8_t *data, size_t size)
{
        bool first_page = size % 2 == 0;

        int fd;

        make_database();
        fd = write_file("state.db", &file);
        if (size % 2 == 0)
                close(write_file("state.head", &head));
        while (size > 5) {
                uint32_t position;
                size_t n = MIN((size_t)data[4], size - 5);

                memcpy(&position, data, sizeof position);
                position %= (uint32_t)file.size;
                n = MIN(n, file.size - position);
                require(pwrite(fd, data + 5, n, position) == (ssize_t)n);
                first_page = first_page && position + n <= 4096;
                data += 5 + n;
                size -= 5 + n;
        }
        /* A number of a later schema is believed, and the database left alone. */
        require(pwrite(fd, file.data + 60, 4, 60) == 4);
        close(fd);
        return first_page;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        Counts first, second;
        bool nothing_lost;
        Store *store;
        int result;

        nothing_lost = write_damaged(data, size);
        store = start(&result, &first);
        require(!nothing_lost || (first.n_tasks == N_TASKS && first.n_pending == N_TASKS && first.n_packages == 1));
        if (commit(store, &result, 1000, 2) != 0) {
                store_free(store);
                store = start(&result, &first);
                require(commit(store, &result, 1000, 2) == 0);
        }
        store_free(store);
        store = start(&result, &second);
        require(second.n_tasks == first.n_tasks + 2 && second.n_pending == first.n_pending + 2);
        /* What damage makes of a name is a package of another name. */
        require(second.n_packages == 1 || second.n_packages == first.n_packages + 1);
        store_free(store);
        clean();
        return 0;
}
