/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The broker: it owns one object of each room and carries what they say to each other. Everything that happens becomes
 * an event for the engine, and every effect of the engine is carried to the room that can do it, in order. Nothing
 * else decides anything.
 *
 * broker_feed() may be called from any handler: events that arise while effects are being carried out wait in a queue
 * until those are done, so that the engine sees one event at a time and each room one effect at a time.
 */

#include <stdarg.h>
#include <stdbool.h>

#include "base/delay.h"
#include "broker/clock.h"
#include "broker/config.h"
#include "broker/journal.h"
#include "broker/paths.h"
#include "broker/startup.h"
#include "bus/bus.h"
#include "engine/engine.h"
#include "launcher/launcher.h"
#include "manifest/manifest.h"
#include "sensors/sensors.h"
#include "store/ledger.h"
#include "store/store.h"

typedef struct Broker Broker;
typedef struct Server Server;
typedef struct Package Package;
typedef struct Batch Batch;
typedef struct Found Found;
typedef struct Failures Failures;

typedef struct BrokerOptions {
        PathOptions paths;
        bool test_clock;
        bool check_config;      /* only that */
        const char *config;     /* the only configuration file; NULL: those of the machine and the user */
        bool delegated;         /* the cgroup that it is in is its own */
        Uuid boot_id;           /* of the test clock; null: the kernel's */
        const char *replay;     /* show this journal instead of serving */
        bool json;
} BrokerOptions;

/* An installed package, or one that is being installed. */
struct Package {
        ListNode node;
        char *family;
        char *folder;
        char *target_name;      /* NULL: none was given */
        char *external_location;
        char *wine_prefix;      /* of its programs of Windows; NULL: none was given */
        Uuid content;
        uint64_t installed_real_usec;
        Manifest *manifest;     /* NULL: it could not be read again; then it has no classes */
        char *problem;          /* why, as a sentence */
        uint64_t token;         /* of the install that waits for its commit; 0: it is stored */
        uint64_t removing;      /* token of the removal that waits for its commit */
};

typedef struct WineHost WineHost;

/* A process that serves, or is being started to. */
struct Server {
        ListNode node;
        Broker *broker;
        uint64_t id;
        char *package;
        uint32_t exe_server;
        bool launched;
        bool is_app;            /* it took itself out of our hands */
        bool attached;          /* it was told its cookie */
        bool ended;             /* its process has */
        bool told_gone;         /* the engine knows that it has gone */
        bool told_to_exit;
        uint64_t memory_max;    /* that it is launched with */
        bool over_memory;       /* when it was looked at last */
        bool revoke;            /* its runs are about to be canceled for that */
        bool released;          /* the engine does not refer to it any more */
        bool free_later;
        Process *process;       /* NULL: not spawned, or not ours to watch */
        Peer *peer;             /* NULL: not connected, or not yet again */
        WineHost *wine;         /* it is a program of Windows: who has to do with it in Wine; NULL: nobody */
        bool wine_waits;        /* for that one to be ready */
        int linger_fd;          /* the longest that a server without a connection may live */
        LoopSource linger_source;
};

#define SERVER_LOG_ID_MAX 97
#define SERVER_COOKIE_MAX 64

typedef struct QueuedEvent QueuedEvent;

/* What the store has been begun to be told and not been handed yet; see write.c. */
typedef struct Write {
        LoopJob job;
        bool awaited; /* somebody waits for the commit */
        bool starts;  /* the round starts a server, or a run in one */
        bool held;
        bool armed;   /* the timer is */
        int fd;       /* timerfd */
        LoopSource source;
} Write;

