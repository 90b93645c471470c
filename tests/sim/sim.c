/* SPDX-License-Identifier: MIT */

/* The program: plays seeds, reports the first that fails, and how to see it again. README.md tells how it is used. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "world.h"

typedef struct Options {
        uint64_t from, to;
        unsigned steps, until;
        bool verbose, shrink, coverage, test, first;
        const char *program;
} Options;

static const Profile *profile_of(uint64_t seed)
{
        return &profiles[seed % n_profiles];
}

static bool play(const Options *o, uint64_t seed, const uint8_t *dropped, bool verbose, Failure *ret_failure)
{
        World *w = NULL;
        bool good;

        if (world_new(seed, profile_of(seed), &w) < 0) {
                fputs("out of memory\n", stderr);
                exit(EXIT_FAILURE);
        }
        w->verbose = verbose;
        w->until = o->until;
        w->dropped = dropped;
        good = world_play(w, o->steps);
        if (ret_failure)
                *ret_failure = w->failure;
        world_free(w);
        return good;
}

static void report(const Options *o, uint64_t seed, const Failure *f)
{
        printf("# seed %" PRIu64 " (%s), step %u: docs/semantics.md or invariant %s:\n#   %s\n", seed,
               profile_of(seed)->name, f->step, f->section, f->text);
        printf("#   replay: %s --seed %" PRIu64 " --steps %u --verbose\n", o->program, seed, o->steps);
}

/* Leaves out every step without which the same rule is still broken. */
static void shrink(const Options *o, uint64_t seed, const Failure *failure)
{
        uint8_t *dropped = calloc(o->steps + 2, 1);
        Failure last = *failure;
        unsigned kept = 0;

        if (!dropped)
                return;
        memset(dropped + failure->step + 1, 1, o->steps + 1 - failure->step);
        for (unsigned chunk = 32; chunk > 0; chunk /= 2)
                for (unsigned i = 1; i < failure->step; i += chunk) {
                        uint8_t saved[32];
                        unsigned n = MIN(chunk, failure->step - i);
                        Failure f;

                        memcpy(saved, dropped + i, n);
                        memset(dropped + i, 1, n);
                        if (play(o, seed, dropped, false, &f) || strcmp(f.section, failure->section) != 0)
                                memcpy(dropped + i, saved, n);
                        else
                                last = f;
                }
        for (unsigned i = 1; i <= failure->step; i++)
                kept += !dropped[i];
        printf("# shrunk to %u steps: %s: %s\n", kept, last.section, last.text);
        play(o, seed, dropped, true, NULL);
        free(dropped);
}

static unsigned play_range(const Options *o, uint64_t from, uint64_t step, uint64_t to)
{
        unsigned failures = 0;

        for (uint64_t seed = from; seed < to; seed += step) {
                Failure f;

                if (play(o, seed, NULL, o->verbose, &f))
                        continue;
                report(o, seed, &f);
                if (o->shrink)
                        shrink(o, seed, &f);
                failures++;
                if (o->first || (o->test && failures == 5))
                        break;
        }
        return failures;
}

static double test_scale(void)
{
        const char *text = getenv("BGTASK_TEST_SCALE");
        double scale = text ? strtod(text, NULL) : 1;

        return scale > 0 ? scale : 1;
}

/* Seeds that have failed once, beyond those that are played anyway. They say less when the dice have changed since. */
static const uint64_t kept[] = {
        16935, 21344, 47178, 48690, 52374, 53713, 60591, 61402, 69136, 70725, 73497, 99151, 111951,
        129805, 132533, 136199, 151397, 157871, 159243, 180488, 180793, 180854, 188133, 192978,
        215372, 217463, 219991, 220169, 250563, 264710, 265170, 358363, 442708, 603243,
        613814, 632758, 636928, 652165, 722028, 795494, 836699, 860103, 940561,
};

static unsigned play_kept(const Options *o)
{
        unsigned failures = 0;

        for (size_t i = 0; i < ELEMENTSOF(kept); i++)
                failures += play_range(o, kept[i], 1, kept[i] + 1);
        return failures;
}

