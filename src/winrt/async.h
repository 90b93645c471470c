/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * Operations whose answer is there when they are made: the broker is asked before. hr is that of the question; if it
 * failed, so did the operation.
 */

#include "winrt/object.h"

/* What an operation results in. */
typedef enum AsyncKind {
        ASYNC_APPLICATION, /* numbers */
        ASYNC_MEDIA,
        ASYNC_DEVICE,
        ASYNC_ACCESS,
        ASYNC_ALARM,
        ASYNC_BOOLEAN,
        ASYNC_CONNECTION, /* objects */
        ASYNC_PROVIDER,
        ASYNC_LIBRARY,
        ASYNC_CHANGES,
        ASYNC_READ,   /* an IBuffer; this and the next one could tell progress */
        ASYNC_WRITE,  /* a number */
        ASYNC_LOAD,   /* numbers: how much a DataReader has read, a DataWriter has written */
        ASYNC_STORE,
        ASYNC_ACTION, /* nothing */
        ASYNC_X_MAX
} AsyncKind;

/* *ret is set to the IAsyncOperation. E_POINTER if ret is NULL. */
HRESULT async_new(AsyncKind kind, HRESULT hr, int result, void *ret);
/* Takes the reference to the result, the interface that the operation names, in any case; NULL if hr failed. */
HRESULT async_new_object(AsyncKind kind, HRESULT hr, void *result, void *ret);
/* Whether an operation, which may be the program's, does not go on any more. */
bool async_is_over(void *operation);
