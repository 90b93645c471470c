/* SPDX-License-Identifier: MIT */

/* The rooms are built, run and taken down in order. */

#include "broker/broker.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>

#include "base/hash.h"
#include "broker/confine.h"
#include "broker/listen-fds.h"
#include "broker/wine.h"

#define SHUTDOWN_USEC (8 * USEC_PER_SEC)
#define FLUSH_USEC (10 * USEC_PER_SEC)
#define LOCK_USEC (15 * USEC_PER_SEC) /* longer than a broker needs to leave */
#define LOCK_HALF_USEC USEC_PER_SEC   /* between the first and the second lock of a broker that starts */

void broker_log(const char *format, ...)
{
        char line[2048];
        va_list args;

        va_start(args, format);
        vsnprintf(line, sizeof line, format, args);
        va_end(args);
        fprintf(stderr, "bgtaskd: %s\n", line);
}

char *broker_log_problem(const char *format, va_list args)
{
        char *text;

        if (vasprintf(&text, format, args) < 0)
                return NULL;
        broker_log("%s", text);
        return text;
}

void broker_add_problem(Broker *broker, const char *format, ...)
{
        char *text, **problems;
        va_list args;

        va_start(args, format);
        text = broker_log_problem(format, args);
        va_end(args);
        if (!text)
                return;
        problems = realloc(broker->problems, (broker->n_problems + 1) * sizeof *problems);
        if (!problems) {
                free(text);
                return;
        }
        broker->problems = problems;
        broker->problems[broker->n_problems++] = text;
}

static void on_woken(void *userdata)
{
        broker_settle(userdata);
}

static void on_stepped(void *userdata)
{
        Broker *broker = userdata;
        Event event = broker_event(broker, EVENT_CLOCK_STEPPED, 0);

        broker_feed(broker, &event);
        broker_settle(broker);
}

/* A disk that is full fails every commit: the first of them, and the first that succeeds again, are worth a line. */
static void tell_of_commit(Broker *broker, int error)
{
        if (error < 0 && broker->n_commits_failed++ == 0)
                broker_log("the state could not be written: %s", strerror(-error));
        if (error < 0 || broker->n_commits_failed == 0)
                return;
        broker_log("the state can be written again; %" PRIu64 " commits had failed", broker->n_commits_failed);
        broker->n_commits_failed = 0;
}

static void on_committed(uint64_t commit, int error, void *userdata)
{
        Broker *broker = userdata;
        Event event = broker_event(broker, EVENT_COMMITTED, 0);

        tell_of_commit(broker, error);
        event.committed.commit = commit;
        event.committed.error = error;
        broker_feed(broker, &event);
        broker_history_committed(broker, commit);
}

static void on_store(LoopSource *source, uint32_t events, void *userdata)
{
        Broker *broker = userdata;

        store_dispatch(broker->store);
        broker_settle(broker);
}

static void on_signal(LoopSource *source, uint32_t events, void *userdata)
{
        struct signalfd_siginfo info;
        Broker *broker = userdata;

        if (read(broker->signal_fd, &info, sizeof info) != sizeof info)
                return;
        if (info.ssi_signo == SIGHUP) {
                found_look(broker->found);
                return;
        }
        broker->replace = info.ssi_signo == SIGUSR2;
        broker->stop = true;
}

static void on_shutdown_over(LoopSource *source, uint32_t events, void *userdata)
{
        Broker *broker = userdata;

        broker->stop = true;
}

void broker_shut_down(Broker *broker, uint8_t reason)
{
        const struct itimerspec longest = { .it_value = timespec_from_usec(SHUTDOWN_USEC) };
        Event event;

        if (broker->shutting_down)
                return;
        broker->shutting_down = true;
        (void)timerfd_settime(broker->shutdown_fd, 0, &longest, NULL);
        event = broker_event(broker, EVENT_SHUTDOWN, 0);
        event.shutdown_reason = reason;
        broker_feed(broker, &event);
        broker_settle(broker);
}

/* Signals become readable, so that none interrupts anything; SIGCHLD is the launcher's and is not blocked. */
static int watch_signals(Broker *broker)
{
        sigset_t set;
        int r;

        signal(SIGPIPE, SIG_IGN);
        /* A limit of a file's size is an error like a full disk. */
        signal(SIGXFSZ, SIG_IGN);
        sigemptyset(&set);
        sigaddset(&set, SIGTERM);
        sigaddset(&set, SIGINT);
        sigaddset(&set, SIGHUP);
        sigaddset(&set, SIGUSR2);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        broker->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
        broker->shutdown_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        if (broker->signal_fd < 0 || broker->shutdown_fd < 0)
                return -errno;
        r = loop_add(&broker->loop, &broker->signal_source, broker->signal_fd, EPOLLIN, on_signal, broker);
        if (r >= 0)
                r = loop_add(&broker->loop, &broker->shutdown_source, broker->shutdown_fd, EPOLLIN, on_shutdown_over,
                             broker);
        return r;
}

