/* SPDX-License-Identifier: MIT */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "broker/journal.h"

typedef struct Folder {
        char path[64];
} Folder;

static int make_folder(void **state)
{
        Folder *folder = calloc(1, sizeof *folder);

        strcpy(folder->path, "/tmp/bgt-journal.XXXXXX");
        *state = folder;
        return mkdtemp(folder->path) ? 0 : -1;
}

static int remove_folder(void **state)
{
        static const char *const names[] = { JOURNAL_NAME, JOURNAL_NAME_BEFORE };
        Folder *folder = *state;
        char path[128];

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                snprintf(path, sizeof path, "%s/%s", folder->path, names[i]);
                (void)unlink(path);
        }
        (void)rmdir(folder->path);
        free(folder);
        return 0;
}

static uint8_t *read_all(const Folder *folder, const char *name, size_t *ret_size)
{
        uint8_t *data = malloc(JOURNAL_SIZE_MAX + 1);
        char path[128];
        ssize_t n;
        int fd;

        snprintf(path, sizeof path, "%s/%s", folder->path, name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        *ret_size = 0;
        while ((n = read(fd, data + *ret_size, JOURNAL_SIZE_MAX + 1 - *ret_size)) > 0)
                *ret_size += (size_t)n;
        close(fd);
        return data;
}

/* Reads every entry; how many there are. */
static size_t check_entries(const uint8_t *data, size_t size)
{
        const JournalHeader *header = (const JournalHeader *)(const void *)data;
        EventStorage storage = { 0 };
        size_t n = 0;

        assert_true(sizeof *header + header->used <= size);
        for (size_t at = 0; at < header->used; n++) {
                const JournalEntry *entry = (const JournalEntry *)(const void *)(data + sizeof *header + at);
                Event event;

                assert_int_equal(journal_checksum(entry->kind, entry + 1, entry->size), entry->checksum);
                if (entry->kind == JOURNAL_EVENT)
                        assert_int_equal(event_read(entry + 1, entry->size, &storage, &event), 0);
                at += sizeof *entry + ((entry->size + 7) & ~7u);
        }
        event_storage_done(&storage);
        return n;
}

static void an_entry_is_in_the_file_at_once_and_a_kill_loses_none(void **state)
{
        Event event = { .type = EVENT_TICK, .time = { 1, 2, 3 } };
        const EngineConfig config = { .first_server = 7 };
        Journal *journal = NULL;
        uint8_t *data;
        size_t size;

        assert_int_equal(journal_new(((Folder *)*state)->path, &config, &journal), 0);
        journal_put_event(journal, &event);
        journal_put_effects(journal, &(Effects){ 0 });
        journal_put_new_server(journal, 8);
        data = read_all(*state, JOURNAL_NAME, &size);
        assert_int_equal(check_entries(data, size), 2);
        assert_int_equal(((const JournalHeader *)(void *)data)->config.first_server, 7);
        free(data);
        journal_free(journal);
}

static void a_journal_is_bounded_and_counts_what_it_leaves_out(void **state)
{
        Event event = { .type = EVENT_COMMITTED };
        const EngineConfig config = { 0 };
        const JournalHeader *header;
        Journal *journal = NULL;
        uint8_t *data;
        size_t size, n;

        assert_int_equal(journal_new(((Folder *)*state)->path, &config, &journal), 0);
        for (n = 0; !journal_is_full(journal); n++) {
                event.committed.commit = n;
                journal_put_event(journal, &event);
        }
        journal_put_event(journal, &event);
        data = read_all(*state, JOURNAL_NAME, &size);
        header = (const JournalHeader *)(void *)data;
        assert_true(size <= JOURNAL_SIZE_MAX);
        assert_true(size > JOURNAL_SIZE_MAX / 2);
        assert_int_equal(header->n_left_out, 2);
        assert_int_equal(check_entries(data, size), n - 1);
        free(data);
        journal_free(journal);
}

static void the_journal_before_is_kept_and_only_that(void **state)
{
        const EngineConfig config = { 0 };
        Journal *journal = NULL;
        uint8_t *data;
        size_t size;

        for (uint64_t server = 1; server <= 3; server++) {
                assert_int_equal(journal_new(((Folder *)*state)->path, &config, &journal), 0);
                journal_put_new_server(journal, server);
                journal = journal_free(journal);
        }
        data = read_all(*state, JOURNAL_NAME_BEFORE, &size);
        assert_int_equal(((const JournalEntry *)(void *)(data + sizeof(JournalHeader)))->digest, 2);
        free(data);
}

static void without_a_folder_there_is_no_journal_and_that_is_no_harm(void **state)
{
        const Event event = { .type = EVENT_TICK };
        const EngineConfig config = { 0 };
        Journal *journal = NULL;

        assert_int_equal(journal_new("/nonexistent", &config, &journal), -ENOENT);
        assert_null(journal);
        journal_put_event(journal, &event);
        journal_put_effects(journal, &(Effects){ 0 });
        journal_put_new_server(journal, 1);
        assert_false(journal_is_full(journal));
        journal_free(journal);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(an_entry_is_in_the_file_at_once_and_a_kill_loses_none, make_folder,
                                                remove_folder),
                cmocka_unit_test_setup_teardown(a_journal_is_bounded_and_counts_what_it_leaves_out, make_folder,
                                                remove_folder),
                cmocka_unit_test_setup_teardown(the_journal_before_is_kept_and_only_that, make_folder, remove_folder),
                cmocka_unit_test(without_a_folder_there_is_no_journal_and_that_is_no_harm),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
