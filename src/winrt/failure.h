/* SPDX-License-Identifier: MIT */
#pragma once

/* What a thread's last failure says besides its HRESULT: IRestrictedErrorInfo, and the functions around it. */

#include "winrt/object.h"

/* The i-th function of failure.c that programs call, and its name; NULL behind the last. */
void *failure_function(size_t i, const char **ret_name);
