/* SPDX-License-Identifier: MIT */
#pragma once

/* What Wine's registry says of this library. Include <windows.h> first. */

/*
 * Makes this library that of our classes and of IBackgroundTask's proxy. What was there before is kept below
 * Software\bgtask; what a library of ours has put there is not. HRESULT.
 */
HRESULT registry_add(HMODULE module);
/* Puts back what was there. S_OK too if nothing was changed. */
HRESULT registry_remove(void);
