/* SPDX-License-Identifier: MIT */
#pragma once

/* What a server tells of its instances: progress and results. With the lock. */

#include "client/instance.h"

/*
 * Run is acknowledged by the thread that takes the loop over while the one that received it executes it already; or
 * here, before anything else is told of the instance.
 */
void report_acknowledge_later(bgt_instance *instance, const Message *call);
void report_acknowledge(bgt_instance *instance);
void report_acknowledge_all(bgt *b);
/* The connection is lost: the next broker hears of the run by Announce. */
void report_forget_calls(bgt *b);

/* The instance has ended: its last progress and its result, sent now or as soon as there is a broker. */
void report_complete(bgt_instance *instance);

/* Puts the a(su) of Announce. */
void report_put_all(bgt *b, Writer *w);
/* After Announce: the last progress and the results that are not recorded. */
void report_again(bgt *b);
/* Sends the progress that is due, and what could not be sent for want of memory. */
void report_on_timer(bgt *b);
