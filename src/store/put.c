/* SPDX-License-Identifier: MIT */

/* Building units: each put and delete is a statement with its values, written into the unit that was begun last. */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/hash.h"
#include "store/internal.h"
#include "store/row.h"

/* One statement while it is being written. Its first error is the error of its unit. */
typedef struct Put {
        Store *store;
        Unit *unit;
        Buffer *b;
        size_t head;   /* position of the statement's head */
        size_t values; /* position of the first value */
        unsigned n_values;
        int error;
} Put;

static Put put_begin(Store *store, Statement statement)
{
        Unit *unit = store->current;
        Put put = { .store = store, .unit = unit };
        const uint8_t head[2] = { (uint8_t)statement };

        assert(unit);
        put.b = &unit->statements;
        put.head = put.b->size;
        put.error = unit->error;
        if (put.error == 0)
                put.error = buffer_append(put.b, head, sizeof head);
        put.values = put.b->size;
        return put;
}

static void put_int(Put *put, uint64_t x)
{
        if (put->error == 0)
                put->error = value_put_int(put->b, x);
        put->n_values++;
}

static void put_text(Put *put, const char *text)
{
        if (put->error == 0)
                put->error = value_put_text(put->b, text, STORE_TEXT_MAX);
        put->n_values++;
}

static void put_blob(Put *put, const void *data, size_t size, size_t max)
{
        if (put->error == 0)
                put->error = value_put_blob(put->b, data, size, max);
        put->n_values++;
}

static void put_uuid(Put *put, Uuid uuid)
{
        put_blob(put, uuid.bytes, sizeof uuid.bytes, sizeof uuid.bytes);
}

static void put_checksum(Put *put)
{
        put_int(put, put->error == 0 ? crc32c(0, put->b->data + put->values, put->b->size - put->values) : 0);
}

static int put_end(Put *put)
{
        Unit *unit = put->unit;
        size_t size;

        if (put->error == 0) {
                size = put->b->size - put->head;
                put->store->n_begun_bytes += size;
                unit->charged += size;
                put->b->data[put->head + 1] = (uint8_t)put->n_values;
        }
        if (put->error == 0 && put->store->n_begun_bytes > put->store->config.queue_max)
                put->error = -ENOBUFS;
        if (put->error < 0)
                unit->error = put->error;
        return put->error;
}

static bool is_text(const char *text)
{
        return text && *text;
}

static int delete_by_name(Store *store, Statement statement, const char *name)
{
        Put put = put_begin(store, statement);

        put_text(&put, name);
        return put_end(&put);
}

static int put_wine_prefix(Store *store, const char *package, const char *prefix)
{
        Put put;

        if (!is_text(prefix))
                return delete_by_name(store, STATEMENT_DELETE_WINE_PREFIX, package);
        put = put_begin(store, STATEMENT_PUT_WINE_PREFIX);
        put_text(&put, package);
        put_text(&put, prefix);
        put_checksum(&put);
        return put_end(&put);
}

int store_put_package(Store *store, const StorePackage *row)
{
        Put put = put_begin(store, STATEMENT_PUT_PACKAGE);
        int r;

        if (!is_text(row->name))
                put.error = -EINVAL;
        put_text(&put, row->name);
        put_text(&put, row->folder);
        put_text(&put, row->external_location);
        put_text(&put, row->target_name);
        put_text(&put, row->version);
        put_uuid(&put, row->content);
        put_int(&put, row->installed_real_usec);
        put_blob(&put, row->manifest, row->n_manifest, STORE_MANIFEST_MAX);
        put_checksum(&put);
        r = put_end(&put);
        return r < 0 ? r : put_wine_prefix(store, row->name, row->wine_prefix);
}

int store_delete_package(Store *store, const char *name)
{
        int r = delete_by_name(store, STATEMENT_DELETE_PACKAGE, name);

        if (r >= 0)
                r = delete_by_name(store, STATEMENT_DELETE_PAUSE, name);
        return r < 0 ? r : delete_by_name(store, STATEMENT_DELETE_WINE_PREFIX, name);
}

int store_put_pause(Store *store, const char *package, uint64_t since_real_usec)
{
        Put put = put_begin(store, STATEMENT_PUT_PAUSE);

        if (!is_text(package))
                put.error = -EINVAL;
        put_text(&put, package);
        put_int(&put, since_real_usec);
        put_checksum(&put);
        return put_end(&put);
}

int store_delete_pause(Store *store, const char *package)
{
        return delete_by_name(store, STATEMENT_DELETE_PAUSE, package);
}

static bool spec_is_too_long(const TaskSpec *s)
{
        const char *texts[] = { s->trigger.text, s->group, s->options };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++)
                if (texts[i] && strnlen(texts[i], STORE_TEXT_MAX + 1) > STORE_TEXT_MAX)
                        return true;
        return false;
}

