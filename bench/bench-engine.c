/* SPDX-License-Identifier: MIT */

/*
 * bench-engine [N]: what a registration costs the engine. A million interval tasks with one condition and a name of
 * 16 bytes: their memory, and the processor time to register, restore, fire and latch each.
 */

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "engine/engine.h"

static const Uuid clsid = { { 1 } };

static size_t allocated(void)
{
        struct mallinfo2 m = mallinfo2();

        return m.uordblks + m.hblkhd;
}

typedef struct Bench {
        Engine *engine;
        Effects effects;
        EngineTime now;
        uint64_t commits[256];
        size_t n_commits;
} Bench;

static void feed(Bench *b, Event event)
{
        uint64_t last = 0;

        event.time = b->now;
        effects_clear(&b->effects);
        if (engine_feed(b->engine, &event, &b->effects) < 0)
                abort();
        for (size_t i = 0; i < b->effects.n_items; i++) {
                const Effect *effect = &b->effects.items[i];

                if (effect->type < EFFECT_STORE_TASK || effect->type > EFFECT_STORE_PACKAGE_GONE ||
                    effect->store.commit == last)
                        continue;
                last = effect->store.commit;
                b->commits[b->n_commits++] = last;
        }
}

static void answer_commits(Bench *b)
{
        while (b->n_commits > 0) {
                Event event = { .type = EVENT_COMMITTED };

                event.committed.commit = b->commits[--b->n_commits];
                feed(b, event);
        }
}

static void start(Bench *b)
{
        const PackageClass classes[] = { { clsid, 0 } };
        Event install = { .type = EVENT_INSTALL };
        EngineConfig config = {
                .limits = engine_default_limits,
                .boot_id = { { 7 } },
                .hash_key = { 1, 2 },
                .first_server = 1,
        };

        config.limits.registrations_per_package = UINT32_MAX;
        if (engine_new(&config, &b->engine) < 0)
                abort();
        b->now = (EngineTime){ UINT64_C(1) << 40, UINT64_C(1) << 40, UINT64_C(1) << 50 };
        feed(b, (Event){ .type = EVENT_START });
        install.package.name = "Bench_h91ms92gdsmmt";
        install.package.content.bytes[0] = 1;
        install.package.classes = classes;
        install.package.n_classes = 1;
        feed(b, install);
        answer_commits(b);
}

static void register_all(Bench *b, unsigned n)
{
        for (unsigned i = 0; i < n; i++) {
                char name[17];
                TaskSpec spec = {
                        .package = "Bench_h91ms92gdsmmt",
                        .name = name,
                        .trigger.kind = TRIGGER_INTERVAL,
                        .trigger.period_usec = 86400 * USEC_PER_SEC + i % 1000 * USEC_PER_SEC,
                        .trigger.window_usec = 15 * USEC_PER_MINUTE,
                        .clsid = clsid,
                        .conditions = CONDITION_BIT(CONDITION_ON_AC_POWER),
                };
                Event event = { .type = EVENT_REGISTER };

                snprintf(name, sizeof name, "task-%011u", i);
                event.reg.spec = &spec;
                feed(b, event);
                answer_commits(b);
        }
}

/* A new engine takes over what the old one has, in the order of the ids, as the store reads them. */
static double restore_all(const Bench *old)
{
        static TaskInfo infos[1000];
        Bench b = { .now = old->now };
        EngineConfig config = { .limits = engine_default_limits, .boot_id = { { 8 } }, .hash_key = { 3, 4 } };
        double usec = 0;
        Uuid after = UUID_NULL;
        size_t n;

        if (engine_new(&config, &b.engine) < 0)
                abort();
        while ((n = engine_list_tasks(old->engine, NULL, NULL, NULL, after, infos, 1000)) > 0) {
                double begin = bench_cpu_usec();

                for (size_t i = 0; i < n; i++)
                        feed(&b, (Event){ .type = EVENT_RESTORE_TASK, .task_row = &infos[i].row });
                usec += bench_cpu_usec() - begin;
                after = infos[n - 1].row.id;
        }
        n = engine_get_counts(b.engine).n_tasks;
        engine_free(b.engine);
        effects_done(&b.effects);
        return usec * 1000 / (double)n;
}

int main(int argc, char *argv[])
{
        unsigned n = (unsigned)bench_count(argc, argv, 1000000);
        size_t before, n_fired;
        Bench b = { 0 };
        double begin;

        bench_title("The engine, for each registration");
        start(&b);
        before = allocated();
        begin = bench_cpu_usec();
        register_all(&b, n);
        bench_row("register and its commit", (bench_cpu_usec() - begin) * 1000 / n, 0, "ns", "");
        bench_row("memory of a registration", (double)(allocated() - before) / n, 0, "B", "150 B");
        bench_row("restore", restore_all(&b), 0, "ns", "start with 1 000 000: 0.8 s in all");
        b.now.boot_usec += 2 * 86400 * USEC_PER_SEC;
        begin = bench_cpu_usec();
        do {
                feed(&b, (Event){ .type = EVENT_TICK });
                answer_commits(&b);
        } while (engine_next_wake(b.engine).boot_usec == 0);
        n_fired = engine_get_counts(b.engine).n_pending;
        bench_row("fire, latch and its commit", (bench_cpu_usec() - begin) * 1000 / (double)n_fired, 0, "ns", "");
        bench_row("memory of a latched firing, with its registration",
                  (double)(allocated() - before) / (double)n_fired, 0, "B", "");
        begin = bench_cpu_usec();
        engine_free(b.engine);
        bench_row("free", (bench_cpu_usec() - begin) * 1000 / n, 0, "ns", "");
        effects_done(&b.effects);
        return n_fired == n ? EXIT_SUCCESS : EXIT_FAILURE;
}
