/* SPDX-License-Identifier: MIT */
#pragma once

/* What the events of a registration carry. */

#include "winrt/object.h"

HRESULT args_new_progress(const char *run, uint32_t progress, IBackgroundTaskProgressEventArgs **ret);
/* What a result of a run is on Windows: its HRESULT, or that of the nearest code of Win32. */
HRESULT args_hresult(int result);
/* result: as bgt_completed_handler has it. */
HRESULT args_new_completed(const char *run, int result, IBackgroundTaskCompletedEventArgs **ret);