/* Whether a process has ended, also if nobody has waited for it. What cannot be asked has not. */
static bool has_ended(pid_t pid)
{
        _cleanup_(closep) int fd = (int)syscall(SYS_pidfd_open, pid, 0);
        struct pollfd ended = { .fd = fd, .events = POLLIN };

        return fd < 0 ? errno == ESRCH : poll(&ended, 1, 0) > 0;
}

/*
 * A child of a killed broker that has not yet executed its program still has that one's socket and locks. Peers from
 * beyond our process namespace have no number.
 */
static bool somebody_listens(const char *path)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_(closep) int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct ucred listener;
        socklen_t size = sizeof listener;

        memcpy(address.sun_path, path, strlen(path) + 1);
        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
                return false;
        return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &listener, &size) < 0 || listener.pid <= 0 ||
                !has_ended(listener.pid);
}

/* Asks the broker that has the folders to leave; its servers stay, and we take them over. */
static void ask_holder_to_leave(const Broker *broker)
{
        pid_t pid = paths_lock_holder(&broker->paths);
        _cleanup_(closep) int fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

        /* It still holds the lock, so the descriptor is its. */
        if (fd >= 0 && paths_lock_holder(&broker->paths) == pid &&
            syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0) == 0)
                broker_log("process %d serves the same folders, and was asked to leave", (int)pid);
}

/*
 * 1: another broker serves this very socket, and starting a second one is not an error. Who holds both locks and does
 * not listen is just starting or leaving, which passes, and so does the moment in which it has only one of them. Who
 * was started for a socket does not yield but takes over: whoever connects to that socket cannot reach the other one.
 */
static int take_locks(Broker *broker)
{
        const struct timespec pause = { .tv_nsec = 10 * 1000 * 1000 };
        uint64_t since = clock_now_usec(CLOCK_MONOTONIC);
        bool was_both = true;
        bool takes_over = broker->listen_fd > 0, asked = false;
        int r;

        while ((r = paths_lock(&broker->paths, broker->lock_fds)) > 0) {
                uint64_t now = clock_now_usec(CLOCK_MONOTONIC);
                bool both = r == (PATHS_STATE_HELD | PATHS_RUNTIME_HELD);

                if (was_both && !both)
                        since = now;
                was_both = both;
                if (both && takes_over && !asked) {
                        ask_holder_to_leave(broker);
                        asked = true;
                }
                if (both && !takes_over && somebody_listens(broker->paths.bus))
                        return 1;
                if (usec_sub(now, since) > (both ? LOCK_USEC : LOCK_HALF_USEC)) {
                        fprintf(stderr,
                                "bgtaskd: another broker has the state folder %s or the runtime folder %s: stop it, "
                                "or give this one others with --state and --runtime\n",
                                broker->paths.state, broker->paths.runtime);
                        return -EBUSY;
                }
                (void)nanosleep(&pause, NULL);
        }
        return r;
}

static int open_store(Broker *broker)
{
        const StoreConfig config = {
                .folder = broker->paths.state,
                .history_per_task = (uint32_t)broker->config.values[CONFIG_HISTORY_PER_TASK],
                .history_total = (uint32_t)broker->config.values[CONFIG_HISTORY_TOTAL],
                .committed = on_committed,
                .history_read = show_history_read,
                .userdata = broker,
        };
        StoreReport report;
        int r;

        r = store_open(&config, &broker->store, &report);
        if (r < 0) {
                fprintf(stderr, "bgtaskd: %s\n", report.sentence);
                return r;
        }
        if (report.sentence[0])
                broker_add_problem(broker, "%s", report.sentence);
        store_key(broker->store, broker->cookie_key);
        return loop_add(&broker->loop, &broker->store_source, store_get_fd(broker->store), EPOLLIN, on_store, broker);
}

static uint64_t real_usec(void *userdata)
{
        const Broker *broker = userdata;

        return clock_now(broker->clock).real_usec;
}

static int open_launcher(Broker *broker)
{
        const LauncherConfig config = {
                .runtime_directory = broker->paths.runtime,
                .log_directory = broker->paths.logs,
                .log_max_bytes = broker->config.values[CONFIG_LOG_BYTES],
                .log_max_servers = (unsigned)broker->config.values[CONFIG_LOG_SERVERS],
                .source_environment = environ,
                .use_cgroups = true,
                .cgroup_delegated = broker->options.delegated,
                .subreaper = true,
                .ended = broker_server_process_ended,
                .real_usec = real_usec,
                .userdata = broker,
        };
        int r = launcher_new(&broker->loop, &config, &broker->launcher);

        if (r < 0)
                broker_log("cannot prepare to start servers: %s", strerror(-r));
        return r;
}

