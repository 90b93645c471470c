/* SPDX-License-Identifier: MIT */

/*
 * What others do to a client's calls: how long they take when nobody else is there, and beside clients that do not
 * read, that send half messages of 64 MiB, a thousand connections, and one that registers up to its quota and goes on.
 * A process that only spins tells what of it is the machine's. All of it is done twice, where that is allowed: the
 * second time the broker and the client come before everything else on the processors, so that what is left is what
 * the broker itself makes the client wait. bench-hostile [CALLS]
 */

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "broker.h"

#define SLOW 32
#define HALVES 8
#define CONNECTIONS 1000
#define HALF_BYTES (64u * 1024 * 1024)
#define TURNS 5
/* Of real time, the hostile below the broker and its client. */
#define PRIORITY 2
#define PRIORITY_HOSTILE 1

typedef void (*Attack)(const Bench *bench);

static int connect_raw(const Bench *bench)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        snprintf(address.sun_path, sizeof address.sun_path, "%s/run/bus", bench->folder);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
                return -1;
        return fd;
}

static int authenticate(const Bench *bench)
{
        char line[96] = "\0AUTH EXTERNAL ", uid[16];
        size_t n = 15;
        int fd = connect_raw(bench);

        if (fd < 0)
                return -1;
        snprintf(uid, sizeof uid, "%u", (unsigned)getuid());
        for (const char *p = uid; *p; p++)
                n += (size_t)snprintf(line + n, sizeof line - n, "%02x", *p);
        n += (size_t)snprintf(line + n, sizeof line - n, "\r\nBEGIN\r\n");
        (void)send(fd, line, n, MSG_NOSIGNAL);
        return fd;
}

/* A call of Status without arguments, as D-Bus has it; its body is said to be so long. */
static size_t make_call(uint8_t *message, uint32_t n_body)
{
        static const struct { uint8_t code; const char *signature, *text; } fields[] = {
                { 1, "o", "/org/bgtask" }, { 2, "s", "org.bgtask.Manager1" }, { 3, "s", "Status" },
        };
        uint32_t serial = 1, n_fields;
        size_t n = 16;

        memcpy(message, "l\1\0\1", 4);
        memcpy(message + 4, &n_body, 4);
        memcpy(message + 8, &serial, 4);
        for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
                uint32_t size = (uint32_t)strlen(fields[i].text);

                while (n % 8)
                        message[n++] = 0;
                message[n++] = fields[i].code;
                message[n++] = 1;
                message[n++] = (uint8_t)fields[i].signature[0];
                message[n++] = 0;
                memcpy(message + n, &size, 4);
                memcpy(message + n + 4, fields[i].text, size + 1);
                n += 4 + size + 1;
        }
        n_fields = (uint32_t)n - 16;
        memcpy(message + 12, &n_fields, 4);
        while (n % 8)
                message[n++] = 0;
        return n;
}

