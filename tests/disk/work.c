/* SPDX-License-Identifier: MIT */

#include "work.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "disk.h"

enum { HISTORY_PER_TASK = 3, HISTORY_TOTAL = 12, LOG_PAGES = 25, TEXT_MAX = 2048 };

/* ---- what is stored, as a number ---- */

/* The sum over all rows: their order does not matter. */
static void add_text(uint64_t *digest, const char *text)
{
        static const uint64_t key[2] = { 17, 4711 };

        *digest += siphash24(text, strlen(text), key);
}

static const char *id_text(Uuid id)
{
        static char texts[8][40];
        static unsigned n;
        char *text = texts[n++ % ELEMENTSOF(texts)];

        for (size_t i = 0; i < sizeof id.bytes; i++)
                snprintf(text + 2 * i, 3, "%02x", id.bytes[i]);
        return text;
}

static void add_task(uint64_t *digest, const TaskRow *row)
{
        const TaskSpec *s = &row->spec;
        char text[TEXT_MAX];

        snprintf(text, sizeof text, "task %s %s '%s' '%s' '%s' %d %d %d %ju %ju '%s' %s %x %d %d %d %d %u %ju %s %ju "
                 "%ju %ju %ju %d %d %d", id_text(row->id), s->package, s->name, s->group ?: "", s->options ?: "",
                 s->trigger.kind, s->trigger.one_shot, s->trigger.system_type, (uintmax_t)s->trigger.period_usec,
                 (uintmax_t)s->trigger.window_usec, s->trigger.text ?: "", id_text(s->clsid), s->conditions,
                 s->cancel_on_condition_loss, s->overlap, s->catch_up, s->rerun, s->retry_max,
                 (uintmax_t)s->retry_backoff_usec, id_text(row->anchor.boot_id), (uintmax_t)row->anchor.boot_usec,
                 (uintmax_t)row->anchor.real_usec, (uintmax_t)row->last_number,
                 (uintmax_t)row->registered_real_usec, row->paused, row->unregistered, row->skip_next);
        add_text(digest, text);
}

static void add_pending(uint64_t *digest, const PendingRow *row)
{
        char text[TEXT_MAX];

        snprintf(text, sizeof text, "pending %s %ju %ju %ju %ju %u %u %u %d %d '%.*s'", id_text(row->task),
                 (uintmax_t)row->number, (uintmax_t)row->accepted_real_usec, (uintmax_t)row->scheduled_real_usec,
                 (uintmax_t)row->first_scheduled_real_usec, row->count, row->attempts, row->fired_by, row->forced,
                 row->rerun, (int)row->n_details, row->details ? (const char *)row->details : "");
        add_text(digest, text);
}

static void add_run(uint64_t *digest, const RunRow *row)
{
        char text[TEXT_MAX];

        snprintf(text, sizeof text, "run %s %s '%s' %ju %ju %ju %ju %u %u %u %u %u %u %d", id_text(row->id),
                 id_text(row->task), row->name, (uintmax_t)row->number, (uintmax_t)row->accepted_real_usec,
                 (uintmax_t)row->started_real_usec, (uintmax_t)row->ended_real_usec, row->count, row->attempts,
                 row->fired_by, row->outcome, row->reason, row->detail, row->result);
        add_text(digest, text);
}

static void add_package(uint64_t *digest, const char *name, unsigned version)
{
        char text[TEXT_MAX];

        snprintf(text, sizeof text, "package %s %u", name, version);
        add_text(digest, text);
}

static void add_level(uint64_t *digest, int condition, int level)
{
        char text[TEXT_MAX];

        snprintf(text, sizeof text, "level %d %d", condition, level);
        add_text(digest, text);
}