static int open_bus(Broker *broker)
{
        const BusConfig config = {
                .path = broker->paths.bus,
                .listen_fd = broker->listen_fd,
                .owns_listen_fd = broker->owns_listen_fd,
                .test_clock = broker->options.test_clock,
                .version = BGTASK_VERSION,
                .handlers = &broker->bus_handlers,
        };
        int r;

        broker->bus_handlers.userdata = broker;
        control_set_handlers(&broker->bus_handlers);
        serve_set_handlers(&broker->bus_handlers);
        show_set_handlers(&broker->bus_handlers);
        test_clock_init(broker, &broker->bus_handlers);
        confine_set_handlers(&broker->bus_handlers);
        r = bus_new(&broker->loop, &config, &broker->bus);
        if (r < 0)
                broker_log("cannot prepare the bus: %s", strerror(-r));
        return r;
}

/* Last of all: whoever connects finds everything restored. */
static int listen_on_bus(Broker *broker)
{
        int r = bus_listen(broker->bus);

        if (r < 0) {
                broker_log("cannot listen on %s: %s", broker->paths.bus, strerror(-r));
                return r;
        }
        /* Servers that an earlier broker started come back through the sockets of their packages. */
        list_for_each(i, &broker->packages)
                (void)broker_confine_listen(broker, list_entry(i, Package, node));
        return 0;
}

static int open_clock(Broker *broker)
{
        const ClockHandlers handlers = { .woken = on_woken, .stepped = on_stepped, .userdata = broker };
        int r;

        broker->boot_id = broker->options.boot_id;
        if (uuid_is_null(broker->boot_id) && boot_id_read(&broker->boot_id) < 0)
                broker->boot_id = uuid_random();
        r = clock_new(&broker->loop, &handlers, &broker->clock);
        if (r >= 0 && broker->options.test_clock)
                r = clock_set_test(broker->clock, broker->boot_id, broker->paths.state);
        if (r < 0)
                broker_log("cannot set up the clocks: %s", strerror(-r));
        else
                broker->started_real_usec = clock_now(broker->clock).real_usec;
        return r;
}

static int open_ledger(Broker *broker)
{
        bool was_there = access(broker->paths.ledger, F_OK) == 0, discarded = false;
        int r = ledger_open(broker->paths.ledger, broker->boot_id, 0, &broker->ledger, &discarded);

        broker->ledger_is_new = !was_there || discarded;
        if (r < 0)
                broker_log("cannot open the ledger %s: %s", broker->paths.ledger, strerror(-r));
        return r;
}

EngineConfig broker_engine_config(const Broker *broker)
{
        const uint64_t *values = broker->config.values;

        return (EngineConfig){
                .limits = {
                        .registrations_per_package = (uint32_t)values[CONFIG_REGISTRATIONS],
                        .live_runs = (uint32_t)values[CONFIG_LIVE_RUNS],
                        .live_runs_per_task = (uint32_t)values[CONFIG_LIVE_RUNS_PER_TASK],
                        .pending_per_task = (uint32_t)values[CONFIG_PENDING_PER_TASK],
                        .starts_per_window = (uint32_t)values[CONFIG_STARTS],
                        .start_window_usec = values[CONFIG_START_WINDOW],
                        .time_limit_usec = values[CONFIG_TIME_LIMIT],
                },
                .boot_id = broker->boot_id,
                .host_hash = crc32c(0, broker->paths.state, strlen(broker->paths.state)),
        };
}

static int open_engine(Broker *broker)
{
        EngineConfig config = broker_engine_config(broker);
        Uuid key = uuid_random();
        int r;

        memcpy(config.hash_key, key.bytes, sizeof config.hash_key);
        /* Logs outlive the boot, and their names hold the id: it starts where no earlier one can have been. */
        config.first_server = MAX(clock_now_usec(CLOCK_REALTIME), broker_last_server(broker) + 1);
        r = journal_new(broker->paths.state, &config, &broker->journal);
        if (r < 0)
                broker_add_problem(broker, "no journal is kept for bug reports: %s", strerror(-r));
        return engine_new(&config, &broker->engine);
}

/* Read once: what is changed is in force from the next start on. */
static int load_config(Broker *broker)
{
        int r = config_load(&broker->config, broker->options.paths.system, broker->options.config);

        for (size_t i = 0; i < broker->config.n_problems; i++)
                broker_add_problem(broker, "%s", broker->config.problems[i]);
        return r;
}

