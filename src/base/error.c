/* SPDX-License-Identifier: MIT */

#include "base/error.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "base/macro.h"

static const ErrorInfo error_table[] = {
#define X(symbol, errno_, hresult, name, sentence, remedy) \
        [ERROR_##symbol] = { errno_, hresult, ERROR_DBUS_PREFIX name, sentence, remedy },
#include "base/errors.def"
#undef X
};
_Static_assert(ELEMENTSOF(error_table) == _ERROR_MAX, "every error has an entry");

const ErrorInfo *error_info(Error error)
{
        assert(error > ERROR_NONE && error < _ERROR_MAX);
        return &error_table[error];
}

Error error_from_dbus_name(const char *name)
{
        for (Error i = ERROR_NONE + 1; i < _ERROR_MAX; i++)
                if (strcmp(error_table[i].dbus_name, name) == 0)
                        return i;
        return ERROR_NONE;
}

Error error_from_errno(int error)
{
        switch (-error) {
        case 0:
                return ERROR_NONE;
        case ENOMEM:
                return ERROR_NO_MEMORY;
        case ENOSPC:
                return ERROR_STORE_FULL;
        case EROFS:
                return ERROR_STORE_READ_ONLY;
        case ETIMEDOUT:
                return ERROR_TIMED_OUT;
        case ECONNREFUSED:
                return ERROR_NO_BROKER;
        case ECONNRESET:
        case EPIPE:
                return ERROR_DISCONNECTED;
        case EINVAL:
                return ERROR_INVALID_ARGUMENT;
        case EACCES:
        case EPERM:
                return ERROR_ACCESS_DENIED;
        case EPROTO:
                return ERROR_PROTOCOL;
        default:
                return ERROR_FAILED;
        }
}
