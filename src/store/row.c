/* SPDX-License-Identifier: MIT */

#include "store/row.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#include "base/hash.h"

enum {
        TAG_INT = 'i',  /* 8 bytes follow, the lowest first */
        TAG_TEXT = 't', /* 4 bytes of length, then the bytes */
        TAG_BLOB = 'b',
};

static void write_le64(uint8_t *p, uint64_t x)
{
        x = htole64(x);
        memcpy(p, &x, sizeof x);
}

static void write_le32(uint8_t *p, uint32_t x)
{
        x = htole32(x);
        memcpy(p, &x, sizeof x);
}

static uint64_t read_le64(const uint8_t *p)
{
        uint64_t x;

        memcpy(&x, p, sizeof x);
        return le64toh(x);
}

static uint32_t read_le32(const uint8_t *p)
{
        uint32_t x;

        memcpy(&x, p, sizeof x);
        return le32toh(x);
}

int value_put_int(Buffer *b, uint64_t x)
{
        uint8_t bytes[9] = { TAG_INT };

        write_le64(bytes + 1, x);
        return buffer_append(b, bytes, sizeof bytes);
}

static int value_put_bytes(Buffer *b, uint8_t tag, const void *data, size_t size, size_t max)
{
        uint8_t head[5] = { tag };
        int r;

        if (size > max)
                return -E2BIG;
        write_le32(head + 1, (uint32_t)size);
        r = buffer_reserve(b, sizeof head + size);
        if (r < 0)
                return r;
        buffer_append(b, head, sizeof head);
        buffer_append(b, data, size);
        return 0;
}

int value_put_text(Buffer *b, const char *text, size_t max)
{
        if (!text)
                text = "";
        return value_put_bytes(b, TAG_TEXT, text, strlen(text), max);
}

int value_put_blob(Buffer *b, const void *data, size_t size, size_t max)
{
        return value_put_bytes(b, TAG_BLOB, data, size, max);
}

int value_bind_all(sqlite3_stmt *statement, const uint8_t **position, unsigned n_values)
{
        const uint8_t *p = *position;
        int r = SQLITE_OK;

        for (int i = 1; i <= (int)n_values && r == SQLITE_OK; i++) {
                uint8_t tag = *p++;
                size_t size;

                if (tag == TAG_INT) {
                        r = sqlite3_bind_int64(statement, i, (sqlite3_int64)read_le64(p));
                        p += 8;
                        continue;
                }
                size = read_le32(p);
                p += 4;
                if (tag == TAG_TEXT)
                        r = sqlite3_bind_text(statement, i, (const char *)p, (int)size, SQLITE_STATIC);
                else
                        r = sqlite3_bind_blob(statement, i, p, (int)size, SQLITE_STATIC);
                p += size;
        }
        *position = p;
        return r;
}

uint32_t row_checksum(sqlite3_stmt *statement, int first, int last)
{
        uint32_t crc = 0;

        for (int i = first; i < last; i++) {
                int type = sqlite3_column_type(statement, i);
                uint8_t head[9];
                const void *data;
                size_t size;

                if (type == SQLITE_INTEGER) {
                        head[0] = TAG_INT;
                        write_le64(head + 1, (uint64_t)sqlite3_column_int64(statement, i));
                        crc = crc32c(crc, head, 9);
                        continue;
                }
                head[0] = type == SQLITE_TEXT ? TAG_TEXT : TAG_BLOB;
                data = sqlite3_column_blob(statement, i);
                size = (size_t)sqlite3_column_bytes(statement, i);
                write_le32(head + 1, (uint32_t)size);
                crc = crc32c(crc, head, 5);
                crc = crc32c(crc, data, size);
        }
        return crc;
}

static int next_column(RowReader *r, int type)
{
        if (sqlite3_column_type(r->statement, r->column) != type)
                r->bad = true;
        return r->column++;
}

uint64_t row_u64(RowReader *r)
{
        return (uint64_t)sqlite3_column_int64(r->statement, next_column(r, SQLITE_INTEGER));
}

uint32_t row_u32(RowReader *r, uint32_t max)
{
        uint64_t x = row_u64(r);

        if (x <= max)
                return (uint32_t)x;
        r->bad = true;
        return 0;
}

int32_t row_i32(RowReader *r)
{
        int64_t x = (int64_t)row_u64(r);

        if (x >= INT32_MIN && x <= INT32_MAX)
                return (int32_t)x;
        r->bad = true;
        return 0;
}

