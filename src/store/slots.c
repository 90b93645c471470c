/* SPDX-License-Identifier: MIT */

/*
 * The file is an array of slots. A record is a head slot, and as many further slots as its tail needs. Nothing is
 * changed in place: a put writes its slots with a number higher than all before, the head last, and then frees the
 * head of the record that it replaces. What a kill leaves half written has no head or a wrong checksum; of two records
 * of one key the higher number counts.
 */

#include "store/slots.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"

#define MAGIC UINT64_C(0x726567646c746762) /* "bgtldger" */
#define VERSION 1
#define SLOT_SIZE 256
#define SLOTS_FIRST 64
#define NO_SLOT 0 /* slot 0 is the file's header */
#define N_BUCKETS 1024

enum {
        KIND_FREE = 0,
        KIND_MORE = SLOT_KIND_MAX + 1,
};

typedef struct SlotHead {
        uint32_t crc;    /* of the slot behind it */
        uint8_t kind;
        uint8_t n_key;   /* of a head: bytes of the body that are its key */
        uint8_t unused[2];
        uint64_t number; /* of the put; the same in all slots of a record */
        uint32_t next;   /* slot that continues the tail */
        uint32_t n_tail; /* bytes of the tail from this slot on */
} SlotHead;

typedef struct Slot {
        SlotHead head;
        uint8_t body[SLOT_BODY_SIZE]; /* of KIND_MORE: the tail */
} Slot;
_Static_assert(sizeof(Slot) == SLOT_SIZE, "a slot has its size");

typedef struct FileHeader {
        uint64_t magic;
        uint32_t version;
        uint32_t slot_size;
        Uuid boot_id;
} FileHeader;

struct Slots {
        int fd;
        Slot *map;
        uint8_t *tail;     /* room for one */
        size_t tail_max;
        uint32_t n_slots;
        uint32_t n_slots_max;
        uint64_t number;   /* of the last put */
        uint32_t free;     /* first free slot */
        uint32_t *chain;   /* of a free slot the next free one, of a head the next one of its bucket */
        uint32_t buckets[N_BUCKETS];
};

/* Keys are ids: hashes themselves, or counted up. */
static uint32_t *bucket_of(Slots *slots, uint8_t kind, const void *key)
{
        uint64_t x;

        memcpy(&x, key, sizeof x);
        return &slots->buckets[(x ^ x >> 32 ^ kind) % N_BUCKETS];
}

static uint32_t find(Slots *slots, uint8_t kind, size_t n_key, const void *key)
{
        uint32_t i = *bucket_of(slots, kind, key);

        while (i != NO_SLOT) {
                const Slot *slot = &slots->map[i];

                if (slot->head.kind == kind && slot->head.n_key == n_key && memcmp(slot->body, key, n_key) == 0)
                        return i;
                i = slots->chain[i];
        }
        return NO_SLOT;
}

static void link_head(Slots *slots, uint32_t i)
{
        uint32_t *bucket = bucket_of(slots, slots->map[i].head.kind, slots->map[i].body);

        slots->chain[i] = *bucket;
        *bucket = i;
}

static void unlink_head(Slots *slots, uint32_t i)
{
        uint32_t *at = bucket_of(slots, slots->map[i].head.kind, slots->map[i].body);

        while (*at != i)
                at = &slots->chain[*at];
        *at = slots->chain[i];
}

static void push_free(Slots *slots, uint32_t i)
{
        slots->chain[i] = slots->free;
        slots->free = i;
}

/* Frees the head first: from then on the record is not there. */
static void free_record(Slots *slots, uint32_t i)
{
        do {
                Slot *slot = &slots->map[i];
                uint32_t next = slot->head.next;

                __atomic_store_n(&slot->head.kind, KIND_FREE, __ATOMIC_SEQ_CST);
                push_free(slots, i);
                i = next;
        } while (i != NO_SLOT);
}

static int map_file(Slots *slots, uint32_t n_slots)
{
        uint32_t *chain;
        void *map;

        chain = realloc(slots->chain, n_slots * sizeof *chain);
        if (!chain)
                return -ENOMEM;
        slots->chain = chain;
        if (slots->map)
                map = mremap(slots->map, (size_t)slots->n_slots * SLOT_SIZE, (size_t)n_slots * SLOT_SIZE,
                             MREMAP_MAYMOVE);
        else
                map = mmap(NULL, (size_t)n_slots * SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, slots->fd, 0);
        if (map == MAP_FAILED)
                return -errno;
        slots->map = map;
        slots->n_slots = n_slots;
        return 0;
}

