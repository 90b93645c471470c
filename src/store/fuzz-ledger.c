/* SPDX-License-Identifier: MIT */

/*
 * Any bytes as the slots of a ledger, with checksums that fit, so that what stands behind them is reached. The records
 * of such a file are wrong, but reading, putting and removing stay within bounds and agree with each other.
 */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "store/ledger.h"

#define SLOT_SIZE 256
#define N_SLOTS 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Stops the fuzzer, also where an assertion would be compiled out. */
#define require(condition)                                                              \
        do {                                                                            \
                if (!(condition)) {                                                     \
                        fprintf(stderr, "line %d: %s\n", __LINE__, #condition);         \
                        abort();                                                        \
                }                                                                       \
        } while (0)

static int count_server(const LedgerServer *row, void *userdata)
{
        require(strlen(row->package) <= LEDGER_PACKAGE_MAX);
        ++*(unsigned *)userdata;
        return 0;
}

static int count_run(const LedgerRow *row, void *userdata)
{
        static uint8_t copy[LEDGER_DETAILS_MAX];

        require(row->firing.n_details <= sizeof copy);
        memcpy(copy, row->firing.details, row->firing.n_details);
        ++*(unsigned *)userdata;
        return 0;
}

static unsigned count(Ledger *ledger)
{
        unsigned n = 0;

        require(ledger_load(ledger, &(LedgerLoader){ count_server, count_run, &n }) == 0);
        return n;
}

/* The input is the slots without their checksums, one behind the other. */
static void write_slots(int fd, const uint8_t *data, size_t size)
{
        const size_t n_bytes = SLOT_SIZE - sizeof(uint32_t);

        for (size_t i = 1; i < N_SLOTS && size > 0; i++) {
                size_t n = MIN(size, n_bytes);
                uint8_t slot[SLOT_SIZE] = { 0 };
                uint32_t crc;

                memcpy(slot + sizeof crc, data, n);
                crc = crc32c(0, slot + sizeof crc, n_bytes);
                memcpy(slot, &crc, sizeof crc);
                require(pwrite(fd, slot, sizeof slot, (off_t)(i * SLOT_SIZE)) == SLOT_SIZE);
                data += n;
                size -= n;
        }
}

static void use(Ledger *ledger)
{
        static const uint8_t details[1000];
        LedgerRow row = { .run = { { 1, 2, 3 } }, .firing = { .details = details, .n_details = sizeof details } };
        unsigned n = count(ledger);

        require(ledger_put(ledger, &row) == 0);
        require(count(ledger) == n || count(ledger) == n + 1);
        ledger_remove(ledger, row.run);
        require(count(ledger) == n || count(ledger) == n - 1);
        require(ledger_put_server(ledger, &(LedgerServer){ .server = 1, .package = "p" }) == 0);
        require(ledger_set_process(ledger, 1, 2, 3) == 0);
        for (uint32_t i = 0; i < 200; i++) {
                row.run.bytes[4] = (uint8_t)i;
                require(ledger_put(ledger, &row) == 0);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        char path[64];
        _cleanup_(ledger_freep) Ledger *ledger = NULL;
        bool discarded = true;
        unsigned n;
        int fd;

        strcpy(path, access("/dev/shm", W_OK) == 0 ? "/dev/shm/bgtask-fuzz-XXXXXX" : "/tmp/bgtask-fuzz-XXXXXX");
        fd = mkstemp(path);
        require(fd >= 0 && unlink(path) == 0);
        close(fd);
        require(ledger_open(path, UUID_NULL, 0, &ledger, NULL) == 0);
        fd = open(path, O_RDWR | O_CLOEXEC);
        write_slots(fd, data, size);
        close(fd);
        ledger = ledger_free(ledger);
        require(ledger_open(path, UUID_NULL, 0, &ledger, &discarded) == 0 && !discarded);
        n = count(ledger);
        use(ledger);
        n = count(ledger);
        ledger = ledger_free(ledger);
        require(ledger_open(path, UUID_NULL, 0, &ledger, NULL) == 0);
        require(count(ledger) == n);
        unlink(path);
        return 0;
}
