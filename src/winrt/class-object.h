/* SPDX-License-Identifier: MIT */
#pragma once

/* Class objects: those of this process, and those that the servers of its package have. */

#include "winrt/object.h"

/* What this process has registered and that context lets it have, the newest, with a reference; NULL. */
IUnknown *class_object_find(const CLSID *clsid, DWORD context);
/* The class object of a class whose tasks run in a server of the package. REGDB_E_CLASSNOTREG. */
HRESULT remote_class_object(const CLSID *clsid, const IID *iid, void **ret);