/* Room is allocated before it is mapped: a write to a mapping that finds the disk full is a SIGBUS. */
static int allocate(int fd, size_t size)
{
        int r;

        do
                r = posix_fallocate(fd, 0, (off_t)size);
        while (r == EINTR);
        return -r;
}

static int grow(Slots *slots)
{
        uint32_t old = slots->n_slots, n_slots = MIN(old * 2, slots->n_slots_max);
        int r;

        if (n_slots <= old)
                return -ENOSPC;
        r = allocate(slots->fd, (size_t)n_slots * SLOT_SIZE);
        if (r == 0)
                r = map_file(slots, n_slots);
        if (r < 0)
                return r;
        for (uint32_t i = n_slots; i-- > old;)
                push_free(slots, i);
        return 0;
}

static int take_slot(Slots *slots, uint32_t *ret_slot)
{
        uint32_t i;
        int r;

        if (slots->free == NO_SLOT) {
                r = grow(slots);
                if (r < 0)
                        return r;
        }
        i = slots->free;
        slots->free = slots->chain[i];
        *ret_slot = i;
        return 0;
}

static uint32_t slot_checksum(const Slot *slot)
{
        return crc32c(0, (const uint8_t *)slot + sizeof slot->head.crc, sizeof *slot - sizeof slot->head.crc);
}

/* Writes one slot. Its kind comes last, so that it is not taken for one before it is whole. */
static void write_slot(Slots *slots, uint32_t i, Slot *slot)
{
        Slot *to = &slots->map[i];

        slot->head.crc = slot_checksum(slot);
        to->head.kind = KIND_FREE;
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        to->head.crc = slot->head.crc;
        to->head.number = slot->head.number;
        to->head.next = slot->head.next;
        to->head.n_tail = slot->head.n_tail;
        to->head.n_key = slot->head.n_key;
        memcpy(to->body, slot->body, sizeof to->body);
        memset(to->head.unused, 0, sizeof to->head.unused);
        __atomic_store_n(&to->head.kind, slot->head.kind, __ATOMIC_SEQ_CST);
}

/* The slots of a tail, the last one first, so that each can name the next. */
static int write_tail(Slots *slots, uint64_t number, const uint8_t *tail, size_t n_tail, uint32_t *ret_first)
{
        uint32_t next = NO_SLOT;
        int r;

        for (size_t n = (n_tail + SLOT_BODY_SIZE - 1) / SLOT_BODY_SIZE; n-- > 0;) {
                Slot slot = { .head = { .kind = KIND_MORE, .number = number, .next = next } };
                size_t position = n * SLOT_BODY_SIZE;
                uint32_t i;

                r = take_slot(slots, &i);
                if (r < 0) {
                        if (next != NO_SLOT)
                                free_record(slots, next);
                        return r;
                }
                slot.head.n_tail = (uint32_t)(n_tail - position);
                memcpy(slot.body, tail + position, MIN(n_tail - position, SLOT_BODY_SIZE));
                write_slot(slots, i, &slot);
                next = i;
        }
        *ret_first = next;
        return 0;
}

int slots_put(Slots *slots, uint8_t kind, size_t n_key, const void *body, size_t n_body, const void *tail,
              size_t n_tail)
{
        Slot slot = { .head = { .kind = kind, .n_key = (uint8_t)n_key, .n_tail = (uint32_t)n_tail } };
        uint32_t i, first = NO_SLOT, old = find(slots, kind, n_key, body);
        int r;

        assert(n_body <= SLOT_BODY_SIZE && n_key <= n_body && n_tail <= slots->tail_max);
        r = write_tail(slots, slots->number + 1, tail, n_tail, &first);
        if (r < 0)
                return r;
        r = take_slot(slots, &i);
        if (r < 0) {
                if (first != NO_SLOT)
                        free_record(slots, first);
                return r;
        }
        memcpy(slot.body, body, n_body);
        slot.head.number = ++slots->number;
        slot.head.next = first;
        write_slot(slots, i, &slot);
        if (old != NO_SLOT) {
                unlink_head(slots, old);
                free_record(slots, old);
        }
        link_head(slots, i);
        return 0;
}

