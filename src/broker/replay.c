/* SPDX-License-Identifier: MIT */

/* bgtaskd --replay: a journal fed to a new engine, as text or as JSON, a line for each event. */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "broker/journal.h"

typedef struct Replay {
        const char *path;
        bool json;
        uint8_t *data;          /* aligned */
        size_t size;
        const JournalHeader *header;
        Engine *engine;
        Effects effects;
        EventStorage storage;
        uint64_t n;             /* entries */
        uint64_t n_other;       /* of which so many had other effects */
        uint64_t first_other;
} Replay;

static int complain(const Replay *replay, const char *what, const char *remedy)
{
        fprintf(stderr, "bgtaskd: %s: %s\n         %s\n", replay->path, what, remedy);
        return -EBADMSG;
}

static int load(Replay *replay)
{
        int fd = strcmp(replay->path, "-") == 0 ? STDIN_FILENO : open(replay->path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : 0;

        replay->data = malloc(JOURNAL_SIZE_MAX + 1);
        if (!replay->data)
                return -ENOMEM;
        do {
                replay->size += (size_t)MAX(n, 0);
                if (fd >= 0 && replay->size <= JOURNAL_SIZE_MAX)
                        n = read(fd, replay->data + replay->size, JOURNAL_SIZE_MAX + 1 - replay->size);
                else
                        break;
        } while (n > 0 || (n < 0 && errno == EINTR));
        if (n < 0) {
                fprintf(stderr, "bgtaskd: %s: %s\n", replay->path, strerror(errno));
                return -EIO;
        }
        return 0;
}

static int check_header(Replay *replay)
{
        const char *give = "give a file that 'bgtask journal' wrote";
        const JournalHeader *header = (const JournalHeader *)(void *)replay->data;
        char text[200];

        if (replay->size < sizeof *header || memcmp(header->magic, JOURNAL_MAGIC, sizeof JOURNAL_MAGIC) != 0)
                return complain(replay, "is no journal", give);
        if (header->byte_order != JOURNAL_BYTE_ORDER || header->config_size != sizeof header->config ||
            strncmp(header->version, BGTASK_VERSION, sizeof header->version) != 0) {
                snprintf(text, sizeof text, "was written by version %.*s on another kind of machine or build",
                         (int)strnlen(header->version, sizeof header->version), header->version);
                return complain(replay, text, "replay it with the build that wrote it");
        }
        if (header->used > replay->size - sizeof *header)
                return complain(replay, "is cut off", give);
        replay->header = header;
        return 0;
}

static void print_json_text(const char *s)
{
        putchar('"');
        for (; s && *s; s++) {
                unsigned char c = (unsigned char)*s;

                if (c < 0x20 || c == '"' || c == '\\' || c == 0x7f)
                        printf("\\u%04x", c);
                else
                        putchar(c);
        }
        putchar('"');
}

/* What the event is about: the names and ids by which its lines can be found. */
static void describe(const Event *event, char *buf, size_t size)
{
        char id[UUID_STRING_MAX];

        buf[0] = '\0';
        switch (event->type) {
        case EVENT_RESTORE_PACKAGE:
        case EVENT_INSTALL:
        case EVENT_REMOVE:
        case EVENT_PAUSE_PACKAGE:
        case EVENT_RESTORE_PACKAGE_PAUSE:
                snprintf(buf, size, "%s", event->package.name);
                break;
        case EVENT_RESTORE_TASK:
                snprintf(buf, size, "%s/%s %s", event->task_row->spec.package, event->task_row->spec.name,
                         uuid_format(event->task_row->id, id));
                break;
        case EVENT_REGISTER:
                snprintf(buf, size, "%s/%s", event->reg.spec->package, event->reg.spec->name);
                break;
        case EVENT_RESTORE_LEVEL:
        case EVENT_LEVEL: {
                const char *name = term_name(TERM_CONDITION, event->level.condition);

                snprintf(buf, size, "%s %s", name ? name : "?",
                         event->level.level > 0 ? "true" : event->level.level < 0 ? "unknown" : "false");
                break;
        }
        case EVENT_UNREGISTER:
        case EVENT_PAUSE:
        case EVENT_SKIP:
        case EVENT_REQUEST:
        case EVENT_RUN_NOW:
        case EVENT_CANCEL:
                snprintf(buf, size, "task %s", uuid_format(event->task.task, id));
                break;
        case EVENT_CANCEL_RUN:
        case EVENT_RUN_ACKNOWLEDGED:
        case EVENT_RUN_REFUSED:
        case EVENT_RUN_PROGRESS:
        case EVENT_RUN_COMPLETED:
                snprintf(buf, size, "run %s", uuid_format(event->run.run, id));
                break;
        case EVENT_COMMITTED:
                snprintf(buf, size, "%" PRIu64 "%s", event->committed.commit, event->committed.error ? " failed" : "");
                break;
        case EVENT_SPAWNED:
        case EVENT_SPAWN_FAILED:
        case EVENT_SERVER_GONE:
        case EVENT_SERVER_ANNOUNCED:
                snprintf(buf, size, "server %" PRIu64, event->process.server);
                break;
        default:
                break;
        }
}

static void print_text(const Replay *replay, const Event *event, const char *about, bool same)
{
        time_t seconds = (time_t)(event->time.real_usec / USEC_PER_SEC);
        char stamp[40];
        struct tm tm;

        if (!localtime_r(&seconds, &tm) || strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S", &tm) == 0)
                snprintf(stamp, sizeof stamp, "?");
        printf("#%" PRIu64 " %s.%06u %s%s%s", replay->n, stamp, (unsigned)(event->time.real_usec % USEC_PER_SEC),
               event_name(event->type), about[0] ? " " : "", about);
        for (size_t i = 0; i < replay->effects.n_items; i++)
                printf("%s %s", i > 0 ? "," : " ->", effect_name(replay->effects.items[i].type));
        puts(same ? "" : "  (other effects than recorded)");
}

static void print_json(const Replay *replay, const Event *event, const char *about, bool same)
{
        printf("{\"number\":%" PRIu64 ",\"time\":%" PRIu64 ",\"event\":\"%s\",\"about\":", replay->n,
               event->time.real_usec, event_name(event->type));
        print_json_text(about);
        fputs(",\"effects\":[", stdout);
        for (size_t i = 0; i < replay->effects.n_items; i++)
                printf("%s\"%s\"", i > 0 ? "," : "", effect_name(replay->effects.items[i].type));
        printf("],\"as_recorded\":%s}\n", same ? "true" : "false");
}

/* The last event of a broker that was killed has no effects yet. */
static int replay_event(Replay *replay, const JournalEntry *entry, bool is_last)
{
        char about[700];
        Event event;
        bool same;
        int r;

        r = event_read(entry + 1, entry->size, &replay->storage, &event);
        if (r < 0)
                return r;
        describe(&event, about, sizeof about);
        effects_clear(&replay->effects);
        r = engine_feed(replay->engine, &event, &replay->effects);
        if (r < 0)
                return r;
        same = effects_digest(&replay->effects) == entry->digest || (is_last && entry->digest == 0);
        if (!same && replay->n_other++ == 0)
                replay->first_other = replay->n;
        (replay->json ? print_json : print_text)(replay, &event, about, same);
        return 0;
}

static int replay_entry(Replay *replay, const JournalEntry *entry, bool is_last)
{
        uint64_t server;

        if (journal_checksum(entry->kind, entry + 1, entry->size) != entry->checksum)
                return -EBADMSG;
        replay->n++;
        if (entry->kind == JOURNAL_EVENT)
                return replay_event(replay, entry, is_last);
        if (entry->kind != JOURNAL_NEW_SERVER)
                return -EBADMSG;
        server = engine_new_server(replay->engine);
        if ((uint32_t)server != entry->digest && replay->n_other++ == 0)
                replay->first_other = replay->n;
        return 0;
}

static int replay_entries(Replay *replay)
{
        const uint8_t *p = replay->data + sizeof *replay->header, *end = p + replay->header->used;
        char text[100];

        while (p < end) {
                const JournalEntry *entry = (const JournalEntry *)(const void *)p;
                size_t left = (size_t)(end - p), padded;
                int r = -EBADMSG;

                if (left >= sizeof *entry && entry->size <= left - sizeof *entry) {
                        padded = sizeof *entry + (((size_t)entry->size + 7) & ~(size_t)7);
                        r = replay_entry(replay, entry, padded >= left);
                        p += MIN(padded, left);
                }
                if (r == -ENOMEM) {
                        fputs("bgtaskd: out of memory\n", stderr);
                        return r;
                }
                if (r < 0) {
                        snprintf(text, sizeof text, "is damaged behind entry %" PRIu64, replay->n);
                        return complain(replay, text, "give a file as 'bgtask journal' wrote it");
                }
        }
        return 0;
}

static int summarize(const Replay *replay)
{
        FILE *f = replay->json ? stderr : stdout;

        if (replay->header->n_left_out > 0)
                fprintf(f, "the journal was full: the last %" PRIu64 " events are not in it\n",
                        replay->header->n_left_out);
        if (replay->n_other == 0) {
                fprintf(f, "%" PRIu64 " entries replayed: every effect is as it was recorded\n", replay->n);
                return EXIT_SUCCESS;
        }
        fprintf(f, "%" PRIu64 " entries replayed: %" PRIu64 " have other effects than recorded, first number %" PRIu64
                   "\n",
                replay->n, replay->n_other, replay->first_other);
        return EXIT_FAILURE;
}

int replay_file(const char *path, bool json)
{
        Replay replay = { .path = path, .json = json };
        int r;

        r = load(&replay);
        if (r >= 0)
                r = check_header(&replay);
        if (r >= 0)
                r = engine_new(&replay.header->config, &replay.engine);
        if (r >= 0)
                r = replay_entries(&replay);
        r = r < 0 ? EXIT_FAILURE : summarize(&replay);
        engine_free(replay.engine);
        effects_done(&replay.effects);
        event_storage_done(&replay.storage);
        free(replay.data);
        return r;
}
