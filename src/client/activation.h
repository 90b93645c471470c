/* SPDX-License-Identifier: MIT */
#pragma once

/* What the broker asks of a server: org.bgtask.Activation1. */

#include "dbus/dispatch.h"

void activation_init(Dispatch *dispatch);