struct Broker {
        BrokerOptions options;
        Config config;
        Paths paths;
        Loop loop;
        Clock *clock;
        Engine *engine;
        Journal *journal;       /* NULL: there is none */
        Store *store;
        Ledger *ledger;
        bool ledger_failed;
        bool ledger_is_new;     /* the one before was of another boot, or went with the runtime folder */
        Launcher *launcher;
        Sensors *sensors;       /* NULL: the test clock's conditions are set by hand */
        ListNode sensor_questions;
        ListNode zones;         /* whose rules the engine was told */
        Bus *bus;
        BusHandlers bus_handlers;
        Effects effects;
        ListNode queue;         /* of QueuedEvent */
        bool carrying;
        uint64_t n_commits_failed; /* since one succeeded */
        bool unsettled;         /* there is work left for the next round of the loop */
        uint64_t next_tick_mono_usec; /* while the store is behind, not before */
        bool stop;              /* leave the loop */
        bool shutting_down;     /* live runs are being canceled */
        int lock_fds[2];
        int listen_fd;          /* a socket that whoever started us listens on; 0: none, we bind our own */
        bool owns_listen_fd;    /* which is one that an earlier program of this process has bound */
        bool replace;           /* leave the loop for the program that is now where this one was started from */
        int signal_fd;
        LoopSource signal_source;
        uint64_t shutdown_token; /* of the call that waits for it; 0: none */
        int shutdown_fd;        /* timerfd: the longest that a shutdown waits */
        LoopSource shutdown_source;
        LoopSource store_source;
        Write write;
        ListNode packages;
        Found *found;
        ListNode servers;
        Delay memory_watch;     /* the next look at those whose memory is limited */
        ListNode wine_hosts;
        ListNode batches;       /* of RegisterBatch calls that are not answered yet */
        uint64_t last_batch;
        ListNode questions;     /* about the history, that wait for commits */
        uint64_t last_begun;    /* commit that the store was given */
        uint64_t last_answered; /* commit whose end the engine knows */
        ListNode advances;      /* test clock: callers of Advance that wait */
        uint64_t patience_usec; /* test clock: for processes, at each stop of theirs */
        Buffer imported;        /* variables for servers and commands */
        char *session_bus;      /* its address; "": the machine's own broker has none */
        uint8_t cookie_key[32];
        uint64_t started_real_usec;
        Uuid boot_id;
        Failures *failures;     /* NULL: none was to be told of */
        char **problems;        /* what an admin should know, from the start */
        size_t n_problems;
};

int broker_new(const BrokerOptions *options, Broker **ret_broker);
Broker *broker_free(Broker *broker);
DEFINE_CLEANUP(Broker *, broker_free);
/* Until SIGTERM, SIGINT or Shutdown. 0 or negative errno. */
int broker_run(Broker *broker);
/* What an engine of this broker is made with; its hash key and its first server are not set. */
EngineConfig broker_engine_config(const Broker *broker);

/* Says it to the log: standard error, one line. */
void broker_log(const char *format, ...) _printf_(1, 2);
/* The same, and keeps it for Status. */
/* Logs what an admin should know. Returns the text, NULL if there is no memory. */
char *broker_log_problem(const char *format, va_list args);
void broker_add_problem(Broker *broker, const char *format, ...) _printf_(2, 3);

/* feed.c */
Event broker_event(const Broker *broker, EventType type, uint64_t token);
/* Copies what the event points to if it has to wait. */
void broker_feed(Broker *broker, const Event *event);
/* A server id that was never given before. */
uint64_t broker_new_server_id(Broker *broker);
/* Feeds ticks until nothing is left to do now, and arms the clock. */
void broker_settle(Broker *broker);

/* carry.c */
void broker_carry(Broker *broker, const Effects *effects);

/* write.c */
int broker_write_init(Broker *broker);
void broker_write_done(Broker *broker);
/* Something was begun: it is handed to the store when the round is over, or held if nobody waits for it. */
void broker_write_begin(Broker *broker, bool awaited);
/* This round starts a server, or a run in one. */
void broker_write_after_start(Broker *broker);
/* A server has taken a run: what was held is handed over at the end of the round. */
void broker_write_release(Broker *broker);
/* At once, whatever waits. */
void broker_write_now(Broker *broker);

/* package.c */
Package *broker_package_find(Broker *broker, const char *family);
/* The package whose folder holds this executable; NULL. */
Package *broker_package_of_executable(Broker *broker, const char *path);
void broker_package_free(Package *package);
void broker_package_install(Broker *broker, Call *call, const BusInstall *install);
/*
 * Reads the package of a folder and stages it under this token. Negative errno with a sentence if it cannot be
 * installed.
 */
