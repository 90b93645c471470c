/* SPDX-License-Identifier: MIT */
#pragma once

/* What an instance tells of its trigger. */

#include "winrt/object.h"

/* The arguments of an instance that another one passed its own on to: see remote.c. */
#define DETAILS_ARGUMENTS "winrt.arguments"

/* NULL where the trigger tells nothing. */
HRESULT details_new(bgt_instance *instance, IInspectable **ret);
