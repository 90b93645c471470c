/* SPDX-License-Identifier: MIT */
#pragma once

/* What the broker knows of the package of this process. */

#include <bgtask/manage.h>

#include "winrt/object.h"

/*
 * Its row of bgt_list_packages(), which belongs to the list and lives as long as that, to be freed. ERROR_NOT_FOUND
 * (the process belongs to none), E_ACCESSDENIED (the package is confined and must not see packages).
 */
HRESULT package_find(bgt_list **ret_list, const bgt_record **ret_row);
/* 0x80070032 if it has not the capability runFullTrust: on Windows an app without it has no COM servers. */
HRESULT package_may_have_classes(void);
