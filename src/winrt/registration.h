/* SPDX-License-Identifier: MIT */
#pragma once

#include "winrt/object.h"

/* A task as an object of its own; takes a reference. */
HRESULT registration_wrap(bgt_registration *task, IBackgroundTaskRegistration **ret);