/* The history as the store trims it: those of a task with the highest numbers, and then the last ones. */
static void add_history(uint64_t *digest, const RunRow *runs, size_t n_runs)
{
        size_t kept[DRIVER_MAX], n_kept = 0;

        for (size_t i = 0; i < n_runs; i++) {
                size_t n_same = 0, leaves = 0;

                kept[n_kept++] = i;
                for (size_t k = 0; k < n_kept; k++)
                        if (uuid_equal(runs[kept[k]].task, runs[i].task) &&
                            (n_same++ == 0 || runs[kept[k]].number < runs[kept[leaves]].number))
                                leaves = k;
                if (n_same > HISTORY_PER_TASK)
                        memmove(&kept[leaves], &kept[leaves + 1], (--n_kept - leaves) * sizeof kept[0]);
                if (n_kept > HISTORY_TOTAL)
                        memmove(&kept[0], &kept[1], --n_kept * sizeof kept[0]);
        }
        for (size_t i = 0; i < n_kept; i++)
                add_run(digest, &runs[kept[i]]);
}

static uint64_t digest_of(const Driver *d)
{
        const DriverStored *stored = d->stored;
        uint64_t digest = 0;

        for (size_t i = 0; i < stored->n_packages; i++)
                add_package(&digest, stored->packages[i].name, stored->packages[i].version);
        for (size_t i = 0; i < stored->n_tasks; i++)
                add_task(&digest, &stored->tasks[i].row);
        for (size_t i = 0; i < stored->n_pending; i++) {
                PendingRow row = stored->pending[i].row;

                row.details = stored->pending[i].details;
                add_pending(&digest, &row);
        }
        for (int c = 0; c < CONDITION_MAX; c++)
                if (stored->levels[c] >= 0)
                        add_level(&digest, c, stored->levels[c]);
        add_history(&digest, d->history, d->n_history);
        return digest;
}

/* ---- what is stored if a commit that failed is there nevertheless ---- */

static void keep_in(Driver *d, Effect effect)
{
        effect.store.commit = 1;
        store_note_store(d, &effect);
        store_end_commit(d, 1, 0);
}

static Effect effect_of(const Change *change)
{
        Effect effect = { .type = change->type };

        switch (change->type) {
        case EFFECT_STORE_TASK:
        case EFFECT_STORE_TASK_STATE:
                effect.store.task = &change->task.row;
                break;
        case EFFECT_STORE_TASK_GONE:
                effect.store.task_gone = change->id;
                break;
        case EFFECT_STORE_PENDING:
                effect.store.pending = &change->pending.row;
                break;
        case EFFECT_STORE_PENDING_GONE:
                effect.store.pending_gone.task = change->id;
                effect.store.pending_gone.number = change->number;
                break;
        case EFFECT_STORE_RUN:
                effect.store.run = &change->run;
                break;
        case EFFECT_STORE_LEVEL:
                effect.store.level.condition = change->condition;
                effect.store.level.level = change->level;
                break;
        default:
                effect.store.package.name = change->package;
        }
        return effect;
}

static bool has_task(const DriverStored *stored, Uuid id)
{
        for (size_t i = 0; i < stored->n_tasks; i++)
                if (uuid_equal(stored->tasks[i].row.id, id))
                        return true;
        return false;
}

/* A copy of the rows, with the changes of the first n commits that nobody was told of. */
static uint64_t digest_with(const Driver *d, size_t n_commits)
{
        const DriverStored *stored = d->stored;
        Driver *copy = calloc(1, sizeof *copy);
        uint64_t digest;

        assert_non_null(copy);
        copy->stored = calloc(1, sizeof *copy->stored);
        assert_non_null(copy->stored);
        memcpy(copy->stored->pending, stored->pending, sizeof stored->pending);
        copy->stored->n_pending = stored->n_pending;
        memcpy(copy->stored->packages, stored->packages, sizeof stored->packages);
        copy->stored->n_packages = stored->n_packages;
        memcpy(copy->stored->levels, stored->levels, sizeof stored->levels);
        memcpy(copy->history, d->history, sizeof d->history);
        copy->n_history = d->n_history;
        for (size_t i = 0; i < stored->n_tasks; i++)
                keep_in(copy, (Effect){ .type = EFFECT_STORE_TASK, .store.task = &stored->tasks[i].row });
        for (size_t k = 0; k < n_commits; k++)
                for (size_t i = 0; i < stored->n_changes; i++) {
                        Change change = stored->changes[i];

                        if (change.commit != d->held[k])
                                continue;
                        if (change.type == EFFECT_STORE_TASK_STATE && !has_task(copy->stored, change.task.row.id))
                                continue;
                        copy->stored->staged_version = change.version;
                        change.pending.row.details = change.pending.details;
                        keep_in(copy, effect_of(&change));
                }
        digest = digest_of(copy);
        for (size_t i = 0; i < copy->stored->n_tasks; i++)
                store_free_task(&copy->stored->tasks[i]);
        free(copy->stored->changes);
        free(copy->stored);
        free(copy);
        return digest;
}

