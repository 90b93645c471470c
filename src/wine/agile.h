/* SPDX-License-Identifier: MIT */
#pragma once

/* What belongs to one apartment, called from any. Include <windows.h> and <objbase.h> first. */

/* The process's table of interfaces; NULL: no memory. Borrowed. */
IGlobalInterfaceTable *agile_table(void);
/* Once, when this library is loaded: where Wine declares RoGetAgileReference and has none, it gets this one. */
void agile_provide(void);
