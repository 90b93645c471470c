/* SPDX-License-Identifier: MIT */
#pragma once

/* Buffer: bytes that are handed over. */

#include "winrt/object.h"

/* One without bytes; E_OUTOFMEMORY. */
HRESULT buffer_new_empty(UINT32 capacity, IBuffer **ret);
/* One with these bytes; E_OUTOFMEMORY. */
HRESULT buffer_new(const void *bytes, UINT32 n, IBuffer **ret);
/*
 * Where the bytes of any buffer are, as long as it is held, how many there may be and how many there are. E_POINTER
 * (it is NULL), E_NOINTERFACE (they are hidden).
 */
HRESULT buffer_bytes(IBuffer *buffer, UINT8 **ret_bytes, UINT32 *ret_capacity, UINT32 *ret_length);
