/* SPDX-License-Identifier: MIT */
#pragma once

/* Sets of values by name: ValueSet, which lives in memory, and the settings of an app, which live in a file. */

#include "winrt/map.h"

HRESULT valueset_new(IPropertySet **ret);
/* The set of a file, which is read anew for each question; several processes may have it. */
HRESULT valueset_open(const char *path, IPropertySet **ret);

/* Any set of a program, ours or not, as the arguments of a request. NULL is none. */
HRESULT valueset_to_record(IPropertySet *set, bgt_record **ret);
HRESULT valueset_from_record(const bgt_record *record, IPropertySet **ret);
/* One value of it; types is the record that names those that a record does not tell. */
HRESULT value_to_record(bgt_record *record, bgt_record *types, const char *key, IInspectable *object);
HRESULT value_from_record(const bgt_record *record, const bgt_record *types, const char *key, IInspectable **ret);
