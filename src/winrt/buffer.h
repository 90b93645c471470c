/* SPDX-License-Identifier: MIT */
#pragma once

/* Buffer: bytes that are handed over. */

#include "winrt/object.h"

/* One with these bytes; E_OUTOFMEMORY. */
HRESULT buffer_new(const void *bytes, UINT32 n, IBuffer **ret);
/* Where the bytes of any buffer are, as long as it is held. E_POINTER (it is NULL), E_NOINTERFACE (hidden). */
HRESULT buffer_bytes(IBuffer *buffer, UINT8 **ret_bytes);