void slots_remove(Slots *slots, uint8_t kind, size_t n_key, const void *key)
{
        uint32_t i = find(slots, kind, n_key, key);

        if (i == NO_SLOT)
                return;
        unlink_head(slots, i);
        free_record(slots, i);
}

/* Collects the tail of a head, head.n_tail bytes. False if one of its slots is not what the head was written with. */
static bool read_tail(const Slots *slots, const Slot *head, uint8_t *tail)
{
        uint32_t i = head->head.next, left = head->head.n_tail;

        while (left > 0) {
                const Slot *slot;
                uint32_t n = MIN(left, (uint32_t)SLOT_BODY_SIZE);

                if (i == NO_SLOT || i >= slots->n_slots)
                        return false;
                slot = &slots->map[i];
                if (slot->head.kind != KIND_MORE || slot->head.number != head->head.number ||
                    slot->head.n_tail != left || slot->head.crc != slot_checksum(slot))
                        return false;
                memcpy(tail, slot->body, n);
                tail += n;
                left -= n;
                i = slot->head.next;
        }
        return i == NO_SLOT;
}

static bool record_is_whole(const Slots *slots, const Slot *slot, uint8_t *tail)
{
        return slot->head.kind != KIND_FREE && slot->head.kind != KIND_MORE && slot->head.crc == slot_checksum(slot) &&
               slot->head.n_key >= sizeof(uint64_t) && slot->head.n_key <= SLOT_BODY_SIZE &&
               slot->head.n_tail <= slots->tail_max && read_tail(slots, slot, tail);
}

/* Finds the records of a file, of each thing the one with the highest number, and links all other slots as free. */
static int take_over(Slots *slots)
{
        _cleanup_(freep) uint8_t *used = calloc(slots->n_slots, 1);
        uint8_t *tail = slots->tail;

        if (!used)
                return -ENOMEM;
        for (uint32_t i = 1; i < slots->n_slots; i++) {
                Slot *slot = &slots->map[i];
                uint32_t old;

                if (!record_is_whole(slots, slot, tail))
                        continue;
                slots->number = MAX(slots->number, slot->head.number);
                old = find(slots, slot->head.kind, slot->head.n_key, slot->body);
                if (old != NO_SLOT && slots->map[old].head.number > slot->head.number)
                        continue;
                if (old != NO_SLOT) {
                        unlink_head(slots, old);
                        used[old] = 0;
                }
                link_head(slots, i);
                used[i] = 1;
        }
        for (uint32_t i = 1; i < slots->n_slots; i++)
                if (used[i] && slots->map[i].head.kind != KIND_MORE)
                        for (uint32_t k = slots->map[i].head.next; k != NO_SLOT; k = slots->map[k].head.next)
                                used[k] = 1;
        for (uint32_t i = slots->n_slots; i-- > 1;) {
                if (used[i])
                        continue;
                slots->map[i].head.kind = KIND_FREE;
                push_free(slots, i);
        }
        return 0;
}

