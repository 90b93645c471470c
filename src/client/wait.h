/* SPDX-License-Identifier: MIT */
#pragma once

/* Waiting for the time to leave. With the lock. */

#include "client/client.h"

/* Queues the idle handler if there is one. */
void wait_tell_idle(bgt *b, bool wanted);
/* An instance has ended, or its outcome is recorded. */
void wait_on_instance(bgt *b);
/* Has SIGTERM arrived since? */
void wait_look_for_signal(bgt *b);