int broker_new(const BrokerOptions *options, Broker **ret_broker)
{
        _cleanup_(broker_freep) Broker *broker = calloc(1, sizeof *broker);
        int r;

        if (!broker)
                return -ENOMEM;
        *broker = (Broker){ .options = *options, .loop = LOOP_INIT, .lock_fds = { -1, -1 }, .signal_fd = -1,
                            .shutdown_fd = -1, .signal_source = LOOP_SOURCE_INIT, .shutdown_source = LOOP_SOURCE_INIT,
                            .store_source = LOOP_SOURCE_INIT, .write = { .fd = -1, .source = LOOP_SOURCE_INIT } };
        list_init(&broker->queue);
        list_init(&broker->packages);
        list_init(&broker->servers);
        list_init(&broker->wine_hosts);
        list_init(&broker->batches);
        list_init(&broker->questions);
        list_init(&broker->advances);
        list_init(&broker->sensor_questions);
        list_init(&broker->zones);
        broker->memory_watch = DELAY_INIT;
        r = loop_init(&broker->loop);
        if (r >= 0)
                r = load_config(broker);
        if (r >= 0)
                r = broker_write_init(broker);
        if (r >= 0)
                r = broker_memory_open(broker);
        if (r >= 0)
                r = paths_init(&broker->paths, &options->paths);
        if (r >= 0)
                r = listen_fds_take(&broker->paths.bus, &broker->listen_fd);
        broker->owns_listen_fd = r == LISTEN_FDS_E_OWN;
        if (r >= 0)
                r = take_locks(broker);
        if (r != 0)
                return r;
        r = watch_signals(broker);
        if (r >= 0)
                r = open_store(broker);
        if (r >= 0)
                r = open_clock(broker);
        if (r >= 0)
                r = open_ledger(broker);
        if (r >= 0)
                r = open_engine(broker);
        if (r >= 0)
                r = open_launcher(broker);
        if (r >= 0)
                r = broker_load_environment(broker);
        if (r >= 0)
                r = broker_sensors_open(broker);
        if (r >= 0)
                r = open_bus(broker);
        if (r >= 0)
                r = broker_restore(broker);
        if (r >= 0)
                r = found_new(broker, &broker->found);
        if (r >= 0)
                r = listen_on_bus(broker);
        if (r < 0)
                return r;
        *ret_broker = TAKE_PTR(broker);
        return 0;
}

Broker *broker_free(Broker *broker)
{
        if (!broker)
                return NULL;
        found_free(broker->found);
        test_clock_done(broker);
        broker_sensors_done(broker);
        broker_zones_done(broker);
        control_done(broker);
        broker_history_done(broker);
        list_for_each_safe(i, &broker->servers)
                broker_server_free(list_entry(i, Server, node));
        broker_wine_done(broker);
        if (!broker->bus && broker->listen_fd > 0)
                safe_close(broker->listen_fd);
        broker_failures_free(broker);
        bus_free(broker->bus);
        broker_write_done(broker);
        delay_done(&broker->memory_watch);
        launcher_free(broker->launcher);
        loop_remove(&broker->loop, &broker->store_source);
        store_free(broker->store);
        ledger_free(broker->ledger);
        engine_free(broker->engine);
        journal_free(broker->journal);
        buffer_done(&broker->imported);
        free(broker->session_bus);
        clock_free(broker->clock);
        effects_done(&broker->effects);
        list_for_each_safe(i, &broker->packages)
                broker_package_free(list_entry(i, Package, node));
        loop_remove(&broker->loop, &broker->signal_source);
        loop_remove(&broker->loop, &broker->shutdown_source);
        safe_close(broker->signal_fd);
        safe_close(broker->shutdown_fd);
        loop_done(&broker->loop);
        for (size_t i = 0; i < broker->n_problems; i++)
                free(broker->problems[i]);
        free(broker->problems);
        paths_done(&broker->paths);
        config_done(&broker->config);
        for (size_t i = 0; i < ELEMENTSOF(broker->lock_fds); i++)
                safe_close(broker->lock_fds[i]);
        free(broker);
        return NULL;
}

static void answer_shutdown(Broker *broker)
{
        Call *call = broker->shutdown_token ? bus_find_call(broker->bus, broker->shutdown_token) : NULL;

        if (!call)
                return;
        bus_reply_empty(call);
        loop_end_round(&broker->loop);
}

int broker_run(Broker *broker)
{
        int r = 0;

        broker_sensors_update(broker, false);
        broker_settle(broker);
        while (!broker->stop && r >= 0) {
                r = loop_dispatch(&broker->loop, broker->unsettled ? 0 : test_clock_timeout_ms(broker));
                broker_sensors_update(broker, true);
                broker_settle(broker);
                test_clock_continue(broker);
                broker_servers_collect(broker);
                if (broker->shutting_down && engine_is_quiet(broker->engine))
                        broker->stop = true;
        }
        broker_write_release(broker);
        loop_end_round(&broker->loop);
        if (store_flush(broker->store, FLUSH_USEC) < 0)
                broker_log("what happened last may not have reached the disk in time");
        answer_shutdown(broker);
        return MIN(r, 0);
}
