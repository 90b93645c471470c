/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Triggers that have no meaning on this machine, or none that this interface carries: programs can make them, and
 * Register() refuses them.
 */

#include "winrt/object.h"

/* Whether an interface pointer that a caller passed is one of them. */
bool refused_is(IBackgroundTrigger *trigger);
