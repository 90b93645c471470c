/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Serving tasks: class objects, instances, deferrals, and how a server leaves without losing
 * anything.
 *
 * A server registers its classes, waits, and exits:
 *
 *      static int run(bgt_instance *instance, void *userdata)
 *      {
 *              while (!bgt_instance_is_canceled(instance) && more_work())
 *                      work();
 *              return 0;
 *      }
 *
 *      r = bgt_serve(CLSID, BGT_REGCLS_MULTIPLEUSE, run, NULL);
 *
 * When the broker was restarted, the library finds it again by itself, tells it which runs are
 * alive, and tells it again what it may not have heard.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <bgtask/connection.h>
#include <bgtask/record.h>
#include <bgtask/task.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* A class object: CoRegisterClassObject. */
typedef struct bgt_server bgt_server;
/* IBackgroundTaskInstance: one activation of a task. */
typedef struct bgt_instance bgt_instance;
/* BackgroundTaskDeferral. */
typedef struct bgt_deferral bgt_deferral;

/* Instances. */

/*
 * An instance ends when run has returned and every deferral is complete. Whoever keeps it beyond
 * its run function, or beyond a deferral, takes a reference; after its end the functions below
 * still answer, and change nothing.
 */
bgt_instance *bgt_instance_ref(bgt_instance *instance);
void bgt_instance_unref(bgt_instance *instance);

/* InstanceId. The attempts of one firing have the same one. */
const char *bgt_instance_id(const bgt_instance *instance);
/* Which try at its firing this is, from 1. */
uint32_t bgt_instance_attempt(const bgt_instance *instance);
/* Task: by its name or id, one class can serve several tasks. Borrowed. */
bgt_registration *bgt_instance_task(const bgt_instance *instance);
/*
 * Ours, of a run that a SocketActivityTrigger has fired: the socket that the broker holds, as a new
 * descriptor (non-blocking, close-on-exec) that the caller closes. Accept its connections, or receive its
 * datagrams, until there are none, and do not shut it down: the broker and later runs go on with it.
 * -EINVAL if the broker holds none for this run, -EPERM if the run is not one of this process.
 */
int bgt_instance_take_socket(bgt_instance *instance);
/*
 * SocketActivityInformation.StreamSocket and its kin: a socket that was handed over with
 * bgt_registration_transfer_socket() for the task of this run; bgt_instance_details() has sockets:S, the
 * ids of those on which something happened, and reasons:S. It is the caller's again, and the broker goes
 * on with it only if it is transferred anew. A descriptor (non-blocking, close-on-exec). -EINVAL if the
 * broker holds none of that id for the task, -EPERM if the run is not one of this process.
 */
int bgt_instance_take_transferred_socket(bgt_instance *instance, const char *id);
/*
 * TriggerDetails: what the trigger tells; for an ApplicationTrigger the arguments of the request.
 * Borrowed, never NULL.
 */
const bgt_record *bgt_instance_details(const bgt_instance *instance);
/*
 * About the firing: number:u, accepted:u, scheduled:u (0: by no schedule), first-scheduled:u,
 * count:u (scheduled times or firings that it stands for), trigger-index:u (the place of the trigger
 * that fired it, from 0, where the task has several), fired-by:s (timer, event, request,
 * manual), package:s, group:s. Borrowed, never NULL.
 */
const bgt_record *bgt_instance_firing(const bgt_instance *instance);

/*
 * Progress: any number that the application chooses. Never blocks and never fails; at most 10
 * values per second are sent, the newest wins, and the last one is always sent before the end.
 */
void bgt_instance_set_progress(bgt_instance *instance, uint32_t progress);
uint32_t bgt_instance_progress(const bgt_instance *instance);

/*
 * True from the moment that the broker has canceled the instance: it should return within 5 s, or
 * its server is killed.
 */