const void *row_blob(RowReader *r, size_t *ret_size)
{
        int column = next_column(r, SQLITE_BLOB);
        const void *data = sqlite3_column_blob(r->statement, column);

        *ret_size = data ? (size_t)sqlite3_column_bytes(r->statement, column) : 0;
        return data ? data : "";
}

Uuid row_uuid(RowReader *r)
{
        size_t size;
        const void *data = row_blob(r, &size);
        Uuid uuid = UUID_NULL;

        if (size == sizeof uuid.bytes)
                memcpy(uuid.bytes, data, sizeof uuid.bytes);
        else
                r->bad = true;
        return uuid;
}

const char *row_text(RowReader *r)
{
        int column = next_column(r, SQLITE_TEXT);
        const char *text = (const char *)sqlite3_column_text(r->statement, column);

        if (text && strlen(text) == (size_t)sqlite3_column_bytes(r->statement, column))
                return text;
        r->bad = true;
        return "";
}

void row_check(RowReader *r, int first)
{
        uint32_t crc = row_checksum(r->statement, first, r->column);

        if (row_u32(r, UINT32_MAX) != crc)
                r->bad = true;
}

/*
 * The packed columns. Numbers have their lowest byte first. docs/store.md and the view `tasks` of the schema know the
 * positions.
 */
enum {
        SPEC_FORMAT = 0,
        SPEC_FLAGS = 1,
        SPEC_KIND = 2,
        SPEC_SYSTEM_TYPE = 3,
        SPEC_OVERLAP = 4,
        SPEC_CATCH_UP = 5,
        SPEC_RERUN = 6,
        SPEC_N_MORE = 7,
        SPEC_CONDITIONS = 8,
        SPEC_RETRY_MAX = 12,
        SPEC_PERIOD = 16,
        SPEC_WINDOW = 24,
        SPEC_REGISTERED = 32,
        SPEC_CLSID = 40,
        SPEC_FIXED = 56,
        SPEC_MORE = 3 * 8, /* each further trigger, behind that: */
        MORE_KIND = 0,
        MORE_SYSTEM_TYPE = 1,
        MORE_ONE_SHOT = 2,
        MORE_PERIOD = 8,
        MORE_WINDOW = 16,
        SPEC_RARE = 5 * 8, /* follow only with FLAG_RARE, so that the usual row is short */

        STATE_BOOT_ID = 0,
        STATE_BOOT = 16,
        STATE_REAL = 24,
        STATE_LAST_NUMBER = 32,
        STATE_FIXED = 40,
        STATE_FLAGS = 40, /* follow only if there are any, so that the usual row is short */
        STATE_MORE = 41,
        STATE_ANCHOR = 32, /* of each further trigger; boot id, boot time and real time as those of the first */

        FORMAT = 1,
};

enum {
        FLAG_ONE_SHOT = 1,
        FLAG_CANCEL_ON_CONDITION_LOSS = 2,
        FLAG_NETWORK_REQUESTED = 4,
        FLAG_HAS_ENTRY_POINT = 8,
        FLAG_PAUSED = 16,
        FLAG_RARE = 32,
        FLAG_COMMAND = 64,
        FLAG_UNREGISTERED = 128,
};

enum {
        STATE_FLAG_SKIP_NEXT = 1,
};

static uint8_t spec_flags(const TaskRow *row)
{
        const TaskSpec *s = &row->spec;
        uint64_t rare = s->catch_up_window_usec | s->retry_backoff_usec | s->time_limit_usec | s->expires_usec |
                        s->deadline_usec;

        return (uint8_t)((s->trigger.one_shot ? FLAG_ONE_SHOT : 0) |
                         (s->cancel_on_condition_loss ? FLAG_CANCEL_ON_CONDITION_LOSS : 0) |
                         (s->network_requested ? FLAG_NETWORK_REQUESTED : 0) |
                         (s->has_entry_point ? FLAG_HAS_ENTRY_POINT : 0) |
                         (row->paused ? FLAG_PAUSED : 0) |
                         (s->command ? FLAG_COMMAND : 0) |
                         (row->unregistered ? FLAG_UNREGISTERED : 0) |
                         (rare ? FLAG_RARE : 0));
}

/* What stands outside of the packed column and belongs to it. */
static uint32_t spec_checksum(Uuid id, const char *package, const char *name, const uint8_t *spec, size_t n_spec)
{
        uint32_t crc = crc32c(0, id.bytes, sizeof id.bytes);

        crc = crc32c(crc, package, strlen(package) + 1);
        crc = crc32c(crc, name, strlen(name) + 1);
        return crc32c(crc, spec, n_spec);
}

