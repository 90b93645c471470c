/* SPDX-License-Identifier: MIT */
#pragma once

/* What is different for programs of Windows: their host under Wine has its own. */

#include "winrt/object.h"

/* A path of this machine as the program is to see it. */
HRESULT platform_path(const char *path, HSTRING *ret);
/* What the platform says of an HRESULT; so many characters, at most n_buf. 0: nothing. */
size_t platform_describe(HRESULT error, WCHAR *buf, size_t n_buf);