/* ---- the engine's effects to the store, and its answers back ---- */

static void put_package(Store *store, const char *name, unsigned version)
{
        char text[16];
        StorePackage row = { .name = name, .folder = "/opt/x", .version = text, .manifest = "<Package/>",
                             .n_manifest = 10 };

        snprintf(text, sizeof text, "%u", version);
        row.content.bytes[0] = (uint8_t)version;
        store_put_package(store, &row);
}

static void put(const Driver *d, Store *store, const Effect *e)
{
        switch (e->type) {
        case EFFECT_STORE_TASK:
                store_put_task(store, e->store.task);
                break;
        case EFFECT_STORE_TASK_STATE:
                store_put_task_state(store, e->store.task);
                break;
        case EFFECT_STORE_TASK_GONE:
                store_delete_task(store, e->store.task_gone);
                break;
        case EFFECT_STORE_PENDING:
                store_put_pending(store, e->store.pending);
                break;
        case EFFECT_STORE_PENDING_GONE:
                store_delete_pending(store, e->store.pending_gone.task, e->store.pending_gone.number);
                break;
        case EFFECT_STORE_RUN:
                store_append_run(store, e->store.run);
                break;
        case EFFECT_STORE_LEVEL:
                store_put_level(store, &(StoreLevel){ d->config.boot_id, e->store.level.condition,
                                                      e->store.level.level });
                break;
        case EFFECT_STORE_PACKAGE:
                put_package(store, e->store.package.name, d->stored->staged_version);
                break;
        default:
                store_delete_package(store, e->store.package.name);
        }
}

static void on_fed(Driver *d, const Event *event)
{
        Work *w = d->fed_data;

        for (size_t i = 0; i < d->effects.n_items; i++) {
                const Effect *e = &d->effects.items[i];

                if (e->type < EFFECT_STORE_TASK || e->type > EFFECT_STORE_PACKAGE_GONE)
                        continue;
                assert_int_equal(store_begin(w->store, e->store.commit), 0);
                put(d, w->store, e);
                w->begun = true;
        }
}

static void on_committed(uint64_t commit, int error, void *userdata)
{
        Work *w = userdata;

        assert_true(w->n_answers < ELEMENTSOF(w->answers));
        w->answers[w->n_answers] = commit;
        w->errors[w->n_answers++] = error;
}

static int take_answer(Work *w, uint64_t commit)
{
        struct pollfd p = { .fd = store_get_fd(w->store), .events = POLLIN };

        for (;;) {
                for (size_t i = 0; i < w->n_answers; i++)
                        if (w->answers[i] == commit) {
                                int error = w->errors[i];

                                w->n_answers--;
                                w->answers[i] = w->answers[w->n_answers];
                                w->errors[i] = w->errors[w->n_answers];
                                return error;
                        }
                while (poll(&p, 1, -1) < 0)
                        assert_int_equal(errno, EINTR);
                store_dispatch(w->store);
        }
}

/*
 * Until they are answered, commits that fail may be there: one alone, or all before it too, which shared its
 * transaction.
 */
static void end_group(Work *w, Driver *d)
{
        for (size_t k = 1; k <= d->n_held && w->n_answered + k < WORK_COMMITS_MAX; k++)
                w->unanswered[w->n_answered + k] = digest_with(d, k);
        store_end(w->store);
}

