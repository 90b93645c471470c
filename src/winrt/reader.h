/* SPDX-License-Identifier: MIT */
#pragma once

/* DataReader. */

#include "winrt/object.h"

/* One of a copy of these bytes, without a stream. E_OUTOFMEMORY. */
HRESULT reader_new(const void *bytes, UINT32 n, IDataReader **ret);