int broker_package_stage(Broker *broker, const char *folder, uint64_t token, Package **ret_package, char *sentence,
                         size_t size);
/* Asks the engine to put a staged package into force. It is freed if that fails. */
void broker_package_begin(Broker *broker, Package *package);
/* Takes the classes of a package whose folder is gone out of force. */
void broker_package_begin_gone(Broker *broker, const Package *package, uint64_t token);
/* Returns the package that is in force now; NULL after an error, or if nothing had changed. */
Package *broker_package_commit(Broker *broker, uint64_t token, Error error);
/* Makes an INSTALL or RESTORE_PACKAGE of a package; the classes are the caller's to free. -ENOMEM. */
int broker_package_fill_event(const Package *package, Event *event, PackageClass **ret_classes);
void broker_package_mark_removing(Broker *broker, const char *family, uint64_t token);
void broker_package_end_removing(Broker *broker, uint64_t token, Error error);
int broker_package_restore(Broker *broker, const StorePackage *row);
/* The prefix of one that was restored. -ENOMEM. */
int broker_package_restore_wine_prefix(Broker *broker, const char *family, const char *prefix);
void broker_package_stored(Broker *broker, const char *family, uint64_t token);
/* The sentence for a CLSID that the package does not serve. */
void broker_package_explain_class(Broker *broker, const char *family, Uuid clsid, char *buf, size_t size);
/* True if the call was answered: a trigger needs a capability that the package does not declare. */
bool broker_package_refuse_trigger(Broker *broker, Call *call, const char *family, const TaskSpec *spec);
/* The sentences for such a task whose package declared it once. */
void broker_package_explain_capability(Broker *broker, const TaskSpec *spec, char *sentence, char *remedy,
                                       size_t size);
char *broker_package_local_folder(const Broker *broker, const char *family);

/* found.c: packages that are found, not installed by a command */
#define FOUND_BIT (UINT64_C(1) << 62) /* of tokens that are no call's */
#define FOUND_ROOTS_MAX 64
/* Looks for them, and waits until what was found is in force. */
int found_new(Broker *broker, Found **ret);
Found *found_free(Found *found);
DEFINE_CLEANUP(Found *, found_free);
/* Looks again. Takes NULL. */
void found_look(Found *found);
/* True if the package came from one of these folders, and would be found again. */
bool found_is_there(const Found *found, const Package *package);
bool found_is_below(const Found *found, const char *folder);
/* What the last look has seen, for Status; NULL behind the last one. */
const char *found_problem(const Found *found, size_t i);

/* server.c */
/* The limits of a server or command that says nothing of its own, as configured. */
LaunchLimits broker_default_limits(const Broker *broker);
Server *broker_server_find(Broker *broker, uint64_t id);
Server *broker_server_new(Broker *broker, uint64_t id, const char *package, uint32_t exe_server, bool launched);
void broker_server_free(Server *server);
/* command: the task whose supervisor it is to be; null: the ExeServer of the package. */
void broker_server_launch(Broker *broker, uint64_t id, const char *package, uint32_t exe_server, Uuid command);
/* Goes on with the launch of a server that has waited; error: it cannot be started. */
void broker_server_launch_on(Server *server, int error);
/* To the whole tree of the server; SIGTERM to a program of Windows in the way that it knows. */
void broker_server_signal(Server *server, int number);
void broker_server_process_ended(Process *process, const ProcessResult *result, void *userdata);
void broker_server_peer_gone(Broker *broker, Peer *peer);
/* The engine is told that it has gone: it has no connection any more, and its exit status is not worth a wait. */
void broker_server_give_up(Server *server);
/* It has a connection again. */
void broker_server_stay(Server *server);
void broker_server_released(Broker *broker, uint64_t id);
void broker_servers_collect(Broker *broker);
char *broker_server_log_id(const char *package, uint64_t id, char buf[static SERVER_LOG_ID_MAX]);
/* What an attached server shows to a restarted broker: its id and a signature under the state folder's key. */
void broker_server_cookie(const Broker *broker, uint64_t id, char buf[static SERVER_COOKIE_MAX]);
int broker_server_check_cookie(const Broker *broker, const char *cookie, uint64_t *ret_id);