/* All that was begun since the last answer shares a transaction. */
static int on_commit(Driver *d, uint64_t commit)
{
        Work *w = d->fed_data;
        int r;

        assert_true(w->n_answered + 1 < WORK_COMMITS_MAX);
        w->digests[w->n_answered] = digest_of(d);
        if (w->begun)
                end_group(w, d);
        w->begun = false;
        r = take_answer(w, commit);
        w->n_answered++;
        w->failed[w->n_answered] = r < 0;
        w->n_failed += r < 0;
        disk_mark(w->n_answered);
        return r;
}

static void attach(Work *w, Driver *d)
{
        w->driver = d;
        d->fed = on_fed;
        d->fed_data = w;
        d->commit = on_commit;
}

static Store *open_store(Work *w, const char *folder, StoreReport *report)
{
        Store *store = NULL;
        int r;

        w->config = (StoreConfig){ .folder = folder, .history_per_task = HISTORY_PER_TASK,
                                   .history_total = HISTORY_TOTAL, .log_pages = LOG_PAGES,
                                   .committed = on_committed, .userdata = w };
        r = store_open(&w->config, &store, report);
        return r < 0 ? NULL : store;
}

Work *work_new(const char *folder)
{
        static const StoreLoader nothing = { 0 };
        Work *w = calloc(1, sizeof *w);
        StoreReport report;

        assert_non_null(w);
        attach(w, driver_new(NULL));
        w->store = open_store(w, folder, &report);
        if (w->store && store_load(w->store, &nothing, &report) < 0)
                w->store = store_free(w->store);
        return w;
}

Work *work_free(Work *w)
{
        store_free(w->store);
        driver_free(w->driver);
        free(w);
        return NULL;
}

void work_close(Work *w)
{
        w->store = store_free(w->store);
        w->digests[w->n_answered] = digest_of(w->driver);
}

/* ---- a broker's life ---- */

static Event custom_event(const char *details)
{
        Event event = { .type = EVENT_RAISE };

        event.raise.kind = TRIGGER_CUSTOM_SYSTEM_EVENT;
        event.raise.text = "an event";
        event.raise.details = details;
        event.raise.n_details = strlen(details);
        return event;
}

static TaskSpec custom_spec(const char *name)
{
        TaskSpec spec = driver_spec(name);

        spec.trigger = (Trigger){ .kind = TRIGGER_CUSTOM_SYSTEM_EVENT, .text = "an event" };
        spec.overlap = OVERLAP_BUFFER_ALL;
        return spec;
}

/* Many callers at a time: one transaction. */
static void play_group(Driver *d)
{
        d->hold_commits = true;
        for (unsigned i = 0; i < 6; i++) {
                char name[16];

                snprintf(name, sizeof name, "group %u", i);
                driver_register(d, driver_event_spec(name, SYSTEM_TIME_ZONE_CHANGE), IF_EXISTS_REPLACE);
        }
        d->hold_commits = false;
        driver_settle(d);
}

static void play_registrations(Driver *d)
{
        TaskSpec spec = driver_spec("a name that is longer than what fits into the record itself");
        Uuid id;

        spec.retry_max = 2;
        spec.options = "some options";
        spec.conditions = CONDITION_BIT(CONDITION_ON_AC_POWER);
        driver_register(d, spec, IF_EXISTS_FAIL);
        spec.trigger.period_usec *= 2;
        driver_register(d, spec, IF_EXISTS_UPDATE);
        driver_register(d, spec, IF_EXISTS_DUPLICATE);
        driver_register(d, spec, IF_EXISTS_REPLACE);
        id = driver_register(d, driver_request_spec("requested"), IF_EXISTS_FAIL)->id;
        driver_pause(d, id, true);
        driver_pause(d, id, false);
        driver_request(d, id);
        driver_unregister(d, driver_register(d, driver_spec("short"), IF_EXISTS_FAIL)->id, false);
        /* Its row stays until its run is over. */
        driver_unregister(d, id, false);
}