/* They ask as fast as they may and never read an answer; when they are sent away they come again. */
static void read_slowly(const Bench *bench)
{
        uint8_t message[256];
        size_t n = make_call(message, 0);
        int fds[SLOW];

        memset(fds, -1, sizeof fds);
        for (unsigned i = 0;; i = (i + 1) % SLOW) {
                if (fds[i] < 0)
                        fds[i] = authenticate(bench);
                if (send(fds[i], message, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN) {
                        close(fds[i]);
                        fds[i] = -1;
                }
        }
}

/* All but the last bytes of a message of 64 MiB, again and again. */
static void send_halves(const Bench *bench)
{
        static uint8_t block[65536];
        size_t sent[HALVES] = { 0 };
        uint8_t message[256];
        size_t n = make_call(message, HALF_BYTES);
        int fds[HALVES];

        memset(fds, -1, sizeof fds);
        for (unsigned i = 0;; i = (i + 1) % HALVES) {
                ssize_t r;

                if (fds[i] < 0) {
                        fds[i] = authenticate(bench);
                        (void)send(fds[i], message, n, MSG_NOSIGNAL);
                        sent[i] = 0;
                }
                r = send(fds[i], block, sizeof block, MSG_NOSIGNAL | MSG_DONTWAIT);
                if (r > 0)
                        sent[i] += (size_t)r;
                if ((r < 0 && errno != EAGAIN) || sent[i] + 2 * sizeof block > HALF_BYTES) {
                        close(fds[i]);
                        fds[i] = -1;
                }
        }
}

static void connect_often(const Bench *bench)
{
        const struct rlimit limit = { CONNECTIONS + 64, CONNECTIONS + 64 };
        static int fds[CONNECTIONS];

        (void)setrlimit(RLIMIT_NOFILE, &limit);
        for (int i = 0; i < CONNECTIONS; i++)
                fds[i] = authenticate(bench);
        for (int i = 0;; i = (i + 1) % CONNECTIONS) {
                close(fds[i]);
                fds[i] = authenticate(bench);
        }
}

static void register_all(const Bench *bench)
{
        bgt *b = bench_open(bench, BGT_NO_AUTOSTART);

        for (unsigned i = 0;; i++) {
                bgt_builder *builder;
                char name[64];

                snprintf(name, sizeof name, "greedy-%u", i);
                builder = bench_interval_builder(b, name);
                (void)bgt_builder_register(builder, BGT_IF_EXISTS_REPLACE, NULL);
                bgt_builder_unref(builder);
        }
}

/* No attack: what a third process that never waits does to two others on this machine. */
static void spin(const Bench *bench)
{
        for (;;)
                __asm__ volatile("" ::: "memory");
}

/* False: it is not allowed. */
static bool put_before_all(pid_t pid, int priority)
{
        const struct sched_param param = { .sched_priority = priority };

        return sched_setscheduler(pid, SCHED_RR, &param) >= 0;
}

static pid_t attack_with(const Bench *bench, Attack attack)
{
        pid_t pid = fork();

        if (pid == 0) {
                /* What they do to the broker is measured, not what they do to the processor. */
                if (sched_getscheduler(0) == SCHED_RR)
                        put_before_all(0, PRIORITY_HOSTILE);
                else
                        (void)setpriority(PRIO_PROCESS, 0, 19);
                attack(bench);
                _exit(0);
        }
        if (pid < 0)
                bench_die("fork", NULL);
        return pid;
}

/* Calls that only ask, one after the other, at a moderate rate. */
static void call_often(bgt *b, Samples *samples, int n)
{
        for (int i = 0; i < n; i++) {
                bgt_record *status = NULL;
                double start = bench_now_usec();

                if (bgt_status(b, &status) < 0)
                        bench_die_of("status");
                samples_add(samples, bench_now_usec() - start);
                bgt_record_unref(status);
        }
}

/* Quiet and under attack in turns, because no machine stays the same for long. */
static void measure(const Bench *bench, const char *name, Attack attack, int n)
{
        Samples quiet = { 0 }, spun = { 0 }, loud = { 0 };
        const struct { Attack attack; Samples *samples; } beside[] = { { spin, &spun }, { attack, &loud } };
        bgt *b = bench_open(bench, BGT_NO_AUTOSTART);
        char what[128];

        for (int i = 0; i < TURNS; i++) {
                call_often(b, &quiet, n / TURNS);
                for (size_t k = 0; k < sizeof beside / sizeof *beside; k++) {
                        pid_t pid = attack_with(bench, beside[k].attack);

                        call_often(b, beside[k].samples, n / TURNS);
                        kill(pid, SIGKILL);
                        waitpid(pid, NULL, 0);
                        bench_rest();
                }
        }
        snprintf(what, sizeof what, "p99 of a call beside %s", name);
        bench_floor("floor: p99 of a call alone", samples_percentile(&quiet, 99), "us");
        bench_floor("the same beside a process that only spins", samples_percentile(&spun, 99), "us");
        bench_row(what, samples_percentile(&loud, 99), samples_percentile(&quiet, 99), "us", "2 x");
        samples_free(&quiet);
        samples_free(&spun);
        samples_free(&loud);
        bgt_close(b);
}

static void measure_all(const Bench *bench, int n)
{
        static const struct { const char *name; Attack attack; } attacks[] = {
                { "32 clients that do not read", read_slowly },
                { "8 half messages of 64 MiB", send_halves },
                { "1000 connections that come and go", connect_often },
                { "a client that registers without end", register_all },
        };

        for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++)
                measure(bench, attacks[i].name, attacks[i].attack, n);
}

int main(int argc, char *argv[])
{
        int n = bench_count(argc, argv, 5000);
        Bench bench = { 0 };

        bench_start(&bench);
        bench_title("Hostile clients");
        measure_all(&bench, n);
        bench_title("Hostile clients, and nobody else before the broker and the client");
        if (put_before_all(bench.broker, PRIORITY) && put_before_all(0, PRIORITY))
                measure_all(&bench, n);
        else
                bench_skip("p99 of a call beside each of them", "scheduling in real time is not allowed");
        bench_stop(&bench);
        return 0;
}