bool bgt_instance_is_canceled(const bgt_instance *instance);
/* The BGT_REASON_x of the cancellation, -1 as long as there is none. */
int bgt_instance_cancel_reason(const bgt_instance *instance);
/*
 * A descriptor for poll loops that becomes readable when the instance is canceled, and stays so. It
 * belongs to the instance: it is not to be read or closed, and is gone with its last reference.
 * -EMFILE, -ENFILE.
 */
int bgt_instance_cancel_fd(bgt_instance *instance);
/*
 * Canceled: called once, from bgt_dispatch() or the library's thread, when the instance is
 * canceled; at once if it is already. In the place of one that was set before, and beside the
 * class's. Not called after the instance's end.
 */
typedef void (*bgt_canceled_handler)(bgt_instance *instance, int reason, void *userdata);
void bgt_instance_on_canceled(bgt_instance *instance, bgt_canceled_handler handler, void *userdata);

/* Ours: if the run fails and its task retries, wait at least this long before the next attempt. */
void bgt_instance_set_retry_after(bgt_instance *instance, uint64_t usec);

/* Deferrals. */

/*
 * GetDeferral: keeps the instance alive after run has returned, until it is completed. Any number
 * may be taken, each for one operation. To be called before the instance ends; then, or if there is
 * no memory, NULL, which the functions below take.
 */
bgt_deferral *bgt_instance_get_deferral(bgt_instance *instance);
bgt_deferral *bgt_deferral_ref(bgt_deferral *deferral);
/* The last reference to a deferral that was not completed completes it with -ECANCELED. */
void bgt_deferral_unref(bgt_deferral *deferral);
/* The instance that it keeps alive. Borrowed. NULL for NULL. */
bgt_instance *bgt_deferral_instance(bgt_deferral *deferral);
/*
 * Complete, and unref. result is 0 or more, or a negative errno that says why the work failed, or an
 * HRESULT that says so: that is kept as it is, and the history has its name. The instance's result is the
 * first negative one that run or a deferral gives, else the first that is not 0. A deferral that is already
 * complete stays as it is.
 */
void bgt_deferral_complete(bgt_deferral *deferral, int result);

/* Classes. */

/*
 * A class factory. Only run is needed.
 *
 *   create    IClassFactory::CreateInstance: makes the object of one run. NULL fails the run with -ENOMEM. Without
 *             create the object is the factory pointer itself.
 *   run       IBackgroundTask::Run: does the work, or takes deferrals and returns. 0 or more, or a negative errno or
 *             HRESULT.
 *   canceled  the Canceled event: a flag to set, an operation to stop. Not called after the instance's end.
 *   destroy   Release: the instance has ended, nothing else of this class is called with the object.
 *
 * create and run execute on a thread of the library, in parallel with other runs; canceled on the
 * one that calls handlers; destroy on whichever thread ended the instance. With BGT_NO_THREADS all
 * execute inside bgt_dispatch(), destroy where the last deferral is completed.
 */
typedef struct bgt_class {
        size_t size; /* sizeof(bgt_class) */
        void *(*create)(void *factory);
        int (*run)(bgt_instance *instance, void *object);
        void (*canceled)(bgt_instance *instance, int reason, void *object);
        void (*destroy)(void *object);
} bgt_class;

/*
 * CoRegisterClassObject: from now on this process runs the tasks of the class. clsid as in
 * bgt_builder_set_entry_point_clsid(); regcls is made of BGT_REGCLS_x. The class is copied; factory
 * must live until the class object is revoked. The same class may be registered several times; the
 * newest serves. Errors: -EINVAL (no run, a malformed CLSID, an impossible regcls), -EPERM (the
 * manifest of the caller's package does not declare the class), -ENOPKG, -ESHUTDOWN (the broker has
 * been told that this process leaves).
 */
int bgt_server_register_class(bgt *b, const char *clsid, unsigned regcls, const bgt_class *class_, void *factory,
                              bgt_server **ret);
/*
 * OnBackgroundActivated: from now on this process runs the in-process tasks of its package, those
 * that were registered without an entry point. They wait until a process asks for them (`bgtask why`
 * says no-host), and none is launched for them; of several the newest gets them. Tasks of a group
 * come here too: bgt_registration_group() tells them apart. Everything else, and the errors, as
 * bgt_server_register_class().
 */