/* -EUCLEAN: not a ledger of this boot and version. */
static int open_existing(Slots *slots, const char *path, Uuid boot_id)
{
        FileHeader header;
        struct stat st;
        int r;

        slots->fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        if (slots->fd < 0)
                return errno == ELOOP ? -EUCLEAN : -errno;
        if (fstat(slots->fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_size < SLOTS_FIRST * SLOT_SIZE ||
            st.st_size / SLOT_SIZE > UINT32_MAX / SLOT_SIZE ||
            pread(slots->fd, &header, sizeof header, 0) != (ssize_t)sizeof header)
                return -EUCLEAN;
        if (header.magic != MAGIC || header.version != VERSION || header.slot_size != SLOT_SIZE ||
            !uuid_equal(header.boot_id, boot_id))
                return -EUCLEAN;
        r = allocate(slots->fd, (size_t)st.st_size);
        if (r == 0)
                r = map_file(slots, (uint32_t)(st.st_size / SLOT_SIZE));
        return r < 0 ? r : take_over(slots);
}

/* The file appears under its name when it is complete. */
static int make_new(Slots *slots, const char *path, Uuid boot_id)
{
        FileHeader header = { .magic = MAGIC, .version = VERSION, .slot_size = SLOT_SIZE, .boot_id = boot_id };
        _cleanup_(freep) char *temporary = NULL;
        int r;

        if (asprintf(&temporary, "%s.new", path) < 0)
                return -ENOMEM;
        unlink(temporary);
        slots->fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (slots->fd < 0)
                return -errno;
        r = allocate(slots->fd, (size_t)SLOTS_FIRST * SLOT_SIZE);
        if (r == 0)
                r = map_file(slots, SLOTS_FIRST);
        if (r == 0) {
                memcpy(slots->map, &header, sizeof header);
                for (uint32_t i = SLOTS_FIRST; i-- > 1;)
                        push_free(slots, i);
                r = rename(temporary, path) < 0 ? -errno : 0;
        }
        if (r < 0)
                unlink(temporary);
        return r;
}

static void close_file(Slots *slots)
{
        if (slots->map)
                munmap(slots->map, (size_t)slots->n_slots * SLOT_SIZE);
        slots->map = NULL;
        slots->fd = safe_close(slots->fd);
}

int slots_open(const char *path, Uuid boot_id, size_t size_max, size_t tail_max, Slots **ret_slots,
               bool *ret_discarded)
{
        _cleanup_(slots_freep) Slots *slots = calloc(1, sizeof *slots);
        bool discarded = false;
        int r;

        if (!slots)
                return -ENOMEM;
        slots->fd = -1;
        slots->n_slots_max = (uint32_t)MIN(size_max / SLOT_SIZE, (size_t)UINT32_MAX / SLOT_SIZE);
        slots->tail_max = tail_max;
        slots->tail = malloc(tail_max);
        if (!slots->tail)
                return -ENOMEM;
        r = open_existing(slots, path, boot_id);
        if (r == -EUCLEAN || r == -ENOENT) {
                discarded = r == -EUCLEAN;
                close_file(slots);
                r = make_new(slots, path, boot_id);
        }
        if (r < 0)
                return r;
        *ret_discarded = discarded;
        *ret_slots = TAKE_PTR(slots);
        return 0;
}

Slots *slots_free(Slots *slots)
{
        if (!slots)
                return NULL;
        close_file(slots);
        free(slots->chain);
        free(slots->tail);
        free(slots);
        return NULL;
}

static int visit_slot(Slots *slots, const Slot *slot, SlotsVisit visit, void *userdata)
{
        return visit(slot->body, slots->tail, slot->head.n_tail, userdata);
}

int slots_visit(Slots *slots, uint8_t kind, size_t n_key, const void *key, SlotsVisit visit, void *userdata)
{
        uint32_t i = find(slots, kind, n_key, key);

        if (i == NO_SLOT || !record_is_whole(slots, &slots->map[i], slots->tail))
                return -ENOENT;
        return visit_slot(slots, &slots->map[i], visit, userdata);
}

typedef struct Found {
        uint64_t number;
        uint32_t slot;
} Found;

static int compare_numbers(const void *a, const void *b)
{
        const Found *x = a, *y = b;

        return (x->number > y->number) - (x->number < y->number);
}

int slots_visit_all(Slots *slots, uint8_t kind, SlotsVisit visit, void *userdata)
{
        _cleanup_(freep) Found *found = calloc(slots->n_slots, sizeof *found);
        size_t n_found = 0;
        int r = 0;

        if (!found)
                return -ENOMEM;
        for (uint32_t i = 1; i < slots->n_slots; i++)
                if (slots->map[i].head.kind == kind)
                        found[n_found++] = (Found){ slots->map[i].head.number, i };
        qsort(found, n_found, sizeof *found, compare_numbers);
        for (size_t i = 0; r == 0 && i < n_found; i++) {
                const Slot *slot = &slots->map[found[i].slot];

                /* The callback may put and remove. */
                if (slot->head.kind == kind && slot->head.number == found[i].number &&
                    record_is_whole(slots, slot, slots->tail))
                        r = visit_slot(slots, slot, visit, userdata);
        }
        return r;
}