/* TAP: one test point for each profile, and one for the kept seeds. */
static int run_tests(const Options *o)
{
        uint64_t n = 10000 * test_scale();
        int r = EXIT_SUCCESS;

        unsigned again = play_kept(o);

        printf("TAP version 13\n1..%zu\n", n_profiles + 1);
        for (size_t i = 0; i < n_profiles; i++) {
                unsigned failures = play_range(o, i, n_profiles, MAX(n, n_profiles));

                printf("%s %zu - %s: %" PRIu64 " seeds of %u steps agree with the model\n", failures ? "not ok" : "ok",
                       i + 1, profiles[i].name, MAX(n / n_profiles, UINT64_C(1)), o->steps);
                fflush(stdout);
                if (failures)
                        r = EXIT_FAILURE;
        }
        printf("%s %zu - seeds that have failed once agree with the model\n", again ? "not ok" : "ok", n_profiles + 1);
        if (again)
                r = EXIT_FAILURE;
        if (o->coverage)
                coverage_print();
        return r;
}

static int usage(const char *program, FILE *f)
{
        fprintf(f,
                "usage: %s [--seeds FROM-TO | --seed N] [--steps N] [--until STEP] [--verbose] [--shrink]\n"
                "       %*s [--first] [--coverage] [--test]\n"
                "  --seeds FROM-TO  plays these (default: 0-1000)\n"
                "  --seed N         plays one\n"
                "  --steps N        so many operations of each (default: 200)\n"
                "  --until STEP     stops after this one\n"
                "  --verbose        a line for each event and effect\n"
                "  --shrink         leaves out every step that the failure does not need\n"
                "  --first          stops at the first seed that fails\n"
                "  --coverage       which cells of state x event were visited\n"
                "  --test           TAP: 10,000 seeds, times BGTASK_TEST_SCALE\n"
                "tests/sim/README.md says how it judges.\n", program, (int)strlen(program), "");
        return f == stdout ? EXIT_SUCCESS : EXIT_FAILURE;
}

static bool parse_option(Options *o, int c, const char *arg)
{
        switch (c) {
        case 's':
                o->from = strtoull(arg, NULL, 10);
                o->to = o->from + 1;
                return true;
        case 'r':
                return sscanf(arg, "%" SCNu64 "-%" SCNu64, &o->from, &o->to) == 2;
        case 'n':
                o->steps = strtoul(arg, NULL, 10);
                return o->steps > 0 && o->steps < 10000000;
        case 'u':
                o->until = strtoul(arg, NULL, 10);
                return true;
        case 'v':
                return o->verbose = true;
        case 'k':
                return o->shrink = true;
        case 'f':
                return o->first = true;
        case 'c':
                return o->coverage = true;
        case 't':
                return o->test = true;
        default:
                return false;
        }
}

int main(int argc, char *argv[])
{
        static const struct option options[] = {
                { "seed", required_argument, NULL, 's' }, { "seeds", required_argument, NULL, 'r' },
                { "steps", required_argument, NULL, 'n' }, { "until", required_argument, NULL, 'u' },
                { "verbose", no_argument, NULL, 'v' }, { "shrink", no_argument, NULL, 'k' },
                { "first", no_argument, NULL, 'f' },
                { "coverage", no_argument, NULL, 'c' }, { "test", no_argument, NULL, 't' },
                { "help", no_argument, NULL, 'h' },
                { 0 }
        };
        Options o = { .from = 0, .to = 1000, .steps = 200, .until = UINT32_MAX, .program = argv[0] };
        unsigned failures;
        int c;

        while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
                if (!parse_option(&o, c, optarg))
                        return usage(argv[0], c == 'h' ? stdout : stderr);
        if (o.test)
                return run_tests(&o);
        failures = play_range(&o, o.from, 1, o.to);
        printf("# %" PRIu64 " seeds of %u steps, %u failed\n", o.to - o.from, o.steps, failures);
        if (o.coverage)
                coverage_print();
        return failures ? EXIT_FAILURE : EXIT_SUCCESS;
}
