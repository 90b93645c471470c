/* SPDX-License-Identifier: MIT */
#pragma once

/* What an instance tells of its trigger. */

#include "winrt/object.h"

/* NULL where the trigger tells nothing. */
HRESULT details_new(bgt_instance *instance, IInspectable **ret);
