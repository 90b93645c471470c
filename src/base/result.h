/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What a run ends with: 0 or more, a negative errno, or, of a task that is written to Windows' interface, the HRESULT
 * that its Run returned. An HRESULT that says failure is below every errno.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESULT_ERRNO_MAX 4095

static inline bool result_is_hresult(int32_t result)
{
        return result < -RESULT_ERRNO_MAX;
}

/* What Windows calls it; NULL where it has a name that is not known here. */
const char *result_hresult_name(uint32_t hresult);
/* A negative result in words: "Input/output error", "0x80004005 E_FAIL". Returns buf. */
const char *result_format(int32_t result, char *buf, size_t size);