int bgt_server_register_in_process(bgt *b, const bgt_class *class_, void *factory, bgt_server **ret);
/*
 * CoRevokeClassObject: gives the class object back, and the reference to it. Returns when none of
 * its runs is left, so that the factory may be freed; but at once if called from one of its own
 * runs, from a handler, or with BGT_NO_THREADS: then the factory must live until they have ended.
 */
void bgt_server_revoke(bgt_server *server);

/* CoSuspendClassObjects, CoResumeClassObjects: for all class objects of the process. */
int bgt_server_suspend(bgt *b);
int bgt_server_resume(bgt *b);

/*
 * CoAddRefServerProcess, CoReleaseServerProcess: count what keeps this process alive besides its
 * runs; the new count is returned. bgt_server_wait() does not return by idleness while it is above
 * 0. When it falls to 0 the class objects are suspended, and bgt_server_wait() returns as soon as
 * nothing runs. What was never counted has no such effect.
 */
unsigned bgt_server_add_ref_process(bgt *b);
unsigned bgt_server_release_process(bgt *b);

/*
 * From now on this process is the application itself, which a task has started: the broker never
 * signals or limits it, and a run that does not end after it was canceled is given up.
 */
int bgt_server_become_app(bgt *b);

/* Waiting and leaving. */

enum bgt_wait {
        BGT_WAIT_ONE = 1,          /* until one run has ended: the samples' wait handle, signaled by the task */
        BGT_WAIT_IDLE = 2,         /* until nothing has run for idle_ms */
        BGT_WAIT_FOREVER = 3,      /* until it is told to leave */
        BGT_WAIT_NO_SIGNALS = 0x100 /* to be added: leave SIGTERM alone */
};

/*
 * Serves until it is time to exit, and returns 0 when the broker agrees: no run is alive or on its
 * way, every outcome is on disk. After that nothing is sent to this process, and it cannot serve
 * again. Without class objects it returns too.
 *
 * Besides what mode says, it ends when the broker asks the process to leave (its package was
 * updated or removed), when the count of references to the process falls to 0, and on SIGTERM,
 * which cancels what runs with BGT_REASON_TERMINATING and waits for its end. For this it handles
 * SIGTERM as long as it waits, if the program has left that signal as it was at its start.
 *
 * If no broker is there to hear the outcomes, it waits for one for up to 15 s more. idle_ms: 0 or
 * more for BGT_WAIT_IDLE, else ignored. With BGT_NO_THREADS it drives the connection itself.
 * Errors: -EINVAL (mode, idle_ms), -EDEADLK (called from a run or a handler), -ECONNREFUSED (there
 * were outcomes to tell, and no broker came).
 */
int bgt_server_wait(bgt *b, unsigned mode, int64_t idle_ms);

/*
 * For servers with a loop of their own: may this process exit? Asks the broker, unless something
 * runs here. Returns 1 if so (see bgt_server_wait()), 0 if there is, or may come, a run or an
 * outcome to be stored: serve on, and ask again at the end of the next run.
 */
int bgt_server_leave(bgt *b);

/* How many instances have not ended, or have an outcome that is not known to be on disk. */
unsigned bgt_server_busy(bgt *b);

/*
 * Called when the broker asks this process to leave, when the references to the process fall to 0,
 * and whenever the last instance has ended and its outcome is on disk: the moments to call
 * bgt_server_leave(). NULL takes it away.
 */
typedef void (*bgt_idle_handler)(bgt *b, bool wanted, void *userdata);
int bgt_server_on_idle(bgt *b, bgt_idle_handler handler, void *userdata);

/*
 * All of it in one call, on the process's own connection: registers a class that consists of run,
 * which gets userdata, waits until nothing has run for 30 s, and revokes it.
 */
int bgt_serve(const char *clsid, unsigned regcls, int (*run)(bgt_instance *instance, void *userdata), void *userdata);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
