/* SPDX-License-Identifier: MIT */

#include "engine/test-driver-store.h"

#include <stdlib.h>
#include <string.h>

static char *copy(const char *text)
{
        return text ? strdup(text) : NULL;
}

static StoredTask copy_task(const TaskRow *row)
{
        StoredTask task = { .row = *row };

        task.row.spec.package = task.texts[0] = copy(row->spec.package);
        task.row.spec.name = task.texts[1] = copy(row->spec.name);
        task.row.spec.group = task.texts[2] = copy(row->spec.group);
        task.row.spec.options = task.texts[3] = copy(row->spec.options);
        task.row.spec.trigger.text = task.texts[4] = copy(row->spec.trigger.text);
        for (size_t i = 0; i < row->spec.n_more; i++) {
                task.more[i] = row->spec.more[i];
                task.more[i].text = task.texts[5 + i] = copy(row->spec.more[i].text);
                task.more_anchors[i] = row->more_anchors[i];
        }
        return task;
}

TaskRow store_task_row(const StoredTask *task)
{
        TaskRow row = task->row;

        row.spec.more = task->more;
        row.more_anchors = task->more_anchors;
        return row;
}

void store_free_task(StoredTask *task)
{
        for (size_t i = 0; i < ELEMENTSOF(task->texts); i++)
                free(task->texts[i]);
        *task = (StoredTask){ 0 };
}

RunRow store_copy_run(const RunRow *row)
{
        static char names[4096][64];
        static size_t n;
        RunRow run = *row;
        char *name = names[n++ % ELEMENTSOF(names)];

        strncpy(name, row->name, sizeof names[0] - 1);
        run.name = name;
        run.package = DRIVER_PACKAGE;
        return run;
}

static StoredTask *find_task(DriverStored *stored, Uuid id)
{
        for (size_t i = 0; i < stored->n_tasks; i++)
                if (uuid_equal(stored->tasks[i].row.id, id))
                        return &stored->tasks[i];
        return NULL;
}

static void drop_pending(DriverStored *stored, Uuid task, uint64_t number)
{
        for (size_t i = 0; i < stored->n_pending; i++)
                if (uuid_equal(stored->pending[i].row.task, task) &&
                    (number == 0 || stored->pending[i].row.number == number))
                        stored->pending[i--] = stored->pending[--stored->n_pending];
}

static void put_pending(DriverStored *stored, const StoredPending *pending)
{
        for (size_t i = 0; i < stored->n_pending; i++)
                if (uuid_equal(stored->pending[i].row.task, pending->row.task) &&
                    stored->pending[i].row.number == pending->row.number) {
                        stored->pending[i] = *pending;
                        return;
                }
        stored->pending[stored->n_pending++] = *pending;
}

static void put_task(DriverStored *stored, Change *change)
{
        StoredTask *task = find_task(stored, change->task.row.id);

        if (task)
                store_free_task(task);
        else
                task = &stored->tasks[stored->n_tasks++];
        *task = change->task;
        memset(&change->task, 0, sizeof change->task);
}

static void drop_task(DriverStored *stored, Uuid id)
{
        StoredTask *task = find_task(stored, id);

        drop_pending(stored, id, 0);
        if (!task)
                return;
        store_free_task(task);
        *task = stored->tasks[--stored->n_tasks];
}

static void put_package(DriverStored *stored, const Change *change)
{
        size_t i = 0;

        while (i < stored->n_packages && strcmp(stored->packages[i].name, change->package) != 0)
                i++;
        stored->n_packages = MAX(stored->n_packages, i + 1);
        strcpy(stored->packages[i].name, change->package);
        stored->packages[i].version = change->version;
}

static void drop_package(DriverStored *stored, const char *name)
{
        for (size_t i = 0; i < stored->n_packages; i++)
                if (strcmp(stored->packages[i].name, name) == 0)
                        stored->packages[i--] = stored->packages[--stored->n_packages];
}

static void set_pause(DriverStored *stored, const char *package, bool paused, uint64_t since_real_usec)
{
        size_t i = 0;

        while (i < stored->n_paused && strcmp(stored->paused[i], package) != 0)
                i++;
        if (!paused && i == stored->n_paused)
                return;
        if (i == stored->n_paused)
                stored->n_paused++;
        if (!paused) {
                memmove(stored->paused[i], stored->paused[--stored->n_paused], sizeof stored->paused[i]);
                stored->paused_real_usec[i] = stored->paused_real_usec[stored->n_paused];
                return;
        }
        strcpy(stored->paused[i], package);
        stored->paused_real_usec[i] = since_real_usec;
}

