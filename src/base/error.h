/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * The one table of errors. An Error travels inside the broker and on the wire by its D-Bus name; a caller of libbgtask
 * sees the errno, and the rest through bgt_error().
 */

#include <stdint.h>

typedef enum Error {
        ERROR_NONE,
#define X(symbol, errno_, hresult, name, sentence, remedy) ERROR_##symbol,
#include "base/errors.def"
#undef X
        _ERROR_MAX,
} Error;

#define ERROR_DBUS_PREFIX "org.bgtask.Error."

typedef struct ErrorInfo {
        int error;             /* positive errno */
        uint32_t hresult;
        const char *dbus_name; /* with its prefix */
        const char *sentence;
        const char *remedy;
} ErrorInfo;

/* The entry of a code other than ERROR_NONE; static. */
const ErrorInfo *error_info(Error error);

/* The code of a full D-Bus error name, ERROR_NONE if it is not one of ours. */
Error error_from_dbus_name(const char *name);

/* The closest code for a negative errno: ERROR_FAILED if nothing fits. */
Error error_from_errno(int error);
