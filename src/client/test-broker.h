/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * A broker that does what a test says, in a thread of the test's process. It answers every call at once with something
 * plausible unless the test wants something else, and writes every call down as text, for example
 * "Complete(11111111-…, 1, 0, {})", in the order of arrival.
 */

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <bgtask.h>
#include <bgtask/manage.h>

#define RUN_1 "11111111-1111-4111-8111-111111111111"
#define RUN_2 "22222222-2222-4222-8222-222222222222"
#define TASK_1 "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"
#define CLSID_1 "14c5882b-35d3-41be-86b2-5106269b97e6"
#define PACKAGE_1 "App_h91ms92gdsmmt"

typedef struct FakeBroker FakeBroker;

/* Makes a folder with a socket, and an environment (BGTASK_BUS …) that leads there. */
FakeBroker *fake_new(void);
void fake_free(FakeBroker *f);
const char *fake_folder(const FakeBroker *f);

/* The broker dies: its socket is gone and every connection is closed. fake_start() is the next one. */
void fake_stop(FakeBroker *f);
void fake_start(FakeBroker *f);
/* The end of a connection that a launched process would inherit as BGTASK_FD. */
int fake_socketpair(FakeBroker *f);

/*
 * Waits for the next call that begins with this text, and returns it; what came before it is passed over. Fails the
 * test if it does not come.
 */
const char *fake_wait(FakeBroker *f, const char *beginning);
/* Does not wait: true if there is such a call that was not passed over. */
bool fake_has(FakeBroker *f, const char *beginning);
/* How many there have been in all. */
unsigned fake_count(FakeBroker *f, const char *beginning);

/*
 * One turn of a loop of the caller's own: waits until the connection or the fake broker has something, and dispatches.
 */
void fake_turn(FakeBroker *f, bgt *b);

/*
 * Answers to come: of this member, in this order, before the plausible ones. name NULL: no answer at all;
 * FAKE_NONSENSE: one of another type.
 */
#define FAKE_NONSENSE "nonsense"
void fake_refuse(FakeBroker *f, const char *member, const char *name, const char *sentence);
void fake_go(FakeBroker *f, bool go);
/* What Announce is told that is not known; NULL: nothing. */
void fake_forget(FakeBroker *f, const char *run, unsigned attempt);
/* Rows of ListTasks: that many, all with the same name. */
void fake_set_tasks(FakeBroker *f, unsigned n, const char *name);
/* So many further triggers of each row: TimeTriggers of 16 minutes, 17 … */
void fake_set_more_triggers(FakeBroker *f, unsigned n);
/* The TaskId that Register answers with; TASK_1 before. */
void fake_set_task_id(FakeBroker *f, const char *id);
/* Answers every Complete with Recorded. */
void fake_record_all(FakeBroker *f, bool value);

/* Sends Run on the newest connection that is a server's, and waits for its answer: "" or the name of the error. */
const char *fake_run(FakeBroker *f, const char *run, unsigned attempt, const char *task_name);
/* The same without waiting; fake_wait(f, "Run answered") says what came. */
void fake_send_run(FakeBroker *f, const char *run, unsigned attempt, const char *task_name);
void fake_cancel(FakeBroker *f, const char *run, unsigned attempt, unsigned reason);
void fake_recorded(FakeBroker *f, const char *run, unsigned attempt);
void fake_leave(FakeBroker *f);
/* Signals to the newest connection that watches. */
void fake_progress(FakeBroker *f, const char *task, const char *run, unsigned progress);
void fake_completed(FakeBroker *f, const char *task, const char *run, const char *outcome, int result);
/* Writes bytes that are no message to every connection. */
void fake_garble(FakeBroker *f);

/* An event that one thread of a test waits for and another one raises; a gate that stays open. */
typedef struct Gate {
        pthread_mutex_t lock;
        pthread_cond_t cond;
        unsigned count;
} Gate;

#define GATE_INIT { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 }
void gate_raise(Gate *gate);
/* Waits until it was raised that often in all; fails the test after some seconds. */
void gate_wait(Gate *gate, unsigned count);
