/* SPDX-License-Identifier: MIT */
#pragma once

/* The instance that Run gets, and its deferrals. */

#include "winrt/object.h"

/* Takes a reference to the instance, and must live until that has ended: it is told of the cancellation. */
HRESULT instance_new(bgt_instance *instance, IBackgroundTaskInstance **ret);