static size_t spec_write_fixed(const TaskRow *row, uint8_t spec[static SPEC_FIXED + SPEC_RARE])
{
        const TaskSpec *s = &row->spec;
        const uint64_t rare[] = { s->catch_up_window_usec, s->retry_backoff_usec, s->time_limit_usec,
                                  s->expires_usec, s->deadline_usec };

        memset(spec, 0, SPEC_FIXED);
        spec[SPEC_FORMAT] = FORMAT;
        spec[SPEC_FLAGS] = spec_flags(row);
        spec[SPEC_KIND] = s->trigger.kind;
        spec[SPEC_SYSTEM_TYPE] = s->trigger.system_type;
        spec[SPEC_OVERLAP] = s->overlap;
        spec[SPEC_CATCH_UP] = s->catch_up;
        spec[SPEC_RERUN] = s->rerun;
        spec[SPEC_N_MORE] = (uint8_t)s->n_more;
        write_le32(spec + SPEC_CONDITIONS, s->conditions);
        write_le32(spec + SPEC_RETRY_MAX, s->retry_max);
        write_le64(spec + SPEC_PERIOD, s->trigger.period_usec);
        write_le64(spec + SPEC_WINDOW, s->trigger.window_usec);
        write_le64(spec + SPEC_REGISTERED, row->registered_real_usec);
        memcpy(spec + SPEC_CLSID, s->clsid.bytes, sizeof s->clsid.bytes);
        if (!(spec[SPEC_FLAGS] & FLAG_RARE))
                return SPEC_FIXED;
        for (size_t i = 0; i < ELEMENTSOF(rare); i++)
                write_le64(spec + SPEC_FIXED + 8 * i, rare[i]);
        return SPEC_FIXED + SPEC_RARE;
}

static void spec_write_more(const Trigger *trigger, uint8_t more[static SPEC_MORE])
{
        memset(more, 0, SPEC_MORE);
        more[MORE_KIND] = trigger->kind;
        more[MORE_SYSTEM_TYPE] = trigger->system_type;
        more[MORE_ONE_SHOT] = trigger->one_shot;
        write_le64(more + MORE_PERIOD, trigger->period_usec);
        write_le64(more + MORE_WINDOW, trigger->window_usec);
}

int task_put_spec(Buffer *b, const TaskRow *row)
{
        const TaskSpec *s = &row->spec;
        const char *texts[3 + TRIGGERS_MAX - 1] = { s->trigger.text ? s->trigger.text : "", s->group ? s->group : "",
                                                    s->options ? s->options : "" };
        uint8_t fixed[SPEC_FIXED + SPEC_RARE], head[5] = { TAG_BLOB }, crc[4];
        size_t n_fixed = spec_write_fixed(row, fixed), size = n_fixed + s->n_more * SPEC_MORE + sizeof crc;
        size_t lengths[ELEMENTSOF(texts)], n_texts = 3, start;
        int r;

        for (size_t i = 0; i < s->n_more && i < TRIGGERS_MAX - 1; i++)
                texts[n_texts++] = s->more[i].text ? s->more[i].text : "";
        for (size_t i = 0; i < n_texts; i++) {
                lengths[i] = strlen(texts[i]) + 1;
                size += lengths[i];
        }
        write_le32(head + 1, (uint32_t)size);
        r = buffer_reserve(b, sizeof head + size);
        if (r < 0)
                return r;
        buffer_append(b, head, sizeof head);
        start = b->size;
        buffer_append(b, fixed, n_fixed);
        for (size_t i = 0; i < s->n_more && i < TRIGGERS_MAX - 1; i++) {
                uint8_t more[SPEC_MORE];

                spec_write_more(&s->more[i], more);
                buffer_append(b, more, sizeof more);
        }
        for (size_t i = 0; i < n_texts; i++)
                buffer_append(b, texts[i], lengths[i]);
        write_le32(crc, spec_checksum(row->id, s->package, s->name, b->data + start, b->size - start));
        return buffer_append(b, crc, sizeof crc);
}

static uint32_t state_checksum(Uuid id, const uint8_t *state, size_t n)
{
        return crc32c(crc32c(0, id.bytes, sizeof id.bytes), state, n);
}

static void anchor_write(uint8_t *p, const Anchor *anchor)
{
        memcpy(p + STATE_BOOT_ID, anchor->boot_id.bytes, sizeof anchor->boot_id.bytes);
        write_le64(p + STATE_BOOT, anchor->boot_usec);
        write_le64(p + STATE_REAL, anchor->real_usec);
}

