/* SPDX-License-Identifier: MIT */
#pragma once

/* Windows.Foundation.PropertyValue: values that a set holds. */

#include "winrt/object.h"

/* Of a number of any kind, a boolean, a character, a time: what it is as bits. */
HRESULT property_new_bits(PropertyType type, uint64_t bits, IInspectable **ret);
HRESULT property_new_double(PropertyType type, double value, IInspectable **ret);
HRESULT property_new_string(HSTRING value, IInspectable **ret);
HRESULT property_new_guid(GUID value, IInspectable **ret);
/* Copies the bytes, the strings. */
HRESULT property_new_bytes(const UINT8 *bytes, UINT32 n, IInspectable **ret);
HRESULT property_new_strings(const HSTRING *strings, UINT32 n, IInspectable **ret);