static void play_firings(Driver *d)
{
        driver_register(d, custom_spec("custom"), IF_EXISTS_FAIL);
        driver_feed(d, custom_event("first"));
        driver_feed(d, custom_event("second"));
        driver_feed(d, custom_event("third"));
        d->run = RUN_MODE_COMPLETE;
        if (d->n_runs > 0)
                driver_complete(d, 0);
        driver_raise(d, SYSTEM_TIME_ZONE_CHANGE);
        driver_level(d, CONDITION_ON_AC_POWER, 1);
        d->run = RUN_MODE_FAIL;
        driver_advance(d, 3 * USEC_PER_HOUR);
        d->run = RUN_MODE_ACK;
        driver_feed(d, custom_event("fourth"));
        if (d->n_launched > 0)
                driver_server_gone(d, driver_last_server(d), true, 9);
        driver_install(d, DRIVER_PACKAGE, 2);
        d->run = RUN_MODE_COMPLETE;
        for (unsigned i = 0; i < 5; i++)
                driver_feed(d, custom_event("again"));
        d->run = RUN_MODE_ACK;
        driver_feed(d, custom_event("last"));
        driver_feed(d, custom_event("and one more"));
}

/* Whoever is told that it failed tries again. */
static void install(Driver *d)
{
        unsigned n = 0;

        while (driver_install(d, DRIVER_PACKAGE, 1)->error != ERROR_NONE && n++ < 50)
                ;
}

void work_play(Work *w)
{
        Driver *d = w->driver;

        if (!w->store)
                return;
        driver_level(d, CONDITION_ON_AC_POWER, 0);
        install(d);
        play_registrations(d);
        play_group(d);
        play_firings(d);
        w->digests[w->n_answered] = digest_of(d);
}

int work_try(Work *w)
{
        DriverReply *reply;

        install(w->driver);
        reply = driver_register(w->driver, driver_spec("one more"), IF_EXISTS_DUPLICATE);
        w->digests[w->n_answered] = digest_of(w->driver);
        return (int)reply->error;
}

/* ---- what a folder holds ---- */

typedef struct Look {
        Work *work;
        Driver *driver; /* gets the rows */
        Found *found;
        Uuid boot_id;
        bool page_came;
        uint64_t next;
        Uuid accepted[DRIVER_MAX]; /* ids of runs without an outcome */
        size_t n_accepted;
} Look;

/* A row gets into the store in memory as if the engine had just written it. */
static void keep(Look *look, Effect effect)
{
        keep_in(look->driver, effect);
}

static int on_package(const StorePackage *row, void *userdata)
{
        Look *look = userdata;
        unsigned version = (unsigned)atoi(row->version);

        add_package(&look->found->digest, row->name, version);
        look->found->n_rows++;
        look->driver->stored->staged_version = version;
        keep(look, (Effect){ .type = EFFECT_STORE_PACKAGE, .store.package.name = row->name });
        return 0;
}

static int on_task(const TaskRow *row, void *userdata)
{
        Look *look = userdata;

        add_task(&look->found->digest, row);
        look->found->n_rows++;
        keep(look, (Effect){ .type = EFFECT_STORE_TASK, .store.task = row });
        return 0;
}

static int on_pending(const PendingRow *row, void *userdata)
{
        Look *look = userdata;

        add_pending(&look->found->digest, row);
        look->found->n_rows++;
        look->accepted[look->n_accepted++] = engine_run_id(row->task, row->number);
        keep(look, (Effect){ .type = EFFECT_STORE_PENDING, .store.pending = row });
        return 0;
}

static int on_level(const StoreLevel *row, void *userdata)
{
        Look *look = userdata;
        Effect effect = { .type = EFFECT_STORE_LEVEL };

        if (!uuid_equal(row->boot_id, look->boot_id))
                return 0;
        add_level(&look->found->digest, row->condition, row->level);
        look->found->n_rows++;
        effect.store.level.condition = row->condition;
        effect.store.level.level = row->level;
        keep(look, effect);
        return 0;
}

