/* SPDX-License-Identifier: MIT */
#pragma once

/* IMapView<Guid, IBackgroundTaskRegistration>, as it is at the moment it is made. */

#include "winrt/object.h"

/* Takes references to the tasks. */
HRESULT map_new(bgt_registration *const *tasks, size_t n, IMapView_GUID_BackgroundTaskRegistration **ret);