/* command.c */
/* Starts the supervisor of a command task. Negative errno, which was said to the log. */
int broker_command_spawn(Broker *broker, Server *server, Uuid task);
/* What its supervisor is launched with. */
LaunchLimits broker_command_limits(const Broker *broker, Uuid task);

/* failure.c: semantics.md, 14 */
void broker_tell_failure(Broker *broker, const RunRow *row);
/* True if the process was a command that is run on failure. */
bool broker_failure_command_ended(Broker *broker, Process *process, const ProcessResult *result);
void broker_failures_free(Broker *broker);

/* record.c: the ledger */
void ledger_record(Broker *broker, const LedgerRow *row);
void ledger_forget(Broker *broker, Uuid run);
void broker_server_record(Broker *broker, const Server *server);
void broker_server_unrecord(Broker *broker, const Server *server);

/* restore.c */
int broker_restore(Broker *broker);
/* The largest id of a server in the ledger, 0: none. */
uint64_t broker_last_server(Broker *broker);

/* control.c */
void control_set_handlers(BusHandlers *handlers);
/* Answers what the engine answered. */
void control_reply(Broker *broker, const Effect *effect);
/* The package that a request is about; if there is none, the call was answered and NULL is returned. */
const char *control_find_package(Broker *broker, Call *call, const char *name);
void batch_step(Broker *broker, Batch *batch);
void control_done(Broker *broker);
enum {
        KIND_EMPTY,     /* what a call's answer consists of */
        KIND_REGISTER,
        KIND_INSTALL,
        KIND_REMOVE,
        KIND_RUN,
        KIND_REQUEST,
        KIND_REQUEST_OF_DEVICE,
        KIND_CANCEL,
        KIND_CLASS,
        KIND_GO,
        KIND_LOG,
};

/* memory.c */
int broker_memory_open(Broker *broker);
/* A server was started: if its memory is limited, it is looked at from now on. */
void broker_memory_watch(Broker *broker, const Process *process);
/* The process of a server has ended: if that is for its memory, its runs are canceled for that reason. */
void broker_memory_ended(Server *server);

/* serve.c: requests of servers */
void serve_set_handlers(BusHandlers *handlers);

/* history.c */
/* Reads a page of the history that holds every outcome that was told of; answered as by store_history(). */
int broker_history_ask(Broker *broker, const StoreHistoryQuery *query, uint64_t token);
/* The engine knows how this commit ended. */
void broker_history_committed(Broker *broker, uint64_t commit);
void broker_history_done(Broker *broker);

/* show.c, why.c, status.c: requests that change nothing */
void show_set_handlers(BusHandlers *handlers);
void show_put_package(const Broker *broker, Writer *w, const Package *package);
void show_history_read(const StoreHistoryPage *page, void *userdata);
/* Goes on with ReadLog when the task's records are there. */
void show_log_of_records(Broker *broker, Call *call, const StoreHistoryPage *records);
void on_read_log(Call *call, Uuid task, const char *run, const char *cursor, uint32_t limit, void *userdata);
void on_why(Call *call, Uuid task, void *userdata);
void on_status(Call *call, void *userdata);
#define TRIGGER_NAME_MAX 200
/* "trigger 1, interval 30 min": which one of several, by its place; NULL: the task has no other. Else returns buf. */
const char *broker_name_trigger(const TaskSpec *spec, uint32_t place, char buf[static TRIGGER_NAME_MAX]);
#define WHY_SENTENCE_MAX 640
/* A reason as a sentence, at this time. */
void broker_why_sentence(Broker *broker, const TaskInfo *task, const Why *why, const EngineTime *now,
                         char sentence[static WHY_SENTENCE_MAX]);

