/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the runs of this process were told by StorageLibraryChangeTrackerTriggers, until it is accepted: what the
 * readers of change trackers read. The broker keeps nothing after a run.
 */

#include "winrt/object.h"

/* Takes note of the details of such a run. */
void changes_note(const bgt_record *details);
/* Forgets what lies below this folder. */
void changes_forget(const char *folder);
/* A reader of what lies below this folder. */
HRESULT changes_new_reader(const char *folder, IStorageLibraryChangeReader **ret);