int store_put_task(Store *store, const TaskRow *row)
{
        Put put = put_begin(store, STATEMENT_PUT_TASK);

        if (!is_text(row->spec.package) || !is_text(row->spec.name))
                put.error = -EINVAL;
        else if (spec_is_too_long(&row->spec))
                put.error = -E2BIG;
        put_uuid(&put, row->id);
        put_text(&put, row->spec.package);
        put_text(&put, row->spec.name);
        if (put.error == 0)
                put.error = task_put_spec(put.b, row);
        if (put.error == 0)
                put.error = task_put_state(put.b, row);
        put.n_values += 2;
        return put_end(&put);
}

int store_put_task_state(Store *store, const TaskRow *row)
{
        Put put = put_begin(store, STATEMENT_PUT_TASK_STATE);

        put_uuid(&put, row->id);
        if (put.error == 0)
                put.error = task_put_state(put.b, row);
        put.n_values++;
        return put_end(&put);
}

int store_delete_task(Store *store, Uuid task)
{
        static const Statement statements[] = { STATEMENT_DELETE_PENDING_OF_TASK, STATEMENT_DELETE_TASK };
        int r = 0;

        for (size_t i = 0; r == 0 && i < ELEMENTSOF(statements); i++) {
                Put put = put_begin(store, statements[i]);

                put_uuid(&put, task);
                r = put_end(&put);
        }
        return r;
}

int store_put_pending(Store *store, const PendingRow *row)
{
        Put put = put_begin(store, STATEMENT_PUT_PENDING);

        put_uuid(&put, row->task);
        put_int(&put, row->number);
        put_int(&put, row->accepted_real_usec);
        put_int(&put, row->scheduled_real_usec);
        put_int(&put, row->first_scheduled_real_usec);
        put_int(&put, row->count);
        put_int(&put, row->attempts);
        put_int(&put, fired_by_pack(row->fired_by, row->trigger, 0));
        put_int(&put, row->forced);
        put_int(&put, row->rerun);
        put_blob(&put, row->details, row->n_details, STORE_DETAILS_MAX);
        put_checksum(&put);
        return put_end(&put);
}

int store_delete_pending(Store *store, Uuid task, uint64_t number)
{
        Put put = put_begin(store, STATEMENT_DELETE_PENDING);

        put_uuid(&put, task);
        put_int(&put, number);
        return put_end(&put);
}

int store_put_level(Store *store, const StoreLevel *row)
{
        Put put = put_begin(store, STATEMENT_PUT_LEVEL);

        put_int(&put, row->condition);
        put_int(&put, (uint64_t)(int64_t)row->level);
        put_uuid(&put, row->boot_id);
        put_checksum(&put);
        return put_end(&put);
}

static int delete_run(Store *store, Uuid task, uint64_t number)
{
        Put put = put_begin(store, STATEMENT_DELETE_RUN);

        put_uuid(&put, task);
        put_int(&put, number);
        return put_end(&put);
}

static int put_run(Store *store, const RunRow *row)
{
        Put put = put_begin(store, STATEMENT_PUT_RUN);

        put_uuid(&put, row->id);
        put_uuid(&put, row->task);
        put_text(&put, row->package);
        put_text(&put, row->name);
        put_int(&put, row->number);
        put_int(&put, row->server);
        put_int(&put, row->accepted_real_usec);
        put_int(&put, row->scheduled_real_usec);
        put_int(&put, row->first_scheduled_real_usec);
        put_int(&put, row->started_real_usec);
        put_int(&put, row->ended_real_usec);
        put_int(&put, row->count);
        put_int(&put, row->attempts);
        put_int(&put, row->progress);
        put_int(&put, fired_by_pack(row->fired_by, row->trigger, row->trigger_kind));
        put_int(&put, row->outcome);
        put_int(&put, row->reason);
        put_int(&put, row->detail);
        put_int(&put, (uint64_t)(int64_t)row->result);
        put_int(&put, row->cpu_usec);
        put_int(&put, row->memory_bytes);
        put_checksum(&put);
        return put_end(&put);
}

static int trim_runs(Store *store, Uuid task)
{
        Put put = put_begin(store, STATEMENT_TRIM_RUNS_OF_TASK);

        put_uuid(&put, task);
        put_int(&put, store->config.history_per_task);
        return put_end(&put);
}

int store_append_run(Store *store, const RunRow *row)
{
        int r;

        r = delete_run(store, row->task, row->number);
        if (r == 0)
                r = put_run(store, row);
        if (r == 0)
                r = trim_runs(store, row->task);
        return r;
}
