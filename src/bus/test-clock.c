/* SPDX-License-Identifier: MIT */

/* org.bgtask.TestClock1: clocks and conditions that a test sets, and triggers that it fires. */

#include <inttypes.h>
#include <string.h>

#include "bus/bus-internal.h"

#define HANDLERS(call) ((call)->peer->bus->config.handlers)

static void on_advance(Call *call, Reader *r)
{
        HANDLERS(call)->clock_advance(call, reader_get_uint64(r), false, HANDLERS(call)->userdata);
}

static void on_suspend(Call *call, Reader *r)
{
        HANDLERS(call)->clock_advance(call, reader_get_uint64(r), true, HANDLERS(call)->userdata);
}

static void on_step(Call *call, Reader *r)
{
        HANDLERS(call)->clock_step(call, reader_get_int64(r), HANDLERS(call)->userdata);
}

static void on_set_patience(Call *call, Reader *r)
{
        HANDLERS(call)->clock_set_patience(call, reader_get_uint64(r), HANDLERS(call)->userdata);
}

static void on_get(Call *call, Reader *r)
{
        HANDLERS(call)->clock_get(call, HANDLERS(call)->userdata);
}

static void on_set_condition(Call *call, Reader *r)
{
        const char *name = reader_get_string(r), *text = reader_get_string(r);
        int condition = term_number(TERM_CONDITION, name);
        int level;

        if (condition < 0)
                bus_reply_error(call, ERROR_INVALID_ARGUMENT, "there is no condition \"%.64s\"", name);
        else if (!read_level(text, &level))
                bus_reply_error(call, ERROR_INVALID_ARGUMENT, "a level is true, false or unknown, not \"%.64s\"",
                                text);
        else
                HANDLERS(call)->set_condition(call, (uint8_t)condition, level, HANDLERS(call)->userdata);
}

#define ROWS_MAX 64

/* The lists of the details that a run finds, as columns. */
enum { PATHS, ACTIONS, DEVICES, NODES, NOTIFICATIONS, REASONS, CHANGES, APPLICATIONS, _COLUMN_MAX };
static const char *const column_names[] = { "paths", "actions", "devices", "nodes", "notifications", "reasons",
                                            "changes", "applications" };

typedef struct Columns {
        const char *items[_COLUMN_MAX][ROWS_MAX];
        size_t n[_COLUMN_MAX];
        const uint8_t *message;
        size_t n_message;
} Columns;

static void read_columns(Reader *r, Columns *columns)
{
        const char *key, *type;

        reader_open_array(r, "{sv}");
        while (reader_next_option(r, &key, &type)) {
                if (strcmp(key, "message") == 0 && strcmp(type, "ay") == 0)
                        columns->message = reader_get_bytes(r, &columns->n_message);
                for (unsigned c = 0; c < _COLUMN_MAX; c++) {
                        if (strcmp(key, column_names[c]) != 0 || strcmp(type, "as") != 0)
                                continue;
                        reader_open_array(r, "s");
                        while (reader_more(r) && columns->n[c] < ROWS_MAX)
                                columns->items[c][columns->n[c]++] = reader_get_string(r);
                        while (reader_more(r))
                                reader_skip(r);
                        reader_close(r);
                        break;
                }
        }
        reader_close(r);
}

static const char *cell(const Columns *columns, unsigned column, size_t row)
{
        return row < columns->n[column] ? columns->items[column][row] : "";
}

/* As the sensors write them: each entry with its NUL, and where the same may happen twice, with a number. */
static int format_entries(const Columns *columns, uint64_t *last, Buffer *ret_entries)
{
        const unsigned what = columns->n[ACTIONS] > 0 ? ACTIONS : columns->n[CHANGES] > 0 ? CHANGES : REASONS;
        const char *separator = what == CHANGES ? "\t" : "";
        int r = 0;

        for (size_t i = 0; i < columns->n[PATHS] && r >= 0; i++)
                r = buffer_append(ret_entries, cell(columns, PATHS, i), strlen(cell(columns, PATHS, i)) + 1);
        for (size_t i = 0; i < columns->n[DEVICES] && r >= 0; i++) {
                const char *device = cell(columns, DEVICES, i);

                r = buffer_printf(ret_entries, "%" PRIu64 "\t%s\t%s\t%s", ++*last,
                                  cell(columns, ACTIONS, i), strncmp(device, "/sys", 4) == 0 ? device + 4 : device,
                                  cell(columns, NODES, i));
                ret_entries->size++;
        }
        for (size_t i = 0; i < columns->n[NOTIFICATIONS] && r >= 0; i++) {
                r = buffer_printf(ret_entries, "%" PRIu64 "\t%s\t%s%s%s", ++*last,
                                  cell(columns, NOTIFICATIONS, i), cell(columns, what, i), separator,
                                  cell(columns, APPLICATIONS, i));
                ret_entries->size++;
        }
        return r;
}

static void fired_done(BusFired *fired)
{
        buffer_done(&fired->details);
        buffer_done(&fired->entries);
}

static void on_fire(Call *call, Reader *r)
{
        _cleanup_(fired_done) BusFired fired = { 0 };
        Refusal refusal = { 0 };
        Columns columns = { 0 };
        uint32_t place;
        Reader again;
        Uuid task;

        task = read_uuid(r, ERROR_NO_SUCH_TASK, &refusal);
        place = reader_get_uint32(r);
        again = *r;
        read_details(r, "details", &fired.details, &refusal);
        read_columns(&again, &columns);
        fired.message = columns.message;
        fired.n_message = columns.n_message;
        if (format_entries(&columns, &call->peer->bus->last_fired, &fired.entries) < 0)
                bus_reply_error(call, ERROR_NO_MEMORY, NULL);
        else if (refusal.error != ERROR_NONE)
                bus_reply_error(call, refusal.error, "%s", refusal.sentence);
        else
                HANDLERS(call)->fire(call, task, place, &fired, HANDLERS(call)->userdata);
}

DEFINE_HANDLER(on_advance);
DEFINE_HANDLER(on_suspend);
DEFINE_HANDLER(on_step);
DEFINE_HANDLER(on_set_patience);
DEFINE_HANDLER(on_get);
DEFINE_HANDLER(on_set_condition);
DEFINE_HANDLER(on_fire);

const DispatchHandler test_clock_handlers[_TEST_CLOCK1_METHOD_MAX] = {
        [TEST_CLOCK1_METHOD_ADVANCE] = on_advance_call,
        [TEST_CLOCK1_METHOD_SUSPEND] = on_suspend_call,
        [TEST_CLOCK1_METHOD_STEP] = on_step_call,
        [TEST_CLOCK1_METHOD_SET_PATIENCE] = on_set_patience_call,
        [TEST_CLOCK1_METHOD_GET] = on_get_call,
        [TEST_CLOCK1_METHOD_SET_CONDITION] = on_set_condition_call,
        [TEST_CLOCK1_METHOD_FIRE] = on_fire_call,
};