static void apply(Driver *d, Change *change)
{
        DriverStored *stored = d->stored;
        StoredTask *task;

        switch (change->type) {
        case EFFECT_STORE_TASK:
                put_task(stored, change);
                break;
        case EFFECT_STORE_TASK_STATE:
                task = find_task(stored, change->task.row.id);
                assert_non_null(task);
                task->row.anchor = change->task.row.anchor;
                memcpy(task->more_anchors, change->task.more_anchors, sizeof task->more_anchors);
                task->row.last_number = change->task.row.last_number;
                task->row.skip_next = change->task.row.skip_next;
                break;
        case EFFECT_STORE_TASK_GONE:
                drop_task(stored, change->id);
                break;
        case EFFECT_STORE_PENDING:
                assert_non_null(find_task(stored, change->pending.row.task));
                put_pending(stored, &change->pending);
                break;
        case EFFECT_STORE_PENDING_GONE:
                drop_pending(stored, change->id, change->number);
                break;
        case EFFECT_STORE_RUN:
                /* I3: one outcome for each firing. */
                for (size_t i = 0; i < d->n_history; i++)
                        assert_false(uuid_equal(d->history[i].id, change->run.id));
                d->history[d->n_history++] = change->run;
                break;
        case EFFECT_STORE_LEVEL:
                stored->levels[change->condition] = change->level;
                break;
        case EFFECT_STORE_PACKAGE:
                put_package(stored, change);
                break;
        case EFFECT_STORE_PACKAGE_GONE:
                drop_package(stored, change->package);
                set_pause(stored, change->package, false, 0);
                break;
        case EFFECT_STORE_PACKAGE_PAUSE:
                set_pause(stored, change->package, change->paused, change->since_real_usec);
                break;
        default:
                break;
        }
}

void store_end_commit(Driver *d, uint64_t commit, int error)
{
        DriverStored *stored = d->stored;
        size_t n = 0;

        for (size_t i = 0; i < stored->n_changes; i++) {
                if (stored->changes[i].commit != commit) {
                        stored->changes[n++] = stored->changes[i];
                        continue;
                }
                if (error == 0)
                        apply(d, &stored->changes[i]);
                store_free_task(&stored->changes[i].task);
        }
        stored->n_changes = n;
}

void store_note_store(Driver *d, const Effect *effect)
{
        DriverStored *stored = d->stored;
        Change *change;

        if (stored->n_changes == stored->n_changes_allocated) {
                stored->n_changes_allocated = stored->n_changes_allocated * 2 + 16;
                stored->changes =
                        realloc(stored->changes, stored->n_changes_allocated * sizeof *stored->changes);
        }
        change = &stored->changes[stored->n_changes++];
        *change = (Change){ .commit = effect->store.commit, .type = effect->type };
        switch (effect->type) {
        case EFFECT_STORE_TASK:
        case EFFECT_STORE_TASK_STATE:
                change->task = copy_task(effect->store.task);
                break;
        case EFFECT_STORE_TASK_GONE:
                change->id = effect->store.task_gone;
                break;
        case EFFECT_STORE_PENDING:
                change->pending.row = *effect->store.pending;
                assert_true(change->pending.row.n_details < sizeof change->pending.details);
                if (change->pending.row.n_details > 0)
                        memcpy(change->pending.details, effect->store.pending->details,
                               change->pending.row.n_details);
                break;
        case EFFECT_STORE_PENDING_GONE:
                change->id = effect->store.pending_gone.task;
                change->number = effect->store.pending_gone.number;
                break;
        case EFFECT_STORE_RUN:
                change->run = store_copy_run(effect->store.run);
                break;
        case EFFECT_STORE_LEVEL:
                change->condition = effect->store.level.condition;
                change->level = effect->store.level.level;
                break;
        default:
                strcpy(change->package, effect->store.package.name);
                change->version = stored->staged_version;
                change->paused = effect->store.package.paused;
                change->since_real_usec = effect->store.package.since_real_usec;
                break;
        }
}

void store_note_ledger(Driver *d, const LedgerRow *row)
{
        DriverStored *stored = d->stored;
        size_t i = 0;

        while (i < stored->n_ledger && !uuid_equal(stored->ledger[i].run, row->run))
                i++;
        stored->n_ledger = MAX(stored->n_ledger, i + 1);
        stored->ledger[i] = *row;
        stored->ledger[i].firing.details = NULL;
        stored->ledger[i].firing.n_details = 0;
}

void store_drop_ledger(DriverStored *stored, Uuid run)
{
        for (size_t i = 0; i < stored->n_ledger; i++)
                if (uuid_equal(stored->ledger[i].run, run))
                        stored->ledger[i--] = stored->ledger[--stored->n_ledger];
}

void store_forget_server(DriverStored *stored, uint64_t server)
{
        for (size_t i = 0; i < stored->n_servers; i++)
                if (stored->servers[i].id == server)
                        stored->servers[i--] = stored->servers[--stored->n_servers];
}

void driver_stage(Driver *d, unsigned version)
{
        d->stored->staged_version = version;
}

size_t driver_n_stored_tasks(const Driver *d)
{
        return d->stored->n_tasks;
}

size_t driver_n_stored_pending(const Driver *d)
{
        return d->stored->n_pending;
}

size_t driver_n_ledger(const Driver *d)
{
        return d->stored->n_ledger;
}

void driver_forget_servers(Driver *d)
{
        d->stored->n_servers = 0;
}

void driver_put_ledger(Driver *d, const LedgerRow *row)
{
        store_note_ledger(d, row);
}
