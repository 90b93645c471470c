/* SPDX-License-Identifier: MIT */
#pragma once

/* StorageFolder: a path. */

#include "winrt/object.h"

HRESULT folder_new(const char *path, IStorageFolder **ret);
