/* SPDX-License-Identifier: MIT */
#pragma once

/* HostName: the name or the address of a machine. */

#include "winrt/object.h"

/* E_INVALIDARG if it is empty. */
HRESULT hostname_new(const char *text, IHostName **ret);
/* What any of them is to be looked up by, to be freed; E_POINTER if it is NULL. */
HRESULT hostname_text(IHostName *name, char **ret_text);
