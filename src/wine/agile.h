/* SPDX-License-Identifier: MIT */
#pragma once

/* What belongs to one apartment, called from any. Include <windows.h> and <objbase.h> first. */

/* The process's table of interfaces; NULL: no memory. Borrowed. */
IGlobalInterfaceTable *agile_table(void);
/* RoGetAgileReference(), for provide.c. */
HRESULT WINAPI agile_get_reference(int options, const IID *iid, IUnknown *object, void **ret_reference);
