/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A broker for tests of the engine: virtual time, a store and a ledger in memory, and servers that do as they are
 * told. Each feed is carried out to its end: commits are answered, servers launched, runs acknowledged, unless the
 * test says that they are held back or fail.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/macro.h"
#include "engine/engine.h"

#define DRIVER_MAX 512

/* What a launched server does. */
typedef enum LaunchMode {
        LAUNCH_UP,       /* registers its class */
        LAUNCH_SUSPENDED, /* registers it suspended */
        LAUNCH_HOLD,     /* is spawned and says nothing */
        LAUNCH_FAIL,     /* cannot be spawned */
        LAUNCH_EXIT,     /* exits with 3 */
} LaunchMode;

typedef enum RunMode {
        RUN_MODE_ACK,    /* answers Run and goes on running */
        RUN_MODE_HOLD,   /* does not answer */
        RUN_MODE_COMPLETE, /* answers and completes with 0 */
        RUN_MODE_FAIL,   /* answers and completes with -EIO */
        RUN_MODE_REFUSE, /* answers with an error */
} RunMode;

typedef struct DriverReply {
        Error error;
        int store_error;
        Uuid id;
        bool existed;
        uint32_t number;
        uint8_t result;
        uint8_t limit;
        unsigned n; /* how often this token was answered */
} DriverReply;

typedef struct DriverSent {
        Uuid run;
        uint64_t server;
        uint32_t attempt;
        uint8_t reason;
        uint32_t cookie;
        uint32_t count;
} DriverSent;

typedef struct DriverAction DriverAction;
typedef struct DriverStored DriverStored;

typedef struct Driver Driver;

struct Driver {
        Engine *engine;
        EngineConfig config;
        EngineTime now;
        Effects effects;
        int commit_error;         /* commits fail with it */
        int (*commit)(Driver *driver, uint64_t commit); /* asked for the end of each commit; NULL: commit_error */
        bool hold_commits;
        LaunchMode launch;
        RunMode run;
        uint32_t class_flags;     /* of classes that launched servers register */
        bool ignore_signals;      /* servers live on */
        bool traced;
        void (*fed)(Driver *driver, const Event *event); /* after each event that was fed */
        void *fed_data;

        DriverReply replies[DRIVER_MAX]; /* by token */
        uint64_t last_token;
        RunRow ended[DRIVER_MAX]; /* as notified; the texts are copies */
        size_t n_ended;
        RunRow history[DRIVER_MAX]; /* as stored */
        size_t n_history;
        DriverSent runs[DRIVER_MAX]; /* EFFECT_SEND_RUN */
        size_t n_runs;
        DriverSent cancels[DRIVER_MAX];
        size_t n_cancels;
        DriverSent recorded[DRIVER_MAX];
        size_t n_recorded;
        uint64_t launched[DRIVER_MAX]; /* server ids */
        size_t n_launched;
        struct {
                uint64_t server;
                int number;
        } signals[DRIVER_MAX];
        size_t n_signals;
        uint64_t leaves[DRIVER_MAX];
        size_t n_leaves;
        uint64_t released[DRIVER_MAX];
        size_t n_released;
        uint64_t n_notified[NOTIFY_ENDED + 1];
        size_t n_effects;
        DriverStored *stored;     /* what a restart finds */
        DriverAction *actions;
        size_t n_actions;
        size_t n_actions_allocated;
        uint64_t held[DRIVER_MAX];  /* commits */
        size_t n_held;
};

extern const Uuid driver_clsid;       /* declared by ExeServer 0 of every installed package */
extern const Uuid driver_other_clsid; /* by ExeServer 1 */
#define DRIVER_PACKAGE "Sample_h91ms92gdsmmt"

/* An engine that has started with nothing; limits NULL: the default ones. */
Driver *driver_new(const EngineLimits *limits);
/* One with the package installed. */
Driver *driver_new_with_package(void);
Driver *driver_free(Driver *driver);

/* Feeds an event at the present time and carries out what follows from it. Returns what engine_feed() returned. */
int driver_feed(Driver *driver, Event event);
/* The same with a new token; the reply is in replies[]. */
DriverReply *driver_ask(Driver *driver, Event event);
/* Moves all clocks and feeds every tick that becomes due on the way. */
void driver_advance(Driver *driver, uint64_t usec);
/* Feeds ticks until there is no work left. */
void driver_settle(Driver *driver);
/* Answers the held commits, in their order. */
void driver_answer_commits(Driver *driver, int error);
/* The broker dies and comes back: a new engine from what is stored. Servers live, unless it is a reboot. */
void driver_restart(Driver *driver, bool reboot);
/* Restores without EVENT_START. */
void driver_restore(Driver *driver, bool reboot);

/* As if all servers had died while no broker was there. */
void driver_forget_servers(Driver *driver);
void driver_put_ledger(Driver *driver, const LedgerRow *row);
/* Those of 50 to 99 declare no capability. */
static inline uint32_t driver_capabilities(unsigned version)
{
        return version >= 50 && version < 100 ? 0 : UINT32_MAX;
}

/* The version that the next EVENT_INSTALL stages. */
void driver_stage(Driver *driver, unsigned version);
DriverReply *driver_install(Driver *driver, const char *package, unsigned version);
/* An interval task of one hour, window 0, with a class. */
TaskSpec driver_spec(const char *name);
TaskSpec driver_event_spec(const char *name, uint8_t system_type);
TaskSpec driver_request_spec(const char *name);
DriverReply *driver_register(Driver *driver, TaskSpec spec, uint8_t if_exists);
/* Registers and asserts that it succeeded. */
Uuid driver_must_register(Driver *driver, TaskSpec spec);
DriverReply *driver_unregister(Driver *driver, Uuid task, bool cancel);
DriverReply *driver_run_now(Driver *driver, Uuid task, bool forced);
DriverReply *driver_request(Driver *driver, Uuid task);
DriverReply *driver_cancel(Driver *driver, Uuid task, uint8_t reason);
DriverReply *driver_pause(Driver *driver, Uuid task, bool paused);
DriverReply *driver_pause_package(Driver *driver, const char *package, bool paused);
DriverReply *driver_skip(Driver *driver, Uuid task, bool skip);
void driver_raise(Driver *driver, uint8_t system_type);
void driver_level(Driver *driver, uint8_t condition, int level);
/* About the run that was sent last. */
void driver_acknowledge(Driver *driver);
void driver_complete(Driver *driver, int32_t result);
/* DETAIL_EXITED with a status other than 0, DETAIL_KILLED with a signal. */
void driver_command_ended(Driver *driver, uint8_t detail, int32_t status);
void driver_complete_later(Driver *driver, int32_t result, uint64_t retry_after_usec);
DriverReply *driver_register_class(Driver *driver, uint64_t server, Uuid clsid, uint32_t flags);
void driver_server_gone(Driver *driver, uint64_t server, bool by_signal, int status);
uint64_t driver_attach(Driver *driver);
uint64_t driver_last_server(const Driver *driver);
DriverSent *driver_last_run(Driver *driver);
const RunRow *driver_last_ended(const Driver *driver);
TaskInfo driver_info(const Driver *driver, Uuid task);
bool driver_why(const Driver *driver, Uuid task, uint8_t code);
size_t driver_n_stored_tasks(const Driver *driver);
size_t driver_n_stored_pending(const Driver *driver);
size_t driver_n_ledger(const Driver *driver);
