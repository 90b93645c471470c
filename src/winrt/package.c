/* SPDX-License-Identifier: MIT */

#include "winrt/package.h"

#include <string.h>

HRESULT package_find(bgt_list **ret_list, const bgt_record **ret_row)
{
        const char *family = bgt_package(NULL), *name = NULL;
        const bgt_record *row = NULL;
        bgt_list *list;
        int r;

        if (!family)
                return hresult_last();
        if (!*family)
                return HRESULT_FROM_WIN32(ERROR_NOT_FOUND);
        r = bgt_list_packages(NULL, &list);
        if (r < 0)
                return hresult_last();
        do {
                r = bgt_list_next(list, &row);
                name = r > 0 ? bgt_record_string(row, "package") : NULL;
        } while (r > 0 && strcmp(name ?: "", family) != 0);
        if (r > 0) {
                *ret_list = list;
                *ret_row = row;
                return S_OK;
        }
        bgt_list_free(list);
        return r < 0 ? hresult_last() : HRESULT_FROM_WIN32(ERROR_NOT_FOUND);
}

HRESULT package_may_have_classes(void)
{
        const bgt_record *row = NULL;
        bgt_list *list = NULL;
        HRESULT hr = package_find(&list, &row);

        if (hr == E_ACCESSDENIED || (SUCCEEDED(hr) && !bgt_record_bool(row, "full-trust", true)))
                hr = HRESULT_FROM_WIN32(ERROR_NOT_SUPPORTED);
        bgt_list_free(list);
        return hr;
}
