/* SPDX-License-Identifier: MIT */
#pragma once

/* What test-broker.c and test-broker-answers.c share. */

#include "base/list.h"
#include "base/loop.h"
#include "client/test-broker.h"
#include "dbus/dispatch.h"
#include "dbus/interfaces.h"
#include "dbus/reader.h"

#define CALLS_MAX 16384
#define ANSWERS_MAX 64

typedef struct Peer {
        ListNode node;
        FakeBroker *f;
        Connection *connection;
        bool is_server;
        bool watches;
} Peer;

typedef struct Refusal {
        char member[32];
        char name[128];
        char sentence[256];
        bool silent;
} Refusal;

struct FakeBroker {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        pthread_t thread;
        Loop loop;
        LoopSource wake;
        LoopSource listener;
        int event_fd;
        bool quit;
        bool stop_wanted;
        int add_fd;    /* for the thread to take, -1: none */
        int listen_fd;
        char folder[64];
        char path[96];
        Writer writer;
        Dispatch dispatch;
        ListNode peers;
        char *calls[CALLS_MAX];
        unsigned n_calls;
        unsigned cursor;
        Refusal refusals[ANSWERS_MAX];
        unsigned n_refusals;
        bool goes[ANSWERS_MAX];
        unsigned n_goes;
        char forget[BGT_ID_SIZE];
        unsigned forget_attempt;
        unsigned n_tasks;
        unsigned n_more_triggers;
        char task_name[64];
        char task_id[BGT_ID_SIZE];
        bool record_all;
        uint32_t cookie;
        char clsid[BGT_ID_SIZE];
        char answer[128];
};

/* The plausible answers. */
extern const DispatchObject fake_objects[];
extern const size_t fake_n_objects;

void fake_send(FakeBroker *f, Connection *c);
void fake_put_recorded(FakeBroker *f, const char *run, uint32_t attempt);
