/* SPDX-License-Identifier: MIT */

/*
 * What servers printed. A log belongs to a server, a run to a time range of it; which ranges a task has is known from
 * its live runs and from its records. A page is a number of lines from the oldest on; its cursor counts the lines
 * before.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "broker/broker.h"
#include "launcher/log.h"

#define RANGES_MAX 110
#define PAGE_BYTES_MAX (512 * 1024)
#define LINE_BYTES_MAX (8 * LOG_TEXT_MAX)

typedef struct Range {
        char log_id[SERVER_LOG_ID_MAX];
        uint64_t from_real_usec;
        uint64_t to_real_usec;
} Range;

typedef struct Page {
        Writer *writer;
        uint64_t skip;
        uint64_t position;
        uint32_t left;
        size_t n_bytes;
        bool full;
        bool in_line;           /* its end has not come yet */
        uint64_t line_real_usec;
        size_t n_line;
        char line[LINE_BYTES_MAX + 1];
} Page;

/* The wire takes UTF-8 only: of what a program printed in another code the rest is shown. */
static void put_line(Page *page)
{
        char *line = page->line;

        if (!utf8_is_valid(line, page->n_line))
                for (size_t i = 0; i < page->n_line; i++)
                        if ((unsigned char)line[i] >= 0x80 || line[i] == '\0')
                                line[i] = '?';
        line[page->n_line] = '\0';
        page->left--;
        page->n_bytes += page->n_line;
        writer_open_struct(page->writer, "ts");
        writer_put_uint64(page->writer, page->line_real_usec);
        writer_put_string(page->writer, line);
        writer_close(page->writer);
}

/* False: it does not fit into the page any more. */
static bool end_line(Page *page)
{
        if (!page->in_line)
                return true;
        page->in_line = false;
        if (page->position >= page->skip) {
                if (page->left == 0 || page->n_bytes > PAGE_BYTES_MAX) {
                        page->full = true;
                        return false;
                }
                put_line(page);
        }
        page->position++;
        return true;
}

/* The pieces of a line are put together again, as far as there is room for them. */
static int put_record(uint64_t real_usec, LogKind kind, const char *text, size_t size, void *userdata)
{
        Page *page = userdata;

        if ((kind == LOG_NOTE || page->n_line + size > LINE_BYTES_MAX) && !end_line(page))
                return 1;
        if (!page->in_line) {
                page->in_line = true;
                page->n_line = 0;
                page->line_real_usec = real_usec;
        }
        memcpy(page->line + page->n_line, text, size);
        page->n_line += size;
        return kind == LOG_PIECE || end_line(page) ? 0 : 1;
}

/* Runs that overlapped on one server have printed into one stretch of its log, which is shown once. */
static void add_range(Range *ranges, size_t *n, const char *package, uint64_t server, uint64_t from, uint64_t to)
{
        Range range = { .from_real_usec = from, .to_real_usec = to };

        if (server == 0)
                return;
        broker_server_log_id(package, server, range.log_id);
        for (size_t i = 0; i < *n; i++) {
                if (strcmp(ranges[i].log_id, range.log_id) != 0 || to < ranges[i].from_real_usec ||
                    from > ranges[i].to_real_usec)
                        continue;
                ranges[i].from_real_usec = MIN(from, ranges[i].from_real_usec);
                ranges[i].to_real_usec = MAX(to, ranges[i].to_real_usec);
                return;
        }
        if (*n < RANGES_MAX)
                ranges[(*n)++] = range;
}

static size_t live_ranges(Broker *broker, Uuid task, const char *run, Range *ranges, size_t n)
{
        RunInfo runs[RANGES_MAX];
        size_t n_runs = engine_get_runs(broker->engine, task, 0, runs, ELEMENTSOF(runs));
        char text[UUID_STRING_MAX];

        for (size_t i = 0; i < n_runs; i++) {
                Server *server = broker_server_find(broker, runs[i].server);

                if (run[0] && strcasecmp(run, uuid_format(runs[i].run, text)) != 0)
                        continue;
                if (server && server->process && server->launched)
                        process_drain_output(server->process);
                add_range(ranges, &n, runs[i].package, runs[i].server,
                          MIN(runs[i].since_real_usec, runs[i].accepted_real_usec), UINT64_MAX);
        }
        return n;
}

void on_read_log(Call *call, Uuid task, const char *run, const char *cursor, uint32_t limit, void *userdata)
{
        Broker *broker = userdata;
        const StoreHistoryQuery query = { .task = task, .limit = 100 };
        char note[2 * UUID_STRING_MAX + 64];
        char text[UUID_STRING_MAX];
        int r;

        if (strlen(run) >= UUID_STRING_MAX || strlen(cursor) > 20) {
                bus_reply_error(call, ERROR_NO_SUCH_RUN, NULL);
                return;
        }
        /* The records are read first; what to do with them waits with the call. */
        snprintf(note, sizeof note, "%s %" PRIu32 " %s %s", uuid_format(task, text), limit, cursor[0] ? cursor : "0",
                 run[0] ? run : "-");
        call_set_kind(call, KIND_LOG);
        call_set_note(call, note);
        r = call_note(call) ? broker_history_ask(broker, &query, call_token(call)) : -ENOMEM;
        if (r < 0)
                bus_reply_error(call, store_error(r), "the log cannot be read: %s", strerror(-r));
}

void show_log_of_records(Broker *broker, Call *call, const StoreHistoryPage *records)
{
        char task_text[UUID_STRING_MAX], run[UUID_STRING_MAX], text[UUID_STRING_MAX], next[24];
        Range ranges[RANGES_MAX];
        Page page = { 0 };
        Uuid task;
        size_t n = 0;

        if (sscanf(call_note(call), "%36s %" SCNu32 " %" SCNu64 " %36s", task_text, &page.left, &page.skip, run) !=
                    4 ||
            uuid_parse(task_text, &task) < 0) {
                bus_reply_error(call, ERROR_INVALID_ARGUMENT, "this is not a cursor of this list");
                return;
        }
        if (strcmp(run, "-") == 0)
                run[0] = '\0';
        for (size_t i = records->n_runs; i-- > 0;) {
                const RunRow *row = &records->runs[i];

                if (!run[0] || strcasecmp(run, uuid_format(row->id, text)) == 0)
                        add_range(ranges, &n, row->package, row->server,
                                  row->started_real_usec > 0 ? row->started_real_usec : row->accepted_real_usec,
                                  row->ended_real_usec);
        }
        n = live_ranges(broker, task, run, ranges, n);
        page.writer = bus_begin_reply(call);
        writer_open_array(page.writer, "(ts)");
        for (size_t i = 0; i < n && !page.full; i++) {
                (void)log_read(broker->paths.logs, ranges[i].log_id, ranges[i].from_real_usec, ranges[i].to_real_usec,
                               put_record, &page);
                (void)end_line(&page);
        }
        writer_close(page.writer);
        snprintf(next, sizeof next, "%" PRIu64, page.position);
        writer_put_string(page.writer, page.full ? next : "");
        bus_send_reply(call);
}
