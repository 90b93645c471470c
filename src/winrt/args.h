/* SPDX-License-Identifier: MIT */
#pragma once

/* What the events of a registration carry. */

#include "winrt/object.h"

HRESULT args_new_progress(const char *run, uint32_t progress, IBackgroundTaskProgressEventArgs **ret);
/* result: as bgt_completed_handler has it. */
/* What a result of a run is on Windows: HRESULT_FROM_WIN32 of the nearest code. */
HRESULT args_hresult(int result);
HRESULT args_new_completed(const char *run, int result, IBackgroundTaskCompletedEventArgs **ret);