/* environment.c: with session_bus. -ENOMEM. */
int broker_load_environment(Broker *broker);
void on_import_environment(Call *call, const BusVariable *variables, size_t n, void *userdata);

/* plan.c */
void on_plan(Call *call, const BusPlan *plan, void *userdata);
/* What starts the next broker; a broker on the test clock is fine as it is. */
void broker_look_at_startup(const Broker *broker, Startup *ret);

/* sensors.c: what the machine is like */
int broker_sensors_open(Broker *broker);
/* Watches what the engine needs. baseline: it did not need it when the broker started. */
void broker_sensors_update(Broker *broker, bool baseline);
/* Before an exec. */
void broker_sensors_keep(const Broker *broker);
void broker_sensors_done(Broker *broker);

/* push.c */
#define PUSH_BIT (UINT64_C(1) << 61) /* of tokens that are no call's */
#define PUSH_TEXT_MAX 512
/* What a registration that was filled borrows. */
typedef struct PushTexts {
        char text[PUSH_TEXT_MAX];
        Trigger more[TRIGGERS_MAX];
} PushTexts;
/* Gives the push triggers of a registration their text. */
void broker_push_fill(const Broker *broker, TaskSpec *spec, uint8_t if_exists, PushTexts *texts);
/* What the engine says of a message. */
void broker_push_answered(const Broker *broker, uint64_t token, Error error);
/* Where messages for the task are to be sent to; NULL: that is not known, or there is no such trigger. */
const char *broker_push_endpoint(const Broker *broker, const TaskInfo *task);
/* For SensorsConfig. */
void broker_push_came(const char *text, const void *message, size_t n_message, uint64_t token, void *userdata);
void broker_push_endpoint_changed(const char *text, void *userdata);

/* sockets.c: those of SocketActivityTriggers */
/*
 * True if the call was answered: an address is held for another package, or there are too many. *n_new counts the
 * addresses of one call that will be held in addition.
 */
bool broker_sockets_refuse(Broker *broker, Call *call, const char *package, const TaskSpec *spec, unsigned *n_new);
/*
 * What the sockets of this task were told of may be told of again: a run of it has ended, or (not ended) it was
 * registered or changed, and what came before found nobody.
 */
void broker_sockets_settle(Broker *broker, Uuid task, bool ended);
/* The same for all that no firing knows of: the store may have failed to keep it. */
void broker_sockets_look_again(Broker *broker);
/* Of a task that is gone, or waits for no sockets any more, those that were handed over are closed. */
void broker_sockets_check(Broker *broker, Uuid task);
void on_take_socket(Call *call, BusRun run, void *userdata);
void on_take_transferred_socket(Call *call, BusRun run, const char *id, void *userdata);
void on_transfer_socket(Call *call, Uuid task, const char *id, int fd, uint64_t keep_alive_usec, void *userdata);
void on_list_sockets(Call *call, Uuid task, void *userdata);

/* zone.c */
/* Tells the engine the rules of the zone that the expression names. False: there is no such zone. */
bool broker_zone_need(Broker *broker, const char *expression);
/* The local zone has become another one, or the rules have been updated. */
void broker_zones_reload(Broker *broker);
/* EVENT_ZONE for each that the engine was told; stops at the first error. */
int broker_zones_tell(Broker *broker, int (*tell)(void *userdata, const Event *event), void *userdata);
void broker_zones_done(Broker *broker);
/* What is known of a condition, from its sensor or from the test clock. False if nothing can be. */
bool broker_sensors_get(Broker *broker, uint8_t condition, SensorReading *ret_reading);
void on_list_sensors(Call *call, void *userdata);

/* test-clock.c */
void test_clock_init(Broker *broker, BusHandlers *handlers);
/* Goes on with an Advance that waited for runs to start. */
void test_clock_continue(Broker *broker);
/* How long the loop may wait before that is to be called again; -1: for ever. */
int test_clock_timeout_ms(const Broker *broker);
void test_clock_done(Broker *broker);

/* broker.c */
void broker_shut_down(Broker *broker, uint8_t reason);
