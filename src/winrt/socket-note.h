/* SPDX-License-Identifier: MIT */
#pragma once

/*
 * What the broker does not keep of a socket that was handed over: its kind and its context. It lies in the file
 * .sockets of the package's local folder.
 */

#include "winrt/object.h"

/* Replaces what there was. context may be NULL. */
HRESULT socket_note_put(bgt_registration *task, const char *id, SocketActivityKind kind,
                        ISocketActivityContext *context);
/* *ret_kind is SocketActivityKind_None where nothing is noted; *ret_context NULL where there is none. */
HRESULT socket_note_get(bgt_registration *task, const char *id, SocketActivityKind *ret_kind,
                        ISocketActivityContext **ret_context);
void socket_note_remove(bgt_registration *task, const char *id);

/* A SocketActivityContext; data may be NULL. */
HRESULT socket_context_new(IBuffer *data, ISocketActivityContext **ret);