static void anchor_read(const uint8_t *p, Anchor *anchor)
{
        memcpy(anchor->boot_id.bytes, p + STATE_BOOT_ID, sizeof anchor->boot_id.bytes);
        anchor->boot_usec = read_le64(p + STATE_BOOT);
        anchor->real_usec = read_le64(p + STATE_REAL);
}

int task_put_state(Buffer *b, const TaskRow *row)
{
        uint8_t state[STATE_MORE + (TRIGGERS_MAX - 1) * STATE_ANCHOR + sizeof(uint32_t)];
        uint32_t n_more = row->more_anchors ? row->spec.n_more : 0;
        size_t n = STATE_FIXED;

        anchor_write(state, &row->anchor);
        write_le64(state + STATE_LAST_NUMBER, row->last_number);
        if (row->skip_next || n_more > 0)
                state[n++] = row->skip_next ? STATE_FLAG_SKIP_NEXT : 0;
        for (uint32_t i = 0; i < n_more && i < TRIGGERS_MAX - 1; i++, n += STATE_ANCHOR)
                anchor_write(state + n, &row->more_anchors[i]);
        write_le32(state + n, state_checksum(row->id, state, n));
        return value_put_blob(b, state, n + sizeof(uint32_t), sizeof state);
}

/* What the pointers of a row's further triggers point to, in front of its texts. */
typedef struct TaskMore {
        Trigger triggers[TRIGGERS_MAX - 1];
        Anchor anchors[TRIGGERS_MAX - 1];
} TaskMore;

/*
 * The state of another list of triggers may be written behind that list's successor, and the broker die then: the
 * first anchor stands for those that it does not have.
 */
static bool state_read(const uint8_t *state, size_t size, TaskRow *row, TaskMore *more)
{
        size_t n = size - sizeof(uint32_t), n_anchors = n >= STATE_MORE ? (n - STATE_MORE) / STATE_ANCHOR : 0;

        if (n != STATE_FIXED && (n_anchors >= TRIGGERS_MAX || n != STATE_MORE + n_anchors * STATE_ANCHOR))
                return false;
        if (state_checksum(row->id, state, n) != read_le32(state + n))
                return false;
        anchor_read(state, &row->anchor);
        row->last_number = read_le64(state + STATE_LAST_NUMBER);
        row->skip_next = n > STATE_FIXED && state[STATE_FLAGS] & STATE_FLAG_SKIP_NEXT;
        for (size_t i = 0; i < row->spec.n_more; i++) {
                more->anchors[i] = row->anchor;
                if (i < n_anchors)
                        anchor_read(state + STATE_MORE + i * STATE_ANCHOR, &more->anchors[i]);
        }
        row->more_anchors = row->spec.n_more > 0 ? more->anchors : NULL;
        return true;
}

/* The next text of a packed column, whose last byte before end is known to be NUL. */
static const char *spec_text(const uint8_t **p, const uint8_t *end)
{
        const char *text = (const char *)*p;

        if (*p == end)
                return NULL;
        *p += strlen(text) + 1;
        return text;
}

static bool spec_read_more(const uint8_t *p, Trigger *trigger)
{
        *trigger = (Trigger){
                .kind = p[MORE_KIND],
                .one_shot = p[MORE_ONE_SHOT],
                .system_type = p[MORE_SYSTEM_TYPE],
                .period_usec = read_le64(p + MORE_PERIOD),
                .window_usec = read_le64(p + MORE_WINDOW),
        };
        return p[MORE_ONE_SHOT] <= 1;
}

/* The further triggers, and the texts. */
static bool spec_read_rest(const uint8_t *p, const uint8_t *end, TaskSpec *s, TaskMore *more)
{
        if (s->n_more >= TRIGGERS_MAX || (size_t)(end - p) < s->n_more * (size_t)SPEC_MORE)
                return false;
        for (uint32_t i = 0; i < s->n_more; i++, p += SPEC_MORE)
                if (!spec_read_more(p, &more->triggers[i]))
                        return false;
        s->more = s->n_more > 0 ? more->triggers : NULL;
        if (p == end || end[-1] != '\0')
                return false;
        s->trigger.text = spec_text(&p, end);
        s->group = spec_text(&p, end);
        s->options = spec_text(&p, end);
        for (uint32_t i = 0; i < s->n_more; i++) {
                more->triggers[i].text = spec_text(&p, end);
                if (!more->triggers[i].text)
                        return false;
                if (!*more->triggers[i].text)
                        more->triggers[i].text = NULL;
        }
        if (!s->options || p != end)
                return false;
        if (!*s->trigger.text)
                s->trigger.text = NULL;
        if (!*s->group)
                s->group = NULL;
        return true;
}

