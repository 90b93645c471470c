/* SPDX-License-Identifier: MIT */
#pragma once

/* What an instance tells of its trigger. */

#include "winrt/object.h"

/* At the start of each run: what lasts longer than it is kept. */
void details_note(bgt_instance *instance);
/* NULL where the trigger tells nothing, and of a run that no trigger has fired. */
HRESULT details_new(bgt_instance *instance, IInspectable **ret);
/*
 * What was told (NULL: nothing) as the details of an event: an instance that a task with a CustomSystemEventTrigger
 * gets of it is told the same. *ret is NULL if there is nothing to be told.
 */
HRESULT details_pass_on(IInspectable *told, bgt_record **ret);
