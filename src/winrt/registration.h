/* SPDX-License-Identifier: MIT */
#pragma once

#include "winrt/object.h"

/* The same in two steps, so that the first one, which needs memory, can come before there is a task. */
HRESULT registration_prepare(IBackgroundTaskRegistration **ret);
void registration_fill(IBackgroundTaskRegistration *prepared, bgt_registration *task);
/* A task as an object of its own; takes a reference. */
HRESULT registration_wrap(bgt_registration *task, IBackgroundTaskRegistration **ret);
