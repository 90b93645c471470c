/* SPDX-License-Identifier: MIT */

/*
 * The broker for a long time: many registrations, of which one in a hundred is replaced in each second, connections
 * that end in the middle of a message, and now and then a broker that is killed and started again. Prints what it
 * takes and what it holds; ends with 1 if a registration is missing. bench-soak [SECONDS] [REGISTRATIONS]
 */

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "broker.h"

#define THREADS 32
#define GROUP 100     /* replaced by a thread at a time */
#define UNREGISTER 16 /* one in so many is unregistered first */
#define REPORT_SEC 10
#define KILL_SEC 60
#define CHURN 100 /* one in so many, each second */

typedef struct Churner {
        pthread_t thread;
        const Bench *bench;
        int number;
        double usec_per_turn;
} Churner;

static atomic_bool over;
static atomic_ulong n_changed; /* registrations that were replaced, and answered so */
static atomic_ulong n_failed;  /* turns, because the broker was dead */

static void pause_usec(double usec)
{
        const struct timespec t = { (time_t)(usec / 1e6), (long)(usec - (double)(time_t)(usec / 1e6) * 1e6) * 1000 };

        if (usec > 0)
                nanosleep(&t, NULL);
}

static bool register_group(bgt *b, const char *prefix, char (*ids)[BGT_ID_SIZE])
{
        bgt_register_result results[GROUP] = { 0 };
        bgt_builder *builders[GROUP];
        bool good;

        for (int i = 0; i < GROUP; i++) {
                char name[64];

                snprintf(name, sizeof name, "%s-%d", prefix, i);
                builders[i] = bench_interval_builder(b, name);
        }
        good = bgt_builder_register_many(builders, GROUP, BGT_IF_EXISTS_REPLACE, results) == 0;
        for (int i = 0; i < GROUP; i++) {
                bgt_builder_unref(builders[i]);
                strcpy(ids[i], results[i].task);
        }
        return good;
}

/* A turn of a thread: its group is replaced, now and then after each was unregistered. False: the broker has died. */
static bool churn(bgt *b, const char *prefix, char (*ids)[BGT_ID_SIZE], unsigned turn)
{
        for (int i = 0; turn % UNREGISTER == 0 && i < GROUP; i++)
                if (ids[i][0] && bgt_task_unregister(b, ids[i], false) < 0)
                        return false;
        if (!register_group(b, prefix, ids))
                return false;
        n_changed += GROUP;
        return true;
}

static void *churn_main(void *userdata)
{
        char ids[GROUP][BGT_ID_SIZE] = { 0 };
        const Churner *churner = userdata;
        char prefix[32];
        bgt *b = NULL;

        snprintf(prefix, sizeof prefix, "churn%d", churner->number);
        for (unsigned turn = 1; !over; turn++) {
                double start = bench_now_usec();

                /* While the broker is dead, there is nothing to do but to ask again. */
                if (!b && bgt_open(churner->bench->package, BGT_NO_AUTOSTART, &b) < 0) {
                        b = NULL;
                        pause_usec(20000);
                        continue;
                }
                if (!churn(b, prefix, ids, turn)) {
                        n_failed++;
                        memset(ids, 0, sizeof ids);
                        bgt_close(b);
                        b = NULL;
                }
                pause_usec(churner->usec_per_turn - (bench_now_usec() - start));
        }
        if (b)
                bgt_close(b);
        return NULL;
}

/* Connects, says half of something, and goes. */
static void be_rude(const Bench *bench, unsigned how)
{
        static const char *const words[] = { "", "\0AUTH EXTERNAL", "garbage\r\n\r\n", "\0AUTH ANONYMOUS\r\n" };
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(address.sun_path, sizeof address.sun_path, "%s/run/bus", bench->folder);
        if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
                (void)send(fd, words[how % 4], how % 4 ? 14 : 0, MSG_NOSIGNAL);
        close(fd);
}

static double read_status(pid_t pid, const char *key)
{
        char path[64], line[256];
        double value = 0;
        FILE *f;

        snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
        f = fopen(path, "re");
        while (f && fgets(line, sizeof line, f))
                if (strncmp(line, key, strlen(key)) == 0)
                        value = strtod(line + strlen(key), NULL);
        if (f)
                fclose(f);
        return value;
}

static int count_fds(pid_t pid)
{
        char path[64];
        int n = -2;
        DIR *dir;

        snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
        dir = opendir(path);
        while (dir && readdir(dir))
                n++;
        if (dir)
                closedir(dir);
        return n;
}

static unsigned long count_tasks(const Bench *bench)
{
        bgt_record *status = NULL;
        unsigned long n = 0;
        bgt *b = NULL;

        if (bgt_open(bench->package, BGT_NO_AUTOSTART, &b) >= 0 && bgt_status(b, &status) >= 0)
                n = bgt_record_uint(status, "tasks", 0);
        bgt_record_unref(status);
        if (b)
                bgt_close(b);
        return n;
}

static void report(const Bench *bench, double start)
{
        printf("%6.0f s  %9lu replaced  %6lu failed  %9lu tasks  %6.1f MiB  %3d fds\n",
               (bench_now_usec() - start) / 1e6, n_changed, n_failed, count_tasks(bench),
               read_status(bench->broker, "RssAnon:") / 1024, count_fds(bench->broker));
        fflush(stdout);
}

/* True if all that nobody touched are there. */
static bool kill_and_start(Bench *bench, unsigned long n)
{
        double took;

        kill(bench->broker, SIGKILL);
        waitpid(bench->broker, NULL, 0);
        took = bench_start_broker(bench);
        printf("          killed; serves again after %.2f s\n", took);
        if (count_tasks(bench) >= n)
                return true;
        printf("          registrations are missing: %lu of %lu\n", count_tasks(bench), n);
        return false;
}

int main(int argc, char *argv[])
{
        int seconds = bench_count(argc, argv, 60), n = argc > 2 ? atoi(argv[2]) : 1000000;
        static Churner churners[THREADS];
        Bench bench = { 0 };
        bool good = true;
        double start;

        bench_start(&bench);
        n = n / 1000 * 1000;
        printf("registering %d at %.0f /s\n", n, bench_register_batches(&bench, "soak", n / 1000));
        start = bench_now_usec();
        for (int i = 0; i < THREADS; i++) {
                churners[i] = (Churner){ .bench = &bench, .number = i,
                                         .usec_per_turn = 1e6 * GROUP * THREADS * CHURN / (n > 0 ? n : 1) };
                if (pthread_create(&churners[i].thread, NULL, churn_main, &churners[i]) != 0)
                        bench_die("pthread_create", NULL);
        }
        for (int s = 1; s <= seconds && good; s++) {
                pause_usec(start + s * 1e6 - bench_now_usec());
                be_rude(&bench, (unsigned)s);
                if (s % REPORT_SEC == 0)
                        report(&bench, start);
                if (s % KILL_SEC == 0)
                        good = kill_and_start(&bench, (unsigned long)n);
        }
        over = true;
        for (int i = 0; i < THREADS; i++)
                pthread_join(churners[i].thread, NULL);
        report(&bench, start);
        good = good && count_tasks(&bench) >= (unsigned long)n;
        bench_stop(&bench);
        return good ? 0 : 1;
}