static void on_history(const StoreHistoryPage *page, void *userdata)
{
        Look *look = userdata;

        for (size_t i = page->n_runs; i-- > 0;) {
                add_run(&look->found->digest, &page->runs[i]);
                look->found->n_rows++;
                look->driver->history[look->driver->n_history++] = store_copy_run(&page->runs[i]);
        }
        look->found->report.n_damaged += page->n_damaged;
        if (page->error < 0)
                look->found->error = page->error;
        look->page_came = true;
}

static void read_history(Look *look, Store *store)
{
        struct pollfd p = { .fd = store_get_fd(store), .events = POLLIN };

        assert_int_equal(store_history(store, &(StoreHistoryQuery){ .limit = 1000 }, 1), 0);
        while (!look->page_came) {
                while (poll(&p, 1, -1) < 0)
                        assert_int_equal(errno, EINTR);
                store_dispatch(store);
        }
}

static size_t count_ended(const Driver *d, Uuid run)
{
        size_t n = 0;

        for (size_t i = 0; i < d->n_history; i++)
                n += uuid_equal(d->history[i].id, run);
        return n;
}

static size_t count_pending(const Driver *d, Uuid run)
{
        const DriverStored *stored = d->stored;
        size_t n = 0;

        for (size_t i = 0; i < stored->n_pending; i++)
                n += uuid_equal(engine_run_id(stored->pending[i].row.task, stored->pending[i].row.number), run);
        return n;
}

static void check_tasks(const Driver *d)
{
        static TaskInfo tasks[DRIVER_MAX];
        size_t n = engine_list_tasks(d->engine, NULL, NULL, NULL, UUID_NULL, tasks, ELEMENTSOF(tasks));
        Why reasons[ENGINE_WHY_MAX];

        for (size_t i = 0; i < n; i++) {
                assert_true(engine_get_why(d->engine, tasks[i].row.id, reasons) > 0); /* I10 */
                assert_true(tasks[i].n_live <= 1);                                    /* I5 */
        }
}

/* A new broker on this folder, after a power cut: it starts what was accepted and brings it to its end. */
static void start_again(Look *look, Work *w)
{
        Driver *d = w->driver;

        d->config = look->work->driver->config;
        d->now = look->work->driver->now;
        d->last_token = 0;
        d->run = RUN_MODE_COMPLETE;
        driver_restart(d, true);
        driver_level(d, CONDITION_ON_AC_POWER, 1);
        check_tasks(d);
        driver_advance(d, 5 * USEC_PER_HOUR);
        check_tasks(d);
        assert_int_equal(w->n_failed, 0);
        /* I3: what was accepted has one outcome; the driver asserts that none has two. */
        for (size_t i = 0; i < look->n_accepted; i++)
                assert_int_equal(count_ended(d, look->accepted[i]) + count_pending(d, look->accepted[i]), 1);
        for (size_t i = 0; i < look->n_accepted; i++)
                assert_int_equal(count_pending(d, look->accepted[i]), 0);
}

Found work_look(const Work *work, const char *folder, bool again)
{
        Found found = { 0 };
        Work *w = calloc(1, sizeof *w);
        Look look = { .work = (Work *)work, .found = &found, .boot_id = work->driver->config.boot_id };
        const StoreLoader loader = { .package = on_package, .task = on_task, .pending = on_pending,
                                     .level = on_level, .userdata = &look };
        StoreConfig config;

        assert_non_null(w);
        attach(w, driver_new(NULL));
        look.driver = w->driver;
        config = (StoreConfig){ .folder = folder, .history_per_task = HISTORY_PER_TASK,
                                .history_total = HISTORY_TOTAL, .log_pages = LOG_PAGES, .committed = on_committed,
                                .history_read = on_history, .userdata = &look };
        found.error = store_open(&config, &w->store, &found.report);
        if (found.error == 0)
                found.error = store_load(w->store, &loader, &found.report);
        if (found.error == 0)
                read_history(&look, w->store);
        if (found.error == 0 && again) {
                StoreReport report;

                w->store = store_free(w->store);
                w->store = open_store(w, folder, &report);
                assert_non_null(w->store);
                assert_int_equal(store_load(w->store, &(StoreLoader){ 0 }, &report), 0);
                start_again(&look, w);
        }
        work_free(w);
        return found;
}
