/* SPDX-License-Identifier: MIT */
#pragma once

/* Triggers and conditions, which are values. */

#include "winrt/object.h"

/* The trigger behind an interface pointer that a caller passed, borrowed; NULL if it is none of ours. */
bgt_trigger *value_trigger(IBackgroundTrigger *trigger);
/* Its condition, a BGT_CONDITION_x; -1 if it is none of ours. */
int value_condition(IBackgroundCondition *condition);
/* A trigger that is registered, as its class. *ret is NULL for one that Windows has no class for. */
HRESULT value_wrap_trigger(bgt_trigger *trigger, IBackgroundTrigger **ret);
