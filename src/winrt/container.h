/* SPDX-License-Identifier: MIT */
#pragma once

/* ApplicationDataContainer: the settings in a folder, and those of the containers below it. */

#include "winrt/object.h"

/* The outermost one of a folder of the app, which is there. */
HRESULT container_new(ApplicationDataLocality locality, const char *folder, IApplicationDataContainer **ret);
