/* SPDX-License-Identifier: MIT */
#pragma once

/* BackgroundTaskRegistrationGroup. */

#include "winrt/object.h"

/* The group of this id, which is not empty. */
HRESULT group_wrap(const char *id, IBackgroundTaskRegistrationGroup **ret);
/* The id behind an interface pointer that a caller passed, which lives for ever; NULL if it is none of ours. */
const char *group_id(IBackgroundTaskRegistrationGroup *group);
/* Its name as the tasks keep it, to be freed; "" if nobody has given it one. */
HRESULT group_name(IBackgroundTaskRegistrationGroup *group, char **ret_name);
/* AllTaskGroups and GetTaskGroup() of BackgroundTaskRegistration. */
HRESULT group_list(IMapView_HSTRING_BackgroundTaskRegistrationGroup **ret_groups);
HRESULT group_find(HSTRING id, IBackgroundTaskRegistrationGroup **ret_group);
