/* SPDX-License-Identifier: MIT */
#pragma once

/* StorageLibrary and its change tracker: the user's folders of music, pictures, videos and documents. */

#include "winrt/object.h"

/* The folder of the first library that a path lies in; else the user's own. To be freed; NULL: no memory. */
char *library_folder_of(const char *const *paths, size_t n);
/* The tracker of such a folder. */
HRESULT library_new_tracker(const char *folder, IStorageLibraryChangeTracker **ret);