static bool spec_read(const uint8_t *p, size_t size, TaskRow *row, TaskMore *more)
{
        TaskSpec *s = &row->spec;
        const uint8_t *rare = p + SPEC_FIXED;
        uint8_t flags;

        if (size < SPEC_FIXED || p[SPEC_FORMAT] != FORMAT)
                return false;
        flags = p[SPEC_FLAGS];
        s->trigger.one_shot = flags & FLAG_ONE_SHOT;
        s->cancel_on_condition_loss = flags & FLAG_CANCEL_ON_CONDITION_LOSS;
        s->network_requested = flags & FLAG_NETWORK_REQUESTED;
        s->has_entry_point = flags & FLAG_HAS_ENTRY_POINT;
        row->paused = flags & FLAG_PAUSED;
        s->command = flags & FLAG_COMMAND;
        row->unregistered = flags & FLAG_UNREGISTERED;
        s->trigger.kind = p[SPEC_KIND];
        s->trigger.system_type = p[SPEC_SYSTEM_TYPE];
        s->overlap = p[SPEC_OVERLAP];
        s->catch_up = p[SPEC_CATCH_UP];
        s->rerun = p[SPEC_RERUN];
        s->n_more = p[SPEC_N_MORE];
        s->conditions = read_le32(p + SPEC_CONDITIONS);
        s->retry_max = read_le32(p + SPEC_RETRY_MAX);
        s->trigger.period_usec = read_le64(p + SPEC_PERIOD);
        s->trigger.window_usec = read_le64(p + SPEC_WINDOW);
        row->registered_real_usec = read_le64(p + SPEC_REGISTERED);
        memcpy(s->clsid.bytes, p + SPEC_CLSID, sizeof s->clsid.bytes);
        if (!(flags & FLAG_RARE))
                return spec_read_rest(p + SPEC_FIXED, p + size, s, more);
        if (size < SPEC_FIXED + SPEC_RARE)
                return false;
        s->catch_up_window_usec = read_le64(rare);
        s->retry_backoff_usec = read_le64(rare + 8);
        s->time_limit_usec = read_le64(rare + 16);
        s->expires_usec = read_le64(rare + 24);
        s->deadline_usec = read_le64(rare + 32);
        return spec_read_rest(rare + SPEC_RARE, p + size, s, more);
}

/*
 * Text that is copied to scratch and ended there: SQLite would allocate memory for each. Returns its position.
 */
static size_t copy_text(RowReader *r, Buffer *scratch, int *error)
{
        int column = next_column(r, SQLITE_TEXT);
        const char *text = sqlite3_column_blob(r->statement, column);
        size_t position = scratch->size, size = text ? (size_t)sqlite3_column_bytes(r->statement, column) : 0;

        if (*error == 0)
                *error = buffer_reserve(scratch, size + 1);
        if (*error < 0)
                return 0;
        if (text && memchr(text, 0, size))
                r->bad = true;
        buffer_append(scratch, text, size);
        buffer_append(scratch, "", 1);
        return position;
}

int task_read(RowReader *r, Buffer *scratch, TaskRow *ret_row)
{
        TaskRow row = { 0 };
        const uint8_t *spec, *state;
        size_t n_spec, n_state, package, name;
        TaskMore *more;
        int error;

        scratch->size = 0;
        error = buffer_reserve(scratch, sizeof *more);
        if (error < 0)
                return error;
        scratch->size = sizeof *more;
        row.id = row_uuid(r);
        package = copy_text(r, scratch, &error);
        name = copy_text(r, scratch, &error);
        if (error < 0)
                return error;
        more = (TaskMore *)(void *)scratch->data;
        row.spec.package = (const char *)scratch->data + package;
        row.spec.name = (const char *)scratch->data + name;
        spec = row_blob(r, &n_spec);
        state = row_blob(r, &n_state);
        if (r->bad || n_spec < 4 || n_state < 4)
                return 0;
        n_spec -= 4;
        if (spec_checksum(row.id, row.spec.package, row.spec.name, spec, n_spec) != read_le32(spec + n_spec) ||
            !spec_read(spec, n_spec, &row, more) || !state_read(state, n_state, &row, more))
                return 0;
        *ret_row = row;
        return 1;
}
