/* SPDX-License-Identifier: MIT */

/* What a disk holds after an end at a place. */

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"
#include "disk-internal.h"

typedef struct Content {
        uint8_t *data;
        size_t size, allocated;
        size_t first; /* event from which on nothing was synced */
} Content;

typedef struct Image {
        DiskKeep keep;
        uint64_t dice;
        unsigned chance; /* of 256, that a sector is kept */
        size_t last;     /* the last write before the end */
        Content files[FILES_MAX];
        Name names[FILES_MAX];
        size_t n_names;
} Image;

static uint64_t roll(Image *image)
{
        uint64_t z = image->dice += UINT64_C(0x9e3779b97f4a7c15);

        z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
        return z ^ z >> 31;
}

static bool is_kept(Image *image, size_t event)
{
        switch (image->keep) {
        case DISK_KEEP_ALL:
                return true;
        case DISK_KEEP_NONE:
                return false;
        case DISK_KEEP_TORN:
                return event != image->last || roll(image) % 2;
        case DISK_KEEP_LAST:
                return event == image->last ? roll(image) % 8 > 0 : roll(image) % 16 == 0;
        default:
                return roll(image) % 256 < image->chance;
        }
}

static void make_room(Image *image, Content *content, size_t size)
{
        bool nonsense = image->keep != DISK_KEEP_ALL && roll(image) % 4 == 0;

        if (size <= content->size)
                return;
        if (size > content->allocated) {
                content->allocated = MAX(size, content->allocated * 2);
                content->data = realloc(content->data, content->allocated);
                assert(content->data);
        }
        for (size_t i = content->size; i < size; i++)
                content->data[i] = nonsense ? (uint8_t)roll(image) : 0;
        content->size = size;
}

static void apply_write(Image *image, Content *content, const DiskEvent *event, size_t index, bool all)
{
        size_t done = 0;

        while (done < event->size) {
                uint64_t offset = event->offset + done;
                size_t n = MIN(event->size - done, (size_t)(DISK_SECTOR - offset % DISK_SECTOR));

                if (all || is_kept(image, index)) {
                        make_room(image, content, offset + n);
                        memcpy(content->data + offset, event->data + done, n);
                }
                done += n;
        }
}

static void apply_cut(Image *image, Content *content, const DiskEvent *event, size_t index, bool all)
{
        if (!all && !is_kept(image, index))
                return;
        if (event->offset < content->size)
                content->size = event->offset;
        else
                make_room(image, content, event->offset);
}

/* What happened to a file from its last sync up to `end`: all of it, or what the dice keep. */
static void apply_file(Image *image, int file, size_t end, bool all)
{
        Content *content = &image->files[file];

        for (size_t i = content->first; i < end; i++) {
                const DiskEvent *event = &disk.events[i];

                if (event->file != file)
                        continue;
                if (event->kind == WROTE)
                        apply_write(image, content, event, i, all);
                else if (event->kind == CUT)
                        apply_cut(image, content, event, i, all);
        }
        content->first = end;
}

static void apply_name(Image *image, const DiskEvent *event)
{
        if (event->kind == MADE)
                disk_add_name(image->names, &image->n_names, event->name, event->file);
        else if (event->kind == DELETED)
                disk_drop_name(image->names, &image->n_names, event->name);
        else if (event->kind == RENAMED)
                disk_change_name(image->names, &image->n_names, event->name, event->to);
}

/* Names up to the last sync, and then a few more. */
static void apply_names(Image *image, size_t place)
{
        size_t synced = 0;
        bool kept = true;

        for (size_t i = 0; i < place; i++)
                if (disk.events[i].kind == SYNCED)
                        synced = i;
        for (size_t i = 0; i < place; i++) {
                EventKind kind = disk.events[i].kind;

                if (kind != MADE && kind != DELETED && kind != RENAMED)
                        continue;
                if (i > synced)
                        kept = kept && (image->keep == DISK_KEEP_ALL || image->keep == DISK_KEEP_TORN ||
                                        (image->keep != DISK_KEEP_NONE && roll(image) % 2));
                if (kept)
                        apply_name(image, &disk.events[i]);
        }
}

static void write_files(Image *image, const char *to)
{
        for (size_t i = 0; i < image->n_names; i++) {
                const Content *content = &image->files[image->names[i].file];
                char path[256];
                int fd;

                snprintf(path, sizeof path, "%s/%s", to, image->names[i].name);
                fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
                assert(fd >= 0);
                if (content->size > 0 && write(fd, content->data, content->size) != (ssize_t)content->size)
                        abort();
                close(fd);
                free(image->names[i].name);
        }
}

void disk_make_image(size_t place, DiskKeep keep, uint64_t seed, const char *to)
{
        Image *image = calloc(1, sizeof *image);

        assert(image && place <= disk.n_events);
        image->keep = keep;
        image->dice = seed * 7919 + place;
        image->chance = (unsigned)(roll(image) % 256);
        for (size_t i = 0; i < place; i++)
                if (disk.events[i].kind == WROTE || disk.events[i].kind == CUT)
                        image->last = i;
        for (size_t i = 0; i < place; i++) {
                const DiskEvent *event = &disk.events[i];

                if (event->kind == SYNCED && event->file >= 0)
                        apply_file(image, event->file, i, true);
                else if (event->kind == SYNC_FAILED)
                        apply_file(image, event->file, i, keep == DISK_KEEP_ALL);
        }
        for (int file = 0; file < disk.n_files; file++)
                apply_file(image, file, place, keep == DISK_KEEP_ALL);
        apply_names(image, place);
        write_files(image, to);
        for (int file = 0; file < disk.n_files; file++)
                free(image->files[file].data);
        free(image);
}
