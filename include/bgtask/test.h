/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The test kit of an app, libbgtask-test (pkg-config bgtask-test): a broker of the test's own, whose
 * clocks move only when the test says so and whose conditions are what the test says. The app under
 * test needs no change, and what is registered, run and found is real.
 *
 *      r = bgt_test_broker_new(&broker);
 *      r = bgt_test_broker_install(broker, "build/package");
 *      r = ticker_register();                                         // the app's own function
 *      r = bgt_test_clock_advance(NULL, 30 * 60 * UINT64_C(1000000)); // bgtask/manage.h
 *      r = bgt_test_broker_wait(broker, "Ticker", &row);
 *      assert(strcmp(bgt_record_string(row, "outcome"), "completed") == 0);
 *
 * Besides what is here a test uses bgtask/manage.h: bgt_test_clock_advance(), _suspend() and _step(),
 * bgt_test_set_condition(), bgt_test_fire(), bgt_list_why(), bgt_list_log() and the rest, with NULL or with
 * bgt_test_broker_connection(). Conditions begin as unknown. What is said below of a process that
 * does not answer, and 5 s of grace after a cancellation, pass on the test clock too.
 *
 * One thread uses a test broker. Functions return 0 or a negative errno; bgt_error() has the
 * sentence where a function of libbgtask failed.
 */

#include <stdint.h>

#include <bgtask.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct bgt_test_broker bgt_test_broker;

/*
 * Starts a broker in a temporary folder and returns when it serves. Until bgt_test_broker_free() the
 * environment of this process leads to it (BGTASK_BUS, BGTASK_AUTOSTART, XDG_DATA_HOME), so that
 * everything that passes NULL for a connection, and every program that is started, finds it; the
 * process's own connection must not be open yet. The program is $BGTASK_BROKER, else the installed
 * bgtaskd. Errors: -EBUSY (there is a test broker already), -ENOENT (there is no such program),
 * -ETIMEDOUT, -ECHILD (it ended instead: what it said is on standard error), -EMFILE, -ENOMEM,
 * -ENOSPC.
 */
int bgt_test_broker_new(bgt_test_broker **ret);
/*
 * Removes every package, which cancels what runs, waits for the end of all servers and of the
 * broker, removes the folder, and puts the environment back. Closes the process's own connection if
 * functions that were called with NULL have opened it. Takes NULL.
 */
void bgt_test_broker_free(bgt_test_broker *broker);

/* The broker's folder; broker.log in it is what the broker said. The broker's. */
const char *bgt_test_broker_folder(const bgt_test_broker *broker);
/*
 * A connection that belongs to no package, with BGT_NO_THREADS; the broker's. It lives over
 * bgt_test_broker_crash() and bgt_test_broker_reboot().
 */
bgt *bgt_test_broker_connection(bgt_test_broker *broker);

/*
 * Installs the package in this folder (bgt_package_install()), and makes it the package of this
 * process (BGTASK_PACKAGE): what passes NULL acts in its name, if the process's own connection is
 * opened after this.
 */
int bgt_test_broker_install(bgt_test_broker *broker, const char *folder);

/*
 * Waits for the next outcome of a task, given by its id or its name, that this function has not
 * returned yet: the row of bgt_list_history(). Outcomes of before the call count. It waits in real
 * time, and does not move the clocks. -ETIMEDOUT after 60 s.
 */
int bgt_test_broker_wait(bgt_test_broker *broker, const char *task, bgt_record **ret_row);

/*
 * kill -9 of the broker, and the next one: servers go on meanwhile. Errors as
 * bgt_test_broker_new().
 */
int bgt_test_broker_crash(bgt_test_broker *broker);
/*
 * Power loss, and a start off_usec later by the wall clock: the broker and all of its servers are
 * killed, what is in memory is lost, and the machine has another boot id. The program under test is
 * killed too if it was started after bgt_test_broker_new(). Errors as bgt_test_broker_new().
 */
int bgt_test_broker_reboot(bgt_test_broker *broker, uint64_t off_usec);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
