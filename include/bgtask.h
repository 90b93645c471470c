/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * bgtask: background tasks that outlive their program.
 *
 * A program registers a task with a trigger and conditions and goes away. When the trigger fires
 * and the conditions hold, the broker starts the program's server, if none is running, and calls
 * the task's run function. The classes of Windows.ApplicationModel.Background read across one to
 * one; docs/c-interface.md has the table.
 *
 *      bgtask/terms.h       the numbers: triggers, conditions, reasons, outcomes, results, flags of class objects
 *      bgtask/connection.h  the connection to the broker, event loops, errors
 *      bgtask/record.h      named values: arguments of a request, details of a firing, rows of a list
 *      bgtask/task.h        triggers, the builder, registrations
 *      bgtask/server.h      classes, instances, deferrals: the side that does the work
 *      bgtask/access.h      may this package have tasks, and what does work cost now
 *      bgtask/manage.h      what the command line uses: packages, history, why, watching (not included here)
 *
 * Rules that hold everywhere:
 *
 *  - Functions that can fail return 0 (or a positive answer) or a negative errno; bgt_error() then
 *    has the sentence, the HRESULT and the remedy. Out parameters are last, begin with ret_, are
 *    set on success only, and may be NULL where the caller does not want them.
 *  - Besides the errors that a function names, any function that asks the broker may fail with
 *    -ECONNREFUSED (no broker answers), -ECONNRESET (the connection was lost; whether the call had
 *    an effect is not known), -ETIMEDOUT, -EPROTO (what answers is no broker), -ENOMEM, -ECHILD
 *    (the connection was opened before a fork, by the parent), and -ESHUTDOWN (the connection was
 *    closed).
 *  - A bgt pointer that is NULL stands for the process's own connection, which is opened at first
 *    use.
 *  - Objects are counted. What a function returns through ret_, and what a _new or _ref function
 *    returns, is the caller's and is given back with the _unref function of its type; what other
 *    functions return is borrowed from their first argument. Every _unref function takes NULL.
 *  - Text that is passed in is copied. Text is UTF-8. Times are microseconds; those of the day
 *    count since 1970.
 *  - Every function may be called from any thread, and two threads may use one object at the same
 *    time, except where a function says otherwise. None may be called from a signal handler, or in
 *    the child of a fork on a connection of the parent.
 *  - The structures bgt_class and bgt_error_info begin with their size, so that they can grow.
 */

#include <bgtask/access.h>
#include <bgtask/connection.h>
#include <bgtask/record.h>
#include <bgtask/server.h>
#include <bgtask/task.h>
#include <bgtask/terms.h>
