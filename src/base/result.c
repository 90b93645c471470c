/* SPDX-License-Identifier: MIT */

#include "base/result.h"

#include <stdio.h>
#include <string.h>

#include "base/macro.h"

static const struct {
        const char *name;
        uint32_t hresult;
} names[] = {
#define X(name, hresult) { name, hresult },
#include "base/hresults.def"
#undef X
};

const char *result_hresult_name(uint32_t hresult)
{
        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (names[i].hresult == hresult)
                        return names[i].name;
        return NULL;
}

const char *result_format(int32_t result, char *buf, size_t size)
{
        const char *name = result_hresult_name((uint32_t)result);

        if (result_is_hresult(result))
                snprintf(buf, size, "0x%08x%s%s", (uint32_t)result, name ? " " : "", name ? name : "");
        else
                snprintf(buf, size, "%s", strerror(-result));
        return buf;
}
