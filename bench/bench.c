/* SPDX-License-Identifier: MIT */

#include "bench.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Of the samples, from the fastest: what is measured while other programs run is mostly those. */
#define FAST_PERCENT 5

noreturn void bench_die(const char *what, const char *why)
{
        fprintf(stderr, "bench: %s: %s\n", what, why ? why : strerror(errno));
        exit(EXIT_FAILURE);
}

static double now_usec(clockid_t clock)
{
        struct timespec t;

        clock_gettime(clock, &t);
        return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

double bench_now_usec(void)
{
        return now_usec(CLOCK_MONOTONIC);
}

double bench_real_usec(void)
{
        return now_usec(CLOCK_REALTIME);
}

double bench_cpu_usec(void)
{
        return now_usec(CLOCK_PROCESS_CPUTIME_ID);
}

int bench_count(int argc, char *argv[], int otherwise)
{
        int n = argc > 1 ? atoi(argv[1]) : otherwise;

        return n < 1 ? 1 : n;
}

const char *bench_self(void)
{
        static char path[4096];
        ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

        if (n < 0)
                bench_die("/proc/self/exe", NULL);
        path[n] = '\0';
        return path;
}

static void pin_thread(pid_t tid, int cpu)
{
        cpu_set_t set;

        CPU_ZERO(&set);
        for (int i = 0; i < CPU_SETSIZE; i++)
                if (cpu < 0 || i == cpu)
                        CPU_SET(i, &set);
        (void)sched_setaffinity(tid, sizeof set, &set);
}

void bench_pin(pid_t pid, int cpu)
{
        struct dirent *entry;
        char path[64];
        DIR *dir;

        snprintf(path, sizeof path, "/proc/%d/task", (int)(pid ? pid : getpid()));
        dir = opendir(path);
        if (!dir)
                return;
        while ((entry = readdir(dir)))
                if (entry->d_name[0] != '.')
                        pin_thread((pid_t)atoi(entry->d_name), cpu);
        closedir(dir);
}

void bench_wait_gone(pid_t pid)
{
        struct pollfd fd = { .fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN };

        if (fd.fd < 0)
                return;
        (void)poll(&fd, 1, -1);
        close(fd.fd);
}

void bench_rest(void)
{
        const struct timespec one_ms = { .tv_nsec = 1000000 };

        nanosleep(&one_ms, NULL);
}

void bench_sleep_until(time_t real_sec)
{
        const struct timespec at = { .tv_sec = real_sec };

        while (clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &at, NULL) != 0)
                ;
}

void samples_add(Samples *s, double value)
{
        if (s->n == s->n_allocated) {
                s->n_allocated = s->n_allocated ? 2 * s->n_allocated : 1024;
                s->values = realloc(s->values, s->n_allocated * sizeof *s->values);
                if (!s->values)
                        bench_die("samples", NULL);
        }
        s->values[s->n++] = value;
}

static int compare(const void *a, const void *b)
{
        double x = *(const double *)a, y = *(const double *)b;

        return (x > y) - (x < y);
}

double samples_percentile(Samples *s, double percent)
{
        if (s->n == 0)
                return 0;
        qsort(s->values, s->n, sizeof *s->values, compare);
        return s->values[(size_t)((double)(s->n - 1) * percent / 100)];
}

void samples_free(Samples *s)
{
        free(s->values);
        *s = (Samples){ 0 };
}

static bool for_machines(void)
{
        return getenv("BENCH_TSV") != NULL;
}

void bench_title(const char *title)
{
        if (for_machines())
                printf("title\t%s\n", title);
        else
                printf("\n  %-58s %14s %-16s %8s\n", title, "median", "  beside floor", "fastest");
        fflush(stdout);
}

void bench_skip(const char *what, const char *why)
{
        printf(for_machines() ? "skip\t%s\t%s\n" : "  %-58s not measured: %s\n", what, why);
        fflush(stdout);
}

/* Three digits that mean something, whatever the size. */
static const char *format(double value, char buf[static 32])
{
        snprintf(buf, 32, "%.*f", value < 10 ? 2 : value < 1000 ? 1 : 0, value);
        return buf;
}

/* "1.23 x +4.5", or nothing. */
static const char *compare_with(double value, double floor, char buf[static 64])
{
        char difference[32];

        *buf = '\0';
        if (floor > 0)
                snprintf(buf, 64, "%.2f x %s%s", value / floor, value < floor ? "" : "+",
                         format(value - floor, difference));
        return buf;
}

/* fast is the same figure of the moments in which the machine left us alone; 0: there is none. */
static void print(const char *kind, const char *what, const char *unit, double value, double floor, double fast,
                  double fast_floor, const char *budget)
{
        char number[32], beside[64], fast_number[32] = "", fast_beside[64];

        format(value, number);
        compare_with(value, floor, beside);
        if (fast > 0)
                format(fast, fast_number);
        compare_with(fast, fast_floor, fast_beside);
        if (for_machines())
                printf("%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", kind, what, unit, number, beside, fast_number, fast_beside,
                       budget);
        else
                printf("  %-58s %9s %-4s %-16s %8s  %-16s %s\n", what, number, unit, beside, fast_number, fast_beside,
                       budget);
        fflush(stdout);
}

void bench_floor(const char *what, double value, const char *unit)
{
        print("floor", what, unit, value, 0, 0, 0, "");
}

void bench_row(const char *what, double value, double floor, const char *unit, const char *budget)
{
        print("row", what, unit, value, floor, 0, 0, budget);
}

void bench_floor_of(const char *what, Samples *s)
{
        print("floor", what, "us", samples_percentile(s, 50), 0, samples_percentile(s, FAST_PERCENT), 0, "");
}

void bench_row_of(const char *what, Samples *s, Samples *floor, const char *budget)
{
        print("row", what, "us", samples_percentile(s, 50), floor ? samples_percentile(floor, 50) : 0,
              samples_percentile(s, FAST_PERCENT), floor ? samples_percentile(floor, FAST_PERCENT) : 0, budget);
}
